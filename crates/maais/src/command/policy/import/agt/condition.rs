//! One condition of the toolkit: a field, an operator and a value, compared as Python does.
//!
//! A field that is absent or null meets none, not even `ne`. `True` is 1 and `False` is 0. Texts and numbers are not
//! in order: comparing them raises an error, and the toolkit denies.

use std::collections::BTreeMap;
use std::ops::Range;

use maais_runtime::core::document::{Node, Reader, Yaml};
use serde_json::Value;

use super::super::draft::Cond;
use super::super::regex::{Dialect, translate};
use super::yaml;

/// Where a field stands in an action.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Field {
    /// Always there, and a text.
    Text(String),
    /// Anything, or nothing.
    Any(String),
}

impl Field {
    /// What is written behind `--field name=`.
    pub(super) fn new(place: &str) -> Option<Self> {
        if place == "target" || place == "agent_id" {
            return Some(Self::Text(place.to_owned()));
        }
        let name = place.strip_prefix("parameters.").or_else(|| place.strip_prefix("context."))?;
        let plain = !name.is_empty() && name != "*" && !name.contains('.');
        plain.then(|| Self::Any(place.to_owned()))
    }

    pub(super) fn key(&self) -> &str {
        match self {
            Self::Text(key) | Self::Any(key) => key,
        }
    }
}

/// When a rule's condition holds, and when it raises an error instead.
pub(super) struct Found {
    pub(super) holds: Cond,
    pub(super) fails: Option<Cond>,
}

