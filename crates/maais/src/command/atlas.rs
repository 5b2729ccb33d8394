//! `maais atlas coverage|show`: what of the public catalogues the policies name.
//!
//! It counts what authors claim; whether a rule stops what it names is for `maais policy test`.

mod navigator;
mod show;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use maais_runtime::core::catalogue::{self, ATLAS_DATA_VERSION, ATLAS_RELEASE, Entry};
use maais_runtime::core::policy::coverage::{Citation, Coverage, Covered, Via, coverage, named};
use maais_runtime::{Config, Snapshot, SnapshotError};
use serde_json::{Value, json};

use super::{Done, print_json};
use crate::cli::Atlas;
use crate::term::{DIM, GOOD, HEAD, WARN, paint, say, table};

/// Characters of a bar.
const BAR_WIDTH: usize = 20;

/// Runs a subcommand.
pub(crate) fn run(command: &Atlas) -> Done {
    match command {
        Atlas::Coverage { paths, config, navigator, json } => {
            let snapshot = load(paths, config.as_deref())?;
            print_coverage(&snapshot, navigator.as_deref(), *json)
        }
        Atlas::Show { id, paths, config, json } => {
            let snapshot = load(paths, config.as_deref())?;
            show::run(id, &snapshot, *json)
        }
    }
}

fn load(paths: &[PathBuf], config: Option<&Path>) -> Result<Snapshot, SnapshotError> {
    let settings = config.map(Path::to_owned).or(Config::default().settings);
    Snapshot::load(settings.as_deref(), paths)
}

fn print_coverage(snapshot: &Snapshot, layer: Option<&Path>, as_json: bool) -> Done {
    let coverage = coverage(&snapshot.policies);
    if let Some(file) = layer {
        let text = serde_json::to_string_pretty(&navigator::layer(&coverage, &snapshot.digest))?;
        fs::write(file, text + "\n")
            .map_err(|error| format!("cannot write `{}`: {error}", file.display()))?;
    }
    if as_json {
        print_json(&to_json(&coverage, &snapshot.digest))?;
        return Ok(ExitCode::SUCCESS);
    }
    say!("{}\n", tactics_table(&coverage));
    for tactic in coverage.tactics.iter().filter(|tactic| named(&tactic.techniques) > 0) {
        say!("{}", paint(HEAD, tactic.tactic.name));
        say!("{}\n", named_table(&tactic.techniques));
    }
    let (agentic, llm) = owasp_lists(&coverage);
    for (title, list) in [("OWASP agentic applications", agentic), ("OWASP language models", llm)] {
        say!("{} {} of {}", paint(HEAD, title), named(list), list.len());
        say!("{}\n", owasp_table(list));
    }
    let (covered, all) = (named(&coverage.techniques), coverage.techniques.len());
    say!(
        "{} {covered} of {all} techniques and sub-techniques ({}), ATLAS {ATLAS_RELEASE}; {}",
        paint(HEAD, "named"),
        percent(covered, all),
        paint(DIM, &snapshot.digest)
    );
    if let Some(file) = layer {
        say!("{} {}", paint(HEAD, "layer"), file.display());
    }
    Ok(ExitCode::SUCCESS)
}

/// One line a tactic: how many of its techniques are named.
fn tactics_table(coverage: &Coverage<'_>) -> comfy_table::Table {
    let mut table = table(&["tactic", "id", "", "named", ""]);
    for tactic in &coverage.tactics {
        let (covered, all) = (named(&tactic.techniques), tactic.techniques.len());
        table.add_row([
            tactic.tactic.name.to_owned(),
            tactic.tactic.id.to_owned(),
            bar(covered, all),
            format!("{covered} of {all}"),
            percent(covered, all),
        ]);
    }
    table
}

