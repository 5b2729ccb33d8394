//! Whether a log can be believed, in three separate verdicts.
//!
//! *Integrity*: every record is whole, in its place and cites the one before it. *Completeness*: the log
//! reaches as far as its head remembers. *Anchoring*: somebody outside remembers it too. Needs no lock and
//! no writer; works on a copy and on a log that is being written. It says what it did not check.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use crate::anchored::{Anchored, Cosignatures};
use crate::base::{self, Base};
use crate::head::Head;
use crate::keys::Keyring;
use crate::layout::Layout;
use crate::leaf::LeafHash;
use crate::note::{Checkpoint, Vkey};
use crate::quorum::WitnessPolicy;
use crate::remembered::{Remembered, Source, notes};
use crate::scan::{Broken, Fault, NOT_NAMED, Scan, scan};
use crate::sealed::{SealedCount, SealedWalk};
use crate::tree::{RootHash, Tree};

/// Bytes between two tellings of how far it is.
const TELL_EVERY: u64 = 4 * 1024 * 1024;

/// How to verify.
#[derive(Debug, Clone, Default)]
pub struct VerifyOptions {
    /// Where the heads are; `HOME/head` if not given.
    pub head_dir: Option<PathBuf>,
    /// What somebody outside remembers: receipts, or records copied elsewhere.
    pub known: Vec<Known>,
    /// Signed checkpoints that somebody outside remembers.
    pub checkpoints: Vec<String>,
    /// The log's first public key, `name+hash+base64`, as it was told to you.
    pub vkey: Option<String>,
    /// Whose cosignatures anchor a log. They are looked for among the checkpoints above and beside the log.
    pub witnesses: Option<WitnessPolicy>,
    /// Cosignatures older than this do not count as enough: an older copy of a log has none that are newer.
    pub cosigned_since: Option<Timestamp>,
}

impl VerifyOptions {
    /// Whether the policy, if any, is content without a cosignature.
    fn asks_for_nobody(&self) -> bool {
        self.witnesses.as_ref().is_none_or(WitnessPolicy::asks_for_nobody)
    }
}

/// A record that somebody outside remembers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Known {
    /// Which log.
    pub origin: String,
    /// Which record, counted from 0.
    pub index: u64,
    /// Its leaf hash.
    pub leaf: LeafHash,
}

/// What became of one question, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", content = "why", rename_all = "lowercase")]
pub enum Verdict {
    /// Checked, and it holds.
    Holds(String),
    /// Checked, and it does not.
    Fails(String),
    /// Cannot be checked with what is here.
    Unknown(String),
}

impl Verdict {
    /// Whether it was checked and does not hold.
    pub fn fails(&self) -> bool {
        matches!(self, Self::Fails(_))
    }

    /// Whether it was checked and holds.
    pub fn holds(&self) -> bool {
        matches!(self, Self::Holds(_))
    }

    /// The reason.
    pub fn why(&self) -> &str {
        match self {
            Self::Holds(why) | Self::Fails(why) | Self::Unknown(why) => why,
        }
    }
}

/// The verdicts on all logs that were looked at.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// One a log, by slot.
    pub logs: Vec<LogReport>,
    /// What is remembered of logs that are not here.
    pub missing: Vec<Known>,
    /// The names of logs that are not here, and of which a checkpoint was given.
    pub missing_logs: Vec<String>,
}

impl Report {
    /// Whether nothing that was checked fails.
    pub fn is_ok(&self) -> bool {
        self.missing.is_empty() && self.missing_logs.is_empty() && self.logs.iter().all(LogReport::is_ok)
    }
}

/// The verdicts on one log.
#[derive(Debug, Clone, Serialize)]
pub struct LogReport {
    /// Its folder.
    pub dir: PathBuf,
    /// Its name, if it has one.
    pub origin: String,
    /// Good records, counted up to the first fault.
    pub size: u64,
    /// Their bytes.
    pub bytes: u64,
    /// How many of them, the oldest, were pruned: of these only the hashes are left.
    pub pruned: u64,
    /// The last good record's leaf hash.
    pub leaf: LeafHash,
    /// The root of the tree over the good records.
    pub root: RootHash,
    /// The first public key.
    pub vkey: Option<String>,
    /// How many keys the log has had.
    pub epochs: u64,
    /// The time of the first record, and of the last good one.
    pub times: Option<(Timestamp, Timestamp)>,
    /// Every record is whole and in its place.
    pub integrity: Verdict,
    /// Nothing is missing at the end.
    pub completeness: Verdict,
    /// Somebody outside remembers the same.
    pub anchoring: Verdict,
    /// What was sealed is there, or was erased on record.
    pub sealed: Verdict,
    /// How much of it.
    pub sealed_values: SealedCount,
    /// How much of it the witnesses have cosigned that were asked for.
    pub anchored: Option<Anchored>,
    /// The first bad record.
    pub fault: Option<Fault>,
    /// What is worth knowing and no fault.
    pub notes: Vec<String>,
}

