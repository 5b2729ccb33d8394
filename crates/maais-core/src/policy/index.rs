//! Which rules may match an action, without asking each: by its kind and exact target, and by literals without
//! which a condition cannot hold.
//!
//! The index only leaves out rules whose condition is certainly false. Rules that it knows nothing about are
//! always tried; below [`GATED_MIN`] rules with literals, trying them all is quicker than looking for these.

use std::collections::HashMap;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use super::check;
use super::literal::fold_beyond_ascii;
use super::matcher::{Cond, Eval, Rule};
use super::model::ActionTypes;
use super::subject::Place;
use crate::request::ActionType;

/// Rules with literals from which on an index of them pays.
const GATED_MIN: usize = 40;
/// Bytes of literals up to which the automaton is a table of all transitions.
const TABLE_LITERALS_MAX: usize = 256 * 1024;

/// Which rules to try.
#[derive(Debug, Default)]
pub(super) struct Index {
    by_type: [OfType; ActionType::ALL.len()],
    gates: Vec<Gate>,
}

/// Numbers of rules in order.
#[derive(Debug, Default)]
struct OfType {
    by_target: HashMap<Box<str>, Vec<u32>, Quick>,
    always: Vec<u32>,
}

/// The literals that rules need in one place.
#[derive(Debug)]
struct Gate {
    place: Place,
    literals: AhoCorasick,
    /// The rules of each literal.
    rules: Vec<Box<[u32]>>,
    /// All of them, for when a place cannot be read.
    all: Box<[u32]>,
    types: ActionTypes,
}

/// Where a rule is found.
enum Key {
    /// Only among actions on these targets.
    Targets(Vec<String>),
    /// Only where one of these literals is in its place.
    Literals(Vec<(Place, Vec<String>)>),
    Anywhere,
}

impl Index {
    pub(super) fn new(rules: &[Rule]) -> Self {
        let mut keys: Vec<Key> = rules.iter().map(|rule| key(&rule.condition)).collect();
        let gated = keys.iter().filter(|key| matches!(key, Key::Literals(_))).count();
        let mut index = Self::default();
        let mut wanted: HashMap<Place, HashMap<String, Vec<u32>>> = HashMap::new();
        for (number, (rule, key)) in rules.iter().zip(&mut keys).enumerate() {
            let number = u32::try_from(number).unwrap_or(u32::MAX);
            if gated < GATED_MIN && matches!(key, Key::Literals(_)) {
                *key = Key::Anywhere;
            }
            if let Key::Literals(literals) = key {
                for (place, texts) in std::mem::take(literals) {
                    let of_place = wanted.entry(place).or_default();
                    texts.into_iter().for_each(|text| of_place.entry(text).or_default().push(number));
                }
                continue;
            }
            for kind in ActionType::ALL.into_iter().filter(|kind| rule.applies_to.contains(*kind)) {
                let Some(of_type) = index.by_type.get_mut(kind.index()) else { continue };
                match key {
                    Key::Targets(targets) => targets.iter().for_each(|target| {
                        of_type.by_target.entry(target.as_str().into()).or_default().push(number);
                    }),
                    _ => of_type.always.push(number),
                }
            }
        }
        let mut wanted: Vec<_> = wanted.into_iter().collect();
        wanted.sort_by(|(a, _), (b, _)| a.cmp(b));
        for (place, literals) in wanted {
            match Gate::new(place, literals, rules) {
                Ok(gate) => index.gates.push(gate),
                Err(numbers) => index.always_try(&numbers, rules),
            }
        }
        index
    }

    fn always_try(&mut self, numbers: &[u32], rules: &[Rule]) {
        for number in numbers {
            let Some(rule) = usize::try_from(*number).ok().and_then(|at| rules.get(at)) else { continue };
            for kind in ActionType::ALL.into_iter().filter(|kind| rule.applies_to.contains(*kind)) {
                if let Some(of_type) = self.by_type.get_mut(kind.index())
                    && let Err(at) = of_type.always.binary_search(number)
                {
                    of_type.always.insert(at, *number);
                }
            }
        }
    }

    /// Tries the rules that may match, in order, until one is taken.
    pub(super) fn candidates<'p, T>(
        &self,
        rules: &'p [Rule],
        eval: &Eval<'_, '_>,
        mut take: impl FnMut(&'p Rule) -> Option<T>,
    ) -> Option<T> {
        let request = eval.facts.request();
        let kind = request.action_type();
        let of_type = self.by_type.get(kind.index())?;
        let named = of_type.by_target.get(request.target().as_str()).map(Vec::as_slice).unwrap_or_default();
        let mut gated = Vec::new();
        for gate in self.gates.iter().filter(|gate| gate.types.contains(kind)) {
            gate.open(eval, &mut gated);
        }
        gated.sort_unstable();
        gated.dedup();
        let mut lists = [named, &of_type.always, &gated].map(|list| list.iter().copied().peekable());
        loop {
            let next = lists.iter_mut().filter_map(|list| list.peek().copied()).min()?;
            for list in &mut lists {
                list.next_if_eq(&next);
            }
            let rule = usize::try_from(next).ok().and_then(|at| rules.get(at));
            if let Some(rule) = rule.filter(|rule| rule.applies_to.contains(kind))
                && let Some(taken) = take(rule)
            {
                return Some(taken);
            }
        }
    }
}

