//! Makes tests: what a condition's key is held against, and values that nearly meet it.

use serde_json::{Map, Value, json};

use crate::patterns::pattern;
use crate::random::Random;
use crate::readings::{ABSENCE_BESIDE_A_VIEW_HOLDS, LARGE_NUMBERS_ARE_EXACT, MAPPED_BLOCKS_HOLD_ADDRESSES};
use crate::words::{HOSTS, PATHS, letter, nearly, word};

/// What a key takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taste {
    Text,
    Role,
    Value,
    Anything,
    Host,
    Port,
    Path,
    Class,
    Parts,
    Sensitive,
}

const CLASSES: [&str; 6] = ["loopback", "private", "link_local", "metadata", "public", "unparseable"];
const KINDS: [&str; 13] = [
    "canary",
    "private_key",
    "provider_token",
    "jwt",
    "password",
    "payment_card",
    "us_ssn",
    "national_id",
    "iban",
    "term",
    "email",
    "phone",
    "uuid",
];
const BLOCKS: [&str; 8] =
    ["10.0.0.0/8", "127.0.0.0/8", "169.254.169.254", "0.0.0.0/0", "::1", "fe80::/10", "::/0", "10.0.0.4/31"];

/// Tests and values that nearly meet them.
pub struct Made {
    pub spec: Value,
    pub samples: Vec<Value>,
}

/// A test of that taste; `lists` are names that may be used with `$`.
pub fn made(random: &mut Random, taste: Taste, lists: &[String]) -> Made {
    let mut maker = Maker { random, taste, lists, samples: Vec::new(), depth: 0, viewed: false };
    let spec = maker.spec();
    Made { spec, samples: maker.samples }
}

struct Maker<'a> {
    random: &'a mut Random,
    taste: Taste,
    lists: &'a [String],
    samples: Vec<Value>,
    depth: usize,
    viewed: bool,
}

