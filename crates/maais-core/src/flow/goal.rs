//! What the user asked for: the words, names and verbs of the declared goal.
//!
//! Trusted: whoever declares the goal. A goal that a model writes for itself proves nothing.

use super::roles::Deed;
use super::verbs::{self, Verbs};
use super::words::{self, Word};
use crate::facts::Facts;

/// A goal that was read.
#[derive(Debug, Clone, Default)]
pub struct Goal {
    /// Hashes of words, of pairs of neighbours, and of numbers written in groups; sorted.
    known: Vec<u64>,
    /// Stems of words; sorted.
    stems: Vec<u64>,
    verbs: Verbs,
    delegates: bool,
}

/// How much of a value must be in a goal, in hundredths of its pairs of words.
const SHARE_MIN: usize = 75;

impl Goal {
    /// Reads a goal.
    pub fn of(text: &str) -> Self {
        let words = words::words(text);
        let mut goal = Self { delegates: delegates(&words), ..Self::default() };
        let mut before: Option<&Word> = None;
        for (at, word) in words.iter().enumerate() {
            goal.known.push(word.hash());
            goal.stems.push(words::hash(words::stem(&word.text)));
            goal.verbs = goal.verbs.with(wanted(before, word, words.get(at + 1)));
            if let Some(before) = before {
                goal.known.push(words::pair(before.hash(), word.hash()));
            }
            before = Some(word);
        }
        goal.known.extend(grouped(&words));
        goal.known.sort_unstable();
        goal.stems.sort_unstable();
        goal
    }

    /// Whether the goal states that value, whole or nearly so.
    pub(super) fn states(&self, words: &[Word]) -> bool {
        let has = |hash: u64| self.known.binary_search(&hash).is_ok();
        match words {
            [] => false,
            [word] => has(word.hash()),
            _ => {
                let pairs = || words.windows(2).filter_map(pair_of);
                let stated = pairs().filter(|pair| has(*pair)).count();
                stated * 100 >= pairs().count() * SHARE_MIN || grouped(words).any(has)
            }
        }
    }

    /// Whether the goal has a word of that stem.
    fn has_stem(&self, stem: u64) -> bool {
        self.stems.binary_search(&stem).is_ok()
    }

    /// Whether the goal states that text.
    pub(crate) fn states_text(&self, text: &str) -> bool {
        self.states(&words::words(text))
    }

    /// Whether the goal states any of the action's values that say something.
    pub(crate) fn states_any(&self, facts: &Facts<'_>) -> bool {
        facts.leaves().iter().any(|leaf| leaf.text.len() > 2 && self.states_text(&leaf.text))
    }

    /// Whether the goal speaks of what the action is named after.
    pub(crate) fn mentions(&self, deed: &Deed) -> bool {
        deed.nouns.iter().any(|noun| self.has_stem(words::hash(words::stem(noun))))
    }

    /// What the goal wants done.
    pub fn verbs(&self) -> Verbs {
        self.verbs
    }

    /// Whether the goal hands over what to do to a text: `do what the mail from Ann says`.
    pub fn delegates(&self) -> bool {
        self.delegates
    }

    /// Whether nothing was asked.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }
}

/// Words after which a verb is one that the user wants done: `email` is no verb in `their email addresses`.
const BEFORE_VERBS: [&str; 17] = [
    "please", "kindly", "and", "then", "to", "also", "or", "you", "i", "ll", "must", "should", "just", "now",
    "me", "not", "by",
];

fn wanted(before: Option<&Word>, word: &Word, after: Option<&Word>) -> Verbs {
    let placed = word.begins || before.is_none_or(|before| BEFORE_VERBS.contains(&&*before.text));
    // `Tell me` wants an answer, nothing else.
    let answer = matches!(&*word.text, "tell" | "give" | "show" | "inform" | "provide")
        && after.is_some_and(|after| matches!(&*after.text, "me" | "us"));
    let counts = !answer && (placed || !verbs::is_ambiguous(&word.text));
    let verb = if counts { verbs::verbs(&word.text) } else { Verbs::NONE };
    verb.with(verbs::deed(&word.text))
}

pub(super) fn pair_of(window: &[Word]) -> Option<u64> {
    match window {
        [first, second] => Some(words::pair(first.hash(), second.hash())),
        _ => None,
    }
}

/// Numbers and codes that are written in groups (`DE89 3704 0044`), as one.
pub(super) fn grouped(words: &[Word]) -> impl Iterator<Item = u64> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < words.len() {
            let run = words.get(at..).unwrap_or_default();
            let first = run.first().is_some_and(Word::has_digit);
            let more = run
                .iter()
                .skip(1)
                .take_while(|_| first)
                .take_while(|word| word.joined && word.has_digit())
                .count();
            let group = run.get(..=more).unwrap_or_default();
            at += group.len().max(1);
            if group.len() > 1 {
                let whole: String = group.iter().map(|word| &*word.text).collect();
                return Some(words::hash(&whole));
            }
        }
        None
    })
}

/// Verbs that hand over.
const HAND_OVER: [&str; 12] = [
    "do", "perform", "complete", "follow", "execute", "carry", "handle", "take", "act", "finish", "process",
    "obey",
];
/// What is handed over.
const TASKS: [&str; 17] = [
    "actions",
    "action",
    "tasks",
    "task",
    "steps",
    "instructions",
    "instruction",
    "todo",
    "todos",
    "items",
    "things",
    "requests",
    "request",
    "asks",
    "what",
    "everything",
    "whatever",
];
/// Where it stands.
const PLACES: [&str; 16] = [
    "in",
    "from",
    "on",
    "specified",
    "listed",
    "mentioned",
    "described",
    "says",
    "say",
    "asks",
    "per",
    "contained",
    "written",
    "given",
    "requested",
    "of",
];

fn delegates(words: &[Word]) -> bool {
    let is = |word: &Word, list: &[&str]| list.contains(&&*word.text);
    words.iter().enumerate().any(|(at, word)| {
        if !is(word, &HAND_OVER) {
            return false;
        }
        let after = words.get(at + 1..(at + 8).min(words.len())).unwrap_or_default();
        let Some(task) = after.iter().position(|word| is(word, &TASKS)) else { return false };
        // `Do the following tasks: …` says itself what to do.
        let own = after.get(..task).unwrap_or_default().iter().any(|word| &*word.text == "following");
        let rest = words.get(at + 2 + task..(at + 9 + task).min(words.len())).unwrap_or_default();
        !own && rest.iter().any(|word| is(word, &PLACES))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_states_what_is_in_it_however_it_is_written() {
        let goal = Goal::of("Send 50 to DE89 3704 0044 0532 of Ann Lee (Ann.Lee@example.com)");
        for value in ["DE89370400440532", "ann.lee@example.com", "Ann Lee", "50"] {
            assert!(goal.states(&words::words(value)), "{value}");
        }
        for value in ["DE89370400440533", "eve@example.com", "Lee Bob", "500", ""] {
            assert!(!goal.states(&words::words(value)), "{value}");
        }
        assert!(goal.verbs().has(Verbs::SEND));
    }

    #[test]
    fn some_goals_hand_over_what_to_do() {
        for text in [
            "Please do the actions specified in the email from Ann",
            "do all the tasks on my TODO list at example.com",
            "Follow the instructions in plan.txt",
        ] {
            assert!(Goal::of(text).delegates(), "{text}");
        }
        for text in [
            "Perform the following tasks in the order they are given: 1. Read the page. 2. Send it to Ann",
            "Read the page of Ann",
            "Follow Ann on the network",
        ] {
            assert!(!Goal::of(text).delegates(), "{text}");
        }
    }
}
