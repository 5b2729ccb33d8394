//! RFC 5424, each message framed by its length in bytes (RFC 6587, 3.4.1), as TCP and TLS receivers expect.
//!
//! In values `"`, `\` and `]` are escaped; control characters do not pass, so that a receiver that looks for
//! line ends finds none.

use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;

use super::Anchor;
use super::plain::{self, short};
use crate::record::Event;

/// "Log audit".
const FACILITY: u8 = 13;
const WARNING: u8 = 4;
const NOTICE: u8 = 5;
const INFORMATIONAL: u8 = 6;

/// The name of our data. 32473 is the number that RFC 5612 keeps for documentation: we have none of our own.
const DATA: &str = "maais@32473";

/// The longest that RFC 5424 allows for HOSTNAME.
const HOST_MAX: usize = 255;

/// The fraction of a second may have six digits.
static TIME: DateTimePrinter = DateTimePrinter::new().precision(Some(6));

/// One record.
pub(super) fn event(event: &Event<'_>, out: &mut String) {
    let severity = match event.effect.as_ref() {
        "DENY" => WARNING,
        "REQUIRE_APPROVAL" => NOTICE,
        _ => INFORMATIONAL,
    };
    let mut message = header(severity, Some(event.time), &event.origin, event.kind.name());
    let (index, leaf, attacks) = (event.index.to_string(), event.leaf.to_string(), event.attacks.join(" "));
    data(
        &[
            ("log", &event.origin),
            ("index", &index),
            ("leaf", &leaf),
            ("tenant", &event.tenant),
            ("session", &event.session),
            ("agent", &event.agent),
            ("actionId", &event.action_id),
            ("actionType", &event.action_type),
            ("target", &event.target),
            ("decision", &event.effect),
            ("policy", &event.policy),
            ("severity", event.severity),
            ("attacks", &attacks),
        ],
        &mut message,
    );
    text(&event.reason, &mut message);
    frame(&message, out);
}

/// A log's newest checkpoint; its line ends are written as `\n`.
pub(super) fn checkpoint(anchor: &Anchor, out: &mut String) {
    let mut message = header(NOTICE, None, &anchor.origin, "checkpoint");
    data(&[("log", &anchor.origin), ("size", &anchor.size.to_string())], &mut message);
    text(&anchor.note.replace('\n', "\\n"), &mut message);
    frame(&message, out);
}

fn header(severity: u8, time: Option<Timestamp>, host: &str, kind: &str) -> String {
    let time = time.map(|time| TIME.timestamp_to_string(&time)).filter(|time| !time.starts_with(['-', '+']));
    let host: String =
        short(host, HOST_MAX).chars().map(|c| if c.is_ascii_graphic() { c } else { '?' }).collect();
    let host = if host.is_empty() { "-" } else { &host };
    format!("<{}>1 {} {host} maais - {kind} ", FACILITY * 8 + severity, time.as_deref().unwrap_or("-"))
}

/// Values that are empty are left out.
fn data(values: &[(&str, &str)], out: &mut String) {
    out.push('[');
    out.push_str(DATA);
    for (name, value) in values.iter().filter(|(_, value)| !value.is_empty()) {
        // Writing to a string cannot fail.
        let _ = write!(out, " {name}=\"");
        plain::put(value, &['"', '\\', ']'], out);
        out.push('"');
    }
    out.push(']');
}

/// UTF-8 begins with its mark.
fn text(text: &str, out: &mut String) {
    if !text.is_empty() {
        out.push_str(" \u{feff}");
        plain::put(text, &[], out);
    }
}

fn frame(message: &str, out: &mut String) {
    let _ = write!(out, "{} {message}", message.len());
}
