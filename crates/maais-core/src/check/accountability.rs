//! Accountability: somebody answers for every action, or it does not happen.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::decision::{Decision, Dimension, Effect, Finding, Severity, Source};
use crate::facts::Facts;
use crate::request::{ActionId, ActionRequest, AgentId};

/// Denies when nobody answers for the agent.
pub fn check(facts: &Facts<'_>, owner: Option<&str>) -> Option<Finding> {
    if owner.is_some() {
        return None;
    }
    let message = format!("nobody answers for the agent `{}`", facts.request().agent_id());
    let source = Source::Check(Dimension::Accountability);
    let finding = Finding::new("Acc.owner", source, Effect::Deny, Severity::High, message);
    Some(
        finding
            .with_hint("an operator can name its owner under `owners` in the settings")
            .with_ids(["ASI03"]),
    )
}

/// Who answers for an action, and what became of it.
#[derive(Debug, Clone, PartialEq)]
pub struct AccountabilityRecord {
    /// The action.
    pub action_id: ActionId,
    /// Who acted.
    pub agent_id: AgentId,
    /// The policy that matched, if one did.
    pub policy_id: Option<String>,
    /// Who answers for it; nobody does for some of the actions that are denied.
    pub responsibility_owner: Option<String>,
    /// Whether it was allowed.
    pub decision: bool,
    /// Why.
    pub explanation: String,
    /// When it was decided.
    pub timestamp: Timestamp,
}

impl AccountabilityRecord {
    /// Says who answers for this action.
    pub fn of(request: &ActionRequest, decision: &Decision) -> Self {
        Self {
            action_id: request.action_id().clone(),
            agent_id: request.agent_id().clone(),
            policy_id: decision.policy_id.clone(),
            responsibility_owner: decision.accountability_owner.clone(),
            decision: decision.allow(),
            explanation: decision.explanation.clone(),
            timestamp: decision.timestamp,
        }
    }

    /// Every field under its public name.
    pub fn to_json(&self) -> Map<String, Value> {
        let fields = json!({
            "action_id": self.action_id.as_str(), "agent_id": self.agent_id.as_str(), "decision": self.decision,
            "explanation": self.explanation, "policy_id": self.policy_id,
            "responsibility_owner": self.responsibility_owner, "timestamp": self.timestamp.to_string(),
        });
        match fields {
            Value::Object(map) => map,
            _ => Map::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Defaults;

    #[test]
    fn the_record_says_who_answers_and_for_what() {
        let defaults = Defaults { action_id: "a-1".into(), timestamp: Timestamp::UNIX_EPOCH };
        let request = json!({"agent_id": "a", "action_type": "tool_call", "target": "t"});
        let request = ActionRequest::from_value(request, defaults).unwrap();
        let mut decision = Decision::deny("x", "no", Timestamp::UNIX_EPOCH);
        decision.accountability_owner = Some("team".into());
        let record = AccountabilityRecord::of(&request, &decision).to_json();
        assert_eq!(record["responsibility_owner"], "team");
        assert_eq!(record["action_id"], "a-1");
        assert_eq!(record["decision"], false);
    }
}
