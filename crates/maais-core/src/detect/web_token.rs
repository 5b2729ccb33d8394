//! JSON Web Tokens, and issuers' keys that are JSON in base64.

use serde_json::Value;

use super::checksum::base64;
use super::token::{Alphabet, looks_drawn};
use super::{Hit, Kind};

/// Characters of a header; it holds a few names, or a certificate.
const HEADER_MAX: usize = 16 * 1024;

/// A signed (three parts) or encrypted (five) token whose header decodes to JSON with a name of its own
/// (RFC 7515, RFC 7516).
pub(super) fn jwt(text: &str, at: usize) -> Option<Hit> {
    if text.as_bytes().get(..at)?.last().is_some_and(|b| Alphabet::Word.has(*b) || *b == b'.') {
        return None;
    }
    let start = text.get(at..)?;
    let length = start.bytes().take(64 * 1024).take_while(|b| Alphabet::Word.has(*b) || *b == b'.').count();
    if start.starts_with(GRAFANA) {
        return grafana(start, at);
    }
    let token = start.get(..length)?.trim_end_matches('.');
    let parts: Vec<&str> = token.splitn(6, '.').collect();
    let known = parts.first().filter(|header| header.len() <= HEADER_MAX).and_then(|header| base64(header));
    let header: Value = serde_json::from_slice(&known?).ok()?;
    let claims = || parts.get(1).is_some_and(|claims| claims.starts_with("ey"));
    let signed = (parts.len() == 3 && claims()) || parts.len() == 5;
    let last = parts.last()?;
    if !signed || !is_header(&header) || last.len() < 8 {
        return None;
    }
    Some(Hit::new(Kind::Jwt, (at, at + token.len()), "eyJ…".to_owned()))
}

/// Names of a header (RFC 7515 4.1, RFC 7516 4.1, RFC 7518 4.6 to 4.8). `alg` must be there, but what was cut from
/// elsewhere has lost it sometimes.
const HEADER_NAMES: [&str; 14] =
    ["alg", "enc", "typ", "zip", "kid", "cty", "jku", "jwk", "x5u", "x5c", "x5t", "epk", "apu", "apv"];

fn is_header(header: &Value) -> bool {
    header.as_object().is_some_and(|names| HEADER_NAMES.iter().any(|known| names.contains_key(*known)))
}

/// A token that was put into base64 once more: the automaton stopped at `eyJ` in that encoding.
pub(super) fn encoded_jwt(text: &str, at: usize) -> Option<Hit> {
    if text.as_bytes().get(..at)?.last().is_some_and(|b| Alphabet::Base64.has(*b) && *b != b'=') {
        return None;
    }
    let body = text.get(at..)?;
    let plain = |b: &u8| Alphabet::Base64.has(*b) && *b != b'=';
    let length = body.bytes().take(64 * 1024).take_while(plain).count();
    let inner = String::from_utf8(base64(body.get(..length)?)?).ok()?;
    let token = jwt(&inner, 0)?;
    (token.kind == Kind::Jwt).then(|| Hit::new(Kind::Jwt, (at, at + length), "ZXlK…".to_owned()))
}

/// `{"k":"` in base64: how Grafana's keys of old begin.
const GRAFANA: &str = "eyJrIjoi";

fn grafana(start: &str, at: usize) -> Option<Hit> {
    let length = start.bytes().take(400).take_while(|b| Alphabet::Base64.has(*b)).count();
    let body = start.get(..length)?;
    let fits = (70..400).contains(&length) && looks_drawn(body.get(GRAFANA.len()..)?);
    fits.then(|| Hit::new(Kind::ProviderToken, (at, at + length), format!("{GRAFANA}…")).of("grafana"))
}

#[cfg(test)]
mod tests {
    use super::super::{Class, scan};
    use super::*;

    fn kinds(text: &str) -> Vec<Kind> {
        let hits = scan(text).into_iter().filter(|hit| hit.kind.class() == Class::Credential);
        hits.map(|hit| hit.kind).collect()
    }

    #[test]
    fn a_json_web_token_has_a_header_claims_and_a_signature() {
        let header = "eyJhbGciOiJIUzI1NiJ9";
        let signature = ["a8Kd02LmQx7Rw5Tz1Yc9", "Vb3Nf6Hj4Gpa8Kd02LmQx7R"].concat();
        let token = [header, "eyJzdWIiOiIxIn0", &signature].join(".");
        assert_eq!(kinds(&token), [Kind::Jwt]);
        assert_eq!(kinds(&format!("cookie: t={token}; x")), [Kind::Jwt]);
        assert_eq!(kinds(header), []);
        assert_eq!(kinds(&format!("{header}.eyJzdWIiOiIxIn0.")), [], "unsigned");
        assert_eq!(kinds("eyJ.eyJ.abcdefghijkl"), []);
        let broken = token.replacen("J9.", "J.", 1);
        assert_eq!(kinds(&broken), [], "the header is no JSON");
    }
}
