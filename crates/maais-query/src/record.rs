//! What a record says, as far as it is searched or exported. Borrowed from its line.
//!
//! Lenient about everything but the chain: a field of another type than ours is as good as absent.

use std::borrow::Cow;
use std::fmt;

use jiff::Timestamp;
use maais_audit::{Kind, LeafHash};
use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// A record, read from its line. Texts that the record does not have are empty.
#[derive(Debug, Clone)]
pub struct Event<'a> {
    /// Its log's name.
    pub origin: Cow<'a, str>,
    /// Its place in the log, counted from 0.
    pub index: u64,
    /// Its leaf hash, computed from the line.
    pub leaf: LeafHash,
    /// The leaf hash that it cites.
    pub prev: LeafHash,
    /// What it is about.
    pub kind: Kind,
    /// When.
    pub time: Timestamp,
    /// Whose.
    pub tenant: Cow<'a, str>,
    /// In which session.
    pub session: Cow<'a, str>,
    /// Who acted.
    pub agent: Cow<'a, str>,
    /// The action's id.
    pub action_id: Cow<'a, str>,
    /// The action's kind.
    pub action_type: Cow<'a, str>,
    /// What was acted on.
    pub target: Cow<'a, str>,
    /// What for.
    pub goal: Cow<'a, str>,
    /// `ALLOW`, `DENY` or `REQUIRE_APPROVAL`; empty in a record that is no decision.
    pub effect: Cow<'a, str>,
    /// The policy that decided.
    pub policy: Cow<'a, str>,
    /// Who answers for the action.
    pub owner: Cow<'a, str>,
    /// Why: the decision's explanation, or what else the record gives as its reason.
    pub reason: Cow<'a, str>,
    /// The severest finding: `low`, `medium`, `high`, `critical`.
    pub severity: &'static str,
    /// The policies and checks that found something.
    pub findings: Vec<Cow<'a, str>>,
    /// The attacks that they name (ATLAS, ATT&CK, OWASP), each once.
    pub attacks: Vec<Cow<'a, str>>,
    /// The line, without its newline.
    pub line: &'a str,
}

/// Bytes that are no record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a record: {why}")]
pub struct NoEvent {
    why: String,
}

/// From the mildest to the severest.
const SEVERITIES: [&str; 5] = ["", "low", "medium", "high", "critical"];

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(rename = "_log", borrow)]
    origin: Cow<'a, str>,
    #[serde(rename = "_prev", borrow)]
    prev: Cow<'a, str>,
    #[serde(rename = "_seq")]
    index: u64,
    #[serde(rename = "_session", borrow, default)]
    session: Text<'a>,
    #[serde(rename = "_tenant", borrow)]
    tenant: Cow<'a, str>,
    #[serde(rename = "_time", borrow)]
    time: Cow<'a, str>,
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    action_id: Text<'a>,
    #[serde(borrow, default)]
    agent_id: Text<'a>,
    #[serde(borrow, default)]
    reason: Text<'a>,
    #[serde(borrow, default)]
    attempt: Option<&'a RawValue>,
    #[serde(borrow, default)]
    decision: Option<&'a RawValue>,
    #[serde(borrow, default)]
    request: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
struct Decision<'a> {
    #[serde(borrow, default)]
    effect: Text<'a>,
    #[serde(borrow, default)]
    policy_id: Text<'a>,
    #[serde(borrow, default)]
    explanation: Text<'a>,
    #[serde(borrow, default)]
    accountability_owner: Text<'a>,
    #[serde(borrow, default)]
    metadata: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
struct Metadata<'a> {
    #[serde(borrow, default)]
    findings: Vec<Finding<'a>>,
}

#[derive(Default, Deserialize)]
struct Finding<'a> {
    #[serde(borrow, default)]
    id: Text<'a>,
    #[serde(borrow, default)]
    ids: Vec<Text<'a>>,
    #[serde(borrow, default)]
    severity: Text<'a>,
}

