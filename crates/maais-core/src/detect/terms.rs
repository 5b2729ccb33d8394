//! What a tenant adds: dictionaries of words that are not to be told, and canaries.
//!
//! Entries match whatever the case and the white space; those of a dictionary stand alone, canaries are found
//! inside other texts too. An entry may be given as a salted hash, so that who reads the settings does not
//! read the list; short words can still be guessed by whoever has both.
//!
//! Deliberately absent: patterns (policies have them) and stems (`secret` is not `secrets`).

use std::borrow::Cow;
use std::collections::HashMap;

use aho_corasick::{AhoCorasick, MatchKind};
use sha2::{Digest, Sha256};

use super::spelling::Traced;
use super::{HITS_MAX, Hit, Kind, bounded, most_severe, resolve_overlaps, scan_named};
use crate::decision::Severity;

/// Entries of a tenant.
pub const TERMS_MAX: usize = 50_000;

/// Characters of the shortest entry: less would be found everywhere.
pub const TERM_MIN: usize = 3;

/// Bytes of the longest.
pub const TERM_MAX: usize = 256;

/// Words of the longest entry that is given as a hash: each length costs a hash for each word of a text.
pub const HASHED_WORDS_MAX: usize = 5;

/// An entry of a dictionary, or a canary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// The list it is from: what findings call it.
    pub list: String,
    /// What is looked for.
    pub wording: Wording,
    /// Whether it is a canary: placed where nobody has business, found inside other texts too.
    pub canary: bool,
    /// How much a hit weighs; usually that of its kind.
    pub severity: Option<Severity>,
}

/// How an entry is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wording {
    /// As it is.
    Plain(String),
    /// As [`hashed`] made it; never for canaries, which have no bounds to hash between.
    Hashed(HashedTerm),
}

/// An entry that shows only how many words it has.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HashedTerm {
    /// Its words.
    pub words: usize,
    /// SHA-256 of the salt and the wording in lower case, its words one space apart.
    pub digest: [u8; 32],
}

/// Why a list was refused; whoever wrote it erred.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TermsError {
    /// More than [`TERMS_MAX`].
    #[error("{count} entries are more than {TERMS_MAX}; put them into fewer patterns of a policy")]
    TooMany {
        /// How many there are.
        count: usize,
    },
    /// Shorter than [`TERM_MIN`] or longer than [`TERM_MAX`].
    #[error(
        "entry {position} of `{list}` has {length} characters; between {TERM_MIN} and {TERM_MAX} are possible"
    )]
    Length {
        /// The list.
        list: String,
        /// Which of all entries, from 1.
        position: usize,
        /// Its length.
        length: usize,
    },
    /// A hash of no words, or of more than [`HASHED_WORDS_MAX`], or of a canary.
    #[error("entry {position} of `{list}` cannot be a hash; give it as it is")]
    Hash {
        /// The list.
        list: String,
        /// Which of all entries, from 1.
        position: usize,
    },
    /// Does not happen with the limits above; said rather than hidden.
    #[error("the entries need more memory than is allowed")]
    Memory,
}

/// The entry as it is stored where its wording should not be read.
pub fn hashed(salt: &[u8], wording: &str) -> HashedTerm {
    let folded = Traced::folded(wording);
    let words = words(&folded.text);
    let text = match (words.first(), words.last()) {
        (Some((start, _)), Some((_, end))) => folded.text.get(*start..*end).unwrap_or_default(),
        _ => "",
    };
    HashedTerm { words: words.len(), digest: digest(salt, text) }
}

fn digest(salt: &[u8], text: &str) -> [u8; 32] {
    Sha256::new().chain_update(salt).chain_update(text).finalize().into()
}

/// A tenant's entries, ready to be looked for.
#[derive(Debug, Clone, Default)]
pub struct Terms {
    plain: Option<AhoCorasick>,
    /// What each pattern of the automaton means.
    entries: Vec<Entry>,
    by_digest: HashMap<HashedTerm, Entry>,
    /// The numbers of words that hashes have.
    lengths: Vec<usize>,
    salt: Vec<u8>,
}

#[derive(Debug, Clone)]
struct Entry {
    list: String,
    canary: bool,
    severity: Severity,
}

impl Terms {
    /// Makes the entries ready; `salt` is that of the hashes.
    pub fn compile(terms: &[Term], salt: &[u8]) -> Result<Self, TermsError> {
        if terms.len() > TERMS_MAX {
            return Err(TermsError::TooMany { count: terms.len() });
        }
        let mut compiled = Self { salt: salt.to_vec(), ..Self::default() };
        let mut patterns = Vec::new();
        for (term, position) in terms.iter().zip(1..) {
            let kind = if term.canary { Kind::Canary } else { Kind::Term };
            let severity = term.severity.unwrap_or(kind.severity());
            let entry = Entry { list: term.list.clone(), canary: term.canary, severity };
            match &term.wording {
                Wording::Plain(wording) => {
                    patterns.push(folded_entry(wording, &term.list, position)?);
                    compiled.entries.push(entry);
                }
                Wording::Hashed(hash) => {
                    if term.canary || !(1..=HASHED_WORDS_MAX).contains(&hash.words) {
                        return Err(TermsError::Hash { list: term.list.clone(), position });
                    }
                    compiled.by_digest.insert(hash.clone(), entry);
                    compiled.lengths.push(hash.words);
                }
            }
        }
        compiled.lengths.sort_unstable();
        compiled.lengths.dedup();
        if !patterns.is_empty() {
            let built = AhoCorasick::builder().match_kind(MatchKind::Standard).build(patterns);
            compiled.plain = Some(built.map_err(|_| TermsError::Memory)?);
        }
        Ok(compiled)
    }

