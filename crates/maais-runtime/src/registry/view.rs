//! The registry as actions see it: immutable, in memory, as new as the newest change that was acknowledged.
//!
//! What cannot be read is told, and the action denied; an old view is never used instead.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use maais_core::glob::Glob;
use maais_core::request::ActionRequest;
use maais_core::standing::{Refusal, Standing};
use rusqlite::{ErrorCode, TransactionBehavior};

use super::{Agent, DEFAULT, Mark, Registry, RegistryError, Scope, Tenant, store};
use crate::snapshot::Snapshot;

/// The registry at one moment.
#[derive(Default)]
pub(crate) struct View {
    pub(crate) change: u64,
    registered: Arc<Registered>,
    contained: Arc<Contained>,
}

#[derive(Default)]
struct Registered {
    number: i64,
    tenants: HashMap<String, Arc<Seat>>,
    agents: HashMap<String, Known>,
}

/// A tenant and what is loaded for it.
pub(crate) struct Seat {
    pub(crate) tenant: Tenant,
    pub(crate) loaded: OnceLock<ArcSwap<Loaded>>,
}

/// What decides for a tenant.
pub(crate) struct Loaded {
    pub(crate) snapshot: Arc<Snapshot>,
    /// Why its own does not load.
    pub(crate) broken: Option<String>,
}

struct Known {
    agent: Agent,
    targets: Vec<Glob>,
}

#[derive(Default)]
struct Contained {
    number: i64,
    all: bool,
    tenants: HashSet<String>,
    agents: HashSet<String>,
    sessions: HashMap<String, HashSet<String>>,
}

impl View {
    /// The tenant of an action; none: the agent is registered nowhere.
    pub(crate) fn seat_of(&self, agent: &str) -> Option<&Arc<Seat>> {
        let known = self.registered.agents.get(agent)?;
        self.registered.tenants.get(&known.agent.tenant)
    }

    pub(crate) fn default_seat(&self) -> Option<&Arc<Seat>> {
        self.seat(DEFAULT)
    }

    pub(crate) fn seat(&self, tenant: &str) -> Option<&Arc<Seat>> {
        self.registered.tenants.get(tenant)
    }

    /// Every tenant.
    pub(crate) fn seats(&self) -> impl Iterator<Item = &Arc<Seat>> {
        self.registered.tenants.values()
    }

    /// How many tenants, agents, and things contained there are.
    pub(crate) fn counts(&self) -> (usize, usize, usize) {
        let Contained { all, tenants, agents, sessions, .. } = &*self.contained;
        let sessions: usize = sessions.values().map(HashSet::len).sum();
        let contained = usize::from(*all) + tenants.len() + agents.len() + sessions;
        (self.registered.tenants.len(), self.registered.agents.len(), contained)
    }

    /// What is known of the action before any policy is asked.
    pub(crate) fn standing(&self, request: &ActionRequest, seat: &Seat) -> Standing {
        let agent = request.agent_id().as_str();
        let known = self.registered.agents.get(agent);
        let mut refusals = self.contained.refusals(request, &seat.tenant.id);
        if seat.tenant.suspended {
            refusals.push(Refusal::Suspended);
        }
        if let Some(Known { agent, targets }) = known {
            let kind = request.action_type().as_str();
            if !agent.action_types.is_empty() && !agent.action_types.iter().any(|allowed| allowed == kind) {
                refusals.push(Refusal::ActionType);
            }
            if !targets.is_empty() && !targets.iter().any(|glob| glob.matches(request.target().as_str())) {
                refusals.push(Refusal::Target);
            }
        }
        let owner = known.and_then(|known| known.agent.owner.clone());
        Standing { owner, refusals, approval: None }
    }

    /// Whether an agent is contained, or its tenant, session, or everything.
    fn is_contained(&self, agent: &str, tenant: &str, session: Option<&str>) -> bool {
        let contained = &self.contained;
        contained.all
            || contained.tenants.contains(tenant)
            || contained.agents.contains(agent)
            || contained.has_session(tenant, session)
    }
}

impl Contained {
    fn of(number: i64, marks: Vec<Mark>) -> Self {
        let mut contained = Self { number, ..Self::default() };
        for Mark { scope, tenant, name, .. } in marks {
            match scope {
                Scope::All => contained.all = true,
                Scope::Tenant => drop(contained.tenants.insert(name)),
                Scope::Agent => drop(contained.agents.insert(name)),
                Scope::Session => drop(contained.sessions.entry(tenant).or_default().insert(name)),
            }
        }
        contained
    }

    fn has_session(&self, tenant: &str, session: Option<&str>) -> bool {
        let sessions = self.sessions.get(tenant);
        session.is_some_and(|session| sessions.is_some_and(|sessions| sessions.contains(session)))
    }

