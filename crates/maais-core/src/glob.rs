//! Globs for names people write by hand: agent ids, hosts, tool names, paths.
//!
//! `*` is any run of characters, `?` exactly one, everything else is itself; case matters.
//! In path mode `*` and `?` stop at `/`, `**` does not, and `**/` also stands for no folder at
//! all (`/a/**/b` matches `/a/b`). The text is read once, left to right, with a set of states: no
//! pattern can make matching slower than `text × pattern`, and patterns are bounded.
//!
//! Deliberately absent: character classes, braces, escapes, case folding. Who needs more writes a
//! `pattern`.

use std::fmt;

/// Characters a pattern may have. Matching costs at most text length times this.
pub const PATTERN_MAX: usize = 512;

/// A compiled glob.
#[derive(Clone, PartialEq, Eq)]
pub struct Glob {
    text: String,
    /// What every match begins with: compared before anything else.
    prefix: String,
    rest: Vec<Token>,
}

/// Why a text is not a glob.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GlobError {
    /// Nothing would ever match it.
    #[error("a pattern may not be empty")]
    Empty,
    /// Longer than [`PATTERN_MAX`].
    #[error("a pattern may have {PATTERN_MAX} characters, this one has {length}")]
    TooLong {
        /// Characters in the refused pattern.
        length: usize,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    Literal(char),
    /// One character; in paths not `/`.
    One {
        crosses: bool,
    },
    /// Any run; in paths `*` does not cross `/`.
    Run {
        crosses: bool,
    },
    /// The entry of `**/`: no folder at all (two states on), or [`Token::Folders`].
    MaybeFolders,
    /// Any run that ends with `/`.
    Folders,
}

impl Glob {
    /// A glob over flat names (agents, hosts, tools): `*` matches any character.
    pub fn new(pattern: &str) -> Result<Self, GlobError> {
        let length = checked_length(pattern)?;
        let mut tokens = Vec::with_capacity(length);
        for c in pattern.chars() {
            push(
                &mut tokens,
                match c {
                    '*' => Token::Run { crosses: true },
                    '?' => Token::One { crosses: true },
                    c => Token::Literal(c),
                },
            );
        }
        Ok(Self::assemble(pattern, tokens))
    }

    /// A glob over paths: `*` and `?` stay within one component, `**` does not.
    pub fn path(pattern: &str) -> Result<Self, GlobError> {
        let length = checked_length(pattern)?;
        let mut tokens = Vec::with_capacity(length);
        let mut rest = pattern;
        let mut component_start = true;
        while let Some(c) = rest.chars().next() {
            if component_start && rest.starts_with("**/") {
                tokens.extend([Token::MaybeFolders, Token::Folders]);
                rest = rest.strip_prefix("**/").unwrap_or_default();
                continue;
            }
            if rest.starts_with("**") {
                rest = rest.trim_start_matches('*');
                push(&mut tokens, Token::Run { crosses: true });
                component_start = false;
                continue;
            }
            push(
                &mut tokens,
                match c {
                    '*' => Token::Run { crosses: false },
                    '?' => Token::One { crosses: false },
                    c => Token::Literal(c),
                },
            );
            component_start = c == '/';
            rest = rest.strip_prefix(c).unwrap_or_default();
        }
        Ok(Self::assemble(pattern, tokens))
    }

    fn assemble(pattern: &str, tokens: Vec<Token>) -> Self {
        let mut prefix = String::new();
        let mut rest = tokens.into_iter().peekable();
        while let Some(Token::Literal(c)) = rest.peek() {
            prefix.push(*c);
            rest.next();
        }
        Self { text: pattern.to_owned(), prefix, rest: rest.collect() }
    }

