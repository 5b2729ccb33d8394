//! The action that an agent wants to take: parsed once at the edge, valid from then on.
//!
//! Trusted: nothing in it. What an [`ActionRequest`] promises is its shape and its size, not its truth.

use std::fmt;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::json::{self, JsonError};
use crate::suggest::did_you_mean;

/// Bytes of an agent's name.
pub const AGENT_ID_BYTES_MAX: usize = 256;
/// Bytes of a target: a tool's name, a path, a URL.
pub const TARGET_BYTES_MAX: usize = 8 * 1024;
/// Bytes of an action's id.
pub const ACTION_ID_BYTES_MAX: usize = 128;
/// Bytes of a declared goal.
pub const GOAL_BYTES_MAX: usize = 64 * 1024;
/// Bytes of a session's, tenant's or call's id in the context.
pub const CONTEXT_ID_BYTES_MAX: usize = 256;

const FIELDS: [&str; 8] =
    ["agent_id", "action_type", "target", "parameters", "declared_goal", "action_id", "timestamp", "context"];
const CONTEXT_IDS: [&str; 5] = ["session_id", "parent_action_id", "tenant_id", "framework", "tool_call_id"];

/// The eight kinds of action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ActionType {
    /// A tool is called.
    ToolCall,
    /// An API is called.
    ApiCall,
    /// The agent's memory is read.
    MemoryRead,
    /// The agent's memory is written.
    MemoryWrite,
    /// A file is read.
    FileRead,
    /// A file is written.
    FileWrite,
    /// A database is queried.
    DatabaseQuery,
    /// Something is sent over the network.
    NetworkRequest,
}

impl ActionType {
    /// Every action type.
    pub const ALL: [Self; 8] = [
        Self::ToolCall,
        Self::ApiCall,
        Self::MemoryRead,
        Self::MemoryWrite,
        Self::FileRead,
        Self::FileWrite,
        Self::DatabaseQuery,
        Self::NetworkRequest,
    ];

    /// The name in requests, policies and the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ToolCall => "tool_call",
            Self::ApiCall => "api_call",
            Self::MemoryRead => "memory_read",
            Self::MemoryWrite => "memory_write",
            Self::FileRead => "file_read",
            Self::FileWrite => "file_write",
            Self::DatabaseQuery => "database_query",
            Self::NetworkRequest => "network_request",
        }
    }

    /// The action type of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// Position in [`ActionType::ALL`].
    pub fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for ActionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $field:literal, $max:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Accepts a name that is not empty, not too long and without control characters.
            ///
            /// # Errors
            /// Says which of these it breaks.
            pub fn new(text: impl Into<String>) -> Result<Self, RequestError> {
                let text = text.into();
                check_name($field, &text, $max)?;
                Ok(Self(text))
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(
    /// Who acts.
    AgentId, "agent_id", AGENT_ID_BYTES_MAX
);
name!(
    /// What is acted on: a tool's name, a path, a URL, a table.
    Target, "target", TARGET_BYTES_MAX
);
name!(
    /// Which action: unique, by default a UUID.
    ActionId, "action_id", ACTION_ID_BYTES_MAX
);

/// Why a request is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Not JSON within the limits.
    #[error("the request is not readable: {0}")]
    Json(#[from] JsonError),
    /// JSON, but no object.
    #[error("a request is a JSON object, not {found}")]
    NotAnObject {
        /// What it is.
        found: &'static str,
    },
    /// A required field is absent.
    #[error("`{field}` is required")]
    Missing {
        /// Which.
        field: &'static str,
    },
    /// A field is empty.
    #[error("`{field}` is required and must not be empty")]
    Empty {
        /// Which.
        field: &'static str,
    },
    /// A field has the wrong type.
    #[error("`{field}` must be {expected}, not {found}")]
    WrongType {
        /// Which.
        field: String,
        /// What it should be.
        expected: &'static str,
        /// What it is.
        found: &'static str,
    },
    /// A field that no request has.
    #[error("unknown field `{field}`{suggestion}")]
    UnknownField {
        /// Which.
        field: String,
        /// A field it may have meant.
        suggestion: String,
    },
    /// None of the eight action types.
    #[error(
        "unknown action type `{found}`{suggestion} (one of tool_call, api_call, memory_read, memory_write, file_read, file_write, database_query, network_request)"
    )]
    UnknownActionType {
        /// What was given.
        found: String,
        /// A type it may have meant.
        suggestion: String,
    },
    /// Longer than allowed.
    #[error("`{field}` has {bytes} bytes, but at most {max} are accepted")]
    TooLong {
        /// Which.
        field: String,
        /// How long.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// A name holds a control character.
    #[error("`{field}` holds the control character {character}")]
    ControlCharacter {
        /// Which.
        field: String,
        /// Which, escaped.
        character: String,
    },
    /// Not an RFC 3339 time.
    #[error("`timestamp` `{found}` is not an RFC 3339 time such as 2026-01-31T12:00:00Z")]
    Timestamp {
        /// What was given.
        found: String,
    },
    /// The edge could not turn the caller's values into JSON.
    #[error("{0}")]
    Unrepresentable(String),
}

