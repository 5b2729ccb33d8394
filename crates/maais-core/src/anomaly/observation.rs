//! What of an action is compared with the past: short names and numbers, no values.
//!
//! Reads the facts that the decision computes anyway. Nothing in it is learned or judged.

use serde_json::{Map, Value};

use super::keyed::{Key, Sip};
use super::spread::Level;
use crate::facts::Facts;
use crate::request::ActionType;
use crate::view::command::CommandOutcome;
use crate::view::email;
use crate::view::path::PathOutcome;
use crate::view::sql::SqlOutcome;
use crate::view::url::UrlOutcome;

/// Places of one action that are compared; one more stands for all that follow.
pub(super) const PLACES_MAX: usize = 32;
/// Bytes of a text that is kept for the explanation.
const TEXT_MAX: usize = 80;
/// Bytes of a text that is read as addresses.
const ADDRESSES_BYTES_MAX: usize = 1_024;
/// Bytes of the goal in which places are looked for.
const GOAL_BYTES_MAX: usize = 4_096;
/// How deep parameters are looked into; a request is not deeper.
const DEPTH_MAX: usize = 128;

/// Where an action leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlaceKind {
    /// A host on a network.
    Host,
    /// Somebody's address.
    Address,
    /// A folder of files.
    Folder,
    /// A table of a database.
    Table,
    /// A program that a shell starts.
    Program,
}

impl PlaceKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Host, Self::Address, Self::Folder, Self::Table, Self::Program];

    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Address => "address",
            Self::Folder => "folder",
            Self::Table => "table",
            Self::Program => "program",
        }
    }
}

/// A place, under its short name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) kind: PlaceKind,
    pub(super) name: u32,
    pub(super) text: String,
}

/// What is measured of an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Measure {
    /// Bytes of all values.
    Size,
    /// Values.
    Count,
    /// The greatest number.
    Amount,
    /// Characters that are neither letters, digits nor spaces.
    Marks,
    /// Places that the declared goal does not name.
    Unasked,
    /// Words that the declared goal does not have.
    Strange,
}

/// How many measures there are.
pub(super) const MEASURES: usize = 6;

/// An action as it is compared with the past.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    pub(super) action_type: ActionType,
    /// Action type and target.
    pub(super) act: u32,
    pub(super) target: String,
    /// Names and types of the parameters.
    pub(super) shape: u32,
    pub(super) places: Vec<Place>,
    pub(super) levels: [Level; MEASURES],
    /// The act before it in its session, if the caller knows.
    pub(super) previous: Option<u32>,
}

impl Observation {
    /// Looks at an action. `previous` is [`Observation::act`] of the action before it in the same session; without it,
    /// that of the agent's last action is taken.
    pub fn new(facts: &Facts<'_>, key: &Key, previous: Option<u32>) -> Self {
        let request = facts.request();
        let kind = [request.action_type().index() as u8];
        let target = request.target().as_str();
        let mut parameters = Parameters::new(key, &kind, target, Words::of(request.declared_goal()));
        parameters.object(request.parameters(), 0);
        let mut places = Places { key, goal: goal(request.declared_goal()), found: Vec::new(), unasked: 0 };
        places.find(facts);
        let shape = parameters.shape.finish() as u32;
        let levels = [
            parameters.bytes as f64,
            parameters.values as f64,
            parameters.amount,
            parameters.marks as f64,
            f64::from(places.unasked),
            f64::from(parameters.strange),
        ];
        Self {
            action_type: request.action_type(),
            act: key.name(&[&kind, target.as_bytes()]),
            target: cut(target),
            shape,
            places: places.found,
            levels: levels.map(Level::of),
            previous,
        }
    }

    /// The short name of its action type and target, for [`Observation::new`] of the next one.
    pub fn act(&self) -> u32 {
        self.act
    }

    pub(super) fn level(&self, measure: Measure) -> Level {
        self.levels.get(measure as usize).copied().unwrap_or_default()
    }
}

/// A text as far as an explanation shows it.
fn cut(text: &str) -> String {
    text.get(..text.floor_char_boundary(TEXT_MAX)).unwrap_or_default().to_owned()
}

fn goal(text: &str) -> String {
    let start = text.get(..text.floor_char_boundary(GOAL_BYTES_MAX)).unwrap_or_default();
    start.to_ascii_lowercase()
}

/// The parameters, in one walk.
struct Parameters {
    shape: Sip,
    bytes: usize,
    values: usize,
    amount: f64,
    marks: usize,
    /// Words that the goal does not have.
    strange: u16,
    goal: Words,
}

