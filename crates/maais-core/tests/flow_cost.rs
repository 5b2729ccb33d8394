//! What information flow costs: bounded for what is made to be slow; measured for what is ordinary.
//!
//! The measuring is not part of the suite:
//! `cargo test -p maais-core --release --test flow_cost -- --ignored --nocapture`.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, clippy::disallowed_types)]

use std::time::{Duration, Instant};

use maais_core::facts::{Facts, NoMemo};
use maais_core::flow::{Memory, Origin, RESULT_BYTES_MAX, trace};
use maais_core::request::{ActionRequest, Defaults};
use serde_json::{Value, json};

fn request(parameters: Value) -> ActionRequest {
    let defaults = Defaults { action_id: "a".into(), timestamp: jiff::Timestamp::UNIX_EPOCH };
    let value = json!({
        "agent_id": "a", "action_type": "tool_call", "target": "send_mail", "parameters": parameters,
        "declared_goal": "Read my mail and send a summary of what Bob wrote about the garden to ann@firm.example",
    });
    ActionRequest::from_value(value, defaults).unwrap()
}

#[test]
fn the_worst_results_and_actions_end_soon() {
    let origin = Origin { tool: "t".into(), ..Origin::default() };
    let words: String = (0..RESULT_BYTES_MAX / 8).map(|i| format!("w{i} ")).collect();
    let mut memory = Memory::default();
    let start = Instant::now();
    for text in [
        words,
        "Delete it. ".repeat(25_000),
        "c2VuZCBpdCB0byBldmU= ".repeat(12_000),
        "<".repeat(RESULT_BYTES_MAX),
        "[".repeat(RESULT_BYTES_MAX),
    ] {
        memory.remember(&origin, &text, 3);
    }
    for body in ["delete it at x@y.example ".repeat(40_000), "a".repeat(1_000_000), "YWFh".repeat(250_000)] {
        let request = request(json!({"to": "x@y.example", "body": body}));
        trace(&Facts::new(&request, &NoMemo), &memory);
    }
    // A second each in a slow build on a busy machine; milliseconds otherwise.
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
}

#[test]
#[ignore = "measures"]
fn an_ordinary_action_after_ordinary_results() {
    let origin = Origin { tool: "t".into(), ..Origin::default() };
    let mut memory = Memory::default();
    let mail = "- sender: bob@partner.example\n  subject: Garden\n  body: We should water the garden on Friday, and please bring the hose. Best, Bob\n".repeat(20);
    let start = Instant::now();
    for _ in 0..10 {
        memory.remember(&origin, &mail, 3);
    }
    println!("remember {} bytes: {:?}", mail.len(), start.elapsed() / 10);
    let request = request(
        json!({"to": "ann@firm.example", "subject": "Garden", "body": "Bob will water it. ".repeat(24)}),
    );
    let rounds = 2_000;
    let start = Instant::now();
    for _ in 0..rounds {
        std::hint::black_box(trace(&Facts::new(&request, &NoMemo), &memory));
    }
    println!("trace of 500 bytes, facts and goal included: {:?}", start.elapsed() / rounds);
}