/// The parts of a request before they are checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// Who acts.
    pub agent_id: String,
    /// What kind of action.
    pub action_type: ActionType,
    /// What is acted on.
    pub target: String,
    /// With what.
    pub parameters: Map<String, Value>,
    /// What for, in the agent's own words.
    pub declared_goal: String,
    /// Which action.
    pub action_id: String,
    /// When the agent asked.
    pub timestamp: Timestamp,
    /// Where it belongs: `session_id`, `parent_action_id`, `tenant_id`, `framework`, `tool_call_id`.
    pub context: Map<String, Value>,
}

/// What a request does not say itself and the edge supplies.
#[derive(Debug, Clone)]
pub struct Defaults {
    /// Used when the request has no `action_id`.
    pub action_id: String,
    /// Used when the request has no `timestamp`.
    pub timestamp: Timestamp,
}

/// An action that an agent wants to take.
#[derive(Debug, Clone, PartialEq)]
pub struct ActionRequest {
    agent_id: AgentId,
    action_type: ActionType,
    target: Target,
    parameters: Map<String, Value>,
    declared_goal: String,
    action_id: ActionId,
    timestamp: Timestamp,
    context: Map<String, Value>,
}

impl ActionRequest {
    /// Checks the parts and joins them.
    ///
    /// # Errors
    /// Names the field that is empty, too long or of the wrong type, or the limit that is exceeded.
    pub fn new(draft: Draft) -> Result<Self, RequestError> {
        json::check_limits(&draft.parameters)?;
        json::check_limits(&draft.context)?;
        check_context(&draft.context)?;
        check_length("declared_goal", &draft.declared_goal, GOAL_BYTES_MAX)?;
        Ok(Self {
            agent_id: AgentId::new(draft.agent_id)?,
            action_type: draft.action_type,
            target: Target::new(draft.target)?,
            parameters: draft.parameters,
            declared_goal: draft.declared_goal,
            action_id: ActionId::new(draft.action_id)?,
            timestamp: draft.timestamp,
            context: draft.context,
        })
    }

    /// Reads a request from JSON.
    ///
    /// # Errors
    /// Names what is wrong and where; unknown fields are errors.
    pub fn from_json(bytes: &[u8], defaults: Defaults) -> Result<Self, RequestError> {
        Self::from_value(json::parse(bytes)?, defaults)
    }

