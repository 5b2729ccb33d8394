//! Makes requests from the literals of the rules, and sessions of them.

use std::str::FromStr;

use maais_core::request::ActionRequest;
use serde_json::{Map, Value, json};

use crate::engine;
use crate::expand::Expanded;
use crate::generator::{ACTIONS, LABELS, Pool, ROLES};
use crate::interpreter::{Moment, Past};
use crate::random::Random;
use crate::words::{HOSTS, OTHERS, PATHS, URLS, nearly, word};

const TIMES: [&str; 9] = [
    "2026-03-02T08:59:59Z",
    "2026-03-02T09:00:00Z",
    "2026-03-06T16:59:59Z",
    "2026-03-06T17:00:00Z",
    "2026-03-07T23:59:30Z",
    "2026-03-29T01:30:00Z",
    "2026-10-25T00:59:59Z",
    "2026-03-08T12:00:30Z",
    "2026-03-04T21:30:00Z",
];

/// A request that is one, as JSON and as the engine reads it.
pub fn request(random: &mut Random, pool: &Pool) -> (Value, ActionRequest) {
    loop {
        let value = draft(random, pool);
        if let Some(request) = engine::request(&value) {
            return (value, request);
        }
    }
}

fn draft(random: &mut Random, pool: &Pool) -> Value {
    let target = match random.below(20) {
        0 => random.pick(&URLS).to_owned(),
        1 => random.pick(&PATHS).to_owned(),
        _ => text(random, pool, "target"),
    };
    let mut parameters = Map::new();
    let places: Vec<(&String, &Vec<Value>)> =
        pool.iter().filter(|(_, samples)| !samples.is_empty()).collect();
    for _ in 0..random.below(5).min(places.len()) {
        let (place, samples) = places[random.below(places.len())];
        let sample = random.choose(samples);
        put(random, &mut parameters, place, sample);
    }
    // One view needs something to look at.
    for (key, names, texts) in [
        ("url.", &["url", "endpoint", "note"][..], &URLS[..]),
        ("path", &["path", "file", "note"], &PATHS),
        ("command.", &["command", "cmd"], &OTHERS),
        ("sql.", &["sql", "query"], &OTHERS),
        ("sensitive.", &["note", "data", "password"], &OTHERS),
    ] {
        let wanted = pool.keys().any(|place| place.starts_with(key));
        if random.chance(if wanted { 45 } else { 4 }) {
            let texts: Vec<Value> =
                (0..if random.chance(75) { 1 } else { 2 }).map(|_| random.pick(texts).into()).collect();
            let value = if texts.len() == 1 { texts[0].clone() } else { Value::from(texts) };
            parameters.insert(random.pick(names).to_owned(), value);
        }
    }
    let mut context = Map::new();
    let contexts: Vec<&String> = pool.keys().filter(|place| place.starts_with("context.")).collect();
    if !contexts.is_empty() && random.chance(75) {
        let place = random.choose(&contexts);
        let sample =
            pool.get(place).filter(|samples| !samples.is_empty()).map(|samples| random.choose(samples));
        let value = mutated(random, sample.unwrap_or(Value::Null), 0);
        insert(random, &mut context, place.trim_start_matches("context."), value);
    }
    json!({
        "agent_id": text(random, pool, "agent_id"), "action_type": random.pick(&ACTIONS), "target": target,
        "declared_goal": if random.chance(70) { text(random, pool, "declared_goal") } else { String::new() },
        "parameters": parameters, "context": context,
    })
}

/// A text for that place: one of the pool's, or nearly, or any.
fn text(random: &mut Random, pool: &Pool, place: &str) -> String {
    match pool.get(place).filter(|samples| !samples.is_empty()) {
        Some(samples) if random.chance(85) => {
            let sample = random.choose(samples);
            let text = crate::values::written(&sample).unwrap_or_default();
            if random.chance(35) { nearly(random, &text) } else { text }
        }
        _ => word(random),
    }
}

fn put(random: &mut Random, parameters: &mut Map<String, Value>, place: &str, sample: Value) {
    let value = mutated(random, sample, 0);
    match place.strip_prefix("parameters.") {
        Some("*") => {
            let name = word(random);
            match value {
                Value::String(name) if random.chance(30) => parameters.insert(name, json!(1)),
                value => parameters.insert(name, value),
            };
        }
        Some(path) => insert(random, parameters, path, value),
        None if place == "url.host" => {
            let host = crate::values::written(&value).unwrap_or_default();
            parameters.insert("url".into(), in_url(random, &host).into());
        }
        None if place == "path" => {
            parameters.insert("path".into(), value);
        }
        None => {
            parameters.insert("note".into(), value);
        }
    }
}

