//! Regular expressions of policies: linear-time where possible, budgeted where look-around is used.
//!
//! Patterns are checked when they load and compiled when they are first needed. A budget that runs out is
//! neither a match nor none: the caller is told, and decides by the rule's effect.

use std::cell::Cell;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use fancy_regex::RegexBuilder as LookAroundBuilder;
use regex_automata::Input;
use regex_automata::dfa::{Automaton as _, StartKind, dense};
use regex_automata::meta;
use regex_syntax::hir::{Hir, HirKind, Look, Repetition};

use super::Tri;
use super::literal;
use super::look_around;

/// Bytes of a compiled pattern.
const COMPILED_BYTES_MAX: usize = 1 << 20;
/// Estimated parts of an automaton below which a pattern certainly stays within [`COMPILED_BYTES_MAX`].
const SURELY_SMALL: usize = 10_000;
/// Bytes of a table that answers a small pattern at one step for each byte of text.
const TABLE_BYTES_MAX: usize = 48 * 1024;
/// Groups within groups.
const NESTING_MAX: u32 = 64;
/// Steps of a pattern with look-around on one text; about 0.5 ms at worst.
const BACKTRACKS_MAX: usize = 10_000;
/// Bytes of text on which look-around is tried.
const LOOK_AROUND_TEXT_MAX: usize = 64 * 1024;
/// What a search with look-around costs at least, in bytes of text.
const LOOK_AROUND_COST: u64 = 4 * 1024;
/// Bytes of all patterns that stay compiled; beyond it, a pattern is compiled for each use.
const KEPT_BYTES_MAX: usize = 96 << 20;

/// Bytes that stay compiled, in the whole process.
static KEPT: AtomicUsize = AtomicUsize::new(0);

/// What the patterns of one evaluation may still cost, in bytes of text.
#[derive(Debug)]
pub(super) struct Budget(Cell<u64>);

impl Budget {
    /// About 50 ms of searching.
    pub(super) const PER_ACTION: u64 = 64 << 20;

    pub(super) fn new(bytes: u64) -> Self {
        Self(Cell::new(bytes))
    }

    /// Whether there was that much left.
    fn spend(&self, bytes: u64) -> bool {
        let left = self.0.get();
        self.0.set(left.saturating_sub(bytes));
        left >= bytes
    }
}

/// A regular expression.
#[derive(Clone)]
pub struct Pattern(Arc<Meaning>);

struct Meaning {
    text: Box<str>,
    kind: Kind,
}

enum Kind {
    /// Runs in time linear in the text: all of the first must match and none of the second.
    Linear { all: Box<[Linear]>, none: Box<[Linear]> },
    /// Has look-around that cannot be rewritten, or back-references: runs within a budget.
    LookAround(Box<fancy_regex::Regex>),
}

