//! `maais audit prove|check-proof|extract|check-extract|tiles`: what others can check without the log, or without us.

use std::fs;
use std::io::{self, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use maais_runtime::audit::{self, Checkpoint, ExtractError, KeyChain, Proof, ProofError};
use serde_json::json;

use crate::cli::{CheckExtract, CheckProof, Extract, Keys, OneLog, Prove, Tiles};
use crate::command::{Done, print_json, verdict};
use crate::term::{BAD, GOOD, paint, printable, say, say_raw};

impl OneLog {
    /// Its folder.
    fn dir(&self) -> Result<PathBuf, String> {
        let dir = self.home.join("log").join(self.slot.to_string());
        if dir.is_dir() {
            return Ok(dir);
        }
        Err(format!(
            "there is no log in `{}`; name a data directory with `--home`, and its log with `--slot`",
            dir.display()
        ))
    }
}

/// Prints a proof.
pub(super) fn prove(args: &Prove) -> Done {
    say_raw!("{}", audit::prove(&args.log.dir()?, args.index)?.to_string().trim_end_matches('\n'));
    Ok(ExitCode::SUCCESS)
}

/// Prints the key records.
pub(super) fn keys(args: &Keys) -> Done {
    for line in audit::key_records(&args.log.dir()?)? {
        say_raw!("{line}");
    }
    Ok(ExitCode::SUCCESS)
}

/// Holds a record against a proof: with the key itself, or with the one that the records of keys lead to.
fn held(args: &CheckProof, proof: &Proof, line: &[u8], keys: Option<&str>) -> Result<Checkpoint, ProofError> {
    let Some(keys) = keys else { return proof.check(line, &args.vkey) };
    let chain = KeyChain::follow(&args.vkey, keys.lines().filter(|line| !line.is_empty()))?;
    let size = Checkpoint::parse(&proof.checkpoint)?.size;
    let key = chain.of_size(size).ok_or(ProofError::Form { why: "no key was in force at its size" })?;
    proof.check(line, key)
}

/// Says whether a proof holds.
pub(super) fn check_proof(args: &CheckProof) -> Done {
    let text = read(&args.proof)?;
    let record = read(&args.record)?;
    // One line; the newline is not part of the record.
    let line = record.strip_suffix('\n').unwrap_or(&record);
    let keys = args.keys.as_deref().map(read).transpose()?;
    let found = Proof::parse(&text)
        .and_then(|proof| Ok((proof.index, held(args, &proof, line.as_bytes(), keys.as_deref())?)));
    if args.json {
        print_json(&match &found {
            Ok((index, checkpoint)) => {
                json!({"holds": true, "index": index, "origin": checkpoint.origin, "size": checkpoint.size})
            }
            Err(error) => json!({"holds": false, "why": error.to_string()}),
        })?;
        return Ok(verdict(found.is_ok()));
    }
    match &found {
        Ok((index, checkpoint)) => say!(
            "{} this is record {index} of `{}`, which had {} records when it was signed",
            paint(GOOD, "holds"),
            printable(&checkpoint.origin, 300),
            checkpoint.size
        ),
        Err(error) => say!("{} {}", paint(BAD, "does not hold"), printable(&error.to_string(), 600)),
    }
    Ok(verdict(found.is_ok()))
}

/// Writes a bundle to standard output.
pub(super) fn extract(args: &Extract) -> Done {
    let mut out = BufWriter::new(io::stdout().lock());
    let count = audit::extract(&args.log.dir()?, &args.tenant, &mut out)?;
    out.flush().map_err(|error| format!("cannot write the extract: {error}"))?;
    if count == 0 {
        return Err(
            format!("the log holds no record of the tenant `{}`", printable(&args.tenant, 200)).into()
        );
    }
    anstream::eprintln!("{count} records of `{}`", printable(&args.tenant, 200));
    Ok(ExitCode::SUCCESS)
}

/// Says whether a bundle holds.
pub(super) fn check_extract(args: &CheckExtract) -> Done {
    let file = fs::File::open(&args.bundle).map_err(|error| cannot_read(&args.bundle, &error))?;
    let found = audit::verify_extract(&mut BufReader::new(file), args.vkey.as_deref());
    if let Err(ExtractError::Io(error)) = &found {
        return Err(cannot_read(&args.bundle, error).into());
    }
    if args.json {
        print_json(&match &found {
            Ok(report) => json!({"holds": true, "report": report}),
            Err(error) => json!({"holds": false, "why": error.to_string()}),
        })?;
        return Ok(verdict(found.is_ok()));
    }
    match &found {
        Ok(report) => {
            let (tenant, origin) = (printable(&report.tenant, 200), printable(&report.origin, 300));
            say!(
                "{} {} records of `{tenant}`, none missing between them, in the log `{origin}`",
                paint(GOOD, "holds"),
                report.records
            );
            if report.pruned > 0 {
                say!("  {} before them were pruned, as a record of the log says", report.pruned);
            }
            match report.complete_before {
                Some(index) => {
                    say!("  up to record {index} of {} of the log these are all of the tenant's", report.size)
                }
                None => say!(
                    "  whether the tenant has others behind them, the log does not say: no roll was called"
                ),
            }
            let told =
                if args.vkey.is_some() { "as you were told" } else { "compare it with what you were told" };
            say!("  the log's first key is `{}`, {told}", printable(&report.vkey, 300));
        }
        Err(error) => say!("{} {}", paint(BAD, "does not hold"), printable(&error.to_string(), 600)),
    }
    Ok(verdict(found.is_ok()))
}

/// Writes tiles.
pub(super) fn tiles(args: &Tiles) -> Done {
    let checkpoint = audit::export_tiles(&args.log.dir()?, &args.out)?;
    let origin = printable(&checkpoint.origin, 300).to_string();
    say!("{} records of `{origin}` in {}", checkpoint.size, args.out.display());
    Ok(ExitCode::SUCCESS)
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| cannot_read(path, &error))
}

fn cannot_read(path: &Path, error: &io::Error) -> String {
    format!("cannot read `{}`: {error}", path.display())
}
