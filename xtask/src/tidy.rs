//! House rules that clippy does not know: how files open, how long things grow, names, arrows between crates.
//!
//! Reads what git would commit. Changes nothing.

mod arrows;
mod names;
mod openings;
mod python;
mod rust;
mod sizes;
mod traces;
mod verifier;

use std::fs;

use crate::apt;
use crate::suites::Verdict;
use crate::workspace::{Workspace, answers, output};

/// Where the things stand that were too long when their rule came, with their length.
const EXCEPTIONS: &str = "xtask/tidy-exceptions.txt";

/// A file that git knows or would add.
struct Source {
    /// From the root, with `/`.
    path: String,
    text: String,
}

/// A function of a source file.
#[derive(Debug, PartialEq)]
struct Function {
    name: String,
    line: usize,
    lines: usize,
}

/// What was declared, as far as its name goes.
#[derive(Debug, PartialEq)]
struct Declared {
    keyword: String,
    name: String,
    line: usize,
}

pub(crate) fn run(workspace: &Workspace) -> Result<Verdict, String> {
    let sources = sources(workspace)?;
    let exceptions = sources.iter().find(|source| source.path == EXCEPTIONS);
    let mut complaints = Vec::new();
    complaints.extend(openings::check(&sources));
    complaints.extend(sizes::check(&sources, exceptions.map_or("", |source| &source.text))?);
    complaints.extend(names::check(&sources));
    complaints.extend(traces::check(&sources));
    complaints.extend(arrows::check(&workspace.metadata)?);
    complaints.extend(verifier::check(&sources));
    for complaint in &complaints {
        println!("{complaint}");
    }
    match complaints.len() {
        0 => {
            println!("{} files are tidy", sources.len());
            Ok(Verdict::Passed)
        }
        count => Err(format!("{count} complaints")),
    }
}

/// Text files only; those deleted but not yet committed are left out.
fn sources(workspace: &Workspace) -> Result<Vec<Source>, String> {
    if !answers(workspace.tool("git").arg("--version")) {
        apt::install("no git", &["git"])?;
    }
    // The folder may belong to someone else, as in a container; nothing of it is executed.
    let mut list = workspace.tool("git");
    list.args(["-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let listed = output(&mut list)?;
    let paths = listed.split('\0').filter(|path| !path.is_empty());
    Ok(paths
        .filter_map(|path| {
            let text = fs::read_to_string(workspace.root.join(path)).ok()?;
            Some(Source { path: path.to_string(), text })
        })
        .collect())
}

impl Source {
    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    fn is_python(&self) -> bool {
        self.path.ends_with(".py")
    }

    /// Whether the whole file is tests, benchmarks or examples, where the size guard rails do not apply.
    fn is_test(&self) -> bool {
        let mut parts = self.path.split('/');
        parts.any(|part| matches!(part, "tests" | "tests.rs" | "benches" | "fuzz" | "examples"))
    }

    /// The part that ships: before the module of unit tests.
    fn shipped(&self) -> &str {
        if self.is_rust() { rust::before_tests(&self.text) } else { &self.text }
    }
}

#[cfg(test)]
fn source(path: &str, text: &str) -> Source {
    Source { path: path.into(), text: text.into() }
}
