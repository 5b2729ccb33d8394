//! Asking a person: what happens when the policies say REQUIRE_APPROVAL, how one waits for the answer, and when the
//! engine stops an agent by itself.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use maais_audit::Receipt;
use maais_core::attempt::Attempt;
use maais_core::decision::{Decision, Effect, Severity};
use maais_core::facts::Facts;
use maais_core::request::ActionRequest;
use maais_core::standing::{Refusal, Standing};
use serde_json::{Value, json};

use crate::action;
use crate::clock::Now;
use crate::permit::{self, Permit, Signer};
use crate::placing::Place;
use crate::record;
use crate::registry::{Approval, ApprovalState, Asked, RegistryError, Sought};
use crate::runtime::Runtime;

/// Between two looks at the registry while somebody waits.
const LOOK_EVERY: Duration = Duration::from_millis(50);

impl Runtime {
    /// Spends the approval of an action or puts it into the queue, and says so in its standing. What there is to tell
    /// about it is the answer.
    pub(crate) fn ask(
        &self,
        facts: &Facts<'_>,
        place: &Place,
        decision: &Decision,
        standing: &mut Standing,
    ) -> Option<Value> {
        let request = facts.request();
        let settings = &place.snapshot.settings.approvals;
        let named = decision.metadata.get("approvers").and_then(Value::as_array);
        let asked = Asked {
            tenant: place.tenant.clone(),
            agent: request.agent_id().to_string(),
            action_id: request.action_id().to_string(),
            digest: action::digest(request, &place.tenant),
            snapshot: place.snapshot.digest.clone(),
            owner: decision.accountability_owner.clone(),
            approvers: named.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect(),
            quorum: settings.quorum,
            valid: settings.valid,
            reason: decision.explanation.clone(),
            action: record::without_secrets(facts),
        };
        match self.registry.seek(asked) {
            Ok(Sought::Spent(id)) => {
                standing.approval = Some(id.clone());
                Some(json!({"id": id, "state": "spent"}))
            }
            Ok(Sought::Waiting { id, expires }) => {
                Some(json!({"expires": expires.to_string(), "id": id, "state": "pending"}))
            }
            Ok(Sought::Denied(id)) => {
                standing.refusals.push(Refusal::ApprovalDenied);
                Some(json!({"id": id, "state": "denied"}))
            }
            Ok(Sought::Full) => {
                standing.refusals.push(Refusal::QueueFull);
                None
            }
            Err(error) => {
                tracing::error!(%error, "the queue of approvals cannot be used: denying");
                self.counters.unplaced.fetch_add(1, Ordering::Relaxed);
                standing.refusals.push(Refusal::Unavailable);
                None
            }
        }
    }

    /// Waits until people answered a request, or it expired, at most for that time. An approved action is then asked for
    /// again with [`Runtime::intercept`].
    ///
    /// # Errors
    /// When there is no such request, or the registry cannot be read.
    pub fn wait_for_approval(&self, id: &str, at_most: Duration) -> Result<Approval, RegistryError> {
        let begun = Instant::now();
        loop {
            let approval = self.registry.approval(id)?;
            let left = at_most.saturating_sub(begun.elapsed());
            if approval.state != ApprovalState::Pending || left.is_zero() {
                return Ok(approval);
            }
            std::thread::sleep(left.min(LOOK_EVERY));
        }
    }

    /// Gives an allowed action its permit if the settings say so. The record is in the log already, and holds none: who
    /// reads logs may not act. An action without the permit that was promised does not get past its executor.
    pub(crate) fn permit(
        &self,
        request: &ActionRequest,
        place: &Place,
        decision: &mut Decision,
        receipt: &Receipt,
    ) {
        let Some(valid) = place.snapshot.settings.permits.valid else { return };
        if self.signer.get().is_none() {
            match Signer::open(&self.config.home) {
                Ok(signer) => drop(self.signer.set(signer)),
                Err(error) => tracing::error!(%error, "there is no key to sign permits with"),
            }
        }
        let issued = decision.timestamp;
        let permit = Permit {
            id: uuid::Uuid::new_v4().to_string(),
            action: action::digest(request, &place.tenant),
            action_id: request.action_id().to_string(),
            agent: request.agent_id().to_string(),
            tenant: place.tenant.clone(),
            session: request.session_id().map(str::to_owned),
            issued,
            expires: permit::expiry(issued, valid),
            origin: receipt.origin.to_string(),
            index: receipt.index,
        };
        if let Some(permit) = self.signer.get().and_then(|signer| signer.sign(&permit)) {
            decision.metadata.insert("permit".into(), permit.into());
        }
    }

    /// Contains an agent by itself if the settings say so: after a burst of denials, or a critical finding.
    pub(crate) fn watch(&self, attempt: &Attempt, place: &Place, decision: &Decision, now: Now) {
        let Attempt::Valid(request) = attempt else { return };
        let quarantine = &place.snapshot.settings.agents.quarantine;
        if decision.effect != Effect::Deny || (quarantine.burst.is_none() && !quarantine.on_critical) {
            return;
        }
        // What is refused around the agent is not its doing.
        if place.standing.refusals.iter().any(|refusal| !refusal.is_the_agents()) {
            return;
        }
        let agent = request.agent_id().as_str();
        let critical = decision.findings.iter().find(|finding| {
            finding.counted_effect() == Effect::Deny && finding.severity == Severity::Critical
        });
        let burst =
            quarantine.burst.filter(|(max, within)| self.denials.count(agent, *max, *within, now.elapsed));
        let reason = match (critical.filter(|_| quarantine.on_critical), burst) {
            (Some(finding), _) => format!("a critical finding: {}", finding.id),
            (None, Some((max, within))) => format!("{max} denials within {within:?}"),
            (None, None) => return,
        };
        match self.registry.quarantine(agent, &place.tenant, &reason) {
            // A person who releases it gives it a new start.
            Ok(_) => self.denials.forgive(agent),
            Err(error) => {
                tracing::error!(%error, agent, "the agent could not be contained");
                self.counters.unquarantined.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}
