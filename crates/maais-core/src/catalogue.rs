//! Public catalogues of attacks: MITRE ATLAS, OWASP, and as much of MITRE ATT&CK as ATLAS refers to.
//!
//! Bundled, sorted, read without allocation. What is not here: the whole of ATT&CK, so of most of its ids only
//! the form can be judged ([`Standing::Unlisted`]); and no judgement whether a policy stops what it names.

mod table;

pub use table::{ATLAS_DATA_VERSION, ATLAS_RELEASE, OWASP_AGENTIC_EDITION, OWASP_LLM_EDITION};

/// One thing that a catalogue has an id for.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    /// `AML.T0051`, `AML.TA0004`, `AML.M0015`, `ASI01`, `LLM01`, `T1059`.
    pub id: &'static str,
    /// Its name; empty for ATT&CK, whose names are not bundled.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// The technique that a sub-technique belongs to.
    pub parent: Option<&'static str>,
    /// Ids of the tactics that a technique serves, at least one; a sub-technique has those of its parent.
    pub tactics: &'static [&'static str],
    /// Ids of the mitigations that ATLAS names for a technique.
    pub mitigations: &'static [&'static str],
    /// The ATT&CK id that ATLAS refers to.
    pub attack: Option<&'static str>,
    /// How well a technique is attested.
    pub maturity: Option<Maturity>,
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An aim of attackers, in ATLAS.
    Tactic,
    /// A way to reach it, in ATLAS.
    Technique,
    /// A special form of a technique, in ATLAS.
    SubTechnique,
    /// What helps against techniques, in ATLAS.
    Mitigation,
    /// An entry of one of the OWASP lists.
    Owasp,
    /// A technique, tactic or mitigation of ATT&CK that ATLAS or our map refers to.
    Attack,
}

impl Kind {
    /// What it is called in a sentence.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tactic => "tactic",
            Self::Technique => "technique",
            Self::SubTechnique => "sub-technique",
            Self::Mitigation => "mitigation",
            Self::Owasp => "OWASP risk",
            Self::Attack => "ATT&CK id",
        }
    }
}

/// How well ATLAS thinks a technique is attested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Maturity {
    /// It works in research.
    Feasible,
    /// It was shown against a real system.
    Demonstrated,
    /// Attackers did it.
    Realized,
}

impl Maturity {
    /// The word that ATLAS uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Feasible => "feasible",
            Self::Demonstrated => "demonstrated",
            Self::Realized => "realized",
        }
    }
}

/// What the way from an ATT&CK id to an ATLAS id rests on, the surer first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Relation {
    /// ATLAS itself refers to that ATT&CK id.
    Direct,
    /// ATLAS refers to no such id; this is the nearest thing in our judgement.
    Nearest,
}

impl Relation {
    /// `direct` or `nearest`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Nearest => "nearest",
        }
    }
}

/// One way from ATT&CK to ATLAS.
#[derive(Debug, PartialEq, Eq)]
struct Mapping {
    attack: &'static str,
    atlas: &'static str,
    relation: Relation,
}

/// What is known of an id that somebody wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It exists.
    Listed(&'static Entry),
    /// It has the form of an ATT&CK id and is not bundled: whether it exists cannot be said here.
    Unlisted,
    /// It has the form of an ATLAS id, and there is none.
    NotInAtlas,
    /// It has the form of an OWASP id, and there is none in the bundled edition.
    NotInOwasp,
    /// It has no form that is known here.
    Malformed,
}

/// What is known of an id.
pub fn standing(id: &str) -> Standing {
    if let Some(entry) = lookup(id) {
        Standing::Listed(entry)
    } else if id.strip_prefix("AML.").is_some_and(is_mitre) {
        Standing::NotInAtlas
    } else if is_owasp(id) {
        Standing::NotInOwasp
    } else if is_mitre(id) {
        Standing::Unlisted
    } else {
        Standing::Malformed
    }
}

/// The entry with that id. An OWASP id may carry the bundled edition: `LLM01:2025`.
///
/// ```
/// use maais_core::catalogue::lookup;
/// assert_eq!(lookup("AML.T0050").unwrap().name, "Command and Scripting Interpreter");
/// assert_eq!(lookup("LLM01:2025"), lookup("LLM01"));
/// assert_eq!(lookup("AML.T9999"), None);
/// ```
pub fn lookup(id: &str) -> Option<&'static Entry> {
    let id = match id.split_once(':') {
        Some((id, OWASP_AGENTIC_EDITION)) if id.starts_with("ASI") => id,
        Some((id, OWASP_LLM_EDITION)) if id.starts_with("LLM") => id,
        _ => id,
    };
    let place = table::ENTRIES.binary_search_by(|entry| entry.id.cmp(id)).ok()?;
    table::ENTRIES.get(place)
}

