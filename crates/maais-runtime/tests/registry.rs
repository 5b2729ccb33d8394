//! Tenants, agents, containment and approvals: what is promised of them, each tested by trying to get around it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    unreachable_pub,
    missing_docs,
    dead_code
)]

mod engine {
    pub mod disk;
    pub mod fixture;
}

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::fixture::{Fixture, action, decisions, everything, verify};
use maais_audit::Kind;
use maais_core::decision::{Decision, Effect};
use maais_core::request::{ActionRequest, Defaults};
use maais_runtime::clock::ManualClock;
use maais_runtime::registry::{
    Agent, ApprovalState, DEFAULT, NewTenant, PENDING_AGENT_MAX, Registry, RegistryError, Scope, TenantBody,
    TenantChange,
};
use maais_runtime::replay::{Replay, Verdict};
use maais_runtime::{Config, Runtime};
use serde_json::{Value, json};

fn agent(id: &str, tenant: &str) -> Agent {
    Agent { id: id.into(), tenant: tenant.into(), owner: Some("olga".into()), ..Agent::default() }
}

/// A tenant whose policies allow one target.
fn tenant(fixture: &Fixture, runtime: &Runtime, name: &str, allows: &str) -> (String, PathBuf) {
    let path = fixture.policies().with_file_name(format!("{allows}.yaml"));
    let text = format!(
        "policies: [{{id: own, applies_to: '*', condition: {{target: {allows}}}, decision: ALLOW, reason: r}}]"
    );
    std::fs::write(&path, text).unwrap();
    let body = TenantBody { policies: vec![path.clone()], ..TenantBody::default() };
    let made = runtime.registry().create_tenant(NewTenant { name: name.into(), body }).unwrap();
    (made.id, path)
}

fn asked(agent: &str, target: &str, parameters: Value, session: &str) -> ActionRequest {
    let request = json!({
        "agent_id": agent, "action_type": "tool_call", "target": target, "parameters": parameters,
        "context": {"session_id": session},
    });
    let action_id = uuid::Uuid::now_v7().to_string();
    ActionRequest::from_value(request, Defaults { action_id, timestamp: jiff::Timestamp::UNIX_EPOCH })
        .unwrap()
}

fn has(decision: &Decision, id: &str) -> bool {
    decision.findings.iter().any(|finding| finding.id == id && finding.effect == Effect::Deny)
}

fn replays(fixture: &Fixture) {
    for replayed in Replay::open(&fixture.home()).unwrap() {
        let replayed = replayed.unwrap();
        assert!(
            matches!(replayed.verdict, Verdict::Same | Verdict::NoDecision) && replayed.fault.is_none(),
            "{replayed:?}"
        );
    }
    assert!(verify(fixture).is_ok());
}

#[test]
fn each_tenant_has_its_own_policies_and_its_own_records() {
    let fixture = Fixture::new();
    let runtime = fixture.open();
    let (red, _) = tenant(&fixture, &runtime, "Red", "rouge");
    let (blue, _) = tenant(&fixture, &runtime, "Blue", "bleu");
    runtime.registry().register_agent(agent("r", &red)).unwrap();
    runtime.registry().register_agent(agent("b", &blue)).unwrap();
    let effect = |agent: &str, target| runtime.intercept(action(agent, target)).effect;
    assert_eq!([effect("r", "rouge"), effect("r", "bleu")], [Effect::Allow, Effect::Deny]);
    assert_eq!([effect("b", "rouge"), effect("b", "bleu")], [Effect::Deny, Effect::Allow]);
    assert_eq!([effect("x", "rouge"), effect("x", "fine")], [Effect::Deny, Effect::Allow]);
    let decision = runtime.intercept(action("r", "rouge"));
    assert_eq!(decision.metadata["tenant"], red);
    assert_eq!(decision.accountability_owner.as_deref(), Some("olga"));
    drop(runtime);
    for (id, other) in [(&red, "\"b\""), (&blue, "\"r\"")] {
        let own = everything(&fixture).into_iter().filter(|record| record.tenant == *id);
        let text: Vec<String> = own.map(|record| record.value.to_string()).collect();
        assert!(text.len() >= 4, "{text:?}");
        assert!(text.iter().all(|line| !line.contains(&format!("\"agent_id\":{other}"))), "{text:?}");
    }
    replays(&fixture);
}

