//! The table of suites: what each checks, what it needs, how it is run.

use std::path::Path;
use std::process::Command;

use crate::workspace::{Workspace, answers, stream};
use crate::{apt, licences, program, python, third_parties, tidy};

pub(crate) enum Verdict {
    Passed,
    /// What it checks does not exist yet, or its tool cannot be had here. Always shown.
    Skipped(String),
    Failed(String),
}

impl From<Result<Verdict, String>> for Verdict {
    fn from(result: Result<Verdict, String>) -> Self {
        result.unwrap_or_else(Verdict::Failed)
    }
}

pub(crate) struct Suite {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// Suites that must have passed before; they stand earlier in the table.
    pub(crate) needs: &'static [&'static str],
    pub(crate) run: fn(&Workspace) -> Result<Verdict, String>,
}

/// In the order of `cargo xtask test`: what fails quickly first.
pub(crate) const SUITES: &[Suite] = &[
    Suite { name: "fmt", about: "Rust is formatted", needs: &[], run: rustfmt },
    Suite { name: "tidy", about: "house rules that clippy does not know", needs: &[], run: tidy::run },
    Suite { name: "licences", about: "dependencies keep to deny.toml", needs: &[], run: licences },
    Suite { name: "clippy", about: "no lint is broken", needs: &[], run: clippy },
    Suite { name: "fuzz", about: "the fuzz targets compile", needs: &[], run: fuzz },
    Suite { name: "build", about: "every target builds", needs: &[], run: build },
    Suite { name: "nextest", about: "Rust unit and integration tests", needs: &["build"], run: nextest },
    Suite { name: "doctest", about: "the examples in the Rust documentation run", needs: &[], run: doctest },
    Suite {
        name: "rustdoc",
        about: "the Rust documentation builds without a warning",
        needs: &[],
        run: rustdoc,
    },
    Suite { name: "python-env", about: "the virtual environment is as pinned", needs: &[], run: python_env },
    Suite {
        name: "ruff",
        about: "Python is formatted and breaks no lint",
        needs: &["python-env"],
        run: ruff,
    },
    Suite { name: "mypy", about: "Python is fully and strictly typed", needs: &["python-env"], run: mypy },
    Suite { name: "wheel", about: "the wheel builds and installs", needs: &["python-env"], run: wheel },
    Suite {
        name: "stubtest",
        about: "the stub tells the truth about the native module",
        needs: &["wheel"],
        run: stubtest,
    },
    Suite {
        name: "pytest",
        about: "Python tests against the installed wheel",
        needs: &["wheel"],
        run: pytest,
    },
    Suite {
        name: "policies",
        about: "each shipped rule fires and stays quiet",
        needs: &["build"],
        run: program::policies,
    },
    Suite {
        name: "verify-spec",
        about: "the promises hold",
        needs: &["build", "wheel"],
        run: program::verify_spec,
    },
    Suite { name: "demo", about: "the demonstration ends as it must", needs: &["build"], run: program::demo },
    Suite {
        name: "third-parties",
        about: "tools that are not ours accept the log, and reject it changed",
        needs: &["demo", "python-env"],
        run: third_parties::run,
    },
];

/// Rust and Python, in place.
pub(crate) fn format(workspace: &Workspace) -> Result<(), String> {
    stream(&mut workspace.cargo(["fmt", "--all"]))?;
    python::environment(workspace)?;
    stream(&mut python::module(workspace, "ruff", ["check", "--fix", "."]))?;
    stream(&mut python::module(workspace, "ruff", ["format", "."]))
}

fn rustfmt(workspace: &Workspace) -> Result<Verdict, String> {
    stream(&mut workspace.cargo(["fmt", "--all", "--check"]))?;
    Ok(Verdict::Passed)
}

/// Licences, bans and sources are always checked; advisories need cargo-deny and its database.
fn licences(workspace: &Workspace) -> Result<Verdict, String> {
    licences::check(workspace)?;
    if answers(&mut workspace.cargo(["deny", "--version"])) {
        stream(&mut workspace.cargo(["deny", "check"]))?;
    } else {
        println!(
            "advisories were not checked: cargo-deny is not installed (`cargo install cargo-deny --locked`)"
        );
    }
    Ok(Verdict::Passed)
}

