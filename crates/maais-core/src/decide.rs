//! The decision: findings of policies and checks, of which the strongest wins.
//!
//! A pure function of policies, settings, facts and state. Whatever else influences a decision must come
//! in as one of these, or a replay of the log would not give the same answer.

use crate::check;
use crate::decision::{Decision, Effect, Finding, Severity, Source};
use crate::facts::Facts;
use crate::policy::{Evaluation, Matched, PolicySet};
use crate::settings::Settings;
use crate::standing;
use crate::state::State;

/// Decides one action.
pub fn decide(policies: &PolicySet, settings: &Settings, facts: &Facts<'_>, state: &State) -> Decision {
    let Evaluation { matched, shadows } = policies.evaluate(facts, state);
    let registered = state.standing.owner.as_deref();
    let owner = registered.or_else(|| settings.owner_of(facts.request().agent_id().as_str()));
    let mut findings = vec![policy_finding(matched, policies, settings)];
    findings.extend(shadows.into_iter().map(shadow_finding));
    findings.extend(check::confidentiality::check(facts, settings));
    findings.extend(check::integrity::check(facts, settings));
    findings.extend(check::flow::check(facts, settings, state));
    findings.extend(check::availability::check(state));
    findings.extend(check::accountability::check(facts, owner));
    findings.extend(standing::check(state));
    waive(&mut findings, matched);
    standing::approve(&mut findings, state);

    let mut decision = Decision::from_findings(findings, state.now);
    decision.policy_id = matched.map(|matched| matched.rule.id.to_string());
    decision.accountability_owner = owner.map(str::to_owned);
    if let Some(approvers) = matched.map(|matched| &matched.rule.approvers)
        && decision.effect == Effect::RequireApproval
        && !approvers.is_empty()
    {
        decision.metadata.insert("approvers".into(), approvers.clone().into());
    }
    decision
}

fn policy_finding(matched: Option<Matched<'_>>, policies: &PolicySet, settings: &Settings) -> Finding {
    let Some(matched) = matched else {
        let message = "no policy matches this action";
        let hint = "an operator can add a policy that allows it";
        // The strictest of what policies and settings say; silence denies.
        let effect = policies.default_decision().max(settings.default_decision).unwrap_or(Effect::Deny);
        return Finding::new("policy.default", Source::Policy, effect, Severity::Medium, message)
            .with_hint(hint);
    };
    rule_finding(matched)
}

/// What a rule in shadow mode would have said: it is recorded, and does not count.
fn shadow_finding(matched: Matched<'_>) -> Finding {
    Finding { shadow: true, ..rule_finding(matched) }
}

fn rule_finding(Matched { rule, certain }: Matched<'_>) -> Finding {
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
