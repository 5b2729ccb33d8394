//! `maais policy check`: everything that is wrong with policies, with places.

use std::path::PathBuf;

use maais_runtime::core::diagnostic::Level;
use maais_runtime::core::policy::lint::lint;
use maais_runtime::{Snapshot, SnapshotError, policy_sources};
use serde_json::{Value, json};

use crate::command::{Done, print_json, verdict};
use crate::term::{BAD, DIAGNOSTICS, GOOD, paint, say};

/// How it is reported.
pub(super) struct How {
    /// Warnings fail, too.
    pub(super) strict: bool,
    /// Notes are shown.
    pub(super) notes: bool,
    /// As JSON.
    pub(super) json: bool,
}

/// Loads the policies and reports.
pub(super) fn run(paths: &[PathBuf], how: &How) -> Done {
    let loaded = Snapshot::load(None, paths);
    let (mut problems, rules) = match loaded {
        Ok(mut snapshot) => {
            snapshot.warnings.0.extend(lint(&policy_sources(paths)?).unwrap_or_else(|problems| problems.0));
            (snapshot.warnings, Some(snapshot.policies.rules().len()))
        }
        Err(SnapshotError::Invalid(problems)) => (problems, None),
        Err(other) => return Err(other.into()),
    };
    let count = |level: Level| problems.0.iter().filter(|problem| problem.level == level).count();
    let (errors, warnings, notes) = (count(Level::Error), count(Level::Warning), count(Level::Note));
    let fine = verdict(rules.is_some() && !(how.strict && warnings > 0));
    if how.json {
        let list: Vec<Value> = problems.0.iter().map(|problem| json!({
            "level": level_name(problem.level),
            "message": problem.message, "place": problem.place(), "text": problem.underlined(), "help": problem.help,
        })).collect();
        print_json(&json!({ "loaded": rules.is_some(), "problems": list, "rules": rules }))?;
        return Ok(fine);
    }
    problems.0.retain(|problem| how.notes || problem.level != Level::Note);
    if !problems.0.is_empty() {
        anstream::eprintln!("{}\n", problems.render(DIAGNOSTICS));
    }
    let more = match notes {
        0 => String::new(),
        _ if how.notes => format!(", {notes} notes"),
        _ => format!(", {notes} notes (`--notes` shows them)"),
    };
    match rules {
        Some(rules) => say!("{} {rules} rules, {warnings} warnings{more}", paint(GOOD, "ok")),
        None => say!("{} nothing was loaded: {errors} errors, {warnings} warnings", paint(BAD, "not loaded")),
    }
    Ok(fine)
}

fn level_name(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Note => "note",
    }
}
