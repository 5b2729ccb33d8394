//! JSON from outside, read strictly: bounded in bytes, depth and number of values, and without
//! duplicate keys (two readers of `{"url":1,"url":2}` may see different actions).
//!
//! It does not know what the values mean.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Bytes of one request, whatever it holds.
pub const BYTES_MAX: usize = 1 << 20;
/// Objects and arrays within one another.
pub const DEPTH_MAX: usize = 64;
/// Values (scalars, arrays, objects) in one request.
pub const VALUES_MAX: usize = 10_000;

/// Why a JSON text was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// Longer than [`BYTES_MAX`].
    #[error("{bytes} bytes, but at most {BYTES_MAX} are read")]
    TooLong {
        /// How long it was.
        bytes: usize,
    },
    /// Not JSON, a duplicate key, or beyond a limit.
    #[error("line {line}, column {column}: {message}")]
    Syntax {
        /// What is wrong.
        message: String,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
    },
    /// A value built in memory is beyond a limit.
    #[error("{what}: {found}, but at most {max} are accepted")]
    Limit {
        /// What there is too much of.
        what: &'static str,
        /// How much was found (counting stops there).
        found: usize,
        /// The limit.
        max: usize,
    },
}

/// Reads one JSON value that fills the whole input.
///
/// # Errors
/// When it is too long, too deep, too large, not JSON, or repeats a key.
pub fn parse(bytes: &[u8]) -> Result<Value, JsonError> {
    if bytes.len() > BYTES_MAX {
        return Err(JsonError::TooLong { bytes: bytes.len() });
    }
    let values = Cell::new(0);
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    Strict { depth: 0, values: &values }
        .deserialize(&mut reader)
        .and_then(|value| reader.end().map(|()| value))
        .map_err(|error| JsonError::Syntax {
            message: without_place(&error.to_string()),
            line: error.line(),
            column: error.column(),
        })
}

/// The limits of [`parse`], for a value that was built in memory.
///
/// Bytes are those of strings and keys plus eight for every value: what it costs to hold, within a
/// small factor of what it costs to write.
///
/// # Errors
/// Names the limit that is exceeded.
pub fn check_limits(parameters: &Map<String, Value>) -> Result<(), JsonError> {
    let mut size = Size::default();
    size.object(parameters, 1)
}

#[derive(Default)]
struct Size {
    values: usize,
    bytes: usize,
}

impl Size {
    fn object(&mut self, map: &Map<String, Value>, depth: usize) -> Result<(), JsonError> {
        for (key, value) in map {
            self.bytes = self.bytes.saturating_add(key.len());
            self.value(value, depth)?;
        }
        Ok(())
    }

    fn value(&mut self, value: &Value, depth: usize) -> Result<(), JsonError> {
        self.values = self.values.saturating_add(1);
        self.bytes = self.bytes.saturating_add(8);
        if let Value::String(text) = value {
            self.bytes = self.bytes.saturating_add(text.len());
        }
        within("values", self.values, VALUES_MAX)?;
        within("bytes", self.bytes, BYTES_MAX)?;
        match value {
            Value::Array(items) => {
                within("levels of nesting", depth + 1, DEPTH_MAX)?;
                items.iter().try_for_each(|item| self.value(item, depth + 1))
            }
            Value::Object(map) => {
                within("levels of nesting", depth + 1, DEPTH_MAX)?;
                self.object(map, depth + 1)
            }
            _ => Ok(()),
        }
    }
}

fn within(what: &'static str, found: usize, max: usize) -> Result<(), JsonError> {
    if found > max { Err(JsonError::Limit { what, found, max }) } else { Ok(()) }
}

/// serde_json ends its messages with a place that we give in fields of our own.
fn without_place(message: &str) -> String {
    message.rsplit_once(" at line ").map_or(message, |(head, _)| head).to_owned()
}

#[derive(Clone, Copy)]
struct Strict<'a> {
    depth: usize,
    values: &'a Cell<usize>,
}

impl Strict<'_> {
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth >= DEPTH_MAX {
            return Err(E::custom(format_args!("nested deeper than {DEPTH_MAX} levels")));
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.values.set(self.values.get() + 1);
        if self.values.get() > VALUES_MAX {
            return Err(D::Error::custom(format_args!("more than {VALUES_MAX} values")));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("not a finite number"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut map = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            if map.contains_key(&key) {
                return Err(A::Error::custom(format_args!(
                    "the key `{}` is there twice",
                    key.escape_debug()
                )));
            }
            let value = entries.next_value_seed(inner)?;
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(levels: usize) -> String {
        format!("{}{}", "[".repeat(levels), "]".repeat(levels))
    }

    #[test]
    fn a_repeated_key_is_refused_at_any_depth() {
        let error = parse(br#"{"a":{"url":1,"url":2}}"#).unwrap_err();
        assert!(error.to_string().contains("`url` is there twice"), "{error}");
    }

    #[test]
    fn limits_hold_exactly_at_the_limit() {
        assert!(parse(nested(DEPTH_MAX).as_bytes()).is_ok());
        assert!(parse(nested(DEPTH_MAX + 1).as_bytes()).is_err());
        let list = |n: usize| format!("[{}]", vec!["0"; n].join(","));
        assert!(parse(list(VALUES_MAX - 1).as_bytes()).is_ok());
        assert!(parse(list(VALUES_MAX).as_bytes()).is_err());
        let text = |n: usize| format!("\"{}\"", "x".repeat(n - 2));
        assert!(parse(text(BYTES_MAX).as_bytes()).is_ok());
        assert!(matches!(parse(text(BYTES_MAX + 1).as_bytes()), Err(JsonError::TooLong { .. })));
    }

    #[test]
    fn values_built_in_memory_have_the_same_limits() {
        let mut deep = Value::Null;
        for _ in 0..DEPTH_MAX {
            deep = Value::Array(vec![deep]);
        }
        let map = Map::from_iter([("a".to_owned(), deep)]);
        assert!(matches!(check_limits(&map), Err(JsonError::Limit { what: "levels of nesting", .. })));
        let long = Map::from_iter([("a".to_owned(), Value::String("x".repeat(BYTES_MAX)))]);
        assert!(matches!(check_limits(&long), Err(JsonError::Limit { what: "bytes", .. })));
        let wide = Map::from_iter([("a".to_owned(), Value::Array(vec![Value::Null; VALUES_MAX]))]);
        assert!(matches!(check_limits(&wide), Err(JsonError::Limit { what: "values", .. })));
    }

    #[test]
    fn what_follows_the_value_is_refused() {
        assert!(parse(b"{} {}").is_err());
        assert!(parse(b"").is_err());
    }
}
