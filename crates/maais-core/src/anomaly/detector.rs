//! Features together: one score, its p-value, and whether that is a flag.
//!
//! What is usual for the established is learned from their clean actions only. What a flag leads to is decided elsewhere.

use jiff::Timestamp;

use super::calibration::{Calibration, Sample};
use super::codec::{Reader, StateError, Writer};
use super::credit::{Counted, Credit};
use super::feature::{FEATURES, Feature, Measured};
use super::half_space::{self, HalfSpaceTrees};
use super::observation::Observation;
use super::profile::{Outcome, Pace, Profile, Stage};

const MAGIC: [u8; 4] = *b"MAde";
const VERSION: u8 = 1;

/// How a tenant wants it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// The share of clean actions that may be flagged, *α*.
    pub false_alarms: f64,
    /// How fast is learned.
    pub pace: Pace,
}

impl Default for Settings {
    /// One clean action in a thousand.
    fn default() -> Self {
        Self { false_alarms: 0.001, pace: Pace::default() }
    }
}

/// How unusual an action is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Assessment {
    /// What was measured.
    pub measured: Measured,
    /// How rare each feature is among the tenant's clean actions, in bits, in the order of [`Feature::ALL`].
    pub bits: [f32; FEATURES],
    /// How rare the features are together, in bits: where [`HalfSpaceTrees`] find them.
    pub together: f32,
    /// The trees' own score, for learning.
    pub(super) trees: Option<f64>,
    /// All of it in one number, in bits: higher is less usual.
    pub score: f64,
    /// The share of the tenant's clean actions that score at least as high.
    pub p_value: f64,
    /// Whether that is at most the share of false alarms.
    pub flagged: bool,
    /// How well the agent is known: before it is established, a flag is no reason to deny.
    pub stage: Stage,
}

impl Assessment {
    /// The features that contributed most first, without those that are usual.
    pub fn reasons(&self) -> Vec<(Feature, f32)> {
        let mut reasons: Vec<(Feature, f32)> = Feature::ALL.into_iter().zip(self.bits).collect();
        reasons.retain(|(_, bits)| *bits >= REASON_BITS_MIN);
        reasons.sort_by(|(_, a), (_, b)| b.total_cmp(a));
        reasons
    }
}

/// A feature is a reason if at most one clean action in eight is so unusual in it.
const REASON_BITS_MIN: f32 = 3.0;

/// What is usual for a tenant as a whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Detector {
    trees: HalfSpaceTrees,
    /// Of established agents.
    established: Calibration,
    /// Of those that are not yet. Newcomers are compared with newcomers (Mondrian conformal prediction: Vovk, Gammerman,
    /// Shafer 2005): much is new to them, and nobody would get through warm-up else.
    newcomers: Calibration,
    newcomers_credit: Credit,
}

impl Detector {
    /// One that has seen nothing; the seed decides its trees.
    pub fn new(seed: u64) -> Self {
        let parameters = half_space::Parameters { seed, ..half_space::Parameters::default() };
        let trees = HalfSpaceTrees::new(parameters, FEATURES as u16);
        Self {
            trees,
            established: Calibration::new(),
            newcomers: Calibration::new(),
            newcomers_credit: Credit::default(),
        }
    }

    /// How unusual an action is. Learns nothing.
    pub fn assess(
        &self,
        profile: &Profile,
        peers: Option<&Profile>,
        seen: &Observation,
        now: Timestamp,
        settings: &Settings,
    ) -> Assessment {
        self.judge(profile.measure(seen, peers, now, &settings.pace), profile.stage(), settings)
    }

    fn judge(&self, measured: Measured, stage: Stage, settings: &Settings) -> Assessment {
        let calibration = if stage == Stage::Established { &self.established } else { &self.newcomers };
        let bits = calibration.bits(&measured);
        let trees = self.trees.score(&measured.row());
        let together = trees.map_or(0.0, |score| calibration.together(score));
        // As ECOD does (Li, Zhao, Hu et al. 2022): rarities add up, as if each came alone.
        let score = bits.iter().map(|bits| f64::from(*bits)).sum::<f64>() + f64::from(together);
        let p_value = calibration.p_value(score);
        let flagged = p_value <= settings.false_alarms;
        Assessment { measured, bits, together, trees, score, p_value, flagged, stage }
    }

    /// Takes note of an action after its outcome is known. `own` is what the agent earned; newcomers, of whom none has
    /// much, share theirs.
    pub(super) fn learn(
        &mut self,
        assessment: &Assessment,
        outcome: Outcome,
        own: &mut Credit,
        settings: &Settings,
    ) {
        let Assessment { measured, trees, score, stage, .. } = assessment;
        let (calibration, credit) = match stage {
            Stage::Established => (&mut self.established, own),
            Stage::WarmUp { .. } => (&mut self.newcomers, &mut self.newcomers_credit),
            Stage::Untracked => return,
        };
        let is_clean = matches!(outcome, Outcome::Clean | Outcome::Approved);
        if is_clean {
            credit.earn(settings.false_alarms);
        }
        let counted = match outcome {
            Outcome::Clean | Outcome::Approved => Counted::Whole,
            Outcome::Flagged => credit.spend(),
            Outcome::Refused => Counted::Not,
        };
        match counted {
            Counted::Whole => calibration.learn(Sample { measured, trees: *trees, score: *score }),
            Counted::Least => calibration.learn_least(settings.false_alarms),
            Counted::Not => {}
        }
        if is_clean && *stage == Stage::Established {
            self.trees.learn(&measured.row());
        }
    }

