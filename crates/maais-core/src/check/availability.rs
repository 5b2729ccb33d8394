//! Availability: no agent uses up what others need.
//!
//! Counting is the engine's; here is what follows from the count.

use crate::decision::{Dimension, Effect, Finding, Severity, Source};
use crate::state::{Exceeded, Limit, State};

/// Denies when the action's own limit, or the number of agents that can be counted, is exceeded.
pub fn check(state: &State) -> Vec<Finding> {
    state.exceeded.iter().filter_map(finding).collect()
}

fn finding(exceeded: &Exceeded) -> Option<Finding> {
    let source = Source::Check(Dimension::Availability);
    let finding = match exceeded.limit {
        Limit::Policy(_) => return None, // the policy itself says what follows
        Limit::Availability => {
            let (max, window_seconds) = (exceeded.max / 1_000, exceeded.window_seconds);
            let message = format!("more than {max} actions of this kind in {window_seconds} seconds");
            Finding::new("A.rate_limit", source, Effect::Deny, Severity::Medium, message)
        }
        Limit::Tracked => {
            let message = format!("more than {} agents and targets are being counted", exceeded.max / 1_000);
            Finding::new("A.tracked", source, Effect::Deny, Severity::High, message)
        }
    };
    let seconds = exceeded.retry_after_ms.div_ceil(1000);
    Some(finding.with_hint(format!("retry after {seconds} s")).with_ids(["LLM10"]))
}