impl LogReport {
    /// Whether nothing that was checked fails.
    pub fn is_ok(&self) -> bool {
        let verdicts = [&self.integrity, &self.completeness, &self.anchoring, &self.sealed];
        !verdicts.into_iter().any(Verdict::fails)
    }
}

/// Why nothing could be verified.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// There is no log.
    #[error("there is no log in `{}`; name a data directory, or a folder `log/<slot>` in it", path.display())]
    NoLog {
        /// Where.
        path: PathBuf,
    },
    /// A file could not be read.
    #[error("cannot read the log in `{}`: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Verifies all logs of a data directory, or the one log whose folder is given.
pub fn verify(path: &Path, options: &VerifyOptions) -> Result<Report, VerifyError> {
    verify_telling(path, options, &mut |_| {})
}

/// The same; tells now and then how many bytes of records were verified.
pub fn verify_telling(
    path: &Path,
    options: &VerifyOptions,
    tell: &mut dyn FnMut(u64),
) -> Result<Report, VerifyError> {
    let io = |source| VerifyError::Io { path: path.to_owned(), source };
    let layouts = Layout::find(path, options.head_dir.as_deref()).map_err(io)?;
    if layouts.is_empty() {
        return Err(VerifyError::NoLog { path: path.to_owned() });
    }
    let mut done = 0;
    let mut logs = Vec::new();
    for layout in &layouts {
        let mut tell = |bytes| tell(done + bytes);
        let report = verify_log(layout, options, &mut tell);
        let report = report.map_err(|source| VerifyError::Io { path: layout.dir.clone(), source })?;
        done += report.bytes;
        logs.push(report);
    }
    let is_here = |known: &Known| logs.iter().any(|log| log.origin == known.origin);
    let missing = options.known.iter().filter(|known| !is_here(known)).cloned().collect();
    let given = options.checkpoints.iter().filter_map(|note| Checkpoint::parse(note).ok());
    let mut missing_logs: Vec<_> = given.map(|checkpoint| checkpoint.origin).collect();
    missing_logs.retain(|origin| logs.iter().all(|log| log.origin != *origin));
    missing_logs.sort();
    missing_logs.dedup();
    Ok(Report { logs, missing, missing_logs })
}

/// What the walk over the records looked for besides.
#[derive(Default)]
struct Seen {
    times: Option<(Timestamp, Timestamp)>,
    /// The leaf hash of the record that the head names.
    head_leaf: Option<LeafHash>,
    /// Known records that are there as remembered.
    matched: u64,
    /// The first one that is not.
    unlike: Option<u64>,
}

fn verify_log(layout: &Layout, options: &VerifyOptions, tell: &mut dyn FnMut(u64)) -> io::Result<LogReport> {
    let head = Head::read(&layout.head);
    let head = match head {
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(error),
        head => Ok(head?),
    };
    let head_now = head.as_ref().ok().and_then(Option::as_ref);
    let Some(origin) = origin(layout)? else {
        return Ok(without_name(layout, head_now));
    };
    let mut remembered = Remembered::collect(layout, &origin, head_now, &options.checkpoints)?;
    let kept = notes(&layout.cosigned())?;
    let mut witnesses = options
        .witnesses
        .as_ref()
        .map(|policy| Cosignatures::collect(policy, &origin, options.checkpoints.iter().chain(&kept)));
    let known: Vec<_> = options.known.iter().filter(|known| known.origin == *origin).collect();
    let mut seen = Seen::default();
    let ground = Ground::of(layout, &origin)?;
    let pruned = ground.replay(layout, |index, leaf, tree, time| {
        seen.look(index, leaf, time, head_now, &known);
        remembered.compare(tree, &ground.keys);
        witnesses.iter_mut().for_each(|witnesses| witnesses.compare(tree, time));
    })?;
    let mut values = SealedWalk::new(layout);
    let (mut bytes, mut told) = (0, 0);
    let walk = scan(layout, origin, head_now, &mut |good, line, chain, keys| {
        bytes += line.bytes.len() as u64 + 1;
        if bytes - told >= TELL_EVERY {
            told = bytes;
            tell(bytes);
        }
        values.look(line, chain.size() - 1, good.kind);
        seen.look(chain.size() - 1, good.leaf, good.time, head_now, &known);
        remembered.compare(chain.tree(), keys);
        witnesses.iter_mut().for_each(|witnesses| witnesses.compare(chain.tree(), good.time));
    })?;
    let live = live(&walk, head_now);
    let witnessed = witnesses.as_ref().filter(|_| !options.asks_for_nobody()).map(|witnesses| {
        let last = seen.times.map(|(_, last)| last);
        witnesses.verdict(walk.chain.size(), last, walk.keys.first(), options.cosigned_since)
    });
    let fault = walk.broken.as_ref().filter(|_| live.is_none()).map(|broken| broken.fault.clone());
    let (sealed, sealed_values) = values.verdict();
    Ok(LogReport {
        dir: layout.dir.clone(),
        origin: walk.chain.origin().to_string(),
        size: walk.chain.size(),
        bytes: walk.bytes,
        leaf: walk.chain.leaf(),
        times: seen.times,
        root: walk.chain.tree().root(),
        vkey: walk.keys.first().map(Vkey::to_string),
        epochs: walk.keys.epoch().map_or(0, |epoch| epoch + 1),
        pruned: walk.base.as_ref().map_or(0, |on| on.base.size),
        integrity: integrity(&walk, fault.as_ref(), pruned, &remembered, options.vkey.as_deref()),
        completeness: completeness(&walk, &head, seen.head_leaf, &remembered),
        anchoring: anchoring(&known, &seen, &remembered, witnessed),
        anchored: witnesses.as_ref().and_then(|witnesses| witnesses.anchored().cloned()),
        sealed,
        sealed_values,
        fault,
        notes: live.map(being_written).into_iter().collect(),
    })
}

