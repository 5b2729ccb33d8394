//! Credentials that show what they are: issuers' prefixes, JSON Web Tokens, private keys.
//!
//! Prefixes and lengths are what issuers document or print; a body must have the issuer's alphabet
//! and length, end where a token ends, and not be an example (`xxxx`, `EXAMPLE`, `1234…`).

use super::letters::{entropy, is_filler};
use super::{Hit, Kind};

/// Which characters a token's body has.
#[derive(Debug, Clone, Copy)]
pub(super) enum Alphabet {
    /// Lower-case hexadecimal digits.
    Hex,
    /// Upper-case letters and digits.
    Upper,
    /// Letters and digits.
    Alnum,
    /// Letters, digits, `_`, `-`.
    Word,
    /// The same with `.`, `=`, `/`, `+`: dotted or base64 bodies.
    Dotted,
}

impl Alphabet {
    fn has(self, byte: u8) -> bool {
        match self {
            Self::Hex => byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte),
            Self::Upper => byte.is_ascii_digit() || byte.is_ascii_uppercase(),
            Self::Alnum => byte.is_ascii_alphanumeric(),
            Self::Word => byte.is_ascii_alphanumeric() || b"_-".contains(&byte),
            Self::Dotted => byte.is_ascii_alphanumeric() || b"_-.=/+".contains(&byte),
        }
    }
}

/// How one issuer's tokens look.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub(super) prefix: &'static str,
    alphabet: Alphabet,
    least: usize,
    most: usize,
}

const fn shape(prefix: &'static str, alphabet: Alphabet, least: usize, most: usize) -> Shape {
    Shape { prefix, alphabet, least, most }
}

use Alphabet::{Alnum, Dotted, Hex, Upper, Word};

/// Open-ended bodies are still tokens, not prose.
const LONG: usize = 4096;

