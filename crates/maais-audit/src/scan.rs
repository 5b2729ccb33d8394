//! One walk over a whole log: recovery and verification see the same chain and name the same fault.
//!
//! Says what is there; what follows from it (cut, refuse, report) is for the caller.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use crate::base::{self, Base, Restored};
use crate::blocks::{Block, Blocks, Cut};
use crate::chain::{Chain, LINE_BYTES_MAX};
use crate::entry::Kind;
use crate::head::Head;
use crate::inspect::{Ahead, Alone, Inspected, inspected};
use crate::keys::Keyring;
use crate::layout::Layout;
use crate::leaf::LeafHash;
use crate::line::{self, Bad, BadKind, Fields, Good};
use crate::segment::LinePlace;

/// Bytes that wait for one flush. Beyond it callers wait to be let in.
pub(crate) const BATCH_BYTES_MAX: usize = 256 * 1024;

/// The most that a power cut can leave half-written: one batch, and the line that filled it.
const TORN_BYTES_MAX: u64 = (BATCH_BYTES_MAX + LINE_BYTES_MAX + 1) as u64;

/// The first record that is not what it must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The file it is in.
    pub segment: PathBuf,
    /// The line in that file, counted from 1.
    pub line: u64,
    /// Which record of the log that is, counted from 0.
    pub index: u64,
    /// Where the line begins in that file.
    pub offset: u64,
    /// What is wrong, in plain words.
    pub why: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { segment, line, index, offset, why } = self;
        write!(f, "{}:{line} (record {index}, byte {offset}): {why}", segment.display())
    }
}

/// What a walk found.
#[derive(Debug)]
pub(crate) struct Scan {
    /// The state after the good records.
    pub(crate) chain: Chain,
    /// The keys that signed it.
    pub(crate) keys: Keyring,
    /// Bytes of the good records, with their newlines.
    pub(crate) bytes: u64,
    /// The last segment: its first index, and where its good records end (those before what is torn).
    pub(crate) end: Option<(u64, u64)>,
    /// The time of the first record in the last segment.
    pub(crate) begun: Option<Timestamp>,
    /// The time of the last roll, or else of the first record.
    pub(crate) rolled: Option<Timestamp>,
    /// What it began with, if records were pruned.
    pub(crate) base: Option<StandsOn>,
    /// What ended the walk early.
    pub(crate) broken: Option<Broken>,
}

/// What a log stands on whose oldest records were pruned.
#[derive(Debug)]
pub(crate) struct StandsOn {
    pub(crate) base: Base,
    digest: String,
    /// Whether a record names it.
    pub(crate) named: bool,
}

/// The end of the good records, before the end of the log.
#[derive(Debug)]
pub(crate) struct Broken {
    pub(crate) fault: Fault,
    /// It and all behind it are no more than one batch: what a power cut may leave.
    pub(crate) torn: bool,
}

/// What is wrong with a base that nothing in the log names.
pub(crate) const NOT_NAMED: &str =
    "the log begins with a later record, and no record says that those before it were pruned";

/// What is shown of each good record.
pub(crate) type Visit<'a> = &'a mut dyn FnMut(Good, &Shown<'_>, &Chain, &Keyring);

/// A good record's line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shown<'a> {
    /// The first record of its segment.
    pub(crate) first: u64,
    pub(crate) bytes: &'a [u8],
    /// Whether a value may be sealed in it.
    pub(crate) sealed: bool,
}

/// Walks over the log, shows each good record to `visit`, and stops at the first that is not.
pub(crate) fn scan(
    layout: &Layout,
    origin: Arc<str>,
    head: Option<&Head>,
    visit: Visit<'_>,
) -> io::Result<Scan> {
    let segments = layout.segments()?;
    let last = segments.last().map(|(first, _)| *first);
    let mut walk = walk(Scan::begin(layout, origin)?, segments, head, visit)?;
    if walk.broken.is_none() {
        walk.close(layout, last);
    }
    Ok(walk)
}

/// The same with the records before `size`, which begins a segment.
pub(crate) fn scan_upto(layout: &Layout, origin: Arc<str>, size: u64, visit: Visit<'_>) -> io::Result<Scan> {
    let mut segments = layout.segments()?;
    segments.retain(|(first, _)| *first < size);
    walk(Scan::begin(layout, origin)?, segments, None, visit)
}

