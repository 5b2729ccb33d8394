//! Patterns where a view is meant, with an address or a path on which pattern and meaning disagree.

use crate::decision::Effect;
use crate::policy::Pattern;
use crate::policy::model::{Condition, Policy, Subject, Test};
use crate::policy::tri::Tri;
use crate::view::path::{self, PathOutcome};
use crate::view::url::{self, UrlOutcome};

/// A foreign host in spellings that patterns take for something else, and clients do not.
const URLS: [&str; 14] = [
    "http://localhost@evil.example/",
    "http://127.0.0.1@evil.example/",
    "http://internal.@evil.example/",
    "http://localhost.evil.example/",
    "http://127.0.0.1.evil.example/",
    "http://127x0y0z1.evil.example/",
    "http://internal.evil.example/",
    "HTTP://evil.example/",
    " http://evil.example/",
    "http:\\\\evil.example\\",
    "//evil.example/",
    "ftp://evil.example/",
    "http://EVIL.EXAMPLE/",
    "http://evil.example./",
];
/// Ways to this machine and to the metadata service that look like others.
const INSIDE: [&str; 6] = [
    "http://2130706433/",
    "http://0x7f.1/",
    "http://127.1/",
    "http://[::ffff:127.0.0.1]/",
    "http://0xa9fea9fe/",
    "http://localhost./",
];
/// A place outside the folder that a pattern names, and ways there.
const DETOURS: [&str; 4] = ["..", "../..", ".//..", "%2e%2e"];

/// A pattern on what should be looked at as a URL or a path, and what shows it.
pub(super) struct Advice {
    pub(super) message: String,
    pub(super) help: String,
}

/// Advice on every pattern of a policy's condition.
pub(super) fn advice(policy: &Policy) -> Vec<Advice> {
    let mut found = Vec::new();
    visit(&policy.condition, &mut |name, pattern| {
        found.extend(on_url(policy.decision, name, pattern).or_else(|| on_path(name, pattern)));
    });
    found
}

fn visit(condition: &Condition, see: &mut dyn FnMut(&str, &Pattern)) {
    match condition {
        Condition::All(parts) | Condition::Any(parts) => parts.iter().for_each(|part| visit(part, see)),
        Condition::Not(inner) => visit(inner, see),
        Condition::Holds(Subject::Parameter(path), test) => {
            patterns(test, &mut |pattern| see(&path.join("."), pattern));
        }
        _ => {}
    }
}

fn patterns(test: &Test, see: &mut dyn FnMut(&Pattern)) {
    match test {
        Test::All(tests) => tests.iter().for_each(|test| patterns(test, see)),
        Test::AnyOf(test) | Test::AllOf(test) => patterns(test, see),
        Test::Pattern(pattern) => see(pattern),
        _ => {}
    }
}

fn on_url(decision: Effect, name: &str, pattern: &Pattern) -> Option<Advice> {
    let text = pattern.as_str();
    let speaks_of_urls =
        text.contains("https?:") || text.contains("http:") || text.contains("https:") || text.contains("://");
    if !speaks_of_urls {
        return None;
    }
    let plain = Tri::from(true) == pattern.search("http://evil.example/");
    let shown = if decision == Effect::Allow {
        // It allows something: a foreign host that it takes for its own, or an inside one.
        let own = |url: &&&str| pattern.search(url) == Tri::True && !plain;
        URLS.iter().chain(&INSIDE).find(own)
    } else if plain {
        // It stops what is foreign: a foreign one that it lets through.
        URLS.iter().find(|url| pattern.search(url) == Tri::False)
    } else {
        URLS.iter().chain(&INSIDE).find(|url| pattern.search(url) != Tri::False)
    }?;
    let meaning = match url::view(shown) {
        UrlOutcome::Parsed(view) => format!("leads to `{}` ({})", view.host, view.class.as_str()),
        UrlOutcome::Unparseable(_) => "is read differently by different clients".to_owned(),
    };
    let verb = if pattern.search(shown) == Tri::True { "matches" } else { "does not match" };
    Some(Advice {
        message: format!("a pattern on the URL in `{name}`: it {verb} `{shown}`, which {meaning}"),
        help: "use `url.host` or `url.class`, which see through every spelling".to_owned(),
    })
}

/// A short text on which a pattern with look-around spends its whole budget: runs of what repetition likes, and
/// an end that spoils the match.
pub(super) fn exhausting(pattern: &Pattern) -> Option<String> {
    const RUNS: [&str; 8] = ["a", "0", " ", "a ", "/", "a.", "x=", "-"];
    const ENDS: [&str; 3] = ["!", "\n", "q"];
    let texts = RUNS.iter().flat_map(|run| ENDS.iter().map(move |end| run.repeat(40) + end));
    let spent = |text: &String| pattern.search(text) == Tri::Unknown;
    texts.into_iter().find(spent).map(|text| text.replace('\n', "\\n"))
}

/// A pattern that names a folder from its beginning.
fn on_path(name: &str, pattern: &Pattern) -> Option<Advice> {
    let folder = pattern.as_str().trim_start_matches("(?i)").strip_prefix('^')?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "/_-".contains(c);
    let folder: String = folder.chars().take_while(|c| plain(*c)).collect();
    let folder = folder.trim_end_matches('/');
    if !folder.starts_with('/') || folder.len() < 2 {
        return None;
    }
    let detour = DETOURS.iter().map(|detour| format!("{folder}/{detour}/etc/passwd"));
    let shown = detour.into_iter().find(|text| pattern.search(text) == Tri::True)?;
    let meaning = match path::normalise(&shown) {
        PathOutcome::Path(view) => format!("is `{}`", view.text),
        PathOutcome::Unparseable(reason) => format!("cannot be read: {reason}"),
    };
    Some(Advice {
        message: format!("a pattern on the path in `{name}`: it matches `{shown}`, which {meaning}"),
        help: format!("use `path`, or `{name}: {{view: path, glob: '{folder}/**'}}`"),
    })
}
