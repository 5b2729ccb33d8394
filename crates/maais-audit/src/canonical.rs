//! Canonical JSON: one value, one spelling (RFC 8785), so that a hash of the bytes is a hash of the
//! meaning.
//!
//! Two additions keep what JSON numbers lose, and cannot be forged by the data: `{"$int":"…"}` is an
//! integer beyond ±(2^53-1), `{"$float":"…"}` a float that would read back as such an integer. Therefore
//! a key that begins with `$` in the data gets one more `$`; [`read`] takes it off again.
//!
//! What is not kept: a float without a fraction within ±(2^53-1) reads back as an integer (`1.0` is `1`),
//! and `-0.0` as `0`. This module knows nothing of records; it sets no limit on size or depth.

mod check;

use std::cmp::Ordering;

use serde_json::{Map, Number, Value};

pub(crate) use check::check_body;
pub use check::{NotCanonical, check};

/// The largest integer that every JSON reader keeps exactly.
const INTEGER_MAX: u64 = (1 << 53) - 1;

/// Why bytes are not a value that [`write()`] wrote.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Not JSON at all.
    #[error("not JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// A `$int` or `$float` that holds no such number.
    #[error("`{text}` is no number for `{marker}`")]
    Marker {
        /// The key: `$int` or `$float`.
        marker: String,
        /// What stood under it.
        text: String,
    },
}

/// Appends the canonical form of `value` to `out`, escaping `$` keys and large numbers.
///
/// ```
/// # use maais_audit::canonical;
/// let value = serde_json::json!({"b": 9007199254740993_u64, "a": {"$int": "1"}, "c": 1.50});
/// let mut out = Vec::new();
/// canonical::write(&value, &mut out);
/// assert_eq!(out, br#"{"a":{"$$int":"1"},"b":{"$int":"9007199254740993"},"c":1.5}"#);
/// assert_eq!(canonical::read(&out).unwrap(), value);
/// ```
pub fn write(value: &Value, out: &mut Vec<u8>) {
    write_with(value, Style::Escape(&|_| false), out);
}

/// Appends the canonical form of a value that is escaped already (a parsed record line): nothing is added.
pub fn rewrite(value: &Value, out: &mut Vec<u8>) {
    write_with(value, Style::Verbatim, out);
}

/// Parses what [`write()`] wrote, and undoes its escapes. A `{"$sealed":…}` stays as it is.
pub fn read(bytes: &[u8]) -> Result<Value, ReadError> {
    unescape(serde_json::from_slice(bytes)?, &mut |_| None)
}

/// Undoes the escapes of [`write()`] in a parsed value; `unsealed` is asked for the value behind each
/// genuine `{"$sealed":"sha256:…"}`, which stays if it has none.
pub fn unescape(value: Value, unsealed: &mut dyn FnMut(&str) -> Option<Value>) -> Result<Value, ReadError> {
    match value {
        Value::Array(items) => {
            let items = items.into_iter().map(|item| unescape(item, unsealed)).collect::<Result<_, _>>()?;
            Ok(Value::Array(items))
        }
        Value::Object(map) => match marker(&map) {
            Some((SEALED, text)) => Ok(unsealed(text).unwrap_or(Value::Object(map))),
            Some((name, text)) => number(name, text).map(Value::Number),
            None => unescape_keys(map, unsealed).map(Value::Object),
        },
        other => Ok(other),
    }
}

/// The key that stands for a value kept elsewhere.
pub(crate) const SEALED: &str = "$sealed";
const INT: &str = "$int";
const FLOAT: &str = "$float";

/// How deep a value is nested: a scalar is 0, `[]` is 1. Stops counting beyond `max`.
pub(crate) fn is_deeper_than(value: &Value, max: usize) -> bool {
    match value {
        Value::Array(items) => max == 0 || items.iter().any(|item| is_deeper_than(item, max - 1)),
        Value::Object(map) => max == 0 || map.values().any(|item| is_deeper_than(item, max - 1)),
        _ => false,
    }
}

/// Whether the data is escaped on the way out.
#[derive(Clone, Copy)]
pub(crate) enum Style<'a> {
    /// Escape `$` keys and large numbers, but write `{"$sealed":digest}` as it is where the closure knows
    /// the digest.
    Escape(&'a dyn Fn(&str) -> bool),
    /// Write what is there.
    Verbatim,
}

