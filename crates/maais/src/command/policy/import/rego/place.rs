//! Parts of OPA's `input`, and tests of them that hold exactly where Rego's do.
//!
//! `input` is the action as requests and the log write it, so `agent_id`, `action_type`, `target` and
//! `declared_goal` are always there, and texts. Of a parameter nothing is known: every test says of which JSON type
//! the value must be, as types never mix in Rego and `"1"` is `1` in a policy, and a list stands for its elements.

use maais_runtime::core::request::ActionType;
use serde_json::Value;

use super::super::draft::{Cond, TYPES};

/// A part of the action.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Place {
    /// The kind of action.
    Type,
    /// Always there, and a text.
    Text(&'static str),
    /// Anything, or nothing; the objects that it is within.
    Any { key: String, within: Vec<String> },
}

/// Why something has no equivalent, and what to do.
pub(super) type Refusal = (&'static str, &'static str);

const ROOTS: [&str; 2] = ["parameters", "context"];
const DOTS: Refusal = (
    "a parameter whose own name holds the dots, such as `a.b`, would be seen, too",
    "say that no name holds a dot: `--plain-names`",
);
const NEVER: Refusal = ("it never holds: the types differ", "compare with a text, or leave the rule out");
const ALWAYS: Refusal = ("it always holds: every action has it", "leave it out");

impl Place {
    /// What `input.<path>` is.
    pub(super) fn new(path: &[String], plain_names: bool) -> Result<Self, Refusal> {
        let (first, rest) = path.split_first().ok_or(("it is the whole action", "name a part of it"))?;
        let texts = ["target", "agent_id", "declared_goal"];
        match (first.as_str(), rest) {
            ("action_type", []) => return Ok(Self::Type),
            (name, []) if let Some(text) = texts.into_iter().find(|text| *text == name) => {
                return Ok(Self::Text(text));
            }
            (name, [_, ..]) if ROOTS.contains(&name) => {}
            (name, []) if ROOTS.contains(&name) => return Err(("it is a whole object", "name a part of it")),
            _ => {
                let help = "an action has `agent_id`, `action_type`, `target`, `declared_goal`, `parameters.<name>` and \
                            `context.<name>`";
                return Err(("no test is of it", help));
            }
        }
        if rest.iter().any(|name| name.is_empty() || name == "*" || name.contains('.')) {
            return Err(("a path has no way to write this name", "keep this part in OPA"));
        }
        if rest.len() > 1 && !plain_names {
            return Err(DOTS);
        }
        let key = |until: usize| format!("{first}.{}", rest.get(..until).unwrap_or_default().join("."));
        Ok(Self::Any { key: key(rest.len()), within: (1..rest.len()).map(key).collect() })
    }

    /// `== value`.
    pub(super) fn equals(&self, value: &Value) -> Result<Cond, Refusal> {
        self.one_of(std::slice::from_ref(value))
    }

    /// `in {values}`.
    pub(super) fn one_of(&self, values: &[Value]) -> Result<Cond, Refusal> {
        match self {
            Self::Type => {
                let known =
                    |value: &Value| value.as_str().is_some_and(|name| ActionType::from_name(name).is_some());
                if !values.iter().all(known) {
                    return Err(("no action is ever of this kind", "write one of the eight kinds"));
                }
                Ok(Cond::one("action_type", "in", values.to_vec()))
            }
            Self::Text(key) => {
                if !values.iter().all(Value::is_string) {
                    return Err(NEVER);
                }
                Ok(among(key, values, None))
            }
            Self::Any { key, .. } => {
                let of =
                    |test: fn(&Value) -> bool| values.iter().filter(|v| test(v)).cloned().collect::<Vec<_>>();
                let mut parts = Vec::new();
                for (values, kind) in [(of(Value::is_string), "text"), (of(Value::is_number), "number")] {
                    if !values.is_empty() {
                        parts.push(among(key, &values, Some(kind)));
                    }
                }
                for value in of(Value::is_boolean) {
                    parts.push(Cond::Test(key.clone(), vec![("equals", value), ("type", "boolean".into())]));
                }
                if values.iter().any(Value::is_null) {
                    parts.push(Cond::typed(key, &["null"]));
                }
                Ok(self.inside(Cond::any(parts)))
            }
        }
    }

