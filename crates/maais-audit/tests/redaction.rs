//! Erasing what was sealed for one subject, and what verification says of values that are there, erased, gone or
//! changed.

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

use fixture::{home, open, verified};
use maais_audit::{
    Entry, Kind, Log, LogReport, Options, Proof, RedactError, SealedCount, Unsealed, prove, read, seal,
    unseal,
};
use serde_json::json;
use volatile::Volatile;

fn put(log: &Log, subject: &str, value: &str) -> String {
    let sealed = seal::seal(&json!(value)).unwrap();
    let body = json!({"secret": sealed.marker()});
    let entry = Entry {
        kind: Kind::Decision,
        time: jiff::Timestamp::now(),
        tenant: "t",
        session: None,
        subject,
        body: body.as_object().unwrap(),
        sealed: std::slice::from_ref(&sealed),
    };
    log.append(entry).unwrap();
    sealed.digest().to_owned()
}

fn report(home: &Path) -> LogReport {
    verified(home).logs.remove(0)
}

fn count(present: u64, redacted: u64, missing: u64, changed: u64) -> SealedCount {
    SealedCount { present, redacted, missing, changed, lost: 0 }
}

fn sidecar(home: &Path) -> PathBuf {
    home.join("log/0/priv/00000000000000000000.jsonl")
}

/// Two subjects, taking turns; the digests of alice's values.
fn log_of_two(home: &Path) -> Vec<String> {
    let log = open(home);
    let mut alice = Vec::new();
    for n in 0..4 {
        alice.push(put(&log, "alice", &format!("alice-{n}")));
        put(&log, "bob", &format!("bob-{n}"));
    }
    alice
}

#[test]
fn what_was_sealed_for_a_subject_is_gone_and_everything_else_is_as_it_was() {
    let home = home();
    let alice = log_of_two(home.path());
    let proof = prove(&home.path().join("log/0"), 1).unwrap();
    let before = report(home.path());
    assert_eq!((before.sealed_values.clone(), before.sealed.holds()), (count(8, 0, 0, 0), true));
    let key = fs::read_dir(home.path().join("log/0/priv/keys")).unwrap().count();
    let text = fs::read_to_string(sidecar(home.path())).unwrap();

    let done = Log::redact_all(home.path(), None, "alice", "GDPR Art. 17", "dpo@example.com").unwrap();
    assert_eq!((done.len(), done[0].records, done[0].values, done[0].index), (1, 4, 4, 9));
    let after = report(home.path());
    assert!(after.is_ok(), "{after:#?}");
    assert_eq!(after.sealed_values, count(4, 4, 0, 0));
    for digest in &alice {
        assert_eq!(unseal(home.path(), digest).unwrap(), Unsealed::Erased);
    }
    assert_eq!(fs::read_dir(home.path().join("log/0/priv/keys")).unwrap().count(), key - 1);
    let erased = fs::read_to_string(sidecar(home.path())).unwrap();
    assert_eq!(erased.len(), text.len(), "nothing has moved");
    let record = read(home.path()).unwrap().last().unwrap().unwrap();
    assert_eq!((record.kind, &record.value["basis"]), (Kind::Redaction, &json!("GDPR Art. 17")));
    assert!(!record.line.contains("alice"), "the name itself is not written");
    // A proof of a record whose value is gone holds as before.
    let line = read(home.path()).unwrap().nth(1).unwrap().unwrap().line;
    let vkey = after.vkey.unwrap().parse().unwrap();
    assert!(Proof::parse(&proof.to_string()).unwrap().check(line.as_bytes(), &vkey).is_ok());

    // A copy of the sidecar from before is of no use without the key.
    fs::write(sidecar(home.path()), &text).unwrap();
    assert_eq!(unseal(home.path(), &alice[0]).unwrap(), Unsealed::Erased);

    // Afterwards the subject is as good as any other.
    let log = open(home.path());
    let later = put(&log, "alice", "later");
    drop(log);
    assert_eq!(unseal(home.path(), &later).unwrap(), Unsealed::Present(json!("later")));
}

