//! Literals without which a pattern cannot match: what the index looks for before it runs a pattern.
//!
//! The idea is that of RE2's `FilteredRE2` and of Cox's code search (2012). Letters are folded: ASCII to lower
//! case, and the two other characters that Unicode's simple case folding maps into ASCII (K and ſ). The same
//! folding goes over the texts, so no match is ever missed; a literal that is there means only "perhaps".

use std::borrow::Cow;

use regex_syntax::hir::{Class, Hir, HirKind};

/// Alternatives that are followed at once within a pattern.
const EXACT_MAX: usize = 16;
/// Literals of one pattern.
const NEEDS_MAX: usize = 64;
/// Characters of a class that are followed as alternatives.
const CLASS_MAX: usize = 8;
/// Shorter literals are in nearly every text.
const LENGTH_MIN: usize = 3;

/// At least one of these is in the folded form of every text that matches; `None` if nothing useful is known.
pub(super) fn needs(hir: &Hir) -> Option<Vec<String>> {
    useful(Known::of(hir).best()?)
}

/// The same for plain texts of which one must be there.
pub(super) fn needs_one_of<'t>(texts: impl Iterator<Item = &'t str>) -> Option<Vec<String>> {
    useful(texts.map(|text| fold(text).into_owned()).collect())
}

fn useful(mut texts: Vec<String>) -> Option<Vec<String>> {
    texts.sort_unstable();
    texts.dedup();
    let fits =
        !texts.is_empty() && texts.len() <= NEEDS_MAX && texts.iter().all(|text| text.len() >= LENGTH_MIN);
    fits.then_some(texts)
}

/// A text with its letters folded.
pub(super) fn fold(text: &str) -> Cow<'_, str> {
    if text.is_ascii() && !text.bytes().any(|b| b.is_ascii_uppercase()) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(fold_char).collect())
}

/// Folds only what a search without ASCII case does not see by itself.
pub(super) fn fold_beyond_ascii(text: &str) -> Cow<'_, str> {
    if text.is_ascii() || !text.contains(['\u{212a}', '\u{17f}']) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(fold_char).collect())
}

fn fold_char(c: char) -> char {
    match c {
        '\u{212a}' => 'k',
        '\u{17f}' => 's',
        c => c.to_ascii_lowercase(),
    }
}

/// What is known of the texts that a part of a pattern matches.
#[derive(Default)]
struct Known {
    /// It matches these and nothing else.
    exact: Option<Vec<String>>,
    /// What it matches holds one of these.
    needs: Option<Vec<String>>,
}

impl Known {
    fn exactly(texts: Vec<String>) -> Self {
        Self { exact: Some(texts), needs: None }
    }

    fn best(self) -> Option<Vec<String>> {
        self.exact.or(self.needs)
    }

    fn of(hir: &Hir) -> Self {
        match hir.kind() {
            HirKind::Empty | HirKind::Look(_) => Self::exactly(vec![String::new()]),
            HirKind::Literal(literal) => match std::str::from_utf8(&literal.0) {
                Ok(text) => Self::exactly(vec![fold(text).into_owned()]),
                Err(_) => Self::default(),
            },
            HirKind::Class(class) => class_of(class).map_or_else(Self::default, Self::exactly),
            HirKind::Repetition(repetition) if repetition.min == 0 => Self::default(),
            HirKind::Repetition(repetition) => {
                let once = repetition.min == 1 && repetition.max == Some(1);
                let inner = Self::of(&repetition.sub);
                if once { inner } else { Self { exact: None, needs: inner.best() } }
            }
            HirKind::Capture(capture) => Self::of(&capture.sub),
            HirKind::Concat(parts) => concat(parts),
            HirKind::Alternation(parts) => alternation(parts),
        }
    }
}

fn class_of(class: &Class) -> Option<Vec<String>> {
    let Class::Unicode(class) = class else { return None };
    let count: usize = class.iter().map(|range| range.len()).sum();
    if count > CLASS_MAX {
        return None;
    }
    let mut texts: Vec<String> = class
        .iter()
        .flat_map(|range| range.start()..=range.end())
        .map(|c| fold_char(c).to_string())
        .collect();
    texts.sort_unstable();
    texts.dedup();
    Some(texts)
}

