//! Common Event Format, an event a line.
//!
//! In the header `\` and `|` are escaped, in the extension `\`, `=` and line ends; other control characters do
//! not pass. Names of our own begin with `maais`.

use std::fmt::Write as _;

use super::Anchor;
use super::plain::{self, short};
use crate::record::Event;

/// The longest that CEF allows for `msg`.
const MESSAGE_MAX: usize = 1023;
/// The longest that CEF allows for a header field, and for names.
const NAME_MAX: usize = 512;

/// One record.
pub(super) fn event(event: &Event<'_>, out: &mut String) {
    let name = match event.effect.as_ref() {
        "ALLOW" => "action allowed",
        "DENY" => "action denied",
        "REQUIRE_APPROVAL" => "action needs approval",
        _ => event.kind.name(),
    };
    let signature = if event.policy.is_empty() { event.kind.name() } else { &event.policy };
    header(signature, name, severity(event), out);
    pair("rt", &event.time.as_millisecond().to_string(), out);
    pair("externalId", &event.id(), out);
    pair("cat", event.kind.name(), out);
    pair("suser", short(&event.agent, NAME_MAX), out);
    pair("act", &event.effect, out);
    pair("destinationServiceName", short(&event.target, NAME_MAX), out);
    pair("msg", short(&event.reason, MESSAGE_MAX), out);
    pair("maaisLog", &event.origin, out);
    pair("maaisIndex", &event.index.to_string(), out);
    pair("maaisLeaf", &event.leaf.to_string(), out);
    pair("maaisTenant", &event.tenant, out);
    pair("maaisSession", &event.session, out);
    pair("maaisActionId", &event.action_id, out);
    pair("maaisActionType", &event.action_type, out);
    pair("maaisAttacks", &event.attacks.join(" "), out);
    end(out);
}

/// A log's newest checkpoint.
pub(super) fn checkpoint(anchor: &Anchor, out: &mut String) {
    header("checkpoint", "log checkpoint", 0, out);
    pair("externalId", &format!("{}#checkpoint-{}", anchor.origin, anchor.size), out);
    pair("cat", "checkpoint", out);
    pair("maaisLog", &anchor.origin, out);
    pair("maaisIndex", &anchor.size.to_string(), out);
    pair("msg", &anchor.note, out);
    end(out);
}

fn severity(event: &Event<'_>) -> u8 {
    match (event.effect.as_ref(), event.severity) {
        ("DENY", "critical") => 10,
        ("DENY", "high") => 8,
        ("DENY", "low") => 4,
        ("DENY", _) => 6,
        ("REQUIRE_APPROVAL", _) => 4,
        ("ALLOW", _) => 1,
        _ => 2,
    }
}

fn header(signature: &str, name: &str, severity: u8, out: &mut String) {
    out.push_str("CEF:0|MAAIS|MAAIS-Runtime|");
    out.push_str(env!("CARGO_PKG_VERSION"));
    for field in [signature, name] {
        out.push('|');
        plain::put(short(field, NAME_MAX), &['\\', '|'], out);
    }
    // Writing to a string cannot fail.
    let _ = write!(out, "|{severity}|");
}

/// Values that are empty are left out.
fn pair(key: &str, value: &str, out: &mut String) {
    if value.is_empty() {
        return;
    }
    out.push_str(key);
    out.push('=');
    let mut lines = value.split('\n');
    plain::put(lines.next().unwrap_or_default(), &['\\', '='], out);
    for line in lines {
        out.push_str("\\n");
        plain::put(line, &['\\', '='], out);
    }
    out.push(' ');
}

fn end(out: &mut String) {
    out.truncate(out.trim_end_matches(' ').len());
    out.push('\n');
}
