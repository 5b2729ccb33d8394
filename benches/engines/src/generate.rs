//! A workload of our own making, the same each time: for those who have no folder of one.
//!
//! Of the rules, 40 % name targets, 30 % a target and a pattern for its URL, 20 % a pattern for content
//! anywhere, 8 % a pattern for the target, 2 % a look-ahead; the last allows. Half of the requests are made
//! for one rule, whose number is in every text that it looks for, so it is known which matches first.

use serde_json::{Map, Value, json};

use crate::Failure;
use crate::render;
use crate::workload::{Alternative, Pattern, Request, Rule, Test, Workload};

pub(crate) const SIZES: [&str; 4] = ["17", "100", "1000", "10000"];
const REQUESTS: usize = 2000;
const SEED: u64 = 17;
const CONTENT_BYTES: usize = 320;
const DATA_BYTES: usize = 60;

const TYPES: [&str; 4] = ["tool_call", "api_call", "memory_read", "database_query"];
const WORDS: [&str; 20] = [
    "report", "customer", "weekly", "budget", "the", "invoice", "draft", "to", "shipping", "north", "plan",
    "summary", "please", "dates", "team", "with", "chart", "section", "notes", "status",
];

pub(crate) fn workload(size: &str) -> Result<Workload, Failure> {
    let count: usize = size.parse().map_err(|_| format!("`{size}` is no number of rules"))?;
    let mut random = Random(SEED);
    let mut rules: Vec<Rule> = (0..count.saturating_sub(1)).map(|number| rule(number, count)).collect();
    let last = Rule {
        id: "allow_rest".into(),
        priority: 99_999,
        applies_to: types(&["*"]),
        any: vec![],
        allow: true,
    };
    rules.push(last);
    let requests = (0..REQUESTS).map(|_| random.request(count)).collect();
    Ok(Workload {
        yaml: render::yaml(&rules),
        cedar: render::cedar(&rules),
        rego: render::rego(&rules),
        rules,
        requests,
    })
}

#[derive(Clone, Copy)]
enum Shape {
    Named,
    Listed,
    Url,
    Content,
    Path,
    Except,
}

/// Which shape the rule of this number has: the shares, in order.
fn shape(number: usize, count: usize) -> Shape {
    match number * 100 / count {
        0..30 => Shape::Named,
        30..40 => Shape::Listed,
        40..70 => Shape::Url,
        70..90 => Shape::Content,
        90..98 => Shape::Path,
        _ => Shape::Except,
    }
}

fn id(number: usize) -> String {
    format!("r{number:05}")
}

fn kind(number: usize) -> &'static str {
    TYPES[number % TYPES.len()]
}

fn types(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn rule(n: usize, count: usize) -> Rule {
    let (applies_to, target, param) = match shape(n, count) {
        Shape::Named => (types(&[kind(n)]), Some(Test::Eq(format!("svc{n}.read"))), None),
        Shape::Listed => {
            let targets = ["read", "list", "drop"].map(|verb| format!("svc{n}.{verb}"));
            (types(&[kind(n)]), Some(Test::In(targets.into())), None)
        }
        Shape::Url => {
            let regex = format!(r"^https://([a-z0-9-]+\.)*host{n}\.example\.(com|net)/");
            let likes = ["com", "net"].map(|top| format!("https://*host{n}.example.{top}/*"));
            let target = Test::Eq(format!("http_{n}"));
            (types(&["tool_call", "api_call"]), Some(target), Some(("url", plain(regex, likes))))
        }
        Shape::Content => {
            let likes = [format!("*leak{n:05}*"), format!("*exfil{n:05}z*")];
            let regex = format!("(?i)(leak{n:05}|exfil{n:05}z)");
            (types(&["*"]), None, Some(("content", plain(regex, likes))))
        }
        Shape::Path => {
            let likes = ["sh", "py"].map(|ending| format!("/srv/app{n}/*.{ending}"));
            let regex = format!(r"^/srv/app{n}/.*\.(sh|py)$");
            (types(&["file_write"]), Some(plain(regex, likes)), None)
        }
        Shape::Except => (types(&["tool_call"]), None, Some(("url", except(n)))),
    };
    let params = param.map(|(name, test)| (name.to_owned(), test)).into_iter().collect();
    let priority = 100 + u32::try_from(n).unwrap_or(u32::MAX);
    Rule { id: id(n), priority, applies_to, any: vec![Alternative { target, params }], allow: false }
}

fn plain(re: String, likes: [String; 2]) -> Test {
    Test::Re(Pattern { py: re.clone(), re, not_re: None, likes: likes.into(), not_likes: vec![] })
}

fn except(n: usize) -> Test {
    let excepted = [format!("ok{n}."), "localhost".to_owned()];
    let not_likes = excepted.iter().flat_map(|host| [format!("http://{host}*"), format!("https://{host}*")]);
    Test::Re(Pattern {
        re: format!(r"^https?://[^/]*zone{n}\.example\.org/"),
        not_re: Some(format!(r"^https?://(ok{n}\.|localhost)")),
        py: format!(r"^https?://(?!ok{n}\.|localhost)[^/]*zone{n}\.example\.org/"),
        likes: vec![format!("http://*zone{n}.example.org/*"), format!("https://*zone{n}.example.org/*")],
        not_likes: not_likes.collect(),
    })
}

/// SplitMix64: short, and the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % end as u64) as usize
    }

    fn words(&mut self, bytes: usize) -> String {
        let mut text = String::new();
        while text.len() < bytes {
            text += WORDS[self.below(WORDS.len())];
            text.push(' ');
        }
        text.truncate(bytes);
        text
    }

    fn request(&mut self, count: usize) -> Request {
        let page = self.below(100_000);
        let mut request = Request {
            agent_id: format!("agent-{}", self.below(50)),
            action_type: kind(page).to_owned(),
            target: ["notes.append", "crm.list", "calendar.read", "/srv/data/report.txt"][page % 3]
                .to_owned(),
            parameters: Map::new(),
            expect: Some("allow_rest".into()),
        };
        let mut content = self.words(CONTENT_BYTES);
        let mut url = format!("https://docs{}.intranet.example.io/v1/items/{page}?page=4", page % 97);
        if self.below(2) == 0 && count > 1 {
            let n = self.below(count - 1);
            request.expect = Some(id(n));
            match shape(n, count) {
                Shape::Named | Shape::Listed => {
                    (request.action_type, request.target) = (kind(n).into(), format!("svc{n}.read"));
                }
                Shape::Url => {
                    (request.action_type, request.target) = ("tool_call".into(), format!("http_{n}"));
                    url = format!("https://a.b.host{n}.example.com/path/{page}");
                }
                Shape::Content => content.insert_str(self.below(CONTENT_BYTES), &format!("Leak{n:05}")),
                Shape::Path => {
                    (request.action_type, request.target) =
                        ("file_write".into(), format!("/srv/app{n}/x.sh"));
                }
                Shape::Except => {
                    request.action_type = "tool_call".into();
                    url = format!("https://b.zone{n}.example.org/path/{page}");
                }
            }
        }
        let command = format!("cat report-{page}.txt | wc -l");
        let parameters =
            json!({ "command": command, "content": content, "data": self.words(DATA_BYTES), "url": url });
        if let Value::Object(parameters) = parameters {
            request.parameters = parameters;
        }
        request
    }
}
