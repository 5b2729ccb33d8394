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
fn check_record(bytes: &[u8]) -> Result<Option<&str>, NotCanonical> {
    let mut reader = Reader::new(bytes)?;
    reader.value(0)?;
    reader.end()
}

/// The same of a record that is looked at from byte `from` on, behind the value of its key `last`: what comes before is
/// the caller's matter.
pub(crate) fn check_body<'a>(
    bytes: &'a [u8],
    from: usize,
    last: &'static str,
) -> Result<Option<&'a str>, NotCanonical> {
    let body = |body| {
        let mut reader = Reader::new(body)?;
        reader.members(0, Some(Key { inside: last.as_bytes(), is_plain: true }))?;
        reader.end()
    };
    let checked = body(bytes.get(from..).unwrap_or_default());
    checked.map_err(|error| NotCanonical { offset: from + error.offset, ..error })
}

struct Reader<'a> {
    rest: &'a [u8],
    length: usize,
    is_ascii: bool,
    /// What stands under `type` in the outermost object.
    kind: Option<&'a str>,
}

impl<'a> Reader<'a> {
    /// No byte of it is a control character, and all of it is UTF-8.
    fn new(bytes: &'a [u8]) -> Result<Self, NotCanonical> {
        let is_ascii = bytes.is_ascii();
        if !is_ascii && let Err(error) = std::str::from_utf8(bytes) {
            return Err(NotCanonical { offset: error.valid_up_to(), why: "not UTF-8" });
        }
        // Looking at all of them first, without a branch, is faster than finding the first.
        if bytes.iter().fold(u8::MAX, |least, byte| least.min(*byte)) < 0x20 {
            let offset = bytes.iter().position(|byte| *byte < 0x20).unwrap_or_default();
            return Err(NotCanonical { offset, why: "a control character, or white space" });
        }
        Ok(Self { rest: bytes, length: bytes.len(), is_ascii, kind: None })
    }

