//! Finding records of the log, and handing them to other systems.
//!
//! The log is the truth. The index beside it is derived, can be deleted at any time and is never trusted:
//! it says where a record may be, the record is read from the log, and its leaf hash must be the one that the
//! index remembers. An export reads the log alone. Both take in constant memory what the disk holds, and both
//! stop at the first line that does not continue the chain: what to believe of it is `maais audit verify`'s
//! question.
//!
//! Trusted: whoever may write to the index can hide records from a query (not from [`scan()`], not from an
//! export). Not trusted: anything that stands in the log.
//!
//! Deliberately not here: the network, and what a decision means.

pub mod cursor;
pub mod export;
mod filter;
mod index;
mod record;
mod scan;
mod walk;
mod words;

pub use filter::{Filter, NoTime, parse_time};
pub use index::{Found, Hit, Index, IndexError, Progress, Rebuilt, Watch};
pub use record::{Event, NoEvent};
pub use scan::scan;
pub use walk::{Damage, Ended, Flow, Position, Stored, WalkError, logs, walk};