#[test]
fn an_open_log_redacts_too_and_a_foreign_process_may_not() {
    let home = home();
    let log = open(home.path());
    put(&log, "alice", "x");
    assert!(matches!(Log::redact_all(home.path(), None, "alice", "b", "w"), Err(RedactError::Locked { .. })));
    let done = log.redact("alice", "b", "w", jiff::Timestamp::now()).unwrap();
    assert_eq!((done.values, done.index), (1, 2));
    put(&log, "alice", "y");
    let nothing = log.redact("nobody", "b", "w", jiff::Timestamp::now()).unwrap();
    assert_eq!(nothing.values, 0);
    drop(log);
    let report = report(home.path());
    assert!(report.is_ok() && report.sealed_values == count(1, 1, 0, 0), "{report:#?}");
    assert!(
        Log::redact_all(home.path(), None, "nobody", "b", "w").unwrap().is_empty(),
        "no record about nobody"
    );
}

#[test]
fn values_that_are_gone_without_a_record_or_were_changed_are_told_apart() {
    let home = home();
    log_of_two(home.path());
    let text = fs::read_to_string(sidecar(home.path())).unwrap();
    let lines: Vec<&str> = text.lines().collect();

    fs::write(sidecar(home.path()), lines[1..].join("\n")).unwrap();
    let report_cut = report(home.path());
    assert!(
        report_cut.sealed.fails() && report_cut.sealed.why().contains("record 1"),
        "{:?}",
        report_cut.sealed
    );
    assert_eq!(report_cut.sealed_values, count(7, 0, 1, 0));

    let at = text.find("\"box\":\"").unwrap() + 20;
    let other = if text.as_bytes()[at] == b'A' { "B" } else { "A" };
    let mut edited = text.clone();
    edited.replace_range(at..=at, other);
    fs::write(sidecar(home.path()), edited).unwrap();
    assert_eq!(report(home.path()).sealed_values, count(7, 0, 0, 1));

    // Another subject's value in its place.
    fs::write(sidecar(home.path()), &text).unwrap();
    for key in fs::read_dir(home.path().join("log/0/priv/keys")).unwrap() {
        fs::remove_file(key.unwrap().path()).unwrap();
    }
    let keyless = report(home.path());
    assert!(
        !keyless.is_ok() && keyless.sealed_values == count(0, 0, 8, 0),
        "a key destroyed by hand is no redaction"
    );

    fs::remove_dir_all(home.path().join("log/0/priv")).unwrap();
    let copy = report(home.path());
    assert!(
        copy.is_ok() && matches!(copy.sealed, maais_audit::Verdict::Unknown(_)),
        "a copy without them can be verified"
    );
}

/// The power is cut at each call of a redaction: afterwards it is done, or it is not.
#[test]
fn an_interrupted_redaction_is_finished_at_the_next_opening_or_never_began() {
    let (mut finished, mut untouched) = (0, 0);
    for call in 0.. {
        let before = home();
        let disk = Volatile::cut_at(u64::MAX);
        let log = Log::open_on(Arc::new(disk.clone()), before.path(), Options::default()).unwrap();
        let alice = put(&log, "alice", "x");
        put(&log, "bob", "y");
        disk.cut_after(call);
        let result = log.redact("alice", "b", "w", jiff::Timestamp::now());
        drop(log);
        for (seed, chance) in [(1, 0), (2, 128), (3, 128), (4, 255)] {
            let after = home();
            disk.survivors(before.path(), after.path(), seed + 100 * call, chance);
            drop(open(after.path()));
            let report = report(after.path());
            assert!(report.is_ok(), "call {call}, seed {seed}: {report:#?}");
            let state = unseal(after.path(), &alice).unwrap();
            match &state {
                Unsealed::Erased => {
                    assert_eq!(report.sealed_values, count(1, 1, 0, 0), "call {call}, seed {seed}");
                    finished += 1;
                }
                Unsealed::Present(_) => {
                    assert!(result.is_err(), "call {call}, seed {seed}: it was said to be done");
                    assert_eq!(report.sealed_values, count(2, 0, 0, 0), "call {call}, seed {seed}");
                    untouched += 1;
                }
                Unsealed::Unknown => panic!("call {call}, seed {seed}: {state:?}"),
            }
        }
        if result.is_ok() {
            break;
        }
    }
    assert!(finished > 10 && untouched > 10, "{finished} {untouched}");
}
