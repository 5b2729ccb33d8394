//! What is wrong with a document that a person wrote: where, why, and what to do.
//!
//! It renders text; it does not decide what counts as wrong.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use annotate_snippets::{AnnotationKind, Group, Level as Title, Renderer, Snippet};

/// A document and the name that its reader knows it by.
#[derive(Debug, Clone)]
pub struct Source {
    /// The file's name, as given.
    pub name: Arc<str>,
    /// Its text.
    pub text: Arc<str>,
    /// Where its lines begin, once somebody has asked for a position.
    lines: Arc<OnceLock<Box<[usize]>>>,
}

impl PartialEq for Source {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, &self.text) == (&other.name, &other.text)
    }
}

impl Eq for Source {}

impl Source {
    /// A named text.
    pub fn new(name: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> Self {
        Self { name: name.into(), text: text.into(), lines: Arc::default() }
    }

    /// Line and column, both from 1, of a byte offset; columns count characters.
    pub fn position(&self, offset: usize) -> (usize, usize) {
        let offset = floor(&self.text, offset);
        let lines = self.lines.get_or_init(|| {
            let ends = self.text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
            std::iter::once(0).chain(ends.map(|(at, _)| at + 1)).collect()
        });
        let line = lines.partition_point(|begin| *begin <= offset);
        let begin = lines.get(line.saturating_sub(1)).copied().unwrap_or(0);
        (line, self.text.get(begin..offset).unwrap_or_default().chars().count() + 1)
    }
}

/// Whether the document can be used all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Nothing is wrong; a reader may want to know.
    Note,
    /// It is used, but probably not what its author wants.
    Warning,
    /// It is not used.
    Error,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Error or warning.
    pub level: Level,
    /// What is wrong, with the author's words in backticks.
    pub message: String,
    /// The document.
    pub source: Source,
    /// The bytes that are wrong.
    pub span: Range<usize>,
    /// What to say beside the underlined text.
    pub label: String,
    /// Another place that matters, and why.
    pub related: Option<(Source, Range<usize>, String)>,
    /// What to do.
    pub help: Option<String>,
}

impl Diagnostic {
    /// `file:line:column` of the beginning.
    pub fn place(&self) -> String {
        let (line, column) = self.source.position(self.span.start);
        format!("{}:{line}:{column}", self.source.name)
    }

    /// The text that is underlined.
    pub fn underlined(&self) -> &str {
        self.source.text.get(self.span.clone()).unwrap_or_default()
    }

    /// The diagnostic with its source lines, coloured for a terminal or plain.
    pub fn render(&self, colour: Colour) -> String {
        let renderer = match colour {
            Colour::Plain => Renderer::plain(),
            Colour::Terminal => Renderer::styled(),
        };
        let title = match self.level {
            Level::Error => Title::ERROR,
            Level::Warning => Title::WARNING,
            Level::Note => Title::NOTE,
        };
        let main = Snippet::source(&*self.source.text).path(&*self.source.name).annotation(
            AnnotationKind::Primary.span(visible(&self.source.text, &self.span)).label(&self.label),
        );
        let mut group = Group::with_title(title.primary_title(&self.message)).element(main);
        if let Some((source, span, label)) = &self.related {
            group = group.element(
                Snippet::source(&*source.text)
                    .path(&*source.name)
                    .annotation(AnnotationKind::Context.span(visible(&source.text, span)).label(label)),
            );
        }
        if let Some(help) = &self.help {
            group = group.element(Title::HELP.message(help));
        }
        renderer.render(&[group]).to_string()
    }
}

/// How a diagnostic is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// Text alone.
    Plain,
    /// With ANSI colours.
    Terminal,
}

/// A document, or several, could not be used: everything that is wrong with them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Diagnostics(pub Vec<Diagnostic>);

impl Diagnostics {
    /// Whether anything makes the documents unusable.
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|d| d.level == Level::Error)
    }

    /// Everything, each with its source lines, blank lines between.
    pub fn render(&self, colour: Colour) -> String {
        let parts: Vec<String> = self.0.iter().map(|d| d.render(colour)).collect();
        parts.join("\n\n")
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(Colour::Plain))
    }
}

impl std::error::Error for Diagnostics {}

/// The span on character boundaries, within the text, and of one line at most two.
fn visible(text: &str, span: &Range<usize>) -> Range<usize> {
    let start = floor(text, span.start);
    let end = floor(text, span.end.max(start));
    let shown = text.get(start..end).unwrap_or_default();
    let first_line = shown.find('\n').map_or(end, |newline| start + newline);
    let end = if first_line > start { first_line } else { end };
    if end > start { start..end } else { start..ceil(text, start + 1) }
}

fn floor(text: &str, offset: usize) -> usize {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

fn ceil(text: &str, offset: usize) -> usize {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset += 1;
    }
    offset
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(span: Range<usize>) -> Diagnostic {
        Diagnostic {
            level: Level::Error,
            message: "unknown effect `DENNY`".into(),
            source: Source::new("p.yaml", "a: 1\ndecision: DENNY\nß: 2\n"),
            span,
            label: "not an effect".into(),
            related: None,
            help: Some("did you mean `DENY`?".into()),
        }
    }

    #[test]
    fn the_place_and_the_underlined_text_are_those_of_the_author() {
        let text = sample(15..20).render(Colour::Plain);
        assert!(text.contains("p.yaml:2:11"), "{text}");
        assert!(text.contains("^^^^^ not an effect"), "{text}");
        assert!(text.contains("did you mean `DENY`?"), "{text}");
        assert_eq!(sample(15..20).place(), "p.yaml:2:11");
    }

    #[test]
    fn any_span_can_be_shown() {
        for start in 0..30 {
            for end in 0..40 {
                sample(start..end).render(Colour::Plain);
            }
        }
    }
}
