//! Tests: what a value is held against. Which tests make sense is a matter of what is looked at.

use std::ops::Range;
use std::str::FromStr as _;

use ipnet::{IpNet, Ipv4Net};
use serde_json::Value;

use super::super::Pattern;
use super::super::model::{Comparison, JsonType, Subject, Test, UrlPart, View};
use super::super::quantity::Quantity;
use super::scope::Scope;
use crate::detect::Kind;
use crate::document::{Key, Node, Reader, Yaml, listed};
use crate::glob::Glob;
use crate::suggest::did_you_mean;

/// Every operator and what it takes; the language's one table of them.
pub(crate) const OPERATORS: [(&str, &str); 18] = [
    ("equals", "exactly this"),
    ("in", "one of these"),
    ("not_in", "none of these"),
    ("pattern", "a regular expression that matches anywhere"),
    ("glob", "`*` any run, `?` one character, the whole text"),
    ("prefix", "begins with"),
    ("suffix", "ends with"),
    ("contains", "holds this text"),
    ("gt", "larger than"),
    ("ge", "at least"),
    ("lt", "smaller than"),
    ("le", "at most"),
    ("exists", "is there and not null"),
    ("length", "characters, elements or keys"),
    ("type", "JSON type"),
    ("cidr", "address in this block"),
    ("any_of", "at least one element"),
    ("all_of", "every element"),
];
/// Not an operator: says how the others see the value.
const VIEW: &str = "view";
const CLASSES: [&str; 6] = ["loopback", "private", "link_local", "metadata", "public", "unparseable"];
/// What texts are held against, wherever they stand.
const OF_TEXTS: [&str; 8] = ["equals", "in", "pattern", "glob", "prefix", "suffix", "contains", "cidr"];
/// A length beyond any text that is accepted.
const LENGTH_MAX: i64 = 1 << 32;

/// The names of the operators.
pub(crate) fn operators() -> Vec<&'static str> {
    OPERATORS.iter().map(|(name, _)| *name).chain([VIEW]).collect()
}

pub(super) fn is_operator(word: &str) -> bool {
    word == VIEW || OPERATORS.iter().any(|(name, _)| *name == word)
}

/// A test of one subject. A bare list means any of these, except of parameters, where it may also be meant
/// as a list.
pub(super) fn test(
    reader: &mut Reader<'_>,
    scope: &Scope<'_>,
    subject: &Subject,
    node: &Node,
) -> Option<Test> {
    let name = subject.key();
    let asked = Asked { subject, name: &name, view: None };
    match &node.value {
        Yaml::List(items) if !takes_values(subject) => scalars(reader, node, items, &name)
            .map(Test::In)
            .filter(|test| known_words(reader, &asked, node, test)),
        _ => asked.test(reader, scope, node),
    }
}

fn takes_values(subject: &Subject) -> bool {
    matches!(subject, Subject::Parameter(_) | Subject::Context(_) | Subject::AnyParameter)
}

/// What is looked at, and how.
struct Asked<'a> {
    subject: &'a Subject,
    name: &'a str,
    view: Option<View>,
}

