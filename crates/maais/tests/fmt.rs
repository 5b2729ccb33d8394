//! `maais policy fmt` as people run it.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn fmt(folder: &Path, args: &[&str], input: &str) -> (i32, String, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_maais"))
        .args(["policy", "fmt"])
        .args(args)
        .current_dir(folder)
        .env("NO_COLOR", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    (status.code().unwrap(), text(&stdout), text(&stderr))
}

const UNTIDY: &str =
    "policies:\n- reason: r\n  id: a # it\n  applies_to: \"*\"\n  condition: {}\n  decision: DENY\n";
const TIDY: &str =
    "policies:\n  - id: a  # it\n    applies_to: '*'\n    condition: {}\n    decision: DENY\n    reason: r\n";

#[test]
fn files_are_changed_in_place_and_only_if_asked_to() {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir_all(home.path().join("policies/tests")).unwrap();
    let file = home.path().join("policies/a.yaml");
    fs::write(&file, UNTIDY).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    fs::write(home.path().join("policies/tests/t.yml"), "rules:\n  a:\n    quiet: [{target:   x}]\n")
        .unwrap();
    fs::write(home.path().join("policies/notes.txt"), "not:   yaml").unwrap();
    symlink("a.yaml", home.path().join("policies/link.yaml")).unwrap();

    let (code, out, _) = fmt(home.path(), &["--check"], "");
    assert_eq!(code, 2, "{out}");
    assert!(
        out.contains("not in its form policies/a.yaml") && out.contains("3 files, 3 would change"),
        "{out}"
    );
    let (code, out, _) = fmt(home.path(), &["--diff", "policies/a.yaml"], "");
    assert!(code == 2 && out.contains("-- reason: r") && out.contains("+  - id: a  # it"), "{out}");
    assert_eq!(fs::read_to_string(&file).unwrap(), UNTIDY, "neither changes anything");

    let (code, out, _) = fmt(home.path(), &[], "");
    assert!(code == 0 && out.contains("formatted policies/a.yaml"), "{out}");
    assert_eq!(fs::read_to_string(&file).unwrap(), TIDY);
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o640);
    assert!(home.path().join("policies/link.yaml").is_symlink());
    assert_eq!(fs::read_to_string(home.path().join("policies/notes.txt")).unwrap(), "not:   yaml");
    assert_eq!(fs::read_dir(home.path().join("policies")).unwrap().count(), 4, "nothing is left behind");
    assert_eq!(fmt(home.path(), &["--check"], "").0, 0);
    let (_, out, _) = fmt(home.path(), &["--check", "--json"], "");
    assert_eq!(serde_json::from_str::<serde_json::Value>(&out).unwrap()["files"], 3);
}

#[test]
fn a_broken_file_is_shown_and_left_and_the_others_are_formatted() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("a.yaml"), "a: [1").unwrap();
    fs::write(home.path().join("b.yaml"), UNTIDY).unwrap();
    let (code, _, err) = fmt(home.path(), &["."], "");
    assert!(code == 2 && err.contains("a.yaml:1:4"), "{err}");
    assert_eq!(fs::read_to_string(home.path().join("a.yaml")).unwrap(), "a: [1");
    assert_eq!(fs::read_to_string(home.path().join("b.yaml")).unwrap(), TIDY);
    let (code, _, err) = fmt(home.path(), &["missing.yaml"], "");
    assert!(code == 1 && err.contains("missing.yaml"), "{err}");
}

#[test]
fn standard_input_goes_to_standard_output() {
    let home = tempfile::tempdir().unwrap();
    assert_eq!(fmt(home.path(), &["-"], UNTIDY), (0, TIDY.to_owned(), String::new()));
}
