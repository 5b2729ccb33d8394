//! `maais policy import`: what it makes decides as what it was made from, and what it refuses it names.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

#[path = "import/agt.rs"]
mod agt_cases;
#[path = "import/rego.rs"]
mod rego_cases;

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

pub(crate) fn maais(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_maais"));
    command.args(args).current_dir(folder).env_remove("MAAIS_HOME").env_remove("MAAIS_CONFIG");
    command.env("NO_COLOR", "1").stdin(Stdio::null()).output().unwrap()
}

/// Imports a text; what was printed to standard output.
pub(crate) fn import(folder: &Path, name: &str, text: &str, flags: &[&str]) -> Result<String, String> {
    std::fs::write(folder.join(name), text).unwrap();
    let output = maais(folder, &[&["policy", "import", name], flags].concat());
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    if output.status.success() {
        assert!(err.is_empty(), "{err}");
        return Ok(out);
    }
    assert!(out.is_empty(), "nothing is printed of what is refused: {out}");
    assert_eq!(output.status.code(), Some(2), "{err}");
    Err(err)
}

/// What the policies alone say of each request.
pub(crate) fn effects(folder: &Path, policies: &str, requests: &[Value]) -> Vec<String> {
    std::fs::write(folder.join("policies.yaml"), policies).unwrap();
    let checked = maais(folder, &["policy", "check", "policies.yaml"]);
    assert!(checked.status.success(), "{policies}{}", String::from_utf8_lossy(&checked.stderr));
    let lines: Vec<String> = requests.iter().map(Value::to_string).collect();
    std::fs::write(folder.join("requests.jsonl"), lines.join("\n")).unwrap();
    let args = ["policy", "eval", "--policies", "policies.yaml", "--requests", "requests.jsonl"];
    let output = maais(folder, &args);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let answers = String::from_utf8(output.stdout).unwrap();
    let effect =
        |line: &str| serde_json::from_str::<Value>(line).unwrap()["effect"].as_str().unwrap().to_owned();
    let effects: Vec<String> = answers.lines().map(effect).collect();
    assert_eq!(effects.len(), requests.len());
    effects
}

#[test]
fn tools_of_a_server_are_typed_as_before() {
    let folder = tempfile::tempdir().unwrap();
    let tools = r#"{"result": {"tools": [{"name": "fetch", "inputSchema": {"properties":
        {"to": {"type": "string", "format": "uri"}, "no": {"type": "integer"}}}}, {"name": "x y"}]}}"#;
    let made = import(folder.path(), "tools.json", tools, &[]).unwrap();
    assert_eq!(
        made,
        "# Made by `maais policy import` from tools.json (an answer to MCP's tools/list).\n\
         tools:\n  fetch: {'no': number, to: url}\n  'x y': {}\n"
    );
    assert!(effects(folder.path(), &made, &[]).is_empty());
    let twice = import(folder.path(), "tools.json", r#"[{"name": "a"}, {"name": "a"}]"#, &[]).unwrap_err();
    assert!(twice.contains("`a` is there twice"), "{twice}");
}

#[test]
fn what_a_file_is_can_be_told_or_said() {
    let folder = tempfile::tempdir().unwrap();
    let rego = "# note\npackage a\ndeny if { input.target == \"x\" }\n";
    let agt = "rules: []\ndefaults: {action: deny}\n";
    assert!(import(folder.path(), "a.rego", rego, &[]).unwrap().contains("(Rego)"));
    assert!(import(folder.path(), "a.txt", rego, &[]).unwrap().contains("(Rego)"));
    assert!(import(folder.path(), "b.yml", agt, &[]).unwrap().contains("Toolkit"));
    let wrong = import(folder.path(), "b.yml", agt, &["--from", "rego"]).unwrap_err();
    assert!(wrong.contains("b.yml:1:1"), "{wrong}");
    let useless = maais(folder.path(), &["policy", "import", "a.rego", "--field", "a=target"]);
    assert_eq!(useless.status.code(), Some(1), "{useless:?}");
    std::fs::write(folder.path().join("c.yaml"), "a: 1").unwrap();
    let unknown = maais(folder.path(), &["policy", "import", "c.yaml"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("--from"), "{unknown:?}");
}
