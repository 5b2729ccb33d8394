//! `maais audit compress`: closed segments that are old are compressed.

use std::process::ExitCode;

use jiff::Timestamp;
use maais_query::parse_time;
use maais_runtime::audit;
use serde_json::json;

use crate::cli::Compress;
use crate::command::{Done, print_json};
use crate::term::say;

/// Compresses, and says how much smaller it became.
pub(super) fn run(args: &Compress) -> Done {
    let before = parse_time(&args.older_than, Timestamp::now())?;
    let logs = audit::compress(&args.home, before)?;
    if args.json {
        print_json(&json!({"before": before.to_string(), "logs": logs}))?;
        return Ok(ExitCode::SUCCESS);
    }
    if logs.is_empty() {
        return Err(format!("there is no log in `{}`", args.home.display()).into());
    }
    for log in logs {
        match log.segments {
            0 => say!("{}: nothing is closed and older than {}", log.dir.display(), args.older_than),
            segments => say!(
                "{}: {segments} segments, {} bytes, are {} bytes now",
                log.dir.display(),
                log.before,
                log.after
            ),
        }
    }
    Ok(ExitCode::SUCCESS)
}
