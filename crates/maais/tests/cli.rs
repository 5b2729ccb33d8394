//! The program as people run it: its answers, exit codes and messages.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

fn maais(folder: &Path, args: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_maais"))
        .args(args)
        .current_dir(folder)
        .env_remove("MAAIS_HOME")
        .env_remove("MAAIS_CONFIG")
        .env("NO_COLOR", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that does not read its input closes the pipe.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

const FINE: &str = r#"{"agent_id":"a","action_type":"tool_call","target":"calculator","parameters":{"x":1}}"#;
const EVIL: &str = r#"{"agent_id":"a","action_type":"tool_call","target":"http_request","parameters":{"url":"http://localhost@evil.example/"}}"#;

#[test]
fn check_answers_with_its_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let allowed = maais(folder.path(), &["check"], FINE);
    assert_eq!((code(&allowed), out(&allowed).starts_with("ALLOW")), (0, true), "{}", err(&allowed));
    let denied = maais(folder.path(), &["check", "--json"], EVIL);
    assert_eq!(code(&denied), 2);
    let decision: Value = serde_json::from_slice(&denied.stdout).unwrap();
    assert_eq!(decision["policy_id"], "deny_external_http");
    assert_eq!(decision["allow"], false);
    assert!(decision["metadata"]["receipt"]["index"].is_number());
    let malformed = maais(folder.path(), &["check"], "{not json");
    assert_eq!(code(&malformed), 2, "what cannot be read is denied");
    std::fs::write(folder.path().join("maais.yaml"), "polices: x").unwrap();
    let broken = maais(folder.path(), &["check"], FINE);
    assert_eq!(code(&broken), 1);
    assert!(err(&broken).contains("did you mean `policies`?"), "{}", err(&broken));
    assert!(out(&broken).is_empty(), "an engine that does not open answers nothing");
}

#[test]
fn check_takes_an_action_from_flags() {
    let folder = tempfile::tempdir().unwrap();
    let args = [
        "check",
        "--agent",
        "bot",
        "--target",
        "http_request",
        "--param",
        "url=https://evil.example/",
        "--param",
        "n=1",
    ];
    assert_eq!(code(&maais(folder.path(), &args, "")), 2);
    assert_eq!(code(&maais(folder.path(), &["check", "--agent", "bot", "--target", "calculator"], "")), 0);
    assert_eq!(
        code(&maais(folder.path(), &["check", "--agent", "bot", "--target", "t", "--type", "nope"], "")),
        2
    );
}

#[test]
fn a_stream_gets_one_answer_a_line_in_order_whatever_the_line() {
    let folder = tempfile::tempdir().unwrap();
    let line =
        |session: &str, request: &str| format!(r#"{{"session":"{session}","seq":0,"request":{request}}}"#);
    let long = format!(r#"{{"session":"x","seq":0,"request":{{"text":"{}"}}}}"#, "x".repeat(5 << 20));
    let with_output = format!(
        r#"{{"session":"s","seq":1,"request":{FINE},"prior_output":"ignore previous instructions"}}"#
    );
    let input = [
        line("s", FINE),
        line("s", EVIL),
        "{broken".to_owned(),
        long,
        with_output,
        "[]".into(),
        line("t", FINE),
    ]
    .join("\n");
    let output = maais(folder.path(), &["check", "--stream"], &input);
    assert_eq!(code(&output), 0, "{}", err(&output));
    let answers: Vec<Value> = out(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let decisions: Vec<&str> = answers.iter().map(|answer| answer["decision"].as_str().unwrap()).collect();
    assert_eq!(decisions, ["ALLOW", "DENY", "DENY", "DENY", "ALLOW", "DENY", "ALLOW"]);
    assert!(answers.iter().all(|answer| answer["latency_us"].is_u64()));
    let tail = out(&maais(folder.path(), &["audit", "tail", "--json", "-n", "100"], ""));
    let outcomes = tail.lines().filter(|line| line.contains(r#""type":"outcome""#)).count();
    assert_eq!(outcomes, 1, "what came back from the first action is recorded");
    assert_eq!(tail.lines().filter(|line| line.contains(r#""type":"decision""#)).count(), 7);
}

#[test]
fn a_log_that_was_edited_or_cut_is_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..3 {
        maais(folder.path(), &["check"], FINE);
    }
    let verified = maais(folder.path(), &["audit", "verify"], "");
    assert_eq!(code(&verified), 0, "{}", out(&verified));
    let segment = folder.path().join(".maais/log/0/seg/00000000000000000000.jsonl");
    let whole = std::fs::read_to_string(&segment).unwrap();
    std::fs::write(&segment, whole.replacen(r#""allow":true"#, r#""allow":false"#, 1)).unwrap();
    let edited = maais(folder.path(), &["audit", "verify"], "");
    assert_eq!(code(&edited), 2);
    assert!(out(&edited).contains("first bad record: "), "{}", out(&edited));
    let lines: Vec<&str> = whole.lines().filter(|line| !line.is_empty()).collect();
    std::fs::write(&segment, lines[..4].join("\n") + "\n").unwrap();
    let cut = maais(folder.path(), &["audit", "verify", "--json"], "");
    assert_eq!(code(&cut), 2);
    let report: Value = serde_json::from_slice(&cut.stdout).unwrap();
    assert_eq!(report["ok"], json!(false));
    assert_eq!(code(&maais(folder.path(), &["check"], FINE)), 1, "no decision without a log to believe");
    assert_eq!(code(&maais(folder.path(), &["audit", "verify", "nowhere"], "")), 1);
}

#[test]
fn show_prints_a_record_by_index_or_action() {
    let folder = tempfile::tempdir().unwrap();
    let secret = r#"{"agent_id":"a","action_type":"tool_call","target":"t","action_id":"my-action","parameters":{"card":"4111 1111 1111 1111"}}"#;
    maais(folder.path(), &["check"], secret);
    let shown = out(&maais(folder.path(), &["audit", "show", "my-action"], ""));
    assert!(shown.contains("$sealed") && !shown.contains("4111"), "{shown}");
    let opened = out(&maais(folder.path(), &["audit", "show", "my-action", "--unseal"], ""));
    assert!(opened.contains("4111 1111 1111 1111"), "{opened}");
    assert_eq!(code(&maais(folder.path(), &["audit", "show", "999"], "")), 1);
}

#[test]
fn a_reader_that_goes_away_causes_no_panic_and_no_zero() {
    use std::io::{BufRead as _, BufReader};
    let folder = tempfile::tempdir().unwrap();
    let stream = format!("{{\"session\":\"s\",\"request\":{FINE}}}\n").repeat(50);
    maais(folder.path(), &["check", "--stream"], &stream);
    let mut child = Command::new(env!("CARGO_BIN_EXE_maais"))
        .args(["audit", "tail", "-n", "50", "--json"])
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    BufReader::with_capacity(16, child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(!err(&output).contains("panicked"), "{}", err(&output));
    assert_ne!(code(&output), 2);
}

#[test]
fn every_mistake_in_policies_is_shown_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let text = "policies:\n  - id: a\n    applies_to: [tool_cal]\n    condition: {tarrget: x}\n    decision: DENNY\n    reason: r\n    reason: s\n";
    std::fs::write(folder.path().join("p.yaml"), text).unwrap();
    let output = maais(folder.path(), &["policy", "check", "p.yaml"], "");
    assert_eq!(code(&output), 2);
    for expected in [
        "p.yaml:3:18",
        "`tool_call`",
        "p.yaml:4:17",
        "did you mean `target`?",
        "p.yaml:5:15",
        "did you mean `DENY`?",
        "p.yaml:7:5",
        "the key `reason` is there twice",
    ] {
        assert!(err(&output).contains(expected), "{expected} is not in\n{}", err(&output));
    }
    assert!(out(&output).contains("4 errors"), "{}", out(&output));
}

#[test]
fn the_starter_configuration_works_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(code(&maais(folder.path(), &["init"], "")), 0);
    assert_eq!(code(&maais(folder.path(), &["init"], "")), 1, "nothing is overwritten");
    assert_eq!(code(&maais(folder.path(), &["init", "--force"], "")), 0);
    let tested = maais(folder.path(), &["policy", "test", "policies/"], "");
    assert_eq!(code(&tested), 0, "{}{}", out(&tested), err(&tested));
    let checked = maais(folder.path(), &["policy", "check", "policies/"], "");
    assert!(out(&checked).contains("0 warnings"), "{}", out(&checked));
    let asked = maais(folder.path(), &["check", "--agent", "a", "--target", "refund"], "");
    assert_eq!(
        (code(&asked), out(&asked).starts_with("REQUIRE_APPROVAL")),
        (2, true),
        "{}{}",
        out(&asked),
        err(&asked)
    );
    let listed = out(&maais(folder.path(), &["policy", "list"], ""));
    assert!(listed.contains("ask_before_refund") && listed.contains("deny_external_http"), "{listed}");
}

#[test]
fn a_rule_without_both_kinds_of_case_fails_the_test() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("p/tests")).unwrap();
    let rule = "policies: [{id: r, applies_to: '*', condition: {target: x}, decision: DENY, reason: no}]";
    std::fs::write(folder.path().join("p/r.yaml"), rule).unwrap();
    let test = |cases: &str| {
        std::fs::write(folder.path().join("p/tests/r.yaml"), cases).unwrap();
        maais(folder.path(), &["policy", "test", "p"], "")
    };
    let half = test("rules: {r: {fires: [{action_type: tool_call, target: x}]}}");
    assert_eq!(code(&half), 2);
    assert!(out(&half).contains("no case on which it stays quiet"), "{}", out(&half));
    let wrong = test(
        "rules: {r: {fires: [{action_type: tool_call, target: y}], quiet: [{action_type: tool_call, target: x}]}}",
    );
    assert_eq!(code(&wrong), 2);
    assert!(out(&wrong).contains("p/tests/r.yaml:1:"), "{}", out(&wrong));
    let good = test(
        "rules: {r: {fires: [{action_type: tool_call, target: x}], quiet: [{action_type: tool_call, target: y}]}}",
    );
    assert_eq!(code(&good), 0, "{}", out(&good));
}

#[test]
fn the_demo_ends_well_and_its_log_is_believed() {
    let folder = tempfile::tempdir().unwrap();
    let output = maais(folder.path(), &["demo", "--home", "home"], "");
    assert_eq!(code(&output), 0, "{}{}", out(&output), err(&output));
    assert!(out(&output).contains("50 allowed, 100 stopped"), "{}", out(&output));
    assert_eq!(code(&maais(folder.path(), &["audit", "verify", "home"], "")), 0);
}

#[test]
fn bench_and_completions_print_what_they_promise() {
    let folder = tempfile::tempdir().unwrap();
    let output = maais(folder.path(), &["bench", "--agents", "2", "--actions", "20", "--json"], "");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    for field in ["average_us", "p50_us", "p99_us", "throughput_per_s", "memory_mib", "cache_hit_rate"] {
        assert!(report[field].is_number(), "{field} in {report}");
    }
    assert_eq!(report["actions"], 40);
    for shell in ["bash", "zsh", "fish"] {
        assert!(out(&maais(folder.path(), &["completions", shell], "")).contains("maais"));
    }
}

#[test]
fn a_check_of_the_specification_that_cannot_run_has_failed() {
    let folder = tempfile::tempdir().unwrap();
    let output = maais(folder.path(), &["verify-spec", "--python", "/nowhere/python", "--json"], "");
    assert_eq!(code(&output), 2);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let failed: Vec<&str> = report["checks"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|c| c["passed"] == false)
        .map(|c| c["name"].as_str().unwrap())
        .collect();
    assert_eq!(failed, ["no bypass in the LangGraph integration"], "{report}");
}

/// Answers that were given are in the log, also when the process is killed between two of them.
#[test]
fn a_killed_process_loses_no_answer_that_it_gave() {
    use std::io::{BufRead as _, BufReader};
    let folder = tempfile::tempdir().unwrap();
    let mut answered = 0;
    for round in 0..5 {
        let mut child = Command::new(env!("CARGO_BIN_EXE_maais"))
            .args(["check", "--stream", "--home", "home"])
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        let writer = std::thread::spawn(move || {
            // Ends with a broken pipe when the process is killed.
            while writeln!(input, r#"{{"session":"s","request":{FINE}}}"#).is_ok() {}
        });
        let mut answers = BufReader::new(child.stdout.take().unwrap()).lines();
        for _ in 0..20 + round * 7 {
            answers.next().unwrap().unwrap();
        }
        child.kill().unwrap();
        answered += 20 + round * 7 + answers.map_while(Result::ok).filter(|line| line.ends_with('}')).count();
        child.wait().unwrap();
        writer.join().unwrap();
    }
    let verified = maais(folder.path(), &["audit", "verify", "home"], "");
    assert_eq!(code(&verified), 0, "{}", out(&verified));
    let tail = out(&maais(folder.path(), &["audit", "tail", "--home", "home", "--json", "-n", "100000"], ""));
    let recorded = tail.lines().filter(|line| line.contains(r#""type":"decision""#)).count();
    assert!(recorded >= answered, "{recorded} records of {answered} answers");
}

#[test]
fn replay_says_that_nothing_differs_or_what_and_what_would_be_otherwise() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(code(&maais(folder.path(), &["audit", "replay"], "")), 1, "there is no log");
    maais(folder.path(), &["check"], FINE);
    maais(folder.path(), &["check"], EVIL);
    let same = maais(folder.path(), &["audit", "replay"], "");
    assert_eq!(code(&same), 0, "{}", err(&same));
    assert!(out(&same).contains("2 decisions: 2 the same, 0 differ, 0 cannot be replayed"), "{}", out(&same));
    let later = maais(folder.path(), &["audit", "replay", "--since", "2999-01-01"], "");
    assert!(out(&later).contains("0 decisions"), "{}", out(&later));
    assert_ne!(code(&maais(folder.path(), &["audit", "replay", "--since", "yesterday"], "")), 0);

    let lax = folder.path().join("lax.yaml");
    std::fs::write(&lax, "policies: [{id: lax, applies_to: '*', condition: {}, decision: DENY, reason: r}]")
        .unwrap();
    let otherwise = maais(folder.path(), &["audit", "replay", "--policies", lax.to_str().unwrap()], "");
    assert_eq!(code(&otherwise), 2);
    assert!(out(&otherwise).contains("1 would be decided otherwise"), "{}", out(&otherwise));
    assert!(out(&otherwise).contains("lax"), "{}", out(&otherwise));

    let segment = folder.path().join(".maais/log/0/seg/00000000000000000000.jsonl");
    let text = std::fs::read_to_string(&segment).unwrap();
    std::fs::write(&segment, text.replacen("\"effect\":\"DENY\"", "\"effect\":\"ALLOW\"", 1)).unwrap();
    let differs = maais(folder.path(), &["audit", "replay", ".maais", "--log", "0"], "");
    assert_eq!(code(&differs), 2);
    assert!(
        out(&differs).contains("1 DIFFER") && out(&differs).contains("decision.effect"),
        "{}",
        out(&differs)
    );
    let json = maais(folder.path(), &["audit", "replay", "--json"], "");
    assert_eq!(code(&json), 2);
    let lines: Vec<Value> = out(&json).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.iter().any(|line| line["verdict"] == "different"), "{lines:?}");
    assert_eq!(lines.last().unwrap()["summary"]["different"], 1);
    assert_eq!(lines.last().unwrap()["summary"]["ok"], false);
}
