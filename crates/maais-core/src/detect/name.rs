//! Names: what the name of a field, variable or flag says about its value.
//!
//! A name is cut into words (`clientSecret`, `CLIENT_SECRET`, `client-secret` are the same), and
//! its last words decide: `password_hash` and `token_url` end in something harmless, `public_key`
//! and `next_page_token` are qualified away.

/// How strongly a name says that its value is secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Strength {
    /// `token`, `credentials`: the value must look drawn at random.
    Weak,
    /// `heroku_token`: the value must look issued, but may be short or a UUID.
    Fair,
    /// `api_key`, `client_secret`: the value must look like a key.
    Medium,
    /// `password`: any value that is not an example or code.
    Strong,
}

/// Longest name that is cut.
pub(super) const NAME_MAX: usize = 80;

const PASSWORD: &[&str] = &[
    "password",
    "passwd",
    "pwd",
    "pw",
    "psw",
    "pswd",
    "pword",
    // As people mistype it.
    "passwrd",
    "passwrod",
    "pasword",
    "paswd",
    "paswrd",
    "pssword",
    "psword",
    "pswrd",
    "passwort",
    "pass",
    "passphrase",
    "passcode",
    "motdepasse",
    "contraseña",
    "senha",
    "kennwort",
];

/// Before `pass` or `pwd`, without a break, these make it a password (and not `compass`, `bypass`).
const WHOSE_PASS: &[&str] = &[
    "my", "db", "user", "root", "admin", "mysql", "sql", "ftp", "smtp", "imap", "mail", "email", "wifi",
    "login", "http", "ssh", "redis", "pg", "postgres", "oracle", "proxy", "key", "store", "keystore", "sudo",
    "ldap", "rpc", "vpn", "sftp", "bind", "master", "web", "rabbit", "mongo", "cert", "new", "old",
];

/// Before `key`, these make it a secret one.
const SECRET_KEY: &[&str] = &[
    "api",
    "secret",
    "access",
    "private",
    "auth",
    "authentication",
    "authorization",
    "encryption",
    "signing",
    "master",
    "account",
    "shared",
    "storage",
    // An identifier to OAuth 1 (RFC 5849), but handed out as half of a secret pair.
    "consumer",
    "service",
    "subscription",
    "app",
    "admin",
    "deploy",
    "hmac",
    "webhook",
    "crypt",
    "crypto",
    "jwt",
    "ssh",
    "license",
    "root",
    "server",
];

/// One word that says key.
const KEY_WORDS: &[&str] = &[
    "apikey",
    "apisecret",
    "secretkey",
    "accesskey",
    "authkey",
    "accountkey",
    "appkey",
    "appsecret",
    "clientsecret",
    "sharedaccesskey",
    "sharedaccesssignature",
    "nkey",
    "privatekey",
    "consumersecret",
];

/// Before `token`, these make it one that opens something.
const SECRET_TOKEN: &[&str] = &[
    "access",
    "auth",
    "authentication",
    "authorization",
    "api",
    "refresh",
    "bearer",
    "oauth",
    "bot",
    "github",
    "gitlab",
    "slack",
    "personal",
    "private",
    "deploy",
    "session",
    "secret",
    "security",
    "jwt",
    "service",
    "user",
    "admin",
    "app",
    "client",
    "webhook",
    "vault",
    "npm",
    "pypi",
    "id",
    "registry",
    "hub",
    "ci",
    "account",
    "login",
];

const TOKEN_WORDS: &[&str] = &[
    "apitoken",
    "accesstoken",
    "authtoken",
    "refreshtoken",
    "bearertoken",
    "sessiontoken",
    "usertoken",
    "oauthtoken",
    "secrettoken",
    "privatetoken",
];

/// Before `token`, these make it a place in a list or a guard of a form.
const HARMLESS_TOKEN: &[&str] = &[
    "page",
    "next",
    "continuation",
    "cursor",
    "sync",
    "max",
    "min",
    "num",
    "csrf",
    "xsrf",
    "authenticity",
    "request",
    "verification",
    "pagination",
    "previous",
    "prev",
    "stop",
    "eos",
    "pad",
];

/// Before `key`, these make it an index, a place or a label.
const HARMLESS_KEY: &[&str] = &[
    "encrypted",
    "wrapped",
    // Shown to others: the keys of web pages for payment and captchas.
    "publishable",
    "site",
    "primary",
    "foreign",
    "sort",
    "partition",
    "cache",
    "object",
    "bucket",
    "idempotency",
    "row",
    "unique",
    "index",
    "group",
    "dict",
    "map",
    "hash",
    "lookup",
    "search",
    "translation",
    "issue",
    "project",
    "range",
    "shard",
    "sharding",
    "routing",
    "dedupe",
    "dedup",
    "natural",
    "surrogate",
    "composite",
    "candidate",
    "sorting",
    "order",
    "message",
    "event",
    "item",
    "file",
    "image",
    "folder",
    "path",
    "node",
    "metric",
    "feature",
    "flag",
    "hot",
    "short",
    "arrow",
    "enter",
    "by",
    "on",
    "any",
    "each",
    "the",
    "this",
    "no",
    "is",
    "has",
    "get",
    "set",
    "new",
];

