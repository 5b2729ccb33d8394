//! Tests in compiled form: what a text, a value or a view is held against.

use std::borrow::Cow;
use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::Value;

use super::Pattern;
use super::model::{Comparison, JsonType, Test, UrlPart, View};
use super::pattern::Budget;
use super::quantity::Quantity;
use super::tri::Tri;
use crate::glob::Glob;
use crate::view::path::{self, PathOutcome};
use crate::view::url::{self, UrlOutcome, UrlView};

/// A compiled test.
#[derive(Debug)]
pub(super) enum Check {
    All(Box<[Check]>),
    Equals(Value),
    In(Words),
    NotIn(Words),
    Pattern(Pattern),
    Glob(Box<[Glob]>),
    Prefix(Box<[String]>),
    Suffix(Box<[String]>),
    Contains(Box<[String]>),
    Compare(Comparison, Quantity),
    Exists(bool),
    Length(Box<[(Comparison, u64)]>),
    Type(Box<[JsonType]>),
    Cidr(Box<[IpNet]>),
    AnyOf(Box<Check>),
    AllOf(Box<Check>),
    View(View, Box<Check>),
}

/// Values of which one is meant: texts in order, to be searched; the others as they are.
#[derive(Debug)]
pub(super) struct Words {
    texts: Box<[Box<str>]>,
    others: Box<[Value]>,
}

impl Words {
    fn new(values: Vec<Value>) -> Self {
        let (texts, others): (Vec<Value>, Vec<Value>) = values.into_iter().partition(Value::is_string);
        let mut texts: Vec<Box<str>> = texts.iter().filter_map(Value::as_str).map(Box::from).collect();
        texts.sort_unstable();
        texts.dedup();
        Self { texts: texts.into(), others: others.into() }
    }

    /// As a list, for people.
    pub(super) fn listed(&self) -> String {
        let texts = self.texts.iter().map(|text| format!("`{text}`"));
        texts.chain(self.others.iter().map(ToString::to_string)).collect::<Vec<_>>().join(", ")
    }

    fn contain(&self, text: &str) -> bool {
        self.texts.binary_search_by(|word| (**word).cmp(text)).is_ok()
            || self.others.iter().any(|value| same_text(value, text))
    }
}

impl From<Test> for Check {
    fn from(test: Test) -> Self {
        match test {
            Test::All(mut tests) if tests.len() == 1 => {
                tests.pop().map_or(Self::All(Box::new([])), Self::from)
            }
            Test::All(tests) => Self::All(tests.into_iter().map(Self::from).collect()),
            Test::Equals(value) => Self::Equals(value),
            Test::In(values) => Self::In(Words::new(values)),
            Test::NotIn(values) => Self::NotIn(Words::new(values)),
            Test::Pattern(pattern) => Self::Pattern(pattern),
            Test::Glob(globs) => Self::Glob(globs.into()),
            Test::Prefix(texts) => Self::Prefix(texts.into()),
            Test::Suffix(texts) => Self::Suffix(texts.into()),
            Test::Contains(texts) => Self::Contains(texts.into()),
            Test::Compare(comparison, quantity) => Self::Compare(comparison, quantity),
            Test::Exists(expected) => Self::Exists(expected),
            Test::Length(tests) => Self::Length(tests.into()),
            Test::Type(types) => Self::Type(types.into()),
            Test::Cidr(blocks) => Self::Cidr(blocks.into()),
            Test::AnyOf(test) => Self::AnyOf(Box::new((*test).into())),
            Test::AllOf(test) => Self::AllOf(Box::new((*test).into())),
            Test::View(view, test) => Self::View(view, Box::new((*test).into())),
        }
    }
}

impl Check {
    /// Of a text.
    pub(super) fn text(&self, text: &str, budget: &Budget) -> Tri {
        match self {
            Self::All(checks) => Tri::all(checks.iter().map(|check| check.text(text, budget))),
            Self::Equals(Value::String(expected)) => (expected == text).into(),
            Self::Equals(value) => same_text(value, text).into(),
            Self::In(words) => words.contain(text).into(),
            Self::NotIn(words) => (!words.contain(text)).into(),
            Self::Pattern(pattern) => pattern.search_within(text, budget),
            Self::Glob(globs) => globs.iter().any(|glob| glob.matches(text)).into(),
            Self::Prefix(texts) => texts.iter().any(|part| text.starts_with(part.as_str())).into(),
            Self::Suffix(texts) => texts.iter().any(|part| text.ends_with(part.as_str())).into(),
            Self::Contains(texts) => texts.iter().any(|part| text.contains(part.as_str())).into(),
            Self::Compare(comparison, bound) => compared(*comparison, Quantity::parse(text), bound),
            Self::Exists(expected) => (*expected).into(),
            Self::Length(tests) => lengths(tests, text.chars().count()),
            Self::Type(types) => types.contains(&JsonType::Text).into(),
            Self::Cidr(blocks) => {
                address(text).is_some_and(|ip| blocks.iter().any(|block| block.contains(&ip))).into()
            }
            Self::AnyOf(check) | Self::AllOf(check) => check.text(text, budget),
            Self::View(..) => Tri::Unknown,
        }
    }