    /// Whether the whole of `text` matches.
    pub fn matches(&self, text: &str) -> bool {
        let Some(rest) = text.strip_prefix(self.prefix.as_str()) else {
            return false;
        };
        match self.rest.as_slice() {
            [] => rest.is_empty(),
            [Token::Run { crosses }] => *crosses || !rest.contains('/'),
            tokens => simulate(tokens, rest),
        }
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Glob({:?})", self.text)
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn checked_length(pattern: &str) -> Result<usize, GlobError> {
    match pattern.chars().count() {
        0 => Err(GlobError::Empty),
        length if length > PATTERN_MAX => Err(GlobError::TooLong { length }),
        length => Ok(length),
    }
}

/// Two runs in a row are one.
fn push(tokens: &mut Vec<Token>, token: Token) {
    let repeated = matches!(token, Token::Run { .. }) && tokens.last() == Some(&token);
    if !repeated {
        tokens.push(token);
    }
}

/// Walks the text once with the set of tokens that may come next.
fn simulate(tokens: &[Token], text: &str) -> bool {
    let mut now = vec![false; tokens.len() + 1];
    let mut next = now.clone();
    enter(tokens, &mut now, 0);
    for c in text.chars() {
        next.fill(false);
        let mut alive = false;
        for (at, (token, active)) in tokens.iter().zip(&now).enumerate() {
            if !active {
                continue;
            }
            let to = match token {
                Token::Literal(l) if *l == c => at + 1,
                Token::One { crosses } if *crosses || c != '/' => at + 1,
                Token::Run { crosses } if *crosses || c != '/' => at,
                Token::Folders => {
                    if c == '/' {
                        enter(tokens, &mut next, at + 1);
                    }
                    at
                }
                _ => continue,
            };
            enter(tokens, &mut next, to);
            alive = true;
        }
        if !alive {
            return false;
        }
        std::mem::swap(&mut now, &mut next);
    }
    now.last().copied().unwrap_or(false)
}

/// Marks a state and those reachable from it without reading a character.
fn enter(tokens: &[Token], states: &mut [bool], mut at: usize) {
    while let Some(state) = states.get_mut(at) {
        let known = std::mem::replace(state, true);
        match tokens.get(at) {
            // A run may be empty: the state behind it is reachable too.
            Some(Token::Run { .. }) if !known => at += 1,
            Some(Token::MaybeFolders) if !known => {
                enter(tokens, states, at + 1);
                at += 2;
            }
            _ => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn flat(pattern: &str, text: &str) -> bool {
        Glob::new(pattern).unwrap().matches(text)
    }

    fn path(pattern: &str, text: &str) -> bool {
        Glob::path(pattern).unwrap().matches(text)
    }

    #[test]
    fn a_star_is_any_run_in_a_name() {
        for (pattern, text) in [
            ("*", ""),
            ("*", "anything at all"),
            ("agent-*", "agent-7"),
            ("*.example.com", "a.b.example.com"),
            ("a*b*c", "a-b-b-c"),
            ("a**c", "abc"),
            ("?x", "äx"),
            ("agent", "agent"),
        ] {
            assert!(flat(pattern, text), "{pattern} should match {text}");
        }
    }

    #[test]
    fn everything_else_is_literal_and_case_matters() {
        for (pattern, text) in [
            ("agent", "agents"),
            ("agent", "Agent"),
            ("*.example.com", "example.com"),
            ("*.example.com", "evil-example.com"),
            ("a.c", "abc"),
            ("[ab]", "a"),
            ("a?", "a"),
            ("a*b", "a-b-c"),
        ] {
            assert!(!flat(pattern, text), "{pattern} should not match {text}");
        }
    }

    #[test]
    fn a_star_in_a_path_stays_within_its_component() {
        assert!(path("/tmp/*.txt", "/tmp/a.txt"));
        assert!(!path("/tmp/*.txt", "/tmp/sub/a.txt"));
        assert!(!path("/tmp/?", "/tmp//"));
        assert!(path("/tmp/**", "/tmp/sub/a.txt"));
        assert!(!path("/tmp/**", "/tmp"));
        assert!(!path("/tmp/*", "/tmp/a/b"));
    }

    #[test]
    fn two_stars_and_a_slash_also_stand_for_no_folder() {
        for text in ["/a/b", "/a/x/b", "/a/x/y/b"] {
            assert!(path("/a/**/b", text), "{text}");
        }
        assert!(!path("/a/**/b", "/a/xb"));
        assert!(path("**/.env", ".env"));
        assert!(path("**/.env", "app/config/.env"));
        assert!(!path("**/.env", "app/x.env"));
        assert!(path("**/**/a*/**", "b/ab/c"));
    }

    #[test]
    fn a_pattern_is_bounded() {
        assert_eq!(Glob::new(""), Err(GlobError::Empty));
        assert!(Glob::new(&"a".repeat(PATTERN_MAX)).is_ok());
        let length = PATTERN_MAX + 1;
        assert_eq!(Glob::new(&"a".repeat(length)), Err(GlobError::TooLong { length }));
    }

    #[test]
    fn a_hostile_pattern_ends() {
        let pattern = "*a".repeat(PATTERN_MAX / 2);
        assert!(!flat(&pattern, &"a".repeat(200)));
        assert!(!path(&"**/a".repeat(PATTERN_MAX / 4), &"a/".repeat(500)));
    }

    /// The meaning of a flat glob, written as a regular expression.
    fn as_regex(pattern: &str, path: bool) -> regex::Regex {
        let mut out = String::from("(?s)^");
        let mut rest = pattern;
        let mut start = true;
        while let Some(c) = rest.chars().next() {
            if path && start && rest.starts_with("**/") {
                out.push_str("(?:.*/)?");
                rest = &rest[3..];
                continue;
            }
            if path && rest.starts_with("**") {
                out.push_str(".*");
                rest = rest.trim_start_matches('*');
                start = false;
                continue;
            }
            match (c, path) {
                ('*', false) => out.push_str(".*"),
                ('?', false) => out.push('.'),
                ('*', true) => out.push_str("[^/]*"),
                ('?', true) => out.push_str("[^/]"),
                _ => out.push_str(&regex::escape(&c.to_string())),
            }
            start = c == '/';
            rest = &rest[c.len_utf8()..];
        }
        out.push('$');
        regex::Regex::new(&out).unwrap()
    }

    proptest! {
        #[test]
        fn a_name_glob_means_its_regular_expression(pattern in "[ab/*?]{1,9}", text in "[ab/]{0,12}") {
            prop_assert_eq!(flat(&pattern, &text), as_regex(&pattern, false).is_match(&text));
        }

        #[test]
        fn a_path_glob_means_its_regular_expression(pattern in "[ab/*?]{1,9}", text in "[ab/]{0,12}") {
            prop_assert_eq!(path(&pattern, &text), as_regex(&pattern, true).is_match(&text));
        }
    }
}
