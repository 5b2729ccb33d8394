//! What policies mean: an immutable matcher that finds the first rule that matches an action.
//!
//! An unknown condition matches for a rule that restricts and does not match for one that allows, so what
//! cannot be understood is never the reason for an ALLOW.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::check::Check;
use super::history::HistorySpec;
use super::index::Index;
use super::model::{ActionTypes, Cost, Hours, LimitKey};
use super::pattern::Budget;
use super::quantity::Quantity;
use super::subject::{Deep, Place};
use super::tools::ToolTypes;
use super::tri::Tri;
use crate::decision::{Dimension, Effect, Severity};
use crate::facts::Facts;
use crate::request::ActionRequest;
use crate::state::State;

/// Shadow rules that are reported of one action.
const SHADOWS_MAX: usize = 16;

/// A limit of a policy.
#[derive(Debug, Clone, PartialEq)]
pub struct LimitSpec {
    /// The policy.
    pub policy_id: Arc<str>,
    /// What may be spent within the window, in thousandths.
    pub max: u64,
    /// Length of the sliding window.
    pub window_seconds: u32,
    /// What is counted apart.
    pub key: LimitKey,
    /// What one action spends.
    pub cost: Cost,
}

impl LimitSpec {
    /// What this action spends, in thousandths; `None` if it does not say, or nothing that can be counted:
    /// then it exceeds every limit.
    pub fn cost_of(&self, request: &ActionRequest) -> Option<u64> {
        match &self.cost {
            Cost::Fixed(cost) => Some(*cost),
            Cost::Parameter(path) => {
                let found = Deep::new(path, false).find(request.parameters());
                let costs: Option<Vec<u64>> =
                    found.iter().map(|value| Quantity::of(value)?.thousandths()).collect();
                costs.filter(|costs| !costs.is_empty())?.into_iter().try_fold(0_u64, u64::checked_add)
            }
        }
    }
}

/// What a rule leads to.
#[derive(Debug)]
pub struct Rule {
    /// Unique in the set.
    pub id: Arc<str>,
    /// `file:line:column`.
    pub place: String,
    /// What follows.
    pub effect: Effect,
    /// Why.
    pub reason: String,
    /// Lower goes first.
    pub priority: i64,
    /// How bad it is when it matches.
    pub severity: Severity,
    /// Ids of public catalogues.
    pub ids: Vec<String>,
    /// Whatever else its author keeps with it.
    pub metadata: Map<String, Value>,
    /// Checks that do not count for what it matches.
    pub waives: Vec<Dimension>,
    /// Who may say yes.
    pub approvers: Vec<String>,
    /// It is tried and recorded, and decides nothing.
    pub shadow: bool,
    /// Which kinds of action it speaks of.
    pub applies_to: ActionTypes,
    pub(super) condition: Cond,
}

/// A rule that matches an action.
#[derive(Debug, Clone, Copy)]
pub struct Matched<'p> {
    /// Which.
    pub rule: &'p Rule,
    /// False if it matches only because something cannot be known.
    pub certain: bool,
}

/// What the policies say of an action.
#[derive(Debug, Default)]
pub struct Evaluation<'p> {
    /// The rule that decides.
    pub matched: Option<Matched<'p>>,
    /// Rules in shadow mode that would have decided, had they been in force.
    pub shadows: Vec<Matched<'p>>,
}

/// Policies that loaded, ready to be asked.
#[derive(Debug, Default)]
pub struct PolicySet {
    pub(super) rules: Vec<Rule>,
    pub(super) index: Index,
    pub(super) limits: Vec<LimitSpec>,
    /// Rules that hold a limit, in order.
    pub(super) limited: Vec<u32>,
    pub(super) histories: Vec<HistorySpec>,
    pub(super) tools: ToolTypes,
    pub(super) default_decision: Option<Effect>,
    pub(super) digest: String,
}

/// A compiled condition.
#[derive(Debug)]
pub(super) enum Cond {
    All(Box<[Cond]>),
    Any(Box<[Cond]>),
    Not(Box<Cond>),
    Types(ActionTypes),
    Holds(Place, Check),
    Time(Box<Hours>),
    Limit(usize),
    History(usize),
    Labels(Box<[Label]>),
}

/// A label, and the questions about the past that stand for it.
#[derive(Debug)]
pub(super) struct Label {
    pub(super) name: Box<str>,
    pub(super) left_by: Box<[usize]>,
}

/// One action being held against policies.
pub(super) struct Eval<'e, 'f> {
    pub(super) facts: &'e Facts<'f>,
    pub(super) state: &'e State,
    pub(super) budget: Budget,
    /// Whether limits are exceeded is not asked yet.
    limits_unknown: bool,
}

impl<'e, 'f> Eval<'e, 'f> {
    pub(super) fn new(facts: &'e Facts<'f>, state: &'e State) -> Self {
        Self { facts, state, budget: Budget::new(Budget::PER_ACTION), limits_unknown: false }
    }
}

impl PolicySet {
    /// The rules in the order in which they are tried.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The limits of all rules.
    pub fn limits(&self) -> &[LimitSpec] {
        &self.limits
    }