/// Why something has no equivalent, and what to do.
type Refusal = (String, &'static str);

const OPERATORS: [&str; 10] = ["eq", "ne", "gt", "lt", "gte", "lte", "in", "not_in", "contains", "matches"];
const KEEP: &str = "keep this rule in the toolkit, or write the policy by hand";
const NEVER: &str = "it is always the same: the field is a text and the value is none";

/// Reads a condition.
pub(super) fn condition(
    reader: &mut Reader<'_>,
    node: &Node,
    places: &BTreeMap<String, Field>,
) -> Option<Found> {
    let fields = reader.map(node, "condition", &["field", "operator", "value"])?;
    let mut required = |name: &str| {
        let field = fields.field_or_null(name);
        if field.is_none() {
            reader.error(&node.span, format!("a condition needs `{name}`"), "in this one", None);
        }
        field
    };
    let (field, operator, value) = (required("field"), required("operator"), required("value"));
    let place = field.and_then(|node| place(reader, node, places));
    let operator = operator.and_then(|node| operator_of(reader, node));
    let (place, (operator, span), node) = (place?, operator?, value?);
    let found = match operator.as_str() {
        "in" | "not_in" => {
            let values = list(reader, node)?;
            among(&place, &values).map(|same| match operator.as_str() {
                "in" => Found { holds: same, fails: None },
                _ => Found { holds: differs(&place, same), fails: None },
            })
        }
        operator => {
            let value = yaml::scalar(reader, node, "value")?;
            match operator {
                "eq" => among(&place, &[value]).map(|holds| Found { holds, fails: None }),
                "ne" => {
                    among(&place, &[value]).map(|same| Found { holds: differs(&place, same), fails: None })
                }
                "contains" | "matches" => {
                    text(&place, operator, &value).map(|holds| Found { holds, fails: None })
                }
                operator => compares(&place, operator, &value),
            }
        }
    };
    match found {
        Ok(found) => Some(found),
        Err((why, help)) => refuse(reader, &span, &format!("this `{operator}`"), &why, help),
    }
}

fn refuse<T>(reader: &mut Reader<'_>, span: &Range<usize>, what: &str, why: &str, help: &str) -> Option<T> {
    reader.error(span, format!("{what} cannot be imported"), why, Some(help.to_owned()));
    None
}

fn place(reader: &mut Reader<'_>, node: &Node, places: &BTreeMap<String, Field>) -> Option<Field> {
    let name = yaml::text(reader, node, "field")?;
    if let Some(place) = places.get(&name) {
        return Some(place.clone());
    }
    let help =
        format!("say where it stands, such as `--field {name}=target` or `--field {name}=parameters.{name}`");
    refuse(
        reader,
        &node.span,
        &format!("the field `{name}`"),
        "not known where it stands in an action",
        &help,
    )
}

fn operator_of(reader: &mut Reader<'_>, node: &Node) -> Option<(String, Range<usize>)> {
    let text = reader.text(node, "operator")?;
    if !OPERATORS.contains(&text.as_str()) {
        let help = format!("one of {}", OPERATORS.join(", "));
        reader.error(&node.span, format!("unknown operator `{text}`"), "unknown", Some(help));
        return None;
    }
    Some((text, node.span.clone()))
}

/// A list of scalars that is not empty.
fn list(reader: &mut Reader<'_>, node: &Node) -> Option<Vec<Value>> {
    if matches!(node.value, Yaml::Text(_)) {
        let why = "of a text Python looks for a part of it";
        return refuse(reader, &node.span, "`in` a text", why, "write a list");
    }
    let items = reader.list(node, "value")?;
    if items.is_empty() {
        return refuse(reader, &node.span, "an empty list", "nothing is in it", "remove the rule");
    }
    items.iter().map(|item| yaml::scalar(reader, item, "value")).collect()
}

/// One of these values.
fn among(place: &Field, values: &[Value]) -> Result<Cond, Refusal> {
    let key = match place {
        Field::Text(key) if values.iter().all(Value::is_string) => {
            return Ok(Cond::one(key, "in", values.to_vec()));
        }
        Field::Text(_) => return Err((NEVER.to_owned(), "compare with a text, or remove the rule")),
        Field::Any(key) => key,
    };
    if values.iter().any(Value::is_null) {
        return Err(("a field that is null meets no condition".to_owned(), "remove `null`"));
    }
    let typed = |values: Vec<Value>, kind: &str| {
        Cond::Test(key.clone(), vec![("in", values.into()), ("type", kind.into())])
    };
    let of =
        |test: fn(&Value) -> bool| values.iter().filter(|value| test(value)).cloned().collect::<Vec<_>>();
    let (texts, numbers, booleans) = (of(Value::is_string), of(Value::is_number), of(Value::is_boolean));
    let mut parts = Vec::new();
    if !texts.is_empty() {
        parts.push(typed(texts, "text"));
    }
    // A boolean is a number in Python, and some numbers are booleans.
    let as_number = |value: &Value| value.as_bool().map(|value| Value::from(i64::from(value)));
    let all: Vec<Value> = numbers.iter().cloned().chain(booleans.iter().filter_map(as_number)).collect();
    let is = |wanted: f64| all.iter().any(|value| value.as_f64() == Some(wanted));
    for (value, number) in [(true, 1.0), (false, 0.0)] {
        if is(number) {
            parts.push(Cond::Test(key.clone(), vec![("equals", value.into()), ("type", "boolean".into())]));
        }
    }
    if !all.is_empty() {
        parts.push(typed(all, "number"));
    }
    Ok(Cond::any(parts))
}

/// There, not null, and not that.
fn differs(place: &Field, same: Cond) -> Cond {
    match place {
        Field::Text(_) => same.negated(),
        Field::Any(key) => Cond::all(vec![Cond::one(key, "exists", true), same.negated()]),
    }
}

/// `gt` and the like.
fn compares(place: &Field, operator: &str, value: &Value) -> Result<Found, Refusal> {
    let Field::Any(key) = place else {
        return Err(("texts are not put in order".to_owned(), KEEP));
    };
    let Some(bound) = value.as_f64().filter(|_| value.is_number()) else {
        return Err(("only numbers are put in order".to_owned(), "compare with a number"));
    };
    let (word, holds): (_, fn(f64, f64) -> bool) = match operator {
        "gt" => ("gt", |a, b| a > b),
        "gte" => ("ge", |a, b| a >= b),
        "lt" => ("lt", |a, b| a < b),
        _ => ("le", |a, b| a <= b),
    };
    let mut parts = vec![Cond::Test(key.clone(), vec![(word, value.clone()), ("type", "number".into())])];
    for (boolean, number) in [(true, 1.0), (false, 0.0)] {
        if holds(number, bound) {
            parts.push(Cond::Test(key.clone(), vec![("equals", boolean.into()), ("type", "boolean".into())]));
        }
    }
    let fails = Some(Cond::typed(key, &["text", "list", "object"]));
    Ok(Found { holds: Cond::any(parts), fails })
}

/// `contains` and `matches`, of texts.
fn text(place: &Field, operator: &str, value: &Value) -> Result<Cond, Refusal> {
    let Field::Text(key) = place else {
        let why = match operator {
            "contains" => "of an object Python looks at the keys, and here nothing does",
            _ => "Python turns what is no text into one, in its own way",
        };
        return Err((why.to_owned(), KEEP));
    };
    let Value::String(text) = value else {
        return Err((NEVER.to_owned(), "write a text"));
    };
    if text.trim().is_empty() {
        return Err((
            "a test of nothing but spaces is none here".to_owned(),
            "remove the rule, or write a pattern",
        ));
    }
    if operator == "contains" {
        return Ok(Cond::one(key, "contains", vec![Value::from(text.as_str())]));
    }
    // `re.search`: anywhere. No target or agent holds a line's end, so `$` is the same.
    let pattern = translate(text, Dialect::Python).map_err(|refused| (refused.why, refused.help))?;
    Ok(Cond::one(key, "pattern", pattern))
}
