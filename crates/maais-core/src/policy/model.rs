//! What a policy's author typed, understood as far as its words go, with places.

use std::cmp::Ordering;
use std::ops::Range;

use ipnet::IpNet;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use super::Pattern;
use super::quantity::Quantity;
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

    /// Whether a kind is in both.
    pub fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
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
    /// Where the condition stands.
    pub condition_span: Range<usize>,
    /// What follows.
    pub decision: Effect,
    /// Why, for those who are stopped.
    pub reason: String,
    /// Lower goes first.
    pub priority: i64,
    /// Whether it decides.
    pub mode: Mode,
    /// Whatever else its author wants to keep with it.
    pub metadata: Map<String, Value>,
    /// From the metadata, or by the effect.
    pub severity: Severity,
    /// Ids of public catalogues, from the metadata.
    pub ids: Vec<String>,
    /// Checks that do not count for what it matches.
    pub waives: Vec<Dimension>,
    /// Who may say yes.
    pub approvers: Vec<String>,
    /// Actions on which the condition must hold, and on which it must not.
    pub examples: Vec<Example>,
}

/// Whether a policy decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// It does.
    #[default]
    Enforce,
    /// It is tried and recorded, and decides nothing.
    Shadow,
}

impl Mode {
    /// The names in policies.
    pub const NAMES: [(&'static str, Self); 2] = [("enforce", Self::Enforce), ("shadow", Self::Shadow)];
}

/// An action that a policy's author promises something about.
#[derive(Debug, Clone)]
pub struct Example {
    /// Whether the condition must hold.
    pub matches: bool,
    /// The action as it was written.
    pub case: super::case::Case,
}

/// A mark that an action leaves on its session.
#[derive(Debug, Clone)]
pub struct LabelRule {
    /// What leaves it.
    pub when: Condition,
    /// Which.
    pub add: Vec<String>,
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
    /// A part of the action, or of what is known about it.
    Holds(Subject, Test),
    /// The time of the decision.
    Time(Hours),
    /// More than this.
    Limit(Limit),
    /// What the session did before.
    History(History),
    /// The session carries one of these labels.
    Labels(Vec<String>),
}

/// What a test looks at.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    /// The target.
    Target,
    /// The agent.
    Agent,
    /// The agent's tenant.
    Tenant,
    /// The agent's roles.
    Role,
    /// What the agent says it is for.
    Goal,
    /// A parameter, by its path.
    Parameter(Vec<String>),
    /// Any text anywhere in the parameters.
    AnyParameter,
    /// A value of the context, by its path.
    Context(Vec<String>),
    /// Bytes of the parameters.
    Size,
    /// A part of every URL in the action.
    Url(UrlPart),
    /// Every path in the action, normalised.
    Path,
    /// A part of every command in the action.
    Command(CommandPart),
    /// A part of every SQL statement in the action.
    Sql(SqlPart),
    /// Every kind of sensitive data in the action.
    Sensitive,
}

impl Subject {
    /// The key in a condition.
    pub fn key(&self) -> String {
        let of = |keys: &[(&'static str, Self)]| {
            keys.iter().find(|(_, subject)| subject == self).map(|(key, _)| (*key).to_owned())
        };
        match self {
            Self::Parameter(path) => format!("parameters.{}", path.join(".")),
            Self::Context(path) => format!("context.{}", path.join(".")),
            Self::AnyParameter => "parameters.*".to_owned(),
            _ => of(&Self::KEYS).unwrap_or_default(),
        }
    }

    /// Every subject that has a key of its own.
    pub const KEYS: [(&'static str, Self); 20] = [
        ("target", Self::Target),
        ("agent_id", Self::Agent),
        ("tenant", Self::Tenant),
        ("role", Self::Role),
        ("declared_goal", Self::Goal),
        ("size", Self::Size),
        ("path", Self::Path),
        ("url.scheme", Self::Url(UrlPart::Scheme)),
        ("url.host", Self::Url(UrlPart::Host)),
        ("url.port", Self::Url(UrlPart::Port)),
        ("url.path", Self::Url(UrlPart::Path)),
        ("url.class", Self::Url(UrlPart::Class)),
        ("command.program", Self::Command(CommandPart::Program)),
        ("command.args", Self::Command(CommandPart::Args)),
        ("command.pipeline", Self::Command(CommandPart::Pipeline)),
        ("command.redirects", Self::Command(CommandPart::Redirects)),
        ("sql.kind", Self::Sql(SqlPart::Kind)),
        ("sql.tables", Self::Sql(SqlPart::Tables)),
        ("sql.where", Self::Sql(SqlPart::Where)),
        ("sensitive.kinds", Self::Sensitive),
    ];
}

/// A part of a URL in its canonical view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
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

/// A part of a shell command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CommandPart {
    /// `command.program`: the program's name without its folder.
    Program,
    /// `command.args`: each argument.
    Args,
    /// `command.pipeline`: the programs of a pipeline, joined by ` | `.
    Pipeline,
    /// `command.redirects`: each file that is redirected to or from.
    Redirects,
}

/// A part of an SQL statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SqlPart {
    /// `sql.kind`: select, delete, …
    Kind,
    /// `sql.tables`: each table.
    Tables,
    /// `sql.where`: whether there is a `WHERE`.
    Where,
}

/// How a parameter is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum View {
    /// As a path, normalised.
    Path,
    /// As a URL, of which this part.
    Url(UrlPart),
}