impl Asked<'_> {
    fn test(&self, reader: &mut Reader<'_>, scope: &Scope<'_>, node: &Node) -> Option<Test> {
        let name = self.name;
        match &node.value {
            Yaml::Null => {
                reader.error(&node.span, format!("`{name}` is held against nothing"), "empty", None);
                None
            }
            Yaml::List(_) => {
                let help = "write `in: [...]` for any of them, or `equals: [...]` for exactly this list";
                let message = format!("what `{name}` is held against is ambiguous");
                reader.error(&node.span, message, "a list", Some(help.to_owned()));
                None
            }
            Yaml::Map(entries) if entries.is_empty() => {
                reader.error(&node.span, format!("`{name}` has no test"), "empty", None);
                None
            }
            Yaml::Map(entries) => self.mapping(reader, scope, node, entries),
            Yaml::Text(text) if text.starts_with('$') && scope.lists_contain(text) => {
                let help = format!("write `{{in: {text}}}`");
                reader.error(&node.span, format!("`{text}` is a list"), "one of it is meant?", Some(help));
                None
            }
            _ => {
                let test = Test::Equals(node.to_json());
                if *self.subject == Subject::Size {
                    self.refuse(reader, &node.span, "equals");
                    return None;
                }
                known_words(reader, self, node, &test).then_some(test)
            }
        }
    }

    fn mapping(
        &self,
        reader: &mut Reader<'_>,
        scope: &Scope<'_>,
        node: &Node,
        entries: &[(Key, Node)],
    ) -> Option<Test> {
        let view = entries.iter().find(|(key, _)| key.text == VIEW);
        let Some((key, view)) = view else {
            let tests = entries.iter().map(|(key, value)| self.operator(reader, scope, key, value));
            return super::all_or_nothing(tests.collect()).map(Test::All);
        };
        if !matches!(self.subject, Subject::Parameter(_)) || self.view.is_some() {
            reader.error(&key.span, format!("`{}` has no `view`", self.name), "only parameters have", None);
            return None;
        }
        let text = reader.text(view, VIEW)?;
        let Some((_, view)) = View::NAMES.into_iter().find(|(name, _)| *name == text) else {
            let names = View::NAMES.map(|(name, _)| name);
            let help = format!("one of {}{}", listed(&names), did_you_mean(&text, names));
            reader.error(&view.span, format!("unknown view `{text}`"), "unknown", Some(help));
            return None;
        };
        let inner = Asked { view: Some(view), ..*self };
        let others: Vec<_> = entries.iter().filter(|(key, _)| key.text != VIEW).collect();
        if others.is_empty() {
            let help = "add a test, such as `glob`".to_owned();
            reader.error(&node.span, format!("`{}` has no test", self.name), "only a view", Some(help));
            return None;
        }
        let tests = others.into_iter().map(|(key, value)| inner.operator(reader, scope, key, value));
        super::all_or_nothing(tests.collect()).map(|tests| Test::View(view, Box::new(Test::All(tests))))
    }

    fn operator(&self, reader: &mut Reader<'_>, scope: &Scope<'_>, key: &Key, node: &Node) -> Option<Test> {
        let word = key.text.as_str();
        if !is_operator(word) {
            let names = operators();
            let help = format!("one of {}{}", listed(&names), did_you_mean(word, names.iter().copied()));
            reader.error(&key.span, format!("unknown operator `{word}`"), "unknown", Some(help));
            return None;
        }
        if !self.admits(word) {
            self.refuse(reader, &key.span, word);
            return None;
        }
        let test = match word {
            "equals" => Some(Test::Equals(node.to_json())),
            "in" => list(reader, scope, node, word).map(Test::In),
            "not_in" => list(reader, scope, node, word).map(Test::NotIn),
            "pattern" => pattern(reader, node).map(Test::Pattern),
            "glob" => globs(reader, scope, node, self.splits_folders()).map(Test::Glob),
            "prefix" => texts(reader, scope, node, word).map(Test::Prefix),
            "suffix" => texts(reader, scope, node, word).map(Test::Suffix),
            "contains" => texts(reader, scope, node, word).map(Test::Contains),
            "exists" => reader.bool(node, word).map(Test::Exists),
            "length" => length(reader, node).map(Test::Length),
            "type" => types(reader, node).map(Test::Type),
            "cidr" => blocks(reader, scope, node).map(Test::Cidr),
            "any_of" => self.test(reader, scope, node).map(|test| Test::AnyOf(Box::new(test))),
            "all_of" => self.test(reader, scope, node).map(|test| Test::AllOf(Box::new(test))),
            _ => compare(reader, word, node),
        }?;
        known_words(reader, self, node, &test).then_some(test)
    }

    /// Whether the operator says something about what is looked at.
    fn admits(&self, operator: &str) -> bool {
        let of_text = OF_TEXTS.contains(&operator) || operator == "not_in";
        let compares = Comparison::NAMES.iter().any(|(name, _)| *name == operator);
        let subject = match self.view {
            Some(View::Path) => &Subject::Path,
            Some(View::Url(part)) => &Subject::Url(part),
            None => self.subject,
        };
        match subject {
            Subject::Parameter(_) | Subject::Context(_) => true,
            Subject::AnyParameter => OF_TEXTS.contains(&operator),
            Subject::Size => compares,
            Subject::Url(UrlPart::Host) => of_text || operator == "exists",
            Subject::Url(UrlPart::Port) => {
                (of_text && operator != "cidr") || compares || operator == "exists"
            }
            Subject::Target | Subject::Agent | Subject::Tenant | Subject::Goal => {
                (of_text && operator != "cidr") || operator == "length"
            }
            Subject::Role
            | Subject::Url(_)
            | Subject::Path
            | Subject::Command(_)
            | Subject::Sql(_)
            | Subject::Sensitive => (of_text && operator != "cidr") || operator == "exists",
        }
    }

    fn refuse(&self, reader: &mut Reader<'_>, span: &Range<usize>, operator: &str) {
        if *self.subject == Subject::AnyParameter && operator == "not_in" {
            let message = "`not_in` of any parameter would hold as soon as one text is another";
            let help = "write `not: {parameters.*: {in: [...]}}`".to_owned();
            reader.error(span, message, "here", Some(help));
            return;
        }
        let names: Vec<&str> = operators().into_iter().filter(|name| self.admits(name)).collect();
        let message = format!("`{operator}` says nothing about `{}`", self.name);
        reader.error(span, message, "here", Some(format!("it takes {}", listed(&names))));
    }

    /// In a path, `*` stays within a folder.
    fn splits_folders(&self) -> bool {
        let subject = matches!(self.subject, Subject::Path | Subject::Url(UrlPart::Path));
        subject || matches!(self.view, Some(View::Path | View::Url(UrlPart::Path)))
    }
}

