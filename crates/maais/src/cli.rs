//! What can be typed: commands, flags, help.

mod audit_query;
mod compress;
mod policy;
mod proofs;
mod prune;
mod redact;
mod registry;
mod replay;
mod witness;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use maais_runtime::Config;

pub(crate) use audit_query::{Export, Query};
pub(crate) use compress::Compress;
pub(crate) use policy::{Eval, Explain, Import, Origin, Policy};
pub(crate) use proofs::{CheckExtract, CheckProof, Extract, Keys, OneLog, Prove, Tiles};
pub(crate) use prune::Prune;
pub(crate) use redact::Redact;
pub(crate) use registry::{Agent, Answer, Approvals, Contain, Home, Permit, Tenant, TenantParts};
pub(crate) use replay::Replay;
pub(crate) use witness::{Cosign, ShowCheckpoint, Target, VerifyLog, Witness};

/// The reference monitor for autonomous AI agents.
///
/// Every action of an agent is decided (ALLOW, DENY or REQUIRE_APPROVAL) by policies and checks, and
/// written to a tamper-evident log before the agent may act.
#[derive(Debug, Parser)]
#[command(name = "maais", version, about, arg_required_else_help = true)]
#[command(after_help = "Examples:
  maais demo                       play attacks and their benign twins, then verify the log
  maais init                       write a starter configuration
  echo '{\"agent_id\":\"a\",\"action_type\":\"tool_call\",\"target\":\"calculator\"}' | maais check
  maais policy test policies/      run the cases of every rule
  maais audit verify               check the log for tampering")]
