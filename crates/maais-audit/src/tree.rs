//! The Merkle tree of RFC 6962 over the records' leaf hashes: its root is one hash for the whole log.
//!
//! Kept as a compact range: one hash for each perfect subtree, at most 64, so that a record costs one or two
//! hashes and the tree no memory. Proofs need more and are made by `proof`.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};

use crate::leaf::LeafHash;

/// The root of a tree; shown in base64, as checkpoints spell it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RootHash([u8; 32]);

impl RootHash {
    /// The hash itself.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<[u8; 32]> for RootHash {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for RootHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64.encode(self.0))
    }
}

impl fmt::Debug for RootHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RootHash({self})")
    }
}

impl Serialize for RootHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// SHA-256(0x01 ‖ left ‖ right).
pub(crate) fn node(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update([1]);
    hasher.update(left);
    hasher.update(right);
    hasher.finalize().into()
}

/// A tree that grows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tree {
    size: u64,
    /// The perfect subtrees, largest first: one for each bit of `size`.
    subtrees: Vec<[u8; 32]>,
}

impl Tree {
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// The perfect subtrees, largest first.
    pub(crate) fn subtrees(&self) -> &[[u8; 32]] {
        &self.subtrees
    }

    /// The tree of this size with these subtrees, if that is how many it has.
    pub(crate) fn restore(size: u64, subtrees: Vec<[u8; 32]>) -> Option<Self> {
        (subtrees.len() as u64 == u64::from(size.count_ones())).then_some(Self { size, subtrees })
    }

    pub(crate) fn push(&mut self, leaf: LeafHash) {
        let mut hash = *leaf.as_bytes();
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.subtrees.pop() {
                hash = node(&left, &hash);
            }
        }
        self.subtrees.push(hash);
        self.size += 1;
    }

    pub(crate) fn root(&self) -> RootHash {
        let root = self.subtrees.iter().rev().copied().reduce(|right, left| node(&left, &right));
        RootHash(root.unwrap_or_else(|| Sha256::digest([]).into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition in RFC 6962, section 2.1.
    fn by_the_book(leaves: &[LeafHash]) -> [u8; 32] {
        match leaves {
            [] => Sha256::digest([]).into(),
            [one] => *one.as_bytes(),
            many => {
                let (left, right) = many.split_at(many.len().next_power_of_two() / 2);
                node(&by_the_book(left), &by_the_book(right))
            }
        }
    }

    #[test]
    fn the_root_is_that_of_rfc_6962_at_every_size() {
        let leaves: Vec<_> = (0..300_u32).map(|n| LeafHash::of(&n.to_le_bytes())).collect();
        let mut tree = Tree::default();
        for size in 0..=leaves.len() {
            assert_eq!(tree.root().as_bytes(), &by_the_book(&leaves[..size]), "{size}");
            assert_eq!(tree.size(), size as u64);
            leaves.get(size).into_iter().for_each(|leaf| tree.push(*leaf));
        }
    }

    #[test]
    fn the_empty_tree_has_the_hash_of_nothing() {
        assert_eq!(Tree::default().root().to_string(), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
    }
}
