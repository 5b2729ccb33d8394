//! One tenant's records as a bundle that verifies alone: without the log, and without anything of the other
//! tenants but hashes.
//!
//! Each record comes with its proof of inclusion in a signed checkpoint; the tenant's own numbers and hashes
//! show that none is missing between the first and the last. The newest roll of the log shows that none of the
//! tenant's records before it is left out; of those behind it, the bundle cannot show that they are all. Where
//! records were pruned, the record of the pruning shows where the tenant's chain was then.
//!
//! One JSON a line: first the checkpoint, then the records (those of the tenant, and the log's keys).

use std::collections::HashMap;
use std::io::{self, BufRead, Write};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};

use crate::base::{Base, named};
use crate::chain::LINE_BYTES_MAX;
use crate::entry::Kind;
use crate::keys;
use crate::leaf::LeafHash;
use crate::line::Fields;
use crate::note::{Checkpoint, Vkey};
use crate::proof::{
    Levels, Newest, ProveError, check_inclusion, for_each_line, newest, pruned_leaves, standing_on,
};
use crate::roll::{Roll, RollProof, RollRoot};

const FORMAT: &str = "maais-extract@v1";

/// How the lines end that hold a roll, or tell of a pruning: a nested object would end with two braces.
const ROLL_ENDING: &[u8] = b",\"type\":\"roll\"}";
const PRUNING_ENDING: &[u8] = b",\"type\":\"pruning\"}";

/// The longest line of a bundle that is looked at: a record, escaped once more, and its proof.
const BUNDLE_LINE_BYTES_MAX: u64 = 8 * LINE_BYTES_MAX as u64;

/// The first line.
#[derive(Serialize, Deserialize)]
struct Header {
    checkpoint: String,
    format: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pruned: Option<Pruned>,
    tenant: String,
}

/// Where the tenant's chain was when its first records were pruned.
#[derive(Serialize, Deserialize)]
struct Pruned {
    leaf: LeafHash,
    record: Item,
    seq: u64,
}

/// One of the others.
#[derive(Serialize, Deserialize)]
struct Item {
    index: u64,
    line: String,
    path: Vec<String>,
    /// In a record with a roll: where the tenant is on it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    roll: Option<RollProof>,
}

/// What a bundle that holds proves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExtractReport {
    /// The log that it was taken from.
    pub origin: String,
    /// Whose records these are.
    pub tenant: String,
    /// How many are here.
    pub records: u64,
    /// How many of the tenant's, before these, were pruned.
    pub pruned: u64,
    /// All of the tenant's records before this one of the log are here, or were pruned: it is the last roll.
    pub complete_before: Option<u64>,
    /// How many records the log had, of all tenants.
    pub size: u64,
    /// The log's first key: compare it with what you were told.
    pub vkey: String,
}

/// Why a bundle proves nothing.
#[derive(Debug, thiserror::Error)]
pub enum ExtractError {
    /// It could not be read.
    #[error("cannot read the extract: {0}")]
    Io(#[from] io::Error),
    /// It does not hold.
    #[error("the extract does not hold at its line {line}: {why}")]
    Wrong {
        /// The line, counted from 1.
        line: u64,
        /// What is wrong.
        why: String,
    },
}

/// Writes the records of `tenant` in the log whose folder is given; says how many.
pub fn extract(log_dir: &Path, tenant: &str, out: &mut dyn Write) -> Result<u64, ProveError> {
    let newest = newest(log_dir)?;
    let size = newest.checkpoint.size;
    let base = standing_on(&newest.layout)?;
    let map = Map::of(&newest, base.as_ref())?;
    let unwritten = |source| ProveError::Io { path: PathBuf::from("the extract"), source };
    let pruned = base.as_ref().and_then(|base| map.pruned(base, tenant));
    let mut tenants = Tenants::of(base.as_ref());
    let (checkpoint, tenant_name) = (newest.note.clone(), tenant.to_owned());
    let header = Header { checkpoint, format: FORMAT.to_owned(), pruned, tenant: tenant_name };
    put(out, &header).map_err(unwritten)?;
    for key in base.iter().flat_map(|base| &base.keys) {
        put(out, &map.item(key.index, key.line.as_bytes())).map_err(unwritten)?;
    }
    let mut count = 0;
    for_each_line(&newest.layout, size, |index, line| {
        let fields: Option<Fields<'_>> = serde_json::from_slice(line).ok();
        let Some(fields) = fields else { return Ok(()) };
        let is_ours = fields.tenant == tenant;
        let mut item = None;
        if is_ours || fields.kind == "key" {
            item = Some(map.item(index, line));
        }
        if map.last_roll == Some(index)
            && let Some(roll) = tenants.prove(tenant)
        {
            item = Some(Item { roll: Some(roll), ..map.item(index, line) });
        }
        item.map_or(Ok(()), |item| put(out, &item)).map_err(unwritten)?;
        tenants.see(&fields.tenant, LeafHash::of(line));
        count += u64::from(is_ours);
        Ok(())
    })?;
    Ok(count)
}

/// What one reading of the log finds for the next.
struct Map {
    levels: Levels,
    last_roll: Option<u64>,
    /// The record of the pruning that the log stands on.
    pruning: Option<(u64, String)>,
}

impl Map {
    fn of(newest: &Newest, base: Option<&Base>) -> Result<Self, ProveError> {
        let size = newest.checkpoint.size;
        let mut leaves = pruned_leaves(&newest.layout, size)?;
        let (mut last_roll, mut pruning) = (None, None);
        for_each_line(&newest.layout, size, |index, line| {
            leaves.push(*LeafHash::of(line).as_bytes());
            if line.ends_with(ROLL_ENDING) {
                last_roll = Some(index);
            }
            if line.ends_with(PRUNING_ENDING) && named(line).map(|(_, size)| size) == base.map(|b| b.size) {
                pruning = Some((index, String::from_utf8_lossy(line).into_owned()));
            }
            Ok(())
        })?;
        Ok(Self { levels: Levels::new(leaves), last_roll, pruning })
    }

