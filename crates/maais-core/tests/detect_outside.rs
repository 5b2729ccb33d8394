//! Measures the detectors on labelled lines that other people collected, when they are at hand.
//!
//! Not part of the suite: it needs the outside material (`MAAIS_BENCH`, or `shared/bench` beside the
//! checkout) and prints rather than asserts. Run it with
//! `cargo test -p maais-core --release --test detect_outside -- --ignored --nocapture`.

#![expect(clippy::disallowed_methods, reason = "measures: reads outside files")]

use std::collections::BTreeMap;
use std::path::PathBuf;

use maais_core::detect::{self, Class, Kind};
use serde_json::Value;

fn rows(file: &str) -> Vec<Value> {
    let folder = std::env::var("MAAIS_BENCH").map_or_else(
        |_| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/bench")),
        PathBuf::from,
    );
    let text = std::fs::read_to_string(folder.join(file)).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

fn field<'a>(row: &'a Value, name: &str) -> &'a str {
    row[name].as_str().unwrap_or_default()
}

fn flagged(text: &str) -> bool {
    detect::scan(text).iter().any(|hit| hit.kind.class() == Class::Credential)
}

#[derive(Default, Clone, Copy)]
struct Tally {
    hit: usize,
    missed: usize,
    alarm: usize,
    quiet: usize,
}

impl Tally {
    fn add(&mut self, secret: bool, flagged: bool) {
        match (secret, flagged) {
            (true, true) => self.hit += 1,
            (true, false) => self.missed += 1,
            (false, true) => self.alarm += 1,
            (false, false) => self.quiet += 1,
        }
    }

    fn print(&self, what: &str) {
        let share = |a: usize, b: usize| 100.0 * a as f64 / (a + b).max(1) as f64;
        println!(
            "{what:44} hit {:5} missed {:5} alarm {:5} quiet {:5} precision {:5.1} % recall {:5.1} %",
            self.hit,
            self.missed,
            self.alarm,
            self.quiet,
            share(self.hit, self.alarm),
            share(self.hit, self.missed)
        );
    }
}

#[test]
#[ignore = "needs outside material"]
fn credentials_in_source_lines() {
    let rows = rows("secrets/creddata_sub.jsonl");
    let (mut all, mut without_uuid) = (Tally::default(), Tally::default());
    // The collection calls every UUID a secret, as its scanner's lowest grade; `scan` does not.
    let mut with_identifiers = Tally::default();
    let mut lines: BTreeMap<&str, (bool, bool)> = BTreeMap::new();
    let mut categories: BTreeMap<&str, Tally> = BTreeMap::new();
    for row in &rows {
        let (text, secret, category) =
            (field(row, "text"), field(row, "label") == "secret", field(row, "category"));
        let flag = flagged(text);
        all.add(secret, flag);
        with_identifiers.add(secret, flag || !detect::identifiers(text).is_empty());
        let plain_id = secret && (category.starts_with("UUID") || category == "Firebase Domain");
        if !plain_id {
            without_uuid.add(secret, flag);
            let line = lines.entry(text).or_insert((false, flag));
            line.0 |= secret;
        }
        categories.entry(category).or_default().add(secret, flag);
        if std::env::var("SHOW").is_ok_and(|show| show == category) && secret != flag {
            println!(
                "{} {}",
                if flag { "ALARM " } else { "MISSED" },
                &text[..text.floor_char_boundary(200)].trim()
            );
        }
    }
    for (category, tally) in categories.iter().filter(|(_, t)| t.missed + t.alarm > 2) {
        tally.print(category);
    }
    all.print("creddata_sub");
    with_identifiers.print("creddata_sub, identifiers flagged too");
    without_uuid.print("creddata_sub without UUIDs and host names");
    let mut distinct = Tally::default();
    lines.values().for_each(|(secret, flag)| distinct.add(*secret, *flag));
    distinct.print("the same, distinct lines");
}

