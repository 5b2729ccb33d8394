//! What tests see of a parameter that is declared an e-mail address or an amount of money.
//!
//! `"Bob" <bob@EXAMPLE.com>, eve@evil.example` is two addresses, and `1,250.00 €` is `1250.00 EUR`. What can be
//! read in two ways is not seen at all, so that its tests are unknown.

use std::borrow::Cow;

use serde_json::Value;

use super::tools::ParameterType;
use crate::view::email;

/// The value as tests see it; `None` if it cannot be said what it is.
pub(super) fn seen(kind: ParameterType, value: &Value) -> Option<Cow<'_, Value>> {
    match (kind, value) {
        (ParameterType::Email, Value::String(text)) => {
            let mut addresses = email::addresses(text).ok()?;
            Some(Cow::Owned(match addresses.len() {
                1 => Value::String(addresses.pop().unwrap_or_default()),
                _ => addresses.into_iter().map(Value::String).collect(),
            }))
        }
        (ParameterType::Email, Value::Array(items)) => {
            let mut all = Vec::with_capacity(items.len());
            for item in items {
                match seen(kind, item)?.into_owned() {
                    Value::Array(several) => all.extend(several),
                    one => all.push(one),
                }
            }
            Some(Cow::Owned(Value::Array(all)))
        }
        (ParameterType::Email, Value::Null) | (ParameterType::Money, Value::Null | Value::Number(_)) => {
            Some(Cow::Borrowed(value))
        }
        (ParameterType::Money, Value::String(text)) => money(text).map(Value::String).map(Cow::Owned),
        _ => None,
    }
}

/// Whether tests see a parameter of that type in another form than it has.
pub(super) fn changes(kind: ParameterType) -> bool {
    matches!(kind, ParameterType::Email | ParameterType::Money)
}

/// Signs that stand for one currency wherever they are used without a country.
const SIGNS: [(char, &str); 4] = [('€', "EUR"), ('$', "USD"), ('£', "GBP"), ('¥', "JPY")];

/// An amount as digits and a decimal point, and the code of its currency if it names one.
fn money(text: &str) -> Option<String> {
    let text = text.trim();
    let (sign, text) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest.trim_start()),
        None => ("", text),
    };
    let digit = |c: char| c.is_ascii_digit();
    let (first, last) = (text.find(digit)?, text.rfind(digit)?);
    let (before, rest) = text.split_at(first);
    let (number, behind) = rest.split_at(last + 1 - first);
    let named = match (before.trim(), behind.trim()) {
        ("", "") => None,
        (name, "") | ("", name) => Some(currency(name)?),
        _ => return None,
    };
    let number = decimal(number, named.is_some())?;
    Some(match named {
        Some(code) => format!("{sign}{number} {code}"),
        None => format!("{sign}{number}"),
    })
}

fn currency(name: &str) -> Option<&str> {
    let mut chars = name.chars();
    if let (Some(sign), None) = (chars.next(), chars.next()) {
        return SIGNS.into_iter().find(|(known, _)| *known == sign).map(|(_, code)| code);
    }
    (name.len() == 3 && name.bytes().all(|b| b.is_ascii_uppercase())).then_some(name)
}

/// Whichever of `,` and `.` comes last separates the decimals, if it is there once. One separator alone with three
/// digits behind it may be either, except for a plain number's point, which every program reads alike.
fn decimal(number: &str, named: bool) -> Option<String> {
    if !number.bytes().all(|b| b.is_ascii_digit() || b == b',' || b == b'.') {
        return None;
    }
    let Some(last) = number.rfind([',', '.']) else { return Some(number.to_owned()) };
    let (whole, decimals) = (number.get(..last)?, number.get(last + 1..)?);
    let mark = number.get(last..=last)?;
    if whole.contains(mark) {
        return grouped(number, mark); // `1,234,567`
    }
    let other = if mark == "," { "." } else { "," };
    let whole = match whole.contains(other) {
        true => grouped(whole, other)?,
        false if decimals.len() == 3 && (mark == "," || named) => return None,
        false => whole.to_owned(),
    };
    Some(format!("{whole}.{decimals}"))
}

/// Digits in groups of three.
fn grouped(number: &str, mark: &str) -> Option<String> {
    let mut groups = number.split(mark);
    let first = groups.next()?;
    let fit = (1..=3).contains(&first.len()) && first.bytes().all(|b| b.is_ascii_digit());
    let rest: Vec<&str> = groups.collect();
    let all = rest.iter().all(|group| group.len() == 3 && group.bytes().all(|b| b.is_ascii_digit()));
    (fit && all).then(|| format!("{first}{}", rest.concat()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_read_if_there_is_one_way_to() {
        for (text, expected) in [
            ("12", "12"),
            ("12.5", "12.5"),
            ("1.250", "1.250"),
            ("12,50", "12.50"),
            ("1,250.00", "1250.00"),
            ("1.250,00", "1250.00"),
            ("1,234,567", "1234567"),
            ("€ 12,50", "12.50 EUR"),
            ("12.50€", "12.50 EUR"),
            ("USD 1,250.00", "1250.00 USD"),
            ("-5 EUR", "-5 EUR"),
        ] {
            assert_eq!(money(text).as_deref(), Some(expected), "{text}");
        }
        for text in [
            "",
            "abc",
            "1,250",
            "€1.250",
            "1,25,0.0",
            "12 eur",
            "EUR 5 USD",
            "1 000",
            "1e3",
            "5 $$",
            "１２",
            "1.2.3,4",
        ] {
            assert_eq!(money(text), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_number_with_a_point_is_what_it_was(whole in 0_u32..2_000_000, cents in 0_u8..100) {
            let text = format!("{whole}.{cents:02}");
            proptest::prop_assert_eq!(money(&text), Some(text.clone()));
        }

        #[test]
        fn nothing_makes_it_panic(text in "\\PC{0,20}") {
            let _ = money(&text);
            let _ = crate::view::email::addresses(&text);
        }
    }
}
