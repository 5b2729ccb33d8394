//! The reference monitor: every action goes through [`Runtime::intercept`], is decided once and recorded
//! once, and the answer leaves only after the record is on the disk.
//!
//! Trusted: this process. Not trusted: the agent, what it sends, the disk, the wall clock.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use maais_audit::{Entry, Kind, Log, Receipt};
use maais_core::attempt::Attempt;
use maais_core::decision::{Decision, Effect};
use maais_core::flow::{self, Origin};
use maais_core::policy::Tri;
use maais_core::request::Defaults;
use maais_core::state::State;
use parking_lot::Mutex;
use serde_json::{Map, Value, json};

use crate::clock::Now;
use crate::config::Config;
use crate::events::{Event, Events, Subscription};
use crate::health::Health;
use crate::limits::{CELLS_MAX, Limits, Reservation};
use crate::memo::DetectorCache;
use crate::memories::Memories;
use crate::outcome::{self, Expected, ObserveError, Outcome, Pending};
use crate::permit::Signer;
use crate::placing::Place;
use crate::quarantine::Denials;
use crate::record::{self, Body};
use crate::registry::{DEFAULT, Registry, RegistryError};
use crate::retention::Retention;
use crate::sessions::{self, Sessions};
use crate::snapshot::{Snapshot, SnapshotError, Sources, VERSION, describe};
use crate::store::{self, KeepError};

/// A day's records go into one file, or less if they are kept for less than four days: whole files are pruned.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// An open engine.
pub struct Runtime {
    pub(crate) config: Config,
    /// The default tenant's.
    pub(crate) snapshot: ArcSwap<Snapshot>,
    /// What decides where nothing loads: no policies, so nothing is allowed.
    pub(crate) nothing: Arc<Snapshot>,
    pub(crate) registry: Registry,
    pub(crate) denials: Denials,
    /// Signs permits; made when the settings first ask for one.
    pub(crate) signer: OnceLock<Signer>,
    limits: Limits,
    sessions: Sessions,
    memories: Memories,
    memo: DetectorCache,
    events: Events,
    expected: Mutex<Expected>,
    last_wall: Mutex<Timestamp>,
    pub(crate) counters: Counters,
    /// Dropped before the log that it works on.
    _retention: Retention,
    pub(crate) log: Arc<Log>,
}

#[derive(Default)]
pub(crate) struct Counters {
    decisions: [AtomicU64; 3],
    unrecorded: AtomicU64,
    pub(crate) reload_failures: AtomicU64,
    /// Actions that were denied since the registry could not be used.
    pub(crate) unplaced: AtomicU64,
    /// Agents that should have been contained.
    pub(crate) unquarantined: AtomicU64,
}

impl Counters {
    fn decisions(&self) -> [u64; 3] {
        self.decisions.each_ref().map(|count| count.load(Ordering::Relaxed))
    }
}

