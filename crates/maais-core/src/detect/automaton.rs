//! The one pass that looks for anything like a credential.
//!
//! An Aho-Corasick automaton over issuers' prefixes, markers and words, built on first use. What
//! it finds is only a reason to look: the parser of that family decides.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use super::{Hit, Kind, assign, authorization, key, token, web_token};

/// Words about which a secret may be assigned; matched in any case.
const WORDS: [&str; 9] =
    ["pass", "pw", "psw", "secret", "token", "key", "cred", "securestring", "identified by"];

/// What opens a family that is no assignment.
const MARKERS: [(&str, Family); 17] = [
    ("-----begin", Family::Pem),
    ("private-lines:", Family::Putty),
    ("LS0tLS1CRUdJTi", Family::EncodedPem),
    ("AGE-SECRET-KEY-1", Family::Age),
    ("eyj", Family::Jwt),
    ("ZXlK", Family::EncodedJwt),
    ("://", Family::Url),
    ("basic ", Family::Basic),
    ("bearer ", Family::Bearer),
    ("kty", Family::Jwk),
    ("--user", Family::User),
    (" -u ", Family::User),
    ("authorization", Family::Authorization),
    ("&sig=", Family::Signature),
    ("?sig=", Family::Signature),
    ("x-amz-signature=", Family::Signature),
    ("x-goog-signature=", Family::Signature),
];

#[derive(Debug, Clone, Copy)]
enum Family {
    Word,
    Token(usize),
    Infix(usize),
    Pem,
    EncodedPem,
    Age,
    Putty,
    Jwt,
    EncodedJwt,
    Jwk,
    Url,
    Basic,
    Bearer,
    User,
    Authorization,
    Signature,
}

impl Family {
    fn is_specific(self) -> bool {
        !matches!(
            self,
            Self::Word
                | Self::Url
                | Self::Basic
                | Self::Bearer
                | Self::User
                | Self::Authorization
                | Self::Signature
        )
    }
}

struct Prefilter {
    automaton: AhoCorasick,
    families: Vec<Family>,
}

/// `None` cannot happen (the patterns are constants, tested below); it would mean no pre-filter.
static PREFILTER: LazyLock<Option<Prefilter>> = LazyLock::new(build);

fn build() -> Option<Prefilter> {
    let words = WORDS.iter().map(|word| (*word, Family::Word));
    let tokens = token::prefixes().enumerate().map(|(row, prefix)| (prefix, Family::Token(row)));
    let infixes = token::markers().enumerate().map(|(row, marker)| (marker, Family::Infix(row)));
    let (patterns, families): (Vec<&str>, Vec<Family>) =
        words.chain(MARKERS).chain(tokens).chain(infixes).unzip();
    let automaton = AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .match_kind(MatchKind::Standard)
        .kind(Some(AhoCorasickKind::DFA))
        .build(patterns)
        .ok()?;
    Some(Prefilter { automaton, families })
}

/// Adds the credentials in `text`.
pub(super) fn credentials(text: &str, limit: usize, hits: &mut Vec<Hit>) {
    let Some(prefilter) = PREFILTER.as_ref() else {
        return;
    };
    // The end of the last name that was parsed: `secret_key` is one name, not two.
    let mut named_until = 0;
    let mut jwk = false;
    for found in prefilter.automaton.find_overlapping_iter(text) {
        if hits.len() >= limit {
            return;
        }
        let Some(family) = prefilter.families.get(found.pattern().as_usize()) else {
            continue;
        };
        let at = found.start();
        // What names its issuer says more than the name it is given to.
        let vaguer = |hit: &Hit| hit.kind == Kind::Password && family.is_specific();
        let covered = hits.last().is_some_and(|hit| at < hit.end && hit.start <= at && !vaguer(hit));
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
            Family::Token(row) => token::shaped(text, at, *row),
            Family::Infix(row) => token::around(text, at, *row),
            Family::Pem => key::pem(text, at),
            Family::EncodedPem => key::encoded_pem(text, at),
            Family::Age => key::age(text, at, found.end()),
            Family::Putty => key::putty(text, at, found.end()),
            Family::EncodedJwt => web_token::encoded_jwt(text, at),
            Family::Jwt => web_token::jwt(text, at),
            Family::Jwk => {
                jwk |= text.as_bytes().get(found.end()).is_some_and(|b| !b.is_ascii_alphanumeric());
                None
            }
            Family::Url => authorization::url_password(text, at),
            Family::Basic => authorization::basic(text, found.end()),
            Family::User => authorization::user_flag(text, found.end()),
            Family::Authorization => authorization::authorization(text, at, found.end()),
            Family::Signature => authorization::signature(text, found.end()),
            Family::Bearer => authorization::bearer(text, found.end()),
        };
        hits.extend(hit);
    }
    if jwk {
        key::jwk(text, limit, hits);
    }
    key::runs(text, limit, hits);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefilter_builds() {
        assert!(PREFILTER.is_some());
    }
}
