//! From values to chances: how often clean actions of the tenant were at least so unusual.
//!
//! A conformal p-value (Vovk, Gammerman, Shafer 2005; as a detector: Laxhammar, Falkman 2010), from a histogram, so in
//! constant memory: p = (1 + clean scores that are at least as high) / (1 + clean scores). Whoever flags where p ≤ α is
//! wrong about one clean action in 1/α, if clean actions go on as they were. With fewer than 1/α scores nothing can be
//! flagged at that rate.
//!
//! Flagged actions are a part of the truth too, and are counted on [credit](super::credit).

use super::arithmetic::log2;
use super::codec::{Reader, StateError, Writer};
use super::feature::{FEATURES, Measured, VALUE_MAX};

/// Bins of a feature's histogram, over 0 to [`VALUE_MAX`].
const VALUE_BINS: usize = 64;
/// Bins of the scores' histogram.
const SCORE_BINS: usize = 1_024;
/// A score beyond it is in the last bin.
const SCORE_MAX: f64 = 64.0;
/// Bins of the trees' scores, from this many bits below to as many above 0.
const TREES_BINS: usize = 256;
const TREES_MAX: f64 = 16.0;
/// Scores after which all count half: what is usual may change.
const TOTAL_MAX: u32 = 65_536;

/// How high values and scores of clean actions are.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Calibration {
    values: Vec<Histogram<VALUE_BINS>>,
    trees: Histogram<TREES_BINS>,
    scores: Histogram<SCORE_BINS>,
}

/// What is counted of one action.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample<'a> {
    pub(super) measured: &'a Measured,
    /// The score of the half-space trees, if they said something.
    pub(super) trees: Option<f64>,
    pub(super) score: f64,
}

#[derive(Debug, Clone, PartialEq)]
struct Histogram<const N: usize> {
    bins: Box<[u32; N]>,
    total: u32,
}

impl<const N: usize> Histogram<N> {
    fn new() -> Self {
        Self { bins: Box::new([0; N]), total: 0 }
    }

    fn bin(share: f64) -> usize {
        ((share * N as f64) as usize).min(N - 1)
    }

    /// The share of what was counted that is in that bin or above, with one more for what is asked.
    fn tail(&self, share: f64) -> f64 {
        let from = self.bins.get(Self::bin(share)..).unwrap_or_default();
        let above: u32 = from.iter().sum();
        (f64::from(above) + 1.0) / (f64::from(self.total) + 1.0)
    }

    fn learn(&mut self, share: f64) {
        if self.total >= TOTAL_MAX {
            self.bins.iter_mut().for_each(|count| *count /= 2);
            self.total = self.bins.iter().sum();
        }
        if let Some(count) = self.bins.get_mut(Self::bin(share)) {
            *count += 1;
            self.total += 1;
        }
    }

    fn write(&self, writer: &mut Writer) {
        self.bins.iter().for_each(|count| writer.varint(u64::from(*count)));
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, StateError> {
        let mut read = Self::new();
        for bin in read.bins.iter_mut() {
            *bin = reader.varint(u64::from(TOTAL_MAX), "count")? as u32;
            read.total = read.total.saturating_add(*bin);
        }
        if read.total > TOTAL_MAX {
            return Err(StateError::Invalid { what: "total" });
        }
        Ok(read)
    }
}

impl Calibration {
    pub(super) fn new() -> Self {
        let values = vec![Histogram::new(); FEATURES];
        Self { values, trees: Histogram::new(), scores: Histogram::new() }
    }

    /// Clean scores that it rests on.
    pub(super) fn support(&self) -> f64 {
        f64::from(self.scores.total)
    }

    /// How rare each value is among clean actions, in bits.
    pub(super) fn bits(&self, measured: &Measured) -> [f32; FEATURES] {
        let mut bits = [0.0; FEATURES];
        for ((bit, value), histogram) in bits.iter_mut().zip(measured.values()).zip(&self.values) {
            *bit = -log2(histogram.tail(f64::from(*value / VALUE_MAX))) as f32;
        }
        bits
    }

    /// How rare that score of the trees is among clean actions, in bits.
    pub(super) fn together(&self, trees: f64) -> f32 {
        -log2(self.trees.tail(trees_share(trees))) as f32
    }

    /// The share of clean actions that score at least as high.
    pub(super) fn p_value(&self, score: f64) -> f64 {
        self.scores.tail(score / SCORE_MAX)
    }

    /// Counts an action of which only is believed that it was unusual: at the lowest score that is.
    pub(super) fn learn_least(&mut self, false_alarms: f64) {
        let mut above = 1.0;
        let allowed = false_alarms * (self.support() + 1.0);
        let unusual = self.scores.bins.iter().rev().take_while(|count| {
            above += f64::from(**count);
            above <= allowed
        });
        // The greatest score stands for whatever is beyond it, so something always does.
        let lowest = SCORE_BINS - unusual.count().clamp(1, SCORE_BINS);
        self.scores.learn(lowest as f64 / SCORE_BINS as f64);
    }

