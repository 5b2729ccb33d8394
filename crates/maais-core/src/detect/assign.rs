//! Secrets in context: values given to names that say secret, authorization headers, passwords in
//! URLs.
//!
//! Reads the ways in which configuration, code, command lines, JSON, XML and prose give a name a
//! value (`password = "x"`, `--password x`, `<password>x</password>`, `PASSWORD 'x'`, `"name":
//! "PASSWORD", "value": "x"`), also when the whole is escaped inside another string. It is no
//! parser of any of these languages.

use super::checksum::base64;
use super::name::{self, Strength};
use super::value::{self, VALUE_MAX, Value};
use super::{Hit, Kind};

/// The value of a parameter whose name says secret.
pub(super) fn named(name: &str, text: &str) -> Option<Hit> {
    let strength = name::strength(name).filter(|strength| *strength > Strength::Weak)?;
    let trimmed = text.trim();
    let start = text.len() - text.trim_start().len();
    let secret = value::is_secret(Value { text: trimmed, quoted: true }, strength);
    secret.then(|| hit(start, start + trimmed.len()))
}

fn hit(start: usize, end: usize) -> Hit {
    Hit::new(Kind::Password, (start, end), "[secret]".to_owned())
}

/// Looks at the name around a word that the automaton found; returns where the name ends too.
pub(super) fn at(text: &str, start: usize, end: usize) -> (usize, Option<Hit>) {
    let is_name = |b: &u8| b.is_ascii_alphanumeric() || b"_-.".contains(b);
    let bytes = text.as_bytes();
    let before = bytes.get(..start).unwrap_or_default();
    let back = before.iter().rev().take(name::NAME_MAX).take_while(|b| is_name(b)).count();
    let after = bytes.get(end..).unwrap_or_default();
    let ahead = after.iter().take(name::NAME_MAX).take_while(|b| is_name(b)).count();
    let (from, to) = (start - back, end + ahead);
    let full = text.get(from..to).unwrap_or_default();
    if full.eq_ignore_ascii_case("identified by") || full.to_ascii_lowercase().ends_with("securestring") {
        return (to, spaced_literal(text, to));
    }
    let name = full.trim_end_matches(['-', '.']);
    let Some(strength) = name::strength(name) else {
        return (to, None);
    };
    let context = Context { text, from, to: from + name.len(), flag: full.starts_with('-') };
    let Some((at, value)) = context.value() else {
        return (to, None);
    };
    let told_twice =
        value.text.eq_ignore_ascii_case(name) || value.text.len() < 24 && context.repeats(value.text);
    let secret = !told_twice && value::is_secret(value, strength);
    (to, secret.then(|| hit(at, at + value.text.len())))
}

/// A name and what surrounds it.
struct Context<'a> {
    text: &'a str,
    from: usize,
    to: usize,
    /// `--password`, `-Password`.
    flag: bool,
}

impl<'a> Context<'a> {
    fn value(&self) -> Option<(usize, Value<'a>)> {
        let rest = self.text.get(self.to..)?;
        let element = self.text.get(..self.from)?.ends_with('<');
        if let Some(body) = rest.strip_prefix('>').filter(|_| element) {
            let end = body.find('<').filter(|end| *end <= VALUE_MAX)?;
            return Some((self.to + 1, Value { text: body.get(..end)?, quoted: true }));
        }
        let closed = skip_quotes(rest);
        let spaced = closed.trim_start_matches([' ', '\t']);
        let after = match separator(spaced) {
            Some(after) => self.behind_type(after),
            None if closed.len() < rest.len() => value_member(spaced)?,
            None if self.flag && spaced.len() < closed.len() => spaced,
            None => {
                let call = spaced.strip_prefix('(').filter(|inner| inner.starts_with(['"', '\'']));
                let literal = spaced.starts_with('\'').then_some(spaced);
                call.or(literal)?
            }
        };
        read_value(self.text, after.trim_start_matches([' ', '\t']))
    }

