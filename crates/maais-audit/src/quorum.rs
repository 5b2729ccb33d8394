//! Whose cosignatures are enough: a policy as C2SP `tlog-policy` writes it (`log`, `witness`, `group`, `quorum`).
//!
//! Reads and answers; fetches nothing. URLs are kept for whoever asks the witnesses.
//!
//! Not read: keys of other algorithms than Ed25519, and names that are not UTF-8.

use std::collections::{BTreeMap, BTreeSet};

use crate::cosign::CosignerVkey;
use crate::note::{NoteError, Vkey};

/// The longest policy that is read.
const POLICY_BYTES_MAX: usize = 256 * 1024;

/// The most logs, witnesses and groups together.
const LINES_MAX: usize = 1000;

/// Which logs, which witnesses, and which of them must have cosigned.
#[derive(Debug, Clone)]
pub struct WitnessPolicy {
    /// The logs that are accepted; any, if there is none.
    pub logs: Vec<PolicyLog>,
    /// The witnesses.
    pub witnesses: Vec<PolicyWitness>,
    groups: BTreeMap<String, Group>,
    quorum: Option<String>,
}

/// A log that a policy names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyLog {
    /// Its public key; of a log that changes its keys, the first.
    pub vkey: Vkey,
    /// Where it is.
    pub url: Option<String>,
}

/// A witness that a policy names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyWitness {
    /// Its name in the policy.
    pub name: String,
    /// Its public key.
    pub vkey: CosignerVkey,
    /// Where it is asked: the prefix before `/add-checkpoint`.
    pub url: Option<String>,
}

#[derive(Debug, Clone)]
struct Group {
    needed: usize,
    members: Vec<String>,
}

/// Why a text is no policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct PolicyError {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong, and what would be right.
    pub why: String,
}

impl WitnessPolicy {
    /// Reads a policy.
    ///
    /// # Errors
    ///
    /// Names the first line that is not as C2SP `tlog-policy` says.
    pub fn parse(bytes: &[u8]) -> Result<Self, PolicyError> {
        if bytes.len() > POLICY_BYTES_MAX {
            return Err(PolicyError {
                line: 1,
                why: format!("a policy has at most {POLICY_BYTES_MAX} bytes"),
            });
        }
        let mut reader = Reader::default();
        let mut lines = 0;
        for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
            lines = index + 1;
            reader.line(line).map_err(|why| PolicyError { line: lines, why })?;
        }
        match reader.quorum {
            Some(quorum) => Ok(Self {
                logs: reader.logs,
                witnesses: reader.witnesses,
                groups: reader.groups,
                quorum: Some(quorum).filter(|name| name != "none"),
            }),
            None => Err(PolicyError { line: lines, why: "there is no line `quorum <name>`".to_owned() }),
        }
    }

    /// A policy under which each of these witnesses must have cosigned.
    pub fn all_of(witnesses: Vec<PolicyWitness>) -> Self {
        let members: Vec<_> = witnesses.iter().map(|witness| witness.name.clone()).collect();
        let group = Group { needed: members.len(), members };
        let groups = BTreeMap::from([("all".to_owned(), group)]);
        Self { logs: Vec::new(), witnesses, groups, quorum: Some("all".to_owned()) }
    }

    /// Whether no cosignature is asked for (`quorum none`).
    pub fn asks_for_nobody(&self) -> bool {
        self.quorum.is_none()
    }

    /// Whether the log with this first key is accepted.
    pub fn accepts(&self, vkey: &Vkey) -> bool {
        self.logs.is_empty() || self.logs.iter().any(|log| log.vkey == *vkey)
    }

    /// The names of the witnesses that cosigned this note, and when (seconds since 1970).
    ///
    /// # Errors
    ///
    /// If the text is no signed note.
    pub fn cosigned(&self, note: &str) -> Result<BTreeMap<String, u64>, NoteError> {
        let mut cosigned = BTreeMap::new();
        for witness in &self.witnesses {
            if let Some(time) = witness.vkey.cosigned(note)? {
                cosigned.insert(witness.name.clone(), time);
            }
        }
        Ok(cosigned)
    }

    /// Whether these witnesses are enough.
    pub fn is_met<'a>(&self, by: impl IntoIterator<Item = &'a str>) -> bool {
        let by: BTreeSet<_> = by.into_iter().collect();
        self.quorum.as_ref().is_none_or(|name| self.stands_for(name, &by))
    }

    /// Recursion ends: a group names only what stands before it.
    fn stands_for(&self, name: &str, by: &BTreeSet<&str>) -> bool {
        match self.groups.get(name) {
            Some(group) => {
                group.members.iter().filter(|member| self.stands_for(member, by)).count() >= group.needed
            }
            None => by.contains(name),
        }
    }
}

