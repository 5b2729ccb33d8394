//! How many flagged actions may be counted as a part of what is usual.
//!
//! Were flagged actions left out, each round would flag the most unusual of what is left, and ever more. Were they all
//! counted, whoever floods, or walks slowly, would make the unusual usual. So each clean action earns the share of flagged
//! ones that there would be if nothing were wrong, and each flagged one that is counted as it is costs one. Beyond that,
//! three times as many are counted as if they were only just unusual: so that some alarms at which nobody looks do not
//! breed more, while whoever causes them moves what is unusual by a step at a time. With many more of them, false alarms
//! do grow: they want somebody who looks.

use super::codec::{Reader, StateError, Writer};

/// Flagged actions that may be counted at once.
const MAX: f32 = 4.0;
/// How many more may be counted as only just unusual.
const MORE: f32 = 3.0;

/// What was earned and not yet spent.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Credit {
    whole: f32,
    least: f32,
}

/// How a flagged action is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counted {
    /// As it is.
    Whole,
    /// As if it were only just unusual.
    Least,
    /// Not at all.
    Not,
}

impl Credit {
    /// A clean action.
    pub(super) fn earn(&mut self, false_alarms: f64) {
        let earned = false_alarms.clamp(0.0, 1.0) as f32;
        self.whole = (self.whole + earned).min(MAX);
        self.least = (self.least + MORE * earned).min(MAX);
    }

    /// A flagged action.
    pub(super) fn spend(&mut self) -> Counted {
        if self.whole >= 1.0 {
            self.whole -= 1.0;
            return Counted::Whole;
        }
        if self.least >= 1.0 {
            self.least -= 1.0;
            return Counted::Least;
        }
        Counted::Not
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        writer.f32(self.whole);
        writer.f32(self.least);
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, StateError> {
        Ok(Self { whole: reader.f32(0.0, MAX, "credit")?, least: reader.f32(0.0, MAX, "credit")? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_spent_than_was_earned_and_not_much_is_saved() {
        let mut credit = Credit::default();
        assert_eq!(credit.spend(), Counted::Not);
        (0..70).for_each(|_| credit.earn(0.01));
        assert_eq!(
            [credit.spend(), credit.spend(), credit.spend()],
            [Counted::Least, Counted::Least, Counted::Not]
        );
        (0..100_000).for_each(|_| credit.earn(0.01));
        let spent: Vec<Counted> = (0..20).map(|_| credit.spend()).collect();
        let count = |how| spent.iter().filter(|one| **one == how).count();
        assert_eq!([count(Counted::Whole), count(Counted::Least), count(Counted::Not)], [4, 4, 12]);
    }
}
