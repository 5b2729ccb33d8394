//! Proofs from the Merkle tree (RFC 6962, section 2.1): that a record is in a log, and that a log of today
//! continues the log of yesterday.
//!
//! Making a proof reads the log once and believes it: a wrong proof does not check. Checking one needs
//! neither the log nor this crate's other parts.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::base::{self, Base};
use crate::head::Head;
use crate::layout::Layout;
use crate::leaf::LeafHash;
use crate::note::{Checkpoint, NoteError, Vkey};
use crate::segment::Lines;
use crate::tree::{RootHash, Tree, node};

/// The first line of a proof's text.
const PROOF_V1: &str = "c2sp.org/tlog-proof@v1";

/// A proof that a record is in a log. Its text is C2SP's `tlog-proof`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// Which record, counted from 0.
    pub index: u64,
    /// From the record's sibling up to the root's child.
    pub path: Vec<[u8; 32]>,
    /// The signed checkpoint of the tree.
    pub checkpoint: String,
}

/// Why there is no proof.
#[derive(Debug, thiserror::Error)]
pub enum ProveError {
    /// A file could not be read or written.
    #[error("cannot use `{}`: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The log has no signed head to prove against.
    #[error("the log `{}` has no signed head; verify it", dir.display())]
    NoHead {
        /// The log.
        dir: PathBuf,
    },
    /// The record, or the size, is beyond the log's head.
    #[error("the log `{}` has {size} records; {wanted} is beyond them", dir.display())]
    Beyond {
        /// The log.
        dir: PathBuf,
        /// How long it is.
        size: u64,
        /// What was asked for.
        wanted: u64,
    },
}

/// Why a proof does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The text is no proof.
    #[error("not a proof: {why}")]
    Form {
        /// What is wrong.
        why: &'static str,
    },
    /// Its checkpoint is not what it must be.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The keys do not lead to one another.
    #[error("the key record {index} does not follow: {why}")]
    Keys {
        /// Which record of the log.
        index: u64,
        /// What is wrong.
        why: String,
    },
    /// The hashes do not lead to the root.
    #[error("the hashes do not lead to the root: it proves something else")]
    Wrong,
}

/// Proves that record `index` is in the log whose folder is given, against its newest checkpoint.
pub fn prove(log_dir: &Path, index: u64) -> Result<Proof, ProveError> {
    let newest = newest(log_dir)?;
    newest.reaches(index, index.saturating_add(1))?;
    let leaves = leaves(&newest.layout, newest.checkpoint.size)?;
    Ok(Proof { index, path: Levels::new(leaves).inclusion(to_usize(index)), checkpoint: newest.note })
}

/// The hashes that show that the first `old` records of a log are the same in its newest checkpoint, which
/// comes with them.
pub fn prove_continuity(log_dir: &Path, old: u64) -> Result<(Vec<[u8; 32]>, String), ProveError> {
    let newest = newest(log_dir)?;
    newest.reaches(old, old)?;
    let leaves = leaves(&newest.layout, newest.checkpoint.size)?;
    Ok((Levels::new(leaves).consistency(to_usize(old), to_usize(newest.checkpoint.size)), newest.note))
}

impl Proof {
    /// Checks that this `line` is that record, in a log that `key` signs for.
    pub fn check(&self, line: &[u8], key: &Vkey) -> Result<Checkpoint, ProofError> {
        let checkpoint = Checkpoint::open(&self.checkpoint, key)?;
        check_inclusion(LeafHash::of(line), self.index, checkpoint.size, checkpoint.root, &self.path)?;
        Ok(checkpoint)
    }

