//! E-mail addresses: who a message goes to, however the list is written.
//!
//! Reads a list of mailboxes (RFC 5322, section 3.4) as mail programs do: names and angle brackets fall away,
//! the domain is one spelling (lower case, punycode, no trailing dot), the local part stays as it is.
//! What programs read differently is refused: comments, quoted local parts, routes, groups, control characters.

use super::host;

/// Bytes of a list that is read.
const LENGTH_MAX: usize = 64 * 1024;
/// RFC 5321, section 4.5.3.1.1: octets of a local part.
const LOCAL_MAX: usize = 64;

/// The addresses of a list in their order, each as `local@domain`.
///
/// # Errors
/// Why it cannot be said who that is.
pub fn addresses(text: &str) -> Result<Vec<String>, &'static str> {
    if text.len() > LENGTH_MAX {
        return Err("is too long");
    }
    if text.chars().any(|c| c.is_control() && c != '\t') {
        return Err("has a control character");
    }
    split(text)?.into_iter().map(str::trim).filter(|part| !part.is_empty()).map(mailbox).collect()
}

/// The parts between commas and semicolons that are neither quoted nor in angle brackets.
fn split(text: &str) -> Result<Vec<&str>, &'static str> {
    let (mut parts, mut start, mut quoted, mut angle, mut escaped) = (Vec::new(), 0, false, false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if quoted => {}
            '(' | ')' => return Err("has a comment"),
            '<' if angle => return Err("has a bracket within brackets"),
            '<' => angle = true,
            '>' if !angle => return Err("has a bracket that nothing opens"),
            '>' => angle = false,
            ',' | ';' if angle => return Err("has a route"),
            ',' | ';' => {
                parts.push(text.get(start..at).unwrap_or_default());
                start = at + 1;
            }
            _ => {}
        }
    }
    if quoted || angle {
        return Err("has a quote or a bracket that nothing closes");
    }
    parts.push(text.get(start..).unwrap_or_default());
    Ok(parts)
}

/// `name <local@domain>` or `local@domain`.
fn mailbox(text: &str) -> Result<String, &'static str> {
    let address = match text.rsplit_once('<') {
        None => text,
        // A name that looks like an address is there to be taken for one.
        Some((name, _)) if name.contains(['@', ':']) && !name.contains('"') => {
            return Err("has an address for a name");
        }
        Some((_, rest)) => rest.strip_suffix('>').ok_or("has words behind the address")?.trim(),
    };
    let address = address.strip_prefix("mailto:").unwrap_or(address);
    let (local, domain) = address.rsplit_once('@').ok_or("has no `@`")?;
    let plain = |c: char| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
    if local.is_empty() || local.len() > LOCAL_MAX || !local.chars().all(plain) {
        return Err("has a local part that is read differently");
    }
    if local.starts_with('.') || local.ends_with('.') || local.contains("..") {
        return Err("has a misplaced dot");
    }
    if domain.contains(['%', '[', ' ']) {
        return Err("has a domain that is no name");
    }
    Ok(format!("{local}@{}", host::read(domain)?.text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_its_addresses() {
        for (text, expected) in [
            ("bob@example.com", "bob@example.com"),
            (" Bob@EXAMPLE.com. ", "Bob@example.com"),
            ("Bob <bob@example.com>", "bob@example.com"),
            ("\"Smith, Bob\" <bob@example.com>", "bob@example.com"),
            ("\"boss@example.com\" <eve@evil.example>", "eve@evil.example"),
            ("eve@evil.example, bob@example.com", "eve@evil.example|bob@example.com"),
            ("eve@evil.example;bob@example.com,", "eve@evil.example|bob@example.com"),
            ("bob@bücher.example", "bob@xn--bcher-kva.example"),
            ("mailto:bob@example.com", "bob@example.com"),
            ("", ""),
        ] {
            assert_eq!(addresses(text).map(|list| list.join("|")), Ok(expected.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_mail_programs_read_differently_is_no_address() {
        for text in [
            "bob",
            "bob@",
            "@example.com",
            "eve@evil.example(@example.com)",
            "bob@example.com <eve@evil.example>",
            "<@relay.example:eve@evil.example>",
            "\"eve@evil.example\"@example.com",
            "eve@evil.example <",
            "friends: eve@evil.example;",
            "a@b.example\r\nBcc: eve@evil.example",
            "eve@evil.example\0@example.com",
            "eve%evil.example@",
            "a b@example.com",
            "a@b@example.com",
            "a@[10.0.0.1]",
            "a..b@example.com",
            "bob@example.com> <eve@evil.example>",
        ] {
            assert!(addresses(text).is_err(), "{text}: {:?}", addresses(text));
        }
    }
}
