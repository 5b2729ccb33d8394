//! `maais policy check|test|list`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use maais_runtime::core::diagnostic::{Diagnostics, Source};
use maais_runtime::core::policy::case::{self, CaseResult, Expectation, Uncovered};
use maais_runtime::core::policy::{self, PolicySet};
use maais_runtime::{Config, Snapshot, SnapshotError, policy_files};
use serde_json::{Value, json};

use super::{Done, print_json, verdict};
use crate::cli::Policy;
use crate::term::{BAD, DIAGNOSTICS, DIM, GOOD, HEAD, WARN, of_effect, paint, printable, say, table};

/// Runs a subcommand.
pub(crate) fn run(command: &Policy) -> Done {
    match command {
        Policy::Check { paths, json } => check(paths, *json),
        Policy::Test { path, json } => test(path, *json),
        Policy::List { paths, config, json } => list(paths, config.as_deref(), *json),
    }
}

fn check(paths: &[PathBuf], as_json: bool) -> Done {
    let loaded = Snapshot::load(None, paths);
    let (problems, rules) = match loaded {
        Ok(snapshot) => (snapshot.warnings, Some(snapshot.policies.rules().len())),
        Err(SnapshotError::Invalid(problems)) => (problems, None),
        Err(other) => return Err(other.into()),
    };
    if as_json {
        let list: Vec<Value> = problems.0.iter().map(|problem| json!({
            "level": if problem.level == maais_runtime::core::diagnostic::Level::Error { "error" } else { "warning" },
            "message": problem.message, "place": problem.place(), "text": problem.underlined(), "help": problem.help,
        })).collect();
        print_json(&json!({ "loaded": rules.is_some(), "problems": list, "rules": rules }))?;
        return Ok(verdict(rules.is_some()));
    }
    if !problems.0.is_empty() {
        anstream::eprintln!("{}\n", problems.render(DIAGNOSTICS));
    }
    let errors =
        problems.0.iter().filter(|p| p.level == maais_runtime::core::diagnostic::Level::Error).count();
    let warnings = problems.0.len() - errors;
    match rules {
        Some(rules) => say!("{} {rules} rules, {warnings} warnings", paint(GOOD, "ok")),
        None => say!("{} nothing was loaded: {errors} errors, {warnings} warnings", paint(BAD, "not loaded")),
    }
    Ok(verdict(rules.is_some()))
}

/// The result of one pack's cases.
struct PackReport {
    name: String,
    rules: usize,
    results: Vec<CaseResult>,
    uncovered: Vec<Uncovered>,
}

impl PackReport {
    fn passed(&self) -> bool {
        self.uncovered.is_empty() && self.results.iter().all(|result| result.failure.is_none())
    }
}

fn test(path: &Path, as_json: bool) -> Done {
    let mut reports = Vec::new();
    for pack in packs(path)? {
        reports.push(test_pack(&pack)?);
    }
    let passed = reports.iter().all(PackReport::passed);
    if as_json {
        print_json(&json!({ "passed": passed, "packs": reports.iter().map(pack_json).collect::<Vec<_>>() }))?;
    } else {
        reports.iter().for_each(print_pack);
    }
    Ok(verdict(passed))
}

/// The folder itself if it holds rules, else the folders in it that do.
fn packs(path: &Path) -> Result<Vec<PathBuf>, Box<dyn std::error::Error>> {
    let entries = fs::read_dir(path).map_err(|error| format!("cannot read `{}`: {error}", path.display()))?;
    let mut paths = entries.map(|entry| entry.map(|e| e.path())).collect::<Result<Vec<_>, _>>()?;
    paths.sort();
    let is_yaml =
        |path: &PathBuf| path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
    if paths.iter().any(is_yaml) {
        return Ok(vec![path.to_owned()]);
    }
    let folders: Vec<PathBuf> = paths.into_iter().filter(|path| path.is_dir()).collect();
    if folders.is_empty() {
        return Err(format!("there are no policies in `{}`", path.display()).into());
    }
    Ok(folders)
}

