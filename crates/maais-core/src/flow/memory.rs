//! What a session has read, without its text: hashes of words and of pairs of neighbours, and what they were part of.
//!
//! Nothing that was remembered is ever pushed out. Beyond [`ENTRIES_MAX`] exact entries, what is new goes into a
//! filter of fixed size that cannot forget; it may only take more for read than was. When the filter is half full,
//! everything is: whoever floods the memory makes it more suspicious, not less. No text of a result is kept, so
//! nothing can leak from here.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::encoded;
use super::goal;
use super::instruct::{self, Reading};
use super::marks::Marks;
use super::parts::{self, Part};
use super::roles::is_address;
use super::verbs::Verbs;
use super::words::{self, Word};
use crate::detect;
use crate::facts::is_strong;

/// Bytes of one result that are read; what follows is known to be there, not what it says.
pub const RESULT_BYTES_MAX: usize = 256 * 1024;
/// Exact entries of one session.
pub const ENTRIES_MAX: usize = 16 * 1024;
/// Bits of the filter for everything beyond.
const FILTER_BITS: usize = 1 << 20;
/// Tools whose results are told apart.
const SOURCES_MAX: usize = 64;
/// Words of a free text that is known as a whole, too.
const WHOLE_WORDS_MIN: usize = 9;
const WHOLE_WORDS_MAX: usize = 256;
/// Asks that are kept of each kind: injected, and ordinary.
const ASKS_MAX: usize = 96;

/// Whose result it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// The tool that gave it.
    pub tool: Arc<str>,
    /// What the user or a source that the user named asked to look at.
    pub named: bool,
    /// An operator said that the tool is to be believed.
    pub trusted: bool,
}

/// What a session has read.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    entries: BTreeMap<u64, Entry>,
    filter: Option<Filter>,
    sources: Vec<Arc<str>>,
    pub(super) asks: Vec<Ask>,
    score: u8,
    incomplete: bool,
}

#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    marks: Marks,
    source: u8,
}

/// Something that a result asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ask {
    pub(super) verbs: Verbs,
    /// Hashes of the stems of its words, sorted.
    pub(super) stems: Box<[u64]>,
    pub(super) injected: bool,
    pub(super) named: bool,
    source: u8,
}

/// What is known of a value.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Known {
    /// What it was part of.
    pub marks: Marks,
    /// Whose result that was.
    pub source: Option<Arc<str>>,
}

impl Memory {
    /// Remembers a result; from that score on, what a text says counts as injected.
    pub fn remember(&mut self, origin: &Origin, text: &str, injected_from: u8) {
        let source = self.source(&origin.tool);
        let mut end = text.len().min(RESULT_BYTES_MAX);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        self.incomplete |= end < text.len() && !origin.trusted;
        let text = text.get(..end).unwrap_or_default();
        self.note_sensitive(text, source);
        let mut given = Given { source, origin, injected_from, encoded: false };
        for part in parts::parts(text) {
            let inner = match &part {
                Part::Value(value) => {
                    self.value(value, &given);
                    encoded::texts(value)
                }
                Part::Free(text) => {
                    self.free(text, &given);
                    encoded::texts(text)
                }
            };
            given.encoded = true;
            inner.iter().for_each(|text| self.free(text, &given));
            given.encoded = false;
        }
    }

    /// How much in what was read speaks for an injected instruction.
    pub fn score(&self) -> u8 {
        self.score
    }

    /// Whether something was read that is not known.
    pub fn is_incomplete(&self) -> bool {
        self.incomplete || self.filter.as_ref().is_some_and(Filter::is_saturated)
    }

    /// What is read from now on may be anything.
    pub fn lose(&mut self) {
        self.incomplete = true;
    }

    /// Bytes that it takes, about.
    pub fn bytes(&self) -> usize {
        let asks: usize = self.asks.iter().map(|ask| 48 + ask.stems.len() * 8).sum();
        self.entries.len() * 24 + asks + self.filter.as_ref().map_or(0, |_| FILTER_BITS / 8)
    }