    /// `!= value`: what is not there is not different, either.
    pub(super) fn differs(&self, value: &Value) -> Result<Cond, Refusal> {
        let same = self.equals(value)?;
        match self {
            Self::Type | Self::Text(_) => Ok(same.negated()),
            Self::Any { key, .. } => {
                Ok(self.inside(Cond::all(vec![Cond::typed(key, &TYPES), same.negated()])))
            }
        }
    }

    /// `> number` and the like. Values of different types are in order, too: null, booleans, numbers, texts, lists,
    /// objects.
    pub(super) fn compares(&self, operator: &str, value: &Value) -> Result<Cond, Refusal> {
        let Self::Any { key, .. } = self else {
            return Err(("texts are not put in order", "write a pattern, or keep this part in OPA"));
        };
        if !value.is_number() {
            return Err(("only numbers are put in order", "compare with a number"));
        }
        let (word, others): (_, &[&str]) = match operator {
            ">" => ("gt", &["text", "list", "object"]),
            ">=" => ("ge", &["text", "list", "object"]),
            "<" => ("lt", &["null", "boolean"]),
            _ => ("le", &["null", "boolean"]),
        };
        let number = Cond::Test(key.clone(), vec![(word, value.clone()), ("type", "number".into())]);
        Ok(self.inside(Cond::Any(vec![number, Cond::typed(key, others)])))
    }

    /// A test of a text; a function of Rego is undefined for anything else.
    pub(super) fn text(&self, operator: &'static str, value: &str) -> Result<Cond, Refusal> {
        if value.trim().is_empty() {
            return Err(("a test of nothing but spaces is none here", "leave it out, or write a pattern"));
        }
        // A bare text that begins with `$` may name a list.
        let value = if operator == "pattern" { Value::from(value) } else { vec![Value::from(value)].into() };
        match self {
            Self::Type => Err(("kinds of action are only compared", "write `input.action_type in {...}`")),
            Self::Text(key) => Ok(Cond::one(key, operator, value)),
            Self::Any { key, .. } => {
                let tests = vec![(operator, value), ("type", "text".into())];
                Ok(self.inside(Cond::Test(key.clone(), tests)))
            }
        }
    }

    /// Any text at all.
    pub(super) fn is_text(&self) -> Result<Cond, Refusal> {
        match self {
            Self::Type | Self::Text(_) => Err(ALWAYS),
            Self::Any { key, .. } => Ok(self.inside(Cond::typed(key, &["text"]))),
        }
    }

    /// Alone: it is there, and not `false`.
    pub(super) fn truthy(&self) -> Result<Cond, Refusal> {
        match self {
            Self::Type | Self::Text(_) => Err(ALWAYS),
            Self::Any { .. } => self.differs(&Value::Bool(false)),
        }
    }

    /// Only where what it is within are objects: a path here also goes through the elements of lists.
    fn inside(&self, cond: Cond) -> Cond {
        let Self::Any { within, .. } = self else { return cond };
        let guards = within.iter().map(|key| Cond::typed(key, &["object"]));
        Cond::all(guards.chain([cond]).collect())
    }
}

/// One of these values, all of one type.
fn among(key: &str, values: &[Value], kind: Option<&'static str>) -> Cond {
    let mut tests = match values {
        [only] => vec![("equals", only.clone())],
        several => vec![("in", several.to_vec().into())],
    };
    tests.extend(kind.map(|kind| ("type", Value::from(kind))));
    Cond::Test(key.to_owned(), tests)
}
