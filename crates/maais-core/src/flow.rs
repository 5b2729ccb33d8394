//! Information flow: what a session has read, and what of an action comes from there.
//!
//! [`Memory`] remembers results without their text; [`trace()`] says of an action's values where they come from, as
//! plain values that belong to the state of a decision. What follows from that is decided in
//! [`crate::check::flow`]. Here is no clock, no file and no randomness.

mod encoded;
mod goal;
mod instruct;
mod marks;
mod memory;
mod parts;
mod recorded;
mod roles;
mod trace;
mod verbs;
mod words;

pub use goal::Goal;
pub use instruct::Reading;
pub use marks::Marks;
pub use memory::{ENTRIES_MAX, Known, Memory, Origin, RESULT_BYTES_MAX};
pub use recorded::NoFlow;
pub use roles::{Deed, Reach, Role, deed, is_address, role};
pub use trace::{Asked, Flow, Traced, origin_of, piece, trace};
pub use verbs::Verbs;

/// Reads a text for injected instructions. Linear in its length; only so much of it is read as of a result.
pub fn read_instructions(text: &str) -> Reading {
    let mut end = text.len().min(RESULT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let text = text.get(..end).unwrap_or_default();
    instruct::read(text, &words::words(text))
}
