//! Look-ahead without backtracking, where it can be had exactly.
//!
//! `^P(?!N)S` matches if and only if `^PS` matches and `^PN` does not, provided that at most one beginning of a
//! text is in the language of `P`: then both speak of the same place. That is so if no word of `P` begins
//! another (the language is prefix-free), which is decided on `P`'s automaton.

use std::collections::HashSet;

use regex_automata::dfa::{Automaton as _, dense};
use regex_automata::util::primitives::StateID;
use regex_automata::util::start;
use regex_automata::{Anchored, MatchKind};

/// Bytes of the automaton on which the question is decided.
const AUTOMATON_BYTES_MAX: usize = 1 << 20;
/// Look-aheads in one pattern.
const SPLITS_MAX: usize = 8;

/// Patterns that must all match, and patterns that must not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Rewritten {
    pub(super) all: Vec<String>,
    pub(super) none: Vec<String>,
}

/// The same pattern without look-around, if that can be had exactly.
pub(super) fn rewrite(pattern: &str) -> Option<Rewritten> {
    let mut rewritten = Rewritten::default();
    let mut rest = pattern.to_owned();
    for _ in 0..SPLITS_MAX {
        let Some(split) = split(&rest)? else {
            rewritten.all.push(rest);
            return Some(rewritten);
        };
        if !is_one_place(split.before) {
            return None;
        }
        let ahead = format!("{}(?:{})", split.before, split.ahead);
        if split.negative {
            rewritten.none.push(ahead)
        } else {
            rewritten.all.push(ahead)
        }
        rest = format!("{}{}", split.before, split.after);
    }
    None
}

/// A pattern around its first look-ahead.
struct Split<'p> {
    before: &'p str,
    ahead: &'p str,
    after: &'p str,
    negative: bool,
}

/// Cuts a pattern at its first look-ahead outside any group. `None` if it has other look-around, flags that
/// change what is read, or alternatives outside a group; `Some(None)` if it has no look-around at all.
fn split(pattern: &str) -> Option<Option<Split<'_>>> {
    let marks = ["(?=", "(?!", "(?<=", "(?<!", "(?>"];
    if !marks.iter().any(|mark| pattern.contains(mark)) {
        return Some(None);
    }
    let bytes = pattern.as_bytes();
    let (mut at, mut depth, mut class) = (0, 0_u32, false);
    while let Some(byte) = bytes.get(at) {
        let rest = pattern.get(at..)?;
        match byte {
            b'\\' => at += 1,
            b'[' if !class => class = true,
            // Classes within classes and `[]…]` are left to the engine that knows them.
            b'[' if class => return None,
            b']' if class && bytes.get(at.checked_sub(1)?) == Some(&b'[') => return None,
            b']' if class => class = false,
            _ if class => {}
            b'(' if depth == 0 && (rest.starts_with("(?=") || rest.starts_with("(?!")) => {
                let end = at + closing(rest)?;
                return Some(Some(Split {
                    before: pattern.get(..at)?,
                    ahead: pattern.get(at + 3..end)?,
                    after: pattern.get(end + 1..)?,
                    negative: rest.starts_with("(?!"),
                }));
            }
            b'(' => depth += 1,
            b')' => depth = depth.checked_sub(1)?,
            b'|' if depth == 0 => return None,
            _ => {}
        }
        at += 1;
    }
    None
}

