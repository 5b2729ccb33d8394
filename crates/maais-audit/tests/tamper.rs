//! Whoever changes the log without the head is found out, and the first bad record is named.

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

use fixture::{head, home, lines, log_of, open, segment, verified};
use maais_audit::{Known, LeafHash, Log, LogReport, OpenError, Options, VerifyOptions, verify};
use serde_json::Value;

fn report(home: &Path) -> LogReport {
    verified(home).logs.remove(0)
}

/// Writes the lines in place of the segment's.
fn put(home: &Path, lines: &[Vec<u8>]) {
    fs::write(segment(home), lines.concat()).unwrap();
}

#[test]
fn an_untouched_log_holds() {
    let home = log_of(5);
    let report = report(home.path());
    assert!(report.integrity.holds() && report.completeness.holds(), "{report:#?}");
    assert_eq!((report.size, report.fault), (6, None));
}

#[test]
fn every_flipped_byte_is_caught_and_its_record_named() {
    let home = log_of(4);
    let good = fs::read(segment(home.path())).unwrap();
    let mut index = 0;
    for at in 0..good.len() {
        for mask in [0x01, 0x20, 0x80] {
            let mut bad = good.clone();
            bad[at] ^= mask;
            fs::write(segment(home.path()), &bad).unwrap();
            let report = report(home.path());
            assert!(!report.is_ok(), "byte {at} ^ {mask}");
            let named = report.fault.map(|fault| fault.index);
            assert!(named == Some(index) || index == 4, "byte {at} of record {index}: named {named:?}");
            assert!(Log::open(home.path(), Options::default()).is_err(), "byte {at} opened");
        }
        index += u64::from(good[at] == b'\n');
    }
}

#[test]
fn every_removed_doubled_or_swapped_record_is_caught_and_named() {
    let home = log_of(6);
    let good = lines(home.path());
    for at in 0..good.len() {
        let mut removed = good.clone();
        removed.remove(at);
        let mut doubled = good.clone();
        doubled.insert(at, good[at].clone());
        let mut swapped = good.clone();
        swapped.swap(at, (at + 1) % good.len());
        let first = at.min((at + 1) % good.len());
        for (bad, named) in [(removed, at), (doubled, at + 1), (swapped, first)] {
            put(home.path(), &bad);
            let report = report(home.path());
            assert!(!report.is_ok());
            if report.integrity.fails() {
                assert_eq!(report.fault.unwrap().index, named as u64);
            }
            assert!(Log::open(home.path(), Options::default()).is_err());
        }
    }
}

#[test]
fn a_tail_cut_anywhere_is_caught_by_the_head() {
    let home = log_of(4);
    let good = fs::read(segment(home.path())).unwrap();
    for end in 0..good.len() {
        fs::write(segment(home.path()), &good[..end]).unwrap();
        assert!(report(home.path()).completeness.fails(), "cut at {end}");
        let refused = Log::open(home.path(), Options::default());
        assert!(matches!(refused, Err(OpenError::Shorter { .. })), "cut at {end}: {refused:?}");
    }
}

#[test]
fn an_emptied_or_removed_log_is_caught() {
    for remove in ["log/0/seg", "log/0", "log"] {
        let home = log_of(4);
        fs::remove_dir_all(home.path().join(remove)).unwrap();
        assert!(report(home.path()).completeness.fails(), "{remove}");
        let refused = Log::open(home.path(), Options::default());
        assert!(matches!(refused, Err(OpenError::Shorter { .. })), "{remove}: {refused:?}");
    }
}

#[test]
fn a_lost_or_foreign_head_is_caught() {
    let (home, other) = (log_of(4), log_of(4));
    fs::copy(head(other.path()), head(home.path())).unwrap();
    assert!(report(home.path()).completeness.fails());
    assert!(matches!(Log::open(home.path(), Options::default()), Err(OpenError::HeadLost { .. })));
    fs::write(head(home.path()), "x").unwrap();
    assert!(report(home.path()).completeness.fails());
    assert!(matches!(Log::open(home.path(), Options::default()), Err(OpenError::HeadLost { .. })));
    fs::remove_file(head(home.path())).unwrap();
    assert!(!report(home.path()).completeness.holds());
    assert!(matches!(Log::open(home.path(), Options::default()), Err(OpenError::HeadLost { .. })));
}

