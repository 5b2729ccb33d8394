//! The promises of the engine, each tested by breaking what it depends on.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, unreachable_pub, missing_docs)]

mod engine {
    pub mod disk;
    pub mod fixture;
}

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use engine::disk::{Fault, FaultyDisk};
use engine::fixture::{Fixture, action, decisions, everything, verify};
use maais_audit::Kind;
use maais_core::attempt::Attempt;
use maais_core::decision::Effect;
use maais_core::json::BYTES_MAX;
use maais_runtime::clock::ManualClock;
use maais_runtime::{Config, ObserveError, OpenError, Outcome, Runtime};
use serde_json::{Value, json};

#[test]
fn every_action_is_decided_once_and_recorded_once() {
    let fixture = Fixture::new();
    let runtime = fixture.open();
    let answers: Vec<Effect> = ["fine", "forbidden", "ask", "unknown"]
        .map(|target| runtime.intercept(action("a", target)).effect)
        .to_vec();
    assert_eq!(answers, [Effect::Allow, Effect::Deny, Effect::RequireApproval, Effect::Deny]);
    drop(runtime);
    let recorded: Vec<String> =
        decisions(&fixture).iter().map(|r| r["decision"]["effect"].as_str().unwrap().to_owned()).collect();
    assert_eq!(recorded, ["ALLOW", "DENY", "REQUIRE_APPROVAL", "DENY"]);
    assert!(verify(&fixture).is_ok());
}

#[test]
fn the_receipt_names_the_record() {
    let fixture = Fixture::new();
    let runtime = fixture.open();
    let decision = runtime.intercept(action("a", "fine"));
    let receipt = &decision.metadata["receipt"];
    let record = everything(&fixture).into_iter().find(|r| r.kind == Kind::Decision).unwrap();
    assert_eq!(receipt["index"], record.index);
    assert_eq!(receipt["leaf"], record.leaf.to_string());
    assert_eq!(receipt["origin"], record.origin);
}

