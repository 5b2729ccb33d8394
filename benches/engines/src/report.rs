//! The tables, in Markdown, so that what the terminal shows can be quoted as it is.

use std::fmt::Write as _;

use serde::Serialize;

use crate::engine::Kind;
use crate::measure::{Plan, Round, Row, Table};

/// Crates whose versions a run names.
const VERSIONS_OF: [&str; 4] = ["cedar-policy", "cel", "regex", "regorus"];

#[derive(Serialize)]
pub(crate) struct Run {
    workload: &'static str,
    rounds: u32,
    cap_seconds: f64,
    versions: Vec<String>,
    pub(crate) tables: Vec<Table>,
}

impl Run {
    pub(crate) fn new(generated: bool, plan: &Plan) -> Self {
        let workload = if generated { "generated" } else { "folder" };
        let cap_seconds = plan.cap.as_secs_f64();
        Self { workload, rounds: plan.rounds, cap_seconds, versions: versions(), tables: Vec::new() }
    }
}

fn versions() -> Vec<String> {
    let locked = include_str!("../Cargo.lock").split("[[package]]");
    let value = |package: &str, key: &str| {
        let line = package.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = "));
        line.map(|value| value.trim_matches('"').to_owned())
    };
    let named = locked.filter_map(|package| Some((value(package, "name")?, value(package, "version")?)));
    let wanted = named.filter(|(name, _)| VERSIONS_OF.contains(&name.as_str()));
    wanted.map(|(name, version)| format!("{name} {version}")).collect()
}

/// Everything of one rule set.
pub(crate) fn table(table: &Table) -> String {
    let ours = table.rows.iter().find(|row| row.engine == Kind::Ours).and_then(Row::best);
    let mut text = format!("\n{}: {} rules, {} requests\n\n", table.size, table.rules, table.requests);
    text += "| engine | p50 | p99 | mean | decisions/s | p50 : ours | mean : ours | load | memory loaded / warm \
             | mismatches | decisions a round |\n|---|---|---|---|---|---|---|---|---|---|---|\n";
    for row in &table.rows {
        let title = row.engine.title();
        let Some(best) = row.best() else {
            let why = row.load.refused.as_deref().unwrap_or("not run").lines().next().unwrap_or_default();
            let _ = writeln!(text, "| {title} | refused: {why} | | | | | | | | | |");
            continue;
        };
        let over = |part: f64, whole: Option<f64>| whole.map_or("-".into(), |whole| times(part / whole));
        let _ = writeln!(
            text,
            "| {title} | {} | {} | {} | {} | {} | {} | {} | {} / {} | {} | {} |",
            duration(best.p50 as f64),
            duration(best.p99 as f64),
            duration(best.mean),
            count(1e9 / best.mean),
            over(best.p50 as f64, ours.map(|ours| ours.p50 as f64)),
            over(best.mean, ours.map(|ours| ours.mean)),
            duration(row.load.ms * 1e6),
            memory(row.load.kib),
            memory(row.load.warm_kib),
            mismatches(row),
            best.decisions,
        );
    }
    text
}

/// How much longer than ours each takes: the short tables. Medians bear a busy machine better than means.
pub(crate) fn ratios(run: &Run) -> String {
    ratio(run, "Median decision time", |round| round.p50 as f64)
        + &ratio(run, "Mean decision time", |round| round.mean)
}

fn ratio(run: &Run, what: &str, of: fn(&Round) -> f64) -> String {
    let mut text = format!("\n{what}, ours = 1:\n\n| engine |");
    for table in &run.tables {
        let _ = write!(text, " {} ({} rules) |", table.size, table.rules);
    }
    text += &format!("\n|---|{}\n", "---|".repeat(run.tables.len()));
    let kinds = run.tables.first().map(|table| table.rows.iter().map(|row| row.engine)).into_iter().flatten();
    for kind in kinds {
        let _ = write!(text, "| {} |", kind.title());
        for table in &run.tables {
            let _ = write!(text, " {} |", cell(table, kind, of));
        }
        text.push('\n');
    }
    text
}

fn cell(table: &Table, kind: Kind, of: fn(&Round) -> f64) -> String {
    let row = |kind| table.rows.iter().find(|row| row.engine == kind);
    let time = |kind| row(kind).and_then(Row::best).map(of);
    let text = match (time(kind), time(Kind::Ours)) {
        (None, _) => return "refused".to_owned(),
        (Some(time), _) if kind == Kind::Ours => format!("1 ({})", duration(time)),
        (Some(time), Some(ours)) => times(time / ours),
        (Some(time), None) => duration(time),
    };
    let wrong = row(kind).is_some_and(|row| row.mismatches > 0);
    if wrong { format!("{text} (wrong answers)") } else { text }
}

fn mismatches(row: &Row) -> String {
    let flag = if row.mismatches > 0 { "**WRONG** " } else { "" };
    format!("{flag}{} of {}", row.mismatches, row.checked)
}

fn duration(nanoseconds: f64) -> String {
    match nanoseconds {
        below if below < 999.5 => format!("{below:.0} ns"),
        below if below < 999_500.0 => format!("{} µs", three_digits(below / 1e3)),
        below if below < 999_500_000.0 => format!("{} ms", three_digits(below / 1e6)),
        other => format!("{} s", three_digits(other / 1e9)),
    }
}

fn times(ratio: f64) -> String {
    if ratio < 0.1 { format!("{ratio:.3} x") } else { format!("{} x", three_digits(ratio)) }
}

fn three_digits(number: f64) -> String {
    match number {
        below if below < 9.995 => format!("{below:.2}"),
        below if below < 99.95 => format!("{below:.1}"),
        other => count(other),
    }
}

/// With a comma at the thousands.
fn count(number: f64) -> String {
    let digits = format!("{number:.0}");
    let groups = digits.as_bytes().rchunks(3).rev();
    groups.map(|group| String::from_utf8_lossy(group)).collect::<Vec<_>>().join(",")
}

fn memory(kib: Option<u64>) -> String {
    kib.map_or("-".into(), |kib| format!("{} MiB", three_digits(kib as f64 / 1024.0)))
}
