//! What a log stands on whose oldest records were pruned: the state after them, and their leaf hashes.
//!
//! The state is a file of its own that a record of the log names by its digest, so whoever changes it, or cuts
//! a log and makes one up, is found. The hashes keep the tree whole: proofs of the records that are left, and
//! the comparison with what others remember of those that are gone, need nothing else.

use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::chain::{Chain, Ends};
use crate::keys::{self, Keyring};
use crate::layout::Layout;
use crate::leaf::{LeafHash, to_hex};
use crate::tree::Tree;

const FORMAT: &str = "maais-base@v1";

/// Bytes of one hash.
const HASH_BYTES: usize = 32;

/// The state of a log after the records that were pruned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Base {
    /// Bytes of the pruned records.
    bytes: u64,
    /// Where the chains of tenants and sessions end.
    ends: Ends,
    format: String,
    /// The records that put keys in force: proofs and extracts need them.
    pub(crate) keys: Vec<KeyLine>,
    /// The last record's leaf hash.
    leaf: LeafHash,
    origin: String,
    /// The time of the last roll.
    rolled: Option<Timestamp>,
    /// How many records were pruned.
    pub(crate) size: u64,
    /// The perfect subtrees over them, largest first.
    subtrees: Vec<LeafHash>,
    /// The time of the first record of all, and of the last one that was pruned.
    pub(crate) times: (Timestamp, Timestamp),
}

/// A record that was kept, whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyLine {
    pub(crate) index: u64,
    pub(crate) line: String,
}

/// The state that a base gives back.
#[derive(Debug)]
pub(crate) struct Restored {
    pub(crate) chain: Chain,
    pub(crate) keys: Keyring,
    pub(crate) bytes: u64,
    pub(crate) rolled: Option<Timestamp>,
}

impl Base {
    pub(crate) fn new(
        chain: &Chain,
        keys: Vec<KeyLine>,
        bytes: u64,
        rolled: Option<Timestamp>,
        first: Timestamp,
    ) -> Self {
        Self {
            bytes,
            ends: chain.ends(),
            format: FORMAT.to_owned(),
            keys,
            leaf: chain.leaf(),
            origin: chain.origin().to_string(),
            rolled,
            size: chain.size(),
            subtrees: chain.tree().subtrees().iter().map(|hash| (*hash).into()).collect(),
            times: (first, chain.last_time()),
        }
    }

    /// The file's bytes, and their digest as the record names it.
    pub(crate) fn to_bytes(&self) -> io::Result<(Vec<u8>, String)> {
        let mut bytes = serde_json::to_vec(self)?;
        bytes.push(b'\n');
        let digest = digest(&bytes);
        Ok((bytes, digest))
    }

    /// The tree over the pruned records.
    pub(crate) fn tree(&self) -> Option<Tree> {
        Tree::restore(self.size, self.subtrees.iter().map(|hash| *hash.as_bytes()).collect())
    }

    /// The state to go on from, if the file makes sense.
    pub(crate) fn restore(&self, origin: &Arc<str>) -> Result<Restored, String> {
        if self.format != FORMAT || self.origin != **origin || self.size == 0 {
            return Err("it is of another log, or of another format".to_owned());
        }
        let tree = self.tree().ok_or("its subtrees are not those of its size")?;
        let keys = self.keyring()?;
        let chain = Chain::restore(origin.clone(), tree, self.leaf, self.times.1, &self.ends);
        let chain = chain.ok_or("its tenants or sessions are none")?;
        Ok(Restored { chain, keys, bytes: self.bytes, rolled: self.rolled })
    }

    fn keyring(&self) -> Result<Keyring, String> {
        let mut keys = Keyring::default();
        for KeyLine { index, line } in &self.keys {
            if *index >= self.size {
                return Err("it holds a key of a later record".to_owned());
            }
            keys.restore(line.as_bytes(), *index)?;
        }
        if keys.first().is_none() { Err("it holds no key".to_owned()) } else { Ok(keys) }
    }

    /// Where a tenant's chain ended.
    pub(crate) fn end_of(&self, tenant: &str) -> Option<(u64, LeafHash)> {
        self.ends.of_tenant(tenant)
    }

