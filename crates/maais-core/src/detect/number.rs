//! Runs of digits in text: cards, social security numbers, bank accounts, telephone numbers.
//!
//! One pass stops at each run of digits that is not part of a longer word (so not in hashes, UUIDs,
//! versions or decimals), reads it with the separators people use, and asks the checks of
//! `identity`, `national` and `phone`. Bare digits without a checksum (nine for a social security number, ten
//! for a telephone) count only where the words before them, or the parameter's name, say so.

use super::check_digit::luhn;
use super::national::{self, Form, National};
use super::{Hit, Kind, identity, national_letters, phone};

/// Digits of the longest number that is looked for, and some.
const DIGITS_MAX: usize = 20;

/// Digits of the shortest: a telephone number without its area, in a small town.
const DIGITS_MIN: usize = 6;

/// Bytes before a number in which a word may say what it is.
const CONTEXT: usize = 40;

/// Groups that are told apart; a number in more is none.
const GROUPS_MAX: usize = 8;

/// Digits with their groups, on the stack: most runs are looked at once and dropped.
pub(super) struct Run {
    digits: [u8; DIGITS_MAX],
    length: usize,
    groups: [usize; GROUPS_MAX],
    group_count: usize,
    /// The separator, if all are alike.
    pub(super) separator: Option<u8>,
    pub(super) mixed: bool,
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Run {
    /// Values of the digits.
    pub(super) fn digits(&self) -> &[u8] {
        self.digits.get(..self.length).unwrap_or_default()
    }

    /// Lengths of the groups between separators.
    pub(super) fn groups(&self) -> &[usize] {
        self.groups.get(..self.group_count).unwrap_or_default()
    }

    /// Whether there was room.
    fn push(&mut self, digit: u8) -> bool {
        let group = self.groups.get_mut(self.group_count.saturating_sub(1));
        match (self.digits.get_mut(self.length), group) {
            (Some(place), Some(group)) => {
                *place = digit;
                *group += 1;
                self.length += 1;
                true
            }
            _ => false,
        }
    }
}

/// Adds the numbers in `text`; `name` is the parameter's.
pub(super) fn scan(text: &str, name: &str, limit: usize, hits: &mut Vec<Hit>) {
    let bytes = text.as_bytes();
    let mut at = 0;
    // Telephone numbers, of which anybody has many, do not use up the room of the others.
    let (mut phones, mut others) = (0, 0);
    while let Some(found) = bytes.get(at..).and_then(|rest| rest.iter().position(u8::is_ascii_digit)) {
        let start = at + found;
        let found = iban(text, start)
            .or_else(|| with_letters(text, name, start))
            .or_else(|| number(text, name, start));
        at = match &found {
            Some(hit) => hit.end,
            None => start + run_of_word(bytes, start),
        };
        let Some(hit) = found else { continue };
        let count = if hit.kind == Kind::Phone { &mut phones } else { &mut others };
        *count += 1;
        if *count <= limit {
            hits.push(hit);
        }
        if others >= limit {
            return;
        }
    }
}

/// Bytes of the word from here: what follows a digit without a break belongs to it.
fn run_of_word(bytes: &[u8], start: usize) -> usize {
    let rest = bytes.get(start..).unwrap_or_default();
    rest.iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count().max(1)
}

fn number(text: &str, name: &str, start: usize) -> Option<Hit> {
    if !has_enough(text.as_bytes(), start) || continues_a_word(text.as_bytes(), start) {
        return None;
    }
    let run = read(text.as_bytes(), start);
    card(text, name, &run)
        .or_else(|| social_security(text, name, &run))
        .or_else(|| national_id(text, name, &run))
        .or_else(|| phone::phone(text, name, &run))
}

/// Whether as many digits follow, with separators, as the shortest number has. Most runs have not.
fn has_enough(bytes: &[u8], start: usize) -> bool {
    let rest = bytes.get(start..).unwrap_or_default().iter().take(2 * DIGITS_MIN);
    let number =
        rest.take_while(|b| b.is_ascii_digit() || matches!(b, b' ' | b'-' | b'.' | b'(' | b')' | b'/'));
    number.filter(|b| b.is_ascii_digit()).count() >= DIGITS_MIN
}

/// Whether the digits are the tail of something longer: `a1`, `x-1`, `1.2`, `#1`.
fn continues_a_word(bytes: &[u8], start: usize) -> bool {
    let before = bytes.get(..start).unwrap_or_default();
    match before {
        [.., last] if last.is_ascii_alphanumeric() || *last == b'_' || *last >= 0x80 => true,
        // `0.4111…`, `v1.2`; but not the full stop of a sentence, which a space follows.
        [.., inner, b'.' | b',' | b'/'] => inner.is_ascii_digit(),
        // A group of a UUID or of a hyphenated identifier with digits.
        [.., b'-'] => {
            let word = before.iter().rev().skip(1).take(12).take_while(|b| b.is_ascii_alphanumeric());
            word.clone().any(u8::is_ascii_digit)
        }
        _ => false,
    }
}

/// Reads digits and single separators (space, `-`, `.`).
fn read(bytes: &[u8], start: usize) -> Run {
    let mut run = Run {
        digits: [0; DIGITS_MAX],
        length: 0,
        groups: [0; GROUPS_MAX],
        group_count: 1,
        separator: None,
        mixed: false,
        start,
        end: start,
    };
    let mut rest = bytes.get(start..).unwrap_or_default();
    let mut at = start;
    loop {
        match rest {
            [digit @ b'0'..=b'9', tail @ ..] if run.push(digit - b'0') => {
                run.end = at + 1;
                rest = tail;
            }
            // After hyphens a space ends the number: `4111-1111-1111-1111 12/31`.
            [b' ', ..] if run.separator.is_some_and(|known| known != b' ') => return run,
            [separator @ (b' ' | b'-' | b'.'), b'0'..=b'9', ..] if run.group_count < GROUPS_MAX => {
                run.mixed |= run.separator.is_some_and(|known| known != *separator);
                run.separator = Some(*separator);
                run.group_count += 1;
                rest = rest.get(1..).unwrap_or_default();
            }
            _ => return run,
        }
        at += 1;
    }
}

/// What follows the digits must not continue them: a letter, a decimal, more digits.
fn ends_here(bytes: &[u8], end: usize) -> bool {
    match bytes.get(end..).unwrap_or_default() {
        [next, ..] if next.is_ascii_alphanumeric() || *next == b'_' => false,
        [b'.' | b'-', next, ..] => !next.is_ascii_alphanumeric(),
        _ => true,
    }
}

/// A card in one group, or in groups as printed; an expiry date or a code may follow behind a space.
fn card(text: &str, name: &str, run: &Run) -> Option<Hit> {
    let spaced = run.separator == Some(b' ');
    let cut = |count: usize| (1..=count).rev().filter(move |kept| *kept == count || spaced);
    cut(run.groups().len()).find_map(|count| {
        let groups = run.groups().get(..count)?;
        let digits = run.digits().get(..groups.iter().sum())?;
        let end = if count == run.groups().len() { run.end } else { run.start + digits.len() + count - 1 };
        let grouped = match groups {
            [_] => true,
            [4, middle @ .., 1..=6] => middle.iter().all(|group| (4..=6).contains(group)) && !run.mixed,
            _ => false,
        };
        // Numbers of 64 bits are as long as the longest cards, which are rare, and may be negative.
        let negative = groups.len() == 1 && text.as_bytes().get(..run.start)?.ends_with(b"-");
        let issued = |digits: &[u8]| digits.len() <= 16 && !negative && identity::issued(digits);
        let distinct = digits.iter().fold(0_u16, |seen, digit| seen | (1 << digit)).count_ones();
        let valid = grouped
            && distinct > 1
            && run.separator != Some(b'.')
            && luhn(digits)
            && ends_here(text.as_bytes(), end)
            && (issued(digits) || (identity::issuable(digits) && says_card(text, name, run.start)));
        let last = digits.iter().rev().take(4).rev().map(|digit| char::from(b'0' + digit));
        valid.then(|| Hit::new(Kind::PaymentCard, (run.start, end), last.fold("…".to_owned(), push)))
    })
}

/// Whether a word says that the number is a card's, so that a range which nobody listed counts too.
fn says_card(text: &str, name: &str, start: usize) -> bool {
    let words = [
        "card",
        "cards",
        "cc",
        "credit",
        "debit",
        "visa",
        "mastercard",
        "maestro",
        "amex",
        "jcb",
        "discover",
    ];
    // `card_id` names a record.
    let name = if name.to_ascii_lowercase().ends_with("id") { "" } else { name };
    says_word(text, name, (start.saturating_sub(CONTEXT), start), &words)
}

fn push(mut text: String, c: char) -> String {
    text.push(c);
    text
}

fn social_security(text: &str, name: &str, run: &Run) -> Option<Hit> {
    let words =
        ["ssn", "social security", "social_security", "socialsecurity", "soc sec", "social insurance"];
    let dashed = run.groups() == [3, 2, 4].as_slice() && run.separator == Some(b'-') && !run.mixed;
    let said = || says(text, name, run.start, &words);
    let shaped =
        dashed || ((run.groups() == [9].as_slice() || run.groups() == [3, 2, 4].as_slice()) && said());
    let valid = shaped && identity::social_security(run.digits()) && ends_here(text.as_bytes(), run.end);
    valid.then(|| Hit::new(Kind::UsSsn, (run.start, run.end), "***-**-****".to_owned()))
}

/// A national number of digits alone.
fn national_id(text: &str, name: &str, run: &Run) -> Option<Hit> {
    if !(9..=18).contains(&run.digits().len()) || !ends_here(text.as_bytes(), run.end) {
        return None;
    }
    let known = |national: &National| {
        national.form == Form::Own
            || says_word(text, name, (run.start.saturating_sub(CONTEXT), run.start), national.words)
    };
    let national = national::by_digits(run).into_iter().find(known)?;
    Some(national_hit(&national, (run.start, run.end)))
}

/// A national number with letters: the word whose first digit stands at `start`.
fn with_letters(text: &str, name: &str, start: usize) -> Option<Hit> {
    let bytes = text.as_bytes();
    let before = bytes.get(..start)?;
    let back = before.iter().rev().take(LETTERS_MAX + 1).take_while(|b| b.is_ascii_alphabetic()).count();
    let from = start - back;
    let joined = bytes.get(..from)?.last().is_some_and(|b| b.is_ascii_alphanumeric() || b"_-.".contains(b));
    if back > LETTERS_MAX || joined {
        return None;
    }
    let rest = text.get(from..)?;
    let length = rest.bytes().take(WORD_MAX + 1).take_while(u8::is_ascii_alphanumeric).count();
    let (national, length) = national_letters::by_word(rest.get(..length)?, rest)?;
    let known = national.form == Form::Own
        || says_word(text, name, (from.saturating_sub(CONTEXT), from), national.words);
    (known && ends_here(bytes, from + length)).then(|| national_hit(&national, (from, from + length)))
}

/// Letters before the first digit, and characters in all, of the longest national number.
const LETTERS_MAX: usize = 6;
const WORD_MAX: usize = 18;

fn national_hit(national: &National, place: (usize, usize)) -> Hit {
    Hit::new(Kind::NationalId, place, format!("[{}]", national.name)).of(national.name)
}

/// The same as [`says`] for words that stand in other words too (`sin` in `using`): they stand alone.
pub(super) fn says_word(text: &str, name: &str, (from, start): (usize, usize), words: &[&str]) -> bool {
    let near = text.get(text.floor_char_boundary(from)..start).unwrap_or_default();
    [near, name].iter().any(|place| has_word(place.as_bytes(), words))
}

/// Whether one of the words stands in the text by itself; case and the signs between words do not matter.
fn has_word(text: &[u8], words: &[&str]) -> bool {
    let fold = |b: u8| if b"_-".contains(&b) { b' ' } else { b.to_ascii_lowercase() };
    let is_letter = |b: u8| b.is_ascii_alphabetic() || b >= 0x80;
    let begins = |at: usize| at.checked_sub(1).and_then(|at| text.get(at)).is_none_or(|b| !is_letter(*b));
    let starts = text.iter().enumerate().filter(|(at, b)| is_letter(**b) && begins(*at)).map(|(at, _)| at);
    starts.filter_map(|at| text.get(at..)).any(|rest| {
        let first = rest.first().copied().map(fold);
        words.iter().any(|word| {
            let word = word.as_bytes();
            word.first().copied().map(fold) == first
                && rest.len() >= word.len()
                && rest.iter().zip(word).all(|(a, b)| fold(*a) == fold(*b))
                && rest.get(word.len()).is_none_or(|b| !is_letter(*b))
        })
    })
}

/// Whether a word stands shortly before the number or in the parameter's name.
fn says(text: &str, name: &str, start: usize, words: &[&str]) -> bool {
    let from = text.floor_char_boundary(start.saturating_sub(CONTEXT));
    let before = text.get(from..start).unwrap_or_default().to_ascii_lowercase();
    let name = if name.is_empty() { String::new() } else { name.to_ascii_lowercase() };
    words.iter().any(|word| before.contains(word) || name.contains(word))
}

/// An IBAN whose check digits begin at `start`: two letters before, its country's length, with or
/// without the spaces (or hyphens) of the printed form.
fn iban(text: &str, start: usize) -> Option<Hit> {
    let from = start.checked_sub(2)?;
    if !text.as_bytes().get(from)?.is_ascii_alphabetic() {
        return None;
    }
    let country = text.get(from..start).filter(|code| code.bytes().all(|b| b.is_ascii_alphabetic()))?;
    let before = text.as_bytes().get(..from)?.last().copied().unwrap_or(b' ');
    if before.is_ascii_alphanumeric() || before == b'_' {
        return None;
    }
    let mut iban = country.to_ascii_uppercase();
    let length = identity::iban_length(&iban)?;
    let mut end = start;
    let mut gap = true;
    for byte in text.as_bytes().get(start..)? {
        match byte {
            _ if iban.len() == length => break,
            byte if byte.is_ascii_alphanumeric() => {
                iban.push(char::from(byte.to_ascii_uppercase()));
                gap = false;
            }
            b' ' | b'-' if !gap => gap = true,
            _ => return None,
        }
        end += 1;
    }
    let next = text.as_bytes().get(end).copied().unwrap_or(b' ');
    let whole = iban.len() == length && !next.is_ascii_alphanumeric();
    let masked = || format!("{}…", iban.get(..2).unwrap_or_default());
    (whole && identity::iban_checks(&iban)).then(|| Hit::new(Kind::Iban, (from, end), masked()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(name: &str, text: &str) -> Vec<(Kind, String)> {
        let mut hits = Vec::new();
        scan(text, name, 64, &mut hits);
        hits.iter().map(|hit| (hit.kind, text[hit.start..hit.end].to_owned())).collect()
    }

    fn one(name: &str, text: &str) -> Option<Kind> {
        kinds(name, text).first().map(|(kind, _)| *kind)
    }

    #[test]
    fn cards_are_found_as_people_write_them() {
        for (text, card) in [
            ("pay with 4111-1111-1111-1111.", "4111-1111-1111-1111"),
            ("4111 1111 1111 1111 12/31 123", "4111 1111 1111 1111"),
            ("4111-1111-1111-1111 12/31", "4111-1111-1111-1111"),
            ("card:5555555555554444,", "5555555555554444"),
            // A Maestro range that the table does not list.
            ("debit card 676770000047", "676770000047"),
            ("\"3782 822463 10005\"", "3782 822463 10005"),
        ] {
            assert_eq!(kinds("", text), [(Kind::PaymentCard, card.to_owned())], "{text}");
        }
    }

    #[test]
    fn ids_hashes_versions_and_times_are_no_numbers_of_persons() {
        for text in [
            "order 4820017345",
            "4111111111111112",
            "order 676770000047",
            "4181792142133755926",
            "{ mantissa -4386812962460287 }",
            "discard 676770000047",
            "0.4111111111111111",
            "f47ac10b-58cc-4372-a567-0e02b2c3d479",
            "4111111111111111abc",
            "x4111111111111111",
            "2031-04-09T12:30:00Z",
            "2031-04-09 12:30:00",
            "10.20.30.40",
            "1712345678901",
            "123456789",
            "v1.22.333",
            "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "1, 2, 3, 4, 5, 6, 7, 8",
            "1111111111111111",
        ] {
            assert_eq!(kinds("", text), [], "{text}");
        }
    }

    #[test]
    fn words_or_the_name_say_what_bare_digits_are() {
        assert_eq!(one("", "SSN: 123456789"), Some(Kind::UsSsn));
        assert_eq!(one("ssn", "123456789"), Some(Kind::UsSsn));
        assert_eq!(one("", "123-45-6789"), Some(Kind::UsSsn));
        assert_eq!(one("", "my ssn is 123-45-6789 2"), Some(Kind::UsSsn));
        assert_eq!(one("", "000-45-6789"), None);
        assert_eq!(one("phone", "5551234567"), Some(Kind::Phone));
        assert_eq!(one("order_id", "5551234567"), None);
        assert_eq!(one("", "call 5551234567"), Some(Kind::Phone));
        assert_eq!(one("card_number", "676770000047"), Some(Kind::PaymentCard));
        assert_eq!(one("card_id", "676770000047"), None);
    }

    #[test]
    fn ibans_are_found_spaced_and_lower_case() {
        for text in ["DE89 3704 0044 0532 0130 00", "iban: gb29nwbk60161331926819.", "NO93-8601-1117-947"] {
            assert_eq!(one("", text), Some(Kind::Iban), "{text}");
        }
        assert_eq!(one("", "DE89 3704 0044 0532 0130 01"), None);
        assert_eq!(one("", "AB12 3456"), None);
    }
}
