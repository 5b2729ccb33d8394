//! `maais audit …`: one file a subcommand, or a group of them.

mod checkpoint;
mod compress;
mod cosign;
mod export;
mod proofs;
mod prune;
mod query;
mod redact;
mod replay;
mod verify;

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use maais_runtime::audit::{self, LogReport, Record, Unsealed, Verdict};
use serde_json::Value;

use super::{Done, print_json};
use crate::cli::Audit;
use crate::term::{BAD, DIM, GOOD, HEAD, WARN, paint, printable, say, say_raw, wrapped};

/// How often `tail --follow` looks again.
const FOLLOW_EVERY: Duration = Duration::from_millis(250);
/// Records between two looks of `tail --follow`; with more, the older ones are left out and said so.
const FOLLOW_MAX: usize = 10_000;

/// Runs a subcommand.
pub(crate) fn run(command: &Audit) -> Done {
    match command {
        Audit::Verify(args) => verify::run(args),
        Audit::Cosign(args) => cosign::run(args),
        Audit::Checkpoint(args) => checkpoint::run(args),
        Audit::Prove(args) => proofs::prove(args),
        Audit::CheckProof(args) => proofs::check_proof(args),
        Audit::Extract(args) => proofs::extract(args),
        Audit::CheckExtract(args) => proofs::check_extract(args),
        Audit::Redact(args) => redact::run(args),
        Audit::Replay(args) => replay::run(args),
        Audit::Compress(args) => compress::run(args),
        Audit::Prune(args) => prune::run(args),
        Audit::Keys(args) => proofs::keys(args),
        Audit::Tiles(args) => proofs::tiles(args),
        Audit::Tail { home, lines, follow, json } => tail(home, *lines, *follow, *json),
        Audit::Query(args) => query::run(args),
        Audit::Export(args) => export::run(args),
        Audit::Show { which, home, unseal, json } => show(which, home, *unseal, *json),
    }
}

/// Why there is no such record, as far as that can be known.
fn not_there(which: &str, home: &Path) -> String {
    let pruned: u64 =
        audit::folders(home).iter().flatten().filter_map(|log| log.pruned().ok()).max().unwrap_or(0);
    let why = match pruned {
        0 => String::new(),
        pruned => format!("; the first {pruned} were pruned"),
    };
    format!("there is no record `{}` in `{}`{why}", printable(which, 200), home.display())
}

/// The verdicts on one log, for a person.
pub(crate) fn print_log(log: &LogReport) {
    let mark = if log.is_ok() { paint(GOOD, "believed") } else { paint(BAD, "NOT BELIEVED") };
    say!("{mark} {} · {} records · {}", log.dir.display(), log.size, printable(&log.origin, 80));
    for (name, verdict) in [
        ("integrity", &log.integrity),
        ("completeness", &log.completeness),
        ("anchoring", &log.anchoring),
        ("sealed", &log.sealed),
    ] {
        let (style, word) = match verdict {
            Verdict::Holds(_) => (GOOD, "holds"),
            Verdict::Fails(_) => (BAD, "FAILS"),
            Verdict::Unknown(_) => (WARN, "unknown"),
        };
        say!(
            "  {name:<13} {}  {}",
            paint(style, format!("{word:<7}")),
            wrapped(&printable(verdict.why(), 600), 25)
        );
    }
    if let Some(fault) = &log.fault {
        let place = format!("{}:{}", fault.segment.display(), fault.line);
        say!(
            "  first bad record: {} at {place} (byte {}): {}",
            fault.index,
            fault.offset,
            printable(&fault.why, 600)
        );
    }
    for note in &log.notes {
        say!("  {}", paint(DIM, wrapped(&printable(note, 600), 2)));
    }
}

fn tail(home: &Path, lines: usize, follow: bool, as_json: bool) -> Done {
    let mut newest: Vec<(String, u64)> = Vec::new();
    for record in audit::tail(home, lines)? {
        remember(&mut newest, &record);
        print_record(&record, as_json);
    }
    if !follow {
        return Ok(ExitCode::SUCCESS);
    }
    loop {
        std::thread::sleep(FOLLOW_EVERY);
        for record in audit::tail(home, FOLLOW_MAX)? {
            let seen =
                newest.iter().any(|(origin, index)| *origin == record.origin && record.index <= *index);
            if !seen {
                remember(&mut newest, &record);
                print_record(&record, as_json);
            }
        }
    }
}