fn clippy(workspace: &Workspace) -> Result<Verdict, String> {
    stream(&mut workspace.cargo(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    Ok(Verdict::Passed)
}

/// They are a workspace of their own, which nothing else would notice. The fuzzer's library is for linking only.
fn fuzz(workspace: &Workspace) -> Result<Verdict, String> {
    let mut check =
        workspace.cargo(["check", "--manifest-path", "fuzz/Cargo.toml", "--bins", "--target-dir"]);
    check
        .arg(&workspace.target)
        .env("CUSTOM_LIBFUZZER_PATH", workspace.root.join("fuzz").join("libFuzzer.a"));
    stream(&mut check)?;
    Ok(Verdict::Passed)
}

/// All targets at once, because cargo would build dependencies anew for each narrower choice.
fn build(workspace: &Workspace) -> Result<Verdict, String> {
    stream(&mut workspace.cargo(["build", "--workspace", "--all-targets"]))?;
    Ok(Verdict::Passed)
}

fn nextest(workspace: &Workspace) -> Result<Verdict, String> {
    // One test watches the flushes from outside; without the tool it says that it did not.
    if !answers(Command::new("strace").arg("--version"))
        && let Err(why) = apt::install("strace is missing", &["strace"])
    {
        println!("{why}");
    }
    if answers(&mut workspace.cargo(["nextest", "--version"])) {
        stream(in_memory(&mut workspace.cargo(["nextest", "run", "--workspace"])))?;
    } else {
        println!(
            "cargo-nextest is not installed (`cargo install cargo-nextest --locked`): running `cargo test`"
        );
        stream(in_memory(&mut workspace.cargo(["test", "--workspace", "--tests", "--no-fail-fast"])))?;
    }
    Ok(Verdict::Passed)
}

/// Temporary folders in memory, where that can be had: a busy disk makes the log refuse actions in its time, as it
/// should, and tests fail that are not about that.
pub(crate) fn in_memory(command: &mut Command) -> &mut Command {
    let memory = Path::new("/dev/shm");
    if is_writable(memory) { command.env("TMPDIR", memory) } else { command }
}

fn is_writable(folder: &Path) -> bool {
    let probe = folder.join(format!("maais-xtask-{}", std::process::id()));
    let made = std::fs::write(&probe, b"").is_ok();
    drop(std::fs::remove_file(&probe));
    made
}

fn doctest(workspace: &Workspace) -> Result<Verdict, String> {
    stream(&mut workspace.cargo(["test", "--workspace", "--doc", "--no-fail-fast"]))?;
    Ok(Verdict::Passed)
}

fn rustdoc(workspace: &Workspace) -> Result<Verdict, String> {
    let mut doc = workspace.cargo(["doc", "--workspace", "--no-deps", "--document-private-items"]);
    stream(doc.env("RUSTDOCFLAGS", "-D warnings"))?;
    Ok(Verdict::Passed)
}

fn python_env(workspace: &Workspace) -> Result<Verdict, String> {
    python::environment(workspace)?;
    Ok(Verdict::Passed)
}

fn ruff(workspace: &Workspace) -> Result<Verdict, String> {
    let lint = stream(&mut python::module(workspace, "ruff", ["check", "."]));
    let format = stream(&mut python::module(workspace, "ruff", ["format", "--check", "."]));
    lint.and(format)?;
    Ok(Verdict::Passed)
}

fn mypy(workspace: &Workspace) -> Result<Verdict, String> {
    let folders: Vec<_> = ["python/maais", "python/tests", "examples"]
        .into_iter()
        .filter(|folder| workspace.has_file(folder, |name| name.ends_with(".py")))
        .collect();
    if folders.is_empty() {
        return Ok(Verdict::Skipped("there is no Python yet".into()));
    }
    stream(python::module(workspace, "mypy", []).args(folders))?;
    Ok(Verdict::Passed)
}

fn wheel(workspace: &Workspace) -> Result<Verdict, String> {
    if !workspace.has("python/maais/__init__.py") {
        return Ok(Verdict::Skipped("python/maais has no __init__.py yet".into()));
    }
    python::wheel(workspace)?;
    Ok(Verdict::Passed)
}

fn stubtest(workspace: &Workspace) -> Result<Verdict, String> {
    if !workspace.has("python/maais/_maais.pyi") {
        return Ok(Verdict::Skipped("python/maais/_maais.pyi does not exist yet".into()));
    }
    stream(&mut python::module(workspace, "mypy.stubtest", ["maais._maais"]))?;
    Ok(Verdict::Passed)
}

fn pytest(workspace: &Workspace) -> Result<Verdict, String> {
    if !workspace.has_file("python/tests", |name| name.starts_with("test_")) {
        return Ok(Verdict::Skipped("python/tests holds no test yet".into()));
    }
    let mut tests = python::module(workspace, "pytest", ["python/tests"]);
    stream(in_memory(tests.env("MAAIS_HOME", workspace.target.join("xtask").join("home"))))?;
    Ok(Verdict::Passed)
}
