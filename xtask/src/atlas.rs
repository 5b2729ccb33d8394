//! `cargo xtask atlas`: makes the table of public catalogues that the engine bundles.
//!
//! Reads MITRE ATLAS, a map from ATT&CK and the OWASP lists from a folder; writes one checked-in Rust file.
//! It fetches nothing, and invents nothing: a map that says "direct" where ATLAS does not is refused.

mod render;
mod yaml;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::workspace::{Workspace, write};

/// Where the table goes, from the root.
const TABLE: &str = "crates/maais-core/src/catalogue/table.rs";
/// The release that is bundled, and the version that its data file gives itself.
const RELEASE: (&str, &str) = ("5.6.1", "5.6.0");

/// What one row says beyond its id and name.
#[derive(Debug, PartialEq)]
enum Kind {
    Tactic,
    Technique { parent: Option<String>, tactics: Vec<String>, maturity: String },
    Mitigation,
    Owasp,
    Attack,
}

#[derive(Debug, PartialEq)]
struct Row {
    name: String,
    kind: Kind,
    /// The ATT&CK id that ATLAS refers to.
    attack: Option<String>,
    /// Ids of mitigations.
    mitigations: Vec<String>,
}

/// How an ATT&CK id and an ATLAS id belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relation {
    Direct,
    Nearest,
}

/// Everything that is bundled.
#[derive(Debug, Default)]
struct Catalogue {
    rows: BTreeMap<String, Row>,
    /// ATLAS tactics in the order of the matrix.
    tactics: Vec<String>,
    /// (ATT&CK, ATLAS) and what it rests on.
    map: BTreeMap<(String, String), Relation>,
    /// Prefix and edition of each OWASP list.
    editions: BTreeMap<String, String>,
}

/// Reads the folder and writes the table.
pub(crate) fn run(workspace: &Workspace, source: &Path) -> Result<(), String> {
    let catalogue = Catalogue::read(source)?;
    write(&workspace.root.join(TABLE), &render::table(&catalogue, RELEASE))?;
    println!("{TABLE}: {} entries, {} mappings", catalogue.rows.len(), catalogue.map.len());
    Ok(())
}

