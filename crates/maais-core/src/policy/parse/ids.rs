//! Ids of public catalogues in a policy's metadata: each is looked up, and what is not there is a warning.
//!
//! Never an error: a policy that names a wrong id decides as well as any other.

use std::ops::Range;

use crate::catalogue::{self, ATLAS_RELEASE, Entry, Kind, Standing};
use crate::document::{Key, Node, Reader, Yaml};
use crate::suggest::{did_you_mean, nearest};

/// The ids under `mitre_technique`, `mitre`, `atlas` and `owasp`, as written and in their order.
pub(super) fn ids(reader: &mut Reader<'_>, metadata: &[&(Key, Node)]) -> Vec<String> {
    let mut ids = Vec::new();
    for (key, node) in metadata.iter().filter(|(_, node)| node.value != Yaml::Null) {
        match key.text.as_str() {
            "mitre_technique" | "mitre" | "atlas" | "owasp" => {
                for (id, span) in reader.texts(node, &key.text) {
                    warn_of_id(reader, &id, &span);
                    ids.push(id);
                }
            }
            "mitre_tactic" => {
                for (tactic, span) in reader.texts(node, &key.text) {
                    warn_of_tactic(reader, &tactic, &span);
                }
            }
            _ => {}
        }
    }
    ids
}

fn warn_of_id(reader: &mut Reader<'_>, id: &str, span: &Range<usize>) {
    match catalogue::standing(id) {
        Standing::Listed(_) | Standing::Unlisted => {}
        Standing::NotInAtlas => {
            let message = format!("`{id}` is not in ATLAS {ATLAS_RELEASE}");
            reader.warning(span, message, "no such id", near_in_atlas(id));
        }
        Standing::NotInOwasp => {
            let (list, range, edition) = match id.get(..3) {
                Some("ASI") => {
                    ("agentic applications", "`ASI01` to `ASI10`", catalogue::OWASP_AGENTIC_EDITION)
                }
                _ => ("applications of language models", "`LLM01` to `LLM10`", catalogue::OWASP_LLM_EDITION),
            };
            let message = format!("`{id}` is not in the OWASP Top 10 for {list} of {edition}");
            reader.warning(span, message, "no such id", Some(format!("one of {range}")));
        }
        Standing::Malformed => {
            let message = format!("`{id}` is no catalogue id");
            let forms = "ATT&CK `T1059`, ATLAS `AML.T0051`, OWASP `LLM01` or `ASI02`";
            let meant = named(id).map_or_else(
                || did_you_mean(id, catalogue::entries().map(|entry| entry.id)),
                |entry| format!("; did you mean `{}`?", entry.id),
            );
            reader.warning(span, message, "unknown form", Some(format!("{forms}{meant}")));
        }
    }
}

/// A sub-technique that its parent does not have is told what the parent has; else the nearest id of that kind,
/// first among those with the same digits: a wrong digit is near to too many.
fn near_in_atlas(id: &str) -> Option<String> {
    let parent = id.rsplit_once('.').and_then(|(parent, _)| catalogue::lookup(parent));
    if let Some(parent) = parent {
        let of_parent = catalogue::techniques().filter(|entry| entry.parent == Some(parent.id));
        let ids: Vec<String> = of_parent.map(|entry| format!("`{}`", entry.id)).collect();
        return Some(match ids.as_slice() {
            [] => format!("`{}` ({}) has no sub-techniques", parent.id, parent.name),
            ids => format!("`{}` ({}) has {}", parent.id, parent.name, ids.join(", ")),
        });
    }
    let letters = |text: &str| text.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.').len();
    let same_kind = |entry: &&Entry| entry.id.get(..letters(entry.id)) == id.get(..letters(id));
    let candidates = || catalogue::entries().filter(same_kind).map(|entry| entry.id);
    let swapped = candidates().filter(|candidate| sorted(candidate) == sorted(id));
    let near = nearest(id, swapped).or_else(|| nearest(id, candidates())).and_then(catalogue::lookup);
    near.map(|entry| format!("did you mean `{}` ({})?", entry.id, entry.name))
}

/// Equal for texts of the same letters and digits in any order.
fn sorted(text: &str) -> Vec<char> {
    let mut letters: Vec<char> = text.chars().collect();
    letters.sort_unstable();
    letters
}

/// The technique or risk of that name.
fn named(name: &str) -> Option<&'static Entry> {
    catalogue::entries().find(|entry| !entry.name.is_empty() && entry.name.eq_ignore_ascii_case(name))
}

