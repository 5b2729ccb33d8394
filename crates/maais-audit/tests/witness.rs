//! What a witness promises: it never cosigns two histories of one log, whatever is sent, and whenever it dies.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failure must stop the test"
)]

mod fixture;

use std::path::Path;
use std::sync::Arc;

use fixture::{EIO, Failing, Fault, append, home, log_of, open, verified};
use maais_audit::storage::{Disk, Storage};
use maais_audit::{
    Checkpoint, Cosigned, Cosigner, PolicyWitness, Refusal, Submission, Submissions, VerifyOptions, Vkey,
    Witness, WitnessError, WitnessPolicy, keep_cosigned, kept_cosigned, verify,
};
use tempfile::TempDir;

const NOW: u64 = 1_800_000_000;

fn cosigner(seed: u8) -> Cosigner {
    Cosigner::new(&format!("witness.example/{seed}"), &[seed; 32]).unwrap()
}

/// The first key of the log in this data directory.
fn vkey(home: &Path) -> Vkey {
    verified(home).logs[0].vkey.clone().unwrap().parse().unwrap()
}

fn witness(dir: &TempDir, logs: &[Vkey]) -> Witness {
    Witness::open(dir.path(), cosigner(1), logs, Arc::new(Disk)).unwrap()
}

fn submissions(home: &Path) -> Submissions {
    Submissions::read(&home.join("log/0"), None).unwrap()
}

/// Submits what a witness that has seen so much needs; the last answer.
fn submit(witness: &Witness, home: &Path, seen: u64) -> Result<Cosigned, Refusal> {
    let mut last = None;
    for submission in submissions(home).after(seen).unwrap() {
        last = Some(witness.add_checkpoint(&submission.to_string(), NOW)?);
    }
    Ok(last.unwrap())
}

fn grow(home: &Path, records: std::ops::Range<u64>) {
    let log = open(home);
    records.for_each(|n| drop(append(&log, n).unwrap()));
}

fn rotate(home: &Path) {
    open(home).rotate_key(jiff::Timestamp::now()).unwrap();
}

/// A copy of a log as it is now.
fn backup(home: &Path) -> TempDir {
    let copy = fixture::home();
    fixture::copy(home, copy.path());
    copy
}

fn policy(seeds: &[u8]) -> WitnessPolicy {
    let witness = |seed: &u8| PolicyWitness {
        name: format!("w{seed}"),
        vkey: cosigner(*seed).vkey().clone(),
        url: None,
    };
    WitnessPolicy::all_of(seeds.iter().map(witness).collect())
}

fn anchoring(home: &Path, witnesses: WitnessPolicy) -> maais_audit::Verdict {
    let options = VerifyOptions { witnesses: Some(witnesses), ..VerifyOptions::default() };
    verify(home, &options).unwrap().logs.remove(0).anchoring
}

#[test]
fn a_growing_log_is_cosigned_again_and_again() {
    let (home, dir) = (log_of(3), home());
    let witness = witness(&dir, &[vkey(home.path())]);
    let mut seen = 0;
    for n in 3..20 {
        let cosigned = submit(&witness, home.path(), seen).unwrap();
        let note = format!("{}{}", submissions(home.path()).note(), cosigned.line);
        assert_eq!(cosigner(1).vkey().cosigned(&note), Ok(Some(NOW)));
        seen = cosigned.checkpoint.size;
        assert_eq!(seen, n + 1);
        let again = submit(&witness, home.path(), seen).unwrap();
        assert_eq!(again.checkpoint, cosigned.checkpoint, "the same may be cosigned again");
        grow(home.path(), n..n + 1);
    }
}

#[test]
fn what_the_protocol_refuses_is_refused_with_its_status() {
    let (home, other, dir) = (log_of(5), log_of(5), home());
    let fresh = witness(&dir, &[vkey(home.path())]);
    let status =
        |request: &str| fresh.add_checkpoint(request, NOW).map(|_| ()).map_err(|error| error.status());
    let right = submissions(home.path()).after(0).unwrap().remove(0).unwrap();
    assert_eq!(status("nonsense"), Err(400));
    assert_eq!(status("old 0\n\nnonsense"), Err(400));
    assert_eq!(status(&Submission { old: 7, ..right.clone() }.to_string()), Err(400));
    assert_eq!(status(&submissions(other.path()).after(0).unwrap()[0].to_string()), Err(404));
    let unsigned = right.to_string().replacen("\n6\n", "\n5\n", 1);
    assert_eq!(status(&unsigned), Err(403));
    assert_eq!(status(&Submission { old: 2, ..right.clone() }.to_string()), Err(409));
    assert_eq!(status(&Submission { proof: vec![[0; 32]], ..right.clone() }.to_string()), Err(422));
    assert_eq!(fresh.seen().next().unwrap().1, 0, "nothing of it was taken in");
    assert_eq!(status(&right.to_string()), Ok(()));
    grow(home.path(), 5..9);
    let next = submissions(home.path()).after(6).unwrap().remove(0).unwrap();
    assert_eq!(status(&Submission { proof: vec![[0; 32]; 3], ..next.clone() }.to_string()), Err(422));
    assert_eq!(status(&Submission { proof: Vec::new(), ..next.clone() }.to_string()), Err(422));
    assert_eq!(status(&Submission { old: 0, ..next.clone() }.to_string()), Err(409));
    assert_eq!(status(&next.to_string()), Ok(()));
    let stale = fresh.add_checkpoint(&right.to_string(), NOW).unwrap_err();
    assert_eq!((stale.status(), stale.seen()), (409, Some(10)));
}

