//! E-mail addresses.
//!
//! Addresses are the plain ones of RFC 5321 that people use (no quoted local parts, no address
//! literals).

use super::{Hit, Kind};

/// RFC 5321 4.5.3.1.
const LOCAL_MAX: usize = 64;
const DOMAIN_MAX: usize = 253;

/// What file names end in and no country or registry does: `icon@2x.png` is no address.
const FILE_ENDINGS: &[&str] =
    &["png", "jpg", "jpeg", "gif", "svg", "webp", "css", "js", "ts", "html", "json", "local"];

/// Adds the e-mail addresses in `text`.
pub(super) fn emails(text: &str, limit: usize, hits: &mut Vec<Hit>) {
    let limit = hits.len().saturating_add(limit);
    for (at, _) in text.match_indices('@') {
        hits.extend(email(text, at));
        if hits.len() >= limit {
            return;
        }
    }
}

fn email(text: &str, at: usize) -> Option<Hit> {
    let bytes = text.as_bytes();
    let local = bytes.get(..at)?.iter().rev().take(LOCAL_MAX + 1).take_while(|b| is_local(**b)).count();
    let start = at - local;
    let local_part = text.get(start..at)?.trim_start_matches(['.', '-', '\'', '/', '=']);
    let start = at - local_part.len();
    let before = bytes.get(..start)?;
    // `scheme://user:password@host` is no address.
    let credentials = before.ends_with(b"://") || (before.ends_with(b":") && in_url(text, start));
    if local_part.is_empty() || local > LOCAL_MAX || local_part.ends_with('.') || credentials {
        return None;
    }
    let rest = bytes.get(at + 1..)?;
    let length = rest
        .iter()
        .take(DOMAIN_MAX + 1)
        .take_while(|b| b.is_ascii_alphanumeric() || b"-.".contains(b))
        .count();
    let domain = text.get(at + 1..at + 1 + length)?.trim_end_matches(['.', '-']);
    let (name, ending) = domain.rsplit_once('.')?;
    let labels =
        name.split('.').all(|label| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-'));
    let registry =
        ending.len() >= 2 && (ending.bytes().all(|b| b.is_ascii_alphabetic()) || ending.starts_with("xn--"));
    let file = FILE_ENDINGS.contains(&ending.to_ascii_lowercase().as_str());
    if domain.len() > DOMAIN_MAX || !labels || !registry || file {
        return None;
    }
    let end = at + 1 + domain.len();
    // `git@host:path` is a remote, not a person.
    let remote = local_part == "git" && bytes.get(end) == Some(&b':');
    let masked = || local_part.chars().take(1).chain("…@".chars()).chain(domain.chars()).collect();
    (!remote).then(|| Hit::new(Kind::Email, (start, end), masked()))
}

fn is_local(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&byte)
}

fn in_url(text: &str, start: usize) -> bool {
    let from = text.floor_char_boundary(start.saturating_sub(120));
    let before = text.get(from..start).unwrap_or_default();
    before.rsplit(char::is_whitespace).next().is_some_and(|word| word.contains("://"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<&str> {
        let mut hits = Vec::new();
        emails(text, 64, &mut hits);
        hits.iter().map(|hit| &text[hit.start..hit.end]).collect()
    }

    #[test]
    fn addresses_are_found_in_prose_lists_and_urls() {
        assert_eq!(found("Write to ann.b+x@mail.example.org."), ["ann.b+x@mail.example.org"]);
        assert_eq!(found("<a@b.io>,c@d.de;e@f.museum"), ["a@b.io", "c@d.de", "e@f.museum"]);
        assert_eq!(found("mailto:a@b.org?subject=x"), ["a@b.org"]);
    }

    #[test]
    fn other_things_with_an_at_are_no_addresses() {
        for text in [
            "icon@2x.png",
            "git@github.com:a/b.git",
            "https://user:pw@host.example.com/",
            "ssh://git@host.example.com/",
            "@decorator.call",
            "pkg@1.2.3",
            "a@b",
            "a@.com",
            "a@-b.com",
            "@",
        ] {
            assert_eq!(found(text), Vec::<&str>::new(), "{text}");
        }
    }

    #[test]
    fn a_mask_keeps_the_domain_and_one_letter() {
        let mut hits = Vec::new();
        emails("ann@example.org", 64, &mut hits);
        assert_eq!(hits.first().map(|hit| hit.masked.as_str()), Some("a…@example.org"));
    }
}
