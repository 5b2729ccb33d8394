//! Whose an action is, and what decides for it: tenant, snapshot, and what the registry has against it.
//!
//! Fails closed: where the registry cannot be read or a tenant's policies do not load, the standing says so, the
//! decision is a denial, and it is recorded like any other. One tenant's mistakes are its own.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use arc_swap::ArcSwap;
use maais_audit::{Entry, Kind};
use maais_core::attempt::Attempt;
use maais_core::standing::{Refusal, Standing};
use serde_json::{Map, Value};

use crate::registry::{DEFAULT, Loaded, RegistryError, Seat, Tenant, View};
use crate::runtime::{OpenError, Runtime};
use crate::snapshot::{Snapshot, Sources, VERSION, describe};
use crate::store;

/// Characters of what is wrong with policies, in the log.
const ERROR_CHARS_MAX: usize = 2_000;

/// Where an action belongs.
pub(crate) struct Place {
    pub(crate) tenant: String,
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) standing: Standing,
}

impl Runtime {
    /// The place of an action, as of the newest change of the registry.
    pub(crate) fn place(&self, attempt: &Attempt) -> Place {
        let placed = catch_unwind(AssertUnwindSafe(|| self.try_place(attempt)));
        let why = match placed {
            Ok(Ok(place)) => return place,
            Ok(Err(error)) => error.to_string(),
            Err(_) => "the engine failed while looking at the registry".to_owned(),
        };
        tracing::error!(%why, "the registry cannot be read: denying");
        self.counters.unplaced.fetch_add(1, Ordering::Relaxed);
        let standing = Standing { refusals: vec![Refusal::Unavailable], ..Standing::default() };
        Place { tenant: DEFAULT.to_owned(), snapshot: self.snapshot.load_full(), standing }
    }

    fn try_place(&self, attempt: &Attempt) -> Result<Place, RegistryError> {
        let view = self.registry.current()?;
        let missing = || RegistryError::Missing { what: "tenant", name: DEFAULT.to_owned() };
        let default = view.default_seat().ok_or_else(missing)?;
        let Attempt::Valid(request) = attempt else {
            let (tenant, standing) = (DEFAULT.to_owned(), Standing::default());
            return Ok(Place { tenant, snapshot: self.snapshot.load_full(), standing });
        };
        let own = view.seat_of(request.agent_id().as_str());
        let seat = own.unwrap_or(default);
        let mut standing = view.standing(request, seat);
        let tenant = seat.tenant.id.clone();
        if tenant == DEFAULT {
            let snapshot = self.snapshot.load_full();
            if own.is_none() && snapshot.settings.agents.deny_unknown {
                standing.refusals.push(Refusal::UnknownAgent);
            }
            return Ok(Place { tenant, snapshot, standing });
        }
        let loaded = self.loaded(seat);
        if loaded.broken.is_some() {
            standing.refusals.push(Refusal::PoliciesBroken);
        }
        Ok(Place { tenant, snapshot: loaded.snapshot.clone(), standing })
    }

    /// What decides for a tenant: loaded with its first action.
    fn loaded(&self, seat: &Seat) -> Arc<Loaded> {
        let first = || ArcSwap::from_pointee(self.load_or_break(&seat.tenant));
        seat.loaded.get_or_init(first).load_full()
    }

    fn load_or_break(&self, tenant: &Tenant) -> Loaded {
        self.load_tenant(tenant).unwrap_or_else(|error| {
            let why = error.to_string();
            tracing::error!(tenant = %tenant.id, %why, "a tenant's policies do not load: denying its actions");
            let kept = store::keep(&self.config, &self.nothing, &Sources::default());
            let mut body = describe(&self.nothing);
            body.insert("error".into(), why.chars().take(ERROR_CHARS_MAX).collect::<String>().into());
            let told = kept.map_err(OpenError::from).and_then(|()| self.tell(tenant, &body));
            if let Err(error) = told {
                tracing::error!(%error, "that a tenant's policies do not load was not recorded");
            }
            Loaded { snapshot: self.nothing.clone(), broken: Some(why) }
        })
    }

    /// A tenant's own snapshot: stored for replays and told in its part of the log before it decides anything.
    fn load_tenant(&self, tenant: &Tenant) -> Result<Loaded, OpenError> {
        let body = &tenant.body;
        let sources = Sources::read(body.settings.as_deref(), &body.policies)?;
        let snapshot = sources.load(VERSION)?;
        store::keep(&self.config, &snapshot, &sources)?;
        self.tell(tenant, &describe(&snapshot))?;
        Ok(Loaded { snapshot: Arc::new(snapshot), broken: None })
    }

    /// Says in the tenant's part of the log what decides for it from now on.
    fn tell(&self, tenant: &Tenant, body: &Map<String, Value>) -> Result<(), OpenError> {
        let (time, tenant) = (self.config.clock.now().wall, tenant.id.as_str());
        let (kind, subject) = (Kind::Policy, "maais");
        self.log.append(Entry { kind, time, tenant, session: None, subject, body, sealed: &[] })?;
        Ok(())
    }

    /// Loads the policies of every tenant again that acted so far; each on its own: those that do not load stay as they
    /// were.
    pub(crate) fn reload_tenants(&self) {
        let Ok(view) = self.registry.current() else { return };
        for seat in view.seats().filter(|seat| seat.tenant.id != DEFAULT) {
            let Some(loaded) = seat.loaded.get() else { continue };
            match self.load_tenant(&seat.tenant) {
                Ok(fresh) => loaded.store(Arc::new(fresh)),
                Err(error) => {
                    self.counters.reload_failures.fetch_add(1, Ordering::Relaxed);
                    tracing::error!(tenant = %seat.tenant.id, %error, "a tenant's new policies are not used");
                }
            }
        }
    }

    /// What is wrong with the registry and with tenants, for an operator; and how many there are.
    pub(crate) fn registry_health(&self, reasons: &mut Vec<String>) -> (usize, usize, usize) {
        if self.counters.unplaced.load(Ordering::Relaxed) > 0 {
            reasons.push("actions were denied because the registry could not be read".to_owned());
        }
        if self.counters.unquarantined.load(Ordering::Relaxed) > 0 {
            reasons.push("an agent that should be contained could not be".to_owned());
        }
        let Ok(view) = self.registry.current() else {
            reasons.push("the registry cannot be read: every action is denied".to_owned());
            return (0, 0, 0);
        };
        let broken = |seat: &&Arc<Seat>| seat.loaded.get().is_some_and(|now| now.load().broken.is_some());
        for seat in view.seats().filter(broken).take(20) {
            reasons.push(format!("the policies of the tenant `{}` do not load", seat.tenant.id));
        }
        View::counts(&view)
    }
}
