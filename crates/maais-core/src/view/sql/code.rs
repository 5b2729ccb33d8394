//! Which characters of a text are code, and not inside a string or a comment. Databases disagree.

/// How the databases' readings compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Readings {
    /// All see the same code.
    Alike,
    /// They do not.
    Differ {
        /// What is code to MySQL is code to the standard.
        standard_sees_all: bool,
        /// What is code to the standard is code to MySQL.
        mysql_sees_all: bool,
    },
}

/// Whose rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rules {
    /// Backslash escapes, `#` comments, `--` only before white space, comments do not nest.
    MySql,
    /// PostgreSQL: `$tag$` strings, nested comments, backslashes only in `E'…'`.
    Postgres,
    /// SQL as written down, SQLite and SQL Server: comments do not nest (as SQLite has it).
    Plain,
}

/// Compares what is code to the databases.
pub(super) fn readings(text: &str) -> Readings {
    let suspicious =
        ['\\', '#', '$'].iter().any(|c| text.contains(*c)) || text.contains("--") || text.contains("/*");
    if !suspicious {
        return Readings::Alike;
    }
    let mysql = code(text, Rules::MySql);
    let postgres = code(text, Rules::Postgres);
    let plain = code(text, Rules::Plain);
    if mysql == postgres && mysql == plain {
        return Readings::Alike;
    }
    let within = |less: &[bool], more: &[bool]| less.iter().zip(more).all(|(less, more)| !less || *more);
    Readings::Differ {
        standard_sees_all: within(&mysql, &postgres) && within(&plain, &postgres),
        mysql_sees_all: within(&postgres, &mysql) && within(&plain, &mysql),
    }
}

/// For each byte, whether it is code.
fn code(text: &str, rules: Rules) -> Vec<bool> {
    let bytes = text.as_bytes();
    let mut out = vec![true; bytes.len()];
    let mut at = 0;
    while at < bytes.len() {
        let end = match hidden_at(text, at, rules) {
            Some(length) => {
                let end = (at + length).min(bytes.len());
                out.iter_mut().take(end).skip(at).for_each(|code| *code = false);
                end
            }
            None => at + 1,
        };
        at = end;
    }
    out
}

/// The length of the string or comment that starts there.
fn hidden_at(text: &str, at: usize, rules: Rules) -> Option<usize> {
    let rest = text.as_bytes().get(at..)?;
    match rest {
        [quote @ (b'\'' | b'"' | b'`'), ..] => {
            let escapes = match rules {
                Rules::MySql => *quote != b'`',
                Rules::Postgres => *quote == b'\'' && starts_with_e(text, at),
                Rules::Plain => false,
            };
            Some(string(rest, *quote, escapes))
        }
        [b'-', b'-', after @ ..] => {
            let comment = rules != Rules::MySql || after.first().is_none_or(u8::is_ascii_whitespace);
            comment.then(|| line(rest))
        }
        [b'#', ..] => (rules == Rules::MySql).then(|| line(rest)),
        [b'/', b'*', ..] => Some(comment(rest, rules == Rules::Postgres)),
        [b'$', ..] if rules == Rules::Postgres => dollar_string(text, at),
        _ => None,
    }
}

/// Whether the string there is `E'…'`.
fn starts_with_e(text: &str, at: usize) -> bool {
    let before = text.as_bytes().get(..at).unwrap_or_default();
    match before {
        [.., other, b'e' | b'E'] => !other.is_ascii_alphanumeric() && *other != b'_',
        [b'e' | b'E'] => true,
        _ => false,
    }
}

/// A doubled quote ends the string and starts another, which comes to the same.
fn string(rest: &[u8], quote: u8, escapes: bool) -> usize {
    let mut bytes = rest.iter().enumerate().skip(1);
    while let Some((at, byte)) = bytes.next() {
        if *byte == quote {
            return at + 1;
        }
        if *byte == b'\\' && escapes {
            bytes.next();
        }
    }
    rest.len()
}

fn line(rest: &[u8]) -> usize {
    rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')).unwrap_or(rest.len())
}

fn comment(rest: &[u8], nests: bool) -> usize {
    let mut depth = 1usize;
    let mut at = 2;
    while let Some(pair) = rest.get(at..at + 2) {
        match pair {
            b"*/" => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return at;
                }
            }
            b"/*" if nests => {
                depth += 1;
                at += 2;
            }
            _ => at += 1,
        }
    }
    rest.len()
}

fn dollar_string(text: &str, at: usize) -> Option<usize> {
    let rest = text.get(at..)?;
    let before = text.as_bytes().get(at.checked_sub(1)?..at).unwrap_or_default();
    if before.iter().any(|b| b.is_ascii_alphanumeric() || *b == b'_') {
        return None;
    }
    let tag =
        rest.bytes().skip(1).take_while(|b| b.is_ascii_alphanumeric() || *b == b'_' || !b.is_ascii()).count();
    let fence = rest.get(..tag + 2)?;
    if !fence.ends_with('$') || fence.as_bytes().get(1).is_some_and(u8::is_ascii_digit) {
        return None;
    }
    let body = rest.get(fence.len()..)?;
    Some(body.find(fence).map_or(rest.len(), |end| fence.len() * 2 + end))
}

/// A text with `/*! … */` and `/*M! … */` as code and as nothing, if it has any.
pub(super) fn executable_comments(text: &str) -> Option<(String, String)> {
    if !text.contains("/*!") && !text.contains("/*M!") {
        return None;
    }
    let (mut executed, mut skipped) = (String::new(), String::new());
    let mut at = 0;
    let mut found = false;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let length = hidden_at(text, at, Rules::MySql)
            .unwrap_or_else(|| rest.chars().next().map_or(1, char::len_utf8));
        let part = rest.get(..length).unwrap_or(rest);
        let inner = part.strip_prefix("/*!").or_else(|| part.strip_prefix("/*M!"));
        match inner {
            Some(inner) => {
                found = true;
                let inner = inner.strip_suffix("*/").unwrap_or(inner);
                executed.push(' ');
                executed.push_str(inner.trim_start_matches(|c: char| c.is_ascii_digit()));
                executed.push(' ');
                skipped.push(' ');
            }
            None => {
                executed.push_str(part);
                skipped.push_str(part);
            }
        }
        at += part.len().max(1);
    }
    // Elsewhere than in MySQL the mark may stand in no string and be a mere comment: that is `skipped`.
    let marks = executed.contains("/*!") || executed.contains("/*M!");
    (found && !marks).then_some((executed, skipped))
}

/// The text without strings and comments, which become spaces.
pub(super) fn without_strings(text: &str) -> String {
    let visible = code(text, Rules::MySql);
    let keep = |(at, c): (usize, char)| if visible.get(at) == Some(&true) { c } else { ' ' };
    text.char_indices().map(keep).collect()
}