fn walk(
    mut walk: Scan,
    segments: Vec<(u64, PathBuf)>,
    head: Option<&Head>,
    visit: Visit<'_>,
) -> io::Result<Scan> {
    if walk.broken.is_some() {
        return Ok(walk);
    }
    let last = segments.last().map(|(first, _)| *first);
    inspected(Blocks::new(segments), |blocks| {
        let mut before: Option<LinePlace> = None;
        while let Some(next) = blocks.next() {
            let Inspected { block, lines, .. } = match next {
                Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                    walk.broken = Some(unreadable(blocks.place(), &walk, &error)?);
                    return Ok(walk);
                }
                next => next?,
            };
            for (at, (cut, alone)) in lines.iter().enumerate() {
                let bytes = block.bytes_of(cut);
                match check(&mut walk, &block, cut, alone) {
                    Ok(good) => {
                        let shown = Shown { first: block.place.first, bytes, sealed: alone.sealed };
                        visit(good, &shown, &walk.chain, &walk.keys);
                    }
                    Err(bad) => {
                        let before = match at.checked_sub(1).and_then(|at| lines.get(at)) {
                            Some((cut, _)) => Some(block.place_of(cut)),
                            None => before,
                        };
                        let rest = Rest::of(&block, lines.get(at + 1..).unwrap_or_default(), blocks)?;
                        let line = Line { place: block.place_of(cut), bytes: bytes.to_vec() };
                        walk.broken = Some(walk.broken_by(&line, bad, before, rest, head, last));
                        return Ok(walk);
                    }
                }
            }
            before = lines.last().map(|(cut, _)| block.place_of(cut)).or(before);
            blocks.reuse(block);
        }
        Ok(walk)
    })
}

impl Scan {
    /// Before the first record that is there.
    fn begin(layout: &Layout, origin: Arc<str>) -> io::Result<Self> {
        let mut walk = Self {
            chain: Chain::new(origin.clone()),
            keys: Keyring::default(),
            bytes: 0,
            end: None,
            begun: None,
            rolled: None,
            base: None,
            broken: None,
        };
        let Some(found) = base::read(layout)? else { return Ok(walk) };
        match found.base.and_then(|base| Ok((base.restore(&origin)?, base))) {
            Ok((Restored { chain, keys, bytes, rolled }, base)) => {
                (walk.chain, walk.keys, walk.bytes, walk.rolled) = (chain, keys, bytes, rolled);
                walk.base = Some(StandsOn { base, digest: found.digest, named: false });
            }
            Err(why) => {
                let why = format!("what the log stands on since it was pruned cannot be used: {why}");
                let fault = Fault { segment: found.path, line: 1, index: 0, offset: 0, why };
                walk.broken = Some(Broken { fault, torn: false });
            }
        }
        Ok(walk)
    }

    fn broken_by(
        &mut self,
        line: &Line,
        bad: Bad,
        before: Option<LinePlace>,
        rest: Rest,
        head: Option<&Head>,
        last: Option<u64>,
    ) -> Broken {
        let index = self.chain.size();
        let good_end = self.end.filter(|(first, _)| *first == line.place.first).map_or(0, |(_, end)| end);
        let length = rest.end.unwrap_or(written_to(line)).saturating_sub(good_end);
        let may_be_torn = matches!(bad.kind, BadKind::Unreadable | BadKind::Early);
        let torn = may_be_torn && Some(line.place.first) == last && length <= TORN_BYTES_MAX;
        if torn {
            self.end = Some((line.place.first, good_end));
        }
        let head = head.filter(|head| head.size == index + 1);
        let cited = rest.cites.or_else(|| head.map(|head| head.leaf.to_string()));
        Broken { fault: blame(line, index, bad, before, cited), torn }
    }

    /// An empty last segment: it must carry the right name too.
    fn close(&mut self, layout: &Layout, last: Option<u64>) {
        let Some(first) = last.filter(|last| self.end.is_none_or(|(first, _)| first != *last)) else {
            return;
        };
        let index = self.chain.size();
        if first == index {
            self.begun = None;
            self.end = Some((first, 0));
            return;
        }
        let why = format!("the segment is named for record {first} where {index} must follow");
        let fault = Fault { segment: layout.segment(first), line: 1, index, offset: 0, why };
        self.broken = Some(Broken { fault, torn: false });
    }
}

