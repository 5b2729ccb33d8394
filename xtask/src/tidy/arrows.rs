//! Arrows between crates never turn back, and the JSON that is hashed stays sorted.

use serde_json::Value;

/// Which crates of the workspace each may depend on. A new crate, or a new arrow, also needs a paragraph in
/// ARCHITECTURE.md.
const ARROWS: &[(&str, &[&str])] = &[
    ("maais-core", &[]),
    ("maais-audit", &[]),
    ("maais-runtime", &["maais-core", "maais-audit"]),
    ("maais-query", &["maais-audit"]),
    ("maais", &["maais-core", "maais-audit", "maais-query", "maais-runtime"]),
    ("maais-py", &["maais-core", "maais-audit", "maais-runtime"]),
    ("xtask", &[]),
];

/// With these serde_json keeps the order or the spelling that it read: the same record would have two hashes.
const UNSORTED: [&str; 2] = ["preserve_order", "arbitrary_precision"];

pub(super) fn check(metadata: &Value) -> Result<Vec<String>, String> {
    let packages = array(metadata, "/packages")?;
    let nodes = array(metadata, "/resolve/nodes")?;
    let members: Vec<&Value> =
        packages.iter().filter(|package| package.get("source") == Some(&Value::Null)).collect();
    let names: Vec<&str> = members.iter().map(|member| text(member, "name")).collect();
    let mut complaints: Vec<String> = members.iter().flat_map(|member| arrows(member, &names)).collect();
    complaints
        .extend(nodes.iter().filter(|node| text(node, "id").contains("#serde_json@")).flat_map(unsorted));
    Ok(complaints)
}

/// Dependencies of every kind count, those of tests too.
fn arrows(member: &Value, members: &[&str]) -> Vec<String> {
    let name = text(member, "name");
    let Some((_, allowed)) = ARROWS.iter().find(|(crate_name, _)| *crate_name == name) else {
        return vec![format!(
            "{name}: a new crate must be drawn in xtask/src/tidy/arrows.rs and ARCHITECTURE.md"
        )];
    };
    let dependencies = member.get("dependencies").and_then(Value::as_array);
    let within =
        dependencies.into_iter().flatten().map(|one| text(one, "name")).filter(|one| members.contains(one));
    within
        .filter(|one| !allowed.contains(one))
        .map(|one| format!("{name}: must not depend on {one}; the arrows are in ARCHITECTURE.md"))
        .collect()
}

fn unsorted(node: &Value) -> Vec<String> {
    let features = node.get("features").and_then(Value::as_array);
    let on =
        features.into_iter().flatten().filter_map(Value::as_str).filter(|feature| UNSORTED.contains(feature));
    on.map(|feature| format!("serde_json: the feature `{feature}` is on, so log records have no one form"))
        .collect()
}

fn array<'a>(metadata: &'a Value, pointer: &str) -> Result<&'a [Value], String> {
    let found = metadata.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice);
    found.ok_or_else(|| format!("`cargo metadata` has no {pointer}"))
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn workspace(name: &str, needs: &str, serde_json_features: &[&str]) -> Value {
        json!({
            "packages": [
                {"name": name, "source": null, "dependencies": [{"name": needs}, {"name": "serde"}]},
                {"name": "maais-audit", "source": null, "dependencies": []},
                {"name": "serde", "source": "registry", "dependencies": []},
            ],
            "resolve": {"nodes": [{"id": "registry#serde_json@1.0.0", "features": serde_json_features}]},
        })
    }

    fn complaints(name: &str, needs: &str, features: &[&str]) -> usize {
        check(&workspace(name, needs, features)).unwrap().len()
    }

    #[test]
    fn an_arrow_that_turns_back_is_found() {
        assert_eq!(complaints("maais-runtime", "maais-audit", &["std"]), 0);
        assert_eq!(complaints("maais-core", "maais-audit", &["std"]), 1);
    }

    #[test]
    fn a_crate_that_nobody_drew_is_found() {
        assert_eq!(complaints("maais-extra", "serde", &[]), 1);
    }

    #[test]
    fn json_that_does_not_sort_its_keys_is_found() {
        assert_eq!(complaints("maais-runtime", "maais-audit", &["preserve_order"]), 1);
    }

    #[test]
    fn metadata_that_cannot_be_read_is_an_error() {
        assert!(check(&json!({})).is_err());
    }
}
