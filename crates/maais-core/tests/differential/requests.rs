//! Makes requests from the literals of the rules, and sessions of them.

use std::str::FromStr;

use maais_core::request::ActionRequest;
use serde_json::{Map, Value, json};

use crate::engine;
use crate::expand::Expanded;
use crate::generator::{ACTIONS, LABELS, Pool, ROLES, World};
use crate::interpreter::{Moment, Past};
use crate::random::Random;
use crate::words::{COMMANDS, HOSTS, PATHS, SECRETS, SQLS, URLS, nearly, word};

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
pub fn request(random: &mut Random, world: &World) -> (Value, ActionRequest) {
    loop {
        let value = match random.below(world.own.len() + 1) {
            at if random.chance(60) && at < world.own.len() => draft(random, &world.own[at], true),
            _ => draft(random, &world.pool, false),
        };
        if let Some(request) = engine::request(&value) {
            return (value, request);
        }
    }
}

/// A request from that pool; `whole`: with something at nearly every place.
fn draft(random: &mut Random, pool: &Pool, whole: bool) -> Value {
    let target = match random.below(20) {
        0 => random.pick(&URLS).to_owned(),
        1 => random.pick(&PATHS).to_owned(),
        _ => text(random, pool, "target"),
    };
    let action_type = match pool.get("action_type") {
        Some(kinds) if whole && !kinds.is_empty() && random.chance(85) => random.choose(kinds),
        _ => random.pick(&ACTIONS).into(),
    };
    let mut parameters = Map::new();
    let texts = ["target", "agent_id", "tenant", "declared_goal", "role", "history", "action_type"];
    let mut places: Vec<&String> = pool
        .keys()
        .filter(|place| !(texts.contains(&place.as_str()) || place.starts_with("context.")))
        .filter(|_| !whole || random.chance(88))
        .collect();
    if !whole {
        random.shuffle(&mut places);
        places.truncate(random.below(5));
    }
    for place in places {
        let sample = sample(random, pool, place);
        put(random, &mut parameters, place, sample);
    }
    viewed(random, pool, &mut parameters);
    let mut context = Map::new();
    for place in pool.keys().filter(|place| place.starts_with("context.")) {
        if random.chance(if whole { 88 } else { 40 }) {
            let value = sample(random, pool, place);
            let value = mutated(random, value, 0);
            insert(random, &mut context, place.trim_start_matches("context."), value);
        }
    }
    json!({
        "agent_id": text(random, pool, "agent_id"), "action_type": action_type, "target": target,
        "declared_goal": if random.chance(70) { text(random, pool, "declared_goal") } else { String::new() },
        "parameters": parameters, "context": context,
    })
}

fn sample(random: &mut Random, pool: &Pool, place: &str) -> Value {
    match pool.get(place).filter(|samples| !samples.is_empty()) {
        Some(samples) => random.choose(samples),
        None => word(random).into(),
    }
}

/// A view needs something to look at.
fn viewed(random: &mut Random, pool: &Pool, parameters: &mut Map<String, Value>) {
    for (key, names, texts) in [
        ("url.", &["url", "endpoint", "note"][..], &URLS[..]),
        ("path", &["path", "file", "note"], &PATHS),
        ("command.", &["command", "cmd", "command"], &COMMANDS),
        ("sql.", &["sql", "query", "sql"], &SQLS),
        ("sensitive.", &["note", "data", "password"], &SECRETS),
    ] {
        let wanted = pool.keys().any(|place| place.starts_with(key));
        if random.chance(if wanted { 45 } else { 4 }) {
            let texts: Vec<Value> =
                (0..if random.chance(75) { 1 } else { 2 }).map(|_| picked(random, texts)).collect();
            let value = if texts.len() == 1 { texts[0].clone() } else { Value::from(texts) };
            parameters.insert(random.pick(names).to_owned(), value);
        }
    }
}

/// One of the texts, sometimes nearly.
fn picked(random: &mut Random, texts: &[&str]) -> Value {
    let text = random.pick(texts);
    if random.chance(15) { nearly(random, text).into() } else { text.into() }
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
    let changed = match (random.below(17), text) {
        (0..=3, Some(text)) => nearly(random, &text).into(),
        (4, Some(text)) => text.into(),
        (5, Some(text)) => serde_json::Number::from_str(&text).map_or(Value::Null, Value::Number),
        (6, _) => json!([value]),
        (7, _) => json!([value, word(random)]),
        (8, _) => json!({"k": value}),
        (9, Some(text)) => json!({text: word(random)}),
        (10 | 13, _) => {
            random.choose(&[Value::Null, json!(true), json!(""), json!([]), json!({}), json!(false)])
        }
        (11, _) => json!([[value], random.choose(&[Value::Null, json!(3), json!("x")])]),
        (12, _) => json!([value, value]),
        (14 | 15, None) => inner(random, value),
        (_, _) => return value,
    };
    mutated(random, changed, depth + 1)
}

/// Another element of a list or object.
fn inner(random: &mut Random, mut value: Value) -> Value {
    let parts: Vec<&mut Value> = match &mut value {
        Value::Array(items) => items.iter_mut().collect(),
        Value::Object(map) => map.values_mut().collect(),
        _ => Vec::new(),
    };
    for part in parts {
        let text = crate::values::written(part);
        *part = match (random.below(5), text) {
            (0, Some(text)) => text.into(),
            (1, Some(text)) => serde_json::from_str(&text).unwrap_or(Value::Null),
            (2, _) => mutated(random, part.take(), 2),
            _ => continue,
        };
    }
    value
}

/// A moment with its past.
pub fn moment(random: &mut Random, world: &World, files: &Expanded) -> Moment {
    let pool = &world.pool;
    let history = pool.contains_key("history") || random.chance(20);
    let mut moment = bare(random, pool, 10_000.0);
    let mut clock = 9_000.0;
    for _ in 0..if history { random.below(9) } else { 0 } {
        clock += random.choose(&[0.5, 5.3, 31.7, 61.2, 700.9]);
        let effect = random.pick(&["ALLOW", "ALLOW", "ALLOW", "DENY", "REQUIRE_APPROVAL"]);
        let request = request(random, world).1;
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
