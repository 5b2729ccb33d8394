//! Nothing committed tells of the machine it was written on.

use super::Source;

/// In two parts, so that this file does not find itself.
const MACHINE_PATHS: [&str; 6] = [
    concat!("/wo", "rk/"),
    concat!("/tmp/", "target"),
    concat!("/root/", ".cargo"),
    concat!("/root/", ".rustup"),
    concat!("/root/", ".pyenv"),
    concat!("../", "shared/"),
];

pub(super) fn check(sources: &[Source]) -> Vec<String> {
    sources.iter().flat_map(complaints).collect()
}

fn complaints(source: &Source) -> Vec<String> {
    let lines = source.text.lines().zip(1..);
    lines
        .filter_map(|(line, number)| {
            let path = MACHINE_PATHS.iter().find(|path| starts_a_path(line, path))?;
            Some(format!("{}:{number}: `{path}` exists on one machine only", source.path))
        })
        .collect()
}

/// Whether the needle begins a path there, rather than being the middle of a longer one.
fn starts_a_path(line: &str, needle: &str) -> bool {
    line.match_indices(needle).any(|(at, _)| {
        let before = line.get(..at).and_then(|text| text.chars().next_back());
        before.is_none_or(|letter| {
            !letter.is_alphanumeric() && !matches!(letter, '/' | '.' | '_' | '-' | '~' | '}')
        })
    })
}

#[cfg(test)]
mod tests {
    use super::super::source;
    use super::*;

    #[test]
    fn a_path_of_one_machine_is_found_and_a_path_of_anyone_is_not() {
        let text = format!("see {}main\nand /home/anna{}notes\n", MACHINE_PATHS[0], MACHINE_PATHS[0]);
        let found = check(&[source("README.md", &text)]);
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("README.md:1:"));
    }
}
