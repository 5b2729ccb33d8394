//! Conditions: every key must hold; what cannot be understood is an error, never `true`.

use std::ops::Range;

use serde_json::Value;

use super::super::Pattern;
use super::super::model::{Condition, LimitKey, RateLimit, Test, UrlPart};
use super::action_types;
use crate::document::{Key, Node, Reader, Yaml, listed};
use crate::glob::{Glob, GlobError};
use crate::suggest::did_you_mean;

const KEYS: [&str; 14] = [
    "target",
    "parameters",
    "action_type",
    "agent_id",
    "rate_limit",
    "and",
    "or",
    "not",
    "path",
    "url.host",
    "url.scheme",
    "url.port",
    "url.path",
    "url.class",
];
const OPERATORS: [&str; 5] = ["equals", "in", "not_in", "pattern", "glob"];
const LIMIT_FIELDS: [&str; 3] = ["max_per_minute", "window_seconds", "key"];
const CLASSES: [&str; 6] = ["loopback", "private", "link_local", "metadata", "public", "unparseable"];

/// How a glob is read: in a path, `*` stays within a folder.
type ReadGlob = fn(&str) -> Result<Glob, GlobError>;

/// A condition: a mapping whose keys must all hold. An empty mapping always holds.
pub(super) fn condition(reader: &mut Reader<'_>, node: &Node) -> Option<Condition> {
    if node.value == Yaml::Null {
        let help = "write `condition: {}` to match every action of these types".to_owned();
        reader.error(&node.span, "the condition is empty", "nothing here", Some(help));
        return None;
    }
    let parts = keys(reader, node)?;
    all_or_nothing(parts).map(Condition::All)
}

/// Each key of a mapping as a condition; `None` stands for one that could not be understood.
fn keys(reader: &mut Reader<'_>, node: &Node) -> Option<Vec<Option<Condition>>> {
    let fields = reader.open_map(node, "a condition")?;
    Some(fields.iter().map(|(key, value)| one_key(reader, key, value)).collect())
}

/// A condition that lost a part must not be used: it would match more than its author wrote.
fn all_or_nothing<T>(parts: Vec<Option<T>>) -> Option<Vec<T>> {
    parts.into_iter().collect()
}

fn one_key(reader: &mut Reader<'_>, key: &Key, value: &Node) -> Option<Condition> {
    if let Some(path) = key.text.strip_prefix("parameters.") {
        return parameter(reader, split(path), &key.span, value);
    }
    if let Some((_, part)) = UrlPart::KEYS.into_iter().find(|(name, _)| *name == key.text) {
        return url(reader, part, &key.text, value);
    }
    match key.text.as_str() {
        "target" => name_test(reader, value, "target", Glob::new).map(Condition::Target),
        "agent_id" => name_test(reader, value, "agent_id", Glob::new).map(Condition::Agent),
        "path" => name_test(reader, value, "path", Glob::path).map(Condition::Path),
        "action_type" => action_types_test(reader, value),
        "parameters" => parameters(reader, value),
        "rate_limit" => rate_limit(reader, value).map(Condition::RateLimit),
        "and" => joined(reader, value, "and").map(Condition::All),
        "or" => joined(reader, value, "or").map(Condition::Any),
        "not" => condition(reader, value).map(|inner| Condition::Not(Box::new(inner))),
        other => {
            let help =
                format!("one of {}, or `parameters.<name>`{}", listed(&KEYS), did_you_mean(other, KEYS));
            reader.error(&key.span, format!("unknown condition `{other}`"), "unknown", Some(help));
            None
        }
    }
}

