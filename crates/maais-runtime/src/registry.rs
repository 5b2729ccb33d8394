//! Who is registered and who is stopped: tenants, agents, containment, approvals, and which permits were used.
//!
//! State that several processes share, in `HOME/state.sqlite`; the log stays the truth of what happened. A change is
//! applied in a transaction, recorded in the log, announced in `HOME/state.generation`, and only then committed:
//! whatever was acknowledged is on the disk, and nothing is in force that is not recorded. Who dies between the
//! record and the commit leaves a record without effect. Changes are numbered without gaps, so the next change has the
//! same number; the `start` of a log tells the newest one, too.
//!
//! Trusted: this process, and whoever may write in the data directory. Not trusted: names, and every text.

mod agents;
mod approvals;
mod containment;
mod generation;
mod names;
mod permits;
mod store;
mod tenants;
mod view;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use maais_audit::{Entry, Kind, Log};
use parking_lot::Mutex;
use rusqlite::{Transaction, TransactionBehavior};
use serde_json::{Map, Value};

use crate::clock::{Clock, SystemClock};
use crate::snapshot::SnapshotError;
use generation::Generation;

pub use agents::{AGENTS_MAX, Agent};
pub use approvals::{
    Answer, Approval, ApprovalState, COMMENT_BYTES_MAX, PENDING_AGENT_MAX, PENDING_TENANT_MAX,
};
pub use containment::{AUTOMATIC_MAX, CONTAINED_MAX, Mark, Scope};
pub use permits::SPENT_MAX;
pub use store::FILE;
pub use tenants::{DEFAULT, NewTenant, TENANTS_MAX, Tenant, TenantBody, TenantChange};

pub(crate) use approvals::{Asked, Sought};
pub(crate) use view::{Loaded, Seat, View};

/// The registry of a data directory, as this process uses it.
pub struct Registry {
    home: PathBuf,
    log: Arc<Log>,
    clock: Arc<dyn Clock>,
    generation: Generation,
    view: ArcSwap<View>,
    /// One reloads the view at a time, the others wait for it.
    loading: Mutex<()>,
    /// The threads of a process take turns; processes do so in the database.
    writing: Mutex<()>,
}

/// Why the registry cannot be used, or refuses.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The database cannot be used.
    #[error("cannot use `{}`: {source}", path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// A file beside it cannot be used.
    #[error("cannot use `{}`: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A newer program wrote it.
    #[error("`{}` is of version {found}, this program knows version {known}; use the newer program", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The newest that is known here.
        known: i64,
    },
    /// The file is something else, or what is in it cannot be understood.
    #[error("`{}` is no registry: {why}", path.display())]
    NotOurs {
        /// The file.
        path: PathBuf,
        /// How that was seen.
        why: String,
    },
    /// A name or text that may not be used.
    #[error("this {what} cannot be used: {why}")]
    Name {
        /// What it was to be.
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// It is there already.
    #[error("there is a {what} `{name}` already")]
    Exists {
        /// What.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// It is not there.
    #[error("there is no {what} `{name}`")]
    Missing {
        /// What.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// A tenant that has agents.
    #[error("the tenant `{tenant}` has {agents} agents; remove them first, or force it")]
    InUse {
        /// Which.
        tenant: String,
        /// How many.
        agents: u64,
    },
    /// No more are kept.
    #[error("there are {max} {what} already, no more are kept")]
    Full {
        /// What.
        what: &'static str,
        /// How many.
        max: u64,
    },
    /// It may not be done, or not by this one.
    #[error("{why}")]
    Refused {
        /// Why.
        why: String,
    },
    /// Policies or settings that do not load.
    #[error(transparent)]
    Policies(#[from] SnapshotError),
    /// The log did not take the record, so nothing was changed.
    #[error("nothing was changed: {0}")]
    Append(#[from] maais_audit::AppendError),
    /// The log cannot be opened, so nothing can be changed.
    #[error("the audit log cannot be opened: {0}")]
    Log(#[from] maais_audit::OpenError),
}

/// What the log says of a change.
struct Noted {
    kind: Kind,
    /// In whose chain.
    tenant: String,
    what: &'static str,
    body: Map<String, Value>,
    part: Part,
}

/// Which part of the view a change concerns.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Registered,
    Contained,
    Neither,
}

impl Registry {
    /// Opens the registry of a data directory with a log of its own, without an engine: also where policies do not
    /// load, a person can stop an agent.
    ///
    /// # Errors
    /// When the registry or the log cannot be used.
    pub fn open(home: &Path, deployment: &str) -> Result<Self, RegistryError> {
        let options = maais_audit::Options { origin: deployment.to_owned(), ..Default::default() };
        let log = Arc::new(Log::open(home, options)?);
        Self::with(home, log, Arc::new(SystemClock::default()))
    }

    /// The registry of an engine, which has a log already.
    pub(crate) fn with(home: &Path, log: Arc<Log>, clock: Arc<dyn Clock>) -> Result<Self, RegistryError> {
        drop(store::open(home)?);
        let generation = Generation::open(home)?;
        let registry = Self {
            home: home.to_owned(),
            log,
            clock,
            generation,
            view: ArcSwap::default(),
            loading: Mutex::default(),
            writing: Mutex::default(),
        };
        registry.reload_view()?;
        Ok(registry)
    }

    /// The number of the newest change that is in force.
    pub fn newest_change(&self) -> Result<u64, RegistryError> {
        Ok(self.current()?.change)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now().wall
    }

    /// Something that the log does not record by itself: what follows from it is in a record of a decision.
    fn write<T>(
        &self,
        change: impl FnOnce(&Transaction<'_>) -> Result<T, RegistryError>,
    ) -> Result<T, RegistryError> {
        let _turn = self.writing.lock();
        let mut db = store::open(&self.home)?;
        let transaction =
            db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(self.failed())?;
        let value = change(&transaction)?;
        transaction.commit().map_err(self.failed())?;
        Ok(value)
    }

    /// A change: applied, recorded, announced, committed; or not at all.
    fn change<T>(
        &self,
        change: impl FnOnce(&Transaction<'_>) -> Result<(T, Noted), RegistryError>,
    ) -> Result<T, RegistryError> {
        self.write(|transaction| {
            let (value, noted) = change(transaction)?;
            let number = store::next_change(transaction, noted.part).map_err(self.failed())?;
            let mut body = Map::from_iter([("change".to_owned(), Value::from(number))]);
            body.insert("what".into(), noted.what.into());
            body.insert("registry".into(), Value::Object(noted.body));
            self.log.append(Entry {
                kind: noted.kind,
                time: self.now(),
                tenant: &noted.tenant,
                session: None,
                subject: "maais",
                body: &body,
                sealed: &[],
            })?;
            // Whoever sees this before the commit looks again with its next action.
            self.generation.write(number)?;
            Ok(value)
        })
    }

    fn failed(&self) -> impl Fn(rusqlite::Error) -> RegistryError + use<> {
        store::failed(&self.home)
    }

    fn not_ours(&self, why: impl ToString) -> RegistryError {
        RegistryError::NotOurs { path: self.home.join(FILE), why: why.to_string() }
    }
}

/// Milliseconds since 1970, as times stand in the tables.
fn millis(time: Timestamp) -> i64 {
    time.as_millisecond()
}

fn time_of(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX)
}
