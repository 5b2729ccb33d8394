//! Guard rails for length, with a ratchet: what is listed as an exception may shrink, never grow.

use std::collections::BTreeMap;

use super::{EXCEPTIONS, Function, Source, python, rust};

const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;

/// Something that is longer than its guard rail.
struct Long {
    line: usize,
    lines: usize,
    max: usize,
}

pub(super) fn check(sources: &[Source], exceptions: &str) -> Result<Vec<String>, String> {
    let mut allowed = parse(exceptions)?;
    let mut complaints = Vec::new();
    for (what, long) in too_long(sources) {
        match allowed.remove(&what) {
            Some(lines) if lines == long.lines => {}
            Some(lines) if lines > long.lines => {
                complaints.push(format!("{EXCEPTIONS}: it shrank, so write `{what} {}`", long.lines));
            }
            _ => complaints.push(long.complaint(&what)),
        }
    }
    complaints.extend(allowed.keys().map(|what| format!("{EXCEPTIONS}: no longer an exception: `{what}`")));
    Ok(complaints)
}

/// By `path` or `path::function`; of functions with the same name in one file the longest counts.
fn too_long(sources: &[Source]) -> BTreeMap<String, Long> {
    let mut found = BTreeMap::new();
    for source in
        sources.iter().filter(|source| (source.is_rust() || source.is_python()) && !source.is_test())
    {
        let lines = source.shipped().lines().count();
        if lines > FILE_LINES_MAX {
            found.insert(source.path.clone(), Long { line: 1, lines, max: FILE_LINES_MAX });
        }
        for Function { name, line, lines } in functions(source) {
            let key = format!("{}::{name}", source.path);
            let longest = found.get(&key).is_none_or(|other| other.lines < lines);
            if lines > FUNCTION_LINES_MAX && longest {
                found.insert(key, Long { line, lines, max: FUNCTION_LINES_MAX });
            }
        }
    }
    found
}

fn functions(source: &Source) -> Vec<Function> {
    if source.is_rust() { rust::functions(source.shipped()) } else { python::functions(source.shipped()) }
}

/// One exception a line: what, and how many lines it has. `#` starts a comment.
fn parse(exceptions: &str) -> Result<BTreeMap<String, usize>, String> {
    let lines = exceptions.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    lines
        .filter(|line| !line.is_empty())
        .map(|line| {
            let (what, lines) =
                line.split_once(' ').ok_or_else(|| format!("{EXCEPTIONS}: `{line}` has no length"))?;
            let lines =
                lines.trim().parse().map_err(|_| format!("{EXCEPTIONS}: `{lines}` is no number of lines"))?;
            Ok((what.to_string(), lines))
        })
        .collect()
}

impl Long {
    fn complaint(&self, what: &str) -> String {
        let (path, name) = what.split_once("::").map_or((what, "the file"), |(path, name)| (path, name));
        let Self { line, lines, max } = self;
        format!(
            "{path}:{line}: `{name}` has {lines} lines, more than {max}: split it where a name comes easily"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::source;
    use super::*;

    fn long_function(lines: usize) -> Vec<Source> {
        let body = "    work();\n".repeat(lines - 2);
        vec![source("src/a.rs", &format!("//! A.\nfn long() {{\n{body}}}\n"))]
    }

    fn complaints(lines: usize, exceptions: &str) -> Vec<String> {
        check(&long_function(lines), exceptions).unwrap()
    }

    #[test]
    fn the_limit_itself_is_allowed_and_one_line_more_is_not() {
        assert!(complaints(70, "").is_empty());
        assert!(complaints(71, "").first().unwrap().starts_with("src/a.rs:2:"));
    }

    #[test]
    fn an_exception_may_shrink_but_not_grow_and_does_not_outlive_its_need() {
        assert!(complaints(80, "src/a.rs::long 80").is_empty());
        assert_eq!(complaints(81, "src/a.rs::long 80").len(), 1);
        assert!(complaints(79, "src/a.rs::long 80").first().unwrap().contains("src/a.rs::long 79"));
        assert_eq!(complaints(70, "src/a.rs::long 80").len(), 1);
    }

    #[test]
    fn tests_do_not_count_towards_the_length_of_a_file() {
        let tests = format!("//! A.\n#[cfg(test)]\nmod tests {{\n{}}}\n", "    // line\n".repeat(600));
        assert!(check(&[source("src/a.rs", &tests)], "").unwrap().is_empty());
        let code = "// line\n".repeat(501);
        assert_eq!(check(&[source("src/a.rs", &code)], "").unwrap().len(), 1);
        assert!(check(&[source("tests/a.rs", &code)], "").unwrap().is_empty());
    }

    #[test]
    fn an_exception_that_cannot_be_read_is_an_error() {
        assert!(check(&[], "src/a.rs").is_err());
        assert!(check(&[], "src/a.rs many").is_err());
    }
}
