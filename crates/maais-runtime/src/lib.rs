//! The engine: state, time and threads around the pure core and the log.
//!
//! One way in, [`Runtime::intercept`]; what comes out is decided once and in the log before it is told.
//! Not here: wire formats (those are the edges') and rules of decision (those are the core's).

pub mod action;
mod asking;
pub mod clock;
mod config;
mod events;
mod health;
mod limits;
mod memo;
mod memories;
mod outcome;
pub mod permit;
mod placing;
mod quarantine;
mod record;
pub mod registry;
pub mod replay;
mod retention;
mod runtime;
mod sessions;
mod snapshot;
mod store;

pub use config::{Config, Counting};
pub use events::{Event, Subscription};
pub use health::Health;
pub use memo::CacheStats;
pub use outcome::{ObserveError, Outcome};
pub use runtime::{OpenError, Runtime};
pub use snapshot::{PACK_NAMES, Snapshot, SnapshotError, policy_files, policy_sources};
pub use store::{KeepError, StoredError, stored};

pub use maais_audit as audit;
pub use maais_core as core;

/// The programs in the README compile.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
