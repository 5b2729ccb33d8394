//! One walk over a whole log: recovery and verification see the same chain and name the same fault.
//!
//! Says what is there; what follows from it (cut, refuse, report) is for the caller.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;

use crate::chain::Chain;
use crate::head::Head;
use crate::layout::Layout;
use crate::leaf::LeafHash;
use crate::line::{self, Bad, BadKind, Depth, Fields, Good};
use crate::segment::{Line, LinePlace, Lines};

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
    /// Bytes of the good records, with their newlines.
    pub(crate) bytes: u64,
    /// The last segment: its first index, and where its good records end.
    pub(crate) end: Option<(u64, u64)>,
    /// What ended the walk early.
    pub(crate) broken: Option<Broken>,
}

/// The end of the good records, before the end of the log.
#[derive(Debug)]
pub(crate) struct Broken {
    pub(crate) fault: Fault,
    /// Not written to its end, and nothing readable behind it: what a power cut leaves.
    pub(crate) torn: bool,
}

/// Walks over the log, shows each good record to `visit`, and stops at the first that is not.
pub(crate) fn scan(
    layout: &Layout,
    origin: Arc<str>,
    head: Option<&Head>,
    depth: Depth,
    visit: &mut dyn FnMut(&Line, u64, Good),
) -> io::Result<Scan> {
    let segments = layout.segments()?;
    let last = segments.last().map(|(first, _)| *first);
    let mut walk = Scan { chain: Chain::new(origin), bytes: 0, end: None, broken: None };
    let mut lines = Lines::new(segments);
    let mut before: Option<LinePlace> = None;
    while let Some(line) = lines.next().transpose()? {
        let index = walk.chain.size();
        match check(&mut walk, &line, depth) {
            Ok(good) => visit(&line, index, good),
            Err(bad) => {
                let next = next_cites(&mut lines)?;
                let is_last = next.is_none() && Some(line.place.first) == last;
                let torn = bad.kind == BadKind::Unreadable && is_last;
                let cited = next
                    .or_else(|| head.filter(|head| head.size == index + 1).map(|head| head.leaf.to_string()));
                walk.broken = Some(Broken { fault: blame(&line, index, bad, before, cited), torn });
                return Ok(walk);
            }
        }
        before = Some(line.place);
    }
    walk.close(layout, last);
    Ok(walk)
}

impl Scan {
    /// An empty last segment: it must carry the right name too.
    fn close(&mut self, layout: &Layout, last: Option<u64>) {
        let Some(first) = last.filter(|last| self.end.is_none_or(|(first, _)| first != *last)) else {
            return;
        };
        let index = self.chain.size();
        if first == index {
            self.end = Some((first, 0));
            return;
        }
        let why = format!("the segment is named for record {first} where {index} must follow");
        let fault = Fault { segment: layout.segment(first), line: 1, index, offset: 0, why };
        self.broken = Some(Broken { fault, torn: false });
    }
}

fn check(walk: &mut Scan, line: &Line, depth: Depth) -> Result<Good, Bad> {
    let (first, size) = (line.place.first, walk.chain.size());
    if walk.end.is_none_or(|(segment, _)| segment != first) && first != size {
        let why = format!("the segment begins with record {first} where {size} must follow");
        return Err(Bad { kind: BadKind::Wrong, why });
    }
    if !line.complete {
        return Err(Bad { kind: BadKind::Unreadable, why: "the line has no end".to_owned() });
    }
    let good = line::check(&mut walk.chain, &line.bytes, depth)?;
    let length = line.bytes.len() as u64 + 1;
    walk.bytes += length;
    walk.end = Some((first, line.place.offset + length));
    Ok(good)
}

/// What the next readable record behind a bad line says its predecessor was.
fn next_cites(lines: &mut Lines) -> io::Result<Option<String>> {
    for line in lines {
        let line = line?;
        if let Ok(fields) = serde_json::from_slice::<Fields<'_>>(&line.bytes) {
            return Ok(Some(fields.prev.into_owned()));
        }
    }
    Ok(None)
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