fn check(walk: &mut Scan, block: &Block, cut: &Cut, alone: &Alone) -> Result<Good, Bad> {
    let (first, size) = (block.place.first, walk.chain.size());
    if walk.end.is_none_or(|(segment, _)| segment != first) && first != size {
        let why = format!("the segment begins with record {first} where {size} must follow");
        return Err(Bad { kind: BadKind::Wrong, why });
    }
    if !cut.complete {
        return Err(Bad { kind: BadKind::Unreadable, why: "the line has no end".to_owned() });
    }
    let line = block.bytes_of(cut);
    let good = line::check(&mut walk.chain, &mut walk.keys, line, alone)?;
    if size == 0 && good.kind != Kind::Key {
        let why = "a log begins with its key, and this is another record".to_owned();
        return Err(Bad { kind: BadKind::Wrong, why });
    }
    if good.kind == Kind::Roll || walk.rolled.is_none() {
        walk.rolled = Some(good.time);
    }
    if good.kind == Kind::Pruning
        && let Some(base) = &mut walk.base
    {
        let named = base::named(line);
        base.named |= named.is_some_and(|(digest, size)| digest == base.digest && size == base.base.size);
    }
    let is_first = walk.end.is_none_or(|(segment, _)| segment != first);
    walk.begun = walk.begun.filter(|_| !is_first).or(Some(good.time));
    let length = line.len() as u64 + 1;
    walk.bytes += length;
    walk.end = Some((first, block.place.offset + cut.range.start as u64 + length));
    Ok(good)
}

/// What comes behind a bad line.
struct Rest {
    /// What the next readable record says its predecessor was.
    cites: Option<String>,
    /// Where the last line of the log ends, in its segment.
    end: Option<u64>,
}

impl Rest {
    fn of(block: &Block, lines: &[(Cut, Alone)], blocks: &mut Ahead<'_, '_>) -> io::Result<Self> {
        let mut rest = Self { cites: None, end: None };
        rest.look(block, lines);
        for next in blocks {
            match next {
                // There is a fault already, and it is before this one.
                Err(error) if error.kind() == io::ErrorKind::InvalidData => break,
                next => next.map(|Inspected { block, lines, .. }| rest.look(&block, &lines))?,
            }
        }
        Ok(rest)
    }

    fn look(&mut self, block: &Block, lines: &[(Cut, Alone)]) {
        for (cut, _) in lines {
            let bytes = block.bytes_of(cut);
            if !is_zeros(bytes) {
                self.end = Some(block.place.offset + cut.range.end as u64);
            }
            if self.cites.is_none()
                && let Ok(fields) = serde_json::from_slice::<Fields<'_>>(bytes)
            {
                self.cites = Some(fields.prev.into_owned());
            }
        }
    }
}

/// A bad line, and where it stands.
struct Line {
    place: LinePlace,
    bytes: Vec<u8>,
}

/// Where the line ends, if it is more than the zeros that some file systems leave after a power cut.
fn written_to(line: &Line) -> u64 {
    line.place.offset + if is_zeros(&line.bytes) { 0 } else { line.bytes.len() as u64 }
}

/// A compressed segment that does not decompress.
fn unreadable(place: Option<&LinePlace>, walk: &Scan, error: &io::Error) -> io::Result<Broken> {
    let place = place.ok_or_else(|| io::Error::other(error.to_string()))?;
    let fault = Fault {
        segment: place.path.to_path_buf(),
        line: place.number,
        index: walk.chain.size(),
        offset: place.offset,
        why: error.to_string(),
    };
    Ok(Broken { fault, torn: false })
}

fn is_zeros(line: &[u8]) -> bool {
    line.iter().all(|byte| *byte == 0)
}

/// A record that does not cite its predecessor is innocent if its own successor, or
/// the head, cites it: then the
/// predecessor was changed after it was cited.
fn blame(line: &Line, index: u64, bad: Bad, before: Option<LinePlace>, cited: Option<String>) -> Fault {
    let innocent = cited == Some(LeafHash::of(&line.bytes).to_string());
    match before {
        Some(before) if bad.kind == BadKind::Unlinked && innocent => Fault {
            segment: before.path.to_path_buf(),
            line: before.number,
            index: index - 1,
            offset: before.offset,
            why: "the record was changed after the next one had cited it".to_owned(),
        },
        _ => Fault {
            segment: line.place.path.to_path_buf(),
            line: line.place.number,
            index,
            offset: line.place.offset,
            why: bad.why,
        },
    }
}