    /// Reads a request from a JSON value.
    ///
    /// # Errors
    /// As [`ActionRequest::from_json`].
    pub fn from_value(value: Value, defaults: Defaults) -> Result<Self, RequestError> {
        let mut map = match value {
            Value::Object(map) => map,
            other => {
                return Err(RequestError::NotAnObject { found: type_name(&other) });
            }
        };
        if let Some(field) = map.keys().find(|key| !FIELDS.contains(&key.as_str())) {
            let suggestion = did_you_mean(field, FIELDS);
            return Err(RequestError::UnknownField { field: field.clone(), suggestion });
        }
        let action_type =
            text(&mut map, "action_type")?.ok_or(RequestError::Missing { field: "action_type" })?;
        Self::new(Draft {
            agent_id: text(&mut map, "agent_id")?.ok_or(RequestError::Missing { field: "agent_id" })?,
            action_type: parse_action_type(&action_type)?,
            target: text(&mut map, "target")?.ok_or(RequestError::Missing { field: "target" })?,
            parameters: object(&mut map, "parameters")?,
            declared_goal: text(&mut map, "declared_goal")?.unwrap_or_default(),
            action_id: text(&mut map, "action_id")?.unwrap_or(defaults.action_id),
            timestamp: match text(&mut map, "timestamp")? {
                Some(found) => parse_timestamp(found)?,
                None => defaults.timestamp,
            },
            context: object(&mut map, "context")?,
        })
    }

    /// Every field under its public name.
    pub fn to_json(&self) -> Map<String, Value> {
        let mut map = Map::new();
        map.insert("action_id".into(), self.action_id.as_str().into());
        map.insert("action_type".into(), self.action_type.as_str().into());
        map.insert("agent_id".into(), self.agent_id.as_str().into());
        map.insert("context".into(), Value::Object(self.context.clone()));
        map.insert("declared_goal".into(), self.declared_goal.clone().into());
        map.insert("parameters".into(), Value::Object(self.parameters.clone()));
        map.insert("target".into(), self.target.as_str().into());
        map.insert("timestamp".into(), self.timestamp.to_string().into());
        map
    }

    /// Who acts.
    pub fn agent_id(&self) -> &AgentId {
        &self.agent_id
    }

    /// What kind of action.
    pub fn action_type(&self) -> ActionType {
        self.action_type
    }

    /// What is acted on.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// With what.
    pub fn parameters(&self) -> &Map<String, Value> {
        &self.parameters
    }

    /// What for, in the agent's own words.
    pub fn declared_goal(&self) -> &str {
        &self.declared_goal
    }

    /// Which action.
    pub fn action_id(&self) -> &ActionId {
        &self.action_id
    }

    /// When the agent asked, by its own clock.
    pub fn timestamp(&self) -> Timestamp {
        self.timestamp
    }

    /// Where it belongs.
    pub fn context(&self) -> &Map<String, Value> {
        &self.context
    }

    /// The session that the action belongs to, if it names one.
    pub fn session_id(&self) -> Option<&str> {
        self.context.get("session_id").and_then(Value::as_str)
    }

    /// The framework's id of the call, if there is one.
    pub fn tool_call_id(&self) -> Option<&str> {
        self.context.get("tool_call_id").and_then(Value::as_str)
    }
}

/// The action type of that name.
///
/// # Errors
/// Lists the eight, and the one that may have been meant.
pub fn parse_action_type(name: &str) -> Result<ActionType, RequestError> {
    ActionType::from_name(name).ok_or_else(|| RequestError::UnknownActionType {
        found: name.chars().take(64).collect(),
        suggestion: did_you_mean(name, ActionType::ALL.map(ActionType::as_str)),
    })
}

/// What JSON calls the type of a value.
pub fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn text(map: &mut Map<String, Value>, field: &'static str) -> Result<Option<String>, RequestError> {
    match map.remove(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(wrong_type(field, "a string", &other)),
    }
}

fn object(map: &mut Map<String, Value>, field: &'static str) -> Result<Map<String, Value>, RequestError> {
    match map.remove(field) {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(object)) => Ok(object),
        Some(other) => Err(wrong_type(field, "an object", &other)),
    }
}

fn wrong_type(field: &str, expected: &'static str, found: &Value) -> RequestError {
    RequestError::WrongType { field: field.to_owned(), expected, found: type_name(found) }
}

