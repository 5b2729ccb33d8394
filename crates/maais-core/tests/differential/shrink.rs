//! A mismatch, and the smallest one that can be made of it by leaving things out.

use serde_json::{Map, Value};

use crate::expand::expand;
use crate::interpreter::{self, Moment};
use crate::{engine, text};

#[derive(Debug, Clone)]
pub struct Case {
    pub files: Vec<(String, Value)>,
    pub request: Value,
    pub moment: Moment,
}

type Found = Option<(String, bool)>;

impl Case {
    /// What both say, if they differ.
    pub fn difference(&self) -> Option<(Found, Found)> {
        let policies = engine::load(&self.files).ok()?;
        let request = engine::request(&self.request)?;
        let files = expand(&self.files);
        let expected = interpreter::first_match(&files, &policies, &request, &self.moment);
        if text::gave_up() {
            return None;
        }
        let found = engine::first_match(&policies, &request, &engine::state(&policies, &self.moment));
        (expected != found).then_some((expected, found))
    }

    /// Leaves out what can be left out while both still differ.
    pub fn shrunk(mut self) -> Self {
        for _ in 0..200 {
            let smaller = self.smaller().into_iter().find(|case| case.difference().is_some());
            match smaller {
                Some(case) => self = case,
                None => break,
            }
        }
        self
    }

    fn smaller(&self) -> Vec<Self> {
        let mut out = Vec::new();
        for at in 0..self.files.len() {
            let mut case = self.clone();
            case.files.remove(at);
            out.push(case);
            let file = &self.files[at].1;
            let rules = file.get("policies").and_then(Value::as_array).map_or(0, Vec::len);
            // Halves first: sets may be large.
            let halves = [0..rules / 2, rules / 2..rules].into_iter().filter(|half| half.len() > 1);
            for range in halves.chain((0..rules).map(|rule| rule..rule + 1)) {
                let mut case = self.clone();
                case.files[at].1["policies"].as_array_mut().unwrap().drain(range);
                out.push(case);
            }
            for smaller in without_parts(file) {
                let mut case = self.clone();
                case.files[at].1 = smaller;
                out.push(case);
            }
        }
        for at in 0..self.moment.past.len() {
            let mut case = self.clone();
            case.moment.past.remove(at);
            out.push(case);
        }
        for field in ["parameters", "context"] {
            for smaller in without_parts(&self.request[field]) {
                let mut case = self.clone();
                case.request[field] = smaller;
                out.push(case);
            }
        }
        let mut plain = self.clone();
        plain.moment.exceeded.clear();
        plain.moment.forgotten = false;
        out.extend(
            [plain].into_iter().filter(|plain| format!("{:?}", plain.moment) != format!("{:?}", self.moment)),
        );
        out
    }
}

/// The value without one of its parts, at every depth.
fn without_parts(value: &Value) -> Vec<Value> {
    let mut out = Vec::new();
    match value {
        Value::Object(map) => {
            for (key, inner) in map {
                let mut without = map.clone();
                without.remove(key);
                out.push(Value::Object(without));
                let put = |smaller| {
                    let mut with: Map<String, Value> = map.clone();
                    with.insert(key.clone(), smaller);
                    Value::Object(with)
                };
                out.extend(without_parts(inner).into_iter().map(put));
            }
        }
        Value::Array(items) if items.len() > 1 && items.len() < 20 => {
            for at in 0..items.len() {
                let mut without = items.clone();
                without.remove(at);
                out.push(without.into());
                let put = |smaller| {
                    let mut with = items.clone();
                    with[at] = smaller;
                    Value::from(with)
                };
                out.extend(without_parts(&items[at]).into_iter().map(put));
            }
        }
        _ => {}
    }
    out
}