#[test]
#[ignore = "needs outside material"]
fn other_collections_of_credentials() {
    for file in ["credsweeper_samples", "gitleaks_cases", "detect_secrets_cases"] {
        let mut tally = Tally::default();
        for row in rows(&format!("secrets/{file}.jsonl")) {
            let secret = matches!(field(&row, "label"), "secret" | "tp");
            tally.add(secret, flagged(field(&row, "text")));
        }
        tally.print(file);
    }
}

#[test]
#[ignore = "needs outside material"]
fn personal_data_in_prose() {
    let kinds = [
        ("CREDIT_CARD", Kind::PaymentCard),
        ("US_SSN", Kind::UsSsn),
        ("IBAN_CODE", Kind::Iban),
        ("EMAIL_ADDRESS", Kind::Email),
        ("PHONE_NUMBER", Kind::Phone),
    ];
    for file in ["presidio_generated_large", "presidio_synth_v2"] {
        let rows = rows(&format!("secrets/{file}.jsonl"));
        for (label, kind) in kinds {
            let mut tally = Tally::default();
            for row in &rows {
                let text = field(row, "text");
                let hits: Vec<_> = detect::scan(text).into_iter().filter(|hit| hit.kind == kind).collect();
                let spans = row["spans"].as_array().cloned().unwrap_or_default();
                let wanted: Vec<&str> = spans
                    .iter()
                    .filter(|span| {
                        span[0].as_str().is_some_and(|l| label.starts_with(l) || l.starts_with(label))
                    })
                    .filter_map(|span| span[3].as_str())
                    .collect();
                for value in &wanted {
                    let found = hits.iter().any(|hit| {
                        value.contains(&text[hit.start..hit.end]) || text[hit.start..hit.end].contains(value)
                    });
                    tally.add(true, found);
                    if !found && std::env::var("SHOW").is_ok_and(|show| show == label) {
                        println!("MISSED {value}");
                    }
                }
                for hit in &hits {
                    let found = &text[hit.start..hit.end];
                    if !wanted.iter().any(|value| value.contains(found) || found.contains(value)) {
                        tally.add(false, true);
                        if std::env::var("SHOW").is_ok_and(|show| show == label) {
                            println!("ALARM {found} in {text}");
                        }
                    }
                }
            }
            tally.print(&format!("{file} {label}"));
        }
    }
}

#[test]
#[ignore = "needs outside material"]
fn false_alarms_in_benign_calls() {
    for file in
        ["tau2", "tau_bench", "bfcl", "apibank", "nl2bash", "agentbench_os", "sql_benign", "agentdojo"]
    {
        let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
        let mut calls = 0;
        for row in rows(&format!("actions/{file}.jsonl")).iter().filter(|row| field(row, "label") == "benign")
        {
            calls += 1;
            let mut leaves = Vec::new();
            collect("", &row["request"]["parameters"], &mut leaves);
            let mut seen: Vec<&str> = Vec::new();
            for (name, text) in leaves {
                for hit in detect::scan_named(&name, &text) {
                    if std::env::var("SHOW").is_ok_and(|show| show == hit.kind.as_str()) {
                        println!("{file} {name}: {}", &text[hit.start..hit.end]);
                    }
                    seen.push(hit.kind.as_str());
                }
            }
            seen.sort_unstable();
            seen.dedup();
            seen.into_iter().for_each(|kind| *kinds.entry(kind).or_default() += 1);
        }
        println!("{file:16} {calls:6} calls, with {kinds:?}");
    }
}

fn collect(name: &str, value: &Value, out: &mut Vec<(String, String)>) {
    match value {
        Value::String(text) => out.push((name.to_owned(), text.clone())),
        Value::Number(number) => out.push((name.to_owned(), number.to_string())),
        Value::Array(items) => items.iter().for_each(|item| collect(name, item, out)),
        Value::Object(members) => members.iter().for_each(|(name, value)| collect(name, value, out)),
        Value::Null | Value::Bool(_) => {}
    }
}
