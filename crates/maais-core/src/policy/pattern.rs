//! Regular expressions of policies: linear-time where possible, budgeted where look-around is used.
//!
//! A budget that runs out is neither a match nor none: the caller is told, and decides by the rule's
//! effect.

use fancy_regex::RegexBuilder as LookAroundBuilder;
use regex::RegexBuilder;

use super::matcher::Tri;

/// Bytes of a compiled pattern.
const COMPILED_BYTES_MAX: usize = 1 << 20;
/// Groups within groups.
const NESTING_MAX: u32 = 64;
/// Steps of a pattern with look-around on one text; about 0.5 ms at worst.
const BACKTRACKS_MAX: usize = 10_000;
/// Bytes of text on which look-around is tried.
const LOOK_AROUND_TEXT_MAX: usize = 64 * 1024;

/// A compiled regular expression.
#[derive(Debug, Clone)]
pub enum Pattern {
    /// Runs in time linear in the text.
    Linear(regex::Regex),
    /// Has look-around or back-references: runs within a budget.
    LookAround(Box<fancy_regex::Regex>),
}

/// Why a pattern is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct PatternError {
    /// What is wrong.
    pub message: String,
}

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn new(text: &str) -> Result<Self, PatternError> {
        let linear = RegexBuilder::new(text).size_limit(COMPILED_BYTES_MAX).nest_limit(NESTING_MAX).build();
        let error = match linear {
            Ok(regex) => return Ok(Self::Linear(regex)),
            Err(error) => error,
        };
        if let regex::Error::CompiledTooBig(max) = error {
            return Err(PatternError {
                message: format!("it compiles to more than {max} bytes; use smaller repetitions"),
            });
        }
        let looks_around = ["(?=", "(?!", "(?<=", "(?<!", "(?>"].iter().any(|mark| text.contains(mark));
        let has_reference = (1..=9).any(|n| text.contains(&format!("\\{n}")));
        if !looks_around && !has_reference {
            return Err(PatternError { message: last_line(&error.to_string()) });
        }
        LookAroundBuilder::new(text)
            .backtrack_limit(BACKTRACKS_MAX)
            .delegate_size_limit(COMPILED_BYTES_MAX)
            .build()
            .map(|regex| Self::LookAround(Box::new(regex)))
            .map_err(|error| PatternError { message: last_line(&error.to_string()) })
    }

    /// Whether it matches anywhere in the text.
    pub fn search(&self, text: &str) -> Tri {
        match self {
            Self::Linear(regex) => Tri::from(regex.is_match(text)),
            Self::LookAround(_) if text.len() > LOOK_AROUND_TEXT_MAX => Tri::Unknown,
            Self::LookAround(regex) => regex.is_match(text).map_or(Tri::Unknown, Tri::from),
        }
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