    fn item(&self, index: u64, line: &[u8]) -> Item {
        let path = self.levels.inclusion(usize::try_from(index).unwrap_or(usize::MAX));
        let path = path.iter().map(|hash| BASE64.encode(hash)).collect();
        Item { index, line: String::from_utf8_lossy(line).into_owned(), path, roll: None }
    }

    fn pruned(&self, base: &Base, tenant: &str) -> Option<Pruned> {
        let (index, line) = self.pruning.as_ref()?;
        let (seq, leaf) = base.end_of(tenant)?;
        let roll = base.ends().roll().prove(tenant, seq, leaf);
        Some(Pruned { leaf, record: Item { roll, ..self.item(*index, line.as_bytes()) }, seq })
    }
}

/// Where the tenants' chains are while a log is read.
struct Tenants(HashMap<String, (u64, LeafHash)>);

impl Tenants {
    fn of(base: Option<&Base>) -> Self {
        let ends = base.into_iter().flat_map(|base| base.ends().tenants());
        Self(ends.map(|(tenant, seq, leaf)| (tenant.to_owned(), (seq, leaf))).collect())
    }

    fn see(&mut self, tenant: &str, leaf: LeafHash) {
        match self.0.get_mut(tenant) {
            Some(end) => *end = (end.0 + 1, leaf),
            None => drop(self.0.insert(tenant.to_owned(), (0, leaf))),
        }
    }

    /// Where the tenant is on the roll of now.
    fn prove(&self, tenant: &str) -> Option<RollProof> {
        let (seq, leaf) = self.0.get(tenant)?;
        let ends = self.0.iter().map(|(tenant, (seq, leaf))| (tenant.as_str(), *seq, *leaf));
        Roll::of(ends).prove(tenant, *seq, *leaf)
    }
}

fn put(out: &mut dyn Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    out.write_all(b"\n")
}

/// Checks a bundle. `vkey` is the log's first key, if you were told.
pub fn verify_extract(bundle: &mut dyn BufRead, vkey: Option<&str>) -> Result<ExtractReport, ExtractError> {
    let wrong = |why: &str| ExtractError::Wrong { line: 1, why: why.to_owned() };
    let header: Header = next(bundle, 1)?.ok_or_else(|| wrong("it is empty"))?;
    if header.format != FORMAT {
        return Err(wrong("it is of another format"));
    }
    let checkpoint = Checkpoint::parse(&header.checkpoint).map_err(|error| wrong(&error.to_string()))?;
    let mut walk = Walk {
        tenant: &header.tenant,
        checkpoint: &checkpoint,
        keys: Vec::new(),
        records: 0,
        pruned: 0,
        complete_before: None,
        prev: LeafHash::ZERO,
        next: 0,
    };
    if let Some(pruned) = &header.pruned {
        walk.begin(pruned).map_err(|why| wrong(&why))?;
    }
    let mut number = 2;
    while let Some(item) = next::<Item>(bundle, number)? {
        walk.take(&item).map_err(|why| ExtractError::Wrong { line: number, why })?;
        number += 1;
    }
    let last = walk.keys.last().ok_or_else(|| wrong("the log's keys are missing"))?;
    Checkpoint::open(&header.checkpoint, last).map_err(|error| wrong(&error.to_string()))?;
    let first = walk.keys.first().map(Vkey::to_string).unwrap_or_default();
    if vkey.is_some_and(|told| told != first) {
        return Err(wrong("the log's first key is not the one that you were told"));
    }
    Ok(ExtractReport {
        records: walk.records,
        pruned: walk.pruned,
        complete_before: walk.complete_before,
        size: checkpoint.size,
        origin: checkpoint.origin,
        tenant: header.tenant,
        vkey: first,
    })
}

/// The records so far.
struct Walk<'a> {
    tenant: &'a str,
    checkpoint: &'a Checkpoint,
    keys: Vec<Vkey>,
    records: u64,
    /// Those of the tenant before them.
    pruned: u64,
    /// The last roll that the tenant is on with all these.
    complete_before: Option<u64>,
    /// The tenant's last record.
    prev: LeafHash,
    /// No record before this one may follow.
    next: u64,
}

