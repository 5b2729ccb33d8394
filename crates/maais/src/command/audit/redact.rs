//! `maais audit redact`: what was sealed for a subject is erased, on record.

use std::io::{self, BufRead as _, IsTerminal as _};
use std::process::ExitCode;

use maais_runtime::audit::{self, Log, Redaction};
use serde_json::json;

use crate::cli::Redact;
use crate::command::{Done, print_json};
use crate::term::{GOOD, paint, printable, say};

/// Erases, or says what would be.
pub(super) fn run(args: &Redact) -> Done {
    let found = audit::sealed_for(&args.home, None, &args.subject)?;
    let values: u64 = found.iter().map(|found| found.values).sum();
    if args.dry_run || found.is_empty() {
        return told(args, &found, "would be erased");
    }
    if !args.yes && !agreed(args, values)? {
        return Err("nothing was erased; say `--yes` to erase without being asked".into());
    }
    let done = Log::redact_all(&args.home, None, &args.subject, &args.basis, &args.by)?;
    told(args, &done, "erased")
}

/// Asks, if somebody is there to answer.
fn agreed(args: &Redact, values: u64) -> io::Result<bool> {
    let input = io::stdin();
    if !input.is_terminal() {
        return Ok(false);
    }
    anstream::eprint!("Erase {values} sealed values of `{}` for ever? [y/N] ", printable(&args.subject, 200));
    let mut answer = String::new();
    input.lock().read_line(&mut answer)?;
    Ok(["y", "yes"].contains(&answer.trim().to_ascii_lowercase().as_str()))
}

fn told(args: &Redact, logs: &[Redaction], what: &str) -> Done {
    if args.json {
        print_json(&json!({"subject": args.subject, "dry_run": args.dry_run, "logs": logs}))?;
        return Ok(ExitCode::SUCCESS);
    }
    let subject = printable(&args.subject, 200).to_string();
    if logs.is_empty() {
        say!("nothing is sealed for `{subject}`");
    }
    for log in logs {
        let word = if args.dry_run { what.to_owned() } else { paint(GOOD, what).to_string() };
        let record = if args.dry_run { String::new() } else { format!(", see record {}", log.index) };
        say!(
            "{word} {} values in {} records of `{}`{record}",
            log.values,
            log.records,
            printable(&log.origin, 200)
        );
    }
    Ok(ExitCode::SUCCESS)
}