#[test]
fn a_log_restored_from_an_older_copy_is_refused_and_its_client_knows_why() {
    let (home, dir) = (log_of(3), home());
    let old = backup(home.path());
    grow(home.path(), 3..8);
    let witness = witness(&dir, &[vkey(home.path())]);
    submit(&witness, home.path(), 0).unwrap();
    let refused = submit(&witness, old.path(), 0).unwrap_err();
    assert_eq!((refused.status(), refused.seen()), (409, Some(9)));
    assert_eq!(submissions(old.path()).after(9).unwrap_err().size, 4);
    grow(old.path(), 100..105);
    let refused = submit(&witness, old.path(), 9).unwrap_err();
    assert!(matches!(refused, Refusal::Fork { seen: 9, .. }), "as long, but another: {refused}");
    grow(old.path(), 105..106);
    let refused = submit(&witness, old.path(), 9).unwrap_err();
    assert_eq!(refused.status(), 422, "{refused}");
}

#[test]
fn a_witness_that_starts_again_remembers_and_one_folder_has_one_witness() {
    let (home, dir) = (log_of(3), home());
    let logs = [vkey(home.path())];
    let first = witness(&dir, &logs);
    submit(&first, home.path(), 0).unwrap();
    let second = Witness::open(dir.path(), cosigner(1), &logs, Arc::new(Disk));
    assert!(matches!(second, Err(WitnessError::Busy { .. })));
    drop(first);
    assert_eq!(witness(&dir, &logs).seen().next().unwrap().1, 4);
    let mut files = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path());
    let file = files.find(|path| path.extension().is_some()).unwrap();
    std::fs::write(&file, "{}").unwrap();
    let damaged = Witness::open(dir.path(), cosigner(1), &logs, Arc::new(Disk));
    assert!(matches!(damaged, Err(WitnessError::Forgot { .. })));
}

