//! Secrets in places made for them: the user part of a URL, `curl -u`, authorization headers.

use super::Hit;
use super::assign::hit;
use super::checksum::base64;
use super::literal::read_value;
use super::name::Strength;
use super::value::{self, VALUE_MAX, Value};

/// The password of `scheme://user:password@host` around the `://` at `at` (RFC 3986 3.2.1).
pub(super) fn url_password(text: &str, at: usize) -> Option<Hit> {
    let rest = text.get(at + 3..)?;
    let rest = rest.get(..rest.floor_char_boundary(VALUE_MAX))?;
    let end = rest
        .find(|c: char| c.is_whitespace() || c.is_control() || "/?#\"'`<>\\,".contains(c))
        .unwrap_or(rest.len());
    let authority = rest.get(..end)?;
    let (user, host) = authority.rsplit_once('@')?;
    let (name, password) = user.split_once(':')?;
    let secret = !host.is_empty()
        && name != password
        && value::is_secret(Value { text: password, quoted: true }, Strength::Strong);
    let start = at + 3 + name.len() + 1;
    secret.then(|| hit(start, start + password.len()))
}

/// `curl --user name:password`: the automaton stopped behind the flag.
pub(super) fn user_flag(text: &str, end: usize) -> Option<Hit> {
    let rest = text.get(end..)?.trim_start_matches([' ', '=']);
    let (start, pair) = read_value(text, rest)?;
    let (user, password) = pair.text.split_once(':')?;
    let plain = !user.is_empty() && user != password && !password.starts_with(['/', '\\']);
    let secret = plain && value::is_secret(Value { text: password, quoted: true }, Strength::Strong);
    let start = start + user.len() + 1;
    secret.then(|| hit(start, start + password.len()))
}

/// `Basic` and base64 of `user:password` (RFC 7617).
pub(super) fn basic(text: &str, end: usize) -> Option<Hit> {
    let (start, token) = header_value(text, end)?;
    let decoded =
        base64(token).filter(|_| token.len() >= 8).and_then(|bytes| String::from_utf8(bytes).ok())?;
    let (user, password) = decoded.split_once(':')?;
    let printable = !decoded.contains(char::is_control) && !password.is_empty();
    let example =
        user.eq_ignore_ascii_case("user") || user.eq_ignore_ascii_case("username") || user == password;
    (printable && !example).then(|| hit(start, start + token.len()))
}

/// `Bearer` and a token (RFC 6750).
pub(super) fn bearer(text: &str, end: usize) -> Option<Hit> {
    let (start, token) = header_value(text, end)?;
    value::is_secret(Value { text: token, quoted: true }, Strength::Weak)
        .then(|| hit(start, start + token.len()))
}

fn header_value(text: &str, end: usize) -> Option<(usize, &str)> {
    let rest = text.get(end..)?;
    let body = rest.trim_start_matches(' ');
    let length = body
        .bytes()
        .take(VALUE_MAX)
        .take_while(|b| b.is_ascii_alphanumeric() || b"+/=-_.~".contains(b))
        .count();
    Some((end + rest.len() - body.len(), body.get(..length)?))
}

/// Words before the token of an authorization header.
const SCHEMES: [&str; 9] =
    ["token", "apikey", "api-key", "key", "oauth", "bearer", "hawk", "ssws", "apitoken"];

/// `Authorization`, in any notation, with a token that is neither `Basic` nor `Bearer`.
pub(super) fn authorization(text: &str, at: usize, end: usize) -> Option<Hit> {
    // Not the end of a longer name.
    if text.as_bytes().get(..at)?.last().is_some_and(|b| b.is_ascii_alphanumeric() || b":_".contains(b)) {
        return None;
    }
    let rest = text.get(end..)?;
    let opened = rest.trim_start_matches([' ', ':', '=', '"', '\'', ',', '\\', ']', ')']);
    if opened.len() == rest.len() || rest.len() - opened.len() > 12 {
        return None;
    }
    let window = opened.get(..opened.floor_char_boundary(12)).unwrap_or_default();
    let word = window.split([' ', '=']).next().unwrap_or_default();
    let scheme = SCHEMES.iter().any(|scheme| scheme.eq_ignore_ascii_case(word));
    let token_at = opened.get(if scheme { word.len() } else { 0 }..)?.trim_start_matches([' ', '=', '"']);
    header_token(text, text.len() - token_at.len())
}

fn header_token(text: &str, at: usize) -> Option<Hit> {
    let (start, token) = header_value(text, at)?;
    let issued = token.len() >= 16 && value::is_secret(Value { text: token, quoted: true }, Strength::Medium);
    let called = text.as_bytes().get(start + token.len()) == Some(&b'(');
    (issued && !called).then(|| hit(start, start + token.len()))
}

/// The signature of a shared link (`sig=`, `X-Amz-Signature=`): whoever has it may follow the link. The
/// automaton stopped behind the `=`.
pub(super) fn signature(text: &str, end: usize) -> Option<Hit> {
    let body = text.get(end..)?;
    let length = body
        .bytes()
        .take(VALUE_MAX)
        .take_while(|b| b.is_ascii_alphanumeric() || b"%+/_-=".contains(b))
        .count();
    let token = body.get(..length)?;
    let drawn = length >= 40 && value::is_secret(Value { text: token, quoted: true }, Strength::Weak);
    drawn.then(|| hit(end, end + length))
}

#[cfg(test)]
mod tests {
    use super::super::scan;

    fn secrets(text: &str) -> Vec<String> {
        scan(text).into_iter().map(|hit| text[hit.start..hit.end].to_owned()).collect()
    }

    #[test]
    fn basic_authorization_must_decode_to_a_user_and_a_password() {
        assert_eq!(secrets("Authorization: Basic YWxhZGRpbjpvcGVuc2VzYW1l").len(), 1);
        assert_eq!(secrets("Authorization: Basic login_removed").len(), 0);
        assert_eq!(secrets("basic authentication is off").len(), 0);
    }

    #[test]
    fn a_header_carries_a_token_with_or_without_a_scheme() {
        let token = ["22cb9f7851bc", "56d9229114c6", "2e60c79a"].concat();
        for form in [
            "Authorization: Token #",
            "authorization: #",
            "{\"Authorization\": \"ApiKey #\"}",
            "('Authorization', 'token #')",
            "-H 'authorization: OAuth #'",
        ] {
            let text = form.replace('#', &token);
            assert_eq!(secrets(&text), [token.as_str()], "{text}");
        }
        for text in [
            "Authorization: Token <token>",
            "authorization: required",
            "the authorization header",
            "Authorization: ${TOKEN}",
            "authorization_endpoint: https://login.example.com/oauth2/v2",
        ] {
            assert_eq!(secrets(text), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn a_signed_link_holds_its_signature() {
        let sum = ["mG8pXv3Qd7", "Rk2Ls9TzYc", "4WnB6HjFa1", "E5uOiPoD0q", "SxM%3D"].concat();
        let text = format!("https://a.blob.example.net/c/f?sv=2031-01-01&sp=r&sig={sum}");
        assert_eq!(secrets(&text), [sum]);
        assert_eq!(secrets("https://a.example.net/?sig=none&x=1"), Vec::<String>::new());
    }
}