fn concat(parts: &[Hir]) -> Known {
    let mut run = vec![String::new()];
    let mut broken = false;
    let mut best: Option<Vec<String>> = None;
    let mut offer = |texts: Option<Vec<String>>| {
        if let Some(texts) = texts
            && worth(&texts) > best.as_deref().map_or((0, 0), worth)
        {
            best = Some(texts);
        }
    };
    for part in parts {
        let known = Known::of(part);
        match known.exact {
            Some(next) if run.len() * next.len() <= EXACT_MAX => {
                run = run.iter().flat_map(|a| next.iter().map(move |b| format!("{a}{b}"))).collect();
            }
            Some(next) => {
                broken = true;
                offer(Some(std::mem::replace(&mut run, next)));
            }
            None => {
                broken = true;
                offer(Some(std::mem::replace(&mut run, vec![String::new()])));
                offer(known.needs);
            }
        }
    }
    if !broken {
        return Known::exactly(run);
    }
    offer(Some(run));
    Known { exact: None, needs: best }
}

/// Long literals before short ones, few before many.
fn worth(texts: &[String]) -> (usize, usize) {
    let shortest = texts.iter().map(String::len).min().unwrap_or(0);
    (shortest.min(12), NEEDS_MAX.saturating_sub(texts.len()))
}

fn alternation(parts: &[Hir]) -> Known {
    let known: Vec<Known> = parts.iter().map(Known::of).collect();
    let union = |sets: Vec<&Vec<String>>| {
        let mut all: Vec<String> = sets.into_iter().flatten().cloned().collect();
        all.sort_unstable();
        all.dedup();
        all
    };
    let exact: Option<Vec<&Vec<String>>> = known.iter().map(|k| k.exact.as_ref()).collect();
    if let Some(exact) = exact.map(union)
        && exact.len() <= EXACT_MAX
    {
        return Known::exactly(exact);
    }
    let needs: Option<Vec<&Vec<String>>> =
        known.iter().map(|k| k.exact.as_ref().or(k.needs.as_ref())).collect();
    Known { exact: None, needs: needs.map(union).filter(|all| all.len() <= NEEDS_MAX) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pattern: &str) -> Option<Vec<String>> {
        needs(&regex_syntax::parse(pattern).unwrap())
    }

    #[test]
    fn a_pattern_needs_its_longest_literal() {
        assert_eq!(of(r"^/srv/app12/.*\.(sh|py)$"), Some(vec!["/srv/app12/".into()]));
        assert_eq!(
            of(r"^https://([a-z0-9-]+\.)*host7\.example\.(com|net)/").unwrap()[0],
            "host7.example.com/"
        );
        assert_eq!(of("(?i).*(leak12|exfil3)"), Some(vec!["exfil3".into(), "leak12".into()]));
        assert_eq!(of("(?i)PassWord"), Some(vec!["password".into()]));
    }

    #[test]
    fn what_may_be_absent_is_not_needed() {
        assert_eq!(of("(secret)?x"), None);
        assert_eq!(of("secret|.*"), None);
        assert_eq!(of("[a-z]+"), None);
        assert_eq!(of("ab"), None);
        assert_eq!(of("(?:secret){0,3}tail"), Some(vec!["tail".into()]));
    }

    #[test]
    fn letters_that_fold_into_ascii_are_found() {
        assert_eq!(fold("\u{212a}ey\u{17f}"), "keys");
        assert_eq!(fold_beyond_ascii("\u{212a}EY"), "key");
        assert_eq!(of("(?i)keys"), Some(vec!["keys".into()]));
    }

    proptest::proptest! {
        #[test]
        fn whatever_matches_holds_a_needed_literal(
            pattern in r"(\(\?i\))?(\^)?[a-dkKsS]{0,5}(\.\*|[ab]\+|\(abc\|kss\)|\[kS\]|(xyz)?){0,3}[a-dkKsS]{0,5}",
            text in "[a-dkKsSſKxyz]{0,24}",
        ) {
            let Ok(regex) = regex::Regex::new(&pattern) else { return Ok(()) };
            if let (Some(needs), true) = (of(&pattern), regex.is_match(&text)) {
                let folded = fold(&text);
                proptest::prop_assert!(needs.iter().any(|n| folded.contains(n.as_str())), "{pattern} {text} {needs:?}");
            }
        }
    }
}