#[test]
fn a_broken_file_denies_its_own_tenant_only() {
    let fixture = Fixture::new();
    let runtime = fixture.open();
    let (red, path) = tenant(&fixture, &runtime, "Red", "rouge");
    let (blue, _) = tenant(&fixture, &runtime, "Blue", "bleu");
    runtime.registry().register_agent(agent("r", &red)).unwrap();
    runtime.registry().register_agent(agent("b", &blue)).unwrap();
    std::fs::write(&path, "policies: [").unwrap();
    let denied = runtime.intercept(action("r", "rouge"));
    assert!(has(&denied, "tenant.policies_broken"), "{denied:?}");
    assert!(!denied.explanation.contains("rouge.yaml"), "no file names for the agent");
    assert_eq!(runtime.intercept(action("b", "bleu")).effect, Effect::Allow);
    assert_eq!(runtime.intercept(action("x", "fine")).effect, Effect::Allow);
    assert!(runtime.health().reasons.iter().any(|reason| reason.contains("`red`")));
    tenant_again(&path, "rouge");
    runtime.reload().unwrap();
    assert_eq!(runtime.intercept(action("r", "rouge")).effect, Effect::Allow);
    std::fs::write(&path, "policies: [").unwrap();
    runtime.reload().unwrap();
    assert_eq!(runtime.intercept(action("r", "rouge")).effect, Effect::Allow, "the last good ones stay");
    assert!(!runtime.health().healthy);
    drop(runtime);
    replays(&fixture);
}

fn tenant_again(path: &PathBuf, allows: &str) {
    let text = format!(
        "policies: [{{id: own, applies_to: '*', condition: {{target: {allows}}}, decision: ALLOW, reason: r}}]"
    );
    std::fs::write(path, text).unwrap();
}

#[test]
fn sessions_and_limits_of_the_same_name_are_each_tenants_own() {
    let fixture = Fixture::new();
    let runtime = fixture.open();
    let text = "policies:
  - {id: limit, applies_to: '*', condition: {limit: {max: 2, within: 1m, key: []}}, decision: DENY, reason: r, priority: 1}
  - {id: past, applies_to: '*', condition: {target: send, after: {target: read}}, decision: DENY, reason: r, priority: 2}
  - {id: rest, applies_to: '*', condition: {}, decision: ALLOW, reason: r, priority: 3}";
    let path = fixture.policies().with_file_name("shared.yaml");
    std::fs::write(&path, text).unwrap();
    for name in ["red", "blue"] {
        let body = TenantBody { policies: vec![path.clone()], ..TenantBody::default() };
        runtime.registry().create_tenant(NewTenant { name: name.into(), body }).unwrap();
        runtime.registry().register_agent(agent(&format!("{name}-bot"), name)).unwrap();
    }
    let ask = |agent: &str, target: &str| runtime.intercept(asked(agent, target, json!({}), "s")).effect;
    assert_eq!([ask("red-bot", "read"), ask("red-bot", "send")], [Effect::Allow, Effect::Deny]);
    assert_eq!(ask("blue-bot", "send"), Effect::Allow, "the other tenant's session read nothing");
    assert_eq!([ask("red-bot", "x"), ask("red-bot", "x")], [Effect::Allow, Effect::Deny]);
    assert_eq!(ask("blue-bot", "x"), Effect::Allow, "the other tenant's limit is its own");
    drop(runtime);
    replays(&fixture);
}

#[test]
fn a_suspended_tenant_is_denied_until_it_is_resumed_and_a_deleted_one_leaves_unknown_agents() {
    let fixture = Fixture::new();
    let runtime = fixture.open();
    let (red, _) = tenant(&fixture, &runtime, "Red", "rouge");
    let registry = runtime.registry();
    registry.register_agent(agent("r", &red)).unwrap();
    registry.suspend_tenant(&red, true).unwrap();
    assert!(has(&runtime.intercept(action("r", "rouge")), "tenant.suspended"));
    registry.suspend_tenant(&red, false).unwrap();
    assert_eq!(runtime.intercept(action("r", "rouge")).effect, Effect::Allow);
    assert!(matches!(registry.delete_tenant(&red, false), Err(RegistryError::InUse { agents: 1, .. })));
    registry.delete_tenant(&red, true).unwrap();
    assert_eq!(runtime.intercept(action("r", "rouge")).metadata["tenant"], DEFAULT);
    assert!(matches!(registry.delete_tenant(DEFAULT, true), Err(RegistryError::Refused { .. })));
    assert!(matches!(registry.tenant(&red), Err(RegistryError::Missing { .. })));
    let changes: Vec<Value> = everything(&fixture)
        .into_iter()
        .filter(|record| record.kind == Kind::Config)
        .map(|record| record.value["what"].clone())
        .collect();
    let expected =
        ["tenant.created", "agent.registered", "tenant.suspended", "tenant.resumed", "tenant.deleted"];
    assert_eq!(changes, expected);
    drop(runtime);
    replays(&fixture);
}