/// Words of a closed list: what no action can ever have is an error.
fn known_words(reader: &mut Reader<'_>, asked: &Asked<'_>, node: &Node, test: &Test) -> bool {
    let class = matches!(asked.subject, Subject::Url(UrlPart::Class))
        || asked.view == Some(View::Url(UrlPart::Class));
    let (known, what): (Vec<&str>, _) = match asked.subject {
        _ if class => (CLASSES.to_vec(), "class of URL"),
        Subject::Sensitive => (Kind::ALL.map(Kind::as_str).to_vec(), "kind of sensitive data"),
        _ => return true,
    };
    let values = match test {
        Test::Equals(value) => std::slice::from_ref(value),
        Test::In(values) | Test::NotIn(values) => values.as_slice(),
        _ => return true,
    };
    let unknown = values.iter().find(|value| !value.as_str().is_some_and(|text| known.contains(&text)));
    let Some(value) = unknown else { return true };
    let meant = did_you_mean(value.as_str().unwrap_or_default(), known.iter().copied());
    let help = format!("one of {}{meant}", listed(&known));
    reader.error(&node.span, format!("{value} is no {what}"), "unknown", Some(help));
    false
}

/// A list, or the name of one.
fn list(reader: &mut Reader<'_>, scope: &Scope<'_>, node: &Node, name: &str) -> Option<Vec<Value>> {
    if let Some(found) = scope.list(reader, node) {
        let (source, list) = found?;
        let mut elsewhere = Reader::new(source);
        let items = elsewhere.list(list, name)?;
        return scalars(&mut elsewhere, list, items, name);
    }
    let items = reader.list(node, name)?;
    scalars(reader, node, items, name)
}

/// A named list by itself: scalars, at least one.
pub(super) fn check_list(reader: &mut Reader<'_>, node: &Node, name: &str) {
    if let Some(items) = reader.list(node, name) {
        scalars(reader, node, items, name);
    }
}

fn scalars(reader: &mut Reader<'_>, node: &Node, items: &[Node], name: &str) -> Option<Vec<Value>> {
    if items.is_empty() {
        reader.error(&node.span, format!("`{name}` is an empty list"), "empty", None);
        return None;
    }
    let mut values = Vec::with_capacity(items.len());
    for item in items {
        if matches!(item.value, Yaml::Null | Yaml::List(_) | Yaml::Map(_)) {
            reader.wrong_type(item, name, "a list of texts, numbers or booleans");
            return None;
        }
        values.push(item.to_json());
    }
    Some(values)
}

