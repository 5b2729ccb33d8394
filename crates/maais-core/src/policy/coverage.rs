//! What of the public catalogues the rules name: ATLAS by tactic, OWASP by list.
//!
//! A citation is the author's claim. Whether a rule stops what it names is a matter of its cases, not known here.

use crate::catalogue::{self, Entry, Kind, Relation};
use crate::decision::Effect;

use super::{PolicySet, Rule};

/// What is named, and what is not.
#[derive(Debug)]
pub struct Coverage<'p> {
    /// Each ATLAS tactic in the order of the matrix. A technique of several tactics stands under each.
    pub tactics: Vec<TacticCoverage<'p>>,
    /// Each technique and sub-technique once, by id.
    pub techniques: Vec<Covered<'p>>,
    /// `ASI01` to `ASI10`, `LLM01` to `LLM10`.
    pub owasp: Vec<Covered<'p>>,
}

/// One tactic and its techniques.
#[derive(Debug)]
pub struct TacticCoverage<'p> {
    /// The tactic.
    pub tactic: &'static Entry,
    /// All its techniques and sub-techniques, by id, named or not.
    pub techniques: Vec<Covered<'p>>,
}

/// One entry of a catalogue and the rules that name it.
#[derive(Debug, Clone)]
pub struct Covered<'p> {
    /// The entry.
    pub entry: &'static Entry,
    /// One for each rule that names it; none if no rule does.
    pub citations: Vec<Citation<'p>>,
}

/// A rule that names an entry.
#[derive(Debug, Clone, Copy)]
pub struct Citation<'p> {
    /// The rule.
    pub rule: &'p Rule,
    /// The id as the rule writes it.
    pub id: &'p str,
    /// How it leads to the entry.
    pub via: Via,
}

/// How an id leads to an entry, the surest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Via {
    /// The rule writes the entry's own id.
    Named,
    /// The rule writes an ATT&CK id.
    Attack(Relation),
}

impl Via {
    /// `named`, `direct` or `nearest`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Named => "named",
            Self::Attack(relation) => relation.as_str(),
        }
    }
}

/// How many of some entries are named.
pub fn named(entries: &[Covered<'_>]) -> usize {
    entries.iter().filter(|covered| !covered.citations.is_empty()).count()
}

/// What the rules that restrict name. A rule that allows covers nothing.
///
/// A technique does not cover its sub-techniques, nor they it.
pub fn coverage(policies: &PolicySet) -> Coverage<'_> {
    let restricts = |rule: &&Rule| rule.effect != Effect::Allow;
    let rules: Vec<&Rule> = policies.rules().iter().filter(restricts).collect();
    let covered = |entry| Covered { entry, citations: citations(entry, rules.iter().copied()) };
    let techniques: Vec<Covered<'_>> = catalogue::techniques().map(covered).collect();
    let of_tactic = |tactic: &'static Entry| TacticCoverage {
        tactic,
        techniques: techniques.iter().filter(|t| t.entry.tactics.contains(&tactic.id)).cloned().collect(),
    };
    let owasp = catalogue::entries().filter(|entry| entry.kind == Kind::Owasp).map(covered);
    Coverage { tactics: catalogue::tactics().map(of_tactic).collect(), owasp: owasp.collect(), techniques }
}

/// Each of these rules that names the entry, with its surest way.
pub fn citations<'p>(entry: &Entry, rules: impl IntoIterator<Item = &'p Rule>) -> Vec<Citation<'p>> {
    let cited = rules.into_iter().filter_map(|rule| {
        let ids = rule.ids.iter().filter_map(|id| Some(Citation { rule, id, via: via(id, entry)? }));
        ids.min_by_key(|citation| citation.via)
    });
    cited.collect()
}

fn via(id: &str, entry: &Entry) -> Option<Via> {
    if id == entry.id || catalogue::lookup(id).is_some_and(|found| found.id == entry.id) {
        return Some(Via::Named);
    }
    let mut mapped = catalogue::atlas_of_attack(id);
    mapped.find(|(atlas, _)| atlas.id == entry.id).map(|(_, relation)| Via::Attack(relation))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Source;
    use crate::policy;

    fn policies(rules: &[(&str, &str)]) -> PolicySet {
        let line = |(n, (decision, ids)): (usize, &(&str, &str))| {
            format!(
                "  - {{id: r{n}, applies_to: '*', condition: {{target: t{n}}}, decision: {decision}, reason: r, metadata: {ids}}}\n"
            )
        };
        let text: String = rules.iter().enumerate().map(line).collect();
        policy::load(&[Source::new("p.yaml", format!("policies:\n{text}").as_str())]).unwrap().policies
    }

    /// (entry, rule, how) of what is named.
    fn found(rules: &[(&str, &str)]) -> Vec<(&'static str, String, &'static str)> {
        let policies = policies(rules);
        let coverage = coverage(&policies);
        let all = coverage.techniques.iter().chain(&coverage.owasp);
        all.flat_map(|covered| {
            covered.citations.iter().map(|c| (covered.entry.id, c.rule.id.to_string(), c.via.as_str()))
        })
        .collect()
    }

    #[test]
    fn an_id_covers_its_entry_and_nothing_above_or_below() {
        let one = [("DENY", "{atlas: AML.T0051.001, owasp: 'LLM01:2025'}")];
        let expected = [("AML.T0051.001", "r0".into(), "named"), ("LLM01", "r0".into(), "named")];
        assert_eq!(found(&one), expected);
    }

    #[test]
    fn an_att_and_ck_id_covers_what_it_maps_to_and_says_how() {
        let two =
            [("DENY", "{mitre_technique: T1059}"), ("REQUIRE_APPROVAL", "{mitre_technique: T1059.004}")];
        let expected = [("AML.T0050", "r0".into(), "direct"), ("AML.T0050", "r1".into(), "nearest")];
        assert_eq!(found(&two), expected);
        let both = [("DENY", "{mitre_technique: T1059, atlas: AML.T0050}")];
        assert_eq!(found(&both), [("AML.T0050", "r0".into(), "named")], "one rule, its surest way");
    }

    #[test]
    fn a_rule_that_allows_and_an_id_that_does_not_exist_cover_nothing() {
        let rules = [("ALLOW", "{atlas: AML.T0050}"), ("DENY", "{atlas: AML.T9999, mitre: T1083}")];
        assert_eq!(found(&rules), []);
    }

    #[test]
    fn every_technique_stands_under_each_of_its_tactics() {
        let policies = policies(&[("DENY", "{atlas: AML.T0051}")]);
        let coverage = coverage(&policies);
        let places: usize = coverage.tactics.iter().map(|tactic| tactic.techniques.len()).sum();
        assert_eq!(places, catalogue::techniques().map(|entry| entry.tactics.len()).sum::<usize>());
        let tactics = catalogue::lookup("AML.T0051").unwrap().tactics.len();
        assert_eq!(coverage.tactics.iter().map(|tactic| named(&tactic.techniques)).sum::<usize>(), tactics);
    }
}
