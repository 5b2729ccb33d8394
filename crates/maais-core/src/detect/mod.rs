//! Sensitive data in text: credentials and personal data, with their place and a harmless mask.
//!
//! One automaton looks for the few letters that every credential has about it (an issuer's prefix,
//! a word such as `password` before a `=`); only where it stops is anything parsed, by hand. Digits
//! are looked at once, for cards, account, national and telephone numbers. Nothing is compiled at
//! start-up, and no part of a text is read more than a bounded number of times.
//!
//! Precision counts: an alarm that cries wolf is switched off. Numbers must pass their checksum and
//! their issuer's rules; values must look chosen or drawn, not written by an author of examples;
//! UUIDs, hashes, references to variables and type annotations are not secrets. What a tenant adds
//! is in [`terms`].
//!
//! Deliberately absent: names, addresses and other personal data that need a language model;
//! decoding of base64 and its like (callers unwrap, then scan again); what a hit means: that is for
//! whoever knows where the text is going.

mod assign;
mod authorization;
mod automaton;
mod check_digit;
mod checksum;
mod email;
mod identifier;
mod identity;
mod issuer;
mod key;
mod kind;
mod letters;
mod literal;
mod name;
mod national;
mod national_letters;
mod number;
mod phone;
mod spelling;
pub mod terms;
mod token;
mod value;
mod web_token;

use std::borrow::Cow;

pub use kind::{Class, Kind};
use spelling::Traced;
pub(crate) use spelling::plain_sign;

use crate::decision::Severity;

/// Bytes of a text that are looked at; a request may have no more.
pub const TEXT_MAX: usize = 1 << 20;

/// Hits that are reported for one text, the most severe first. More would not change any decision.
pub const HITS_MAX: usize = 64;

/// One place in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// What it is.
    pub kind: Kind,
    /// Whose or which: the issuer of a token, the country of a number, the dictionary of a term.
    pub detail: Cow<'static, str>,
    /// How much it weighs: a token whose checksum holds more than one for tests.
    pub severity: Severity,
    /// First byte; on a character boundary, as is `end`.
    pub start: usize,
    /// One behind the last byte.
    pub end: usize,
    /// Recognisable to its owner, useless to others.
    pub masked: String,
}

impl Hit {
    fn new(kind: Kind, (start, end): (usize, usize), masked: String) -> Self {
        Self { kind, detail: Cow::Borrowed(""), severity: kind.severity(), start, end, masked }
    }

    fn of(self, detail: &'static str) -> Self {
        Self { detail: Cow::Borrowed(detail), ..self }
    }

    fn weighing(self, severity: Severity) -> Self {
        Self { severity, ..self }
    }
}

/// Finds sensitive data in a text: by place, without overlaps, at most [`HITS_MAX`], in the first
/// [`TEXT_MAX`] bytes.
pub fn scan(text: &str) -> Vec<Hit> {
    most_severe(scan_with(text, "", HITS_MAX))
}

/// The same, with the name of the parameter that holds the text. A name that says secret
/// (`password`, `api_key`, `client_secret`) makes a plausible value one; `key`, `token`, `id`,
/// `max_tokens`, `next_page_token` do not.
pub fn scan_named(name: &str, text: &str) -> Vec<Hit> {
    let hits = scan_with(text, name, HITS_MAX);
    let credential = hits.iter().any(|hit| hit.kind.class() == Class::Credential);
    match assign::named(name, text) {
        Some(hit) if !credential => most_severe(resolve_overlaps(std::iter::once(hit).chain(hits).collect())),
        _ => most_severe(hits),
    }
}

/// Finds the UUIDs in a text, which [`scan`] leaves alone: they name things and open nothing by themselves.
pub fn identifiers(text: &str) -> Vec<Hit> {
    let mut hits = Vec::new();
    identifier::uuids(bounded(text), HITS_MAX, &mut hits);
    hits
}

/// Whether a name alone says that its value is secret, whatever it looks like: `password`, `api_key`,
/// `client_secret`, but not `key`, `token` or `id`. For keeping values out of sight, not for alarms.
pub fn names_a_secret(name: &str) -> bool {
    name::strength(name).is_some_and(|strength| strength >= name::Strength::Medium)
}

