//! Decides. A pure function from policies, an action, its facts and state to a decision.
//!
//! What is not here: no clock, no file, no network, no thread, no environment, no randomness (the
//! crate's `clippy.toml` bans them); no wire format but JSON and YAML text handed in as values.

pub mod anomaly;
pub mod attempt;
pub mod catalogue;
pub mod check;
pub mod decide;
pub mod decision;
pub mod detect;
pub mod diagnostic;
pub mod document;
pub mod facts;
pub mod flow;
pub mod glob;
pub mod json;
pub mod policy;
pub mod request;
pub mod settings;
pub mod standing;
pub mod state;
pub mod suggest;
pub mod view;
