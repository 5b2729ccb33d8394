//! Telephone numbers.
//!
//! They count in international form, in the forms that people give to telephone numbers only (area in
//! brackets, North American groups, a trunk zero and groups, pairs), or where a word before, behind or in the
//! parameter's name says telephone. Ten bare digits are an id.

use super::check_digit::is_day;
use super::number::{Run, says_word};
use super::{Hit, Kind};

/// In the name of a parameter, or before a number in a word of its own: it is a telephone number.
const NAMES: [&str; 7] = ["phone", "mobile", "whatsapp", "msisdn", "telefon", "fax", "handynummer"];

/// Before a number: the same, and what people do with telephones.
const WORDS: [&str; 26] = [
    "phone",
    "phones",
    "telephone",
    "cellphone",
    "telefon",
    "teléfono",
    "téléphone",
    "mobile",
    "mobil",
    "cell",
    "handy",
    "landline",
    "tel",
    "tél",
    "fax",
    "whatsapp",
    "sms",
    "call",
    "dial",
    "ring",
    "reach",
    "answer",
    "answering",
    "voicemail",
    "hotline",
    "helpline",
];

/// Behind a number: what kind of line it is.
const KINDS: [&str; 9] =
    ["office", "fax", "mobile", "cell", "phone", "landline", "handy", "mobil", "whatsapp"];

/// Bytes before a number in which such a word may stand.
const NEAR: usize = 24;

/// A telephone number that begins with this run of digits.
pub(super) fn phone(text: &str, name: &str, run: &Run) -> Option<Hit> {
    let bytes = text.as_bytes();
    let before = bytes.get(..run.start)?;
    let dialled = Dialled::read(bytes, run);
    let end = extension(bytes, dialled.end);
    let digits = dialled.digits;
    // The middle of a longer row of groups.
    let continues = matches!(before, [.., b'0'..=b'9', b' ' | b'-']);
    if !(6..=15).contains(&digits) || continues || !ends_here(bytes, end) || is_date(run) {
        return None;
    }
    let international = before.ends_with(b"+") || before.ends_with(b"(+");
    let bracketed = before.ends_with(b"(") && bytes.get(run.end) == Some(&b')');
    let valid = (international && digits >= 8)
        || (digits >= 7 && (dialled.has_form(run, bracketed) || names_a_phone(name)))
        || said(text, name, run.start, end);
    if !valid {
        return None;
    }
    let lead = if before.ends_with(b"(+") { 2 } else { usize::from(international || bracketed) };
    let last: String = text.get(..end)?.chars().rev().filter(char::is_ascii_digit).take(2).collect();
    let masked = format!("…{}", last.chars().rev().collect::<String>());
    Some(Hit::new(Kind::Phone, (run.start - lead, end), masked))
}

fn names_a_phone(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    NAMES.iter().any(|word| lower.contains(word))
}

/// Whether a word before or behind says so.
fn said(text: &str, name: &str, start: usize, end: usize) -> bool {
    let behind = text.get(end..).unwrap_or_default();
    let behind = behind.strip_prefix([' ', '-']).unwrap_or(behind).trim_start_matches(['(', '[']);
    let length = behind.bytes().take(12).take_while(u8::is_ascii_alphabetic).count();
    let kind = behind.get(..length).unwrap_or_default();
    KINDS.iter().any(|known| known.eq_ignore_ascii_case(kind))
        || says_word(text, name, (start.saturating_sub(NEAR), start), &WORDS)
}

/// A number as it is dialled: groups of digits, brackets around one of them.
struct Dialled {
    digits: usize,
    groups: [usize; Self::GROUPS_MAX],
    count: usize,
    end: usize,
}

impl Dialled {
    const GROUPS_MAX: usize = 8;

    /// Separators are single, or a bracket and a space.
    fn read(bytes: &[u8], run: &Run) -> Self {
        let mut dialled = Self { digits: 0, groups: [0; Self::GROUPS_MAX], count: 0, end: run.start };
        let mut gap = 1;
        for (at, byte) in bytes.get(run.start..).unwrap_or_default().iter().enumerate().take(32) {
            match byte {
                b'0'..=b'9' => {
                    dialled.count += usize::from(gap > 0);
                    let Some(group) = dialled.groups.get_mut(dialled.count.saturating_sub(1)) else { break };
                    *group += 1;
                    dialled.digits += 1;
                    gap = 0;
                    dialled.end = run.start + at + 1;
                }
                b' ' | b'-' | b'.' | b'(' | b')' | b'/' if gap < 2 => gap += 1,
                _ => break,
            }
        }
        dialled
    }

