//! Settings about agents and people: who is unknown, when an agent is quarantined, how approvals and permits
//! are given.
//!
//! Whom they concern is in the registry, which is the engine's.

use std::time::Duration;

use super::duration;
use crate::document::{Node, Reader};

/// The longest that an approval may be waited for.
const MONTH: Duration = Duration::from_secs(31 * 24 * 3600);

/// Which agents may act at all, and when one is contained without a person.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Agents {
    /// Agents that are registered nowhere are denied; else they belong to the tenant `default`.
    pub deny_unknown: bool,
    /// When an agent is contained at once.
    pub quarantine: Quarantine,
}

/// When an agent is contained at once, until a person releases it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Quarantine {
    /// So many denials within that time.
    pub burst: Option<(u32, Duration)>,
    /// A critical finding that denied its action.
    pub on_critical: bool,
}

/// How people approve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approvals {
    /// How many people have to approve.
    pub quorum: u32,
    /// How long a request may be answered, and an approval be used.
    pub valid: Duration,
}

/// Whether allowed actions carry a permit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Permits {
    /// For how long one is valid. None: there are no permits.
    pub valid: Option<Duration>,
}

impl Default for Approvals {
    fn default() -> Self {
        Self { quorum: 1, valid: Duration::from_secs(3600) }
    }
}

pub(super) fn agents(reader: &mut Reader<'_>, node: &Node, agents: &mut Agents) {
    let Some(fields) = reader.map(node, "agents", &["unknown", "quarantine"]) else { return };
    if let Some(node) = fields.field("unknown") {
        match reader.text(node, "unknown").as_deref() {
            Some("default") => agents.deny_unknown = false,
            Some("deny") => agents.deny_unknown = true,
            Some(other) => {
                let help = "`default`: they belong to the tenant `default`; or `deny`".to_owned();
                let message = format!("`unknown` cannot be `{other}`");
                reader.error(&node.span, message, "not that", Some(help));
            }
            None => {}
        }
    }
    if let Some(node) = fields.field("quarantine") {
        quarantine(reader, node, &mut agents.quarantine);
    }
}

fn quarantine(reader: &mut Reader<'_>, node: &Node, quarantine: &mut Quarantine) {
    let Some(fields) = reader.map(node, "quarantine", &["denials", "within", "critical"]) else { return };
    let denials = fields.field("denials").and_then(|node| reader.int(node, "denials", 1..=100));
    let range = Duration::from_millis(1)..=Duration::from_secs(24 * 3600);
    let within = fields.field("within").and_then(|node| duration(reader, node, "within", &range));
    match (denials, within) {
        (None, None) => {}
        (Some(denials), within) => {
            let within = within.unwrap_or(Duration::from_secs(60));
            quarantine.burst = u32::try_from(denials).ok().map(|denials| (denials, within));
        }
        (None, Some(_)) => {
            let help = "say how many: `denials: 20`".to_owned();
            reader.error(&node.span, "`within` belongs to `denials`", "without a number", Some(help));
        }
    }
    if let Some(critical) = fields.field("critical").and_then(|node| reader.bool(node, "critical")) {
        quarantine.on_critical = critical;
    }
}

pub(super) fn approvals(reader: &mut Reader<'_>, node: &Node, approvals: &mut Approvals) {
    let Some(fields) = reader.map(node, "approvals", &["quorum", "valid"]) else { return };
    let quorum = fields.field("quorum").and_then(|node| reader.int(node, "quorum", 1..=20));
    approvals.quorum = quorum.and_then(|quorum| u32::try_from(quorum).ok()).unwrap_or(approvals.quorum);
    let range = Duration::from_secs(1)..=MONTH;
    let valid = fields.field("valid").and_then(|node| duration(reader, node, "valid", &range));
    approvals.valid = valid.unwrap_or(approvals.valid);
}

pub(super) fn permits(reader: &mut Reader<'_>, node: &Node, permits: &mut Permits) {
    let Some(fields) = reader.map(node, "permits", &["valid"]) else { return };
    let range = Duration::from_secs(1)..=Duration::from_secs(24 * 3600);
    permits.valid = fields.field("valid").and_then(|node| duration(reader, node, "valid", &range));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Source;
    use crate::settings::{Settings, parse};

    fn read(text: &str) -> Option<Settings> {
        parse(&Source::new("maais.yaml", text)).ok().map(|loaded| loaded.settings)
    }

    #[test]
    fn nobody_is_quarantined_unless_somebody_wrote_so() {
        let settings = read("").unwrap();
        assert_eq!(settings.agents, Agents::default());
        assert_eq!(settings.permits.valid, None);
    }

    #[test]
    fn what_is_written_counts() {
        let text = "agents: {unknown: deny, quarantine: {denials: 20, within: 30s, critical: true}}\n\
            approvals: {quorum: 2, valid: 2d}\npermits: {valid: 30s}";
        let settings = read(text).unwrap();
        assert!(settings.agents.deny_unknown && settings.agents.quarantine.on_critical);
        assert_eq!(settings.agents.quarantine.burst, Some((20, Duration::from_secs(30))));
        assert_eq!(settings.approvals, Approvals { quorum: 2, valid: Duration::from_secs(2 * 24 * 3600) });
        assert_eq!(settings.permits.valid, Some(Duration::from_secs(30)));
    }

    #[test]
    fn what_makes_no_sense_is_an_error() {
        for wrong in [
            "agents: {unknown: allow}",
            "agents: {quarantine: {within: 1m}}",
            "agents: {quarantine: {denials: 0}}",
            "agents: {quarantine: {denials: 101}}",
            "approvals: {quorum: 0}",
            "approvals: {valid: 0s}",
            "permits: {valid: 2d}",
            "permits: {ttl: 30s}",
        ] {
            assert!(read(wrong).is_none(), "{wrong}");
        }
    }
}
