//! Whether every crate in the lock file keeps to `deny.toml`: its licence, its name, where it comes from.
//!
//! The part of `cargo deny check` that needs no network and no further program. Reads only lists of plain strings.

use std::fs;

use serde_json::Value;

use crate::workspace::Workspace;

const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

pub(crate) fn check(workspace: &Workspace) -> Result<(), String> {
    let rules = fs::read_to_string(workspace.root.join("deny.toml"))
        .map_err(|error| format!("cannot read deny.toml: {error}"))?;
    let allowed = list(&rules, "licenses", "allow")?;
    let banned = list(&rules, "bans", "deny")?;
    let packages = workspace.metadata.get("packages").and_then(Value::as_array);
    let packages = packages.ok_or("`cargo metadata` lists no packages")?;
    let complaints: Vec<String> =
        packages.iter().filter_map(|package| complaint(package, &allowed, &banned)).collect();
    if complaints.is_empty() {
        println!("{} packages: licences, bans and sources are in order", packages.len());
        return Ok(());
    }
    for complaint in &complaints {
        println!("{complaint}");
    }
    Err(format!("{} packages break deny.toml", complaints.len()))
}

fn complaint(package: &Value, allowed: &[String], banned: &[String]) -> Option<String> {
    let text = |key: &str| package.get(key).and_then(Value::as_str);
    let name = text("name").unwrap_or("a package without a name");
    let licence = text("license").unwrap_or("none");
    if !satisfied(licence, allowed) {
        return Some(format!("{name}: licence `{licence}` is not among those allowed"));
    }
    if banned.iter().any(|banned| banned == name) {
        return Some(format!("{name}: banned"));
    }
    match text("source") {
        None | Some(CRATES_IO) => None,
        Some(source) => Some(format!("{name}: comes from {source}, not from crates.io")),
    }
}

/// Whether an SPDX expression can be met with the licences allowed. `/` is what `OR` was called before.
fn satisfied(expression: &str, allowed: &[String]) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    matches!(either(&words, allowed), Some((met, [])) if met)
}

/// What a prefix of the words means, and the words after it; nothing if they make no expression.
type Reading<'a> = Option<(bool, &'a [&'a str])>;

fn either<'a>(words: &'a [&'a str], allowed: &[String]) -> Reading<'a> {
    let (mut met, mut rest) = both(words, allowed)?;
    while let ["OR", after @ ..] = rest {
        let (right, after) = both(after, allowed)?;
        met |= right;
        rest = after;
    }
    Some((met, rest))
}

fn both<'a>(words: &'a [&'a str], allowed: &[String]) -> Reading<'a> {
    let (mut met, mut rest) = one(words, allowed)?;
    while let ["AND", after @ ..] = rest {
        let (right, after) = one(after, allowed)?;
        met &= right;
        rest = after;
    }
    Some((met, rest))
}

fn one<'a>(words: &'a [&'a str], allowed: &[String]) -> Reading<'a> {
    match words {
        ["(", inner @ ..] => match either(inner, allowed)? {
            (met, [")", rest @ ..]) => Some((met, rest)),
            _ => None,
        },
        [licence, "WITH", exception, rest @ ..] => {
            Some((allowed.contains(&format!("{licence} WITH {exception}")), rest))
        }
        [licence, rest @ ..] => Some((allowed.iter().any(|one| one == licence), rest)),
        [] => None,
    }
}

/// The strings of `key = [...]` under `[section]`.
fn list(toml: &str, section: &str, key: &str) -> Result<Vec<String>, String> {
    let lines = toml.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    let mut inside = lines.skip_while(|line| *line != format!("[{section}]")).skip(1);
    let opening = inside
        .by_ref()
        .take_while(|line| !line.starts_with('[') || line.contains('='))
        .find_map(|line| {
            line.strip_prefix(key)?.trim_start().strip_prefix('=')?.trim_start().strip_prefix('[')
        })
        .ok_or_else(|| format!("deny.toml has no list `{key}` under [{section}]"))?;
    let mut text = opening.to_string();
    while !text.contains(']') {
        text += inside.next().ok_or_else(|| format!("the list `{key}` in deny.toml does not end"))?;
    }
    let body = text.split(']').next().unwrap_or_default();
    Ok(body.split('"').skip(1).step_by(2).map(String::from).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed() -> Vec<String> {
        ["MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "Zlib", "Unicode-3.0"]
            .map(String::from)
            .to_vec()
    }

    #[test]
    fn a_choice_needs_one_allowed_licence_and_a_conjunction_all() {
        for good in [
            "MIT",
            "GPL-3.0 OR MIT",
            "MIT/GPL-2.0",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            "GPL-3.0 AND MIT OR Zlib",
            "Apache-2.0 WITH LLVM-exception OR GPL-3.0",
        ] {
            assert!(satisfied(good, &allowed()), "{good}");
        }
        for bad in ["GPL-3.0", "GPL-3.0 AND MIT", "MIT AND (GPL-3.0 OR LGPL-3.0)", "MIT WITH LLVM-exception"]
        {
            assert!(!satisfied(bad, &allowed()), "{bad}");
        }
    }

    #[test]
    fn what_is_no_expression_is_not_allowed() {
        for broken in ["", "none", "MIT OR", "(MIT", "MIT MIT", "AND MIT", "MIT )"] {
            assert!(!satisfied(broken, &allowed()), "{broken}");
        }
    }

    #[test]
    fn lists_are_read_from_their_own_section() {
        let toml = "[a]\nallow = [\"x\"]\n[licenses]\n# allow = [\"y\"]\nallow = [\n  \"MIT\", # why\n  \"Zlib\",\n]\n";
        assert_eq!(list(toml, "licenses", "allow"), Ok(vec!["MIT".into(), "Zlib".into()]));
        assert_eq!(list(toml, "a", "allow"), Ok(vec!["x".into()]));
        assert!(list(toml, "a", "deny").is_err());
        assert!(list("[a]\nallow = [\"x\",", "a", "allow").is_err());
    }

    #[test]
    fn banned_names_and_foreign_sources_are_named() {
        let package =
            |name: &str, source: &str| serde_json::json!({"name": name, "license": "MIT", "source": source});
        let banned = ["openssl".to_string()];
        assert_eq!(complaint(&package("serde", CRATES_IO), &allowed(), &banned), None);
        assert!(complaint(&package("openssl", CRATES_IO), &allowed(), &banned).is_some());
        assert!(complaint(&package("serde", "git+https://example.org/x"), &allowed(), &banned).is_some());
    }
}
