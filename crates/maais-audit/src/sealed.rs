//! Whether the values behind the commitments of a log are there, were erased in good order, or are missing.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::entry::Kind;
use crate::layout::Layout;
use crate::scan::Shown;
use crate::seal::{Stored, Unsealed, markers, open};
use crate::verify::Verdict;

/// Places that are named in a report.
const NAMED_MAX: usize = 5;

/// How many sealed values of a log are there, and what became of the others.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct SealedCount {
    /// They are there, and they are what was committed to.
    pub present: u64,
    /// A redaction record says that they were erased.
    pub redacted: u64,
    /// They are gone, and no record says why.
    pub missing: u64,
    /// They are there, and they are something else.
    pub changed: u64,
    /// They are gone from records that were not yet on the disk when their callers got their answer: a power cut may
    /// take these.
    pub lost: u64,
}

/// What the walk over the records finds.
pub(crate) struct SealedWalk {
    layout: Layout,
    available: bool,
    /// The sidecar of the segment that the walk is in.
    sidecar: Option<(u64, PathBuf, HashMap<String, Stored>)>,
    count: SealedCount,
    /// Records with values that are gone, how many, and whether they were buffered.
    gone: Vec<(u64, u64, bool)>,
    erased: Vec<(u64, u64)>,
    changed: Vec<u64>,
}

impl SealedWalk {
    pub(crate) fn new(layout: &Layout) -> Self {
        Self {
            available: layout.private_dir().is_dir(),
            layout: layout.clone(),
            sidecar: None,
            count: SealedCount::default(),
            gone: Vec::new(),
            erased: Vec::new(),
            changed: Vec::new(),
        }
    }

    /// Looks at one record.
    pub(crate) fn look(&mut self, shown: &Shown<'_>, index: u64, kind: Kind) {
        let Shown { first, bytes: line, sealed } = *shown;
        if !self.available || !(sealed || kind == Kind::Redaction) {
            return;
        }
        if kind == Kind::Redaction {
            self.erased.extend(ranges(line));
        }
        let mut gone = 0;
        for digest in markers(line) {
            match self.state(first, digest) {
                Some(Unsealed::Present(_)) => self.count.present += 1,
                Some(_) => gone += 1,
                None => {
                    self.count.changed += 1;
                    self.changed.push(index);
                }
            }
        }
        if gone > 0 {
            let buffered = serde_json::from_slice::<Value>(line)
                .is_ok_and(|value| value.get("_mode").and_then(Value::as_str) == Some("buffered"));
            self.gone.push((index, gone, buffered));
        }
    }

    /// What has become of a value; nothing if it is not what was committed to.
    fn state(&mut self, first: u64, digest: &str) -> Option<Unsealed> {
        if self.sidecar.as_ref().is_none_or(|(number, ..)| *number != first) {
            let path = self.layout.sidecar(first);
            let mut values = HashMap::new();
            drop(each_stored(&path, |_, stored| drop(values.insert(stored.digest.clone(), stored))));
            self.sidecar = Some((first, path, values));
        }
        let (_, path, values) = self.sidecar.as_ref()?;
        match values.get(digest) {
            None => Some(Unsealed::Unknown),
            Some(stored) => open(&self.layout, path, stored).ok(),
        }
    }

    /// The verdict, when all records were looked at.
    pub(crate) fn verdict(mut self) -> (Verdict, SealedCount) {
        if !self.available {
            let why = "the folder with the sealed values is not here".to_owned();
            return (Verdict::Unknown(why), self.count);
        }
        let mut missing = Vec::new();
        for (index, values, buffered) in &self.gone {
            if self.erased.iter().any(|(from, to)| (from..=to).contains(&index)) {
                self.count.redacted += values;
            } else if *buffered {
                self.count.lost += values;
            } else {
                self.count.missing += values;
                missing.push(*index);
            }
        }
        let SealedCount { present, redacted, missing: gone, changed, lost } = self.count;
        let mut why = format!("{present} sealed values are present, {redacted} were redacted on record");
        if lost > 0 {
            why += &format!(", {lost} of buffered records are gone, as after a power cut");
        }
        if gone > 0 {
            why += &format!(", {gone} are missing without a record, of {}", named(&missing));
        }
        if changed > 0 {
            why += &format!(", {changed} were changed, of {}", named(&self.changed));
        }
        let verdict = if gone + changed > 0 { Verdict::Fails(why) } else { Verdict::Holds(why) };
        (verdict, self.count)
    }
}

/// The record ranges that a redaction record names.
fn ranges(line: &[u8]) -> Vec<(u64, u64)> {
    #[derive(Deserialize)]
    struct Body {
        ranges: Vec<(u64, u64)>,
    }
    serde_json::from_slice::<Body>(line).map(|body| body.ranges).unwrap_or_default()
}

/// Every value of a sidecar, and where its box begins in the file. Lines that are none are passed over.
pub(crate) fn each_stored(path: &Path, mut see: impl FnMut(u64, Stored)) -> io::Result<()> {
    let text = fs::read(path)?;
    let mut at = 0_u64;
    for line in text.split(|byte| *byte == b'\n') {
        if let Ok(stored) = serde_json::from_slice::<Stored>(line) {
            let name = b"\"box\":\"";
            let place = line.windows(name.len()).rposition(|window| window == name);
            see(at + place.map_or(0, |place| place + name.len()) as u64, stored);
        }
        at += line.len() as u64 + 1;
    }
    Ok(())
}

fn named(records: &[u64]) -> String {
    let shown: Vec<String> = records.iter().take(NAMED_MAX).map(|index| format!("record {index}")).collect();
    let more = if records.len() > NAMED_MAX { ", …" } else { "" };
    shown.join(", ") + more
}
