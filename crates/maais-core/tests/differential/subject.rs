//! What a condition's key looks at, and every test of its specification held against that.

use maais_core::facts::Facts;
use maais_core::view::command::{CommandOutcome, SimpleCommand};
use maais_core::view::email;
use maais_core::view::path::{self, PathOutcome};
use maais_core::view::sql::SqlOutcome;
use maais_core::view::url::{self, UrlOutcome, UrlView};
use serde_json::Value;

use crate::kleene::{Answer, agreed, every, not, some};
use crate::readings::{ABSENCE_BESIDE_A_VIEW_HOLDS, NOT_IN_OF_NOTHING_VIEWED_IS_UNKNOWN};
use crate::values::{OPERATORS, holds_of_text, holds_of_value, inside, ordered, tests_of, written};

/// A part of something that was looked at: its text, none that could be looked at, or not to be known.
#[derive(Debug, Clone)]
pub enum Part {
    Text(String),
    Absent,
    Unreadable,
}

/// Tests of one text that is certainly there.
pub fn of_text(spec: &Value, text: &str) -> Answer {
    let holds = |(operator, operand): &(String, Value)| holds_of_text(operator, operand, text, false);
    tests_of(spec).iter().all(holds).into()
}

/// Any role holds; `not_in`: none is in.
pub fn of_roles(spec: &Value, roles: &[String]) -> Answer {
    let holds = |(operator, operand): &(String, Value)| match operator.as_str() {
        "exists" => Answer::from(roles.is_empty() != operand.as_bool().unwrap()),
        "not_in" => not(Answer::from(roles.iter().any(|role| holds_of_text("in", operand, role, false)))),
        _ => Answer::from(roles.iter().any(|role| holds_of_text(operator, operand, role, false))),
    };
    every(&tests_of(spec).iter().map(holds).collect::<Vec<_>>())
}

/// Tests of several parts of the same kind, such as `url.host` of every URL: whether each meets all of them.
pub fn of_parts(key: &str, tests: &[(String, Value)], parts: &[Part]) -> Answer {
    let exists = |test: &&(String, Value)| test.0 == "exists";
    let (existence, others): (Vec<_>, Vec<_>) = tests.iter().partition(exists);
    let each = |tests: &[&(String, Value)], operand: Option<&Value>| {
        let of_one = |part: &Part| {
            let answers: Vec<Answer> = tests
                .iter()
                .map(|(operator, own)| of_part(key, operator, operand.unwrap_or(own), part))
                .collect();
            every(&answers)
        };
        agreed(&parts.iter().map(of_one).collect::<Vec<_>>())
    };
    let there = existence.iter().map(|test| {
        let there = each(&[*test], Some(&Value::Bool(true)));
        if test.1 == true { there } else { not(there) }
    });
    let mut answers: Vec<Answer> = there.collect();
    if !others.is_empty() {
        answers.push(each(&others, None));
    }
    every(&answers)
}

fn of_part(key: &str, operator: &str, operand: &Value, part: &Part) -> Answer {
    let text = match part {
        Part::Absent => return Answer::Unknown,
        Part::Text(_) | Part::Unreadable if operator == "exists" => return Answer::Yes,
        Part::Text(text) => text,
        Part::Unreadable => {
            let names = matches!(operator, "equals" | "in" | "not_in")
                && crate::values::listed(operand).contains(&Value::from("unparseable"));
            return match (key, names) {
                ("url.class", true) => Answer::from(operator != "not_in"),
                _ => Answer::Unknown,
            };
        }
    };
    if matches!(operator, "gt" | "ge" | "lt" | "le") {
        return ordered(operator, operand, &Value::from(text.as_str()));
    }
    holds_of_text(operator, operand, text, matches!(key, "path" | "url.path")).into()
}

/// The parts of an action that a key looks at.
pub fn parts(key: &str, facts: &Facts<'_>) -> Vec<Part> {
    match key {
        "path" => facts.paths().iter().map(|fact| path_part(&fact.outcome)).collect(),
        _ if key.starts_with("url.") => {
            facts.urls().iter().map(|fact| url_part(key, &fact.outcome)).collect()
        }
        "sensitive.kinds" => {
            let hits = facts.sensitive().iter().flat_map(|fact| fact.hits.iter());
            hits.map(|hit| Part::Text(hit.kind.as_str().to_owned())).collect()
        }
        _ if key.starts_with("command.") => {
            facts.commands().iter().flat_map(|fact| command_parts(key, &fact.outcome)).collect()
        }
        _ if key.starts_with("sql.") => {
            facts.sqls().iter().flat_map(|fact| sql_parts(key, &fact.outcome)).collect()
        }
        other => panic!("no parts: {other}"),
    }
}