/// The place of the bracket that closes the group with which the text begins.
fn closing(text: &str) -> Option<usize> {
    let (mut depth, mut class, mut escaped) = (0_u32, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'[' if class => return None,
            b'[' => class = true,
            b']' => class = false,
            _ if class => {}
            b'(' => depth += 1,
            b')' => {
                depth -= 1;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

/// Whether at most one place of any text can be behind this: it begins at the text's beginning, and none of
/// its words begins another.
fn is_one_place(before: &str) -> bool {
    let Ok(hir) = regex_syntax::ParserBuilder::new().nest_limit(64).build().parse(before) else {
        return false;
    };
    let looks = hir.properties().look_set();
    let begins = hir.properties().look_set_prefix().contains(regex_syntax::hir::Look::Start);
    // `(?m)^`, `\b` and `$` within would make the automaton's answer depend on what surrounds it.
    if !begins || looks.len() > 1 || is_verbose(before) {
        return false;
    }
    let dfa = dense::Builder::new()
        .configure(
            dense::Config::new()
                .match_kind(MatchKind::All)
                .start_kind(regex_automata::dfa::StartKind::Anchored)
                .dfa_size_limit(Some(AUTOMATON_BYTES_MAX))
                .determinize_size_limit(Some(AUTOMATON_BYTES_MAX)),
        )
        .build(before);
    dfa.is_ok_and(|dfa| is_prefix_free(&dfa))
}

/// Whether white space and `#` mean nothing: then brackets are not where they seem to be.
fn is_verbose(pattern: &str) -> bool {
    pattern.split("(?").skip(1).any(|rest| {
        let flags = rest.split([')', ':', '<', '=', '!', '>']).next().unwrap_or_default();
        flags.contains('x')
    })
}

fn is_prefix_free(dfa: &dense::DFA<Vec<u32>>) -> bool {
    let Ok(start) = dfa.start_state(&start::Config::new().anchored(Anchored::Yes)) else {
        return false;
    };
    let ends = |state: StateID| dfa.is_match_state(dfa.next_eoi_state(state));
    let words: Vec<StateID> = reachable(dfa, &[start]).into_iter().filter(|state| ends(*state)).collect();
    let after: Vec<StateID> = words.iter().flat_map(|state| steps(dfa, *state)).collect();
    !reachable(dfa, &after).into_iter().any(ends)
}

fn steps(dfa: &dense::DFA<Vec<u32>>, state: StateID) -> Vec<StateID> {
    (0..=u8::MAX).map(|byte| dfa.next_state(state, byte)).collect()
}

fn reachable(dfa: &dense::DFA<Vec<u32>>, from: &[StateID]) -> HashSet<StateID> {
    let mut seen: HashSet<StateID> = from.iter().copied().collect();
    let mut open: Vec<StateID> = seen.iter().copied().collect();
    while let Some(state) = open.pop() {
        if dfa.is_dead_state(state) || dfa.is_quit_state(state) {
            continue;
        }
        open.extend(steps(dfa, state).into_iter().filter(|next| seen.insert(*next)));
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, texts: &[&str]) {
        let rewritten = rewrite(pattern).unwrap_or_else(|| panic!("{pattern} is not rewritten"));
        let meant = fancy_regex::Regex::new(pattern).unwrap();
        let matches = |pattern: &String, text: &str| regex::Regex::new(pattern).unwrap().is_match(text);
        for text in texts {
            let all = rewritten.all.iter().all(|pattern| matches(pattern, text));
            let none = !rewritten.none.iter().any(|pattern| matches(pattern, text));
            assert_eq!(all && none, meant.is_match(text).unwrap(), "{pattern} on {text}: {rewritten:?}");
        }
    }

    #[test]
    fn a_look_ahead_behind_a_fixed_beginning_is_rewritten() {
        let urls =
            ["https://evil.com", "http://localhost:80/", "https://internal.x", "ftp://x", "", "https://"];
        check(r"^(https?://)(?!localhost|127\.0\.0\.1|internal\.).*", &urls);
        check(r"(?i)^https?://(?!LOCALHOST)(?!internal)[^/]*", &urls);
        check(r"^(?=.*evil)(?=.*com)https", &urls);
        check(r"^(?!https).", &urls);
        check(r"^https://(?!evil\.com$)", &urls);
    }

    #[test]
    fn where_the_place_is_not_certain_nothing_is_rewritten() {
        for pattern in [
            "(?!foo)bar",
            r"^a*(?!b)",
            r"^\w+(?!x)",
            "^a|(?!b)c",
            "(?<=a)b",
            "^(a(?!b))c",
            "(?m)^a(?!b)",
            "^(a|ab)(?!c)",
            "^[[:alpha:]](?!c)",
        ] {
            assert_eq!(rewrite(pattern), None, "{pattern}");
        }
        assert_eq!(rewrite("^plain").unwrap().all, ["^plain"]);
    }
}
