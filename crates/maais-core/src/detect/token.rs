//! Tokens that name their issuer: by a prefix, or by letters in their middle.
//!
//! A body must have the issuer's alphabet and length, end where a token ends, and not be an example
//! (`xxxx`, `EXAMPLE`, `1234…`). Where the issuer puts a checksum into its tokens, one that holds makes the
//! finding certain; one that does not only leaves it as it was, because formats change.

use super::checksum::crc32;
use super::issuer::{INFIXES, SHAPES};
use super::letters::{entropy, is_filler};
use super::{Hit, Kind};
use crate::decision::Severity;

/// Which characters a token's body has.
#[derive(Debug, Clone, Copy)]
pub(super) enum Alphabet {
    /// Decimal digits.
    Digits,
    /// Lower-case hexadecimal digits.
    Hex,
    /// The same and `-`: UUIDs, pairs of hexadecimal numbers.
    Dashed,
    /// Lower-case letters and digits.
    Lower,
    /// Upper-case letters and digits.
    Upper,
    /// The same and `-`.
    UpperDashed,
    /// Letters and digits.
    Alnum,
    /// Letters, digits, `_`, `-`.
    Word,
    /// Base64: letters, digits, `+`, `/`, `=`.
    Base64,
    /// Dotted or base64 bodies: letters, digits, `_`, `-`, `.`, `=`, `/`, `+`.
    Dotted,
    /// The same and `@`: the rest of a path.
    Place,
    /// Letters, digits, `%`, `_`, `-`: base64 in a URL.
    Percent,
    /// Letters, digits, `_`, `-`, `.`, `~`.
    Tilde,
}

impl Alphabet {
    pub(super) fn has(self, byte: u8) -> bool {
        let alnum = byte.is_ascii_alphanumeric();
        let digit = byte.is_ascii_digit();
        match self {
            Self::Digits => digit,
            Self::Hex => digit || (b'a'..=b'f').contains(&byte),
            Self::Dashed => digit || (b'a'..=b'f').contains(&byte) || byte == b'-',
            Self::Lower => digit || byte.is_ascii_lowercase(),
            Self::Upper => digit || byte.is_ascii_uppercase(),
            Self::UpperDashed => digit || byte.is_ascii_uppercase() || byte == b'-',
            Self::Alnum => alnum,
            Self::Word => alnum || b"_-".contains(&byte),
            Self::Base64 => alnum || b"+/=".contains(&byte),
            Self::Dotted => alnum || b"_-.=/+".contains(&byte),
            Self::Place => alnum || b"_-.=/+@".contains(&byte),
            Self::Percent => alnum || b"%_-".contains(&byte),
            Self::Tilde => alnum || b"_-.~".contains(&byte),
        }
    }
}

/// What an issuer computes into its tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Check {
    Nothing,
    /// The last six characters are the CRC-32 of those before, in base 62.
    Crc32Base62,
}

/// How one issuer's tokens begin.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    issuer: &'static str,
    prefix: &'static str,
    alphabet: Alphabet,
    least: usize,
    most: usize,
    check: Check,
}

pub(super) const fn shape(
    issuer: &'static str,
    prefix: &'static str,
    alphabet: Alphabet,
    least: usize,
    most: usize,
) -> Shape {
    Shape { issuer, prefix, alphabet, least, most, check: Check::Nothing }
}

impl Shape {
    pub(super) const fn checked(self, check: Check) -> Self {
        Self { check, ..self }
    }
}

/// An alphabet and how few and how many of it.
type Part = (Alphabet, usize, usize);

/// How one issuer's tokens look around a marker.
#[derive(Debug, Clone, Copy)]
pub(super) struct Infix {
    issuer: &'static str,
    marker: &'static str,
    before: Part,
    after: Part,
}

pub(super) const fn infix(issuer: &'static str, marker: &'static str, before: Part, after: Part) -> Infix {
    Infix { issuer, marker, before, after }
}

/// What the automaton looks for on behalf of the tables.
pub(super) fn prefixes() -> impl Iterator<Item = &'static str> {
    SHAPES.iter().map(|shape| shape.prefix)
}

/// The same for the markers in the middle of tokens.
pub(super) fn markers() -> impl Iterator<Item = &'static str> {
    INFIXES.iter().map(|infix| infix.marker)
}

