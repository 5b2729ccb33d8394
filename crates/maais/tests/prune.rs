//! `maais audit prune` as people run it, and what every other command says of a log that was pruned.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use jiff::Timestamp;
use maais_audit::{Log, Options};
use serde_json::Value;

fn maais(folder: &Path, args: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_maais"));
    command.args(args).current_dir(folder).env_remove("MAAIS_HOME").env("NO_COLOR", "1").stdin(Stdio::null());
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    (status.code().unwrap(), text(&stdout), text(&stderr))
}

/// Ten decisions, a segment for each record of the log itself that comes in between.
fn log(dir: &Path) {
    for n in 0..10 {
        let card = format!("text=card 4111 1111 1111 1111 and {n}");
        maais(dir, &["check", "--agent", "a", "--target", "notes", "--param", &card]);
        let options = Options { segment_age: Duration::ZERO, ..Options::default() };
        Log::open(&dir.join(".maais"), options).unwrap().call_roll(Timestamp::now()).unwrap();
    }
}

#[test]
fn a_pruned_log_is_verified_queried_replayed_extracted_and_written_on() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path();
    log(dir);
    let (_, out, _) = maais(dir, &["audit", "query", "--json"]);
    let all = out.lines().count();
    let prune = ["audit", "prune", "--older-than", "0s", "--basis", "rule 7", "--by", "dpo"];
    let (code, out, err) = maais(dir, &[&prune[..], &["--dry-run"]].concat());
    assert!(code == 0 && out.contains("would be pruned"), "{out}{err}");
    let (code, _, err) = maais(dir, &prune);
    assert!(code == 1 && err.contains("--yes"), "nobody is there to be asked: {err}");
    let (code, out, err) = maais(dir, &[&prune[..], &["--yes", "--json"]].concat());
    assert_eq!(code, 0, "{err}");
    let done: Value = serde_json::from_str(&out).unwrap();
    let first = done["logs"][0]["first"].as_u64().unwrap();
    assert!(first > 20, "{out}");

    let (code, out, _) = maais(dir, &["audit", "verify"]);
    assert!(code == 0 && out.contains(&format!("the first {first} of which were pruned on record")), "{out}");
    let (code, out, err) = maais(dir, &["audit", "query", "--json"]);
    assert!(code == 0 && out.lines().count() < all && !out.is_empty(), "{out}{err}");
    assert!(err.contains("made anew"), "the index had records that are gone: {err}");
    let (code, out, err) = maais(dir, &["audit", "export", "--format", "jsonl"]);
    assert!(code == 0 && out.contains("\"basis\":\"rule 7\""), "{err}");
    maais(dir, &["check", "--agent", "a", "--target", "notes", "--param", "text=x"]);
    let (code, out, err) = maais(dir, &["audit", "replay"]);
    assert!(code == 0, "{out}{err}");
    let index = done["logs"][0]["index"].to_string();
    let (code, out, _) = maais(dir, &["audit", "show", &index]);
    assert!(code == 0 && out.contains("rule 7"), "{out}");
    let (code, _, err) = maais(dir, &["audit", "show", "3"]);
    assert!(code != 0 && err.contains("pruned"), "{err}");
    let (code, bundle, err) = maais(dir, &["audit", "extract", "--tenant", "default"]);
    assert_eq!(code, 0, "{err}");
    std::fs::write(dir.join("bundle"), bundle).unwrap();
    let (code, out, _) = maais(dir, &["audit", "check-extract", "bundle"]);
    assert!(code == 0 && out.contains("before them were pruned") && out.contains("up to record"), "{out}");
    let (_, out, _) = maais(dir, &[&prune[..], &["--dry-run", "--older-than", "3d"]].concat());
    assert!(out.is_empty() || out.contains("no closed segment"), "{out}");
}
