//! Audit events of a cloud account with an attack tool at work: each principal is an agent, each call an action.
//!
//! Unmarked events of even minutes are learned from; those of odd minutes, and the attack, are scored. `user_agent`
//! names the attack tool and is dropped. Unmarked is not benign: the same user, from the same address, clears away after
//! the attack and prepares the next, so nothing that looks at behaviour can tell all of it.

use std::path::Path;

use jiff::Timestamp;
use maais_core::anomaly::{Key, Outcome, Pace, Population, Settings};
use maais_core::request::{ActionRequest, Defaults};
use serde_json::{Value, json};

use crate::area::{area, found_at};
use crate::sessions::observe;

const SETTINGS: Settings = Settings {
    false_alarms: 0.01,
    pace: Pace { warm_up_actions: 50, warm_up_minutes: 1, half_life_days: 14.0, trial_minutes: 60 },
};

pub(crate) fn run(dir: &Path) -> Value {
    let text = std::fs::read_to_string(dir.join("cloudtrail_stratus.jsonl")).expect("events");
    let mut events: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("an event")).collect();
    events.sort_by(|a, b| a["time"].as_str().cmp(&b["time"].as_str()));
    let key = Key::new(*b"a key of a bench");
    let mut population = Population::new(key, 1, SETTINGS, 1_000);
    let (learned, scored): (Vec<_>, Vec<_>) =
        events.iter().partition(|event| event["kind"] != "attack" && minute(event) % 2 == 0);
    for event in &learned {
        act(&mut population, &key, event, true);
    }
    let scores: Vec<f64> = scored.iter().map(|event| act(&mut population, &key, event, false)).collect();
    let labels: Vec<bool> = scored.iter().map(|event| event["kind"] == "attack").collect();
    json!({
        "learned": learned.len(), "scored": scored.len(),
        "attack_events": labels.iter().filter(|label| **label).count(),
        "area": area(&scores, &labels), "found_at_1_percent": found_at(&scores, &labels, 0.01),
    })
}

fn time(event: &Value) -> Timestamp {
    event["time"].as_str().expect("a time").parse().expect("a time")
}

fn minute(event: &Value) -> i64 {
    time(event).as_second() / 60
}

fn act(population: &mut Population, key: &Key, event: &Value, is_learned: bool) -> f64 {
    let request = request(event);
    let agent = request.agent_id().as_str();
    let seen = observe(&request, key, None);
    let assessment = population.assess(agent, Some("account"), &seen, time(event));
    if is_learned {
        let outcome = if event["error"].is_null() { Outcome::Approved } else { Outcome::Refused };
        population.settle(agent, Some("account"), &seen, &assessment, outcome, time(event));
    }
    assessment.score
}

fn request(event: &Value) -> ActionRequest {
    let text = |key: &str| event[key].as_str().unwrap_or_default().to_owned();
    let parameters = match &event["args"] {
        Value::Object(map) => Value::Object(map.clone()),
        other => json!({ "args": other }),
    };
    let value = json!({
        "agent_id": event["principal"].as_str().unwrap_or("unknown"), "action_type": "api_call",
        "target": format!("{}:{}", text("service"), text("function")), "parameters": parameters,
    });
    let defaults = Defaults { action_id: "a".into(), timestamp: Timestamp::UNIX_EPOCH };
    ActionRequest::from_value(value, defaults).expect("a request")
}
