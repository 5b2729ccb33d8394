//! What may be unusual about an action, as numbers of one scale.
//!
//! A value is about bits: 0 is usual, each one more is half as likely or half a deviation further. How unusual a value
//! is for the tenant as a whole is told by [`calibration`](super::calibration).

/// What may be unusual.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feature {
    /// The action type.
    Kind,
    /// Action type and target.
    Act,
    /// This act after the one before it.
    Transition,
    /// Names and types of the parameters.
    Shape,
    /// Hosts, addresses, folders, tables, programs.
    Place,
    /// Bytes of the values.
    Size,
    /// Number of values.
    Count,
    /// The greatest number.
    Amount,
    /// Punctuation and control characters.
    Marks,
    /// Places that the declared goal does not name.
    Unasked,
    /// Words that the declared goal does not have.
    Strange,
    /// Actions a minute and an hour.
    Rate,
    /// Hour of the week.
    Hour,
    /// Refused actions of late.
    Denials,
}

/// How many features there are.
pub const FEATURES: usize = 14;

/// The most that a feature's value may be.
pub const VALUE_MAX: f32 = 16.0;

impl Feature {
    /// Every feature, in the order of a [`Measured`].
    pub const ALL: [Self; FEATURES] = [
        Self::Kind,
        Self::Act,
        Self::Transition,
        Self::Shape,
        Self::Place,
        Self::Size,
        Self::Count,
        Self::Amount,
        Self::Marks,
        Self::Unasked,
        Self::Strange,
        Self::Rate,
        Self::Hour,
        Self::Denials,
    ];

    /// The name in records and settings.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kind => "kind",
            Self::Act => "act",
            Self::Transition => "transition",
            Self::Shape => "shape",
            Self::Place => "place",
            Self::Size => "size",
            Self::Count => "count",
            Self::Amount => "amount",
            Self::Marks => "marks",
            Self::Unasked => "unasked",
            Self::Strange => "strange",
            Self::Rate => "rate",
            Self::Hour => "hour",
            Self::Denials => "denials",
        }
    }
}

/// The features of one action.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Measured {
    values: [f32; FEATURES],
    /// What the words need: for numbers the doublings beyond the usual; for names 1 if never seen, 2 if on trial.
    details: [f32; FEATURES],
    /// Which of the places is the least usual.
    pub(super) place: usize,
}

impl Measured {
    pub(super) fn set(&mut self, feature: Feature, value: f64, detail: f64) {
        if let Some(slot) = self.values.get_mut(feature as usize) {
            *slot = (value as f32).clamp(0.0, VALUE_MAX);
        }
        if let Some(slot) = self.details.get_mut(feature as usize) {
            *slot = detail as f32;
        }
    }

    /// How unusual, from 0 to [`VALUE_MAX`].
    pub fn value(&self, feature: Feature) -> f32 {
        self.values.get(feature as usize).copied().unwrap_or_default()
    }

    pub(super) fn detail(&self, feature: Feature) -> f32 {
        self.details.get(feature as usize).copied().unwrap_or_default()
    }

    /// Every value, in the order of [`Feature::ALL`].
    pub fn values(&self) -> &[f32; FEATURES] {
        &self.values
    }

    /// The values as a row for [`HalfSpaceTrees`](super::HalfSpaceTrees).
    pub fn row(&self) -> [f32; FEATURES] {
        self.values.map(|value| value / VALUE_MAX)
    }
}
