//! Checkpoints that are compared with a log: what its head, its history and people outside remember of it.
//!
//! Collects and compares; which verdict follows is `verify`'s.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use crate::head::Head;
use crate::keys::Keyring;
use crate::layout::Layout;
use crate::note::Checkpoint;
use crate::tree::{RootHash, Tree};

/// Who remembers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    Head,
    History,
    Outside,
}

/// The checkpoints of one log, and what became of them.
#[derive(Debug, Default)]
pub(crate) struct Remembered {
    by_size: BTreeMap<u64, Vec<(Source, RootHash, String)>>,
    matched: Vec<Source>,
    faults: Vec<(Source, String)>,
}

impl Remembered {
    /// What is remembered of the log `origin`.
    pub(crate) fn collect(
        layout: &Layout,
        origin: &str,
        head: Option<&Head>,
        outside: &[String],
    ) -> io::Result<Self> {
        let mut all = Self::default();
        match head.and_then(|head| head.checkpoint.as_ref().map(|note| (head, note))) {
            Some((head, note)) => all.add_head(head, note, origin),
            None if head.is_some_and(|head| head.size > 0) => {
                all.faults.push((Source::Head, "the head is not signed".to_owned()));
            }
            None => {}
        }
        // A power cut may have torn it: then it says nothing.
        let published = fs::read_to_string(layout.checkpoint()).ok();
        let published = published.filter(|note| Checkpoint::parse(note).is_ok());
        for note in notes(&layout.checkpoints())?.into_iter().chain(published) {
            all.add(Source::History, &note, origin);
        }
        outside.iter().for_each(|note| all.add(Source::Outside, note, origin));
        Ok(all)
    }

    fn add_head(&mut self, head: &Head, note: &str, origin: &str) {
        if Checkpoint::parse(note).is_ok_and(|checkpoint| checkpoint.size != head.size) {
            self.faults.push((Source::Head, "the head's checkpoint is of another size".to_owned()));
        }
        self.add(Source::Head, note, origin);
    }

    fn add(&mut self, source: Source, note: &str, origin: &str) {
        match Checkpoint::parse(note) {
            // Of another log, and for that one's report.
            Ok(checkpoint) if checkpoint.origin != origin && source == Source::Outside => {}
            Ok(checkpoint) if checkpoint.origin != origin => {
                self.faults
                    .push((source, format!("it holds a checkpoint of the log `{}`", checkpoint.origin)));
            }
            Ok(checkpoint) => {
                let entry = (source, checkpoint.root, note.to_owned());
                self.by_size.entry(checkpoint.size).or_default().push(entry);
            }
            Err(error) => self.faults.push((source, error.to_string())),
        }
    }

    /// Compares what is remembered of this size.
    pub(crate) fn compare(&mut self, tree: &Tree, keys: &Keyring) {
        let size = tree.size();
        let Some(remembered) = self.by_size.remove(&size) else { return };
        let root = tree.root();
        for (source, expected, note) in remembered {
            let signed = keys.of_size(size).map(|key| Checkpoint::open(&note, key));
            match signed {
                _ if expected != root => {
                    self.faults
                        .push((source, format!("the first {size} records are others than it remembers")));
                }
                Some(Ok(_)) => self.matched.push(source),
                Some(Err(error)) => {
                    self.faults.push((source, format!("its checkpoint of {size} records: {error}")));
                }
                None => self.faults.push((source, format!("no key was in force at {size} records"))),
            }
        }
    }

    /// How many of this source agree, or the first that does not.
    pub(crate) fn agree(&self, source: Source) -> Result<usize, &str> {
        match self.faults.iter().find(|(from, _)| *from == source) {
            Some((_, why)) => Err(why),
            None => Ok(self.matched.iter().filter(|from| **from == source).count()),
        }
    }

    /// The largest size that this source remembers and the log does not have.
    pub(crate) fn beyond(&self, source: Source) -> Option<u64> {
        let of_source = self.by_size.iter().filter(|(_, all)| all.iter().any(|(from, ..)| *from == source));
        of_source.map(|(size, _)| *size).max().filter(|size| *size > 0)
    }
}

/// Signed notes, each a JSON text on a line, in a file; none if there is no file. A line that is no such text was torn
/// when it was written.
pub(crate) fn notes(path: &Path) -> io::Result<Vec<String>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        file => file?,
    };
    let lines: Result<Vec<_>, _> = BufReader::new(file).split(b'\n').collect();
    Ok(lines?.iter().filter_map(|line| serde_json::from_slice(line).ok()).collect())
}