    /// Where the chains ended.
    pub(crate) fn ends(&self) -> &Ends {
        &self.ends
    }
}

/// The digest of the base that a record of a pruning names, and how many records that is.
pub(crate) fn named(line: &[u8]) -> Option<(String, u64)> {
    #[derive(Deserialize)]
    struct Body {
        base: String,
        records: u64,
    }
    serde_json::from_slice::<Body>(line).ok().map(|body| (body.base, body.records))
}

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", to_hex(&Sha256::digest(bytes)))
}

/// A base that was read.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) path: PathBuf,
    pub(crate) digest: String,
    /// Or why it is none.
    pub(crate) base: Result<Base, String>,
}

/// The base that a log stands on; `None` if nothing was pruned.
pub(crate) fn read(layout: &Layout) -> io::Result<Option<Found>> {
    match layout.bases()?.pop() {
        None => Ok(None),
        Some((size, path)) => read_from(path, size).map(Some),
    }
}

/// The base in a file that is named for `size`.
pub(crate) fn read_from(path: PathBuf, size: u64) -> io::Result<Found> {
    let bytes = fs::read(&path)?;
    let base = match serde_json::from_slice::<Base>(&bytes) {
        Ok(base) if base.size == size => Ok(base),
        Ok(base) => Err(format!("it is of {} records", base.size)),
        Err(error) => Err(error.to_string()),
    };
    Ok(Found { path, digest: digest(&bytes), base })
}

/// Goes once more over what is left of the pruned records, shows each hash with the tree up to it, and says what is
/// wrong with it, if anything is. Whether the log names the base is not looked at.
pub(crate) fn replay(
    layout: &Layout,
    base: &Base,
    mut see: impl FnMut(LeafHash, &Tree),
) -> io::Result<Result<(), String>> {
    let mut tree = Tree::default();
    let mut keys = base.keys.iter().peekable();
    let mut fault = Ok(());
    let walked = each_hash(layout, base.size, |index, leaf| {
        if let Some(key) = keys.next_if(|key| key.index == index)
            && fault.is_ok()
        {
            fault = key.check(leaf, &tree);
        }
        tree.push(leaf);
        see(leaf, &tree);
        Ok(())
    });
    match walked {
        Err(error) if error.kind() == io::ErrorKind::InvalidData => return Ok(Err(error.to_string())),
        walked => walked?,
    }
    if base.tree().as_ref() != Some(&tree) {
        fault = Err("the hashes of the pruned records are not those that were there".to_owned());
    }
    Ok(fault)
}

impl KeyLine {
    /// Whether it was this record, and hands over at this tree.
    fn check(&self, leaf: LeafHash, tree: &Tree) -> Result<(), String> {
        let handover = keys::handover_in(self.line.as_bytes());
        let is_it = LeafHash::of(self.line.as_bytes()) == leaf;
        match is_it && handover.is_some_and(|checkpoint| checkpoint.root == tree.root()) {
            true => Ok(()),
            false => Err(format!("the kept key record {} is not the one that was there", self.index)),
        }
    }
}

/// Shows the leaf hashes of the records that were pruned, `size` of them, in order.
pub(crate) fn each_hash(
    layout: &Layout,
    size: u64,
    mut show: impl FnMut(u64, LeafHash) -> io::Result<()>,
) -> io::Result<()> {
    let mut next = 0;
    for (first, path) in layout.hashes()? {
        if first != next || first >= size {
            break;
        }
        let mut file = BufReader::with_capacity(1 << 18, File::open(&path)?);
        let mut hash = [0; HASH_BYTES];
        while next < size && read_hash(&mut file, &mut hash)? {
            show(next, hash.into())?;
            next += 1;
        }
    }
    if next == size { Ok(()) } else { Err(lost(&layout.pruned_dir(), next, size)) }
}

fn read_hash(file: &mut impl Read, hash: &mut [u8; HASH_BYTES]) -> io::Result<bool> {
    match file.read_exact(hash) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

fn lost(dir: &Path, next: u64, size: u64) -> io::Error {
    let why = format!(
        "the hashes of {} of {size} pruned records are missing in `{}`; restore them from a backup",
        size - next,
        dir.display()
    );
    io::Error::new(io::ErrorKind::InvalidData, why)
}
