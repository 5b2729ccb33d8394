//! A log whose oldest records were pruned proves what it proved before; whoever prunes by hand, or changes what is
//! left of the pruned records, is found; a crash at any moment leaves a log that verifies.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failure must stop the test"
)]

mod fixture;
#[path = "fixture/volatile.rs"]
mod volatile;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fixture::{EIO, Failing, Fault, append, append_sealed, copy, home, verified};
use jiff::Timestamp;
use maais_audit::{
    Checkpoint, Known, Log, LogReport, OpenError, Options, PruneError, Receipt, VerifyOptions,
    check_continuity, compress, export_tiles, extract, prove, prove_continuity, prunable, read, seal, verify,
    verify_extract,
};
use serde_json::json;
use tempfile::TempDir;
use volatile::Volatile;

const RECORDS: u64 = 40;

fn options() -> Options {
    Options { segment_bytes: 4096, ..Options::default() }
}

fn open(home: &Path) -> Log {
    Log::open(home, options()).unwrap()
}

fn dir(home: &Path) -> PathBuf {
    home.join("log/0")
}

fn fill(log: &Log) -> Vec<Receipt> {
    (0..RECORDS)
        .map(|n| {
            if n == 20 {
                log.rotate_key(Timestamp::now()).unwrap();
            }
            append_sealed(log, n, &[seal::seal(&json!(n)).unwrap()]).unwrap()
        })
        .collect()
}

fn prune(home: &Path) -> u64 {
    let done = Log::prune_all(home, None, Timestamp::now(), "policy 7", "dpo@example.com").unwrap();
    assert_eq!(done.len(), 1);
    assert!(done[0].records > 10 && done[0].bytes > 1_000, "{done:?}");
    done[0].first
}

fn report(home: &Path) -> LogReport {
    verified(home).logs.remove(0)
}