/// What in ATLAS belongs to an ATT&CK id: techniques, or a tactic where no technique is near.
///
/// A sub-technique of ATT&CK that is not bundled is as near as its parent, but never direct.
pub fn atlas_of_attack(attack: &str) -> impl Iterator<Item = (&'static Entry, Relation)> + use<> {
    let own = mappings(attack);
    let parent = match (own, attack.split_once('.')) {
        ([], Some((parent, _))) => mappings(parent),
        _ => &[],
    };
    let own = own.iter().map(|mapping| (mapping.atlas, mapping.relation));
    let parent = parent.iter().map(|mapping| (mapping.atlas, Relation::Nearest));
    own.chain(parent).filter_map(|(atlas, relation)| Some((lookup(atlas)?, relation)))
}

fn mappings(attack: &str) -> &'static [Mapping] {
    let all = &table::MAPPINGS;
    let start = all.partition_point(|mapping| mapping.attack < attack);
    let end = all.partition_point(|mapping| mapping.attack <= attack);
    all.get(start..end).unwrap_or_default()
}

/// Every way from ATT&CK to an ATLAS id.
pub fn attack_of_atlas(atlas: &str) -> impl Iterator<Item = (&'static Entry, Relation)> {
    let all = table::MAPPINGS.iter().filter(move |mapping| mapping.atlas == atlas);
    all.filter_map(|mapping| Some((lookup(mapping.attack)?, mapping.relation)))
}

/// Everything, sorted by id.
pub fn entries() -> impl Iterator<Item = &'static Entry> {
    table::ENTRIES.iter()
}

/// ATLAS tactics in the order of the matrix.
pub fn tactics() -> impl Iterator<Item = &'static Entry> {
    table::TACTICS.iter().filter_map(|id| lookup(id))
}

/// ATLAS techniques and sub-techniques, each after its parent.
pub fn techniques() -> impl Iterator<Item = &'static Entry> {
    entries().filter(|entry| matches!(entry.kind, Kind::Technique | Kind::SubTechnique))
}

/// `T1234`, `T1234.001`, `TA1234` or `M1234`: the forms of MITRE, after `AML.` in ATLAS.
fn is_mitre(id: &str) -> bool {
    let digits = |text: &str, count: usize| text.len() == count && text.bytes().all(|b| b.is_ascii_digit());
    let object = id.strip_prefix("TA").or_else(|| id.strip_prefix('M'));
    let technique = |text: &str| match text.split_once('.') {
        Some((main, sub)) => digits(main, 4) && digits(sub, 3),
        None => digits(text, 4),
    };
    object.is_some_and(|rest| digits(rest, 4)) || id.strip_prefix('T').is_some_and(technique)
}

/// `ASI01` or `LLM01`, with or without an edition.
fn is_owasp(id: &str) -> bool {
    let Some(rest) = id.strip_prefix("ASI").or_else(|| id.strip_prefix("LLM")) else { return false };
    let (number, edition) = rest.split_once(':').unwrap_or((rest, "2025"));
    let digits = |text: &str, count: usize| text.len() == count && text.bytes().all(|b| b.is_ascii_digit());
    digits(number, 2) && digits(edition, 4)
}

const fn bare(id: &'static str, name: &'static str, kind: Kind, attack: Option<&'static str>) -> Entry {
    Entry { id, name, kind, parent: None, tactics: &[], mitigations: &[], attack, maturity: None }
}

const fn tactic(id: &'static str, name: &'static str, attack: Option<&'static str>) -> Entry {
    bare(id, name, Kind::Tactic, attack)
}

const fn mitigation(id: &'static str, name: &'static str, attack: Option<&'static str>) -> Entry {
    bare(id, name, Kind::Mitigation, attack)
}

const fn owasp(id: &'static str, name: &'static str) -> Entry {
    bare(id, name, Kind::Owasp, None)
}

const fn attack(id: &'static str) -> Entry {
    bare(id, "", Kind::Attack, None)
}

