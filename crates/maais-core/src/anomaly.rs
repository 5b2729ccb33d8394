//! How unusual an action is for who takes it: the arithmetic of behaviour.
//!
//! An [`Observation`] is what of an action is compared with the past. A [`Profile`] is what is usual for one agent or role;
//! it measures features. A [`Detector`] is what is usual for the tenant: it makes one score of the features, and of the
//! score a p-value. A [`Population`] holds all of them within a bound, and is used twice for an action:
//!
//! ```text
//! before the decision   assessment = population.assess(agent, role, &observation, now)     reads only
//! after it              population.settle(agent, role, &observation, &assessment, outcome, now)
//! ```
//!
//! Time is handed in, never read. Nothing here decides: the assessment, and its reasons in words ([`explain()`]), go to
//! whoever does. Every number follows from what was handed in, the seed and the key, on every machine alike, so a state
//! that was kept goes on as it would have, and its [`digest`] says which it was. The sources stand beside each part.
//!
//! Trusted: the key, and what the caller says became of an action. Not trusted: actions, their number, their order, and
//! bytes from which a state is read.

mod arithmetic;
mod calibration;
mod codec;
mod credit;
mod detector;
mod explain;
mod feature;
pub mod half_space;
pub mod isolation;
mod keyed;
mod observation;
mod population;
mod profile;
mod spread;
mod tally;
mod time;

pub use codec::{StateError, digest};
pub use detector::{Assessment, Detector, Settings};
pub use explain::explain;
pub use feature::{FEATURES, Feature, Measured, VALUE_MAX};
pub use half_space::HalfSpaceTrees;
pub use isolation::IsolationForest;
pub use keyed::Key;
pub use observation::{Observation, PlaceKind};
pub use population::Population;
pub use profile::{Outcome, PROFILE_BYTES_MAX, Pace, Profile, Stage};
