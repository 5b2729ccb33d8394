//! Names that say nothing are not used.

use super::{Declared, Source, python, rust};

/// Never a word of a name.
const WORDS: [&str; 4] = ["manager", "enhanced", "advanced", "v2"];
/// Never a whole name.
const NAMES: [&str; 5] = ["utils", "util", "common", "helpers", "helper"];

pub(super) fn check(sources: &[Source]) -> Vec<String> {
    let code = sources.iter().filter(|source| source.is_rust() || source.is_python());
    code.flat_map(|source| {
        let file = file_name(source).map(|why| format!("{}:1: {why}", source.path));
        let declared =
            if source.is_rust() { rust::declared(&source.text) } else { python::declared(&source.text) };
        let names = declared.into_iter().filter_map(|declared| {
            complaint(&declared, kept_for_users(source))
                .map(|why| format!("{}:{}: {why}", source.path, declared.line))
        });
        file.into_iter().chain(names).collect::<Vec<_>>()
    })
    .collect()
}

/// The Python API keeps the names that its users already write.
fn kept_for_users(source: &Source) -> bool {
    source.path.starts_with("python/") || source.path.starts_with("crates/maais-py/")
}

fn file_name(source: &Source) -> Option<String> {
    let mut parts = source.path.split('/').map(|part| part.split('.').next().unwrap_or_default());
    let part = parts.find(|part| NAMES.contains(part))?;
    Some(format!("`{part}` says nothing about what is in it"))
}

fn complaint(declared: &Declared, kept: bool) -> Option<String> {
    let Declared { keyword, name, .. } = declared;
    if NAMES.contains(&name.as_str()) {
        return Some(format!("`{name}` says nothing about what it is"));
    }
    if !kept && keyword == "fn" && name.starts_with("get_") {
        return Some(format!("`{name}`: the name of what it returns is enough"));
    }
    let word = words(name).into_iter().find(|word| WORDS.contains(&word.as_str()))?;
    (!kept || word != "manager").then(|| format!("`{name}`: `{word}` says nothing"))
}

/// `PolicyManager` and `policy_manager` are both `policy`, `manager`.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut after_small = false;
    for letter in name.chars() {
        if letter == '_' || (letter.is_uppercase() && after_small) {
            words.push(String::new());
        }
        after_small = letter.is_lowercase() || letter.is_ascii_digit();
        if let Some(word) = words.last_mut().filter(|_| letter != '_') {
            word.extend(letter.to_lowercase());
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::super::source;
    use super::*;

    fn complaints(path: &str, text: &str) -> usize {
        check(&[source(path, text)]).len()
    }

    #[test]
    fn names_that_say_nothing_are_found() {
        for text in [
            "struct PolicyManager;",
            "fn get_policy() {}",
            "enum EngineV2 {}",
            "mod utils;",
            "fn run_v2() {}",
        ] {
            assert_eq!(complaints("crates/a/src/b.rs", text), 1, "{text}");
        }
        assert_eq!(complaints("crates/a/src/helpers.rs", ""), 1);
        assert_eq!(complaints("crates/a/tests/common/mod.rs", ""), 1);
        assert_eq!(complaints("python/maais/utils.py", ""), 1);
    }

    #[test]
    fn ordinary_names_comments_and_strings_stay_quiet() {
        for text in ["fn longest_common_prefix() {}", "fn get() {}", "// struct Manager", "fn managed() {}"] {
            assert_eq!(complaints("crates/a/src/b.rs", text), 0, "{text}");
        }
        assert_eq!(complaints("crates/a/src/b.rs", "const A: &str = \"fn get_policy()\";"), 0);
    }

    #[test]
    fn the_python_api_keeps_its_names() {
        assert_eq!(
            complaints("python/maais/runtime.py", "def get_runtime():\n    pass\nclass PolicyManager: ..."),
            0
        );
        assert_eq!(complaints("crates/maais-py/src/lib.rs", "fn get_runtime() {}"), 0);
        assert_eq!(complaints("python/maais/a.py", "class EnhancedPolicy: ..."), 1);
    }
}