pub(crate) fn write_with(value: &Value, style: Style<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(number) => write_number(number, style, out),
        Value::String(text) => write_string(text, out),
        Value::Array(items) => {
            out.push(b'[');
            for (position, item) in items.iter().enumerate() {
                if position > 0 {
                    out.push(b',');
                }
                write_with(item, style, out);
            }
            out.push(b']');
        }
        Value::Object(map) => write_object(map, style, out),
    }
}

fn write_object(map: &Map<String, Value>, style: Style<'_>, out: &mut Vec<u8>) {
    out.push(b'{');
    let escape = match style {
        Style::Verbatim => false,
        Style::Escape(genuine) => !matches!(marker(map), Some((SEALED, digest)) if genuine(digest)),
    };
    for (position, (key, value)) in sorted(map).into_iter().enumerate() {
        if position > 0 {
            out.push(b',');
        }
        write_key(key, escape, out);
        write_with(value, style, out);
    }
    out.push(b'}');
}

fn write_key(key: &str, escape: bool, out: &mut Vec<u8>) {
    out.push(b'"');
    if escape && key.starts_with('$') {
        out.push(b'$');
    }
    write_escaped(key, out);
    out.extend_from_slice(b"\":");
}

/// The entries in RFC 8785's order: by UTF-16 code units. One more `$` before each key that begins with
/// `$` does not change it.
pub(crate) fn sorted(map: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let mut entries: Vec<_> = map.iter().collect();
    if !entries.is_sorted_by(|a, b| compare(a.0, b.0) != Ordering::Greater) {
        entries.sort_by(|a, b| compare(a.0, b.0));
    }
    entries
}

fn compare(a: &str, b: &str) -> Ordering {
    if a.is_ascii() && b.is_ascii() { a.cmp(b) } else { a.encode_utf16().cmp(b.encode_utf16()) }
}

fn write_number(number: &Number, style: Style<'_>, out: &mut Vec<u8>) {
    let escape = matches!(style, Style::Escape(_));
    if let Some(integer) = number.as_u64() {
        write_integer(&integer.to_string(), escape && integer > INTEGER_MAX, out);
    } else if let Some(integer) = number.as_i64() {
        write_integer(&integer.to_string(), escape && integer.unsigned_abs() > INTEGER_MAX, out);
    } else if let Some(float) = number.as_f64() {
        let mut buffer = ryu_js::Buffer::new();
        let text = buffer.format(float);
        let looks_like_an_integer = text.bytes().all(|byte| byte == b'-' || byte.is_ascii_digit());
        #[expect(clippy::cast_precision_loss, reason = "2^53-1 is exact")]
        let large = float.abs() > INTEGER_MAX as f64;
        match escape && looks_like_an_integer && large {
            true => write_marker(FLOAT, text, out),
            false => out.extend_from_slice(text.as_bytes()),
        }
    }
}

fn write_integer(text: &str, escape: bool, out: &mut Vec<u8>) {
    match escape {
        true => write_marker(INT, text, out),
        false => out.extend_from_slice(text.as_bytes()),
    }
}

fn write_marker(name: &str, text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":\"");
    out.extend_from_slice(text.as_bytes());
    out.extend_from_slice(b"\"}");
}

/// Appends `text` as a JSON string, as ES6's `JSON.stringify` would.
pub(crate) fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    write_escaped(text, out);
    out.push(b'"');
}

fn write_escaped(text: &str, out: &mut Vec<u8>) {
    let mut rest = text.as_bytes();
    let is_control = |least: u8, byte: &u8| least.min(*byte);
    if rest.iter().fold(u8::MAX, is_control) >= 0x20 && check::plain(rest) == rest.len() {
        out.extend_from_slice(rest);
        return;
    }
    while let Some(plain) = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20)) {
        let (before, after) = rest.split_at(plain);
        out.extend_from_slice(before);
        let Some((&byte, after)) = after.split_first() else {
            return;
        };
        write_escape(byte, out);
        rest = after;
    }
    out.extend_from_slice(rest);
}

