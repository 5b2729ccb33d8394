//! Why a rule matches an action, or why not: which value met which condition.
//!
//! For people, and slow: nothing here is on the way of a decision. Values that detectors mark are masked.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::check::Check;
use super::matcher::{Cond, Eval, PolicySet, Rule};
use super::model::Subject;
use super::subject::Place;
use super::tri::Tri;
use crate::decision::Effect;
use crate::detect::mask;
use crate::facts::Facts;
use crate::state::State;

/// Characters of a value that are shown.
const VALUE_MAX: usize = 80;
/// Values of one subject that are shown.
const VALUES_MAX: usize = 4;

/// What became of one rule.
#[derive(Debug)]
pub struct Explained<'p> {
    /// The rule.
    pub rule: &'p Rule,
    /// Whether its condition holds.
    pub holds: Tri,
    /// Whether it matches: an unknown condition does for a rule that restricts.
    pub matches: bool,
    /// Each part of its condition, the outer before the inner.
    pub parts: Vec<Part>,
}

/// A part of a condition.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// How deep it stands within `and`, `or` and `not`.
    pub depth: usize,
    /// What it asks.
    pub asks: String,
    /// The values that it was asked of.
    pub seen: Vec<String>,
    /// The answer.
    pub holds: Tri,
}

impl Explained<'_> {
    /// How near the rule is to matching: the share of its parts at the top that hold, in percent.
    pub fn nearness(&self) -> usize {
        let top = || self.parts.iter().filter(|part| part.depth == 0);
        let met = top().filter(|part| part.holds != Tri::False).count();
        met.saturating_mul(100).checked_div(top().count()).unwrap_or(100)
    }
}

