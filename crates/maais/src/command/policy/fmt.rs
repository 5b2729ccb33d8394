//! `maais policy fmt`: policy files in one form.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use maais_runtime::core::diagnostic::{Diagnostics, Source};
use maais_runtime::core::document::format::{Formatted, format};
use serde_json::json;
use similar::TextDiff;

use crate::command::{Done, print_json, verdict};
use crate::term::{BAD, DIAGNOSTICS, DIM, GOOD, paint, printable, say, say_raw};

/// What is done with what is not in its form.
pub(super) struct How {
    /// It fails.
    pub(super) check: bool,
    /// It is shown.
    pub(super) diff: bool,
    /// As JSON.
    pub(super) json: bool,
}

/// What became of one file.
enum Outcome {
    AsItWas,
    Changed { before: String, after: String },
    Left(&'static str),
    Refused(Diagnostics),
}

/// Formats files in place, or says which are not in their form.
pub(super) fn run(paths: &[PathBuf], how: &How) -> Done {
    if let [only] = paths
        && only == Path::new("-")
    {
        return standard_input();
    }
    let mut files = Vec::new();
    for path in paths {
        collect(path, &mut files)?;
    }
    if files.is_empty() {
        return Err("there is no file that ends in .yaml or .yml".into());
    }
    files.sort();
    files.dedup();
    let (mut changed, mut left, mut refused) = (Vec::new(), Vec::new(), 0_usize);
    for file in &files {
        match outcome(file)? {
            Outcome::AsItWas => {}
            Outcome::Changed { before, after } => {
                if how.diff {
                    show(file, &before, &after);
                } else if !how.check {
                    replace(file, &after)?;
                }
                changed.push(file.clone());
            }
            Outcome::Left(why) => left.push((file.clone(), why)),
            Outcome::Refused(problems) => {
                anstream::eprintln!("{}\n", problems.render(DIAGNOSTICS));
                refused += 1;
            }
        }
    }
    let fine = refused == 0 && (changed.is_empty() || !(how.check || how.diff));
    if how.json {
        let left: Vec<_> = left.iter().map(|(file, why)| json!({"file": file, "why": why})).collect();
        print_json(&json!({ "files": files.len(), "changed": changed, "left": left, "refused": refused }))?;
        return Ok(verdict(fine));
    }
    report(&changed, &left, files.len(), how);
    Ok(verdict(fine))
}

fn report(changed: &[PathBuf], left: &[(PathBuf, &str)], files: usize, how: &How) {
    let shown = |file: &Path| printable(&file.display().to_string(), 500).to_string();
    for (file, why) in left {
        say!("{} {}: {why}", paint(DIM, "left as it is"), shown(file));
    }
    let dry = how.check || how.diff;
    if !how.diff {
        for file in changed {
            let word = if dry { paint(BAD, "not in its form") } else { paint(GOOD, "formatted") };
            say!("{word} {}", shown(file));
        }
    }
    let what = if dry { "would change" } else { "changed" };
    say!("{files} files, {} {what}", changed.len());
}

fn standard_input() -> Done {
    let mut text = String::new();
    io::stdin()
        .lock()
        .read_to_string(&mut text)
        .map_err(|error| format!("cannot read standard input: {error}"))?;
    match format(&Source::new("standard input", text.as_str())) {
        Ok(Formatted::Text(text)) => say_raw!("{}", text.trim_end_matches('\n')),
        Ok(Formatted::Left(why)) => {
            anstream::eprintln!("left as it is: {why}");
            say_raw!("{}", text.trim_end_matches('\n'));
        }
        Err(problems) => {
            anstream::eprintln!("{}\n", problems.render(DIAGNOSTICS));
            return Ok(verdict(false));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The files at a path: itself, or what ends in `.yaml` or `.yml` below it.
fn collect(path: &Path, into: &mut Vec<PathBuf>) -> Result<(), String> {
    let cannot = |error: io::Error| format!("cannot read `{}`: {error}", path.display());
    if !fs::metadata(path).map_err(cannot)?.is_dir() {
        into.push(path.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(path).map_err(cannot)? {
        let entry = entry.map_err(cannot)?.path();
        let is_yaml = entry.extension().is_some_and(|ending| ending == "yaml" || ending == "yml");
        // A link to a folder may lead out of it, or around.
        if entry.is_dir() && !entry.is_symlink() {
            collect(&entry, into)?;
        } else if is_yaml && entry.is_file() {
            into.push(entry);
        }
    }
    Ok(())
}

fn outcome(file: &Path) -> Result<Outcome, String> {
    let before =
        fs::read_to_string(file).map_err(|error| format!("cannot read `{}`: {error}", file.display()))?;
    Ok(match format(&Source::new(file.display().to_string(), before.as_str())) {
        Ok(Formatted::Text(after)) if after == before => Outcome::AsItWas,
        Ok(Formatted::Text(after)) => Outcome::Changed { before, after },
        Ok(Formatted::Left(why)) => Outcome::Left(why),
        Err(problems) => Outcome::Refused(problems),
    })
}

/// As a whole or not at all: a killed process leaves the old file or the new one.
fn replace(file: &Path, text: &str) -> Result<(), String> {
    let cannot = |error: io::Error| format!("cannot write `{}`: {error}", file.display());
    let target = fs::canonicalize(file).map_err(cannot)?;
    let temporary = target.with_extension("yaml.new");
    let write = || {
        let mut new = fs::File::create_new(&temporary)?;
        new.set_permissions(fs::metadata(&target)?.permissions())?;
        new.write_all(text.as_bytes())?;
        new.sync_all()?;
        fs::rename(&temporary, &target)
    };
    write().map_err(cannot).inspect_err(|_| drop(fs::remove_file(&temporary)))
}

fn show(file: &Path, before: &str, after: &str) {
    let name = file.display().to_string();
    let diff = TextDiff::from_lines(before, after);
    let text = diff.unified_diff().header(&name, &name).to_string();
    say_raw!("{}", printable_lines(&text));
}

/// The lines with what a terminal would obey made visible.
fn printable_lines(text: &str) -> String {
    text.lines().map(|line| printable(line, 10_000).to_string()).collect::<Vec<_>>().join("\n")
}