/// Why a pattern is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct PatternError {
    /// What is wrong.
    pub message: String,
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pattern({:?})", self.0.text)
    }
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn new(text: &str) -> Result<Self, PatternError> {
        let of = |kind| Ok(Self(Arc::new(Meaning { text: text.into(), kind })));
        let error = match Linear::new(text) {
            Ok(linear) => return of(Kind::Linear { all: Box::new([linear]), none: Box::new([]) }),
            Err(error) => error,
        };
        let looks_around = ["(?=", "(?!", "(?<=", "(?<!", "(?>"].iter().any(|mark| text.contains(mark));
        let has_reference = (1..=9).any(|n| text.contains(&format!("\\{n}")));
        if !looks_around && !has_reference {
            return Err(error);
        }
        if let Some(rewritten) = look_around::rewrite(text) {
            let linear = |texts: &[String]| texts.iter().map(|text| Linear::new(text)).collect();
            let all: Result<Box<[Linear]>, PatternError> = linear(&rewritten.all);
            let none: Result<Box<[Linear]>, PatternError> = linear(&rewritten.none);
            if let (Ok(all), Ok(none)) = (all, none) {
                return of(Kind::Linear { all, none });
            }
        }
        let regex = LookAroundBuilder::new(text)
            .backtrack_limit(BACKTRACKS_MAX)
            .delegate_size_limit(COMPILED_BYTES_MAX)
            .build()
            .map_err(|error| PatternError { message: last_line(&error.to_string()) })?;
        of(Kind::LookAround(Box::new(regex)))
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0.text
    }

    /// Whether it runs within a budget, because it has look-around that cannot be rewritten.
    pub fn is_budgeted(&self) -> bool {
        matches!(self.0.kind, Kind::LookAround(_))
    }

    /// The plain pattern that it is, if it is one: no look-around, not even rewritten.
    pub fn as_plain(&self) -> Option<&str> {
        match &self.0.kind {
            Kind::Linear { all, none } if none.is_empty() => match &**all {
                [one] => Some(&one.text),
                _ => None,
            },
            _ => None,
        }
    }

    /// At least one of these is in the folded form of every text that matches.
    pub(super) fn needs(&self) -> Option<&[String]> {
        match &self.0.kind {
            Kind::Linear { all, .. } => all.iter().find_map(|linear| linear.needs.as_deref()),
            Kind::LookAround(_) => None,
        }
    }

    /// Whether it matches anywhere in the text.
    pub fn search(&self, text: &str) -> Tri {
        self.search_within(text, &Budget::new(u64::MAX))
    }

    /// The same, within what is left of a budget; beyond it nothing can be said.
    pub(super) fn search_within(&self, text: &str, budget: &Budget) -> Tri {
        let length = u64::try_from(text.len()).unwrap_or(u64::MAX);
        match &self.0.kind {
            Kind::Linear { all, none } => {
                if !budget.spend(length.saturating_add(16)) {
                    return Tri::Unknown;
                }
                let holds = Tri::all(all.iter().map(|linear| linear.search(text)));
                holds.min(Tri::all(none.iter().map(|linear| !linear.search(text))))
            }
            Kind::LookAround(_) if text.len() > LOOK_AROUND_TEXT_MAX => Tri::Unknown,
            Kind::LookAround(regex) => {
                if !budget.spend(length.saturating_add(LOOK_AROUND_COST)) {
                    return Tri::Unknown;
                }
                regex.is_match(text).map_or(Tri::Unknown, Tri::from)
            }
        }
    }
}

/// A pattern without look-around.
struct Linear {
    text: Box<str>,
    needs: Option<Vec<String>>,
    /// A search may begin at any place, and there is a literal to jump to: worth more than a table.
    jumps: bool,
    compiled: OnceLock<Engine>,
}

enum Engine {
    /// One table look-up for each byte.
    Table(Box<dense::DFA<Vec<u32>>>),
    Regex(meta::Regex),
}

impl Linear {
    fn new(text: &str) -> Result<Self, PatternError> {
        let hir = parse(text)?;
        let starts = hir.properties().look_set_prefix().contains(Look::Start);
        let needs = literal::needs(&hir);
        let linear =
            Self { text: text.into(), jumps: !starts && needs.is_some(), needs, compiled: OnceLock::new() };
        if estimate(&hir) > SURELY_SMALL {
            let engine = Engine::Regex(regex(&hir)?);
            KEPT.fetch_add(engine.bytes(), Ordering::Relaxed);
            let _ = linear.compiled.set(engine);
        }
        Ok(linear)
    }

    fn search(&self, text: &str) -> Tri {
        if let Some(engine) = self.compiled.get() {
            return engine.search(text);
        }
        // It was checked when it loaded; should it not compile after all, nothing can be said.
        let Ok(engine) = self.compile() else { return Tri::Unknown };
        let found = engine.search(text);
        let bytes = engine.bytes();
        if KEPT.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes) <= KEPT_BYTES_MAX {
            if self.compiled.set(engine).is_err() {
                KEPT.fetch_sub(bytes, Ordering::Relaxed); // another thread was first
            }
        } else {
            KEPT.fetch_sub(bytes, Ordering::Relaxed);
        }
        found
    }

    fn compile(&self) -> Result<Engine, PatternError> {
        let hir = unpadded(parse(&self.text)?);
        if !self.jumps
            && let Some(table) = table(&hir)
        {
            return Ok(Engine::Table(Box::new(table)));
        }
        regex(&hir).map(Engine::Regex)
    }
}

impl Drop for Linear {
    fn drop(&mut self) {
        if let Some(engine) = self.compiled.get() {
            let bytes = engine.bytes();
            let _ = KEPT
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |kept| Some(kept.saturating_sub(bytes)));
        }
    }
}

impl Engine {
    fn search(&self, text: &str) -> Tri {
        match self {
            Self::Table(table) => table
                .try_search_fwd(&Input::new(text).earliest(true))
                .map_or(Tri::Unknown, |m| m.is_some().into()),
            Self::Regex(regex) => regex.is_match(text).into(),
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Table(table) => table.memory_usage(),
            Self::Regex(regex) => regex.memory_usage(),
        }
    }
}