/// Characters by which a long token is judged.
const JUDGED_MAX: usize = 512;

/// A token of the shape of that number, which begins at `at`.
pub(super) fn shaped(text: &str, at: usize, number: usize) -> Option<Hit> {
    let shape = SHAPES.get(number)?;
    let start = text.get(at..)?;
    // The automaton ignores case, issuers do not.
    let body = start.strip_prefix(shape.prefix)?;
    let free = shape.prefix.contains('/') || shape.prefix.starts_with('_');
    // A `+` stands within base64 only.
    let letters_alone = shape.most >= JUDGED_MAX && matches!(shape.alphabet, Alphabet::Alnum);
    let within = |b: &u8| b.is_ascii_alphanumeric() || b"_+".contains(b) || (letters_alone && *b == b'/');
    if !free && text.as_bytes().get(..at)?.last().is_some_and(within) {
        return None;
    }
    let run = |limit: usize| body.bytes().take(limit).take_while(|b| shape.alphabet.has(*b)).count();
    let judged = run(JUDGED_MAX.min(shape.most + 1));
    let long = judged == JUDGED_MAX;
    if judged < shape.least || !looks_drawn(body.get(..judged)?.trim_end_matches(['.', '/', '-', '='])) {
        return None;
    }
    // Followed further only once it looks right, so that no text is read many times over.
    let length = if long { run(shape.most + 1) } else { judged };
    let after = body.as_bytes().get(length).copied().unwrap_or(b' ');
    let open_ended = shape.most >= JUDGED_MAX && length > shape.most;
    if letters_alone && b"+/".contains(&after) {
        return None;
    }
    if !open_ended && (length > shape.most || after.is_ascii_alphanumeric() || after == b'_') {
        return None;
    }
    let body = body.get(..length)?.trim_end_matches(['.', '/', '-']);
    let masked = format!("{}…", shape.prefix.trim_end());
    let hit = Hit::new(Kind::ProviderToken, (at, at + shape.prefix.len() + body.len()), masked);
    let severity = match shape.check {
        Check::Crc32Base62 if crc32_base62(body) => Severity::Critical,
        // Opens a place to play in.
        _ if shape.prefix.to_ascii_lowercase().contains("test") => Severity::Medium,
        _ => hit.severity,
    };
    Some(hit.of(shape.issuer).weighing(severity))
}

/// A token with the marker of that number at `at`.
pub(super) fn around(text: &str, at: usize, number: usize) -> Option<Hit> {
    let infix = INFIXES.get(number)?;
    let tail = text.get(at..)?.strip_prefix(infix.marker)?.as_bytes();
    let head = text.as_bytes().get(..at)?;
    let run = |(alphabet, least, most): Part, bytes: &mut dyn Iterator<Item = &u8>| {
        let length = bytes.take(most + 1).take_while(|b| alphabet.has(**b)).count();
        (least..=most).contains(&length).then_some(length)
    };
    // Padding ends a token; before it stands an `=` that gives it to a name.
    let before = run(infix.before, &mut head.iter().rev().take_while(|b| **b != b'='))?;
    let after = run(infix.after, &mut tail.iter())?;
    let (start, end) = (at - before, at + infix.marker.len() + after);
    let body = text.get(start..end)?;
    let is_word = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    // Digits may follow letters: `bot123456:AA…` in the address of a bot.
    let joined = is_word(text.as_bytes().get(..start)?.last()) && !matches!(infix.before.0, Alphabet::Digits);
    let alone = !joined && !is_word(text.as_bytes().get(end));
    let masked = format!("…{}…", infix.marker);
    (alone && looks_drawn(body)).then(|| Hit::new(Kind::ProviderToken, (start, end), masked).of(infix.issuer))
}

/// Drawn at random rather than typed as an example.
pub(super) fn looks_drawn(body: &str) -> bool {
    !is_filler(body) && !body.to_ascii_uppercase().contains("EXAMPLE") && entropy(body) >= 2.8
}

