//! `maais audit redact` as people run it.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn maais(folder: &Path, args: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_maais"));
    command.args(args).current_dir(folder).env_remove("MAAIS_HOME").env("NO_COLOR", "1").stdin(Stdio::null());
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    (status.code().unwrap(), text(&stdout), text(&stderr))
}

#[test]
fn an_agents_secrets_are_erased_and_the_log_still_verifies() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path();
    let card = "text=card 4111 1111 1111 1111";
    for agent in ["crm-bot", "other-bot"] {
        maais(dir, &["check", "--agent", agent, "--target", "notes", "--param", card]);
    }
    let redact = ["audit", "redact", "--subject", "crm-bot", "--basis", "Art. 17", "--by", "dpo"];
    let (code, out, _) = maais(dir, &[&redact[..], &["--dry-run"]].concat());
    assert!(code == 0 && out.contains("would be erased 1 values in 1 records"), "{out}");
    let (code, _, err) = maais(dir, &redact);
    assert!(code == 1 && err.contains("--yes"), "nobody is there to be asked: {err}");
    let (code, out, err) = maais(dir, &[&redact[..], &["--yes", "--json"]].concat());
    assert_eq!(code, 0, "{err}");
    let done: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(done["logs"][0]["values"], 1);
    let (code, out, _) = maais(dir, &["audit", "verify"]);
    assert!(code == 0 && out.contains("1 sealed values are present, 1 were redacted on record"), "{out}");
    let (_, out, _) = maais(dir, &[&redact[..], &["--dry-run"]].concat());
    assert!(out.contains("nothing is sealed for `crm-bot`"), "{out}");
    let index = done["logs"][0]["index"].to_string();
    let (_, out, _) = maais(dir, &["audit", "show", &index, "--json"]);
    assert!(out.contains("Art. 17") && !out.contains("crm-bot"), "{out}");
}
