//! Where the values of an action come from, as far as the session's memory knows.
//!
//! What the goal states is the user's and not looked up. The rest is looked up whole, in the addresses within it,
//! and in what is encoded in it.

use std::sync::Arc;

use super::encoded;
use super::goal::Goal;
use super::marks::Marks;
use super::memory::{Ask, Memory, Origin};
use super::roles::{Deed, Role, deed, is_address, role};
use super::words::{self, Word};
use crate::detect;
use crate::facts::Facts;

/// Values that are traced in one action; with more, something is not known.
const TRACED_MAX: usize = 24;
/// Words that are looked up in one action; with more, something is not known.
const WORDS_MAX: usize = 8 * 1024;
/// Parts of one value that are looked up by themselves.
const PIECES_MAX: usize = 12;
/// Bytes of a value in which parts are looked for.
const PIECES_BYTES_MAX: usize = 16 * 1024;
/// Words of a value that an ask may name.
const NAMED_WORDS_MAX: usize = 12;
/// Bytes of a value that may point to a source.
const PIECE_BYTES_MAX: usize = 256;

/// What is known of where an action's values come from: plain values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flow {
    /// Values that were read before and that the goal does not state.
    pub traced: Vec<Traced>,
    /// What in the results asks for just this action: the best of what looks injected, and of the rest.
    pub asked: Vec<Asked>,
    /// How much in all results speaks for an injected instruction.
    pub score: u8,
    /// A tool whose result held sensitive data that the action holds, too.
    pub sensitive: Option<Arc<str>>,
    /// Something was read of which nothing is known.
    pub incomplete: bool,
}

/// A value that was read before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traced {
    /// The value's number in [`Facts::leaves`].
    pub leaf: u16,
    /// Which part of it; 0 is the whole.
    pub piece: u8,
    /// What it was part of.
    pub marks: Marks,
    /// Whose result that was.
    pub source: Option<Arc<str>>,
}

/// Something in a result that asks for an action like this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// It looks injected.
    pub injected: bool,
    /// The user, or a source that the user named, pointed to that result.
    pub named: bool,
    /// Its verb does what the action does.
    pub verb: bool,
    /// Words of the action's name in it.
    pub nouns: u8,
    /// Values of the action in it that the goal does not state.
    pub values: u8,
    /// Whose result.
    pub source: Option<Arc<str>>,
}

impl Asked {
    /// How much speaks for it that this action is what was asked for.
    pub fn weight(&self) -> u8 {
        2 * u8::from(self.verb) + self.nouns.min(2) + 2 * self.values.min(2)
    }
}

