//! What a text is held against: regular expressions, globs, addresses.
//!
//! The one thing that is remembered is the compiled form of a pattern, by its text.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::rc::Rc;

use maais_core::view::url::{self, UrlOutcome};

enum Compiled {
    Plain(regex::Regex),
    Look(Box<fancy_regex::Regex>),
}

thread_local! {
    static PATTERNS: RefCell<HashMap<String, Rc<Compiled>>> = RefCell::new(HashMap::new());
    static GAVE_UP: Cell<bool> = const { Cell::new(false) };
}

/// Whether something was not decided since the last time of asking, such as look-around that gave up: such a pair decides nothing.
pub fn gave_up() -> bool {
    GAVE_UP.take()
}

/// Whether the pattern matches anywhere.
pub fn searches(pattern: &str, text: &str) -> bool {
    let compiled = PATTERNS.with_borrow_mut(|patterns| {
        if patterns.len() > 1_000 {
            patterns.clear();
        }
        Rc::clone(patterns.entry(pattern.to_owned()).or_insert_with(|| Rc::new(compile(pattern))))
    });
    match &*compiled {
        Compiled::Plain(regex) => regex.is_match(text),
        Compiled::Look(regex) => match regex.is_match(text) {
            Ok(found) if text.len() <= 64 * 1024 => found,
            _ => {
                GAVE_UP.set(true);
                false
            }
        },
    }
}

fn compile(pattern: &str) -> Compiled {
    if let Ok(regex) = regex::Regex::new(pattern) {
        return Compiled::Plain(regex);
    }
    let looks = fancy_regex::RegexBuilder::new(pattern).backtrack_limit(10_000).build();
    Compiled::Look(Box::new(looks.unwrap_or_else(|error| panic!("{pattern}: {error}"))))
}

/// Whether the glob matches the whole text.
pub fn globs(pattern: &str, text: &str, path: bool) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    glob(&pattern, &text, path, path, &mut HashSet::new())
}

/// Where it failed before it is not tried again: a long text with many stars would take for ever.
fn glob(
    pattern: &[char],
    text: &[char],
    path: bool,
    start: bool,
    failed: &mut HashSet<(usize, usize, bool)>,
) -> bool {
    let here = (pattern.len(), text.len(), start);
    if failed.contains(&here) {
        return false;
    }
    let crosses = |c: char| !path || c != '/';
    let found = match (pattern, text) {
        ([], text) => text.is_empty(),
        // No folder at all, or any folders.
        (['*', '*', '/', rest @ ..], _) if start => {
            glob(rest, text, path, true, failed)
                || (0..text.len())
                    .any(|at| text[at] == '/' && glob(rest, &text[at + 1..], path, true, failed))
        }
        (['*', '*', ..], _) if path => {
            let stars = pattern.iter().take_while(|c| **c == '*').count();
            (0..=text.len()).any(|taken| glob(&pattern[stars..], &text[taken..], path, false, failed))
        }
        (['*', rest @ ..], _) => (0..=text.len())
            .take_while(|taken| text[..*taken].last().is_none_or(|c| crosses(*c)))
            .any(|taken| glob(rest, &text[taken..], path, false, failed)),
        (['?', rest @ ..], [c, after @ ..]) => crosses(*c) && glob(rest, after, path, false, failed),
        ([own, rest @ ..], [c, after @ ..]) => own == c && glob(rest, after, path, path && *c == '/', failed),
        _ => false,
    };
    if !found {
        failed.insert(here);
    }
    found
}

/// The address that a text is or, as a URL, leads to, however it is written; `None` for names and all else.
pub fn address(text: &str) -> Option<IpAddr> {
    if let Ok(address) = text.parse() {
        return Some(plain(address));
    }
    // Half a pair of brackets is neither an address nor a name: nothing is said about it.
    if text.contains('[') != text.contains(']') {
        GAVE_UP.set(true);
    }
    match url::view(text) {
        UrlOutcome::Parsed(view) => view.host.parse().ok().map(plain),
        UrlOutcome::Unparseable(_) => None,
    }
}

fn plain(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(address) => address.to_ipv4_mapped().map_or(IpAddr::V6(address), IpAddr::V4),
        address => address,
    }
}

/// Whether the address lies in `10.0.0.0/8`, or is `10.1.2.3`.
pub fn within(block: &str, address: IpAddr) -> bool {
    let (base, length) = block.split_once('/').map_or((block, None), |(base, length)| (base, Some(length)));
    let base: IpAddr = base.parse().unwrap();
    let width = if base.is_ipv4() { 32 } else { 128 };
    let length: u32 = length.map_or(width, |length| length.parse().unwrap());
    // A block of mapped addresses is a block of the addresses that are mapped.
    let (base, length) = match base {
        IpAddr::V6(six) if length >= 96 && six.to_ipv4_mapped().is_some() => (plain(base), length - 96),
        base => (base, length),
    };
    match (base, address) {
        (IpAddr::V4(base), IpAddr::V4(address)) => {
            four(base) >> (32 - length) == four(address) >> (32 - length)
        }
        (IpAddr::V6(base), IpAddr::V6(address)) => {
            length == 0 || six(base) >> (128 - length) == six(address) >> (128 - length)
        }
        _ => false,
    }
}

fn four(address: Ipv4Addr) -> u64 {
    u64::from(u32::from(address))
}

fn six(address: Ipv6Addr) -> u128 {
    u128::from(address)
}

#[test]
fn globs_and_addresses_mean_what_the_document_says() {
    assert!(globs("db-prod-?", "db-prod-7", false) && !globs("db-prod-?", "db-prod-77", false));
    assert!(globs("docs/**", "docs/a/b", true) && !globs("*.md", "a/b.md", true) && globs("**/b", "b", true));
    for (block, text, inside) in [
        ("10.0.0.0/8", "10.1.2.3", true),
        ("10.0.0.0/8", "0xa010203", true),
        ("10.0.0.0/8", "::ffff:10.1.2.3", true),
        ("::ffff:10.0.0.0/104", "10.1.2.3", true),
        ("0.0.0.0/0", "::1", false),
        ("fe80::/10", "fe80::1", true),
        ("10.0.0.0/8", "11.0.0.0", false),
    ] {
        assert_eq!(address(text).is_some_and(|address| within(block, address)), inside, "{block} {text}");
    }
}