fn path_part(outcome: &PathOutcome) -> Part {
    match outcome {
        PathOutcome::Path(view) => Part::Text(view.text.clone()),
        PathOutcome::Unparseable(_) => Part::Unreadable,
    }
}

fn url_part(key: &str, outcome: &UrlOutcome) -> Part {
    let UrlOutcome::Parsed(view) = outcome else { return Part::Unreadable };
    let UrlView { scheme, host, port, path, class, .. } = view;
    match key {
        "url.scheme" => Part::Text(scheme.clone()),
        "url.host" => Part::Text(host.clone()),
        "url.port" => port.map_or(Part::Absent, |port| Part::Text(port.to_string())),
        "url.path" => Part::Text(path.clone()),
        "url.class" => Part::Text(class.as_str().to_owned()),
        other => panic!("no part of a URL: {other}"),
    }
}

fn command_parts(key: &str, outcome: &CommandOutcome) -> Vec<Part> {
    let CommandOutcome::Parsed(view) = outcome else { return vec![Part::Unreadable] };
    let known = |text: &String| Part::Text(text.clone());
    let words = ["command.args", "command.redirects"].contains(&key);
    let hidden = |command: &SimpleCommand| command.hidden || (words && command.dynamic);
    let unknown = (key != "command.program" && view.commands.iter().any(hidden)).then_some(Part::Unreadable);
    let parts: Vec<Part> = match key {
        "command.pipeline" => view.pipelines.iter().map(known).collect(),
        "command.program" => {
            let named = view.commands.iter().filter(|command| !command.program.is_empty() || command.hidden);
            let part = |hidden, program| if hidden { Part::Unreadable } else { known(program) };
            named.map(|command| part(command.hidden, &command.program)).collect()
        }
        "command.args" => view.commands.iter().flat_map(|command| command.args.iter().map(known)).collect(),
        "command.redirects" => {
            let redirects = view.commands.iter().flat_map(|command| &command.redirects);
            redirects.map(|redirect| known(&redirect.target)).collect()
        }
        other => panic!("no part of a command: {other}"),
    };
    parts.into_iter().chain(unknown).collect()
}

fn sql_parts(key: &str, outcome: &SqlOutcome) -> Vec<Part> {
    let SqlOutcome::Parsed(view) = outcome else { return vec![Part::Unreadable] };
    let text = |text: &str| Part::Text(text.to_owned());
    match key {
        "sql.kind" => view.statements.iter().map(|statement| text(&statement.kind)).collect(),
        "sql.where" => {
            view.statements.iter().map(|statement| text(&statement.has_where.to_string())).collect()
        }
        "sql.tables" => view
            .statements
            .iter()
            .flat_map(|statement| statement.tables.iter().map(|table| text(table)))
            .collect(),
        other => panic!("no part of SQL: {other}"),
    }
}

/// `parameters` or `context`: a mapping of paths to tests or to further mappings.
pub fn of_tree(prefix: &str, spec: &Value, root: &Value, addresses: &[String]) -> Answer {
    if prefix == "*" {
        return of_anything(spec, root);
    }
    let nested = spec.as_object().filter(|map| !map.keys().all(|key| OPERATORS.contains(&key.as_str())));
    if let Some(map) = nested {
        let join = |key: &str| if prefix.is_empty() { key.to_owned() } else { format!("{prefix}.{key}") };
        let answers: Vec<Answer> =
            map.iter().map(|(key, spec)| of_tree(&join(key), spec, root, addresses)).collect();
        return every(&answers);
    }
    let steps: Vec<&str> = prefix.split('.').collect();
    let values = reached(root, &steps);
    if !addresses.iter().any(|name| name == prefix) {
        return of_values(spec, &values);
    }
    let listed: Option<Vec<Value>> = values.iter().map(mailboxes).collect();
    listed.map_or_else(|| of_unreadable(&tests_of(spec)), |listed| of_values(spec, &listed))
}

/// A declared e-mail address as a list of addresses, or a single one.
fn mailboxes(value: &Value) -> Option<Value> {
    match value {
        Value::Null => Some(Value::Null),
        Value::Array(items) => {
            let each: Option<Vec<Value>> = items.iter().map(mailboxes).collect();
            let flat = each?.into_iter().flat_map(|item| match item {
                Value::Array(inner) => inner,
                one => vec![one],
            });
            Some(flat.collect())
        }
        Value::String(text) => {
            let all = email::addresses(text).ok()?;
            Some(if let [one] = all.as_slice() { one.as_str().into() } else { all.into() })
        }
        _ => None,
    }
}

