//! What was decided and why: effects and their order, findings, the decision.
//!
//! It holds results; `decide` makes them.

use std::borrow::Cow;
use std::fmt;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// What becomes of an action. Declared from weakest to strongest: `max` is the winner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// The action may run.
    Allow,
    /// The action may run only after a person said yes.
    RequireApproval,
    /// The action may not run.
    Deny,
}

impl Effect {
    /// Every effect, from weakest to strongest.
    pub const ALL: [Self; 3] = [Self::Allow, Self::RequireApproval, Self::Deny];

    /// The name in policies, JSON and the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "ALLOW",
            Self::RequireApproval => "REQUIRE_APPROVAL",
            Self::Deny => "DENY",
        }
    }

    /// The effect of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|effect| effect.as_str() == name)
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How bad a finding is, in the words of CVSS's qualitative scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth a line, nothing more.
    Info,
    /// Low.
    Low,
    /// Medium.
    Medium,
    /// High.
    High,
    /// Critical.
    Critical,
}

impl Severity {
    /// Every severity, from mildest to worst.
    pub const ALL: [Self; 5] = [Self::Info, Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The name in policies, JSON and the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// The severity of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|severity| severity.as_str() == name)
    }
}

/// The dimensions that are checked beside the policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dimension {
    /// Sensitive data stays where it may be.
    Confidentiality,
    /// Critical places and systems stay as they are.
    Integrity,
    /// Nobody uses up what others need.
    Availability,
    /// Somebody answers for the action.
    Accountability,
}

impl Dimension {
    /// Every dimension, in the order of CIAA.
    pub const ALL: [Self; 4] =
        [Self::Confidentiality, Self::Integrity, Self::Availability, Self::Accountability];

    /// `C`, `I`, `A` or `Acc`: the key in `ciaa_violations` and in `waives`.
    pub fn key(self) -> &'static str {
        match self {
            Self::Confidentiality => "C",
            Self::Integrity => "I",
            Self::Availability => "A",
            Self::Accountability => "Acc",
        }
    }

    /// The dimension with that key.
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dimension| dimension.key() == key)
    }
}

/// Who found it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// A policy matched, or none did.
    Policy,
    /// A CIAA check.
    Check(Dimension),
    /// The engine itself: a request that cannot be read, a log that cannot be written.
    Runtime,
}

impl Source {
    /// `policy`, `C`, `I`, `A`, `Acc` or `runtime`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::Check(dimension) => dimension.key(),
            Self::Runtime => "runtime",
        }
    }
}

/// One reason for a decision.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// Stable id: the policy's id, or the check's (`C.sensitive_data`).
    pub id: Cow<'static, str>,
    /// Who found it.
    pub source: Source,
    /// What it alone would lead to.
    pub effect: Effect,
    /// How bad it is.
    pub severity: Severity,
    /// What was found, for the model and the developer. Never holds a secret's text.
    pub message: String,
    /// What would be allowed instead.
    pub hint: Option<String>,
    /// MITRE ATT&CK, ATLAS and OWASP ids.
    pub ids: Vec<String>,
    /// A policy waived it for what it matched: it is recorded, and does not count.
    pub waived: bool,
    /// It comes from a rule in shadow mode: it is recorded, and does not count.
    pub shadow: bool,
    /// It asks for a person, who said yes: it is recorded, and does not count.
    pub approved: bool,
}

impl Finding {
    /// A finding with no ids and no hint.
    pub fn new(
        id: impl Into<Cow<'static, str>>,
        source: Source,
        effect: Effect,
        severity: Severity,
        message: impl Into<String>,
    ) -> Self {
        Self {
            id: id.into(),
            source,
            effect,
            severity,
            message: message.into(),
            hint: None,
            ids: Vec::new(),
            waived: false,
            shadow: false,
            approved: false,
        }
    }

    /// The same, with what would be allowed instead.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same, with ids of public catalogues.
    #[must_use]
    pub fn with_ids<S: Into<String>>(mut self, ids: impl IntoIterator<Item = S>) -> Self {
        self.ids.extend(ids.into_iter().map(Into::into));
        self
    }

    /// The effect that counts.
    pub fn counted_effect(&self) -> Effect {
        if self.waived || self.shadow || self.approved { Effect::Allow } else { self.effect }
    }

    /// As it stands in the log and in `Decision.metadata`.
    pub fn to_json(&self) -> Value {
        let mut map = Map::new();
        if self.approved {
            map.insert("approved".into(), true.into());
        }
        map.insert("effect".into(), self.effect.as_str().into());
        if let Some(hint) = &self.hint {
            map.insert("hint".into(), hint.clone().into());
        }
        map.insert("id".into(), self.id.clone().into());
        if !self.ids.is_empty() {
            map.insert("ids".into(), self.ids.clone().into());
        }
        map.insert("message".into(), self.message.clone().into());
        map.insert("severity".into(), self.severity.as_str().into());
        map.insert("source".into(), self.source.as_str().into());
        if self.shadow {
            map.insert("shadow".into(), true.into());
        }
        if self.waived {
            map.insert("waived".into(), true.into());
        }
        Value::Object(map)
    }
}

