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
/// Automata that are kept in one run.
const KEPT_MAX: usize = 1_000;

/// A condition as parts that must all hold.
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

/// Whether the first rule matches every action that the second matches.
pub(super) fn covers(
    (first, a): (&Policy, &Conjunction<'_>),
    (second, b): (&Policy, &Conjunction<'_>),
    work: &mut Work,
) -> bool {
    // An unknown part of `b` makes a restricting rule match; an allowing rule before it would not.
    let certain = first.decision != Effect::Allow
        || second.decision == Effect::Allow
        || (b.others.is_empty() && b.leaves.iter().all(|(subject, _)| is_certain(subject)));
    certain
        && first.applies_to.covers(second.applies_to)
        && a.others.iter().all(|part| b.others.contains(part))
        && a.leaves.iter().all(|(subject, wanted)| {
            let mut given = b.leaves.iter().filter(|(other, _)| other == subject);
            given.any(|(_, given)| implies(subject, given, wanted, work))
        })
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
        (Test::Compare(one, x), Test::Compare(other, y)) => compare(*one, *other, x.compare(y)),
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
            match (x, y, a.compare(b)) {
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
