//! Makes sets of policy files that load, over every key and operator of the language.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::random::Random;
use crate::tests_made::{Taste, made};
use crate::values::listed;
use crate::words::word;

/// Constructs that the engine does not have yet: keys, or features by name (see `on`).
const OFF: [&str; 0] = [];

/// Whether the generator may use that construct.
pub fn on(construct: &str) -> bool {
    !OFF.contains(&construct)
}

/// What requests are made from: for each place, values that nearly meet some test.
pub type Pool = BTreeMap<String, Vec<Value>>;

pub struct World {
    pub files: Vec<(String, Value)>,
    /// Of all rules.
    pub pool: Pool,
    /// Of each rule on its own.
    pub own: Vec<Pool>,
}

pub const ACTIONS: [&str; 8] = [
    "tool_call",
    "api_call",
    "memory_read",
    "memory_write",
    "file_read",
    "file_write",
    "database_query",
    "network_request",
];
pub const ROLES: [&str; 4] = ["admin", "dev", "on-call", "adm\u{131}n"];
pub const LABELS: [&str; 3] = ["untrusted", "secret", "pii"];
const PLACES: [&str; 16] = [
    "x",
    "x",
    "y",
    "user.name",
    "items.id",
    "items.0.id",
    "tags",
    "data",
    "n",
    "amount",
    "to",
    "deep.a.b.c",
    "url",
    "path",
    "list.1",
    "tags.0",
];
/// How often each key is chosen.
const KEYS: [(&str, usize); 32] = [
    ("target", 14),
    ("agent_id", 4),
    ("tenant", 2),
    ("role", 3),
    ("declared_goal", 4),
    ("action_type", 3),
    ("parameters.", 26),
    ("parameters", 6),
    ("parameters.*", 6),
    ("context.", 4),
    ("size", 3),
    ("url.host", 4),
    ("url.scheme", 2),
    ("url.port", 2),
    ("url.path", 2),
    ("url.class", 4),
    ("path", 5),
    ("command.program", 2),
    ("command.args", 2),
    ("command.pipeline", 2),
    ("command.redirects", 2),
    ("sql.kind", 2),
    ("sql.tables", 2),
    ("sql.where", 2),
    ("sensitive.kinds", 2),
    ("time", 3),
    ("after", 3),
    ("not_after", 2),
    ("count", 3),
    ("labels", 2),
    ("rate_limit", 2),
    ("limit", 2),
];

/// A set of files; the larger, the plainer its rules.
pub fn world(random: &mut Random) -> World {
    let rules = match random.below(100) {
        0..35 => 1,
        35..75 => random.between(2, 12),
        75..95 => random.between(13, 60),
        _ => random.between(100, 260),
    };
    let focus: Vec<&str> = (0..random.between(1, 3)).map(|_| any_key(random)).collect();
    let mut maker = Maker {
        focus: if random.chance(50) { focus } else { Vec::new() },
        exact: if rules > 12 { 60 } else { 15 },
        random,
        pool: Pool::new(),
        own: Vec::new(),
        lists: Vec::new(),
        defined: Vec::new(),
        plain: rules > 60,
        decision: "DENY",
    };
    let files = maker.files(rules);
    World { files, pool: maker.pool, own: maker.own }
}

fn any_key(random: &mut Random) -> &'static str {
    let all: usize = KEYS.iter().map(|(_, weight)| weight).sum();
    let mut at = random.below(all);
    for (key, weight) in KEYS {
        if at < weight {
            return key;
        }
        at -= weight;
    }
    "target"
}

struct Maker<'a> {
    random: &'a mut Random,
    pool: Pool,
    own: Vec<Pool>,
    lists: Vec<String>,
    defined: Vec<String>,
    focus: Vec<&'static str>,
    /// How many of a hundred rules name their target exactly.
    exact: usize,
    plain: bool,
    decision: &'static str,
}