/// The text with every hit replaced by its mask. What lies behind [`TEXT_MAX`] is cut off.
pub fn mask(text: &str) -> String {
    let text = bounded(text);
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for hit in scan_with(text, "", usize::MAX) {
        out.push_str(text.get(at..hit.start).unwrap_or_default());
        out.push_str(&hit.masked);
        at = hit.end;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out
}

/// `limit` is that of each family: much of one does not hide another.
fn scan_with(text: &str, name: &str, limit: usize) -> Vec<Hit> {
    let text = bounded(text);
    let Some(plain) = Traced::plain(text) else {
        return scan_plain(text, name, limit);
    };
    let mut hits = scan_plain(&plain.text, name, limit);
    for hit in &mut hits {
        (hit.start, hit.end) = plain.place(hit.start, hit.end);
    }
    hits
}

fn scan_plain(text: &str, name: &str, limit: usize) -> Vec<Hit> {
    let mut hits = Vec::new();
    automaton::credentials(text, limit, &mut hits);
    number::scan(text, name, limit, &mut hits);
    email::emails(text, limit, &mut hits);
    resolve_overlaps(hits)
}

/// Of two hits that overlap the more serious stays (the order of [`Kind`] says which) and covers both, so
/// that a mask leaves nothing of either.
fn resolve_overlaps(mut hits: Vec<Hit>) -> Vec<Hit> {
    if hits.len() < 2 {
        return hits;
    }
    hits.sort_by_key(|hit| (hit.start, std::cmp::Reverse(hit.end), hit.kind));
    let mut kept: Vec<Hit> = Vec::with_capacity(hits.len());
    for hit in hits {
        match kept.last_mut() {
            Some(last) if hit.start < last.end => {
                let (start, end) = (last.start, last.end.max(hit.end));
                if hit.kind < last.kind {
                    *last = hit;
                }
                (last.start, last.end) = (start, end);
            }
            _ => kept.push(hit),
        }
    }
    kept
}

/// At most [`HITS_MAX`], by place: a crowd of addresses does not push a key out.
fn most_severe(mut hits: Vec<Hit>) -> Vec<Hit> {
    if hits.len() > HITS_MAX {
        hits.sort_by_key(|hit| (std::cmp::Reverse(hit.severity), hit.start));
        hits.truncate(HITS_MAX);
        hits.sort_by_key(|hit| hit.start);
    }
    hits
}

/// The first [`TEXT_MAX`] bytes, cut at a character.
fn bounded(text: &str) -> &str {
    text.get(..text.floor_char_boundary(TEXT_MAX)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Drawn for these tests; assembled so that no scanner takes this file for a leak.
    fn drawn() -> String {
        ["q7Lw", "Zk3T", "v9Xr"].concat()
    }

    #[test]
    fn the_parameters_name_makes_a_plausible_value_a_secret() {
        let value = drawn();
        for name in ["password", "api_key", "client_secret", "clientSecret", "access_token", "X-Api-Key"] {
            assert_eq!(scan_named(name, &value).first().map(|hit| hit.kind), Some(Kind::Password), "{name}");
        }
        for name in
            ["key", "token", "id", "max_tokens", "primary_key", "sort_key", "next_page_token", "name", ""]
        {
            assert_eq!(scan_named(name, &value), [], "{name}");
        }
    }

    #[test]
    fn a_secret_name_does_not_make_an_implausible_value_a_secret() {
        for value in [
            "",
            "password",
            "<password>",
            "${TOKEN}",
            "xxxx",
            "changeme",
            "str",
            "https://example.com",
            "true",
        ] {
            for name in ["password", "api_key"] {
                assert_eq!(scan_named(name, value), [], "{name}={value}");
            }
        }
    }

    #[test]
    fn benign_values_are_quiet() {
        for text in [
            "4820017345",
            "f47ac10b-58cc-4372-a567-0e02b2c3d479",
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "da39a3ee5e6b4b0d3255bfef95601890afd80709",
            "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk",
            "2031-04-09T12:30:00+02:00",
            "SELECT token, key FROM sessions WHERE id = 17",
            "Please reset my password, I forgot it.",
            "for key, value in items:",
        ] {
            assert_eq!(scan(text), [], "{text}");
            assert_eq!(scan_named("id", text), [], "{text}");
            assert_eq!(scan_named("key", text), [], "{text}");
        }
    }

    #[test]
    fn masking_removes_every_hit() {
        let value = drawn();
        let text = format!("password = \"{value}\", card 4111-1111-1111-1111, mail ann@example.org");
        let masked = mask(&text);
        assert_eq!(masked, "password = \"[secret]\", card …1111, mail a…@example.org");
        let many = "ann@example.org ".repeat(HITS_MAX * 3);
        assert!(!mask(&many).contains("ann@"));
    }

    #[test]
    fn a_crowd_does_not_hide_what_is_serious() {
        let crowd = "ann@example.org, +49 30 901820; ".repeat(HITS_MAX * 2);
        let text = format!("{crowd} password = \"{}\" 4111-1111-1111-1111", drawn());
        let kinds: Vec<Kind> = scan(&text).iter().map(|hit| hit.kind).collect();
        assert_eq!(kinds.len(), HITS_MAX);
        assert!(kinds.contains(&Kind::Password) && kinds.contains(&Kind::PaymentCard), "{kinds:?}");
    }

    #[test]
    fn hits_are_bounded() {
        let text = "4111-1111-1111-1111, ".repeat(1000);
        assert_eq!(scan(&text).len(), HITS_MAX);
        let late = format!("{} 4111-1111-1111-1111", " ".repeat(TEXT_MAX));
        assert_eq!(scan(&late), []);
    }

    proptest! {
        #[test]
        fn no_text_panics_and_hits_are_in_order(name in any::<String>(), text in any::<String>()) {
            check(&name, &text)?;
        }

        #[test]
        fn no_secret_like_text_panics(
            name in "(password|api_key|ssn|x)",
            text in r#"((pass|secret|key|token|--user|kty|eyJ|://|-----BEGIN|Basic |AKIA|@|é|"|'|\\|=|:|,|value|[0-9]{1,5}|[a-z]{1,4}|-| |\.|\+|\(|\)|~|\n)){0,40}"#
        ) {
            check(&name, &text)?;
        }

        #[test]
        fn a_drawn_password_is_found_in_any_company(
            before in "[ -~]{0,40}\n", value in "[A-Za-z]{6}[0-9]{3}[A-Za-z]{4}[!#]", after in "\n[ -~]{0,40}"
        ) {
            prop_assume!(!value.to_lowercase().contains("xxx"));
            let text = format!("{before}db_password = \"{value}\"{after}");
            let hit = scan(&text).into_iter().any(|hit| text[hit.start..hit.end].contains(&value));
            prop_assert!(hit, "{}", text);
            prop_assert!(!mask(&text).contains(&value), "{}", mask(&text));
        }

        #[test]
        fn a_mask_leaves_four_digits_of_a_card_and_no_more(
            before in "[ -~&&[^0-9]]{0,40} ", body in "4[0-9]{14}", after in " [ -~&&[^0-9]]{0,40}"
        ) {
            let card = (0..10).map(|last| format!("{body}{last}")).find(|card| {
                check_digit::luhn(&card.bytes().map(|b| b - b'0').collect::<Vec<u8>>())
            });
            let card = card.unwrap_or_default();
            let masked = mask(&format!("{before}{card}{after}"));
            prop_assert!(!masked.contains(&card[..12]) && !masked.contains(&card[11..]), "{}", masked);
        }

        #[test]
        fn what_is_masked_holds_nothing_serious(text in "([a-z_]{1,12}[=: ]{1,3}[A-Za-z0-9!@#+/-]{6,40}[ ;,\n]{1,2}){0,8}") {
            let masked = mask(&text);
            let left: Vec<Hit> =
                scan(&masked).into_iter().filter(|hit| hit.severity > Severity::Low).collect();
            prop_assert!(left.is_empty(), "{:?} -> {:?}: {:?}", text, masked, left);
        }
    }

    fn check(name: &str, text: &str) -> Result<(), TestCaseError> {
        let hits = scan_named(name, text);
        prop_assert!(hits.iter().all(|hit| hit.start < hit.end && text.get(hit.start..hit.end).is_some()));
        prop_assert!(hits.windows(2).all(|pair| pair[0].end <= pair[1].start));
        let _ = mask(text);
        Ok(())
    }
}
