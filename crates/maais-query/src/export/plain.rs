//! Text from outside in formats whose receivers may look at single characters.

/// What stands for a character that must not pass.
pub(super) const REPLACEMENT: char = '\u{fffd}';

/// Whether a terminal or a reader of lines may take it for more than text: control characters, and the line
/// and paragraph separators.
pub(super) fn is_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// Appends the text without control characters; those in `escaped` get a backslash.
pub(super) fn put(text: &str, escaped: &[char], out: &mut String) {
    for c in text.chars() {
        if is_control(c) {
            out.push(REPLACEMENT);
            continue;
        }
        if escaped.contains(&c) {
            out.push('\\');
        }
        out.push(c);
    }
}

/// At most so many characters of a text.
pub(super) fn short(text: &str, max: usize) -> &str {
    let end = text.char_indices().nth(max).map_or(text.len(), |(end, _)| end);
    text.get(..end).unwrap_or(text)
}
