//! Languages of texts as automata: whether one holds all of another, and a text that shows it does not.
//!
//! Exact on texts: the product of two deterministic automata is searched breadth first (Rabin and Scott 1959), so
//! a witness is as short as can be. What would be too large is not decided.

use std::collections::{HashMap, VecDeque};

use regex_automata::dfa::{Automaton as _, StartKind, dense};
use regex_automata::util::primitives::StateID;
use regex_automata::util::start;

/// Bytes of one automaton.
const BYTES_MAX: usize = 2 << 20;
/// Pairs of states that are looked at.
const PAIRS_MAX: usize = 20_000;

/// The texts in which a pattern matches somewhere.
pub(super) struct Language {
    dfa: dense::DFA<Vec<u32>>,
    start: StateID,
}

/// An answer, and what shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// It holds.
    Yes,
    /// It does not, as this text shows.
    No(String),
    /// It is too large to say.
    Undecided,
}

impl Language {
    /// `None` if the pattern is too large, or asks for more than an automaton knows (a word's edge in Unicode).
    pub(super) fn of(pattern: &str) -> Option<Self> {
        let config = dense::Config::new()
            .start_kind(StartKind::Unanchored)
            .dfa_size_limit(Some(BYTES_MAX))
            .determinize_size_limit(Some(BYTES_MAX));
        let dfa = dense::Builder::new().configure(config).build(pattern).ok()?;
        let start = dfa.start_state(&start::Config::new()).ok()?;
        Some(Self { dfa, start })
    }

    /// `None` once it has matched: whatever follows, it has.
    fn step(&self, state: Option<StateID>, byte: u8) -> Option<StateID> {
        let next = self.dfa.next_state(state?, byte);
        (!self.dfa.is_match_state(next)).then_some(next)
    }

    /// Whether the text may end here.
    fn ends(&self, state: Option<StateID>) -> bool {
        state.is_none_or(|state| self.dfa.is_match_state(self.dfa.next_eoi_state(state)))
    }

    /// Whether nothing that follows can match.
    fn is_dead(&self, state: Option<StateID>) -> bool {
        state.is_some_and(|state| self.dfa.is_dead_state(state))
    }
}

/// Whether every text of the first is one of the second; the witness is one that is not.
pub(super) fn included(first: &Language, second: &Language) -> Answer {
    match search(first, second, |in_first, in_second| in_first && !in_second) {
        Found::Text(text) => Answer::No(text),
        Found::Nothing => Answer::Yes,
        Found::TooLarge => Answer::Undecided,
    }
}

/// Whether no text is in both; the witness is one that is.
pub(super) fn disjoint(first: &Language, second: &Language) -> Answer {
    match search(first, second, |in_first, in_second| in_first && in_second) {
        Found::Text(text) => Answer::No(text),
        Found::Nothing => Answer::Yes,
        Found::TooLarge => Answer::Undecided,
    }
}

enum Found {
    Text(String),
    Nothing,
    TooLarge,
}

type Pair = (Option<StateID>, Option<StateID>);

/// The shortest text whose membership in both is as wanted, readable characters first.
fn search(first: &Language, second: &Language, wanted: impl Fn(bool, bool) -> bool) -> Found {
    let readable = (b'a'..=b'z').chain(b'0'..=b'9').chain(b' '..=b'~');
    let mut bytes: Vec<u8> = readable.chain(0..=u8::MAX).collect();
    let mut seen = [false; 256];
    bytes.retain(|byte| !std::mem::replace(seen.get_mut(usize::from(*byte)).unwrap_or(&mut false), true));
    let start: Pair = (Some(first.start), Some(second.start));
    let mut from: HashMap<Pair, Option<(Pair, u8)>> = HashMap::from([(start, None)]);
    let mut open = VecDeque::from([start]);
    while let Some(pair) = open.pop_front() {
        if wanted(first.ends(pair.0), second.ends(pair.1)) {
            return Found::Text(text(&from, pair));
        }
        if first.is_dead(pair.0) {
            continue;
        }
        for byte in &bytes {
            let next = (first.step(pair.0, *byte), second.step(pair.1, *byte));
            if from.contains_key(&next) {
                continue;
            }
            if from.len() >= PAIRS_MAX {
                return Found::TooLarge;
            }
            from.insert(next, Some((pair, *byte)));
            open.push_back(next);
        }
    }
    Found::Nothing
}

fn text(from: &HashMap<Pair, Option<(Pair, u8)>>, end: Pair) -> String {
    let mut bytes = Vec::new();
    let mut at = end;
    while let Some(Some((before, byte))) = from.get(&at) {
        bytes.push(*byte);
        at = *before;
    }
    bytes.reverse();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inclusion(first: &str, second: &str) -> Answer {
        included(&Language::of(first).unwrap(), &Language::of(second).unwrap())
    }

    #[test]
    fn inclusion_is_exact_and_has_a_witness() {
        assert_eq!(inclusion(r"^python.*\.py$", r"(?i)\.(exe|py|js)$"), Answer::Yes);
        assert_eq!(inclusion("^abc$", "b"), Answer::Yes);
        assert_eq!(inclusion("b", "^abc$"), Answer::No("b".into()));
        assert_eq!(inclusion("^a*$", "^a?$"), Answer::No("aa".into()));
        assert_eq!(inclusion("", "x"), Answer::No(String::new()));
    }

    #[test]
    fn patterns_that_share_no_text_are_disjoint() {
        let disjoint = |a: &str, b: &str| disjoint(&Language::of(a).unwrap(), &Language::of(b).unwrap());
        assert_eq!(disjoint("^a", "^b"), Answer::Yes);
        assert_eq!(disjoint("^a", "b$"), Answer::No("ab".into()));
    }

    proptest::proptest! {
        #[test]
        fn what_is_said_of_languages_is_true_of_texts(
            first in r"(\^)?[ab]{1,3}(\*|\+|\?)?(b\|a)?(\$)?", second in r"(\^)?[ab]{1,3}(\*|\+|\?)?(\$)?", text in "[abc]{0,6}"
        ) {
            let (Ok(a), Ok(b)) = (regex::Regex::new(&first), regex::Regex::new(&second)) else { return Ok(()) };
            match inclusion(&first, &second) {
                Answer::Yes => proptest::prop_assert!(!a.is_match(&text) || b.is_match(&text)),
                Answer::No(witness) => proptest::prop_assert!(a.is_match(&witness) && !b.is_match(&witness)),
                Answer::Undecided => {}
            }
        }
    }
}