/// Tests of something that is there and cannot be read.
fn of_unreadable(tests: &[(String, Value)]) -> Answer {
    let test = |(operator, operand): &(String, Value)| match operator.as_str() {
        "exists" => Answer::from(operand == true),
        _ => Answer::Unknown,
    };
    every(&tests.iter().map(test).collect::<Vec<_>>())
}

/// Any name or value anywhere that meets every test.
fn of_anything(spec: &Value, root: &Value) -> Answer {
    let everything = inside(root);
    let tests = tests_of(spec);
    let meets =
        |text: &String| tests.iter().all(|(operator, operand)| holds_of_text(operator, operand, text, false));
    everything.iter().any(meets).into()
}

/// What a path leads to: keys with dots in them count too, and without a number every element of a list.
fn reached(value: &Value, steps: &[&str]) -> Vec<Value> {
    let Some((first, rest)) = steps.split_first() else { return vec![value.clone()] };
    match value {
        Value::Object(map) => {
            let one =
                |taken: usize| map.get(&steps[..taken].join(".")).map(|item| reached(item, &steps[taken..]));
            (1..=steps.len()).filter_map(one).flatten().collect()
        }
        Value::Array(items) => match first.parse::<usize>() {
            Ok(index) => items.get(index).map(|item| reached(item, rest)).unwrap_or_default(),
            Err(_) => items.iter().flat_map(|item| reached(item, steps)).collect(),
        },
        _ => Vec::new(),
    }
}

/// Every test of a specification held against the values to which a path leads.
pub fn of_values(spec: &Value, values: &[Value]) -> Answer {
    let tests = tests_of(spec);
    if let Some(view) = spec.get("view").and_then(Value::as_str) {
        let tests: Vec<(String, Value)> = tests.into_iter().filter(|test| test.0 != "view").collect();
        let seen: Vec<Answer> = values.iter().map(|value| of_viewed(view, &tests, value)).collect();
        return if seen.is_empty() { of_nothing(&tests) } else { agreed(&seen) };
    }
    let test = |(operator, operand): &(String, Value)| {
        let each = || values.iter().map(|value| holds_of_value(operator, operand, value)).collect::<Vec<_>>();
        match operator.as_str() {
            "exists" => {
                Answer::from(values.iter().any(|value| !value.is_null()) == operand.as_bool().unwrap())
            }
            "any_of" => some(&of_elements(operand, values)),
            "all_of" if of_elements(operand, values).is_empty() => Answer::No,
            "all_of" => every(&of_elements(operand, values)),
            "not_in" if values.is_empty() => Answer::Unknown,
            "pattern" | "contains" => some(&each()),
            _ => agreed(&each()),
        }
    };
    every(&tests.iter().map(test).collect::<Vec<_>>())
}

/// The tests in `any_of` and `all_of`, for each element; what is no list is its only element.
fn of_elements(operand: &Value, values: &[Value]) -> Vec<Answer> {
    let elements = values.iter().flat_map(crate::values::listed);
    elements.map(|element| of_values(operand, std::slice::from_ref(&element))).collect()
}

/// The other tests see each text as a path or a part of a URL; what is no text cannot be seen so.
fn of_viewed(view: &str, tests: &[(String, Value)], value: &Value) -> Answer {
    let part = match (value, view) {
        (Value::Null, _) => return of_nothing(tests),
        (Value::Array(items), _) if items.is_empty() => return of_nothing(tests),
        (Value::Array(items), _) => {
            return agreed(&items.iter().map(|item| of_viewed(view, tests, item)).collect::<Vec<_>>());
        }
        (Value::String(text), "path") => path_part(&path::normalise(text)),
        (Value::String(text), part) => url_part(part, &url::view(text)),
        _ => Part::Absent,
    };
    of_parts(view, tests, &[part])
}

/// Tests of what is absent, null or an empty list.
fn of_nothing(tests: &[(String, Value)]) -> Answer {
    let test = |(operator, operand): &(String, Value)| match operator.as_str() {
        "exists" if ABSENCE_BESIDE_A_VIEW_HOLDS => Answer::from(operand == false),
        "not_in" if NOT_IN_OF_NOTHING_VIEWED_IS_UNKNOWN => Answer::Unknown,
        _ => Answer::No,
    };
    every(&tests.iter().map(test).collect::<Vec<_>>())
}

/// Bytes of all names and values.
pub fn size(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(size).sum(),
        Value::Object(map) => map.iter().map(|(key, item)| key.len() + size(item)).sum(),
        Value::Null => 0,
        scalar => written(scalar).map_or(0, |text| text.len()),
    }
}
