//! Whether one condition holds wherever another does, and whether a condition can hold at all.
//!
//! Sound, not complete: what is not certain is not claimed. Unknown answers are thought of: where a part of an
//! action cannot be known, a rule that restricts matches and one that allows does not.

use std::collections::HashMap;
use std::rc::Rc;

use serde_json::Value;

use super::automaton::{Answer, Language, disjoint, included};
use crate::decision::Effect;
use crate::policy::canonical;
use crate::policy::check::Check;
use crate::policy::model::{Comparison, Condition, Policy, Subject, Test};
use crate::policy::pattern::Budget;
use crate::policy::tri::Tri;

/// Automata that are compared in one run.
const COMPARISONS_MAX: u32 = 20_000;
/// Ways in which one condition may hold that are told apart.
const ALTERNATIVES_MAX: usize = 16;
/// Automata that are kept in one run.
const KEPT_MAX: usize = 1_000;

/// A condition as parts that must all hold.
#[derive(Clone)]
pub(super) struct Conjunction<'p> {
    pub(super) leaves: Vec<(&'p Subject, &'p Test)>,
    /// Everything else, in canonical form.
    pub(super) others: Vec<Value>,
}

impl<'p> Conjunction<'p> {
    pub(super) fn of(condition: &'p Condition) -> Self {
        let mut parts = Self { leaves: Vec::new(), others: Vec::new() };
        parts.add(condition);
        parts
    }

    /// A condition as the ways in which it may hold: its disjunctive normal form, unless that is large.
    pub(super) fn alternatives(condition: &'p Condition) -> Vec<Self> {
        Self::expanded(condition).unwrap_or_else(|| vec![Self::of(condition)])
    }

    fn expanded(condition: &'p Condition) -> Option<Vec<Self>> {
        let mut ways = match condition {
            Condition::Any(parts) => {
                let each: Option<Vec<Vec<Self>>> = parts.iter().map(Self::expanded).collect();
                each?.into_iter().flatten().collect()
            }
            Condition::All(parts) => {
                let mut ways = vec![Self { leaves: Vec::new(), others: Vec::new() }];
                for part in parts {
                    let further = Self::expanded(part)?;
                    if ways.len() * further.len() > ALTERNATIVES_MAX {
                        return None;
                    }
                    ways = ways.iter().flat_map(|way| further.iter().map(|more| way.with(more))).collect();
                }
                ways
            }
            other => vec![Self::of(other)],
        };
        ways.truncate(ALTERNATIVES_MAX + 1);
        (ways.len() <= ALTERNATIVES_MAX).then_some(ways)
    }

    fn with(&self, more: &Self) -> Self {
        Self {
            leaves: self.leaves.iter().chain(&more.leaves).copied().collect(),
            others: self.others.iter().chain(&more.others).cloned().collect(),
        }
    }

    /// Whether it asks for nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.leaves.is_empty() && self.others.is_empty()
    }

    fn add(&mut self, condition: &'p Condition) {
        match condition {
            Condition::All(parts) => parts.iter().for_each(|part| self.add(part)),
            Condition::Holds(subject, test) => self.add_test(subject, test),
            other => self.others.push(canonical::condition(other)),
        }
    }

    fn add_test(&mut self, subject: &'p Subject, test: &'p Test) {
        match test {
            Test::All(tests) => tests.iter().for_each(|test| self.add_test(subject, test)),
            other => self.leaves.push((subject, other)),
        }
    }
}

/// What is left of the work that one run may do.
pub(super) struct Work {
    left: u32,
    pub(super) exhausted: bool,
    languages: HashMap<String, Option<Rc<Language>>>,
}

impl Default for Work {
    fn default() -> Self {
        Self { left: COMPARISONS_MAX, exhausted: false, languages: HashMap::new() }
    }
}

impl Work {
    /// The language of a pattern, made once.
    fn language(&mut self, pattern: &str) -> Option<Rc<Language>> {
        if let Some(known) = self.languages.get(pattern) {
            return known.clone();
        }
        if self.languages.len() >= KEPT_MAX {
            self.languages.clear();
        }
        let language = Language::of(pattern).map(Rc::new);
        self.languages.insert(pattern.to_owned(), language.clone());
        language
    }
}

/// A rule and the ways in which its condition may hold.
pub(super) struct Ways<'p> {
    pub(super) policy: &'p Policy,
    pub(super) ways: Vec<Conjunction<'p>>,
}