fn parse(text: &str) -> Result<Hir, PatternError> {
    regex_syntax::ParserBuilder::new()
        .nest_limit(NESTING_MAX)
        .build()
        .parse(text)
        .map_err(|error| PatternError { message: last_line(&error.to_string()) })
}

fn regex(hir: &Hir) -> Result<meta::Regex, PatternError> {
    let config = meta::Config::new().nfa_size_limit(Some(COMPILED_BYTES_MAX));
    let built = meta::Builder::new().configure(config).build_from_hir(hir);
    built.map_err(|error| PatternError {
        message: match error.size_limit() {
            Some(max) => format!("it compiles to more than {max} bytes; use smaller repetitions"),
            None => last_line(&error.to_string()),
        },
    })
}

fn table(hir: &Hir) -> Option<dense::DFA<Vec<u32>>> {
    let nfa = regex_automata::nfa::thompson::Compiler::new()
        .configure(regex_automata::nfa::thompson::Config::new().nfa_size_limit(Some(TABLE_BYTES_MAX)))
        .build_from_hir(hir)
        .ok()?;
    let config = dense::Config::new()
        .start_kind(StartKind::Unanchored)
        .dfa_size_limit(Some(TABLE_BYTES_MAX))
        .determinize_size_limit(Some(4 * TABLE_BYTES_MAX));
    dense::Builder::new().configure(config).build_from_nfa(&nfa).ok()
}

/// Parts of an automaton, from above.
fn estimate(hir: &Hir) -> usize {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => 1,
        HirKind::Literal(literal) => literal.0.len(),
        HirKind::Class(regex_syntax::hir::Class::Unicode(class)) => class.ranges().len().saturating_mul(8),
        HirKind::Class(regex_syntax::hir::Class::Bytes(class)) => class.ranges().len(),
        HirKind::Repetition(Repetition { min, max, sub, .. }) => {
            let times = usize::try_from(max.unwrap_or(min.saturating_add(1))).unwrap_or(usize::MAX);
            estimate(sub).saturating_add(1).saturating_mul(times.max(1))
        }
        HirKind::Capture(capture) => estimate(&capture.sub).saturating_add(2),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            parts.iter().fold(1_usize, |sum, part| sum.saturating_add(estimate(part)))
        }
    }
}

/// The pattern without `.*` at its ends: whoever searches anywhere finds the rest without them.
fn unpadded(hir: Hir) -> Hir {
    let HirKind::Concat(parts) = hir.kind() else {
        return if pads(&hir) { Hir::empty() } else { hir };
    };
    let from = parts.iter().take_while(|part| pads(part)).count();
    let rest = parts.get(from..).unwrap_or_default();
    let until = rest.len() - rest.iter().rev().take_while(|part| pads(part)).count();
    Hir::concat(rest.get(..until).unwrap_or_default().to_vec())
}

fn pads(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Repetition(Repetition { min: 0, max: None, sub, .. }) => {
            matches!(sub.kind(), HirKind::Class(_))
        }
        _ => false,
    }
}

fn last_line(message: &str) -> String {
    let line = message.lines().rfind(|line| !line.trim().is_empty()).unwrap_or(message);
    line.trim().trim_start_matches("error: ").to_owned()
}
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn look_around_works_as_its_author_expects() {
        let pattern = Pattern::new(r"^(https?://)(?!localhost|127\.0\.0\.1|internal\.).*").unwrap();
        assert_eq!(pattern.search("https://evil.com"), Tri::True);
        assert_eq!(pattern.search("http://localhost:80/"), Tri::False);
    }

    #[test]
    fn a_budget_that_runs_out_is_unknown() {
        let pattern = Pattern::new(r"^(?=\w)(?:\w+\s?)+(?<!q)$").unwrap();
        assert_eq!(pattern.search("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"), Tri::Unknown);
        assert_eq!(pattern.search(&"a".repeat(LOOK_AROUND_TEXT_MAX + 1)), Tri::Unknown);
    }

    #[test]
    fn a_broken_or_oversized_pattern_is_an_error_that_says_why() {
        assert!(Pattern::new("(unclosed").unwrap_err().message.contains("unclosed group"));
        assert!(Pattern::new(r"\w{1000}{1000}").unwrap_err().message.contains("smaller repetitions"));
        assert!(Pattern::new("(?!x").is_err());
    }
}
