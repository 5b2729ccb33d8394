//! Canonical views: what a parameter *means*, so that rules need not guess at spellings.
//!
//! A view is a pure function of one string. It never looks at a file system or a resolver: a
//! symbolic link or a DNS answer is for whoever executes the action. A text that real programs
//! read in different ways has no view; it is `Unparseable` with the reason, which policy counts as
//! a match for rules that refuse and as no match for rules that allow.

pub mod command;
pub mod email;
mod host;
pub mod path;
mod places;
mod secrets;
pub mod sql;
pub mod url;