/// Whether the first rule matches every action that the second matches: whichever way the second does.
pub(super) fn covers(first: &Ways<'_>, second: &Ways<'_>, work: &mut Work) -> bool {
    let restricts = |policy: &Policy| policy.decision != Effect::Allow;
    // An unknown part makes a rule that restricts match; one that allows, before it, would not.
    let known = |way: &Conjunction<'_>| {
        way.others.is_empty() && way.leaves.iter().all(|(subject, _)| is_certain(subject))
    };
    first.policy.applies_to.covers(second.policy.applies_to)
        && second.ways.iter().all(|given| {
            (restricts(first.policy) || !restricts(second.policy) || known(given))
                && first.ways.iter().any(|wanted| includes(wanted, given, work))
        })
}

/// Whether whatever meets the second meets the first.
fn includes(wanted: &Conjunction<'_>, given: &Conjunction<'_>, work: &mut Work) -> bool {
    wanted.leaves.len() <= given.leaves.len()
        && wanted.others.iter().all(|part| given.others.contains(part))
        && wanted.leaves.iter().all(|(subject, wanted)| {
            let mut same = given.leaves.iter().filter(|(other, _)| other == subject);
            same.any(|(_, given)| implies(subject, given, wanted, work))
        })
}

/// Texts on which two rules that differ in a single test of a text part ways.
pub(super) struct Parting {
    /// What is tested.
    pub(super) subject: String,
    /// It meets both tests.
    pub(super) both: String,
    /// It meets the second test alone.
    pub(super) second: String,
}

/// Where a rule takes some, but not all, of what a later one with the same other parts is about.
pub(super) fn parting(first: &Ways<'_>, second: &Ways<'_>, work: &mut Work) -> Option<Parting> {
    let ([one], [other]) = (first.ways.as_slice(), second.ways.as_slice()) else { return None };
    if !first.policy.applies_to.meets(second.policy.applies_to)
        || one.leaves.len() != other.leaves.len()
        || one.others != other.others
    {
        return None;
    }
    let same = |a: &(&Subject, &Test), b: &(&Subject, &Test)| {
        a.0 == b.0 && canonical::test(a.1) == canonical::test(b.1)
    };
    let mine: Vec<_> =
        one.leaves.iter().filter(|leaf| !other.leaves.iter().any(|it| same(leaf, it))).collect();
    let theirs: Vec<_> =
        other.leaves.iter().filter(|leaf| !one.leaves.iter().any(|it| same(leaf, it))).collect();
    let ([(subject, one)], [(also, other)]) = (mine.as_slice(), theirs.as_slice()) else { return None };
    let (one, other) = (pattern_of(one)?, pattern_of(other)?);
    if subject != also {
        return None;
    }
    let Answer::No(both) = compared(&one, &other, work, disjoint) else { return None };
    let Answer::No(second) = compared(&other, &one, work, included) else { return None };
    Some(Parting { subject: subject.key(), both, second })
}

/// Subjects of which every test has a certain answer.
fn is_certain(subject: &Subject) -> bool {
    matches!(subject, Subject::Target | Subject::Agent | Subject::Goal | Subject::Tenant)
}

/// Whether whatever meets the first test meets the second.
fn implies(subject: &Subject, given: &Test, wanted: &Test, work: &mut Work) -> bool {
    if canonical::test(given) == canonical::test(wanted) {
        return true;
    }
    match (given, wanted) {
        (Test::Equals(_) | Test::In(_), _) => {
            listed(given).is_some_and(|texts| texts.iter().all(|text| meets(text, wanted)))
        }
        (Test::NotIn(given), Test::NotIn(wanted)) => wanted.iter().all(|value| given.contains(value)),
        (Test::Compare(one, x), Test::Compare(other, y)) => {
            x.unit == y.unit && compare(*one, *other, x.compare(y))
        }
        // A pattern looks inside lists and objects, and other tests do not.
        _ if looks_inside(given) && !looks_inside(wanted) && !is_certain(subject) => false,
        _ if differ_on_a_literal(given, wanted) => false,
        _ => {
            let (Some(given), Some(wanted)) = (pattern_of(given), pattern_of(wanted)) else { return false };
            compared(&given, &wanted, work, included) == Answer::Yes
        }
    }
}

/// Whether a text that the first test cannot do without already tells them apart: quicker than automata.
fn differ_on_a_literal(given: &Test, wanted: &Test) -> bool {
    let (given, wanted) = (Check::from(given.clone()), Check::from(wanted.clone()));
    let budget = Budget::new(1 << 20);
    given
        .literals()
        .iter()
        .any(|text| given.text(text, &budget) == Tri::True && wanted.text(text, &budget) == Tri::False)
}

fn looks_inside(test: &Test) -> bool {
    matches!(test, Test::Pattern(_) | Test::Contains(_))
}

