//! From the first key of a log, which somebody told you, to the one that signed today: by the log's key records alone.
//!
//! Each of them holds a checkpoint that names the new key, signed with the one before. Who follows them needs
//! neither the log nor a proof: nobody but the holder of a key can have handed it over.

use std::path::Path;

use crate::entry::Kind;
use crate::keys::Keyring;
use crate::line::Fields;
use crate::note::Vkey;
use crate::proof::{ProofError, ProveError, for_each_line, newest, standing_on};

/// The keys that a log has had, each handed over by the one before.
#[derive(Debug)]
pub struct KeyChain(Keyring);

/// The key records of the log whose folder is given, in order, as they stand there.
///
/// # Errors
/// When the log cannot be read.
pub fn key_records(log_dir: &Path) -> Result<Vec<String>, ProveError> {
    let newest = newest(log_dir)?;
    let kept = standing_on(&newest.layout)?.into_iter().flat_map(|base| base.keys);
    let mut lines: Vec<_> = kept.map(|key| key.line).collect();
    for_each_line(&newest.layout, newest.checkpoint.size, |_, line| {
        let fields = serde_json::from_slice::<Fields<'_>>(line);
        if fields.is_ok_and(|fields| fields.kind == Kind::Key.name()) {
            lines.push(String::from_utf8_lossy(line).into_owned());
        }
        Ok(())
    })?;
    Ok(lines)
}

impl KeyChain {
    /// Follows key records from the log's first key.
    ///
    /// # Errors
    /// When one of them is none, or is not handed over by the one before.
    pub fn follow<'a>(first: &Vkey, records: impl IntoIterator<Item = &'a str>) -> Result<Self, ProofError> {
        let mut keys = Keyring::default();
        for line in records {
            let fields: Fields<'_> =
                serde_json::from_str(line).map_err(|_| ProofError::Form { why: "a line is no record" })?;
            let wrong = |why| ProofError::Keys { index: fields.seq, why };
            keys.restore(line.as_bytes(), fields.seq).map_err(wrong)?;
            if keys.current().is_some_and(|key| key.name() != first.name()) {
                return Err(wrong("it is of another log".to_owned()));
            }
        }
        match keys.first() {
            Some(key) if key == first => Ok(Self(keys)),
            Some(key) => Err(ProofError::Keys { index: 0, why: format!("the first key is `{key}`") }),
            None => Err(ProofError::Form { why: "there is no key record" }),
        }
    }

    /// The key whose signature counts under a checkpoint of so many records.
    pub fn of_size(&self, size: u64) -> Option<&Vkey> {
        self.0.of_size(size)
    }
}
