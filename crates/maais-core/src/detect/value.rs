//! Values: whether a text looks like a real secret, an example, or code that refers to one.
//!
//! People write examples with a small vocabulary (`test`, `changeme`, `your-key-here`), repeat
//! characters, or count. Real secrets are drawn (mixed digits and letters, letter pairs that no
//! language has) or at least chosen. All tests are heuristics of this crate; none is a list of
//! known secrets.

use super::letters::{entropy, is_filler, is_gibberish};
use super::name::Strength;

/// Characters of a value that are looked at.
pub(super) const VALUE_MAX: usize = 512;

/// Words that examples are made of, longest first where one begins another.
const EXAMPLE_WORDS: &[&str] = &[
    "password",
    "passwords",
    "passwort",
    "passphrase",
    "passwd",
    "pass",
    "pwd",
    "pw",
    "secret",
    "secrets",
    "secure",
    "token",
    "tokens",
    "apikey",
    "key",
    "keys",
    "api",
    "access",
    "auth",
    "oauth",
    "bearer",
    "client",
    "consumer",
    "credential",
    "credentials",
    "cred",
    "creds",
    "user",
    "username",
    "users",
    "login",
    "admin",
    "root",
    "guest",
    "test",
    "testing",
    "tests",
    "tester",
    "demo",
    "sample",
    "example",
    "dummy",
    "fake",
    "mock",
    "foo",
    "bar",
    "baz",
    "qux",
    "foobar",
    "hello",
    "world",
    "change",
    "changeme",
    "me",
    "my",
    "your",
    "our",
    "the",
    "some",
    "any",
    "this",
    "is",
    "a",
    "an",
    "here",
    "there",
    "new",
    "old",
    "valid",
    "invalid",
    "wrong",
    "bad",
    "good",
    "correct",
    "incorrect",
    "random",
    "default",
    "empty",
    "blank",
    "string",
    "str",
    "value",
    "val",
    "text",
    "name",
    "id",
    "service",
    "app",
    "private",
    "public",
    "super",
    "strong",
    "weak",
    "temp",
    "tmp",
    "not",
    "very",
    "abc",
    "def",
    "xyz",
    "abcdef",
    "qwerty",
    "number",
    "code",
];

/// Substrings that only examples and removed values have.
const EXAMPLE_PARTS: &[&str] = &[
    "example",
    "placeholder",
    "redacted",
    "removed",
    "changeme",
    "change_me",
    "change-me",
    "replace",
    "your_",
    "your-",
    "yourpass",
    "xxxx",
    "****",
    "...",
    "…",
    "todo",
    "dummy",
    "fixme",
];

/// Words of programming languages that stand where a value would.
const CODE_WORDS: &[&str] = &[
    "none",
    "null",
    "nil",
    "undefined",
    "true",
    "false",
    "yes",
    "no",
    "string",
    "str",
    "text",
    "bool",
    "boolean",
    "int",
    "integer",
    "number",
    "bytes",
    "bytearray",
    "object",
    "any",
    "void",
    "char",
    "varchar",
    "optional",
    "required",
    "required",
    "environment",
    "input",
    "prompt",
    "hidden",
    "self",
    "this",
    "function",
    "async",
    "await",
    "new",
    "return",
    "const",
    "let",
    "var",
    "disabled",
    "enabled",
    "encrypted",
    "hashed",
    "masked",
    "sensitive",
    "unknown",
    "missing",
    "mandatory",
    "column",
    "field",
    "label",
    "basic",
    "plain",
    "plaintext",
];

/// A value as it was found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Value<'a> {
    pub(super) text: &'a str,
    /// Between quotes, so a literal; without them it may be code.
    pub(super) quoted: bool,
}

