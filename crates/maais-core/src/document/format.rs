//! One form for every policy file: order of keys, indentation, quotes, line breaks. Never another meaning, never a
//! lost comment: the result is read again and compared before it is handed out.
//!
//! What the author decided and no rule improves stays: flow or block form, the order within a condition, blank lines
//! between sections. Two-space indentation, lines of at most [`WIDTH`] columns where there is a choice.

mod emit;
mod layout;

use granit_parser::{Event, Parser};
use serde_json::Value;

use super::{Document, parse, repair};
use crate::diagnostic::{Diagnostic, Diagnostics, Level, Source};

/// Columns within which a flow collection stays on its line.
pub const WIDTH: usize = 120;

/// A document in its one form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Formatted {
    /// This text.
    Text(String),
    /// It is left as it is, for this reason.
    Left(&'static str),
}

/// A comment and where it stands.
#[derive(Debug, Clone)]
struct Comment {
    at: usize,
    text: String,
    /// Nothing stands before it on its line.
    alone: bool,
}

/// The one form of a policy file, or of the cases that test policies.
///
/// # Errors
/// When it is not one document of YAML, or has a key twice; and when its form could not be found without changing
/// what it says, which is a fault of this program and leaves the document as it is.
pub fn format(source: &Source) -> Result<Formatted, Diagnostics> {
    let document = read(source)?;
    let Some((comments, anchored)) = comments(source) else {
        return Ok(Formatted::Left("it has directives"));
    };
    let order = if anchored { layout::Order::AsWritten } else { layout::Order::Usual };
    let file = layout::layout(&source.text, &document.root, &comments, order);
    let Some(text) = file.map(|file| emit::emit(&file)) else {
        return Ok(Formatted::Left("it is written in a way that has no other form"));
    };
    match read(&Source::new(source.name.clone(), text.as_str())) {
        Ok(again) if same(&document, &again) && kept(&comments, &text) => Ok(Formatted::Text(text)),
        _ => Err(Diagnostics(vec![fault(source)])),
    }
}

fn read(source: &Source) -> Result<Document, Diagnostics> {
    let document = parse(source)?;
    let errors: Vec<Diagnostic> =
        document.problems.iter().filter(|problem| problem.level == Level::Error).cloned().collect();
    if errors.is_empty() { Ok(document) } else { Err(Diagnostics(errors)) }
}

fn fault(source: &Source) -> Diagnostic {
    Diagnostic {
        level: Level::Error,
        message: "this file was not formatted: its meaning would have changed".to_owned(),
        source: source.clone(),
        span: 0..1,
        label: "left as it is".to_owned(),
        related: None,
        help: Some("this is a fault of the formatter; please report the file".to_owned()),
    }
}

/// The order of keys means nothing, that of lists everything.
fn same(one: &Document, other: &Document) -> bool {
    let value = |document: &Document| -> Value { document.root.to_json() };
    value(one) == value(other)
}

fn kept(before: &[Comment], text: &str) -> bool {
    let sorted = |comments: &[Comment]| {
        let mut texts: Vec<String> = comments.iter().map(|comment| comment.text.clone()).collect();
        texts.sort_unstable();
        texts
    };
    comments(&Source::new("formatted", text)).is_some_and(|(after, _)| sorted(before) == sorted(&after))
}

/// The comments in their order, and whether there are anchors; `None` if the document has what is not formatted.
fn comments(source: &Source) -> Option<(Vec<Comment>, bool)> {
    let repaired = repair::repair(source).ok()?;
    if source.text.lines().any(|line| line.starts_with('%')) {
        return None;
    }
    let mut events = Parser::new_from_str(&repaired.text);
    let (mut found, mut anchored) = (Vec::new(), false);
    while let Some(event) = events.next_event() {
        let (event, span) = event.ok()?;
        anchored |= event.anchor_id().is_some_and(|id| id != 0) || matches!(event, Event::Alias(_));
        if matches!(event, Event::Comment(..)) {
            let range = repaired.original(span.byte_range()?);
            let before = source.text.get(..range.start)?;
            let line = before.rfind('\n').map_or(before, |at| before.get(at + 1..).unwrap_or_default());
            let text = source.text.get(range.clone())?.trim_end().to_owned();
            found.push(Comment {
                at: range.start,
                text,
                alone: line.trim_start_matches('\u{feff}').trim().is_empty(),
            });
        }
    }
    Some((found, anchored))
}