#[test]
fn unknown_agents_are_denied_where_the_settings_say_so_and_known_ones_keep_to_what_they_are_registered_for() {
    let fixture = Fixture::new();
    let settings = fixture.policies().with_file_name("maais.yaml");
    std::fs::write(&settings, "agents: {unknown: deny}").unwrap();
    let runtime = Runtime::open(Config { settings: Some(settings), ..fixture.config() }).unwrap();
    assert!(has(&runtime.intercept(action("a", "fine")), "agent.unknown"));
    let mut known = agent("a", DEFAULT);
    known.targets = vec!["fi*".into()];
    runtime.registry().register_agent(known.clone()).unwrap();
    assert_eq!(runtime.intercept(action("a", "fine")).effect, Effect::Allow);
    assert!(has(&runtime.intercept(action("a", "limited")), "agent.target"));
    assert!(has(&runtime.intercept(action("A", "fine")), "agent.unknown"), "case counts");
    known.action_types = vec!["file_read".into()];
    runtime.registry().register_agent(known).unwrap();
    assert!(has(&runtime.intercept(action("a", "fine")), "agent.action_type"));
    drop(runtime);
    replays(&fixture);
}

#[test]
fn hostile_names_get_nobody_anywhere() {
    let fixture = Fixture::new();
    let runtime = fixture.open();
    let registry = runtime.registry();
    let long = "x".repeat(5_000);
    for name in ["", " ", "a\0b", "a\u{202e}b", "a\u{200b}", &long] {
        let new = NewTenant { name: name.into(), body: TenantBody::default() };
        assert!(registry.create_tenant(new).is_err(), "{name:?}");
    }
    let id = |name: &str| {
        registry
            .create_tenant(NewTenant { name: name.into(), body: TenantBody::default() })
            .map(|made| made.id)
    };
    assert_eq!(id("../../etc").unwrap(), "etc");
    let (acme, cyrillic) = (id("acme").unwrap(), id("аcme").unwrap());
    assert_ne!(acme, cyrillic, "a look-alike is another tenant");
    assert!(matches!(id("ACME"), Err(RegistryError::Exists { .. })));
    assert!(id("_system").unwrap() != maais_audit::SYSTEM_TENANT);
    for name in ["", "a b", "pаy", "a\0", &long] {
        assert!(registry.register_agent(agent(name, &acme)).is_err(), "{name:?}");
    }
    registry.register_agent(agent("pay-bot", &acme)).unwrap();
    for (name, tenant) in [("Pay-Bot", acme.as_str()), ("pay-bot", DEFAULT)] {
        assert!(matches!(registry.register_agent(agent(name, tenant)), Err(RegistryError::Exists { .. })));
    }
    for path in ["", "a\0b", "no/such/file.yaml", &long] {
        let change = TenantChange { policies: Some(vec![path.into()]), ..TenantChange::default() };
        assert!(registry.update_tenant(&acme, change).is_err(), "{path:?}");
    }
    for tenant in ["../x", "nobody", "_system", &long] {
        assert!(registry.register_agent(agent("z", tenant)).is_err());
        assert!(registry.contain(Scope::Tenant, tenant, None, "r", "ann").is_err());
    }
    let stray = fixture.files().iter().any(|file| file.to_string_lossy().contains("acme"));
    assert!(!stray, "no name becomes a path");
}