/// Whether the value is a secret, given what its name says.
pub(super) fn is_secret(value: Value<'_>, strength: Strength) -> bool {
    let text = value.text;
    let length = text.chars().count();
    let least = match strength {
        Strength::Strong => 4,
        Strength::Medium => 8,
        Strength::Fair => 12,
        Strength::Weak => 14,
    };
    if !(least..=VALUE_MAX).contains(&length)
        || text.chars().any(char::is_whitespace)
        || text.contains(char::is_control)
    {
        return false;
    }
    let header_alone = text.starts_with("eyJ") && !text.contains('.') && length < 80;
    if header_alone
        || is_reference(text)
        || is_filler(text)
        || is_example(text)
        || (!value.quoted && is_code(text))
    {
        return false;
    }
    let shape = Shape::of(text);
    match strength {
        Strength::Strong => shape.chosen(text, value.quoted),
        Strength::Medium => !is_wordy(text) && !is_address(text) && shape.drawn(text),
        Strength::Fair | Strength::Weak => {
            let mixed = shape.digits > 0 && shape.letters > 0;
            let issued = mixed
                && !is_wordy(text)
                && !is_dotted_name(text)
                && !is_address(text)
                && entropy(text) >= 3.0;
            issued && (strength == Strength::Fair || (!is_uuid(text) && entropy(text) >= 3.2))
        }
    }
}

/// Whether the value is a password even where a sentence or a comparison holds it: letters and digits mixed,
/// and no word that a sentence would go on with.
pub(super) fn is_told(value: Value<'_>) -> bool {
    let shape = Shape::of(value.text);
    let mixed = shape.letters > 0 && shape.digits > 0 && value.text.len() >= 6;
    mixed && !is_wordy(value.text) && !is_address(value.text) && is_secret(value, Strength::Strong)
}

/// Counts of character classes.
struct Shape {
    lower: usize,
    upper: usize,
    letters: usize,
    digits: usize,
    symbols: usize,
}

impl Shape {
    fn of(text: &str) -> Self {
        let count = |test: fn(char) -> bool| text.chars().filter(|c| test(*c)).count();
        let lower = count(|c| c.is_lowercase());
        let upper = count(|c| c.is_uppercase());
        let letters = count(char::is_alphabetic);
        let digits = count(|c| c.is_ascii_digit());
        let symbols = text.chars().count() - letters - digits;
        Self { lower, upper, letters, digits, symbols }
    }

    /// Something that a person might choose as a password.
    fn chosen(&self, text: &str, quoted: bool) -> bool {
        if self.letters == 0 {
            return self.digits >= 6 && self.symbols == 0;
        }
        // A constant or the name of a type.
        if !quoted && self.lower == 0 && self.digits == 0 {
            return false;
        }
        let identifier = text.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/'));
        let joined = self.symbols > 0 && identifier;
        if joined && (is_wordy(text) || self.lower == 0) {
            return false;
        }
        if self.digits > 0 || self.symbols > 0 {
            // `x1`, `v2.0`: too little; `password1` was an example before.
            let mixed = self.lower > 0 && self.upper > 0 && text.len() >= 8 && !is_wordy(text);
            return self.digits + self.symbols >= 2
                || is_gibberish(text)
                || mixed
                || (quoted && text.len() >= 6);
        }
        // A literal word given to a password is one, if it is not an example; capitalised words
        // are labels (`"password": "Kennwort"`).
        is_gibberish(text) || (quoted && text.len() >= 6 && self.upper == 0 && text.is_ascii())
    }

    /// Something that a machine issued.
    fn drawn(&self, text: &str) -> bool {
        if self.letters == 0 {
            return self.digits >= 16 && entropy(text) >= 2.5;
        }
        (self.digits > 0 && entropy(text) >= 2.5) || (is_gibberish(text) && entropy(text) >= 2.5)
    }
}