fn compare(one: Comparison, other: Comparison, order: Option<std::cmp::Ordering>) -> bool {
    use Comparison::{Ge, Gt, Le, Lt};
    let Some(order) = order else { return false };
    match (one, other) {
        (Gt, Gt | Ge) | (Ge, Ge) => order.is_ge(),
        (Ge, Gt) => order.is_gt(),
        (Lt, Lt | Le) | (Le, Le) => order.is_le(),
        (Le, Lt) => order.is_lt(),
        _ => false,
    }
}

/// The texts that are the only ones to meet a test.
fn listed(test: &Test) -> Option<Vec<&str>> {
    match test {
        Test::Equals(value) => value.as_str().map(|text| vec![text]),
        Test::In(values) => values.iter().map(Value::as_str).collect(),
        _ => None,
    }
}

fn meets(text: &str, test: &Test) -> bool {
    is_of_text(test) && Check::from(test.clone()).text(text, &Budget::new(1 << 20)) == Tri::True
}

/// Whether the test asks of a text itself, not of a number, a list or an address.
fn is_of_text(test: &Test) -> bool {
    matches!(
        test,
        Test::Equals(_)
            | Test::In(_)
            | Test::NotIn(_)
            | Test::Pattern(_)
            | Test::Glob(_)
            | Test::Prefix(_)
            | Test::Suffix(_)
            | Test::Contains(_)
    )
}

/// A test of texts as a regular expression that matches anywhere.
fn pattern_of(test: &Test) -> Option<String> {
    let any = |texts: &[String], before: &str, after: &str| {
        let texts: Vec<String> = texts.iter().map(|text| regex_syntax::escape(text)).collect();
        Some(format!("{before}(?:{}){after}", texts.join("|")))
    };
    match test {
        Test::Pattern(pattern) => pattern.as_plain().map(str::to_owned),
        Test::Prefix(texts) => any(texts, "^", ""),
        Test::Suffix(texts) => any(texts, "", "$"),
        Test::Contains(texts) => any(texts, "", ""),
        Test::Equals(_) | Test::In(_) => {
            let texts: Vec<String> = listed(test)?.into_iter().map(str::to_owned).collect();
            any(&texts, "^", "$")
        }
        _ => None,
    }
}

fn compared(
    first: &str,
    second: &str,
    work: &mut Work,
    how: impl Fn(&Language, &Language) -> Answer,
) -> Answer {
    if work.left == 0 {
        work.exhausted = true;
        return Answer::Undecided;
    }
    work.left -= 1;
    match (work.language(first), work.language(second)) {
        (Some(first), Some(second)) => how(&first, &second),
        _ => Answer::Undecided,
    }
}

/// Why a condition can never hold: two of its parts exclude each other.
pub(super) fn contradiction(parts: &Conjunction<'_>, work: &mut Work) -> Option<String> {
    for (at, (subject, one)) in parts.leaves.iter().enumerate() {
        for (other_subject, other) in parts.leaves.iter().skip(at + 1) {
            if subject == other_subject && exclude(subject, one, other, work) {
                return Some(subject.key());
            }
        }
    }
    None
}

/// Whether no value meets both.
fn exclude(subject: &Subject, one: &Test, other: &Test, work: &mut Work) -> bool {
    for (listing, test) in [(one, other), (other, one)] {
        if let Some(texts) = listed(listing)
            && (is_certain(subject)
                || listed(test).is_some()
                || matches!(test, Test::Prefix(_) | Test::Suffix(_)))
            && meets_none(&texts, test)
        {
            return true;
        }
    }
    match (one, other) {
        (Test::Compare(x, a), Test::Compare(y, b)) => {
            use Comparison::{Ge, Gt, Le, Lt};
            match (x, y, a.compare(b).filter(|_| a.unit == b.unit)) {
                (Gt | Ge, Lt | Le, Some(order)) => order.is_gt() || (order.is_eq() && (*x, *y) != (Ge, Le)),
                (Lt | Le, Gt | Ge, Some(order)) => order.is_lt() || (order.is_eq() && (*x, *y) != (Le, Ge)),
                _ => false,
            }
        }
        (Test::Exists(one), Test::Exists(other)) => one != other,
        // Of a parameter, two texts within it could meet one each.
        _ if is_certain(subject) => match (pattern_of(one), pattern_of(other)) {
            (Some(one), Some(other)) => compared(&one, &other, work, disjoint) == Answer::Yes,
            _ => false,
        },
        _ => false,
    }
}

fn meets_none(texts: &[&str], test: &Test) -> bool {
    let check = Check::from(test.clone());
    is_of_text(test) && texts.iter().all(|text| check.text(text, &Budget::new(1 << 20)) == Tri::False)
}