/// As GitHub and npm compute it: the CRC-32 (IEEE) of the body, six digits of base 62.
fn crc32_base62(body: &str) -> bool {
    let Some((drawn, sum)) = body.len().checked_sub(6).and_then(|at| body.split_at_checked(at)) else {
        return false;
    };
    let expected = crc32(drawn.as_bytes());
    let value = sum.bytes().try_fold(0_u64, |value, byte| {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'A'..=b'Z' => byte - b'A' + 10,
            b'a'..=b'z' => byte - b'a' + 36,
            _ => return None,
        };
        Some(value * 62 + u64::from(digit))
    });
    value == Some(u64::from(expected))
}

#[cfg(test)]
mod tests {
    use super::super::{Class, scan};
    use super::*;

    /// A body of this length, drawn for these tests.
    fn body(length: usize) -> String {
        "a8Kd02LmQx7Rw5Tz1Yc9Vb3Nf6Hj4Gp".chars().cycle().take(length).collect()
    }

    fn hex(length: usize) -> String {
        "3f9a0c7e21b864d5".chars().cycle().take(length).collect()
    }

    fn kinds(text: &str) -> Vec<Kind> {
        let hits = scan(text).into_iter().filter(|hit| hit.kind.class() == Class::Credential);
        hits.map(|hit| hit.kind).collect()
    }

    #[test]
    fn issuers_tokens_are_known_by_their_prefix() {
        for (prefix, tail) in [
            ("AK".to_owned() + "IA", body(16).to_uppercase()),
            ("gh".to_owned() + "p_", body(36)),
            ("glp".to_owned() + "at-", body(20)),
            ("xo".to_owned() + "xb-", "2481-".to_owned() + &body(24)),
            ("sk_".to_owned() + "live_", body(24)),
            ("AI".to_owned() + "za", body(35)),
            ("sk-".to_owned() + "ant-", body(40)),
            ("np".to_owned() + "m_", body(36)),
            ("dop".to_owned() + "_v1_", hex(64)),
            ("hooks.slack.com".to_owned() + "/services/", "T0/B0/".to_owned() + &body(24)),
        ] {
            for text in [
                format!("{prefix}{tail}"),
                format!("x = \"{prefix}{tail}\";"),
                format!("see {prefix}{tail}, ok"),
            ] {
                assert_eq!(kinds(&text), [Kind::ProviderToken], "{text}");
            }
        }
    }

    #[test]
    fn a_prefix_alone_or_with_an_example_behind_it_is_no_token() {
        let short = format!("gh{}{}", "p_", body(12));
        let filled = format!("gh{}{}", "p_", "x".repeat(36));
        let example = format!("AK{}", "IAIOSFODNN7EXAMPLE");
        let longer_word = format!("mygh{}{}", "p_", body(36));
        for text in
            [short.as_str(), &filled, &example, &longer_word, "sk-learn", "npm_config_registry", "task-force"]
        {
            assert_eq!(kinds(text), [], "{text}");
        }
    }

    #[test]
    fn a_checksum_that_holds_makes_a_token_certain() {
        // The example in GitHub's announcement of the format.
        let real = ["gh", "p_", "zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq17"].concat();
        let other = real.replace("zQWB", "zQWC");
        let severity = |text: &str| scan(text).first().map(|hit| hit.severity);
        assert_eq!(severity(&real), Some(Severity::Critical));
        assert_eq!(severity(&other), Some(Severity::High));
        let play = format!("sk{}{}", "_test_", body(24));
        assert_eq!(severity(&play), Some(Severity::Medium));
    }

    #[test]
    fn a_token_may_be_known_by_its_middle() {
        for (text, issuer) in [
            (format!("{}-us17", hex(32)), "mailchimp"),
            (format!("7{}:A{}{}", "4829103", "A", body(33)), "telegram"),
            (format!("aB3{}{}", "8Q~", body(34)), "azure_entra"),
            (format!("{}.atlas{}{}", body(14), "v1.", body(67)), "terraform"),
        ] {
            let found = scan(&text);
            assert_eq!(found.first().map(|hit| &*hit.detail), Some(issuer), "{text}");
            assert_eq!(scan(&text[1..]).iter().filter(|hit| hit.detail == issuer).count(), 0, "too short");
        }
    }

    #[test]
    fn no_two_rows_are_alike() {
        let rows: Vec<&str> = prefixes().chain(markers()).collect();
        let distinct: std::collections::BTreeSet<&str> = rows.iter().copied().collect();
        assert_eq!(rows.len(), distinct.len());
    }
}