/// Why an engine did not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Settings or policies.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// What a replay needs cannot be stored, so no decision is made under it.
    #[error(transparent)]
    Keep(#[from] KeepError),
    /// The log cannot be opened, or what is in it cannot be believed.
    #[error("the audit log cannot be opened: {0}")]
    Log(#[from] maais_audit::OpenError),
    /// The log cannot be written.
    #[error("the audit log cannot be written: {0}")]
    Append(#[from] maais_audit::AppendError),
    /// The thread that prunes the log cannot be started.
    #[error("no thread can be started: {0}")]
    Thread(std::io::Error),
    /// The registry cannot be used.
    #[error(transparent)]
    Registry(#[from] RegistryError),
}

/// What an action is decided with, and gives back when it may not run.
struct Judged {
    decision: Decision,
    body: std::io::Result<Body>,
    reservation: Option<Reservation>,
    /// What the policies will ask of this action when it is past.
    met: Vec<(usize, Tri)>,
    /// Whose result the action will give.
    origin: Origin,
}

impl Runtime {
    /// Loads settings and policies, opens the log and checks it, and records the start.
    ///
    /// # Errors
    /// When anything of this fails: an engine that could not decide or record does not exist.
    pub fn open(config: Config) -> Result<Self, OpenError> {
        let sources = Sources::read(config.settings.as_deref(), &config.policies)?;
        let snapshot = sources.load(VERSION)?;
        for warning in &snapshot.warnings.0 {
            tracing::warn!(place = %warning.place(), "{}", warning.message);
        }
        let audit = snapshot.settings.audit;
        let options = maais_audit::Options {
            origin: config.deployment.clone(),
            deadline: audit.deadline,
            durability: match audit.buffered_within {
                None => maais_audit::Durability::Durable,
                Some(within) => maais_audit::Durability::Buffered { within },
            },
            segment_age: audit.retention.map_or(DAY, |age| (age / 4).clamp(Duration::from_secs(1), DAY)),
            ..Default::default()
        };
        let log = match &config.storage {
            Some(storage) => Log::open_on(storage.clone(), &config.home, options)?,
            None => Log::open(&config.home, options)?,
        };
        let log = Arc::new(log);
        store::keep(&config, &snapshot, &sources)?;
        let registry = Registry::with(&config.home, log.clone(), config.clock.clone())?;
        let runtime = Self {
            snapshot: ArcSwap::from_pointee(snapshot),
            nothing: Arc::new(Sources::default().load(VERSION)?),
            registry,
            denials: Denials::default(),
            signer: OnceLock::new(),
            limits: Limits::new(CELLS_MAX, config.counting),
            sessions: Sessions::default(),
            memories: Memories::default(),
            memo: DetectorCache::new(),
            events: Events::default(),
            expected: Mutex::default(),
            last_wall: Mutex::new(Timestamp::MIN),
            counters: Counters::default(),
            _retention: Retention::start(&log, config.clock.clone(), audit).map_err(OpenError::Thread)?,
            log,
            config,
        };
        let now = runtime.config.clock.now().wall;
        let mut body = runtime.describe_snapshot();
        body.insert("registry_change".into(), runtime.registry.newest_change()?.into());
        runtime.append(Kind::Start, &body, now)?;
        Ok(runtime)
    }

    /// Decides an action and records the decision. Whatever fails, the answer is a denial; no answer
    /// leaves before its record is on the disk.
    pub fn intercept(&self, attempt: impl Into<Attempt>) -> Decision {
        let attempt = attempt.into();
        let now = self.config.clock.now();
        let place = self.place(&attempt);
        let judged = catch_unwind(AssertUnwindSafe(|| self.judge(&attempt, &place, now)));
        let Judged { mut decision, body, reservation, met, origin } =
            judged.unwrap_or_else(|_| Judged::broken(&attempt, now));

        match self.record(&attempt, &place.tenant, body, now) {
            Ok(receipt) => self.acknowledge(&attempt, &place, &mut decision, &receipt, origin),
            Err(error) => {
                tracing::error!(%error, "audit log unavailable: denying");
                self.counters.unrecorded.fetch_add(1, Ordering::Relaxed);
                decision = Decision::deny("audit.unavailable", error.to_string(), now.wall);
            }
        }
        if let Attempt::Valid(request) = &attempt {
            let key = sessions::key(&place.tenant, request);
            self.sessions.decided(&key, &place.snapshot.policies, &met, decision.effect, now.elapsed);
        }
        self.watch(&attempt, &place, &decision, now);
        self.conclude(attempt, &mut decision, reservation, now);
        decision
    }

    /// Records what came of an allowed action. An outcome is told once.
    ///
    /// # Errors
    /// When no such action waits for its outcome, or the log refuses the record.
    pub fn observe_result(&self, action_id: &str, outcome: &Outcome) -> Result<Receipt, ObserveError> {
        let now = self.config.clock.now();
        let pending = self.expected.lock().take(action_id);
        let pending = pending.ok_or_else(|| ObserveError::Unknown { action_id: action_id.to_owned() })?;
        if let Some(output) = &outcome.output {
            let Pending { key, origin, injected_from, .. } = &pending;
            self.memories.remember(key, origin, output, *injected_from, now.elapsed);
        }
        let body = outcome::record(action_id, &pending, outcome);
        let session = pending.session.as_deref();
        let sealed = [];
        let entry = Entry {
            kind: Kind::Outcome,
            time: now.wall,
            tenant: &pending.tenant,
            session,
            subject: &pending.agent,
            body: &body,
            sealed: &sealed,
        };
        let receipt = self.log.append(entry)?;
        if let Some(session) = session {
            self.sessions.observed(&pending.tenant, session, now.elapsed);
        }
        Ok(receipt)
    }

    /// Loads settings and policies again. All or nothing: on error the old ones stay in force.
    ///
    /// # Errors
    /// Everything that is wrong with the new ones; or the log refuses to record the change.
    pub fn reload(&self) -> Result<(), OpenError> {
        let snapshot = self.load_anew().inspect_err(|error| {
            self.counters.reload_failures.fetch_add(1, Ordering::Relaxed);
            tracing::error!(%error, "the new policies are not used; the old ones stay in force");
        })?;
        let body = describe(&snapshot);
        self.append(Kind::Policy, &body, self.config.clock.now().wall)?;
        self.counters.reload_failures.store(0, Ordering::Relaxed);
        self.snapshot.store(Arc::new(snapshot));
        self.reload_tenants();
        Ok(())
    }

    /// What is loaded now, and stored so that its decisions can be derived again.
    fn load_anew(&self) -> Result<Snapshot, OpenError> {
        let sources = Sources::read(self.config.settings.as_deref(), &self.config.policies)?;
        let snapshot = sources.load(VERSION)?;
        store::keep(&self.config, &snapshot, &sources)?;
        Ok(snapshot)
    }

    /// The id and time that an edge gives to a request without.
    pub fn defaults(&self) -> Defaults {
        Defaults { action_id: uuid::Uuid::now_v7().to_string(), timestamp: self.config.clock.now().wall }
    }

    /// Policies and settings in force.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// Tenants, agents, approvals, containment.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The data directory.
    pub fn home(&self) -> &Path {
        &self.config.home
    }

    /// The folder of the log that this engine writes.
    pub fn log_dir(&self) -> &Path {
        self.log.dir()
    }

    /// Decided actions from now on.
    pub fn subscribe(&self) -> Subscription {
        self.events.subscribe()
    }

    /// How the engine is.
    pub fn health(&self) -> Health {
        let mut reasons = Vec::new();
        if self.counters.unrecorded.load(Ordering::Relaxed) > 0 {
            reasons.push("actions were denied because the audit log could not be written".to_owned());
        }
        if self.counters.reload_failures.load(Ordering::Relaxed) > 0 {
            reasons.push("the newest policies did not load; older ones are in force".to_owned());
        }
        let (tenants, agents, contained) = self.registry_health(&mut reasons);
        let snapshot = self.snapshot.load();
        Health {
            healthy: reasons.is_empty(),
            reasons,
            decisions: self.counters.decisions(),
            log_size: self.log.size(),
            log_origin: self.log.origin().to_owned(),
            snapshot: snapshot.digest.clone(),
            rules: snapshot.policies.rules().len(),
            tenants,
            agents,
            contained,
            limit_cells: self.limits.len(),
            sessions: self.sessions.len(),
            events_dropped: self.events.dropped(),
            cache: self.memo.stats(),
        }
    }

    /// Facts, state, decision and record of one action; nothing outside is changed but reservations.
    fn judge(&self, attempt: &Attempt, place: &Place, now: Now) -> Judged {
        let Place { tenant, snapshot, standing } = place;
        let request = match attempt {
            Attempt::Valid(request) => request,
            Attempt::Malformed(malformed) => {
                let decision = Decision::deny("request.malformed", malformed.error.to_string(), now.wall);
                let mut decision = snapshot.sign(decision, tenant);
                self.note_clock(&mut decision, now);
                let body = record::of_malformed(malformed, &decision);
                return Judged {
                    decision,
                    body: Ok(body),
                    reservation: None,
                    met: Vec::new(),
                    origin: Origin::default(),
                };
            }
        };
        let policies = &snapshot.policies;
        let facts = snapshot.facts(request, &self.memo);
        let roles = snapshot.roles_of(request);
        let mut state = State { now: now.wall, tenant: tenant.clone(), roles, ..State::default() };
        state.standing = standing.clone();
        let key = sessions::key(tenant, request);
        let counts = self.sessions.before(&key, policies, now.elapsed, &mut state);
        state.flow = self.memories.trace(&key, &facts, now.elapsed);
        let reservation = self.limits.observe(snapshot, &facts, &mut state, now.elapsed);
        let mut decision = snapshot.decide(&facts, &state);
        if decision.effect == Effect::RequireApproval {
            let told = self.ask(&facts, place, &decision, &mut state.standing);
            decision = snapshot.decide(&facts, &state);
            decision.metadata.extend(told.map(|told| ("approval".to_owned(), told)));
        }
        self.note_clock(&mut decision, now);
        let counts = request.session_id().map(|_| counts);
        let body = record::of_request(&facts, &state, counts, policies, &decision);
        let trusted = snapshot.settings.flow.trusts(request.target().as_str());
        let origin = Origin { trusted, ..flow::origin_of(&facts, &state.flow) };
        let met = policies.histories_met(&facts, &state);
        Judged { decision, body, reservation: Some(reservation), met, origin }
    }

    /// A clock that went backwards is told.
    fn note_clock(&self, decision: &mut Decision, now: Now) {
        let mut last = self.last_wall.lock();
        let mut degraded = Vec::new();
        if now.wall < *last {
            degraded.push("clock.backwards");
        }
        *last = now.wall.max(*last);
        decision.metadata.insert("degraded".into(), json!(degraded));
    }

    fn record(
        &self,
        attempt: &Attempt,
        tenant: &str,
        body: std::io::Result<Body>,
        now: Now,
    ) -> Result<Receipt, RecordError> {
        let body = body.map_err(RecordError::Seal)?;
        let (subject, session) = match attempt {
            Attempt::Valid(request) => (request.agent_id().as_str(), request.session_id()),
            Attempt::Malformed(_) => ("malformed", None),
        };
        let entry = Entry {
            kind: Kind::Decision,
            time: now.wall,
            tenant,
            session,
            subject,
            body: &body.map,
            sealed: &body.sealed,
        };
        Ok(self.log.append(entry)?)
    }

    /// The record is on the disk: the decision carries its receipt, and an allowed action is expected.
    fn acknowledge(
        &self,
        attempt: &Attempt,
        place: &Place,
        decision: &mut Decision,
        receipt: &Receipt,
        origin: Origin,
    ) {
        let told = json!({
            "index": receipt.index, "leaf": receipt.leaf.to_string(),
            "origin": &*receipt.origin, "time": receipt.time.to_string(),
        });
        decision.metadata.insert("receipt".into(), told);
        if let (Attempt::Valid(request), true) = (attempt, decision.allow()) {
            self.expected.lock().add(request, place, receipt.index, origin);
            self.permit(request, place, decision, receipt);
        }
    }

    /// Everything that follows from the final decision.
    fn conclude(
        &self,
        attempt: Attempt,
        decision: &mut Decision,
        reservation: Option<Reservation>,
        now: Now,
    ) {
        let allowed = decision.allow();
        if let Some(reservation) = reservation {
            self.limits.settle(reservation, allowed);
        }
        if let Some(count) = self.counters.decisions.get(decision.effect as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        let latency = self.config.clock.now().elapsed.saturating_sub(now.elapsed);
        decision
            .metadata
            .insert("latency_us".into(), u64::try_from(latency.as_micros()).unwrap_or(u64::MAX).into());
        if self.events.wanted() {
            self.events.publish(Event { attempt: Arc::new(attempt), decision: decision.clone() });
        }
    }

    fn describe_snapshot(&self) -> Map<String, Value> {
        describe(&self.snapshot.load())
    }

    fn append(
        &self,
        kind: Kind,
        body: &Map<String, Value>,
        time: Timestamp,
    ) -> Result<Receipt, maais_audit::AppendError> {
        let subject = "maais";
        self.log.append(Entry { kind, time, tenant: DEFAULT, session: None, subject, body, sealed: &[] })
    }
}

/// A log that ends in good order says so.
impl Drop for Runtime {
    fn drop(&mut self) {
        // No lock is taken here: a forked child may drop its copy, and the parent's threads held locks.
        let [allowed, approvals, denied] = self.counters.decisions();
        let mut body = Map::new();
        body.insert(
            "decisions".into(),
            json!({"ALLOW": allowed, "DENY": denied, "REQUIRE_APPROVAL": approvals}),
        );
        if let Err(error) = self.append(Kind::Stop, &body, self.config.clock.now().wall) {
            tracing::warn!(%error, "the stop could not be recorded");
        } else if let Err(error) = self.log.call_roll(self.config.clock.now().wall) {
            tracing::warn!(%error, "no roll was called at the stop");
        }
    }
}

impl Judged {
    /// Deciding itself failed: that is a denial, and is recorded as one.
    fn broken(attempt: &Attempt, now: Now) -> Self {
        tracing::error!("deciding failed: denying");
        let decision = Decision::deny("runtime.panic", "the engine failed while deciding", now.wall);
        let mut map = Map::new();
        map.insert("decision".into(), Value::Object(decision.to_json()));
        if let Attempt::Valid(request) = attempt {
            map.insert(
                "attempt".into(),
                json!({"action_id": request.action_id().as_str(), "agent_id": request.agent_id().as_str()}),
            );
        }
        let body = Ok(Body { map, sealed: Vec::new() });
        Self { decision, body, reservation: None, met: Vec::new(), origin: Origin::default() }
    }
}

/// Why a decision was not recorded.
#[derive(Debug, thiserror::Error)]
enum RecordError {
    #[error("a sensitive value cannot be sealed: {0}")]
    Seal(std::io::Error),
    #[error(transparent)]
    Append(#[from] maais_audit::AppendError),
}
