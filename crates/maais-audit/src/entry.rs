//! What goes into the log, what comes back, and why it may not go in.
//!
//! Checks the form of an entry, not its sense: what a decision is, only the caller knows.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::canonical::{self, SEALED, Style};
use crate::chain::NAME_BYTES_MAX;
use crate::leaf::LeafHash;
use crate::seal::SealedValue;
use crate::tree::RootHash;

/// The tenant of records that belong to the log itself, such as [`Kind::Gap`]. No tenant may be named so.
pub const SYSTEM_TENANT: &str = "_system";

/// How deep a record may be nested: less than what JSON readers accept.
const DEPTH_MAX: usize = 100;

/// What a record is about: its `type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// An action was decided on.
    Decision,
    /// What came of an action.
    Outcome,
    /// Policies came into force.
    Policy,
    /// Settings came into force.
    Config,
    /// A signing key came into force.
    Key,
    /// A person answered.
    Approval,
    /// Sealed values were erased.
    Redaction,
    /// Records that were old are kept as hashes only.
    Pruning,
    /// Where every tenant's chain ends.
    Roll,
    /// Something may be missing here.
    Gap,
    /// A process began to write.
    Start,
    /// A process stopped, in good order.
    Stop,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 12] = [
        Self::Decision,
        Self::Outcome,
        Self::Policy,
        Self::Config,
        Self::Key,
        Self::Approval,
        Self::Redaction,
        Self::Pruning,
        Self::Roll,
        Self::Gap,
        Self::Start,
        Self::Stop,
    ];

    /// The word in the record.
    pub fn name(self) -> &'static str {
        match self {
            Self::Decision => "decision",
            Self::Outcome => "outcome",
            Self::Policy => "policy",
            Self::Config => "config",
            Self::Key => "key",
            Self::Approval => "approval",
            Self::Redaction => "redaction",
            Self::Pruning => "pruning",
            Self::Roll => "roll",
            Self::Gap => "gap",
            Self::Start => "start",
            Self::Stop => "stop",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A word that is no kind of record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is no kind of record")]
pub struct NoKind {
    name: String,
}

impl FromStr for Kind {
    type Err = NoKind;

    fn from_str(name: &str) -> Result<Self, NoKind> {
        let kind = Self::ALL.into_iter().find(|kind| kind.name() == name);
        kind.ok_or_else(|| NoKind { name: name.to_owned() })
    }
}

/// A record to be.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// Its `type`.
    pub kind: Kind,
    /// Now. The record's time is this, or the previous record's if the clock went backwards.
    pub time: Timestamp,
    /// Whose record it is.
    pub tenant: &'a str,
    /// The session within the tenant.
    pub session: Option<&'a str>,
    /// Under whose key `sealed` is encrypted, such as the agent's id: whoever that is can be forgotten.
    pub subject: &'a str,
    /// What the record says. Keys begin with a lower-case letter; `type` is taken. Keys and numbers deeper
    /// down are escaped (see [`canonical::write`]), so nothing in here can pass for a marker of ours,
    /// except the markers of `sealed`.
    pub body: &'a Map<String, Value>,
    /// The values whose markers stand in `body`.
    pub sealed: &'a [SealedValue],
}

/// Proof that a record is in the log, on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Which log.
    pub origin: Arc<str>,
    /// Which record, counted from 0.
    pub index: u64,
    /// Its leaf hash.
    pub leaf: LeafHash,
    /// Its time.
    pub time: Timestamp,
    /// How many records the log had when the first checkpoint with this one was signed, and the root of the tree
    /// over them. None if records are buffered: the answer came before.
    pub signed: Option<(u64, RootHash)>,
}

/// Why a record is not in the log, or may not be. Whatever it is: the action must not happen.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// An earlier write failed; what is on the disk is not known any more.
    #[error("the audit log is closed since a failure: {why}; mend the cause, then open the log again")]
    Poisoned {
        /// What failed.
        why: Arc<str>,
    },
    /// The disk is too slow or hangs. The record may still reach it; its caller has given up.
    #[error("the audit log did not take the record within {deadline:?}; look at the disk's load")]
    Timeout {
        /// How long it was waited.
        deadline: Duration,
    },
    /// The record is larger than a line may be.
    #[error("the record has {bytes} bytes, {max} are the most; seal its large values")]
    TooLarge {
        /// How large it is.
        bytes: usize,
        /// How large it may be.
        max: usize,
    },
    /// This write failed.
    #[error("the audit log could not {doing} `{}`: {source}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The caller made an entry that cannot be a record.
    #[error("no record: {what}")]
    Malformed {
        /// What is wrong with it.
        what: String,
    },
}