    /// Whether only telephone numbers are written so.
    fn has_form(&self, run: &Run, bracketed: bool) -> bool {
        let groups = self.groups.get(..self.count).unwrap_or_default();
        let spaced = run.separator == Some(b' ');
        let trunk = run.digits().starts_with(&[0]) && !run.digits().starts_with(&[0, 0]);
        match groups {
            // `(ddd) ddd-dddd` and its like elsewhere; a list's number or a year may stand in brackets too.
            [2 | 3, 3..=4, 3..=4] if bracketed => true,
            [4, 3..=4, 3..=4] if bracketed => trunk,
            [3, 3, 4] | [1, 3, 3, 4] | [3, 3, 3, 4] if run.groups().len() > 1 => !spaced,
            // `030 1234 5678`, as most of Europe writes them.
            [_, _, ..] if trunk && run.groups().len() > 1 => {
                (9..=11).contains(&self.digits) && !run.mixed && run.separator != Some(b'.')
            }
            // `01-23-45-67-89`, `12-34-56-78`.
            [2, 2, 2, 2] | [2, 2, 2, 2, 2] => run.separator == Some(b'-'),
            _ => false,
        }
    }
}

/// What follows must not continue the number: more digits, a letter without a break, one or two behind a hyphen
/// (as in the address of a network card).
fn ends_here(bytes: &[u8], end: usize) -> bool {
    match bytes.get(end..).unwrap_or_default() {
        [next, ..] if next.is_ascii_alphanumeric() || *next == b'_' => false,
        [b'.', next, ..] => !next.is_ascii_digit(),
        [b'-', rest @ ..] => {
            let word = rest.iter().take(3).take_while(|b| b.is_ascii_alphanumeric()).count();
            word == 0 || (word > 2 && rest.first().is_some_and(u8::is_ascii_alphabetic))
        }
        _ => true,
    }
}

/// Where an extension (`x123`) ends, if one follows.
fn extension(bytes: &[u8], end: usize) -> usize {
    match bytes.get(end..).unwrap_or_default() {
        [b'x', rest @ ..] => {
            let digits = rest.iter().take(6).take_while(|b| b.is_ascii_digit()).count();
            if digits > 0 { end + 1 + digits } else { end }
        }
        _ => end,
    }
}

/// Year, month and day, or day, month and year in either order.
fn is_date(run: &Run) -> bool {
    let number = |from: usize, length: usize| {
        let part = run.digits().get(from..from + length).unwrap_or_default();
        part.iter().fold(0_u64, |all, digit| all * 10 + u64::from(*digit))
    };
    let years = 1800..2200;
    match run.groups() {
        [4, 2, 2, ..] => years.contains(&number(0, 4)) && is_day(number(4, 2), number(6, 2)),
        [2, 2, 4, ..] => {
            let day = is_day(number(0, 2), number(2, 2)) || is_day(number(2, 2), number(0, 2));
            years.contains(&number(4, 4)) && day
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::scan_named;
    use super::*;

    fn found(name: &str, text: &str) -> Vec<String> {
        let hits = scan_named(name, text).into_iter().filter(|hit| hit.kind == Kind::Phone);
        hits.map(|hit| text[hit.start..hit.end].to_owned()).collect()
    }

    #[test]
    fn telephone_numbers_have_many_forms() {
        for text in [
            "+49 30 901820",
            "(415) 555-0132",
            "415-555-0132",
            "+1 415 555 0132",
            "415.555.0132x77",
            "(415)555-0132x77",
            "030 1234 5678",
            "(03) 5327 5996",
            "0123-4567890",
            "01-23-45-67-89",
            "+41 (0)44 668 18 00",
            "001-415-555-0132",
        ] {
            assert_eq!(found("", text), [text], "{text}");
            let in_text = format!("Her number: {text}, after six.");
            assert_eq!(found("", &in_text), [text], "{text}");
        }
    }

    #[test]
    fn words_say_what_bare_digits_are() {
        for text in
            ["call 5551234567", "Tel. 668 5702", "9493 7477 mobile", "2546712361-Fax", "ring 33 93 31"]
        {
            assert_eq!(found("", text).len(), 1, "{text}");
        }
        assert_eq!(found("phoneNumber", "5551234567").len(), 1);
        for text in [
            "cancelled 5551234567",
            "5551234567",
            "order 9493 7477",
            "the total 33 93 31",
            "4820017345 officers",
        ] {
            assert_eq!(found("", text), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn dates_lists_and_addresses_are_no_telephone_numbers() {
        for text in [
            "2031-04-09",
            "09.04.2031 12:30",
            "(10) 2031-04-09",
            "10.20.30.40",
            "1, 2, 3, 4, 5, 6, 7",
            "pages 100-200",
            "01-23-45-67-89-AB",
            "2031 04 09",
            "call me on 2031-04-09",
        ] {
            assert_eq!(found("", text), Vec::<String>::new(), "{text}");
        }
    }
}
