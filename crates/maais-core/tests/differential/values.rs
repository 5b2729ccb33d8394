//! One test held against one value.

use serde_json::Value;

use crate::kleene::{Answer, agreed};
use crate::readings::{EMPTY_TEXT_IS_EMPTY, NUMBERS_INSIDE_ARE_NUMBERS};
use crate::text::{address, globs, searches, within};
use crate::{quantity, quantity::Decimal};

pub const OPERATORS: [&str; 19] = [
    "equals", "in", "not_in", "pattern", "glob", "prefix", "suffix", "contains", "gt", "ge", "lt", "le",
    "exists", "length", "type", "cidr", "any_of", "all_of", "view",
];

/// What stands behind a key, as tests that must all hold.
pub fn tests_of(spec: &Value) -> Vec<(String, Value)> {
    match spec {
        Value::Object(map) => {
            map.iter().map(|(operator, operand)| (operator.clone(), operand.clone())).collect()
        }
        Value::Array(_) => vec![("in".to_owned(), spec.clone())],
        scalar => vec![("equals".to_owned(), scalar.clone())],
    }
}

/// A scalar as text; null, lists and objects have none.
pub fn written(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(answer) => Some(answer.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// One or several.
pub fn listed(operand: &Value) -> Vec<Value> {
    match operand {
        Value::Array(items) => items.clone(),
        one => vec![one.clone()],
    }
}

fn texts(operand: &Value) -> Vec<String> {
    listed(operand).iter().filter_map(written).collect()
}

/// Exactly this: a number however it is written, a text as it is written, the same list or object.
fn same(operand: &Value, value: &Value) -> bool {
    match (operand, value) {
        (Value::Array(_) | Value::Object(_), _) if !NUMBERS_INSIDE_ARE_NUMBERS => operand == value,
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left.iter().all(|(key, value)| right.get(key).is_some_and(|other| same(value, other)))
        }
        (Value::Null, Value::Null) => true,
        (Value::Number(number), _) => {
            let number = Decimal::parse(&number.to_string());
            written(value).is_some_and(|text| Decimal::parse(&text) == number)
        }
        _ => written(operand).is_some() && written(operand) == written(value),
    }
}

/// A test of one text that is known. The globs of paths keep to folders.
pub fn holds_of_text(operator: &str, operand: &Value, text: &str, path: bool) -> bool {
    match operator {
        "equals" => same(operand, &Value::from(text)),
        "in" => listed(operand).iter().any(|one| same(one, &Value::from(text))),
        "not_in" => !listed(operand).iter().any(|one| same(one, &Value::from(text))),
        "pattern" => searches(operand.as_str().unwrap(), text),
        "glob" => texts(operand).iter().any(|pattern| globs(pattern, text, path)),
        "prefix" => texts(operand).iter().any(|prefix| text.starts_with(prefix)),
        "suffix" => texts(operand).iter().any(|suffix| text.ends_with(suffix)),
        "contains" => texts(operand).iter().any(|part| text.contains(part)),
        "cidr" => {
            address(text).is_some_and(|address| texts(operand).iter().any(|block| within(block, address)))
        }
        "length" => length_holds(operand, text.chars().count()),
        other => panic!("no test of a text: {other}"),
    }
}

fn length_holds(operand: &Value, length: usize) -> bool {
    let ordered = |operator: &str, bound: &Value| {
        let bound = usize::try_from(bound.as_u64().unwrap()).unwrap();
        match operator {
            "gt" => length > bound,
            "ge" => length >= bound,
            "lt" => length < bound,
            "le" => length <= bound,
            "equals" => length == bound,
            other => panic!("no test of a length: {other}"),
        }
    };
    tests_of(operand).iter().all(|(operator, bound)| ordered(operator, bound))
}

/// `gt`, `ge`, `lt`, `le`; unknown if the value is no number of that unit.
pub fn ordered(operator: &str, operand: &Value, value: &Value) -> Answer {
    let Some(order) = quantity::compared(operand, value) else { return Answer::Unknown };
    Answer::from(match operator {
        "gt" => order.is_gt(),
        "ge" => order.is_ge(),
        "lt" => order.is_lt(),
        "le" => order.is_le(),
        other => panic!("no order: {other}"),
    })
}

/// Every key and scalar inside, and the value itself if it is one.
pub fn inside(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().flat_map(inside).collect(),
        Value::Object(map) => {
            map.iter().flat_map(|(key, item)| [vec![key.clone()], inside(item)].concat()).collect()
        }
        scalar => written(scalar).into_iter().collect(),
    }
}

/// One test of one value of a parameter.
pub fn holds_of_value(operator: &str, operand: &Value, value: &Value) -> Answer {
    let over_elements = |items: &[Value]| {
        agreed(&items.iter().map(|item| holds_of_value(operator, operand, item)).collect::<Vec<_>>())
    };
    match (operator, value) {
        ("pattern" | "contains", _) => {
            inside(value).iter().any(|text| holds_of_text(operator, operand, text, false)).into()
        }
        ("type", _) => listed(operand).iter().any(|name| type_is(name, value)).into(),
        ("length", Value::Array(items)) => length_holds(operand, items.len()).into(),
        ("length", Value::Object(map)) => length_holds(operand, map.len()).into(),
        ("length", Value::String(text)) => length_holds(operand, text.chars().count()).into(),
        ("length", _) => Answer::No,
        ("equals", _) if same(operand, value) => Answer::Yes,
        ("not_in", Value::Null | Value::Object(_)) => Answer::Unknown,
        ("not_in", Value::Array(items)) if items.is_empty() => Answer::Unknown,
        ("not_in", Value::String(text))
            if EMPTY_TEXT_IS_EMPTY && text.is_empty() && !listed(operand).contains(value) =>
        {
            Answer::Unknown
        }
        ("gt" | "ge" | "lt" | "le", Value::Array(items)) => over_elements(items),
        ("gt" | "ge" | "lt" | "le", _) => ordered(operator, operand, value),
        (_, Value::Array(items)) => over_elements(items),
        (_, Value::Null | Value::Object(_)) => Answer::No,
        (_, scalar) => {
            written(scalar).is_some_and(|text| holds_of_text(operator, operand, &text, false)).into()
        }
    }
}

fn type_is(name: &Value, value: &Value) -> bool {
    let found = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "text",
        Value::Array(_) => "list",
        Value::Object(_) => "object",
    };
    name == found
}