pub(crate) struct Cli {
    /// When to use colour.
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: Color,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Color {
    pub(crate) fn apply(self) {
        let choice = match self {
            Self::Auto => return,
            Self::Always => anstream::ColorChoice::Always,
            Self::Never => anstream::ColorChoice::Never,
        };
        choice.write_global();
    }
}

/// Everything that `maais` can do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Decide one action, or a stream of them.
    Check(Check),
    /// Check, test, explain, compare and measure policies.
    #[command(subcommand)]
    Policy(Policy),
    /// Say why an action is decided as it is.
    Explain(Explain),
    /// Verify and read the log.
    #[command(subcommand)]
    Audit(Audit),
    /// Hold other people's logs to account: cosign their checkpoints.
    Witness(Witness),
    /// Make, change, suspend and list tenants.
    #[command(subcommand)]
    Tenant(Tenant),
    /// Register agents to tenants.
    #[command(subcommand)]
    Agent(Agent),
    /// Stop an agent, a session, a tenant or everything with the next action.
    Contain(Contain),
    /// Release what is contained.
    Release(Contain),
    /// List and answer actions that wait for a person.
    #[command(subcommand)]
    Approvals(Approvals),
    /// Check permits.
    #[command(subcommand)]
    Permit(Permit),
    /// Measure decisions on this machine.
    Bench(Bench),
    /// Play attacks and their benign twins against the real engine.
    Demo(Demo),
    /// Hold the engine against its specification, with evidence.
    VerifySpec(VerifySpec),
    /// Write a starter configuration and policies.
    Init(Init),
    /// Show which attacks of MITRE ATLAS and OWASP the policies name.
    #[command(subcommand)]
    Atlas(Atlas),
    /// Print shell completions.
    #[command(after_help = "Example:\n  maais completions bash > /etc/bash_completion.d/maais")]
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// Where data, settings and policies are.
#[derive(Debug, Clone, Args)]
pub(crate) struct Place {
    /// Data directory.
    #[arg(long, env = "MAAIS_HOME", value_name = "DIR", default_value = ".maais")]
    pub(crate) home: PathBuf,
    /// Settings file; `maais.yaml` if there is one.
    #[arg(long, env = "MAAIS_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Policy file, folder or pack (`baseline`, `atlas`); may be given several times.
    #[arg(long = "policy", value_name = "PATH")]
    pub(crate) policies: Vec<PathBuf>,
}

impl Place {
    /// The engine's configuration: flags, then environment, then defaults.
    pub(crate) fn to_config(&self) -> Config {
        let defaults = Config::default();
        Config {
            home: self.home.clone(),
            settings: self.config.clone().or(defaults.settings.clone()),
            policies: self.policies.clone(),
            ..defaults
        }
    }
}

/// Decide one action, or a stream of them.
#[derive(Debug, Args)]
#[command(after_help = "Exit code: 0 allowed, 2 denied or needs approval, 1 error.

Examples:
  maais check < action.json
  maais check --agent bot --type tool_call --target http_request --param url=https://evil.example/
  maais check --stream < requests.jsonl > decisions.jsonl")]
pub(crate) struct Check {
    #[command(flatten)]
    pub(crate) place: Place,
    /// Who acts; with this, the action is taken from flags instead of standard input.
    #[arg(long, value_name = "ID", requires = "target")]
    pub(crate) agent: Option<String>,
    /// What kind of action.
    #[arg(long = "type", value_name = "TYPE", default_value = "tool_call")]
    pub(crate) action_type: String,
    /// What is acted on.
    #[arg(long, value_name = "NAME", requires = "agent")]
    pub(crate) target: Option<String>,
    /// A parameter; the value is read as JSON if it is JSON, else as text.
    #[arg(long = "param", value_name = "NAME=VALUE")]
    pub(crate) parameters: Vec<String>,
    /// What for.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) goal: String,
    /// Print the whole decision as JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// Read `{session, seq, request[, prior_output]}` a line, answer a decision a line.
    #[arg(long, conflicts_with_all = ["agent", "target"])]
    pub(crate) stream: bool,
}

/// Verify and read the log.
#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// Check that nothing was edited, dropped, reordered, cut or rolled back.
    Verify(Box<VerifyLog>),
    /// Ask witnesses to cosign the newest checkpoint of every log.
    Cosign(Cosign),
    /// Print the newest signed checkpoint of every log, to be kept elsewhere.
    Checkpoint(ShowCheckpoint),
    /// Prove that a record is in the log.
    Prove(Prove),
    /// Check a proof without the log.
    CheckProof(Box<CheckProof>),
    /// Write one tenant's records as a bundle that verifies alone.
    Extract(Extract),
    /// Check a tenant's bundle without the log.
    CheckExtract(CheckExtract),
    /// Erase what was sealed for a subject, on record.
    Redact(Redact),
    /// Compress old parts of the log.
    Compress(Compress),
    /// Remove old records, on record; what they prove stays.
    Prune(Prune),
    /// Derive every decision again from what was recorded, and report what differs.
    Replay(Replay),
    /// Print the key records, which lead from the first key to today's.
    Keys(Keys),
    /// Write the log as C2SP tiles, for the tools of transparency logs.
    Tiles(Tiles),
    /// Print the newest records.
    #[command(after_help = "Examples:
  maais audit tail -f
  maais audit tail -n 1000 --json | jq 'select(.decision.effect == \"DENY\") | .decision.explanation'")]
    Tail {
        /// Data directory.
        #[arg(long, env = "MAAIS_HOME", value_name = "DIR", default_value = ".maais")]
        home: PathBuf,
        /// How many.
        #[arg(short = 'n', long, value_name = "COUNT", default_value_t = 20)]
        lines: usize,
        /// Go on printing as records arrive.
        #[arg(short, long)]
        follow: bool,
        /// Print records as they are in the log.
        #[arg(long)]
        json: bool,
    },
    /// Print one record with all that is known of it.
    #[command(after_help = "Examples:
  maais audit show 42
  maais audit show 42 --unseal           with the values that were sealed
  maais audit show 42 --json | (printf '\\0'; head -c -1) | sha256sum    its leaf hash (RFC 6962)")]
    Show {
        /// Its index, or an action's id.
        #[arg(value_name = "INDEX|ACTION_ID")]
        which: String,
        /// Data directory.
        #[arg(long, env = "MAAIS_HOME", value_name = "DIR", default_value = ".maais")]
        home: PathBuf,
        /// Open sealed values (needs the keys beside the log).
        #[arg(long)]
        unseal: bool,
        /// Print the record as it is in the log.
        #[arg(long)]
        json: bool,
    },
    /// Find records.
    Query(Query),
    /// Write records for other systems.
    Export(Export),
}

