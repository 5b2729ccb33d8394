//! One policy: its fields, with what the file says for all.

use serde_json::{Map, Value};

use super::super::case::{Case, CaseDefaults};
use super::super::model::{ActionTypes, Condition, Example, Mode, Policy};
use super::scope::Scope;
use super::{Id, action_types, condition, effect, ids};
use crate::decision::{Dimension, Effect, Severity};
use crate::document::{self, Fields, Key, Node, Reader, Yaml};
use crate::suggest::did_you_mean;

/// Bytes of a policy's id.
const ID_BYTES_MAX: usize = 128;
/// Examples of one policy.
const EXAMPLES_MAX: usize = 1_000;

pub(crate) const POLICY_FIELDS: [&str; 11] = [
    "id",
    "applies_to",
    "condition",
    "decision",
    "reason",
    "priority",
    "mode",
    "waives",
    "approvers",
    "metadata",
    "examples",
];
/// What a file may say for all its policies.
pub(crate) const DEFAULTS_FIELDS: [&str; 8] =
    ["applies_to", "decision", "reason", "priority", "waives", "approvers", "mode", "metadata"];

/// A policy's own fields before the file's.
struct Asked<'n> {
    own: Fields<'n>,
    file: Option<Fields<'n>>,
}

impl<'n> Asked<'n> {
    fn field(&self, name: &str) -> Option<&'n Node> {
        let default = || self.file.filter(|_| DEFAULTS_FIELDS.contains(&name))?.field(name);
        self.own.field(name).or_else(default)
    }

    fn required(&self, reader: &mut Reader<'_>, name: &str) -> Option<&'n Node> {
        let node = self.field(name);
        if node.is_none() {
            reader.error(self.own.span, format!("a policy needs `{name}`"), "in this one", None);
        }
        node
    }
}

impl<'n> Asked<'n> {
    /// The entries of the metadata: the policy's own, and those of the file that it does not replace.
    fn metadata_entries(&self) -> Vec<&'n (Key, Node)> {
        let of = |fields: Option<Fields<'n>>| match fields.and_then(|f| f.field("metadata")).map(|n| &n.value)
        {
            Some(Yaml::Map(entries)) => entries.as_slice(),
            _ => &[],
        };
        let own = of(Some(self.own));
        let file = of(self.file).iter().filter(|(key, _)| own.iter().all(|(mine, _)| mine.text != key.text));
        own.iter().chain(file).collect()
    }
}

/// Reads a policy; what is wrong with it is noted, and then there is none.
pub(super) fn policy(
    reader: &mut Reader<'_>,
    scope: &Scope<'_>,
    node: &Node,
    file: Option<Fields<'_>>,
    ids: &mut Vec<Id>,
) -> Option<Policy> {
    let own = reader.map(node, "a policy", &POLICY_FIELDS)?;
    let asked = Asked { own, file };
    let id =
        asked.required(reader, "id").and_then(|node| Some((identifier(reader, node)?, node.span.clone())));
    ids.extend(id.clone().map(|(text, span)| Id { text, span }));
    let applies_to =
        asked.required(reader, "applies_to").and_then(|node| action_types(reader, node, "applies_to"));
    let condition = condition_of(reader, scope, own);
    let decision = asked.required(reader, "decision").and_then(|node| effect(reader, node));
    if let (Some(Effect::Allow), Some(node)) = (decision, own.field("condition")) {
        condition::refuse_allowing_excess(reader, node);
    }
    let reason = asked.required(reader, "reason").and_then(|node| reader.text(node, "reason"));
    let priority = match asked.field("priority") {
        Some(node) => reader.int(node, "priority", -1_000_000..=1_000_000),
        None => Some(100),
    };
    let mode = match asked.field("mode") {
        Some(node) => super::mode(reader, node),
        None => Some(Mode::Enforce),
    };
    let metadata = metadata(reader, &asked);
    let waives = waives(reader, &asked, decision);
    let approvers = approvers(reader, &asked, decision);
    let (severity, catalogue_ids) = catalogue(reader, &asked, decision.unwrap_or(Effect::Deny));
    let examples = examples(reader, own, applies_to, condition.as_ref());
    let decision = decision?;
    let (id, id_span) = id?;
    Some(Policy {
        id,
        id_span,
        source: reader.source().clone(),
        applies_to: applies_to?,
        condition: condition?,
        condition_span: own.field("condition").map_or_else(|| node.span.clone(), |node| node.span.clone()),
        decision,
        reason: reason?,
        priority: priority?,
        mode: mode?,
        metadata: metadata?,
        severity: severity?,
        ids: catalogue_ids,
        waives,
        approvers: approvers?,
        examples: examples?,
    })
}