/// Whether the last two words name a place in a list, an index, a guard: `next page token`.
pub(super) fn is_harmless(name: &str) -> bool {
    let words = words(name);
    match words.as_slice() {
        [.., before, last] if last == "token" => HARMLESS_TOKEN.contains(&before.as_str()),
        [.., before, last] if last == "key" => HARMLESS_KEY.contains(&before.as_str()),
        _ => false,
    }
}

/// What the name says, if anything.
pub(super) fn strength(name: &str) -> Option<Strength> {
    if name.len() > NAME_MAX {
        return None;
    }
    let words = words(name);
    let mut from_last = words.iter().rev().map(String::as_str);
    let last = from_last.next()?;
    let before = from_last.next().unwrap_or_default();
    if PASSWORD.contains(&last) {
        return (!matches!(
            before,
            "no" | "random" | "show" | "hide" | "by" | "first" | "one" | "forgot" | "reset" | "lost"
        ))
        .then_some(Strength::Strong);
    }
    let suffix = ["password", "passwd"].iter().find_map(|end| last.strip_suffix(end));
    if let Some(what) = suffix {
        let act = [
            "no", "reset", "change", "forgot", "show", "hide", "lost", "set", "get", "random", "confirm",
            "split", "parse", "check", "verify", "validate", "hash", "encode", "decode", "encrypt", "is",
            "has", "min", "max",
        ];
        return (!act.contains(&what)).then_some(Strength::Strong);
    }
    if ["pass", "pwd"]
        .iter()
        .find_map(|end| last.strip_suffix(end))
        .is_some_and(|who| WHOSE_PASS.contains(&who))
    {
        return Some(Strength::Strong);
    }
    if words.iter().any(|word| word == "public") {
        return None;
    }
    match last {
        "key" | "keys" if SECRET_KEY.contains(&before) => Some(Strength::Medium),
        "secret" | "secrets" => Some(Strength::Medium),
        "token" if SECRET_TOKEN.contains(&before) => Some(Strength::Medium),
        "token" if HARMLESS_TOKEN.contains(&before) => None,
        "token" if before.len() > 2 => Some(Strength::Fair),
        "key" if before.len() > 1 && !HARMLESS_KEY.contains(&before) => Some(Strength::Weak),
        "token" | "credential" | "credentials" | "cred" | "creds" => Some(Strength::Weak),
        word if KEY_WORDS.contains(&word) || TOKEN_WORDS.contains(&word) => Some(Strength::Medium),
        _ => None,
    }
}

/// Lower-case words of a name; trailing digits dropped (`password2`).
fn words(name: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut previous = ' ';
    for c in name.chars() {
        let upper_after_lower = c.is_ascii_uppercase() && previous.is_ascii_lowercase();
        if (!c.is_ascii_alphanumeric() || upper_after_lower) && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if c.is_ascii_alphabetic() {
            word.push(c.to_ascii_lowercase());
        }
        previous = c;
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_words_of_a_name_decide() {
        for (name, expected) in [
            ("password", Some(Strength::Strong)),
            ("DB_PASSWORD", Some(Strength::Strong)),
            ("userPassword2", Some(Strength::Strong)),
            ("spring.datasource.password", Some(Strength::Strong)),
            ("api_key", Some(Strength::Medium)),
            ("apiKey", Some(Strength::Medium)),
            ("X-Api-Key", Some(Strength::Medium)),
            ("SecretAccessKey", Some(Strength::Medium)),
            ("clientSecret", Some(Strength::Medium)),
            ("access_token", Some(Strength::Medium)),
            ("token", Some(Strength::Weak)),
            ("credentials", Some(Strength::Weak)),
            ("key", None),
            ("primary_key", None),
            ("sort_key", None),
            ("public_key", None),
            ("keyboard", None),
            ("next_page_token", None),
            ("nextToken", None),
            ("max_tokens", None),
            ("tokens", None),
            ("password_hash", None),
            ("passwordPolicy", None),
            ("token_url", None),
            ("secret_name", None),
            ("compass", None),
            ("publicKeyToken", None),
            ("forgotPassword", None),
            ("credpassword", Some(Strength::Strong)),
            ("algolia_key", Some(Strength::Weak)),
            ("idempotency_key", None),
            ("passenger", None),
            ("secretary", None),
            ("", None),
        ] {
            assert_eq!(strength(name), expected, "{name}");
        }
    }
}
