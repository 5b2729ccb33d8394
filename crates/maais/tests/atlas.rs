//! `maais atlas` as people run it: what the policies name of the public catalogues.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// One rule that names a technique through ATT&CK both ways, one that only allows.
const POLICIES: &str = "policies:
  - {id: shell, applies_to: '*', condition: {target: sh}, decision: DENY, reason: r,
     metadata: {mitre_technique: [T1059, T1485], owasp: 'LLM06:2025'}}
  - {id: tool, applies_to: '*', condition: {target: t}, decision: REQUIRE_APPROVAL, reason: r,
     metadata: {atlas: AML.T0051.001, mitre: T1059.004}}
  - {id: read, applies_to: '*', condition: {target: r}, decision: ALLOW, reason: r, metadata: {atlas: AML.T0053}}
";

fn maais(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_maais"))
        .args(args)
        .current_dir(folder)
        .env_remove("MAAIS_HOME")
        .env_remove("MAAIS_CONFIG")
        .env("NO_COLOR", "1")
        .output()
        .unwrap()
}

fn out(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn json(output: &Output) -> Value {
    serde_json::from_str(&out(output)).unwrap()
}

fn with_policies() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("p.yaml"), POLICIES).unwrap();
    folder
}

#[test]
fn the_atlas_pack_names_techniques_of_every_tactic_that_its_groups_are_called_after() {
    let folder = tempfile::tempdir().unwrap();
    let coverage = json(&maais(folder.path(), &["atlas", "coverage", "atlas", "--json"]));
    let tactics = coverage["tactics"].as_array().unwrap();
    assert_eq!((tactics.len(), coverage["total"].as_u64()), (16, Some(170)));
    for name in [
        "Initial Access",
        "Execution",
        "Persistence",
        "Privilege Escalation",
        "Defense Evasion",
        "Discovery",
        "Lateral Movement",
        "Exfiltration",
        "Impact",
    ] {
        let tactic = tactics.iter().find(|tactic| tactic["name"] == name).unwrap();
        assert!(tactic["named"].as_u64() > Some(0), "{name}");
    }
    let shown = out(&maais(folder.path(), &["atlas", "coverage", "atlas"]));
    for text in
        ["Reconnaissance", "0 of 12", "atlas_execution_command", "nearest from T1199", "LLM10", "ATLAS 5.6.1"]
    {
        assert!(shown.contains(text), "{text} is not in\n{shown}");
    }
}

#[test]
fn coverage_says_which_rule_names_a_technique_and_how() {
    let folder = with_policies();
    let coverage = json(&maais(folder.path(), &["atlas", "coverage", "p.yaml", "--json"]));
    let mut found = Vec::new();
    for tactic in coverage["tactics"].as_array().unwrap() {
        for technique in tactic["techniques"].as_array().unwrap() {
            for rule in technique["rules"].as_array().unwrap() {
                let text = |value: &Value| value.as_str().unwrap().to_owned();
                found.push(
                    [&technique["id"], &rule["id"], &rule["via"], &rule["written"]].map(text).join(" "),
                );
            }
        }
    }
    let expected = [
        "AML.T0050 shell direct T1059",
        "AML.T0050 tool nearest T1059.004",
        "AML.T0051.001 tool named AML.T0051.001",
        "AML.T0101 shell nearest T1485",
    ];
    assert_eq!(found, expected, "and nothing of the rule that allows");
    assert_eq!(coverage["named"], 3);
    assert_eq!(coverage["owasp"]["llm"]["named"], 1);
    assert_eq!(coverage["owasp"]["agentic"]["named"], 0);
}

#[test]
fn a_navigator_layer_has_every_technique_with_its_score() {
    let folder = with_policies();
    let shown = out(&maais(folder.path(), &["atlas", "coverage", "p.yaml", "--navigator", "layer.json"]));
    assert!(shown.ends_with("layer layer.json\n"), "{shown}");
    assert!(shown.contains("LLM Prompt Injection: Indirect"), "{shown}");
    let layer: Value =
        serde_json::from_slice(&std::fs::read(folder.path().join("layer.json")).unwrap()).unwrap();
    assert_eq!((&layer["domain"], &layer["versions"]["layer"]), (&"atlas-atlas".into(), &"4.5".into()));
    let techniques = layer["techniques"].as_array().unwrap();
    let of = |id: &str| techniques.iter().find(|technique| technique["techniqueID"] == id).unwrap();
    assert_eq!((&of("AML.T0050")["score"], &of("AML.T0050")["tactic"]), (&2.into(), &"execution".into()));
    assert_eq!(of("AML.T0050")["comment"], "shell (direct: T1059)\ntool (nearest: T1059.004)");
    assert_eq!((&of("AML.T0051")["score"], &of("AML.T0051")["showSubtechniques"]), (&0.into(), &true.into()));
    let unwritable = maais(folder.path(), &["atlas", "coverage", "--navigator", "no/such/folder.json"]);
    assert_eq!(unwritable.status.code(), Some(1));
}

#[test]
fn show_says_what_an_id_means_and_which_rules_name_it() {
    let folder = with_policies();
    let show = |id: &str| out(&maais(folder.path(), &["atlas", "show", id, "p.yaml"]));
    for (id, texts) in [
        (
            "AML.T0050",
            ["Command and Scripting Interpreter", "AML.TA0005", "T1059          direct", "DENY shell"],
        ),
        (
            "AML.T0051",
            ["LLM Prompt Injection", "AML.T0051.001  Indirect", "mitigations", "none of those loaded"],
        ),
        ("T1041", ["ATT&CK id", "AML.T0025      nearest", "Exfiltration", "techniques/T1041"]),
        (
            "T1059.004",
            ["not known here", "techniques/T1059/004", "AML.T0050      nearest", "REQUIRE_APPROVAL tool"],
        ),
        (
            "AML.TA0005",
            ["Execution", "techniques", "AML.T0053      AI Agent Tool Invocation", "TA0002         direct"],
        ),
        ("LLM06:2025", ["Excessive Agency", "2025", "DENY shell", "p.yaml:2"]),
    ] {
        let shown = show(id);
        for text in texts {
            assert!(shown.contains(text), "{text} is not in\n{shown}");
        }
    }
    let shown = json(&maais(folder.path(), &["atlas", "show", "AML.M0015", "--json"]));
    assert!(!shown["related"]["helps_against"].as_array().unwrap().is_empty(), "{shown}");
}

#[test]
fn an_id_that_does_not_exist_is_an_error_in_show_and_a_warning_in_a_policy() {
    let folder = with_policies();
    let unknown = maais(folder.path(), &["atlas", "show", "AML.T9999"]);
    assert_eq!((unknown.status.code(), unknown.stdout.is_empty()), (Some(1), true));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("did you mean"));
    let wrong = POLICIES.replace("AML.T0051.001", "AML.T0501");
    std::fs::write(folder.path().join("p.yaml"), wrong).unwrap();
    let checked = maais(folder.path(), &["policy", "check", "p.yaml"]);
    let said = String::from_utf8_lossy(&checked.stderr).into_owned();
    assert!(out(&checked).contains("ok 3 rules"), "{}", out(&checked));
    assert!(said.contains("`AML.T0501` is not in ATLAS 5.6.1"), "{said}");
    assert!(said.contains("did you mean `AML.T0051` (LLM Prompt Injection)?"), "{said}");
}