impl Walk<'_> {
    /// Goes on where the tenant's chain was when records were pruned.
    fn begin(&mut self, pruned: &Pruned) -> Result<(), String> {
        let Pruned { leaf, record, seq } = pruned;
        let fields = self.included(record)?;
        let roll = record.roll.as_ref().filter(|_| fields.kind == Kind::Pruning.name());
        let roll = roll.ok_or("it cites no record of a pruning")?;
        if !RollRoot::read(record.line.as_bytes())?.check(roll, self.tenant, *seq, *leaf) {
            return Err("the record of the pruning says something else of the tenant".to_owned());
        }
        (self.pruned, self.prev) = (seq.saturating_add(1), *leaf);
        Ok(())
    }

    /// The fields of a record that is in the log.
    fn included<'a>(&self, item: &'a Item) -> Result<Fields<'a>, String> {
        let line = item.line.as_bytes();
        let fields: Fields<'_> =
            serde_json::from_slice(line).map_err(|error| format!("no record: {error}"))?;
        if fields.seq != item.index || fields.log != self.checkpoint.origin {
            return Err("it is out of order, or of another log".to_owned());
        }
        let hash = |text: &String| BASE64.decode(text).ok().and_then(|bytes| bytes.try_into().ok());
        let path: Option<Vec<_>> = item.path.iter().map(hash).collect();
        let path = path.ok_or("its proof is none")?;
        check_inclusion(LeafHash::of(line), item.index, self.checkpoint.size, self.checkpoint.root, &path)
            .map_err(|error| error.to_string())?;
        Ok(fields)
    }

    fn take(&mut self, item: &Item) -> Result<(), String> {
        let fields = self.included(item)?;
        if item.index < self.next {
            return Err("it is out of order, or of another log".to_owned());
        }
        if fields.kind == Kind::Key.name() {
            self.take_key(item)?;
        }
        if let Some(roll) = &item.roll {
            self.take_roll(item, roll, &fields)?;
        }
        if fields.tenant == self.tenant {
            self.take_own(item.line.as_bytes())?;
        } else if fields.kind != Kind::Key.name() && item.roll.is_none() {
            return Err("it is another tenant's".to_owned());
        }
        self.next = item.index + 1;
        Ok(())
    }

    /// The tenant's records so far are all that the log had of it then.
    fn take_roll(&mut self, item: &Item, roll: &RollProof, fields: &Fields<'_>) -> Result<(), String> {
        let seq = (self.pruned + self.records).checked_sub(1);
        let (Some(seq), true) = (seq, fields.kind == Kind::Roll.name()) else {
            return Err("the tenant can be on no roll here".to_owned());
        };
        if !RollRoot::read(item.line.as_bytes())?.check(roll, self.tenant, seq, self.prev) {
            return Err("records of the tenant are missing: the roll says that there were others".to_owned());
        }
        self.complete_before = Some(item.index);
        Ok(())
    }

    fn take_key(&mut self, item: &Item) -> Result<(), String> {
        let (key, handover) = keys::open(item.line.as_bytes(), self.keys.len() as u64, self.keys.last())?;
        let is_first = self.keys.is_empty() == (item.index == 0);
        if !is_first || handover.size != item.index || key.name() != self.checkpoint.origin {
            return Err("a key was left out, or is of another log".to_owned());
        }
        self.keys.push(key);
        Ok(())
    }

    fn take_own(&mut self, line: &[u8]) -> Result<(), String> {
        #[derive(Deserialize)]
        struct Link {
            _tenant_prev: LeafHash,
            _tenant_seq: u64,
        }
        let link: Link = serde_json::from_slice(line).map_err(|error| format!("no record: {error}"))?;
        let next = self.pruned + self.records;
        if link._tenant_seq != next || link._tenant_prev != self.prev {
            return Err(format!("a record of the tenant is missing: {next} must follow"));
        }
        self.records += 1;
        self.prev = LeafHash::of(line);
        Ok(())
    }
}

fn next<T: for<'de> Deserialize<'de>>(
    bundle: &mut dyn BufRead,
    number: u64,
) -> Result<Option<T>, ExtractError> {
    let mut line = Vec::new();
    io::Read::take(bundle, BUNDLE_LINE_BYTES_MAX).read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Ok(None);
    }
    let parsed = serde_json::from_slice(&line);
    parsed.map(Some).map_err(|error| ExtractError::Wrong { line: number, why: error.to_string() })
}
