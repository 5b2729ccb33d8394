//! The program's own suites: it checks its policies, its promises and its demonstration, as a user would.

use std::process::Command;

use crate::python;
use crate::suites::{Verdict, in_memory};
use crate::workspace::{Workspace, clear, output, stream, write};

pub(crate) fn policies(workspace: &Workspace) -> Result<Verdict, String> {
    stream(program(workspace).args(["policy", "test", "policies/"]))?;
    Ok(Verdict::Passed)
}

pub(crate) fn verify_spec(workspace: &Workspace) -> Result<Verdict, String> {
    let python = python::interpreter_path(workspace);
    let mut verify = program(workspace);
    stream(in_memory(verify.args(["verify-spec", "--color", "never", "--python"]).arg(python)))?;
    Ok(Verdict::Passed)
}

/// In a folder of its own, new each time, so that the log it verifies is the one it wrote.
pub(crate) fn demo(workspace: &Workspace) -> Result<Verdict, String> {
    let home = workspace.target.join("xtask").join("demo");
    clear(&home)?;
    stream(program(workspace).args(["demo", "--color", "never", "--home"]).arg(home))?;
    Ok(Verdict::Passed)
}

/// Writes the JSON Schema of policy files; a test compares it with the loader's tables.
pub(crate) fn schema(workspace: &Workspace) -> Result<(), String> {
    stream(&mut workspace.cargo(["build", "--quiet", "--package", "maais"]))?;
    let schema = output(program(workspace).args(["policy", "schema"]))?;
    write(&workspace.root.join("schema").join("policy.json"), &(schema.trim_end().to_owned() + "\n"))
}

/// As built by the suite `build`, with a data folder that is not the developer's.
pub(crate) fn program(workspace: &Workspace) -> Command {
    let mut command = workspace.tool(workspace.target.join("debug").join("maais"));
    command.env("MAAIS_HOME", workspace.target.join("xtask").join("home"));
    command
}