/// A policy while it is read.
#[derive(Default)]
struct Reader {
    logs: Vec<PolicyLog>,
    witnesses: Vec<PolicyWitness>,
    groups: BTreeMap<String, Group>,
    /// Names that are a member of a group already.
    members: BTreeSet<String>,
    quorum: Option<String>,
}

impl Reader {
    fn line(&mut self, line: &[u8]) -> Result<(), String> {
        let line = line.trim_ascii();
        if line.is_empty() || line.starts_with(b"#") {
            return Ok(());
        }
        if line.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') {
            return Err("it holds a control character".to_owned());
        }
        let line = str::from_utf8(line).map_err(|_| "it is not UTF-8".to_owned())?;
        let words: Vec<_> = line.split([' ', '\t']).filter(|word| !word.is_empty()).collect();
        if self.logs.len() + self.witnesses.len() + self.groups.len() >= LINES_MAX {
            return Err(format!("a policy has at most {LINES_MAX} logs, witnesses and groups"));
        }
        match words.as_slice() {
            ["log", vkey] => self.log(vkey, None),
            ["log", vkey, url] => self.log(vkey, Some(url)),
            ["witness", name, vkey] => self.witness(name, vkey, None),
            ["witness", name, vkey, url] => self.witness(name, vkey, Some(url)),
            ["group", name, needed, members @ ..] => self.group(name, needed, members),
            ["quorum", name] => self.quorum(name),
            ["log", ..] => Err("write `log <vkey> [<url>]`".to_owned()),
            ["witness", ..] => Err("write `witness <name> <vkey> [<url>]`".to_owned()),
            ["group", ..] => Err("write `group <name> all|any|<number> <name>...`".to_owned()),
            ["quorum", ..] => Err("write `quorum <name>`".to_owned()),
            [other, ..] => {
                Err(format!("`{}` is none of `log`, `witness`, `group`, `quorum`", other.escape_debug()))
            }
            [] => Ok(()),
        }
    }

    fn log(&mut self, vkey: &str, url: Option<&str>) -> Result<(), String> {
        let vkey: Vkey = vkey.parse().map_err(|error| format!("a log's key is Ed25519 (type 1): {error}"))?;
        if self.logs.iter().any(|log| log.vkey.as_bytes() == vkey.as_bytes()) {
            return Err("this log's key stands on an earlier line".to_owned());
        }
        self.logs.push(PolicyLog { vkey, url: url.map(str::to_owned) });
        Ok(())
    }

    fn witness(&mut self, name: &str, vkey: &str, url: Option<&str>) -> Result<(), String> {
        self.is_free(name)?;
        let vkey: CosignerVkey =
            vkey.parse().map_err(|error| format!("a witness's key is Ed25519 (type 4): {error}"))?;
        if self.witnesses.iter().any(|witness| witness.vkey.as_bytes() == vkey.as_bytes()) {
            return Err("this witness's key stands on an earlier line".to_owned());
        }
        self.witnesses.push(PolicyWitness { name: name.to_owned(), vkey, url: url.map(str::to_owned) });
        Ok(())
    }

    fn group(&mut self, name: &str, needed: &str, members: &[&str]) -> Result<(), String> {
        self.is_free(name)?;
        let needed = match needed {
            "all" => members.len(),
            "any" => 1,
            number => number.parse().map_err(|_| {
                format!("`{}` is neither `all` nor `any` nor a number", number.escape_debug())
            })?,
        };
        if members.is_empty() || needed == 0 || needed > members.len() {
            return Err(format!("{needed} of {} members is no rule: 1 to all of them", members.len()));
        }
        for member in members {
            if !self.is_known(member) {
                return Err(not_known(member));
            }
            if !self.members.insert((*member).to_owned()) {
                return Err(format!("`{}` is a member already, once is all", member.escape_debug()));
            }
        }
        let members = members.iter().map(|member| (*member).to_owned()).collect();
        self.groups.insert(name.to_owned(), Group { needed, members });
        Ok(())
    }

    fn quorum(&mut self, name: &str) -> Result<(), String> {
        if self.quorum.is_some() {
            return Err("there is a quorum already; a policy has one".to_owned());
        }
        if name != "none" && !self.is_known(name) {
            return Err(not_known(name));
        }
        self.quorum = Some(name.to_owned());
        Ok(())
    }

    fn is_known(&self, name: &str) -> bool {
        self.groups.contains_key(name) || self.witnesses.iter().any(|witness| witness.name == name)
    }

    fn is_free(&self, name: &str) -> Result<(), String> {
        match name {
            "none" => Err("`none` is a name that is taken: nobody".to_owned()),
            _ if self.is_known(name) => Err(format!("the name `{}` is taken", name.escape_debug())),
            _ => Ok(()),
        }
    }
}