/// The techniques that are named, with the rules that do.
fn named_table(techniques: &[Covered<'_>]) -> comfy_table::Table {
    let mut table = table(&["id", "technique", "rules"]);
    for covered in techniques.iter().filter(|covered| !covered.citations.is_empty()) {
        table.add_row([covered.entry.id.to_owned(), full_name(covered.entry), rules(&covered.citations)]);
    }
    table
}

/// The whole list, since what is missing is short enough to be shown.
fn owasp_table(list: &[Covered<'_>]) -> comfy_table::Table {
    let mut table = table(&["id", "risk", "rules"]);
    for covered in list {
        let rules = match covered.citations.as_slice() {
            [] => paint(DIM, "none"),
            citations => rules(citations),
        };
        table.add_row([covered.entry.id.to_owned(), covered.entry.name.to_owned(), rules]);
    }
    table
}

/// `Indirect` says little without the technique that it is a form of.
fn full_name(entry: &Entry) -> String {
    let parent = entry.parent.and_then(catalogue::lookup);
    parent.map_or_else(|| entry.name.to_owned(), |parent| format!("{}: {}", parent.name, entry.name))
}

/// One rule a line; those that come by way of ATT&CK are marked.
fn rules(citations: &[Citation<'_>]) -> String {
    let line = |citation: &Citation<'_>| match citation.via {
        Via::Named => citation.rule.id.to_string(),
        via => format!("{} {}", citation.rule.id, marked(via, citation.id)),
    };
    citations.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// `direct from T1059`, in the colour of how sure it is.
fn marked(via: Via, id: &str) -> String {
    let style = if via.as_str() == "nearest" { WARN } else { GOOD };
    format!("{} from {id}", paint(style, via.as_str()))
}

/// A bar as full as the share that is named; a single one shows, and only all of them fill it.
fn bar(covered: usize, all: usize) -> String {
    let exact = (covered * BAR_WIDTH).checked_div(all).unwrap_or(0);
    let full = if covered > 0 { exact.max(1) } else { 0 };
    format!("{}{}", paint(GOOD, "█".repeat(full)), paint(DIM, "░".repeat(BAR_WIDTH - full)))
}

/// Rounded down, so that 100 % means all.
fn percent(covered: usize, all: usize) -> String {
    format!("{} %", (covered * 100).checked_div(all).unwrap_or(0))
}

/// The agentic list, and that of language models.
fn owasp_lists<'c, 'p>(coverage: &'c Coverage<'p>) -> (&'c [Covered<'p>], &'c [Covered<'p>]) {
    let start_of_llm = coverage.owasp.partition_point(|covered| covered.entry.id < "LLM");
    coverage.owasp.split_at(start_of_llm)
}

fn to_json(coverage: &Coverage<'_>, digest: &str) -> Value {
    let tactics: Vec<Value> = coverage
        .tactics
        .iter()
        .map(|tactic| {
            json!({
                "id": tactic.tactic.id, "name": tactic.tactic.name, "named": named(&tactic.techniques),
                "techniques": tactic.techniques.iter().map(covered_json).collect::<Vec<_>>(),
                "total": tactic.techniques.len(),
            })
        })
        .collect();
    let (agentic, llm) = owasp_lists(coverage);
    let list = |list: &[Covered<'_>]| json!({ "named": named(list), "risks": list.iter().map(covered_json).collect::<Vec<_>>(), "total": list.len() });
    json!({
        "atlas": { "data_version": ATLAS_DATA_VERSION, "release": ATLAS_RELEASE },
        "digest": digest,
        "named": named(&coverage.techniques),
        "owasp": { "agentic": list(agentic), "llm": list(llm) },
        "tactics": tactics,
        "total": coverage.techniques.len(),
    })
}

fn covered_json(covered: &Covered<'_>) -> Value {
    let rules: Vec<Value> = covered.citations.iter().map(citation_json).collect();
    json!({ "id": covered.entry.id, "name": covered.entry.name, "rules": rules })
}

fn citation_json(citation: &Citation<'_>) -> Value {
    json!({ "id": &*citation.rule.id, "place": citation.rule.place, "via": citation.via.as_str(), "written": citation.id })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_empty_only_for_none_and_full_only_for_all() {
        let full = |covered, all| bar(covered, all).matches('█').count();
        assert_eq!([full(0, 30), full(1, 30), full(15, 30), full(29, 30), full(30, 30)], [0, 1, 10, 19, 20]);
        assert_eq!((full(0, 0), percent(0, 0), percent(199, 200)), (0, "0 %".into(), "99 %".into()));
    }
}
