//! Policies before they are a file, and how the file is written.

use maais_runtime::core::decision::Effect;
use serde_json::Value;

/// The JSON types, as policies name them.
pub(super) const TYPES: [&str; 6] = ["text", "number", "boolean", "list", "object", "null"];

/// A condition of which nothing is ever unknown.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cond {
    /// All of these; none of them always holds.
    All(Vec<Cond>),
    /// At least one of these.
    Any(Vec<Cond>),
    /// Not this.
    Not(Box<Cond>),
    /// A subject and its tests, by operator.
    Test(String, Vec<(&'static str, Value)>),
}

impl Cond {
    /// One subject and one test.
    pub(super) fn one(subject: &str, operator: &'static str, value: impl Into<Value>) -> Self {
        Self::Test(subject.to_owned(), vec![(operator, value.into())])
    }

    /// The subject is there and of one of these JSON types.
    pub(super) fn typed(subject: &str, types: &[&str]) -> Self {
        Self::one(subject, "type", types.to_vec())
    }

    /// At least one of these, without a wrapper around a single one.
    pub(super) fn any(mut parts: Vec<Self>) -> Self {
        match parts.pop() {
            Some(only) if parts.is_empty() => only,
            Some(last) => {
                parts.push(last);
                Self::Any(parts)
            }
            None => Self::Any(parts),
        }
    }

    /// All of these, those of inner lists among them.
    pub(super) fn all(parts: Vec<Self>) -> Self {
        let mut flat = Vec::new();
        for part in parts {
            match part {
                Self::All(inner) => flat.extend(inner),
                other => flat.push(other),
            }
        }
        match <[Self; 1]>::try_from(flat) {
            Ok([only]) => only,
            Err(flat) => Self::All(flat),
        }
    }

    pub(super) fn negated(self) -> Self {
        Self::Not(Box::new(self))
    }

    /// As a YAML mapping on one line.
    fn write(&self, into: &mut String) {
        into.push('{');
        self.write_keys(into);
        into.push('}');
    }

    fn write_keys(&self, into: &mut String) {
        match self {
            Self::Test(subject, tests) => {
                into.push_str(&format!("{}: {{", name(subject)));
                for (at, (operator, value)) in tests.iter().enumerate() {
                    into.push_str(if at == 0 { "" } else { ", " });
                    into.push_str(&format!("{operator}: {}", scalar(value)));
                }
                into.push('}');
            }
            Self::Not(inner) => {
                into.push_str("not: ");
                inner.write(into);
            }
            Self::Any(parts) => list("or", parts, into),
            // An empty mapping always holds.
            Self::All(parts) if parts.is_empty() => {}
            Self::All(parts) if have_keys_of_their_own(parts) => {
                for (at, part) in parts.iter().enumerate() {
                    into.push_str(if at == 0 { "" } else { ", " });
                    part.write_keys(into);
                }
            }
            Self::All(parts) => list("and", parts, into),
        }
    }
}

fn list(key: &str, parts: &[Cond], into: &mut String) {
    into.push_str(key);
    into.push_str(": [");
    for (at, part) in parts.iter().enumerate() {
        into.push_str(if at == 0 { "" } else { ", " });
        part.write(into);
    }
    into.push(']');
}

/// A mapping has each key once.
fn have_keys_of_their_own(parts: &[Cond]) -> bool {
    let mut keys: Vec<&str> = parts
        .iter()
        .filter_map(|part| match part {
            Cond::Test(subject, _) => Some(subject.as_str()),
            Cond::Not(_) => Some("not"),
            Cond::Any(_) => Some("or"),
            Cond::All(_) => None,
        })
        .collect();
    keys.sort_unstable();
    keys.dedup();
    keys.len() == parts.len()
}

/// A policy.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) id: String,
    pub(super) condition: Cond,
    pub(super) decision: Effect,
    pub(super) reason: String,
    pub(super) priority: i64,
    /// What it was made from: a key of the metadata, and its value.
    pub(super) from: Vec<(&'static str, String)>,
}

/// A policy file.
#[derive(Debug)]
pub(super) struct File {
    /// What it was made from, and what is not in it: one line each.
    pub(super) notes: Vec<String>,
    pub(super) default: Effect,
    pub(super) policies: Vec<Draft>,
}

impl File {
    /// The same with a first line that says what it was made from.
    pub(super) fn from(mut self, made: String) -> Self {
        self.notes.insert(0, made);
        self
    }

    /// As YAML, without a line's end at its end.
    pub(super) fn to_yaml(&self) -> String {
        let mut lines: Vec<String> = self.notes.iter().map(|note| format!("# {note}")).collect();
        lines.push(format!("default_decision: {}", self.default.as_str()));
        lines.push(if self.policies.is_empty() { "policies: []" } else { "policies:" }.to_owned());
        for policy in &self.policies {
            let mut condition = String::new();
            policy.condition.write(&mut condition);
            let from: Vec<String> =
                policy.from.iter().map(|(key, value)| format!("{key}: {}", quoted(value))).collect();
            lines.extend([
                format!("  - id: {}", quoted(&policy.id)),
                "    applies_to: '*'".to_owned(),
                format!("    condition: {condition}"),
                format!("    decision: {}", policy.decision.as_str()),
                format!("    reason: {}", quoted(&policy.reason)),
                format!("    priority: {}", policy.priority),
                format!("    metadata: {{imported: {{{}}}}}", from.join(", ")),
            ]);
        }
        lines.join("\n")
    }
}

/// An id that the language accepts: what is no letter, digit or mark of ids becomes `-`.
pub(super) fn id(text: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "_-./".contains(c) { c } else { '-' };
    text.chars().take(100).map(plain).collect()
}

/// A key: plain if YAML reads it as text whatever its version, else quoted.
pub(super) fn name(text: &str) -> String {
    let first = text.chars().next().is_some_and(|first| first.is_ascii_alphabetic());
    let plain = first && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c));
    let word = ["null", "true", "false", "yes", "no", "on", "off", "y", "n"]
        .iter()
        .any(|word| text.eq_ignore_ascii_case(word));
    if plain && !word { text.to_owned() } else { quoted(text) }
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        Value::Array(items) => format!("[{}]", items.iter().map(scalar).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

/// In single quotes; in double quotes what has no other way to be written on one line.
pub(super) fn quoted(text: &str) -> String {
    let shows = |c: char| (' '..='~').contains(&c) || (c > '\u{a0}' && c.is_alphanumeric());
    if text.chars().all(shows) {
        return format!("'{}'", text.replace('\'', "''"));
    }
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if shows(c) => quoted.push(c),
            c => quoted.push_str(&format!("\\U{:08X}", u32::from(c))),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use maais_runtime::core::diagnostic::Source;
    use maais_runtime::core::document;

    use super::*;

    #[test]
    fn whatever_text_is_quoted_is_read_back_as_it_was() {
        let texts =
            ["a", "it's", "$x", "\\d\"", "ü ☃\u{1f600}", "a\nb\t\u{7f}\u{85}\u{2028}\u{feff}", " ", "null"];
        for text in texts {
            let yaml = Source::new("t", format!("{}: {}", name(text), quoted(text)));
            let read = document::parse(&yaml).unwrap();
            assert!(read.problems.is_empty(), "{yaml:?}");
            assert_eq!(read.root.to_json(), serde_json::json!({text: text}), "{yaml:?}");
        }
    }

    #[test]
    fn parts_whose_keys_would_be_there_twice_are_a_list() {
        let write = |cond: Cond| {
            let mut text = String::new();
            cond.write(&mut text);
            text
        };
        let target = |text: &str| Cond::one("target", "equals", text);
        assert_eq!(
            write(Cond::all(vec![target("a"), target("b").negated()])),
            "{target: {equals: 'a'}, not: {target: {equals: 'b'}}}"
        );
        assert_eq!(
            write(Cond::all(vec![target("a"), target("b")])),
            "{and: [{target: {equals: 'a'}}, {target: {equals: 'b'}}]}"
        );
        assert_eq!(write(Cond::all(Vec::new())), "{}");
    }
}
