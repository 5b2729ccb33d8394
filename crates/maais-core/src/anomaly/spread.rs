//! What is usual for a number: a running median and a running median deviation from it, in eight bytes.
//!
//! Both follow by steps (Ma, Muthukrishnan, Sandler: *Frugal Streaming*, 2013; steps that shrink as Robbins and Monro's
//! do): an observation moves them by at most one step, however far away it is. That is what makes them robust, and what
//! bounds a slow walk: once the baseline is frozen, the median stays within [`DRIFT_MAX`] of it, and the deviation within
//! [`WIDENING_MAX`] times it.

use super::arithmetic::log2;
use super::codec::{Reader, StateError, Writer};

/// A number as the logarithm to base 2 of one more than it, in 1/512.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Level(u16);

/// Levels of one doubling.
const DOUBLING: f64 = 512.0;
/// The first step: half a doubling.
const STEP_FIRST: u16 = 256;
/// The last: 1/128 of a doubling.
const STEP_LAST: u16 = 4;
/// A deviation is never taken for less: a quarter of a doubling.
const DEVIATION_MIN: u16 = 128;
/// How far the median may walk from the frozen one: one doubling.
pub(super) const DRIFT_MAX: u16 = 512;
/// How much the deviation may grow from the frozen one.
const WIDENING_MAX: u16 = 2;
/// The frozen deviation is kept in 1/32 of a doubling.
const COARSE: u16 = 16;
/// Observations without which nothing is usual.
const SEEN_MIN: u8 = 8;
/// The median deviation of a normal distribution, as its standard deviation.
const NORMAL: f64 = 1.482_6;

impl Level {
    pub(super) fn of(value: f64) -> Self {
        // Not negative and at most 65,535; what is no number is 0.
        Self((log2(1.0 + value.max(0.0)) * DOUBLING) as u16)
    }
}

/// What is usual.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Spread {
    median: u16,
    deviation: u16,
    /// Where the median stood when the baseline was frozen, and the deviation.
    baseline: u16,
    baseline_deviation: u8,
    seen: u8,
}

/// How far from usual a number is.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Distance {
    /// In standard deviations; more than usual is positive.
    pub(super) z: f64,
    /// In doublings.
    pub(super) doublings: f64,
}

impl Spread {
    /// Whether enough was seen.
    pub(super) fn is_settled(&self) -> bool {
        self.seen >= SEEN_MIN
    }

    pub(super) fn distance(&self, level: Level) -> Distance {
        let doublings = (f64::from(level.0) - f64::from(self.median)) / DOUBLING;
        let deviation = f64::from(self.deviation.max(DEVIATION_MIN)) / DOUBLING;
        Distance { z: doublings / (NORMAL * deviation), doublings }
    }

    pub(super) fn learn(&mut self, level: Level, frozen: bool) {
        if self.seen == 0 {
            *self = Self { median: level.0, deviation: STEP_FIRST, seen: 1, ..Self::default() };
            self.accept();
            return;
        }
        let step = (2 * STEP_FIRST / (u16::from(self.seen) + 1)).max(STEP_LAST);
        self.seen = self.seen.saturating_add(1);
        let far = level.0.abs_diff(self.median);
        self.deviation = towards(self.deviation, far, step);
        self.median = towards(self.median, level.0, step);
        if frozen {
            let (low, high) =
                (self.baseline.saturating_sub(DRIFT_MAX), self.baseline.saturating_add(DRIFT_MAX));
            self.median = self.median.clamp(low, high);
            self.deviation = self.deviation.min(WIDENING_MAX * self.frozen_deviation());
        } else {
            self.accept();
        }
    }

    /// What is usual now becomes the baseline.
    pub(super) fn accept(&mut self) {
        self.baseline = self.median;
        self.baseline_deviation = u8::try_from(self.deviation.div_ceil(COARSE)).unwrap_or(u8::MAX);
    }

