//! From a document to policies: every mistake is noted with its place, none stops the reading.

mod condition;
mod ids;

use std::collections::HashMap;
use std::ops::Range;

use serde_json::{Map, Value};

use super::model::{ActionTypes, Policy};
use crate::decision::{Dimension, Effect, Severity};
use crate::diagnostic::{Diagnostic, Source};
use crate::document::{self, Fields, Node, Reader, Yaml};
use crate::request::ActionType;
use crate::suggest::did_you_mean;

/// Bytes of a policy's id.
const ID_BYTES_MAX: usize = 128;
/// Policies in one document.
const POLICIES_MAX: usize = 100_000;

const FILE_FIELDS: [&str; 3] = ["version", "description", "policies"];
const POLICY_FIELDS: [&str; 8] =
    ["id", "applies_to", "condition", "decision", "reason", "priority", "metadata", "waives"];

/// A document's policies, every id it uses (those of policies that could not be read, too), and what is
/// wrong with it.
#[derive(Default)]
pub(super) struct Parsed {
    pub(super) policies: Vec<Policy>,
    pub(super) ids: Vec<Id>,
    pub(super) problems: Vec<Diagnostic>,
}

/// An id and where it stands.
pub(super) struct Id {
    text: String,
    span: Range<usize>,
}

/// Reads one document.
pub(super) fn parse(source: &Source) -> Parsed {
    let document = match document::parse(source) {
        Ok(document) => document,
        Err(problems) => {
            return Parsed { problems: problems.0, ..Parsed::default() };
        }
    };
    let mut reader = Reader::new(source);
    let mut ids = Vec::new();
    let policies = file(&mut reader, &document.root, &mut ids).unwrap_or_default();
    let mut problems = document.problems;
    problems.extend(reader.into_problems());
    Parsed { policies, ids, problems }
}

/// Two policies with one id: the log could not say which of them matched.
pub(super) fn refuse_duplicate_ids(ids: &[(&Source, Id)], problems: &mut Vec<Diagnostic>) {
    let mut seen: HashMap<&str, (&Source, &Id)> = HashMap::new();
    for (source, id) in ids {
        let (first_source, first) = *seen.entry(&id.text).or_insert((source, id));
        if std::ptr::eq(first, id) {
            continue;
        }
        let mut reader = Reader::new(source);
        let message = format!("the policy id `{}` is used twice", id.text);
        let help = Some("give it an id of its own".into());
        reader.error(&id.span, message, "again here", help);
        let related = (first_source.clone(), first.span.clone(), "first used here".into());
        problems.extend(
            reader
                .into_problems()
                .into_iter()
                .map(|problem| Diagnostic { related: Some(related.clone()), ..problem }),
        );
    }
}

fn file(reader: &mut Reader<'_>, root: &Node, ids: &mut Vec<Id>) -> Option<Vec<Policy>> {
    if root.value == Yaml::Null {
        reader.error(&root.span, "the file is empty", "nothing here", Some("begin with `policies:`".into()));
        return None;
    }
    let fields = reader.map(root, "the file", &FILE_FIELDS)?;
    let Some(list) = fields.field("policies") else {
        reader.error(
            fields.span,
            "the file has no `policies`",
            "here",
            Some("add `policies:` with a list".into()),
        );
        return None;
    };
    let items = reader.list(list, "policies")?;
    if items.len() > POLICIES_MAX {
        let message = format!("{} policies in one file, but at most {POLICIES_MAX} are read", items.len());
        reader.error(&list.span, message, "too many", Some("split the file".into()));
        return None;
    }
    Some(items.iter().filter_map(|item| policy(reader, item, ids)).collect())
}

fn policy(reader: &mut Reader<'_>, node: &Node, ids: &mut Vec<Id>) -> Option<Policy> {
    let fields = reader.map(node, "a policy", &POLICY_FIELDS)?;
    let id =
        required(reader, &fields, "id").and_then(|node| Some((identifier(reader, node)?, node.span.clone())));
    ids.extend(id.clone().map(|(text, span)| Id { text, span }));
    let applies_to =
        required(reader, &fields, "applies_to").and_then(|node| action_types(reader, node, "applies_to"));
    let condition = match fields.field_or_null("condition") {
        Some(node) => condition::condition(reader, node),
        None => {
            let help = "write `condition: {}` to match every action of these types".to_owned();
            reader.error(fields.span, "a policy needs a `condition`", "in this one", Some(help));
            None
        }
    };
    let decision = required(reader, &fields, "decision").and_then(|node| effect(reader, node));
    if let (Some(Effect::Allow), Some(node)) = (decision, fields.field("condition")) {
        condition::refuse_allowing_excess(reader, node);
    }
    let reason = required(reader, &fields, "reason").and_then(|node| reader.text(node, "reason"));
    let priority = match fields.field("priority") {
        Some(node) => reader.int(node, "priority", -1_000_000..=1_000_000),
        None => Some(100),
    };
    let metadata = metadata(reader, &fields);
    let waives = waives(reader, &fields, decision);
    let (severity, ids) = catalogue(reader, &fields, decision.unwrap_or(Effect::Deny));
    let decision = decision?;
    let (id, id_span) = id?;
    Some(Policy {
        id,
        id_span,
        source: reader.source().clone(),
        applies_to: applies_to?,
        condition: condition?,
        decision,
        reason: reason?,
        priority: priority?,
        metadata: metadata?,
        severity: severity?,
        ids,
        waives,
        canonical: node.to_json(),
    })
}