/// Stands for a value kept elsewhere: `${X}`, `{{ x }}`, `<x>`, `%s`, `process.env.X`, `$X`.
pub(super) fn is_reference(text: &str) -> bool {
    let inside = ["${", "$(", "{{", "}}", "<%", "%(", "#{", "%s", "%d", "%v", "@{"];
    let sources = [
        "process.env",
        "os.environ",
        "os.getenv",
        "getenv",
        "env.",
        "env[",
        "env:",
        "environment",
        "secrets.",
        "secret:",
        "vault:",
        "ssm:",
        "arn:",
        "keyring",
        "config.",
        "settings.",
        "self.",
        "this.",
        "params.",
        "options.",
        "data.",
        "file:",
        "ref:",
        "op://",
        "http://",
        "https://",
        "projects/",
    ];
    let lower = text.to_ascii_lowercase();
    let wrapped = [('<', '>'), ('{', '}'), ('[', ']'), ('%', '%'), ('(', ')')];
    inside.iter().any(|part| text.contains(part))
        || sources.iter().any(|start| lower.starts_with(start))
        || wrapped.iter().any(|(open, close)| text.starts_with(*open) && text.ends_with(*close))
        || text.strip_prefix(['$', '@', ':']).is_some_and(|rest| rest.split('.').all(is_identifier))
        || text.contains(['"', '\'', '`'])
        || is_hashed(text)
}

/// A password's hash in the modular crypt format (crypt(5)) or LDAP's (RFC 2307): not the password.
fn is_hashed(text: &str) -> bool {
    let schemes = [
        "$1$", "$2a$", "$2b$", "$2y$", "$5$", "$6$", "$7$", "$y$", "$argon2", "$scrypt$", "$pbkdf2", "{ssha",
        "{sha", "{md5",
    ];
    let lower = text.to_ascii_lowercase();
    schemes.iter().any(|scheme| lower.starts_with(scheme))
}

fn is_identifier(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && !(text.bytes().any(|b| b.is_ascii_digit()) && is_gibberish(text))
}

/// Made of the vocabulary of examples, digits and separators alone.
fn is_example(text: &str) -> bool {
    let lower = text.to_lowercase();
    let l33t: String = lower
        .chars()
        .map(|c| match c {
            '0' => 'o',
            '1' | '!' => 'i',
            '3' => 'e',
            '4' | '@' => 'a',
            '5' | '$' => 's',
            c => c,
        })
        .collect();
    EXAMPLE_PARTS.iter().any(|part| lower.contains(part))
        || CODE_WORDS.contains(&lower.as_str())
        || spelled_from_examples(&lower)
        || spelled_from_examples(&l33t)
}

/// Whether the letters split into example words; runs of up to four digits and separators may
/// stand between. One flag for each position: linear in the length times the vocabulary.
fn spelled_from_examples(lower: &str) -> bool {
    if lower.len() > 64 || !lower.is_ascii() {
        return false;
    }
    let mut reached = vec![false; lower.len() + 1];
    if let Some(first) = reached.first_mut() {
        *first = true;
    }
    let mut found_word = false;
    for at in 0..lower.len() {
        if !reached.get(at).copied().unwrap_or(false) {
            continue;
        }
        let Some(rest) = lower.get(at..) else { return false };
        let filler = rest.bytes().take_while(|b| !b.is_ascii_alphabetic()).count();
        let digits = rest.bytes().take(filler).filter(u8::is_ascii_digit).count();
        let steps = EXAMPLE_WORDS.iter().filter(|word| rest.starts_with(**word)).map(|word| word.len());
        found_word |= steps.clone().next().is_some();
        let skip = (filler > 0 && (digits <= 4 || is_filler(rest.get(..filler).unwrap_or_default())))
            .then_some(filler);
        for step in steps.chain(skip) {
            if let Some(next) = reached.get_mut(at + step) {
                *next = true;
            }
        }
    }
    found_word && reached.last().copied().unwrap_or(false)
}

/// What follows a number that says its type.
const NUMBER_TYPES: [&str; 13] =
    ["u8", "u16", "u32", "u64", "usize", "i8", "i16", "i32", "i64", "isize", "ul", "UL", "px"];

