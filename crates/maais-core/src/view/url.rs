//! URLs: where an action would connect, whatever spelling was used.
//!
//! Splitting follows RFC 3986, hosts and paths the WHATWG URL Standard; where clients that people
//! really use disagree (a backslash or a second `@` in the authority, control characters, three
//! slashes, an encoded delimiter) there is no view but a reason. User and password never decide
//! anything and are dropped: the host of `http://localhost@evil.com/` is `evil.com`.
//!
//! Deliberately absent: DNS, redirects, what is inside a query. `file:` has no host and class
//! loopback, because it reads this machine, and so have `data:`, `javascript:` and `about:`, which
//! reach no network; other schemes without a host (`mailto:`, `tel:`) count as public. Test the
//! scheme to refuse them.

use super::host;
pub use super::host::Class;

/// Bytes of a URL that are looked at. Browsers and servers give up earlier (RFC 9110 4.1 asks for 8,000).
pub const LENGTH_MAX: usize = 8 * 1024;

/// A URL that every client reads alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UrlView {
    /// Lower case, without the colon; `http` where none was written.
    pub scheme: String,
    /// Canonical, without brackets or trailing dot; empty where the scheme has none.
    pub host: String,
    /// As written, or else the scheme's default.
    pub port: Option<u16>,
    /// Dot segments resolved, needless percent-encoding removed; for `data:` and its like, all
    /// behind the colon.
    pub path: String,
    /// Where the host is.
    pub class: Class,
    /// The whole URL in canonical form, without user, password and default port.
    pub canonical: String,
}

/// What a text says as a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UrlOutcome {
    /// Read alike by all.
    Parsed(UrlView),
    /// Not a URL, or one that clients read differently; the text completes "the URL …".
    Unparseable(&'static str),
}

/// Schemes whose syntax WHATWG fixes ("special"), with their ports; `file` apart.
const SPECIAL: [(&str, u16); 5] = [("http", 80), ("https", 443), ("ws", 80), ("wss", 443), ("ftp", 21)];

/// Default ports of other schemes that reach a network (IANA).
const PORTS: [(&str, u16); 22] = [
    ("ssh", 22),
    ("sftp", 22),
    ("scp", 22),
    ("telnet", 23),
    ("gopher", 70),
    ("tftp", 69),
    ("smtp", 25),
    ("pop3", 110),
    ("imap", 143),
    ("ldap", 389),
    ("ldaps", 636),
    ("smb", 445),
    ("rtsp", 554),
    ("mysql", 3306),
    ("postgres", 5432),
    ("postgresql", 5432),
    ("redis", 6379),
    ("mongodb", 27017),
    ("amqp", 5672),
    ("mqtt", 1883),
    ("dict", 2628),
    ("git", 9418),
];

/// Schemes without a host that stay on this machine.
const STAYS: [&str; 4] = ["data", "javascript", "about", "vbscript"];

/// Schemes without a host that do not.
const OPAQUE: [&str; 9] = ["mailto", "tel", "sms", "callto", "urn", "magnet", "news", "cid", "mid"];

/// Schemes whose body is another URL, unwrapped by some clients only.
const WRAPPERS: [&str; 6] = ["view-source", "blob", "jar", "url", "feed", "filesystem"];

/// Reads a text that is meant to be a URL, as in a parameter named `url`: the scheme may be missing
/// (`evil.com/x`, `localhost:8080/x`, `//evil.com`).
pub fn view(text: &str) -> UrlOutcome {
    match parse(text) {
        Ok(view) => UrlOutcome::Parsed(view),
        Err(why) => UrlOutcome::Unparseable(why),
    }
}

/// Reads a text that may be anything: `None` unless it plainly is a URL as a whole.
pub fn find(text: &str) -> Option<UrlOutcome> {
    looks_like_url(text).then(|| view(text))
}