/// A log of which a part was pruned, the receipts of all its records, and how many went.
fn pruned() -> (TempDir, Vec<Receipt>, u64) {
    let home = home();
    let receipts = fill(&open(home.path()));
    let first = prune(home.path());
    (home, receipts, first)
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn note(home: &Path) -> String {
    prove(&dir(home), 0).unwrap().checkpoint
}

#[test]
fn what_is_left_proves_what_it_proved() {
    let home = home();
    let home = home.path();
    let receipts = fill(&open(home));
    let (before, old) = (report(home), note(home));
    let proof_of = |index| prove(&dir(home), index).unwrap().path;
    let would = prunable(home, None, Timestamp::now()).unwrap();
    let first = prune(home);
    assert_eq!((would[0].first, would[0].records, would[0].index), (first, first, None));

    let after = report(home);
    assert!(after.is_ok(), "{after:#?}");
    assert_eq!((after.size, after.pruned, &after.vkey), (before.size + 1, first, &before.vkey));
    assert_eq!(after.times.unwrap().0, before.times.unwrap().0);
    assert!(after.integrity.why().contains("pruned on record"), "{}", after.integrity.why());
    assert!(names(&dir(home).join("seg")).iter().all(|name| *name >= format!("{first:020}")));
    assert!(
        names(&dir(home).join("priv"))
            .iter()
            .all(|name| !name.ends_with("jsonl") || *name >= format!("{first:020}"))
    );
    assert_eq!(read(home).unwrap().next().unwrap().unwrap().index, first);

    // Old checkpoints, and receipts of records that are gone, are compared as before.
    let known: Vec<_> = receipts
        .iter()
        .map(|r| Known { origin: r.origin.to_string(), index: r.index, leaf: r.leaf })
        .collect();
    let options =
        VerifyOptions { known: known.clone(), checkpoints: vec![old.clone()], ..Default::default() };
    assert!(verify(home, &options).unwrap().logs[0].anchoring.holds());
    let forged = Known { leaf: receipts[3].leaf, ..known[2].clone() };
    let options = VerifyOptions { known: vec![forged], ..Default::default() };
    assert!(verify(home, &options).unwrap().logs[0].anchoring.fails());

    // Proofs, also of what is gone, and that the log continues.
    let vkey = after.vkey.as_deref().unwrap();
    let line = read(home).unwrap().last().unwrap().unwrap().line;
    let newest: Vec<_> = verified(home).logs[0].vkey.iter().cloned().collect();
    assert_eq!(newest, [vkey]);
    assert_ne!(proof_of(2), Vec::<[u8; 32]>::new());
    let (path, new) = prove_continuity(&dir(home), before.size).unwrap();
    let [old, new] = [old, new].map(|note| Checkpoint::parse(&note).unwrap());
    check_continuity(&old, &new, &path).unwrap();
    assert!(line.contains("policy 7") && line.contains("dpo@example.com"));
    let tiles = home.join("tiles");
    export_tiles(&dir(home), &tiles).unwrap();
    let hashes = fs::read(tiles.join(format!("tile/0/000.p/{}", after.size))).unwrap();
    assert_eq!(&hashes[32 * 5..32 * 6], receipts[4].leaf.as_bytes(), "record 5 is the fifth after the key");
}

#[test]
fn it_goes_on_and_is_pruned_again() {
    let (home, _, first) = pruned();
    let home = home.path();
    for round in 0..3 {
        let log = open(home);
        for n in 0..RECORDS {
            append(&log, n).unwrap();
        }
        drop(log);
        if round == 1 {
            compress(home, Timestamp::now()).unwrap();
        }
        let next = prune(home);
        assert!(next > first);
        let report = report(home);
        assert!(report.is_ok(), "{report:#?}");
        assert_eq!((report.pruned, report.size), (next, 44 + (round + 1) * (RECORDS + 1) - 1), "{round}");
        assert_eq!(names(&dir(home).join("pruned")).len(), 3 + usize::try_from(round).unwrap());
    }
}

#[test]
fn an_open_log_prunes_itself_and_what_is_young_stays() {
    let home = home();
    let log = open(home.path());
    fill(&log);
    let long_ago = Timestamp::from_second(1).unwrap();
    let none = log.prune(long_ago, "b", "w", Timestamp::now()).unwrap();
    assert_eq!((none.records, none.index, none.first), (0, None, 0));
    let done = log.prune(Timestamp::now(), "b", "w", Timestamp::now()).unwrap();
    assert!(done.records > 10);
    append(&log, 1).unwrap();
    assert!(matches!(
        Log::prune_all(home.path(), None, Timestamp::now(), "b", "w"),
        Ok(done) if done.is_empty()
    ));
    for n in 0..RECORDS {
        append(&log, n).unwrap();
    }
    let foreign = Log::prune_all(home.path(), None, Timestamp::now(), "b", "w");
    assert!(matches!(foreign, Err(PruneError::Locked { .. })), "{foreign:?}");
    drop(log);
    assert!(report(home.path()).is_ok());
}

#[test]
fn an_extract_of_a_pruned_log_says_what_is_gone_and_proves_the_rest() {
    let (home, ..) = pruned();
    let log = open(home.path());
    append(&log, 3).unwrap();
    let roll = log.call_roll(Timestamp::now()).unwrap();
    drop(log);
    let mut out = Vec::new();
    let records = extract(&dir(home.path()), "a", &mut out).unwrap();
    let found = verify_extract(&mut out.as_slice(), report(home.path()).vkey.as_deref()).unwrap();
    assert!(found.pruned > 3 && records > 1, "{found:?}");
    assert_eq!((found.records, found.pruned + records), (records, 15));
    assert_eq!(found.complete_before, Some(roll.index));

    // Whoever hides the pruning, or claims another, is found.
    let text = String::from_utf8(out).unwrap();
    let seq = format!("\"seq\":{}", found.pruned - 1);
    for (from, to) in [("\"pruned\":{", "\"other\":{"), (seq.as_str(), "\"seq\":2")] {
        let bad = text.replacen(from, to, 1);
        assert_ne!(bad, text);
        assert!(verify_extract(&mut bad.as_bytes(), None).is_err(), "{from}");
    }
}

/// Does something to a copy of a pruned log: its integrity must fail, and it must not open.
fn fails(home: &Path, what: &str, attack: impl FnOnce(&Path)) {
    let bad = fixture::home();
    copy(home, bad.path());
    attack(bad.path());
    let report = report(bad.path());
    assert!(report.integrity.fails(), "{what}: {report:#?}");
}

#[test]
fn whoever_touches_what_is_left_of_pruned_records_is_found() {
    let (home, receipts, first) = pruned();
    let home = home.path();
    let base = |home: &Path| dir(home).join(format!("pruned/{first:020}.base"));
    let hashes = |home: &Path| dir(home).join(format!("pruned/{:020}.hashes", 0));
    let length = fs::metadata(base(home)).unwrap().len() as usize;
    for at in (0..length).step_by(37) {
        fails(home, &format!("base, byte {at}"), |home| {
            let mut bytes = fs::read(base(home)).unwrap();
            bytes[at] ^= 1;
            fs::write(base(home), bytes).unwrap();
        });
    }
    for at in [0, 31, 32 * 7 + 5, 32 * usize::try_from(first).unwrap() - 1] {
        fails(home, &format!("hashes, byte {at}"), |home| {
            let mut bytes = fs::read(hashes(home)).unwrap();
            bytes[at] ^= 1;
            fs::write(hashes(home), bytes).unwrap();
        });
    }
    fails(home, "hashes cut", |home| {
        let bytes = fs::read(hashes(home)).unwrap();
        fs::write(hashes(home), &bytes[..bytes.len() - 32]).unwrap();
    });
    fails(home, "no hashes", |home| fs::remove_file(hashes(home)).unwrap());
    fails(home, "no base", |home| fs::remove_file(base(home)).unwrap());
    fails(home, "base of another size", |home| {
        fs::rename(base(home), dir(home).join(format!("pruned/{:020}.base", first - 1))).unwrap();
    });
    assert_eq!(receipts.len() as u64, RECORDS);
}

#[test]
fn whoever_prunes_by_hand_is_found_and_the_log_does_not_open() {
    // The base of the very same pruning, in a log that does not tell of it.
    let (done, receipts, first) = pruned();
    let other = home();
    copy(done.path(), other.path());
    let last = dir(other.path()).join("seg").join(names(&dir(other.path()).join("seg")).pop().unwrap());
    let text = fs::read_to_string(&last).unwrap();
    let lines: Vec<_> = text.lines().filter(|line| !line.is_empty()).collect();
    assert!(lines.last().unwrap().ends_with("\"type\":\"pruning\"}"));
    fs::write(&last, lines[..lines.len() - 1].join("\n") + "\n").unwrap();
    fs::remove_file(other.path().join("head/0.json")).unwrap();
    let report = report(other.path());
    assert!(report.integrity.fails() && report.integrity.why().contains("pruned"), "{report:#?}");
    assert_eq!(report.size, receipts.last().unwrap().index + 1);

    // Whole segments removed, nothing else.
    let (plain, _) = (home(), ());
    fill(&open(plain.path()));
    let seg = dir(plain.path()).join("seg");
    fs::remove_file(seg.join(&names(&seg)[0])).unwrap();
    assert!(verified(plain.path()).logs[0].integrity.fails());
    assert!(matches!(Log::open(plain.path(), options()), Err(OpenError::Damaged { .. })));
    assert!(first > 0);
}

#[test]
fn damaged_records_are_not_pruned() {
    let home = home();
    let log = open(home.path());
    fill(&log);
    let seg = dir(home.path()).join("seg");
    let path = seg.join(&names(&seg)[1]);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen("http_request", "http_requesT", 1)).unwrap();
    let error = log.prune(Timestamp::now(), "b", "w", Timestamp::now()).unwrap_err();
    assert!(matches!(error, PruneError::Damaged { .. }), "{error}");
    assert_eq!(names(&seg)[0], format!("{:020}.jsonl", 0), "nothing is gone");
    let last = read(home.path()).unwrap().last().unwrap().unwrap();
    assert_ne!(last.kind.name(), "pruning");
}