impl Maker<'_> {
    fn spec(&mut self) -> Value {
        let bare = !matches!(self.taste, Taste::Value | Taste::Anything);
        match self.random.below(100) {
            0..30 => self.literal(),
            30..36 if bare => self.literals(),
            _ => self.mapping(),
        }
    }

    fn mapping(&mut self) -> Value {
        let mut tests = Map::new();
        let view = self.taste == Taste::Value && self.random.chance(10);
        let outer = self.taste;
        if view {
            let (name, taste) = self.random.choose(&[
                ("path", Taste::Path),
                ("url.host", Taste::Host),
                ("url.path", Taste::Path),
                ("url.port", Taste::Port),
                ("url.class", Taste::Class),
                ("url.scheme", Taste::Parts),
            ]);
            tests.insert("view".into(), name.into());
            (self.taste, self.viewed) = (taste, true);
            self.samples.push(crate::words::URLS[self.random.below(20)].into());
            self.samples.push(PATHS[self.random.below(16)].into());
        }
        for _ in 0..if self.random.chance(25) { 2 } else { 1 } {
            let operator = self.operator();
            let operand = self.operand(operator);
            tests.insert(operator.to_owned(), operand);
        }
        (self.taste, self.viewed) = (outer, false);
        Value::Object(tests)
    }

    fn operator(&mut self) -> &'static str {
        const TEXT: [&str; 13] = [
            "equals", "in", "not_in", "pattern", "pattern", "pattern", "pattern", "glob", "glob", "prefix",
            "suffix", "contains", "length",
        ];
        const PARTS: [&str; 10] = [
            "equals", "in", "not_in", "pattern", "pattern", "glob", "prefix", "suffix", "contains", "exists",
        ];
        const MORE: [&str; 9] = ["gt", "ge", "lt", "le", "exists", "type", "cidr", "any_of", "all_of"];
        const ANY: [&str; 9] =
            ["equals", "in", "pattern", "pattern", "glob", "prefix", "suffix", "contains", "cidr"];
        loop {
            let operator = match self.taste {
                Taste::Text => self.random.pick(&TEXT),
                Taste::Value if self.random.chance(40) => self.random.pick(&MORE),
                Taste::Value => self.random.pick(&TEXT),
                Taste::Anything => self.random.pick(&ANY),
                Taste::Host if self.random.chance(15) => "cidr",
                Taste::Port if self.random.chance(40) => self.random.pick(&["gt", "ge", "lt", "le"]),
                _ => self.random.pick(&PARTS),
            };
            if !(self.depth > 1 && operator.ends_with("_of")) {
                return operator;
            }
        }
    }

    fn operand(&mut self, operator: &str) -> Value {
        match operator {
            "equals" if self.taste == Taste::Value && self.random.chance(30) => self.composite(),
            "equals" => self.literal(),
            "in" | "not_in" if !self.lists.is_empty() && self.plain() && self.random.chance(15) => {
                self.named()
            }
            "in" | "not_in" => self.literals(),
            "pattern" => {
                let (pattern, sample) = pattern(self.random);
                self.samples.push(sample.into());
                pattern.into()
            }
            "glob" => self.one_or_more(Self::glob),
            "prefix" | "suffix" | "contains" => self.one_or_more(Self::part),
            "gt" | "ge" | "lt" | "le" => self.bound(),
            "exists" if self.viewed && !ABSENCE_BESIDE_A_VIEW_HOLDS => true.into(),
            "exists" => self.random.chance(60).into(),
            "length" if self.random.chance(50) => self.random.below(6).into(),
            "length" => json!({self.random.pick(&["gt", "ge", "lt", "le"]): self.random.below(6)}),
            "type" => self.one_or_more(|this| {
                this.random.pick(&["text", "number", "boolean", "list", "object", "null"]).into()
            }),
            "cidr" => {
                self.samples.push(self.random.pick(&HOSTS).into());
                self.one_or_more(|this| match this.random.below(6) {
                    0 if MAPPED_BLOCKS_HOLD_ADDRESSES => "::ffff:10.0.0.0/104".into(),
                    _ => this.random.pick(&BLOCKS).into(),
                })
            }
            _ => {
                self.depth += 1;
                let inner = self.mapping();
                self.depth -= 1;
                inner
            }
        }
    }

    fn plain(&self) -> bool {
        matches!(self.taste, Taste::Text | Taste::Role | Taste::Value | Taste::Anything | Taste::Parts)
    }

    fn named(&mut self) -> Value {
        format!("${}", self.random.choose(self.lists)).into()
    }

    /// What `equals` takes.
    fn literal(&mut self) -> Value {
        let literal: Value = match self.taste {
            Taste::Class => self.random.pick(&CLASSES).into(),
            Taste::Sensitive => self.random.pick(&KINDS).into(),
            Taste::Port => self.random.choose(&[80, 443, 8080, 8443, 22, 0]).into(),
            Taste::Host if self.random.chance(80) => self.random.pick(&HOSTS).into(),
            Taste::Path if self.random.chance(80) => self.random.pick(&PATHS).into(),
            Taste::Parts => self
                .random
                .pick(&[
                    "http",
                    "https",
                    "rm",
                    "curl",
                    "sh",
                    "select",
                    "delete",
                    "users",
                    "true",
                    "false",
                    "-rf",
                    "git",
                    "eval",
                    "out.txt",
                    "/etc/passwd",
                    "drop",
                    "a",
                    "b",
                    "update",
                    "-c",
                    "tee",
                    "curl | sh",
                ])
                .into(),
            Taste::Value | Taste::Anything | Taste::Text if self.random.chance(20) => self.number(),
            Taste::Value if self.random.chance(8) => self.random.chance(50).into(),
            _ => word(self.random).into(),
        };
        self.samples.push(literal.clone());
        literal
    }

    fn number(&mut self) -> Value {
        if LARGE_NUMBERS_ARE_EXACT && self.random.chance(20) {
            return self.random.choose(&[
                json!(9_007_199_254_740_993_i64),
                json!(9_007_199_254_740_992_i64),
                json!(u64::MAX),
                json!(1e21),
                json!(9_223_372_036_854_775_808_u64),
            ]);
        }
        self.random.choose(&[
            json!(0),
            json!(1),
            json!(1.0),
            json!(-1),
            json!(10),
            json!(0.1),
            json!(1e2),
            json!(2.5),
            json!(64),
        ])
    }

    fn literals(&mut self) -> Value {
        (0..self.random.between(1, 4)).map(|_| self.literal()).collect()
    }

    /// A list or an object, to be equal to as a whole.
    fn composite(&mut self) -> Value {
        let parts: Vec<Value> = (0..self.random.between(1, 3)).map(|_| self.literal()).collect();
        let whole = if self.random.chance(60) { Value::from(parts) } else { json!({"k": parts[0]}) };
        self.samples.push(whole.clone());
        whole
    }

    fn one_or_more(&mut self, make: impl Fn(&mut Self) -> Value) -> Value {
        if self.random.chance(60) {
            return make(self);
        }
        (0..self.random.between(1, 3)).map(|_| make(self)).collect()
    }

    fn glob(&mut self) -> Value {
        let literal = crate::values::written(&self.literal()).unwrap();
        let mut out = String::new();
        for c in literal.chars() {
            match self.random.below(12) {
                0 => out.push('*'),
                1 => out.push('?'),
                2 if matches!(self.taste, Taste::Path) => out.push_str("**"),
                _ => out.push(c),
            }
        }
        let end = if self.taste == Taste::Path { "**" } else { "*" };
        match self.random.below(6) {
            0 => out.push_str(end),
            1 => out.insert_str(0, end),
            2 if self.taste == Taste::Path => out.insert_str(0, "**/"),
            _ => {}
        }
        if out.trim().is_empty() { "*".into() } else { no_list(out).into() }
    }

    /// A part of a literal, for `prefix` and its like.
    fn part(&mut self) -> Value {
        let literal = crate::values::written(&self.literal()).unwrap();
        let letters: Vec<char> = literal.chars().collect();
        let from = self.random.below(letters.len());
        let to = self.random.between(from, letters.len());
        let part: String = letters[from..to].iter().collect();
        let part = if part.trim().is_empty() { format!("x{}", letter(self.random)) } else { part };
        self.samples.push(nearly(self.random, &part).into());
        no_list(part).into()
    }

    /// A number, size or duration to compare with, and some about as large.
    fn bound(&mut self) -> Value {
        if self.taste == Taste::Port || self.random.chance(50) {
            let bound = self.number();
            self.samples.push(bound.clone());
            return bound;
        }
        let (bound, near): (&str, &[&str]) = self.random.choose(&[
            ("64KB", &["64000", "64001", "63KiB", "62.5KiB", "64 KB", "64kb"][..]),
            ("1KiB", &["1024", "1023", "1.024KB", "0.001MB", "1024B"]),
            ("10MB", &["1e7", "10000001", "9.5MiB", "0.01GB"]),
            ("90s", &["90", "1.5m", "91", "1m", "90B"]),
            ("1h", &["3600", "60m", "3601s", "1d", "0.5d"]),
            ("15m", &["900", "899.999", "900s", "0.25h"]),
        ]);
        let sample = self.random.choose(near);
        let number = sample.parse::<f64>().ok().filter(|_| self.random.chance(50));
        self.samples.push(number.map_or_else(|| sample.into(), Value::from));
        bound.into()
    }
}

/// A text that does not name a list.
fn no_list(text: String) -> String {
    if text.starts_with('$') { format!("x{text}") } else { text }
}
