//! The program's own suites: it checks its policies, its promises and its demonstration, as a user would.

use std::path::PathBuf;
use std::process::Command;

use crate::python;
use crate::suites::Verdict;
use crate::workspace::{Workspace, output, stream};

pub(crate) fn policies(workspace: &Workspace) -> Result<Verdict, String> {
    run(workspace, "policy", &["test", "policies/"])
}

pub(crate) fn verify_spec(workspace: &Workspace) -> Result<Verdict, String> {
    let python = python::interpreter_path(workspace).display().to_string();
    run(workspace, "verify-spec", &["--python", &python])
}

pub(crate) fn demo(workspace: &Workspace) -> Result<Verdict, String> {
    run(workspace, "demo", &["--no-color"])
}

fn run(workspace: &Workspace, command: &str, arguments: &[&str]) -> Result<Verdict, String> {
    let help = output(program(workspace).arg("--help"))?;
    if !help.lines().any(|line| line.split_whitespace().next() == Some(command)) {
        return Ok(Verdict::Skipped(format!("`maais` has no command `{command}` yet")));
    }
    stream(program(workspace).arg(command).args(arguments))?;
    Ok(Verdict::Passed)
}

/// As built by the suite `build`, with a data folder of its own.
fn program(workspace: &Workspace) -> Command {
    let path: PathBuf = workspace.target.join("debug").join("maais");
    let mut command = workspace.tool(path);
    command.env("MAAIS_HOME", workspace.target.join("xtask").join("home"));
    command
}