/// A last line without an end, behind everything that the head remembers.
fn live<'a>(walk: &'a Scan, head: Option<&Head>) -> Option<&'a Broken> {
    walk.broken.as_ref().filter(|b| b.torn && head.is_some_and(|h| h.size <= walk.chain.size()))
}

fn being_written(broken: &Broken) -> String {
    format!(
        "behind the last record there is one that is not written to its end: it is being written, or was torn by a power \
         cut and will be cut off at the next start ({})",
        broken.fault
    )
}

/// What a log stands on whose oldest records were pruned.
#[derive(Default)]
struct Ground {
    base: Option<Base>,
    keys: Keyring,
}

impl Ground {
    /// If it cannot be used, the walk over the records says so.
    fn of(layout: &Layout, origin: &Arc<str>) -> io::Result<Self> {
        let base = base::read(layout)?.and_then(|found| found.base.ok());
        let restored = base.as_ref().and_then(|base| base.restore(origin).ok());
        Ok(restored.map_or_else(Self::default, |restored| Self { base, keys: restored.keys }))
    }

    /// Shows what is left of each pruned record: its place, its hash, the tree up to it, and a time that is not later.
    fn replay(
        &self,
        layout: &Layout,
        mut see: impl FnMut(u64, LeafHash, &Tree, Timestamp),
    ) -> io::Result<Result<(), String>> {
        let Some(base) = &self.base else { return Ok(Ok(())) };
        base::replay(layout, base, |leaf, tree| see(tree.size() - 1, leaf, tree, base.times.0))
    }
}

impl Seen {
    fn look(&mut self, index: u64, leaf: LeafHash, time: Timestamp, head: Option<&Head>, known: &[&Known]) {
        let first = self.times.map_or(time, |(first, _)| first);
        self.times = Some((first, time));
        if head.is_some_and(|head| head.size == index + 1) {
            self.head_leaf = Some(leaf);
        }
        for known in known.iter().filter(|known| known.index == index) {
            match known.leaf == leaf {
                true => self.matched += 1,
                false => self.unlike = self.unlike.or(Some(index)),
            }
        }
    }
}

fn integrity(
    walk: &Scan,
    fault: Option<&Fault>,
    pruned: Result<(), String>,
    remembered: &Remembered,
    vkey: Option<&str>,
) -> Verdict {
    let pruned = match &walk.base {
        Some(on) if !on.named && fault.is_none() => Err(NOT_NAMED.to_owned()),
        Some(on) => pruned.map(|()| format!(", the first {} of which were pruned on record", on.base.size)),
        None => Ok(String::new()),
    };
    let pruned = match (fault, pruned) {
        (None, Err(why)) => return Verdict::Fails(why),
        (_, pruned) => pruned.unwrap_or_default(),
    };
    let size = walk.chain.size();
    let first = walk.keys.first().map(Vkey::to_string).unwrap_or_default();
    match (fault, remembered.agree(Source::History), vkey) {
        (Some(fault), _, _) => Verdict::Fails(fault.to_string()),
        (_, Err(why), _) => Verdict::Fails(format!("the history of checkpoints: {why}")),
        (_, _, Some(known)) if known != first => {
            Verdict::Fails(format!("the log's key is `{first}`, not the one that you were told"))
        }
        (_, Ok(kept), known) => Verdict::Holds(format!(
            "{size} records{pruned}, each whole, in its place and citing the one before it; {kept} earlier checkpoints \
             agree; the first key is `{first}`{}",
            if known.is_some() { ", as you were told" } else { " (compare it with what you were told)" }
        )),
    }
}

