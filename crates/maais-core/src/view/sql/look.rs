//! Whether a text that may be anything is SQL: a keyword and what may follow it.

use super::LENGTH_MAX;
use super::code;

/// What may be created, altered or dropped.
const OBJECTS: [&str; 18] = [
    "table",
    "database",
    "schema",
    "view",
    "index",
    "user",
    "role",
    "function",
    "procedure",
    "trigger",
    "sequence",
    "extension",
    "type",
    "domain",
    "materialized",
    "temporary",
    "temp",
    "unique",
];

/// What may follow the name of a table as the last or next thing.
const AFTER_TABLE: [&str; 12] =
    ["", ";", "where", "using", "returning", "as", "limit", "order", "cascade", "restrict", ",", "."];

/// Whether the text plainly starts as SQL.
pub fn looks_like_sql(text: &str) -> bool {
    let start = text.trim_start().trim_start_matches(['(', ' ']);
    let keyword = start.bytes().take_while(u8::is_ascii_alphabetic).count();
    let commented = ["/*", "--", "#"].iter().any(|mark| start.starts_with(mark));
    if text.len() > LENGTH_MAX || (keyword < 2 && !commented) {
        return false;
    }
    if start.starts_with("/*!") {
        return true;
    }
    if !commented
        && !KEYWORDS.contains(&start.get(..keyword).unwrap_or_default().to_ascii_lowercase().as_str())
    {
        return false;
    }
    let text = code::without_strings(text).to_lowercase();
    let words = words(&text);
    let words: Vec<&str> = words.iter().copied().skip_while(|word| *word == "(").collect();
    continues(&words, &text)
}

const KEYWORDS: [&str; 28] = [
    "select", "insert", "replace", "update", "delete", "merge", "with", "create", "alter", "drop",
    "truncate", "grant", "revoke", "copy", "call", "exec", "execute", "explain", "pragma", "attach",
    "values", "show", "begin", "commit", "rollback", "set", "load", "declare",
];

/// Words and marks, as many as are needed to tell.
fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let (Some(c), true) = (rest.chars().next(), words.len() < 64) {
        let length = match c.is_alphanumeric() || c == '_' || c == '@' {
            true => rest.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '@').unwrap_or(rest.len()),
            false => c.len_utf8(),
        };
        let (word, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
        words.push(word);
        rest = after.trim_start();
    }
    words
}

fn continues(words: &[&str], text: &str) -> bool {
    let has = |word: &str| words.contains(&word);
    let marked = text.contains(['*', '=', '(', ';', ',']);
    match words {
        ["select", rest @ ..] => match rest.iter().position(|word| *word == "from") {
            Some(from) => from <= 1 || marked || has("where") || has("as") || rest.get(from + 2).is_none(),
            None => rest.first().is_some_and(|first| {
                first.starts_with(|c: char| c.is_ascii_digit() || c == '@')
                    || rest.get(1) == Some(&"(")
                    || rest.get(1) == Some(&"into")
            }),
        },
        ["insert" | "replace", rest @ ..] => {
            has("into")
                && (has("values")
                    || has("value")
                    || has("select")
                    || has("default")
                    || (has("set") && text.contains('=')))
                || (rest.first() == Some(&"overwrite"))
        }
        ["update", rest @ ..] => rest.iter().take(8).any(|word| *word == "set") && text.contains('='),
        ["delete", "from", table, rest @ ..] => ends_table(table, rest),
        ["delete", _, "from", ..] => has("where") || has("join"),
        ["merge", "into", ..] => has("using"),
        ["with", "recursive", ..] => text.contains('('),
        ["with", _, ..] => {
            has("as")
                && text.contains('(')
                && (has("select") || has("delete") || has("update") || has("insert"))
        }
        ["create", "or", "replace", object, ..] | ["create" | "alter" | "drop", object, ..] => {
            OBJECTS.contains(object)
        }
        ["truncate", "table", ..] => true,
        ["truncate", table, rest @ ..] => ends_table(table, rest),
        ["grant" | "revoke", ..] => has("on") && (has("to") || has("from")) || has("all"),
        ["copy", ..] => {
            (has("from") || has("to"))
                && (has("stdin") || has("stdout") || has("program") || has("with") || marked)
        }
        ["call", _, "(", ..] | ["values", "(", ..] => true,
        ["exec" | "execute", name, ..] => has("immediate") || name.contains('_') || has("@"),
        ["explain", rest @ ..] => rest
            .iter()
            .take(3)
            .any(|word| matches!(*word, "select" | "update" | "delete" | "insert" | "with")),
        ["pragma", _, "(" | "=", ..] | ["pragma", _] => true,
        ["attach", "database", ..] | ["load", "data", ..] => true,
        ["show", "tables" | "databases" | "columns" | "grants" | "variables", ..] => true,
        ["begin" | "commit" | "rollback", rest @ ..] => {
            matches!(rest, [] | [";", ..] | ["transaction" | "work", ..])
        }
        ["set", _, "=" | "to", ..] | ["set", "global" | "session" | "role", ..] => true,
        ["declare", name, ..] => name.starts_with('@'),
        _ => false,
    }
}

/// Whether a table's name, perhaps qualified, is followed by something that may follow it.
fn ends_table(table: &str, rest: &[&str]) -> bool {
    let named =
        table.starts_with(|c: char| c.is_alphabetic() || c == '_') || matches!(table, "\"" | "`" | "[");
    let rest = match rest {
        [".", _, rest @ ..] => rest,
        rest => rest,
    };
    named && rest.first().is_none_or(|word| AFTER_TABLE.contains(word))
}
