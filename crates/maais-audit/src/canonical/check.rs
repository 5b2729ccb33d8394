//! Whether bytes are canonical JSON as [`super::write`] spells it, without building the value.
//!
//! Verifying a log looks at every byte of it: this is several times faster than parsing and writing again.

use std::cmp::Ordering;

use super::{INTEGER_MAX, compare};

/// How deep a value may be nested.
const DEPTH_MAX: usize = 127;

/// Where and why bytes are not canonical JSON.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not canonical JSON: {why} (byte {offset})")]
pub struct NotCanonical {
    /// The byte, counted from 0.
    pub offset: usize,
    /// What is wrong there.
    pub why: &'static str,
}

/// Checks that the bytes are one value, spelled as [`super::write`] does.
pub fn check(bytes: &[u8]) -> Result<(), NotCanonical> {
    check_record(bytes).map(drop)
}

/// The same; says what stands under `type` in the outermost object, if that is a string without escapes.
pub(crate) fn check_record(bytes: &[u8]) -> Result<Option<&str>, NotCanonical> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| NotCanonical { offset: error.valid_up_to(), why: "not UTF-8" })?;
    let mut reader = Reader { text, at: 0, kind: None };
    reader.value(0)?;
    if reader.at == text.len() { Ok(reader.kind) } else { reader.wrong("something follows the value") }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    /// What stands under `type` in the outermost object.
    kind: Option<&'a str>,
}

impl<'a> Reader<'a> {
    fn value(&mut self, depth: usize) -> Result<(), NotCanonical> {
        match self.peek() {
            Some(b'"') => self.string().map(drop),
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b't') => self.word("true"),
            Some(b'f') => self.word("false"),
            Some(b'n') => self.word("null"),
            _ => self.number(),
        }
    }

    fn object(&mut self, depth: usize) -> Result<(), NotCanonical> {
        self.enter(depth)?;
        if self.skip(b'}') {
            return Ok(());
        }
        let mut before: Option<Key<'_>> = None;
        loop {
            let key = self.string()?;
            if before.is_some_and(|before| before.order(key) != Ordering::Less) {
                return self.wrong("keys are doubled or out of order");
            }
            before = Some(key);
            if !self.skip(b':') {
                return self.wrong("`:` must follow a key");
            }
            if depth == 0 && key.inside == "type" && self.peek() == Some(b'"') {
                let kind = self.string()?;
                self.kind = Some(kind.inside).filter(|_| kind.is_plain);
            } else {
                self.value(depth + 1)?;
            }
            match (self.skip(b','), self.skip(b'}')) {
                (true, false) => {}
                (false, true) => return Ok(()),
                _ => return self.wrong("`,` or `}` must follow a value"),
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<(), NotCanonical> {
        self.enter(depth)?;
        if self.skip(b']') {
            return Ok(());
        }
        loop {
            self.value(depth + 1)?;
            match (self.skip(b','), self.skip(b']')) {
                (true, false) => {}
                (false, true) => return Ok(()),
                _ => return self.wrong("`,` or `]` must follow a value"),
            }
        }
    }

    /// Skips the bracket.
    fn enter(&mut self, depth: usize) -> Result<(), NotCanonical> {
        self.at += 1;
        if depth < DEPTH_MAX { Ok(()) } else { self.wrong("nested too deep") }
    }

    fn string(&mut self) -> Result<Key<'a>, NotCanonical> {
        if !self.skip(b'"') {
            return self.wrong("a string must stand here");
        }
        let begin = self.at;
        let mut is_plain = true;
        loop {
            self.at += plain(self.rest());
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => self.escape()?,
                _ => return self.wrong("a string has no end, or holds a control character"),
            }
            is_plain = false;
        }
        let inside = self.text.get(begin..self.at).unwrap_or_default();
        self.at += 1;
        Ok(Key { inside, is_plain })
    }

    /// The shortest escape of a character that needs one, and no other.
    fn escape(&mut self) -> Result<(), NotCanonical> {
        let length = match self.rest() {
            [_, b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't', ..] => 2,
            [_, b'u', b'0', b'0', b'0', b'0'..=b'7' | b'b' | b'e' | b'f', ..] => 6,
            [_, b'u', b'0', b'0', b'1', b'0'..=b'9' | b'a'..=b'f', ..] => 6,
            _ => return self.wrong("an escape that is not needed, or is spelled otherwise"),
        };
        self.at += length;
        Ok(())
    }

    fn number(&mut self) -> Result<(), NotCanonical> {
        let rest = self.rest();
        let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e');
        let length = rest.iter().position(|byte| !is_part(byte)).unwrap_or(rest.len());
        let text = self.text.get(self.at..self.at + length).unwrap_or_default();
        if !is_canonical_number(text) {
            return self.wrong("a value must stand here, or a number is spelled otherwise");
        }
        self.at += length;
        Ok(())
    }

    fn word(&mut self, word: &str) -> Result<(), NotCanonical> {
        if !self.rest().starts_with(word.as_bytes()) {
            return self.wrong("a value must stand here");
        }
        self.at += word.len();
        Ok(())
    }

    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.rest().first().copied()
    }

    fn skip(&mut self, byte: u8) -> bool {
        let is_there = self.peek() == Some(byte);
        self.at += usize::from(is_there);
        is_there
    }

    fn wrong<T>(&self, why: &'static str) -> Result<T, NotCanonical> {
        Err(NotCanonical { offset: self.at, why })
    }
}

