//! Sensitive data in text: credentials and personal data, with their place and a harmless mask.
//!
//! One automaton looks for the few letters that every credential has about it (an issuer's prefix,
//! a word such as `password` before a `=`); only where it stops is anything parsed, by hand. Digits
//! are looked at once, for cards, account and telephone numbers. Nothing is compiled at start-up.
//!
//! Precision counts: an alarm that cries wolf is switched off. Numbers must pass their checksum and
//! their issuer's rules; values must look chosen or drawn, not written by an author of examples;
//! UUIDs, hashes, references to variables and type annotations are not secrets.
//!
//! Deliberately absent: names, addresses and other personal data that need a language model;
//! decoding of base64 and its like (callers unwrap, then scan again); what a hit means: that is for
//! whoever knows where the text is going.

mod assign;
mod automaton;
mod contact;
mod identity;
mod name;
mod number;
mod token;
mod value;

/// Bytes of a text that are looked at; a request may have no more.
pub const TEXT_MAX: usize = 1 << 20;

/// Hits that are reported for one text. More would not change any decision.
pub const HITS_MAX: usize = 64;

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// A private key: PEM, PuTTY, age, JWK.
    PrivateKey,
    /// A token whose shape names its issuer.
    ProviderToken,
    /// A signed or encrypted JSON Web Token (RFC 7519).
    Jwt,
    /// A value given to a name that says secret, an authorization header, or the password of a URL
    /// or connection string.
    Password,
    /// A payment card number: issuer prefix, length, Luhn (ISO/IEC 7812-1).
    PaymentCard,
    /// A social security number of the United States.
    UsSsn,
    /// An international bank account number (ISO 13616).
    Iban,
    /// An e-mail address. Low severity: many tasks need one.
    Email,
    /// A telephone number. Low severity.
    Phone,
}

/// What it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Opens something.
    Credential,
    /// Is about a person.
    Personal,
}

impl Kind {
    /// The word used in policies and records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PrivateKey => "private_key",
            Self::ProviderToken => "provider_token",
            Self::Jwt => "jwt",
            Self::Password => "password",
            Self::PaymentCard => "payment_card",
            Self::UsSsn => "us_ssn",
            Self::Iban => "iban",
            Self::Email => "email",
            Self::Phone => "phone",
        }
    }

    /// What it is about.
    pub fn class(self) -> Class {
        match self {
            Self::PrivateKey | Self::ProviderToken | Self::Jwt | Self::Password => Class::Credential,
            Self::PaymentCard | Self::UsSsn | Self::Iban | Self::Email | Self::Phone => Class::Personal,
        }
    }
}

impl Class {
    /// The word used in policies and records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Credential => "credential",
            Self::Personal => "personal",
        }
    }
}

/// One place in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// What it is.
    pub kind: Kind,
    /// First byte; on a character boundary, as is `end`.
    pub start: usize,
    /// One behind the last byte.
    pub end: usize,
    /// Recognisable to its owner, useless to others.
    pub masked: String,
}

/// Finds sensitive data in a text: by place, without overlaps, at most [`HITS_MAX`], in the first
/// [`TEXT_MAX`] bytes.
pub fn scan(text: &str) -> Vec<Hit> {
    scan_with(text, "")
}

/// The same, with the name of the parameter that holds the text. A name that says secret
/// (`password`, `api_key`, `client_secret`) makes a plausible value one; `key`, `token`, `id`,
/// `max_tokens`, `next_page_token` do not.
pub fn scan_named(name: &str, text: &str) -> Vec<Hit> {
    let hits = scan_with(text, name);
    let credential = hits.iter().any(|hit| hit.kind.class() == Class::Credential);
    match assign::named(name, text) {
        Some(hit) if !credential => resolve_overlaps(std::iter::once(hit).chain(hits).collect()),
        _ => hits,
    }
}

/// The text with every hit replaced by its mask. What lies behind [`TEXT_MAX`] is cut off.
pub fn mask(text: &str) -> String {
    let text = bounded(text);
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    // Masking may uncover nothing new, but the limit on hits must not leave any behind.
    loop {
        let hits = scan(rest);
        let full = hits.len() >= HITS_MAX;
        let mut at = 0;
        for hit in hits {
            out.push_str(rest.get(at..hit.start).unwrap_or_default());
            out.push_str(&hit.masked);
            at = hit.end;
        }
        rest = rest.get(at..).unwrap_or_default();
        if !full {
            out.push_str(rest);
            return out;
        }
    }
}

fn scan_with(text: &str, name: &str) -> Vec<Hit> {
    let text = bounded(text);
    let mut hits = Vec::new();
    automaton::credentials(text, &mut hits);
    number::scan(text, name, &mut hits);
    contact::emails(text, &mut hits);
    resolve_overlaps(hits)
}

/// Of two hits that overlap the more serious stays; the order of [`Kind`] says which.
fn resolve_overlaps(mut hits: Vec<Hit>) -> Vec<Hit> {
    if hits.len() < 2 {
        return hits;
    }
    hits.sort_by_key(|hit| (hit.start, std::cmp::Reverse(hit.end), hit.kind));
    let mut kept: Vec<Hit> = Vec::with_capacity(hits.len());
    for hit in hits {
        match kept.last_mut() {
            Some(last) if hit.start < last.end => {
                if hit.kind < last.kind {
                    *last = hit;
                }
            }
            _ => kept.push(hit),
        }
    }
    kept.truncate(HITS_MAX);
    kept
}

/// The first [`TEXT_MAX`] bytes, cut at a character.
fn bounded(text: &str) -> &str {
    text.get(..text.floor_char_boundary(TEXT_MAX)).unwrap_or(text)
}