impl Maker<'_> {
    fn files(&mut self, rules: usize) -> Vec<(String, Value)> {
        let mut names = vec!["b.yaml", "a.yaml", "sub/a.yaml", "B.yaml", "a-.yaml"];
        names.truncate(self.random.between(1, 5.min(rules)));
        let mut files = Vec::new();
        let mut shared = Vec::new();
        if self.random.chance(25) && on("include") {
            let (lists, defined) = (std::mem::take(&mut self.lists), std::mem::take(&mut self.defined));
            files.push(("common.yaml".to_owned(), self.shared("common")));
            shared.push((self.lists.clone(), self.defined.clone()));
            (self.lists, self.defined) = (lists, defined);
        }
        let count = names.len();
        for (at, name) in names.into_iter().enumerate() {
            let number = rules / count + usize::from(at < rules % count);
            (self.lists, self.defined) = (Vec::new(), Vec::new());
            let mut file = if self.random.chance(40) { self.shared(&format!("f{at}")) } else { json!({}) };
            if let Some((lists, defined)) =
                shared.first().filter(|_| !name.contains('/') && self.random.chance(60))
            {
                file["include"] = json!(["common.yaml"]);
                self.lists.extend(lists.iter().cloned());
                self.defined.extend(defined.iter().cloned());
            }
            self.heads(&mut file);
            let decision = file["defaults"]["decision"].as_str().map(str::to_owned);
            let rules: Vec<Value> =
                (0..number).map(|n| self.rule(&format!("r{at}.{n}"), decision.as_deref())).collect();
            file["policies"] = rules.into();
            if file["defaults"].is_null() {
                file.as_object_mut().unwrap().remove("defaults");
            }
            files.push((name.to_owned(), file));
        }
        files
    }

    /// A file with lists and definitions, whose names begin with that word.
    fn shared(&mut self, name: &str) -> Value {
        let mut file = json!({});
        for at in 0..self.random.below(3) {
            let list = format!("{name}_l{at}");
            let items: Vec<Value> =
                (0..self.random.between(1, 4)).map(|_| word(self.random).into()).collect();
            for item in &items {
                self.note("target", std::slice::from_ref(item));
                self.note("parameters.x", std::slice::from_ref(item));
            }
            file["lists"][&list] = items.into();
            self.lists.push(list);
        }
        for at in 0..self.random.below(3) {
            let defined = format!("{name}_d{at}");
            // A definition may be used by an ALLOW and by history: neither takes everything.
            let decision = std::mem::take(&mut self.decision);
            file["define"][&defined] = self.condition(2);
            self.decision = decision;
            self.defined.push(defined);
        }
        if file.as_object().unwrap().is_empty() {
            file["lists"] = json!({format!("{name}_l"): ["prod"]});
        }
        file
    }

    fn heads(&mut self, file: &mut Value) {
        if self.random.chance(10) {
            file["mode"] = self.random.pick(&["shadow", "enforce"]).into();
        }
        if self.random.chance(20) {
            file["defaults"]["decision"] = self.random.pick(&["ALLOW", "DENY", "REQUIRE_APPROVAL"]).into();
        }
        if self.random.chance(20) {
            file["defaults"]["priority"] = self.random.choose(&[-1, 0, 50, 100, 101]).into();
        }
        if self.random.chance(15) {
            file["defaults"]["applies_to"] = self.kinds();
        }
        if self.random.chance(10) {
            file["defaults"]["reason"] = "by default".into();
        }
        if self.random.chance(8) {
            file["defaults"]["mode"] = self.random.pick(&["shadow", "enforce"]).into();
        }
        if self.random.chance(15) {
            file["tools"] = json!({"send_email": {"to": "email", "x": "path"}, "http_request": {"data": "url", "x": "text"}});
        }
        if self.random.chance(10) {
            file["default_decision"] = "DENY".into();
        }
    }

    fn kinds(&mut self) -> Value {
        match self.random.below(4) {
            0 | 1 => "*".into(),
            2 => self.random.pick(&ACTIONS).into(),
            _ => {
                let mut kinds = ACTIONS.to_vec();
                self.random.shuffle(&mut kinds);
                kinds.truncate(self.random.between(1, 5));
                json!(kinds)
            }
        }
    }

    fn rule(&mut self, id: &str, decision: Option<&str>) -> Value {
        let mut rule = json!({"id": id, "reason": "r", "applies_to": self.kinds()});
        self.decision = match decision {
            Some(decision) if self.random.chance(70) => {
                ["ALLOW", "DENY", "REQUIRE_APPROVAL"].into_iter().find(|one| *one == decision).unwrap()
            }
            _ => {
                let decision = self.random.pick(&["ALLOW", "DENY", "DENY", "REQUIRE_APPROVAL"]);
                rule["decision"] = decision.into();
                decision
            }
        };
        if self.random.chance(35) {
            rule["priority"] = self.random.choose(&[-1, 0, 1, 50, 99, 100, 100, 101]).into();
        }
        if self.random.chance(4) {
            rule["mode"] = self.random.pick(&["shadow", "enforce"]).into();
        }
        let whole = std::mem::take(&mut self.pool);
        let kinds = rule["applies_to"].clone();
        self.note("action_type", &if kinds == "*" { Vec::new() } else { listed(&kinds) });
        let mut condition = self.condition(0);
        if self.random.chance(self.exact) {
            let target = word(self.random);
            let target = if target.trim().is_empty() { "t".to_owned() } else { target };
            self.note("target", &[target.clone().into()]);
            condition["target"] = target.into();
        }
        if self.decision == "ALLOW" && self.random.chance(6) {
            condition["not"] = json!({"rate_limit": {"max_per_minute": 5}});
        }
        rule["condition"] = condition;
        let own = std::mem::replace(&mut self.pool, whole);
        for (place, samples) in &own {
            self.note(place, samples);
        }
        self.own.push(own);
        rule
    }

    fn note(&mut self, place: &str, samples: &[Value]) {
        self.pool.entry(place.to_owned()).or_default().extend(samples.iter().cloned());
    }

    /// A condition; within definitions and history (`depth` above 1) neither limits nor history.
    fn condition(&mut self, depth: usize) -> Value {
        let mut condition = Map::new();
        let keys = match self.random.below(100) {
            0..3 if depth == 0 => 0,
            0..60 => 1,
            60..90 => 2,
            _ => 3,
        };
        for _ in 0..keys {
            let roll = self.random.below(100);
            if roll < 22 && depth < 4 && !self.plain {
                self.group(&mut condition, depth);
            } else {
                self.key(&mut condition, depth);
            }
        }
        Value::Object(condition)
    }

    fn group(&mut self, condition: &mut Map<String, Value>, depth: usize) {
        let depth = depth + 1;
        match self.random.below(8) {
            0..=2 => {
                let inner = self.full(depth);
                condition.insert("not".into(), inner);
            }
            3..=6 => {
                let name = self.random.pick(&["and", "or", "or"]);
                let parts = if self.random.chance(70) {
                    (0..self.random.between(1, 3)).map(|_| self.full(depth)).collect()
                } else {
                    self.full(depth)
                };
                condition.insert(name.into(), parts);
            }
            _ if !self.defined.is_empty() && !self.decision.is_empty() => {
                let one = self.random.choose(&self.defined);
                let used = if self.random.chance(50) { json!(one) } else { json!([one]) };
                condition.insert("use".into(), used);
            }
            _ => self.key(condition, depth),
        }
    }

    /// A condition that says something.
    fn full(&mut self, depth: usize) -> Value {
        loop {
            let condition = self.condition(depth.max(1));
            if condition.as_object().is_some_and(|keys| !keys.is_empty()) {
                return condition;
            }
        }
    }

    fn key(&mut self, condition: &mut Map<String, Value>, depth: usize) {
        let key = match self.focus.as_slice() {
            [] => any_key(self.random),
            focus if self.random.chance(70) => focus[self.random.below(focus.len())],
            _ => any_key(self.random),
        };
        let nested = depth > 1 || self.decision.is_empty();
        let history = matches!(key, "after" | "not_after" | "count" | "labels");
        let limit = matches!(key, "rate_limit" | "limit");
        if !on(key) || (nested && (history || limit)) || (limit && self.decision == "ALLOW") {
            return self.key_of(condition, "target");
        }
        self.key_of(condition, key);
    }

    fn key_of(&mut self, condition: &mut Map<String, Value>, key: &str) {
        let (place, taste) = match key {
            "target" | "agent_id" | "tenant" | "declared_goal" => (key.to_owned(), Taste::Text),
            "role" => (key.to_owned(), Taste::Role),
            "parameters." | "parameters" => {
                (format!("parameters.{}", self.random.pick(&PLACES)), Taste::Value)
            }
            "parameters.*" => (key.to_owned(), Taste::Anything),
            "context." => (format!("context.{}", self.random.pick(&["env", "user.name", "n"])), Taste::Value),
            "url.host" => (key.to_owned(), Taste::Host),
            "url.port" => (key.to_owned(), Taste::Port),
            "url.class" => (key.to_owned(), Taste::Class),
            "path" | "url.path" => (key.to_owned(), Taste::Path),
            "sensitive.kinds" => (key.to_owned(), Taste::Sensitive),
            _ if key.contains('.') => (key.to_owned(), Taste::Parts),
            _ => {
                let spec = self.other(key);
                condition.insert(key.to_owned(), spec);
                return;
            }
        };
        let made = loop {
            let made = made(self.random, taste, &self.lists);
            // A context has no views.
            if !(key == "context." && made.spec.to_string().contains("\"view\"")) {
                break made;
            }
        };
        self.note(&place, &made.samples);
        match (key, place.strip_prefix("parameters.")) {
            ("parameters" | "parameters.*", Some(name)) if key == "parameters" || self.random.chance(20) => {
                condition.insert("parameters".to_owned(), nested(self.random, name, made.spec));
            }
            _ => {
                condition.insert(place, made.spec);
            }
        }
    }

    fn other(&mut self, key: &str) -> Value {
        match key {
            "action_type" if self.random.chance(50) => {
                let kind = Value::from(self.random.pick(&ACTIONS));
                self.note(key, std::slice::from_ref(&kind));
                kind
            }
            "action_type" => {
                json!([self.random.pick(&ACTIONS), self.random.pick(&["tool_call", "file_read"])])
            }
            "size" => {
                let operator = self.random.pick(&["gt", "ge", "lt", "le"]);
                json!({operator: self.random.choose(&[json!(10), json!(30), json!("60B"), json!("0.1KB"), json!("1KiB")])})
            }
            "time" => self.time(),
            "labels" => json!({"has": [self.random.pick(&LABELS)]}),
            "rate_limit" => json!({"max_per_minute": self.random.below(9)}),
            "limit" => json!({"max": self.random.below(99), "within": "1h", "cost": "parameters.amount"}),
            _ => self.history(key),
        }
    }

    fn time(&mut self) -> Value {
        let mut time = json!({});
        if self.random.chance(60) {
            time["hours"] = self.random.choose(&[
                json!("09:00-17:00"),
                json!("22:00-06:00"),
                json!(["00:00-01:30", "12:00-12:01"]),
                json!("00:00-24:00"),
                json!("23:59-00:00"),
            ]);
        }
        if time["hours"].is_null() || self.random.chance(50) {
            time["weekdays"] = self.random.choose(&[
                json!("mon"),
                json!(["mon-thu", "sat"]),
                json!("fri-mon"),
                json!("sun"),
                json!(["wed-wed"]),
            ]);
        }
        if time["hours"].is_null() {
            time.as_object_mut().unwrap().remove("hours");
        }
        if self.random.chance(60) {
            time["zone"] = self
                .random
                .pick(&["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Kiritimati"])
                .into();
        }
        time
    }

    fn history(&mut self, key: &str) -> Value {
        self.note("history", &[]);
        let mut past = self.full(2);
        if self.random.chance(50) {
            past["within"] = self.random.pick(&["10s", "1m", "90s", "1h"]).into();
        }
        if self.random.chance(30) {
            past["effect"] = self.random.pick(&["DENY", "ALLOW", "REQUIRE_APPROVAL"]).into();
        }
        if key == "count" {
            past["ge"] = self.random.choose(&[1, 2, 2, 3, 5]).into();
        }
        past
    }
}

/// `a.b.c: spec` as mappings within one another, or with the dots.
fn nested(random: &mut Random, name: &str, spec: Value) -> Value {
    match name.split_once('.') {
        Some((first, rest)) if random.chance(60) => json!({first: nested(random, rest, spec)}),
        _ => json!({name: spec}),
    }
}