    /// The questions about a session's past that rules and labels ask.
    pub fn histories(&self) -> &[HistorySpec] {
        &self.histories
    }

    /// What is declared of tools.
    pub fn tools(&self) -> &ToolTypes {
        &self.tools
    }

    /// What follows when no rule matches, if the policies say so: the strictest of what their files say.
    pub fn default_decision(&self) -> Option<Effect> {
        self.default_decision
    }

    /// `sha256:…` over the meaning of all rules in their order.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The first rule that matches.
    pub fn first_match(&self, facts: &Facts<'_>, state: &State) -> Option<Matched<'_>> {
        let eval = Eval::new(facts, state);
        self.index.candidates(&self.rules, &eval, |rule| if rule.shadow { None } else { rule.matched(&eval) })
    }

    /// The first rule that matches, and the rules in shadow mode before it that would have.
    pub fn evaluate(&self, facts: &Facts<'_>, state: &State) -> Evaluation<'_> {
        let eval = Eval::new(facts, state);
        let mut shadows = Vec::new();
        let matched = self.index.candidates(&self.rules, &eval, |rule| {
            let matched = rule.matched(&eval)?;
            if rule.shadow {
                if shadows.len() < SHADOWS_MAX {
                    shadows.push(matched);
                }
                return None;
            }
            Some(matched)
        });
        Evaluation { matched, shadows }
    }

    /// The limits that this action counts towards: those on which a rule's match depends.
    pub fn limits_touched(&self, facts: &Facts<'_>, state: &State) -> Vec<usize> {
        let mut touched = Vec::new();
        if self.limited.is_empty() {
            return touched;
        }
        let eval = Eval { limits_unknown: true, ..Eval::new(facts, state) };
        let limited = self.limited.iter().filter_map(|at| self.rules.get(usize::try_from(*at).ok()?));
        for rule in limited.filter(|rule| rule.applies_to.contains(facts.request().action_type())) {
            // With the limits unknown, a rule is false only if something else makes it so.
            if rule.condition.holds(&eval) != Tri::False {
                rule.condition.collect_limits(&mut touched);
            }
        }
        touched.sort_unstable();
        touched.dedup();
        touched
    }
}

impl Rule {
    /// Whether it matches.
    pub(super) fn matched(&self, eval: &Eval<'_, '_>) -> Option<Matched<'_>> {
        let holds = self.condition.holds(eval);
        let matches = holds == Tri::True || (holds == Tri::Unknown && self.effect != Effect::Allow);
        matches.then_some(Matched { rule: self, certain: holds == Tri::True })
    }

    /// Whether its condition holds, its kinds of action aside.
    pub fn holds(&self, facts: &Facts<'_>, state: &State) -> Tri {
        self.condition.holds(&Eval::new(facts, state))
    }
}

impl Cond {
    pub(super) fn holds(&self, eval: &Eval<'_, '_>) -> Tri {
        match self {
            Self::All(parts) => Tri::all(parts.iter().map(|part| part.holds(eval))),
            Self::Any(parts) => Tri::any(parts.iter().map(|part| part.holds(eval))),
            Self::Not(inner) => !inner.holds(eval),
            Self::Types(types) => types.contains(eval.facts.request().action_type()).into(),
            Self::Holds(place, check) => place.test(check, eval),
            Self::Time(hours) => hours.contain(eval.state.now).into(),
            Self::Limit(_) if eval.limits_unknown => Tri::Unknown,
            Self::Limit(limit) => eval.state.is_over(*limit).into(),
            Self::History(number) => eval.state.past(*number),
            Self::Labels(labels) => Tri::any(labels.iter().map(|label| {
                let given = eval.state.labels.iter().any(|given| **given == *label.name);
                Tri::from(given).max(Tri::any(label.left_by.iter().map(|number| eval.state.past(*number))))
            }))
            .max(if eval.state.forgotten { Tri::Unknown } else { Tri::False }),
        }
    }

    pub(super) fn has_limit(&self) -> bool {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().any(Self::has_limit),
            Self::Not(inner) => inner.has_limit(),
            Self::Limit(_) => true,
            _ => false,
        }
    }

    fn collect_limits(&self, into: &mut Vec<usize>) {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.collect_limits(into)),
            Self::Not(inner) => inner.collect_limits(into),
            Self::Limit(limit) => into.push(*limit),
            _ => {}
        }
    }
}

impl Hours {
    /// Whether that moment is within them.
    fn contain(&self, now: Timestamp) -> bool {
        let local = self.zone.to_datetime(now);
        let day = u32::try_from(local.weekday().to_monday_zero_offset()).unwrap_or(0);
        let clock = u32::try_from(i32::from(local.hour()) * 3_600 + i32::from(local.minute()) * 60);
        let second = clock.unwrap_or(0) + u32::try_from(local.second()).unwrap_or(0);
        self.weekdays & (1 << day) != 0
            && self.ranges.iter().any(|(from, to)| {
                if from < to { (*from..*to).contains(&second) } else { second >= *from || second < *to }
            })
    }
}