/// After whatever happened, the log opens, verifies, and holds every receipt.
fn is_whole(what: &str, home: &Path, receipts: &[Receipt]) {
    let log = Log::open(home, options()).unwrap_or_else(|error| panic!("{what}: {error}"));
    append(&log, 7).unwrap_or_else(|error| panic!("{what}: {error}"));
    drop(log);
    let known = receipts
        .iter()
        .map(|r| Known { origin: r.origin.to_string(), index: r.index, leaf: r.leaf })
        .collect();
    let report = verify(home, &VerifyOptions { known, ..Default::default() }).unwrap();
    assert!(report.is_ok() && report.logs[0].anchoring.holds(), "{what}: {report:#?}");
    let new = names(&dir(home).join("pruned")).iter().any(|name| name.ends_with(".new"));
    assert!(!new, "{what}: a pruning is half done");
}

#[test]
fn a_failing_disk_leaves_the_old_log_or_the_pruned_one() {
    let full = home();
    let receipts = fill(&open(full.path()));
    for fault in [Fault::Before(EIO), Fault::After(EIO), Fault::Short(EIO)] {
        for nth in 0.. {
            let home = home();
            copy(full.path(), home.path());
            let disk = Failing::new(nth, fault);
            if let Ok(log) = Log::open_on(Arc::new(disk.clone()), home.path(), options()) {
                let _ = log.prune(Timestamp::now(), "b", "w", Timestamp::now());
            }
            let _ = fs::create_dir(dir(home.path()).join("pruned"));
            is_whole(&format!("{fault:?} at call {nth}"), home.path(), &receipts);
            if disk.calls() < nth {
                assert!(nth > 20, "{nth} calls only");
                break;
            }
        }
    }
}

#[test]
fn a_power_cut_leaves_the_old_log_or_the_pruned_one() {
    for call in 0.. {
        let before = home();
        let disk = Volatile::cut_at(u64::MAX);
        let log = Log::open_on(Arc::new(disk.clone()), before.path(), options()).unwrap();
        let receipts = fill(&log);
        disk.cut_after(call);
        let done = log.prune(Timestamp::now(), "b", "w", Timestamp::now());
        for (seed, chance) in [(1, 0), (2, 60), (3, 128), (4, 200), (5, 255)] {
            let after = home();
            disk.survivors(before.path(), after.path(), seed + 100 * call, chance);
            fs::create_dir_all(dir(after.path()).join("pruned")).unwrap();
            is_whole(&format!("cut at call {call}, seed {seed}"), after.path(), &receipts);
        }
        if done.is_ok() {
            assert!(call > 15, "{call} calls only");
            break;
        }
    }
}