    /// Whether there is anything to look for.
    pub fn is_empty(&self) -> bool {
        self.plain.is_none() && self.by_digest.is_empty()
    }

    /// Finds the entries in a text: by place, without overlaps, at most [`HITS_MAX`].
    pub fn scan(&self, text: &str) -> Vec<Hit> {
        if self.is_empty() {
            return Vec::new();
        }
        let folded = Traced::folded(bounded(text));
        let mut hits = Vec::new();
        self.plain(&folded, &mut hits);
        self.hashed(&folded, &mut hits);
        most_severe(resolve_overlaps(hits))
    }

    fn plain(&self, folded: &Traced, hits: &mut Vec<Hit>) {
        let Some(automaton) = &self.plain else { return };
        let mut others = 0;
        for found in automaton.find_overlapping_iter(&folded.text) {
            let Some(entry) = self.entries.get(found.pattern().as_usize()) else { continue };
            if !entry.canary && !stands_alone(&folded.text, found.start(), found.end()) {
                continue;
            }
            // A crowd of terms leaves room for canaries; a crowd of canaries has said enough.
            others += usize::from(!entry.canary);
            if entry.canary || others <= HITS_MAX {
                hits.push(entry.hit(folded.place(found.start(), found.end())));
            }
            if hits.len() >= 2 * HITS_MAX {
                return;
            }
        }
    }

    fn hashed(&self, folded: &Traced, hits: &mut Vec<Hit>) {
        if self.by_digest.is_empty() {
            return;
        }
        let words = words(&folded.text);
        let full = hits.len() + HITS_MAX;
        for length in &self.lengths {
            for run in words.windows(*length) {
                let (Some((start, _)), Some((_, end))) = (run.first(), run.last()) else { continue };
                let Some(text) = folded.text.get(*start..*end) else { continue };
                let key = HashedTerm { words: *length, digest: digest(&self.salt, text) };
                if let Some(entry) = self.by_digest.get(&key) {
                    hits.push(entry.hit(folded.place(*start, *end)));
                }
                if hits.len() >= full {
                    return;
                }
            }
        }
    }
}

impl Entry {
    fn hit(&self, place: (usize, usize)) -> Hit {
        let kind = if self.canary { Kind::Canary } else { Kind::Term };
        let hit = Hit::new(kind, place, format!("[{}]", self.list)).weighing(self.severity);
        Hit { detail: Cow::Owned(self.list.clone()), ..hit }
    }
}

fn folded_entry(wording: &str, list: &str, position: usize) -> Result<String, TermsError> {
    let text = Traced::folded(wording.trim()).text;
    let length = text.chars().count();
    if length < TERM_MIN || text.len() > TERM_MAX {
        return Err(TermsError::Length { list: list.to_owned(), position, length });
    }
    Ok(text)
}

/// What [`scan_named`] finds, and a tenant's entries.
pub fn scan_with_terms(name: &str, text: &str, terms: &Terms) -> Vec<Hit> {
    let own = terms.scan(text);
    if own.is_empty() {
        return scan_named(name, text);
    }
    most_severe(resolve_overlaps(own.into_iter().chain(scan_named(name, text)).collect()))
}

/// Whether no letter or digit stands right before or behind.
fn stands_alone(text: &str, start: usize, end: usize) -> bool {
    let before = text.get(..start).and_then(|before| before.chars().next_back());
    let after = text.get(end..).and_then(|after| after.chars().next());
    !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
}