/// Changes one record and mends every hash behind it, as someone who knows the format would.
fn rehash(lines: &[Vec<u8>], at: usize, from: &str, to: &str) -> Vec<Vec<u8>> {
    let mut renamed: Vec<(String, String)> = Vec::new();
    lines
        .iter()
        .enumerate()
        .map(|(index, line)| {
            let mut text = String::from_utf8(line.clone()).unwrap();
            for (old, new) in &renamed {
                text = text.replace(old, new);
            }
            if index == at {
                assert!(text.contains(from));
                text = text.replacen(from, to, 1);
            }
            let leaf = |text: &[u8]| LeafHash::of(text.trim_ascii_end()).to_string();
            renamed.push((leaf(line), leaf(text.as_bytes())));
            text.into_bytes()
        })
        .collect()
}

#[test]
fn an_attacker_who_recomputes_all_hashes_is_caught_by_the_head() {
    let home = log_of(5);
    let forged = rehash(&lines(home.path()), 2, "\"allow\":false", "\"allow\":true");
    put(home.path(), &forged);
    assert!(report(home.path()).integrity.fails(), "the history of checkpoints tells");
    fs::remove_file(home.path().join("log/0/checkpoints.jsonl")).unwrap();
    assert!(report(home.path()).integrity.fails(), "the published checkpoint tells");
    fs::remove_file(home.path().join("log/0/checkpoint")).unwrap();
    let report = report(home.path());
    assert!(report.integrity.holds(), "the forgery is consistent in itself: {report:#?}");
    assert!(report.completeness.fails());
    assert!(matches!(Log::open(home.path(), Options::default()), Err(OpenError::Rewritten { index: 5, .. })));
}

#[test]
fn a_log_rolled_back_together_with_its_head_is_caught_only_by_who_remembers_a_receipt() {
    let home = log_of(3);
    let backup = fixture::home();
    fixture::copy(home.path(), backup.path());
    let receipt = fixture::append(&open(home.path()), 3).unwrap();
    let restored = backup.path();
    assert!(verified(restored).is_ok(), "nothing here remembers record 3");
    let known = Known { origin: receipt.origin.to_string(), index: receipt.index, leaf: receipt.leaf };
    let options = VerifyOptions { known: vec![known], ..VerifyOptions::default() };
    assert!(verify(restored, &options).unwrap().logs[0].anchoring.fails());
    assert!(verify(home.path(), &options).unwrap().logs[0].anchoring.holds());
}

#[test]
fn a_receipt_of_another_record_or_of_a_log_that_is_gone_fails() {
    let home = log_of(3);
    let report = verified(home.path()).logs.remove(0);
    let leaf = LeafHash::of(b"another");
    let wrong = Known { origin: report.origin.clone(), index: 1, leaf };
    let gone = Known { origin: "maais/gone".to_owned(), index: 1, leaf };
    for known in [wrong, gone] {
        let options = VerifyOptions { known: vec![known], ..VerifyOptions::default() };
        assert!(!verify(home.path(), &options).unwrap().is_ok());
    }
}

#[test]
fn spaces_doubled_keys_and_other_spellings_are_caught_even_with_all_hashes_mended() {
    for (from, to) in [
        (",\"n\":1,", ",\"n\": 1,"),
        (",\"n\":1,", ",\"n\":1,\"n\":1,"),
        (",\"n\":1,", ",\"n\":1.0,"),
        ("{\"allow\":false}", "{\"allow\":false,\"Allow\":true}"),
    ] {
        let home = log_of(3);
        put(home.path(), &rehash(&lines(home.path()), 2, from, to));
        let report = report(home.path());
        assert_eq!(report.fault.expect(to).index, 2);
    }
}

#[test]
fn a_segment_under_a_wrong_name_is_caught() {
    let home = log_of(3);
    fs::rename(segment(home.path()), segment(home.path()).with_file_name("00000000000000000001.jsonl"))
        .unwrap();
    assert!(report(home.path()).integrity.fails());
    let home = log_of(3);
    fs::write(segment(home.path()).with_file_name("00000000000000000009.jsonl"), "").unwrap();
    assert!(report(home.path()).integrity.fails());
    assert!(matches!(Log::open(home.path(), Options::default()), Err(OpenError::Damaged { .. })));
}

#[test]
fn a_record_is_canonical_and_its_hash_is_that_of_its_line() {
    let home = home();
    let log = open(home.path());
    let receipt = fixture::append(&log, 1).unwrap();
    let line = lines(home.path()).remove(1);
    let line = line.trim_ascii_end();
    assert_eq!(LeafHash::of(line), receipt.leaf);
    let value: Value = serde_json::from_slice(line).unwrap();
    let mut rewritten = Vec::new();
    maais_audit::canonical::rewrite(&value, &mut rewritten);
    assert_eq!(rewritten, line);
    assert_eq!(value["_log"], log.origin());
}

#[test]
fn verifying_where_there_is_no_log_is_an_error() {
    assert!(verify(home().path(), &VerifyOptions::default()).is_err());
}
