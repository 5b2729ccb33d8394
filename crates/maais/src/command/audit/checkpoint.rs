//! `maais audit checkpoint`: the newest signed checkpoints, for whoever keeps them elsewhere.

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use maais_runtime::audit::{NewestCheckpoint, newest_checkpoints};
use serde_json::json;

use crate::cli::ShowCheckpoint;
use crate::command::Done;
use crate::term::say_raw;

/// How often `--follow` looks again: a busy log publishes no faster.
const FOLLOW_EVERY: Duration = Duration::from_secs(1);

/// Runs the command.
pub(crate) fn run(args: &ShowCheckpoint) -> Done {
    let mut shown = show(args, &[])?;
    if shown.is_empty() && !args.follow {
        return Err(format!("there is no log with a checkpoint in `{}`", args.home.display()).into());
    }
    if !args.follow {
        return Ok(ExitCode::SUCCESS);
    }
    loop {
        std::thread::sleep(FOLLOW_EVERY);
        shown = show(args, &shown)?;
    }
}

/// Prints those that were not shown before; all that there are.
fn show(args: &ShowCheckpoint, shown: &[NewestCheckpoint]) -> Result<Vec<NewestCheckpoint>, Box<dyn Error>> {
    let all = newest_checkpoints(&args.home, args.head.as_deref())?;
    for newest in all.iter().filter(|newest| !shown.contains(newest)) {
        let NewestCheckpoint { dir, checkpoint, note } = newest;
        if args.json {
            let (origin, size, root) = (&checkpoint.origin, checkpoint.size, checkpoint.root);
            say_raw!("{}", json!({"dir": dir, "note": note, "origin": origin, "root": root, "size": size}));
        } else {
            say_raw!("{note}");
        }
    }
    Ok(all)
}
