//! Rego, OPA's language: modules of `allow` and `deny` in the usual form, v0 and v1.

mod lex;
mod meaning;
mod module;
mod parse;
mod place;
mod term;

use maais_runtime::core::diagnostic::{Diagnostics, Source};
use maais_runtime::core::document::Reader;

use super::draft::File;

/// Bytes of a module.
const BYTES_MAX: usize = 1 << 20;

/// The policies that decide as the module does.
///
/// # Errors
/// Everything that has no exact equivalent.
pub(super) fn import(source: &Source, plain_names: bool) -> Result<File, Diagnostics> {
    let mut reader = Reader::new(source);
    if source.text.len() > BYTES_MAX {
        reader.error(
            &(0..1),
            format!("more than {BYTES_MAX} bytes"),
            "too long",
            Some("split the file".into()),
        );
        return Err(Diagnostics(reader.into_problems()));
    }
    let tokens = lex::tokens(&source.text);
    let module = parse::Parser::new(&tokens, &mut reader).module();
    let file = meaning::Meaning::new(&module, &mut reader, plain_names).file();
    let mut problems = reader.into_problems();
    problems.sort_by_key(|problem| problem.span.start);
    if problems.is_empty() { Ok(file) } else { Err(Diagnostics(problems)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARTS: [&str; 46] = [
        "package",
        "t",
        "import",
        "rego.v1",
        "default",
        "allow",
        "deny",
        ":=",
        "true",
        "if",
        "{",
        "}",
        "input",
        ".target",
        ".parameters.v",
        "[",
        "]",
        "==",
        "\"x\"",
        "\n",
        " ",
        ";",
        "not",
        "in",
        "contains",
        "msg",
        "(",
        ")",
        ",",
        "1",
        "-",
        "regex.match(",
        "`^a`",
        "null",
        "|",
        "some",
        "with",
        "else",
        "\"",
        "`",
        "#",
        "é",
        "\0",
        "\u{feff}",
        "glob.match(",
        "data.x",
    ];

    /// Numbers that look random, and are the same each time (Marsaglia's xorshift).
    fn random(state: &mut u64) -> usize {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        usize::try_from(*state >> 33).unwrap()
    }

    #[test]
    fn any_text_is_imported_or_refused_without_a_panic() {
        let mut state = 0x9e37_79b9_7f4a_7c15;
        for _ in 0..4_000 {
            let length = random(&mut state) % 40;
            let text: String = (0..length).map(|_| PARTS[random(&mut state) % PARTS.len()]).collect();
            let source = Source::new("t.rego", text.as_str());
            for text in [source, Source::new("t.rego", format!("package t\nallow if {{\n{text}"))] {
                match import(&text, true) {
                    Ok(file) => assert!(!file.to_yaml().is_empty()),
                    Err(problems) => assert!(!problems.to_string().is_empty()),
                }
            }
        }
    }

    #[test]
    fn brackets_within_brackets_end_the_module_and_not_the_program() {
        for open in ["[", "{", "(", "contains(", "not ", "x[", "-", "startswith([{"] {
            let text = format!("package t\nallow if {}", open.repeat(100_000));
            assert!(import(&Source::new("t.rego", text), true).is_err());
        }
    }
}