    /// `password: str = "x"`: the value stands behind the type.
    fn behind_type(&self, after: &'a str) -> &'a str {
        let trimmed = after.trim_start_matches(' ');
        let word = trimmed
            .bytes()
            .take(40)
            .take_while(|b| b.is_ascii_alphanumeric() || b"_[]<>.&?".contains(b))
            .count();
        let assigned = trimmed.get(word..).and_then(|rest| rest.trim_start_matches(' ').strip_prefix("= "));
        if word > 0 { assigned.unwrap_or(after) } else { after }
    }

    /// Whether the value stands somewhere else on the line too, as in `{user: "ann", pass: "ann"}`:
    /// an example, or the name of a variable.
    fn repeats(&self, value: &str) -> bool {
        let before = self.text.get(..self.from).unwrap_or_default();
        let line = before
            .get(before.len().saturating_sub(120)..)
            .or_else(|| before.lines().last())
            .unwrap_or_default();
        let line = line.rsplit('\n').next().unwrap_or_default();
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        !value.is_empty() && line.split(|c| !is_word(c)).any(|word| word == value)
    }
}

/// Closing quotes of a name, escaped or not.
fn skip_quotes(text: &str) -> &str {
    text.trim_start_matches(['"', '\'', '`', '\\', ']'])
}

/// `=`, `:`, `:=`, `=>`; not a comparison, a scope or a default.
fn separator(text: &str) -> Option<&str> {
    for compared in ["==", "=~", "::", ":-"] {
        if text.starts_with(compared) {
            return None;
        }
    }
    [":=", "=>", "=", ":"].iter().find_map(|sep| text.strip_prefix(sep))
}

/// `"name": "PASSWORD", "value": "x"`, as containers are given their environment.
fn value_member(text: &str) -> Option<&str> {
    let rest = text.strip_prefix(',')?.trim_start();
    let rest = skip_quotes(rest);
    let rest = rest.strip_prefix("value").or_else(|| rest.strip_prefix("Value"))?;
    separator(skip_quotes(rest).trim_start())
}

/// `IDENTIFIED BY 'x'`, `ConvertTo-SecureString "x"`.
fn spaced_literal(text: &str, at: usize) -> Option<Hit> {
    let rest = text.get(at..)?.trim_start_matches([' ', '(']);
    if !rest.starts_with(['"', '\'']) {
        return None;
    }
    let (at, value) = read_value(text, rest)?;
    value::is_secret(value, Strength::Strong).then(|| hit(at, at + value.text.len()))
}

/// Reads the value that `rest`, a tail of `text`, begins with.
fn read_value<'a>(text: &'a str, rest: &'a str) -> Option<(usize, Value<'a>)> {
    let window = rest.get(..rest.floor_char_boundary(VALUE_MAX + 16))?;
    // Raw and byte strings, PowerShell's `@"`, Objective-C's `@"`.
    let literal =
        window.strip_prefix(['b', 'r', 'u', 'f', '@', 'L']).filter(|rest| rest.starts_with(['"', '\'']));
    let window = literal.unwrap_or(window);
    let escapes = window.len() - window.trim_start_matches('\\').len();
    let opened = window.get(escapes..)?;
    let quote = opened.chars().next().filter(|c| matches!(c, '"' | '\'' | '`'));
    let body = match quote {
        Some(quote) => opened.trim_start_matches(quote),
        None => window,
    };
    let end = match quote {
        Some(quote) => end_of_literal(body, quote, escapes)?,
        None => body.find(|c: char| c.is_whitespace() || ",;&|\"'`<>)}]\\".contains(c)).unwrap_or(body.len()),
    };
    let found = body.get(..end)?;
    let found = if quote.is_some() { found } else { found.trim_end_matches(['.', ':']) };
    let start = text.len() - rest.len() + (rest.len().min(window_len(rest)) - body.len());
    Some((start, Value { text: found, quoted: quote.is_some() }))
}

fn window_len(rest: &str) -> usize {
    rest.floor_char_boundary(VALUE_MAX + 16)
}

