//! What can be typed after `maais policy` and `maais explain`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// Check, test, explain, compare and measure policies.
#[derive(Debug, Subcommand)]
pub(crate) enum Policy {
    /// Report everything that is wrong with policies, with places.
    #[command(after_help = "Exit code: 0 they load, 2 they do not, 1 they cannot be read.

Examples:
  maais policy check policies/
  maais policy check baseline policies/local.yaml --json
  maais policy check --strict policies/  fail on warnings, too")]
    Check {
        /// Files, folders or packs.
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<PathBuf>,
        /// Warnings fail, too.
        #[arg(long)]
        strict: bool,
        /// Show notes, too: where a rule that allows takes some of what a later one stops, with examples.
        #[arg(long)]
        notes: bool,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Run the cases of every rule: each must fire on some and stay quiet on others.
    #[command(after_help = "Cases are in a folder `tests` beside the rules.

Examples:
  maais policy test                      all packs in policies/
  maais policy test policies/baseline --coverage
  maais policy test --junit report.xml
  maais policy test --watch")]
    Test {
        /// A pack's folder, or a folder of packs.
        #[arg(default_value = "policies", value_name = "DIR")]
        path: PathBuf,
        /// Say for each rule which of its conditions no case decides.
        #[arg(long)]
        coverage: bool,
        /// Write a JUnit report to this file.
        #[arg(long, value_name = "FILE")]
        junit: Option<PathBuf>,
        /// Go on, and run again whenever a file changes.
        #[arg(long, conflicts_with_all = ["json", "junit"])]
        watch: bool,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// List rules in the order in which they are tried.
    #[command(after_help = "Examples:
  maais policy list                      those in force here
  maais policy list atlas --json         those of a pack")]
    List {
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
    /// Decide requests by policies alone: no checks, no state, no log.
    Eval(Eval),
    /// Show every request that two sets of policies answer differently.
    #[command(
        after_help = "Requests come from --requests (as for `maais policy eval`), from the log (--log), or, without
either, from the rules' own literals and their neighbours.
Exit code: 0 no answer changes, 2 some do.

Examples:
  maais policy diff old/ new/
  maais policy diff baseline policies/ --log .maais"
    )]
    Diff {
        /// Files, folders or packs before; separated by commas.
        #[arg(required = true, num_args = 1, value_name = "BEFORE", value_delimiter = ',')]
        before: Vec<PathBuf>,
        /// After.
        #[arg(required = true, num_args = 1, value_name = "AFTER", value_delimiter = ',')]
        after: Vec<PathBuf>,
        /// Requests, one JSON a line.
        #[arg(long, value_name = "FILE")]
        requests: Option<PathBuf>,
        /// Data directory whose recorded requests are used.
        #[arg(long, value_name = "DIR", conflicts_with = "requests")]
        log: Option<PathBuf>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Measure how fast these policies answer.
    #[command(after_help = "Examples:
  maais policy bench atlas
  maais policy bench policies/ --requests recorded.jsonl --json")]
    Bench {
        /// Files, folders or packs.
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<PathBuf>,
        /// Requests, one JSON a line; else the rules' own literals and their neighbours.
        #[arg(long, value_name = "FILE")]
        requests: Option<PathBuf>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Turn policies of other engines, or the tools of an MCP server, into a policy file.
    Import(Import),
    /// Bring policy files into one form; neither their meaning nor a comment changes.
    #[command(
        after_help = "Exit code: 0; with --check 2 if a file is not in its form; 1 if one cannot be read.

Examples:
  maais policy fmt                       all files in policies/
  maais policy fmt --check policies/     change nothing, name what would change
  maais policy fmt --diff rules.yaml     show what would change
  maais policy fmt - < rules.yaml        from standard input to standard output"
    )]
    Fmt {
        /// Files or folders; `-` is standard input.
        #[arg(default_value = "policies", value_name = "PATH")]
        paths: Vec<PathBuf>,
        /// Change nothing; fail if a file is not in its form.
        #[arg(long)]
        check: bool,
        /// Change nothing; show what would change.
        #[arg(long)]
        diff: bool,
        /// Print JSON.
        #[arg(long, conflicts_with = "diff")]
        json: bool,
    },
    /// Print the JSON Schema of policy files, for editors.
    #[command(after_help = "In a policy file:
  # yaml-language-server: $schema=policy.json")]
    Schema,
}

/// Turn what other systems say into a policy file.
#[derive(Debug, Args)]
#[command(
    after_help = "All or nothing: what has no exact equivalent is refused with its place, and then nothing is printed.
Exit code: 0 it is imported, 2 something was refused, 1 it cannot be read.

Examples:
  maais policy import tools.json > policies/tools.yaml       MCP's answer to tools/list
  maais policy import authz.rego > policies/authz.yaml       OPA: `allow` and `deny` of Rego
  maais policy import --plain-names authz.rego               no parameter's own name holds a dot
  maais policy import --from agt saas.yaml --field action=target --field tokens=parameters.tokens"
)]
pub(crate) struct Import {
    /// What is imported; `-` is standard input.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// What it is; if not given, what it looks like.
    #[arg(long, value_enum, value_name = "KIND")]
    pub(crate) from: Option<Origin>,
    /// Of a toolkit's policy: where a field stands in an action: `target`, `agent_id`, `parameters.<name>` or
    /// `context.<name>`.
    #[arg(long = "field", value_name = "FIELD=PLACE")]
    pub(crate) fields: Vec<String>,
    /// Of Rego: no parameter's own name holds a dot, so `a.b` is always `b` within `a`.
    #[arg(long)]
    pub(crate) plain_names: bool,
}