impl View {
    /// The names in policies.
    pub const NAMES: [(&'static str, Self); 6] = [
        ("path", Self::Path),
        ("url.scheme", Self::Url(UrlPart::Scheme)),
        ("url.host", Self::Url(UrlPart::Host)),
        ("url.port", Self::Url(UrlPart::Port)),
        ("url.path", Self::Url(UrlPart::Path)),
        ("url.class", Self::Url(UrlPart::Class)),
    ];

    /// The name in policies.
    pub fn name(self) -> &'static str {
        Self::NAMES.into_iter().find(|(_, view)| *view == self).map_or("", |(name, _)| name)
    }
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
    /// Begins with one of these.
    Prefix(Vec<String>),
    /// Ends with one of these.
    Suffix(Vec<String>),
    /// Holds one of these.
    Contains(Vec<String>),
    /// Larger or smaller.
    Compare(Comparison, Quantity),
    /// Is there, or is not.
    Exists(bool),
    /// Characters, elements or keys.
    Length(Vec<(Comparison, u64)>),
    /// One of these JSON types.
    Type(Vec<JsonType>),
    /// An address in one of these blocks.
    Cidr(Vec<IpNet>),
    /// At least one element meets this.
    AnyOf(Box<Test>),
    /// Every element meets this, and there is one.
    AllOf(Box<Test>),
    /// Seen that way, it meets this.
    View(View, Box<Test>),
}

/// How two quantities compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// Larger.
    Gt,
    /// At least.
    Ge,
    /// Smaller.
    Lt,
    /// At most.
    Le,
    /// The same; only of lengths.
    Eq,
}

impl Comparison {
    /// The operators.
    pub const NAMES: [(&'static str, Self); 4] =
        [("gt", Self::Gt), ("ge", Self::Ge), ("lt", Self::Lt), ("le", Self::Le)];

    /// The operator's name.
    pub fn name(self) -> &'static str {
        Self::NAMES.into_iter().find(|(_, this)| *this == self).map_or("equals", |(name, _)| name)
    }

    /// Whether that order is meant.
    pub fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Gt => order.is_gt(),
            Self::Ge => order.is_ge(),
            Self::Lt => order.is_lt(),
            Self::Le => order.is_le(),
            Self::Eq => order.is_eq(),
        }
    }
}

/// A JSON type as policies name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JsonType {
    /// A string.
    Text,
    /// A number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// An array.
    List,
    /// An object.
    Object,
    /// `null`.
    Null,
}

impl JsonType {
    /// The names in policies.
    pub const NAMES: [(&'static str, Self); 6] = [
        ("text", Self::Text),
        ("number", Self::Number),
        ("boolean", Self::Boolean),
        ("list", Self::List),
        ("object", Self::Object),
        ("null", Self::Null),
    ];

    /// The type of a value.
    pub fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(_) => Self::Boolean,
            Value::Number(_) => Self::Number,
            Value::String(_) => Self::Text,
            Value::Array(_) => Self::List,
            Value::Object(_) => Self::Object,
        }
    }
}

/// Hours of days in a time zone.
#[derive(Debug, Clone)]
pub struct Hours {
    /// Seconds of the day, from and to; a range whose end is not after its beginning goes over midnight.
    pub ranges: Vec<(u32, u32)>,
    /// Monday is bit 0.
    pub weekdays: u8,
    /// The zone.
    pub zone: TimeZone,
    /// The zone's name in the IANA database.
    pub zone_name: String,
}

/// What a session did before.
#[derive(Debug, Clone)]
pub struct History {
    /// The condition that earlier actions met.
    pub condition: Box<Condition>,
    /// How many did.
    pub at_least: u32,
    /// Within how many milliseconds; `None` is ever.
    pub within_ms: Option<u64>,
    /// What had become of them.
    pub effect: Effect,
}

/// How much within a time.
#[derive(Debug, Clone, PartialEq)]
pub struct Limit {
    /// What may be spent within the window, in thousandths.
    pub max: u64,
    /// Length of the sliding window in seconds.
    pub window_seconds: u32,
    /// What is counted apart.
    pub key: LimitKey,
    /// What one action spends.
    pub cost: Cost,
}

/// What one action spends of a limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cost {
    /// Always as many thousandths.
    Fixed(u64),
    /// What this parameter says.
    Parameter(Vec<String>),
}

impl Cost {
    /// One, in thousandths.
    pub const ONE: Self = Self::Fixed(1_000);
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
