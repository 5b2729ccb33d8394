//! How unusual an action is for who takes it: the arithmetic of behaviour.
//!
//! Time is handed in, never read. Nothing here decides: a score, its calibrated p-value and the reasons in words go to
//! whoever does. The sources stand beside each part.

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
