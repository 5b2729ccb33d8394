//! `maais policy check`: everything that is wrong with policies, with places.

use std::path::PathBuf;

use maais_runtime::core::diagnostic::Level;
use maais_runtime::core::policy::lint::lint;
use maais_runtime::{Snapshot, SnapshotError, policy_sources};
use serde_json::{Value, json};

use crate::command::{Done, print_json, verdict};
use crate::term::{BAD, DIAGNOSTICS, GOOD, paint, say};

/// Loads the policies and reports.
pub(super) fn run(paths: &[PathBuf], strict: bool, as_json: bool) -> Done {
    let fine = |loaded: bool, problems: usize| loaded && !(strict && problems > 0);
    let loaded = Snapshot::load(None, paths);
    let (problems, rules) = match loaded {
        Ok(mut snapshot) => {
            snapshot.warnings.0.extend(lint(&policy_sources(paths)?).unwrap_or_else(|problems| problems.0));
            (snapshot.warnings, Some(snapshot.policies.rules().len()))
        }
        Err(SnapshotError::Invalid(problems)) => (problems, None),
        Err(other) => return Err(other.into()),
    };
    if as_json {
        let list: Vec<Value> = problems.0.iter().map(|problem| json!({
            "level": if problem.level == Level::Error { "error" } else { "warning" },
            "message": problem.message, "place": problem.place(), "text": problem.underlined(), "help": problem.help,
        })).collect();
        print_json(&json!({ "loaded": rules.is_some(), "problems": list, "rules": rules }))?;
        return Ok(verdict(fine(rules.is_some(), problems.0.len())));
    }
    if !problems.0.is_empty() {
        anstream::eprintln!("{}\n", problems.render(DIAGNOSTICS));
    }
    let errors = problems.0.iter().filter(|p| p.level == Level::Error).count();
    let warnings = problems.0.len() - errors;
    match rules {
        Some(rules) => say!("{} {rules} rules, {warnings} warnings", paint(GOOD, "ok")),
        None => say!("{} nothing was loaded: {errors} errors, {warnings} warnings", paint(BAD, "not loaded")),
    }
    Ok(verdict(fine(rules.is_some(), problems.0.len())))
}