/// `and` and `or`: a list of conditions, or one mapping whose keys are the parts.
fn joined(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<Vec<Condition>> {
    let parts = match &node.value {
        Yaml::List(items) => items.iter().map(|item| condition(reader, item)).collect(),
        _ => keys(reader, node)?,
    };
    if parts.is_empty() {
        reader.error(&node.span, format!("`{name}` has no conditions"), "empty", None);
        return None;
    }
    all_or_nothing(parts)
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

/// A mapping from parameter names to tests; `"*"` is any text anywhere.
fn parameters(reader: &mut Reader<'_>, node: &Node) -> Option<Condition> {
    let fields = reader.open_map(node, "parameters")?;
    if fields.iter().next().is_none() {
        reader.error(&node.span, "`parameters` has no conditions", "empty", Some("remove it".into()));
        return None;
    }
    let parts =
        fields.iter().map(|(key, value)| parameter(reader, split(&key.text), &key.span, value)).collect();
    all_or_nothing(parts).map(Condition::All)
}

fn split(path: &str) -> Vec<String> {
    path.split('.').map(str::to_owned).collect()
}

fn parameter(
    reader: &mut Reader<'_>,
    path: Vec<String>,
    span: &Range<usize>,
    node: &Node,
) -> Option<Condition> {
    if path.iter().any(String::is_empty) {
        let message = "a parameter's name has an empty part";
        reader.error(span, message, "between two dots", None);
        return None;
    }
    if path == ["*"] {
        return any_parameter(reader, node);
    }
    if path.iter().any(|part| part == "*") {
        let message = "`*` stands for every parameter, and only alone";
        let help = "a `pattern` already looks at everything inside a parameter".to_owned();
        reader.error(span, message, "here", Some(help));
        return None;
    }
    if let Yaml::Map(entries) = &node.value
        && !entries.is_empty()
        && entries.iter().all(|(key, _)| !OPERATORS.contains(&key.text.as_str()))
    {
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
            parameter(reader, path, &key.span, value)
        });
        return all_or_nothing(inner.collect()).map(Condition::All);
    }
    let name = path.join(".");
    value_test(reader, node, &name, Glob::new).map(|test| Condition::Parameter(path, test))
}

/// Any text anywhere. "Any text is none of these" is true of nearly every action and meant by nobody.
fn any_parameter(reader: &mut Reader<'_>, node: &Node) -> Option<Condition> {
    if let Yaml::Map(entries) = &node.value
        && let Some((key, _)) = entries.iter().find(|(key, _)| key.text == "not_in")
    {
        let message = "`not_in` of any parameter would hold as soon as one text is another";
        let help = "write `not: {parameters.*: {in: [...]}}`".to_owned();
        reader.error(&key.span, message, "here", Some(help));
        return None;
    }
    value_test(reader, node, "parameters.*", Glob::new).map(Condition::AnyParameter)
}

/// The operator that a nested name was probably meant to be (`patern`), if it is that near.
fn misspelt(word: &str) -> Option<&'static str> {
    let slips = ["regex", "matches", "match", "re", "eq", "equal", "one_of", "notin", "not-in"];
    let meant = ["pattern", "pattern", "pattern", "pattern", "equals", "equals", "in", "not_in", "not_in"];
    if let Some(known) = slips.iter().position(|slip| *slip == word) {
        return meant.get(known).copied();
    }
    let long: Vec<&'static str> = OPERATORS.into_iter().filter(|name| name.len() > 4).collect();
    crate::suggest::nearest(word, long)
}

/// A test of a name: a list means any of them.
fn name_test(reader: &mut Reader<'_>, node: &Node, name: &str, glob: ReadGlob) -> Option<Test> {
    match &node.value {
        Yaml::List(items) => scalars(reader, node, items, name).map(Test::In),
        _ => value_test(reader, node, name, glob),
    }
}

fn url(reader: &mut Reader<'_>, part: UrlPart, name: &str, node: &Node) -> Option<Condition> {
    // A URL's path is split like a file's; hosts and schemes are flat names.
    let glob = if part == UrlPart::Path { Glob::path } else { Glob::new };
    let test = name_test(reader, node, name, glob)?;
    if part == UrlPart::Class
        && let Some(value) = unknown_class(&test)
    {
        let meant = did_you_mean(value.as_str().unwrap_or_default(), CLASSES);
        let help = format!("one of {}{meant}", listed(&CLASSES));
        reader.error(&node.span, format!("{value} is no class of URL"), "unknown class", Some(help));
        return None;
    }
    Some(Condition::Url(part, test))
}

/// The first value that no URL's class can ever be.
fn unknown_class(test: &Test) -> Option<&Value> {
    let known = |value: &&Value| value.as_str().is_some_and(|text| CLASSES.contains(&text));
    match test {
        Test::All(tests) => tests.iter().find_map(unknown_class),
        Test::Equals(value) => Some(value).filter(|value| !known(value)),
        Test::In(values) | Test::NotIn(values) => values.iter().find(|value| !known(value)),
        Test::Pattern(_) | Test::Glob(_) => None,
    }
}

fn value_test(reader: &mut Reader<'_>, node: &Node, name: &str, glob: ReadGlob) -> Option<Test> {
    match &node.value {
        Yaml::Null => {
            reader.error(&node.span, format!("`{name}` is held against nothing"), "empty", None);
            None
        }
        Yaml::List(_) => {
            let help =
                "write `in: [...]` for any of them, or `equals: [...]` for exactly this list".to_owned();
            reader.error(
                &node.span,
                format!("what `{name}` is held against is ambiguous"),
                "a list",
                Some(help),
            );
            None
        }
        Yaml::Map(entries) if entries.is_empty() => {
            reader.error(&node.span, format!("`{name}` has no test"), "empty", None);
            None
        }
        Yaml::Map(entries) => {
            let tests = entries.iter().map(|(key, value)| operator(reader, key, value, glob)).collect();
            all_or_nothing(tests).map(Test::All)
        }
        _ => Some(Test::Equals(node.to_json())),
    }
}

