//! What can be typed after `maais audit prune`.

use std::path::PathBuf;

use clap::Args;

/// Remove old records, on record.
#[derive(Debug, Args)]
#[command(
    after_help = "Removes closed segments whose records are all older, with what was sealed in them, from every log of the data
directory, and appends a record that says so. Of each record its hash stays: the log verifies, proofs of the records that
are left hold, receipts and checkpoints of those that are gone are still compared. It cannot be undone. Processes that
write the logs have to be stopped; they prune by themselves if `audit.retention` is set.

Exit code: 0 pruned, or there was nothing; 1 not pruned.

Examples:
  maais audit prune --older-than 52w --basis 'retention policy 7' --by dpo@example.com --dry-run
  maais audit prune --older-than 2025-01-01 --basis 'retention policy 7' --by dpo@example.com --yes"
)]
pub(crate) struct Prune {
    /// Records older than this: `30m`, `2h`, `3d`, `1w`, or a time.
    #[arg(long, value_name = "TIME")]
    pub(crate) older_than: String,
    /// On what ground.
    #[arg(long, value_name = "TEXT")]
    pub(crate) basis: String,
    /// Who ordered it.
    #[arg(long, value_name = "WHO")]
    pub(crate) by: String,
    /// Data directory.
    #[arg(long, env = "MAAIS_HOME", value_name = "DIR", default_value = ".maais")]
    pub(crate) home: PathBuf,
    /// Say what would be removed, and remove nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do not ask.
    #[arg(long)]
    pub(crate) yes: bool,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}
