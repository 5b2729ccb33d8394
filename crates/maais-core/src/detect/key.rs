//! Private keys: armoured, in JSON, as seeds and as wallets write them.

use super::checksum::{base32, base58_check, base64, crc16};
use super::token::{Alphabet, looks_drawn};
use super::{Hit, Kind};
use crate::decision::Severity;

/// Base64 characters that a key's armour must at least hold; a pattern or a headline has none.
const KEY_BODY_MIN: usize = 40;

/// Bytes of the longest armour that is followed to its end.
const KEY_BODY_MAX: usize = 16 * 1024;

/// `-----BEGIN … PRIVATE KEY-----` (RFC 7468, RFC 4716) with a body, whole or cut off.
pub(super) fn pem(text: &str, at: usize) -> Option<Hit> {
    let start = text.get(at..)?;
    let window = start.get(10..start.floor_char_boundary(80))?;
    let label = window.get(..window.find("-----")?)?;
    if !label.to_ascii_uppercase().contains("PRIVATE KEY") {
        return None;
    }
    let body_at = 10 + label.len() + 5;
    let body = start.get(body_at..)?;
    let head = body.get(..body.floor_char_boundary(600))?.split("-----END").next()?.bytes();
    let (_, longest) = head.fold((0_usize, 0_usize), |(run, best), byte| {
        let run = if Alphabet::Base64.has(byte) && byte != b'=' { run + 1 } else { 0 };
        (run, best.max(run))
    });
    if longest < KEY_BODY_MIN {
        return None;
    }
    let within = body.get(..body.floor_char_boundary(KEY_BODY_MAX))?;
    let end = within.find("-----END").map_or(within.len(), |end| end + 8);
    let masked = "-----BEGIN PRIVATE KEY-----…".to_owned();
    Some(Hit::new(Kind::PrivateKey, (at, at + body_at + end), masked).of("pem"))
}

/// PuTTY's `Private-Lines: n`, followed by base64.
pub(super) fn putty(text: &str, at: usize, end: usize) -> Option<Hit> {
    let rest = text.get(end..)?;
    let body = rest
        .trim_start_matches([' ', '\r', '\n', '\\', 'n', 'r'])
        .trim_start_matches(|c: char| c.is_ascii_digit());
    let body = body.trim_start_matches(['\r', '\n', ' ', '\\', 'n', 'r']);
    let length = body.bytes().take_while(|b| b.is_ascii_alphanumeric() || b"+/=".contains(b)).count();
    let skipped = rest.len() - body.len();
    (length >= KEY_BODY_MIN).then(|| {
        let place = (at, end + skipped + length);
        Hit::new(Kind::PrivateKey, place, "Private-Lines: …".to_owned()).of("putty")
    })
}

/// A PEM file in base64, as Kubernetes and environment variables hold it: the automaton stopped at
/// `-----BEGIN` in that encoding.
pub(super) fn encoded_pem(text: &str, at: usize) -> Option<Hit> {
    let body = text.get(at..)?;
    let head = base64(body.get(..64)?)?;
    // Looked at first: the rest is only followed for a key.
    if !String::from_utf8_lossy(&head).to_ascii_uppercase().contains("PRIVATE KEY") {
        return None;
    }
    let length = body.bytes().take(KEY_BODY_MAX * 4).take_while(|b| Alphabet::Base64.has(*b)).count();
    (length >= 120)
        .then(|| Hit::new(Kind::PrivateKey, (at, at + length), "LS0tLS1CRUdJTi…".to_owned()).of("pem"))
}

/// age's secret keys: the automaton stopped at their prefix.
pub(super) fn age(text: &str, at: usize, end: usize) -> Option<Hit> {
    let body = text.get(end..)?;
    let length = body.bytes().take(64).take_while(|b| Alphabet::Upper.has(*b)).count();
    let known = text.get(at..end)?.starts_with("AGE-") && length == 58 && looks_drawn(body.get(..length)?);
    known.then(|| Hit::new(Kind::PrivateKey, (at, end + length), "AGE-SECRET-KEY-1…".to_owned()).of("age"))
}