#[test]
fn containment_counts_from_the_next_action_also_when_another_process_says_so_and_after_a_restart() {
    let fixture = Fixture::new();
    let runtime = fixture.open();
    let effect = |session: &str| runtime.intercept(asked("a", "fine", json!({}), session)).effect;
    assert_eq!(effect("s"), Effect::Allow);
    // Another registry on the same folder is what another process has.
    let other = Registry::open(&fixture.home(), "cli").unwrap();
    for (scope, name, id) in [
        (Scope::All, "", "contained.all"),
        (Scope::Tenant, DEFAULT, "contained.tenant"),
        (Scope::Agent, "a", "contained.agent"),
        (Scope::Session, "s", "contained.session"),
    ] {
        other.contain(scope, name, None, "odd", "ann").unwrap();
        let denied = runtime.intercept(asked("a", "fine", json!({}), "s"));
        assert!(has(&denied, id), "{id}: {denied:?}");
        other.release(scope, name, None, "fine", "ann").unwrap();
        assert_eq!(effect("s"), Effect::Allow, "{id}");
    }
    other.contain(Scope::Session, "s", None, "odd", "ann").unwrap();
    assert_eq!([effect("s"), effect("t")], [Effect::Deny, Effect::Allow]);
    other.contain(Scope::Agent, "a", None, "odd", "ann").unwrap();
    drop(runtime);
    let runtime = fixture.open();
    assert!(has(&runtime.intercept(action("a", "fine")), "contained.agent"));
    runtime.registry().register_agent(agent("bot", DEFAULT)).unwrap();
    for by in ["bot", "a", ""] {
        assert!(runtime.registry().release(Scope::Agent, "a", None, "me", by).is_err(), "{by:?}");
    }
    drop((runtime, other));
    replays(&fixture);
}

#[test]
fn a_burst_of_denials_quarantines_until_a_person_releases() {
    let fixture = Fixture::new();
    let settings = fixture.policies().with_file_name("maais.yaml");
    std::fs::write(&settings, "agents: {quarantine: {denials: 3, within: 1m}}").unwrap();
    let clock = Arc::new(ManualClock::at(1_763_900_000_000));
    let config = Config { settings: Some(settings), clock: clock.clone(), ..fixture.config() };
    let runtime = Runtime::open(config).unwrap();
    for _ in 0..2 {
        assert!(!has(&runtime.intercept(action("a", "forbidden")), "contained.agent"));
        clock.advance(Duration::from_secs(40));
    }
    runtime.intercept(action("a", "forbidden"));
    assert_eq!(runtime.intercept(action("a", "fine")).effect, Effect::Allow, "not within a minute");
    for _ in 0..3 {
        runtime.intercept(action("a", "forbidden"));
    }
    assert!(has(&runtime.intercept(action("a", "fine")), "contained.agent"));
    assert_eq!(runtime.intercept(action("b", "fine")).effect, Effect::Allow);
    let marks = runtime.registry().contained().unwrap();
    assert!(marks[0].automatic && marks[0].by == "maais" && marks[0].reason.contains("3 denials"));
    runtime.registry().release(Scope::Agent, "a", None, "looked into", "ann").unwrap();
    assert_eq!(runtime.intercept(action("a", "fine")).effect, Effect::Allow);
    assert!(!has(&runtime.intercept(action("a", "forbidden")), "contained.agent"));
    drop(runtime);
    replays(&fixture);
}

#[test]
fn a_registry_that_cannot_be_read_denies_and_says_so() {
    let fixture = Fixture::new();
    let runtime = fixture.open();
    assert_eq!(runtime.intercept(action("a", "fine")).effect, Effect::Allow);
    for ending in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(fixture.home().join(format!("state.sqlite{ending}")));
    }
    std::fs::write(fixture.home().join("state.sqlite"), "x".repeat(9_000)).unwrap();
    std::fs::write(fixture.home().join("state.generation"), [7; 8]).unwrap();
    let denied = runtime.intercept(action("a", "fine"));
    assert!(has(&denied, "registry.unavailable"), "{denied:?}");
    assert!(!runtime.health().healthy);
    assert_eq!(decisions(&fixture).len(), 2);
    drop(runtime);
    assert!(Runtime::open(fixture.config()).is_err());
    replays(&fixture);
}

#[test]
fn taking_the_registry_away_releases_nobody() {
    let fixture = Fixture::new();
    let runtime = fixture.open();
    runtime.registry().contain(Scope::Agent, "a", None, "odd", "ann").unwrap();
    for ending in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(fixture.home().join(format!("state.sqlite{ending}")));
    }
    assert_eq!(runtime.intercept(action("a", "fine")).effect, Effect::Deny);
    assert!(Registry::open(&fixture.home(), "m").is_err());
    drop(runtime);
    assert!(Runtime::open(fixture.config()).is_err());
}

#[test]
fn a_newer_registry_is_refused() {
    let fixture = Fixture::new();
    drop(fixture.open());
    let db = rusqlite::Connection::open(fixture.home().join("state.sqlite")).unwrap();
    db.pragma_update(None, "user_version", 2).unwrap();
    drop(db);
    let error = Registry::open(&fixture.home(), "m").err().unwrap();
    assert!(matches!(error, RegistryError::Newer { found: 2, .. }), "{error}");
}

