//! Three-valued logic, written out. Nothing here short-circuits cleverly.

use std::fmt;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    No,
    Unknown,
    Yes,
}

use Answer::{No, Unknown, Yes};

impl From<bool> for Answer {
    fn from(holds: bool) -> Self {
        if holds { Yes } else { No }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            No => "no",
            Unknown => "unknown",
            Yes => "yes",
        })
    }
}

pub fn not(answer: Answer) -> Answer {
    match answer {
        No => Yes,
        Unknown => Unknown,
        Yes => No,
    }
}

/// Every one holds; of none, yes.
pub fn every(answers: &[Answer]) -> Answer {
    if answers.contains(&No) {
        No
    } else if answers.contains(&Unknown) {
        Unknown
    } else {
        Yes
    }
}

/// At least one holds; of none, no.
pub fn some(answers: &[Answer]) -> Answer {
    if answers.contains(&Yes) {
        Yes
    } else if answers.contains(&Unknown) {
        Unknown
    } else {
        No
    }
}

/// Yes if all hold, no if none does (or there is none), otherwise unknown.
pub fn agreed(answers: &[Answer]) -> Answer {
    if answers.iter().all(|answer| *answer == No) {
        No
    } else if answers.iter().all(|answer| *answer == Yes) {
        Yes
    } else {
        Unknown
    }
}