const fn technique(
    id: &'static str,
    name: &'static str,
    parent: Option<&'static str>,
    maturity: Maturity,
    tactics: &'static [&'static str],
    mitigations: &'static [&'static str],
    attack: Option<&'static str>,
) -> Entry {
    let kind = if parent.is_some() { Kind::SubTechnique } else { Kind::Technique };
    Entry { id, name, kind, parent, tactics, mitigations, attack, maturity: Some(maturity) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(id: &str) -> Option<Kind> {
        lookup(id).map(|entry| entry.kind)
    }

    #[test]
    fn ids_are_sorted_and_unique_and_each_is_found() {
        assert!(table::ENTRIES.is_sorted_by(|a, b| a.id < b.id));
        assert!(table::MAPPINGS.is_sorted_by(|a, b| (a.attack, a.atlas) < (b.attack, b.atlas)));
        assert!(entries().all(|entry| lookup(entry.id) == Some(entry)));
        let count = |wanted: Kind| entries().filter(|entry| entry.kind == wanted).count();
        assert_eq!((tactics().count(), count(Kind::Tactic)), (16, 16));
        assert_eq!(techniques().count(), 170);
        assert_eq!((count(Kind::Mitigation), count(Kind::Owasp)), (35, 20));
    }

    #[test]
    fn whatever_an_entry_refers_to_is_there() {
        for entry in techniques() {
            assert!(!entry.tactics.is_empty() && entry.maturity.is_some(), "{entry:?}");
            assert!(entry.tactics.iter().all(|id| kind(id) == Some(Kind::Tactic)), "{entry:?}");
            assert!(entry.mitigations.iter().all(|id| kind(id) == Some(Kind::Mitigation)), "{entry:?}");
            let parent = entry.parent.and_then(lookup);
            assert_eq!(parent.is_some(), entry.kind == Kind::SubTechnique, "{entry:?}");
            if let Some(parent) = parent {
                assert!(entry.id.starts_with(parent.id) && parent.kind == Kind::Technique, "{entry:?}");
                assert_eq!(entry.tactics, parent.tactics, "{entry:?}");
            }
        }
        for entry in entries().filter(|entry| entry.kind != Kind::Attack) {
            assert!(!entry.name.is_empty(), "{entry:?}");
        }
    }

    #[test]
    fn a_mapping_is_direct_exactly_where_atlas_refers_to_att_and_ck() {
        for Mapping { attack, atlas, relation } in &table::MAPPINGS {
            assert_eq!(kind(attack), Some(Kind::Attack), "{attack}");
            let entry = lookup(atlas).unwrap();
            assert!(atlas.starts_with("AML."), "{atlas}");
            assert_eq!(entry.attack == Some(attack), *relation == Relation::Direct, "{attack} {atlas}");
        }
        for entry in entries() {
            let Some(attack) = entry.attack else { continue };
            assert!(atlas_of_attack(attack).any(|found| found == (entry, Relation::Direct)), "{entry:?}");
        }
    }

    #[test]
    fn one_id_may_map_to_several_and_a_sub_technique_is_as_near_as_its_parent() {
        let map = |id: &str| atlas_of_attack(id).map(|(entry, how)| (entry.id, how)).collect::<Vec<_>>();
        assert_eq!(map("T1059"), [("AML.T0050", Relation::Direct)]);
        assert_eq!(map("T1059.004"), [("AML.T0050", Relation::Nearest)]);
        assert_eq!(map("T1204"), [("AML.T0011", Relation::Direct), ("AML.T0011.003", Relation::Direct)]);
        assert_eq!(map("T1041"), [("AML.T0025", Relation::Nearest), ("AML.T0086", Relation::Nearest)]);
        assert_eq!(map("T1070"), [("AML.TA0007", Relation::Nearest)], "no technique is near: its tactic");
        assert_eq!(map("T1588.002"), [("AML.T0016.001", Relation::Direct)], "not that of T1588");
        for nothing in ["T9999", "AML.T0051.001", "", "ASI01"] {
            assert_eq!(map(nothing), [], "{nothing}");
        }
    }

    #[test]
    fn an_id_stands_as_it_is_listed_unlisted_missing_or_malformed() {
        for listed in ["AML.T0051.001", "AML.TA0004", "AML.M0015", "T1059", "TA0001", "ASI10", "LLM10:2025"] {
            assert!(matches!(standing(listed), Standing::Listed(_)), "{listed}");
        }
        for unlisted in ["T1083", "T1059.004", "TA0027", "M1018"] {
            assert_eq!(standing(unlisted), Standing::Unlisted, "{unlisted}");
        }
        for absent in ["AML.T9999", "AML.T0051.999", "AML.TA0099", "AML.M0099"] {
            assert_eq!(standing(absent), Standing::NotInAtlas, "{absent}");
        }
        for absent in ["ASI11", "LLM00", "LLM01:2023", "ASI01:2025"] {
            assert_eq!(standing(absent), Standing::NotInOwasp, "{absent}");
        }
        for malformed in
            ["", "T", "T105", "T1059.", "T1059.1", "t1059", "AML.T51", "LLM1", "LLM01:25", "LLM010"]
        {
            assert_eq!(standing(malformed), Standing::Malformed, "{malformed}");
        }
    }
}
