//! Features together: one score, its p-value, and whether that is a flag.
//!
//! Learns from clean actions of established agents only. What a flag leads to is decided elsewhere.

use jiff::Timestamp;

use super::calibration::{Calibration, Sample};
use super::codec::{Reader, StateError, Writer};
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
    calibration: Calibration,
}

impl Detector {
    /// One that has seen nothing; the seed decides its trees.
    pub fn new(seed: u64) -> Self {
        let parameters = half_space::Parameters { seed, ..half_space::Parameters::default() };
        Self { trees: HalfSpaceTrees::new(parameters, FEATURES as u16), calibration: Calibration::new() }
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
        let measured = profile.measure(seen, peers, now, &settings.pace);
        let bits = self.calibration.bits(&measured);
        let trees = self.trees.score(&measured.row());
        let together = trees.map_or(0.0, |score| self.calibration.together(score));
        // As ECOD does (Li, Zhao, Hu et al. 2022): rarities add up, as if each came alone.
        let score = bits.iter().map(|bits| f64::from(*bits)).sum::<f64>() + f64::from(together);
        let p_value = self.calibration.p_value(score);
        let flagged = p_value <= settings.false_alarms;
        Assessment { measured, bits, together, trees, score, p_value, flagged, stage: profile.stage() }
    }

    /// Takes note of an action after its outcome is known.
    pub fn learn(&mut self, assessment: &Assessment, outcome: Outcome, settings: &Settings) {
        let Assessment { measured, trees, score, stage, .. } = assessment;
        if *stage != Stage::Established {
            return;
        }
        let sample = Sample { measured, trees: *trees, score: *score };
        match outcome {
            Outcome::Clean | Outcome::Approved => {
                self.calibration.learn_clean(sample, settings.false_alarms);
                self.trees.learn(&measured.row());
            }
            Outcome::Flagged => self.calibration.learn_flagged(sample),
            Outcome::Refused => {}
        }
    }

    /// Clean actions that its p-values rest on: with fewer than one by the share of false alarms, nothing is flagged.
    pub fn support(&self) -> f64 {
        self.calibration.support()
    }

    /// The detector in its binary form.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::new(MAGIC, VERSION);
        self.calibration.write(&mut writer);
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
        let calibration = Calibration::read(&mut reader)?;
        let length = reader.length(bytes.len(), "length")?;
        let trees = HalfSpaceTrees::from_bytes(reader.raw(length)?)?;
        reader.end()?;
        if usize::from(trees.dimensions()) != FEATURES {
            return Err(StateError::Invalid { what: "number of features" });
        }
        Ok(Self { trees, calibration })
    }
}
