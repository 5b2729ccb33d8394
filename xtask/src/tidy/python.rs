//! As much of Python's grammar as names and lengths need: a block ends where the indentation does.

use super::{Declared, Function};

/// Every function and method, from the line of `def` to its last line with anything on it.
pub(super) fn functions(text: &str) -> Vec<Function> {
    let defined = declared(text).into_iter().filter(|declared| declared.keyword == "def");
    defined.map(|Declared { name, line, .. }| Function { name, line, lines: block(text, line) }).collect()
}

/// Functions and classes.
pub(super) fn declared(text: &str) -> Vec<Declared> {
    text.lines().zip(1..).filter_map(|(line, number)| declaration(line, number)).collect()
}

fn declaration(text: &str, line: usize) -> Option<Declared> {
    let (keyword, rest) = text.trim_start().trim_start_matches("async ").split_once(' ')?;
    let name: String = rest.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect();
    (matches!(keyword, "def" | "class") && !name.is_empty()).then(|| Declared {
        keyword: keyword.into(),
        name,
        line,
    })
}

/// The length of the block that this line opens. A signature may end with `)` at its own indentation.
fn block(text: &str, line: usize) -> usize {
    let mut lines = text.lines().skip(line - 1);
    let indent = lines.next().map_or(0, indentation);
    let filled = lines.zip(2..).filter(|(line, _)| !line.trim().is_empty());
    filled
        .take_while(|(line, _)| indentation(line) > indent || line.trim_start().starts_with(')'))
        .last()
        .map_or(1, |(_, length)| length)
}

fn indentation(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_ends_where_its_indentation_does() {
        let text = "class A:\n    async def a(\n        self,\n    ) -> int:\n        return 1\n\n    def b(self): ...\n\n\nx = 1\n";
        let found: Vec<_> =
            functions(text).into_iter().map(|found| (found.name, found.line, found.lines)).collect();
        assert_eq!(found, [("a".into(), 2, 4), ("b".into(), 7, 1)]);
    }
}