/// One text or several, with their places.
fn spanned(
    reader: &mut Reader<'_>,
    scope: &Scope<'_>,
    node: &Node,
    name: &str,
) -> Option<Vec<(String, Range<usize>)>> {
    if let Some(found) = scope.list(reader, node) {
        let (source, list) = found?;
        let texts = Reader::new(source).texts(list, name);
        // What is wrong with the list itself was said where it stands.
        return Some(texts.into_iter().map(|(text, _)| (text, node.span.clone())).collect());
    }
    if matches!(&node.value, Yaml::List(items) if items.is_empty()) {
        reader.error(&node.span, format!("`{name}` is an empty list"), "empty", None);
        return None;
    }
    let texts = reader.texts(node, name);
    let whole = !matches!(&node.value, Yaml::List(items) if items.len() > texts.len());
    (whole && !texts.is_empty()).then_some(texts)
}

fn texts(reader: &mut Reader<'_>, scope: &Scope<'_>, node: &Node, name: &str) -> Option<Vec<String>> {
    spanned(reader, scope, node, name).map(|texts| texts.into_iter().map(|(text, _)| text).collect())
}

fn globs(reader: &mut Reader<'_>, scope: &Scope<'_>, node: &Node, folders: bool) -> Option<Vec<Glob>> {
    let texts = spanned(reader, scope, node, "glob")?;
    let mut globs = Vec::with_capacity(texts.len());
    for (text, span) in &texts {
        match if folders { Glob::path(text) } else { Glob::new(text) } {
            Ok(glob) => globs.push(glob),
            Err(error) => {
                reader.error(span, format!("this glob is not understood: {error}"), "here", None);
            }
        }
    }
    (globs.len() == texts.len()).then_some(globs)
}

fn blocks(reader: &mut Reader<'_>, scope: &Scope<'_>, node: &Node) -> Option<Vec<IpNet>> {
    let texts = spanned(reader, scope, node, "cidr")?;
    let mut blocks = Vec::with_capacity(texts.len());
    for (text, span) in &texts {
        let alone = || text.parse::<std::net::IpAddr>().ok().map(IpNet::from);
        match IpNet::from_str(text).ok().or_else(alone) {
            Some(block) if block.trunc() == block => blocks.push(plain(block)),
            Some(block) => {
                let help = format!("write `{}`", block.trunc());
                reader.error(span, format!("`{text}` has bits beyond its prefix"), "here", Some(help));
            }
            None => {
                let help = "such as `10.0.0.0/8`, `fd00::/8` or a single address".to_owned();
                reader.error(span, format!("`{text}` is no block of addresses"), "here", Some(help));
            }
        }
    }
    (blocks.len() == texts.len()).then_some(blocks)
}

/// IPv4 addresses that are written as IPv6 (RFC 4291, section 2.5.5.2) are those that actions hold.
fn plain(block: IpNet) -> IpNet {
    let IpNet::V6(mapped) = block else { return block };
    let within = mapped.prefix_len().checked_sub(96).zip(mapped.network().to_ipv4_mapped());
    within.and_then(|(prefix, network)| Ipv4Net::new(network, prefix).ok()).map_or(block, IpNet::V4)
}

fn compare(reader: &mut Reader<'_>, word: &str, node: &Node) -> Option<Test> {
    let (_, comparison) = Comparison::NAMES.into_iter().find(|(name, _)| *name == word)?;
    quantity(reader, node, word).map(|quantity| Test::Compare(comparison, quantity))
}

