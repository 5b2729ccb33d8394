//! How many flagged actions may be counted as a part of what is usual.
//!
//! Were flagged actions left out, each round would flag the most unusual of what is left, and ever more. Were they all
//! counted, whoever floods, or walks slowly, would make the unusual usual. So each clean action earns the share of flagged
//! ones that there would be if nothing were wrong, and each flagged one that is counted costs one.

use super::codec::{Reader, StateError, Writer};

/// Flagged actions that may be counted at once.
const MAX: f32 = 4.0;

/// What was earned and not yet spent.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Credit(f32);

impl Credit {
    /// A clean action.
    pub(super) fn earn(&mut self, false_alarms: f64) {
        self.0 = (self.0 + false_alarms.clamp(0.0, 1.0) as f32).min(MAX);
    }

    /// Whether a flagged action may be counted.
    pub(super) fn spend(&mut self) -> bool {
        let earned = self.0 >= 1.0;
        self.0 -= if earned { 1.0 } else { 0.0 };
        earned
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        writer.f32(self.0);
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, StateError> {
        reader.f32(0.0, MAX, "credit").map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_spent_than_was_earned_and_not_much_is_saved() {
        let mut credit = Credit::default();
        assert!(!credit.spend());
        (0..101).for_each(|_| credit.earn(0.01));
        assert!(credit.spend() && !credit.spend());
        (0..100_000).for_each(|_| credit.earn(0.01));
        assert_eq!((0..10).filter(|_| credit.spend()).count(), 4);
    }
}