/// Whether the text plainly is a URL as a whole, however disguised: a known scheme, a scheme and
/// `//`, or a bare local host or address with a port or path.
pub fn looks_like_url(text: &str) -> bool {
    let text = text.trim();
    if text.is_empty() || text.contains(' ') {
        return false;
    }
    let line = text.split(['\n', '\r', '\t']).next().unwrap_or_default();
    if line.len() != text.len() {
        // Browsers drop these. A URL broken before its path is a disguise; later, it is prose.
        return !completes_an_authority(line) && looks_like_url(&text.replace(['\n', '\r', '\t'], ""));
    }
    if let Some((scheme, rest)) = scheme_of(text) {
        let slashed = rest.starts_with(['/', '\\']);
        return scheme.len() > 1
            && (rest.starts_with("//")
                || (slashed && is_special(&scheme))
                || known_without_slashes(&scheme, rest));
    }
    let bare = text.strip_prefix("//").unwrap_or(text);
    let end = bare.find(['/', '?', '#', ':']).unwrap_or(bare.len());
    let (name, after) = bare.split_at(end);
    let dotted = name.contains('.') && name.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    (text.len() > bare.len() && name.contains('.') && !name.starts_with('.'))
        || name.to_ascii_lowercase().starts_with("www.")
        || (!after.is_empty()
            && (dotted && name.matches('.').count() == 3 || name.eq_ignore_ascii_case("localhost")))
}

/// The URLs embedded in free text, in order, at most `max`. If there are more, the last entry says
/// so: what was not looked at must not pass for harmless.
pub fn all_in(text: &str, max: usize) -> Vec<UrlOutcome> {
    let mut found = Vec::new();
    let mut from = 0;
    for (colon, _) in text.match_indices(':') {
        if colon < from {
            continue;
        }
        let Some(range) = embedded_at(text, from, colon) else {
            continue;
        };
        if found.len() == max {
            found.pop();
            found.push(UrlOutcome::Unparseable("is one of more than are looked at"));
            break;
        }
        from = range.end;
        found.extend(text.get(range).map(view));
    }
    found
}

fn parse(text: &str) -> Result<UrlView, &'static str> {
    if text.len() > LENGTH_MAX {
        return Err("is longer than 8 KiB");
    }
    let text = text.trim_matches([' ', '\t', '\n', '\r']);
    if text.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')) {
        return Err("has a control character in it");
    }
    let Some((scheme, rest)) = scheme_of(text) else {
        return without_scheme(text);
    };
    if WRAPPERS.contains(&scheme.as_str()) {
        return Err("is wrapped in another scheme");
    }
    if scheme == "file" {
        return file(rest);
    }
    let slashes = rest.len() - rest.trim_start_matches(['/', '\\']).len();
    let (lead, after) = rest.split_at(slashes);
    if is_special(&scheme) {
        return match lead {
            "//" => with_authority(&scheme, after),
            _ if lead.contains('\\') => Err("has a backslash before the host"),
            _ => Err("has not exactly two slashes after its scheme"),
        };
    }
    match lead.strip_prefix("//") {
        Some("") => with_authority(&scheme, after),
        // `sqlite:///file`, `unix:///socket`.
        Some("/") => Ok(without_host(&scheme, rest, Class::Loopback)),
        Some(_) => Err("has too many slashes after its scheme"),
        None => opaque(&scheme, rest),
    }
}

/// `evil.com/x`, `//evil.com`, `localhost:8080`.
fn without_scheme(text: &str) -> Result<UrlView, &'static str> {
    let bare = text.strip_prefix("//").unwrap_or(text);
    match bare.chars().next() {
        None => Err("is empty"),
        Some('\\') => Err("has a backslash before the host"),
        Some('/' | '?' | '#' | '.') => Err("is relative: it has no host"),
        Some(_) => with_authority("http", bare),
    }
}

/// `[user[:password]@]host[:port]`, then path, query, fragment (RFC 3986 3.2).
fn with_authority(scheme: &str, text: &str) -> Result<UrlView, &'static str> {
    let end = text.find(['/', '?', '#']).unwrap_or(text.len());
    let (authority, rest) = text.split_at(end);
    if authority.contains('\\') {
        return Err("has a backslash in its authority");
    }
    if authority.contains(char::is_whitespace) {
        return Err("has white space before its path");
    }
    if rest.starts_with("?@")
        || (rest.starts_with('#') && rest.split('/').next().is_some_and(|f| f.contains('@')))
    {
        return Err("has an `@` behind what some take for the host");
    }
    let (host_text, port) = split_port(without_user(scheme, authority)?)?;
    let host = host::read(host_text)?;
    let brackets = if host.text.contains(':') { ("[", "]") } else { ("", "") };
    let default = default_port(scheme);
    let port = port.or(default);
    let mut canonical = format!("{scheme}://{}{}{}", brackets.0, host.text, brackets.1);
    if let Some(port) = port.filter(|_| port != default) {
        canonical.push_str(&format!(":{port}"));
    }
    let base = canonical.len();
    canonical.push_str(rest);
    let parsed = ::url::Url::parse(&canonical).map_err(|_| "is not valid")?;
    let path = unescape_unreserved(parsed.path());
    canonical.truncate(base);
    canonical.push_str(&path);
    for (mark, part) in [('?', parsed.query()), ('#', parsed.fragment())] {
        if let Some(part) = part {
            canonical.push(mark);
            canonical.push_str(part);
        }
    }
    Ok(UrlView { scheme: scheme.to_owned(), host: host.text, port, path, class: host.class, canonical })
}

