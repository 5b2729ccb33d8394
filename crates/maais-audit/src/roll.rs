//! The roll: one hash over where the chain of every tenant ends, written into the log now and then.
//!
//! It is what makes a tenant's extract complete up to a place: whoever shows that a record is the last one of
//! its tenant on a roll cannot have left out a later one before the roll. The tree over the roll is that of
//! RFC 6962, its leaves sorted by their hashes: where a tenant stands says nothing about the others.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::canonical::write_string;
use crate::leaf::LeafHash;
use crate::proof::{Levels, check_inclusion};
use crate::tree::{RootHash, Tree};

/// Where one tenant's chain ends, by hash; sorted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Roll(Vec<LeafHash>);

/// What a record says of a roll.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RollRoot {
    /// The root of the tree over it.
    roll: LeafHash,
    /// How many tenants are on it.
    tenants: u64,
}

/// Shows that a tenant is on a roll.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RollProof {
    pub(crate) path: Vec<LeafHash>,
    pub(crate) position: u64,
}

/// The hash of a tenant's end: of the canonical JSON `{"leaf":…,"seq":…,"tenant":…}`.
fn leaf(tenant: &str, seq: u64, last: LeafHash) -> LeafHash {
    let mut line = format!("{{\"leaf\":\"{last}\",\"seq\":{seq},\"tenant\":").into_bytes();
    write_string(tenant, &mut line);
    line.push(b'}');
    LeafHash::of(&line)
}

impl Roll {
    /// Of these tenants, each with the number and the leaf hash of its last record.
    pub(crate) fn of<'a>(ends: impl Iterator<Item = (&'a str, u64, LeafHash)>) -> Self {
        let mut leaves: Vec<_> = ends.map(|(tenant, seq, last)| leaf(tenant, seq, last)).collect();
        leaves.sort_unstable_by(|a, b| a.as_bytes().cmp(b.as_bytes()));
        Self(leaves)
    }

    /// What a record says of it.
    pub(crate) fn root(&self) -> RollRoot {
        let mut tree = Tree::default();
        self.0.iter().for_each(|leaf| tree.push(*leaf));
        RollRoot { roll: (*tree.root().as_bytes()).into(), tenants: self.0.len() as u64 }
    }

    /// Shows where a tenant stands, if it is on the roll with this end.
    pub(crate) fn prove(&self, tenant: &str, seq: u64, last: LeafHash) -> Option<RollProof> {
        let wanted = leaf(tenant, seq, last);
        let position = self.0.binary_search_by(|leaf| leaf.as_bytes().cmp(wanted.as_bytes())).ok()?;
        let levels = Levels::new(self.0.iter().map(|leaf| *leaf.as_bytes()).collect());
        let path = levels.inclusion(position).into_iter().map(LeafHash::from).collect();
        Some(RollProof { path, position: position as u64 })
    }
}

impl RollRoot {
    /// The root and the number in a record.
    pub(crate) fn read(line: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(line).map_err(|error| format!("it has no roll: {error}"))
    }

    /// The fields of a record.
    pub(crate) fn body(&self) -> Map<String, Value> {
        Map::from_iter([
            ("roll".to_owned(), Value::from(self.roll.to_string())),
            ("tenants".to_owned(), Value::from(self.tenants)),
        ])
    }

    /// Whether that is the end of the tenant's chain.
    pub(crate) fn check(&self, proof: &RollProof, tenant: &str, seq: u64, last: LeafHash) -> bool {
        let path: Vec<_> = proof.path.iter().map(|hash| *hash.as_bytes()).collect();
        let root = RootHash::from(*self.roll.as_bytes());
        check_inclusion(leaf(tenant, seq, last), proof.position, self.tenants, root, &path).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(count: u64) -> Vec<(String, u64, LeafHash)> {
        (0..count).map(|n| (format!("tenant \"{n}\""), n, LeafHash::of(&n.to_le_bytes()))).collect()
    }

    fn roll(ends: &[(String, u64, LeafHash)]) -> Roll {
        Roll::of(ends.iter().map(|(tenant, seq, last)| (tenant.as_str(), *seq, *last)))
    }

    #[test]
    fn everyone_on_a_roll_can_be_shown_and_nobody_else() {
        for count in 1..20 {
            let ends = ends(count);
            let (roll, root) = (roll(&ends), roll(&ends).root());
            for (tenant, seq, last) in &ends {
                let proof = roll.prove(tenant, *seq, *last).unwrap();
                assert!(root.check(&proof, tenant, *seq, *last));
                assert!(!root.check(&proof, tenant, seq + 1, *last));
                assert!(!root.check(&proof, "another", *seq, *last));
                assert!(!root.check(&proof, tenant, *seq, LeafHash::ZERO));
                assert_eq!(roll.prove(tenant, seq + 1, *last), None);
            }
        }
    }

    #[test]
    fn the_order_of_the_tenants_does_not_matter() {
        let mut ends = ends(9);
        let root = roll(&ends).root();
        ends.reverse();
        assert_eq!(roll(&ends).root(), root);
    }

    #[test]
    fn a_record_reads_back() {
        let root = roll(&ends(3)).root();
        let line = serde_json::to_vec(&root.body()).unwrap();
        assert_eq!(RollRoot::read(&line), Ok(root));
    }
}
