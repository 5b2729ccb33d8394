//! How much of a log enough witnesses have cosigned, and whether they saw this log or another.
//!
//! Collects and compares; it is `verify` that walks. The records behind the last cosigned checkpoint are
//! vouched for by nobody outside: the verdict says how many, and since when.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use crate::note::{Checkpoint, Vkey};
use crate::quorum::WitnessPolicy;
use crate::tree::Tree;
use crate::verify::Verdict;

/// The largest part of a log that enough witnesses have cosigned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Anchored {
    /// How many records.
    pub size: u64,
    /// The time of the last of them.
    pub time: Timestamp,
    /// Who cosigned, and when.
    pub by: BTreeMap<String, Timestamp>,
}

/// Who cosigned the same thing, and when.
type By = BTreeMap<String, Timestamp>;

/// The cosigned checkpoints of one log, and what became of them.
pub(crate) struct Cosignatures<'a> {
    policy: &'a WitnessPolicy,
    /// By size and root.
    claims: BTreeMap<u64, BTreeMap<[u8; 32], By>>,
    /// The largest that agrees, whoever cosigned it.
    largest: Option<Anchored>,
    /// The largest that agrees and that enough have cosigned.
    anchored: Option<Anchored>,
    /// The first that does not agree.
    fork: Option<String>,
}

impl<'a> Cosignatures<'a> {
    /// Those of the log `origin` among the notes. What no witness of the policy cosigned is left out.
    pub(crate) fn collect<'n>(
        policy: &'a WitnessPolicy,
        origin: &str,
        notes: impl IntoIterator<Item = &'n String>,
    ) -> Self {
        let mut claims: BTreeMap<u64, BTreeMap<[u8; 32], By>> = BTreeMap::new();
        for note in notes {
            let (Ok(checkpoint), Ok(cosigned)) = (Checkpoint::parse(note), policy.cosigned(note)) else {
                continue;
            };
            if checkpoint.origin != origin || cosigned.is_empty() {
                continue;
            }
            let by = claims.entry(checkpoint.size).or_default().entry(*checkpoint.root.as_bytes());
            let by = by.or_default();
            for (name, time) in cosigned {
                let time = i64::try_from(time).ok().and_then(|time| Timestamp::from_second(time).ok());
                let time = time.unwrap_or(Timestamp::MAX);
                by.entry(name).and_modify(|known| *known = time.max(*known)).or_insert(time);
            }
        }
        Self { policy, claims, largest: None, anchored: None, fork: None }
    }

    /// Compares what was cosigned of this size; `time` is that of the last record.
    pub(crate) fn compare(&mut self, tree: &Tree, time: Timestamp) {
        let size = tree.size();
        let Some(claims) = self.claims.remove(&size) else { return };
        let root = tree.root();
        for (claimed, by) in claims {
            let names = by.keys().cloned().collect::<Vec<_>>().join(", ");
            if claimed != *root.as_bytes() {
                let fork = || format!("{names} cosigned other records than the first {size} that are here");
                self.fork.get_or_insert_with(fork);
                continue;
            }
            let is_enough = self.policy.is_met(by.keys().map(String::as_str));
            let anchored = Some(Anchored { size, time, by });
            if is_enough {
                self.anchored.clone_from(&anchored);
            }
            self.largest = anchored;
        }
    }

    /// The largest part that enough have cosigned.
    pub(crate) fn anchored(&self) -> Option<&Anchored> {
        self.anchored.as_ref()
    }

    /// What follows for a log of this size, whose last record is of this time and whose first key is given;
    /// cosignatures from before `since` are not enough.
    pub(crate) fn verdict(
        &self,
        size: u64,
        last: Option<Timestamp>,
        first: Option<&Vkey>,
        since: Option<Timestamp>,
    ) -> Verdict {
        if !first.is_some_and(|key| self.policy.accepts(key)) {
            return Verdict::Fails("the policy names other logs, not the one with this first key".to_owned());
        }
        if let Some(fork) = &self.fork {
            return Verdict::Fails(format!("a fork: {fork}"));
        }
        let beyond = self.claims.range(size.saturating_add(1)..).next_back();
        if let Some((beyond, names)) = beyond {
            let names: Vec<_> = names.values().flat_map(By::keys).cloned().collect();
            return Verdict::Fails(format!(
                "{} cosigned {beyond} records, only {size} good ones are here: the log was cut or restored from an \
                 older copy",
                names.join(", ")
            ));
        }
        let Some(anchored) = &self.anchored else {
            return Verdict::Fails(match &self.largest {
                None => "no witness of the policy cosigned a checkpoint that is known here".to_owned(),
                Some(largest) => format!(
                    "not enough witnesses cosigned: only {} of the first {} records",
                    names(largest),
                    largest.size
                ),
            });
        };
        let is_fresh = |time: &Timestamp| since.is_none_or(|since| *time >= since);
        let fresh = anchored.by.iter().filter(|(_, time)| is_fresh(time)).map(|(name, _)| name.as_str());
        if !self.policy.is_met(fresh) {
            return Verdict::Fails(format!(
                "{} cosigned the first {} records; that is too long ago: is the log an older copy, or does nobody ask \
                 the witnesses any more?",
                names(anchored),
                anchored.size
            ));
        }
        let behind = size.saturating_sub(anchored.size);
        let rest = match last {
            Some(last) if behind > 0 => format!(
                "the {behind} behind them, later than {} and up to {last}, are not anchored",
                anchored.time
            ),
            _ => "there are no others".to_owned(),
        };
        Verdict::Holds(format!("{} cosigned the first {} records; {rest}", names(anchored), anchored.size))
    }
}

fn names(anchored: &Anchored) -> String {
    let by = anchored.by.iter().map(|(name, time)| format!("{name} ({time})"));
    by.collect::<Vec<_>>().join(", ")
}