pub(super) fn quantity(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<Quantity> {
    let quantity = Quantity::of(&node.to_json()).filter(Quantity::is_finite);
    if quantity.is_none() {
        let help = "a number, a size (`10MB`, `64KiB`), a duration (`90s`, `15m`, `2h`, `1d`) or an amount (`10 EUR`)";
        let help = help.to_owned();
        reader.error(&node.span, format!("`{name}` is no quantity"), node.type_name(), Some(help));
    }
    quantity
}

fn length(reader: &mut Reader<'_>, node: &Node) -> Option<Vec<(Comparison, u64)>> {
    let number = |reader: &mut Reader<'_>, node: &Node, name: &str| {
        reader.int(node, name, 0..=LENGTH_MAX).and_then(|value| u64::try_from(value).ok())
    };
    let Yaml::Map(entries) = &node.value else {
        return number(reader, node, "length").map(|value| vec![(Comparison::Eq, value)]);
    };
    let names = Comparison::NAMES.map(|(name, _)| name);
    let fields = reader.map(node, "length", &names)?;
    let mut tests = Vec::with_capacity(entries.len());
    for (key, value) in fields.iter() {
        let (_, comparison) = Comparison::NAMES.into_iter().find(|(name, _)| *name == key.text)?;
        tests.push((comparison, number(reader, value, &key.text)?));
    }
    if tests.is_empty() {
        reader.error(&node.span, "`length` has no test", "empty", None);
        return None;
    }
    Some(tests)
}

fn types(reader: &mut Reader<'_>, node: &Node) -> Option<Vec<JsonType>> {
    let mut types = Vec::new();
    // YAML's own `null` is what somebody means who writes `type: null`.
    if node.value == Yaml::Null {
        return Some(vec![JsonType::Null]);
    }
    for (text, span) in reader.texts(node, "type") {
        match JsonType::NAMES.into_iter().find(|(name, _)| *name == text) {
            Some((_, kind)) => types.push(kind),
            None => {
                let names = JsonType::NAMES.map(|(name, _)| name);
                let meant = did_you_mean(&text, names);
                let nested = "; for a nested value of that name write its whole path";
                let help = format!("one of {}{meant}{nested}", listed(&names));
                reader.error(&span, format!("unknown JSON type `{text}`"), "unknown", Some(help));
                return None;
            }
        }
    }
    (!types.is_empty()).then_some(types)
}

fn pattern(reader: &mut Reader<'_>, node: &Node) -> Option<Pattern> {
    let text = reader.text(node, "pattern")?;
    let text = as_meant(reader, node, text);
    match Pattern::new(&text) {
        Ok(pattern) => Some(pattern),
        Err(error) => {
            let message = format!("this pattern is not understood: {error}");
            let help = "patterns are those of the Rust `regex` crate, with look-around".to_owned();
            reader.error(&node.span, message, "here", Some(help));
            None
        }
    }
}

/// `"\b"` in double quotes is YAML's backspace, which no pattern looks for.
fn as_meant(reader: &mut Reader<'_>, node: &Node, text: String) -> String {
    if !text.contains('\u{8}') {
        return text;
    }
    let meant = text.replace('\u{8}', r"\b");
    let help = format!("write it in single quotes: '{}'", meant.replace('\'', "''"));
    reader.warning(
        &node.span,
        r#""\b" in double quotes is a backspace"#,
        r"read as `\b`, a word's edge",
        Some(help),
    );
    meant
}

/// The operator that a nested name was probably meant to be (`patern`), if it is that near.
pub(super) fn misspelt(word: &str) -> Option<&'static str> {
    const SLIPS: [(&str, &str); 16] = [
        ("regex", "pattern"),
        ("matches", "pattern"),
        ("match", "pattern"),
        ("re", "pattern"),
        ("eq", "equals"),
        ("equal", "equals"),
        ("one_of", "in"),
        ("notin", "not_in"),
        ("not-in", "not_in"),
        ("startswith", "prefix"),
        ("starts_with", "prefix"),
        ("endswith", "suffix"),
        ("ends_with", "suffix"),
        ("gte", "ge"),
        ("lte", "le"),
        ("exist", "exists"),
    ];
    if let Some((_, meant)) = SLIPS.into_iter().find(|(slip, _)| *slip == word) {
        return Some(meant);
    }
    let long: Vec<&'static str> = operators().into_iter().filter(|name| name.len() > 4).collect();
    crate::suggest::nearest(word, long)
}
