//! `maais atlas show`: one id with all that is known of it.

use std::process::ExitCode;

use maais_runtime::Snapshot;
use maais_runtime::core::catalogue::{
    self, ATLAS_RELEASE, Entry, Kind, OWASP_AGENTIC_EDITION, OWASP_LLM_EDITION, Relation, Standing,
};
use maais_runtime::core::policy::Rule;
use maais_runtime::core::policy::coverage::{Citation, Via, citations};
use maais_runtime::core::suggest::did_you_mean;
use serde_json::{Value, json};

use super::super::{Done, print_json};
use super::{citation_json, marked};
use crate::term::{DIM, HEAD, of_effect, paint, printable, say};

/// Prints it.
pub(super) fn run(id: &str, snapshot: &Snapshot, as_json: bool) -> Done {
    let rules = snapshot.policies.rules();
    let shown = match catalogue::standing(id) {
        Standing::Listed(entry) => Shown::of(entry, rules),
        Standing::Unlisted => Shown::unlisted(id, rules),
        Standing::NotInAtlas | Standing::NotInOwasp | Standing::Malformed => return Err(unknown(id).into()),
    };
    if as_json {
        print_json(&shown.to_json())?;
    } else {
        shown.print();
    }
    Ok(ExitCode::SUCCESS)
}

fn unknown(id: &str) -> String {
    let ids = catalogue::entries().map(|entry| entry.id);
    format!(
        "there is no `{}` in ATLAS {ATLAS_RELEASE}, ATT&CK or OWASP{}",
        printable(id, 60),
        did_you_mean(id, ids)
    )
}

/// An id and everything that it leads to.
struct Shown<'a> {
    id: &'a str,
    name: &'static str,
    what: String,
    url: Option<String>,
    maturity: Option<&'static str>,
    /// (heading, entries) that are not empty.
    related: Vec<(&'static str, Vec<&'static Entry>)>,
    mappings: Vec<(&'static Entry, Relation)>,
    citations: Vec<Citation<'a>>,
}

impl<'a> Shown<'a> {
    fn of(entry: &'static Entry, rules: &'a [Rule]) -> Self {
        let looked_up = |ids: &[&str]| ids.iter().filter_map(|id| catalogue::lookup(id)).collect::<Vec<_>>();
        let techniques = |wanted: &dyn Fn(&Entry) -> bool| {
            catalogue::techniques().filter(|t| wanted(t)).collect::<Vec<_>>()
        };
        let mut related = vec![
            ("tactics", looked_up(entry.tactics)),
            ("part of", entry.parent.and_then(catalogue::lookup).into_iter().collect()),
            ("sub-techniques", techniques(&|t| t.parent == Some(entry.id))),
            ("mitigations", looked_up(entry.mitigations)),
        ];
        match entry.kind {
            Kind::Tactic => related.push(("techniques", techniques(&|t| t.tactics.contains(&entry.id)))),
            Kind::Mitigation => {
                related.push(("helps against", techniques(&|t| t.mitigations.contains(&entry.id))))
            }
            _ => {}
        }
        related.retain(|(_, entries)| !entries.is_empty());
        let mappings = match entry.kind {
            Kind::Attack => catalogue::atlas_of_attack(entry.id).collect(),
            _ => catalogue::attack_of_atlas(entry.id).collect(),
        };
        Self {
            id: entry.id,
            name: entry.name,
            what: what(entry),
            url: url(entry.id),
            maturity: entry.maturity.map(catalogue::Maturity::as_str),
            related,
            mappings,
            citations: citations(entry, rules),
        }
    }

    /// An ATT&CK id that is not bundled: its parent's mapping, and the rules that write it.
    fn unlisted(id: &'a str, rules: &'a [Rule]) -> Self {
        let cited = rules.iter().filter(|rule| rule.ids.iter().any(|own| own == id));
        Self {
            id,
            name: "",
            what: "ATT&CK id that ATLAS does not refer to; whether it exists is not known here".to_owned(),
            url: url(id),
            maturity: None,
            related: Vec::new(),
            mappings: catalogue::atlas_of_attack(id).collect(),
            citations: cited.map(|rule| Citation { rule, id, via: Via::Named }).collect(),
        }
    }

    fn print(&self) {
        say!("{}", format!("{} {}", paint(HEAD, self.id), self.name).trim_end());
        say!("  {}", self.what);
        if let Some(maturity) = self.maturity {
            say!("  {} {maturity}", paint(DIM, "maturity"));
        }
        if let Some(url) = &self.url {
            say!("  {}", paint(DIM, url));
        }
        for (heading, entries) in &self.related {
            say!("\n{}", paint(HEAD, heading));
            for entry in entries {
                say!("  {:<14} {}", entry.id, entry.name);
            }
        }
        if !self.mappings.is_empty() {
            say!("\n{}", paint(HEAD, if self.id.starts_with("AML.") { "ATT&CK" } else { "ATLAS" }));
            for (entry, relation) in &self.mappings {
                say!("{}", format!("  {:<14} {:<8} {}", entry.id, relation.as_str(), entry.name).trim_end());
            }
        }
        say!("\n{}", paint(HEAD, "rules"));
        if self.citations.is_empty() {
            say!("  {}", paint(DIM, "none of those loaded"));
        }
        for Citation { rule, id, via } in &self.citations {
            let how = if *via == Via::Named { String::new() } else { format!(" {}", marked(*via, id)) };
            say!(
                "  {} {} {}{how}",
                paint(of_effect(rule.effect), rule.effect),
                rule.id,
                paint(DIM, &rule.place)
            );
        }
    }

    fn to_json(&self) -> Value {
        let brief = |entry: &&Entry| json!({ "id": entry.id, "name": entry.name });
        let related: serde_json::Map<String, Value> = self
            .related
            .iter()
            .map(|(heading, entries)| (heading.replace([' ', '-'], "_"), entries.iter().map(brief).collect()))
            .collect();
        let mapping = |(entry, relation): &(&Entry, Relation)| json!({ "id": entry.id, "name": entry.name, "relation": relation.as_str() });
        json!({
            "id": self.id, "name": self.name, "kind": self.what, "maturity": self.maturity, "url": self.url,
            "related": related, "mappings": self.mappings.iter().map(mapping).collect::<Vec<_>>(),
            "rules": self.citations.iter().map(citation_json).collect::<Vec<_>>(),
        })
    }
}

fn what(entry: &Entry) -> String {
    match entry.kind {
        Kind::Owasp if entry.id.starts_with("ASI") => {
            format!("OWASP Top 10 for agentic applications, {OWASP_AGENTIC_EDITION}")
        }
        Kind::Owasp => format!("OWASP Top 10 for applications of language models, {OWASP_LLM_EDITION}"),
        Kind::Attack => "ATT&CK id; its name is not bundled".to_owned(),
        kind => format!("{} of MITRE ATLAS {ATLAS_RELEASE}", kind.as_str()),
    }
}

/// Where the catalogue itself describes it.
fn url(id: &str) -> Option<String> {
    let (site, own) = match id.strip_prefix("AML.") {
        Some(own) => ("https://atlas.mitre.org", own),
        None => ("https://attack.mitre.org", id),
    };
    let folder = match own.as_bytes() {
        [b'T', b'A', ..] => "tactics",
        [b'T', ..] => "techniques",
        [b'M', ..] => "mitigations",
        _ => return None,
    };
    // ATT&CK separates a sub-technique by `/`.
    let path = if own == id { id.replace('.', "/") } else { id.to_owned() };
    Some(format!("{site}/{folder}/{path}"))
}