/// Where a literal ends: at its quote with as many backslashes before it as at its start.
fn end_of_literal(body: &str, quote: char, escapes: usize) -> Option<usize> {
    let mut run = 0;
    for (at, c) in body.char_indices() {
        match c {
            '\\' => run += 1,
            '\n' => return None,
            c if c == quote && run <= escapes => return Some(at - run),
            _ => run = 0,
        }
    }
    None
}

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

#[cfg(test)]
mod tests {
    use super::super::scan;
    use super::*;

    /// Drawn for these tests; assembled so that no scanner takes this file for a leak.
    fn drawn() -> String {
        ["q7Lw", "Zk3T", "v9Xr"].concat()
    }

    fn secrets(text: &str) -> Vec<String> {
        let hits = scan(text).into_iter().filter(|hit| hit.kind == Kind::Password);
        hits.map(|hit| text[hit.start..hit.end].to_owned()).collect()
    }

    #[test]
    fn a_secret_is_found_however_its_name_is_given_it() {
        let value = drawn();
        for form in [
            "password = \"#\"",
            "password: #",
            "DB_PASSWORD=#",
            "export API_KEY='#'",
            "{\"client_secret\": \"#\"}",
            "{\\\"password\\\": \\\"#\\\"}",
            "'apiKey' => '#',",
            "password := `#`",
            "<password>#</password>",
            "mysql --password # -h db",
            "tool --api-key=#",
            "tool /password:# /user:x",
            "New-User -Password '#'",
            "CREATE USER x IDENTIFIED BY '#'",
            "ALTER ROLE x PASSWORD '#'",
            "ConvertTo-SecureString \"#\" -AsPlainText",
            "{\"name\": \"DB_PASSWORD\", \"value\": \"#\"}",
            "set_password(\"#\")",
            "password: str = \"#\"",
            "https://api.example.com/x?access_token=#&y=1",
            "postgres://app:#@db.example.com/app",
            "Server=db;User Id=app;Password=#;",
            "Authorization: Bearer #Qm4x",
            "curl -u admin:# https://example.com",
            "curl --user \"admin:#\" https://example.com",
        ] {
            let text = form.replace('#', &value);
            assert_eq!(secrets(&text).len(), 1, "{text}");
            assert!(secrets(&text)[0].contains(&value), "{text}: {:?}", secrets(&text));
        }
    }

    #[test]
    fn names_types_references_and_examples_are_no_secrets() {
        for text in [
            "password: str",
            "def login(user: str, password: str) -> bool:",
            "password = getpass.getpass()",
            "password = os.environ[\"DB_PASSWORD\"]",
            "api_key: process.env.API_KEY",
            "api_key = \"${API_KEY}\"",
            "password: {{ vault_password }}",
            "password: <password>",
            "password: xxxxxxxx",
            "password: changeme",
            "password = \"example\"",
            "if password == other_password:",
            "The password must be at least 12 characters long.",
            "max_tokens: 4096",
            "next_page_token: \"CAUQAAxyz83hdkeWWb2\"",
            "primary_key: order_id_4820017345",
            "{\"key\": \"Content-Type\", \"value\": \"application/json\"}",
            "token: \"next\"",
            "secret_name: projects/1/secrets/x",
            "password_hash: 5f4dcc3b5aa765d61d8327deb882cf99",
            "{user: \"ann7\", password: \"ann7\"}",
            "postgres://user:pass@host/db",
            "postgres://%s:%s@%s/db",
            "nats://me:${PW}@host",
            "publicKeyToken=31bf3856ad364e35",
            "sudo -u root ls",
        ] {
            assert_eq!(secrets(text), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn basic_authorization_must_decode_to_a_user_and_a_password() {
        assert_eq!(secrets("Authorization: Basic YWxhZGRpbjpvcGVuc2VzYW1l").len(), 1);
        assert_eq!(secrets("Authorization: Basic login_removed").len(), 0);
        assert_eq!(secrets("basic authentication is off").len(), 0);
    }
}
