//! Reads the value that stands behind a name: quoted, bare, or escaped inside another text.

use super::value::{VALUE_MAX, Value};

/// How a quote is written where quotes mean something else: HTML, JSON, URLs.
pub(super) const ESCAPED_QUOTES: [&str; 5] = ["&quot;", "&#34;", "&#39;", "\\u0022", "%22"];

/// Reads the value that `rest`, a tail of `text`, begins with.
pub(super) fn read_value<'a>(text: &'a str, rest: &'a str) -> Option<(usize, Value<'a>)> {
    let window = rest.get(..rest.floor_char_boundary(VALUE_MAX + 16))?;
    if let Some(quote) = ESCAPED_QUOTES.iter().find(|quote| window.starts_with(**quote)) {
        let body = window.get(quote.len()..)?;
        let found = body.get(..body.find(quote)?)?;
        return Some((text.len() - rest.len() + quote.len(), Value { text: found, quoted: true }));
    }
    // Raw and byte strings, PowerShell's `@"`, Objective-C's `@"`.
    let literal =
        window.strip_prefix(['b', 'r', 'u', 'f', '@', 'L']).filter(|rest| rest.starts_with(['"', '\'']));
    let window = literal.unwrap_or(window);
    let escapes = window.len() - window.trim_start_matches('\\').len();
    let opened = window.get(escapes..)?;
    let quote = opened.chars().next().filter(|c| matches!(c, '"' | '\'' | '`'));
    let body = match quote {
        Some(quote) => opened.trim_start_matches(quote),
        None => window,
    };
    let end = match quote {
        Some(quote) => end_of_literal(body, quote, escapes)?,
        None => body.find(|c: char| c.is_whitespace() || ",;&|\"'`<>)}]\\".contains(c)).unwrap_or(body.len()),
    };
    let found = body.get(..end)?;
    let found = if quote.is_some() { found } else { found.trim_end_matches(['.', ':']) };
    let start = text.len() - rest.len() + (rest.len().min(window_len(rest)) - body.len());
    Some((start, Value { text: found, quoted: quote.is_some() }))
}

fn window_len(rest: &str) -> usize {
    rest.floor_char_boundary(VALUE_MAX + 16)
}

/// Where a literal ends: at its quote with as many backslashes before it as at its start.
fn end_of_literal(body: &str, quote: char, escapes: usize) -> Option<usize> {
    let mut run = 0;
    for (at, c) in body.char_indices() {
        match c {
            '\\' => run += 1,
            '\n' => return None,
            c if c == quote && run <= escapes => return Some(at - run),
            _ => run = 0,
        }
    }
    None
}
