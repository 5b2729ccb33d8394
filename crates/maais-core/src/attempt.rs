//! What arrives at the engine: a request, or something that should have been one.
//!
//! Both are decided and recorded; nothing is refused at the edge without a trace.

use serde_json::{Map, Value};

use crate::json;
use crate::request::{AGENT_ID_BYTES_MAX, ActionRequest, Defaults, RequestError};

/// What arrives at the engine: a request, or something that should have been one.
#[derive(Debug, Clone, PartialEq)]
pub enum Attempt {
    /// A request.
    Valid(Box<ActionRequest>),
    /// Not a request: it is denied, and recorded as far as it can be told.
    Malformed(Malformed),
}

/// Something that should have been a request.
#[derive(Debug, Clone, PartialEq)]
pub struct Malformed {
    /// What is wrong with it.
    pub error: RequestError,
    /// What the edge knows of it (agent, target, digest of the bytes), for the record.
    pub claims: Map<String, Value>,
}

impl From<ActionRequest> for Attempt {
    fn from(request: ActionRequest) -> Self {
        Self::Valid(Box::new(request))
    }
}

impl From<Malformed> for Attempt {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

impl Attempt {
    /// Reads a request from bytes; what is not one becomes [`Attempt::Malformed`] with the digest of
    /// the bytes.
    pub fn from_json(bytes: &[u8], defaults: Defaults) -> Self {
        match ActionRequest::from_json(bytes, defaults) {
            Ok(request) => request.into(),
            Err(error) => Malformed::of_bytes(error, bytes).into(),
        }
    }
}

impl Malformed {
    /// What can be said of bytes that are no request: their digest, length and beginning.
    pub fn of_bytes(error: RequestError, bytes: &[u8]) -> Self {
        use sha2::Digest as _;
        let digest = sha2::Sha256::digest(bytes);
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut claims = Map::new();
        claims.insert("bytes".into(), bytes.len().into());
        claims.insert("sha256".into(), hex.into());
        if let Ok(Value::Object(map)) = json::parse(bytes) {
            for field in ["agent_id", "action_type", "target"] {
                if let Some(Value::String(text)) = map.get(field) {
                    claims.insert(
                        field.into(),
                        text.chars().take(AGENT_ID_BYTES_MAX).collect::<String>().into(),
                    );
                }
            }
        }
        Self { error, claims }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::json;

    use super::*;

    fn defaults() -> Defaults {
        Defaults { action_id: "a-1".into(), timestamp: Timestamp::UNIX_EPOCH }
    }

    #[test]
    fn what_is_no_request_keeps_its_digest_and_what_it_claims() {
        let bytes = br#"{"agent_id":"a","action_type":"nope","target":"t"}"#;
        let Attempt::Malformed(malformed) = Attempt::from_json(bytes, defaults()) else { panic!("accepted") };
        assert_eq!(malformed.claims.get("agent_id"), Some(&json!("a")));
        assert_eq!(malformed.claims.get("sha256").and_then(Value::as_str).map(str::len), Some(64));
    }
}
