//! Regular expressions of other engines as patterns of ours: only what means exactly the same.
//!
//! Go's RE2 (<https://github.com/google/re2/wiki/Syntax>): `\d`, `\w`, `\s` and `\b` are those of ASCII there and of
//! Unicode here, so they are written out; letter case folds alike for ASCII letters. Python's `re`: `\w`, `\s` and
//! `(?i)` follow tables of Python's own, and `$` also stands before a last line's end; the first are refused, the
//! last is the same where a text holds no line's end.

use maais_runtime::core::policy::Pattern;

/// Whose syntax it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// Go's `regexp`.
    Go,
    /// Python's `re`.
    Python,
}

/// Why a pattern is refused, and what to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) why: String,
    pub(super) help: &'static str,
}

/// Repetitions that Go counts at most.
const COUNT_MAX: u32 = 1_000;
/// Groups within groups.
const NESTING_MAX: usize = 60;
const DIGITS: &str = "0-9";
const WORDS: &str = "0-9A-Za-z_";
const SPACES: &str = r"\t\n\x0C\r ";

/// The pattern of ours that matches the same texts.
pub(super) fn translate(pattern: &str, dialect: Dialect) -> Result<String, Refused> {
    if pattern.trim().is_empty() {
        return Err(refused("an empty pattern matches every text", "leave it out, or test the type"));
    }
    let mut reader = Translator {
        rest: pattern.chars().peekable(),
        dialect,
        folds: false,
        out: String::new(),
        groups: Vec::new(),
        counted: false,
    };
    reader.flags(pattern)?;
    reader.run()?;
    // Never longer or deeper than what our own engine accepts.
    Pattern::new(&reader.out)
        .map_err(|error| refused(error.to_string(), "write a simpler pattern"))
        .map(|_| reader.out)
}

fn refused(why: impl Into<String>, help: &'static str) -> Refused {
    Refused { why: why.into(), help }
}

struct Translator<'p> {
    rest: std::iter::Peekable<std::str::Chars<'p>>,
    dialect: Dialect,
    /// Letter case does not count.
    folds: bool,
    out: String,
    /// For each open group, whether what came before it in its parent was counted.
    groups: Vec<bool>,
    /// Whether this group holds a counted repetition.
    counted: bool,
}