/// Issuers' tokens, by family of issuer.
pub(super) static SHAPES: &[Shape] = &[
    // Clouds: AWS, Google, Azure, Alibaba, Tencent, DigitalOcean, Yandex, Fly, Heroku, Netlify.
    shape("AKIA", Upper, 16, 16),
    shape("ASIA", Upper, 16, 16),
    shape("ABIA", Upper, 16, 16),
    shape("ACCA", Upper, 16, 16),
    shape("AIza", Word, 35, 35),
    shape("ya29.", Word, 20, LONG),
    shape("GOCSPX-", Word, 24, 32),
    shape("1//0", Word, 40, 200),
    shape("LTAI", Alnum, 12, 24),
    shape("AKID", Alnum, 32, 32),
    shape("dop_v1_", Hex, 64, 64),
    shape("doo_v1_", Hex, 64, 64),
    shape("dor_v1_", Hex, 64, 64),
    shape("AQVN", Word, 35, 38),
    shape("FlyV1 ", Dotted, 60, LONG),
    shape("fo1_", Word, 43, 43),
    shape("HRKU-", Word, 36, 64),
    shape("nfp_", Alnum, 36, 40),
    shape("sbp_", Hex, 40, 40),
    shape("sb_secret_", Word, 20, 60),
    // Code hosting and packages.
    shape("ghp_", Alnum, 36, 255),
    shape("gho_", Alnum, 36, 255),
    shape("ghu_", Alnum, 36, 255),
    shape("ghs_", Alnum, 36, 255),
    shape("ghr_", Alnum, 36, 255),
    shape("github_pat_", Word, 36, 255),
    shape("glpat-", Dotted, 20, 300),
    shape("gldt-", Word, 20, 64),
    shape("glrt-", Dotted, 20, 64),
    shape("glptt-", Word, 40, 64),
    shape("glsoat-", Word, 20, 64),
    shape("glcbt-", Word, 20, 64),
    shape("glft-", Word, 20, 64),
    shape("glimt-", Word, 20, 64),
    shape("glagent-", Word, 40, 64),
    shape("GR1348941", Word, 20, 24),
    shape("npm_", Alnum, 36, 36),
    shape("pypi-AgE", Word, 50, LONG),
    shape("rubygems_", Hex, 48, 48),
    shape("dckr_pat_", Word, 24, 64),
    shape("dckr_oat_", Word, 24, 64),
    shape("CLOJARS_", Alnum, 60, 60),
    shape("oy2", Alnum, 43, 43),
    shape("AKCp", Alnum, 60, 80),
    shape("cmVmdGtu", Alnum, 56, 64),
    shape("ATATT3", Dotted, 60, 400),
    shape("ATCTT3", Dotted, 60, 400),
    shape("ATBB", Alnum, 28, 40),
    // Messages and mail.
    shape("xoxb-", Word, 20, 200),
    shape("xoxp-", Word, 20, 200),
    shape("xoxa-", Word, 20, 200),
    shape("xoxr-", Word, 20, 200),
    shape("xoxs-", Word, 20, 200),
    shape("xoxe-", Word, 20, 300),
    shape("xoxe.", Dotted, 20, 300),
    shape("xapp-", Word, 30, 200),
    shape("hooks.slack.com/services/", Dotted, 30, 80),
    shape("hooks.slack.com/workflows/", Dotted, 30, 120),
    shape("discord.com/api/webhooks/", Dotted, 60, 120),
    shape("discordapp.com/api/webhooks/", Dotted, 60, 120),
    shape("webhook.office.com/webhookb2/", Dotted, 60, 300),
    shape("SG.", Dotted, 50, 80),
    shape("xkeysib-", Word, 60, 100),
    shape("xsmtpsib-", Word, 60, 100),
    shape("key-", Hex, 32, 32),
    // Payment and shops.
    shape("sk_live_", Alnum, 16, 255),
    shape("sk_test_", Alnum, 16, 255),
    shape("rk_live_", Alnum, 16, 255),
    shape("rk_test_", Alnum, 16, 255),
    shape("whsec_", Dotted, 24, 80),
    shape("shpat_", Hex, 32, 32),
    shape("shpca_", Hex, 32, 32),
    shape("shppa_", Hex, 32, 32),
    shape("shpss_", Hex, 32, 32),
    shape("sq0atp-", Word, 22, 22),
    shape("sq0csp-", Word, 43, 43),
    shape("EAAAE", Word, 55, 64),
    shape("access_token$production$", Alnum, 40, 60),
    shape("FLWSECK_TEST-", Alnum, 12, 40),
    shape("FLWSECK-", Alnum, 12, 40),
    shape("EZAK", Alnum, 54, 54),
    shape("EZTK", Alnum, 54, 54),
    shape("shippo_live_", Hex, 40, 40),
    shape("duffel_live_", Word, 43, 43),
    shape("EAACEdEose0cBA", Alnum, 20, LONG),
    // Models.
    shape("sk-ant-", Word, 24, 200),
    shape("sk-proj-", Word, 24, 255),
    shape("sk-svcacct-", Word, 24, 255),
    shape("sk-admin-", Word, 24, 255),
    shape("sk-or-v1-", Hex, 64, 64),
    shape("sk-", Alnum, 32, 64),
    shape("hf_", Alnum, 30, 40),
    shape("api_org_", Alnum, 34, 34),
    shape("r8_", Alnum, 37, 40),
    shape("gsk_", Alnum, 48, 60),
    shape("pplx-", Alnum, 40, 64),
    shape("xai-", Alnum, 70, 90),
    shape("csk-", Alnum, 40, 60),
    shape("lsv2_pt_", Word, 36, 60),
    shape("lsv2_sk_", Word, 36, 60),
    // Operations and tools.
    shape("hvs.", Word, 24, 200),
    shape("hvb.", Word, 60, 300),
    shape("dp.pt.", Alnum, 40, 44),
    shape("dp.st.", Dotted, 40, 80),
    shape("dapi", Hex, 32, 32),
    shape("pscale_tkn_", Dotted, 32, 64),
    shape("pscale_oauth_", Dotted, 32, 64),
    shape("pscale_pw_", Dotted, 32, 64),
    shape("PMAK-", Word, 50, 64),
    shape("pul-", Hex, 40, 40),
    shape("glsa_", Word, 41, 41),
    shape("glc_", Dotted, 32, 400),
    shape("NRAK-", Upper, 27, 27),
    shape("NRII-", Word, 32, 32),
    shape("sntrys_", Dotted, 60, 400),
    shape("sntryu_", Hex, 64, 64),
    shape("dt0c01.", Dotted, 80, 96),
    shape("lin_api_", Alnum, 32, 48),
    shape("ntn_", Alnum, 40, 50),
    shape("figd_", Word, 40, 60),
    shape("CFPAT-", Word, 43, 43),
    shape("tfp_", Dotted, 44, 64),
    shape("rdme_", Alnum, 70, 70),
    shape("pnu_", Alnum, 36, 36),
    shape("ops_eyJ", Dotted, 200, LONG),
    shape("aio_", Alnum, 28, 28),
    // A token that was base64-encoded once more: `{"alg":"`, `{"typ":"JWT`.
    shape("ZXlKaGJHY2lPaU", Dotted, 60, LONG),
    shape("ZXlKMGVYQWlPaU", Dotted, 60, LONG),
    shape("AGE-SECRET-KEY-1", Upper, 58, 58),
];

