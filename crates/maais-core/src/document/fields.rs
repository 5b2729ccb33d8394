//! Reads the fields of a mapping, collecting what is wrong instead of stopping at it.

use std::ops::Range;

use super::{Key, Node, Yaml};
use crate::diagnostic::{Diagnostic, Level, Source};
use crate::suggest::did_you_mean;

/// A document being read, and what was wrong with it so far.
pub struct Reader<'a> {
    source: &'a Source,
    problems: Vec<Diagnostic>,
    errors: usize,
}

/// The fields of one mapping.
#[derive(Clone, Copy)]
pub struct Fields<'n> {
    entries: &'n [(Key, Node)],
    /// The bytes of the mapping.
    pub span: &'n Range<usize>,
}

impl<'n> Fields<'n> {
    /// The value of a field, unless it is absent or null.
    pub fn field(&self, name: &str) -> Option<&'n Node> {
        self.entries
            .iter()
            .find(|(key, node)| key.text == name && node.value != Yaml::Null)
            .map(|(_, node)| node)
    }

    /// The value of a field, null included.
    pub fn field_or_null(&self, name: &str) -> Option<&'n Node> {
        self.entries.iter().find(|(key, _)| key.text == name).map(|(_, node)| node)
    }

    /// Every field in the order of the document.
    pub fn iter(&self) -> impl Iterator<Item = (&'n Key, &'n Node)> + use<'n> {
        self.entries.iter().map(|(key, node)| (key, node))
    }
}

impl<'a> Reader<'a> {
    /// A reader of that document.
    pub fn new(source: &'a Source) -> Self {
        Self { source, problems: Vec::new(), errors: 0 }
    }

    /// The document.
    pub fn source(&self) -> &'a Source {
        self.source
    }

    /// What was wrong.
    pub fn into_problems(self) -> Vec<Diagnostic> {
        self.problems
    }

    /// Errors so far.
    pub(crate) fn errors(&self) -> usize {
        self.errors
    }

    /// Notes what another reader of a document noted.
    pub(crate) fn take(&mut self, problems: Vec<Diagnostic>) {
        self.errors += problems.iter().filter(|problem| problem.level == Level::Error).count();
        self.problems.extend(problems);
    }

    /// Notes an error.
    pub fn error(
        &mut self,
        span: &Range<usize>,
        message: impl Into<String>,
        label: &str,
        help: Option<String>,
    ) {
        self.note(Level::Error, span, message.into(), label, help);
    }

    /// Notes a warning.
    pub fn warning(
        &mut self,
        span: &Range<usize>,
        message: impl Into<String>,
        label: &str,
        help: Option<String>,
    ) {
        self.note(Level::Warning, span, message.into(), label, help);
    }

    fn note(
        &mut self,
        level: Level,
        span: &Range<usize>,
        message: String,
        label: &str,
        help: Option<String>,
    ) {
        self.errors += usize::from(level == Level::Error);
        self.problems.push(Diagnostic {
            level,
            message,
            source: self.source.clone(),
            span: span.clone(),
            label: label.to_owned(),
            related: None,
            help,
        });
    }

    /// Notes that a node has the wrong type.
    pub fn wrong_type(&mut self, node: &Node, name: &str, expected: &str) {
        let message = format!("`{name}` must be {expected}, not {}", node.type_name());
        let label = format!("this is {}", node.type_name());
        self.error(&node.span, message, &label, None);
    }

    /// The fields of a mapping, any names.
    pub fn open_map<'n>(&mut self, node: &'n Node, name: &str) -> Option<Fields<'n>> {
        match &node.value {
            Yaml::Map(entries) => Some(Fields { entries, span: &node.span }),
            _ => {
                self.wrong_type(node, name, "a mapping");
                None
            }
        }
    }

    /// The fields of a mapping whose names are all known.
    pub fn map<'n>(&mut self, node: &'n Node, name: &str, known: &[&str]) -> Option<Fields<'n>> {
        let fields = self.open_map(node, name)?;
        for (key, _) in fields.iter() {
            if !known.contains(&key.text.as_str()) {
                let meant = did_you_mean(&key.text, known.iter().copied());
                let message = format!("unknown field `{}` in `{name}`", key.text);
                let help = format!("one of {}{meant}", listed(known));
                self.error(&key.span, message, "unknown", Some(help));
            }
        }
        Some(fields)
    }

    /// A list.
    pub fn list<'n>(&mut self, node: &'n Node, name: &str) -> Option<&'n [Node]> {
        match &node.value {
            Yaml::List(items) => Some(items),
            _ => {
                self.wrong_type(node, name, "a list");
                None
            }
        }
    }

    /// Text that is not empty.
    pub fn text(&mut self, node: &Node, name: &str) -> Option<String> {
        match &node.value {
            Yaml::Text(text) if text.trim().is_empty() => {
                self.error(&node.span, format!("`{name}` must not be empty"), "empty", None);
                None
            }
            Yaml::Text(text) => Some(text.clone()),
            _ => {
                self.wrong_type(node, name, "text");
                None
            }
        }
    }

    /// `true` or `false`.
    pub fn bool(&mut self, node: &Node, name: &str) -> Option<bool> {
        match node.value {
            Yaml::Bool(value) => Some(value),
            _ => {
                self.wrong_type(node, name, "`true` or `false`");
                None
            }
        }
    }

    /// A whole number within a range.
    pub fn int(&mut self, node: &Node, name: &str, range: std::ops::RangeInclusive<i64>) -> Option<i64> {
        match node.value {
            Yaml::Int(value) if range.contains(&value) => Some(value),
            Yaml::Int(value) => {
                let message =
                    format!("`{name}` is {value}, but must be from {} to {}", range.start(), range.end());
                self.error(&node.span, message, "out of range", None);
                None
            }
            _ => {
                self.wrong_type(node, name, "a whole number");
                None
            }
        }
    }

    /// Text, or a list of texts.
    pub fn texts(&mut self, node: &Node, name: &str) -> Vec<(String, Range<usize>)> {
        match &node.value {
            Yaml::List(items) => {
                items.iter().filter_map(|item| Some((self.text(item, name)?, item.span.clone()))).collect()
            }
            Yaml::Text(_) => {
                self.text(node, name).map(|text| (text, node.span.clone())).into_iter().collect()
            }
            _ => {
                self.wrong_type(node, name, "text or a list of texts");
                Vec::new()
            }
        }
    }
}

/// `` `a`, `b`, `c` ``.
pub(crate) fn listed(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}