    /// Whether nothing was read.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && !self.incomplete
    }

    /// What is known of a value, as a whole or nearly so.
    pub(super) fn known(&self, words: &[Word]) -> Known {
        let Some(whole) = sequence(words) else { return Known::default() };
        let mut found = self.look(whole);
        if words.len() == 1 {
            return self.known_of(found);
        }
        // Of what was read as one value, the whole counts and not its parts.
        found.marks = found.marks.only(Marks::VALUE.with(Marks::TRUSTED).with(Marks::NAMED));
        let pairs = words.windows(2).filter_map(goal::pair_of);
        let mut tally = Tally::default();
        pairs.for_each(|pair| tally.add(self.look(pair)));
        let parts = tally.most(words.len());
        found.marks = found.marks.with(parts.marks);
        if parts.marks.has(Marks::FREE.with(Marks::ASK).with(Marks::INJECTED)) || found.source == 0 {
            found.source = parts.source;
        }
        for group in goal::grouped(words) {
            let group = self.look(group);
            found.marks = found.marks.with(group.marks);
            found.source = if found.source == 0 { group.source } else { found.source };
        }
        self.known_of(found)
    }

    /// Whose result a sensitive value is from that stands among these words.
    pub(super) fn sensitive(&self, words: &[Word]) -> Option<Arc<str>> {
        let singles = words.iter().filter(|word| is_distinctive(word)).map(Word::hash);
        let all = singles.chain(words.windows(2).filter_map(goal::pair_of)).chain(goal::grouped(words));
        let found = all.map(|hash| self.look(hash)).find(|entry| entry.marks.has(Marks::SENSITIVE))?;
        self.known_of(found).source.or_else(|| Some("an earlier result".into()))
    }

    /// The tool of that number.
    pub(super) fn tool(&self, ask: &Ask) -> Option<Arc<str>> {
        self.sources.get(usize::from(ask.source).checked_sub(1)?).cloned()
    }

    fn known_of(&self, entry: Entry) -> Known {
        let source = usize::from(entry.source).checked_sub(1).and_then(|at| self.sources.get(at)).cloned();
        Known { marks: entry.marks, source }
    }

    fn source(&mut self, tool: &Arc<str>) -> u8 {
        let known = self.sources.iter().position(|source| source == tool);
        let at = known.or_else(|| {
            let room = self.sources.len() < SOURCES_MAX;
            room.then(|| {
                self.sources.push(tool.clone());
                self.sources.len() - 1
            })
        });
        at.and_then(|at| u8::try_from(at + 1).ok()).unwrap_or(0)
    }

    /// What a detector finds sensitive on its own, whoever gave it.
    fn note_sensitive(&mut self, text: &str, source: u8) {
        for hit in detect::scan(text).iter().filter(|hit| is_strong(hit.kind)) {
            let words = words::words(text.get(hit.start..hit.end).unwrap_or_default());
            let singles = words.iter().filter(|word| is_distinctive(word)).map(Word::hash);
            let pairs = words.windows(2).filter_map(goal::pair_of);
            let all: Vec<u64> = singles.chain(pairs).chain(goal::grouped(&words)).collect();
            all.into_iter().for_each(|hash| self.note(hash, Marks::SENSITIVE, source));
        }
    }

    fn value(&mut self, value: &str, given: &Given<'_>) {
        let words = words::words(value);
        let reading = if words.len() > 2 { instruct::read(value, &words) } else { Reading::default() };
        if reading.score > 0 || !reading.asks.is_empty() {
            return self.free_read(&words, &reading, given);
        }
        let marks = given.marks(Marks::VALUE);
        self.note_whole(&words, marks, given);
        // `Bob <bob@example.com>` holds an address, too.
        let cut = |sign: char| {
            sign.is_whitespace() || matches!(sign, ',' | ';' | '(' | ')' | '<' | '>' | '"' | '\'')
        };
        for piece in value.split(cut).filter(|piece| piece.len() < value.len() && is_address(piece)) {
            self.note_whole(&words::words(piece), marks, given);
        }
    }

    fn note_whole(&mut self, words: &[Word], marks: Marks, given: &Given<'_>) {
        if let Some(whole) = sequence(words) {
            self.note(whole, marks, given.source);
        }
        if words.len() > 1 {
            for group in goal::grouped(words).collect::<Vec<_>>() {
                self.note(group, marks, given.source);
            }
        }
    }

    fn free(&mut self, text: &str, given: &Given<'_>) {
        let words = words::words(text);
        self.incomplete |= words.len() >= words::WORDS_MAX;
        let reading = instruct::read(text, &words);
        self.free_read(&words, &reading, given);
        // Whoever repeats a whole text repeats no address out of it.
        let repeats = !given.encoded && (WHOLE_WORDS_MIN..=WHOLE_WORDS_MAX).contains(&words.len());
        if let Some(whole) = sequence(&words).filter(|_| repeats) {
            self.note(whole, given.marks(Marks::VALUE), given.source);
        }
    }

    fn free_read(&mut self, words: &[Word], reading: &Reading, given: &Given<'_>) {
        // Whoever hides what is asked has a reason.
        let hidden = given.encoded && !reading.asks.is_empty();
        let score = if hidden { reading.score.saturating_add(given.injected_from) } else { reading.score };
        if !given.origin.trusted {
            self.score = self.score.max(score);
        }
        let injected = score >= given.injected_from;
        let from = if hidden { Some(0) } else { reading.from.filter(|_| injected) };
        let mut asks = reading.asks.iter().peekable();
        let mut before: Option<(&Word, Marks)> = None;
        for (at, word) in words.iter().enumerate() {
            while asks.peek().is_some_and(|ask| ask.words.end <= at) {
                asks.next();
            }
            let asked = asks.peek().is_some_and(|ask| ask.words.contains(&at));
            let mark = match (asked, from.is_some_and(|from| at >= from)) {
                (_, true) => Marks::INJECTED,
                (true, _) if injected => Marks::INJECTED,
                (true, _) => Marks::ASK,
                _ => Marks::FREE,
            };
            let marks = given.marks(mark);
            if mark != Marks::FREE || word.has_digit() || given.origin.trusted {
                self.note(word.hash(), marks, given.source);
            }
            if let Some((before, marks_before)) = before {
                self.note(words::pair(before.hash(), word.hash()), marks.with(marks_before), given.source);
            }
            before = Some((word, marks));
        }
        for group in goal::grouped(words).collect::<Vec<_>>() {
            let mark = if injected { Marks::INJECTED } else { Marks::FREE };
            self.note(group, given.marks(mark), given.source);
        }
        if !given.origin.trusted {
            self.note_asks(words, reading, injected, given);
        }
    }

    fn note_asks(&mut self, words: &[Word], reading: &Reading, injected: bool, given: &Given<'_>) {
        self.incomplete |= reading.more;
        for ask in &reading.asks {
            if self.asks.iter().filter(|known| known.injected == injected).count() >= ASKS_MAX {
                self.incomplete = true;
                return;
            }
            let clause = words.get(ask.words.clone()).unwrap_or_default();
            let mut stems: Vec<u64> =
                clause.iter().map(|word| words::hash(words::stem(&word.text))).collect();
            stems.sort_unstable();
            stems.dedup();
            let ask = Ask {
                verbs: ask.verbs,
                stems: stems.into(),
                injected,
                named: given.origin.named,
                source: given.source,
            };
            if !self.asks.contains(&ask) {
                self.asks.push(ask);
            }
        }
    }

    fn note(&mut self, hash: u64, marks: Marks, source: u8) {
        if let Some(entry) = self.entries.get_mut(&hash) {
            // The source that is told is the worst one.
            if marks.worst() > entry.marks.worst() {
                entry.source = source;
            }
            entry.marks = entry.marks.with(marks);
        } else if self.entries.len() < ENTRIES_MAX {
            self.entries.insert(hash, Entry { marks, source });
        } else {
            // There is no room to say that it is trusted, or a value: fail closed.
            let marks = if marks.has(Marks::TRUSTED) { return } else { marks.untrusted() };
            self.filter.get_or_insert_with(Filter::default).add(hash, marks);
        }
    }

    fn look(&self, hash: u64) -> Entry {
        if let Some(entry) = self.entries.get(&hash) {
            return *entry;
        }
        let marks = self.filter.as_ref().map(|filter| filter.marks(hash)).unwrap_or_default();
        Entry { marks, source: 0 }
    }
}

