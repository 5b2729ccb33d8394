//! `maais audit query` and `export`, as people run them.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use maais_audit::{LeafHash, Proof, Vkey};
use serde_json::Value;

fn maais(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_maais"))
        .args(args)
        .current_dir(folder)
        .env_remove("MAAIS_HOME")
        .env_remove("MAAIS_CONFIG")
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn act(folder: &Path, agent: &str, target: &str) {
    let parameter = "url=http://localhost@evil.example/";
    maais(folder, &["check", "--agent", agent, "--target", target, "--param", parameter]);
}

fn log() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    act(folder.path(), "good", "calculator");
    act(folder.path(), "bad", "http_request");
    folder
}

#[test]
fn an_attacker_who_wrote_to_the_log_does_not_write_on_the_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let evil = "evil\u{1b}[2J\u{9b}31m\nforged\r\u{7}";
    let log = folder.path().join(".maais/log/0");
    fs::create_dir_all(log.join("seg")).unwrap();
    fs::write(log.join("origin"), evil).unwrap();
    let record = serde_json::json!({
        "_log": evil, "_prev": LeafHash::ZERO.to_string(), "_seq": 0, "_tenant": evil, "_session": evil,
        "_time": "2026-11-23T15:19:38Z", "type": "decision",
        "request": {"agent_id": evil, "action_type": evil, "target": evil},
        "decision": {"effect": evil, "policy_id": evil, "explanation": evil},
    });
    fs::write(log.join("seg/00000000000000000000.jsonl"), format!("{record}\n{evil}\n\n{evil}\n")).unwrap();
    for args in [&["query"][..], &["query", "--scan"], &["export", "--format", "cef"]] {
        let output = maais(folder.path(), &[&["audit"], args].concat());
        assert_eq!(output.status.code(), Some(2), "{}", err(&output));
        assert!(out(&output).contains("evil"));
        for text in [out(&output), err(&output)] {
            assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
            assert!(!text.lines().any(|line| line.trim_start().starts_with("forged")), "{text:?}");
        }
    }
    let proved = maais(folder.path(), &["audit", "query", "--prove"]);
    assert_eq!(proved.status.code(), Some(1));
    assert!(!err(&proved).contains('\u{1b}'), "{}", err(&proved));
}

#[test]
fn a_query_finds_what_is_asked_for() {
    let folder = log();
    let all = maais(folder.path(), &["audit", "query"]);
    assert_eq!(all.status.code(), Some(0), "{}", err(&all));
    assert!(out(&all).contains("calculator") && out(&all).contains("http_request"));
    let denied = maais(folder.path(), &["audit", "query", "--decision", "DENY", "--since", "1h", "--json"]);
    let line: Value = serde_json::from_slice(&denied.stdout).unwrap();
    assert_eq!(line["request"]["target"], "http_request");
    let none = maais(folder.path(), &["audit", "query", "--until", "1h"]);
    assert_eq!((none.status.code(), out(&none).trim()), (Some(0), "no record"));
    let wrong = maais(folder.path(), &["audit", "query", "--since", "soon"]);
    assert_eq!(wrong.status.code(), Some(1));
    assert!(err(&wrong).contains("`soon` is no time"));
    let nowhere = maais(folder.path(), &["audit", "query", "--home", "nowhere"]);
    assert_eq!(nowhere.status.code(), Some(1));
    assert!(err(&nowhere).contains("no log"));
    assert!(!folder.path().join("nowhere").exists());
}

#[test]
fn a_proof_holds_for_the_line_beside_it() {
    let folder = log();
    let args = ["audit", "query", "--agent", "good", "--type", "decision", "--prove", "--json"];
    let found = maais(folder.path(), &args);
    let answer: Value = serde_json::from_slice(&found.stdout).unwrap();
    let line = answer["line"].as_str().unwrap();
    assert_eq!(answer["leaf"], LeafHash::of(line.as_bytes()).to_string());
    let report: Value =
        serde_json::from_slice(&maais(folder.path(), &["audit", "verify", "--json"]).stdout).unwrap();
    let key: Vkey = report["logs"][0]["vkey"].as_str().unwrap().parse().unwrap();
    let proof = Proof::parse(answer["proof"].as_str().unwrap()).unwrap();
    assert_eq!(Some(proof.index), answer["index"].as_u64());
    proof.check(line.as_bytes(), &key).unwrap();
    assert!(proof.check(line.replace("good", "evil").as_bytes(), &key).is_err());
    let shown = out(&maais(folder.path(), &["audit", "query", "--agent", "good", "--prove"]));
    assert!(shown.contains("c2sp.org/tlog-proof@v1"));
}