fn completeness(
    walk: &Scan,
    head: &Result<Option<Head>, io::Error>,
    head_leaf: Option<LeafHash>,
    remembered: &Remembered,
) -> Verdict {
    let size = walk.chain.size();
    let head = match head {
        Err(error) => return Verdict::Fails(format!("the head cannot be read: {error}")),
        Ok(None) => {
            return Verdict::Unknown("there is no head: records may have been cut off at the end".to_owned());
        }
        Ok(Some(head)) => head,
    };
    if head.origin != **walk.chain.origin() {
        return Verdict::Fails(format!("the head is that of the log `{}`", head.origin));
    }
    if head.size > size {
        return Verdict::Fails(format!(
            "the head remembers {} records, only {size} good ones are here",
            head.size
        ));
    }
    if head.size > 0 && head_leaf != Some(head.leaf) {
        return Verdict::Fails(format!("the head remembers another record {}", head.size - 1));
    }
    if let Some(beyond) = remembered.beyond(Source::History) {
        return Verdict::Fails(format!(
            "an earlier checkpoint is of {beyond} records, only {size} good ones are here"
        ));
    }
    match remembered.agree(Source::Head) {
        Err(why) => Verdict::Fails(format!("the head: {why}")),
        Ok(_) => Verdict::Holds(format!(
            "the log reaches its signed head of {} records (an older copy of both would, too)",
            head.size
        )),
    }
}

fn anchoring(known: &[&Known], seen: &Seen, remembered: &Remembered, witnessed: Option<Verdict>) -> Verdict {
    if let Some(index) = seen.unlike {
        return Verdict::Fails(format!("record {index} is another than the one remembered outside"));
    }
    let agree = match remembered.agree(Source::Outside) {
        Err(why) => return Verdict::Fails(format!("a checkpoint from outside: {why}")),
        Ok(agree) => agree,
    };
    if let Some(beyond) = remembered.beyond(Source::Outside) {
        return Verdict::Fails(format!(
            "a checkpoint from outside is of {beyond} records, they are not all here"
        ));
    }
    let total = known.len() as u64;
    match (total, total.saturating_sub(seen.matched), witnessed) {
        (_, 0, Some(witnessed)) => witnessed,
        (0, ..) if agree == 0 => {
            Verdict::Unknown("nothing was given that somebody outside remembers of this log".to_owned())
        }
        (_, 0, None) => {
            Verdict::Holds(format!("{total} records and {agree} checkpoints are as remembered outside"))
        }
        (_, gone, _) => Verdict::Fails(format!("{gone} of {total} records remembered outside are not here")),
    }
}

fn origin(layout: &Layout) -> io::Result<Option<Arc<str>>> {
    match fs::read_to_string(layout.origin()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        text => Ok(Some(text?.trim_end_matches('\n').into())),
    }
}

/// The report on a slot whose log was removed, or never finished being made.
fn without_name(layout: &Layout, head: Option<&Head>) -> LogReport {
    let remembered = head.map_or(0, |head| head.size);
    let has_records = layout
        .segments()
        .is_ok_and(|found| found.iter().any(|(_, p)| p.metadata().is_ok_and(|m| m.len() > 0)));
    let unnamed = "the file `origin` with the log's name is missing".to_owned();
    LogReport {
        dir: layout.dir.clone(),
        origin: head.map(|head| head.origin.clone()).unwrap_or_default(),
        size: 0,
        bytes: 0,
        pruned: 0,
        leaf: LeafHash::ZERO,
        root: Tree::default().root(),
        vkey: None,
        epochs: 0,
        times: None,
        integrity: if has_records {
            Verdict::Fails(unnamed)
        } else {
            Verdict::Holds("no records".to_owned())
        },
        completeness: match remembered {
            0 => Verdict::Holds("the log has not begun".to_owned()),
            size => Verdict::Fails(format!("the head remembers {size} records, none are here")),
        },
        anchoring: Verdict::Unknown("there is no log".to_owned()),
        sealed: Verdict::Unknown("there is no log".to_owned()),
        sealed_values: SealedCount::default(),
        anchored: None,
        fault: None,
        notes: Vec::new(),
    }
}
