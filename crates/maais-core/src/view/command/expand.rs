//! From a word as written to the words that a program gets: brace expansion, `$IFS`.

use super::word::{Kind, Raw, Word};

/// Words that one word may expand to, and characters in them; beyond it nobody knows.
const WORDS_MAX: usize = 256;
const CHARS_MAX: usize = 16 * 1024;

/// Brace groups that are looked at in one word.
const GROUPS_MAX: usize = 32;

type Atoms = Vec<(char, Kind)>;

/// The words that a program gets for one that was written.
pub(super) fn expand(raw: Raw) -> Vec<Word> {
    let Raw { atoms, quoted, hidden, sources } = raw;
    let braces = atoms.iter().filter(|atom| **atom == ('{', Kind::Plain)).count();
    let (words, complete) = match braces {
        0 => (vec![atoms], true),
        1..=GROUPS_MAX => braced(&atoms).map_or_else(|| (vec![atoms], false), |words| (words, true)),
        _ => (vec![atoms], false),
    };
    let mut out: Vec<Word> = Vec::with_capacity(words.len());
    for atoms in words {
        let split = atoms.iter().any(|(_, kind)| *kind == Kind::Split);
        for part in atoms.split(|(_, kind)| *kind == Kind::Split) {
            if !(part.is_empty() && (split || !quoted)) {
                out.push(word(part, split || !complete, hidden, &sources));
            }
        }
    }
    out
}

fn word(atoms: &[(char, Kind)], dynamic: bool, hidden: bool, sources: &[usize]) -> Word {
    let mut word = Word { dynamic, hidden, sources: sources.to_vec(), ..Word::default() };
    for (c, kind) in atoms {
        word.text.push(*c);
        word.dynamic |= *kind == Kind::Unknown;
        word.glob |= *kind == Kind::Plain && matches!(c, '*' | '?');
    }
    let mut brackets = atoms.iter().skip_while(|atom| **atom != ('[', Kind::Plain));
    word.glob |= brackets.any(|atom| *atom == (']', Kind::Plain));
    word.dynamic |= word.hidden;
    word
}

/// Expands all brace groups, from the left; `None` if there are too many words.
fn braced(atoms: &[(char, Kind)]) -> Option<Vec<Atoms>> {
    let mut out = vec![];
    // Each entry is a word whose first characters are done.
    let mut todo: Vec<(Atoms, usize)> = vec![(atoms.to_vec(), 0)];
    let mut chars = 0usize;
    while let Some((atoms, from)) = todo.pop() {
        chars = chars.saturating_add(atoms.len());
        if out.len() + todo.len() > WORDS_MAX || chars > CHARS_MAX {
            return None;
        }
        let Some(group) = next_group(&atoms, from) else {
            out.push(atoms);
            continue;
        };
        let (head, tail) = (atoms.get(..group.start)?, atoms.get(group.end..)?);
        for item in group.items.iter().rev() {
            todo.push(([head, item, tail].concat(), group.start));
        }
    }
    Some(out)
}

struct Group {
    start: usize,
    /// Behind the closing brace.
    end: usize,
    items: Vec<Atoms>,
}

/// The next `{a,b}` or `{a..b}`; braces around anything else mean themselves.
fn next_group(atoms: &[(char, Kind)], from: usize) -> Option<Group> {
    let starts = atoms.iter().enumerate().skip(from).filter(|(_, atom)| **atom == ('{', Kind::Plain));
    starts.map(|(start, _)| start).find_map(|start| group_at(atoms, start))
}

fn group_at(atoms: &[(char, Kind)], start: usize) -> Option<Group> {
    let mut depth = 0usize;
    let mut items = vec![];
    let mut item_start = start + 1;
    for (at, atom) in atoms.iter().enumerate().skip(start) {
        match atom {
            ('{', Kind::Plain) => depth += 1,
            ('}', Kind::Plain) => depth -= 1,
            (',', Kind::Plain) if depth == 1 => {
                items.push(atoms.get(item_start..at)?.to_vec());
                item_start = at + 1;
            }
            _ => {}
        }
        if depth == 0 {
            let last = atoms.get(item_start..at)?;
            match items.is_empty() {
                true => items = sequence(last)?,
                false => items.push(last.to_vec()),
            }
            return Some(Group { start, end: at + 1, items });
        }
    }
    None
}

/// `1..5`, `a..e`, `1..9..2`. A sequence with more items than are looked at stays one unknown.
fn sequence(atoms: &[(char, Kind)]) -> Option<Vec<Atoms>> {
    if atoms.iter().any(|(_, kind)| *kind != Kind::Plain) {
        return None;
    }
    let text: String = atoms.iter().map(|(c, _)| c).collect();
    let mut parts = text.split("..");
    let (first, last, step) = (parts.next()?, parts.next()?, parts.next());
    let step = step.map_or(Some(1), |step| step.parse::<i64>().ok())?.unsigned_abs().max(1);
    let letters = match (single(first), single(last)) {
        (Some(a), Some(b)) if a.is_alphabetic() && b.is_alphabetic() => {
            Some((i64::from(u32::from(a)), i64::from(u32::from(b))))
        }
        _ => None,
    };
    let (from, to) = letters.or_else(|| Some((first.parse().ok()?, last.parse().ok()?)))?;
    let count = from.abs_diff(to) / step;
    if count >= WORDS_MAX as u64 {
        return Some(vec![vec![('…', Kind::Unknown)]]);
    }
    let item = |index: u64| {
        let offset = i64::try_from(index * step).unwrap_or_default();
        let value = if from <= to { from + offset } else { from - offset };
        let text = match letters {
            Some(_) => u32::try_from(value).ok().and_then(char::from_u32).map(String::from),
            None => Some(value.to_string()),
        };
        text.unwrap_or_default().chars().map(|c| (c, Kind::Plain)).collect()
    };
    Some((0..=count).map(item).collect())
}

fn single(text: &str) -> Option<char> {
    let mut chars = text.chars();
    chars.next().filter(|_| chars.next().is_none())
}
