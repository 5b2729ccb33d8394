//! Accountability: somebody answers for every action, or it does not happen.

use crate::decision::{Dimension, Effect, Finding, Severity, Source};
use crate::facts::Facts;

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