#[test]
fn a_number_left_behind_by_a_dead_writer_is_mended() {
    let fixture = Fixture::new();
    let runtime = fixture.open();
    std::fs::write(fixture.home().join("state.generation"), 99_u64.to_be_bytes()).unwrap();
    assert!(!runtime.registry().is_current());
    assert_eq!(runtime.intercept(action("a", "fine")).effect, Effect::Allow);
    assert!(runtime.registry().is_current());
}

/// The id of the request that waits for the action.
fn waits(decision: &Decision) -> String {
    assert_eq!(decision.effect, Effect::RequireApproval, "{decision:?}");
    decision.metadata["approval"]["id"].as_str().unwrap().to_owned()
}

#[test]
fn an_approved_action_runs_once_and_only_as_it_was_approved() {
    let fixture = Fixture::new();
    let runtime = fixture.open();
    let ask = |parameters: Value, session: &str| runtime.intercept(asked("a", "ask", parameters, session));
    let id = waits(&ask(json!({"n": 1}), "s"));
    assert_eq!(waits(&ask(json!({"n": 1}), "s")), id, "the same request");
    let approved = runtime.registry().answer(&id, "ann", true, "go on").unwrap();
    assert_eq!(approved.state, ApprovalState::Approved);
    for (parameters, session) in [(json!({"n": 2}), "s"), (json!({"n": 1.0}), "s"), (json!({"n": 1}), "t")] {
        assert_ne!(waits(&ask(parameters, session)), id);
    }
    let allowed = ask(json!({"n": 1}), "s");
    assert!(allowed.allow(), "{allowed:?}");
    assert_eq!(allowed.metadata["approval"], json!({"id": id, "state": "spent"}));
    assert!(allowed.explanation.contains(&id), "{}", allowed.explanation);
    assert_ne!(waits(&ask(json!({"n": 1}), "s")), id, "once");
    drop(runtime);
    replays(&fixture);
}

#[test]
fn other_policies_need_another_approval_and_a_restart_does_not() {
    let fixture = Fixture::new();
    let runtime = fixture.open();
    let ask = |runtime: &Runtime| runtime.intercept(asked("a", "ask", json!({}), "s"));
    let id = waits(&ask(&runtime));
    drop(runtime);
    let runtime = fixture.open();
    runtime.registry().answer(&id, "ann", true, "").unwrap();
    let text = std::fs::read_to_string(fixture.policies()).unwrap();
    std::fs::write(fixture.policies(), text.replace("perhaps", "perhaps not")).unwrap();
    runtime.reload().unwrap();
    assert_ne!(waits(&ask(&runtime)), id);
    std::fs::write(fixture.policies(), text).unwrap();
    drop(runtime);
    let runtime = fixture.open();
    assert!(ask(&runtime).allow());
}

#[test]
fn who_may_answer_is_neither_agent_nor_owner_and_counts_once() {
    let fixture = Fixture::new();
    let settings = fixture.policies().with_file_name("maais.yaml");
    std::fs::write(&settings, "approvals: {quorum: 2, valid: 10m}").unwrap();
    let clock = Arc::new(ManualClock::at(1_763_900_000_000));
    let config = Config { settings: Some(settings), clock: clock.clone(), ..fixture.config() };
    let runtime = Runtime::open(config).unwrap();
    let registry = runtime.registry();
    registry.register_agent(agent("a", DEFAULT)).unwrap();
    registry.register_agent(agent("b", DEFAULT)).unwrap();
    let ask = |n: u32| runtime.intercept(asked("a", "ask", json!({"n": n}), "s"));
    let id = waits(&ask(1));
    for by in ["a", "b", "olga", "OLGA", "", "аnn"] {
        assert!(registry.answer(&id, by, true, "").is_err(), "{by:?}");
    }
    assert_eq!(registry.answer(&id, "ann", true, "").unwrap().state, ApprovalState::Pending);
    assert!(registry.answer(&id, "Ann", true, "").is_err(), "nobody counts twice");
    assert_eq!(waits(&ask(1)), id, "one is not enough");
    assert_eq!(registry.answer(&id, "bob", true, "").unwrap().state, ApprovalState::Approved);
    assert!(registry.answer(&id, "carl", false, "").is_err(), "it is decided");
    assert!(ask(1).allow());

    let id = waits(&ask(2));
    registry.answer(&id, "ann", false, "no").unwrap();
    assert!(has(&ask(2), "approval.denied"));
    let id = waits(&ask(3));
    clock.advance(Duration::from_secs(601));
    assert_eq!(registry.approval(&id).unwrap().state, ApprovalState::Expired);
    assert!(registry.answer(&id, "ann", true, "").is_err());
    assert_ne!(waits(&ask(3)), id);
    assert_ne!(ask(2).effect, Effect::Allow);
    registry
        .update_tenant(DEFAULT, TenantChange { approvers: Some(vec!["eve".into()]), ..Default::default() })
        .unwrap();
    let id = waits(&ask(4));
    assert!(registry.answer(&id, "ann", true, "").is_err(), "not one of the tenant's approvers");
    assert_eq!(registry.answer(&id, "eve", true, "").unwrap().answers.len(), 1);
    drop(runtime);
    replays(&fixture);
}

