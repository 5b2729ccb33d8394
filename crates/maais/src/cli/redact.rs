//! What can be typed after `maais audit redact`.

use std::path::PathBuf;

use clap::Args;

/// Erase what was sealed for a subject, on record.
#[derive(Debug, Args)]
#[command(
    after_help = "Destroys the subject's key and overwrites its values in every log of the data directory, each with a
record that says who ordered it and why. Records, hashes and proofs stay as they are. It cannot be undone. Processes that
write the logs have to be stopped. Copies of `priv/keys` elsewhere are yours to destroy.

Exit code: 0 erased, or there was nothing; 1 not erased.

Examples:
  maais audit redact --subject crm-bot --basis 'GDPR Art. 17, request 4711' --by dpo@example.com
  maais audit redact --subject crm-bot --basis test --by me --dry-run"
)]
pub(crate) struct Redact {
    /// Whose values: what they were sealed for is the agent's id.
    #[arg(long, value_name = "NAME")]
    pub(crate) subject: String,
    /// On what ground.
    #[arg(long, value_name = "TEXT")]
    pub(crate) basis: String,
    /// Who ordered it.
    #[arg(long, value_name = "WHO")]
    pub(crate) by: String,
    /// Data directory.
    #[arg(long, env = "MAAIS_HOME", value_name = "DIR", default_value = ".maais")]
    pub(crate) home: PathBuf,
    /// Say what would be erased, and erase nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do not ask.
    #[arg(long)]
    pub(crate) yes: bool,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}
