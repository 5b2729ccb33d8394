//! Proofs as people make and check them: `maais audit prove`, `extract`, `tiles` and their checks.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn maais(folder: &Path, args: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_maais"));
    let command = command.args(args).current_dir(folder).env_remove("MAAIS_HOME").env("NO_COLOR", "1");
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    (status.code().unwrap(), text(&stdout), text(&stderr))
}

/// A data directory with some decisions, and the log's first key.
fn logged() -> (tempfile::TempDir, String) {
    let home = tempfile::tempdir().unwrap();
    for value in ["1", "2", "3"] {
        let parameter = format!("x={value}");
        let args = ["check", "--agent", "a", "--target", "calculator", "--param", parameter.as_str()];
        assert_eq!(maais(home.path(), &args).0, 0);
    }
    let (_, report, _) = maais(home.path(), &["audit", "verify", "--json"]);
    let report: Value = serde_json::from_str(&report).unwrap();
    let vkey = report["logs"][0]["vkey"].as_str().unwrap().to_owned();
    (home, vkey)
}

#[test]
fn a_proof_holds_for_its_record_and_key_alone() {
    let (home, vkey) = logged();
    let dir = home.path();
    for index in ["1", "2"] {
        fs::write(dir.join(index).with_extension("proof"), maais(dir, &["audit", "prove", index]).1).unwrap();
        fs::write(dir.join(index).with_extension("json"), maais(dir, &["audit", "show", index, "--json"]).1)
            .unwrap();
    }
    let check = |proof: &str, record: &str, key: &str| {
        maais(dir, &["audit", "check-proof", proof, "--record", record, "--vkey", key])
    };
    let (code, out, _) = check("1.proof", "1.json", &vkey);
    assert!(code == 0 && out.contains("this is record 1 of"), "{out}");
    let (code, out, _) = check("1.proof", "2.json", &vkey);
    assert!(code == 2 && out.contains("does not hold"), "{out}");
    let (_, other) = logged();
    assert_eq!(check("1.proof", "1.json", &other).0, 2);
    let (code, keys, _) = maais(dir, &["audit", "keys"]);
    assert!(code == 0 && keys.lines().count() == 1, "{keys}");
    fs::write(dir.join("keys"), keys).unwrap();
    let followed = |key: &str| {
        let args = ["audit", "check-proof", "1.proof", "--record", "1.json", "--keys", "keys", "--vkey", key];
        maais(dir, &args)
    };
    assert_eq!(followed(&vkey).0, 0);
    let (code, out, _) = followed(&other);
    assert!(code == 2 && out.contains("does not follow"), "{out}");
    assert_eq!(check("missing", "1.json", &vkey).0, 1);
    let (code, _, err) = maais(dir, &["audit", "prove", "999"]);
    assert!(code == 1 && err.contains("999 is beyond"), "{err}");
    let (code, _, err) = maais(dir, &["audit", "prove", "0", "--slot", "7"]);
    assert!(code == 1 && err.contains("log/7"), "{err}");
}

#[test]
fn a_tenants_bundle_holds_alone_and_not_when_it_was_changed() {
    let (home, vkey) = logged();
    let dir = home.path();
    let (code, bundle, _) = maais(dir, &["audit", "extract", "--tenant", "default"]);
    assert_eq!(code, 0);
    fs::write(dir.join("bundle"), &bundle).unwrap();
    let (code, out, _) = maais(dir, &["audit", "check-extract", "bundle", "--vkey", &vkey]);
    assert!(code == 0 && out.contains("none missing between them"), "{out}");
    let mut lines: Vec<&str> = bundle.lines().collect();
    lines.remove(3);
    fs::write(dir.join("cut"), lines.join("\n") + "\n").unwrap();
    let (code, out, _) = maais(dir, &["audit", "check-extract", "cut", "--json"]);
    assert!(code == 2 && serde_json::from_str::<Value>(&out).unwrap()["holds"] == false, "{out}");
    let (code, _, err) = maais(dir, &["audit", "extract", "--tenant", "nobody"]);
    assert!(code == 1 && err.contains("no record of the tenant `nobody`"), "{err}");
}

#[test]
fn tiles_hold_the_leaf_hashes_that_sha256sum_prints() {
    let (home, _) = logged();
    let dir = home.path();
    assert_eq!(maais(dir, &["audit", "tiles", "out"]).0, 0);
    assert!(fs::read_to_string(dir.join("out/checkpoint")).unwrap().starts_with("maais/"));
    let script = "(printf '\\0'; tr -d '\\n' < record) | sha256sum | cut -c1-64; \
         od -An -v -tx1 out/tile/0/000.p/* | tr -d ' \\n' | cut -c129-192";
    fs::write(dir.join("record"), maais(dir, &["audit", "show", "2", "--json"]).1).unwrap();
    let output = Command::new("sh").args(["-c", script]).current_dir(dir).output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let lines: Vec<&str> = printed.lines().collect();
    assert!(lines.len() == 2 && lines[0] == lines[1] && lines[0].len() == 64, "{printed}");
}
