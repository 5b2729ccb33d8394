//! How text is cut into words, for the index and for the check of what the index found: by one function, so
//! that both agree.

/// The longest word that is looked at, in bytes.
const WORD_BYTES_MAX: usize = 64;

/// Shows the words of a text: letters and digits, in lower case.
pub(crate) fn each(text: &str, mut show: impl FnMut(&str)) {
    let mut lower = String::new();
    for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        lower.clear();
        if word.is_ascii() {
            lower.push_str(word);
            lower.make_ascii_lowercase();
        } else {
            // Lower case may bring marks that are no letters.
            lower.extend(word.chars().flat_map(char::to_lowercase).filter(|c| c.is_alphanumeric()));
        }
        cut(&mut lower);
        if !lower.is_empty() {
            show(&lower);
        }
    }
}

/// The same, as a list.
pub(crate) fn of(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    each(text, |word| words.push(word.to_owned()));
    words
}

fn cut(word: &mut String) {
    let end = (0..=word.len().min(WORD_BYTES_MAX)).rev().find(|end| word.is_char_boundary(*end));
    word.truncate(end.unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_letters_and_digits_in_lower_case() {
        assert_eq!(
            of("Denied: `evil-server.example` [C.x]"),
            ["denied", "evil", "server", "example", "c", "x"]
        );
        assert_eq!(of("ÄRGER\u{1b}[31m İstanbul"), ["ärger", "31m", "istanbul"]);
        assert!(of(" \u{e000}--").is_empty());
    }

    #[test]
    fn an_endless_word_is_cut() {
        assert_eq!(of(&"ä".repeat(1000))[0].len(), WORD_BYTES_MAX);
    }
}
