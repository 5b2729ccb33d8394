//! Conditions: every key must hold; what cannot be understood is an error, never `true`.

use std::ops::Range;

use super::super::model::{Condition, Subject, Test};
use super::scope::Scope;
use super::test::{is_operator, misspelt, test};
use super::{action_types, all_or_nothing, history, limit, time};
use crate::document::{Key, Node, Reader, Yaml, listed};
use crate::suggest::did_you_mean;

/// The keys of a condition that are not one subject; the subjects are in [`Subject::KEYS`].
pub(crate) const KEYS: [&str; 14] = [
    "parameters",
    "context",
    "action_type",
    "time",
    "after",
    "not_after",
    "count",
    "labels",
    "rate_limit",
    "limit",
    "and",
    "or",
    "not",
    "use",
];

/// A condition: a mapping whose keys must all hold. An empty mapping always holds.
pub(super) fn condition(reader: &mut Reader<'_>, scope: &Scope<'_>, node: &Node) -> Option<Condition> {
    if node.value == Yaml::Null {
        let help = "write `condition: {}` to match every action of these types".to_owned();
        reader.error(&node.span, "the condition is empty", "nothing here", Some(help));
        return None;
    }
    let parts = keys(reader, scope, node)?;
    all_or_nothing(parts).map(Condition::All)
}

/// Each key of a mapping as a condition; `None` stands for one that could not be understood.
fn keys(reader: &mut Reader<'_>, scope: &Scope<'_>, node: &Node) -> Option<Vec<Option<Condition>>> {
    let fields = reader.open_map(node, "a condition")?;
    Some(fields.iter().map(|(key, value)| one_key(reader, scope, key, value)).collect())
}

pub(super) fn one_key(
    reader: &mut Reader<'_>,
    scope: &Scope<'_>,
    key: &Key,
    value: &Node,
) -> Option<Condition> {
    if let Some((_, subject)) = Subject::KEYS.into_iter().find(|(name, _)| *name == key.text) {
        return test(reader, scope, &subject, value).map(|test| Condition::Holds(subject, test));
    }
    for (prefix, root) in [("parameters.", Root::Parameters), ("context.", Root::Context)] {
        if let Some(path) = key.text.strip_prefix(prefix) {
            return root.value(reader, scope, split(path), &key.span, value);
        }
    }
    match key.text.as_str() {
        "parameters" => Root::Parameters.mapping(reader, scope, value),
        "context" => Root::Context.mapping(reader, scope, value),
        "action_type" => action_types_test(reader, value),
        "time" => time::hours(reader, value).map(Condition::Time),
        "after" => history::after(reader, scope, value).map(Condition::History),
        "not_after" => history::after(reader, scope, value)
            .map(|after| Condition::Not(Box::new(Condition::History(after)))),
        "count" => history::count(reader, scope, value).map(Condition::History),
        "labels" => history::labels(reader, value).map(Condition::Labels),
        "rate_limit" => limit::rate_limit(reader, value).map(Condition::Limit),
        "limit" => limit::limit(reader, value).map(Condition::Limit),
        "and" => joined(reader, scope, value, "and").map(Condition::All),
        "or" => joined(reader, scope, value, "or").map(Condition::Any),
        "not" => condition(reader, scope, value).map(|inner| Condition::Not(Box::new(inner))),
        "use" => used(reader, scope, value).map(Condition::All),
        other => {
            unknown(reader, key, other);
            None
        }
    }
}

fn unknown(reader: &mut Reader<'_>, key: &Key, word: &str) {
    let names: Vec<&str> = Subject::KEYS.iter().map(|(name, _)| *name).chain(KEYS).collect();
    let help =
        format!("one of {}, or `parameters.<name>`{}", listed(&names), did_you_mean(word, names.clone()));
    reader.error(&key.span, format!("unknown condition `{word}`"), "unknown", Some(help));
}

/// `and` and `or`: a list of conditions, or one mapping whose keys are the parts.
fn joined(reader: &mut Reader<'_>, scope: &Scope<'_>, node: &Node, name: &str) -> Option<Vec<Condition>> {
    let parts = match &node.value {
        Yaml::List(items) => items.iter().map(|item| condition(reader, scope, item)).collect(),
        _ => keys(reader, scope, node)?,
    };
    if parts.is_empty() {
        reader.error(&node.span, format!("`{name}` has no conditions"), "empty", None);
        return None;
    }
    all_or_nothing(parts)
}

/// The conditions that these names stand for.
fn used(reader: &mut Reader<'_>, scope: &Scope<'_>, node: &Node) -> Option<Vec<Condition>> {
    let names = reader.texts(node, "use");
    if names.is_empty() {
        return None;
    }
    let parts = names.iter().map(|(name, span)| {
        let (source, node, within) = scope.definition(reader, name, span)?;
        let mut elsewhere = Reader::new(source);
        let condition = condition(&mut elsewhere, &within, node);
        if source == reader.source() {
            reader.take(elsewhere.into_problems());
        }
        if condition.is_none() {
            reader.error(span, format!("`{name}` is not understood where it is defined"), "used here", None);
        }
        condition
    });
    all_or_nothing(parts.collect())
}