#[test]
fn an_index_that_was_changed_is_noticed_and_made_anew() {
    let folder = log();
    maais(folder.path(), &["audit", "query"]);
    fs::write(folder.path().join(".maais/index.sqlite"), "x".repeat(5000)).unwrap();
    let again = maais(folder.path(), &["audit", "query", "--agent", "good"]);
    assert!(err(&again).contains("the index is made anew"), "{}", err(&again));
    assert!(out(&again).contains("calculator"));
    let notes = folder.path().join("notes");
    fs::write(&notes, "x".repeat(5000)).unwrap();
    let refused = maais(folder.path(), &["audit", "query", "--index", "notes"]);
    assert_eq!(refused.status.code(), Some(1));
    assert_eq!(fs::read_to_string(notes).unwrap(), "x".repeat(5000));
    let scanned = maais(folder.path(), &["audit", "query", "--agent", "good", "--scan", "--limit", "1"]);
    assert!(out(&scanned).contains("calculator"));
}

#[test]
fn an_export_with_a_cursor_appends_what_is_new() {
    let folder = log();
    let args = ["audit", "export", "--format", "csv", "--cursor", "c", "-o", "x.csv", "--type", "decision"];
    let count = || fs::read_to_string(folder.path().join("x.csv")).unwrap().matches("\"decision\",").count();
    assert_eq!(maais(folder.path(), &args).status.code(), Some(0));
    let first = count();
    assert_eq!(maais(folder.path(), &args).status.code(), Some(0));
    assert_eq!(count(), first);
    act(folder.path(), "late", "calculator");
    maais(folder.path(), &args);
    let text = fs::read_to_string(folder.path().join("x.csv")).unwrap();
    assert_eq!(count(), first + 1);
    assert_eq!(text.matches("\"action_type\"").count(), 1, "one header");
}

#[test]
fn an_export_is_whole_or_not_there() {
    let folder = log();
    let raw = maais(folder.path(), &["audit", "export", "--format", "jsonl"]);
    let args = ["audit", "export", "--format", "jsonl", "-o", "x", "--with-checkpoint"];
    maais(folder.path(), &args);
    assert_eq!(fs::read(folder.path().join("x")).unwrap(), raw.stdout);
    let checkpoint = fs::read_to_string(folder.path().join("x.checkpoint")).unwrap();
    assert!(maais_audit::Checkpoint::parse(&checkpoint).is_ok());
    let args = ["audit", "export", "--format", "parquet", "--cursor", "c", "-o", "x"];
    let refused = maais(folder.path(), &args);
    assert_eq!(refused.status.code(), Some(1));
    assert!(err(&refused).contains("name a new file"), "{}", err(&refused));
    assert!(!folder.path().join("c").exists());
}

#[test]
fn a_damaged_log_is_told_and_what_is_before_the_damage_is_shown() {
    let folder = log();
    let segment = folder.path().join(".maais/log/0/seg/00000000000000000000.jsonl");
    let text = fs::read_to_string(&segment).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let last = lines.len() - 2;
    fs::write(&segment, text.replace(lines[last], &lines[last].replace("\"type\"", "\"typo\""))).unwrap();
    for args in
        [&["audit", "query"][..], &["audit", "query", "--scan"], &["audit", "export", "--format", "cef"]]
    {
        let output = maais(folder.path(), args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(
            err(&output).contains("damaged") && err(&output).contains("verify the log"),
            "{}",
            err(&output)
        );
        assert!(out(&output).contains("calculator"));
    }
}
