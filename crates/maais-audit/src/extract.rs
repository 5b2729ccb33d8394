//! One tenant's records as a bundle that verifies alone: without the log, and without anything of the other
//! tenants but hashes.
//!
//! Each record comes with its proof of inclusion in a signed checkpoint; the tenant's own numbers and hashes
//! show that none is missing between the first and the last. What the bundle cannot show is that no further
//! record of the tenant lies between the last one and the checkpoint's end: whoever made it could have
//! stopped early. How many records the tenant had, it learns from its receipts.
//!
//! One JSON a line: first the checkpoint, then the records (those of the tenant, and the log's keys).

use std::io::{self, BufRead, Write};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};

use crate::chain::LINE_BYTES_MAX;
use crate::keys;
use crate::leaf::LeafHash;
use crate::line::Fields;
use crate::note::{Checkpoint, Vkey};
use crate::proof::{Levels, ProveError, check_inclusion, for_each_line, leaves, newest};

const FORMAT: &str = "maais-extract@v1";

/// The longest line of a bundle that is looked at: a record, escaped once more, and its proof.
const BUNDLE_LINE_BYTES_MAX: u64 = 8 * LINE_BYTES_MAX as u64;

/// The first line.
#[derive(Serialize, Deserialize)]
struct Header {
    checkpoint: String,
    format: String,
    tenant: String,
}

/// One of the others.
#[derive(Serialize, Deserialize)]
struct Item {
    index: u64,
    line: String,
    path: Vec<String>,
}

/// What a bundle that holds proves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExtractReport {
    /// The log that it was taken from.
    pub origin: String,
    /// Whose records these are.
    pub tenant: String,
    /// How many, counted from the tenant's first.
    pub records: u64,
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
    let levels = Levels::new(leaves(&newest.layout, size)?);
    let unwritten = |source| ProveError::Io { path: PathBuf::from("the extract"), source };
    let header = Header { checkpoint: newest.note, format: FORMAT.to_owned(), tenant: tenant.to_owned() };
    put(out, &header).map_err(unwritten)?;
    let (mut index, mut count) = (0, 0);
    for_each_line(&newest.layout, size, |line| {
        let fields: Option<Fields<'_>> = serde_json::from_slice(line).ok();
        let is_ours = fields.as_ref().is_some_and(|fields| fields.tenant == tenant);
        if is_ours || fields.is_some_and(|fields| fields.kind == "key") {
            let path = levels.inclusion(usize::try_from(index).unwrap_or(usize::MAX));
            let path = path.iter().map(|hash| BASE64.encode(hash)).collect();
            let line = String::from_utf8_lossy(line).into_owned();
            put(out, &Item { index, line, path }).map_err(unwritten)?;
        }
        count += u64::from(is_ours);
        index += 1;
        Ok(())
    })?;
    Ok(count)
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
        prev: LeafHash::ZERO,
        next: 0,
    };
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
    let (records, size) = (walk.records, checkpoint.size);
    Ok(ExtractReport { origin: checkpoint.origin, tenant: header.tenant, records, size, vkey: first })
}

/// The records so far.
struct Walk<'a> {
    tenant: &'a str,
    checkpoint: &'a Checkpoint,
    keys: Vec<Vkey>,
    records: u64,
    /// The tenant's last record.
    prev: LeafHash,
    /// No record before this one may follow.
    next: u64,
}

impl Walk<'_> {
    fn take(&mut self, item: &Item) -> Result<(), String> {
        let line = item.line.as_bytes();
        let fields: Fields<'_> =
            serde_json::from_slice(line).map_err(|error| format!("no record: {error}"))?;
        if item.index < self.next || fields.seq != item.index || fields.log != self.checkpoint.origin {
            return Err("it is out of order, or of another log".to_owned());
        }
        let hash = |text: &String| BASE64.decode(text).ok().and_then(|bytes| bytes.try_into().ok());
        let path: Option<Vec<_>> = item.path.iter().map(hash).collect();
        let path = path.ok_or("its proof is none")?;
        let (leaf, size) = (LeafHash::of(line), self.checkpoint.size);
        check_inclusion(leaf, item.index, size, self.checkpoint.root, &path)
            .map_err(|error| error.to_string())?;
        if fields.kind == "key" {
            self.take_key(item)?;
        }
        if fields.tenant == self.tenant {
            self.take_own(line, leaf)?;
        } else if fields.kind != "key" {
            return Err("it is another tenant's".to_owned());
        }
        self.next = item.index + 1;
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

    fn take_own(&mut self, line: &[u8], leaf: LeafHash) -> Result<(), String> {
        #[derive(Deserialize)]
        struct Link {
            _tenant_prev: LeafHash,
            _tenant_seq: u64,
        }
        let link: Link = serde_json::from_slice(line).map_err(|error| format!("no record: {error}"))?;
        if link._tenant_seq != self.records || link._tenant_prev != self.prev {
            return Err(format!("a record of the tenant is missing: {} must follow", self.records));
        }
        self.records += 1;
        self.prev = leaf;
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
