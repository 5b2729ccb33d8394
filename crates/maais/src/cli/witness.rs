//! What can be typed about witnesses: to be one, to ask one, to believe them; and checkpoints for other eyes.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use maais_runtime::audit::{CosignerVkey, Vkey};

/// Hold other people's logs to account: cosign their checkpoints, as long as each continues the one before.
#[derive(Debug, Args)]
#[command(
    after_help = "Speaks C2SP tlog-witness: POST /add-checkpoint. Run it where the log's operators cannot write.
A witness that forgets is none: keep its folder, and give it up with its key if it is lost.

Example:
  maais witness --state /var/lib/maais-witness --listen 127.0.0.1:7480 \\
      --log 'maais/host-1+d8a26b3c+AbkL…'      the log's first key, as `maais audit verify` prints it"
)]
pub(crate) struct Witness {
    /// Where to listen; port 0 takes a free one. Put a proxy with TLS before it to be reached from elsewhere.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:7480")]
    pub(crate) listen: SocketAddr,
    /// Folder of what was seen, made on first use.
    #[arg(long, value_name = "DIR")]
    pub(crate) state: PathBuf,
    /// A log's first public key; may be given several times.
    #[arg(long = "log", value_name = "VKEY", required = true)]
    pub(crate) logs: Vec<Vkey>,
    /// The private key, made on first use; `key` in the folder by default.
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    /// The witness's name, when the key is made: a URL without `https://` is usual.
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
}

/// A witness to ask.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// The prefix before `/add-checkpoint`.
    pub(crate) url: String,
    /// Its key, if it is known.
    pub(crate) vkey: Option<CosignerVkey>,
}

/// Ask witnesses to cosign the newest checkpoint of every log.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit code: 0 cosigned (with a policy: by enough); 2 a witness has seen another history of a log
than this one; 1 a witness could not be asked.

Examples:
  maais audit cosign --witness http://127.0.0.1:7480,'maais-witness/1f0c…+…+BA…'
  maais audit cosign --policy witnesses.txt --every 60s"
)]
pub(crate) struct Cosign {
    /// A witness, and after a comma its public key; may be given several times.
    #[arg(long = "witness", value_name = "URL[,VKEY]", value_parser = target, required_unless_present = "policy")]
    pub(crate) witnesses: Vec<Target>,
    /// A policy (C2SP tlog-policy) whose witnesses have URLs.
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    /// Data directory.
    #[arg(long, env = "MAAIS_HOME", value_name = "DIR", default_value = ".maais")]
    pub(crate) home: PathBuf,
    /// Where the heads are; `head` in the data directory by default.
    #[arg(long, value_name = "DIR")]
    pub(crate) head: Option<PathBuf>,
    /// Go on, and ask so often: `60s`, `5m`.
    #[arg(long, value_name = "TIME", value_parser = span)]
    pub(crate) every: Option<Duration>,
}

/// Print the newest signed checkpoint of every log, to be kept elsewhere.
#[derive(Debug, Args)]
#[command(
    after_help = "Whoever keeps a checkpoint can tell later whether the log was cut, restored or rewritten:
`maais audit verify --known-checkpoint FILE` takes what this prints, in either form.

Example:
  maais audit checkpoint --follow --json | logger -t maais-checkpoint"
)]
pub(crate) struct ShowCheckpoint {
    /// Data directory.
    #[arg(long, env = "MAAIS_HOME", value_name = "DIR", default_value = ".maais")]
    pub(crate) home: PathBuf,
    /// Where the heads are; `head` in the data directory by default.
    #[arg(long, value_name = "DIR")]
    pub(crate) head: Option<PathBuf>,
    /// Go on, and print each new one.
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// Print one JSON object a line: `dir`, `note`, `origin`, `root`, `size`.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Check that nothing was edited, dropped, reordered, cut or rolled back.
#[derive(Debug, Args)]
#[command(after_help = "Exit code: 0 the log can be believed, 2 it cannot, 1 it cannot be read.

Examples:
  maais audit verify
  maais audit verify --vkey \"$(cat vkey.txt)\" --known-checkpoint from-the-siem.jsonl
  maais audit verify --witness-policy witnesses.txt --cosigned-within 1h
  curl -s https://witness.example/maais/v1/checkpoints | maais audit verify --known-checkpoint -")]
pub(crate) struct VerifyLog {
    /// Data directory.
    #[arg(env = "MAAIS_HOME", value_name = "DIR", default_value = ".maais")]
    pub(crate) home: PathBuf,
    /// Where the heads are; `head` in the data directory by default.
    #[arg(long, value_name = "DIR")]
    pub(crate) head: Option<PathBuf>,
    /// Checkpoints kept elsewhere, cosigned or not, as notes or JSON lines; `-` is standard input.
    #[arg(long = "known-checkpoint", value_name = "FILE", num_args = 1..)]
    pub(crate) checkpoints: Vec<PathBuf>,
    /// The log's first public key, as it was told to you.
    #[arg(long, value_name = "VKEY")]
    pub(crate) vkey: Option<Vkey>,
    /// The witnesses that must have cosigned (C2SP tlog-policy).
    #[arg(long, value_name = "FILE")]
    pub(crate) witness_policy: Option<PathBuf>,
    /// How old their cosignatures may be: `1h`. An older copy of a log has none that are newer.
    #[arg(long, value_name = "TIME", value_parser = span, requires = "witness_policy")]
    pub(crate) cosigned_within: Option<Duration>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

fn target(text: &str) -> Result<Target, String> {
    let (url, vkey) = text.split_once(',').map_or((text, None), |(url, vkey)| (url, Some(vkey)));
    if !url.starts_with("http://") && !url.starts_with("https://") {
        return Err("a witness's URL begins with `http://` or `https://`".to_owned());
    }
    let vkey = vkey.map(str::parse).transpose().map_err(|error| format!("after the comma: {error}"))?;
    Ok(Target { url: url.trim_end_matches('/').to_owned(), vkey })
}

fn span(text: &str) -> Result<Duration, String> {
    let unit = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000)];
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let suffix = text.get(digits.len()..).unwrap_or_default();
    let millis = unit.iter().find(|(name, _)| *name == suffix).map(|(_, millis)| *millis);
    let time = millis.zip(digits.parse::<u64>().ok()).and_then(|(unit, number)| number.checked_mul(unit));
    match time {
        Some(time) if time > 0 => Ok(Duration::from_millis(time)),
        _ => Err("write a number and a unit: `500ms`, `60s`, `5m`, `1h`".to_owned()),
    }
}