/// A word that is found by itself in no ordinary text.
fn is_distinctive(word: &Word) -> bool {
    word.text.len() >= 6 && word.has_digit()
}

struct Given<'a> {
    source: u8,
    origin: &'a Origin,
    injected_from: u8,
    encoded: bool,
}

impl Given<'_> {
    fn marks(&self, mark: Marks) -> Marks {
        let mark = if self.origin.trusted { Marks::TRUSTED } else { mark };
        if self.origin.named { mark.with(Marks::NAMED) } else { mark }
    }
}

/// How many pairs of a value carry which mark.
#[derive(Default)]
struct Tally {
    pairs: usize,
    counts: [usize; Marks::COUNT],
    source: u8,
    worst: u8,
}

impl Tally {
    fn add(&mut self, entry: Entry) {
        self.pairs += 1;
        for (count, mark) in self.counts.iter_mut().zip(Marks::ALL) {
            *count += usize::from(entry.marks.has(mark));
        }
        if entry.marks.worst() > self.worst {
            (self.worst, self.source) = (entry.marks.worst(), entry.source);
        }
    }

    /// The marks that most pairs carry: three of four, of longer texts three of five.
    fn most(&self, words: usize) -> Entry {
        let needed = if words > 8 { 60 } else { 75 };
        let carried =
            Marks::ALL.iter().zip(self.counts).filter(|(_, count)| count * 100 >= self.pairs * needed);
        let marks = carried.fold(Marks::default(), |all, (mark, _)| all.with(*mark));
        Entry { marks, source: if marks == Marks::default() { 0 } else { self.source } }
    }
}

