//! What can be typed after `maais audit query` and `maais audit export`.

use std::path::PathBuf;

use clap::Args;
use clap::builder::PossibleValuesParser;
use jiff::Timestamp;
use maais_query::{Filter, NoTime, parse_time};
use maais_runtime::audit::Kind;

/// Find records.
#[derive(Debug, Args)]
#[command(
    after_help = "Records are found with an index beside the log, `index.sqlite` in the data directory, which can be
deleted at any time. Each is read from the log, and is the one that the index remembers.

Exit code: 0 the whole log was searched, 2 a part of it is damaged, 1 it cannot be searched.

Examples:
  maais audit query --decision deny --since 2h
  maais audit query --agent bot --text 'credit card' --limit 10
  maais audit query --mitre AML.T0051 --since 2026-11-01 --json | jq .request.target
  maais audit query --agent bot --limit 1 --prove"
)]
pub(crate) struct Query {
    #[command(flatten)]
    pub(crate) select: Select,
    /// Only the newest ones, that many.
    #[arg(long, value_name = "COUNT")]
    pub(crate) limit: Option<usize>,
    /// Print records as they are in the log.
    #[arg(long)]
    pub(crate) json: bool,
    /// Prove of each record that it is in the log (C2SP tlog-proof, against the newest checkpoint).
    #[arg(long)]
    pub(crate) prove: bool,
    /// Where the index is.
    #[arg(long, value_name = "FILE", conflicts_with = "scan")]
    pub(crate) index: Option<PathBuf>,
    /// Read the whole log and no index: slow, but nothing has to be believed.
    #[arg(long)]
    pub(crate) scan: bool,
}

/// Write records for other systems.
#[derive(Debug, Args)]
#[command(
    after_help = "With a cursor the next run goes on where this one ended. The cursor moves when the output is on
the disk, so a run that is killed repeats records and leaves none out; the log's name and the
record's index, in every format, say which ones are the same.

A file is replaced; with a cursor it is appended to, except in the formats parquet and syslog, which
want a new one.

Exit code: 0 everything was exported, 2 a part of the log is damaged, 1 error.

Examples:
  maais audit export --format csv -o records.csv
  maais audit export --format ecs --cursor ecs.cursor -o ecs.ndjson
  maais audit export --format syslog --cursor syslog.cursor | nc siem.example 6514
  maais audit export --format jsonl --decision deny -o denied.jsonl --with-checkpoint"
)]
pub(crate) struct Export {
    /// The format.
    #[arg(long, value_parser = formats())]
    pub(crate) format: String,
    #[command(flatten)]
    pub(crate) select: Select,
    /// Where to; standard output if not given.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Remembers how far the export has come; made if it is not there.
    #[arg(long, value_name = "FILE")]
    pub(crate) cursor: Option<PathBuf>,
    /// Write the log's newest checkpoint to FILE.checkpoint, too.
    #[arg(long, requires = "output")]
    pub(crate) with_checkpoint: bool,
}

/// Which records.
#[derive(Debug, Args)]
pub(crate) struct Select {
    /// Data directory, or the folder of one log.
    #[arg(long, env = "MAAIS_HOME", value_name = "DIR", default_value = ".maais")]
    pub(crate) home: PathBuf,
    /// Not earlier: `2026-11-23T14:00:00Z`, `2026-11-23`, or how long ago: `30m`, `2h`, `3d`, `1w`.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Earlier than this.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// This tenant.
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,
    /// This session.
    #[arg(long, value_name = "ID")]
    session: Option<String>,
    /// This agent.
    #[arg(long, value_name = "ID")]
    agent: Option<String>,
    /// This kind of action, such as `tool_call`.
    #[arg(long, value_name = "TYPE")]
    action_type: Option<String>,
    /// This target.
    #[arg(long, value_name = "NAME")]
    target: Option<String>,
    /// This decision.
    #[arg(long, ignore_case = true, value_parser = ["allow", "deny", "require_approval"])]
    decision: Option<String>,
    /// This policy or check decided, or found something.
    #[arg(long, value_name = "ID")]
    policy: Option<String>,
    /// An attack that a finding names: an id of ATLAS, ATT&CK or OWASP, with its sub-techniques.
    #[arg(long, value_name = "ID")]
    mitre: Option<String>,
    /// This kind of record; may be given several times.
    #[arg(long = "type", value_parser = PossibleValuesParser::new(Kind::ALL.map(Kind::name)))]
    kinds: Vec<String>,
    /// All these words are in the explanation, the goal or the target.
    #[arg(long, value_name = "WORDS")]
    text: Option<String>,
}

impl Select {
    /// The question.
    pub(crate) fn to_filter(&self) -> Result<Filter, NoTime> {
        let now = Timestamp::now();
        let time = |text: &Option<String>| text.as_deref().map(|text| parse_time(text, now)).transpose();
        Ok(Filter {
            since: time(&self.since)?,
            until: time(&self.until)?,
            kinds: self.kinds.iter().filter_map(|kind| kind.parse().ok()).collect(),
            tenant: self.tenant.clone(),
            session: self.session.clone(),
            agent: self.agent.clone(),
            action_type: self.action_type.clone(),
            target: self.target.clone(),
            effect: self.decision.as_ref().map(|decision| decision.to_uppercase()),
            policy: self.policy.clone(),
            attack: self.mitre.clone(),
            text: self.text.clone(),
        })
    }
}

fn formats() -> PossibleValuesParser {
    PossibleValuesParser::new(maais_query::export::Format::ALL.map(|format| format.name()))
}
