//! Policy documents of Microsoft's Agent Governance Toolkit: `version`, `name`, `rules`, `defaults`.
//!
//! Taken from its Python package `agent_os.policies` (`schema.py`, `evaluator.py`), one document by itself: rules by
//! falling `priority`, then in the order of the document; the first whose condition holds decides; `audit` allows and
//! `block` denies; without one, `defaults.action`. An exception denies, so a comparison that Python cannot make
//! becomes a policy of its own that denies.

mod condition;
mod yaml;

use std::collections::{BTreeMap, BTreeSet};

use maais_runtime::core::decision::Effect;
use maais_runtime::core::diagnostic::{Diagnostics, Source};
use maais_runtime::core::document::{self, Fields, Node, Reader, Yaml};

use super::draft::{Draft, File, id};
use condition::{Field, condition};

const DOCUMENT: [&str; 9] = [
    "version",
    "name",
    "description",
    "rules",
    "defaults",
    "inherit",
    "scope",
    "network_allowlist",
    "tool_allowlist",
];
const RULE: [&str; 6] = ["name", "condition", "action", "priority", "message", "override"];
/// What is stated beside the decision, and not made by it.
const BUDGETS: [&str; 7] = [
    "max_tokens",
    "max_tool_calls",
    "confidence_threshold",
    "max_cpu",
    "max_memory_mb",
    "timeout_seconds",
    "network_default",
];
const PRIORITY_MAX: i64 = 1_000_000;

/// Whether the text looks like such a document.
pub(super) fn is(text: &str) -> bool {
    let Ok(document) = document::parse(&Source::new("", text)) else { return false };
    let Yaml::Map(entries) = &document.root.value else { return false };
    entries.iter().any(|(key, value)| key.text == "rules" && matches!(value.value, Yaml::List(_)))
}

/// The policies that decide as the document does.
///
/// # Errors
/// Everything that has no exact equivalent.
pub(super) fn import(source: &Source, fields: &[String]) -> Result<File, Diagnostics> {
    let document = document::parse(source)?;
    let mut reader = Reader::new(source);
    let places = places(&mut reader, fields);
    let file = file(&mut reader, &document.root, &places);
    let mut problems = document.problems;
    problems.extend(reader.into_problems());
    problems.sort_by_key(|problem| problem.span.start);
    match file {
        Some(file) if problems.is_empty() => Ok(file),
        _ => Err(Diagnostics(problems)),
    }
}

/// Where the fields of a document stand in an action: the usual ones, and those that were named.
fn places(reader: &mut Reader<'_>, named: &[String]) -> BTreeMap<String, Field> {
    let mut places = BTreeMap::from([
        ("tool_name".to_owned(), Field::Text("target".to_owned())),
        ("agent_id".to_owned(), Field::Text("agent_id".to_owned())),
    ]);
    for text in named {
        let place = text.split_once('=').and_then(|(name, place)| Some((name, Field::new(place)?)));
        match place {
            Some((name, place)) => {
                places.insert(name.to_owned(), place);
            }
            None => {
                let help =
                    "write `--field name=target`, `=agent_id`, `=parameters.<name>` or `=context.<name>`";
                let message = format!("`--field {text}` names no place in an action");
                reader.error(&(0..0), message, "in this document", Some(help.to_owned()));
            }
        }
    }
    places
}

fn file(reader: &mut Reader<'_>, root: &Node, places: &BTreeMap<String, Field>) -> Option<File> {
    let fields = reader.map(root, "the document", &DOCUMENT)?;
    refuse_surroundings(reader, fields);
    let (default, mut notes) = defaults(reader, fields)?;
    let rules = match fields.field("rules") {
        Some(node) => reader.list(node, "rules")?,
        None => &[],
    };
    let mut policies = Vec::new();
    let mut ids = BTreeSet::new();
    for node in rules {
        if let Some(drafts) = rule(reader, node, places, &mut ids) {
            policies.extend(drafts);
        }
    }
    // Ties keep the order of the document, as Python's sort does.
    policies.sort_by_key(|policy| policy.priority);
    let mapped: Vec<String> =
        places.iter().map(|(name, field)| format!("{name} is {}", field.key())).collect();
    notes.insert(0, format!("Fields: {}.", mapped.join(", ").replace(char::is_control, " ")));
    Some(File { notes, default, policies })
}

/// What only other parts of the toolkit use, and what would change with the folder that the document is in.
fn refuse_surroundings(reader: &mut Reader<'_>, fields: Fields<'_>) {
    for name in ["scope", "network_allowlist", "tool_allowlist", "inherit"] {
        let Some(node) = fields.field(name) else { continue };
        let says_nothing = match &node.value {
            Yaml::List(items) => items.is_empty(),
            Yaml::Bool(inherits) => *inherits && name == "inherit",
            _ => false,
        };
        if !says_nothing {
            let help =
                "write what it restricts as a rule of the document, or keep it in the toolkit".to_owned();
            let message = format!("`{name}` cannot be imported");
            reader.error(&node.span, message, "it is used outside of the rules", Some(help));
        }
    }
}

