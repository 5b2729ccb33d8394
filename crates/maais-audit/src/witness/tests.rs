//! The law of a witness, whatever is asked in whatever order: what it cosigned is one history, and it grows.

use std::sync::Arc;

use proptest::prelude::*;

use super::{Refusal, Witness};
use crate::cosign::Cosigner;
use crate::leaf::LeafHash;
use crate::note::{Checkpoint, Skey};
use crate::proof::Levels;
use crate::storage::Disk;
use crate::submission::Submission;
use crate::tree::Tree;

/// Where the forks part, and how long they become.
const COMMON: usize = 9;
const LONGEST: usize = 24;

/// The leaves of one of two forks.
fn leaves(fork: bool) -> Vec<LeafHash> {
    (0..LONGEST).map(|n| LeafHash::of(&[u8::from(fork && n >= COMMON), n.to_le_bytes()[0]])).collect()
}

fn checkpoint(fork: bool, size: usize) -> Checkpoint {
    let mut tree = Tree::default();
    leaves(fork).into_iter().take(size).for_each(|leaf| tree.push(leaf));
    Checkpoint { origin: "o".into(), size: size as u64, root: tree.root(), extensions: Vec::new() }
}

fn submission(key: &Skey, fork: bool, old: usize, size: usize, spoil: bool) -> Submission {
    let hashes = leaves(fork).iter().map(|leaf| *leaf.as_bytes()).collect();
    let mut proof = Levels::new(hashes).consistency(old, size);
    if spoil {
        proof.reverse();
    }
    Submission { old: old as u64, proof, note: key.sign(&checkpoint(fork, size).text()) }
}

/// What somebody does.
#[derive(Debug, Clone)]
enum Act {
    /// Submits: which fork, from where (`None`: from where the witness is), to which size, with a wrong proof.
    Submit(bool, Option<usize>, usize, bool),
    /// The witness starts again.
    Restart,
}

fn act() -> impl Strategy<Value = Act> {
    let old = prop_oneof![3 => Just(None), 1 => (0..=LONGEST).prop_map(Some)];
    let submit = (any::<bool>(), old, 0..=LONGEST, prop::bool::weighted(0.2));
    prop_oneof![
        9 => submit.prop_map(|(fork, old, size, spoil)| Act::Submit(fork, old, size, spoil)),
        1 => Just(Act::Restart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_cosigned_is_one_history_that_grows(acts in prop::collection::vec(act(), 1..30)) {
        let dir = tempfile::tempdir().unwrap();
        let key = Skey::new("o", &[1; 32]);
        let open = || {
            let cosigner = Cosigner::new("w", &[2; 32]).unwrap();
            Witness::open(dir.path(), cosigner, &[key.vkey().clone()], Arc::new(Disk)).unwrap()
        };
        let mut witness = open();
        let (mut seen, mut on_fork) = (0, None);
        for act in acts {
            let Act::Submit(fork, old, size, spoil) = act else {
                drop(witness);
                witness = open();
                prop_assert_eq!(witness.seen().next().unwrap().1, seen as u64);
                continue;
            };
            let old = old.unwrap_or(seen);
            let submission = submission(&key, fork, old, size, spoil);
            let same_fork = seen <= COMMON || on_fork.is_some_and(|on| on == fork);
            match witness.add_checkpoint(&submission.to_string(), 7) {
                Ok(cosigned) => {
                    prop_assert!(old == seen && size >= seen && same_fork, "{old} {seen} {size}");
                    prop_assert_eq!(cosigned.checkpoint, checkpoint(fork, size));
                    seen = size;
                    on_fork = (size > COMMON).then_some(fork);
                }
                Err(Refusal::Backwards { .. }) => prop_assert!(old > size),
                Err(Refusal::Elsewhere { seen: said, .. }) => {
                    prop_assert!(old != seen && said == seen as u64);
                }
                Err(Refusal::Fork { .. }) => prop_assert!(size == seen && !same_fork),
                Err(Refusal::Unproved { .. }) => prop_assert!(spoil || !same_fork),
                Err(other) => prop_assert!(false, "{other}"),
            }
        }
    }
}
