//! What the engine's registry says of an agent, its tenant and this very action, as plain values.
//!
//! The registry looks it up; here is only what follows: whatever refuses denies, and an approval counts for what
//! a person may approve, never for what is denied.

use serde_json::{Map, Value};

use crate::decision::{Effect, Finding, Severity, Source};
use crate::state::State;

/// What the registry says. The default says nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Standing {
    /// Who answers for the agent, if it is registered; else the settings say so.
    pub owner: Option<String>,
    /// Why the action may not run, whatever the policies say.
    pub refusals: Vec<Refusal>,
    /// The approval that was spent on exactly this action.
    pub approval: Option<String>,
}

/// A reason to refuse that no policy knows of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The registry cannot be read, so nobody knows who is contained.
    Unavailable,
    /// Everything is contained.
    ContainedAll,
    /// The tenant is contained.
    ContainedTenant,
    /// The agent is contained.
    ContainedAgent,
    /// The session is contained.
    ContainedSession,
    /// The tenant is suspended.
    Suspended,
    /// The tenant's policies or settings do not load.
    PoliciesBroken,
    /// The agent is registered nowhere, and the settings deny such agents.
    UnknownAgent,
    /// The agent is not registered for this type of action.
    ActionType,
    /// The agent is not registered for this target.
    Target,
    /// A person denied exactly this action.
    ApprovalDenied,
    /// Too many actions wait for a person already.
    QueueFull,
}

/// What is known of a refusal: its id, what is said, and what would help.
struct Told {
    id: &'static str,
    severity: Severity,
    message: &'static str,
    hint: &'static str,
}

impl Refusal {
    /// Every refusal.
    pub const ALL: [Self; 12] = [
        Self::Unavailable,
        Self::ContainedAll,
        Self::ContainedTenant,
        Self::ContainedAgent,
        Self::ContainedSession,
        Self::Suspended,
        Self::PoliciesBroken,
        Self::UnknownAgent,
        Self::ActionType,
        Self::Target,
        Self::ApprovalDenied,
        Self::QueueFull,
    ];

    /// The finding's id, which is also the word in the record.
    pub fn id(self) -> &'static str {
        self.told().id
    }

    /// Whether the agent's own doing is refused, and not something around it.
    pub fn is_the_agents(self) -> bool {
        matches!(self, Self::ActionType | Self::Target | Self::ApprovalDenied | Self::QueueFull)
    }

    fn told(self) -> Told {
        let told = |id, severity, message, hint| Told { id, severity, message, hint };
        let released = "a person has to release it: `maais contain list`";
        match self {
            Self::Unavailable => told(
                "registry.unavailable",
                Severity::High,
                "the registry of tenants and agents cannot be read",
                "an operator has to mend `state.sqlite` in the data directory",
            ),
            Self::ContainedAll => told("contained.all", Severity::High, "every agent is contained", released),
            Self::ContainedTenant => {
                told("contained.tenant", Severity::High, "the tenant is contained", released)
            }
            Self::ContainedAgent => {
                told("contained.agent", Severity::High, "the agent is contained", released)
            }
            Self::ContainedSession => {
                told("contained.session", Severity::High, "the session is contained", released)
            }
            Self::Suspended => told(
                "tenant.suspended",
                Severity::High,
                "the agent's tenant is suspended",
                "an operator can resume it",
            ),
            Self::PoliciesBroken => told(
                "tenant.policies_broken",
                Severity::High,
                "the tenant's policies do not load",
                "its operator has to mend them",
            ),
            Self::UnknownAgent => told(
                "agent.unknown",
                Severity::High,
                "the agent is not registered",
                "an operator can register it",
            ),
            Self::ActionType => told(
                "agent.action_type",
                Severity::High,
                "the agent is not registered for this type of action",
                "an operator can register it for more",
            ),
            Self::Target => told(
                "agent.target",
                Severity::High,
                "the agent is not registered for this target",
                "an operator can register it for more",
            ),
            Self::ApprovalDenied => told(
                "approval.denied",
                Severity::Medium,
                "a person denied this action",
                "do something else, or ask the person",
            ),
            Self::QueueFull => told(
                "approval.queue_full",
                Severity::Medium,
                "too many actions wait for a person already",
                "wait until some of them are answered",
            ),
        }
    }
}

