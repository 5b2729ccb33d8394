//! Seen from outside: the disk has confirmed the record before the answer leaves the process. The witness is `strace`.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

const REQUESTS: usize = 20;

#[test]
fn fdatasync_has_returned_before_each_answer_is_written() {
    if Command::new("strace").arg("--version").output().is_err() {
        println!("skipped: strace is not installed");
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let trace = home.path().join("trace");
    let mut child = Command::new("strace")
        .args(["-f", "-qq", "-s", "40", "-e", "trace=fdatasync,write", "-o"])
        .arg(&trace)
        .arg(env!("CARGO_BIN_EXE_maais"))
        .args(["check", "--stream"])
        .env("MAAIS_HOME", home.path().join("data"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    for seq in 0..REQUESTS {
        let request = serde_json::json!({"session": "s", "seq": seq, "request": {
            "agent_id": "a", "action_type": "tool_call", "target": "calculator", "parameters": {"x": seq}}});
        writeln!(input, "{request}").unwrap();
    }
    drop(input);
    let output = child.wait_with_output().unwrap();
    if String::from_utf8_lossy(&output.stderr).contains("ptrace") {
        println!("skipped: this machine lets nobody trace a process");
        return;
    }
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), REQUESTS);

    let trace = fs::read_to_string(trace).unwrap();
    let (mut flushed, mut answers) = (0, 0);
    for line in trace.lines() {
        // `fdatasync(7) = 0`, or, when another thread came between: `<... fdatasync resumed>) = 0`.
        if line.contains("fdatasync") && line.trim_end().ends_with("= 0") {
            flushed += 1;
        }
        if line.contains("write(1, \"{") {
            answers += 1;
            assert!(flushed >= 1, "answer {answers} left before its record was flushed:\n{trace}");
            flushed = 0;
        }
    }
    assert_eq!(answers, REQUESTS, "each answer is one write:\n{trace}");
}
