//! The decision: findings of policies and checks, of which the strongest wins.
//!
//! A pure function of policies, settings, facts and state. Whatever else influences a decision must come
//! in as one of these, or a replay of the log would not give the same answer.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::check;
use crate::decision::{Decision, Effect, Finding, Severity, Source};
use crate::facts::Facts;
use crate::policy::{Matched, PolicySet};
use crate::settings::Settings;

/// What the engine knows beside the action itself: plain values, taken at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct State {
    /// Limits that the action would exceed.
    pub exceeded: Vec<Exceeded>,
}

/// A limit that the action would exceed.
#[derive(Debug, Clone, PartialEq)]
pub struct Exceeded {
    /// Which.
    pub limit: Limit,
    /// Actions counted within the window.
    pub seen: u32,
    /// How many may be.
    pub max: u32,
    /// The window.
    pub window_seconds: u32,
    /// When the next one may pass, if nothing else happens.
    pub retry_after_ms: u64,
}

/// Whose limit it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// The one with that number in [`PolicySet::limits`].
    Policy(usize),
    /// The availability check's, for (agent, action type, target).
    Availability,
    /// No more agents can be counted: whoever is new is over the limit.
    Tracked,
}

impl State {
    /// Whether that limit of a policy is exceeded.
    pub fn is_over(&self, limit: usize) -> bool {
        self.exceeded.iter().any(|e| e.limit == Limit::Policy(limit) || e.limit == Limit::Tracked)
    }

    /// The values that mattered, for the record.
    pub fn to_json(&self, policies: &PolicySet) -> Value {
        let exceeded = self.exceeded.iter().map(|e| {
            let limit = match e.limit {
                Limit::Policy(number) => {
                    policies.limits().get(number).map_or("", |spec| &spec.policy_id).to_owned()
                }
                Limit::Availability => "A.rate_limit".to_owned(),
                Limit::Tracked => "A.tracked".to_owned(),
            };
            json!({
                "limit": limit, "max": e.max, "retry_after_ms": e.retry_after_ms,
                "seen": e.seen, "window_seconds": e.window_seconds,
            })
        });
        json!({ "exceeded": exceeded.collect::<Vec<_>>() })
    }
}

/// Decides one action.
pub fn decide(
    policies: &PolicySet,
    settings: &Settings,
    facts: &Facts<'_>,
    state: &State,
    now: Timestamp,
) -> Decision {
    let matched = policies.first_match(facts, &|limit| state.is_over(limit));
    let owner = settings.owner_of(facts.request().agent_id().as_str());
    let mut findings = vec![policy_finding(matched, settings)];
    findings.extend(check::confidentiality::check(facts, settings));
    findings.extend(check::integrity::check(facts, settings));
    findings.extend(check::availability::check(state));
    findings.extend(check::accountability::check(facts, owner));
    waive(&mut findings, matched);

    let mut decision = Decision::from_findings(findings, now);
    decision.policy_id = matched.map(|matched| matched.rule.id.to_string());
    decision.accountability_owner = owner.map(str::to_owned);
    decision
}

fn policy_finding(matched: Option<Matched<'_>>, settings: &Settings) -> Finding {
    let Some(Matched { rule, certain }) = matched else {
        let message = "no policy matches this action";
        let hint = "an operator can add a policy that allows it";
        return Finding::new(
            "policy.default",
            Source::Policy,
            settings.default_decision,
            Severity::Medium,
            message,
        )
        .with_hint(hint);
    };
    let mut message = rule.reason.clone();
    if !certain {
        message.push_str(" (part of the action cannot be understood for certain, and this rule restricts)");
    }
    Finding::new(rule.id.to_string(), Source::Policy, rule.effect, rule.severity, message).with_ids(&rule.ids)
}

/// What a person wrote for exactly this action: named checks are recorded, and do not count.
fn waive(findings: &mut [Finding], matched: Option<Matched<'_>>) {
    let waives = match matched {
        Some(matched) if matched.certain && matched.rule.effect == Effect::Allow => &matched.rule.waives,
        _ => return,
    };
    for finding in findings {
        if let Source::Check(dimension) = finding.source {
            finding.waived = waives.contains(&dimension);
        }
    }
}
