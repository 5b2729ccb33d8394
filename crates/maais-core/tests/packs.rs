//! The packs that ship: they load without a word, every rule fires where it should and stays quiet where
//! it should not, and the examples of the documentation are decided as they say.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at what it did not expect")]
#![expect(clippy::disallowed_methods, reason = "the packs are files")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use maais_core::decide::decide;
use maais_core::decision::{Decision, Effect};
use maais_core::diagnostic::{Colour, Source};
use maais_core::document;
use maais_core::facts::{Facts, NoMemo};
use maais_core::policy::{self, PolicySet, case};
use maais_core::request::{ActionRequest, Defaults};
use maais_core::settings::Settings;
use maais_core::state::State;
use serde_json::{Value, json};

const PACKS: [&str; 6] = ["baseline", "atlas", "owasp-agentic", "coding-agent", "data-protection", "finance"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The documents of a folder, by name.
fn documents(folder: &str) -> Vec<Source> {
    let folder = root().join("policies").join(folder);
    let mut found = Vec::new();
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "yaml") {
            let name = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
            found.push(Source::new(name, fs::read_to_string(&path).unwrap()));
        }
    }
    assert!(!found.is_empty(), "{} has no documents", folder.display());
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

fn load(pack: &str) -> PolicySet {
    match policy::load(&documents(pack)) {
        Ok(loaded) => {
            let warnings = loaded.warnings.render(Colour::Plain);
            assert!(warnings.is_empty(), "{warnings}");
            loaded.policies
        }
        Err(problems) => panic!("{problems}"),
    }
}

fn request(value: Value) -> ActionRequest {
    let defaults = Defaults { action_id: "a".into(), timestamp: jiff::Timestamp::UNIX_EPOCH };
    ActionRequest::from_value(value, defaults).unwrap()
}

fn decision(pack: &str, value: Value) -> Decision {
    let request = request(value);
    let facts = Facts::new(&request, &NoMemo);
    let (settings, state) = (Settings::default(), State::default());
    decide(&load(pack), &settings, &facts, &state)
}

#[test]
fn the_packs_load_without_a_word() {
    for pack in PACKS {
        assert!(!load(pack).rules().is_empty(), "{pack}");
    }
}

#[test]
fn every_rule_fires_and_stays_quiet_as_its_cases_say() {
    for pack in PACKS {
        let policies = load(pack);
        let mut results = Vec::new();
        for document in documents(&format!("{pack}/tests")) {
            results.extend(
                case::run(&policies, &document, &mut case::PartsSeen::default())
                    .unwrap_or_else(|problems| panic!("{problems}")),
            );
        }
        let failures: Vec<String> = results
            .iter()
            .filter_map(|result| Some(result.failure.as_ref()?.render(Colour::Plain)))
            .collect();
        assert!(
            failures.is_empty(),
            "{pack}: {} of {} cases fail\n{}",
            failures.len(),
            results.len(),
            failures.join("\n\n")
        );
        assert_eq!(case::uncovered(&policies, &results), [], "{pack}");
    }
}

/// What needs no use: the form of rate limits that older files have, and what people write about a file.
const NOT_FOR_PACKS: [&str; 2] = ["window_seconds", "note"];

fn keys(value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(key, inner)| {
            into.insert(key.clone());
            keys(inner, into);
        }),
        Value::Array(items) => items.iter().for_each(|item| keys(item, into)),
        _ => {}
    }
}

/// The keys that a schema knows, wherever they stand.
fn known(schema: &Value, into: &mut BTreeSet<String>) {
    match schema {
        Value::Object(map) => {
            if let Some(Value::Object(properties)) = map.get("properties") {
                into.extend(properties.keys().cloned());
            }
            map.values().for_each(|inner| known(inner, into));
        }
        Value::Array(items) => items.iter().for_each(|item| known(item, into)),
        _ => {}
    }
}

#[test]
fn every_construct_of_the_language_has_a_use_in_a_pack() {
    let (mut used, mut all) = (BTreeSet::new(), BTreeSet::new());
    for source in PACKS.iter().flat_map(|pack| documents(pack)) {
        let document = document::parse(&source).unwrap();
        keys(&document.root.to_json(), &mut used);
    }
    let mut schema = policy::schema::schema();
    for case in ["case", "past"] {
        schema.pointer_mut("/$defs").unwrap().as_object_mut().unwrap().remove(case).unwrap();
    }
    known(&schema, &mut all);
    assert!(all.len() > 60, "{all:?}");
    let unused: Vec<&String> =
        all.difference(&used).filter(|key| !NOT_FOR_PACKS.contains(&key.as_str())).collect();
    assert!(unused.is_empty(), "no pack uses {unused:?}");
}

