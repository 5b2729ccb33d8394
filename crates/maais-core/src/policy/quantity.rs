//! Numbers that conditions compare: plain ones, sizes, durations and amounts of a currency.
//!
//! Sizes: `KB`, `MB`, `GB`, `TB` are powers of 1,000 and `KiB`, `MiB`, `GiB`, `TiB` of 1,024 (IEC 80000-13).
//! Durations: `ms`, `s`, `m`, `h`, `d`, `w`. Currencies: three capital letters (ISO 4217). Units are written without
//! a space or with one.

use std::cmp::Ordering;

use serde_json::{Number, Value};

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unit {
    /// Nothing in particular.
    Plain,
    /// Bytes.
    Bytes,
    /// Seconds.
    Seconds,
    /// Units of a currency, by its code of ISO 4217.
    Currency([u8; 3]),
}

/// A number and its unit.
#[derive(Debug, Clone, PartialEq)]
pub struct Quantity {
    amount: Amount,
    /// What it counts.
    pub unit: Unit,
}

/// Whole numbers are compared as such: beyond 2^53, rounding would make two of them equal.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Amount {
    Whole(i128),
    Real(f64),
}

impl Amount {
    fn as_f64(self) -> f64 {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "only compared with a number that is no integer")]
            Self::Whole(value) => value as f64,
            Self::Real(value) => value,
        }
    }

    fn compare(self, other: Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Whole(a), Self::Whole(b)) => Some(a.cmp(&b)),
            _ => self.as_f64().partial_cmp(&other.as_f64()),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
        if !digits.bytes().next().is_some_and(|first| first.is_ascii_digit()) {
            return None; // `inf`, `nan`, `.5`
        }
        if let Ok(value) = text.parse::<i128>() {
            return Some(Self::Whole(value));
        }
        text.parse::<f64>().ok().map(Self::Real)
    }

    fn of(number: &Number) -> Option<Self> {
        let whole = number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from));
        whole.map(Self::Whole).or_else(|| number.as_f64().map(Self::Real))
    }

    fn times(self, factor: i128, divisor: i128) -> Self {
        let whole = match self {
            Self::Whole(value) if divisor == 1 => value.checked_mul(factor),
            _ => None,
        };
        let scaled = || self.as_f64() * Self::Whole(factor).as_f64() / Self::Whole(divisor).as_f64();
        whole.map_or_else(|| Self::Real(scaled()), Self::Whole)
    }
}

/// Unit, its kind, and how many of the kind's base it is.
const UNITS: [(&str, Unit, i128, i128); 16] = [
    ("B", Unit::Bytes, 1, 1),
    ("KB", Unit::Bytes, 1_000, 1),
    ("kB", Unit::Bytes, 1_000, 1),
    ("MB", Unit::Bytes, 1_000_000, 1),
    ("GB", Unit::Bytes, 1_000_000_000, 1),
    ("TB", Unit::Bytes, 1_000_000_000_000, 1),
    ("KiB", Unit::Bytes, 1 << 10, 1),
    ("MiB", Unit::Bytes, 1 << 20, 1),
    ("GiB", Unit::Bytes, 1 << 30, 1),
    ("TiB", Unit::Bytes, 1 << 40, 1),
    ("ms", Unit::Seconds, 1, 1_000),
    ("s", Unit::Seconds, 1, 1),
    ("m", Unit::Seconds, 60, 1),
    ("h", Unit::Seconds, 3_600, 1),
    ("d", Unit::Seconds, 86_400, 1),
    ("w", Unit::Seconds, 604_800, 1),
];

impl Quantity {
    /// Reads `10`, `1.5`, `10MB`, `15m`, `10 EUR`. Beyond what a double holds, it is larger than everything.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (number, unit) = text.split_at(unit_start(text));
        let amount = Amount::parse(number.trim_end())?;
        if unit.is_empty() {
            return Some(Self { amount, unit: Unit::Plain });
        }
        if let Ok(code) = <[u8; 3]>::try_from(unit.as_bytes())
            && code.iter().all(u8::is_ascii_uppercase)
        {
            return Some(Self { amount, unit: Unit::Currency(code) });
        }
        let (_, kind, factor, divisor) = UNITS.into_iter().find(|(name, ..)| *name == unit)?;
        Some(Self { amount: amount.times(factor, divisor), unit: kind })
    }

    /// Whether it is within what can be told apart; a bound must be.
    pub fn is_finite(&self) -> bool {
        self.amount.as_f64().is_finite()
    }

    /// A JSON number, or text that is a quantity.
    pub fn of(value: &Value) -> Option<Self> {
        match value {
            Value::Number(number) => Amount::of(number).map(|amount| Self { amount, unit: Unit::Plain }),
            Value::String(text) => Self::parse(text),
            _ => None,
        }
    }

    /// A whole number.
    pub fn whole(value: u64) -> Self {
        Self { amount: Amount::Whole(value.into()), unit: Unit::Plain }
    }

    /// How it compares with a bound, if the units allow it: a number without a unit is taken to be in the
    /// other's. But an amount of a currency that the bound does not name compares with nothing: 50 of what?
    pub fn compare(&self, bound: &Self) -> Option<Ordering> {
        let comparable = match (self.unit, bound.unit) {
            (Unit::Currency(_), Unit::Plain) => false,
            (unit, other) => unit == other || unit == Unit::Plain || other == Unit::Plain,
        };
        comparable.then(|| self.amount.compare(bound.amount)).flatten()
    }

    /// In thousandths, rounded up; `None` if it is negative, too large to count, or of a currency.
    pub fn thousandths(&self) -> Option<u64> {
        if matches!(self.unit, Unit::Currency(_)) {
            return None;
        }
        match self.amount {
            Amount::Whole(value) => u64::try_from(value.checked_mul(1_000)?).ok(),
            Amount::Real(value) => {
                let scaled = (value * 1_000.0).ceil();
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "within 0..=2^53, where every whole f64 is a u64"
                )]
                (0.0..=9_007_199_254_740_992.0).contains(&scaled).then_some(scaled as u64)
            }
        }
    }

    /// Whole milliseconds of a duration; a number without a unit counts seconds.
    pub fn millis(&self) -> Option<u64> {
        (self.unit != Unit::Bytes).then(|| self.thousandths()).flatten()
    }
}