    fn refusals(&self, request: &ActionRequest, tenant: &str) -> Vec<Refusal> {
        let found = [
            (self.all, Refusal::ContainedAll),
            (self.tenants.contains(tenant), Refusal::ContainedTenant),
            (self.agents.contains(request.agent_id().as_str()), Refusal::ContainedAgent),
            (self.has_session(tenant, request.session_id()), Refusal::ContainedSession),
        ];
        found.into_iter().filter_map(|(holds, refusal)| holds.then_some(refusal)).collect()
    }
}

impl Registry {
    /// The view that every acknowledged change is in.
    pub(crate) fn current(&self) -> Result<Arc<View>, RegistryError> {
        let view = self.view.load();
        match self.generation.read() {
            Some(newest) if newest == view.change => Ok(arc_swap::Guard::into_inner(view)),
            _ => self.reload_view(),
        }
    }

    /// Whether an agent is contained, or its tenant, its session, or everything.
    ///
    /// # Errors
    /// When the registry cannot be read: nobody knows.
    pub fn is_contained(
        &self,
        agent: &str,
        tenant: &str,
        session: Option<&str>,
    ) -> Result<bool, RegistryError> {
        Ok(self.current()?.is_contained(agent, tenant, session))
    }

    /// Whether the view in memory is as new as the newest change: all that most actions ask of the registry.
    pub fn is_current(&self) -> bool {
        self.generation.read() == Some(self.view.load().change)
    }

    pub(super) fn reload_view(&self) -> Result<Arc<View>, RegistryError> {
        let _alone = self.loading.lock();
        let before = self.view.load_full();
        if before.change > 0 && self.generation.read() == Some(before.change) {
            return Ok(before); // somebody else has just done it
        }
        let mut db = store::open(&self.home)?;
        let transaction = db.transaction().map_err(self.failed())?;
        let sql = "SELECT change, registered, contained FROM meta WHERE id = 1";
        let numbers = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?, row.get(1)?, row.get(2)?));
        let (change, registered, contained): (i64, i64, i64) =
            transaction.query_row(sql, [], numbers).map_err(self.failed())?;
        let fresh = before.registered.tenants.is_empty();
        let registered = match registered == before.registered.number && !fresh {
            true => before.registered.clone(),
            false => {
                let (tenants, agents) = (self.tenants_in(&transaction)?, self.agents_in(&transaction)?);
                Arc::new(Registered::of(registered, tenants, agents, &before.registered))
            }
        };
        let contained = match contained == before.contained.number && !fresh {
            true => before.contained.clone(),
            false => Arc::new(Contained::of(contained, self.contained_in(&transaction)?)),
        };
        drop(transaction);
        let view = Arc::new(View { change: change.unsigned_abs(), registered, contained });
        self.view.store(view.clone());
        self.mend_generation(&mut db, view.change)?;
        Ok(view)
    }

    /// The file says what the database says, unless somebody is at work there. Who died at it left a number behind, and
    /// so does a power cut.
    fn mend_generation(&self, db: &mut rusqlite::Connection, change: u64) -> Result<(), RegistryError> {
        if self.generation.read() == Some(change) {
            return Ok(());
        }
        db.busy_timeout(std::time::Duration::ZERO).map_err(self.failed())?;
        let transaction = match db.transaction_with_behavior(TransactionBehavior::Immediate) {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => return Ok(()),
            transaction => transaction.map_err(self.failed())?,
        };
        // Nobody writes now: what is committed is the newest.
        let sql = "SELECT change FROM meta WHERE id = 1";
        let newest: i64 = transaction.query_row(sql, [], |row| row.get(0)).map_err(self.failed())?;
        self.generation.write(newest.unsigned_abs())
    }
}

impl Registered {
    /// What was loaded for tenants that did not change stays.
    fn of(number: i64, tenants: Vec<Tenant>, agents: Vec<Agent>, before: &Self) -> Self {
        let seat = |tenant: Tenant| match before.tenants.get(&tenant.id) {
            Some(seat)
                if seat.tenant.revision == tenant.revision && seat.tenant.created == tenant.created =>
            {
                seat.clone()
            }
            _ => Arc::new(Seat { tenant, loaded: OnceLock::new() }),
        };
        let tenants = tenants.into_iter().map(|tenant| (tenant.id.clone(), seat(tenant))).collect();
        let known = |agent: Agent| {
            // They were checked when they came; one that does not compile matches nothing.
            let mut targets: Vec<Glob> =
                agent.targets.iter().filter_map(|glob| Glob::new(glob).ok()).collect();
            if targets.is_empty() && !agent.targets.is_empty() {
                targets.extend(Glob::new("\u{1}").ok());
            }
            (agent.id.clone(), Known { agent, targets })
        };
        Self { number, tenants, agents: agents.into_iter().map(known).collect() }
    }
}