/// Members of a JSON Web Key that only the private one has (RFC 7518 6.2.2, 6.3.2).
const PRIVATE_MEMBERS: [&str; 6] = ["d", "p", "q", "dp", "dq", "qi"];

/// The private members of JSON Web Keys: those above, and `k` of an `oct` key (6.4).
pub(super) fn jwk(text: &str, limit: usize, hits: &mut Vec<Hit>) {
    let symmetric = text.contains("oct");
    let full = hits.len().saturating_add(limit);
    for (at, _) in text.match_indices(':') {
        let before = text.get(..at).unwrap_or_default().trim_end_matches([' ', '"', '\'', '\\']);
        let name_at = before.rfind(|c: char| !c.is_ascii_alphanumeric() && c != '_').map_or(0, |at| at + 1);
        let name = before.get(name_at..).unwrap_or_default();
        let private = PRIVATE_MEMBERS.contains(&name) || (symmetric && name == "k");
        if !private {
            continue;
        }
        let rest = text.get(at + 1..).unwrap_or_default();
        let Some(value) = rest.trim_start_matches([' ', '\\']).strip_prefix(['"', '\'']) else { continue };
        let length = value.bytes().take_while(|b| Alphabet::Word.has(*b)).count();
        if length < 20 || !looks_drawn(value.get(..length).unwrap_or_default()) {
            continue;
        }
        let start = text.len() - value.len();
        hits.push(Hit::new(Kind::PrivateKey, (start, start + length), format!("{name}: …")).of("jwk"));
        if hits.len() >= full {
            return;
        }
    }
}

/// Characters of the shortest key that is one run of letters and digits.
const RUN_MIN: usize = 34;

/// Keys that have no prefix to speak of, by length, alphabet and checksum. Looks at every 34th byte only, so
/// prose costs next to nothing.
pub(super) fn runs(text: &str, limit: usize, hits: &mut Vec<Hit>) {
    let bytes = text.as_bytes();
    let full = hits.len().saturating_add(limit);
    let mut from = 0;
    while let Some(probe) = bytes.get(from + RUN_MIN - 1) {
        if !probe.is_ascii_alphanumeric() {
            from += RUN_MIN;
            continue;
        }
        let is_word = |b: &&u8| b.is_ascii_alphanumeric();
        let window = bytes.get(from..from + RUN_MIN).unwrap_or_default();
        let start = from + RUN_MIN - window.iter().rev().take_while(is_word).count();
        let end = start + bytes.get(start..).unwrap_or_default().iter().take_while(is_word).count();
        hits.extend(text.get(start..end).and_then(|run| key_of(run, start)));
        if hits.len() >= full {
            return;
        }
        from = end;
    }
}