impl std::fmt::Display for Quantity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.amount {
            Amount::Whole(value) => write!(f, "{value}")?,
            Amount::Real(value) => write!(f, "{value}")?,
        }
        match self.unit {
            Unit::Plain => Ok(()),
            Unit::Bytes => f.write_str("B"),
            Unit::Seconds => f.write_str("s"),
            Unit::Currency(code) => write!(f, " {}", String::from_utf8_lossy(&code)),
        }
    }
}

/// Where a unit begins: at the first letter that is not the `e` of an exponent.
fn unit_start(text: &str) -> usize {
    let is_exponent = |at: usize| {
        let rest = text.get(at + 1..).unwrap_or_default();
        rest.strip_prefix(['+', '-']).unwrap_or(rest).starts_with(|c: char| c.is_ascii_digit())
    };
    let letters = text.char_indices().filter(|(_, c)| c.is_ascii_alphabetic());
    let mut units = letters.filter(|(at, c)| !(matches!(c, 'e' | 'E') && is_exponent(*at)));
    units.next().map_or(text.len(), |(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compare(a: &str, b: &str) -> Option<Ordering> {
        Quantity::parse(a).unwrap().compare(&Quantity::parse(b).unwrap())
    }

    #[test]
    fn sizes_and_durations_compare_with_their_like_and_with_plain_numbers() {
        assert_eq!(compare("10MB", "10000000"), Some(Ordering::Equal));
        assert_eq!(compare("1MiB", "1MB"), Some(Ordering::Greater));
        assert_eq!(compare("90s", "1.5m"), Some(Ordering::Equal));
        assert_eq!(compare("500 ms", "1s"), Some(Ordering::Less));
        assert_eq!(compare("1h", "1KB"), None);
    }

    #[test]
    fn large_whole_numbers_are_not_rounded_into_one_another() {
        assert_eq!(compare("9007199254740993", "9007199254740992"), Some(Ordering::Greater));
        assert_eq!(compare("1e3", "1000"), Some(Ordering::Equal));
    }

    #[test]
    fn what_is_no_quantity_is_none() {
        for text in ["", "abc", "inf", "NaN", "10 parsecs", "0x10", "1,000", "--1", ".5", "10 eur", "10 EURO"]
        {
            assert_eq!(Quantity::parse(text), None, "{text}");
        }
    }

    #[test]
    fn what_no_double_holds_is_larger_than_everything() {
        assert_eq!(compare("1e29007199254740993", "2.5"), Some(Ordering::Greater));
        assert_eq!(compare("-1e999", "2.5"), Some(Ordering::Less));
        assert_eq!(compare("9e30TB", "1TB"), Some(Ordering::Greater));
        assert_eq!(compare("170141183460469231731687303715884105727TB", "1TB"), Some(Ordering::Greater));
        assert!(!Quantity::parse("1e999").unwrap().is_finite());
    }

    #[test]
    fn amounts_compare_within_a_currency() {
        assert_eq!(compare("50 EUR", "100EUR"), Some(Ordering::Less));
        assert_eq!(compare("50", "100 EUR"), Some(Ordering::Less));
        assert_eq!(compare("50 BTC", "100"), None);
        assert_eq!(compare("50 BTC", "100 EUR"), None);
        assert_eq!(Quantity::parse("50 EUR").unwrap().thousandths(), None);
        assert_eq!(Quantity::parse("12.50 EUR").unwrap().to_string(), "12.5 EUR");
    }

    #[test]
    fn thousandths_round_up_and_refuse_what_is_negative() {
        assert_eq!(Quantity::parse("10.0001").unwrap().thousandths(), Some(10_001));
        assert_eq!(Quantity::parse("-1").unwrap().thousandths(), None);
        assert_eq!(Quantity::parse("1e300").unwrap().thousandths(), None);
    }
}