fn not_known(name: &str) -> String {
    format!("no line above defines a witness or group `{}`", name.escape_debug())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cosign::Cosigner;
    use crate::note::Skey;
    use proptest::prelude::*;

    fn vkey(seed: u8) -> CosignerVkey {
        Cosigner::new(&format!("w/{seed}"), &[seed; 32]).unwrap().vkey().clone()
    }

    /// The example of the specification.
    fn example() -> String {
        let witness = |name: &str, seed| format!("witness {name} {}\n", vkey(seed));
        let log = Skey::new("maais/1", &[9; 32]).vkey().to_string();
        [
            format!("# a comment \n\nlog {log}\thttps://log.example/\n"),
            witness("X1", 1) + &witness("X2", 2) + &witness("X3", 3),
            "  group X-witnesses 2 X1 X2 X3\n".to_owned(),
            witness("Y1", 4) + &witness("Y2", 5) + &witness("Y3", 6),
            "group Y-witnesses any Y1 Y2 Y3\n".to_owned(),
            "group X-and-Y all X-witnesses Y-witnesses\nquorum X-and-Y\n".to_owned(),
        ]
        .concat()
    }

    #[test]
    fn the_quorum_of_the_specifications_example() {
        let policy = WitnessPolicy::parse(example().as_bytes()).unwrap();
        assert_eq!((policy.logs.len(), policy.witnesses.len()), (1, 6));
        assert_eq!(policy.logs[0].url.as_deref(), Some("https://log.example/"));
        for (by, met) in [
            (&["X1", "X2", "Y3"][..], true),
            (&["X1", "X2", "X3", "Y1", "Y2", "Y3"], true),
            (&["X1", "Y1", "Y2", "Y3"], false),
            (&["X1", "X2", "X3"], false),
            (&["X1", "X1", "Y1"], false),
            (&["X-and-Y"], false),
            (&[], false),
        ] {
            assert_eq!(policy.is_met(by.iter().copied()), met, "{by:?}");
        }
        assert!(policy.accepts(Skey::new("maais/1", &[9; 32]).vkey()));
        assert!(!policy.accepts(Skey::new("maais/1", &[8; 32]).vkey()));
    }

    #[test]
    fn quorum_none_asks_for_nobody() {
        let policy = WitnessPolicy::parse(b"quorum none").unwrap();
        assert!(policy.is_met([]) && policy.asks_for_nobody());
    }

    #[test]
    fn mistakes_are_named_with_their_line() {
        let one = format!("witness a {}\n", vkey(1));
        let log = Skey::new("maais/1", &[9; 32]).vkey().to_string();
        for (text, line, why) in [
            (String::new(), 1, "no line `quorum"),
            (one.clone(), 2, "no line `quorum"),
            ("quorum a\n".to_owned(), 1, "no line above"),
            (format!("{one}quorum a\nquorum a\n"), 3, "a quorum already"),
            (format!("{one}witness a {}\n", vkey(2)), 2, "is taken"),
            (format!("{one}witness b {}\n", vkey(1)), 2, "an earlier line"),
            (format!("witness none {}\n", vkey(1)), 1, "is taken"),
            (format!("witness a {log}\n"), 1, "type 4"),
            (format!("log {}\n", vkey(1)), 1, "type 1"),
            (format!("log {log}\nlog {log}\n"), 2, "an earlier line"),
            (format!("{one}group g 2 a\n"), 2, "no rule"),
            (format!("{one}group g 0 a\n"), 2, "no rule"),
            (format!("{one}group g all\n"), 2, "no rule"),
            (format!("{one}group g most a\n"), 2, "neither"),
            (format!("{one}group g any a a\n"), 2, "a member already"),
            (format!("{one}group g any a\ngroup h any a\n"), 3, "a member already"),
            (format!("{one}group g any none\n"), 2, "no line above"),
            (format!("{one}group g any g\n"), 2, "no line above"),
            (format!("{one}quorum\n"), 2, "write `quorum <name>`"),
            ("witnesses a b\n".to_owned(), 1, "none of"),
            ("quorum no\u{7}ne\n".to_owned(), 1, "control character"),
        ] {
            let error = WitnessPolicy::parse(text.as_bytes()).expect_err(&text);
            assert_eq!(error.line, line, "{text}: {error}");
            assert!(error.why.contains(why), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "((log|witness|group|quorum|all|any|2|a|b| |\n)){0,40}|\\PC*") {
            let _ = WitnessPolicy::parse(text.as_bytes());
        }
    }
}
