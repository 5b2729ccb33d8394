//! Derives every decision of a log again from what was recorded (the snapshot's digest, the request, the state)
//! and says where it differs.
//!
//! Streams in bounded memory. Trusted: this program. Not trusted: the log, the stored policies, the sealed
//! values; a key to the log does not help whoever changed a decision in it. Whether the log is complete is
//! `verify`'s question; here each record is only held against the one before it.

mod compare;
mod recorded;
mod verdict;

use std::collections::{HashMap, HashSet, VecDeque};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use maais_audit::{Kind, LeafHash, Opener, ReadError, Record, Records, UnsealError, folders};
use maais_core::decide::decide;
use maais_core::decision::Decision;
use serde_json::Value;

use crate::memo::DetectorCache;
use crate::snapshot::{Snapshot, VERSION};
use crate::store::{self, StoredError};
use recorded::Recorded;

pub use verdict::{Answer, CannotReplay, Difference, Differs, Replayed, Verdict};

/// Snapshots that are held, loaded or not.
const SNAPSHOTS_MAX: usize = 16;

/// The decisions of a log, derived again one after the other: an iterator over its records.
pub struct Replay {
    records: Records,
    opener: Opener,
    home: PathBuf,
    snapshots: VecDeque<(String, Result<Arc<Snapshot>, StoredError>)>,
    logs: HashMap<String, Followed>,
    memo: DetectorCache,
    instead: Option<Instead>,
}

/// What is decided with instead of what was in force.
struct Instead {
    snapshot: Snapshot,
    unanswered: usize,
    seen: HashSet<String>,
}

/// One log, as far as it was read.
struct Followed {
    next: u64,
    /// Not known where records were pruned.
    leaf: Option<LeafHash>,
    /// Digests of what came into force since the last start; not known before the first start after a pruning.
    in_force: Option<HashSet<String>>,
}

impl Followed {
    fn from_the_first() -> Self {
        Self { next: 0, leaf: Some(LeafHash::ZERO), in_force: Some(HashSet::new()) }
    }

    /// Before the first record that was not pruned.
    fn from(next: u64) -> Self {
        Self { next, leaf: None, in_force: None }
    }
}

/// Why nothing can be replayed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// There is no log.
    #[error("there is no log in `{}`; name a data directory, or a folder `log/<slot>` in it", path.display())]
    NoLog {
        /// Where.
        path: PathBuf,
    },
    /// The log cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The sealed values cannot be found.
    #[error(transparent)]
    Sealed(#[from] UnsealError),
}

impl Replay {
    /// Replays all logs of a data directory, or the one log whose folder is given.
    ///
    /// # Errors
    /// When there is no log, or it cannot be read.
    pub fn open(path: &Path) -> Result<Self, ReplayError> {
        let no_log = || ReplayError::NoLog { path: path.to_owned() };
        let one = path.join("seg").is_dir();
        if !one && !path.join("log").is_dir() {
            return Err(no_log());
        }
        let home = match one {
            true => path.canonicalize().map_err(|_| no_log())?.ancestors().nth(2).map(Path::to_owned),
            false => Some(path.to_owned()),
        };
        Ok(Self {
            records: maais_audit::read(path)?,
            opener: Opener::new(path)?,
            home: home.ok_or_else(no_log)?,
            snapshots: VecDeque::new(),
            logs: begun_later(path)?,
            memo: DetectorCache::new(),
            instead: None,
        })
    }

    /// Decides with other policies instead, everything else as it was recorded: what would have happened?
    #[must_use]
    pub fn instead_with(self, snapshot: Snapshot) -> Self {
        Self { instead: Some(Instead { snapshot, unanswered: 0, seen: HashSet::new() }), ..self }
    }

    /// Limits and questions about the past of the other policies that nobody asked when it happened: they are
    /// taken as not exceeded and as not so.
    pub fn unanswered(&self) -> usize {
        self.instead.as_ref().map_or(0, |instead| instead.unanswered)
    }

    fn replay(&mut self, record: &Record) -> Replayed {
        let (fault, in_force) = self.follow(record);
        let verdict = match record.kind {
            Kind::Decision => self.decision(record, in_force),
            _ => Verdict::NoDecision,
        };
        Replayed { origin: record.origin.clone(), index: record.index, time: record.time, fault, verdict }
    }

    /// Whether a record follows the one before it, and whether its snapshot was in force there.
    fn follow(&mut self, record: &Record) -> (Option<String>, bool) {
        let log = self.logs.entry(record.origin.clone()).or_insert_with(Followed::from_the_first);
        let prev = record.value.get("_prev").and_then(Value::as_str).unwrap_or_default();
        let cited = prev.parse().ok();
        let fault = if record.index != log.next {
            Some(format!("record {} stands where {} must follow", record.index, log.next))
        } else if log.leaf.is_some() && cited != log.leaf {
            Some("it does not cite the record before it: one of the two was changed".to_owned())
        } else {
            None
        };
        log.next = record.index.saturating_add(1);
        log.leaf = Some(record.leaf);
        let named = |pointer| record.value.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        match record.kind {
            Kind::Start => log.in_force = Some(HashSet::from([named("/snapshot").to_owned()])),
            Kind::Policy | Kind::Config => {
                if let Some(all) = &mut log.in_force {
                    all.insert(named("/snapshot").to_owned());
                }
            }
            _ => {}
        }
        let snapshot = named("/decision/metadata/snapshot");
        (fault, log.in_force.as_ref().is_none_or(|all| all.contains(snapshot)))
    }