/// A tactic is named, or given by its id. ATLAS has the names of all tactics of ATT&CK Enterprise.
fn warn_of_tactic(reader: &mut Reader<'_>, text: &str, span: &Range<usize>) {
    let known = match catalogue::standing(text) {
        Standing::Listed(entry) => entry.kind == Kind::Tactic || text.starts_with("TA"),
        Standing::Unlisted => text.starts_with("TA"),
        _ => catalogue::tactics().any(|entry| entry.name.eq_ignore_ascii_case(text)),
    };
    if !known {
        let message = format!("`{text}` is no tactic of ATLAS {ATLAS_RELEASE} or ATT&CK");
        let tactics = || catalogue::tactics().flat_map(|entry| [entry.name, entry.id]);
        let help =
            format!("a name or an id, as `Initial Access` or `AML.TA0004`{}", did_you_mean(text, tactics()));
        reader.warning(span, message, "unknown tactic", Some(help));
    }
}

#[cfg(test)]
mod tests {
    use crate::diagnostic::{Level, Source};
    use crate::policy;

    /// (message, underlined, help) of the warnings about one policy's metadata.
    fn warnings(metadata: &str) -> Vec<(String, String, String)> {
        let text = format!(
            "policies: [{{id: r, applies_to: '*', condition: {{}}, decision: DENY, reason: r, metadata: {metadata}}}]"
        );
        let loaded = policy::load(&[Source::new("p.yaml", text.as_str())]).unwrap();
        let shown = loaded.warnings.0.into_iter().map(|problem| {
            assert_eq!(problem.level, Level::Warning);
            (problem.message.clone(), problem.underlined().to_owned(), problem.help.unwrap_or_default())
        });
        shown.collect()
    }

    /// The one warning's message and help in a line.
    fn warning(metadata: &str) -> String {
        let [(message, _, help)] = &warnings(metadata)[..] else { panic!("not one warning: {metadata}") };
        format!("{message}: {help}")
    }

    #[test]
    fn ids_that_exist_and_att_and_ck_ids_that_may_exist_are_taken_in_silence() {
        let fine = "{mitre_technique: [T1059, T1083, T1059.004], mitre: AML.T0051, atlas: [AML.T0051.000, AML.M0015], \
                    owasp: [ASI01, 'LLM01:2025'], mitre_tactic: [Initial Access, AML.TA0004, TA0001, TA0027], other: AML.X}";
        assert_eq!(warnings(fine), []);
        assert_eq!(warnings("{mitre_tactic: ~, atlas: ~}"), []);
    }

    #[test]
    fn an_atlas_id_that_does_not_exist_is_underlined_with_what_may_be_meant() {
        let [(message, underlined, help)] = &warnings("{atlas: [AML.T0051, AML.T0501]}")[..] else {
            panic!()
        };
        assert_eq!(message, "`AML.T0501` is not in ATLAS 5.6.1");
        assert_eq!(underlined, "AML.T0501");
        assert_eq!(help, "did you mean `AML.T0051` (LLM Prompt Injection)?");
        let sub = warning("{atlas: AML.T0051.009}");
        assert!(
            sub.ends_with("(LLM Prompt Injection) has `AML.T0051.000`, `AML.T0051.001`, `AML.T0051.002`"),
            "{sub}"
        );
        assert!(warning("{mitre: AML.T0050.001}").ends_with("has no sub-techniques"));
        assert!(warning("{mitre: AML.M0099}").contains("did you mean `AML.M00"));
    }

    #[test]
    fn an_owasp_id_of_another_edition_or_number_is_told_the_list() {
        assert_eq!(
            warning("{owasp: ASI11}"),
            "`ASI11` is not in the OWASP Top 10 for agentic applications of 2026: one of `ASI01` to `ASI10`"
        );
        assert!(warning("{owasp: 'LLM01:2023'}").contains("of 2025"));
    }

    #[test]
    fn what_has_no_form_of_an_id_is_told_the_forms() {
        assert!(warning("{atlas: LLM Prompt Injection}").ends_with("did you mean `AML.T0051`?"));
        assert!(warning("{atlas: aml.t0051}").ends_with("did you mean `AML.T0051`?"));
        assert!(warning("{mitre: injection}").starts_with("`injection` is no catalogue id: ATT&CK `T1059`"));
    }

    #[test]
    fn a_tactic_that_does_not_exist_is_a_warning() {
        assert!(warning("{mitre_tactic: Inital Access}").ends_with("did you mean `Initial Access`?"));
        assert!(warning("{mitre_tactic: AML.T0051}").contains("is no tactic"));
        assert!(warning("{mitre_tactic: T1059}").contains("is no tactic"));
        assert!(warning("{mitre_tactic: AML.TA0099}").contains("is no tactic"));
    }
}