/// A request, or an attempt at one.
#[derive(Default, Deserialize)]
struct Request<'a> {
    #[serde(borrow, default)]
    action_id: Text<'a>,
    #[serde(borrow, default)]
    action_type: Text<'a>,
    #[serde(borrow, default)]
    agent_id: Text<'a>,
    #[serde(borrow, default)]
    declared_goal: Text<'a>,
    #[serde(borrow, default)]
    error: Text<'a>,
    #[serde(borrow, default)]
    target: Text<'a>,
}

impl<'a> Event<'a> {
    /// Reads a line, given without its newline.
    ///
    /// # Errors
    /// When the line is no record of a log.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, NoEvent> {
        let no = |why: &dyn fmt::Display| NoEvent { why: why.to_string() };
        let line = std::str::from_utf8(bytes).map_err(|error| no(&error))?;
        let fields: Line<'a> = serde_json::from_str(line).map_err(|error| no(&error))?;
        let decision: Decision<'a> = part(fields.decision);
        let metadata: Metadata<'a> = part(decision.metadata);
        let request: Request<'a> = part(fields.request.or(fields.attempt));
        let severity = metadata.findings.iter().map(|finding| rank(&finding.severity.0)).max();
        let mut findings = Vec::with_capacity(metadata.findings.len());
        let mut attacks = Vec::new();
        for finding in metadata.findings {
            put_once(&mut findings, finding.id.0);
            finding.ids.into_iter().for_each(|id| put_once(&mut attacks, id.0));
        }
        Ok(Self {
            origin: fields.origin,
            index: fields.index,
            leaf: LeafHash::of(bytes),
            prev: fields.prev.parse().map_err(|error| no(&error))?,
            kind: fields.kind.parse().map_err(|error| no(&error))?,
            time: fields.time.parse().map_err(|error| no(&error))?,
            tenant: fields.tenant,
            session: fields.session.0,
            agent: first([request.agent_id, fields.agent_id]),
            action_id: first([request.action_id, fields.action_id]),
            action_type: request.action_type.0,
            target: request.target.0,
            goal: request.declared_goal.0,
            effect: decision.effect.0,
            policy: decision.policy_id.0,
            owner: decision.accountability_owner.0,
            reason: first([decision.explanation, request.error, fields.reason]),
            severity: severity.and_then(|rank| SEVERITIES.get(rank)).copied().unwrap_or_default(),
            findings,
            attacks,
            line,
        })
    }

    /// What tells a record from all others, also in systems that receive it twice: `log#index`.
    pub fn id(&self) -> String {
        format!("{}#{}", self.origin, self.index)
    }

    /// Everything in it that is text for people.
    pub(crate) fn texts(&self) -> [&str; 3] {
        [&self.reason, &self.goal, &self.target]
    }
}

fn part<'a, T: Default + Deserialize<'a>>(raw: Option<&'a RawValue>) -> T {
    raw.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
}

fn rank(severity: &str) -> usize {
    SEVERITIES.iter().position(|one| *one == severity).unwrap_or_default()
}

fn put_once<'a>(list: &mut Vec<Cow<'a, str>>, text: Cow<'a, str>) {
    if !text.is_empty() && !list.contains(&text) {
        list.push(text);
    }
}

/// Text, or the commitment that stands in its place, or nothing.
#[derive(Debug, Default)]
struct Text<'a>(Cow<'a, str>);

/// The first that is not empty.
fn first<'a, const N: usize>(texts: [Text<'a>; N]) -> Cow<'a, str> {
    texts.into_iter().map(|text| text.0).find(|text| !text.is_empty()).unwrap_or_default()
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Text(Cow::Owned(text.to_owned())))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = Text::default();
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            if key == "$sealed" {
                let digest: Text<'de> = map.next_value()?;
                found = Text(format!("[sealed {}]", digest.0).into());
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Text::default())
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(Text::default())
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Text::default())
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Text::default())
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Text::default())
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Text::default())
    }
}