    fn frozen_deviation(&self) -> u16 {
        (u16::from(self.baseline_deviation) * COARSE).max(DEVIATION_MIN)
    }

    /// How much of the way that the median may walk it has walked, from 0 to 1.
    pub(super) fn drift(&self) -> f64 {
        f64::from(self.median.abs_diff(self.baseline)) / f64::from(DRIFT_MAX)
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        for part in [self.median, self.deviation, self.baseline] {
            writer.u16(part);
        }
        writer.u8(self.baseline_deviation);
        writer.u8(self.seen);
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, StateError> {
        Ok(Self {
            median: reader.u16()?,
            deviation: reader.u16()?,
            baseline: reader.u16()?,
            baseline_deviation: reader.u8()?,
            seen: reader.u8()?,
        })
    }
}

/// One step, but not beyond.
fn towards(from: u16, to: u16, step: u16) -> u16 {
    if to > from { from.saturating_add(step).min(to) } else { from.saturating_sub(step).max(to) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::arithmetic::Stream;
    use super::*;

    fn learned(values: impl IntoIterator<Item = f64>) -> Spread {
        let mut spread = Spread::default();
        values.into_iter().for_each(|value| spread.learn(Level::of(value), false));
        spread
    }

    #[test]
    fn fourteen_times_the_usual_is_far_and_the_usual_is_near() {
        let mut stream = Stream::new(1);
        let spread = learned((0..200).map(|_| 900.0 + 200.0 * stream.unit()));
        let far = spread.distance(Level::of(14_000.0));
        assert!(far.z > 5.0 && (far.doublings - 3.8).abs() < 0.2, "{far:?}");
        assert!(spread.distance(Level::of(1_050.0)).z.abs() < 1.0);
        assert!(spread.distance(Level::of(10.0)).z < -5.0);
    }

    #[test]
    fn median_and_deviation_are_near_the_true_ones() {
        let mut stream = Stream::new(2);
        // Even between 2^8 and 2^12: the median is 2^10, half are within one doubling of it.
        let spread = learned((0..4_000).map(|_| super::super::arithmetic::exp2(8.0 + 4.0 * stream.unit())));
        assert!((f64::from(spread.median) / DOUBLING - 10.0).abs() < 0.2, "{spread:?}");
        assert!((f64::from(spread.deviation) / DOUBLING - 1.0).abs() < 0.2, "{spread:?}");
    }

    #[test]
    fn one_monster_moves_nothing() {
        let usual = learned([100.0; 200]);
        let mut after = usual;
        after.learn(Level::of(1e12), false);
        assert!(after.median - usual.median <= STEP_LAST);
    }

    #[test]
    fn a_slow_walk_ends_at_its_bound() {
        let mut spread = learned([100.0; 200]);
        let baseline = spread.median;
        let mut value = 100.0;
        for _ in 0..100_000 {
            value *= 1.0005;
            spread.learn(Level::of(f64::min(value, 1e9)), true);
        }
        assert_eq!(spread.median, baseline + DRIFT_MAX);
        assert_eq!(spread.drift(), 1.0);
        assert!(spread.distance(Level::of(1e9)).z > 6.0);
        spread.accept();
        assert_eq!(spread.drift(), 0.0);
    }

    proptest! {
        #[test]
        fn whatever_is_learned_after_freezing_stays_within_the_bound(values: Vec<u32>) {
            let mut spread = learned([1_000.0; 50]);
            let baseline = spread.median;
            for value in values {
                spread.learn(Level::of(f64::from(value)), true);
                prop_assert!(spread.median.abs_diff(baseline) <= DRIFT_MAX);
            }
        }

        #[test]
        fn levels_grow_with_numbers(low in 0.0..1e15_f64, more in 0.0..1e15_f64) {
            prop_assert!(Level::of(low) <= Level::of(low + more));
            prop_assert_eq!(Level::of(f64::NAN), Level::of(-low));
        }
    }
}