impl Gate {
    /// An automaton over the literals; if it cannot be built, the rules.
    fn new(place: Place, literals: HashMap<String, Vec<u32>>, rules: &[Rule]) -> Result<Self, Vec<u32>> {
        let mut literals: Vec<(String, Vec<u32>)> = literals.into_iter().collect();
        literals.sort();
        let mut all: Vec<u32> = literals.iter().flat_map(|(_, numbers)| numbers.iter().copied()).collect();
        all.sort_unstable();
        all.dedup();
        let bytes: usize = literals.iter().map(|(text, _)| text.len()).sum();
        let kind =
            if bytes <= TABLE_LITERALS_MAX { AhoCorasickKind::DFA } else { AhoCorasickKind::ContiguousNFA };
        let automaton = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::Standard)
            .kind(Some(kind))
            .build(literals.iter().map(|(text, _)| text));
        let Ok(automaton) = automaton else { return Err(all) };
        let of = |number: &u32| usize::try_from(*number).ok().and_then(|at| rules.get(at));
        let types =
            all.iter().filter_map(of).fold(ActionTypes::default(), |t, rule| t.union(rule.applies_to));
        let rules = literals.into_iter().map(|(_, numbers)| numbers.into()).collect();
        Ok(Self { place, literals: automaton, rules, all: all.into(), types })
    }

    /// Adds the rules whose literals are there.
    fn open(&self, eval: &Eval<'_, '_>, into: &mut Vec<u32>) {
        let mut seen: Vec<u64> = Vec::new();
        let complete = self.place.texts(eval, &mut |text| {
            let text = fold_beyond_ascii(text);
            for found in self.literals.find_overlapping_iter(&*text) {
                let at = found.pattern().as_usize();
                if seen.is_empty() {
                    seen.resize(self.rules.len().div_ceil(64), 0);
                }
                let Some(word) = seen.get_mut(at / 64) else { continue };
                if *word & (1 << (at % 64)) == 0 {
                    *word |= 1 << (at % 64);
                    into.extend(self.rules.get(at).into_iter().flatten());
                }
            }
        });
        if !complete {
            into.extend(&self.all);
        }
    }
}

fn key(condition: &Cond) -> Key {
    if let Some(targets) = exact_targets(condition) {
        return Key::Targets(targets);
    }
    literals(condition).map_or(Key::Anywhere, Key::Literals)
}

/// The targets outside which the condition certainly does not hold, if it names them.
fn exact_targets(condition: &Cond) -> Option<Vec<String>> {
    let mut targets = match condition {
        Cond::All(parts) => parts.iter().find_map(exact_targets),
        Cond::Any(parts) => {
            let all: Option<Vec<Vec<String>>> = parts.iter().map(exact_targets).collect();
            all.filter(|all| !all.is_empty()).map(|all| all.into_iter().flatten().collect())
        }
        Cond::Holds(Place::Plain(super::model::Subject::Target), check) => check.exact_texts(),
        _ => None,
    }?;
    targets.sort_unstable();
    targets.dedup();
    Some(targets)
}

/// Places and literals of which one must be there for the condition to hold or to be unknown.
fn literals(condition: &Cond) -> Option<Vec<(Place, Vec<String>)>> {
    match condition {
        Cond::All(parts) => parts.iter().filter_map(literals).max_by_key(|found| {
            let lengths = found.iter().flat_map(|(_, texts)| texts.iter().map(String::len));
            lengths.min().unwrap_or(0)
        }),
        Cond::Any(parts) => {
            let all: Option<Vec<_>> = parts.iter().map(literals).collect();
            all.filter(|all| !all.is_empty()).map(|all| all.into_iter().flatten().collect())
        }
        Cond::Holds(place, check) if place.is_indexable() => {
            check::needs(check).map(|texts| vec![(place.clone(), texts.into_owned())])
        }
        _ => None,
    }
}

/// FNV-1a (Fowler, Noll, Vo): the keys come from policies, and a request's target only looks one up, so nobody
/// can make them collide.
#[derive(Debug, Clone, Copy, Default)]
struct Quick;

impl std::hash::BuildHasher for Quick {
    type Hasher = Fnv;

    fn build_hasher(&self) -> Fnv {
        Fnv(0xcbf2_9ce4_8422_2325)
    }
}

struct Fnv(u64);

impl std::hash::Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
        }
    }
}