/// A record of the log itself.
pub(crate) fn system_entry(kind: Kind, time: Timestamp, body: &Map<String, Value>) -> Entry<'_> {
    Entry { kind, time, tenant: SYSTEM_TENANT, session: None, subject: SYSTEM_TENANT, body, sealed: &[] }
}

/// The part of a line that does not depend on the chain: from the first comma to the closing brace.
pub(crate) fn ending(entry: &Entry<'_>) -> Result<Vec<u8>, AppendError> {
    check_form(entry)?;
    let genuine = |digest: &str| entry.sealed.iter().any(|sealed| sealed.digest() == digest);
    let mut out = Vec::with_capacity(2048);
    let mut kind = Some(entry.kind);
    for (key, value) in canonical::sorted(entry.body) {
        if key.as_str() > "type"
            && let Some(kind) = kind.take()
        {
            put_kind(kind, &mut out);
        }
        out.push(b',');
        canonical::write_string(key, &mut out);
        out.push(b':');
        canonical::write_with(value, Style::Escape(&genuine), &mut out);
    }
    if let Some(kind) = kind {
        put_kind(kind, &mut out);
    }
    out.push(b'}');
    Ok(out)
}

fn put_kind(kind: Kind, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"type\":\"");
    out.extend_from_slice(kind.name().as_bytes());
    out.push(b'"');
}

fn check_form(entry: &Entry<'_>) -> Result<(), AppendError> {
    check_name("tenant", entry.tenant)?;
    entry.session.map_or(Ok(()), |session| check_name("session", session))?;
    for (key, value) in entry.body {
        if !key.starts_with(|first: char| first.is_ascii_lowercase()) || key == "type" {
            return malformed(format!(
                "its key `{key}` is taken, or does not begin with a lower-case letter"
            ));
        }
        if canonical::is_deeper_than(value, DEPTH_MAX) {
            return malformed(format!("`{key}` is nested deeper than {DEPTH_MAX}"));
        }
    }
    Ok(())
}

fn check_name(what: &str, name: &str) -> Result<(), AppendError> {
    match name.len() {
        0 => malformed(format!("its {what} has no name")),
        1..=NAME_BYTES_MAX => Ok(()),
        bytes => malformed(format!("its {what}'s name has {bytes} bytes, {NAME_BYTES_MAX} are the most")),
    }
}

fn malformed<T>(what: String) -> Result<T, AppendError> {
    Err(AppendError::Malformed { what })
}

/// `{"$sealed":digest}`.
pub(crate) fn sealed_marker(digest: &str) -> Value {
    Value::Object(Map::from_iter([(SEALED.to_owned(), Value::from(digest))]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal;
    use serde_json::json;

    fn text(body: Value, sealed: &[SealedValue]) -> Result<String, AppendError> {
        let entry = Entry {
            kind: Kind::Decision,
            time: Timestamp::UNIX_EPOCH,
            tenant: "t",
            session: None,
            subject: "agent",
            body: body.as_object().unwrap(),
            sealed,
        };
        ending(&entry).map(|bytes| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn the_type_stands_among_the_keys_in_order() {
        assert_eq!(text(json!({"b": 1, "u": 2}), &[]).unwrap(), r#","b":1,"type":"decision","u":2}"#);
        assert_eq!(text(json!({}), &[]).unwrap(), r#","type":"decision"}"#);
    }

    #[test]
    fn keys_that_are_ours_are_refused() {
        for key in ["_seq", "type", "Upper", "$sealed", "", "é"] {
            let body = Value::Object(Map::from_iter([(key.to_owned(), json!(1))]));
            assert!(matches!(text(body, &[]), Err(AppendError::Malformed { .. })), "{key}");
        }
    }

    #[test]
    fn only_a_value_that_is_really_sealed_has_a_marker() {
        let sealed = seal::commit(&json!("secret"), [7; 32]);
        let forged = format!("sha256:{}", "0".repeat(64));
        let body = json!({"a": sealed.marker(), "b": {"$sealed": forged}});
        let digest = sealed.digest().to_owned();
        let expected =
            format!(r#","a":{{"$sealed":"{digest}"}},"b":{{"$$sealed":"{forged}"}},"type":"decision"}}"#);
        assert_eq!(text(body, &[sealed]).unwrap(), expected);
    }

    #[test]
    fn what_readers_could_not_parse_is_refused() {
        let deep = (0..200).fold(json!(1), |inner, _| json!([inner]));
        assert!(matches!(text(json!({"a": deep}), &[]), Err(AppendError::Malformed { .. })));
    }

    #[test]
    fn every_kind_reads_back_from_its_name() {
        assert!(Kind::ALL.into_iter().all(|kind| kind.name().parse() == Ok(kind)));
        assert!("other".parse::<Kind>().is_err());
    }
}
