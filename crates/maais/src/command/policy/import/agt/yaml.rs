//! Scalars as the toolkit reads them: by YAML 1.1, in which more is a number, a date or a boolean than in YAML 1.2.
//! What the two read otherwise is refused.

use maais_runtime::core::document::{Node, Reader, Yaml};
use serde_json::Value;

/// Text that is text in both.
pub(super) fn text(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<String> {
    let text = reader.text(node, name)?;
    is_the_same(reader, node).then_some(text)
}

/// A whole number that is one in both, from minus the bound to the bound.
pub(super) fn whole(reader: &mut Reader<'_>, node: &Node, name: &str, bound: i64) -> Option<i64> {
    let value = reader.int(node, name, -bound..=bound)?;
    is_the_same(reader, node).then_some(value)
}

/// A scalar.
pub(super) fn scalar(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<Value> {
    if matches!(node.value, Yaml::List(_) | Yaml::Map(_)) {
        reader.wrong_type(node, name, "a text, a number or a boolean");
        return None;
    }
    is_the_same(reader, node).then(|| node.to_json())
}

/// Whether both read the same; else it is refused.
fn is_the_same(reader: &mut Reader<'_>, node: &Node) -> bool {
    let written = reader.source().text.get(node.span.clone()).unwrap_or_default().trim();
    let same = match &node.value {
        Yaml::Text(text) => written.starts_with(['"', '\'', '|', '>']) || is_plainly_text(text),
        Yaml::Int(value) => value.to_string() == written && value.unsigned_abs() < 1 << 53,
        Yaml::Float(_) => is_plainly_a_number(written),
        Yaml::Null | Yaml::Bool(_) => true,
        Yaml::List(_) | Yaml::Map(_) => false,
    };
    if !same {
        let help =
            "quote what is text; write numbers in decimal, such as `12` or `0.5`, with at most 15 digits";
        let message = "versions of YAML read this otherwise";
        reader.error(&node.span, message, "a text, or a number, a date, a boolean?", Some(help.to_owned()));
    }
    same
}

fn is_plainly_text(text: &str) -> bool {
    let word =
        ["yes", "no", "on", "off", "y", "n", "=", "<<"].iter().any(|word| text.eq_ignore_ascii_case(word));
    let first = text.chars().next().unwrap_or(' ');
    let number =
        first.is_ascii_digit() || (".+-".contains(first) && text.contains(|c: char| c.is_ascii_digit()));
    let special = text.starts_with(['.', '+', '-'])
        && ["inf", "nan"].iter().any(|word| text.to_ascii_lowercase().ends_with(word));
    !word && !number && !special
}

/// `-12.5`
fn is_plainly_a_number(written: &str) -> bool {
    let digits = written.strip_prefix('-').unwrap_or(written);
    let Some((whole, part)) = digits.split_once('.') else { return false };
    let all = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let canonical = whole == "0" || !whole.starts_with('0');
    all(whole) && all(part) && canonical && whole.len() + part.len() <= 15
}
