//! `maais audit prune`: old records go, on record.

use std::io::{self, BufRead as _, IsTerminal as _};
use std::process::ExitCode;

use jiff::Timestamp;
use maais_query::parse_time;
use maais_runtime::audit::{self, Log, Pruned};
use serde_json::json;

use crate::cli::Prune;
use crate::command::{Done, print_json};
use crate::term::{GOOD, paint, printable, say};

/// Prunes, or says what would be.
pub(super) fn run(args: &Prune) -> Done {
    let before = parse_time(&args.older_than, Timestamp::now())?;
    let found = audit::prunable(&args.home, None, before)?;
    if args.dry_run || found.is_empty() {
        return told(args, before, &found);
    }
    if !args.yes && !agreed(&found)? {
        return Err("nothing was pruned; say `--yes` to prune without being asked".into());
    }
    let done = Log::prune_all(&args.home, None, before, &args.basis, &args.by)?;
    told(args, before, &done)
}

/// Asks, if somebody is there to answer.
fn agreed(found: &[Pruned]) -> io::Result<bool> {
    let input = io::stdin();
    if !input.is_terminal() {
        return Ok(false);
    }
    let records: u64 = found.iter().map(|log| log.records).sum();
    anstream::eprint!("Remove {records} records, and what was sealed in them, for ever? [y/N] ");
    let mut answer = String::new();
    input.lock().read_line(&mut answer)?;
    Ok(["y", "yes"].contains(&answer.trim().to_ascii_lowercase().as_str()))
}

fn told(args: &Prune, before: Timestamp, logs: &[Pruned]) -> Done {
    if args.json {
        print_json(&json!({"before": before.to_string(), "dry_run": args.dry_run, "logs": logs}))?;
        return Ok(ExitCode::SUCCESS);
    }
    if logs.is_empty() {
        say!("no closed segment holds only records older than {}", printable(&args.older_than, 100));
    }
    for log in logs {
        let word = match args.dry_run {
            true => "would be pruned".to_owned(),
            false => paint(GOOD, "pruned").to_string(),
        };
        let record = log.index.map_or_else(String::new, |index| format!(", see record {index}"));
        say!(
            "{word} {} records ({} bytes) of `{}`: it begins with record {} now{record}",
            log.records,
            log.bytes,
            printable(&log.origin, 200),
            log.first
        );
    }
    Ok(ExitCode::SUCCESS)
}
