//! What a record is found by: its words, and its fields as marked words.
//!
//! A field's term is the field's letter and the value in a spelling that the tokenizer leaves in one piece:
//! no two values have one term, so what is found by it has it.

use std::fmt::Write as _;

use maais_audit::LeafHash;

use crate::filter::{Filter, families};
use crate::record::Event;
use crate::words;

/// Begins a field's term: not a letter, so no word of a text begins with it, and part of a token to SQLite.
const MARK: char = '\u{e000}';
/// ASCII that the tokenizer would cut at, or fold, moves here.
const MOVED: u32 = 0xe100;
/// Values with more bytes are found by their hash.
const VALUE_BYTES_MAX: usize = 64;

/// All terms of a record.
pub(super) fn of(event: &Event<'_>, out: &mut String) {
    let fields = [
        ('t', &event.tenant),
        ('s', &event.session),
        ('a', &event.agent),
        ('k', &event.action_type),
        ('g', &event.target),
        ('e', &event.effect),
        ('p', &event.policy),
    ];
    put('r', event.kind.name(), out);
    for (letter, value) in fields {
        put(letter, value, out);
    }
    for finding in event.findings.iter().filter(|finding| **finding != event.policy) {
        put('p', finding, out);
    }
    for attack in event.attacks.iter().flat_map(|attack| families(attack)) {
        put('m', &attack.to_ascii_lowercase(), out);
    }
    for text in event.texts() {
        words::each(text, |word| {
            out.push_str(word);
            out.push(' ');
        });
    }
}

/// The FTS5 query for a filter; `None` if it asks for nothing that is in the terms.
pub(super) fn wanted(filter: &Filter) -> Option<String> {
    let term = |letter, value: &str| {
        let mut term = String::new();
        put(letter, value, &mut term);
        format!("\"{}\"", term.trim_end_matches(' '))
    };
    let fields = [
        ('t', &filter.tenant),
        ('s', &filter.session),
        ('a', &filter.agent),
        ('k', &filter.action_type),
        ('g', &filter.target),
        ('e', &filter.effect),
        ('p', &filter.policy),
    ];
    let fields = fields.into_iter().filter_map(|(letter, value)| Some(term(letter, value.as_deref()?)));
    let mut all: Vec<String> = fields.collect();
    all.extend(filter.attack.as_deref().map(|attack| term('m', &attack.to_ascii_lowercase())));
    if !filter.kinds.is_empty() {
        let kinds: Vec<_> = filter.kinds.iter().map(|kind| term('r', kind.name())).collect();
        all.push(format!("({})", kinds.join(" OR ")));
    }
    all.extend(
        words::of(filter.text.as_deref().unwrap_or_default()).iter().map(|word| format!("\"{word}\"")),
    );
    (!all.is_empty()).then(|| all.join(" AND "))
}

fn put(letter: char, value: &str, out: &mut String) {
    out.push(MARK);
    out.push(letter);
    if value.len() > VALUE_BYTES_MAX {
        // Writing to a string cannot fail.
        let _ = write!(out, "{MARK}{}", LeafHash::of(value.as_bytes()));
    } else {
        let spelled = |c: char| {
            let plain = c.is_ascii_lowercase() || c.is_ascii_digit() || !c.is_ascii();
            if plain { c } else { char::from_u32(MOVED + u32::from(c)).unwrap_or(MARK) }
        };
        out.extend(value.chars().map(spelled));
    }
    out.push(' ');
}