/// What is imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Origin {
    /// An answer to MCP's `tools/list`.
    Mcp,
    /// A module of OPA's language.
    Rego,
    /// A policy document of Microsoft's Agent Governance Toolkit.
    Agt,
}

/// Decide requests by policies alone.
#[derive(Debug, Args)]
#[command(after_help = "Each request may hold `expect`: the id of the rule that must match first, or null.
Exit code: 0, 2 if a request was answered otherwise than it expects.

Examples:
  maais policy eval --policies policies/ --requests requests.jsonl
  maais policy eval --policies rules.yaml --requests requests.jsonl --bench")]
pub(crate) struct Eval {
    /// Files, folders or packs.
    #[arg(long, required = true, num_args = 1.., value_name = "PATH")]
    pub(crate) policies: Vec<PathBuf>,
    /// One request a line; `-` is standard input.
    #[arg(long, value_name = "FILE")]
    pub(crate) requests: PathBuf,
    /// Print how long it took instead of the answers.
    #[arg(long)]
    pub(crate) bench: bool,
    /// Print the measurement as JSON.
    #[arg(long, requires = "bench")]
    pub(crate) json: bool,
}

/// Say why an action is decided as it is.
#[derive(Debug, Args)]
#[command(after_help = "Nothing is recorded, and nothing is counted.

Examples:
  maais explain --target http_request --param url=https://evil.example/
  maais explain --policy atlas < action.json")]
pub(crate) struct Explain {
    /// Policy file, folder or pack; none: those in force.
    #[arg(long = "policy", value_name = "PATH")]
    pub(crate) policies: Vec<PathBuf>,
    /// Settings file; `maais.yaml` if there is one.
    #[arg(long, env = "MAAIS_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Who acts.
    #[arg(long, value_name = "ID", default_value = "agent")]
    pub(crate) agent: String,
    /// What kind of action.
    #[arg(long = "type", value_name = "TYPE", default_value = "tool_call")]
    pub(crate) action_type: String,
    /// What is acted on; without it, the action is read from standard input.
    #[arg(long, value_name = "NAME")]
    pub(crate) target: Option<String>,
    /// A parameter; the value is read as JSON if it is JSON, else as text.
    #[arg(long = "param", value_name = "NAME=VALUE", requires = "target")]
    pub(crate) parameters: Vec<String>,
    /// What for.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) goal: String,
    /// Show this many rules that nearly match.
    #[arg(long, value_name = "COUNT", default_value_t = 3)]
    pub(crate) near: usize,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}