/// What the standing has against the action, or for it.
pub fn check(state: &State) -> impl Iterator<Item = Finding> {
    let refused = state.standing.refusals.iter().map(|refusal| {
        let Told { id, severity, message, hint } = refusal.told();
        Finding::new(id, Source::Runtime, Effect::Deny, severity, message).with_hint(hint)
    });
    let approved = state.standing.approval.iter().map(|approval| {
        let message = format!("approved by a person for exactly this action (approval {approval})");
        Finding::new("approval", Source::Runtime, Effect::Allow, Severity::Info, message)
    });
    refused.chain(approved)
}

/// A person said yes: what asks for a person is answered. What denies still denies.
pub fn approve(findings: &mut [Finding], state: &State) {
    if state.standing.approval.is_some() {
        for finding in findings {
            finding.approved = finding.effect == Effect::RequireApproval;
        }
    }
}

impl Standing {
    /// Whether there is anything to record.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// The values that mattered, for the record.
    pub fn to_json(&self) -> Value {
        let mut map = Map::new();
        if let Some(approval) = &self.approval {
            map.insert("approval".into(), approval.clone().into());
        }
        if let Some(owner) = &self.owner {
            map.insert("owner".into(), owner.clone().into());
        }
        if !self.refusals.is_empty() {
            map.insert("refusals".into(), self.refusals.iter().map(|refusal| refusal.id()).collect());
        }
        Value::Object(map)
    }

    /// What [`Standing::to_json`] wrote; none if nothing writes it so.
    pub fn from_json(recorded: &Value) -> Option<Self> {
        let map = recorded.as_object()?;
        let text = |name: &str| match map.get(name) {
            None => Some(None),
            Some(Value::String(text)) => Some(Some(text.clone())),
            Some(_) => None,
        };
        let refusals = match map.get("refusals") {
            None => Vec::new(),
            Some(refusals) => refusals.as_array()?.iter().map(refusal).collect::<Option<_>>()?,
        };
        let known = ["approval", "owner", "refusals"];
        let standing = Self { owner: text("owner")?, refusals, approval: text("approval")? };
        map.keys().all(|name| known.contains(&name.as_str())).then_some(standing)
    }
}

fn refusal(word: &Value) -> Option<Refusal> {
    Refusal::ALL.into_iter().find(|refusal| word.as_str() == Some(refusal.id()))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::decision::Decision;

    fn decided(standing: Standing, effects: &[Effect]) -> Effect {
        let state = State { standing, ..State::default() };
        let finding = |effect: &Effect| Finding::new("x", Source::Policy, *effect, Severity::Low, "x");
        let mut findings: Vec<Finding> = effects.iter().map(finding).collect();
        findings.extend(check(&state));
        approve(&mut findings, &state);
        Decision::from_findings(findings, Timestamp::UNIX_EPOCH).effect
    }

    #[test]
    fn an_approval_answers_what_asks_for_a_person_and_nothing_that_denies() {
        let approved = || Standing { approval: Some("a".into()), ..Standing::default() };
        use Effect::{Allow, Deny, RequireApproval};
        assert_eq!(decided(Standing::default(), &[RequireApproval]), RequireApproval);
        assert_eq!(decided(approved(), &[RequireApproval, Allow]), Allow);
        assert_eq!(decided(approved(), &[RequireApproval, Deny]), Deny);
        let contained = Standing { refusals: vec![Refusal::ContainedAgent], ..approved() };
        assert_eq!(decided(contained, &[RequireApproval]), Deny);
    }

    #[test]
    fn every_refusal_denies_and_reads_back() {
        for refusal in Refusal::ALL {
            let standing = Standing { refusals: vec![refusal], ..Standing::default() };
            assert_eq!(decided(standing.clone(), &[Effect::Allow]), Effect::Deny);
            assert_eq!(Standing::from_json(&standing.to_json()), Some(standing));
        }
    }

    #[test]
    fn what_no_engine_writes_is_refused() {
        for wrong in [json!([]), json!({"owner": 1}), json!({"refusals": ["x"]}), json!({"more": 1})] {
            assert_eq!(Standing::from_json(&wrong), None, "{wrong}");
        }
        assert_eq!(Standing::from_json(&json!({})), Some(Standing::default()));
    }
}