    /// The texts outside which the test certainly does not hold of a text, if it names them.
    pub(super) fn exact_texts(&self) -> Option<Vec<String>> {
        match self {
            Self::All(checks) => checks.iter().find_map(Self::exact_texts),
            Self::Equals(Value::String(text)) => Some(vec![text.clone()]),
            Self::In(words) if words.others.is_empty() => {
                Some(words.texts.iter().map(|text| text.to_string()).collect())
            }
            _ => None,
        }
    }

    /// Texts that stand in the test, or that its patterns cannot do without: where its answer may change.
    pub(super) fn literals(&self) -> Vec<String> {
        let of = |words: &Words| words.texts.iter().map(|text| text.to_string()).collect();
        match self {
            Self::All(checks) => checks.iter().flat_map(Self::literals).collect(),
            Self::Equals(Value::String(text)) => vec![text.clone()],
            Self::Equals(value) => vec![value.to_string()],
            Self::In(words) | Self::NotIn(words) => of(words),
            Self::Pattern(pattern) => pattern.needs().map(<[String]>::to_vec).unwrap_or_default(),
            Self::Glob(globs) => {
                globs.iter().map(|glob| glob.as_str().replace("**", "a/b").replace(['*', '?'], "a")).collect()
            }
            Self::Prefix(texts) | Self::Suffix(texts) | Self::Contains(texts) => texts.to_vec(),
            Self::Compare(_, bound) => vec![bound.to_string()],
            Self::Cidr(blocks) => blocks.iter().map(|block| block.addr().to_string()).collect(),
            Self::AnyOf(check) | Self::AllOf(check) | Self::View(_, check) => check.literals(),
            Self::Exists(_) | Self::Length(_) | Self::Type(_) => Vec::new(),
        }
    }

    /// Of a quantity that the engine counted itself.
    pub(super) fn quantity(&self, found: &Quantity) -> Tri {
        match self {
            Self::All(checks) => Tri::all(checks.iter().map(|check| check.quantity(found))),
            Self::Compare(comparison, bound) => compared(*comparison, Some(found.clone()), bound),
            _ => Tri::Unknown,
        }
    }

    /// Of several things that must agree, such as every URL of an action.
    pub(super) fn agreed(&self, each: impl IntoIterator<Item = Tri>) -> Tri {
        let mut each = each.into_iter().peekable();
        if each.peek().is_none() { self.nothing() } else { Tri::agreed(each) }
    }

    /// Of nothing at all.
    fn nothing(&self) -> Tri {
        match self {
            Self::All(checks) => Tri::all(checks.iter().map(Self::nothing)),
            Self::Exists(expected) => (!expected).into(),
            _ => Tri::False,
        }
    }

    /// Of a view of nothing: whether what is not there is "none of these" cannot be said.
    fn nothing_viewed(&self) -> Tri {
        match self {
            Self::All(checks) => Tri::all(checks.iter().map(Self::nothing_viewed)),
            Self::NotIn(_) => Tri::Unknown,
            _ => self.nothing(),
        }
    }

    /// Of names of which any counts, such as an agent's roles.
    pub(super) fn any_name(&self, names: &[String], budget: &Budget) -> Tri {
        match self {
            Self::All(checks) => Tri::all(checks.iter().map(|check| check.any_name(names, budget))),
            Self::NotIn(_) => Tri::all(names.iter().map(|name| self.text(name, budget))),
            Self::Exists(expected) => (names.is_empty() != *expected).into(),
            _ => Tri::any(names.iter().map(|name| self.text(name, budget))),
        }
    }

