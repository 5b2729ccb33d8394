//! The table as Rust: sorted statics, one row a line, so that a new release shows as a readable diff.

use std::fmt::Write as _;

use super::{Catalogue, Kind, Relation, Row};

/// The whole file.
pub(super) fn table(catalogue: &Catalogue, (release, data): (&str, &str)) -> String {
    let edition = |prefix: &str| catalogue.editions.get(prefix).map_or("", String::as_str);
    let mut text = format!(
        "{HEAD}
/// The release of MITRE ATLAS.
pub const ATLAS_RELEASE: &str = {release:?};
/// The version that its data file gives itself.
pub const ATLAS_DATA_VERSION: &str = {data:?};
/// The edition of the OWASP Top 10 for agentic applications (`ASI01` to `ASI10`).
pub const OWASP_AGENTIC_EDITION: &str = {:?};
/// The edition of the OWASP Top 10 for applications of language models (`LLM01` to `LLM10`).
pub const OWASP_LLM_EDITION: &str = {:?};

/// ATLAS tactics in the order of the matrix.
#[rustfmt::skip]
pub(super) static TACTICS: [&str; {}] = {:?};
",
        edition("ASI"),
        edition("LLM"),
        catalogue.tactics.len(),
        catalogue.tactics,
    );
    let rows: String = catalogue.rows.iter().map(|(id, row)| entry(id, row)).collect();
    let map: String =
        catalogue.map.iter().map(|((attack, atlas), how)| mapping(attack, atlas, *how)).collect();
    // Writing to a `String` cannot fail.
    let _ = write!(
        text,
        "
/// Everything with an id, sorted by it.
#[rustfmt::skip]
pub(super) static ENTRIES: [Entry; {}] = [
{rows}];

/// ATT&CK to ATLAS, sorted by both ids.
#[rustfmt::skip]
pub(super) static MAPPINGS: [Mapping; {}] = [
{map}];
",
        catalogue.rows.len(),
        catalogue.map.len(),
    );
    text
}

fn entry(id: &str, row: &Row) -> String {
    let Row { name, kind, attack, mitigations } = row;
    match kind {
        Kind::Tactic => format!("    tactic({id:?}, {name:?}, {attack:?}),\n"),
        Kind::Mitigation => format!("    mitigation({id:?}, {name:?}, {attack:?}),\n"),
        Kind::Owasp => format!("    owasp({id:?}, {name:?}),\n"),
        Kind::Attack => format!("    attack({id:?}),\n"),
        Kind::Technique { parent, tactics, maturity } => format!(
            "    technique({id:?}, {name:?}, {parent:?}, {}, &{tactics:?}, &{mitigations:?}, {attack:?}),\n",
            capitalised(maturity),
        ),
    }
}

fn mapping(attack: &str, atlas: &str, relation: Relation) -> String {
    format!("    Mapping {{ attack: {attack:?}, atlas: {atlas:?}, relation: {relation:?} }},\n")
}

/// `demonstrated` is the variant `Demonstrated`.
fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

const HEAD: &str = "\
//! The bundled catalogues as data: written by `cargo xtask atlas`, not by hand.
//!
//! Ids, names and relations are from MITRE ATLAS (<https://atlas.mitre.org>), Copyright The MITRE
//! Corporation, licensed under the Apache License, Version 2.0 (see `LICENSES/Apache-2.0.txt`); selected and
//! brought into this form by MAAIS-Runtime. Mappings marked `Nearest` are our own judgement. The names of
//! the OWASP lists are OWASP's (CC BY-SA 4.0). See `NOTICE`.

use super::Maturity::{Demonstrated, Feasible, Realized};
use super::Relation::{Direct, Nearest};
use super::{Entry, Mapping, attack, mitigation, owasp, tactic, technique};
";
