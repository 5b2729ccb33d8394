//! `maais policy test`: the cases of every rule.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use maais_runtime::core::diagnostic::{Diagnostics, Source};
use maais_runtime::core::policy;
use maais_runtime::core::policy::case::{self, CaseResult, Expectation, PartsSeen, Uncovered, Undecided};
use maais_runtime::policy_files;
use serde_json::{Value, json};

use crate::command::{Done, print_json, verdict};
use crate::term::{BAD, DIAGNOSTICS, DIM, GOOD, WARN, paint, printable, say};

/// The result of one pack's cases.
struct PackReport {
    name: String,
    rules: usize,
    results: Vec<CaseResult>,
    uncovered: Vec<Uncovered>,
    /// Parts of conditions.
    parts: usize,
    /// Those that no case makes true, or none makes false.
    undecided: Vec<Undecided>,
}

impl PackReport {
    fn passed(&self) -> bool {
        self.uncovered.is_empty() && self.results.iter().all(|result| result.failure.is_none())
    }
}

/// How cases are run and reported.
pub(super) struct How<'a> {
    pub(super) coverage: bool,
    pub(super) junit: Option<&'a Path>,
    pub(super) watch: bool,
    pub(super) json: bool,
}

/// How often `--watch` looks.
const WATCH_EVERY: Duration = Duration::from_millis(300);

/// Runs the cases and reports.
pub(super) fn run(path: &Path, how: &How<'_>) -> Done {
    if !how.watch {
        return once(path, how);
    }
    let mut seen = None;
    loop {
        let now = changed(path);
        if seen != Some(now) {
            seen = Some(now);
            // A mistake while somebody is typing is shown, and mended in the next moment.
            if let Err(error) = once(path, how) {
                anstream::eprintln!("{} {error}", paint(BAD, "error"));
            }
            say!("{}", paint(DIM, "waiting for a change"));
        }
        std::thread::sleep(WATCH_EVERY);
    }
}

/// When a file below was last changed, and how many there are.
fn changed(path: &Path) -> (Option<SystemTime>, usize) {
    let Ok(entries) = fs::read_dir(path) else {
        return (fs::metadata(path).and_then(|data| data.modified()).ok(), 1);
    };
    let inner = entries.flatten().map(|entry| {
        let path = entry.path();
        if path.is_dir() {
            changed(&path)
        } else {
            (entry.metadata().and_then(|data| data.modified()).ok(), 1)
        }
    });
    inner.fold((None, 0), |(latest, count), (time, more)| (latest.max(time), count + more))
}

fn once(path: &Path, how: &How<'_>) -> Done {
    let mut reports = Vec::new();
    for pack in packs(path)? {
        reports.push(test_pack(&pack)?);
    }
    let passed = reports.iter().all(PackReport::passed);
    if let Some(file) = how.junit {
        fs::write(file, junit(&reports))
            .map_err(|error| format!("cannot write `{}`: {error}", file.display()))?;
    }
    if how.json {
        print_json(&json!({ "passed": passed, "packs": reports.iter().map(pack_json).collect::<Vec<_>>() }))?;
    } else {
        reports.iter().for_each(|report| print_pack(report, how.coverage));
    }
    Ok(verdict(passed))
}

/// The form that CI servers read (JUnit's XML, as Jenkins and GitLab document it).
fn junit(reports: &[PackReport]) -> String {
    let escaped = |text: &str| {
        let text =
            text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
        text.chars().filter(|c| !c.is_control() || *c == '\n').collect::<String>()
    };
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    for report in reports {
        let failed = report.results.iter().filter(|result| result.failure.is_some()).count();
        let (tests, failures) =
            (report.results.len() + report.uncovered.len(), failed + report.uncovered.len());
        let name = escaped(&report.name);
        xml += &format!("  <testsuite name=\"{name}\" tests=\"{tests}\" failures=\"{failures}\">\n");
        let mut case = |class: &str, name: &str, failure: Option<&str>| {
            let (class, name) = (escaped(class), escaped(name));
            xml += &format!("    <testcase classname=\"{class}\" name=\"{name}\"");
            match failure {
                Some(message) => {
                    xml += &format!("><failure message=\"{}\"/></testcase>\n", escaped(message));
                }
                None => xml += "/>\n",
            }
        };
        for result in &report.results {
            let what = if result.expectation == Expectation::Fires { "fires" } else { "quiet" };
            let message = result.failure.as_ref().map(|failure| failure.message.as_str());
            case(&result.rule, &format!("{what} {}", result.place), message);
        }
        for missing in &report.uncovered {
            case(&missing.rule, "coverage", Some(said(missing)));
        }
        xml += "  </testsuite>\n";
    }
    xml + "</testsuites>\n"
}

fn said(missing: &Uncovered) -> &'static str {
    match missing.missing {
        Expectation::Fires => "no case on which it fires",
        Expectation::Quiet => "no case on which it stays quiet",
    }
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
    let mut parts = PartsSeen::default();
    let tests = pack.join("tests");
    if tests.is_dir() {
        for file in policy_files(&tests)? {
            results.extend(case::run(&policies, &read(&file)?, &mut parts).map_err(shown)?);
        }
    }
    let uncovered = case::uncovered(&policies, &results);
    let (rules, undecided) = (policies.rules().len(), parts.undecided());
    let name = pack.display().to_string();
    Ok(PackReport { name, rules, results, uncovered, parts: parts.len(), undecided })
}

fn read(file: &Path) -> Result<Source, String> {
    let text =
        fs::read_to_string(file).map_err(|error| format!("cannot read `{}`: {error}", file.display()))?;
    Ok(Source::new(file.display().to_string(), text))
}

fn shown(problems: Diagnostics) -> String {
    format!("these files cannot be used\n\n{}", problems.render(DIAGNOSTICS))
}

fn print_pack(report: &PackReport, coverage: bool) {
    for result in &report.results {
        if let Some(failure) = &result.failure {
            say!("{}\n", failure.render(DIAGNOSTICS));
        }
    }
    for missing in &report.uncovered {
        say!("{} `{}` has {}", paint(BAD, "uncovered"), missing.rule, said(missing));
    }
    if coverage {
        for part in &report.undecided {
            let never = if part.ever_true { "false" } else { "true" };
            let asks = printable(&part.asks, 160);
            say!("{} `{}`: no case makes this {never}: {asks}", paint(WARN, "undecided"), part.rule);
        }
        let (all, undecided) = (report.parts, report.undecided.len());
        say!("  {} of {all} conditions are true in one case and false in another", all - undecided);
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
    let undecided: Vec<Value> = report
        .undecided
        .iter()
        .map(|part| json!({"asks": part.asks, "ever_true": part.ever_true, "rule": part.rule}))
        .collect();
    json!({
        "cases": cases, "conditions": report.parts, "pack": report.name, "passed": report.passed(),
        "rules": report.rules, "uncovered": uncovered, "undecided": undecided,
    })
}
