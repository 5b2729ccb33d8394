//! `maais audit verify`: the three verdicts on every log, with whatever others remember of it.

use std::error::Error;
use std::io::{self, Read as _};
use std::path::Path;

use jiff::Timestamp;
use maais_runtime::audit::{self, Checkpoint, VerifyOptions, Vkey, WitnessPolicy};
use serde_json::Value;

use super::print_log;
use super::query::bytes_bar;
use crate::cli::VerifyLog;
use crate::command::{Done, print_json, verdict};
use crate::term::{BAD, paint, printable, say};

/// Runs the command.
pub(crate) fn run(args: &VerifyLog) -> Done {
    let mut checkpoints = Vec::new();
    for path in &args.checkpoints {
        checkpoints.extend(notes(path)?);
    }
    let options = VerifyOptions {
        head_dir: args.head.clone(),
        checkpoints,
        vkey: args.vkey.as_ref().map(Vkey::to_string),
        witnesses: args.witness_policy.as_deref().map(policy).transpose()?,
        // Longer ago than time reaches back is any time.
        cosigned_since: args.cosigned_within.and_then(|within| Timestamp::now().checked_sub(within).ok()),
        ..VerifyOptions::default()
    };
    let bar = bytes_bar();
    let all = audit::folders(&args.home).unwrap_or_default();
    bar.set_length(all.iter().filter_map(|log| log.bytes_from(0, 0).ok()).sum());
    let report = audit::verify_telling(&args.home, &options, &mut |bytes| bar.set_position(bytes))?;
    bar.finish_and_clear();
    if args.json {
        let mut value = serde_json::to_value(&report)?;
        if let Value::Object(map) = &mut value {
            map.insert("ok".into(), report.is_ok().into());
        }
        print_json(&value)?;
        return Ok(verdict(report.is_ok()));
    }
    report.logs.iter().for_each(print_log);
    for known in &report.missing {
        say!(
            "{} the log `{}`, of which record {} is known, is not here",
            paint(BAD, "missing"),
            known.origin,
            known.index
        );
    }
    for origin in &report.missing_logs {
        let origin = printable(origin, 200);
        say!("{} the log `{origin}`, of which a checkpoint is known, is not here", paint(BAD, "missing"));
    }
    Ok(verdict(report.is_ok()))
}

/// The policy in a file.
pub(super) fn policy(path: &Path) -> Result<WitnessPolicy, Box<dyn Error>> {
    let bytes = std::fs::read(path).map_err(|error| format!("cannot read `{}`: {error}", path.display()))?;
    let read = WitnessPolicy::parse(&bytes);
    Ok(read.map_err(|error| format!("{}:{}: {}", path.display(), error.line, error.why))?)
}

/// The checkpoints in a file: notes, one behind the other, or JSON a line (a text, or an object with the text under `note`).
fn notes(path: &Path) -> Result<Vec<String>, Box<dyn Error>> {
    let failed = |why: &dyn std::fmt::Display| format!("cannot use `{}`: {why}", path.display());
    let mut text = String::new();
    match path == Path::new("-") {
        true => drop(io::stdin().read_to_string(&mut text).map_err(|error| failed(&error))?),
        false => text = std::fs::read_to_string(path).map_err(|error| failed(&error))?,
    }
    let is_json = text.trim_start().starts_with(['"', '{']);
    let notes: Vec<String> = if is_json {
        let lines = text.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty());
        let read = |(line, number): (&str, usize)| {
            from_json(line).ok_or_else(|| failed(&format!("line {number} holds no checkpoint in JSON")))
        };
        lines.map(read).collect::<Result<_, _>>()?
    } else {
        in_paragraphs(&text)
    };
    for note in &notes {
        Checkpoint::parse(note).map_err(|error| failed(&error))?;
    }
    match notes.is_empty() {
        true => Err(failed(&"it holds no checkpoint").into()),
        false => Ok(notes),
    }
}

/// A checkpoint is two paragraphs: its text, and its signatures.
fn in_paragraphs(text: &str) -> Vec<String> {
    let paragraphs: Vec<_> =
        text.split("\n\n").map(|p| p.trim_matches('\n')).filter(|p| !p.is_empty()).collect();
    paragraphs.chunks(2).map(|note| format!("{}\n", note.join("\n\n"))).collect()
}

fn from_json(line: &str) -> Option<String> {
    match serde_json::from_str(line).ok()? {
        Value::String(note) => Some(note),
        Value::Object(map) => map.get("note").and_then(Value::as_str).map(str::to_owned),
        _ => None,
    }
}