fn in_url(random: &mut Random, host: &str) -> String {
    match random.below(8) {
        0 => format!("http://{}@{host}/", random.pick(&HOSTS)),
        1 => format!("HTTPS://{host}:8443/x"),
        2 => host.to_uppercase(),
        3 => format!("//{host}."),
        4 => format!("http://{host}\\@{}/", random.pick(&HOSTS)),
        5 => format!("ftp://{host}/a/../b?u=1#{}", random.pick(&HOSTS)),
        6 => format!("http://x.{host}/"),
        _ => format!("https://{host}/"),
    }
}

/// Puts a value where a path leads, in one of the forms that lead there.
fn insert(random: &mut Random, map: &mut Map<String, Value>, path: &str, value: Value) {
    let Some((first, rest)) = path.split_once('.') else {
        map.insert(path.to_owned(), value);
        return;
    };
    if random.chance(12) {
        map.insert(path.to_owned(), value);
        return;
    }
    let inner = place(random, rest, value);
    let another = word(random).into();
    let inner = match random.below(10) {
        0 => json!([inner]),
        1 => json!([inner, place(random, rest, another)]),
        2 => json!([inner, {"other": 1}]),
        3 => json!({"k": inner}),
        _ => inner,
    };
    map.insert(first.to_owned(), inner);
}

fn place(random: &mut Random, path: &str, value: Value) -> Value {
    let first = path.split('.').next().unwrap_or_default();
    if let Ok(index) = first.parse::<usize>() {
        let inner = match path.split_once('.') {
            Some((_, rest)) => place(random, rest, value),
            None => value,
        };
        let mut items: Vec<Value> = (0..index).map(|_| word(random).into()).collect();
        items.push(inner);
        return items.into();
    }
    let mut map = Map::new();
    insert(random, &mut map, path, value);
    Value::Object(map)
}

/// The value, or nearly it: another letter, another type, within something else.
fn mutated(random: &mut Random, value: Value, depth: usize) -> Value {
    if random.chance(40) || depth > 2 {
        return value;
    }
    let text = crate::values::written(&value);
    let changed = match (random.below(14), text) {
        (0..=3, Some(text)) => nearly(random, &text).into(),
        (4, Some(text)) => text.into(),
        (5, Some(text)) => serde_json::Number::from_str(&text).map_or(Value::Null, Value::Number),
        (6, _) => json!([value]),
        (7, _) => json!([value, word(random)]),
        (8, _) => json!({"k": value}),
        (9, Some(text)) => json!({text: word(random)}),
        (10, _) => random.choose(&[Value::Null, json!(true), json!(""), json!([]), json!({}), json!(false)]),
        (11, _) => json!([[value], random.choose(&[Value::Null, json!(3), json!("x")])]),
        (12, _) => json!([value, value]),
        (_, _) => return value,
    };
    mutated(random, changed, depth + 1)
}

/// A moment with its past.
pub fn moment(random: &mut Random, pool: &Pool, files: &Expanded) -> Moment {
    let history = pool.contains_key("history") || random.chance(20);
    let mut moment = bare(random, pool, 10_000.0);
    let mut clock = 9_000.0;
    for _ in 0..if history { random.below(9) } else { 0 } {
        clock += random.choose(&[0.5, 5.3, 31.7, 61.2, 700.9]);
        let effect = random.pick(&["ALLOW", "ALLOW", "ALLOW", "DENY", "REQUIRE_APPROVAL"]);
        let request = request(random, pool).1;
        moment.past.push(Past { request, effect, moment: bare(random, pool, clock) });
    }
    moment.clock = clock + random.choose(&[0.25, 9.1, 45.6, 1_000.4]);
    moment.forgotten = random.chance(8);
    for rule in files.rules.iter().filter(|rule| rule.limits > 0) {
        let over = (0..rule.limits).filter(|_| random.chance(50));
        moment.exceeded.extend(over.map(|number| (rule.id.clone(), number)));
    }
    moment
}

fn bare(random: &mut Random, pool: &Pool, clock: f64) -> Moment {
    let roles = ROLES.iter().filter(|_| random.chance(25)).map(|role| (*role).to_owned()).collect();
    Moment {
        now: random.pick(&TIMES).parse().unwrap(),
        tenant: if pool.contains_key("tenant") { text(random, pool, "tenant") } else { "default".into() },
        roles,
        labels: LABELS.iter().filter(|_| random.chance(30)).map(|label| (*label).to_owned()).collect(),
        clock,
        ..Moment::default()
    }
}
