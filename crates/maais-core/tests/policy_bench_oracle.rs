//! An outside oracle: workloads that other engines were measured with name the first rule that matches
//! each request, and so must we. They live beside the repository; where they are not, this says so.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at what it did not expect")]
#![expect(clippy::disallowed_methods, reason = "the workloads are files")]

use std::fs;
use std::path::Path;

use maais_core::diagnostic::Source;
use maais_core::facts::{Facts, NoMemo};
use maais_core::policy;
use maais_core::request::{ActionRequest, Defaults};
use maais_core::state::State;
use serde_json::Value;

/// The rules and the requests of a workload, if it is there.
fn workload(name: &str) -> Option<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/bench/policy");
    let rules = folder.join(format!("{name}.rules.yaml"));
    let Ok(text) = fs::read_to_string(&rules) else {
        println!("skipped: {} is not there", rules.display());
        return None;
    };
    let requests = fs::read_to_string(folder.join(format!("{name}.requests.jsonl"))).unwrap();
    Some((text, requests))
}

/// What differs from the oracle: (target, expected, found).
fn differences(rules: &str, requests: &str) -> Vec<(String, Option<String>, Option<String>)> {
    let loaded = policy::load(&[Source::new("rules.yaml", rules)]);
    let policies = loaded.unwrap_or_else(|problems| panic!("{problems}")).policies;
    let mut held = 0;
    let mut differences = Vec::new();
    for line in requests.lines() {
        let mut row: Value = serde_json::from_str(line).unwrap();
        let expected = row.as_object_mut().unwrap().remove("expect").unwrap();
        let expected = expected.as_str().map(str::to_owned);
        let defaults = Defaults { action_id: "a".into(), timestamp: jiff::Timestamp::UNIX_EPOCH };
        let request = ActionRequest::from_value(row, defaults).unwrap();
        let matched = policies.first_match(&Facts::new(&request, &NoMemo), &State::default());
        // `id#1` is the second alternative of the rule `id`.
        let found = matched.map(|matched| matched.rule.id.split('#').next().unwrap().to_owned());
        if found != expected {
            differences.push((request.target().as_str().to_owned(), expected, found));
        }
        held += 1;
    }
    assert!(held >= 1000, "only {held} requests");
    differences
}

/// The oracle ran the seed's patterns with Python's `re.match`, at the beginning of the text; ours match
/// anywhere, as their authors meant.
fn anchored(rules: &str) -> String {
    let line = |line: &str| match line.split_once("pattern: ") {
        Some((indent, pattern)) => format!("{indent}pattern: '^(?:{})'\n", pattern.replace('\'', "''")),
        None => format!("{line}\n"),
    };
    rules.lines().map(line).collect()
}

#[test]
fn the_repaired_rules_of_the_seed_match_as_the_oracle_says() {
    let Some((rules, requests)) = workload("seed17") else { return };
    assert_eq!(differences(&anchored(&rules), &requests), []);
    // Unanchored, `rm` is also in `terminal` and `json_formatter`: the flaw that the atlas pack mends.
    for (target, _, found) in differences(&rules, &requests) {
        assert!(["terminal", "json_formatter"].contains(&target.as_str()), "{target}: {found:?}");
        assert_eq!(found.as_deref(), Some("atlas_impact_destructive"), "{target}");
    }
}

#[test]
fn a_hundred_rules_match_as_the_oracle_says() {
    let Some((rules, requests)) = workload("100") else { return };
    assert_eq!(differences(&rules, &requests), []);
}

#[test]
fn a_thousand_rules_match_as_the_oracle_says() {
    let Some((rules, requests)) = workload("1000") else { return };
    assert_eq!(differences(&rules, &requests), []);
}