    fn decision(&mut self, record: &Record, in_force: bool) -> Verdict {
        let recorded = match Recorded::of(record, &mut self.opener) {
            Ok(recorded) => recorded,
            Err(verdict) => return verdict,
        };
        let Some(digest) = recorded.snapshot() else {
            return match recorded.is_failure() {
                true => compare::refused(&recorded, None, CannotReplay::Failed),
                false => recorded.misshapen("decision.metadata.snapshot"),
            };
        };
        let snapshot = match self.snapshot(digest) {
            Ok(snapshot) => snapshot,
            Err(error) => return Verdict::CannotReplay(error.into()),
        };
        let verdict = match &self.instead {
            Some(_) => self.derive_instead(&recorded, &snapshot),
            None => self.derive(&recorded, &snapshot),
        };
        match in_force || self.instead.is_some() {
            true => verdict,
            false => verdict.and_also(&recorded, Difference::not_in_force(digest)),
        }
    }

    /// The same decision, by the same function.
    fn derive(&self, recorded: &Recorded, snapshot: &Snapshot) -> Verdict {
        let Some(request) = &recorded.request else {
            return compare::refused(recorded, Some(snapshot), CannotReplay::Malformed);
        };
        let recalled = match recorded.state(&snapshot.policies) {
            Ok(recalled) => recalled,
            Err(error) => return recorded.misshapen(&error.to_string()),
        };
        let facts = snapshot.facts(request, &self.memo);
        match catch_unwind(AssertUnwindSafe(|| snapshot.decide(&facts, &recalled.state))) {
            Ok(derived) => compare::whole(recorded, &derived, snapshot, request, &recalled),
            Err(_) => Verdict::CannotReplay(CannotReplay::Failed),
        }
    }

    /// What the other policies say, with the settings that were in force.
    fn derive_instead(&mut self, recorded: &Recorded, was: &Snapshot) -> Verdict {
        let Some(instead) = &mut self.instead else { return Verdict::NoDecision };
        let Some(request) = &recorded.request else {
            return Verdict::CannotReplay(CannotReplay::Malformed);
        };
        if instead.seen.insert(was.digest.clone()) {
            instead.unanswered = instead.unanswered.max(unanswered(&instead.snapshot, was));
        }
        let recalled = match recorded.state(&instead.snapshot.policies) {
            Ok(recalled) => recalled,
            Err(error) => return recorded.misshapen(&error.to_string()),
        };
        let facts = instead.snapshot.facts(request, &self.memo);
        let decided = || decide(&instead.snapshot.policies, &was.settings, &facts, &recalled.state);
        match catch_unwind(AssertUnwindSafe(decided)) {
            Ok(derived) => compare::effects(recorded, &derived),
            Err(_) => Verdict::CannotReplay(CannotReplay::Failed),
        }
    }

    /// What was in force under a digest; loaded once, as long as few others are needed.
    fn snapshot(&mut self, digest: &str) -> Result<Arc<Snapshot>, StoredError> {
        if let Some(at) = self.snapshots.iter().position(|(known, _)| known == digest)
            && let Some(found) = self.snapshots.remove(at)
        {
            self.snapshots.push_back(found.clone());
            return found.1;
        }
        let loaded = store::stored(&self.home, digest).map(Arc::new);
        if self.snapshots.len() >= SNAPSHOTS_MAX {
            self.snapshots.pop_front();
        }
        self.snapshots.push_back((digest.to_owned(), loaded.clone()));
        loaded
    }
}

impl Iterator for Replay {
    type Item = Result<Replayed, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let record = self.records.next()?;
        Some(record.map(|record| self.replay(&record)))
    }
}

/// The logs whose oldest records were pruned.
fn begun_later(path: &Path) -> Result<HashMap<String, Followed>, ReadError> {
    let mut logs = HashMap::new();
    for folder in folders(path)? {
        let pruned = folder.pruned()?;
        if pruned > 0 {
            logs.insert(folder.origin().to_owned(), Followed::from(pruned));
        }
    }
    Ok(logs)
}

/// How many records there are, as far as the last one of each log tells.
pub fn count_records(path: &Path) -> u64 {
    let logs: Vec<PathBuf> = match path.join("seg").is_dir() {
        true => vec![path.to_owned()],
        false => {
            let entries = fs::read_dir(path.join("log")).into_iter().flatten();
            entries.filter_map(|entry| Some(entry.ok()?.path())).collect()
        }
    };
    let last = |log: &PathBuf| maais_audit::tail(log, 1).ok()?.pop().map(|record| record.index + 1);
    let pruned: u64 = folders(path).iter().flatten().filter_map(|folder| folder.pruned().ok()).sum();
    logs.iter().filter_map(last).sum::<u64>().saturating_sub(pruned)
}

/// Limits and questions that one snapshot has and the other had not.
fn unanswered(new: &Snapshot, was: &Snapshot) -> usize {
    let asked: HashSet<String> = was.policies.histories().iter().map(|spec| spec.name()).collect();
    let questions = new.policies.histories().iter().filter(|spec| !asked.contains(&spec.name()));
    let limits = new.policies.limits().iter().filter(|spec| !was.policies.limits().contains(spec));
    questions.count() + limits.count()
}

/// What differs although the record is in order: why that may be.
fn reason(snapshot: &Snapshot) -> String {
    match snapshot.engine == VERSION {
        true => format!(
            "the record was changed after it was written, or another build of version {VERSION} wrote it"
        ),
        false => format!(
            "version {} decided, this is version {VERSION}: replay with that version to be certain",
            snapshot.engine
        ),
    }
}

/// A decision in the words of policies.
fn answer_of(decision: &Decision) -> Answer {
    Answer { effect: decision.effect.as_str().to_owned(), rule: decision.policy_id.clone() }
}