    /// Clean actions of established agents that p-values rest on: with fewer than one by the share of false alarms,
    /// nothing is flagged.
    pub fn support(&self) -> f64 {
        self.established.support()
    }

    /// The detector in its binary form.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::new(MAGIC, VERSION);
        self.established.write(&mut writer);
        self.newcomers.write(&mut writer);
        self.newcomers_credit.write(&mut writer);
        let trees = self.trees.to_bytes();
        writer.varint(trees.len() as u64);
        writer.raw(&trees);
        writer.finish()
    }

    /// Reads what [`Detector::to_bytes`] wrote.
    ///
    /// # Errors
    /// Says what no detector holds.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StateError> {
        let mut reader = Reader::new(bytes, MAGIC, VERSION, "detector")?;
        let (established, newcomers) = (Calibration::read(&mut reader)?, Calibration::read(&mut reader)?);
        let newcomers_credit = Credit::read(&mut reader)?;
        let length = reader.length(bytes.len(), "length")?;
        let trees = HalfSpaceTrees::from_bytes(reader.raw(length)?)?;
        reader.end()?;
        if usize::from(trees.dimensions()) != FEATURES {
            return Err(StateError::Invalid { what: "number of features" });
        }
        Ok(Self { trees, established, newcomers, newcomers_credit })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::arithmetic::Stream;
    use super::*;

    /// Of established agents, whose features are each now and then unusual.
    fn taught(seed: u64, actions: u32) -> Detector {
        let mut detector = Detector::new(seed);
        let (mut stream, mut credit) = (Stream::new(seed), Credit::default());
        for number in 0..actions {
            let assessment = detector.judge(measured(&mut stream), Stage::Established, &Settings::default());
            let outcome = if number % 50 == 0 { Outcome::Flagged } else { Outcome::Clean };
            detector.learn(&assessment, outcome, &mut credit, &Settings::default());
        }
        detector
    }

    fn measured(stream: &mut Stream) -> Measured {
        let mut measured = Measured::default();
        for feature in Feature::ALL {
            measured.set(feature, 4.0 * stream.unit() * stream.unit(), 0.0);
        }
        measured
    }

    #[test]
    fn reasons_are_what_is_rare_and_the_rarest_comes_first() {
        let detector = taught(1, 2_000);
        let mut odd = measured(&mut Stream::new(9));
        odd.set(Feature::Size, 9.0, 3.8);
        odd.set(Feature::Rate, 3.9, 2.0);
        let assessment = detector.judge(odd, Stage::Established, &Settings::default());
        let reasons: Vec<Feature> = assessment.reasons().into_iter().map(|(feature, _)| feature).collect();
        assert!(reasons.starts_with(&[Feature::Size, Feature::Rate]), "{reasons:?}");
        assert!(!reasons.contains(&Feature::Kind));
    }

    #[test]
    fn newcomers_do_not_move_what_is_usual_for_the_established() {
        let mut detector = taught(1, 2_000);
        let mut odd = Measured::default();
        odd.set(Feature::Size, 9.0, 3.8);
        let judge = |detector: &Detector, stage| detector.judge(odd, stage, &Settings::default());
        let before = judge(&detector, Stage::Established);
        for _ in 0..5_000 {
            let assessment = judge(&detector, Stage::WarmUp { learned: 1 });
            detector.learn(&assessment, Outcome::Clean, &mut Credit::default(), &Settings::default());
        }
        assert_eq!(judge(&detector, Stage::Established), before);
        assert!(judge(&detector, Stage::WarmUp { learned: 1 }).p_value > 0.9);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn a_detector_is_read_as_it_was_written(seed: u64, actions in 0..400_u32) {
            let detector = taught(seed, actions);
            prop_assert_eq!(Detector::from_bytes(&detector.to_bytes()), Ok(detector));
        }

        #[test]
        fn bytes_are_read_or_refused(cut in 5..40_000_usize, flips in prop::collection::vec((5..40_000_usize, any::<u8>()), 0..4)) {
            let mut bytes = taught(3, 300).to_bytes();
            bytes.truncate(cut);
            for (at, with) in flips {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= with;
                }
            }
            if let Ok(detector) = Detector::from_bytes(&bytes) {
                prop_assert_eq!(detector.to_bytes(), bytes);
                let p = detector.judge(Measured::default(), Stage::Established, &Settings::default()).p_value;
                prop_assert!((0.0..=1.1).contains(&p));
            }
        }
    }
}
