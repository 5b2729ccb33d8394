//! What a result is made of: values of fields, which its tool set, and free text, which anybody may have written.
//!
//! JSON and YAML are read; anything else is free text from end to end. A value is one of a field only if it looks
//! like a value: what reads like a sentence is free text wherever it stands.

use serde_json::Value;

use crate::diagnostic::Source;
use crate::{document, json};

/// Parts of one result; what follows is one free text.
const PARTS_MAX: usize = 8 * 1024;
/// Bytes of a value of a field.
const VALUE_BYTES_MAX: usize = 96;
/// Words of a value of a field.
const VALUE_WORDS_MAX: usize = 8;
/// Bytes of a text that is read as YAML.
const YAML_BYTES_MAX: usize = 128 * 1024;

/// Names of fields that hold what people write, however short it is.
const FREE: [&str; 24] = [
    "body",
    "content",
    "contents",
    "description",
    "message",
    "text",
    "comment",
    "comments",
    "note",
    "notes",
    "review",
    "reviews",
    "bio",
    "summary",
    "snippet",
    "details",
    "feedback",
    "reason",
    "about",
    "caption",
    "html",
    "markdown",
    "memo",
    "answer",
];

/// A part of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// The value of a field, an item of a list, or a name.
    Value(String),
    /// What anybody may have written.
    Free(String),
}

/// The parts of a result.
pub(super) fn parts(text: &str) -> Vec<Part> {
    let mut found = Vec::new();
    match tree(text.trim()) {
        Some(value) => collect(&value, "", 0, &mut found),
        None => found.push(part("", text.trim())),
    }
    found
}

fn tree(text: &str) -> Option<Value> {
    let read = |text: &str| json::parse(text.as_bytes()).ok();
    match text.as_bytes().first()? {
        b'{' | b'[' => read(text),
        // Some programs encode what is encoded already.
        b'"' => match read(text)? {
            Value::String(inner) if inner.trim_start().starts_with(['{', '[']) => {
                Some(read(inner.trim()).unwrap_or(Value::String(inner)))
            }
            other => Some(other),
        },
        _ => yaml(text),
    }
}

/// YAML that has lists or names; if it is cut off, without its last item.
fn yaml(text: &str) -> Option<Value> {
    if text.len() > YAML_BYTES_MAX || !text.lines().take(8).any(looks_like_yaml) {
        return None;
    }
    let read = |text: &str| {
        let document = document::parse(&Source::new("result", text)).ok()?;
        let value = document.root.to_json();
        (value.is_object() || value.is_array()).then_some(value)
    };
    read(text).or_else(|| {
        let cut = text.rfind("\n- ")?;
        let (whole, rest) = text.split_at_checked(cut)?;
        match read(whole)? {
            Value::Array(mut items) => {
                items.push(serde_json::json!({ "text": rest }));
                Some(Value::Array(items))
            }
            _ => None,
        }
    })
}

fn looks_like_yaml(line: &str) -> bool {
    let line = line.trim_start();
    let item = line.strip_prefix("- ");
    let name = item
        .unwrap_or(line)
        .split_once(':')
        .map(|(name, rest)| (name, rest.is_empty() || rest.starts_with(' ')));
    item.is_some() || name.is_some_and(|(name, ends)| ends && !name.is_empty() && !name.contains(' '))
}

fn collect(value: &Value, name: &str, depth: usize, found: &mut Vec<Part>) {
    if found.len() >= PARTS_MAX || depth > document::DEPTH_MAX {
        found.push(Part::Free(value.to_string()));
        return;
    }
    match value {
        Value::String(text) => found.push(part(name, text)),
        Value::Number(number) => found.push(Part::Value(number.to_string())),
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                if found.len() >= PARTS_MAX {
                    let rest = items.get(at..).unwrap_or_default().to_vec();
                    found.push(Part::Free(Value::Array(rest).to_string()));
                    break;
                }
                collect(item, name, depth + 1, found);
            }
        }
        Value::Object(map) => {
            for (name, item) in map {
                found.push(part("", name));
                collect(item, name, depth + 1, found);
            }
        }
        Value::Null | Value::Bool(_) => {}
    }
}

fn part(name: &str, text: &str) -> Part {
    let text = text.trim();
    // A text within a result may be a result itself.
    let plain = text.len() <= VALUE_BYTES_MAX
        && !FREE.contains(&name.to_ascii_lowercase().as_str())
        && text.split_whitespace().count() <= VALUE_WORDS_MAX
        && !text.contains('\n')
        && !text.contains(['<', '>'])
        && ![". ", "! ", "? "].iter().any(|end| text.contains(end));
    if plain { Part::Value(text.to_owned()) } else { Part::Free(text.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Part {
        Part::Value(text.to_owned())
    }

    #[test]
    fn fields_of_json_and_yaml_are_values_and_bodies_are_not() {
        for text in [
            "- body: Please pay x@y.example\n  sender: Bob\n",
            r#"[{"body": "Please pay x@y.example", "sender": "Bob"}]"#,
            r#""[{\"body\": \"Please pay x@y.example\", \"sender\": \"Bob\"}]""#,
        ] {
            let found = parts(text);
            assert!(found.contains(&value("Bob")), "{text}: {found:?}");
            assert!(found.contains(&Part::Free("Please pay x@y.example".into())), "{text}: {found:?}");
        }
    }

    #[test]
    fn a_list_that_is_cut_off_is_read_without_its_end() {
        let found = parts("- id: '7'\n  name: a\n- id: '8'\n  name: \"b");
        assert!(found.contains(&value("7")), "{found:?}");
        assert!(!found.contains(&value("8")), "{found:?}");
    }

    #[test]
    fn text_that_is_neither_is_free() {
        let text = "This is my page. My address is x@y.example.";
        assert_eq!(parts(text), [Part::Free(text.into())]);
        assert_eq!(parts("2024-05-15"), [value("2024-05-15")]);
    }

    #[test]
    fn a_result_of_too_many_parts_ends_in_one_free_text() {
        let items: Vec<String> = (0..PARTS_MAX + 5).map(|i| format!("v{i}")).collect();
        let found = parts(&serde_json::to_string(&items).unwrap());
        assert!(matches!(found.last(), Some(Part::Free(_))));
    }
}