fn write_escape(byte: u8, out: &mut Vec<u8>) {
    match byte {
        b'"' => out.extend_from_slice(b"\\\""),
        b'\\' => out.extend_from_slice(b"\\\\"),
        0x08 => out.extend_from_slice(b"\\b"),
        b'\t' => out.extend_from_slice(b"\\t"),
        b'\n' => out.extend_from_slice(b"\\n"),
        0x0c => out.extend_from_slice(b"\\f"),
        b'\r' => out.extend_from_slice(b"\\r"),
        other => out.extend_from_slice(format!("\\u{other:04x}").as_bytes()),
    }
}

/// The name and text of an object that is nothing but one of our markers.
fn marker(map: &Map<String, Value>) -> Option<(&'static str, &str)> {
    let (key, value) = map.iter().next().filter(|_| map.len() == 1)?;
    let name = [INT, FLOAT, SEALED].into_iter().find(|name| name == key)?;
    Some((name, value.as_str()?))
}

fn number(marker: &'static str, text: &str) -> Result<Number, ReadError> {
    let wrong = || ReadError::Marker { marker: marker.to_owned(), text: text.to_owned() };
    if marker == FLOAT {
        return text.parse().ok().and_then(Number::from_f64).ok_or_else(wrong);
    }
    let unsigned = text.parse::<u64>().map(Number::from);
    unsigned.or_else(|_| text.parse::<i64>().map(Number::from)).map_err(|_| wrong())
}