fn action_types_test(reader: &mut Reader<'_>, node: &Node) -> Option<Condition> {
    let node = match &node.value {
        Yaml::Map(entries) if entries.len() == 1 => match entries.first() {
            Some((key, inner)) if key.text == "in" || key.text == "equals" => inner,
            _ => node,
        },
        _ => node,
    };
    action_types(reader, node, "action_type").map(Condition::ActionType)
}

fn split(path: &str) -> Vec<String> {
    path.split('.').map(str::to_owned).collect()
}

/// What a dotted path starts from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Root {
    Parameters,
    Context,
}

impl Root {
    fn name(self) -> &'static str {
        match self {
            Self::Parameters => "parameters",
            Self::Context => "context",
        }
    }

    fn subject(self, path: Vec<String>) -> Subject {
        match self {
            Self::Parameters => Subject::Parameter(path),
            Self::Context => Subject::Context(path),
        }
    }

    /// A mapping from names to tests; `"*"` is any text anywhere.
    fn mapping(self, reader: &mut Reader<'_>, scope: &Scope<'_>, node: &Node) -> Option<Condition> {
        let fields = reader.open_map(node, self.name())?;
        if fields.iter().next().is_none() {
            let message = format!("`{}` has no conditions", self.name());
            reader.error(&node.span, message, "empty", Some("remove it".into()));
            return None;
        }
        let parts =
            fields.iter().map(|(key, value)| self.value(reader, scope, split(&key.text), &key.span, value));
        all_or_nothing(parts.collect()).map(Condition::All)
    }

    fn value(
        self,
        reader: &mut Reader<'_>,
        scope: &Scope<'_>,
        path: Vec<String>,
        span: &Range<usize>,
        node: &Node,
    ) -> Option<Condition> {
        if path.iter().any(String::is_empty) {
            let message = format!("the name below `{}` has an empty part", self.name());
            reader.error(span, message, "between two dots", None);
            return None;
        }
        if path == ["*"] && self == Self::Parameters {
            let subject = Subject::AnyParameter;
            return test(reader, scope, &subject, node).map(|test| Condition::Holds(subject, test));
        }
        if path.iter().any(|part| part == "*") {
            let message = "`*` stands for every parameter, and only alone";
            let help = "a `pattern` already looks at everything inside a parameter".to_owned();
            reader.error(span, message, "here", Some(help));
            return None;
        }
        match &node.value {
            Yaml::Map(entries)
                if !entries.is_empty() && entries.iter().all(|(key, _)| !is_operator(&key.text)) =>
            {
                self.nested(reader, scope, &path, entries)
            }
            _ => self.tested(reader, scope, path, node),
        }
    }

    fn tested(
        self,
        reader: &mut Reader<'_>,
        scope: &Scope<'_>,
        path: Vec<String>,
        node: &Node,
    ) -> Option<Condition> {
        let subject = self.subject(path);
        let test: Test = test(reader, scope, &subject, node)?;
        Some(Condition::Holds(subject, test))
    }

    /// A mapping below a name without an operator: names of nested values.
    fn nested(
        self,
        reader: &mut Reader<'_>,
        scope: &Scope<'_>,
        path: &[String],
        entries: &[(Key, Node)],
    ) -> Option<Condition> {
        let near = entries.iter().find_map(|(key, _)| misspelt(&key.text).map(|meant| (key, meant)));
        if let Some((key, meant)) = near {
            let message = format!("unknown operator `{}`", key.text);
            let help = format!(
                "did you mean `{meant}`? For a nested value of that name write `{}.{}`",
                path.join("."),
                key.text
            );
            reader.error(&key.span, message, "unknown", Some(help));
            return None;
        }
        let inner = entries.iter().map(|(key, value)| {
            let path = path.iter().cloned().chain(split(&key.text)).collect();
            self.value(reader, scope, path, &key.span, value)
        });
        all_or_nothing(inner.collect()).map(Condition::All)
    }
}

/// An ALLOW behind a limit would let through only what exceeds it.
pub(super) fn refuse_allowing_excess(reader: &mut Reader<'_>, node: &Node) {
    match &node.value {
        Yaml::List(items) => items.iter().for_each(|item| refuse_allowing_excess(reader, item)),
        Yaml::Map(entries) => {
            for (key, value) in entries {
                match key.text.as_str() {
                    "rate_limit" | "limit" => {
                        let message = "this policy would allow only what exceeds the limit";
                        let help =
                            format!("write `not: {{{}: ...}}`, or a policy with `decision: DENY`", key.text);
                        reader.error(&key.span, message, "holds when exceeded", Some(help));
                    }
                    "and" | "or" => refuse_allowing_excess(reader, value),
                    _ => {}
                }
            }
        }
        _ => {}
    }
}
