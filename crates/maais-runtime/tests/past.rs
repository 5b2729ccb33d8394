//! What an agent did before, and what it spent, decides what it may do next: with the real engine and its log.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use maais_core::decision::{Decision, Effect};
use maais_core::request::{ActionRequest, Defaults};
use maais_runtime::clock::ManualClock;
use maais_runtime::{Config, Runtime};
use serde_json::{Value, json};

const POLICIES: &str = "
labels:
  - {when: {target: fetch_page}, add: untrusted}
policies:
  - id: leak
    applies_to: '*'
    condition: {target: send, after: {action_type: file_read, path: {glob: '/secrets/**'}, within: 10m}}
    decision: DENY
    reason: this session has read secrets
    priority: 1
  - id: untrusted
    applies_to: '*'
    condition: {target: send, labels: {has: [untrusted]}}
    decision: REQUIRE_APPROVAL
    approvers: [security]
    reason: this session has read what strangers wrote
    priority: 2
  - id: probing
    applies_to: '*'
    condition: {count: {effect: DENY, ge: 3, within: 1m}}
    decision: REQUIRE_APPROVAL
    reason: too many denials
    priority: 3
  - id: budget
    applies_to: '*'
    condition: {target: pay, limit: {max: 100, within: 1h, cost: parameters.amount}}
    decision: DENY
    reason: an agent spends at most 100 an hour
    priority: 4
  - {id: admins, applies_to: '*', condition: {target: admin, not: {role: admin}}, decision: DENY, reason: for admins, priority: 5}
  - {id: no, applies_to: '*', condition: {target: never}, decision: DENY, reason: never, priority: 6}
  - {id: rest, applies_to: '*', condition: {}, decision: ALLOW, reason: fine, waives: [C, I], priority: 9}
";

struct Engine {
    folder: tempfile::TempDir,
    clock: Arc<ManualClock>,
    runtime: Runtime,
}

impl Engine {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (policies, settings) = (folder.path().join("policies.yaml"), folder.path().join("maais.yaml"));
        std::fs::write(&policies, POLICIES).unwrap();
        std::fs::write(&settings, "roles: {'root-*': [admin]}\n").unwrap();
        let clock = Arc::new(ManualClock::at(1_763_900_000_000));
        let config = Config {
            policies: vec![policies],
            settings: Some(settings),
            clock: clock.clone(),
            ..Config::at(folder.path().join("home"))
        };
        Self { runtime: Runtime::open(config).unwrap(), folder, clock }
    }

    fn ask(&self, action: Value) -> Decision {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let mut action = action;
        let map = action.as_object_mut().unwrap();
        map.entry("agent_id").or_insert_with(|| "a".into());
        map.entry("action_type").or_insert_with(|| "tool_call".into());
        let defaults = Defaults { action_id: format!("{number}"), timestamp: jiff::Timestamp::UNIX_EPOCH };
        self.runtime.intercept(ActionRequest::from_value(action, defaults).unwrap())
    }

    fn effect(&self, action: Value) -> (Effect, Option<String>) {
        let decision = self.ask(action);
        (decision.effect, decision.policy_id)
    }
}

fn by(effect: Effect, id: &str) -> (Effect, Option<String>) {
    (effect, Some(id.to_owned()))
}

#[test]
fn who_read_secrets_does_not_send_until_the_time_is_over() {
    let engine = Engine::new();
    let send = || json!({"target": "send", "context": {"session_id": "s"}});
    assert_eq!(engine.effect(send()), by(Effect::Allow, "rest"));
    let read = json!({"action_type": "file_read", "target": "/secrets/../secrets/key", "context": {"session_id": "s"}});
    assert_eq!(engine.effect(read), by(Effect::Allow, "rest"));
    let decision = engine.ask(send());
    assert_eq!((decision.effect, decision.policy_id.as_deref()), (Effect::Deny, Some("leak")));
    assert_eq!(engine.effect(json!({"target": "send", "context": {"session_id": "other"}})).0, Effect::Allow);
    engine.clock.advance(Duration::from_secs(600));
    assert_eq!(engine.effect(send()).0, Effect::Deny, "ten minutes are within ten minutes");
    engine.clock.advance(Duration::from_secs(1));
    assert_eq!(engine.effect(send()).0, Effect::Allow);
}

#[test]
fn without_a_session_an_agent_has_one_past() {
    let engine = Engine::new();
    engine.ask(json!({"target": "fetch_page"}));
    let decision = engine.ask(json!({"target": "send"}));
    assert_eq!(decision.effect, Effect::RequireApproval);
    assert_eq!(decision.metadata["approvers"], json!(["security"]));
    assert_eq!(engine.effect(json!({"agent_id": "b", "target": "send"})).0, Effect::Allow);
}

#[test]
fn whoever_keeps_probing_is_stopped() {
    let engine = Engine::new();
    for _ in 0..3 {
        assert_eq!(engine.effect(json!({"target": "never"})), by(Effect::Deny, "no"));
    }
    assert_eq!(engine.effect(json!({"target": "fine"})), by(Effect::RequireApproval, "probing"));
}

#[test]
fn what_is_spent_is_counted_and_what_is_denied_is_not() {
    let engine = Engine::new();
    let pay = |amount: Value| engine.effect(json!({"target": "pay", "parameters": {"amount": amount}}));
    assert_eq!(pay(json!(60)), by(Effect::Allow, "rest"));
    assert_eq!(pay(json!(50)), by(Effect::Deny, "budget"));
    assert_eq!(pay(json!("1.000,00")), by(Effect::Deny, "budget"));
    assert_eq!(pay(json!(-100)).0, Effect::Deny, "nobody earns a budget back");
    assert_eq!(pay(json!(40)).0, Effect::RequireApproval, "three denials are probing");
    engine.clock.advance(Duration::from_secs(61));
    assert_eq!(pay(json!("40")), by(Effect::Allow, "rest"));
    assert_eq!(pay(json!(0.001)), by(Effect::Deny, "budget"));
}

#[test]
fn roles_come_from_the_settings_and_not_from_the_agent() {
    let engine = Engine::new();
    let claimed = json!({"target": "admin", "parameters": {"role": "admin"}, "context": {"role": "admin"}});
    assert_eq!(engine.effect(claimed), by(Effect::Deny, "admins"));
    assert_eq!(engine.effect(json!({"agent_id": "root-1", "target": "admin"})).0, Effect::Allow);
}

#[test]
fn the_record_keeps_what_of_the_past_mattered() {
    let engine = Engine::new();
    engine.ask(json!({"target": "fetch_page", "context": {"session_id": "s"}}));
    engine.ask(json!({"target": "send", "context": {"session_id": "s"}}));
    let home = engine.folder.path().join("home");
    drop(engine.runtime);
    let records: Vec<Value> = maais_audit::read(&home)
        .unwrap()
        .map(|record| serde_json::from_str(&record.unwrap().line).unwrap())
        .collect();
    let sent = records.iter().find(|record| record["request"]["target"] == "send").unwrap();
    let history = sent["state"]["history"].as_object().unwrap();
    assert_eq!(history.len(), 1);
    assert!(history.keys().next().unwrap().contains("fetch_page"));
    assert_eq!(history.values().next().unwrap(), "true");
}
