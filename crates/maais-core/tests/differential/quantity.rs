//! Numbers, sizes and durations, exactly: digits as text, never a float.

use std::cmp::Ordering;

use serde_json::Value;

/// `digits × 10^exponent`; no zeros at either end of the digits; zero has no digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decimal {
    negative: bool,
    digits: String,
    exponent: i64,
}

impl Decimal {
    fn new(negative: bool, digits: &str, exponent: i64) -> Self {
        let digits = digits.trim_start_matches('0');
        let short = digits.trim_end_matches('0');
        if short.is_empty() {
            return Self { negative: false, digits: String::new(), exponent: 0 };
        }
        let zeros = i64::try_from(digits.len() - short.len()).unwrap();
        Self { negative, digits: short.to_owned(), exponent: exponent + zeros }
    }

    /// A sign, digits, a point, digits, an exponent; all but some digits may be missing.
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix(['+', '-']).unwrap_or(text);
        let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
            None => (rest, 0),
            Some((mantissa, exponent)) => {
                let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
                if digits.is_empty() || !all_digits(digits) {
                    return None;
                }
                (mantissa, exponent.parse::<i64>().ok()?)
            }
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{whole}{fraction}");
        if digits.is_empty() || !all_digits(&digits) {
            return None;
        }
        let places = i64::try_from(fraction.len()).unwrap();
        Some(Self::new(text.starts_with('-'), &digits, exponent - places))
    }

    fn times(&self, factor: u64, thousandths: bool) -> Self {
        let mut out = Vec::new();
        let mut carry = 0_u128;
        for digit in self.digits.bytes().rev() {
            carry += u128::from(digit - b'0') * u128::from(factor);
            out.push(char::from(b'0' + u8::try_from(carry % 10).unwrap()));
            carry /= 10;
        }
        while carry > 0 {
            out.push(char::from(b'0' + u8::try_from(carry % 10).unwrap()));
            carry /= 10;
        }
        let digits: String = out.into_iter().rev().collect();
        Self::new(self.negative, &digits, self.exponent - if thousandths { 3 } else { 0 })
    }

    pub fn compare(&self, other: &Self) -> Ordering {
        let magnitude = |this: &Self| {
            (!this.digits.is_empty()).then(|| this.exponent + i64::try_from(this.digits.len()).unwrap())
        };
        let sign = |this: &Self| match (this.digits.is_empty(), this.negative) {
            (true, _) => 0,
            (_, true) => -1,
            (_, false) => 1,
        };
        let by_sign = sign(self).cmp(&sign(other));
        if by_sign != Ordering::Equal {
            return by_sign;
        }
        // Digits after the point of `0.digits × 10^magnitude`: as text, shorter is smaller.
        let by_size = magnitude(self).cmp(&magnitude(other)).then(self.digits.cmp(&other.digits));
        if self.negative { by_size.reverse() } else { by_size }
    }
}

fn all_digits(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    None,
    Bytes,
    Seconds,
}

const BYTES: [(&str, u64); 10] = [
    ("kB", 1_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("B", 1),
];
const SECONDS: [(&str, u64); 5] = [("s", 1), ("m", 60), ("h", 3_600), ("d", 86_400), ("w", 604_800)];

/// A number, size or duration as written, perhaps with space around it.
pub fn quantity(value: &Value) -> Option<(Decimal, Unit)> {
    let text = match value {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.trim().to_owned(),
        _ => return None,
    };
    if text.trim_start_matches(['+', '-']).starts_with('.') {
        return None;
    }
    if let Some(number) = Decimal::parse(&text) {
        return Some((number, Unit::None));
    }
    if let Some(number) = text.strip_suffix("ms").and_then(|number| Decimal::parse(number.trim_end())) {
        return Some((number.times(1, true), Unit::Seconds));
    }
    for (table, unit) in [(&BYTES[..], Unit::Bytes), (&SECONDS[..], Unit::Seconds)] {
        for (name, factor) in table {
            let number = text.strip_suffix(name).and_then(|number| Decimal::parse(number.trim_end()));
            if let Some(number) = number {
                return Some((number.times(*factor, false), unit));
            }
        }
    }
    None
}

/// Seconds of `90s`, `10m`; for windows.
pub fn seconds(text: &str) -> f64 {
    let at = text.find(|c: char| c.is_ascii_alphabetic()).unwrap();
    let (number, unit) = text.split_at(at);
    let factor = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3_600.0,
        "d" => 86_400.0,
        other => panic!("no duration: {other}"),
    };
    number.trim().parse::<f64>().unwrap() * factor
}

/// Sizes compare with sizes and numbers, durations with durations and numbers.
pub fn compared(operand: &Value, value: &Value) -> Option<Ordering> {
    let (bound, needed) = quantity(operand)?;
    let (found, unit) = quantity(value)?;
    let fit = unit == needed || unit == Unit::None || needed == Unit::None;
    fit.then(|| found.compare(&bound))
}

#[test]
fn decimals_are_exact() {
    let number = |text: &str| Decimal::parse(text).unwrap();
    assert_eq!(number("1.0"), number("1"));
    assert_eq!(number("1e3"), number("1000.00"));
    assert_eq!(number("-0"), number("0"));
    assert_eq!(number("9007199254740993").compare(&number("9007199254740992")), Ordering::Greater);
    assert_eq!(number("-2").compare(&number("-10")), Ordering::Greater);
    assert_eq!(number("0.5").compare(&number("0.25")), Ordering::Greater);
    assert_eq!(number("99").compare(&number("100")), Ordering::Less);
    assert_eq!(quantity(&"1.5KiB".into()).unwrap().0, number("1536"));
    assert_eq!(quantity(&"500ms".into()).unwrap().0, number("0.5"));
    assert!(
        ["", ".", "1e", "0x1", " 1", "+", "1e1.5", "e1", "1_0"]
            .iter()
            .all(|text| Decimal::parse(text).is_none())
    );
}