fn without_user<'a>(scheme: &str, authority: &'a str) -> Result<&'a str, &'static str> {
    let Some((user, host)) = authority.split_once('@') else {
        return Ok(authority);
    };
    if host.contains('@') {
        return Err("has more than one `@` in its authority");
    }
    // A password of a database may well hold an encoded slash; a web address has no such excuse.
    let decoded_early = user.replace("%40", "").replace("%3A", "").replace("%3a", "");
    if is_special(scheme) && host::hides_a_delimiter(&decoded_early) {
        return Err("has a percent-encoded delimiter before the host");
    }
    Ok(host)
}

fn split_port(text: &str) -> Result<(&str, Option<u16>), &'static str> {
    let (host, port) = match (text.starts_with('['), text.find(']')) {
        (true, Some(end)) => {
            let (host, after) = text.split_at(end + 1);
            match after.strip_prefix(':') {
                None if !after.is_empty() => return Err("has something between its host and port"),
                port => (host, port.unwrap_or_default()),
            }
        }
        _ => text.split_once(':').unwrap_or((text, "")),
    };
    if port.is_empty() {
        return Ok((host, None));
    }
    if !port.bytes().all(|b| b.is_ascii_digit()) {
        return Err("has a port that is not a number");
    }
    port.parse().map(|port| (host, Some(port))).map_err(|_| "has a port beyond 65535")
}

/// `file:/x`, `file:///x`, `file://localhost/x`; `file://server/share` goes to the server.
fn file(rest: &str) -> Result<UrlView, &'static str> {
    let after = rest.trim_start_matches('/');
    if after.starts_with('\\') {
        return Err("has a backslash before the host");
    }
    match rest.len() - after.len() {
        2 => {
            let end = after.find('/').unwrap_or(after.len());
            let (server, path) = after.split_at(end);
            if server.eq_ignore_ascii_case("localhost") {
                return Ok(local_file(path));
            }
            let mut view = with_authority("file", after)?;
            view.port = None;
            Ok(view)
        }
        0..=3 => Ok(local_file(&format!("/{after}"))),
        _ => Err("has too many slashes after its scheme"),
    }
}

fn local_file(path: &str) -> UrlView {
    let parsed = ::url::Url::parse(&format!("file://{path}"));
    let path = parsed.map_or_else(|_| path.to_owned(), |url| unescape_unreserved(url.path()));
    let canonical = format!("file://{path}");
    UrlView {
        scheme: "file".to_owned(),
        host: String::new(),
        port: None,
        path,
        class: Class::Loopback,
        canonical,
    }
}

fn opaque(scheme: &str, rest: &str) -> Result<UrlView, &'static str> {
    let known = STAYS.contains(&scheme) || OPAQUE.contains(&scheme);
    if !known && scheme.contains('.') {
        return Err("has neither a scheme nor a port");
    }
    if !known && rest.contains('@') {
        return Err("has a user or a scheme: clients differ");
    }
    let stays = STAYS.contains(&scheme) || rest.starts_with('/');
    Ok(without_host(scheme, rest, if stays { Class::Loopback } else { Class::Public }))
}

fn without_host(scheme: &str, rest: &str, class: Class) -> UrlView {
    UrlView {
        scheme: scheme.to_owned(),
        host: String::new(),
        port: None,
        path: rest.to_owned(),
        class,
        canonical: format!("{scheme}:{rest}"),
    }
}