fn remember(newest: &mut Vec<(String, u64)>, record: &Record) {
    match newest.iter_mut().find(|(origin, _)| *origin == record.origin) {
        Some((_, index)) => *index = record.index.max(*index),
        None => newest.push((record.origin.clone(), record.index)),
    }
}

fn print_record(record: &Record, as_json: bool) {
    if as_json {
        say_raw!("{}", record.line);
        return;
    }
    let time = record.time.to_string();
    let time = paint(DIM, time.get(..23).unwrap_or(&time));
    say!("{:>6} {time} {}", record.index, summary(record));
}

/// One line about a record.
fn summary(record: &Record) -> String {
    let text =
        |pointer: &str| record.value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    if record.kind != audit::Kind::Decision {
        let what = ["/action_id", "/snapshot", "/reason"].into_iter().map(text).find(|text| !text.is_empty());
        return format!("{} {}", paint(HEAD, record.kind), printable(&what.unwrap_or_default(), 90));
    }
    let effect = text("/decision/effect");
    let style = match effect.as_str() {
        "ALLOW" => GOOD,
        "REQUIRE_APPROVAL" => WARN,
        _ => BAD,
    };
    let shown = |pointer| printable(&text(pointer), 60);
    let action = match record.value.pointer("/request") {
        Some(_) => format!(
            "{} {} {}",
            shown("/request/agent_id"),
            shown("/request/action_type"),
            shown("/request/target")
        ),
        None => format!("malformed: {}", shown("/attempt/error")),
    };
    let rule = paint(DIM, shown("/decision/policy_id"));
    format!("{} {action} {rule}", paint(style, format!("{effect:<16}")))
}

fn show(which: &str, home: &Path, unseal: bool, as_json: bool) -> Done {
    let record = find(which, home)?.ok_or_else(|| not_there(which, home))?;
    if as_json {
        say_raw!("{}", record.line);
        return Ok(ExitCode::SUCCESS);
    }
    let mut value = record.value.clone();
    if unseal {
        open_sealed(&mut value, home);
    }
    say!("{} {} of {}", paint(HEAD, "record"), record.index, printable(&record.origin, 80));
    say!("{} {}", paint(DIM, "leaf  "), record.leaf);
    say!("{} {}\n", paint(DIM, "time  "), record.time);
    print_json(&value)?;
    Ok(ExitCode::SUCCESS)
}

/// The record of that index, or the newest that speaks of that action.
fn find(which: &str, home: &Path) -> Result<Option<Record>, Box<dyn Error>> {
    let index: Option<u64> = which.parse().ok();
    let mut found = None;
    for record in audit::read(home)? {
        let record = record?;
        let of_action = ["/request/action_id", "/action_id"]
            .iter()
            .any(|at| record.value.pointer(at).and_then(Value::as_str) == Some(which));
        if index == Some(record.index) || of_action {
            let first_is_enough = index.is_some() || record.kind == audit::Kind::Decision;
            found = Some(record);
            if first_is_enough {
                break;
            }
        }
    }
    Ok(found)
}

/// Puts sealed values where their commitments stand, as far as they can be opened.
fn open_sealed(value: &mut Value, home: &Path) {
    let digest = value.get("$sealed").and_then(Value::as_str).map(str::to_owned);
    if let Some(digest) = digest {
        *value = match audit::unseal(home, &digest) {
            Ok(Unsealed::Present(opened)) => serde_json::json!({ "$sealed": digest, "value": opened }),
            Ok(other) => serde_json::json!({ "$sealed": digest, "value": format!("{other:?}") }),
            Err(error) => serde_json::json!({ "$sealed": digest, "error": error.to_string() }),
        };
        return;
    }
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| open_sealed(item, home)),
        Value::Object(map) => map.values_mut().for_each(|item| open_sealed(item, home)),
        _ => {}
    }
}