#[test]
fn what_is_no_request_is_denied_and_recorded() {
    let fixture = Fixture::new();
    let runtime = fixture.open();
    for bytes in
        [&b"not json"[..], b"{}", br#"{"agent_id":"a","action_type":"x","target":"t"}"#, b"[]", b"\xff"]
    {
        let decision = runtime.intercept(Attempt::from_json(bytes, runtime.defaults()));
        assert_eq!(decision.effect, Effect::Deny);
        assert_eq!(decision.findings[0].id, "request.malformed");
    }
    assert_eq!(decisions(&fixture).len(), 5);
    assert!(decisions(&fixture).iter().all(|record| record["attempt"]["sha256"].is_string()));
}

#[test]
fn policies_that_cannot_be_used_open_no_engine() {
    let fixture = Fixture::new();
    for text in ["policies: [", "polices: []", "policies: [{id: a}]", ""] {
        std::fs::write(fixture.policies(), text).unwrap();
        let error = Runtime::open(fixture.config()).err().unwrap();
        assert!(matches!(error, OpenError::Snapshot(_)), "{error}");
        assert!(error.to_string().contains("policies.yaml:1:"), "{error}");
    }
    std::fs::remove_file(fixture.policies()).unwrap();
    assert!(
        Runtime::open(fixture.config())
            .err()
            .unwrap()
            .to_string()
            .contains("neither a file, a folder nor a pack")
    );
    std::fs::create_dir(fixture.policies()).unwrap();
    assert!(Runtime::open(fixture.config()).err().unwrap().to_string().contains("there are no policies"));
}

#[test]
fn a_broken_reload_keeps_the_old_policies_and_says_so() {
    let fixture = Fixture::new();
    let runtime = fixture.open();
    let before = runtime.snapshot().digest.clone();
    std::fs::write(
        fixture.policies(),
        "policies: [{id: x, applies_to: '*', condition: {}, decision: ALOW, reason: r}]",
    )
    .unwrap();
    let error = runtime.reload().unwrap_err();
    assert!(error.to_string().contains("did you mean `ALLOW`?"), "{error}");
    assert_eq!(runtime.snapshot().digest, before);
    assert_eq!(runtime.intercept(action("a", "forbidden")).effect, Effect::Deny);
    assert!(!runtime.health().healthy);
}

#[test]
fn a_good_reload_is_in_force_for_the_next_action_and_in_the_log() {
    let fixture = Fixture::new();
    let runtime = fixture.open();
    assert_eq!(runtime.intercept(action("a", "forbidden")).effect, Effect::Deny);
    std::fs::write(
        fixture.policies(),
        "policies: [{id: x, applies_to: '*', condition: {}, decision: ALLOW, reason: r}]",
    )
    .unwrap();
    runtime.reload().unwrap();
    let decision = runtime.intercept(action("a", "forbidden"));
    assert_eq!(decision.effect, Effect::Allow);
    assert_eq!(decision.metadata["snapshot"], runtime.snapshot().digest);
    let records = everything(&fixture);
    assert!(
        records.iter().any(|r| r.kind == Kind::Policy && r.value["snapshot"] == runtime.snapshot().digest)
    );
}

/// Each call of the disk that an append makes fails, before it did anything or after it did.
#[test]
fn what_cannot_be_recorded_is_denied_and_the_log_stays_believable() {
    for fault in [
        Fault::WriteBefore,
        Fault::WriteAfter,
        Fault::SyncBefore,
        Fault::SyncAfter,
        Fault::Full,
        Fault::ReadOnly,
    ] {
        let fixture = Fixture::new();
        let disk = Arc::new(FaultyDisk::default());
        let runtime = Runtime::open(Config { storage: Some(disk.clone()), ..fixture.config() }).unwrap();
        assert!(runtime.intercept(action("a", "fine")).allow());
        disk.fail_from_now(fault);
        let decision = runtime.intercept(action("a", "fine"));
        assert_eq!(decision.effect, Effect::Deny, "{fault:?}");
        assert_eq!(decision.findings[0].id, "audit.unavailable", "{fault:?}");
        assert!(decision.metadata.get("receipt").is_none(), "a denial without a record has no receipt");
        disk.heal();
        let poisoned = runtime.intercept(action("a", "fine"));
        assert_eq!(
            poisoned.effect,
            Effect::Deny,
            "{fault:?}: a log that failed stays closed until it is opened again"
        );
        assert!(!runtime.health().healthy);
        drop(runtime);

        let runtime = fixture.open();
        assert!(runtime.intercept(action("a", "fine")).allow(), "{fault:?}");
        drop(runtime);
        assert!(verify(&fixture).is_ok(), "{fault:?}");
        assert!(decisions(&fixture).len() >= 2, "{fault:?}: nothing acknowledged is lost");
    }
}

#[test]
fn a_home_that_cannot_be_written_opens_no_engine() {
    let fixture = Fixture::new();
    std::fs::write(fixture.home(), "a file where the folder should be").unwrap();
    assert!(matches!(Runtime::open(fixture.config()), Err(OpenError::Log(_))));
    let fixture = Fixture::new();
    let disk = Arc::new(FaultyDisk::default());
    disk.fail_from_now(Fault::ReadOnly);
    assert!(Runtime::open(Config { storage: Some(disk), ..fixture.config() }).is_err());
}

#[test]
fn a_log_that_was_tampered_with_opens_no_engine() {
    let fixture = Fixture::new();
    let runtime = fixture.open();
    for _ in 0..5 {
        runtime.intercept(action("a", "fine"));
    }
    let segment = runtime.log_dir().join("seg/00000000000000000000.jsonl");
    drop(runtime);
    let text = std::fs::read_to_string(&segment).unwrap();
    std::fs::write(&segment, text.replacen("\"allow\":true", "\"allow\":false", 1)).unwrap();
    let error = Runtime::open(fixture.config()).err().unwrap();
    assert!(matches!(error, OpenError::Log(_)), "{error}");
    assert!(!verify(&fixture).is_ok());
}

#[test]
fn a_clock_that_goes_backwards_is_told_and_the_log_never_does() {
    let fixture = Fixture::new();
    let clock = Arc::new(ManualClock::at(1_000_000_000_000));
    let runtime = Runtime::open(Config { clock: clock.clone(), ..fixture.config() }).unwrap();
    assert!(runtime.intercept(action("a", "fine")).allow());
    clock.set_wall(900_000_000_000);
    let decision = runtime.intercept(action("a", "fine"));
    assert_eq!(decision.metadata["degraded"], json!(["clock.backwards"]));
    let times: Vec<_> = everything(&fixture).iter().map(|record| record.time).collect();
    assert!(times.is_sorted(), "{times:?}");
    drop(runtime);
    assert!(verify(&fixture).is_ok());
}

#[test]
fn setting_the_clock_back_or_forth_frees_no_limit() {
    let fixture = Fixture::new();
    let clock = Arc::new(ManualClock::at(1_000_000_000_000));
    let runtime = Runtime::open(Config { clock: clock.clone(), ..fixture.config() }).unwrap();
    let allowed = || (0..60).filter(|_| runtime.intercept(action("a", "limited")).allow()).count();
    assert_eq!(allowed(), 10);
    clock.set_wall(2_000_000_000_000);
    assert_eq!(allowed(), 0);
    clock.set_wall(500_000_000_000);
    assert_eq!(allowed(), 0);
    clock.advance(Duration::from_secs(62));
    assert_eq!(allowed(), 10);
}

#[test]
fn thirty_two_threads_never_get_more_than_the_limit_and_every_answer_is_recorded() {
    let fixture = Fixture::new();
    let runtime = fixture.open();
    let allowed = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..32 {
            scope.spawn(|| {
                for _ in 0..8 {
                    if runtime.intercept(action("a", "limited")).allow() {
                        allowed.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    assert_eq!(allowed.load(Ordering::Relaxed), 10);
    drop(runtime);
    assert_eq!(decisions(&fixture).len(), 32 * 8);
    let recorded = decisions(&fixture).iter().filter(|record| record["decision"]["allow"] == true).count();
    assert_eq!(recorded, 10);
    assert!(verify(&fixture).is_ok());
}

#[test]
fn sessions_that_are_replayed_are_counted_apart_and_others_are_not() {
    use maais_runtime::Counting;
    for (counting, expected) in [(Counting::ByAgent, 10), (Counting::BySession, 20)] {
        let fixture = Fixture::new();
        let runtime = Runtime::open(Config { counting, ..fixture.config() }).unwrap();
        let act = |turn: usize| {
            let session = format!("s{}", turn % 2);
            let request = json!({"agent_id": "a", "action_type": "tool_call", "target": "limited", "context": {"session_id": session}});
            runtime.intercept(Attempt::from_json(request.to_string().as_bytes(), runtime.defaults())).allow()
        };
        assert_eq!((0..60).filter(|turn| act(*turn)).count(), expected);
        let apart = |agent: &str, target: &str| {
            let request = json!({"agent_id": agent, "action_type": "database_query", "target": target});
            runtime.intercept(Attempt::from_json(request.to_string().as_bytes(), runtime.defaults())).allow()
        };
        assert_eq!((0..60).filter(|_| apart("a", "orders")).count(), 50);
        assert!(apart("b", "orders") && apart("a", "customers"));
    }
}

#[test]
fn denied_actions_consume_nothing() {
    let fixture = Fixture::new();
    let runtime = fixture.open();
    for _ in 0..300 {
        assert!(!runtime.intercept(action("a", "forbidden")).allow());
    }
    let health = runtime.health();
    assert_eq!(health.decisions[2], 300);
    std::fs::write(
        fixture.policies(),
        "policies: [{id: x, applies_to: '*', condition: {}, decision: ALLOW, reason: r}]",
    )
    .unwrap();
    runtime.reload().unwrap();
    let allowed = (0..150).filter(|_| runtime.intercept(action("a", "forbidden")).allow()).count();
    assert_eq!(allowed, 100, "the availability check's own limit, untouched by the denials");
}

#[test]
fn the_seventh_of_the_seed_holds_fifty_database_queries_a_minute() {
    let fixture = Fixture::new();
    let runtime = fixture.open();
    let query = |turn: usize| {
        let request = json!({"agent_id": "a", "action_type": "database_query", "target": "orders", "parameters": {"turn": turn}});
        Attempt::from_json(request.to_string().as_bytes(), runtime.defaults())
    };
    let answers: Vec<bool> = (0..150).map(|turn| runtime.intercept(query(turn)).allow()).collect();
    assert!(answers[..50].iter().all(|allowed| *allowed));
    assert!(answers[50..].iter().all(|allowed| !allowed));
    let last = decisions(&fixture).pop().unwrap();
    assert_eq!(last["state"]["exceeded"][0]["limit"], "A.rate_limit");
    assert!(last["decision"]["explanation"].as_str().unwrap().contains("retry after"));
}

#[test]
fn a_secret_is_nowhere_in_the_data_directory_in_clear() {
    let fixture = Fixture::new();
    let runtime = fixture.open();
    let secret = ["ghp", "_16C7e42F292c6912E7710c838347Ae178B4a"].concat();
    let card = "4111 1111 1111 1111";
    let weak = "sesame-open-now";
    let request = json!({
        "agent_id": "a", "action_type": "tool_call", "target": "fine", "declared_goal": format!("use {secret}"),
        "parameters": {"nested": [{"token_value": secret}], "text": format!("pay with {card}"), &secret: 1,
            "password": weak},
    });
    runtime.intercept(Attempt::from_json(request.to_string().as_bytes(), runtime.defaults()));
    drop(runtime);
    for file in fixture.files() {
        let bytes = std::fs::read(&file).unwrap();
        for clear in [secret.as_str(), card, weak] {
            let found = bytes.windows(clear.len()).any(|window| window == clear.as_bytes());
            assert!(!found, "{clear} stands in {}", file.display());
        }
    }
    let record = decisions(&fixture).pop().unwrap();
    let digest = record["request"]["declared_goal"]["$sealed"].as_str().unwrap();
    let opened = maais_audit::unseal(&fixture.home(), digest).unwrap();
    assert!(matches!(opened, maais_audit::Unsealed::Present(Value::String(text)) if text.contains(&secret)));
}

#[test]
fn the_largest_request_fits_in_the_log() {
    let fixture = Fixture::new();
    let runtime = fixture.open();
    let wide: serde_json::Map<String, Value> =
        (0..9_000).map(|i| (format!("p{i}"), json!("x".repeat(90)))).collect();
    for parameters in [json!({"text": "x".repeat(BYTES_MAX - 4096)}), Value::Object(wide)] {
        let request =
            json!({"agent_id": "a", "action_type": "tool_call", "target": "fine", "parameters": parameters});
        let attempt = Attempt::from_json(request.to_string().as_bytes(), runtime.defaults());
        let decision = runtime.intercept(attempt);
        assert!(decision.allow(), "{}", decision.explanation);
    }
    drop(runtime);
    assert!(verify(&fixture).is_ok());
}

#[test]
fn a_buffered_log_is_chosen_in_the_settings_and_every_record_says_so() {
    let fixture = Fixture::new();
    let settings = fixture.policies().with_file_name("maais.yaml");
    std::fs::write(&settings, "audit: {mode: buffered, within: 5ms}").unwrap();
    let config = Config { settings: Some(settings), ..fixture.config() };
    let runtime = Runtime::open(config).unwrap();
    assert!(runtime.intercept(action("a", "fine")).allow());
    drop(runtime);
    for record in maais_audit::read(&fixture.home()).unwrap() {
        assert_eq!(record.unwrap().value["_mode"], "buffered");
    }
    assert!(verify(&fixture).is_ok());
    drop(fixture.open());
    let last = maais_audit::read(&fixture.home()).unwrap().last().unwrap().unwrap();
    assert_eq!(last.value["_mode"], "durable", "the log goes on in the other mode");
}

#[test]
fn an_outcome_is_a_second_record_that_cites_the_first_and_is_told_once() {
    let fixture = Fixture::new();
    let runtime = fixture.open();
    let request = action("a", "fine");
    let id = request.action_id().to_string();
    let decision = runtime.intercept(request);
    let outcome = Outcome { ok: true, output: Some("done".into()) };
    runtime.observe_result(&id, &outcome).unwrap();
    assert!(matches!(runtime.observe_result(&id, &outcome), Err(ObserveError::Unknown { .. })));
    assert!(matches!(runtime.observe_result("never", &outcome), Err(ObserveError::Unknown { .. })));
    let record = everything(&fixture).into_iter().find(|r| r.kind == Kind::Outcome).unwrap();
    assert_eq!(record.value["decision_index"], decision.metadata["receipt"]["index"]);
    assert_eq!(record.value["output"]["bytes"], 4);
}

#[test]
fn a_denied_action_has_no_outcome() {
    let fixture = Fixture::new();
    let runtime = fixture.open();
    let request = action("a", "forbidden");
    let id = request.action_id().to_string();
    runtime.intercept(request);
    assert!(runtime.observe_result(&id, &Outcome { ok: true, output: None }).is_err());
}

#[test]
fn a_slow_subscriber_loses_events_and_no_decision_waits() {
    let fixture = Fixture::new();
    let runtime = fixture.open();
    let subscription = runtime.subscribe();
    for _ in 0..5_000 {
        runtime.intercept(action("a", "forbidden"));
    }
    let received = std::iter::from_fn(|| subscription.try_next()).count() as u64;
    assert_eq!(received + runtime.health().events_dropped, 5_000);
    assert!(runtime.health().events_dropped > 0);
}

#[test]
fn two_engines_on_one_folder_write_two_logs_that_both_verify() {
    let fixture = Fixture::new();
    let (one, two) = (fixture.open(), fixture.open());
    one.intercept(action("a", "fine"));
    two.intercept(action("b", "fine"));
    assert_ne!(one.log_dir(), two.log_dir());
    drop((one, two));
    let report = verify(&fixture);
    assert_eq!(report.logs.len(), 2);
    assert!(report.is_ok());
}

#[test]
fn the_embedded_packs_load_without_a_file_and_without_a_warning() {
    let fixture = Fixture::new();
    for pack in maais_runtime::PACK_NAMES {
        let snapshot = maais_runtime::Snapshot::load(None, &[pack.into()]).unwrap();
        assert!(!snapshot.policies.rules().is_empty(), "{pack} is empty");
        assert!(snapshot.warnings.0.is_empty(), "{}", snapshot.warnings);
    }
    let config = Config { policies: Vec::new(), ..fixture.config() };
    let runtime = Runtime::open(config).unwrap();
    assert!(runtime.snapshot().files.iter().all(|file| file.starts_with("baseline/")));
}
