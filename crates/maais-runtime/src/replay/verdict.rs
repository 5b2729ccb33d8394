//! What a replay says of a record.
//!
//! Data only: what is found is decided elsewhere.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::recorded::Recorded;
use crate::store::StoredError;

/// A record that was replayed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Replayed {
    /// Its log.
    pub origin: String,
    /// Its place in the log.
    pub index: u64,
    /// When it was written.
    #[serde(serialize_with = "as_text")]
    pub time: Timestamp,
    /// Why it is not in its place in the log, if it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
    /// What became of it.
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// Whether the same follows from what was recorded.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// A record of something else.
    NoDecision,
    /// The same decision follows.
    Same,
    /// Another one does.
    Different(Box<Differs>),
    /// It cannot be said.
    CannotReplay(CannotReplay),
}

/// Two decisions on one action.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Differs {
    /// What the log says.
    pub recorded: Answer,
    /// What follows.
    pub derived: Answer,
    /// In what they differ.
    pub differences: Vec<Difference>,
    /// Why that may be.
    pub why: String,
}

/// The short form of a decision.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Answer {
    /// What becomes of the action.
    pub effect: String,
    /// The policy that matched, if one did.
    pub rule: Option<String>,
}

/// One thing that differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// Which part of the record.
    pub field: String,
    /// What stands there.
    pub recorded: Value,
    /// What follows.
    pub derived: Value,
}

/// Why a decision cannot be derived again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize)]
#[serde(tag = "reason", content = "detail", rename_all = "snake_case")]
pub enum CannotReplay {
    /// A value of the action was erased, as its subject may ask.
    #[error("the sealed value `{0}` was erased")]
    Erased(String),
    /// A value of the action is not beside the log.
    #[error("the sealed value `{0}` is not here; restore the folder `priv` of the log")]
    NotHere(String),
    /// A value of the action cannot be opened, or is not what was committed to.
    #[error("{0}")]
    SealedChanged(String),
    /// What was in force is not stored here, or this version cannot load it.
    #[error("{0}")]
    NotStored(String),
    /// What is stored is not what was in force.
    #[error("{0}")]
    StoredChanged(String),
    /// There was no request; it was denied, as it must be.
    #[error("there was no request that could be decided; it was denied")]
    Malformed,
    /// Deciding failed, then or now; it was denied, as it must be.
    #[error("deciding failed")]
    Failed,
}

impl CannotReplay {
    /// Whether somebody changed what is kept beside the log.
    pub fn is_tampering(&self) -> bool {
        matches!(self, Self::SealedChanged(_) | Self::StoredChanged(_))
    }

    /// In one word or two, for counting.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Erased(_) => "sealed value erased",
            Self::NotHere(_) => "sealed value not here",
            Self::SealedChanged(_) => "sealed value changed",
            Self::NotStored(_) => "policies not stored",
            Self::StoredChanged(_) => "stored policies changed",
            Self::Malformed => "no request, denied",
            Self::Failed => "deciding failed",
        }
    }
}

impl From<StoredError> for CannotReplay {
    fn from(error: StoredError) -> Self {
        match &error {
            StoredError::Changed { .. } | StoredError::NoDigest { .. } => {
                Self::StoredChanged(error.to_string())
            }
            StoredError::Missing { .. }
            | StoredError::Unreadable { .. }
            | StoredError::OtherVersion { .. } => Self::NotStored(error.to_string()),
        }
    }
}

impl Difference {
    /// A decision under policies that the log does not say were in force.
    pub(super) fn not_in_force(digest: &str) -> Self {
        Self {
            field: "decision.metadata.snapshot".to_owned(),
            recorded: digest.into(),
            derived: "since its last start this log names no such policies".into(),
        }
    }
}

impl Verdict {
    /// One difference more.
    pub(super) fn and_also(self, recorded: &Recorded, difference: Difference) -> Self {
        match self {
            Self::Different(mut differs) => {
                differs.differences.push(difference);
                Self::Different(differs)
            }
            _ => Self::Different(Box::new(Differs {
                recorded: recorded.answer(),
                derived: recorded.answer(),
                differences: vec![difference],
                why: "the record was changed, or moved from elsewhere".to_owned(),
            })),
        }
    }

    /// Whether something is not as it must be.
    pub fn is_wrong(&self) -> bool {
        match self {
            Self::NoDecision | Self::Same => false,
            Self::Different(_) => true,
            Self::CannotReplay(why) => why.is_tampering(),
        }
    }
}

fn as_text<S: serde::Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(time)
}