/// A token of one shape that begins at `at`.
pub(super) fn shaped(text: &str, at: usize, shape: &Shape) -> Option<Hit> {
    let start = text.get(at..)?;
    // The automaton ignores case, issuers do not.
    let body = start.strip_prefix(shape.prefix)?;
    let domain = shape.prefix.contains('/');
    if !domain && text.as_bytes().get(..at)?.last().is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_') {
        return None;
    }
    let length = body.bytes().take(shape.most + 1).take_while(|b| shape.alphabet.has(*b)).count();
    let body = body.get(..length)?.trim_end_matches(['.', '/', '=', '-']);
    let after = start.as_bytes().get(shape.prefix.len() + length).copied().unwrap_or(b' ');
    let ends = !(after.is_ascii_alphanumeric() || after == b'_');
    let fits = (shape.least..=shape.most).contains(&length) && !body.is_empty();
    if !fits || !ends || !looks_drawn(body) {
        return None;
    }
    let kind = if shape.prefix.starts_with("AGE-") { Kind::PrivateKey } else { Kind::ProviderToken };
    let end = at + shape.prefix.len() + body.len();
    Some(Hit { kind, start: at, end, masked: format!("{}…", shape.prefix.trim_end()) })
}

/// Drawn at random rather than typed as an example.
fn looks_drawn(body: &str) -> bool {
    !is_filler(body) && !body.to_ascii_uppercase().contains("EXAMPLE") && entropy(body) >= 2.8
}

/// A signed (three parts) or encrypted (five) token whose header decodes to JSON with an `alg`
/// (RFC 7515, RFC 7516).
pub(super) fn jwt(text: &str, at: usize) -> Option<Hit> {
    if text.as_bytes().get(..at)?.last().is_some_and(|b| Alphabet::Word.has(*b) || *b == b'.') {
        return None;
    }
    let start = text.get(at..)?;
    let length = start.bytes().take(64 * 1024).take_while(|b| Alphabet::Word.has(*b) || *b == b'.').count();
    let token = start.get(..length)?.trim_end_matches('.');
    let parts: Vec<&str> = token.splitn(6, '.').collect();
    let header = decode(parts.first()?)?;
    let claims = || parts.get(1).is_some_and(|claims| claims.starts_with("ey"));
    let signed = (parts.len() == 3 && claims()) || parts.len() == 5;
    let last = parts.last()?;
    if !signed || !header.starts_with('{') || !header.contains("\"alg\"") || last.len() < 8 {
        return None;
    }
    Some(Hit { kind: Kind::Jwt, start: at, end: at + token.len(), masked: "eyJ…".to_owned() })
}

/// Base64 in either alphabet, with or without padding (RFC 4648), if it is UTF-8.
pub(super) fn decode(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3 + 3);
    let mut bits = 0_u32;
    let mut count = 0_u32;
    for byte in text.trim_end_matches('=').bytes() {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits = (bits << 6) | u32::from(six);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    String::from_utf8(out).ok()
}