impl PolicySet {
    /// What becomes of every rule that speaks of this kind of action, in the order in which they are tried.
    pub fn explain(&self, facts: &Facts<'_>, state: &State) -> Vec<Explained<'_>> {
        let kind = facts.request().action_type();
        let rules = self.rules.iter().filter(|rule| rule.applies_to.contains(kind));
        rules.map(|rule| rule.explain(facts, state)).collect()
    }
}

impl Rule {
    fn explain(&self, facts: &Facts<'_>, state: &State) -> Explained<'_> {
        let eval = Eval::new(facts, state);
        let mut parts = Vec::new();
        match &self.condition {
            Cond::All(inner) => inner.iter().for_each(|part| explain(part, &eval, 0, &mut parts)),
            other => explain(other, &eval, 0, &mut parts),
        }
        let holds = self.condition.holds(&eval);
        let matches = holds == Tri::True || (holds == Tri::Unknown && self.effect != Effect::Allow);
        Explained { rule: self, holds, matches, parts }
    }

    /// The literals that the rule names, by what they are held against.
    pub fn named(&self) -> Named {
        let mut named = Named::default();
        collect(&self.condition, &mut named);
        named
    }
}

/// Literals of a rule.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Named {
    /// Targets.
    pub targets: BTreeSet<String>,
    /// Texts by the path of a parameter; views of URLs, paths, commands and SQL stand under a parameter that is
    /// looked at as such.
    pub parameters: BTreeMap<String, BTreeSet<String>>,
}

fn explain(cond: &Cond, eval: &Eval<'_, '_>, depth: usize, into: &mut Vec<Part>) {
    let holds = cond.holds(eval);
    let mut part = |asks: String, seen: Vec<String>| into.push(Part { depth, asks, seen, holds });
    match cond {
        Cond::All(inner) => {
            part("and".to_owned(), Vec::new());
            inner.iter().for_each(|inner| explain(inner, eval, depth + 1, into));
        }
        Cond::Any(inner) => {
            part("or".to_owned(), Vec::new());
            inner.iter().for_each(|inner| explain(inner, eval, depth + 1, into));
        }
        Cond::Not(inner) => {
            part("not".to_owned(), Vec::new());
            explain(inner, eval, depth + 1, into);
        }
        Cond::Types(types) => {
            let asked = format!("action_type in {}", types.names().join(", "));
            part(asked, vec![eval.facts.request().action_type().to_string()]);
        }
        Cond::Holds(place, check) => part(format!("{} {}", place.key(), asks(check)), seen(place, eval)),
        Cond::Time(hours) => {
            part(format!("time in {} {:?}", hours.zone_name, hours.ranges), vec![eval.state.now.to_string()]);
        }
        Cond::Limit(number) => part(format!("limit {number} is exceeded"), Vec::new()),
        Cond::History(number) => part(format!("the session's past meets question {number}"), Vec::new()),
        Cond::Labels(labels) => {
            let names: Vec<&str> = labels.iter().map(|label| &*label.name).collect();
            part(format!("labels has {}", names.join(", ")), eval.state.labels.clone());
        }
    }
}

fn seen(place: &Place, eval: &Eval<'_, '_>) -> Vec<String> {
    let mut values = Vec::new();
    let mut count = 0_usize;
    place.shown(eval, &mut |text| {
        count += 1;
        if values.len() < VALUES_MAX {
            let text = mask(text);
            let mut short: String = text.chars().take(VALUE_MAX).collect();
            if short.len() < text.len() {
                short.push('…');
            }
            values.push(short);
        }
    });
    if count > VALUES_MAX {
        values.push(format!("and {} more", count - VALUES_MAX));
    }
    values
}

/// A test in words.
fn asks(check: &Check) -> String {
    let words =
        |texts: &[String]| texts.iter().map(|text| format!("`{text}`")).collect::<Vec<_>>().join(", ");
    match check {
        Check::All(checks) => checks.iter().map(asks).collect::<Vec<_>>().join(" and "),
        Check::Equals(value) => format!("is {value}"),
        Check::In(list) => format!("in [{}]", list.listed()),
        Check::NotIn(list) => format!("not in [{}]", list.listed()),
        Check::Pattern(pattern) => format!("matches `{}`", pattern.as_str()),
        Check::Glob(globs) => {
            let mut text = String::from("like");
            globs.iter().for_each(|glob| {
                let _ = write!(text, " `{}`", glob.as_str());
            });
            text
        }
        Check::Prefix(texts) => format!("begins with {}", words(texts)),
        Check::Suffix(texts) => format!("ends with {}", words(texts)),
        Check::Contains(texts) => format!("contains {}", words(texts)),
        Check::Compare(comparison, bound) => format!("{} {bound}", comparison.name()),
        Check::Exists(true) => "exists".to_owned(),
        Check::Exists(false) => "does not exist".to_owned(),
        Check::Length(tests) => {
            let tests = tests.iter().map(|(comparison, bound)| format!("{} {bound}", comparison.name()));
            format!("length {}", tests.collect::<Vec<_>>().join(" and "))
        }
        Check::Type(types) => format!("is of type {types:?}"),
        Check::Cidr(blocks) => {
            format!("in {}", blocks.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
        }
        Check::AnyOf(inner) => format!("has an element that {}", asks(inner)),
        Check::AllOf(inner) => format!("has only elements that {}", asks(inner)),
        Check::View(view, inner) => format!("seen as {} {}", view.name(), asks(inner)),
    }
}

fn collect(cond: &Cond, named: &mut Named) {
    match cond {
        Cond::All(parts) | Cond::Any(parts) => parts.iter().for_each(|part| collect(part, named)),
        Cond::Not(inner) => collect(inner, named),
        Cond::Holds(Place::Plain(Subject::Target), check) => named.targets.extend(check.literals()),
        Cond::Holds(place, check) => {
            let key = match place {
                Place::Plain(Subject::Url(_)) => "url".to_owned(),
                Place::Plain(Subject::Path) => "path".to_owned(),
                Place::Plain(Subject::Command(_)) => "command".to_owned(),
                Place::Plain(Subject::Sql(_)) => "sql".to_owned(),
                Place::Plain(Subject::AnyParameter) => "text".to_owned(),
                Place::Named(name) => name.to_string(),
                Place::Deep(_) => match place.key().strip_prefix("parameters.") {
                    Some(path) => path.to_owned(),
                    None => return,
                },
                Place::Plain(_) => return,
            };
            let texts = check.literals().into_iter().map(|text| match place {
                Place::Plain(Subject::Url(_)) if !text.contains("://") => format!("https://{text}/"),
                _ => text,
            });
            named.parameters.entry(key).or_default().extend(texts);
        }
        _ => {}
    }
}
