//! YAML that people write, as a tree in which every node knows its place.
//!
//! Strict YAML 1.2: duplicate keys, tags, several documents, and keys that are no scalars are errors;
//! `yes`, `no`, `on`, `off` are strings. One thing is mended: an escape that YAML does not have inside
//! double quotes (`"\."`, as people paste regular expressions) is taken as written, with a warning.
//! It does not know which fields a document may have; [`crate::policy`] and [`crate::settings`] do.

mod fields;
pub mod format;
mod repair;

use std::collections::HashMap;
use std::ops::Range;

use granit_parser::{Event, Parser, ScalarStyle};

use crate::diagnostic::{Diagnostic, Diagnostics, Level, Source};

pub(crate) use fields::listed;
pub use fields::{Fields, Reader};

/// Bytes of one document.
pub const BYTES_MAX: usize = 16 << 20;
/// Nodes of one document, aliases expanded.
pub const NODES_MAX: usize = 2_000_000;
/// Nodes within one another.
pub const DEPTH_MAX: usize = 64;

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Its bytes in the document.
    pub span: Range<usize>,
    /// What it is.
    pub value: Yaml,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq)]
pub enum Yaml {
    /// `null`, `~` or nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A mapping, in the order of the document.
    Map(Vec<(Key, Node)>),
}

/// A key of a mapping and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    /// Its bytes in the document.
    pub span: Range<usize>,
    /// Its text.
    pub text: String,
}

impl Node {
    /// What the type is called in a message.
    pub fn type_name(&self) -> &'static str {
        match self.value {
            Yaml::Null => "nothing",
            Yaml::Bool(_) => "a boolean",
            Yaml::Int(_) | Yaml::Float(_) => "a number",
            Yaml::Text(_) => "text",
            Yaml::List(_) => "a list",
            Yaml::Map(_) => "a mapping",
        }
    }

    /// The same value as JSON.
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value;
        match &self.value {
            Yaml::Null => Value::Null,
            Yaml::Bool(value) => Value::Bool(*value),
            Yaml::Int(value) => Value::from(*value),
            Yaml::Float(value) => Value::from(*value),
            Yaml::Text(text) => Value::String(text.clone()),
            Yaml::List(items) => items.iter().map(Node::to_json).collect(),
            Yaml::Map(entries) => {
                entries.iter().map(|(key, node)| (key.text.clone(), node.to_json())).collect()
            }
        }
    }
}

/// A document and what was odd about it.
#[derive(Debug, Clone)]
pub struct Document {
    /// The tree.
    pub root: Node,
    /// What is wrong with it: duplicate keys and tags, which are errors, and mended escapes, which are
    /// warnings. Whoever reads the tree adds what it finds, so that everything is told at once.
    pub problems: Vec<Diagnostic>,
}

/// Reads one document.
///
/// # Errors
/// What stops it from being one tree: syntax (the first error only, as nothing after it can be trusted) or
/// size. What is wrong with a tree that could be read is in [`Document::problems`].
pub fn parse(source: &Source) -> Result<Document, Diagnostics> {
    if source.text.len() > BYTES_MAX {
        let message =
            format!("the document has {} bytes, but at most {BYTES_MAX} are read", source.text.len());
        return Err(Diagnostics(vec![error(source, 0..1, message, "too long", None)]));
    }
    let repaired = repair::repair(source)?;
    let mut builder =
        Builder { source, repaired: &repaired, problems: Vec::new(), anchors: Vec::new(), nodes: 0 };
    let root = builder.document().map_err(|first| {
        let mut all = std::mem::take(&mut builder.problems);
        all.push(*first);
        Diagnostics(all)
    })?;
    let mut problems = builder.problems;
    problems.extend(repaired.warnings);
    Ok(Document { root, problems })
}

fn error(
    source: &Source,
    span: Range<usize>,
    message: impl Into<String>,
    label: impl Into<String>,
    help: Option<&str>,
) -> Diagnostic {
    Diagnostic {
        level: Level::Error,
        message: message.into(),
        source: source.clone(),
        span,
        label: label.into(),
        related: None,
        help: help.map(str::to_owned),
    }
}

type Parsed<T> = Result<T, Box<Diagnostic>>;

struct Builder<'a> {
    source: &'a Source,
    repaired: &'a repair::Repaired,
    problems: Vec<Diagnostic>,
    /// (anchor id, node) of what an alias may refer to.
    anchors: Vec<(usize, Node)>,
    nodes: usize,
}

type Events<'a> = Parser<'a, granit_parser::StrInput<'a>>;

impl<'a> Builder<'a> {
    fn document(&mut self) -> Parsed<Node> {
        let mut events = Parser::new_from_str(&self.repaired.text);
        let mut root = None;
        while let Some((event, span)) = self.next(&mut events)? {
            match event {
                Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
                Event::DocumentStart(..) if root.is_some() => {
                    return Err(self.fault(
                        span,
                        "a file holds one document",
                        "a second one begins here",
                        "split the file",
                    ));
                }
                Event::DocumentStart(..) => {}
                event => root = Some(self.node(&mut events, event, span, 0)?),
            }
        }
        Ok(root.unwrap_or(Node { span: 0..0, value: Yaml::Null }))
    }

