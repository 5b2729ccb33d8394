//! What a crash may leave behind, and what is done about it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failure must stop the test"
)]

mod fixture;

use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use fixture::{append, body, head, home, lines, log_of, open, segment, verified};
use maais_audit::{AppendError, Entry, Kind, Log, OpenError, Options, read, tail};
use serde_json::{Value, json};

#[test]
fn a_torn_last_line_is_cut_and_recorded_as_a_gap() {
    for torn in ["{\"_log\":\"maais", "\0\0\0\0", "x\n", "{}\n\n\n"] {
        let home = log_of(3);
        OpenOptions::new()
            .append(true)
            .open(segment(home.path()))
            .unwrap()
            .write_all(torn.as_bytes())
            .unwrap();
        let before = verified(home.path());
        assert!(before.is_ok() && !before.logs[0].notes.is_empty(), "{torn:?}: {before:#?}");
        let log = open(home.path());
        assert_eq!(log.size(), 5);
        append(&log, 4).unwrap();
        drop(log);
        let gap: Value = serde_json::from_slice(&lines(home.path())[4]).unwrap();
        assert_eq!(
            (&gap["type"], &gap["cut"]["bytes"]),
            (&json!("gap"), &json!(torn.trim_end_matches('\n').len()))
        );
        assert!(verified(home.path()).is_ok(), "{torn:?}");
    }
}

/// A log of `count` records whose head remembers the first one only, as after a power cut.
fn log_with_an_old_head(count: u64) -> tempfile::TempDir {
    let home = home();
    let log = open(home.path());
    append(&log, 0).unwrap();
    let old = fs::read(head(home.path())).unwrap();
    (1..count).for_each(|n| drop(append(&log, n).unwrap()));
    drop(log);
    fs::write(head(home.path()), old).unwrap();
    fs::remove_file(home.path().join("log/0/checkpoints.jsonl")).unwrap();
    home
}

#[test]
fn what_a_power_cut_tears_in_the_last_batch_is_cut_off_even_if_its_end_is_whole() {
    for hole in [b'\n', b'\0', b'x'] {
        let home = log_with_an_old_head(20);
        let mut torn = fs::read(segment(home.path())).unwrap();
        let middle = torn.len() / 2;
        torn[middle - 1500..middle].fill(hole);
        fs::write(segment(home.path()), torn).unwrap();
        let log = open(home.path());
        append(&log, 1).unwrap();
        drop(log);
        let report = verified(home.path());
        assert!(report.is_ok() && report.logs[0].size < 13, "{report:#?}");
    }
}

#[test]
fn a_bad_line_with_more_than_a_batch_behind_it_is_no_torn_tail() {
    let home = log_with_an_old_head(800);
    let mut bad = fs::read(segment(home.path())).unwrap();
    bad[2500] ^= 1;
    fs::write(segment(home.path()), bad).unwrap();
    assert!(verified(home.path()).logs[0].integrity.fails());
    assert!(matches!(Log::open(home.path(), Options::default()), Err(OpenError::Damaged { .. })));
}

#[test]
fn zeros_behind_the_records_are_no_damage_however_many() {
    let home = log_of(3);
    let file = OpenOptions::new().write(true).open(segment(home.path())).unwrap();
    file.set_len(1 << 20).unwrap();
    assert!(verified(home.path()).is_ok());
    assert_eq!(open(home.path()).size(), 5);
}

#[test]
fn a_torn_head_leaves_the_one_before_it() {
    let home = log_of(3);
    let mut torn = fs::read(head(home.path())).unwrap();
    let newest = if torn.windows(8).position(|w| w == b"\"size\":4") < Some(1024) { 0 } else { 1024 };
    torn[newest + 40..newest + 1024].fill(b'x');
    fs::write(head(home.path()), torn).unwrap();
    assert!(verified(home.path()).is_ok());
    assert_eq!(open(home.path()).size(), 4);
}

#[test]
fn records_beyond_an_old_head_are_kept() {
    let home = home();
    let log = open(home.path());
    append(&log, 0).unwrap();
    let old = fs::read(head(home.path())).unwrap();
    append(&log, 1).unwrap();
    drop(log);
    fs::write(head(home.path()), old).unwrap();
    assert!(verified(home.path()).is_ok());
    assert_eq!(open(home.path()).size(), 3);
}

#[test]
fn a_reopened_log_continues_all_its_chains() {
    let home = log_of(5);
    let log = open(home.path());
    append(&log, 6).unwrap();
    drop(log);
    let last: Value = serde_json::from_slice(&lines(home.path())[6]).unwrap();
    assert_eq!(
        (&last["_seq"], &last["_tenant_seq"], &last["_session_seq"]),
        (&json!(6), &json!(2), &json!(1))
    );
    assert!(verified(home.path()).is_ok());
}

