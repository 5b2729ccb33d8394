//! The power is cut at each call to a disk that keeps what it was not told to flush, drops it, tears it, or writes it
//! in another order: whatever was acknowledged is there, the log goes on, and it verifies.

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

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use fixture::{append, append_sealed, home, verified};
use jiff::Timestamp;
use maais_audit::{Durability, Log, Options, read, seal};
use serde_json::json;
use volatile::Volatile;

const RECORDS: u64 = 14;

/// Runs until the power is cut; what was acknowledged.
fn run(disk: &Volatile, home: &Path, options: &Options) -> BTreeMap<u64, String> {
    let mut acknowledged = BTreeMap::new();
    let Ok(log) = Log::open_on(Arc::new(disk.clone()), home, options.clone()) else { return acknowledged };
    for n in 0..RECORDS {
        let sealed = seal::seal(&json!(n)).unwrap();
        let result = if n % 3 == 0 { append_sealed(&log, n, &[sealed]) } else { append(&log, n) };
        if let Ok(receipt) = result {
            acknowledged.insert(receipt.index, receipt.leaf.to_string());
        }
        if n == 8
            && let Ok(receipt) = log.rotate_key(Timestamp::now())
        {
            acknowledged.insert(receipt.index, receipt.leaf.to_string());
        }
    }
    acknowledged
}

/// Cuts the power at every call, several times; `seen` gets the acknowledged records and the home that is left.
fn at_every_call(options: &Options, mut seen: impl FnMut(&str, &BTreeMap<u64, String>, &Path)) {
    for call in 0.. {
        let before = home();
        let disk = Volatile::cut_at(call);
        let acknowledged = run(&disk, before.path(), options);
        for (seed, chance) in [(1, 0), (2, 30), (3, 128), (4, 128), (5, 225), (6, 255)] {
            let after = home();
            disk.survivors(before.path(), after.path(), seed + 1000 * call, chance);
            seen(&format!("call {call}, seed {seed}"), &acknowledged, after.path());
        }
        if disk.calls() < call {
            assert!(call > 60, "{call} calls only");
            break;
        }
    }
}

fn small() -> Options {
    Options { segment_bytes: 4_000, ..Options::default() }
}

#[test]
fn a_power_cut_at_any_call_loses_nothing_that_was_acknowledged() {
    at_every_call(&small(), |case, acknowledged, home| {
        let log = Log::open(home, Options::default()).unwrap_or_else(|error| panic!("{case}: {error}"));
        append(&log, 99).unwrap();
        drop(log);
        let report = verified(home);
        assert!(report.is_ok(), "{case}: {report:#?}");
        let leaves: Vec<String> =
            read(home).unwrap().map(|record| record.unwrap().leaf.to_string()).collect();
        for (index, leaf) in acknowledged {
            assert_eq!(leaves.get(*index as usize), Some(leaf), "{case}: record {index}");
        }
    });
}

/// Then a head is longer than a sector.
#[test]
fn a_head_that_is_torn_between_two_versions_is_neither() {
    let options = Options { origin: "d".repeat(180), ..small() };
    at_every_call(&options, |case, acknowledged, home| {
        let log = Log::open(home, options.clone()).unwrap_or_else(|error| panic!("{case}: {error}"));
        append(&log, 99).unwrap();
        assert!(log.size() > acknowledged.len() as u64, "{case}");
        drop(log);
        assert!(verified(home).is_ok(), "{case}: {:#?}", verified(home));
    });
}

#[test]
fn a_power_cut_leaves_a_buffered_log_whole() {
    let options =
        Options { durability: Durability::Buffered { within: Duration::from_millis(2) }, ..small() };
    at_every_call(&options, |case, _, home| {
        let log = Log::open(home, Options::default()).unwrap_or_else(|error| panic!("{case}: {error}"));
        append(&log, 99).unwrap();
        drop(log);
        let report = verified(home);
        assert!(report.is_ok(), "{case}: {report:#?}");
    });
}