    /// Of all values that a path leads to, together.
    pub(super) fn values(&self, values: &[&Value], budget: &Budget) -> Tri {
        match self {
            Self::All(checks) => Tri::all(checks.iter().map(|check| check.values(values, budget))),
            Self::Pattern(_) | Self::Contains(_) => {
                Tri::any(values.iter().map(|value| self.anywhere(value, budget)))
            }
            // Whether what is not there is "none of these" cannot be said.
            Self::NotIn(_) if values.is_empty() => Tri::Unknown,
            Self::Exists(expected) => (values.iter().any(|value| !value.is_null()) == *expected).into(),
            Self::AnyOf(check) => Tri::any(elements(values).map(|item| check.values(&[item], budget))),
            Self::AllOf(_) if elements(values).next().is_none() => Tri::False,
            Self::AllOf(check) => Tri::all(elements(values).map(|item| check.values(&[item], budget))),
            Self::View(_, check) if values.iter().all(|value| is_nothing(value)) => check.nothing_viewed(),
            Self::Length(tests) => Tri::agreed(values.iter().map(|value| length(tests, value))),
            Self::Type(types) => {
                Tri::agreed(values.iter().map(|value| types.contains(&JsonType::of(value)).into()))
            }
            _ => Tri::agreed(values.iter().map(|value| self.value(value, budget))),
        }
    }

    fn value(&self, value: &Value, budget: &Budget) -> Tri {
        match (self, value) {
            (Self::Equals(expected), _) if expected == value => Tri::True,
            (Self::View(view, check), _) => viewed(*view, check, value, budget),
            (Self::Compare(comparison, bound), Value::Number(_)) => {
                compared(*comparison, Quantity::of(value), bound)
            }
            (_, Value::String(text)) => self.text(text, budget),
            (Self::Compare(..), Value::Null | Value::Bool(_) | Value::Object(_)) => Tri::Unknown,
            (_, Value::Number(number)) => self.text(&number.to_string(), budget),
            (_, Value::Bool(value)) => self.text(if *value { "true" } else { "false" }, budget),
            (Self::NotIn(_), Value::Null | Value::Object(_)) => Tri::Unknown,
            (Self::NotIn(_), Value::Array(items)) if items.is_empty() => Tri::Unknown,
            (_, Value::Array(items)) => Tri::agreed(items.iter().map(|item| self.value(item, budget))),
            (_, Value::Null | Value::Object(_)) => Tri::False,
        }
    }

    /// Any key or scalar inside.
    pub(super) fn anywhere(&self, value: &Value, budget: &Budget) -> Tri {
        match value {
            Value::String(text) => self.text(text, budget),
            Value::Number(number) => self.text(&number.to_string(), budget),
            Value::Bool(value) => self.text(if *value { "true" } else { "false" }, budget),
            Value::Null => Tri::False,
            Value::Array(items) => Tri::any(items.iter().map(|item| self.anywhere(item, budget))),
            Value::Object(map) => Tri::any(
                map.iter().map(|(key, item)| self.text(key, budget).max(self.anywhere(item, budget))),
            ),
        }
    }

    /// Of a part of a URL.
    pub(super) fn url(&self, part: UrlPart, outcome: &UrlOutcome, budget: &Budget) -> Tri {
        match outcome {
            UrlOutcome::Parsed(view) => self.url_view(part, view, budget),
            UrlOutcome::Unparseable(_) if part == UrlPart::Class => self.unparseable(budget),
            UrlOutcome::Unparseable(_) => self.unseen(),
        }
    }

    /// Of a path.
    pub(super) fn path(&self, outcome: &PathOutcome, budget: &Budget) -> Tri {
        match outcome {
            PathOutcome::Path(view) => self.text(&view.text, budget),
            PathOutcome::Unparseable(_) => self.unseen(),
        }
    }

    /// Of something that is there, and that cannot be read: nothing can be said but that it exists.
    pub(super) fn unseen(&self) -> Tri {
        match self {
            Self::All(checks) => Tri::all(checks.iter().map(Self::unseen)),
            Self::Exists(expected) => (*expected).into(),
            _ => Tri::Unknown,
        }
    }

    /// A rule may name `unparseable` as a class; of any other test of it nothing can be said, or a rule
    /// that allows whatever is not public would allow it.
    fn unparseable(&self, budget: &Budget) -> Tri {
        match self {
            Self::All(checks) => Tri::all(checks.iter().map(|check| check.unparseable(budget))),
            Self::Equals(_) | Self::In(_) => self.text("unparseable", budget).max(Tri::Unknown),
            Self::NotIn(_) => self.text("unparseable", budget).min(Tri::Unknown),
            Self::Exists(expected) => (*expected).into(),
            _ => Tri::Unknown,
        }
    }

    fn url_view(&self, part: UrlPart, view: &UrlView, budget: &Budget) -> Tri {
        match part {
            UrlPart::Scheme => self.text(&view.scheme, budget),
            UrlPart::Host => self.text(&view.host, budget),
            UrlPart::Path => self.text(&view.path, budget),
            UrlPart::Class => self.text(view.class.as_str(), budget),
            UrlPart::Port => view.port.map_or(Tri::Unknown, |port| self.text(&port.to_string(), budget)),
        }
    }
}