fn test_pack(pack: &Path) -> Result<PackReport, Box<dyn std::error::Error>> {
    let sources = policy_files(pack)?.iter().map(|file| read(file)).collect::<Result<Vec<_>, _>>()?;
    let policies = policy::load(&sources).map_err(shown)?.policies;
    let mut results = Vec::new();
    let tests = pack.join("tests");
    if tests.is_dir() {
        for file in policy_files(&tests)? {
            results.extend(case::run(&policies, &read(&file)?).map_err(shown)?);
        }
    }
    let uncovered = case::uncovered(&policies, &results);
    Ok(PackReport { name: pack.display().to_string(), rules: policies.rules().len(), results, uncovered })
}

fn read(file: &Path) -> Result<Source, String> {
    let text =
        fs::read_to_string(file).map_err(|error| format!("cannot read `{}`: {error}", file.display()))?;
    Ok(Source::new(file.display().to_string(), text))
}

fn shown(problems: Diagnostics) -> String {
    format!("these files cannot be used\n\n{}", problems.render(DIAGNOSTICS))
}

fn print_pack(report: &PackReport) {
    for result in &report.results {
        if let Some(failure) = &result.failure {
            say!("{}\n", failure.render(DIAGNOSTICS));
        }
    }
    for missing in &report.uncovered {
        let what = match missing.missing {
            Expectation::Fires => "no case on which it fires",
            Expectation::Quiet => "no case on which it stays quiet",
        };
        say!("{} `{}` has {what}", paint(BAD, "uncovered"), missing.rule);
    }
    let failed = report.results.iter().filter(|result| result.failure.is_some()).count();
    let mark = if report.passed() { paint(GOOD, "ok") } else { paint(BAD, "failed") };
    say!(
        "{mark} {}: {} rules, {} cases passed, {failed} failed, {} gaps in coverage",
        report.name,
        report.rules,
        report.results.len() - failed,
        report.uncovered.len(),
    );
}

fn pack_json(report: &PackReport) -> Value {
    let cases: Vec<Value> = report
        .results
        .iter()
        .map(|result| {
            json!({
                "rule": result.rule, "place": result.place,
                "expectation": if result.expectation == Expectation::Fires { "fires" } else { "quiet" },
                "failure": result.failure.as_ref().map(|failure| failure.message.clone()),
            })
        })
        .collect();
    let uncovered: Vec<&str> = report.uncovered.iter().map(|missing| missing.rule.as_str()).collect();
    json!({ "pack": report.name, "passed": report.passed(), "rules": report.rules, "cases": cases, "uncovered": uncovered })
}

fn list(paths: &[PathBuf], config: Option<&Path>, as_json: bool) -> Done {
    let settings = config.map(Path::to_owned).or(Config::default().settings);
    let snapshot = Snapshot::load(settings.as_deref(), paths)?;
    if as_json {
        print_json(&json!({ "digest": snapshot.digest, "rules": rules_json(&snapshot.policies) }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = table(&["priority", "effect", "id", "applies to", "severity", "reason"]);
    for rule in snapshot.policies.rules() {
        let types = rule.applies_to.names();
        let types = if types.len() == 8 { "*".to_owned() } else { types.join(", ") };
        table.add_row([
            rule.priority.to_string(),
            paint(of_effect(rule.effect), rule.effect),
            rule.id.to_string(),
            types,
            rule.severity.as_str().to_owned(),
            printable(&rule.reason, 200),
        ]);
    }
    say!("{table}\n");
    let digest = paint(DIM, &snapshot.digest);
    say!(
        "{} {} rules, tried from top to bottom; {digest}",
        paint(HEAD, "policies"),
        snapshot.policies.rules().len()
    );
    if !snapshot.warnings.0.is_empty() {
        let count = snapshot.warnings.0.len();
        say!("{} {count}; see `maais policy check`", paint(WARN, "warnings"));
    }
    Ok(ExitCode::SUCCESS)
}

fn rules_json(policies: &PolicySet) -> Vec<Value> {
    let rule = |rule: &policy::Rule| {
        json!({
            "applies_to": rule.applies_to.names(), "decision": rule.effect.as_str(), "id": &*rule.id, "ids": rule.ids,
            "metadata": rule.metadata, "place": rule.place, "priority": rule.priority, "reason": rule.reason,
            "severity": rule.severity.as_str(),
        })
    };
    policies.rules().iter().map(rule).collect()
}
