//! Tools that are not ours agree: the crates `signed_note`, `tlog_tiles` (a port of Go's) and `ct-merkle`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failure must stop the test"
)]

mod fixture;

use std::fs;

use fixture::{append, home, lines, open, verified};
use maais_audit::{Checkpoint, Proof, Vkey, export_tiles, prove, prove_continuity};
use signed_note::{Note, StandardVerifier, VerifierList};
use tlog_tiles::{Hash, Tile, check_record, check_tree, record_hash};

/// A log of many records; folder, lines, and first key.
fn log(count: u64) -> (tempfile::TempDir, Vec<Vec<u8>>, Vkey) {
    let home = home();
    let log = open(home.path());
    (0..count).for_each(|n| drop(append(&log, n).unwrap()));
    drop(log);
    let lines = lines(home.path()).into_iter().map(|line| line.trim_ascii_end().to_vec()).collect();
    let vkey = verified(home.path()).logs[0].vkey.clone().unwrap();
    (home, lines, vkey.parse().unwrap())
}

fn theirs(hashes: &[[u8; 32]]) -> Vec<Hash> {
    hashes.iter().map(|hash| Hash(*hash)).collect()
}

#[test]
fn signed_note_and_tlog_tiles_accept_our_checkpoint() {
    let (home, _, vkey) = log(3);
    let text = fs::read(home.path().join("log/0/checkpoint")).unwrap();
    let note = Note::from_bytes(&text).unwrap();
    let verifier = StandardVerifier::new(&vkey.to_string()).unwrap();
    let (verified, others) = note.verify(&VerifierList::new(vec![Box::new(verifier)])).unwrap();
    assert_eq!((verified.len(), others.len()), (1, 0));
    let checkpoint = tlog_tiles::Checkpoint::from_bytes(note.text()).unwrap();
    assert_eq!((checkpoint.origin(), checkpoint.size()), (vkey.name(), 4));
}

#[test]
fn tlog_tiles_and_ct_merkle_compute_our_root() {
    let (home, lines, _) = log(300);
    let ours = verified(home.path()).logs[0].root;
    let mut tree = ct_merkle::mem_backed_tree::MemoryBackedTree::<sha2::Sha256, Vec<u8>>::new();
    lines.iter().for_each(|line| tree.push(line.clone()));
    assert_eq!(tree.root().as_bytes().as_slice(), ours.as_bytes());
}

#[test]
fn tlog_tiles_accepts_our_proofs() {
    let (home, lines, vkey) = log(70);
    let dir = home.path().join("log/0");
    let checkpoint = Checkpoint::open(&prove(&dir, 0).unwrap().checkpoint, &vkey).unwrap();
    let root = Hash(*checkpoint.root.as_bytes());
    for (index, line) in lines.iter().enumerate() {
        let proof = prove(&dir, index as u64).unwrap();
        assert_eq!(Proof::parse(&proof.to_string()), Ok(proof.clone()));
        assert_eq!(proof.check(line, &vkey).unwrap(), checkpoint);
        assert!(proof.check(b"another", &vkey).is_err());
        let path = theirs(&proof.path);
        check_record(&path, checkpoint.size, root, index as u64, record_hash(line)).unwrap();
    }
    for old in 1..lines.len() {
        let mut older = ct_merkle::mem_backed_tree::MemoryBackedTree::<sha2::Sha256, Vec<u8>>::new();
        lines[..old].iter().for_each(|line| older.push(line.clone()));
        let old_root = Hash(older.root().as_bytes().as_slice().try_into().unwrap());
        let (path, _) = prove_continuity(&dir, old as u64).unwrap();
        check_tree(&theirs(&path), checkpoint.size, root, old as u64, old_root).unwrap();
    }
    assert!(prove(&dir, 71).is_err() && prove_continuity(&dir, 72).is_err());
}

#[test]
fn exported_tiles_are_those_that_tlog_tiles_asks_for() {
    let (home, lines, _) = log(600);
    let out = fixture::home();
    let checkpoint = export_tiles(&home.path().join("log/0"), out.path()).unwrap();
    assert_eq!(checkpoint.size, lines.len() as u64);
    for tile in Tile::new_tiles(8, 0, checkpoint.size) {
        // Their path begins with the height, `tile/8/`, which C2SP leaves out.
        let name = tile.path().replacen("tile/8/", "tile/", 1);
        let bytes = fs::read(out.path().join(&name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(bytes.len(), 32 * tile.width() as usize, "{name}");
        if tile.level() == 0 {
            let first = 256 * tile.level_index() as usize;
            let expected: Vec<u8> = lines[first..first + tile.width() as usize]
                .iter()
                .flat_map(|line| record_hash(line).0)
                .collect();
            assert_eq!(bytes, expected, "{name}");
        }
    }
    let bundle = fs::read(out.path().join("tile/entries/002.p/89")).unwrap();
    let length = u16::from_be_bytes([bundle[0], bundle[1]]) as usize;
    assert_eq!(bundle[2..2 + length], lines[512]);
}
