//! Texts as words: folded so that other spellings of the same word are the same, and hashed.
//!
//! Case, width, signs that nobody sees, accents written apart and letters of other scripts that look Latin are
//! folded. `at` and `dot` are left out: `eve (at) evil dot example` is the address. No dictionary, no meaning.

use crate::detect::plain_sign;

/// Bytes of one word that are looked at; what is longer is one word with the same beginning.
const WORD_MAX: usize = 128;
/// Words of one text that are looked at.
pub(super) const WORDS_MAX: usize = 64 * 1024;

/// A word of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    /// Folded.
    pub(super) text: Box<str>,
    /// Where it begins in the text.
    pub(super) at: usize,
    /// A clause may begin here: something before it ends one.
    pub(super) begins: bool,
    /// A sentence begins here.
    pub(super) sentence: bool,
    /// Only a space or a hyphen is between it and the word before.
    pub(super) joined: bool,
}

impl Word {
    pub(super) fn hash(&self) -> u64 {
        hash(&self.text)
    }

    pub(super) fn has_digit(&self) -> bool {
        self.text.bytes().any(|byte| byte.is_ascii_digit())
    }
}

/// A hash of folded text. It is no secret: whoever finds another text with the same hash only makes that text
/// look as if it had been read.
pub(super) fn hash(text: &str) -> u64 {
    let fnv = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    mix(fnv)
}

/// Two hashes in their order.
pub(super) fn pair(first: u64, second: u64) -> u64 {
    mix(first.rotate_left(17).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ second)
}

fn mix(hash: u64) -> u64 {
    let hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^ (hash >> 29)
}

/// The words of a text, at most [`WORDS_MAX`].
pub(super) fn words(text: &str) -> Vec<Word> {
    let mut cutter = Cutter::default();
    for (at, given) in text.char_indices() {
        cutter.take(at, given);
        if cutter.words.len() >= WORDS_MAX {
            break;
        }
    }
    cutter.end();
    cutter.words
}

