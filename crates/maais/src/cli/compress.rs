//! What can be typed after `maais audit compress`.

use std::path::PathBuf;

use clap::Args;

/// Compress old parts of the log.
#[derive(Debug, Args)]
#[command(
    after_help = "Closed segments (`seg/*.jsonl`) become `seg/*.jsonl.zst`, which every other command reads as before, and `zstd -dc`
gives back byte for byte. Records, hashes and proofs stay as they are. The log may be being written meanwhile.

Exit code: 0 done, or there was nothing to do; 1 not done, the segment is still there as it was.

Examples:
  maais audit compress
  maais audit compress --older-than 1d --home /var/lib/maais"
)]
pub(crate) struct Compress {
    /// Segments whose records are all older than this: `30m`, `2h`, `3d`, `1w`, or a time.
    #[arg(long, value_name = "TIME", default_value = "1w")]
    pub(crate) older_than: String,
    /// Data directory, or the folder of one log.
    #[arg(long, env = "MAAIS_HOME", value_name = "DIR", default_value = ".maais")]
    pub(crate) home: PathBuf,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}
