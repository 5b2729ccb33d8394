//! Requests to hold policies against: from a file, from a log, or from the policies' own literals.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read as _};
use std::path::Path;

use maais_runtime::core::policy::PolicySet;
use maais_runtime::core::request::{ActionRequest, Defaults};
use serde_json::{Map, Value, json};

/// A request, and what it says must come of it.
pub(super) struct Asked {
    pub(super) request: ActionRequest,
    /// The id of the rule that must match first, `Some(None)` if none may.
    pub(super) expected: Option<Option<String>>,
}

/// Reads one request a line.
pub(super) fn from_file(file: &Path) -> Result<Vec<Asked>, Box<dyn std::error::Error>> {
    let cannot = |error: io::Error| format!("cannot read `{}`: {error}", file.display());
    let text = if file == Path::new("-") {
        let mut text = String::new();
        io::stdin().lock().read_to_string(&mut text).map_err(cannot)?;
        text
    } else {
        fs::read_to_string(file).map_err(cannot)?
    };
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(at, line)| {
            asked(line).map_err(|error| format!("{}:{}: {error}", file.display(), at + 1).into())
        })
        .collect()
}

fn asked(line: &str) -> Result<Asked, String> {
    let mut value = maais_runtime::core::json::parse(line.as_bytes()).map_err(|error| error.to_string())?;
    let map = value.as_object_mut().ok_or("a request is a JSON object")?;
    let expected = match map.remove("expect") {
        None => None,
        Some(Value::Null) => Some(None),
        Some(Value::String(id)) => Some(Some(id)),
        Some(_) => return Err("`expect` is a rule's id or null".to_owned()),
    };
    let request = ActionRequest::from_value(value, defaults()).map_err(|error| error.to_string())?;
    Ok(Asked { request, expected })
}

pub(super) fn defaults() -> Defaults {
    Defaults { action_id: "request".into(), timestamp: jiff::Timestamp::UNIX_EPOCH }
}

/// The requests of a log's decisions. A sealed value is not opened: its marker stands in its place.
pub(super) fn from_log(home: &Path) -> Result<Vec<ActionRequest>, Box<dyn std::error::Error>> {
    let mut requests = Vec::new();
    for record in maais_runtime::audit::read(home)? {
        let record = record?;
        let value: Value = serde_json::from_str(&record.line)?;
        let Some(request) = value.get("request").filter(|request| request.is_object()) else { continue };
        if let Ok(request) = ActionRequest::from_value(request.clone(), defaults()) {
            requests.push(request);
        }
    }
    Ok(requests)
}

/// Texts that no policy speaks of, as neighbours of those that some do.
const NEIGHBOURS: [&str; 4] = ["", "other", "https://neighbour.example/", "/tmp/neighbour"];

/// Requests made of what the policies name: every kind, target and parameter with the literals that stand there,
/// and with their neighbours.
pub(super) fn from_policies(sets: &[&PolicySet]) -> Vec<ActionRequest> {
    let mut requests = BTreeSet::new();
    for set in sets {
        for rule in set.rules() {
            let named = rule.named();
            let targets: Vec<String> =
                named.targets.iter().cloned().chain(["other_tool".to_owned()]).collect();
            for kind in rule.applies_to.names() {
                for target in &targets {
                    requests.insert(json!({"action_type": kind, "target": target}).to_string());
                    for (path, texts) in &named.parameters {
                        for text in texts.iter().map(String::as_str).chain(NEIGHBOURS) {
                            let parameters = nested(path, text);
                            let request =
                                json!({"action_type": kind, "target": target, "parameters": parameters});
                            requests.insert(request.to_string());
                        }
                    }
                }
            }
        }
    }
    let read = |text: &String| {
        let mut value: Value = serde_json::from_str(text).ok()?;
        value.as_object_mut()?.insert("agent_id".into(), "agent".into());
        ActionRequest::from_value(value, defaults()).ok()
    };
    requests.iter().filter_map(read).collect()
}

/// `a.b` with a value is `{"a": {"b": value}}`.
fn nested(path: &str, text: &str) -> Value {
    path.rsplit('.').fold(Value::from(text), |inner, step| {
        let mut map = Map::new();
        map.insert(step.to_owned(), inner);
        Value::Object(map)
    })
}