/// The words of a name: `sendEmail`, `send_email`, `GmailSendEmail`, `EPICReadFile`.
pub(super) fn name_words(name: &str) -> Vec<String> {
    let signs: Vec<char> = name.chars().take(256).collect();
    let mut words = vec![String::new()];
    for (at, sign) in signs.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| signs.get(at));
        let after_small = before.is_some_and(|before| before.is_lowercase() || before.is_ascii_digit());
        let ends_capitals = before.is_some_and(|before| before.is_uppercase())
            && signs.get(at + 1).is_some_and(|next| next.is_lowercase());
        if !sign.is_alphanumeric() || (sign.is_uppercase() && (after_small || ends_capitals)) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| sign.is_alphanumeric()) {
            word.extend(fold(*sign).into_iter().flat_map(char::to_lowercase));
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Without the endings of plural, past and progress, so that both sides of a comparison lose the same.
pub(super) fn stem(word: &str) -> &str {
    let long = |rest: &&str| rest.len() >= 3;
    let stemmed = (word.strip_suffix("ies").filter(long))
        .or_else(|| word.strip_suffix("ing").filter(long))
        .or_else(|| word.strip_suffix("ed").filter(long))
        .or_else(|| word.strip_suffix('s').filter(|rest| long(rest) && !rest.ends_with('s')))
        .unwrap_or(word);
    stemmed.strip_suffix(['e', 'y']).filter(long).unwrap_or(stemmed)
}

#[derive(Default)]
struct Cutter {
    words: Vec<Word>,
    open: String,
    at: usize,
    /// What came since the last word.
    between: Between,
}

#[derive(Default)]
struct Between {
    /// The clause has ended.
    ends: bool,
    /// The sentence has ended.
    full: bool,
    /// Ends the clause if a space follows.
    comma: bool,
    /// Ends the sentence if a space follows.
    stop: bool,
    other: bool,
    newline: bool,
}

impl Cutter {
    fn take(&mut self, at: usize, given: char) {
        let Some(sign) = fold(given) else { return };
        if sign.is_alphanumeric() {
            if self.open.is_empty() {
                // `the end.Send it` is two sentences.
                self.between.full |= self.between.stop && sign.is_uppercase();
                self.at = at;
            }
            if self.open.len() < WORD_MAX {
                self.open.extend(sign.to_lowercase());
            }
            return;
        }
        self.close();
        let between = &mut self.between;
        match sign {
            '\n' => {
                between.full |= between.newline || between.stop;
                between.ends |= between.comma;
                between.newline = true;
            }
            sign if sign.is_whitespace() => {
                between.full |= between.stop;
                between.ends |= between.comma;
            }
            '-' | '_' if !between.newline => {}
            '.' | '!' | '?' => (between.stop, between.other) = (true, true),
            ':' | ';' | ',' => (between.comma, between.other) = (true, true),
            '\'' | '\u{2019}' => between.other = true,
            '"' | '`' | '(' | ')' | '[' | ']' | '\u{201c}' | '\u{201d}' => between.ends = true,
            '<' | '>' | '{' | '}' | '|' | '#' | '*' | '•' => between.full = true,
            _ => {
                between.other = true;
                between.full |= between.newline;
            }
        }
    }

    fn close(&mut self) {
        if self.open.is_empty() {
            return;
        }
        let text = std::mem::take(&mut self.open);
        if text == "at" || text == "dot" {
            return;
        }
        let Between { ends, full, other, newline, .. } = std::mem::take(&mut self.between);
        let sentence = full || self.words.is_empty();
        let begins = ends || sentence;
        let joined = !begins && !other && !newline;
        self.words.push(Word { text: text.into(), at: self.at, begins, sentence, joined });
    }

    fn end(&mut self) {
        self.close();
    }
}

/// A sign as it is compared; nothing if nobody sees it.
fn fold(sign: char) -> Option<char> {
    if sign.is_ascii() {
        return Some(sign);
    }
    let code = u32::from(sign);
    match code {
        // Signs that stand for ASCII and are never shown.
        0xe_0020..=0xe_007e => char::from_u32(code - 0xe_0000),
        0x300..=0x36f | 0x180e | 0xe_0000..=0xe_0fff => None,
        // Bold, italic, script and other letters of mathematics, twenty-six capitals and small ones each.
        0x1_d400..=0x1_d6a3 => Some(mathematical(code)),
        _ => plain_sign(sign).map(latin),
    }
}

fn mathematical(code: u32) -> char {
    let nth = (code - 0x1_d400) % 26;
    char::from_u32(u32::from('a') + nth).unwrap_or('a')
}

/// Letters of other scripts that look Latin.
fn latin(sign: char) -> char {
    const SAME: [(&str, char); 24] = [
        ("аαАΑ", 'a'),
        ("вВΒ", 'b'),
        ("сϲС", 'c'),
        ("ԁ", 'd'),
        ("еεЕΕ", 'e'),
        ("ɡ", 'g'),
        ("һНΗ", 'h'),
        ("іιІΙ", 'i'),
        ("јЈ", 'j'),
        ("кκКΚ", 'k'),
        ("ӏ", 'l'),
        ("мМΜ", 'm'),
        ("Ν", 'n'),
        ("оοОΟ", 'o'),
        ("рρРΡ", 'p'),
        ("ԛ", 'q'),
        ("ѕЅ", 's'),
        ("тτТΤ", 't'),
        ("υ", 'u'),
        ("ν", 'v'),
        ("ԝ", 'w'),
        ("хχХΧ", 'x'),
        ("уγУΥ", 'y'),
        ("Ζ", 'z'),
    ];
    SAME.iter().find(|(signs, _)| signs.contains(sign)).map_or(sign, |(_, letter)| *letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<String> {
        words(text).into_iter().map(|word| word.text.into()).collect()
    }

    #[test]
    fn other_spellings_of_a_word_are_the_word() {
        for text in [
            "eve@evil.com",
            "EVE (at) evil [dot] com",
            "еve@evіl.com",
            "ｅｖｅ@evil.com",
            "e\u{200b}ve@evil.com",
        ] {
            assert_eq!(texts(text), ["eve", "evil", "com"], "{text}");
        }
    }

    #[test]
    fn names_are_made_of_words() {
        for (name, expected) in [
            ("send_email", "send email"),
            ("GmailSendEmail", "gmail send email"),
            ("EpicFHIRManageDocuments", "epic fhir manage documents"),
            ("mail.send-now", "mail send now"),
        ] {
            assert_eq!(name_words(name).join(" "), expected);
        }
    }

    #[test]
    fn clauses_begin_after_what_ends_one() {
        let begins = |text: &str| -> Vec<String> {
            words(text).into_iter().filter(|word| word.begins).map(|word| word.text.into()).collect()
        };
        assert_eq!(begins("See a.b.com. Then go, or stay"), ["see", "then", "or"]);
        assert_eq!(begins("one\ntwo\n\nthree\n- four"), ["one", "three", "four"]);
        assert_eq!(begins("{'bio': 'Please go'}"), ["bio", "please"]);
    }

    #[test]
    fn a_text_without_end_is_cut_at_the_limit() {
        assert_eq!(words(&"a ".repeat(WORDS_MAX + 10)).len(), WORDS_MAX);
        assert_eq!(words(&"a".repeat(10_000))[0].text.len(), WORD_MAX);
    }
}