impl Parameters {
    fn new(key: &Key, kind: &[u8], target: &str, goal: Words) -> Self {
        let mut shape = Sip::with(key);
        shape.write(kind);
        shape.write(target.as_bytes());
        Self { shape, bytes: 0, values: 0, amount: 0.0, marks: 0, strange: 0, goal }
    }

    fn object(&mut self, map: &Map<String, Value>, depth: usize) {
        self.shape.write(b"\x00{");
        for (name, value) in map {
            self.shape.write(name.as_bytes());
            self.value(value, depth);
        }
        self.shape.write(b"\x00}");
    }

    fn value(&mut self, value: &Value, depth: usize) {
        if depth > DEPTH_MAX {
            return;
        }
        match value {
            Value::Null => self.leaf(b"\x00n"),
            Value::Bool(_) => self.leaf(b"\x00b"),
            Value::Number(number) => {
                self.leaf(b"\x00#");
                self.bytes += 8;
                self.amount = self.amount.max(number.as_f64().unwrap_or_default().abs());
            }
            Value::String(text) => {
                self.leaf(b"\x00s");
                self.bytes = self.bytes.saturating_add(text.len());
                let is_mark = |b: &&u8| b.is_ascii_punctuation() || b.is_ascii_control();
                self.marks = self.marks.saturating_add(text.as_bytes().iter().filter(is_mark).count());
                let strange = words(text).take(WORDS_MAX).filter(|word| !self.goal.has(*word)).count();
                self.strange = self.strange.saturating_add(strange as u16);
            }
            // However many: a list of one and a list of many are the same shape, but not the same count.
            Value::Array(items) => {
                self.shape.write(b"\x00[");
                let shape = std::mem::replace(&mut self.shape, Sip::new([0, 0]));
                items.iter().for_each(|item| self.value(item, depth + 1));
                self.shape = shape;
            }
            Value::Object(map) => self.object(map, depth + 1),
        }
    }

    fn leaf(&mut self, mark: &[u8]) {
        self.shape.write(mark);
        self.values = self.values.saturating_add(1);
    }
}

/// Words of one text that are looked for in the goal.
const WORDS_MAX: usize = 256;
/// Shorter ones are no words.
const WORD_BYTES_MIN: usize = 3;

/// The words of a text, as numbers: letters and digits, lower case.
fn words(text: &str) -> impl Iterator<Item = u32> {
    let parts = text.as_bytes().split(|byte| !byte.is_ascii_alphanumeric() && byte.is_ascii());
    parts.filter(|word| word.len() >= WORD_BYTES_MIN).map(|word| {
        let each = word.iter().map(u8::to_ascii_lowercase);
        each.fold(0x811C_9DC5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
    })
}

/// The words of a goal: a filter (Bloom 1970) with one number a word, of 4,096 bits.
struct Words([u64; 64]);

impl Words {
    fn of(goal: &str) -> Self {
        let start = goal.get(..goal.floor_char_boundary(GOAL_BYTES_MAX)).unwrap_or_default();
        let mut bits = [0; 64];
        for word in words(start) {
            let (place, bit) = Self::place(word);
            if let Some(part) = bits.get_mut(place) {
                *part |= bit;
            }
        }
        Self(bits)
    }

    fn place(word: u32) -> (usize, u64) {
        let mixed = word ^ (word >> 15);
        ((mixed % 64) as usize, 1 << ((mixed / 64) % 64))
    }

    fn has(&self, word: u32) -> bool {
        let (place, bit) = Self::place(word);
        self.0.get(place).is_some_and(|part| part & bit != 0)
    }
}

/// The places, each once.
struct Places<'k> {
    key: &'k Key,
    goal: String,
    found: Vec<Place>,
    unasked: u16,
}