/// How many bytes there are before a quote, a backslash or a control character. Eight at a time (Mycroft's test for
/// a byte below n; a false alarm can only stand behind a true one).
fn plain(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::MAX / 255;
    const HIGH: u64 = ONES * 0x80;
    let below = |word: u64, n: u64| word.wrapping_sub(ONES * n) & !word & HIGH;
    let (words, _) = bytes.as_chunks::<8>();
    for (at, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let quote = below(word ^ (ONES * u64::from(b'"')), 1);
        let backslash = below(word ^ (ONES * u64::from(b'\\')), 1);
        let found = below(word, 0x20) | quote | backslash;
        if found != 0 {
            return at * 8 + (found.trailing_zeros() / 8) as usize;
        }
    }
    let rest = bytes.get(words.len() * 8..).unwrap_or_default();
    let end = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20));
    words.len() * 8 + end.unwrap_or(rest.len())
}

/// A string as it stands between its quotes.
#[derive(Clone, Copy)]
struct Key<'a> {
    inside: &'a str,
    is_plain: bool,
}

impl Key<'_> {
    fn order(self, other: Self) -> Ordering {
        match self.is_plain && other.is_plain {
            true => compare(self.inside, other.inside),
            false => compare(&self.meaning(), &other.meaning()),
        }
    }

    fn meaning(self) -> String {
        serde_json::from_str(&format!("\"{}\"", self.inside)).unwrap_or_default()
    }
}

fn is_canonical_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let is_shortest = text == "0" || !digits.starts_with('0');
        return is_shortest && digits.parse().is_ok_and(|number: u64| number <= INTEGER_MAX);
    }
    let is_spelled = |float: f64| float.is_finite() && ryu_js::Buffer::new().format(float) == text;
    text.parse().is_ok_and(is_spelled)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn eight_at_a_time_finds_what_one_at_a_time_finds(
            bytes in proptest::collection::vec(prop_oneof![any::<u8>(), 0x1e_u8..0x24, 0x5b_u8..0x5e, 0x80_u8..], 0..40)
        ) {
            let one_at_a_time = bytes.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20));
            prop_assert_eq!(plain(&bytes), one_at_a_time.unwrap_or(bytes.len()));
        }
    }

    #[test]
    fn the_kind_is_that_of_the_outermost_object() {
        assert_eq!(check_record(br#"{"a":{"type":"x"},"type":"start"}"#), Ok(Some("start")));
        assert_eq!(check_record(br#"{"a":{"type":"x"}}"#), Ok(None));
        assert_eq!(check_record(br#"{"type":1}"#), Ok(None));
        assert!(check_record(br#"{"type":"a","type":"b"}"#).is_err());
    }
}
