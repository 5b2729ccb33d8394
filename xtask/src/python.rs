//! The virtual environment of the Python suites, and the wheel in it.
//!
//! The environment lies in the target folder, so that it survives as a cache, and is filled again only when the list of
//! requirements changes. Packages come from PyPI alone; the project itself comes only as a wheel, never as a folder.

use std::ffi::OsStr;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::apt;
use crate::workspace::{Workspace, answers, clear, output, stream, write};

const REQUIREMENTS: &str = "python/requirements-dev.txt";
const OLD_ENOUGH: &str = "import sys; sys.exit(sys.version_info < (3, 10))";

/// Creates or updates the environment; quick when nothing changed.
pub(crate) fn environment(workspace: &Workspace) -> Result<(), String> {
    let list = workspace.root.join(REQUIREMENTS);
    let wanted = fs::read_to_string(&list).map_err(|error| format!("cannot read {REQUIREMENTS}: {error}"))?;
    let filled_with = folder(workspace).join("requirements-dev.txt");
    let usable = answers(interpreter(workspace).args(["-c", OLD_ENOUGH]));
    if usable && fs::read_to_string(&filled_with).is_ok_and(|present| present == wanted) {
        println!("up to date with {REQUIREMENTS}");
        return Ok(());
    }
    if !usable {
        create(workspace)?;
    }
    stream(install(workspace).arg("--requirement").arg(&list))?;
    write(&filled_with, &wanted)
}

/// The environment's interpreter; `-m` starts its tools, whose own scripts break when the folder moves.
pub(crate) fn interpreter(workspace: &Workspace) -> Command {
    workspace.tool(folder(workspace).join("bin").join("python"))
}

pub(crate) fn interpreter_path(workspace: &Workspace) -> PathBuf {
    folder(workspace).join("bin").join("python")
}

pub(crate) fn module<const N: usize>(workspace: &Workspace, name: &str, arguments: [&str; N]) -> Command {
    let mut command = interpreter(workspace);
    command.args(["-m", name]).args(arguments);
    command
}

/// Builds the wheel in the shared target folder and puts it, alone, into the environment.
pub(crate) fn wheel(workspace: &Workspace) -> Result<(), String> {
    let wheels = workspace.target.join("wheels");
    clear(&wheels)?;
    let mut build =
        module(workspace, "maturin", ["build", "--profile", "dev", "--auditwheel", "skip", "--out"]);
    stream(build.arg(&wheels))?;
    let built = fs::read_dir(&wheels)
        .map_err(|error| format!("cannot list {}: {error}", wheels.display()))?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .find(|path| path.extension() == Some(OsStr::new("whl")))
        .ok_or("maturin left no wheel")?;
    stream(install(workspace).args(["--force-reinstall", "--no-deps"]).arg(built))?;
    comes_from_the_wheel(workspace)
}

/// `maais` must be what was installed: a source tree that shadows it would pass tests that no user's copy passes.
fn comes_from_the_wheel(workspace: &Workspace) -> Result<(), String> {
    let ask = "import maais, sysconfig; print(maais.__file__.startswith(sysconfig.get_path('platlib')))";
    match output(interpreter(workspace).args(["-c", ask]))?.trim() {
        "True" => Ok(()),
        _ => Err("`import maais` finds something else than the installed wheel".into()),
    }
}

fn folder(workspace: &Workspace) -> PathBuf {
    workspace.target.join("venv")
}

fn create(workspace: &Workspace) -> Result<(), String> {
    if has_uv(workspace) {
        return stream(
            workspace.tool("uv").args(["venv", "--clear", "--python", ">=3.10"]).arg(folder(workspace)),
        );
    }
    let old_enough = |name: &&str| answers(workspace.tool(name).args(["-c", OLD_ENOUGH]));
    let found =
        || ["python3", "python3.13", "python3.12", "python3.11", "python3.10"].into_iter().find(old_enough);
    let has_venv = |name: &str| answers(workspace.tool(name).args(["-c", "import ensurepip, venv"]));
    if !found().is_some_and(has_venv) {
        apt::install("no Python 3.10 or newer with venv", &["python3", "python3-venv"])?;
    }
    let python = found().ok_or("no Python 3.10 or newer is installed")?;
    stream(workspace.tool(python).args(["-m", "venv", "--clear"]).arg(folder(workspace)))
}

fn install(workspace: &Workspace) -> Command {
    if has_uv(workspace) {
        let mut command = workspace.tool("uv");
        command.args(["pip", "install", "--python"]).arg(interpreter_path(workspace));
        return command;
    }
    module(workspace, "pip", ["install", "--quiet", "--disable-pip-version-check"])
}

fn has_uv(workspace: &Workspace) -> bool {
    answers(workspace.tool("uv").arg("--version"))
}
