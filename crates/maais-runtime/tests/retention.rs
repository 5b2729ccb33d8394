//! The engine prunes and compresses its own log when the settings ask for it.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use maais_audit::{VerifyOptions, read, verify};
use maais_core::request::{ActionRequest, Defaults};
use maais_runtime::clock::ManualClock;
use maais_runtime::replay::{Replay, Verdict};
use maais_runtime::{Config, Runtime};
use serde_json::json;

const DAY: Duration = Duration::from_secs(86_400);

fn act(runtime: &Runtime, n: u64) {
    let action =
        json!({"agent_id": "a", "action_type": "tool_call", "target": "notes", "parameters": {"n": n}});
    let defaults = Defaults { action_id: n.to_string(), timestamp: jiff::Timestamp::UNIX_EPOCH };
    runtime.intercept(ActionRequest::from_value(action, defaults).unwrap());
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_log_that_is_kept_for_a_time_holds_that_and_proves_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let settings = folder.path().join("maais.yaml");
    std::fs::write(&settings, "audit: {retention: 40d, compress_after: 1w}\n").unwrap();
    let clock = Arc::new(ManualClock::at(1_763_900_000_000));
    let home = folder.path().join("home");
    let config = Config { settings: Some(settings), clock: clock.clone(), ..Config::at(&home) };
    for n in 0..60 {
        let runtime = Runtime::open(config.clone()).unwrap();
        act(&runtime, n);
        drop(runtime);
        clock.advance(2 * DAY);
    }
    let report = verify(&home, &VerifyOptions::default()).unwrap();
    assert!(report.is_ok(), "{report:#?}");
    let log = &report.logs[0];
    assert!(log.pruned > 100 && log.size - log.pruned > 60, "{} of {}", log.pruned, log.size);
    let segments = names(&home.join("log/0/seg"));
    assert!((20..=23).contains(&segments.len()), "{segments:?}");
    assert!(segments.iter().filter(|name| name.ends_with(".zst")).count() > 10, "{segments:?}");
    let times: Vec<_> = read(&home).unwrap().map(|record| record.unwrap().time).collect();
    let kept = times[times.len() - 1].duration_since(times[0]).as_secs() / 86_400;
    assert!((38..=42).contains(&kept), "{kept} days");

    let replayed: Vec<_> = Replay::open(&home).unwrap().map(Result::unwrap).collect();
    assert!(replayed.iter().all(|one| one.fault.is_none()));
    let differs = replayed.iter().filter(|one| !matches!(one.verdict, Verdict::Same | Verdict::NoDecision));
    assert_eq!(differs.count(), 0);
}
