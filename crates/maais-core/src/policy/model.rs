//! What a policy's author typed, understood as far as its words go, with places.

use std::ops::Range;

use serde_json::{Map, Value};

use super::Pattern;
use crate::decision::{Dimension, Effect, Severity};
use crate::diagnostic::Source;
use crate::glob::Glob;
use crate::request::ActionType;

/// A set of action types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ActionTypes(u8);

impl ActionTypes {
    /// All eight.
    pub const ALL: Self = Self(0xff);

    /// The set with one more.
    #[must_use]
    pub fn with(self, kind: ActionType) -> Self {
        Self(self.0 | 1 << kind.index())
    }

    /// Whether the type is in the set.
    pub fn contains(self, kind: ActionType) -> bool {
        self.0 & 1 << kind.index() != 0
    }

    /// Whether every type of the other set is in this one.
    pub fn covers(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// What is in either.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The names, in the order of [`ActionType::ALL`].
    pub fn names(self) -> Vec<&'static str> {
        ActionType::ALL.into_iter().filter(|kind| self.contains(*kind)).map(ActionType::as_str).collect()
    }
}

/// One policy.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Unique in the set.
    pub id: String,
    /// Where the id stands.
    pub id_span: Range<usize>,
    /// The document.
    pub source: Source,
    /// Which kinds of action it speaks of.
    pub applies_to: ActionTypes,
    /// When it matches.
    pub condition: Condition,
    /// What follows.
    pub decision: Effect,
    /// Why, for those who are stopped.
    pub reason: String,
    /// Lower goes first.
    pub priority: i64,
    /// Whatever else its author wants to keep with it.
    pub metadata: Map<String, Value>,
    /// From the metadata, or by the effect.
    pub severity: Severity,
    /// Ids of public catalogues, from the metadata.
    pub ids: Vec<String>,
    /// Checks that do not count for what it matches.
    pub waives: Vec<Dimension>,
    /// The policy as JSON, for the digest.
    pub canonical: Value,
}

/// When a policy matches.
#[derive(Debug, Clone)]
pub enum Condition {
    /// All of these; none of them means always.
    All(Vec<Condition>),
    /// At least one of these.
    Any(Vec<Condition>),
    /// Not this.
    Not(Box<Condition>),
    /// The action's type is one of these.
    ActionType(ActionTypes),
    /// The target.
    Target(Test),
    /// The agent.
    Agent(Test),
    /// A parameter, by its path.
    Parameter(Vec<String>, Test),
    /// Any text anywhere in the parameters.
    AnyParameter(Test),
    /// A part of every URL in the action.
    Url(UrlPart, Test),
    /// Every path in the action, normalised.
    Path(Test),
    /// More actions than this.
    RateLimit(RateLimit),
}

/// A part of a URL in its canonical view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UrlPart {
    /// `url.scheme`
    Scheme,
    /// `url.host`
    Host,
    /// `url.port`
    Port,
    /// `url.path`
    Path,
    /// `url.class`: loopback, private, link_local, metadata, public, unparseable.
    Class,
}

impl UrlPart {
    /// Every part and its key in a condition.
    pub const KEYS: [(&'static str, Self); 5] = [
        ("url.scheme", Self::Scheme),
        ("url.host", Self::Host),
        ("url.port", Self::Port),
        ("url.path", Self::Path),
        ("url.class", Self::Class),
    ];
}

/// What a value is held against.
#[derive(Debug, Clone)]
pub enum Test {
    /// All of these.
    All(Vec<Test>),
    /// Exactly this.
    Equals(Value),
    /// One of these.
    In(Vec<Value>),
    /// None of these.
    NotIn(Vec<Value>),
    /// A regular expression that matches anywhere.
    Pattern(Pattern),
    /// One of these globs, whole.
    Glob(Vec<Glob>),
}

/// A number of actions within a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// Actions within the window that are not over the limit.
    pub max: u32,
    /// Length of the sliding window in seconds.
    pub window_seconds: u32,
    /// What is counted apart.
    pub key: LimitKey,
}

/// What a rate limit counts apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LimitKey(u8);

impl LimitKey {
    /// Everything in one count.
    pub const GLOBAL: Self = Self(0);
    /// Each agent.
    pub const AGENT: Self = Self(1);
    /// Each target.
    pub const TARGET: Self = Self(2);
    /// Each action type.
    pub const ACTION_TYPE: Self = Self(4);
    /// Each session.
    pub const SESSION: Self = Self(8);

    /// The names that a policy may use.
    pub const PARTS: [(&'static str, Self); 5] = [
        ("global", Self::GLOBAL),
        ("agent_id", Self::AGENT),
        ("target", Self::TARGET),
        ("action_type", Self::ACTION_TYPE),
        ("session_id", Self::SESSION),
    ];

    /// Both.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether it counts that part apart.
    pub fn has(self, part: Self) -> bool {
        self.0 & part.0 != 0
    }
}

impl Default for LimitKey {
    fn default() -> Self {
        Self::AGENT
    }
}