    /// Reads a proof's text.
    pub fn parse(text: &str) -> Result<Self, ProofError> {
        let form = |why| ProofError::Form { why };
        let rest = text.strip_prefix(PROOF_V1).and_then(|rest| rest.strip_prefix('\n'));
        let rest = rest.ok_or(form("the first line names another format"))?;
        let (head, checkpoint) = rest.split_once("\n\n").ok_or(form("there is no checkpoint"))?;
        let mut lines = head.lines().skip_while(|line| line.starts_with("extra ")).peekable();
        let index = lines.next().and_then(|line| line.strip_prefix("index "));
        let index = index.and_then(|text| text.parse().ok().filter(|n: &u64| n.to_string() == text));
        let hash = |line: &str| BASE64.decode(line).ok().and_then(|bytes| bytes.try_into().ok());
        Ok(Self {
            index: index.ok_or(form("there is no index"))?,
            path: lines.map(hash).collect::<Option<_>>().ok_or(form("a line is no hash"))?,
            checkpoint: checkpoint.to_owned(),
        })
    }
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{PROOF_V1}\nindex {}", self.index)?;
        for hash in &self.path {
            writeln!(f, "{}", BASE64.encode(hash))?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}

/// Whether these hashes show that a leaf is in the tree with this size and root (RFC 9162, 2.1.3.2).
pub fn check_inclusion(
    leaf: LeafHash,
    index: u64,
    size: u64,
    root: RootHash,
    path: &[[u8; 32]],
) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::Wrong);
    }
    let (mut at, mut last, mut hash) = (index, size - 1, *leaf.as_bytes());
    for sibling in path {
        if last == 0 {
            return Err(ProofError::Wrong);
        }
        if at % 2 == 1 || at == last {
            hash = node(sibling, &hash);
            (at, last) = skip_lone(at, last);
        } else {
            hash = node(&hash, sibling);
        }
        (at, last) = (at / 2, last / 2);
    }
    if last == 0 && hash == *root.as_bytes() { Ok(()) } else { Err(ProofError::Wrong) }
}

/// Whether these hashes show that the newer tree continues the older one (RFC 9162, 2.1.4.2).
pub fn check_continuity(old: &Checkpoint, new: &Checkpoint, path: &[[u8; 32]]) -> Result<(), ProofError> {
    let check = |holds: bool| if holds { Ok(()) } else { Err(ProofError::Wrong) };
    if old.size == new.size || old.size == 0 {
        let is_empty = old.size == 0 && old.root == Tree::default().root();
        return check(path.is_empty() && (is_empty || old.size > 0 && old.root == new.root));
    }
    check(old.size < new.size)?;
    let shift = old.size.trailing_zeros();
    let (mut at, mut last) = ((old.size - 1) >> shift, (new.size - 1) >> shift);
    let mut path = path.iter();
    let first = if old.size.is_power_of_two() { Some(old.root.as_bytes()) } else { path.next() };
    let (mut old_hash, mut new_hash) = first.map(|hash| (*hash, *hash)).ok_or(ProofError::Wrong)?;
    for sibling in path {
        check(last != 0)?;
        if at % 2 == 1 || at == last {
            old_hash = node(sibling, &old_hash);
            new_hash = node(sibling, &new_hash);
            (at, last) = skip_lone(at, last);
        } else {
            new_hash = node(&new_hash, sibling);
        }
        (at, last) = (at / 2, last / 2);
    }
    check(last == 0 && old_hash == *old.root.as_bytes() && new_hash == *new.root.as_bytes())
}

/// Skips the levels at which a last node has no sibling.
fn skip_lone(at: u64, last: u64) -> (u64, u64) {
    let levels = if at % 2 == 1 || at == 0 { 0 } else { at.trailing_zeros() };
    (at >> levels, last >> levels)
}

/// All perfect subtrees of a tree: proofs are looked up.
pub(crate) struct Levels(Vec<Vec<[u8; 32]>>);

impl Levels {
    pub(crate) fn new(leaves: Vec<[u8; 32]>) -> Self {
        let mut levels = vec![leaves];
        while let Some(level) = levels.last().filter(|level| level.len() > 1) {
            let (pairs, _) = level.as_chunks::<2>();
            levels.push(pairs.iter().map(|[left, right]| node(left, right)).collect());
        }
        Self(levels)
    }

    fn size(&self) -> usize {
        self.0.first().map_or(0, Vec::len)
    }

