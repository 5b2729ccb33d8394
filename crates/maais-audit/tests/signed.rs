//! What signatures, the tree and epoch keys add: forging needs the secret of the time, not the files.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failure must stop the test"
)]

mod fixture;

use std::fs;
use std::path::Path;
use std::time::Duration;

use fixture::{append, head, home, lines, log_of, open, segment, verified};
use maais_audit::{
    Checkpoint, KeyChain, Kind, LeafHash, Log, OpenError, Options, VerifyOptions, Vkey, key_records, prove,
    read, verify,
};
use serde_json::Value;

fn checkpoint(home: &Path) -> String {
    fs::read_to_string(home.join("log/0/checkpoint")).unwrap()
}

fn secrets(home: &Path) -> Vec<String> {
    let entries = fs::read_dir(home.join("log/0/priv/signing")).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn the_checkpoint_is_signed_by_the_key_in_the_first_record() {
    let home = log_of(5);
    let first: Value = serde_json::from_slice(&lines(home.path())[0]).unwrap();
    let key: Vkey = first["vkey"].as_str().unwrap().parse().unwrap();
    let checkpoint = Checkpoint::open(&checkpoint(home.path()), &key).unwrap();
    let report = verified(home.path()).logs.remove(0);
    assert_eq!((checkpoint.size, checkpoint.root), (6, report.root));
    assert_eq!((checkpoint.origin, key.to_string()), (report.origin, report.vkey.unwrap()));
}

#[test]
fn a_receipt_names_a_root_over_at_least_its_record() {
    let home = home();
    let log = open(home.path());
    for n in 0..3 {
        let receipt = append(&log, n).unwrap();
        assert!(receipt.signed.unwrap().0 > receipt.index);
        let report = verified(home.path()).logs.remove(0);
        assert_eq!(receipt.signed, Some((report.size, report.root)));
    }
}

#[test]
fn a_head_that_another_key_signed_is_caught() {
    let (home, other) = (log_of(3), log_of(3));
    let mine: Value = serde_json::from_slice(fs::read(head(home.path())).unwrap().split_at(1024).0).unwrap();
    let theirs: Value =
        serde_json::from_slice(fs::read(head(other.path())).unwrap().split_at(1024).0).unwrap();
    let signature = |head: &Value| head["checkpoint"].as_str().unwrap().lines().last().unwrap().to_owned();
    let forged = mine.to_string().replace(&signature(&mine), &signature(&theirs));
    fs::write(head(home.path()), forged).unwrap();
    assert!(verified(home.path()).logs[0].completeness.fails());
    let unsigned = mine.to_string().replace("\"checkpoint\"", "\"check\"");
    fs::write(head(home.path()), unsigned).unwrap();
    assert!(verified(home.path()).logs[0].completeness.fails());
}

#[test]
fn an_old_copy_of_log_and_head_is_caught_by_a_checkpoint_from_outside() {
    let home = log_of(3);
    let backup = fixture::home();
    fixture::copy(home.path(), backup.path());
    append(&open(home.path()), 3).unwrap();
    let options = VerifyOptions { checkpoints: vec![checkpoint(home.path())], ..VerifyOptions::default() };
    assert!(verify(home.path(), &options).unwrap().logs[0].anchoring.holds());
    assert!(verified(backup.path()).is_ok(), "without it nobody could know");
    assert!(verify(backup.path(), &options).unwrap().logs[0].anchoring.fails());
}

#[test]
fn a_forked_log_is_caught_by_a_checkpoint_from_outside() {
    let home = log_of(3);
    let fork = fixture::home();
    fixture::copy(home.path(), fork.path());
    append(&open(home.path()), 3).unwrap();
    (4..9).for_each(|n| drop(append(&open(fork.path()), n).unwrap()));
    assert!(verified(fork.path()).is_ok());
    let options = VerifyOptions { checkpoints: vec![checkpoint(home.path())], ..VerifyOptions::default() };
    assert!(verify(fork.path(), &options).unwrap().logs[0].anchoring.fails());
}

#[test]
fn a_log_made_anew_from_nothing_is_caught_by_who_knows_the_key() {
    let (home, forged) = (log_of(3), log_of(3));
    let vkey = verified(home.path()).logs[0].vkey.clone();
    let options = VerifyOptions { vkey, ..VerifyOptions::default() };
    assert!(verify(home.path(), &options).unwrap().is_ok());
    assert!(verify(forged.path(), &options).unwrap().logs[0].integrity.fails());
}

#[test]
fn a_new_epoch_has_a_new_key_and_the_old_secret_is_gone() {
    let home = home();
    let log = open(home.path());
    append(&log, 0).unwrap();
    let receipt = log.rotate_key(jiff::Timestamp::now()).unwrap();
    append(&log, 1).unwrap();
    log.rotate_key(jiff::Timestamp::now()).unwrap();
    drop(log);
    append(&open(home.path()), 2).unwrap();
    let report = verified(home.path());
    assert!(report.is_ok(), "{report:#?}");
    assert_eq!((report.logs[0].size, report.logs[0].epochs, receipt.index), (6, 3, 2));
    assert_eq!(secrets(home.path()), ["epoch-2"]);
}

#[test]
fn an_epoch_ends_by_itself() {
    let home = home();
    let options = Options { epoch: Duration::ZERO, ..Options::default() };
    let log = Log::open(home.path(), options).unwrap();
    (0..3).for_each(|n| drop(append(&log, n).unwrap()));
    let kinds: Vec<_> = read(home.path()).unwrap().map(|record| record.unwrap().kind).collect();
    use Kind::{Decision, Key};
    assert_eq!(kinds, [Key, Decision, Key, Decision, Key, Decision]);
    assert!(verified(home.path()).is_ok());
}

#[test]
fn a_crash_between_making_a_key_and_recording_it_leaves_the_old_key_in_force() {
    let home = log_of(2);
    fs::write(home.path().join("log/0/priv/signing/epoch-1"), [7; 32]).unwrap();
    append(&open(home.path()), 1).unwrap();
    assert!(verified(home.path()).is_ok());
    assert_eq!(secrets(home.path()), ["epoch-0"]);
}

#[test]
fn a_lost_or_foreign_key_is_refused() {
    let home = log_of(2);
    let path = home.path().join("log/0/priv/signing/epoch-0");
    for content in [Some(vec![7; 32]), Some(vec![1]), None] {
        fs::remove_file(&path).ok();
        content.iter().for_each(|bytes| fs::write(&path, bytes).unwrap());
        assert!(matches!(Log::open(home.path(), Options::default()), Err(OpenError::KeyLost { .. })));
    }
}

/// With today's secret and all files, an attacker edits a record of an earlier epoch and mends all hashes.
#[test]
fn who_steals_todays_key_cannot_rewrite_yesterday() {
    let home = home();
    let log = open(home.path());
    append(&log, 1).unwrap();
    log.rotate_key(jiff::Timestamp::now()).unwrap();
    drop(log);
    let mut renamed: Vec<(String, String)> = Vec::new();
    let forged: Vec<_> = lines(home.path())
        .iter()
        .map(|line| {
            let mut text = String::from_utf8(line.clone()).unwrap();
            renamed.iter().for_each(|(old, new)| text = text.replace(old, new));
            text = text.replace("\"allow\":false", "\"allow\":true");
            let leaf = |text: &[u8]| LeafHash::of(text.trim_ascii_end()).to_string();
            renamed.push((leaf(line), leaf(text.as_bytes())));
            text
        })
        .collect();
    fs::write(segment(home.path()), forged.concat()).unwrap();
    fs::remove_file(home.path().join("log/0/checkpoints.jsonl")).unwrap();
    let report = verified(home.path()).logs.remove(0);
    assert_eq!(report.fault.expect("the handover was signed with the old key").index, 2);
}

#[test]
fn an_epoch_left_out_is_caught() {
    let home = home();
    let log = open(home.path());
    log.append(fixture::entry(&fixture::body(0))).unwrap();
    log.rotate_key(jiff::Timestamp::now()).unwrap();
    drop(log);
    let mut lines = lines(home.path());
    lines.remove(2);
    fs::write(segment(home.path()), lines.concat()).unwrap();
    assert!(!verified(home.path()).is_ok());
}

#[test]
fn nobody_but_the_log_writes_key_records() {
    let home = home();
    let log = open(home.path());
    let body = fixture::body(0);
    let entry = maais_audit::Entry { kind: Kind::Key, ..fixture::entry(&body) };
    assert!(matches!(log.append(entry), Err(maais_audit::AppendError::Malformed { .. })));
}

#[test]
fn whoever_was_told_the_first_key_can_check_a_proof_of_a_later_epoch() {
    let home = home();
    let log = open(home.path());
    for n in 0..12 {
        append(&log, n).unwrap();
        if n % 4 == 3 {
            log.rotate_key(jiff::Timestamp::now()).unwrap();
        }
    }
    drop(log);
    let dir = home.path().join("log/0");
    let records = key_records(&dir).unwrap();
    assert_eq!(records.len(), 4);
    let first: Vkey = verified(home.path()).logs[0].vkey.as_ref().unwrap().parse().unwrap();
    let proof = prove(&dir, 3).unwrap();
    let line = read(home.path()).unwrap().nth(3).unwrap().unwrap().line;
    assert!(proof.check(line.as_bytes(), &first).is_err(), "another key signed since");
    let follow = |records: &[String]| KeyChain::follow(&first, records.iter().map(String::as_str));
    let chain = follow(&records).unwrap();
    let size = Checkpoint::parse(&proof.checkpoint).unwrap().size;
    proof.check(line.as_bytes(), chain.of_size(size).unwrap()).unwrap();

    // Left out, doubled, moved, of another log, or with a key of one's own: not followed.
    for at in 0..records.len() {
        let mut bad = records.clone();
        bad.remove(at);
        assert!(at == 3 || follow(&bad).is_err(), "{at} left out");
        let mut bad = records.clone();
        bad.insert(at, records[at].clone());
        assert!(follow(&bad).is_err(), "{at} doubled");
    }
    let other = fixture::log_of(2);
    let foreign = key_records(&other.path().join("log/0")).unwrap();
    assert!(follow(&foreign).is_err());
    assert!(follow(&[records[0].clone(), foreign[0].clone()]).is_err());
    assert!(follow(&[]).is_err());
}