impl Translator<'_> {
    /// `(?i)` and the like at the beginning.
    fn flags(&mut self, pattern: &str) -> Result<(), Refused> {
        let Some((flags, _)) = pattern.strip_prefix("(?").and_then(|rest| rest.split_once(')')) else {
            return Ok(());
        };
        if flags.is_empty() || !flags.bytes().all(|flag| b"ims".contains(&flag)) {
            return Ok(());
        }
        if flags.contains('i') {
            if self.dialect == Dialect::Python {
                let why = "`(?i)` is not the same: Python also takes İ and ı for i";
                return Err(refused(why, "write both cases: `[Dd]rop`"));
            }
            self.folds = true;
        }
        for _ in 0..flags.len() + 3 {
            self.rest.next();
        }
        self.out.push_str(&format!("(?{flags})"));
        Ok(())
    }

    fn run(&mut self) -> Result<(), Refused> {
        // Whether what came last can be repeated, and whether it holds a counted repetition.
        let mut last: Option<bool> = None;
        while let Some(c) = self.rest.next() {
            last = match c {
                '\\' => self.escape()?,
                '[' => {
                    self.class()?;
                    Some(false)
                }
                '(' => {
                    self.open()?;
                    None
                }
                ')' => Some(self.close()?),
                '|' | '^' | '$' => {
                    self.out.push(c);
                    None
                }
                '.' => {
                    self.out.push(c);
                    Some(false)
                }
                '*' | '+' | '?' | '{' => {
                    let Some(holds_count) = last else {
                        return Err(refused(
                            format!("`{c}` repeats nothing here"),
                            "escape it: `\\{`, `\\*`",
                        ));
                    };
                    self.repeat(c, holds_count)?;
                    None
                }
                c => {
                    self.literal(c)?;
                    Some(false)
                }
            };
        }
        if self.groups.is_empty() { Ok(()) } else { Err(refused("a group is not closed", "close it")) }
    }

    fn open(&mut self) -> Result<(), Refused> {
        if self.rest.peek() == Some(&'?') {
            self.rest.next();
            if self.rest.next() != Some(':') {
                let why = "look-around, named groups and flags within a pattern are not translated";
                return Err(refused(why, "use `(...)` or `(?:...)`, and flags only at the beginning"));
            }
        }
        if self.groups.len() >= NESTING_MAX {
            return Err(refused("too many groups within groups", "write a simpler pattern"));
        }
        self.groups.push(std::mem::replace(&mut self.counted, false));
        self.out.push_str("(?:");
        Ok(())
    }

    fn close(&mut self) -> Result<bool, Refused> {
        let Some(before) = self.groups.pop() else {
            return Err(refused("`)` closes nothing", "escape it: `\\)`"));
        };
        self.out.push(')');
        let inside = self.counted;
        self.counted |= before;
        Ok(inside)
    }

    fn repeat(&mut self, c: char, holds_count: bool) -> Result<(), Refused> {
        self.out.push(c);
        if c == '{' {
            let mut count = String::new();
            while let Some(c) = self.rest.next_if(|c| c.is_ascii_digit() || *c == ',') {
                count.push(c);
            }
            let (least, most) = count.split_once(',').unwrap_or((&count, &count));
            let bounds = (least.parse::<u32>(), most.parse::<u32>());
            let fits = match &bounds {
                (Ok(least), Ok(most)) => least <= most && *most <= COUNT_MAX,
                (Ok(least), Err(_)) => most.is_empty() && *least <= COUNT_MAX,
                _ => false,
            };
            if !fits || self.rest.next() != Some('}') {
                let help = "write `{n}`, `{n,}` or `{n,m}` with at most 1000, or escape it: `\\{`";
                return Err(refused("`{` begins no repetition", help));
            }
            if holds_count {
                let why =
                    "a counted repetition of a counted repetition may be one too many for the other engine";
                return Err(refused(why, "count once"));
            }
            self.out.push_str(&count);
            self.out.push('}');
            self.counted = true;
        }
        if self.rest.next_if_eq(&'?').is_some() {
            self.out.push('?');
        }
        if self.rest.peek().is_some_and(|c| "*+?{".contains(*c)) {
            return Err(refused("a repetition of a repetition", "put the inner one in a group"));
        }
        Ok(())
    }

    /// After a backslash, outside a class: whether what it stands for can be repeated.
    fn escape(&mut self) -> Result<Option<bool>, Refused> {
        let Some(c) = self.rest.next() else {
            return Err(refused("the pattern ends with a backslash", "escape it: `\\\\`"));
        };
        let go = self.dialect == Dialect::Go;
        match c {
            'd' | 'w' | 's' | 'D' | 'W' | 'S' => {
                let set = self.set(c.to_ascii_lowercase())?;
                self.out.push_str(if c.is_ascii_uppercase() { "[^" } else { "[" });
                self.out.push_str(set);
                self.out.push(']');
                Ok(Some(false))
            }
            'b' if go => {
                self.out.push_str(r"(?-u:\b)");
                Ok(None)
            }
            'A' => {
                self.out.push_str(r"\A");
                Ok(None)
            }
            'z' if go => {
                self.out.push_str(r"\z");
                Ok(None)
            }
            'Z' if !go => {
                self.out.push_str(r"\z");
                Ok(None)
            }
            c => {
                let c = self.escaped(c)?;
                self.literal(c)?;
                Ok(Some(false))
            }
        }
    }

    /// Ranges of a class that a letter stands for.
    fn set(&self, letter: char) -> Result<&'static str, Refused> {
        if self.dialect == Dialect::Python {
            let why = format!("`\\{letter}` is not the same: Python has a table of Unicode of its own");
            return Err(refused(why, "write the characters: `[0-9]`, `[A-Za-z0-9_]`, `[ \\t]`"));
        }
        Ok(match letter {
            'd' => DIGITS,
            'w' => WORDS,
            _ => SPACES,
        })
    }

    /// The character that an escape stands for.
    fn escaped(&mut self, c: char) -> Result<char, Refused> {
        Ok(match c {
            'a' => '\u{7}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\u{b}',
            'x' => {
                let mut digit = || self.rest.next_if(char::is_ascii_hexdigit).and_then(|c| c.to_digit(16));
                let code = digit().zip(digit()).and_then(|(high, low)| char::from_u32(high * 16 + low));
                code.ok_or_else(|| {
                    refused("`\\x` needs two hexadecimal digits", "write the character itself")
                })?
            }
            c if c.is_ascii_punctuation() => c,
            c => {
                let why = format!("`\\{c}` is not translated");
                return Err(refused(why, "write out the characters that it stands for"));
            }
        })
    }

    fn class(&mut self) -> Result<(), Refused> {
        self.out.push('[');
        if self.rest.next_if_eq(&'^').is_some() {
            self.out.push('^');
        }
        let mut first = true;
        loop {
            let Some(c) = self.rest.next() else {
                return Err(refused("a class is not closed", "close it with `]`"));
            };
            let low = match c {
                ']' if first => return Err(refused("`]` first in a class", "escape it: `\\]`")),
                ']' => break,
                '[' if self.rest.peek() == Some(&':') => {
                    return Err(refused("a named class", "write the characters: `[A-Za-z]`"));
                }
                '\\' => match self.rest.next() {
                    Some(letter @ ('d' | 'w' | 's')) => {
                        let set = self.set(letter)?;
                        self.out.push_str(set);
                        first = false;
                        if self.rest.peek() == Some(&'-') {
                            return Err(refused("`-` after a set of characters", "put it last: `[\\d-]`"));
                        }
                        continue;
                    }
                    Some(letter) => self.escaped(letter)?,
                    None => return Err(refused("a class is not closed", "close it with `]`")),
                },
                '-' if !first && self.rest.peek() != Some(&']') => {
                    return Err(refused("`-` between others in a class", "escape it: `\\-`"));
                }
                c => c,
            };
            first = false;
            self.range(low)?;
        }
        self.out.push(']');
        Ok(())
    }

    /// A character of a class, or a range that begins with it.
    fn range(&mut self, low: char) -> Result<(), Refused> {
        self.in_class(low)?;
        let mut ahead = self.rest.clone();
        if ahead.next() != Some('-') || matches!(ahead.next(), Some(']') | None) {
            return Ok(());
        }
        self.rest.next();
        let high = match self.rest.next() {
            Some('\\') => match self.rest.next() {
                Some(letter) if !"dwsDWS".contains(letter) => self.escaped(letter)?,
                _ => return Err(refused("a range that ends with a set", "write its characters")),
            },
            Some('[') | None => return Err(refused("a range that ends with `[`", "escape it: `\\[`")),
            Some(high) => high,
        };
        if high < low {
            return Err(refused("a range whose end is before its beginning", "turn it round"));
        }
        self.out.push('-');
        self.in_class(high)
    }

    fn in_class(&mut self, c: char) -> Result<(), Refused> {
        self.folding(c)?;
        self.write(c, r"\][^-&~");
        Ok(())
    }

    fn literal(&mut self, c: char) -> Result<(), Refused> {
        self.folding(c)?;
        self.write(c, r"\.+*?()|[]{}^$#&-~");
        Ok(())
    }

    fn folding(&self, c: char) -> Result<(), Refused> {
        if self.folds && !c.is_ascii() {
            let why = "letter case beyond ASCII follows the version of Unicode, which may differ";
            return Err(refused(why, "write both cases: `[Üü]`"));
        }
        Ok(())
    }

    fn write(&mut self, c: char, special: &str) {
        if c.is_control() {
            self.out.push_str(&format!("\\x{{{:X}}}", u32::from(c)));
        } else {
            if special.contains(c) {
                self.out.push('\\');
            }
            self.out.push(c);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn go(pattern: &str) -> Result<String, Refused> {
        translate(pattern, Dialect::Go)
    }

    #[test]
    fn what_means_the_same_is_translated() {
        for (from, to) in [
            (r"^a.*b$", r"^a.*b$"),
            (r"\d+", r"[0-9]+"),
            (r"(?i)drop\s", r"(?i)drop[\t\n\x0C\r ]"),
            (r"\bx\b", r"(?-u:\b)x(?-u:\b)"),
            (r"[a&&b]", r"[a\&\&b]"),
            (r"[\w.-]{2,3}?", r"[0-9A-Za-z_.\-]{2,3}?"),
            (r"(a|b)]\<", r"(?:a|b)\]<"),
            (r"[^a-c\]]", r"[^a-c\]]"),
            (r"a\x2fb", "a/b"),
        ] {
            assert_eq!(go(from).as_deref(), Ok(to), "{from}");
        }
    }

    #[test]
    fn what_does_not_is_refused() {
        let patterns = [
            "",
            " ",
            r"\B",
            r"\pL",
            r"(?P<n>a)",
            "(?=a)",
            "a(?i)b",
            "a**",
            "a{2}{3}",
            "(a{2}){3}",
            "a{1001}",
            "a{,3}",
            "x{",
            "*a",
            "[[:alpha:]]",
            "[]a]",
            "[a-",
            "a)",
            "(a",
            "[a-\\d]",
            "[b-a]",
            "(?i)ü",
            r"\1",
            r"\Qa\E",
            "[a-c-e]",
            r"a\",
            "(?i)[à-ü]",
            "^*",
            r"[\D]",
            r"\é",
        ];
        for pattern in patterns {
            assert!(go(pattern).is_err(), "{pattern}");
        }
        for pattern in [r"\w", r"\d", r"[\s]", "(?i)a", r"\b", r"\z"] {
            assert!(translate(pattern, Dialect::Python).is_err(), "{pattern}");
        }
    }

    #[test]
    fn letters_beyond_ascii_are_no_word_characters_as_in_go() {
        let matches = |pattern: &str, text: &str| {
            let pattern = Pattern::new(&go(pattern).unwrap()).unwrap();
            pattern.search(text) == maais_runtime::core::policy::Tri::True
        };
        assert!(!matches(r"^\w$", "ü") && !matches(r"^\d$", "٣") && !matches(r"^\s$", "\u{b}"));
        assert!(matches(r"\bx\b", "üxü") && matches(r"^\W$", "ü") && matches(r"^[^a]$", "\n"));
        assert!(matches("(?i)^k$", "\u{212a}") && matches("(?i)^[a-z]$", "\u{17f}"));
        assert!(!matches("^.$", "\n") && !matches("a$", "a\n"));
    }

    /// Among ASCII texts Rust's own reading of a pattern that is translated is the same.
    #[test]
    fn a_translation_matches_what_the_pattern_does() {
        const PARTS: [&str; 32] = [
            "a", "b", "-", "[", "]", "[^", "(", ")", "(?:", "|", "*", "+", "?", "{2}", "{1,}", ".", "^", "$",
            "\\d", "\\w", "\\s", "\\W", "\\b", "\\.", "\\-", "\\x61", "a-b", "&", "~", "#", "1", "(?i)",
        ];
        const TEXTS: [&str; 12] = ["", "a", "ab", "B", "a-b", "1", "a1 b", "]", "&~#", "aa\nb", "[a]", "._^"];
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let mut random = |below: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state >> 33).unwrap() % below
        };
        let mut compared = 0;
        for _ in 0..20_000 {
            let pattern: String = (0..=random(7)).map(|_| PARTS[random(PARTS.len())]).collect();
            let _ = translate(&pattern, Dialect::Python);
            let (Ok(translated), Ok(own)) = (go(&pattern), Pattern::new(&pattern)) else { continue };
            // Operators on sets are Rust's alone.
            if ["&&", "--", "~~"].iter().any(|operator| pattern.contains(operator)) {
                continue;
            }
            compared += 1;
            let translated = Pattern::new(&translated).unwrap();
            for text in TEXTS {
                assert_eq!(translated.search(text), own.search(text), "{pattern} {translated:?} {text:?}");
            }
        }
        assert!(compared > 2_000, "{compared}");
    }
}