/// The answer to one action.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// What becomes of the action.
    pub effect: Effect,
    /// The policy that matched, if one did.
    pub policy_id: Option<String>,
    /// What was decided and why, for the model and the developer.
    pub explanation: String,
    /// Everything that was found, the strongest first.
    pub findings: Vec<Finding>,
    /// Who answers for the action.
    pub accountability_owner: Option<String>,
    /// When it was decided.
    pub timestamp: Timestamp,
    /// What surrounds the decision: tenant, snapshot digest, receipt, latency, degradations.
    pub metadata: Map<String, Value>,
}

impl Decision {
    /// The decision that follows from findings: the strongest wins, silence denies.
    pub fn from_findings(mut findings: Vec<Finding>, timestamp: Timestamp) -> Self {
        let effect = findings.iter().map(Finding::counted_effect).max().unwrap_or(Effect::Deny);
        findings.sort_by_key(|f| (std::cmp::Reverse(f.counted_effect()), std::cmp::Reverse(f.severity)));
        let explanation = explain(effect, &findings);
        Self {
            effect,
            policy_id: None,
            explanation,
            findings,
            accountability_owner: None,
            timestamp,
            metadata: Map::new(),
        }
    }

    /// A denial by the engine itself.
    pub fn deny(id: &'static str, message: impl Into<String>, timestamp: Timestamp) -> Self {
        let finding = Finding::new(id, Source::Runtime, Effect::Deny, Severity::High, message);
        Self::from_findings(vec![finding], timestamp)
    }

    /// True only for [`Effect::Allow`].
    pub fn allow(&self) -> bool {
        self.effect == Effect::Allow
    }

    /// What each dimension has against the action, keyed `C`, `I`, `A`, `Acc`.
    pub fn ciaa_violations(&self) -> Map<String, Value> {
        let mut map = Map::new();
        for finding in &self.findings {
            let Source::Check(dimension) = finding.source else {
                continue;
            };
            if finding.counted_effect() == Effect::Allow {
                continue;
            }
            let entry = map.entry(dimension.key()).or_insert_with(|| Value::String(String::new()));
            if let Value::String(text) = entry {
                if !text.is_empty() {
                    text.push_str("; ");
                }
                text.push_str(&finding.message);
            }
        }
        map
    }

    /// Every field under its public name.
    pub fn to_json(&self) -> Map<String, Value> {
        let mut map = Map::new();
        map.insert("accountability_owner".into(), json!(self.accountability_owner));
        map.insert("allow".into(), self.allow().into());
        map.insert("ciaa_violations".into(), Value::Object(self.ciaa_violations()));
        map.insert("effect".into(), self.effect.as_str().into());
        map.insert("explanation".into(), self.explanation.clone().into());
        let mut metadata = self.metadata.clone();
        metadata.insert("findings".into(), self.findings.iter().map(Finding::to_json).collect());
        map.insert("metadata".into(), Value::Object(metadata));
        map.insert("policy_id".into(), json!(self.policy_id));
        map.insert("timestamp".into(), self.timestamp.to_string().into());
        map
    }
}

/// Reasons named in an explanation: more would not be read.
const REASONS_MAX: usize = 3;

fn explain(effect: Effect, findings: &[Finding]) -> String {
    let verb = match effect {
        Effect::Allow => "allowed",
        Effect::RequireApproval => "needs a person's approval",
        Effect::Deny => "denied",
    };
    let mut text = String::from(verb);
    let deciding =
        findings.iter().filter(|f| f.counted_effect() == effect && !f.waived && !f.shadow && !f.approved);
    for (i, finding) in deciding.take(REASONS_MAX).enumerate() {
        text.push_str(if i == 0 { ": " } else { "; also: " });
        text.push_str(&finding.message);
        text.push_str(&format!(" [{}]", finding.id));
        if let Some(hint) = &finding.hint {
            text.push_str(" (");
            text.push_str(hint);
            text.push(')');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn finding(effect: Effect, waived: bool) -> Finding {
        let source = Source::Check(Dimension::Integrity);
        Finding { waived, ..Finding::new("I.test", source, effect, Severity::Low, "a test") }
    }

    #[test]
    fn silence_denies() {
        assert_eq!(Decision::from_findings(vec![], Timestamp::UNIX_EPOCH).effect, Effect::Deny);
    }

    #[test]
    fn allow_is_true_only_for_allow() {
        for effect in Effect::ALL {
            let decision = Decision::from_findings(vec![finding(effect, false)], Timestamp::UNIX_EPOCH);
            assert_eq!(decision.allow(), effect == Effect::Allow);
        }
    }

    proptest! {
        #[test]
        fn a_further_finding_never_weakens_the_decision(
            effects in proptest::collection::vec((0usize..3, any::<bool>()), 1..6), more in 0usize..3
        ) {
            let findings: Vec<_> = effects.iter().map(|(e, w)| finding(Effect::ALL[*e], *w)).collect();
            let before = Decision::from_findings(findings.clone(), Timestamp::UNIX_EPOCH).effect;
            let mut further = findings;
            further.push(finding(Effect::ALL[more], false));
            let after = Decision::from_findings(further, Timestamp::UNIX_EPOCH).effect;
            prop_assert!(after >= before);
        }
    }
}