    /// The audit path of RFC 6962, 2.1.1, from the leaf up.
    pub(crate) fn inclusion(&self, index: usize) -> Vec<[u8; 32]> {
        let (mut path, mut begin, mut end) = (Vec::new(), 0, self.size());
        while end - begin > 1 {
            let middle = middle(begin, end);
            if index < middle {
                path.push(self.root(middle, end));
                end = middle;
            } else {
                path.push(self.root(begin, middle));
                begin = middle;
            }
        }
        path.reverse();
        path
    }

    /// The consistency proof of RFC 6962, 2.1.2, between two sizes up to that of the tree; from the bottom up.
    pub(crate) fn consistency(&self, old: usize, new: usize) -> Vec<[u8; 32]> {
        if old == 0 || old >= new || new > self.size() {
            return Vec::new();
        }
        let (mut path, mut begin, mut end) = (Vec::new(), 0, new);
        while end != old {
            let middle = middle(begin, end);
            if old <= middle {
                path.push(self.root(middle, end));
                end = middle;
            } else {
                path.push(self.root(begin, middle));
                begin = middle;
            }
        }
        // Where the old tree is the left subtree, the verifier has its root.
        if begin > 0 {
            path.push(self.root(begin, end));
        }
        path.reverse();
        path
    }

    /// The root over some leaves, as RFC 6962 splits them.
    fn root(&self, begin: usize, end: usize) -> [u8; 32] {
        let size = end - begin;
        if !size.is_power_of_two() {
            let middle = middle(begin, end);
            return node(&self.root(begin, middle), &self.root(middle, end));
        }
        let level = size.ilog2();
        let hash = self.0.get(level as usize).and_then(|level_| level_.get(begin >> level));
        hash.copied().unwrap_or_default()
    }
}

/// The split at the largest power of two below the length.
fn middle(begin: usize, end: usize) -> usize {
    begin + (end - begin).next_power_of_two() / 2
}

pub(crate) fn root(leaves: &[[u8; 32]]) -> [u8; 32] {
    let mut tree = Tree::default();
    leaves.iter().for_each(|leaf| tree.push((*leaf).into()));
    *tree.root().as_bytes()
}

/// The newest checkpoint: the head's, or, where heads are kept elsewhere, the published one.
pub(crate) fn newest(log_dir: &Path) -> Result<Newest, ProveError> {
    let no_head = || ProveError::NoHead { dir: log_dir.to_owned() };
    let layout = Layout::find(log_dir, None).map_err(failed(log_dir))?.into_iter().next();
    newest_of(layout.ok_or_else(no_head)?)
}

/// The newest checkpoint of the log that is there.
pub(crate) fn newest_of(layout: Layout) -> Result<Newest, ProveError> {
    let no_head = || ProveError::NoHead { dir: layout.dir.clone() };
    let head = Head::read(&layout.head).map_err(failed(&layout.head))?;
    let note = match head.and_then(|head| head.checkpoint) {
        Some(note) => note,
        None => fs::read_to_string(layout.checkpoint()).map_err(|_| no_head())?,
    };
    let checkpoint = Checkpoint::parse(&note).map_err(|_| no_head())?;
    Ok(Newest { layout, checkpoint, note })
}

pub(crate) struct Newest {
    pub(crate) layout: Layout,
    pub(crate) checkpoint: Checkpoint,
    pub(crate) note: String,
}

impl Newest {
    fn reaches(&self, wanted: u64, end: u64) -> Result<(), ProveError> {
        let size = self.checkpoint.size;
        if end <= size {
            Ok(())
        } else {
            Err(ProveError::Beyond { dir: self.layout.dir.clone(), size, wanted })
        }
    }
}

pub(crate) fn leaves(layout: &Layout, size: u64) -> Result<Vec<[u8; 32]>, ProveError> {
    let mut leaves = pruned_leaves(layout, size)?;
    for_each_line(layout, size, |_, line| {
        leaves.push(*LeafHash::of(line).as_bytes());
        Ok(())
    })?;
    Ok(leaves)
}

/// Those of the records that were pruned, of the first `size`.
pub(crate) fn pruned_leaves(layout: &Layout, size: u64) -> Result<Vec<[u8; 32]>, ProveError> {
    let pruned = pruned(layout)?.min(size);
    let mut leaves = Vec::new();
    let mut keep = |_, leaf: LeafHash| {
        leaves.push(*leaf.as_bytes());
        Ok(())
    };
    base::each_hash(layout, pruned, &mut keep).map_err(failed(&layout.pruned_dir()))?;
    Ok(leaves)
}