fn operator(reader: &mut Reader<'_>, key: &Key, node: &Node, glob: ReadGlob) -> Option<Test> {
    match key.text.as_str() {
        "equals" => Some(Test::Equals(node.to_json())),
        "in" => list(reader, node, "in").map(Test::In),
        "not_in" => list(reader, node, "not_in").map(Test::NotIn),
        "pattern" => pattern(reader, node).map(Test::Pattern),
        "glob" => globs(reader, node, glob).map(Test::Glob),
        other => {
            let help = format!("one of {}{}", listed(&OPERATORS), did_you_mean(other, OPERATORS));
            reader.error(&key.span, format!("unknown operator `{other}`"), "unknown", Some(help));
            None
        }
    }
}

fn list(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<Vec<Value>> {
    let items = reader.list(node, name)?;
    scalars(reader, node, items, name)
}

fn scalars(reader: &mut Reader<'_>, node: &Node, items: &[Node], name: &str) -> Option<Vec<Value>> {
    if items.is_empty() {
        reader.error(&node.span, format!("`{name}` is an empty list"), "empty", None);
        return None;
    }
    let mut values = Vec::with_capacity(items.len());
    for item in items {
        if matches!(item.value, Yaml::Null | Yaml::List(_) | Yaml::Map(_)) {
            reader.wrong_type(item, name, "a list of texts, numbers or booleans");
            return None;
        }
        values.push(item.to_json());
    }
    Some(values)
}

fn globs(reader: &mut Reader<'_>, node: &Node, glob: ReadGlob) -> Option<Vec<Glob>> {
    if matches!(&node.value, Yaml::List(items) if items.is_empty()) {
        reader.error(&node.span, "`glob` is an empty list", "empty", None);
        return None;
    }
    let texts = reader.texts(node, "glob");
    let whole = !matches!(&node.value, Yaml::List(items) if items.len() > texts.len());
    let mut globs = Vec::with_capacity(texts.len());
    for (text, span) in &texts {
        match glob(text) {
            Ok(glob) => globs.push(glob),
            Err(error) => {
                let message = format!("this glob is not understood: {error}");
                reader.error(span, message, "here", None);
            }
        }
    }
    (whole && !globs.is_empty() && globs.len() == texts.len()).then_some(globs)
}

fn pattern(reader: &mut Reader<'_>, node: &Node) -> Option<Pattern> {
    let text = reader.text(node, "pattern")?;
    let text = as_meant(reader, node, text);
    match Pattern::new(&text) {
        Ok(pattern) => Some(pattern),
        Err(error) => {
            let message = format!("this pattern is not understood: {error}");
            let help = "patterns are those of the Rust `regex` crate, with look-around".to_owned();
            reader.error(&node.span, message, "here", Some(help));
            None
        }
    }
}

/// `"\b"` in double quotes is YAML's backspace, which no pattern looks for.
fn as_meant(reader: &mut Reader<'_>, node: &Node, text: String) -> String {
    if !text.contains('\u{8}') {
        return text;
    }
    let meant = text.replace('\u{8}', r"\b");
    let help = format!("write it in single quotes: '{}'", meant.replace('\'', "''"));
    reader.warning(
        &node.span,
        r#""\b" in double quotes is a backspace"#,
        r"read as `\b`, a word's edge",
        Some(help),
    );
    meant
}

/// An ALLOW behind a limit would let through only what exceeds it.
pub(super) fn refuse_allowing_excess(reader: &mut Reader<'_>, node: &Node) {
    match &node.value {
        Yaml::List(items) => items.iter().for_each(|item| refuse_allowing_excess(reader, item)),
        Yaml::Map(entries) => {
            for (key, value) in entries {
                match key.text.as_str() {
                    "rate_limit" => {
                        let message = "this policy would allow only what exceeds the limit";
                        let help =
                            "write `not: {rate_limit: ...}`, or a policy with `decision: DENY`".to_owned();
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

fn rate_limit(reader: &mut Reader<'_>, node: &Node) -> Option<RateLimit> {
    let fields = reader.map(node, "rate_limit", &LIMIT_FIELDS)?;
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
    Some(RateLimit {
        max: u32::try_from(max_in_window).unwrap_or(u32::MAX),
        window_seconds: u32::try_from(window).unwrap_or(60),
        key,
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
