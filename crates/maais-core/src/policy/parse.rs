//! From documents to policies: every mistake is noted with its place, none stops the reading.

mod condition;
mod history;
mod ids;
mod limit;
mod rule;
mod scope;
pub(super) mod test;
mod time;
mod tools;

use std::collections::HashMap;
use std::ops::Range;

use super::model::{ActionTypes, LabelRule, Mode, Policy};
use super::tools::ToolTypes;
use crate::decision::Effect;
use crate::diagnostic::{Diagnostic, Diagnostics, Source};
use crate::document::{self, Document, Fields, Node, Reader, Yaml};
use crate::request::ActionType;
use crate::suggest::did_you_mean;
use scope::{Scope, Tree};

pub(super) use condition::KEYS;
pub(super) use rule::{DEFAULTS_FIELDS, POLICY_FIELDS};

/// Policies in one document.
const POLICIES_MAX: usize = 100_000;

pub(super) const FILE_FIELDS: [&str; 11] = [
    "version",
    "description",
    "policies",
    "default_decision",
    "mode",
    "defaults",
    "lists",
    "define",
    "tools",
    "labels",
    "include",
];

/// What the documents say, every id they use (those of policies that could not be read, too), and what is
/// wrong with them.
#[derive(Default)]
pub(super) struct Parsed<'a> {
    pub(super) policies: Vec<Policy>,
    pub(super) labels: Vec<LabelRule>,
    pub(super) tools: ToolTypes,
    pub(super) default_decision: Option<Effect>,
    pub(super) ids: Vec<(&'a Source, Id)>,
    pub(super) problems: Vec<Diagnostic>,
}

/// An id and where it stands.
pub(super) struct Id {
    text: String,
    span: Range<usize>,
}

/// Reads documents; they are taken in the order given.
pub(super) fn parse<'a>(sources: &[&'a Source]) -> Parsed<'a> {
    let mut parsed = Parsed::default();
    let documents: Vec<(&'a Source, Result<Document, Diagnostics>)> =
        sources.iter().map(|source| (*source, document::parse(source))).collect();
    let trees: Vec<Tree<'_>> = documents
        .iter()
        .filter_map(|(source, document)| Some(Tree { source, root: &document.as_ref().ok()?.root }))
        .collect();
    let mut at = 0;
    for (source, document) in &documents {
        let document = match document {
            Ok(document) => document,
            Err(problems) => {
                parsed.problems.extend(problems.0.iter().cloned());
                continue;
            }
        };
        let mut reader = Reader::new(source);
        let scope = Scope::of(&trees, at, &mut reader);
        at += 1;
        file(&mut reader, &scope, &document.root, source, &mut parsed);
        let mut problems = reader.into_problems();
        // What a file says for all its policies is read once for each.
        let mut seen = std::collections::HashSet::new();
        problems.retain(|problem| seen.insert((problem.span.clone(), problem.message.clone())));
        parsed.problems.extend(document.problems.iter().cloned());
        parsed.problems.extend(problems);
    }
    parsed
}

/// The names of the documents that one includes.
pub(super) fn includes(source: &Source) -> Vec<Result<String, &'static str>> {
    let Ok(document) = document::parse(source) else { return Vec::new() };
    let paths = scope::includes(&Tree { source, root: &document.root });
    paths.iter().map(|(path, _)| scope::included(&source.name, path)).collect()
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

fn file<'a>(
    reader: &mut Reader<'_>,
    scope: &Scope<'_>,
    root: &Node,
    source: &'a Source,
    parsed: &mut Parsed<'a>,
) {
    if root.value == Yaml::Null {
        reader.error(&root.span, "the file is empty", "nothing here", Some("begin with `policies:`".into()));
        return;
    }
    let Some(fields) = reader.map(root, "the file", &FILE_FIELDS) else { return };
    named(reader, scope, fields);
    if let Some(node) = fields.field("default_decision")
        && let Some(effect) = effect(reader, node)
    {
        parsed.default_decision = parsed.default_decision.max(Some(effect));
    }
    if let Some(node) = fields.field("tools") {
        tools::tools(reader, node, &mut parsed.tools);
    }
    if let Some(node) = fields.field("labels") {
        parsed.labels.extend(history::label_rules(reader, scope, node));
    }
    let file_mode = match fields.field("mode") {
        Some(node) => mode(reader, node),
        None => None,
    };
    let defaults = fields.field("defaults");
    let defaults = defaults.and_then(|node| reader.map(node, "defaults", &DEFAULTS_FIELDS));
    let mut ids = Vec::new();
    let policies = policies(reader, scope, fields, defaults, &mut ids);
    parsed.ids.extend(ids.into_iter().map(|id| (source, id)));
    parsed.policies.extend(policies.into_iter().map(|mut policy| {
        if file_mode == Some(Mode::Shadow) {
            policy.mode = Mode::Shadow;
        }
        policy
    }));
}

