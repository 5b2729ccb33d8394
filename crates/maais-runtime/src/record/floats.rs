//! Numbers that a record cannot tell apart: canonical JSON writes `1.0` as `1` and `-0.0` as `0`, a policy may
//! ask for the type or the text. Their places stand in the record beside the request, where there are any.

use serde_json::{Map, Number, Value, json};

/// The largest integer that canonical JSON does not mark; larger floats are marked there.
const INTEGER_MAX: f64 = 9_007_199_254_740_991.0;

/// `{"whole": [place…], "negative_zero": [place…]}`, places as RFC 6901 pointers.
pub(super) fn of(request: &Value) -> Option<Value> {
    let mut found = Found::default();
    for part in ["parameters", "context"] {
        if let Some(value) = request.get(part) {
            found.look(value, &mut format!("/{part}"));
        }
    }
    let lists = [("negative_zero", found.negative_zero), ("whole", found.whole)];
    let lists: Map<String, Value> = lists
        .into_iter()
        .filter(|(_, places)| !places.is_empty())
        .map(|(name, places)| (name.to_owned(), json!(places)))
        .collect();
    (!lists.is_empty()).then_some(Value::Object(lists))
}

/// Makes the numbers at those places what they were; `None` if there is no such number.
pub(crate) fn restore(request: &mut Value, floats: &Value) -> Option<()> {
    for (name, places) in floats.as_object()? {
        for place in places.as_array()? {
            let value = request.pointer_mut(place.as_str()?)?;
            let real = match name.as_str() {
                "whole" => value.as_f64()?,
                "negative_zero" => -0.0,
                _ => return None,
            };
            *value = Value::Number(Number::from_f64(real)?);
        }
    }
    Some(())
}

#[derive(Default)]
struct Found {
    whole: Vec<String>,
    negative_zero: Vec<String>,
}

impl Found {
    fn look(&mut self, value: &Value, place: &mut String) {
        match value {
            Value::Number(number) if number.is_f64() => self.note(number.as_f64().unwrap_or(0.5), place),
            Value::Array(items) => {
                for (at, item) in items.iter().enumerate().filter(|(_, item)| may_hold(item)) {
                    self.step(item, place, &at.to_string());
                }
            }
            Value::Object(map) => {
                for (name, item) in map.iter().filter(|(_, item)| may_hold(item)) {
                    self.step(item, place, &name.replace('~', "~0").replace('/', "~1"));
                }
            }
            _ => {}
        }
    }

    fn step(&mut self, item: &Value, place: &mut String, name: &str) {
        let length = place.len();
        place.push('/');
        place.push_str(name);
        self.look(item, place);
        place.truncate(length);
    }

    fn note(&mut self, real: f64, place: &str) {
        if real == 0.0 && real.is_sign_negative() {
            self.negative_zero.push(place.to_owned());
        } else if real.fract() == 0.0 && real.abs() <= INTEGER_MAX {
            self.whole.push(place.to_owned());
        }
    }
}

/// Texts are most of what there is.
fn may_hold(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_f64(),
        Value::Array(_) | Value::Object(_) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn through_the_log(request: &Value) -> Value {
        let floats = of(request);
        let mut bytes = Vec::new();
        maais_audit::canonical::write(request, &mut bytes);
        let mut back = maais_audit::canonical::read(&bytes).unwrap();
        if let Some(floats) = floats {
            restore(&mut back, &floats).unwrap();
        }
        back
    }

    #[test]
    fn numbers_come_back_as_they_were() {
        let request = json!({"parameters": {"a/b": [1.0, 1, -0.0, 0, 1e15, 9_007_199_254_740_993.0, 0.1]},
            "context": {"~": {"x": 2.0}}});
        assert_eq!(through_the_log(&request).to_string(), request.to_string());
        assert_eq!(of(&json!({"parameters": {"x": 1, "y": 0.5}})), None);
    }

    #[test]
    fn places_that_hold_no_number_are_refused() {
        let mut request = json!({"parameters": {"x": "1"}});
        for floats in [
            json!({"whole": ["/parameters/x"]}),
            json!({"whole": ["/parameters/y"]}),
            json!({"other": ["/parameters/x"]}),
            json!(["/parameters/x"]),
        ] {
            assert_eq!(restore(&mut request, &floats), None, "{floats}");
        }
    }

    proptest! {
        #[test]
        fn any_float_comes_back(bits in any::<u64>(), whole in -10_000_000_i64..10_000_000) {
            #[expect(clippy::cast_precision_loss, reason = "small")]
            for real in [f64::from_bits(bits), whole as f64] {
                let request = json!({"parameters": {"x": real}});
                prop_assert_eq!(through_the_log(&request).to_string(), request.to_string());
            }
        }
    }
}