    /// Counts an action.
    pub(super) fn learn(&mut self, sample: Sample<'_>) {
        for (histogram, value) in self.values.iter_mut().zip(sample.measured.values()) {
            histogram.learn(f64::from(*value / VALUE_MAX));
        }
        if let Some(trees) = sample.trees {
            self.trees.learn(trees_share(trees));
        }
        self.scores.learn(sample.score / SCORE_MAX);
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        self.values.iter().for_each(|histogram| histogram.write(writer));
        self.trees.write(writer);
        self.scores.write(writer);
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, StateError> {
        let values = (0..FEATURES).map(|_| Histogram::read(reader)).collect::<Result<_, _>>()?;
        let (trees, scores) = (Histogram::read(reader)?, Histogram::read(reader)?);
        Ok(Self { values, trees, scores })
    }
}

fn trees_share(score: f64) -> f64 {
    (score + TREES_MAX).max(0.0) / (2.0 * TREES_MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::arithmetic::Stream;
    use super::super::credit::{Counted, Credit};
    use super::*;

    const ALPHA: f64 = 0.01;

    fn sample(score: f64) -> Sample<'static> {
        static MEASURED: std::sync::LazyLock<Measured> = std::sync::LazyLock::new(Measured::default);
        Sample { measured: &MEASURED, trees: Some(score), score }
    }

    /// Scores as they come: flagged where p ≤ α. The share that was flagged, after as many to begin with.
    fn flagged(calibration: &mut Calibration, scores: impl Iterator<Item = f64>, warm_up: usize) -> f64 {
        let (mut count, mut hits, mut credit) = (0_u32, 0_u32, Credit::default());
        for (number, score) in scores.enumerate() {
            let unusual = calibration.p_value(score) <= ALPHA;
            let counted = if unusual { credit.spend() } else { Counted::Whole };
            match counted {
                Counted::Whole => calibration.learn(sample(score)),
                Counted::Least => calibration.learn_least(ALPHA),
                Counted::Not => {}
            }
            if !unusual {
                credit.earn(ALPHA);
            }
            if number >= warm_up {
                count += 1;
                hits += u32::from(unusual);
            }
        }
        f64::from(hits) / f64::from(count.max(1))
    }

    /// Exponential: half of them above one, a quarter above two.
    fn exponential(seed: u64) -> impl Iterator<Item = f64> {
        let mut stream = Stream::new(seed);
        std::iter::repeat_with(move || -log2(1.0 - stream.unit()))
    }

    #[test]
    fn the_share_of_false_alarms_is_the_one_asked_for_and_stays_it() {
        let mut calibration = Calibration::new();
        let rate = flagged(&mut calibration, exponential(1).take(200_000), 20_000);
        assert!((0.5 * ALPHA..1.5 * ALPHA).contains(&rate), "{rate}");
        let later = flagged(&mut calibration, exponential(2).take(100_000), 0);
        assert!((0.5 * ALPHA..1.5 * ALPHA).contains(&later), "{later}");
    }

    #[test]
    fn a_flood_of_unusual_actions_does_not_make_them_usual() {
        let mut calibration = Calibration::new();
        flagged(&mut calibration, exponential(1).take(20_000), 0);
        let flood = flagged(&mut calibration, std::iter::repeat_n(20.0, 20_000), 0);
        assert_eq!(flood, 1.0);
    }

    /// A twentieth of the actions is new, and nobody looks: the others are not flagged the more for it.
    #[test]
    fn alarms_that_nobody_looks_at_do_not_breed_more() {
        let mut calibration = Calibration::new();
        flagged(&mut calibration, exponential(1).take(20_000), 0);
        let mixed = exponential(2).enumerate().map(|(at, score)| if at % 20 == 0 { 20.0 } else { score });
        let rate = flagged(&mut calibration, mixed.take(200_000), 100_000);
        assert!((0.05..0.05 + 1.5 * ALPHA).contains(&rate), "{rate}");
    }

    #[test]
    fn with_too_few_scores_nothing_is_flagged() {
        let mut calibration = Calibration::new();
        assert_eq!(flagged(&mut calibration, std::iter::repeat_n(0.0, 98), 0), 0.0);
        assert!(calibration.p_value(60.0) > ALPHA);
    }

    #[test]
    fn what_is_usual_may_change() {
        let mut calibration = Calibration::new();
        (0..70_000).for_each(|_| calibration.learn(sample(1.0)));
        (0..200_000).for_each(|_| calibration.learn(sample(5.0)));
        assert!(calibration.p_value(5.0) > 0.9 && calibration.support() <= f64::from(TOTAL_MAX));
    }

    proptest! {
        #[test]
        fn a_higher_score_is_never_more_likely(scores in prop::collection::vec(0.0..80.0_f64, 0..100), low in 0.0..80.0_f64, more in 0.0..80.0_f64) {
            let mut calibration = Calibration::new();
            scores.iter().for_each(|score| calibration.learn(sample(*score)));
            prop_assert!(calibration.p_value(low + more) <= calibration.p_value(low));
            prop_assert!((0.0..=1.0).contains(&calibration.p_value(low)));
            let mut writer = Writer::new(*b"TEST", 1);
            calibration.write(&mut writer);
            let bytes = writer.finish();
            let mut reader = Reader::new(&bytes, *b"TEST", 1, "test").unwrap();
            prop_assert_eq!(Calibration::read(&mut reader), Ok(calibration));
        }
    }
}
