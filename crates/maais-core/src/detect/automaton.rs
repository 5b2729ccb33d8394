//! The one pass that looks for anything like a credential.
//!
//! An Aho-Corasick automaton over issuers' prefixes, markers and words, built on first use. What
//! it finds is only a reason to look: the parser of that family decides.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use super::{HITS_MAX, Hit, assign, token};

/// Words about which a secret may be assigned; matched in any case.
const WORDS: [&str; 8] = ["pass", "pwd", "secret", "token", "key", "cred", "securestring", "identified by"];

/// What opens a family that is no assignment.
const MARKERS: [(&str, Family); 9] = [
    ("-----begin", Family::Pem),
    ("private-lines:", Family::Putty),
    ("eyj", Family::Jwt),
    ("://", Family::Url),
    ("basic ", Family::Basic),
    ("bearer ", Family::Bearer),
    ("kty", Family::Jwk),
    ("--user", Family::User),
    (" -u ", Family::User),
];

#[derive(Debug, Clone, Copy)]
enum Family {
    Word,
    Token(usize),
    Pem,
    Putty,
    Jwt,
    Jwk,
    Url,
    Basic,
    Bearer,
    User,
}

struct Prefilter {
    automaton: AhoCorasick,
    families: Vec<Family>,
}

/// `None` cannot happen (the patterns are constants, tested below); it would mean no pre-filter.
static PREFILTER: LazyLock<Option<Prefilter>> = LazyLock::new(build);

fn build() -> Option<Prefilter> {
    let words = WORDS.iter().map(|word| (*word, Family::Word));
    let tokens = token::SHAPES.iter().enumerate().map(|(at, shape)| (shape.prefix, Family::Token(at)));
    let (patterns, families): (Vec<&str>, Vec<Family>) = words.chain(MARKERS).chain(tokens).unzip();
    let automaton = AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .match_kind(MatchKind::Standard)
        .kind(Some(AhoCorasickKind::DFA))
        .build(patterns)
        .ok()?;
    Some(Prefilter { automaton, families })
}

/// Adds the credentials in `text`.
pub(super) fn credentials(text: &str, hits: &mut Vec<Hit>) {
    let Some(prefilter) = PREFILTER.as_ref() else {
        return;
    };
    // The end of the last name that was parsed: `secret_key` is one name, not two.
    let mut named_until = 0;
    let mut jwk_seen = false;
    for found in prefilter.automaton.find_overlapping_iter(text) {
        if hits.len() >= HITS_MAX {
            return;
        }
        let Some(family) = prefilter.families.get(found.pattern().as_usize()) else {
            continue;
        };
        let at = found.start();
        let covered = hits.last().is_some_and(|hit| at < hit.end && hit.start <= at);
        if covered {
            continue;
        }
        let hit = match family {
            Family::Word if at < named_until => None,
            Family::Word => {
                let (end, hit) = assign::at(text, at, found.end());
                named_until = end;
                hit
            }
            Family::Token(shape) => {
                token::SHAPES.get(*shape).and_then(|shape| token::shaped(text, at, shape))
            }
            Family::Pem => token::pem(text, at),
            Family::Putty => token::putty(text, at, found.end()),
            Family::Jwt => token::jwt(text, at),
            Family::Jwk if jwk_seen => None,
            Family::Jwk => {
                jwk_seen = true;
                token::jwk(text)
            }
            Family::Url => assign::url_password(text, at),
            Family::Basic => assign::basic(text, found.end()),
            Family::User => assign::user_flag(text, found.end()),
            Family::Bearer => assign::bearer(text, found.end()),
        };
        hits.extend(hit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefilter_builds() {
        assert!(PREFILTER.is_some());
    }
}