fn required<'n>(reader: &mut Reader<'_>, fields: &Fields<'n>, name: &str) -> Option<&'n Node> {
    let node = fields.field(name);
    if node.is_none() {
        reader.error(fields.span, format!("a policy needs `{name}`"), "in this one", None);
    }
    node
}

fn identifier(reader: &mut Reader<'_>, node: &Node) -> Option<String> {
    let text = reader.text(node, "id")?;
    let fits =
        text.len() <= ID_BYTES_MAX && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-./:#".contains(c));
    if !fits {
        let help = format!("at most {ID_BYTES_MAX} letters, digits and `_ - . / : #`");
        reader.error(&node.span, format!("`{text}` is no policy id"), "this id", Some(help));
    }
    fits.then_some(text)
}

/// One action type, several, or `"*"`.
fn action_types(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<ActionTypes> {
    let mut types = ActionTypes::default();
    let texts = reader.texts(node, name);
    for (text, span) in &texts {
        match ActionType::from_name(text) {
            Some(kind) => types = types.with(kind),
            None if text == "*" => types = ActionTypes::ALL,
            None => {
                let names = ActionType::ALL.map(ActionType::as_str);
                let help =
                    format!("one of {}, or `\"*\"`{}", document::listed(&names), did_you_mean(text, names));
                reader.error(span, format!("unknown action type `{text}`"), "unknown", Some(help));
                return None;
            }
        }
    }
    if texts.is_empty() {
        if matches!(&node.value, Yaml::List(items) if items.is_empty()) {
            reader.error(
                &node.span,
                format!("`{name}` is empty, so the policy could never match"),
                "empty",
                None,
            );
        }
        return None;
    }
    Some(types)
}

fn effect(reader: &mut Reader<'_>, node: &Node) -> Option<Effect> {
    let text = reader.text(node, "decision")?;
    let effect = Effect::from_name(&text);
    if effect.is_none() {
        let names = Effect::ALL.map(Effect::as_str);
        let help = format!("one of `ALLOW`, `DENY`, `REQUIRE_APPROVAL`{}", did_you_mean(&text, names));
        reader.error(&node.span, format!("unknown effect `{text}`"), "no effect", Some(help));
    }
    effect
}

fn metadata(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<Map<String, Value>> {
    let Some(node) = fields.field("metadata") else {
        return Some(Map::new());
    };
    reader.open_map(node, "metadata")?;
    match node.to_json() {
        Value::Object(map) => Some(map),
        _ => None,
    }
}

/// Severity and ids of public catalogues that the metadata names.
fn catalogue(
    reader: &mut Reader<'_>,
    fields: &Fields<'_>,
    decision: Effect,
) -> (Option<Severity>, Vec<String>) {
    let fallback = if decision == Effect::Allow { Severity::Info } else { Severity::Medium };
    let Some(Yaml::Map(entries)) = fields.field("metadata").map(|node| &node.value) else {
        return (Some(fallback), Vec::new());
    };
    let ids = ids::ids(reader, entries);
    let named = entries.iter().find(|(key, _)| key.text == "severity");
    (named.map_or(Some(fallback), |(_, node)| severity_of(reader, node)), ids)
}

fn severity_of(reader: &mut Reader<'_>, node: &Node) -> Option<Severity> {
    let text = reader.text(node, "severity")?;
    let severity = Severity::from_name(&text);
    if severity.is_none() {
        let names = Severity::ALL.map(Severity::as_str);
        let help = format!("one of {}{}", document::listed(&names), did_you_mean(&text, names));
        reader.error(&node.span, format!("unknown severity `{text}`"), "unknown", Some(help));
    }
    severity
}

fn waives(reader: &mut Reader<'_>, fields: &Fields<'_>, decision: Option<Effect>) -> Vec<Dimension> {
    let Some(node) = fields.field("waives") else {
        return Vec::new();
    };
    if decision.is_some_and(|effect| effect != Effect::Allow) {
        reader.error(
            &node.span,
            "only a policy that allows can waive a check",
            "here",
            Some("remove `waives`".into()),
        );
    }
    let mut waived = Vec::new();
    for (text, span) in reader.texts(node, "waives") {
        match Dimension::from_key(&text) {
            Some(Dimension::Accountability) => {
                let message = "accountability cannot be waived: somebody must answer for every action";
                reader.error(&span, message, "not this one", Some("give the agent an owner".into()));
            }
            Some(dimension) => waived.push(dimension),
            None => {
                let help = Some("one of `C`, `I`, `A`".to_owned());
                reader.error(&span, format!("unknown check `{text}`"), "unknown", help);
            }
        }
    }
    waived
}