/// Measure decisions on this machine.
#[derive(Debug, Args)]
#[command(
    after_help = "Every decision is on the disk before it is counted: the figures hold for the durable log.

Example:
  maais bench --agents 10 --actions 1000 --json"
)]
pub(crate) struct Bench {
    /// Agents, each in a thread of its own.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=256))]
    pub(crate) agents: u32,
    /// Actions of each agent.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) actions: u32,
    /// Folder for the log, removed afterwards; by default a temporary one.
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// Policy file, folder or pack; may be given several times.
    #[arg(long = "policy", value_name = "PATH")]
    pub(crate) policies: Vec<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Play attacks and their benign twins against the real engine.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit code: 0 if every attack was stopped, every twin passed and the log is believed; else 2.

Examples:
  maais demo
  maais demo --home demo-data --json"
)]
pub(crate) struct Demo {
    /// Data directory of the demo; by default a new temporary one, which is kept.
    #[arg(long, value_name = "DIR")]
    pub(crate) home: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Hold the engine against its specification, with evidence.
#[derive(Debug, Args)]
#[command(after_help = "Exit code: 0 if every promise holds; 2 if one does not, or could not be looked at.

Example:
  maais verify-spec --python .venv/bin/python")]
pub(crate) struct VerifySpec {
    /// The Python that has `maais`, `langchain` and `langgraph`; else the one of `VIRTUAL_ENV`, or `python3`.
    #[arg(long, value_name = "PROGRAM")]
    pub(crate) python: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Write a starter configuration and policies.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  maais init
  maais init my-project")]
pub(crate) struct Init {
    /// Where.
    #[arg(default_value = ".", value_name = "DIR")]
    pub(crate) dir: PathBuf,
    /// Replace files that are there.
    #[arg(long)]
    pub(crate) force: bool,
}

/// Show which attacks of MITRE ATLAS and OWASP the policies name.
#[derive(Debug, Subcommand)]
pub(crate) enum Atlas {
    /// Count, by tactic, the techniques that rules name, directly or through ATT&CK.
    #[command(
        after_help = "Only rules that deny or require approval count. That a rule names a technique does not
prove that it stops it.

Examples:
  maais atlas coverage                   policies in force here
  maais atlas coverage atlas baseline    those of two packs
  maais atlas coverage atlas --navigator layer.json"
    )]
    Coverage {
        /// Files, folders or packs; none: those in force.
        #[arg(value_name = "PATH")]
        paths: Vec<PathBuf>,
        /// Settings file; `maais.yaml` if there is one.
        #[arg(long, env = "MAAIS_CONFIG", value_name = "FILE")]
        config: Option<PathBuf>,
        /// Also write a layer for the ATLAS Navigator.
        #[arg(long, value_name = "FILE")]
        navigator: Option<PathBuf>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Say what an id means, where it belongs, and which rules name it.
    #[command(after_help = "Examples:
  maais atlas show AML.T0051
  maais atlas show T1059 atlas           with the rules of a pack
  maais atlas show LLM06 --json")]
    Show {
        /// An id of ATLAS, ATT&CK or OWASP.
        id: String,
        /// Files, folders or packs; none: those in force.
        #[arg(value_name = "PATH")]
        paths: Vec<PathBuf>,
        /// Settings file; `maais.yaml` if there is one.
        #[arg(long, env = "MAAIS_CONFIG", value_name = "FILE")]
        config: Option<PathBuf>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}
