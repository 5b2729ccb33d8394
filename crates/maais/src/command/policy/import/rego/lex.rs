//! Rego's tokens. Whatever bytes there are, every one of them is in a token, a space or a comment.

use std::ops::Range;

/// A token and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) span: Range<usize>,
    /// It is the first of its line.
    pub(super) begins_line: bool,
    /// Nothing stands between it and the one before.
    pub(super) adjacent: bool,
}

/// What a token is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Name(String),
    Text(String),
    /// As it is written.
    Number(String),
    Mark(&'static str),
    /// Nothing that Rego has, or a text that is broken; why.
    Wrong(&'static str),
}

const MARKS: [&str; 26] = [
    ":=", "==", "!=", "<=", ">=", "{", "}", "[", "]", "(", ")", ",", ";", ":", ".", "=", "<", ">", "+", "-",
    "*", "/", "%", "&", "|", "$",
];

/// The tokens of a text.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    let mut at = 0;
    let mut begins_line = true;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let Some(first) = rest.chars().next() else { break };
        if matches!(first, ' ' | '\t' | '\r' | '\n') {
            begins_line |= first == '\n';
            at += first.len_utf8();
            continue;
        }
        if first == '#' {
            at += rest.find('\n').unwrap_or(rest.len());
            continue;
        }
        let (kind, length) = token(rest, first);
        let span = at..at + length;
        let adjacent = tokens.last().is_some_and(|before| before.span.end == at);
        tokens.push(Token { kind, span, begins_line, adjacent });
        at += length;
        begins_line = false;
    }
    tokens
}

/// The token that a text begins with, and its bytes.
fn token(rest: &str, first: char) -> (Kind, usize) {
    if first.is_ascii_alphabetic() || first == '_' {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        return (Kind::Name(rest.get(..end).unwrap_or_default().to_owned()), end);
    }
    if first.is_ascii_digit() {
        return number(rest);
    }
    match first {
        '"' => quoted(rest),
        '`' => raw(rest),
        _ => match MARKS.iter().find(|mark| rest.starts_with(**mark)) {
            Some(mark) => (Kind::Mark(mark), mark.len()),
            None => (Kind::Wrong("no token of Rego"), first.len_utf8()),
        },
    }
}

/// JSON's numbers, without a sign.
fn number(rest: &str) -> (Kind, usize) {
    let mut before = ' ';
    let mut of_number = |c: char| {
        let fits = c.is_ascii_alphanumeric() || c == '.' || ("+-".contains(c) && "eE".contains(before));
        before = c;
        fits
    };
    let end = rest.find(|c| !of_number(c)).unwrap_or(rest.len());
    let text = rest.get(..end).unwrap_or_default();
    match serde_json::from_str::<serde_json::Value>(text) {
        Ok(serde_json::Value::Number(_)) => (Kind::Number(text.to_owned()), end),
        _ => (Kind::Wrong("no number of JSON"), end),
    }
}

/// A text in double quotes, which ends on its line, with JSON's escapes.
fn quoted(rest: &str) -> (Kind, usize) {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            '\n' => return (Kind::Wrong("a text that does not end on its line"), at),
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => {
                let text = rest.get(..=at).unwrap_or_default();
                let kind = match serde_json::from_str(text) {
                    Ok(text) => Kind::Text(text),
                    Err(_) => Kind::Wrong("a text with an escape that JSON does not have"),
                };
                return (kind, at + 1);
            }
            _ => {}
        }
    }
    (Kind::Wrong("a text that does not end"), rest.len())
}

/// A text between backticks, as it stands; Go takes carriage returns out of it.
fn raw(rest: &str) -> (Kind, usize) {
    let inner = rest.get(1..).unwrap_or_default();
    match inner.find('`') {
        None => (Kind::Wrong("a text that does not end"), rest.len()),
        Some(end) => {
            let text = inner.get(..end).unwrap_or_default();
            let kind = if text.contains('\r') {
                Kind::Wrong("a carriage return in a raw text")
            } else {
                Kind::Text(text.to_owned())
            };
            (kind, end + 2)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<Kind> {
        tokens(text).into_iter().map(|token| token.kind).collect()
    }

    #[test]
    fn texts_numbers_and_marks_are_those_of_rego() {
        let name = |text: &str| Kind::Name(text.into());
        assert_eq!(
            kinds("a.b[\"x\\n\"]:=-1.5e+2 # c\n`\\d`"),
            [
                name("a"),
                Kind::Mark("."),
                name("b"),
                Kind::Mark("["),
                Kind::Text("x\n".into()),
                Kind::Mark("]"),
                Kind::Mark(":="),
                Kind::Mark("-"),
                Kind::Number("1.5e+2".into()),
                Kind::Text("\\d".into()),
            ]
        );
        for wrong in ["01", "1a", "\"\\q\"", "\"a", "\"a\nb\"", "`a", "@", "é", "1.", "'a'"] {
            assert!(kinds(wrong).iter().any(|kind| matches!(kind, Kind::Wrong(_))), "{wrong}");
        }
    }

    #[test]
    fn every_token_knows_its_place() {
        let tokens = tokens("a b\n c.d");
        let begins: Vec<bool> = tokens.iter().map(|token| token.begins_line).collect();
        assert_eq!(begins, [true, false, true, false, false]);
        assert_eq!(
            tokens.iter().map(|token| token.adjacent).collect::<Vec<_>>(),
            [false, false, false, true, true]
        );
    }
}
