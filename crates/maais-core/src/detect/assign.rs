//! Secrets in context: values given to names that say secret, authorization headers, passwords in
//! URLs.
//!
//! Reads the ways in which configuration, code, command lines, JSON, XML and prose give a name a
//! value (`password = "x"`, `--password x`, `<password>x</password>`, `PASSWORD 'x'`, `"name":
//! "PASSWORD", "value": "x"`), also when the whole is escaped inside another string. It is no
//! parser of any of these languages.

use super::literal::{ESCAPED_QUOTES, read_value};
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

pub(super) fn hit(start: usize, end: usize) -> Hit {
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
    let context = Context { text, from, to: from + name.len(), flag: full.starts_with('-') };
    // Most names in prose are given nothing: asked first, because it costs least.
    let Some(given) = context.given() else {
        return (to, None);
    };
    let strength = name::strength(spaced_name(text, from, name).unwrap_or(name));
    (to, strength.and_then(|strength| context.judge(name, strength, given)))
}

/// `secret key`, `API token`, `next page token`: the name with the word before it, if the two say more, or less,
/// than the last alone.
fn spaced_name<'a>(text: &'a str, from: usize, name: &str) -> Option<&'a str> {
    if !["key", "keys", "token", "code"].iter().any(|last| last.eq_ignore_ascii_case(name)) {
        return None;
    }
    let before = text.get(..from)?.strip_suffix(' ')?;
    let word = before.bytes().rev().take(20).take_while(u8::is_ascii_alphabetic).count();
    let whole = text.get(before.len() - word..from + name.len())?;
    let more = name::strength(whole).is_some_and(|strength| strength > Strength::Fair);
    (more || name::is_harmless(whole)).then_some(whole)
}

