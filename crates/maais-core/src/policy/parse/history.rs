//! What a session did before: `after`, `count` and `labels`.

use super::super::model::{Condition, History, LabelRule};
use super::super::quantity::Unit;
use super::condition;
use super::scope::Scope;
use super::test::quantity;
use crate::decision::Effect;
use crate::document::{Node, Reader, Yaml};

/// Keys of `after` and `count` that are no part of the condition on the earlier action.
const AFTER_FIELDS: [&str; 2] = ["within", "effect"];
const COUNT_FIELDS: [&str; 3] = ["within", "effect", "ge"];
/// Actions that one count remembers.
const COUNT_MAX: i64 = 1_000;
/// Bytes of a label.
const LABEL_BYTES_MAX: usize = 64;

/// `after: {<condition>, within: 10m}`.
pub(super) fn after(reader: &mut Reader<'_>, scope: &Scope<'_>, node: &Node) -> Option<History> {
    history(reader, scope, node, "after", &AFTER_FIELDS)
}

/// `count: {<condition>, ge: 5, within: 1m}`.
pub(super) fn count(reader: &mut Reader<'_>, scope: &Scope<'_>, node: &Node) -> Option<History> {
    history(reader, scope, node, "count", &COUNT_FIELDS)
}

fn history(
    reader: &mut Reader<'_>,
    scope: &Scope<'_>,
    node: &Node,
    name: &str,
    own: &[&str],
) -> Option<History> {
    let fields = reader.open_map(node, name)?;
    let is_own = |text: &str| own.contains(&text);
    let conditions = fields
        .iter()
        .filter(|(key, _)| !is_own(&key.text))
        .map(|(key, value)| condition::one_key(reader, scope, key, value));
    let parts = super::all_or_nothing(conditions.collect())?;
    if parts.is_empty() && fields.field("effect").is_none() {
        let help = "name the earlier action: `{action_type: file_read, path: '/secrets/**'}`".to_owned();
        reader.error(&node.span, format!("`{name}` says no action"), "in this one", Some(help));
        return None;
    }
    let condition = Condition::All(parts);
    if looks_back(&condition) {
        let message = format!("`{name}` may not hold history or limits itself");
        reader.error(&node.span, message, "in this one", None);
        return None;
    }
    let within_ms = match fields.field("within") {
        Some(node) => Some(within(reader, node)?),
        None => None,
    };
    let effect = match fields.field("effect") {
        Some(node) => super::effect(reader, node)?,
        None => Effect::Allow,
    };
    let at_least = match (name, fields.field("ge")) {
        (_, Some(node)) => reader.int(node, "ge", 1..=COUNT_MAX)?,
        ("count", None) => {
            reader.error(&node.span, "`count` needs `ge`", "in this one", Some("such as `ge: 5`".into()));
            return None;
        }
        _ => 1,
    };
    Some(History {
        condition: Box::new(condition),
        at_least: u32::try_from(at_least).unwrap_or(1),
        within_ms,
        effect,
    })
}

fn within(reader: &mut Reader<'_>, node: &Node) -> Option<u64> {
    let found = quantity(reader, node, "within")?;
    let millis = found.millis().filter(|millis| *millis > 0 && found.unit == Unit::Seconds);
    if millis.is_none() {
        let help = "a duration with its unit, such as `90s`, `10m`, `1d`".to_owned();
        reader.error(&node.span, "`within` is no duration", "here", Some(help));
    }
    millis
}

fn looks_back(condition: &Condition) -> bool {
    match condition {
        Condition::All(parts) | Condition::Any(parts) => parts.iter().any(looks_back),
        Condition::Not(inner) => looks_back(inner),
        Condition::Limit(_) | Condition::History(_) | Condition::Labels(_) => true,
        _ => false,
    }
}

/// `labels: {has: [untrusted]}`.
pub(super) fn labels(reader: &mut Reader<'_>, node: &Node) -> Option<Vec<String>> {
    let fields = reader.map(node, "labels", &["has"])?;
    let Some(node) = fields.field("has") else {
        reader.error(&node.span, "`labels` needs `has`", "in this one", None);
        return None;
    };
    names(reader, node, "has")
}

fn names(reader: &mut Reader<'_>, node: &Node, field: &str) -> Option<Vec<String>> {
    let mut names = Vec::new();
    for (text, span) in reader.texts(node, field) {
        let fits = text.len() <= LABEL_BYTES_MAX
            && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-.:".contains(c));
        if !fits {
            let help = format!("at most {LABEL_BYTES_MAX} letters, digits and `_ - . :`");
            reader.error(&span, format!("`{text}` is no label"), "here", Some(help));
            return None;
        }
        names.push(text);
    }
    if names.is_empty() {
        reader.error(&node.span, format!("`{field}` names no label"), "empty", None);
        return None;
    }
    Some(names)
}

/// The file's `labels`: which actions leave which marks.
pub(super) fn label_rules(reader: &mut Reader<'_>, scope: &Scope<'_>, node: &Node) -> Vec<LabelRule> {
    let Some(items) = reader.list(node, "labels") else { return Vec::new() };
    let rule = |item| super::or_say_so(reader, item, "label", |reader| label_rule(reader, scope, item));
    items.iter().filter_map(rule).collect()
}

fn label_rule(reader: &mut Reader<'_>, scope: &Scope<'_>, node: &Node) -> Option<LabelRule> {
    let fields = reader.map(node, "a label", &["when", "add"])?;
    let (Some(when), Some(add)) = (fields.field("when"), fields.field("add")) else {
        let help = "such as `{when: {target: fetch_page}, add: untrusted}`".to_owned();
        reader.error(&node.span, "a label needs `when` and `add`", "in this one", Some(help));
        return None;
    };
    let condition = condition::condition(reader, scope, when)?;
    if looks_back(&condition) {
        let message = "what leaves a label may not hold history or limits itself";
        reader.error(&when.span, message, "in this one", None);
        return None;
    }
    if matches!(&when.value, Yaml::Map(entries) if entries.is_empty()) {
        reader.error(&when.span, "this would label every session", "matches everything", None);
        return None;
    }
    Some(LabelRule { when: condition, add: names(reader, add, "add")? })
}
