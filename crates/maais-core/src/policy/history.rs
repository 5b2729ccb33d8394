//! What a session did before, kept as small as the policies need: for each question the times of the last
//! actions that met it, never the actions themselves.
//!
//! Nothing here knows what time it is; whoever asks says so.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use super::matcher::{Cond, Eval, PolicySet};
use super::tri::Tri;
use crate::decision::Effect;
use crate::facts::Facts;
use crate::state::State;

/// Answers that are kept at least, before those to old questions are forgotten.
const SLOTS_MIN: usize = 64;

/// A question about a session's past.
#[derive(Debug)]
pub struct HistorySpec {
    /// The same question in another set of policies has the same name.
    pub(super) name: Box<str>,
    pub(super) condition: Cond,
    pub(super) at_least: u32,
    pub(super) within_ms: Option<u64>,
    pub(super) effect: Effect,
}

impl HistorySpec {
    /// The question in canonical form: stable over reloads.
    pub fn name(&self) -> String {
        self.name.to_string()
    }

    /// Whether that is its name.
    pub fn is_named(&self, name: &str) -> bool {
        *self.name == *name
    }
}

/// What one session did, as far as a set of policies asks.
#[derive(Debug, Clone, Default)]
pub struct Trail {
    slots: HashMap<Box<str>, Slot>,
}

/// Times of the last actions: of those that met the condition, and of those that may have.
#[derive(Debug, Clone, Default)]
struct Slot {
    certain: VecDeque<u64>,
    possible: VecDeque<u64>,
}

impl Trail {
    /// Notes an action and what became of it.
    pub fn note(
        &mut self,
        policies: &PolicySet,
        facts: &Facts<'_>,
        state: &State,
        effect: Effect,
        at: Duration,
    ) {
        self.note_met(policies, &policies.histories_met(facts, state), effect, at);
    }

    /// The same of an action of which [`PolicySet::histories_met`] was asked before.
    pub fn note_met(&mut self, policies: &PolicySet, met: &[(usize, Tri)], effect: Effect, at: Duration) {
        let at = millis(at);
        for (number, met) in met {
            let Some(spec) = policies.histories().get(*number).filter(|spec| spec.effect == effect) else {
                continue;
            };
            if !self.slots.contains_key(&spec.name) {
                self.make_room(policies);
                self.slots.insert(spec.name.clone(), Slot::default());
            }
            if let Some(slot) = self.slots.get_mut(&spec.name) {
                let kept = usize::try_from(spec.at_least).unwrap_or(usize::MAX);
                push(&mut slot.possible, at, kept);
                if *met == Tri::True {
                    push(&mut slot.certain, at, kept);
                }
            }
        }
    }

    /// Forgets what only policies asked that are no longer in force, before that is more than the rest.
    fn make_room(&mut self, policies: &PolicySet) {
        if self.slots.len() >= policies.histories().len().saturating_mul(2).max(SLOTS_MIN) {
            self.slots.retain(|name, _| policies.histories().iter().any(|spec| spec.name == *name));
        }
    }

    /// The answers, by number in [`PolicySet::histories`]; what is not here is false.
    pub fn answers(&self, policies: &PolicySet, now: Duration) -> Vec<(usize, Tri)> {
        if self.slots.is_empty() {
            return Vec::new();
        }
        let now = millis(now);
        let answer = |(number, spec): (usize, &HistorySpec)| {
            let slot = self.slots.get(&spec.name)?;
            let met = |times: &VecDeque<u64>| {
                let nth = times.len().checked_sub(usize::try_from(spec.at_least).ok()?)?;
                let age = now.saturating_sub(*times.get(nth)?);
                Some(spec.within_ms.is_none_or(|within| age <= within))
            };
            match (met(&slot.certain), met(&slot.possible)) {
                (Some(true), _) => Some((number, Tri::True)),
                (_, Some(true)) => Some((number, Tri::Unknown)),
                _ => None,
            }
        };
        policies.histories().iter().enumerate().filter_map(answer).collect()
    }

    /// Whether nothing was ever noted.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }
}

impl PolicySet {
    /// The questions about a session's past that this action will have been an answer to; what is not here is
    /// false.
    pub fn histories_met(&self, facts: &Facts<'_>, state: &State) -> Vec<(usize, Tri)> {
        let met = |(number, spec): (usize, &HistorySpec)| {
            let met = spec.condition.holds(&Eval::new(facts, state));
            (met != Tri::False).then_some((number, met))
        };
        self.histories().iter().enumerate().filter_map(met).collect()
    }
}

fn push(times: &mut VecDeque<u64>, at: u64, kept: usize) {
    while times.len() >= kept.max(1) {
        times.pop_front();
    }
    times.push_back(at);
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