/// The decision without a rule, and what is stated beside it.
fn defaults(reader: &mut Reader<'_>, fields: Fields<'_>) -> Option<(Effect, Vec<String>)> {
    let stated = fields.field("defaults");
    let known: Vec<&str> = ["action"].into_iter().chain(BUDGETS).collect();
    let defaults = match stated {
        Some(node) => Some(reader.map(node, "defaults", &known)?),
        None => None,
    };
    let Some(node) = defaults.and_then(|defaults| defaults.field("action")) else {
        let help = "write `defaults: {action: deny}` or `{action: allow}`".to_owned();
        let label = "versions of the toolkit differ: first it was `allow`, then `deny`";
        let span = stated.map_or(0..0, |node| node.span.clone());
        reader.error(&span, "`defaults.action` is not stated", label, Some(help));
        return None;
    };
    let effect = action(reader, node)?;
    if effect == Effect::RequireApproval {
        let help = "write `deny`, and rules that ask".to_owned();
        reader.error(
            &node.span,
            "a default that asks cannot be imported",
            "no action of a default",
            Some(help),
        );
        return None;
    }
    let beside: Vec<&str> = BUDGETS
        .into_iter()
        .filter(|name| defaults.is_some_and(|defaults| defaults.field(name).is_some()))
        .collect();
    let note =
        format!("Not part of its decisions, so not imported: defaults.{}.", beside.join(", defaults."));
    Some((effect, if beside.is_empty() { Vec::new() } else { vec![note] }))
}

fn action(reader: &mut Reader<'_>, node: &Node) -> Option<Effect> {
    let text = reader.text(node, "action")?;
    match text.as_str() {
        "allow" | "audit" => Some(Effect::Allow),
        "deny" | "block" => Some(Effect::Deny),
        "require_approval" => Some(Effect::RequireApproval),
        _ => {
            let help = "one of `allow`, `audit`, `deny`, `block`, `require_approval`".to_owned();
            reader.error(&node.span, format!("unknown action `{text}`"), "unknown", Some(help));
            None
        }
    }
}

/// A rule as one policy, or as two if it may fail.
fn rule(
    reader: &mut Reader<'_>,
    node: &Node,
    places: &BTreeMap<String, Field>,
    ids: &mut BTreeSet<String>,
) -> Option<Vec<Draft>> {
    let fields = reader.map(node, "a rule", &RULE)?;
    let mut required = |name: &str| {
        let field = fields.field(name);
        if field.is_none() {
            reader.error(&node.span, format!("a rule needs `{name}`"), "in this one", None);
        }
        field
    };
    let (name, tests, effect) = (required("name"), required("condition"), required("action"));
    if let Some(node) = fields.field("override").filter(|node| node.value != Yaml::Bool(false)) {
        let help = "remove it: the document is imported by itself".to_owned();
        reader.error(&node.span, "`override` cannot be imported", "it speaks of other documents", Some(help));
    }
    let name = name.and_then(|node| yaml::text(reader, node, "name"));
    let effect_node = effect;
    let effect = effect.and_then(|node| action(reader, node));
    let message = match fields.field("message") {
        Some(Node { value: Yaml::Text(text), .. }) if text.trim().is_empty() => None,
        Some(node) => Some(yaml::text(reader, node, "message")?),
        None => None,
    };
    let priority = match fields.field("priority") {
        Some(node) => yaml::whole(reader, node, "priority", PRIORITY_MAX),
        None => Some(0),
    };
    let found = tests.and_then(|node| condition(reader, node, places));
    let (name, effect, priority, found) = (name?, effect?, priority?, found?);
    let action = effect_node.and_then(|node| node.to_json().as_str().map(str::to_owned)).unwrap_or_default();
    let from = vec![("rule", name.clone()), ("action", action)];
    let id = unique(&name, ids);
    let draft = |id: String, condition, decision, reason: String| Draft {
        id,
        condition,
        decision,
        reason,
        priority: -priority,
        from: from.clone(),
    };
    let fails = found.fails.map(|condition| {
        let reason = format!("`{name}` cannot compare this value, and what cannot be compared is denied");
        draft(unique(&format!("{id}.fails"), ids), condition, Effect::Deny, reason)
    });
    let reason = message.unwrap_or_else(|| format!("matched rule `{name}`"));
    Some(fails.into_iter().chain([draft(id.clone(), found.holds, effect, reason)]).collect())
}

fn unique(name: &str, ids: &mut BTreeSet<String>) -> String {
    let plain = id(name);
    let mut found = plain.clone();
    let mut count = 1_usize;
    while !ids.insert(found.clone()) {
        count += 1;
        found = format!("{plain}-{count}");
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_is_imported_or_refused_without_a_panic() {
        const PARTS: [&str; 36] = [
            "rules:",
            "\n",
            "\n  ",
            "- ",
            "name: r",
            "condition:",
            "{",
            "}",
            "[",
            "]",
            ", ",
            "field: tool_name",
            "field: v",
            "operator: in",
            "operator: gt",
            "operator: matches",
            "value: ",
            "'a",
            "a'",
            "1",
            "1.50",
            "yes",
            "null",
            "action: deny",
            "defaults: {action: deny}",
            "priority: -3",
            "message: ''",
            "&a ",
            "*a",
            "\"\\d\"",
            "é",
            "\0",
            ": ",
            "? ",
            "override: true",
            "scope: x",
        ];
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        for _ in 0..4_000 {
            let mut text = String::from("rules:\n- ");
            for _ in 0..20 {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                text.push_str(PARTS[usize::try_from(state >> 33).unwrap() % PARTS.len()]);
            }
            match import(&Source::new("t.yaml", text), &["v=parameters.v".to_owned()]) {
                Ok(file) => assert!(!file.to_yaml().is_empty()),
                Err(problems) => assert!(!problems.to_string().is_empty()),
            }
        }
    }
}