#[test]
fn the_order_in_which_the_files_are_read_does_not_matter() {
    for pack in PACKS {
        let mut documents = documents(pack);
        let digest = load(pack).digest().to_owned();
        for _ in 0..documents.len() {
            documents.rotate_left(1);
            assert_eq!(policy::load(&documents).unwrap().policies.digest(), digest, "{pack}");
        }
        documents.reverse();
        assert_eq!(policy::load(&documents).unwrap().policies.digest(), digest, "{pack}");
    }
}

#[test]
fn the_examples_of_the_documentation_are_decided_as_they_say() {
    let fetch = |url: &str| {
        json!({"agent_id": "data_processor", "action_type": "tool_call", "target": "http_request",
            "parameters": {"url": url}, "declared_goal": "Fetch external data"})
    };
    let external = fetch("https://api.example.com/data");
    let disguised = fetch("http://localhost@evil.com/");
    let internal = fetch("http://localhost:8080/health");
    let calculator = json!({"agent_id": "data_processor", "action_type": "tool_call", "target": "calculator",
        "parameters": {"expression": "2 + 2"}});
    let unknown = json!({"agent_id": "data_processor", "action_type": "tool_call", "target": "book_flight",
        "parameters": {"to": "Bern"}});
    for (pack, value, effect, policy) in [
        ("baseline", &external, Effect::Deny, "deny_external_http"),
        ("baseline", &disguised, Effect::Deny, "deny_external_http"),
        ("baseline", &internal, Effect::Allow, "allow_with_logging"),
        ("baseline", &calculator, Effect::Allow, "allow_with_logging"),
        ("baseline", &unknown, Effect::Allow, "allow_with_logging"),
        ("atlas", &external, Effect::Deny, "atlas_initial_access_external"),
        ("atlas", &disguised, Effect::Deny, "atlas_initial_access_external"),
        ("atlas", &internal, Effect::Allow, "allow_internal_network"),
        ("atlas", &calculator, Effect::Allow, "allow_safe_operations"),
        ("atlas", &unknown, Effect::Deny, "default_deny"),
    ] {
        let decision = decision(pack, value.clone());
        assert_eq!(
            (decision.effect, decision.policy_id.as_deref()),
            (effect, Some(policy)),
            "{pack}: {value}"
        );
        assert_eq!(decision.accountability_owner.as_deref(), Some("system_admin"));
    }
}

#[test]
fn every_rule_that_refuses_says_how_bad_it_is_and_where_it_stands_in_the_catalogues() {
    for pack in PACKS {
        for rule in load(pack).rules().iter().filter(|rule| rule.effect != Effect::Allow) {
            let has = |field: &str| rule.metadata.contains_key(field);
            assert!(has("severity"), "{} has no severity", rule.id);
            if &*rule.id != "default_deny" {
                assert!(
                    has("owner") && !rule.ids.is_empty(),
                    "{} names no owner or no catalogue id",
                    rule.id
                );
                let named = has("mitre_tactic") && has("mitre_technique") && has("owasp");
                assert!(named || pack != "atlas", "{} names no tactic, technique or OWASP id", rule.id);
            }
        }
    }
}

#[test]
fn the_policies_in_the_documentation_load() {
    let text = fs::read_to_string(root().join("docs/policies.md")).unwrap();
    let blocks: Vec<&str> =
        text.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    let sources: Vec<Source> = blocks
        .iter()
        .filter(|block| block.starts_with("policies:"))
        .enumerate()
        .map(|(number, block)| Source::new(format!("example {number}"), *block))
        .collect();
    assert!(sources.len() >= 4);
    let policies = policy::load(&sources).unwrap_or_else(|problems| panic!("{problems}")).policies;
    for block in blocks.iter().filter(|block| block.starts_with("rules:")) {
        let results =
            case::run(&policies, &Source::new("cases", *block), &mut case::PartsSeen::default()).unwrap();
        let failed = results.iter().find_map(|result| result.failure.as_ref());
        assert!(failed.is_none(), "{failed:?}");
    }
}

/// Runs only beside the reference data; the form of the ids is checked at every load.
#[test]
fn atlas_and_owasp_ids_exist() {
    let folder = root().join("..").join("shared/bench/atlas");
    let Ok(atlas) = fs::read_to_string(folder.join("ATLAS.yaml")) else {
        println!("skipped: {} is not there", folder.display());
        return;
    };
    let owasp = fs::read_to_string(folder.join("owasp_ids.json")).unwrap();
    for pack in PACKS {
        for rule in load(pack).rules() {
            for id in &rule.ids {
                let known = match id.as_str() {
                    id if id.starts_with("AML.") => atlas.contains(&format!("id: {id}\n")),
                    id if id.starts_with('T') => continue, // ATT&CK is not among the data
                    id => owasp.contains(&format!("\"{id}\"")),
                };
                assert!(known, "{} names `{id}`, which is in no catalogue", rule.id);
            }
        }
    }
}