#[test]
fn of_two_forks_submitted_at_once_at_most_one_is_cosigned() {
    for round in 0..20 {
        let (one, dir) = (log_of(3), home());
        let two = backup(one.path());
        grow(one.path(), 3..6);
        grow(two.path(), 10..13 + round % 2);
        let witness = witness(&dir, &[vkey(one.path())]);
        let request = |home: &Path| submissions(home).after(0).unwrap()[0].to_string();
        let requests = [request(one.path()), request(two.path())];
        let cosigned: Vec<_> = std::thread::scope(|scope| {
            let asked = requests.each_ref().map(|r| scope.spawn(|| witness.add_checkpoint(r, NOW).is_ok()));
            asked.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(cosigned.iter().filter(|is| **is).count(), 1, "{cosigned:?}");
    }
}

#[test]
fn a_witness_follows_the_keys_of_a_log_and_takes_no_old_one_for_new_records() {
    let (home, dir) = (log_of(2), home());
    let witness = witness(&dir, &[vkey(home.path())]);
    submit(&witness, home.path(), 0).unwrap();
    let old = backup(home.path());
    rotate(home.path());
    grow(home.path(), 2..4);
    rotate(home.path());
    rotate(home.path());
    grow(home.path(), 4..5);
    let newest_only = submissions(home.path()).after(3).unwrap().pop_back().unwrap();
    let skipped = Submission { old: 3, ..newest_only };
    assert_eq!(witness.add_checkpoint(&skipped.to_string(), NOW).unwrap_err().status(), 403);
    let cosigned = submit(&witness, home.path(), 3).unwrap();
    assert_eq!((cosigned.checkpoint.size, witness.seen().next().unwrap().1), (9, 9));
    let refused =
        witness.add_checkpoint(&submissions(old.path()).after(0).unwrap()[0].to_string(), NOW).unwrap_err();
    assert_eq!(
        (refused.status(), refused.seen()),
        (409, Some(9)),
        "its key of that time is known: {refused}"
    );
    // With the secret of yesterday, which was in the copy, the log is written on in another way.
    grow(old.path(), 4..20);
    let refused = submit(&witness, old.path(), 9).unwrap_err();
    assert_eq!(refused.status(), 403, "{refused}");
    drop(witness);
    let again = Witness::open(dir.path(), cosigner(1), &[vkey(home.path())], Arc::new(Disk)).unwrap();
    rotate(home.path());
    assert_eq!(submit(&again, home.path(), 9).unwrap().checkpoint.size, 10, "keys are remembered, too");
}

#[test]
fn at_one_size_a_log_hands_over_to_one_key() {
    let (home, dir) = (log_of(2), home());
    let fork = backup(home.path());
    rotate(home.path());
    rotate(fork.path());
    let witness = witness(&dir, &[vkey(home.path())]);
    let handover = |home: &Path| submissions(home).after(3).unwrap().remove(0).unwrap();
    assert_eq!(submissions(fork.path()).after(0).unwrap().len(), 2, "the handover goes before the newest");
    let first = handover(home.path());
    assert!(witness.add_checkpoint(&Submission { old: 0, ..first.clone() }.to_string(), NOW).is_ok());
    assert!(witness.add_checkpoint(&first.to_string(), NOW).unwrap().new_key.is_none(), "it is known");
    let refused = witness.add_checkpoint(&handover(fork.path()).to_string(), NOW).unwrap_err();
    assert!(matches!(refused, Refusal::Fork { seen: 3, .. }), "{refused}");
}

/// Each call to the disk fails before and after it took effect; then the witness starts again, as after a crash.
#[test]
fn whatever_fails_and_whenever_it_dies_no_two_forks_are_cosigned() {
    let base = log_of(2);
    let (one, two) = (backup(base.path()), backup(base.path()));
    grow(one.path(), 2..5);
    grow(two.path(), 7..11);
    let logs = [vkey(base.path())];
    let base_request = submissions(base.path()).after(0).unwrap().remove(0).unwrap();
    let mut nth = 0;
    loop {
        let mut failed = false;
        for fault in [Fault::Before(EIO), Fault::After(EIO), Fault::Short(EIO)] {
            let dir = home();
            let before = witness(&dir, &logs);
            before.add_checkpoint(&base_request.to_string(), NOW).unwrap();
            drop(before);
            let disk: Arc<dyn Storage> = Arc::new(Failing::new(nth, fault));
            // The call that makes the folder may be the one that fails: then nothing is asked.
            let cosigned = match Witness::open(dir.path(), cosigner(1), &logs, disk) {
                Err(_) => false,
                Ok(witness) => submit(&witness, one.path(), 3).is_ok(),
            };
            failed |= !cosigned;
            let again = witness(&dir, &logs);
            let seen = again.seen().next().unwrap().1;
            assert!(seen == 6 || seen == 3 && !cosigned, "it never goes back: {seen}, cosigned: {cosigned}");
            let other = submit(&again, two.path(), seen).is_ok();
            assert!(!(cosigned && other), "two forks were cosigned: call {nth}, {fault:?}");
        }
        if !failed {
            break;
        }
        nth += 1;
    }
    assert!(nth >= 6, "the calls of a replacement were gone through: {nth}");
}

#[test]
fn anchoring_holds_if_enough_witnesses_cosigned_and_says_how_far() {
    let (home, dirs) = (log_of(3), [home(), home()]);
    let log_dir = home.path().join("log/0");
    let logs = [vkey(home.path())];
    assert!(anchoring(home.path(), policy(&[1])).fails(), "nobody cosigned yet");
    let ask = |seed: u8| {
        let dir = &dirs[usize::from(seed) - 1];
        let witness = Witness::open(dir.path(), cosigner(seed), &logs, Arc::new(Disk)).unwrap();
        let seen = witness.seen().next().unwrap().1;
        submit(&witness, home.path(), seen).unwrap().line
    };
    let note = format!("{}{}", submissions(home.path()).note(), ask(1));
    keep_cosigned(&log_dir, &note).unwrap();
    assert_eq!(kept_cosigned(&log_dir).unwrap(), [note]);
    assert!(anchoring(home.path(), policy(&[1])).holds());
    assert!(anchoring(home.path(), policy(&[1, 2])).fails(), "one of two");
    assert!(anchoring(home.path(), policy(&[2])).fails());
    grow(home.path(), 3..8);
    let note = format!("{}{}{}", submissions(home.path()).note(), ask(1), ask(2));
    keep_cosigned(&log_dir, &note).unwrap();
    grow(home.path(), 8..10);
    let verdict = anchoring(home.path(), policy(&[1, 2]));
    assert!(verdict.holds(), "{verdict:?}");
    assert!(verdict.why().contains("first 9 records; the 2 behind them"), "{verdict:?}");
    let options = VerifyOptions { witnesses: Some(policy(&[1, 2])), ..VerifyOptions::default() };
    let anchored = verify(home.path(), &options).unwrap().logs[0].anchored.clone().unwrap();
    assert_eq!((anchored.size, anchored.by.len()), (9, 2));
    let note = format!("{}{}", submissions(home.path()).note(), ask(1));
    keep_cosigned(&log_dir, &note).unwrap();
    let verdict = anchoring(home.path(), policy(&[1, 2]));
    assert!(
        verdict.holds() && verdict.why().contains("first 9"),
        "one alone takes nothing back: {verdict:?}"
    );
    let since = |seconds: u64| {
        let since = jiff::Timestamp::from_second(i64::try_from(seconds).unwrap()).unwrap();
        let options = VerifyOptions { cosigned_since: Some(since), ..options.clone() };
        verify(home.path(), &options).unwrap().logs.remove(0).anchoring
    };
    assert!(since(NOW).holds());
    assert!(since(NOW + 1).fails(), "older than is asked for");
}

#[test]
fn a_rolled_back_or_forked_log_is_not_anchored() {
    let (home, dir) = (log_of(3), home());
    let old = backup(home.path());
    grow(home.path(), 3..6);
    let witness = witness(&dir, &[vkey(home.path())]);
    let line = submit(&witness, home.path(), 0).unwrap().line;
    let note = format!("{}{line}", submissions(home.path()).note());
    keep_cosigned(&old.path().join("log/0"), &note).unwrap();
    let verdict = anchoring(old.path(), policy(&[1]));
    assert!(verdict.fails() && verdict.why().contains("7 records, only 4"), "{verdict:?}");
    grow(old.path(), 20..24);
    let verdict = anchoring(old.path(), policy(&[1]));
    assert!(verdict.fails() && verdict.why().contains("a fork"), "{verdict:?}");
}

#[test]
fn a_checkpoint_of_a_log_that_is_gone_is_reported() {
    let (home, other) = (log_of(1), log_of(1));
    let options = VerifyOptions {
        checkpoints: vec![submissions(other.path()).note().to_owned()],
        ..VerifyOptions::default()
    };
    let report = verify(home.path(), &options).unwrap();
    assert!(!report.is_ok());
    assert_eq!(report.missing_logs, [vkey(other.path()).name()]);
}

#[test]
fn a_log_that_the_policy_does_not_name_is_not_anchored() {
    let (home, other, dir) = (log_of(1), log_of(1), home());
    let witness = witness(&dir, &[vkey(home.path())]);
    let line = submit(&witness, home.path(), 0).unwrap().line;
    keep_cosigned(&home.path().join("log/0"), &format!("{}{line}", submissions(home.path()).note())).unwrap();
    let named = |vkey: Vkey| {
        let text = format!("log {vkey}\nwitness w {}\nquorum w\n", cosigner(1).vkey());
        anchoring(home.path(), WitnessPolicy::parse(text.as_bytes()).unwrap())
    };
    assert!(named(vkey(home.path())).holds());
    assert!(named(vkey(other.path())).fails());
}

#[test]
fn of_very_many_cosigned_checkpoints_the_newer_ones_are_kept() {
    let home = log_of(1);
    let dir = home.path().join("log/0");
    let note = |n: u32| format!("{n} {}", "x".repeat(20_000));
    (0..400).for_each(|n| keep_cosigned(&dir, &note(n)).unwrap());
    let size = std::fs::metadata(dir.join("cosigned")).unwrap().len();
    assert!(size < 5 * 1024 * 1024, "{size}");
    let kept = kept_cosigned(&dir).unwrap();
    assert_eq!((kept.last(), kept.first()), (Some(&note(399)), Some(&note(0))));
    assert!((300..400).all(|n| kept.contains(&note(n))), "none of the newest is gone");
}

/// The crate `signed_note` reads our cosigned checkpoint; it finds the log's signature, and one it does not know.
#[test]
fn a_cosigned_checkpoint_stays_a_note_for_other_tools() {
    let (home, dir) = (log_of(3), home());
    let witness = witness(&dir, &[vkey(home.path())]);
    let line = submit(&witness, home.path(), 0).unwrap().line;
    let text = format!("{}{line}", submissions(home.path()).note());
    let note = signed_note::Note::from_bytes(text.as_bytes()).unwrap();
    let verifier = signed_note::StandardVerifier::new(&vkey(home.path()).to_string()).unwrap();
    let (known, others) = note.verify(&signed_note::VerifierList::new(vec![Box::new(verifier)])).unwrap();
    assert_eq!((known.len(), others.len()), (1, 1));
    assert_eq!(others[0].name(), "witness.example/1");
    assert!(Checkpoint::open(&text, &vkey(home.path())).is_ok());
}