impl Catalogue {
    fn read(folder: &Path) -> Result<Self, String> {
        let text = |name: &str| {
            let path = folder.join(name);
            fs::read_to_string(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))
        };
        let json = |name: &str| -> Result<Value, String> {
            serde_json::from_str(&text(name)?).map_err(|error| format!("{name}: {error}"))
        };
        let mut catalogue = Self::default();
        catalogue.add_atlas(&yaml::parse(&text("ATLAS.yaml")?)?)?;
        catalogue.add_map(&json("atlas_attack_map.json")?)?;
        catalogue.add_owasp(&json("owasp_ids.json")?)?;
        Ok(catalogue)
    }

    fn add_atlas(&mut self, atlas: &Value) -> Result<(), String> {
        let version = word(atlas, "version")?;
        if version != RELEASE.1 {
            return Err(format!("ATLAS.yaml is version {version}; name its release in xtask/src/atlas.rs"));
        }
        let matrix = atlas.pointer("/matrices/0").ok_or("ATLAS.yaml has no matrix")?;
        for tactic in list(matrix, "tactics") {
            self.tactics.push(word(tactic, "id")?);
            self.add(tactic, Kind::Tactic)?;
        }
        for technique in list(matrix, "techniques") {
            self.add_technique(matrix, technique)?;
        }
        for mitigation in list(matrix, "mitigations") {
            self.add(mitigation, Kind::Mitigation)?;
            let id = word(mitigation, "id")?;
            for technique in list(mitigation, "techniques") {
                let row = self.row(&word(technique, "id")?)?;
                row.mitigations.push(id.clone());
            }
        }
        for row in self.rows.values_mut() {
            row.mitigations.sort();
            row.mitigations.dedup();
        }
        Ok(())
    }

    /// A sub-technique serves the tactics of its parent.
    fn add_technique(&mut self, matrix: &Value, technique: &Value) -> Result<(), String> {
        let parent = optional(technique, "subtechnique-of");
        let of_tactics = match &parent {
            None => technique,
            Some(parent) => list(matrix, "techniques")
                .find(|other| optional(other, "id").as_ref() == Some(parent))
                .ok_or_else(|| format!("no technique {parent}"))?,
        };
        let tactics: Vec<String> =
            list(of_tactics, "tactics").filter_map(|id| Some(id.as_str()?.to_owned())).collect();
        let known = tactics.iter().all(|id| self.tactics.contains(id));
        if tactics.is_empty() || !known {
            return Err(format!("tactics of {}: {tactics:?}", word(technique, "id")?));
        }
        let maturity = word(technique, "maturity")?;
        self.add(technique, Kind::Technique { parent, tactics, maturity })
    }

    fn add(&mut self, object: &Value, kind: Kind) -> Result<(), String> {
        let id = word(object, "id")?;
        let attack = object.get("ATT&CK-reference").map(|reference| word(reference, "id")).transpose()?;
        if let Some(attack) = &attack {
            self.map.insert((attack.clone(), id.clone()), Relation::Direct);
            self.add_attack(attack);
        }
        let row = Row { name: word(object, "name")?, kind, attack, mitigations: Vec::new() };
        match self.rows.insert(id.clone(), row) {
            None => Ok(()),
            Some(_) => Err(format!("{id} is there twice")),
        }
    }

    fn add_attack(&mut self, id: &str) {
        let row = Row { name: String::new(), kind: Kind::Attack, attack: None, mitigations: Vec::new() };
        self.rows.entry(id.to_owned()).or_insert(row);
    }

    /// "Direct" must be what ATLAS says. A tactic stands in only where no technique is near.
    fn add_map(&mut self, map: &Value) -> Result<(), String> {
        let entries = map.as_object().ok_or("atlas_attack_map.json is no object")?;
        for (attack, entry) in entries.iter().filter(|(_, entry)| entry.is_object()) {
            self.add_attack(attack);
            for atlas in list(entry, "direct").filter_map(Value::as_str) {
                if !self.map.contains_key(&(attack.clone(), atlas.to_owned())) {
                    return Err(format!("{attack} -> {atlas} is called direct, but ATLAS does not say so"));
                }
            }
            let mut near: BTreeSet<String> =
                list(entry, "nearest").filter_map(|id| Some(id.as_str()?.to_owned())).collect();
            if near.is_empty() && list(entry, "direct").next().is_none() {
                near.extend(optional(entry, "tactic"));
            }
            for atlas in near {
                self.row(&atlas)?;
                self.map.entry((attack.clone(), atlas)).or_insert(Relation::Nearest);
            }
        }
        Ok(())
    }

    /// Keys are `name_year`; the ids begin with the prefix of their list.
    fn add_owasp(&mut self, owasp: &Value) -> Result<(), String> {
        for (key, entries) in owasp.as_object().ok_or("owasp_ids.json is no object")? {
            let (_, year) = key.rsplit_once('_').ok_or_else(|| format!("`{key}` names no year"))?;
            for (id, name) in entries.as_object().ok_or_else(|| format!("`{key}` is no object"))? {
                let name = name.as_str().ok_or_else(|| format!("{id} has no name"))?.to_owned();
                let prefix = id.trim_end_matches(|c: char| c.is_ascii_digit());
                self.editions.insert(prefix.to_owned(), year.to_owned());
                let row = Row { name, kind: Kind::Owasp, attack: None, mitigations: Vec::new() };
                self.rows.insert(id.clone(), row);
            }
        }
        Ok(())
    }

    fn row(&mut self, id: &str) -> Result<&mut Row, String> {
        self.rows.get_mut(id).ok_or_else(|| format!("ATLAS has no {id}"))
    }
}

fn list<'v>(value: &'v Value, name: &str) -> impl Iterator<Item = &'v Value> {
    value.get(name).and_then(Value::as_array).into_iter().flatten()
}

fn optional(value: &Value, name: &str) -> Option<String> {
    value.get(name).and_then(Value::as_str).map(str::to_owned)
}

fn word(value: &Value, name: &str) -> Result<String, String> {
    optional(value, name)
        .ok_or_else(|| format!("no `{name}` in {}", optional(value, "id").unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The folder that the table was made from; it lies beside the repository, not in it.
    fn source() -> Option<std::path::PathBuf> {
        let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/bench/atlas");
        let folder = std::env::var_os("MAAIS_ATLAS_SOURCE").map_or_else(beside, Into::into);
        if folder.join("ATLAS.yaml").exists() {
            return Some(folder);
        }
        println!("skipped: {} is not there; name the folder in MAAIS_ATLAS_SOURCE", folder.display());
        None
    }

    #[test]
    fn the_checked_in_table_is_what_the_source_gives() {
        let Some(folder) = source() else { return };
        let table = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(TABLE);
        let made = render::table(&Catalogue::read(&folder).unwrap(), RELEASE);
        let present = fs::read_to_string(table).unwrap();
        assert!(made == present, "stale: run `cargo xtask atlas --source {}`", folder.display());
    }

    #[test]
    fn a_map_that_claims_more_than_atlas_says_is_refused() {
        let mut catalogue = Catalogue::default();
        let claim = serde_json::json!({"note": "n", "T1059": {"direct": ["AML.T0050"]}});
        assert!(catalogue.add_map(&claim).unwrap_err().contains("ATLAS does not say so"));
        let nowhere = serde_json::json!({"T1059": {"nearest": ["AML.T9999"]}});
        assert!(catalogue.add_map(&nowhere).unwrap_err().contains("no AML.T9999"));
    }
}
