//! Confidentiality: sensitive data does not leave, data does not leave for hosts that nobody named, and
//! places where secrets are kept are not read.
//!
//! A violation is data *on its way out*. A word like `password` in a parameter is none.

use crate::decision::{Dimension, Effect, Finding, Severity, Source};
use crate::detect::Class;
use crate::facts::{Facts, SensitiveFact, UrlFact, is_strong};
use crate::request::ActionType;
use crate::settings::Settings;
use crate::view::path::{self, PathOutcome};
use crate::view::url::{self, UrlOutcome};

const SOURCE: Source = Source::Check(Dimension::Confidentiality);

/// Names under which tools take what they send.
const PAYLOADS: [&str; 12] = [
    "data",
    "body",
    "json",
    "payload",
    "content",
    "files",
    "file",
    "form",
    "message",
    "text",
    "attachments",
    "records",
];
/// HTTP methods that send something (RFC 9110, section 9.3, and RFC 5789).
const SENDING_METHODS: [&str; 3] = ["POST", "PUT", "PATCH"];
/// Names under which tools take who receives.
const RECIPIENTS: [&str; 8] = ["to", "cc", "bcc", "recipient", "recipients", "email", "to_email", "email_to"];

/// What is on its way out, and what is read that should not be.
pub fn check(facts: &Facts<'_>, settings: &Settings) -> Vec<Finding> {
    let destination = destination(facts, settings);
    let mut findings = Vec::new();
    findings.extend(sensitive_data(facts, destination.as_deref()));
    findings.extend(external_destination(facts, settings));
    findings.extend(secret_places(facts));
    findings
}

/// Where the action sends something outside, in words.
fn destination(facts: &Facts<'_>, settings: &Settings) -> Option<String> {
    let kind = facts.request().action_type();
    if !matches!(kind, ActionType::ToolCall | ActionType::ApiCall | ActionType::NetworkRequest) {
        return None;
    }
    if let Some(host) = facts.urls().iter().find_map(|fact| external_host(fact, settings)) {
        return Some(host);
    }
    let recipient = facts.leaves().iter().find(|leaf| {
        RECIPIENTS.contains(&leaf.name.to_ascii_lowercase().as_str()) && leaf.text.contains('@')
    });
    if recipient.is_some() {
        return Some("a mail recipient".to_owned());
    }
    let goes_out =
        matches!(kind, ActionType::ApiCall | ActionType::NetworkRequest) && facts.urls().is_empty();
    goes_out.then(|| "a destination that the action does not name".to_owned())
}

/// The host of a URL that leads outside, unless the settings allow it.
fn external_host(fact: &UrlFact, settings: &Settings) -> Option<String> {
    match &fact.outcome {
        UrlOutcome::Unparseable(why) => Some(format!("a URL that cannot be understood ({why})")),
        UrlOutcome::Parsed(view) if view.class != url::Class::Public => None,
        UrlOutcome::Parsed(view) => {
            let allowed = settings.confidentiality.allowed_hosts.iter().any(|glob| glob.matches(&view.host));
            (!allowed).then(|| format!("the external host `{}`", view.host))
        }
    }
}

fn sensitive_data(facts: &Facts<'_>, destination: Option<&str>) -> Option<Finding> {
    let strong: Vec<&SensitiveFact> =
        facts.sensitive().iter().filter(|fact| fact.hits.iter().any(|hit| is_strong(hit.kind))).collect();
    let first = strong.first()?;
    let what = describe(&strong);
    let Some(destination) = destination else {
        let message = format!("{what} at {}; the log keeps it sealed", first.place);
        return Some(Finding::new("C.sensitive_data", SOURCE, Effect::Allow, Severity::Info, message));
    };
    let credential =
        strong.iter().flat_map(|fact| fact.hits.iter()).any(|hit| hit.kind.class() == Class::Credential);
    let severity = if credential { Severity::Critical } else { Severity::High };
    let message = format!("{what} at {} would leave for {destination}", first.place);
    let finding = Finding::new("C.sensitive_data", SOURCE, Effect::Deny, severity, message);
    Some(finding.with_hint("send it without the sensitive values").with_ids(["AML.T0024", "LLM02"]))
}

/// The kinds that were found, without their text.
fn describe(facts: &[&SensitiveFact]) -> String {
    let mut kinds: Vec<&str> = facts
        .iter()
        .flat_map(|fact| fact.hits.iter())
        .filter(|hit| is_strong(hit.kind))
        .map(|hit| hit.kind.as_str())
        .collect();
    kinds.sort_unstable();
    kinds.dedup();
    format!("sensitive data ({})", kinds.join(", "))
}

/// Data that leaves for a host that nobody named.
fn external_destination(facts: &Facts<'_>, settings: &Settings) -> Option<Finding> {
    let kind = facts.request().action_type();
    if !matches!(kind, ActionType::ToolCall | ActionType::ApiCall | ActionType::NetworkRequest)
        || !sends(facts)
    {
        return None;
    }
    let host = facts.urls().iter().find_map(|fact| external_host(fact, settings))?;
    let message = format!("data would leave for {host}");
    let finding = Finding::new("C.external_destination", SOURCE, Effect::Deny, Severity::High, message);
    Some(
        finding
            .with_hint("an operator can add the host to `confidentiality.allowed_hosts`")
            .with_ids(["AML.T0024", "T1567"]),
    )
}

/// Whether the action carries something out, rather than fetching.
fn sends(facts: &Facts<'_>) -> bool {
    facts.request().parameters().iter().any(|(name, value)| {
        let name = name.to_ascii_lowercase();
        let method = || value.as_str().map(str::to_ascii_uppercase);
        match name.as_str() {
            "method" | "http_method" => {
                method().is_some_and(|method| SENDING_METHODS.contains(&method.as_str()))
            }
            _ => PAYLOADS.contains(&name.as_str()) && !is_empty(value),
        }
    })
}

fn is_empty(value: &serde_json::Value) -> bool {
    match value {
        serde_json::Value::Null => true,
        serde_json::Value::String(text) => text.is_empty(),
        serde_json::Value::Array(items) => items.is_empty(),
        serde_json::Value::Object(map) => map.is_empty(),
        _ => false,
    }
}

fn secret_places(facts: &Facts<'_>) -> Option<Finding> {
    let (fact, place) = facts.paths().iter().find_map(|fact| match &fact.outcome {
        PathOutcome::Path(view) => path::secret_place(view).map(|place| (view, place)),
        PathOutcome::Unparseable(_) => None,
    })?;
    let message = format!("`{}` is a place where secrets are kept ({place})", fact.text);
    let finding = Finding::new("C.secret_place", SOURCE, Effect::Deny, Severity::High, message);
    Some(finding.with_ids(["T1552", "LLM02"]))
}