/// The hash of a text of one or more words.
fn sequence(words: &[Word]) -> Option<u64> {
    words.iter().map(Word::hash).reduce(words::pair)
}

/// Remembers without end in fixed space; it may take something for read that was not.
#[derive(Debug, Clone)]
struct Filter {
    bits: Box<[u64]>,
    set: usize,
}

impl Default for Filter {
    fn default() -> Self {
        Self { bits: vec![0; FILTER_BITS / 64].into(), set: 0 }
    }
}

impl Filter {
    fn places(hash: u64, mark: Marks) -> [usize; 2] {
        let salted = words::pair(hash, u64::from(mark.bits()));
        let place = |value: u64| usize::try_from(value % FILTER_BITS as u64).unwrap_or(0);
        [place(salted), place(salted >> 32)]
    }

    fn add(&mut self, hash: u64, marks: Marks) {
        for mark in Marks::ALL.into_iter().filter(|mark| marks.has(*mark)) {
            for place in Self::places(hash, mark) {
                if let Some(bits) = self.bits.get_mut(place / 64) {
                    let bit = 1_u64 << (place % 64);
                    self.set += usize::from(*bits & bit == 0);
                    *bits |= bit;
                }
            }
        }
    }

    fn marks(&self, hash: u64) -> Marks {
        let is_set =
            |place: usize| self.bits.get(place / 64).is_some_and(|bits| bits & (1 << (place % 64)) != 0);
        let carried = Marks::ALL.into_iter().filter(|mark| Self::places(hash, *mark).into_iter().all(is_set));
        carried.fold(Marks::default(), Marks::with).untrusted()
    }

    fn is_saturated(&self) -> bool {
        self.set * 2 > FILTER_BITS
    }
}

#[cfg(test)]
mod tests;