#[test]
fn the_queue_is_bounded_for_each_agent_and_holds_no_secrets() {
    let fixture = Fixture::new();
    let runtime = fixture.open();
    let ask = |agent: &str, n: u64| {
        runtime.intercept(asked(agent, "ask", json!({"n": n, "password": "hunter2hunter2"}), "s"))
    };
    for n in 0..PENDING_AGENT_MAX {
        waits(&ask("a", n));
    }
    assert!(has(&ask("a", PENDING_AGENT_MAX), "approval.queue_full"));
    waits(&ask("b", 0));
    let waiting = runtime.registry().approvals(None, false).unwrap();
    assert_eq!(waiting.len() as u64, PENDING_AGENT_MAX + 1);
    assert_eq!(waiting[0].action["parameters"]["password"], "(secret)");
    let bytes = std::fs::read(fixture.home().join("state.sqlite")).unwrap();
    let wal = std::fs::read(fixture.home().join("state.sqlite-wal")).unwrap_or_default();
    for bytes in [bytes, wal] {
        assert!(!bytes.windows(7).any(|part| part == b"hunter2"));
    }
    drop(runtime);
    replays(&fixture);
}

#[test]
fn of_many_threads_and_engines_one_spends_the_approval() {
    let fixture = Fixture::new();
    let engines = [fixture.open(), fixture.open()];
    let ask = |runtime: &Runtime| runtime.intercept(asked("a", "ask", json!({"n": 1}), "s"));
    for _ in 0..3 {
        let id = waits(&ask(&engines[0]));
        engines[1].registry().answer(&id, "ann", true, "").unwrap();
        let allowed: usize = std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..32).map(|i| scope.spawn(move || (i, ()))).map(|t| t.join().unwrap().0).collect();
            let asking: Vec<_> = threads
                .into_iter()
                .map(|i| {
                    let engine = &engines[i % 2];
                    scope.spawn(move || usize::from(ask(engine).allow()))
                })
                .collect();
            asking.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(allowed, 1);
        // What is left in the queue is denied, so that the next round begins anew.
        for waiting in engines[0].registry().approvals(None, false).unwrap() {
            engines[0].registry().answer(&waiting.id, "bob", true, "").unwrap();
            assert!(ask(&engines[1]).allow());
        }
    }
    drop(engines);
    replays(&fixture);
}

#[test]
fn one_waits_for_the_answer_as_long_as_one_likes() {
    let fixture = Fixture::new();
    let runtime = fixture.open();
    let id = waits(&runtime.intercept(asked("a", "ask", json!({}), "s")));
    let begun = Instant::now();
    let waited = runtime.wait_for_approval(&id, Duration::from_millis(120)).unwrap();
    assert_eq!(waited.state, ApprovalState::Pending);
    assert!(begun.elapsed() >= Duration::from_millis(120));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(100));
            runtime.registry().answer(&id, "ann", true, "").unwrap();
        });
        let waited = runtime.wait_for_approval(&id, Duration::from_secs(20)).unwrap();
        assert_eq!(waited.state, ApprovalState::Approved);
    });
    assert!(runtime.wait_for_approval("none", Duration::ZERO).is_err());
}

/// Not a promise: prints what the look at the generation costs.
#[test]
#[ignore = "a measurement"]
fn what_the_look_at_the_generation_costs() {
    let fixture = Fixture::new();
    let runtime = fixture.open();
    let rounds = 1_000_000;
    let begun = Instant::now();
    for _ in 0..rounds {
        assert!(std::hint::black_box(runtime.registry().is_current()));
    }
    println!("{:?} each", begun.elapsed() / rounds);
}
