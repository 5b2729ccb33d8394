//! What can be typed after `maais audit replay`.

use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// Derive every decision again from what was recorded, and report what differs.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit code: 0 nothing differs, 2 something does (or what is kept beside the log was changed), 1 error.

Examples:
  maais audit replay
  maais audit replay --since 2026-01-01 --until 2026-02-01 --json
  maais audit replay --log 0 --from 5000
  maais audit replay --policies new-policies/    what would have been decided otherwise?"
)]
pub(crate) struct Replay {
    /// Data directory, or the folder of one log.
    #[arg(value_name = "PATH", conflicts_with = "home")]
    pub(crate) path: Option<PathBuf>,
    /// Data directory.
    #[arg(long, env = "MAAIS_HOME", value_name = "DIR", default_value = ".maais")]
    pub(crate) home: PathBuf,
    /// Only the log of that number.
    #[arg(long, value_name = "SLOT")]
    pub(crate) log: Option<u32>,
    /// Only from that time on: `2026-01-31`, or `2026-01-31T12:00:00Z`.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) since: Option<Timestamp>,
    /// Only before that time.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) until: Option<Timestamp>,
    /// Only from that record on.
    #[arg(long, value_name = "INDEX", default_value_t = 0)]
    pub(crate) from: u64,
    /// Decide with these files, folders or packs instead, and say what would have been otherwise.
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub(crate) policies: Vec<PathBuf>,
    /// Print JSON: one line for each difference, and a summary.
    #[arg(long)]
    pub(crate) json: bool,
}

/// A moment, or the beginning of a day in UTC.
fn time(text: &str) -> Result<Timestamp, String> {
    if let Ok(time) = text.parse() {
        return Ok(time);
    }
    let day = text.parse::<Date>().ok().and_then(|day| day.to_zoned(TimeZone::UTC).ok());
    day.map(|day| day.timestamp())
        .ok_or_else(|| format!("`{text}` is no time; write `2026-01-31` or `2026-01-31T12:00:00Z`"))
}