#[test]
fn a_second_opener_gets_the_next_slot_and_a_freed_one_is_taken_again() {
    let home = home();
    let first = open(home.path());
    let second = open(home.path());
    assert!(first.dir().ends_with("log/0") && second.dir().ends_with("log/1"));
    assert_ne!(first.origin(), second.origin());
    let origin = first.origin().to_owned();
    append(&first, 0).unwrap();
    append(&second, 1).unwrap();
    drop(first);
    let third = open(home.path());
    assert_eq!((third.origin(), third.size()), (origin.as_str(), 2));
    assert_eq!(verified(home.path()).logs.len(), 2);
}

#[test]
fn all_slots_taken_is_an_error() {
    let home = home();
    let logs: Vec<_> = (0..maais_audit::SLOTS_MAX).map(|_| open(home.path())).collect();
    assert!(matches!(Log::open(home.path(), Options::default()), Err(OpenError::NoFreeSlot { .. })));
    drop(logs);
}

#[test]
fn a_data_directory_that_cannot_be_made_is_an_error() {
    let home = home();
    fs::write(home.path().join("file"), "").unwrap();
    let refused = Log::open(&home.path().join("file/below"), Options::default());
    assert!(matches!(refused, Err(OpenError::Io { .. })));
}

#[test]
fn a_name_that_no_checkpoint_could_carry_is_refused() {
    for origin in ["", "a b", "a\nb", "ü", "a+b", &"x".repeat(300)] {
        let options = Options { origin: origin.to_owned(), ..Options::default() };
        assert!(matches!(Log::open(home().path(), options), Err(OpenError::Origin { .. })), "{origin:?}");
    }
}

#[test]
fn a_head_that_somebody_else_moved_closes_the_log() {
    let home = home();
    let log = open(home.path());
    append(&log, 0).unwrap();
    let mut head_now = fs::read_to_string(head(home.path())).unwrap();
    head_now = head_now.replace("\"size\":2", "\"size\":3");
    fs::write(head(home.path()), head_now).unwrap();
    assert!(matches!(append(&log, 1), Err(AppendError::Poisoned { .. })));
    assert!(matches!(append(&log, 2), Err(AppendError::Poisoned { .. })));
}

#[test]
fn a_line_at_the_limit_fits_and_one_byte_more_does_not() {
    let home = home();
    let log = open(home.path());
    let attempt = |bytes: usize| {
        let mut body = body(0);
        body.insert("text".to_owned(), Value::from("x".repeat(bytes)));
        log.append(Entry {
            kind: Kind::Outcome,
            time: jiff::Timestamp::UNIX_EPOCH,
            tenant: "t",
            session: None,
            subject: "agent",
            body: &body,
            sealed: &[],
        })
    };
    let nearly = maais_audit::LINE_BYTES_MAX - 300;
    let Err(AppendError::TooLarge { bytes, max }) = attempt(nearly) else { panic!("too large") };
    let most = nearly - (bytes - max);
    assert!(matches!(attempt(most + 1), Err(AppendError::TooLarge { .. })));
    attempt(most).unwrap();
    assert_eq!(lines(home.path())[1].len(), maais_audit::LINE_BYTES_MAX + 1);
    assert!(verified(home.path()).is_ok());
}

#[test]
fn newlines_ahead_of_the_records_do_not_show_and_go_away() {
    let home = home();
    let options = Options { segment_bytes: 1 << 20, ..Options::default() };
    let log = Log::open(home.path(), options).unwrap();
    (0..100).for_each(|n| drop(append(&log, n).unwrap()));
    assert!(fs::metadata(segment(home.path())).unwrap().len() > 200_000);
    assert!(verified(home.path()).is_ok());
    assert_eq!(read(home.path()).unwrap().map(Result::unwrap).count(), 101);
    assert_eq!(tail(home.path(), 1).unwrap()[0].index, 100);
    drop(log);
    assert_eq!(fs::read(segment(home.path())).unwrap(), lines(home.path()).concat());
}

#[test]
fn a_log_goes_on_over_many_segments() {
    let home = home();
    for round in 0..4 {
        let options = Options { segment_bytes: 20_000, ..Options::default() };
        let log = Log::open(home.path(), options).unwrap();
        for n in 0..60 {
            let sealed = maais_audit::seal::seal(&json!(n)).unwrap();
            fixture::append_sealed(&log, n + round * 60, &[sealed]).unwrap();
        }
    }
    let segments = fs::read_dir(home.path().join("log/0/seg")).unwrap().count();
    assert!(segments > 5, "{segments}");
    let report = verified(home.path());
    assert!(report.is_ok() && report.logs[0].size == 241, "{report:#?}");
    let all: Vec<_> = read(home.path()).unwrap().map(|record| record.unwrap().index).collect();
    assert_eq!(all, (0..241).collect::<Vec<_>>());
    for count in [1, 40, 100, 240, 500] {
        let last: Vec<_> = tail(home.path(), count).unwrap().iter().map(|record| record.index).collect();
        assert_eq!(last, all[241_usize.saturating_sub(count)..]);
    }
    for removed in fs::read_dir(home.path().join("log/0/seg")).unwrap() {
        let path = removed.unwrap().path();
        let aside = home.path().join("aside");
        fs::rename(&path, &aside).unwrap();
        assert!(!verified(home.path()).is_ok(), "{} removed", path.display());
        fs::rename(&aside, &path).unwrap();
    }
}