fn condition_of(reader: &mut Reader<'_>, scope: &Scope<'_>, own: Fields<'_>) -> Option<Condition> {
    match own.field_or_null("condition") {
        Some(node) => condition::condition(reader, scope, node),
        None => {
            let help = "write `condition: {}` to match every action of these types".to_owned();
            reader.error(own.span, "a policy needs a `condition`", "in this one", Some(help));
            None
        }
    }
}

/// `examples: {match: [...], no_match: [...]}`.
fn examples(
    reader: &mut Reader<'_>,
    own: Fields<'_>,
    applies_to: Option<ActionTypes>,
    condition: Option<&Condition>,
) -> Option<Vec<Example>> {
    let Some(node) = own.field("examples") else { return Some(Vec::new()) };
    let fields = reader.map(node, "examples", &["match", "no_match"])?;
    let defaults = CaseDefaults::of(applies_to.unwrap_or(ActionTypes::ALL), condition);
    let mut examples = Vec::new();
    for (name, matches) in [("match", true), ("no_match", false)] {
        let Some(list) = fields.field(name) else { continue };
        for item in reader.list(list, name)? {
            examples.push(Example { matches, case: Case::read(reader, item, &defaults)? });
        }
    }
    if examples.len() > EXAMPLES_MAX {
        reader.error(&node.span, format!("more than {EXAMPLES_MAX} examples"), "too many", None);
        return None;
    }
    Some(examples)
}

/// Who may say yes.
fn approvers(reader: &mut Reader<'_>, asked: &Asked<'_>, decision: Option<Effect>) -> Option<Vec<String>> {
    let Some(node) = asked.field("approvers") else { return Some(Vec::new()) };
    let says_so_itself = asked.own.field("approvers").is_some();
    if decision.is_some_and(|effect| effect != Effect::RequireApproval) {
        if says_so_itself {
            let help = "remove `approvers`, or write `decision: REQUIRE_APPROVAL`".to_owned();
            reader.error(&node.span, "nobody is asked for approval here", "here", Some(help));
        }
        return Some(Vec::new());
    }
    let names: Vec<String> = reader.texts(node, "approvers").into_iter().map(|(text, _)| text).collect();
    (!names.is_empty()).then_some(names)
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

/// The policy's own metadata over the file's, key by key.
fn metadata(reader: &mut Reader<'_>, asked: &Asked<'_>) -> Option<Map<String, Value>> {
    let mut merged = Map::new();
    for fields in asked.file.iter().chain([&asked.own]) {
        let Some(node) = fields.field("metadata") else { continue };
        reader.open_map(node, "metadata")?;
        if let Value::Object(map) = node.to_json() {
            merged.extend(map);
        }
    }
    Some(merged)
}

/// Severity and ids of public catalogues that the metadata names.
fn catalogue(
    reader: &mut Reader<'_>,
    asked: &Asked<'_>,
    decision: Effect,
) -> (Option<Severity>, Vec<String>) {
    let fallback = if decision == Effect::Allow { Severity::Info } else { Severity::Medium };
    let entries = asked.metadata_entries();
    let ids = ids::ids(reader, &entries);
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

fn waives(reader: &mut Reader<'_>, asked: &Asked<'_>, decision: Option<Effect>) -> Vec<Dimension> {
    let Some(node) = asked.field("waives") else {
        return Vec::new();
    };
    if decision.is_some_and(|effect| effect != Effect::Allow) {
        if asked.own.field("waives").is_none() {
            return Vec::new(); // said for those of the file that allow
        }
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
