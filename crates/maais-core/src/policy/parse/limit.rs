//! Limits: how much within a time, and what one action spends.

use std::ops::Range;

use super::super::model::{Cost, Limit, LimitKey};
use super::super::quantity::Unit;
use super::test::quantity;
use crate::document::{Node, Reader, Yaml, listed};
use crate::suggest::did_you_mean;

const RATE_LIMIT_FIELDS: [&str; 3] = ["max_per_minute", "window_seconds", "key"];
const LIMIT_FIELDS: [&str; 4] = ["max", "within", "key", "cost"];
/// The longest window.
const WINDOW_SECONDS_MAX: u64 = 86_400;

/// `limit`: so much within any window.
pub(super) fn limit(reader: &mut Reader<'_>, node: &Node) -> Option<Limit> {
    let fields = reader.map(node, "limit", &LIMIT_FIELDS)?;
    for name in ["max", "within"] {
        if fields.field(name).is_none() {
            reader.error(&node.span, format!("`limit` needs `{name}`"), "in this one", None);
            return None;
        }
    }
    let max_node = fields.field("max")?;
    let max = thousandths(reader, max_node, "max")?;
    let window_seconds = seconds(reader, fields.field("within")?, "within")?;
    let key = match fields.field("key") {
        Some(node) => limit_key(reader, node)?,
        None => LimitKey::default(),
    };
    let cost = match fields.field("cost") {
        Some(node) => cost(reader, node)?,
        None => Cost::ONE,
    };
    Some(Limit { max, window_seconds, key, cost })
}

fn thousandths(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<u64> {
    let value = quantity(reader, node, name)?.thousandths();
    if value.is_none() {
        let message = format!("`{name}` cannot be counted");
        reader.error(&node.span, message, "negative or too large", None);
    }
    value
}

/// A duration of whole seconds, from one second to a day.
fn seconds(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<u32> {
    let found = quantity(reader, node, name)?;
    let millis = found.millis().unwrap_or(0);
    let fits = millis % 1_000 == 0 && (1..=WINDOW_SECONDS_MAX).contains(&(millis / 1_000));
    if !fits || found.unit != Unit::Seconds {
        let help = "a duration of whole seconds with its unit, from `1s` to `24h`".to_owned();
        reader.error(&node.span, format!("`{name}` is no window"), "here", Some(help));
        return None;
    }
    u32::try_from(millis / 1_000).ok()
}

/// A number, or the parameter that holds it.
fn cost(reader: &mut Reader<'_>, node: &Node) -> Option<Cost> {
    if let Yaml::Text(text) = &node.value
        && let Some(path) = text.strip_prefix("parameters.")
    {
        let path: Vec<String> = path.split('.').map(str::to_owned).collect();
        if path.iter().any(|part| part.is_empty() || part == "*") {
            reader.error(&node.span, "this names no parameter", "here", None);
            return None;
        }
        return Some(Cost::Parameter(path));
    }
    if matches!(node.value, Yaml::Text(_))
        && quantity(&mut Reader::new(reader.source()), node, "cost").is_none()
    {
        let help = "a number, or `parameters.<name>`".to_owned();
        reader.error(&node.span, "`cost` is neither a number nor a parameter", "here", Some(help));
        return None;
    }
    thousandths(reader, node, "cost").map(Cost::Fixed)
}

/// `rate_limit`: so many actions a minute.
pub(super) fn rate_limit(reader: &mut Reader<'_>, node: &Node) -> Option<Limit> {
    let fields = reader.map(node, "rate_limit", &RATE_LIMIT_FIELDS)?;
    let Some(max) = fields.field("max_per_minute") else {
        reader.error(&node.span, "`rate_limit` needs `max_per_minute`", "in this one", None);
        return None;
    };
    let per_minute = reader.int(max, "max_per_minute", 0..=1_000_000)?;
    let window = match fields.field("window_seconds") {
        Some(node) => reader.int(node, "window_seconds", 1..=86_400)?,
        None => 60,
    };
    let key = match fields.field("key") {
        Some(node) => limit_key(reader, node)?,
        None => LimitKey::default(),
    };
    let max_in_window = (per_minute * window / 60).max(i64::from(per_minute > 0));
    if let Some(node) = fields.field("window_seconds")
        && window != 60
    {
        explain_window(reader, &node.span, max_in_window, window);
    }
    Some(Limit {
        max: u64::try_from(max_in_window).unwrap_or(0).saturating_mul(1_000),
        window_seconds: u32::try_from(window).unwrap_or(60),
        key,
        cost: Cost::ONE,
    })
}

fn explain_window(reader: &mut Reader<'_>, span: &Range<usize>, max: i64, window: i64) {
    let message = format!("this limit is read as at most {max} actions in any {window} seconds");
    let help = "`max_per_minute` stays a number a minute, whatever the window".to_owned();
    reader.warning(span, message, "window", Some(help));
}

fn limit_key(reader: &mut Reader<'_>, node: &Node) -> Option<LimitKey> {
    let mut key = LimitKey::GLOBAL;
    for (text, span) in reader.texts(node, "key") {
        match LimitKey::PARTS.into_iter().find(|(name, _)| *name == text) {
            Some((_, part)) => key = key.with(part),
            None => {
                let names = LimitKey::PARTS.map(|(name, _)| name);
                let help =
                    format!("one of {}, or a list of these{}", listed(&names), did_you_mean(&text, names));
                reader.error(&span, format!("unknown key `{text}` of a rate limit"), "unknown", Some(help));
                return None;
            }
        }
    }
    Some(key)
}