fn key_of(run: &str, start: usize) -> Option<Hit> {
    let hit = |kind, detail, masked: &str| {
        Hit::new(kind, (start, start + run.len()), format!("{masked}…")).of(detail)
    };
    match (run.len(), run.as_bytes()) {
        // NATS: `S`, the kind of key, and a checksum of two bytes.
        (58, [b'S', kind @ (b'A' | b'C' | b'N' | b'O' | b'U' | b'X'), ..]) => {
            let bytes = base32(run).filter(|_| looks_drawn(run))?;
            let (seed, sum) = bytes.split_last_chunk::<2>()?;
            let checked = crc16(seed) == u16::from_le_bytes(*sum);
            let severity = if checked { Severity::Critical } else { Severity::High };
            Some(hit(Kind::PrivateKey, "nats", &format!("S{}", char::from(*kind))).weighing(severity))
        }
        // Bitcoin: the wallet import format, an extended private key (BIP 32).
        (51, [b'5', ..]) | (52, [b'K' | b'L', ..]) | (111, [b'x', b'p', b'r', b'v', ..]) => {
            base58_check(run).map(|_| hit(Kind::PrivateKey, "bitcoin", ""))
        }
        (34, [b'S', b'K', body @ ..]) if body.iter().all(|b| Alphabet::Hex.has(*b)) => {
            looks_drawn(run).then(|| hit(Kind::ProviderToken, "twilio", "SK"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Class, scan};
    use super::*;

    /// A body of this length, drawn for these tests.
    fn body(length: usize) -> String {
        "a8Kd02LmQx7Rw5Tz1Yc9Vb3Nf6Hj4Gp".chars().cycle().take(length).collect()
    }

    fn kinds(text: &str) -> Vec<Kind> {
        let hits = scan(text).into_iter().filter(|hit| hit.kind.class() == Class::Credential);
        hits.map(|hit| hit.kind).collect()
    }

    #[test]
    fn a_private_key_has_a_body() {
        let dashes = "-----";
        for label in ["RSA PRIVATE KEY", "PRIVATE KEY", "OPENSSH PRIVATE KEY", "PGP PRIVATE KEY BLOCK"] {
            let key = format!(
                "{dashes}BEGIN {label}{dashes}\n{}\n{}\n{dashes}END {label}{dashes}",
                body(64),
                body(64)
            );
            assert_eq!(kinds(&key), [Kind::PrivateKey], "{label}");
            assert_eq!(kinds(&key.replace('\n', "\\n")), [Kind::PrivateKey], "escaped {label}");
            assert_eq!(kinds(&format!("{dashes}BEGIN {label}{dashes}")), [], "{label} alone");
        }
        let public = format!("{dashes}BEGIN PUBLIC KEY{dashes}\n{}\n", body(64));
        assert_eq!(kinds(&public), []);
    }

    #[test]
    fn every_private_member_of_a_json_web_key_is_one() {
        assert_eq!(kinds(&format!("{{\"kty\": \"EC\", \"d\": \"{}\"}}", body(43))), [Kind::PrivateKey]);
        assert_eq!(kinds(&format!("{{\"kty\": \"EC\", \"x\": \"{}\"}}", body(43))), []);
        let rsa = format!("{{kty: 'RSA', d: '{0}', p: '{0}', q: '{0}', n: '{0}'}}", body(60));
        assert_eq!(kinds(&rsa).len(), 3);
        assert_eq!(kinds(&format!("{{\"kty\":\"oct\",\"k\":\"{}\"}}", body(43))), [Kind::PrivateKey]);
    }

    #[test]
    fn a_private_key_in_base64_is_one() {
        // `-----BEGIN PRIVATE KEY-----` and `-----BEGIN CERTIFICATE-----` in base64.
        let (key, certificate) =
            ("LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0t", "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t");
        assert_eq!(kinds(&format!("tls.key: {key}{}", body(120))), [Kind::PrivateKey]);
        assert_eq!(kinds(&format!("tls.crt: {certificate}{}", body(120))), []);
    }

    #[test]
    fn seeds_and_wallets_are_known_by_their_checksums() {
        // Drawn for this test, with the checksum that NATS computes.
        let seed = ["SUAIDNRJKWVGKETTBANEIIHE", "ICSL7U76LBDYJMRW57F5KRMY5G2IPE4PZA"].concat();
        let found = scan(&format!("seed: {seed};"));
        let hit = found.first().map(|hit| (hit.kind, &*hit.detail, hit.severity));
        assert_eq!(hit, Some((Kind::PrivateKey, "nats", Severity::Critical)), "{seed}");
        assert_eq!(
            scan(&seed.replace("SUAID", "SUAIE")).first().map(|hit| hit.severity),
            Some(Severity::High)
        );
        let wallet = ["5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4d", "Z1jvhTVqvbTLvyTJ"].concat();
        assert_eq!(kinds(&wallet), [Kind::PrivateKey]);
        assert_eq!(kinds(&wallet.replace("HueC", "HueD")), []);
        assert_eq!(kinds(&"A".repeat(58)), []);
    }
}
