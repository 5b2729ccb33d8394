//! Each dimension stops what it must, and lets its benign twin pass.

use std::fs;

use maais_runtime::audit::{self, Kind};
use maais_runtime::{Config, Runtime};
use serde_json::{Value, json};

use super::{Evidence, decide, ensure};

/// (dimension, what it must stop, its twin that must pass).
fn pairs() -> [(&'static str, Value, Value); 3] {
    let action = |kind: &str, target: &str, parameters: Value| json!({"agent_id": "a", "action_type": kind, "target": target, "parameters": parameters});
    [
        (
            "C",
            action(
                "api_call",
                "crm",
                json!({"url": "https://stranger.example/", "data": {"card": "4111 1111 1111 1111"}}),
            ),
            action("api_call", "crm", json!({"url": "http://crm.internal/", "data": {"order": "4111"}})),
        ),
        (
            "I",
            action("file_write", "/etc/cron.d/job", json!({"content": "* * * * * root id"})),
            action("file_write", "notes/cron.md", json!({"content": "how cron works"})),
        ),
        (
            "Acc",
            json!({"agent_id": "nobodys", "action_type": "tool_call", "target": "calculator"}),
            json!({"agent_id": "a", "action_type": "tool_call", "target": "calculator"}),
        ),
    ]
}

/// Settings under which only agents named `a` have an owner.
const SETTINGS: &str = "owners: {a: team}\ndefault_owner: null\n";

/// Every dimension denies under its own key, and allows the twin.
pub(super) fn dimensions() -> Evidence {
    let folder = tempfile::tempdir()?;
    let runtime = open(folder.path())?;
    for (key, attack, twin) in pairs() {
        let decision = decide(&runtime, attack)?;
        let found = decision.ciaa_violations().contains_key(key);
        ensure(
            !decision.allow() && found,
            format!("{key} did not stop its attack: {}", decision.explanation),
        )?;
        let decision = decide(&runtime, twin)?;
        ensure(decision.allow(), format!("{key} stopped a benign twin: {}", decision.explanation))?;
    }
    let mut passed = 0;
    for turn in 0..70 {
        let action = json!({"agent_id": "a", "action_type": "database_query", "target": "orders", "parameters": {"turn": turn}});
        let decision = decide(&runtime, action)?;
        passed += u32::from(decision.allow());
        let counted = decision.allow() || decision.ciaa_violations().contains_key("A");
        ensure(counted, "A is not named when a limit is exceeded")?;
    }
    ensure(passed == 50, format!("A let {passed} of 70 queries pass, not 50"))?;
    Ok("C, I, A and Acc each stop an attack under their own key and let its twin pass; A let 50 of 70 queries pass".into())
}

fn open(folder: &std::path::Path) -> Result<Runtime, Box<dyn std::error::Error>> {
    let settings = folder.join("maais.yaml");
    fs::write(&settings, SETTINGS)?;
    Ok(Runtime::open(Config { settings: Some(settings), ..Config::at(folder.join("home")) })?)
}

/// No owner, no action; the refusal is in the log; no policy can waive it.
pub(super) fn accountability() -> Evidence {
    let folder = tempfile::tempdir()?;
    let runtime = open(folder.path())?;
    let action = json!({"agent_id": "nobodys", "action_type": "tool_call", "target": "calculator"});
    let decision = decide(&runtime, action)?;
    ensure(!decision.allow(), "an action that nobody answers for was allowed")?;
    let owned =
        decide(&runtime, json!({"agent_id": "a", "action_type": "tool_call", "target": "calculator"}))?;
    let owner = owned.accountability_owner.as_deref();
    ensure(owner == Some("team"), format!("the owner is {owner:?}, not `team`"))?;
    let home = runtime.home().to_owned();
    let recorded = audit::tail(&home, 10)?.into_iter().any(|record| {
        record.kind == Kind::Decision && record.value.pointer("/decision/ciaa_violations/Acc").is_some()
    });
    ensure(recorded, "the refusal is not in the log")?;
    let waiver =
        "policies:\n  - {id: w, applies_to: '*', condition: {}, decision: ALLOW, reason: r, waives: [Acc]}\n";
    let source = maais_runtime::core::diagnostic::Source::new("waiver.yaml", waiver);
    ensure(maais_runtime::core::policy::load(&[source]).is_err(), "a policy could waive accountability")?;
    Ok("no owner: denied and recorded; owner named in the decision; a policy that waives it does not load"
        .into())
}