impl Flow {
    /// Whether nothing was read that matters.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Where an action's values come from.
pub fn trace(facts: &Facts<'_>, memory: &Memory) -> Flow {
    if memory.is_empty() {
        return Flow::default();
    }
    let goal = facts.goal();
    let mut flow = Flow { score: memory.score(), incomplete: memory.is_incomplete(), ..Flow::default() };
    let mut order: Vec<(usize, &str)> =
        facts.leaves().iter().enumerate().map(|(at, leaf)| (at, &*leaf.text)).collect();
    // The short ones first: no long text keeps a recipient from being looked up.
    order.sort_by_key(|(_, text)| text.len());
    let mut left = WORDS_MAX;
    for (at, text) in order {
        let Ok(leaf) = u16::try_from(at) else { continue };
        // Where something goes does not leave by going there.
        let carried =
            facts.leaves().get(at).is_some_and(|leaf| role(leaf.name, &leaf.text) != Role::Destination);
        for (number, part) in pieces(text).iter().enumerate() {
            let mut words = words::words(part);
            if words.len() > left {
                flow.incomplete = true;
                words.truncate(left);
            }
            left -= words.len();
            if flow.sensitive.is_none() && carried {
                flow.sensitive = memory.sensitive(&words);
            }
            if goal.states(&words) {
                continue;
            }
            let known = memory.known(&words);
            if known.marks.is_empty() {
                continue;
            }
            if flow.traced.len() >= TRACED_MAX {
                flow.incomplete = true;
                break;
            }
            let piece = u8::try_from(number).unwrap_or(u8::MAX);
            let whole = piece == 0 && known.marks.has(Marks::VALUE) && words.len() > 8;
            flow.traced.push(Traced { leaf, piece, marks: known.marks, source: known.source });
            if whole {
                break;
            }
        }
    }
    flow.traced.sort_by_key(|traced| (traced.leaf, traced.piece));
    flow.asked = asked(facts, goal, memory);
    flow
}

/// Whose result an action will give, and whether the goal, or what the goal named, points to it.
pub fn origin_of(facts: &Facts<'_>, flow: &Flow) -> Origin {
    let goal = facts.goal();
    let traced = flow.traced.iter().any(|traced| {
        traced.marks.has(Marks::NAMED) && !traced.marks.has(Marks::INJECTED) && traced.piece == 0
    });
    // A day or a page number points to no source.
    let stated = || {
        facts.leaves().iter().any(|leaf| {
            (3..=PIECE_BYTES_MAX).contains(&leaf.text.len())
                && role(leaf.name, &leaf.text) != Role::Neutral
                && goal.states(&words::words(&leaf.text))
        })
    };
    let tool: String = facts.request().target().as_str().chars().take(80).collect();
    Origin { tool: detect::mask(&tool).into(), named: traced || stated(), trusted: false }
}

/// A part of a value, for a message.
pub fn piece(text: &str, number: u8) -> Option<String> {
    pieces(text).into_iter().nth(number.into())
}

/// The value itself, the addresses in it, and what is encoded in it.
fn pieces(text: &str) -> Vec<String> {
    let mut found = vec![text.to_owned()];
    if text.len() > PIECES_BYTES_MAX {
        return found;
    }
    let cut = |sign: char| sign.is_whitespace() || ",;()<>\"'[]{}|".contains(sign);
    let addresses = text.split(cut).map(|part| part.trim_end_matches(['.', ':', '!', '?']));
    let addresses = addresses.filter(|part| part.len() < text.len() && is_address(part));
    found.extend(addresses.take(PIECES_MAX).map(str::to_owned));
    // `mailto:` and the like.
    let mails: Vec<String> = found
        .iter()
        .filter_map(|part| part.rsplit_once([':', '=']).map(|(_, rest)| rest))
        .filter(|rest| rest.contains('@') && is_address(rest))
        .map(str::to_owned)
        .collect();
    found.extend(mails);
    let hosts: Vec<String> = found.iter().filter_map(|part| host(part)).collect();
    found.extend(hosts);
    found.extend(encoded::texts(text));
    found.truncate(PIECES_MAX);
    found
}

/// The host of a URL, when there is more of the URL.
fn host(text: &str) -> Option<String> {
    let text = text.trim();
    if text.contains(char::is_whitespace) || text.contains('@') {
        return None;
    }
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let is_host = host.len() < text.len() && host.contains('.') && host.len() > 3;
    (is_host && is_address(text)).then(|| host.to_owned())
}

/// The best of what asks for an action like this: of what looks injected, and of the rest.
fn asked(facts: &Facts<'_>, goal: &Goal, memory: &Memory) -> Vec<Asked> {
    if memory.asks.is_empty() {
        return Vec::new();
    }
    let deed = deed(facts);
    let nouns: Vec<u64> = deed.nouns.iter().map(|noun| words::hash(words::stem(noun))).collect();
    let values: Vec<Vec<u64>> = facts
        .leaves()
        .iter()
        .filter(|leaf| leaf.text.len() <= PIECE_BYTES_MAX)
        .map(|leaf| words::words(&leaf.text))
        .filter(|words| (1..=NAMED_WORDS_MAX).contains(&words.len()) && !goal.states(words))
        .map(|words| words.iter().map(stem_hash).collect())
        .take(TRACED_MAX)
        .collect();
    let mut best: [Option<Asked>; 2] = [None, None];
    for ask in &memory.asks {
        let found = align(ask, &deed, &nouns, &values, memory);
        if let Some(best) = best.get_mut(usize::from(ask.injected))
            && found.weight() > best.as_ref().map_or(0, Asked::weight)
        {
            *best = Some(found);
        }
    }
    best.into_iter().flatten().collect()
}

fn stem_hash(word: &Word) -> u64 {
    words::hash(words::stem(&word.text))
}

fn align(ask: &Ask, deed: &Deed, nouns: &[u64], values: &[Vec<u64>], memory: &Memory) -> Asked {
    let has = |stem: &u64| ask.stems.binary_search(stem).is_ok();
    let count = |found: usize| u8::try_from(found).unwrap_or(u8::MAX);
    Asked {
        injected: ask.injected,
        named: ask.named,
        verb: ask.verbs.share_effect(deed.verbs),
        nouns: count(nouns.iter().filter(|noun| has(noun)).count()),
        values: count(values.iter().filter(|value| value.iter().all(has)).count()),
        source: memory.tool(ask),
    }
}