/// What the log stands on, if records were pruned.
pub(crate) fn standing_on(layout: &Layout) -> Result<Option<Base>, ProveError> {
    let Some(found) = base::read(layout).map_err(failed(&layout.dir))? else { return Ok(None) };
    let base = found.base.map_err(io::Error::other);
    base.map(Some).map_err(failed(&found.path))
}

/// How many records were pruned.
pub(crate) fn pruned(layout: &Layout) -> Result<u64, ProveError> {
    let bases = layout.bases().map_err(failed(&layout.dir))?;
    Ok(bases.last().map_or(0, |(size, _)| *size))
}

/// Shows those of the first `size` lines of a log that were not pruned, each with its index.
pub(crate) fn for_each_line(
    layout: &Layout,
    size: u64,
    mut show: impl FnMut(u64, &[u8]) -> Result<(), ProveError>,
) -> Result<(), ProveError> {
    let mut lines = Lines::new(layout.segments().map_err(failed(&layout.dir))?);
    for index in pruned(layout)?..size {
        match lines.next() {
            Some(line) => show(index, &line.map_err(failed(&layout.dir))?.bytes)?,
            None => return Err(ProveError::Beyond { dir: layout.dir.clone(), size: index, wanted: size }),
        }
    }
    Ok(())
}

/// An index into what is in memory.
fn to_usize(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

pub(crate) fn failed(path: &Path) -> impl FnOnce(io::Error) -> ProveError {
    move |source| ProveError::Io { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(count: usize) -> Vec<[u8; 32]> {
        (0..count).map(|n| *LeafHash::of(&n.to_le_bytes()).as_bytes()).collect()
    }

    fn checkpoint(leaves: &[[u8; 32]]) -> Checkpoint {
        let size = leaves.len() as u64;
        Checkpoint { origin: "o".into(), size, root: root(leaves).into(), extensions: Vec::new() }
    }

    #[test]
    fn every_record_of_every_small_tree_can_be_proved_and_nothing_else() {
        for size in 1..40 {
            let leaves = leaves(size);
            let tree = checkpoint(&leaves);
            for index in 0..size {
                let path = Levels::new(leaves.clone()).inclusion(index);
                let check = |leaf: usize, index: usize, path: &[[u8; 32]]| {
                    check_inclusion(leaves[leaf].into(), index as u64, tree.size, tree.root, path)
                };
                assert_eq!(check(index, index, &path), Ok(()), "{index} of {size}");
                let other = (index + 1) % size;
                assert_eq!(check(other, index, &path).is_ok(), other == index);
                assert_eq!(check(index, other, &path).is_ok(), other == index);
                assert!(check(index, size, &path).is_err());
                assert!(check(index, index, &[path.as_slice(), &[[0; 32]]].concat()).is_err());
                assert!(path.is_empty() || check(index, index, &path[1..]).is_err());
            }
        }
    }

    #[test]
    fn every_small_tree_continues_every_smaller_one_and_no_other() {
        let larger = Levels::new(leaves(45));
        for size in 0..40 {
            let new = checkpoint(&leaves(size));
            for old_size in 0..=size {
                let old = checkpoint(&leaves(old_size));
                let path = larger.consistency(old_size, size);
                assert_eq!(check_continuity(&old, &new, &path), Ok(()), "{old_size} to {size}");
                let forged = Checkpoint { root: [1; 32].into(), ..old.clone() };
                assert!(check_continuity(&forged, &new, &path).is_err(), "{old_size} to {size}");
                let forged = Checkpoint { root: [1; 32].into(), ..new.clone() };
                assert!(old_size == 0 || check_continuity(&old, &forged, &path).is_err());
                assert!(check_continuity(&old, &new, &[path.as_slice(), &[[0; 32]]].concat()).is_err());
                assert!(old_size == size || check_continuity(&new, &old, &path).is_err());
            }
        }
    }
}