impl Places<'_> {
    fn find(&mut self, facts: &Facts<'_>) {
        for url in facts.urls() {
            match &url.outcome {
                UrlOutcome::Parsed(view) if view.host.is_empty() => self.add(PlaceKind::Host, &view.scheme),
                UrlOutcome::Parsed(view) => self.add(PlaceKind::Host, &view.host),
                UrlOutcome::Unparseable(why) => self.add(PlaceKind::Host, why),
            }
        }
        for path in facts.paths() {
            match &path.outcome {
                PathOutcome::Path(view) => self.add(PlaceKind::Folder, folder(&view.text)),
                PathOutcome::Unparseable(why) => self.add(PlaceKind::Folder, why),
            }
        }
        for leaf in facts.leaves() {
            if leaf.text.contains('@') && leaf.text.len() <= ADDRESSES_BYTES_MAX {
                let addresses = email::addresses(&leaf.text).unwrap_or_default();
                addresses.iter().for_each(|address| self.add(PlaceKind::Address, address));
            }
        }
        for sql in facts.sqls() {
            match &sql.outcome {
                SqlOutcome::Parsed(view) => {
                    let tables = view.statements.iter().flat_map(|statement| &statement.tables);
                    tables.for_each(|table| self.add(PlaceKind::Table, table));
                }
                SqlOutcome::Unparseable(why) => self.add(PlaceKind::Table, why),
            }
        }
        for command in facts.commands() {
            match &command.outcome {
                CommandOutcome::Parsed(view) => {
                    view.commands.iter().for_each(|one| self.add(PlaceKind::Program, &one.program));
                }
                CommandOutcome::Unparseable(why) => self.add(PlaceKind::Program, why),
            }
        }
    }

    fn add(&mut self, kind: PlaceKind, text: &str) {
        if self.found.len() > PLACES_MAX {
            return;
        }
        let text = if self.found.len() == PLACES_MAX { "more than are compared" } else { text };
        let name = self.key.name(&[kind.as_str().as_bytes(), text.as_bytes()]);
        if self.found.iter().any(|place| place.name == name) {
            return;
        }
        self.found.push(Place { kind, name, text: cut(text) });
        let names_somebody = matches!(kind, PlaceKind::Host | PlaceKind::Address | PlaceKind::Folder);
        if names_somebody && !text.is_empty() && !self.goal.contains(&text.to_ascii_lowercase()) {
            self.unasked = self.unasked.saturating_add(1);
        }
    }
}

/// The folder of a path.
fn folder(path: &str) -> &str {
    match path.rsplit_once('/') {
        Some(("", _)) => "/",
        Some((folder, _)) => folder,
        None => ".",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::facts::NoMemo;
    use crate::request::{ActionRequest, Defaults};

    fn observe(value: Value) -> Observation {
        let defaults = Defaults { action_id: "a".into(), timestamp: jiff::Timestamp::UNIX_EPOCH };
        let request = ActionRequest::from_value(value, defaults).unwrap();
        Observation::new(&Facts::new(&request, &NoMemo), &Key::new([3; 16]), None)
    }

    fn tool(parameters: Value) -> Observation {
        observe(json!({"agent_id": "a", "action_type": "tool_call", "target": "t", "parameters": parameters,
            "declared_goal": "Write to ann@shop.example about the order"}))
    }

    #[test]
    fn the_shape_is_names_and_types_and_not_values_or_lengths_of_lists() {
        let shape = |value| tool(value).shape;
        assert_eq!(shape(json!({"a": 1, "b": ["x"]})), shape(json!({"a": 2.5, "b": ["y", "z"]})));
        for other in
            [json!({"a": "1", "b": ["x"]}), json!({"a": 1, "c": ["x"]}), json!({"a": 1, "b": {"x": "y"}})]
        {
            assert_ne!(shape(json!({"a": 1, "b": ["x"]})), shape(other));
        }
    }

    #[test]
    fn a_place_is_found_under_every_kind_and_counted_once() {
        let seen =
            tool(json!({"to": "Ann <ann@shop.example>, eve@evil.example", "url": "https://evil.example/x",
            "also": "http://EVIL.example/y", "file": "/srv/data/a.csv"}));
        let named: Vec<(PlaceKind, &str)> =
            seen.places.iter().map(|place| (place.kind, place.text.as_str())).collect();
        assert_eq!(
            named,
            [
                (PlaceKind::Host, "evil.example"),
                (PlaceKind::Folder, "/srv/data"),
                (PlaceKind::Address, "ann@shop.example"),
                (PlaceKind::Address, "eve@evil.example"),
            ]
        );
        assert_eq!(seen.level(Measure::Unasked), Level::of(3.0));
    }

    #[test]
    fn words_that_the_goal_has_are_not_strange() {
        let strange = |text: &str| tool(json!({ "text": text })).level(Measure::Strange);
        assert_eq!(strange("ORDER: about ann@shop.example"), Level::of(0.0));
        assert_eq!(strange("order 77123, transfer to eve"), Level::of(3.0));
    }

    #[test]
    fn places_beyond_the_limit_are_one_place_more() {
        let urls: Vec<String> = (0..60).map(|i| format!("http://h{i}.example/")).collect();
        let seen = tool(json!({ "urls": urls }));
        assert_eq!(seen.places.len(), PLACES_MAX + 1);
        assert_eq!(seen.places.last().unwrap().text, "more than are compared");
    }

    #[test]
    fn measures_are_those_of_the_values() {
        let seen = tool(json!({"a": "x;y--", "b": [1, -250.5], "c": true}));
        let levels = [Measure::Size, Measure::Count, Measure::Amount, Measure::Marks].map(|m| seen.level(m));
        assert_eq!(levels, [21.0, 4.0, 250.5, 3.0].map(Level::of));
    }
}
