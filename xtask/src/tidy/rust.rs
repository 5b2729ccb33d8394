//! As much of Rust's grammar as names and lengths need: strings and comments are blanked, braces are counted.

use super::{Declared, Function};

const KEYWORDS: [&str; 9] = ["fn", "struct", "enum", "union", "trait", "type", "mod", "const", "static"];

/// The text before the module of unit tests.
pub(super) fn before_tests(text: &str) -> &str {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let rest = text.get(at..).unwrap_or_default();
        if line.trim_end() == "#[cfg(test)]" && opens_module(rest) {
            return text.get(..at).unwrap_or(text);
        }
        at += line.len();
    }
    text
}

/// Whether the attributes at the start belong to `mod name {`, rather than to `mod name;` or something else.
fn opens_module(text: &str) -> bool {
    let item = text.lines().find(|line| !line.trim().starts_with("#["));
    item.is_some_and(|line| line.starts_with("mod ") && line.trim_end().ends_with('{'))
}

/// Every function with a body, nested ones too, from the line of `fn` to that of its closing brace.
pub(super) fn functions(text: &str) -> Vec<Function> {
    let code = blanked(text);
    let named = words(&code).filter(|(word, _)| *word == "fn");
    named
        .filter_map(|(_, end)| {
            let rest = code.get(end..)?;
            let name = identifier(rest)?;
            let lines = rest.get(..body_end(rest)?)?.matches('\n').count() + 1;
            Some(Function { name, line: line_at(&code, end), lines })
        })
        .collect()
}

/// What is declared anywhere in the file, tests included.
pub(super) fn declared(text: &str) -> Vec<Declared> {
    let code = blanked(text);
    words(&code)
        .filter(|(word, _)| KEYWORDS.contains(word))
        .filter_map(|(keyword, end)| {
            let name = identifier(code.get(end..)?)?;
            Some(Declared { keyword: keyword.to_string(), name, line: line_at(&code, end) })
        })
        .collect()
}

/// Words with the place where each ends.
fn words(code: &str) -> impl Iterator<Item = (&str, usize)> {
    code.split(|letter: char| !is_word(letter)).filter(|word| !word.is_empty()).map(|word| {
        let end = word.as_ptr() as usize - code.as_ptr() as usize + word.len();
        (word, end)
    })
}

/// The name right after a keyword; none for `fn(u8)` or `const {`.
fn identifier(rest: &str) -> Option<String> {
    let rest = rest.strip_prefix([' ', '\n'])?.trim_start();
    let name: String = rest.chars().take_while(|letter| is_word(*letter)).collect();
    (!name.is_empty()).then_some(name)
}

/// The end of the first block in braces, if one comes before a `;` that ends the item.
fn body_end(rest: &str) -> Option<usize> {
    let (mut round, mut braces) = (0_usize, 0_usize);
    for (at, letter) in rest.char_indices() {
        match letter {
            '(' | '[' if braces == 0 => round += 1,
            ')' | ']' if braces == 0 => round = round.saturating_sub(1),
            ';' if braces == 0 && round == 0 => return None,
            '{' => braces += 1,
            '}' if braces == 1 => return Some(at + 1),
            '}' => braces = braces.saturating_sub(1),
            _ => {}
        }
    }
    None
}

fn line_at(code: &str, at: usize) -> usize {
    code.get(..at).unwrap_or_default().matches('\n').count() + 1
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// The same text, line by line, with the inside of comments, strings and characters gone.
fn blanked(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let glued = out.chars().next_back().is_some_and(is_word);
        let skipped = match skipped(rest, glued) {
            0 => {
                out.push(letter);
                letter.len_utf8()
            }
            length => {
                let gone = rest.get(..length).unwrap_or(rest);
                out.extend(std::iter::repeat_n('\n', gone.matches('\n').count()));
                out.push(' ');
                gone.len()
            }
        };
        rest = rest.get(skipped..).unwrap_or_default();
    }
    out
}

/// How long the comment, string or character is that starts here; 0 if none does. `glued`: a word ends right before.
fn skipped(rest: &str, glued: bool) -> usize {
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return block_comment(rest);
    }
    if rest.starts_with('"') {
        return quoted(rest, '"');
    }
    if rest.starts_with('\'') {
        return character(rest);
    }
    let prefix = ["br", "cr", "r"].iter().find_map(|prefix| rest.strip_prefix(prefix)).filter(|_| !glued);
    prefix.and_then(raw).map_or(0, |after| rest.len() - after.len())
}

fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(here) = rest.get(at..).filter(|here| !here.is_empty()) {
        if here.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if here.starts_with("*/") {
            depth -= 1;
            at += 2;
        } else {
            at += here.chars().next().map_or(1, char::len_utf8);
        }
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

fn quoted(rest: &str, quote: char) -> usize {
    let mut letters = rest.char_indices().skip(1);
    while let Some((at, letter)) = letters.next() {
        if letter == '\\' {
            letters.next();
        } else if letter == quote {
            return at + 1;
        }
    }
    rest.len()
}

/// A lifetime is not a character: it has no second quote right after one letter.
fn character(rest: &str) -> usize {
    let mut letters = rest.chars().skip(1);
    match (letters.next(), letters.next()) {
        (Some('\\'), _) | (Some(_), Some('\'')) => quoted(rest, '\''),
        _ => 0,
    }
}

/// What follows a raw string that starts with its `#` or `"`.
fn raw(rest: &str) -> Option<&str> {
    let hashes = rest.len() - rest.trim_start_matches('#').len();
    let inside = rest.get(hashes..)?.strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    inside.split_once(&end).map(|(_, after)| after)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lengths(text: &str) -> Vec<(String, usize, usize)> {
        functions(text).into_iter().map(|found| (found.name, found.line, found.lines)).collect()
    }

    #[test]
    fn a_function_ends_with_its_own_brace() {
        let text = "//! A.\nfn a(x: [u8; 4]) -> u8\nwhere\n    u8: Copy,\n{\n    if x[0] == b'}' { 1 } else { 2 }\n}\n\nfn b() {}\n";
        assert_eq!(lengths(text), [("a".into(), 2, 6), ("b".into(), 9, 1)]);
    }

    #[test]
    fn braces_in_strings_comments_and_characters_do_not_count() {
        let text = "fn a<'a>() {\n    let _ = (\"{\\\"\", r#\"}\"{\"#, '{', '\\'', \"// {\");\n    /* } /* } */ */\n    // }\n}\n";
        assert_eq!(lengths(text), [("a".into(), 1, 5)]);
    }

    #[test]
    fn what_has_no_body_or_no_name_is_no_function() {
        assert!(lengths("trait A { fn a(&self); }\ntype B = fn(u8) -> u8;\n").is_empty());
    }

    #[test]
    fn only_the_module_of_tests_is_cut_off() {
        let text = "//! A.\n#[cfg(test)]\nuse a::b;\nfn a() {}\n#[cfg(test)]\nmod tests {\n}\n";
        assert!(before_tests(text).ends_with("fn a() {}\n"));
        let outside = "//! A.\n#[cfg(test)]\nmod tests;\nfn a() {}\n";
        assert_eq!(before_tests(outside), outside);
    }
}