#[test]
fn the_clock_may_go_backwards_the_log_does_not() {
    let home = home();
    let log = open(home.path());
    let at = |second| {
        let body = body(0);
        let time = jiff::Timestamp::from_second(second).unwrap();
        let entry = Entry {
            kind: Kind::Start,
            time,
            tenant: "t",
            session: None,
            subject: "a",
            body: &body,
            sealed: &[],
        };
        log.append(entry).unwrap().time.as_second()
    };
    assert_eq!([at(100), at(50), at(101)], [100, 100, 101]);
    assert!(verified(home.path()).is_ok());
}

#[test]
fn records_are_read_in_order_over_all_logs_and_the_last_ones_alone() {
    let home = home();
    let logs = [open(home.path()), open(home.path())];
    for n in 0..20 {
        append(&logs[(n % 2) as usize], n).unwrap();
    }
    let all: Vec<_> = read(home.path()).unwrap().map(|record| record.unwrap().value["n"].clone()).collect();
    let all: Vec<_> = all.into_iter().filter(|n| !n.is_null()).collect();
    assert_eq!(all, (0..20).map(Value::from).collect::<Vec<_>>());
    for count in [0, 1, 7, 18] {
        let last: Vec<_> =
            tail(home.path(), count).unwrap().into_iter().map(|record| record.value["n"].clone()).collect();
        assert_eq!(last, all[20_usize.saturating_sub(count)..]);
    }
    assert_eq!(read(logs[1].dir()).unwrap().count(), 11);
}

#[test]
fn a_line_that_is_being_written_is_not_read() {
    let home = log_of(3);
    OpenOptions::new().append(true).open(segment(home.path())).unwrap().write_all(b"{\"_log\":").unwrap();
    assert_eq!(read(home.path()).unwrap().map(Result::unwrap).count(), 4);
    assert_eq!(tail(home.path(), 2).unwrap().last().unwrap().index, 3);
}

#[test]
fn a_sealed_value_is_not_in_the_log_and_can_be_had() {
    let home = home();
    let log = open(home.path());
    let sealed = maais_audit::seal::seal(&json!({"password": "hunter2"})).unwrap();
    let digest = sealed.digest().to_owned();
    fixture::append_sealed(&log, 1, &[sealed]).unwrap();
    assert!(!String::from_utf8(lines(home.path()).concat()).unwrap().contains("hunter2"));
    let found = maais_audit::unseal(home.path(), &digest).unwrap();
    assert_eq!(found, maais_audit::Unsealed::Present(json!({"password": "hunter2"})));
}

const CHILD: &str = "MAAIS_AUDIT_TEST_CHILD";

/// Not a test: the process that the next one kills. Prints each index that was acknowledged.
#[test]
fn child_that_appends_until_it_is_killed() {
    let Some(home) = std::env::var_os(CHILD) else { return };
    let log = open(std::path::Path::new(&home));
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let log = &log;
            scope.spawn(move || {
                for n in 0.. {
                    let sealed = maais_audit::seal::seal(&json!(n)).unwrap();
                    let receipt = fixture::append_sealed(log, thread + 4 * n, &[sealed]).unwrap();
                    let mut out = std::io::stdout().lock();
                    writeln!(out, "acknowledged {} {}", receipt.index, receipt.leaf).unwrap();
                    out.flush().unwrap();
                }
            });
        }
    });
}

#[test]
fn a_killed_process_loses_nothing_that_was_acknowledged() {
    let home = home();
    let mut acknowledged = Vec::new();
    for round in 1..=5_usize {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["child_that_appends_until_it_is_killed", "--exact", "--nocapture", "--test-threads=1"])
            .env(CHILD, home.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
        let parse = |line: String| line.split_once("acknowledged ").map(|(_, rest)| rest.to_owned());
        acknowledged.extend(out.by_ref().map(Result::unwrap).filter_map(parse).take(37 * round));
        child.kill().unwrap();
        child.wait().unwrap();
        acknowledged.extend(out.map_while(Result::ok).filter_map(parse).filter(|rest| rest.len() > 64));
    }
    assert!(acknowledged.len() >= 37 * 15);
    drop(open(home.path()));
    assert!(verified(home.path()).is_ok(), "{:#?}", verified(home.path()));
    let leaves: Vec<_> = read(home.path()).unwrap().map(|record| record.unwrap().leaf.to_string()).collect();
    for line in acknowledged {
        let (index, leaf) = line.split_once(' ').unwrap();
        assert_eq!(leaves[index.parse::<usize>().unwrap()], leaf, "record {index}");
    }
}