/// The elements of lists; what is no list is its only element.
fn elements<'v>(values: &[&'v Value]) -> impl Iterator<Item = &'v Value> {
    values.iter().flat_map(|value| match value {
        Value::Array(items) => items.as_slice(),
        other => std::slice::from_ref(*other),
    })
}

/// Null, or lists of nothing.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.iter().all(is_nothing),
        _ => false,
    }
}

fn viewed(view: View, check: &Check, value: &Value, budget: &Budget) -> Tri {
    match (view, value) {
        (View::Path, Value::String(text)) => check.path(&path::normalise(text), budget),
        (View::Url(part), Value::String(text)) => check.url(part, &url::view(text), budget),
        (_, nothing) if is_nothing(nothing) => check.nothing_viewed(),
        (_, Value::Array(items)) => Tri::agreed(items.iter().map(|item| viewed(view, check, item, budget))),
        _ => Tri::Unknown,
    }
}

fn compared(comparison: Comparison, found: Option<Quantity>, bound: &Quantity) -> Tri {
    let order = found.and_then(|found| found.compare(bound));
    order.map_or(Tri::Unknown, |order| comparison.holds(order).into())
}

fn length(tests: &[(Comparison, u64)], value: &Value) -> Tri {
    match value {
        Value::String(text) => lengths(tests, text.chars().count()),
        Value::Array(items) => lengths(tests, items.len()),
        Value::Object(map) => lengths(tests, map.len()),
        _ => Tri::False,
    }
}

fn lengths(tests: &[(Comparison, u64)], length: usize) -> Tri {
    let length = u64::try_from(length).unwrap_or(u64::MAX);
    tests.iter().all(|(comparison, bound)| comparison.holds(length.cmp(bound))).into()
}

/// An address however it is written: decimal, octal, in brackets, within a URL.
fn address(text: &str) -> Option<IpAddr> {
    let plain = text.trim_start_matches('[').trim_end_matches(']');
    let parsed = plain.parse::<IpAddr>().ok();
    let ip = parsed.or_else(|| match url::view(text) {
        UrlOutcome::Parsed(view) => view.host.parse::<IpAddr>().ok(),
        UrlOutcome::Unparseable(_) => None,
    })?;
    Some(ip.to_canonical())
}

/// A text is the same as a value that is written like it: `"1"` in a request is `1` in a policy.
fn same_text(value: &Value, text: &str) -> bool {
    match value {
        Value::String(expected) => expected == text,
        Value::Number(expected) => expected.to_string() == text || same_number(expected, text),
        Value::Bool(expected) => text == if *expected { "true" } else { "false" },
        _ => false,
    }
}

/// `1` and `1.0` are the same number; account numbers beyond 2^53 must not become so by rounding.
fn same_number(expected: &serde_json::Number, text: &str) -> bool {
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0; // 2^53
    let pair = (expected.as_f64(), text.parse::<f64>());
    matches!(pair, (Some(a), Ok(b)) if a == b && a.abs() < EXACT_MAX)
}

/// What a test needs to be true or unknown: at least one of these literals, folded, in the texts that it
/// looks at.
pub(super) fn needs(check: &Check) -> Option<Cow<'_, [String]>> {
    let one_of =
        |texts: &[String]| super::literal::needs_one_of(texts.iter().map(String::as_str)).map(Cow::Owned);
    match check {
        Check::All(checks) => {
            let shortest = |texts: &Cow<'_, [String]>| texts.iter().map(String::len).min().unwrap_or(0);
            checks.iter().filter_map(needs).max_by_key(shortest)
        }
        Check::Equals(Value::String(text)) => {
            super::literal::needs_one_of(std::iter::once(text.as_str())).map(Cow::Owned)
        }
        Check::In(words) if words.others.is_empty() => {
            super::literal::needs_one_of(words.texts.iter().map(|text| &**text)).map(Cow::Owned)
        }
        Check::Pattern(pattern) => pattern.needs().map(Cow::Borrowed),
        Check::Prefix(texts) | Check::Suffix(texts) | Check::Contains(texts) => one_of(texts),
        Check::Glob(globs) => {
            super::literal::needs_one_of(globs.iter().map(|glob| longest_run(glob.as_str()))).map(Cow::Owned)
        }
        _ => None,
    }
}

/// The longest part of a glob that stands in every match. `**/` may stand for nothing, its slash included.
fn longest_run(glob: &str) -> &str {
    glob.split("**/").flat_map(|part| part.split(['*', '?'])).max_by_key(|run| run.len()).unwrap_or_default()
}