fn parse_timestamp(found: String) -> Result<Timestamp, RequestError> {
    found.parse().map_err(|_| RequestError::Timestamp { found: found.chars().take(64).collect() })
}

fn check_context(context: &Map<String, Value>) -> Result<(), RequestError> {
    for field in CONTEXT_IDS {
        match context.get(field) {
            None | Some(Value::Null) => {}
            Some(Value::String(id)) => check_name(&format!("context.{field}"), id, CONTEXT_ID_BYTES_MAX)?,
            Some(other) => return Err(wrong_type(&format!("context.{field}"), "a string", other)),
        }
    }
    Ok(())
}

fn check_length(field: &str, text: &str, max: usize) -> Result<(), RequestError> {
    if text.len() > max {
        return Err(RequestError::TooLong { field: field.to_owned(), bytes: text.len(), max });
    }
    Ok(())
}

fn check_name(field: &str, text: &str, max: usize) -> Result<(), RequestError> {
    if text.trim().is_empty() {
        let field = FIELDS.into_iter().find(|known| *known == field).unwrap_or("context");
        return Err(RequestError::Empty { field });
    }
    check_length(field, text, max)?;
    match text.chars().find(|c| c.is_control()) {
        Some(c) => Err(RequestError::ControlCharacter {
            field: field.to_owned(),
            character: c.escape_default().to_string(),
        }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn defaults() -> Defaults {
        Defaults { action_id: "a-1".into(), timestamp: Timestamp::UNIX_EPOCH }
    }

    fn read(value: Value) -> Result<ActionRequest, RequestError> {
        ActionRequest::from_json(value.to_string().as_bytes(), defaults())
    }

    #[test]
    fn a_request_keeps_what_it_was_given_and_gets_an_id_and_a_time() {
        let request = read(json!({"agent_id": "a", "action_type": "tool_call", "target": "t"})).unwrap();
        assert_eq!(request.action_id().as_str(), "a-1");
        assert_eq!(request.timestamp(), Timestamp::UNIX_EPOCH);
        let again = ActionRequest::from_value(Value::Object(request.to_json()), defaults()).unwrap();
        assert_eq!(again, request);
    }

    #[test]
    fn an_empty_agent_or_target_is_refused() {
        for (agent, target, field) in [("", "t", "agent_id"), ("a", "", "target"), (" ", "t", "agent_id")] {
            let error = read(json!({"agent_id": agent, "action_type": "tool_call", "target": target}));
            assert_eq!(error, Err(RequestError::Empty { field }));
        }
    }

    #[test]
    fn a_misspelt_field_or_type_is_named_with_what_was_meant() {
        let error = read(json!({"agent": "a", "action_type": "tool_call", "target": "t"})).unwrap_err();
        assert!(error.to_string().contains("unknown field `agent`"), "{error}");
        let error = read(json!({"agent_id": "a", "action_type": "toolcall", "target": "t"})).unwrap_err();
        assert!(error.to_string().contains("did you mean `tool_call`?"), "{error}");
    }

    #[test]
    fn names_with_control_characters_or_beyond_the_limit_are_refused() {
        let long = "x".repeat(AGENT_ID_BYTES_MAX + 1);
        for agent in ["a\u{0}b", "a\nb", long.as_str()] {
            assert!(read(json!({"agent_id": agent, "action_type": "tool_call", "target": "t"})).is_err());
        }
        let most = "x".repeat(AGENT_ID_BYTES_MAX);
        assert!(read(json!({"agent_id": most, "action_type": "tool_call", "target": "t"})).is_ok());
    }

    #[test]
    fn a_session_id_that_is_no_string_is_refused() {
        let request =
            json!({"agent_id": "a", "action_type": "tool_call", "target": "t", "context": {"session_id": 7}});
        assert!(matches!(read(request), Err(RequestError::WrongType { .. })));
    }
}