/// A value and how it was given to its name.
struct Given<'a> {
    at: usize,
    value: Value<'a>,
    by: By,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    /// `=`, `:` and their like: what stands there is the value.
    Assignment,
    /// `==`, the argument of a call on the right-hand side: perhaps.
    Allusion,
    /// `is`: a sentence, most of which say something else.
    Sentence,
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
    /// Whether what was given is a secret.
    fn judge(&self, name: &str, strength: Strength, given: Given<'a>) -> Option<Hit> {
        let Given { at, value, by } = given;
        let text = value.text;
        if text.eq_ignore_ascii_case(name) || (text.len() < 24 && self.repeats(text)) {
            return None;
        }
        if is_a_name(value) {
            return None;
        }
        let secret = match by {
            By::Assignment => value::is_secret(value, strength),
            By::Allusion if strength == Strength::Strong => value.quoted && value::is_told(value),
            By::Allusion => value::is_secret(value, strength.min(Strength::Fair)),
            By::Sentence => value::is_told(value) && value::is_secret(value, strength),
        };
        if secret {
            return Some(hit(at, at + text.len()));
        }
        // `"apitoken": "{\"name\": \"x\", \"sig\": \"…\"}"`: one of the values in the object is the secret.
        text.starts_with('{').then(|| member(at, text)).flatten()
    }

    fn given(&self) -> Option<Given<'a>> {
        let rest = self.text.get(self.to..)?;
        let element = self.text.get(..self.from)?.ends_with('<');
        if let Some(body) = rest.strip_prefix('>').filter(|_| element) {
            let end = body.find('<').filter(|end| *end <= VALUE_MAX)?;
            let text = body.get(..end)?;
            let trimmed = text.trim();
            let at = self.to + 1 + text.len() - text.trim_start().len();
            return Some(Given { at, value: Value { text: trimmed, quoted: true }, by: By::Assignment });
        }
        let closed = skip_quotes(rest);
        let spaced = closed.trim_start_matches([' ', '\t']);
        let quoted_name = closed.len() < rest.len();
        if let Some(compared) = comparison(spaced) {
            let literal = compared.trim_start_matches(' ');
            return self.read(literal, By::Allusion).filter(|given| given.value.quoted);
        }
        let after = match separator(spaced) {
            // `"AWS::IAM::AccessKey": "4f9a"`: the name of a type.
            Some(_) if quoted_name && self.text.get(..self.from)?.ends_with("::") => return None,
            Some(after) => self.behind_type(after)?,
            None if quoted_name => match pair_member(spaced) {
                Some(member) => member,
                None => return self.read(self.argument_after(spaced)?, By::Allusion),
            },
            None if self.flag && spaced.len() < closed.len() => spaced,
            // To pass something is to hand it on.
            None if self.is_verb() => return self.read(bare_literal(spaced)?, By::Sentence),
            None => match bare_literal(spaced).or_else(|| typed(spaced)).or_else(|| self.defined(spaced)) {
                Some(literal) => literal,
                None => {
                    let value = said(spaced).or_else(|| cell(closed)).or_else(|| next_word(spaced))?;
                    return self.read(value, By::Sentence);
                }
            },
        };
        let after = after.trim_start_matches([' ', '\t']);
        self.read(after, By::Assignment).map(|given| argument(given, after, self.text))
    }

    /// `("PASSWORD", "x")`: the name is the first in brackets, the value the literal behind it.
    fn argument_after(&self, spaced: &'a str) -> Option<&'a str> {
        let before = self.text.get(..self.from)?.strip_suffix(['"', '\'', '`'])?;
        let rest = spaced.strip_prefix(',')?.trim_start();
        (before.ends_with(['(', '[']) && rest.starts_with(['"', '\''])).then_some(rest)
    }

    fn is_verb(&self) -> bool {
        let name = self.text.get(self.from..self.to).unwrap_or_default();
        name.rsplit(['.', ':']).next().is_some_and(|last| last.trim_end_matches('_') == "pass")
    }

    fn read(&self, rest: &'a str, by: By) -> Option<Given<'a>> {
        read_value(self.text, rest).map(|(at, value)| Given { at, value, by })
    }

    /// `password: str = "x"`: the value stands behind the type.
    fn behind_type(&self, after: &'a str) -> Option<&'a str> {
        let trimmed = after.trim_start_matches(' ');
        let length = trimmed
            .bytes()
            .take(40)
            .take_while(|b| b.is_ascii_alphanumeric() || b"_[]<>.&?".contains(b))
            .count();
        let (word, rest) = trimmed.split_at_checked(length)?;
        match rest.trim_start_matches(' ').strip_prefix("= ").filter(|_| length > 0) {
            // The number of a constant is not what opens anything.
            Some(_) if NUMBERS.contains(&word) => None,
            Some(assigned) => Some(assigned),
            None => Some(after),
        }
    }

    /// `#define PASSWORD "x"`, `set password "x"`: the word before says that a value follows.
    fn defined(&self, spaced: &'a str) -> Option<&'a str> {
        let before = self.text.get(..self.from)?.trim_end_matches([' ', '\t']);
        let word = before.get(before.floor_char_boundary(before.len().saturating_sub(8))..)?;
        let word = word.rsplit(|c: char| !c.is_ascii_alphabetic()).next()?.to_ascii_lowercase();
        let defines = ["define", "global", "set", "setenv", "const", "export"].contains(&word.as_str());
        (defines && spaced.starts_with('"')).then_some(spaced)
    }

    /// Whether the value stands somewhere else on the line too, as in `{user: "ann", pass: "ann"}`:
    /// an example, or the name of a variable.
    fn repeats(&self, value: &str) -> bool {
        let before = self.text.get(..self.from).unwrap_or_default();
        let near = before.get(before.floor_char_boundary(before.len().saturating_sub(120))..);
        let line = near.unwrap_or_default().rsplit('\n').next().unwrap_or_default();
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        !value.is_empty() && line.split(|c| !is_word(c)).any(|word| word == value)
    }
}

/// Closing quotes of a name, escaped or not.
fn skip_quotes(text: &str) -> &str {
    let mut rest = text;
    loop {
        let plain = rest.trim_start_matches(['"', '\'', '`', '\\', ']']);
        let escaped = ESCAPED_QUOTES.iter().find_map(|quote| plain.strip_prefix(quote));
        match escaped {
            Some(shorter) => rest = shorter,
            None => return plain,
        }
    }
}

/// `==`, `!=`, `===`, `!==`: a literal that a secret is compared with is the secret.
fn comparison(text: &str) -> Option<&str> {
    ["!==", "===", "!=", "=="].iter().find_map(|sign| text.strip_prefix(sign))
}

/// Types of numbers in languages that write them behind the name.
const NUMBERS: [&str; 14] = [
    "u8", "u16", "u32", "u64", "usize", "i8", "i16", "i32", "i64", "int", "uint", "uint32", "int64", "number",
];

/// Signs that give a value; longest first where one begins another.
const SEPARATORS: [&str; 12] = [":::=", "::=", ":=", "=>", "?=", ".=", "||=", "%3D", "%3d", "=", ":-", ":"];

/// Behind the sign; not a match or a scope.
fn separator(text: &str) -> Option<&str> {
    let scope = text.starts_with("::") && !text.starts_with("::=") && !text.starts_with(":::=");
    if text.starts_with("=~") || scope {
        return None;
    }
    SEPARATORS.iter().find_map(|sign| text.strip_prefix(sign))
}

/// `PASSWORD 'x'`, `password("x")`.
fn bare_literal(spaced: &str) -> Option<&str> {
    let call = spaced.strip_prefix('(').filter(|inner| inner.starts_with(['"', '\'']));
    call.or_else(|| spaced.starts_with('\'').then_some(spaced))
}

/// `var token string = "x"`: a type between name and value.
fn typed(spaced: &str) -> Option<&str> {
    let word =
        spaced.bytes().take(30).take_while(|b| b.is_ascii_alphanumeric() || b"_*[]<>.".contains(b)).count();
    let value = spaced.get(word..)?.trim_start_matches(' ').strip_prefix("= ")?.trim_start_matches(' ');
    (word > 0 && value.starts_with(['"', '\'', '`'])).then_some(value)
}

/// `password is x`, `the token is: x`.
fn said(spaced: &str) -> Option<&str> {
    let rest = ["is ", "is: ", "was ", "will be "].iter().find_map(|verb| spaced.strip_prefix(verb))?;
    Some(rest.trim_start_matches(' '))
}

/// `| password | x |`, `<td>password</td><td>x</td>`, `password<tab>x`: the next cell of a table.
fn cell(closed: &str) -> Option<&str> {
    // A type of two, as in `Key|Bytes`, has no spaces.
    if let Some(rest) =
        closed.strip_prefix('\t').or_else(|| closed.trim_start_matches(' ').strip_prefix("| "))
        && closed.starts_with([' ', '\t'])
    {
        return Some(rest.trim_start_matches([' ', '\t']));
    }
    let mut rest = closed;
    let mut tags = 0;
    while let Some(tag) = rest.trim_start().strip_prefix('<').filter(|_| tags < TAGS_MAX) {
        let window = tag.get(..tag.floor_char_boundary(TAG_MAX))?;
        rest = tag.get(window.find('>')? + 1..)?;
        tags += 1;
    }
    (tags >= 2).then(|| rest.trim_start())
}

/// Tags between two cells, and bytes of one, that are skipped.
const TAGS_MAX: usize = 6;
const TAG_MAX: usize = 120;

/// `auth token 4f9a1c77…`: no sign at all, but a word that is long for one.
fn next_word(spaced: &str) -> Option<&str> {
    let length = spaced.bytes().take(TOKEN_MIN).take_while(u8::is_ascii_alphanumeric).count();
    (length == TOKEN_MIN).then_some(spaced)
}

/// Letters and digits without a break that no word has.
const TOKEN_MIN: usize = 20;

/// `password=db_password`, `KEY = "oauth2_csrf_token"`: the name of something that says the same.
fn is_a_name(value: Value<'_>) -> bool {
    let text = value.text;
    let parts = text.split(['_', '-']).count();
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let plain = digits == 0 || (digits < 3 && parts > 2);
    (!value.quoted || parts > 2) && plain && (name::strength(text).is_some() || name::is_harmless(text))
}

/// `bytes("x")`, `Buffer.from('x', 'hex')`: what was read bare was a call; its first argument, if that is a
/// literal, may be the value.
fn argument<'a>(given: Given<'a>, after: &'a str, text: &'a str) -> Given<'a> {
    if given.value.quoted {
        return given;
    }
    let window = after.get(..after.floor_char_boundary(60)).unwrap_or_default();
    let callee = |b: u8| b.is_ascii_alphanumeric() || b"_.[]:( ".contains(&b);
    let opened = window.bytes().take_while(|b| callee(*b)).count();
    let called = window.get(..opened).is_some_and(|callee| callee.ends_with('('));
    let literal = after.get(opened..).filter(|rest| called && rest.starts_with(['"', '\'', '`']));
    match literal.and_then(|literal| read_value(text, literal)) {
        Some((at, value)) => Given { at, value, by: By::Allusion },
        None => given,
    }
}

/// The first member of an object in a text that looks issued.
fn member(at: usize, object: &str) -> Option<Hit> {
    let quote = |c: char| matches!(c, '"' | '\'' | '\\');
    let mut from = at;
    object.split(quote).take(32).find_map(|piece| {
        let start = from;
        from += piece.len() + 1;
        value::is_secret(Value { text: piece, quoted: true }, Strength::Weak)
            .then(|| hit(start, start + piece.len()))
    })
}

/// The value in a pair whose name was quoted: `"name": "PASSWORD", "value": "x"`, as containers are given
/// their environment; `key="PASSWORD" value="x"`.
fn pair_member(text: &str) -> Option<&str> {
    let named = skip_quotes(text.strip_prefix(',').unwrap_or(text).trim_start());
    let rest = named.strip_prefix("value").or_else(|| named.strip_prefix("Value"))?;
    separator(skip_quotes(rest).trim_start())
}

/// `IDENTIFIED BY 'x'`, `ConvertTo-SecureString "x"`.
fn spaced_literal(text: &str, at: usize) -> Option<Hit> {
    let rest = text.get(at..)?.trim_start_matches([' ', '(']);
    // In prose, what is between backquotes is a name.
    let (at, value) = read_value(text, rest).filter(|_| !rest.starts_with('`'))?;
    let secret = value::is_secret(value, Strength::Strong) && (value.quoted || value::is_told(value));
    secret.then(|| hit(at, at + value.text.len()))
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
            "password ::= \"#\"",
            "SECRET ?= '#'",
            "var password string = \"#\"",
            "<password>\n  #\n</password>",
            "System.setProperty(\"DB_PASSWORD\", \"#\")",
            "<add key=\"Password\" value=\"#\" />",
            "{&quot;password&quot;: &quot;#&quot;}",
            "#define PASSWORD \"#\"",
            "if (password !== \"#\") {",
            "[]byte password = []byte(\"#\")",
            "Secret key: #",
            "the password is #",
            "${DB_PASSWORD:-#}",
            "host (pw:#)",
            "MYSQLPASS: #",
            "{\"api_token\": \"{\\\"user\\\": \\\"x\\\", \\\"sig\\\": \\\"#Qm4x\\\"}\"}",
            "heroku_token: #",
            "| Password | # |",
            "<tr><td>password</td>\n<td class=\"x\"><b>#</b></td></tr>",
            "password\t#",
            "CREATE USER ann IDENTIFIED BY #",
            "curl -u admin:# https://example.com",
            "curl --user \"admin:#\" https://example.com",
        ] {
            let text = form.replacen("#define", "%define", 1).replace('#', &value);
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
            "the password is required",
            "password is not set",
            "if password == other.password {",
            "if (password != null) {",
            "var token string = os.Getenv(\"TOKEN\")",
            "getenv(\"DB_PASSWORD\", \"\")",
            "const key = item.id + 4820017345",
            "the key 4820017345",
            "bypass = \"k7Lw9Zq2\"",
            "${DB_PASSWORD:-password}",
            "password expires in 90 days",
            "lpPassword: LPCWSTR,",
            "pub const ERROR_AUTHZ_TOKEN: u32 = 2150859177u32;",
            "const PASSWORD_ID: u32 = 2150859177; const SET_PW: u32 = 1109422304;",
            "{\"shape\":\"Password\",\n\"documentation\":\"the password\"}",
            "('revoke_uri', 'id_token', 'id_token_jwt')",
            "\"AWS::IAM::AccessKey\": \"62d91b17309e76c8\"",
            "// Pass: dynamic=0, static=1",
            "--- PASS: TestOutputWithSubtest/sub_test (0.00s)",
            "assertEqual(splitpasswd('user:a:b'), ('user', 'a:b'))",
            "_CSRF_KEY = 'google_oauth2_csrf_token'",
            "Next page token: eav1OzQB0OM8rLdGXOEsyQWSG",
            "the method identified by `algorithm`",
            "EMRFS_KEY = 'fs.s3.consistent.retryPeriodSeconds'",
            "privateKeyPassword=pvk_password)",
            "pub psw: __psw_t,",
            "| password | required | 8 to 64 characters |",
            "t.pass(\"tests/pass/*.rs\")",
            "or pass 'ignore' to ignore errors",
            "<td>password</td><td>string</td>",
            ":param Ed25519PrivateKey|Ed25519PublicKey|Ed448PrivateKey: the key",
            "password\tstring",
            "clientRequestToken: 1d2129a1-3d38-460a-9756-e5b91fddb951",
            "authenticity_token=\"9fK2mQ7xT4vB8nL1\"",
            "token type is Bearer2x",
            "publishable_key=\"9fK2mQ7xT4vB8nL1\"",
        ] {
            assert_eq!(secrets(text), Vec::<String>::new(), "{text}");
        }
    }
}
