//! A log whose closed segments are compressed is the same log: for verification, proofs, readers and the next
//! opening; and what is done to a compressed segment is found.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failure must stop the test"
)]

mod fixture;

use std::fs;
use std::path::{Path, PathBuf};

use fixture::{append_sealed, home, verified};
use jiff::Timestamp;
use maais_audit::{Log, LogReport, Options, compress, prove, read, seal, tail};
use serde_json::json;
use tempfile::TempDir;

fn open(home: &Path) -> Log {
    Log::open(home, Options { segment_bytes: 4096, ..Options::default() }).unwrap()
}

fn log() -> TempDir {
    let home = home();
    let log = open(home.path());
    for n in 0..40 {
        let sealed = seal::seal(&json!(n)).unwrap();
        append_sealed(&log, n, &[sealed]).unwrap();
    }
    home
}

fn files(home: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> =
        fs::read_dir(home.join("log/0/seg")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn texts(home: &Path) -> Vec<String> {
    read(home).unwrap().map(|record| record.unwrap().line).collect()
}

/// What a report says of the records, without where they are.
fn told(report: &LogReport) -> String {
    let LogReport { size, bytes, leaf, root, integrity, completeness, sealed, .. } = report;
    format!("{size} {bytes} {leaf} {root} {integrity:?} {completeness:?} {sealed:?}")
}

#[test]
fn a_compressed_log_is_the_same_log() {
    let home = log();
    let home = home.path();
    let before = (told(&verified(home).logs[0]), texts(home), tail(home, 25).unwrap());
    let proof = prove(&home.join("log/0"), 3).unwrap();
    let names = files(home);
    assert!(names.len() > 3, "{names:?}");

    let done = compress(home, Timestamp::now()).unwrap();
    assert_eq!(done.len(), 1);
    assert_eq!(done[0].segments as usize, names.len() - 1);
    assert!(done[0].after < done[0].before);
    let packed = files(home).iter().filter(|path| path.extension().unwrap() == "zst").count();
    assert_eq!(packed, names.len() - 1);

    assert_eq!((told(&verified(home).logs[0]), texts(home), tail(home, 25).unwrap()), before);
    assert_eq!(prove(&home.join("log/0"), 3).unwrap(), proof);
    assert_eq!(compress(home, Timestamp::now()).unwrap()[0].segments, 0, "nothing is left to do");

    // It goes on, and what was sealed can be erased.
    let log = open(home);
    append_sealed(&log, 99, &[]).unwrap();
    let redacted = log.redact("agent", "a test", "nobody", Timestamp::now()).unwrap();
    assert_eq!(redacted.values, 40);
    drop(log);
    let report = verified(home);
    assert!(report.is_ok(), "{report:?}");
    assert_eq!(report.logs[0].sealed_values.redacted, 40);
}

#[test]
fn what_is_not_old_stays_as_it_is() {
    let home = log();
    let names = files(home.path());
    let long_ago = Timestamp::from_second(1).unwrap();
    assert_eq!(compress(home.path(), long_ago).unwrap()[0].segments, 0);
    assert_eq!(files(home.path()), names);
}

#[test]
fn a_log_that_is_being_written_is_compressed_beside_it() {
    let home = home();
    let log = open(home.path());
    for n in 0..200 {
        append_sealed(&log, n, &[]).unwrap();
        if n % 20 == 0 {
            compress(home.path(), Timestamp::now()).unwrap();
            assert!(verified(home.path()).is_ok());
        }
    }
    drop(log);
    assert_eq!(verified(home.path()).logs[0].size, 201);
}

#[test]
fn every_change_of_a_compressed_segment_is_found_or_is_none() {
    let home = log();
    let home = home.path();
    compress(home, Timestamp::now()).unwrap();
    let path = files(home)[1].clone();
    let good = fs::read(&path).unwrap();
    let lines = texts(home);
    let mut found = 0;
    for at in (0..good.len()).step_by(3) {
        let mut bad = good.clone();
        bad[at] ^= 0x10;
        fs::write(&path, &bad).unwrap();
        let report = verified(home);
        match report.logs[0].integrity.fails() {
            true => found += 1,
            false => assert_eq!(texts(home), lines, "byte {at}"),
        }
    }
    assert!(found > good.len() / 3 * 9 / 10, "{found} of {}", good.len() / 3);
    for cut in [0, 1, good.len() / 2, good.len() - 1] {
        fs::write(&path, &good[..cut]).unwrap();
        assert!(verified(home).logs[0].integrity.fails(), "cut at {cut}");
        assert!(Log::open(home, Options::default()).is_err());
    }
    fs::remove_file(&path).unwrap();
    assert!(verified(home).logs[0].integrity.fails());
}

#[test]
fn a_crash_while_compressing_leaves_the_log_whole() {
    let home = log();
    let home = home.path();
    let lines = texts(home);
    let plain = files(home)[0].clone();
    let content = fs::read(&plain).unwrap();
    // Before the name was given.
    fs::write(plain.with_extension("jsonl.new"), b"half").unwrap();
    assert_eq!(texts(home), lines);
    compress(home, Timestamp::now()).unwrap();
    // After it was given, and before the original was taken away.
    fs::write(&plain, content).unwrap();
    assert_eq!(texts(home), lines);
    assert!(verified(home).is_ok());
    compress(home, Timestamp::now()).unwrap();
    assert!(!plain.exists());
    assert!(verified(home).is_ok());
}

#[test]
fn a_log_whose_last_segment_somebody_compressed_is_not_written_on() {
    let home = log();
    let home = home.path();
    let last = files(home).pop().unwrap();
    let first = files(home)[0].clone();
    compress(home, Timestamp::now()).unwrap();
    let name = format!("{}.zst", last.file_name().unwrap().to_str().unwrap());
    fs::remove_file(&last).unwrap();
    fs::copy(format!("{}.zst", first.display()), last.with_file_name(name)).unwrap();
    let refused = Log::open(home, Options::default()).unwrap_err().to_string();
    assert!(refused.contains("zst"), "{refused}");
}