fn unescape_keys(
    map: Map<String, Value>,
    unsealed: &mut dyn FnMut(&str) -> Option<Value>,
) -> Result<Map<String, Value>, ReadError> {
    map.into_iter()
        .map(|(key, value)| {
            let key = match key.strip_prefix('$') {
                Some(rest) if rest.starts_with('$') => rest.to_owned(),
                _ => key,
            };
            Ok((key, unescape(value, unsealed)?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn text(value: &Value) -> String {
        let mut out = Vec::new();
        write(value, &mut out);
        String::from_utf8(out).unwrap()
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let key = prop_oneof!["[$a-c]{0,4}", "\\PC{0,4}", Just("$int".into()), Just("$sealed".into())];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            (any::<i32>(), -20..20_i32).prop_map(|(m, e)| Value::from(f64::from(m) * 10f64.powi(e))),
            ".{0,12}".prop_map(Value::from),
            any::<Vec<char>>().prop_map(|chars| Value::from(chars.into_iter().collect::<String>())),
        ];
        leaf.prop_recursive(5, 40, 6, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(key.clone(), inner, 0..6)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    /// What reading may change: whole floats in range become integers.
    fn whole(value: &Value) -> Value {
        match value {
            Value::Number(n) if n.is_f64() => match n.as_f64().unwrap() {
                f if f.fract() == 0.0 && f.abs() <= INTEGER_MAX as f64 => json!(f as i64),
                _ => value.clone(),
            },
            Value::Array(items) => items.iter().map(whole).collect(),
            Value::Object(map) => map.iter().map(|(k, v)| (k.clone(), whole(v))).collect(),
            other => other.clone(),
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(value in any_value()) {
            let mut out = Vec::new();
            write(&value, &mut out);
            prop_assert_eq!(read(&out).unwrap(), whole(&value));
        }

        #[test]
        fn parsing_and_rewriting_changes_nothing(value in any_value()) {
            let (mut once, mut twice) = (Vec::new(), Vec::new());
            write(&value, &mut once);
            let parsed: Value = serde_json::from_slice(&once).unwrap();
            rewrite(&parsed, &mut twice);
            prop_assert_eq!(String::from_utf8(once).unwrap(), String::from_utf8(twice).unwrap());
        }

        #[test]
        fn what_is_written_is_canonical_and_what_is_canonical_is_rewritten_alike(
            value in any_value(),
            edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3), 0..3),
        ) {
            let mut out = Vec::new();
            write(&value, &mut out);
            prop_assert_eq!(check(&out), Ok(()));
            for (at, byte, how) in edits {
                let at = at.index(out.len());
                match how {
                    0 => out[at] = byte,
                    1 => out.insert(at, byte),
                    _ => drop(out.remove(at)),
                }
                if out.is_empty() {
                    out.push(byte);
                }
            }
            if let Ok(parsed) = serde_json::from_slice::<Value>(&out) {
                let mut again = Vec::new();
                rewrite(&parsed, &mut again);
                prop_assert!(check(&out).is_err() || again == out, "{}", String::from_utf8_lossy(&out));
                let mut escaped = Vec::new();
                write(&parsed, &mut escaped);
                prop_assert!(check(&out).is_ok() || escaped != out, "{}", String::from_utf8_lossy(&out));
            } else {
                prop_assert!(check(&out).is_err(), "{}", String::from_utf8_lossy(&out));
            }
        }

        #[test]
        fn strings_are_spelled_as_serde_json_spells_them(text in any::<String>()) {
            let mut out = Vec::new();
            write_string(&text, &mut out);
            prop_assert_eq!(String::from_utf8(out).unwrap(), serde_json::to_string(&text).unwrap());
        }
    }

    #[test]
    fn the_example_of_rfc_8785_comes_out_as_printed_there() {
        let value: Value = serde_json::from_str(
            r#"{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],
                "string":"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/","literals":[null,true,false]}"#,
        )
        .unwrap();
        assert_eq!(
            text(&value),
            r#"{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}"#
        );
    }

    #[test]
    fn keys_are_sorted_by_utf16_not_by_utf8() {
        let value = json!({"\u{fb33}": 1, "\u{1f600}": 2, "€": 3, "\r": 4, "1": 5, "ö": 6});
        assert_eq!(text(&value), "{\"\\r\":4,\"1\":5,\"ö\":6,\"€\":3,\"\u{1f600}\":2,\"\u{fb33}\":1}");
    }

    #[test]
    fn markers_in_the_data_cannot_be_mistaken_for_ours() {
        for forged in [json!({"$int": "7"}), json!({"$float": "1"}), json!({"$sealed": "sha256:00"})] {
            assert!(text(&forged).starts_with(r#"{"$$"#), "{forged}");
            assert_eq!(read(text(&forged).as_bytes()).unwrap(), forged);
        }
    }

    #[test]
    fn integers_that_doubles_cannot_hold_are_text() {
        assert_eq!(text(&json!(9_007_199_254_740_991_u64)), "9007199254740991");
        assert_eq!(text(&json!(9_007_199_254_740_992_u64)), r#"{"$int":"9007199254740992"}"#);
        assert_eq!(text(&json!(-9_007_199_254_740_992_i64)), r#"{"$int":"-9007199254740992"}"#);
        assert_eq!(text(&json!(1e16)), r#"{"$float":"10000000000000000"}"#);
        assert_eq!(text(&json!(1e21)), "1e+21");
        assert_eq!(text(&json!(-0.0)), "0");
    }

    #[test]
    fn other_spellings_are_not_canonical() {
        for wrong in [
            " 1",
            "1 ",
            "01",
            "-0",
            "1.0",
            "1e2",
            "1E+30",
            "+1",
            "10000000000000000",
            "1e400",
            ".5",
            "nul",
            "",
            "{\"a\":1,}",
            "{\"b\":1,\"a\":2}",
            "{\"a\":1,\"a\":1}",
            "{\"\\u0001\":1,\"\\u0000\":1}",
            "[1,]",
            "[",
            "\"\\u0041\"",
            "\"\\/\"",
            "\"\\u001F\"",
            "\"\\u000a\"",
            "\"\n\"",
            "\"a",
            "{1:1}",
            "\"\\u007f\"",
        ] {
            assert!(check(wrong.as_bytes()).is_err(), "{wrong}");
        }
        assert!(check(b"\"\xff\"").is_err());
        assert!(check("[".repeat(200).as_bytes()).is_err());
    }

    #[test]
    fn a_marker_without_a_number_is_refused() {
        assert!(read(br#"{"$int":"x"}"#).is_err());
        assert!(read(br#"{"$float":"inf"}"#).is_err());
    }

    #[test]
    fn depth_is_counted_to_the_limit_exactly() {
        assert!(!is_deeper_than(&json!([[1]]), 2));
        assert!(is_deeper_than(&json!([[1]]), 1));
        assert!(is_deeper_than(&json!({}), 0));
    }
}
