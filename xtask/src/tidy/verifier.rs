//! Who verifies a log shares nothing with who writes it but the format: no module that the verifier reaches may be one
//! that writes.

use std::collections::BTreeMap;

use super::Source;

/// Where the modules lie.
const MODULES: &str = "crates/maais-audit/src";
/// Where the verifier begins.
const VERIFIER: &str = "verify";
/// What it must not reach.
const WRITERS: [&str; 12] = [
    "compress",
    "flush",
    "growing",
    "log",
    "prune",
    "publish",
    "queue",
    "redact",
    "slot",
    "submission",
    "witness",
    "writer",
];

pub(super) fn check(sources: &[Source]) -> Vec<String> {
    let module = |source: &Source| {
        let name = source.path.strip_prefix(MODULES)?.strip_prefix('/')?.strip_suffix(".rs")?;
        Some((name.to_owned(), source.text.clone()))
    };
    complaints(&sources.iter().filter_map(module).collect())
}

fn complaints(modules: &BTreeMap<String, String>) -> Vec<String> {
    let mut reached = vec![(VERIFIER.to_owned(), VERIFIER.to_owned())];
    let mut next = 0;
    while let Some((module, way)) = reached.get(next).cloned() {
        next += 1;
        for used in modules.get(&module).into_iter().flat_map(|text| uses(text)) {
            if modules.contains_key(used) && reached.iter().all(|(known, _)| known != used) {
                reached.push((used.to_owned(), format!("{way} → {used}")));
            }
        }
    }
    reached
        .into_iter()
        .filter(|(module, _)| WRITERS.contains(&module.as_str()))
        .map(|(_, way)| format!("{MODULES}: the verifier reaches a module that writes: {way}"))
        .collect()
}

/// The modules of the crate that a text names, its tests left out.
fn uses(text: &str) -> impl Iterator<Item = &str> {
    let product = text.split("\n#[cfg(test)]").next().unwrap_or_default();
    let code = product.lines().filter(|line| !line.trim_start().starts_with("//"));
    code.flat_map(|line| line.split("crate::").skip(1)).filter_map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_lowercase() && c != '_').unwrap_or(rest.len());
        rest.get(..end)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_from_the_verifier_to_the_writer_is_found_however_long() {
        let modules = |scan: &str| {
            let texts = [("verify", "use crate::scan::Scan;"), ("scan", scan), ("chain", ""), ("writer", "")];
            complaints(&texts.map(|(name, text)| (name.to_owned(), text.to_owned())).into())
        };
        assert!(modules("use crate::chain::Chain;\n// crate::writer").is_empty());
        assert!(modules("\n#[cfg(test)]\nmod tests { use crate::writer; }").is_empty());
        let found = modules("fn f() { crate::writer::write() }");
        assert!(
            found.len() == 1 && found.iter().all(|one| one.contains("verify → scan → writer")),
            "{found:?}"
        );
    }
}