    fn end(&self) -> Result<Option<&'a str>, NotCanonical> {
        if self.rest.is_empty() { Ok(self.kind) } else { self.wrong("something follows the value") }
    }

    fn value(&mut self, depth: usize) -> Result<(), NotCanonical> {
        match self.peek() {
            Some(b'"') => self.string().map(drop),
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b't') => self.word(b"true"),
            Some(b'f') => self.word(b"false"),
            Some(b'n') => self.word(b"null"),
            _ => self.number(),
        }
    }

    fn object(&mut self, depth: usize) -> Result<(), NotCanonical> {
        self.enter(depth)?;
        if self.skip(b'}') {
            return Ok(());
        }
        let first = self.member(depth, None)?;
        self.members(depth, Some(first))
    }

    /// What follows a member of an object, up to the object's end.
    fn members(&mut self, depth: usize, mut before: Option<Key<'a>>) -> Result<(), NotCanonical> {
        loop {
            if self.skip(b',') {
                before = Some(self.member(depth, before)?);
            } else if self.skip(b'}') {
                return Ok(());
            } else {
                return self.wrong("`,` or `}` must follow a value");
            }
        }
    }

    /// A key and its value.
    fn member(&mut self, depth: usize, before: Option<Key<'a>>) -> Result<Key<'a>, NotCanonical> {
        let key = self.string()?;
        if before.is_some_and(|before| before.order(key, self.is_ascii) != Ordering::Less) {
            return self.wrong("keys are doubled or out of order");
        }
        if !self.skip(b':') {
            return self.wrong("`:` must follow a key");
        }
        if depth == 0 && key.inside == b"type" && self.peek() == Some(b'"') {
            let kind = self.string()?;
            self.kind = std::str::from_utf8(kind.inside).ok().filter(|_| kind.is_plain);
        } else {
            self.value(depth + 1)?;
        }
        Ok(key)
    }

    fn array(&mut self, depth: usize) -> Result<(), NotCanonical> {
        self.enter(depth)?;
        if self.skip(b']') {
            return Ok(());
        }
        loop {
            self.value(depth + 1)?;
            if self.skip(b']') {
                return Ok(());
            }
            if !self.skip(b',') {
                return self.wrong("`,` or `]` must follow a value");
            }
        }
    }

    /// Skips the bracket.
    fn enter(&mut self, depth: usize) -> Result<(), NotCanonical> {
        self.rest = self.rest.get(1..).unwrap_or_default();
        if depth < DEPTH_MAX { Ok(()) } else { self.wrong("nested too deep") }
    }

    fn string(&mut self) -> Result<Key<'a>, NotCanonical> {
        let [b'"', begin @ ..] = self.rest else {
            return self.wrong("a string must stand here");
        };
        self.rest = begin;
        let mut is_plain = true;
        loop {
            let (_, rest) = self.rest.split_at_checked(plain(self.rest)).unwrap_or_default();
            self.rest = rest;
            match rest {
                [b'"', rest @ ..] => {
                    let inside = begin.get(..begin.len() - self.rest.len()).unwrap_or_default();
                    self.rest = rest;
                    return Ok(Key { inside, is_plain });
                }
                [b'\\', ..] => self.escape()?,
                _ => return self.wrong("a string has no end"),
            }
            is_plain = false;
        }
    }

    /// The shortest escape of a character that needs one, and no other.
    fn escape(&mut self) -> Result<(), NotCanonical> {
        self.rest = match self.rest {
            [_, b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't', rest @ ..] => rest,
            [_, b'u', b'0', b'0', b'0', b'0'..=b'7' | b'b' | b'e' | b'f', rest @ ..] => rest,
            [_, b'u', b'0', b'0', b'1', b'0'..=b'9' | b'a'..=b'f', rest @ ..] => rest,
            _ => return self.wrong("an escape that is not needed, or is spelled otherwise"),
        };
        Ok(())
    }

    fn number(&mut self) -> Result<(), NotCanonical> {
        let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e');
        let length = self.rest.iter().position(|byte| !is_part(byte)).unwrap_or(self.rest.len());
        let (text, rest) = self.rest.split_at_checked(length).unwrap_or_default();
        if !std::str::from_utf8(text).is_ok_and(is_canonical_number) {
            return self.wrong("a value must stand here, or a number is spelled otherwise");
        }
        self.rest = rest;
        Ok(())
    }

    fn word(&mut self, word: &[u8]) -> Result<(), NotCanonical> {
        let Some(rest) = self.rest.strip_prefix(word) else {
            return self.wrong("a value must stand here");
        };
        self.rest = rest;
        Ok(())
    }

    fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    fn skip(&mut self, byte: u8) -> bool {
        match self.rest {
            [first, rest @ ..] if *first == byte => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    fn wrong<T>(&self, why: &'static str) -> Result<T, NotCanonical> {
        Err(NotCanonical { offset: self.length - self.rest.len(), why })
    }
}

/// How many bytes there are before a quote or a backslash. Eight at a time (Mycroft's test for a zero byte; a false alarm
/// can only stand behind a true one).
pub(super) fn plain(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::MAX / 255;
    const HIGH: u64 = ONES * 0x80;
    let is_zero = |word: u64| word.wrapping_sub(ONES) & !word & HIGH;
    let (words, _) = bytes.as_chunks::<8>();
    for (at, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let quote = is_zero(word ^ (ONES * u64::from(b'"')));
        let found = quote | is_zero(word ^ (ONES * u64::from(b'\\')));
        if found != 0 {
            return at * 8 + (found.trailing_zeros() / 8) as usize;
        }
    }
    let rest = bytes.get(words.len() * 8..).unwrap_or_default();
    let end = rest.iter().position(|byte| matches!(byte, b'"' | b'\\'));
    words.len() * 8 + end.unwrap_or(rest.len())
}

/// A string as it stands between its quotes.
#[derive(Clone, Copy)]
struct Key<'a> {
    inside: &'a [u8],
    is_plain: bool,
}

impl Key<'_> {
    fn order(self, other: Self, is_ascii: bool) -> Ordering {
        match self.is_plain && other.is_plain && is_ascii {
            true => self.inside.cmp(other.inside),
            false => compare(&self.meaning(), &other.meaning()),
        }
    }

    fn meaning(self) -> String {
        let quoted = [b"\"", self.inside, b"\""].concat();
        serde_json::from_slice(&quoted).unwrap_or_default()
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
            let one_at_a_time = bytes.iter().position(|byte| matches!(byte, b'"' | b'\\'));
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
