//! UUIDs: names of things, drawn so that nobody guesses them.
//!
//! No secrets, though some systems use them so (a link that whoever holds it may follow); under a name
//! that says secret they are reported as passwords by `assign`. For callers who ask: agents' actions are
//! full of them.

use super::value::is_uuid;
use super::{Hit, Kind};

/// Bytes of a UUID, and of its first group.
const LENGTH: usize = 36;
const FIRST: usize = 8;

/// Adds the UUIDs in `text`.
pub(super) fn uuids(text: &str, limit: usize, hits: &mut Vec<Hit>) {
    let bytes = text.as_bytes();
    let full = hits.len().saturating_add(limit);
    let mut until = 0;
    for (at, _) in text.match_indices('-') {
        let Some(start) = at.checked_sub(FIRST).filter(|start| *start >= until) else { continue };
        let end = start + LENGTH;
        let inside = text.get(start..end).is_some_and(is_uuid);
        let continues = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'-');
        let before = start.checked_sub(1).and_then(|at| bytes.get(at));
        if !inside || continues(before) || continues(bytes.get(end)) {
            continue;
        }
        until = end;
        let masked = format!("{}…", text.get(start..start + 4).unwrap_or_default());
        hits.push(Hit::new(Kind::Uuid, (start, end), masked));
        if hits.len() >= full {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<&str> {
        let mut hits = Vec::new();
        uuids(text, 64, &mut hits);
        hits.iter().map(|hit| &text[hit.start..hit.end]).collect()
    }

    #[test]
    fn uuids_stand_alone() {
        let id = "f81d4fae-7dec-11d0-a765-00a0c91e6bf6";
        assert_eq!(found(&format!("{{\"id\": \"{id}\"}}, {}", id.to_uppercase())).len(), 2);
        for text in
            [format!("a{id}"), format!("{id}-1"), format!("-{id}"), id[1..].to_owned(), "-".repeat(80)]
        {
            assert_eq!(found(&text), Vec::<&str>::new(), "{text}");
        }
    }
}
