//! What can be typed after `maais tenant`, `agent`, `contain`, `release`, `approvals` and `permit`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use maais_runtime::registry::Scope;

/// Where the registry is.
#[derive(Debug, Clone, Args)]
pub(crate) struct Home {
    /// Data directory.
    #[arg(long, env = "MAAIS_HOME", value_name = "DIR", default_value = ".maais")]
    pub(crate) home: PathBuf,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Tenants: each with its own policies, settings, owners and approvers.
#[derive(Debug, Subcommand)]
pub(crate) enum Tenant {
    /// Make a tenant; prints its id.
    #[command(
        after_help = "Example:\n  maais tenant create Acme --policy baseline --owner olga --approver security:ann"
    )]
    Create {
        /// What people call it.
        name: String,
        #[command(flatten)]
        parts: TenantParts,
        #[command(flatten)]
        at: Home,
    },
    /// List the tenants.
    List {
        #[command(flatten)]
        at: Home,
    },
    /// Change a tenant; what is not said stays.
    Update {
        /// Its id.
        id: String,
        #[command(flatten)]
        parts: TenantParts,
        #[command(flatten)]
        at: Home,
    },
    /// Deny all its actions from now on.
    Suspend {
        /// Its id.
        id: String,
        #[command(flatten)]
        at: Home,
    },
    /// Decide its actions again.
    Resume {
        /// Its id.
        id: String,
        #[command(flatten)]
        at: Home,
    },
    /// Take a tenant away.
    Delete {
        /// Its id.
        id: String,
        /// Its agents, too.
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        at: Home,
    },
}

/// What a tenant consists of.
#[derive(Debug, Clone, Args)]
pub(crate) struct TenantParts {
    /// What it is.
    #[arg(long, value_name = "TEXT")]
    pub(crate) description: Option<String>,
    /// Policy file, folder or pack; may be given several times.
    #[arg(long = "policy", value_name = "PATH")]
    pub(crate) policies: Vec<PathBuf>,
    /// Settings file.
    #[arg(long, value_name = "FILE")]
    pub(crate) settings: Option<PathBuf>,
    /// Who answers for it; may be given several times.
    #[arg(long = "owner", value_name = "NAME")]
    pub(crate) owners: Vec<String>,
    /// Who may approve: `ann`, or `security:ann` for rules that name `security`.
    #[arg(long = "approver", value_name = "NAME")]
    pub(crate) approvers: Vec<String>,
}

/// Agents: whose they are and what they may ask for.
#[derive(Debug, Subcommand)]
pub(crate) enum Agent {
    /// Register an agent to a tenant, or change what it may do.
    #[command(
        after_help = "Example:\n  maais agent register crm-bot --tenant acme --owner olga --type tool_call --target 'crm.*'"
    )]
    Register {
        /// Its id.
        id: String,
        /// Whose it is.
        #[arg(long, default_value = "default")]
        tenant: String,
        /// Who answers for it.
        #[arg(long, value_name = "NAME")]
        owner: Option<String>,
        /// A type of action that it may ask for; none: all.
        #[arg(long = "type", value_name = "TYPE")]
        action_types: Vec<String>,
        /// A glob of targets that it may ask for; none: all.
        #[arg(long = "target", value_name = "GLOB")]
        targets: Vec<String>,
        #[command(flatten)]
        at: Home,
    },
    /// List the agents.
    List {
        /// Of that tenant only.
        #[arg(long)]
        tenant: Option<String>,
        #[command(flatten)]
        at: Home,
    },
    /// Remove an agent: it is unknown from then on.
    Remove {
        /// Its id.
        id: String,
        #[command(flatten)]
        at: Home,
    },
}

/// What can be contained.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum What {
    /// An agent.
    Agent,
    /// A session.
    Session,
    /// A tenant.
    Tenant,
    /// Everything.
    All,
    /// Nothing: list what is contained.
    List,
}

impl What {
    /// The scope; none for the list.
    pub(crate) fn scope(self) -> Option<Scope> {
        match self {
            Self::Agent => Some(Scope::Agent),
            Self::Session => Some(Scope::Session),
            Self::Tenant => Some(Scope::Tenant),
            Self::All => Some(Scope::All),
            Self::List => None,
        }
    }
}

/// Stop an agent, a session, a tenant or everything with the next action; or release it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  maais contain agent crm-bot --reason 'sends odd mails' --by ann
  maais contain session s-17 --tenant acme --reason drill --by ann
  maais contain all --reason incident --by ann
  maais contain list
  maais release agent crm-bot --reason 'was a test' --by ann")]
pub(crate) struct Contain {
    /// What.
    #[arg(value_enum)]
    pub(crate) what: What,
    /// Which.
    #[arg(default_value = "")]
    pub(crate) name: String,
    /// Whose session; or in whose part of the log it is told.
    #[arg(long)]
    pub(crate) tenant: Option<String>,
    /// Why.
    #[arg(long, default_value = "", value_name = "TEXT")]
    pub(crate) reason: String,
    /// Who does it.
    #[arg(long, default_value = "", value_name = "NAME")]
    pub(crate) by: String,
    #[command(flatten)]
    pub(crate) at: Home,
}

/// Actions that wait for a person.
#[derive(Debug, Subcommand)]
pub(crate) enum Approvals {
    /// List them.
    List {
        /// Of that tenant only.
        #[arg(long)]
        tenant: Option<String>,
        /// Those that are answered or over, too.
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        at: Home,
    },
    /// Show one with its action.
    Show {
        /// Its id.
        id: String,
        #[command(flatten)]
        at: Home,
    },
    /// Say yes.
    Approve {
        #[command(flatten)]
        answer: Answer,
    },
    /// Say no.
    Deny {
        #[command(flatten)]
        answer: Answer,
    },
}

/// A person's answer.
#[derive(Debug, Args)]
pub(crate) struct Answer {
    /// The request's id.
    pub(crate) id: String,
    /// Who answers.
    #[arg(long, value_name = "NAME")]
    pub(crate) by: String,
    /// In their words.
    #[arg(long, default_value = "", value_name = "TEXT")]
    pub(crate) comment: String,
    #[command(flatten)]
    pub(crate) at: Home,
}

/// Permits: what an executor demands before it acts.
#[derive(Debug, Subcommand)]
pub(crate) enum Permit {
    /// Check a permit for the action on standard input.
    #[command(after_help = "Exit code: 0 it permits this action now, 2 it does not, 1 error.

Examples:
  maais permit verify --permit \"$PERMIT\" < action.json
  maais permit verify --permit \"$PERMIT\" --spend --json < action.json")]
    Verify {
        /// The permit.
        #[arg(long, value_name = "TEXT")]
        permit: String,
        /// The public key; `permit.pub` of the data directory by default.
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
        /// Use it up: nobody gets through with it again.
        #[arg(long)]
        spend: bool,
        #[command(flatten)]
        at: Home,
    },
}
