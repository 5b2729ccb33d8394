//! Each file says first what it does.

use super::Source;

pub(super) fn check(sources: &[Source]) -> Vec<String> {
    sources.iter().filter_map(complaint).collect()
}

fn complaint(source: &Source) -> Option<String> {
    let path = &source.path;
    if source.is_rust() && !source.text.starts_with("//!") {
        return Some(format!(
            "{path}:1: must open with `//!`: what it does, and what it deliberately does not"
        ));
    }
    if source.is_python() && !opens_with_docstring(&source.text) {
        return Some(format!("{path}:1: must open with a docstring: what it does, and what it does not"));
    }
    None
}

/// Comments (a `#!` line, a licence) may stand before it.
fn opens_with_docstring(text: &str) -> bool {
    let first = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
    first.is_some_and(|line| line.trim_start_matches('r').starts_with("\"\"\""))
}

#[cfg(test)]
mod tests {
    use super::super::source;
    use super::*;

    #[test]
    fn a_file_that_does_not_say_what_it_does_is_named() {
        let silent = [source("a.rs", "use std::fs;\n"), source("b.py", "import os\n"), source("c.py", "")];
        assert_eq!(check(&silent).len(), 3);
        let telling =
            [source("a.rs", "//! Does.\n"), source("b.py", "#!/usr/bin/env python3\n\"\"\"Does.\"\"\"\n")];
        assert!(check(&telling).is_empty());
    }
}