/// The words of a folded text, without the punctuation around them.
fn words(text: &str) -> Vec<(usize, usize)> {
    let mut words = Vec::new();
    let mut at = 0;
    for piece in text.split(' ') {
        let trimmed = piece.trim_start_matches(|c: char| !c.is_alphanumeric());
        let start = at + piece.len() - trimmed.len();
        let word = trimmed.trim_end_matches(|c: char| !c.is_alphanumeric());
        if !word.is_empty() {
            words.push((start, start + word.len()));
        }
        at += piece.len() + 1;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SALT: &[u8] = b"salt of these tests";

    fn term(wording: Wording) -> Term {
        Term { list: "projects".into(), wording, canary: false, severity: None }
    }

    fn plain(wording: &str) -> Terms {
        Terms::compile(&[term(Wording::Plain(wording.into()))], SALT).unwrap()
    }

    fn secret(wording: &str) -> Terms {
        Terms::compile(&[term(Wording::Hashed(hashed(SALT, wording)))], SALT).unwrap()
    }

    fn found<'a>(terms: &Terms, text: &'a str) -> Vec<&'a str> {
        terms.scan(text).iter().map(|hit| &text[hit.start..hit.end]).collect()
    }

    #[test]
    fn an_entry_is_found_whatever_its_case_and_spaces() {
        for terms in [plain("Blue Heron"), secret("Blue Heron")] {
            for text in ["blue heron", "the BLUE  Heron!", "(Blue\n\tHeron),", "\"blue heron\""] {
                assert_eq!(found(&terms, text).len(), 1, "{text}");
            }
            for text in ["blue herons", "trueblue heron", "blue", "heron blue", "blueheron"] {
                assert_eq!(found(&terms, text), Vec::<&str>::new(), "{text}");
            }
        }
    }

    #[test]
    fn letters_beyond_ascii_fold_and_keep_their_places() {
        assert_eq!(found(&plain("größe"), "Die GRÖSSE, die Größe."), ["Größe"]);
        assert_eq!(found(&plain("İzmİr"), "in İZMİR."), ["İZMİR"]);
        assert_eq!(found(&secret("Ärger"), "viel ÄRGER"), ["ÄRGER"]);
    }

    #[test]
    fn a_canary_is_found_inside_other_texts() {
        let canary = Term { canary: true, ..term(Wording::Plain("zk93-otter".into())) };
        let terms = Terms::compile(&[canary, term(Wording::Plain("otter".into()))], SALT).unwrap();
        let hits = terms.scan("https://x.example/?q=aaZK93-OTTERbb");
        assert_eq!(
            hits.iter().map(|hit| (hit.kind, hit.severity)).collect::<Vec<_>>(),
            [(Kind::Canary, Severity::Critical)]
        );
        assert_eq!(hits[0].masked, "[projects]");
        let crowd = format!("{} zk93-otter", "otter ".repeat(HITS_MAX * 3));
        assert!(terms.scan(&crowd).iter().any(|hit| hit.kind == Kind::Canary));
    }

    #[test]
    fn what_is_found_otherwise_is_found_too() {
        let hits = scan_with_terms("", "blue heron: mail ann@example.org", &plain("blue heron"));
        assert_eq!(hits.iter().map(|hit| hit.kind).collect::<Vec<_>>(), [Kind::Term, Kind::Email]);
        assert_eq!(hits[0].detail, "projects");
        assert_eq!(scan_with_terms("", "ann@example.org", &Terms::default()).len(), 1);
    }

    #[test]
    fn bad_entries_are_refused_by_position() {
        let compile = |wording: &str| {
            Terms::compile(&[term(Wording::Plain("fine".into())), term(Wording::Plain(wording.into()))], SALT)
        };
        for wording in ["", "ab", "  ab  ", &"x".repeat(TERM_MAX + 1)] {
            let error = compile(wording).unwrap_err();
            assert!(matches!(error, TermsError::Length { position: 2, .. }), "{error}");
        }
        let long = hashed(SALT, "one two three four five six");
        assert!(matches!(
            Terms::compile(&[term(Wording::Hashed(long))], SALT),
            Err(TermsError::Hash { position: 1, .. })
        ));
        let many = vec![term(Wording::Plain("fine".into())); TERMS_MAX + 1];
        assert_eq!(Terms::compile(&many, SALT).unwrap_err(), TermsError::TooMany { count: TERMS_MAX + 1 });
    }

    #[test]
    fn a_hash_depends_on_the_salt_and_shows_no_word() {
        assert_eq!(hashed(SALT, "Blue  HERON."), hashed(SALT, "blue heron"));
        assert_ne!(hashed(SALT, "blue heron"), hashed(b"other", "blue heron"));
        let terms = Terms::compile(&[term(Wording::Hashed(hashed(b"other", "blue heron")))], SALT).unwrap();
        assert_eq!(found(&terms, "blue heron"), Vec::<&str>::new());
    }

    proptest! {
        #[test]
        fn plain_and_hashed_entries_agree(word in "[a-zA-ZäÖß]{3,8}", before in "\\PC{0,20}", after in "\\PC{0,20}") {
            let text = format!("{before} {word}, {after}");
            prop_assert!(!plain(&word).scan(&text).is_empty());
            prop_assert!(!secret(&word).scan(&text).is_empty());
        }

        #[test]
        fn places_are_within_any_text(word in "[a-z]\\PC{3,6}", text in any::<String>()) {
            prop_assume!(Traced::folded(word.trim()).text.chars().count() >= TERM_MIN);
            for terms in [plain(&word), secret(&word)].iter() {
                for hit in terms.scan(&format!("{text}{word} {text}")) {
                    prop_assert!(hit.start < hit.end);
                }
                for hit in terms.scan(&text) {
                    prop_assert!(text.get(hit.start..hit.end).is_some());
                }
            }
        }
    }
}
