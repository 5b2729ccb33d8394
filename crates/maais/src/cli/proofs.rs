//! What can be typed about proofs: that a record is in a log, what one tenant has in it, and the log as tiles.

use std::path::PathBuf;

use clap::Args;
use maais_runtime::audit::Vkey;

/// Which log of a data directory.
#[derive(Debug, Args)]
pub(crate) struct OneLog {
    /// Data directory.
    #[arg(long, env = "MAAIS_HOME", value_name = "DIR", default_value = ".maais")]
    pub(crate) home: PathBuf,
    /// Which of its logs: the number of a folder in `log`.
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub(crate) slot: u32,
}

/// Prove that a record is in the log.
#[derive(Debug, Args)]
#[command(after_help = "The proof is a C2SP `tlog-proof`: one text file, checked without the log.

Examples:
  maais audit prove 42 > 42.proof
  maais audit show 42 --json > 42.json
  maais audit check-proof 42.proof --record 42.json --vkey 'maais/1f0c…+…+AbkL…'")]
pub(crate) struct Prove {
    /// Its index.
    #[arg(value_name = "INDEX")]
    pub(crate) index: u64,
    #[command(flatten)]
    pub(crate) log: OneLog,
}

/// Print the records that put keys in force.
#[derive(Debug, Args)]
pub(crate) struct Keys {
    #[command(flatten)]
    pub(crate) log: OneLog,
}

/// Check a proof without the log.
#[derive(Debug, Args)]
#[command(after_help = "Exit code: 0 it holds, 2 it does not, 1 it cannot be read.")]
pub(crate) struct CheckProof {
    /// The proof, as `maais audit prove` wrote it.
    #[arg(value_name = "FILE")]
    pub(crate) proof: PathBuf,
    /// The record, as `maais audit show INDEX --json` wrote it.
    #[arg(long, value_name = "FILE")]
    pub(crate) record: PathBuf,
    /// The key that signed the proof's checkpoint, as somebody told you whom you believe; with `--keys`, the log's first.
    #[arg(long, value_name = "VKEY")]
    pub(crate) vkey: Vkey,
    /// The log's key records, as `maais audit keys` wrote them: from the first key to the one that signed.
    #[arg(long, value_name = "FILE")]
    pub(crate) keys: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Write one tenant's records as a bundle that verifies alone.
#[derive(Debug, Args)]
#[command(after_help = "The bundle holds nothing of other tenants but hashes.

Examples:
  maais audit extract --tenant acme > acme.extract
  maais audit check-extract acme.extract --vkey 'maais/1f0c…+…+AbkL…'")]
pub(crate) struct Extract {
    /// Whose.
    #[arg(long, value_name = "NAME")]
    pub(crate) tenant: String,
    #[command(flatten)]
    pub(crate) log: OneLog,
}

/// Check a tenant's bundle without the log.
#[derive(Debug, Args)]
#[command(after_help = "Exit code: 0 it holds, 2 it does not, 1 it cannot be read.")]
pub(crate) struct CheckExtract {
    /// The bundle, as `maais audit extract` wrote it.
    #[arg(value_name = "FILE")]
    pub(crate) bundle: PathBuf,
    /// The log's first public key, as somebody told you whom you believe.
    #[arg(long, value_name = "VKEY")]
    pub(crate) vkey: Option<String>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Write the log as C2SP tiles, for the tools of transparency logs.
#[derive(Debug, Args)]
#[command(after_help = "Full tiles that are there already stay: run it again to add what is new.

Example:
  maais audit tiles /srv/www/log")]
pub(crate) struct Tiles {
    /// Folder for `checkpoint` and `tile/`.
    #[arg(value_name = "DIR")]
    pub(crate) out: PathBuf,
    #[command(flatten)]
    pub(crate) log: OneLog,
}
