//! Tenants, containment, approvals and permits as people use them, and what is left when a process is killed.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_maais"));
    command
        .args(args)
        .current_dir(folder)
        .env_remove("MAAIS_HOME")
        .env_remove("MAAIS_CONFIG")
        .env("NO_COLOR", "1");
    command
}

fn maais(folder: &Path, args: &[&str], input: &str) -> (i32, String, String) {
    let mut command = command(folder, args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

fn json(folder: &Path, args: &[&str], input: &str) -> Value {
    let (_, out, err) = maais(folder, args, input);
    serde_json::from_str(&out).unwrap_or_else(|_| panic!("{args:?}: {out}{err}"))
}

const ASK: &str = "policies:
  - {id: ask, applies_to: '*', condition: {target: deploy}, decision: REQUIRE_APPROVAL, reason: a person looks, priority: 1}
  - {id: rest, applies_to: '*', condition: {}, decision: ALLOW, reason: fine, priority: 2}
";
const ACTION: &str =
    r#"{"agent_id":"bot","action_type":"tool_call","target":"deploy","parameters":{"to":"prod"}}"#;

#[test]
fn a_person_approves_on_the_command_line_and_the_executor_demands_the_permit_once() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path();
    std::fs::write(dir.join("p.yaml"), ASK).unwrap();
    std::fs::write(dir.join("maais.yaml"), "policies: [p.yaml]\npermits: {valid: 1h}\n").unwrap();
    let asked = json(dir, &["check", "--json"], ACTION);
    assert_eq!(asked["effect"], "REQUIRE_APPROVAL");
    let id = asked["metadata"]["approval"]["id"].as_str().unwrap().to_owned();
    let (code, out, _) = maais(dir, &["approvals", "list"], "");
    assert!(code == 0 && out.contains(&id) && out.contains("deploy"), "{out}");
    assert_eq!(json(dir, &["approvals", "show", &id], "")["action"]["parameters"]["to"], "prod");
    let (code, _, err) = maais(dir, &["approvals", "approve", &id, "--by", "bot"], "");
    assert!(code == 1 && err.contains("a person has to answer"), "{err}");
    let (code, _, err) = maais(dir, &["approvals", "approve", &id, "--by", "ann", "--comment", "ok"], "");
    assert_eq!(code, 0, "{err}");
    let other = ACTION.replace("prod", "test");
    assert_eq!(json(dir, &["check", "--json"], &other)["effect"], "REQUIRE_APPROVAL");
    let allowed = json(dir, &["check", "--json"], ACTION);
    assert_eq!(allowed["effect"], "ALLOW", "{allowed}");
    assert_eq!(json(dir, &["check", "--json"], ACTION)["effect"], "REQUIRE_APPROVAL");

    let permit = allowed["metadata"]["permit"].as_str().unwrap().to_owned();
    let verify = |permit: &str, action: &str, more: &[&str]| {
        maais(dir, &[&["permit", "verify", "--permit", permit], more].concat(), action).0
    };
    assert_eq!(verify(&permit, ACTION, &[]), 0);
    assert_eq!(verify(&permit, &other, &[]), 2, "another action");
    let last = if permit.ends_with('A') { "B" } else { "A" };
    let forged = format!("{}{last}{}", &permit[..40], &permit[41..]);
    assert_eq!(verify(&forged, ACTION, &[]), 2, "another permit");
    assert_eq!(verify("", ACTION, &[]), 2, "no permit, no call");
    assert_eq!(verify(&permit, ACTION, &["--spend"]), 0);
    assert_eq!(verify(&permit, ACTION, &["--spend"]), 2, "once");
    let log = maais(dir, &["audit", "tail", "-n", "100", "--json"], "").1;
    assert!(!log.contains(&permit), "who reads the log may not act");
    let (code, out, _) = maais(dir, &["audit", "replay"], "");
    assert_eq!(code, 0, "{out}");
}

#[test]
fn the_kill_switch_stops_a_running_engine_with_its_next_action_even_where_policies_are_broken() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path();
    std::fs::write(dir.join("p.yaml"), ASK).unwrap();
    std::fs::write(dir.join("maais.yaml"), "policies: [p.yaml]\n").unwrap();
    let mut engine =
        command(dir, &["check", "--stream"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut input, mut output) =
        (engine.stdin.take().unwrap(), BufReader::new(engine.stdout.take().unwrap()));
    let mut effect = || {
        let line = r#"{"session":"s","request":{"agent_id":"bot","action_type":"tool_call","target":"x"}}"#;
        writeln!(input, "{line}").unwrap();
        let mut answer = String::new();
        output.read_line(&mut answer).unwrap();
        serde_json::from_str::<Value>(&answer).unwrap()["effect"].as_str().unwrap().to_owned()
    };
    assert_eq!(effect(), "ALLOW");
    std::fs::write(dir.join("maais.yaml"), "policies: [").unwrap();
    let (code, _, err) = maais(dir, &["contain", "agent", "bot", "--reason", "odd", "--by", "ann"], "");
    assert_eq!(code, 0, "{err}");
    assert_eq!(effect(), "DENY");
    let (code, out, _) = maais(dir, &["contain", "list"], "");
    assert!(code == 0 && out.contains("bot") && out.contains("odd"), "{out}");
    assert_eq!(maais(dir, &["release", "agent", "bot", "--by", "ann"], "").0, 0);
    assert_eq!(effect(), "ALLOW");
    drop(input);
    engine.wait().unwrap();
    assert_eq!(maais(dir, &["audit", "verify"], "").0, 0);
}

/// Each round kills a process at another moment of a change. What it acknowledged is there, and what is there is
/// recorded.
#[test]
fn nothing_acknowledged_is_lost_when_a_process_is_killed() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path();
    assert_eq!(maais(dir, &["tenant", "create", "first"], "").0, 0);
    let mut acknowledged = vec!["first".to_owned()];
    for round in 0..24_u64 {
        let name = format!("round-{round}");
        let mut child = command(dir, &["tenant", "create", &name])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_micros(4_000 + round * 2_500));
        let _ = child.kill();
        let output = child.wait_with_output().unwrap();
        if String::from_utf8_lossy(&output.stdout).contains("created") {
            acknowledged.push(name);
        }
    }
    let (code, _, err) = maais(dir, &["tenant", "create", "last"], "");
    assert_eq!(code, 0, "{err}");
    acknowledged.push("last".to_owned());
    let there: Vec<String> = json(dir, &["tenant", "list", "--json"], "")
        .as_array()
        .unwrap()
        .iter()
        .map(|tenant| tenant["id"].as_str().unwrap().to_owned())
        .collect();
    for name in &acknowledged {
        assert!(there.contains(name), "{name} was acknowledged: {there:?}");
    }
    let log: Vec<Value> = maais(dir, &["audit", "tail", "-n", "1000", "--json"], "")
        .1
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    for name in there.iter().filter(|name| *name != "default") {
        let recorded =
            log.iter().any(|record| record["what"] == "tenant.created" && record["registry"]["id"] == **name);
        assert!(recorded, "{name} is in force and not recorded");
    }
    assert_eq!(maais(dir, &["audit", "verify"], "").0, 0);
}
