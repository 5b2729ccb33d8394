//! Coverage as a layer of the ATLAS Navigator (layer format 4.5): the score is the number of rules.

use std::collections::BTreeSet;

use maais_runtime::core::catalogue::{self, ATLAS_DATA_VERSION};
use maais_runtime::core::policy::coverage::{Coverage, Covered};
use serde_json::{Value, json};

/// The whole layer. Techniques that no rule names are in it with the score 0, so that gaps show.
pub(super) fn layer(coverage: &Coverage<'_>, digest: &str) -> Value {
    let of_named =
        |covered: &Covered<'_>| (!covered.citations.is_empty()).then_some(covered.entry.parent).flatten();
    let opened: BTreeSet<&str> = coverage.techniques.iter().filter_map(of_named).collect();
    let techniques: Vec<Value> = coverage
        .techniques
        .iter()
        .flat_map(|covered| {
            let opened = opened.contains(covered.entry.id);
            covered.entry.tactics.iter().map(move |tactic| technique(covered, tactic, opened))
        })
        .collect();
    let most = coverage.techniques.iter().map(|covered| covered.citations.len()).max().unwrap_or(0);
    json!({
        "name": "MAAIS-Runtime policies",
        "description": "Techniques that rules which deny or require approval name, directly or through ATT&CK. \
                        The score is the number of rules.",
        "versions": { "layer": "4.5", "navigator": "5.1.0" },
        "domain": "atlas-atlas",
        "techniques": techniques,
        "gradient": { "colors": ["#ffffff", "#31a354"], "minValue": 0, "maxValue": most.max(1) },
        "metadata": [
            { "name": "atlas_data_version", "value": ATLAS_DATA_VERSION },
            { "name": "policies_digest", "value": digest },
        ],
    })
}

/// One technique under one tactic.
fn technique(covered: &Covered<'_>, tactic: &str, opened: bool) -> Value {
    let comment: Vec<String> = covered
        .citations
        .iter()
        .map(|citation| format!("{} ({}: {})", citation.rule.id, citation.via.as_str(), citation.id))
        .collect();
    json!({
        "techniqueID": covered.entry.id,
        "tactic": short_name(tactic),
        "score": covered.citations.len(),
        "comment": comment.join("\n"),
        "enabled": true,
        "showSubtechniques": opened,
    })
}

/// `Initial Access` is `initial-access`.
fn short_name(tactic: &str) -> String {
    let name = catalogue::lookup(tactic).map_or(tactic, |entry| entry.name);
    name.to_lowercase().replace(' ', "-")
}