/// Lists and definitions: what is wrong with one is said where it stands, used or not.
fn named(reader: &mut Reader<'_>, scope: &Scope<'_>, fields: Fields<'_>) {
    if let Some(lists) = fields.field("lists").and_then(|node| reader.open_map(node, "lists")) {
        scope::check_names(reader, &lists);
        for (key, node) in lists.iter() {
            test::check_list(reader, node, &key.text);
        }
    }
    if let Some(defined) = fields.field("define").and_then(|node| reader.open_map(node, "define")) {
        scope::check_names(reader, &defined);
        for (key, node) in defined.iter() {
            if let Some((_, _, within)) = scope.definition(reader, &key.text, &key.span) {
                condition::condition(reader, &within, node);
            }
        }
    }
    if let Some(node) = fields.field("include") {
        reader.texts(node, "include");
    }
}

fn policies(
    reader: &mut Reader<'_>,
    scope: &Scope<'_>,
    fields: Fields<'_>,
    defaults: Option<Fields<'_>>,
    ids: &mut Vec<Id>,
) -> Vec<Policy> {
    let Some(list) = fields.field("policies") else {
        let else_useful = ["lists", "define", "tools", "labels", "include"];
        if !else_useful.iter().any(|name| fields.field(name).is_some()) {
            let help = "add `policies:` with a list".to_owned();
            reader.error(fields.span, "the file has no `policies`", "here", Some(help));
        }
        return Vec::new();
    };
    let Some(items) = reader.list(list, "policies") else { return Vec::new() };
    if items.len() > POLICIES_MAX {
        let message = format!("{} policies in one file, but at most {POLICIES_MAX} are read", items.len());
        reader.error(&list.span, message, "too many", Some("split the file".into()));
        return Vec::new();
    }
    let mut policy = |item: &Node| {
        or_say_so(reader, item, "policy", |reader| rule::policy(reader, scope, item, defaults, ids))
    };
    items.iter().filter_map(&mut policy).collect()
}

/// What could not be understood is an error, even if nobody said why: it must never be left out in silence.
fn or_say_so<'a, T>(
    reader: &mut Reader<'a>,
    node: &Node,
    what: &str,
    read: impl FnOnce(&mut Reader<'a>) -> Option<T>,
) -> Option<T> {
    let before = reader.errors();
    let found = read(reader);
    if found.is_none() && reader.errors() == before {
        reader.error(&node.span, format!("this {what} is not understood"), "here", None);
    }
    found
}

/// A condition that lost a part must not be used: it would match more than its author wrote.
fn all_or_nothing<T>(parts: Vec<Option<T>>) -> Option<Vec<T>> {
    parts.into_iter().collect()
}

/// `enforce` or `shadow`.
fn mode(reader: &mut Reader<'_>, node: &Node) -> Option<Mode> {
    let text = reader.text(node, "mode")?;
    let mode = Mode::NAMES.into_iter().find(|(name, _)| *name == text).map(|(_, mode)| mode);
    if mode.is_none() {
        let names = Mode::NAMES.map(|(name, _)| name);
        let help = format!("one of {}{}", document::listed(&names), did_you_mean(&text, names));
        reader.error(&node.span, format!("unknown mode `{text}`"), "unknown", Some(help));
    }
    mode
}

/// One action type, several, or `"*"`.
pub(super) fn action_types(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<ActionTypes> {
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

pub(super) fn effect(reader: &mut Reader<'_>, node: &Node) -> Option<Effect> {
    let text = reader.text(node, "decision")?;
    let effect = Effect::from_name(&text);
    if effect.is_none() {
        let names = Effect::ALL.map(Effect::as_str);
        let help = format!("one of `ALLOW`, `DENY`, `REQUIRE_APPROVAL`{}", did_you_mean(&text, names));
        reader.error(&node.span, format!("unknown effect `{text}`"), "no effect", Some(help));
    }
    effect
}