    /// The next event that is no comment, its span mapped back to what the author wrote.
    fn next(&mut self, events: &mut Events<'a>) -> Parsed<Option<(Event<'a>, Range<usize>)>> {
        loop {
            match events.next_event() {
                None => return Ok(None),
                Some(Ok((Event::Comment(..), _))) => {}
                Some(Ok((event, span))) => {
                    let range = span.byte_range().unwrap_or(0..0);
                    return Ok(Some((event, self.repaired.original(range))));
                }
                Some(Err(scan)) => {
                    let at = self.repaired.original_offset(scan.marker().byte_offset().unwrap_or(0));
                    let message = format!("this is not YAML: {}", scan.info());
                    let help = "check indentation, quotes and colons on this line and the one before";
                    return Err(self.fault(at..at + 1, message, "here", help));
                }
            }
        }
    }

    fn node(
        &mut self,
        events: &mut Events<'a>,
        event: Event<'a>,
        span: Range<usize>,
        depth: usize,
    ) -> Parsed<Node> {
        self.nodes += 1;
        if self.nodes > NODES_MAX || depth > DEPTH_MAX {
            let message =
                format!("the document is larger than {NODES_MAX} values or deeper than {DEPTH_MAX} levels");
            return Err(self.fault(span, message, "too much", "split the file"));
        }
        self.refuse_tag(&event, &span);
        let anchor = event.anchor_id().unwrap_or(0);
        let node = match event {
            Event::Scalar(text, style, ..) => Node { span, value: scalar(&text, style) },
            Event::SequenceStart(..) => self.list(events, span, depth)?,
            Event::MappingStart(..) => self.map(events, span, depth)?,
            Event::Alias(id) => return self.alias(id, span),
            _ => {
                return Err(self.fault(
                    span,
                    "this is not YAML that is understood here",
                    "here",
                    "remove it",
                ));
            }
        };
        if anchor != 0 {
            self.anchors.push((anchor, node.clone()));
        }
        Ok(node)
    }

    fn list(&mut self, events: &mut Events<'a>, span: Range<usize>, depth: usize) -> Parsed<Node> {
        let mut items = Vec::new();
        while let Some((event, at)) = self.next(events)? {
            if matches!(event, Event::SequenceEnd) {
                return Ok(Node { span: span.start..at.end.max(span.start), value: Yaml::List(items) });
            }
            items.push(self.node(events, event, at, depth + 1)?);
        }
        Err(self.fault(span, "this list does not end", "begins here", "close it"))
    }

    fn map(&mut self, events: &mut Events<'a>, span: Range<usize>, depth: usize) -> Parsed<Node> {
        let mut entries: Vec<(Key, Node)> = Vec::new();
        let mut places: HashMap<String, Range<usize>> = HashMap::new();
        while let Some((event, at)) = self.next(events)? {
            if matches!(event, Event::MappingEnd) {
                return Ok(Node { span: span.start..at.end.max(span.start), value: Yaml::Map(entries) });
            }
            let Event::Scalar(text, ..) = &event else {
                return Err(self.fault(
                    at,
                    "a key must be text",
                    "this is not",
                    "write the key as plain text",
                ));
            };
            let key = Key { span: at, text: text.to_string() };
            self.refuse_tag(&event, &key.span);
            match places.get(&key.text) {
                Some(first) => self.refuse_duplicate(first.clone(), &key),
                None => drop(places.insert(key.text.clone(), key.span.clone())),
            }
            let Some((event, at)) = self.next(events)? else {
                break;
            };
            let value = self.node(events, event, at, depth + 1)?;
            entries.push((key, value));
        }
        Err(self.fault(span, "this mapping does not end", "begins here", "close it"))
    }

    fn alias(&mut self, id: usize, span: Range<usize>) -> Parsed<Node> {
        let Some((_, node)) = self.anchors.iter().rfind(|(anchor, _)| *anchor == id) else {
            return Err(self.fault(
                span,
                "this alias names no anchor",
                "unknown",
                "define it before its use",
            ));
        };
        let node = Node { span, value: node.value.clone() };
        self.nodes += count(&node);
        Ok(node)
    }

    fn refuse_tag(&mut self, event: &Event<'_>, span: &Range<usize>) {
        if let Some(tag) = event.tag() {
            let message = format!("the tag `{}` is not understood", tag.original());
            self.problems.push(error(self.source, span.clone(), message, "tagged", Some("remove the tag")));
        }
    }