/// Code rather than a bare literal: calls, members, indexes, types.
fn is_code(text: &str) -> bool {
    let calls =
        text.contains(['(', '[', '{', '*', '&', '<', '>']) || text.contains("::") || text.contains("->");
    let member = text.split('.').count() > 1
        && text.split('.').all(|part| part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_'));
    // A name, perhaps behind the path that stood before it; not the padding of something drawn.
    let is_name = |text: &str| {
        let digits = text.bytes().filter(u8::is_ascii_digit).count();
        digits < 2 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_/.".contains(&b))
    };
    let assignment = text.split_once('=').is_some_and(|(name, rest)| is_name(name) && !rest.is_empty());
    let digits = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let number = digits.len() < text.len() && NUMBER_TYPES.contains(&digits);
    calls
        || member
        || assignment
        || number
        || text.starts_with("__")
        || text.starts_with("0x")
        || CODE_WORDS.contains(&text.to_ascii_lowercase().as_str())
}

/// A sequence of words and small numbers joined by punctuation or case, as in identifiers, file
/// names and messages.
fn is_wordy(text: &str) -> bool {
    let mut word = String::new();
    let mut wordy = true;
    let mut previous = ' ';
    for c in text.chars().chain([' ']) {
        let boundary = !c.is_alphabetic() || (c.is_uppercase() && previous.is_lowercase());
        if boundary && !word.is_empty() {
            wordy &= word.len() > 1 && !is_gibberish(&word);
            word.clear();
        }
        if c.is_alphabetic() {
            word.push(c);
        }
        previous = c;
    }
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    wordy && digits * 4 <= text.len()
}

/// `fs.s3.consistent.retryCount`: the name of a setting.
fn is_dotted_name(text: &str) -> bool {
    let part = |part: &str| part.starts_with(|c: char| c.is_ascii_alphabetic()) && part.len() < 24;
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    text.split('.').count() > 2 && digits < 3 && text.split('.').all(part)
}

/// A URL, a path, a host, a number with a unit: things that keys' neighbours are.
fn is_address(text: &str) -> bool {
    text.contains("://")
        || text.starts_with(['/', '~', '.'])
        || text.rsplit_once('.').is_some_and(|(_, end)| {
            (2..=4).contains(&end.len()) && end.bytes().all(|b| b.is_ascii_lowercase()) && text.len() < 64
        })
}

/// 8-4-4-4-12 hexadecimal digits (RFC 9562).
pub(super) fn is_uuid(text: &str) -> bool {
    let lengths = text.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12]) && text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quoted(text: &str, strength: Strength) -> bool {
        is_secret(Value { text, quoted: true }, strength)
    }

    fn bare(text: &str, strength: Strength) -> bool {
        is_secret(Value { text, quoted: false }, strength)
    }

    #[test]
    fn chosen_passwords_are_secrets_of_a_password_field() {
        for text in ["Tr0ub4dor&3", "hunter2!x", "k7gy8b", "qzxvwk", "S0mmer-2031!", "824610397"] {
            assert!(quoted(text, Strength::Strong), "{text}");
        }
    }

    #[test]
    fn examples_references_and_code_are_not() {
        for text in [
            "",
            "abc",
            "password",
            "Password1",
            "changeme",
            "p4ssw0rd",
            "test123456",
            "secret_token",
            "my-secret-key",
            "xxxxxxxx",
            "12345678",
            "abcdefgh",
            "********",
            "<password>",
            "${TOKEN}",
            "$PASSWORD",
            "{{ password }}",
            "%s",
            "process.env.TOKEN",
            "os.environ['X']",
            "[REDACTED]",
            "your-password-here",
            "foobar",
            "None",
            "null",
            "YOUR_API_KEY",
            "Enter your password",
            "example123!",
            "https://example.com/reset",
        ] {
            assert!(!quoted(text, Strength::Strong), "{text}");
        }
        for text in
            ["str", "password", "getpass()", "config.password", "args[0]", "Optional[str]", "user_password"]
        {
            assert!(!bare(text, Strength::Strong), "{text}");
        }
    }

    #[test]
    fn keys_look_issued() {
        for text in [
            "9fK2mQ7xT4vB8nL1",
            "4f9a1c77e02b6d3895aa",
            "wJq/8Xk+Zp2=",
            "f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
        ] {
            assert!(quoted(text, Strength::Medium), "{text}");
        }
        for text in [
            "RAILS_MASTER_KEY",
            "production",
            "my-service-account",
            "/etc/keys/api.key",
            "api.example.com",
            "v1.2.3",
        ] {
            assert!(!quoted(text, Strength::Medium), "{text}");
        }
    }
}