/// Base64 characters that a key's armour must at least hold; a pattern or a headline has none.
const KEY_BODY_MIN: usize = 40;

/// `-----BEGIN … PRIVATE KEY-----` (RFC 7468, RFC 4716) with a body, whole or cut off.
pub(super) fn pem(text: &str, at: usize) -> Option<Hit> {
    let start = text.get(at..)?;
    let label_end = start.get(10..)?.find("-----")? + 10;
    let label = start.get(10..label_end).filter(|label| label.len() < 60)?.to_ascii_uppercase();
    if !label.contains("PRIVATE KEY") {
        return None;
    }
    let body = start.get(label_end + 5..)?;
    let end = body.find("-----END").map_or(body.len().min(16 * 1024), |end| end + 8);
    let end = body.floor_char_boundary(end);
    let inside = body.get(..end)?;
    let head = inside.as_bytes().iter().take(600);
    let longest = head.clone().fold((0_usize, 0_usize), |(run, best), byte| {
        let run = if byte.is_ascii_alphanumeric() || b"+/=".contains(byte) { run + 1 } else { 0 };
        (run, best.max(run))
    });
    (longest.1 >= KEY_BODY_MIN).then(|| Hit {
        kind: Kind::PrivateKey,
        start: at,
        end: at + label_end + 5 + end,
        masked: "-----BEGIN PRIVATE KEY-----…".to_owned(),
    })
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
    (length >= KEY_BODY_MIN).then(|| Hit {
        kind: Kind::PrivateKey,
        start: at,
        end: end + skipped + length,
        masked: "Private-Lines: …".to_owned(),
    })
}

/// The private member of a JSON Web Key (RFC 7518 6.2.2, 6.3.2, 6.4): `d`, or `k` of an `oct` key.
pub(super) fn jwk(text: &str) -> Option<Hit> {
    let (from, member) = [('d', true), ('k', text.contains("oct"))]
        .into_iter()
        .filter(|(_, wanted)| *wanted)
        .find_map(|(member, _)| Some((jwk_member(text, member)?, member)))?;
    let length = text.get(from..)?.bytes().take_while(|b| Alphabet::Word.has(*b)).count();
    Some(Hit { kind: Kind::PrivateKey, start: from, end: from + length, masked: format!("{member}: …") })
}

/// Where the value of `"d": "…"` or `d: '…'` begins, if it is long enough for a key.
fn jwk_member(text: &str, member: char) -> Option<usize> {
    text.match_indices(member).take(4096).find_map(|(at, _)| {
        let before = text.as_bytes().get(..at)?.last().copied().unwrap_or(b' ');
        let rest = text.get(at + 1..)?;
        let after = rest.trim_start_matches(['"', '\'', '\\', ' ']).strip_prefix(':')?;
        let value = after.trim_start_matches([' ', '\\']).strip_prefix(['"', '\''])?;
        let length = value.bytes().take_while(|b| Alphabet::Word.has(*b)).count();
        let drawn = length >= 20 && looks_drawn(value.get(..length)?);
        (!before.is_ascii_alphanumeric() && before != b'_' && drawn).then(|| text.len() - value.len())
    })
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
    fn a_json_web_token_has_a_header_claims_and_a_signature() {
        let header = "eyJhbGciOiJIUzI1NiJ9";
        let token = [header, "eyJzdWIiOiIxIn0", &body(43)].join(".");
        assert_eq!(kinds(&token), [Kind::Jwt]);
        assert_eq!(kinds(&format!("cookie: t={token}; x")), [Kind::Jwt]);
        assert_eq!(kinds(header), []);
        assert_eq!(kinds(&format!("{header}.eyJzdWIiOiIxIn0.")), [], "unsigned");
        assert_eq!(kinds("eyJ.eyJ.abcdefghijkl"), []);
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
        assert_eq!(kinds(&format!("{{\"kty\": \"EC\", \"d\": \"{}\"}}", body(43))), [Kind::PrivateKey]);
        assert_eq!(kinds(&format!("{{\"kty\": \"EC\", \"x\": \"{}\"}}", body(43))), []);
    }
}