    fn refuse_duplicate(&mut self, first: Range<usize>, key: &Key) {
        let mut problem = error(
            self.source,
            key.span.clone(),
            format!("the key `{}` is there twice", key.text),
            "again here",
            Some("keep one; to require both conditions, join them with `and`"),
        );
        problem.related = Some((self.source.clone(), first, "first here".to_owned()));
        self.problems.push(problem);
    }

    fn fault(
        &self,
        span: Range<usize>,
        message: impl Into<String>,
        label: &str,
        help: &str,
    ) -> Box<Diagnostic> {
        Box::new(error(self.source, span, message, label, Some(help)))
    }
}

fn count(node: &Node) -> usize {
    1 + match &node.value {
        Yaml::List(items) => items.iter().map(count).sum(),
        Yaml::Map(entries) => entries.iter().map(|(_, value)| count(value)).sum(),
        _ => 0,
    }
}

/// The core schema of YAML 1.2 (section 10.3.2); only plain scalars are anything but text.
fn scalar(text: &str, style: ScalarStyle) -> Yaml {
    if !matches!(style, ScalarStyle::Plain) {
        return Yaml::Text(text.to_owned());
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Yaml::Null,
        "true" | "True" | "TRUE" => Yaml::Bool(true),
        "false" | "False" | "FALSE" => Yaml::Bool(false),
        _ => number(text).unwrap_or_else(|| Yaml::Text(text.to_owned())),
    }
}

fn number(text: &str) -> Option<Yaml> {
    if let Some(hex) = text.strip_prefix("0x") {
        return i64::from_str_radix(hex, 16).ok().map(Yaml::Int);
    }
    if let Some(octal) = text.strip_prefix("0o") {
        return i64::from_str_radix(octal, 8).ok().map(Yaml::Int);
    }
    if let Ok(int) = text.parse() {
        return Some(Yaml::Int(int));
    }
    let numeric = text.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b))
        && text.bytes().any(|b| b.is_ascii_digit());
    let float: f64 = numeric.then(|| text.parse().ok()).flatten()?;
    float.is_finite().then_some(Yaml::Float(float))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Document, Diagnostics> {
        let document = parse(&Source::new("t.yaml", text))?;
        let problems = Diagnostics(document.problems.clone());
        if problems.has_errors() { Err(problems) } else { Ok(document) }
    }

    #[test]
    fn scalars_follow_the_core_schema_and_quotes_make_text() {
        let json = read("a: 1\nb: 'yes'\nc: yes\nd: true\ne: ~\nf: 1.5\ng: \"1\"\nh: 0x1f\ni: 1.2.3")
            .unwrap()
            .root
            .to_json();
        assert_eq!(
            json,
            serde_json::json!({"a":1,"b":"yes","c":"yes","d":true,"e":null,"f":1.5,"g":"1","h":31,"i":"1.2.3"})
        );
    }

    #[test]
    fn a_duplicate_key_is_an_error_that_shows_both_places() {
        let problems = read("a:\n  b: 1\n  c: 2\n  b: 3\n").unwrap_err();
        assert_eq!(problems.0[0].place(), "t.yaml:4:3");
        assert!(problems.to_string().contains("first here"), "{problems}");
    }

    #[test]
    fn tags_second_documents_and_broken_syntax_are_errors() {
        for text in [
            "a: !!python/object x",
            "a: 1\n---\nb: 2",
            "a: [1",
            "a: 'x",
            "? [1]\n: 2",
            "a: *b",
            "a:\n\t- b: c: d",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_alias_stands_for_its_anchor_within_the_budget() {
        let json = read("a: &x [1, 2]\nb: *x").unwrap().root.to_json();
        assert_eq!(json, serde_json::json!({"a":[1,2],"b":[1,2]}));
        let mut bomb = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
        for i in 1..12 {
            let refs = vec![format!("*a{}", i - 1); 10].join(",");
            bomb.push_str(&format!("a{i}: &a{i} [{refs}]\n"));
        }
        assert!(read(&bomb).is_err(), "an alias bomb must be refused");
    }

    #[test]
    fn an_escape_that_yaml_lacks_is_taken_as_written_and_warned_of() {
        let document = read("a: 1\np: \"x\\.y\\bz\\\\d\" # c\nq: 2\n").unwrap();
        assert_eq!(document.root.to_json()["p"], "x\\.y\\bz\\d");
        let warning = &document.problems[0];
        assert_eq!(warning.place(), "t.yaml:2:4");
        assert_eq!(warning.underlined(), "\"x\\.y\\bz\\\\d\"");
        assert!(warning.help.as_ref().unwrap().contains("'x\\.y\\bz\\d'"), "{warning:?}");
        let Yaml::Map(entries) = &document.root.value else { panic!() };
        assert_eq!(entries[2].0.span, 25..26, "places after the mended text are the author's");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused_without_a_panic(text in "\\PC{0,80}|[-\\[\\]{}:,'\"\\\\ \\n&*!|>#?a-c0-9.]{0,80}") {
            let _ = read(&text).map_err(|problems| problems.to_string());
        }
    }
}
