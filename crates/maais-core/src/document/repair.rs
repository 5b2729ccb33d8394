//! Mends `"\."`: inside double quotes YAML knows few escapes, and people paste regular expressions.
//!
//! Only scalars that YAML refuses are touched; in such a scalar every backslash but those before `"`,
//! `\` and a line's end stands for itself.

use std::ops::Range;

use granit_parser::{ErrorKind, Parser};

use crate::diagnostic::{Diagnostic, Diagnostics, Level, Source};

/// Scalars that are mended in one document (each costs one more reading of it); the next is an error.
const REPAIRS_MAX: usize = 256;

/// A document that YAML can read, and how its offsets map to the author's.
pub(super) struct Repaired {
    pub(super) text: String,
    /// Offsets in `text` of the backslashes that were added, rising.
    added: Vec<usize>,
    pub(super) warnings: Vec<Diagnostic>,
}

impl Repaired {
    pub(super) fn original_offset(&self, offset: usize) -> usize {
        offset - self.added.partition_point(|added| *added < offset)
    }

    pub(super) fn original(&self, range: Range<usize>) -> Range<usize> {
        self.original_offset(range.start)..self.original_offset(range.end)
    }
}

/// The document with every unknown escape mended.
pub(super) fn repair(source: &Source) -> Result<Repaired, Diagnostics> {
    let mut repaired = Repaired { text: source.text.to_string(), added: Vec::new(), warnings: Vec::new() };
    while let Some(start) = broken_scalar(&repaired.text) {
        if repaired.warnings.len() >= REPAIRS_MAX || !mend(&mut repaired, source, start) {
            break; // the parser will report it with its place
        }
    }
    Ok(repaired)
}

/// Where the first double-quoted scalar with an unknown escape begins.
fn broken_scalar(text: &str) -> Option<usize> {
    // The scanner may be asked again for each mended scalar: only documents with a backslash pay.
    text.contains('\\').then_some(())?;
    let mut parser = Parser::new_from_str(text);
    loop {
        match parser.next_event()? {
            Ok(_) => {}
            Err(error) if *error.kind() == ErrorKind::UnknownQuotedScalarEscape => {
                return error.marker().byte_offset();
            }
            Err(_) => return None,
        }
    }
}

fn mend(repaired: &mut Repaired, source: &Source, start: usize) -> bool {
    let Some((end, additions)) = scan(&repaired.text, start) else {
        return false;
    };
    let span = repaired.original(start..end);
    let written = source.text.get(span.clone()).unwrap_or_default();
    repaired.warnings.push(warning(source, span, written));
    for (earlier, at) in additions.iter().enumerate() {
        let at = at + earlier;
        repaired.text.insert(at, '\\');
        let place = repaired.added.partition_point(|added| *added < at);
        for later in repaired.added.iter_mut().skip(place) {
            *later += 1;
        }
        repaired.added.insert(place, at);
    }
    !additions.is_empty()
}

/// The end of the double-quoted scalar at `start`, and where it needs a further backslash.
fn scan(text: &str, start: usize) -> Option<(usize, Vec<usize>)> {
    let mut additions = Vec::new();
    let mut chars = text.get(start..)?.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((start + at + 1, additions)),
            '\\' => match chars.next()?.1 {
                '"' | '\\' | '\n' | '\r' => {}
                _ => additions.push(start + at),
            },
            _ => {}
        }
    }
    None
}

fn warning(source: &Source, span: Range<usize>, written: &str) -> Diagnostic {
    let inner = written.trim_matches('"').replace("\\\"", "\"").replace("\\\\", "\\").replace('\'', "''");
    Diagnostic {
        level: Level::Warning,
        message: "a backslash in double quotes begins a YAML escape, and this one does not exist".to_owned(),
        source: source.clone(),
        span,
        label: "read as it is written".to_owned(),
        related: None,
        help: Some(format!("write it in single quotes: '{inner}'")),
    }
}
