//! The digest of an action: what an approval and a permit are bound to.
//!
//! Who, what, on what, with what, in which session of which tenant; not when, nor why. JSON with sorted keys, no
//! spaces, numbers as they were written (`1` is not `1.0`).

use maais_core::request::ActionRequest;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// `sha256:…` of an action of a tenant's agent.
pub fn digest(request: &ActionRequest, tenant: &str) -> String {
    let action = json!({
        "action_type": request.action_type().as_str(),
        "agent_id": request.agent_id().as_str(),
        "parameters": request.parameters(),
        "session_id": request.session_id(),
        "target": request.target().as_str(),
        "tenant": tenant,
        "version": "maais-action-1",
    });
    // Maps are sorted: `cargo xtask tidy` sees to it that serde_json keeps no other order.
    let bytes = Value::to_string(&action);
    let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}