/// Splits off a scheme (RFC 3986 3.1), lower-cased. `host:8080/x` has none.
fn scheme_of(text: &str) -> Option<(String, &str)> {
    let (scheme, rest) = text.split_once(':')?;
    let letters = scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
    if !letters || !scheme.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return None;
    }
    let scheme = scheme.to_ascii_lowercase();
    let known = STAYS.contains(&scheme.as_str()) || OPAQUE.contains(&scheme.as_str()) || is_special(&scheme);
    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let port_like =
        digits > 0 && rest.get(digits..).is_some_and(|r| r.is_empty() || r.starts_with(['/', '?', '#']));
    (known || !port_like).then_some((scheme, rest))
}

fn is_special(scheme: &str) -> bool {
    SPECIAL.iter().any(|(name, _)| *name == scheme)
}

fn default_port(scheme: &str) -> Option<u16> {
    SPECIAL.iter().chain(&PORTS).find(|(name, _)| *name == scheme).map(|(_, port)| *port)
}

/// Schemes that make a URL of a whole text without `//`, and are no word of prose before a colon.
fn known_without_slashes(scheme: &str, rest: &str) -> bool {
    match scheme {
        "file" => rest.starts_with(['/', '\\']),
        "data" => rest.contains(','),
        "javascript" | "vbscript" => !rest.is_empty(),
        "mailto" => rest.contains('@'),
        _ => {
            (is_special(scheme) && rest.contains('.')) || (WRAPPERS.contains(&scheme) && rest.contains("://"))
        }
    }
}

/// Whether a URL's first line already holds the whole authority.
fn completes_an_authority(line: &str) -> bool {
    line.split_once("://").is_some_and(|(_, rest)| rest.contains(['/', '.']))
}

/// Percent-encoded letters, digits, `-._~` mean themselves (RFC 3986 6.2.2.2).
fn unescape_unreserved(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        let byte = after.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match byte.filter(|b| b.is_ascii_alphanumeric() || b"-._~".contains(b)) {
            Some(byte) => {
                out.push(char::from(byte));
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                out.push('%');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

/// Characters of a scheme that are looked for before a colon.
const SCHEME_MAX: usize = 32;

/// The range of the URL around a colon in free text, if there is one.
fn embedded_at(text: &str, from: usize, colon: usize) -> Option<std::ops::Range<usize>> {
    let rest = text.get(colon + 1..)?;
    if !rest.starts_with(['/', '\\']) {
        return None;
    }
    let before = text.get(from..colon)?;
    let length = before
        .bytes()
        .rev()
        .take(SCHEME_MAX)
        .take_while(|b| b.is_ascii_alphanumeric() || b"+-.".contains(b))
        .count();
    let word = before.get(before.len() - length..)?;
    let scheme = word.trim_start_matches(|c: char| !c.is_ascii_alphabetic());
    let lower = scheme.to_ascii_lowercase();
    let plain = scheme.len() > 1 && rest.starts_with("//");
    if !plain && !is_special(&lower) && lower != "file" {
        return None;
    }
    let end = rest.find(|c: char| c.is_whitespace() || c.is_control() || "<>\"`".contains(c));
    let mut body = rest.get(..end.unwrap_or(rest.len()))?;
    for escape in ["\\n", "\\r", "\\t", "\\\"", "\\u"] {
        body = body.split_once(escape).map_or(body, |(body, _)| body);
    }
    let start = colon - scheme.len();
    let quoted = text.get(..start)?.ends_with('\'');
    if quoted {
        body = body.split_once('\'').map_or(body, |(body, _)| body);
    }
    Some(start..colon + 1 + trim_prose(body).len())
}

/// Cuts punctuation that belongs to the sentence, not to the URL.
fn trim_prose(mut body: &str) -> &str {
    loop {
        let Some(last) = body.chars().next_back() else {
            return body;
        };
        let opening = match last {
            ')' => '(',
            ']' => '[',
            '}' => '{',
            '.' | ',' | ';' | ':' | '!' | '?' | '\'' | '*' | '\\' | '。' | '，' | '、' | '；' | '）'
            | '」' | '】' => '\0',
            _ => return body,
        };
        let balanced = opening != '\0' && body.matches(opening).count() >= body.matches(last).count();
        if balanced {
            return body;
        }
        body = body.strip_suffix(last).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests;
