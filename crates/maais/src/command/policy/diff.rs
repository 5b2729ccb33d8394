//! `maais policy diff`: every request that two sets of policies answer differently.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use maais_runtime::Snapshot;
use maais_runtime::core::decision::Effect;
use maais_runtime::core::facts::{Facts, NoMemo};
use maais_runtime::core::policy::PolicySet;
use maais_runtime::core::request::ActionRequest;
use maais_runtime::core::state::State;
use serde_json::{Value, json};

use super::requests;
use crate::command::{Done, print_json, verdict};
use crate::term::{BAD, DIM, GOOD, HEAD, WARN, of_effect, paint, printable, say};

/// Changes that are printed for one pair of rules; the rest is counted.
const SHOWN_MAX: usize = 3;

/// What a set of policies says of a request.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Answer {
    effect: Effect,
    policy: Option<String>,
}

/// A request whose answer changes.
struct Change<'r> {
    request: &'r ActionRequest,
    before: Answer,
    after: Answer,
}

/// Compares.
pub(super) fn run(
    before: &[PathBuf],
    after: &[PathBuf],
    file: Option<&Path>,
    log: Option<&Path>,
    as_json: bool,
) -> Done {
    let (before, after) = (Snapshot::load(None, before)?, Snapshot::load(None, after)?);
    let (old, new) = (&before.policies, &after.policies);
    let (requests, origin) = match (file, log) {
        (Some(file), _) => {
            (requests::from_file(file)?.into_iter().map(|asked| asked.request).collect(), "given")
        }
        (_, Some(home)) => (requests::from_log(home)?, "recorded"),
        _ => (requests::from_policies(&[old, new]), "made of the rules' own literals"),
    };
    let changes: Vec<Change<'_>> = requests
        .iter()
        .map(|request| Change { request, before: answer(old, request), after: answer(new, request) })
        .filter(|change| change.before != change.after)
        .collect();
    let bump = bump(old, new, &changes);
    if as_json {
        let list: Vec<Value> = changes.iter().map(to_json).collect();
        print_json(&json!({"changes": list, "requests": requests.len(), "suggested_bump": bump}))?;
    } else {
        print(&changes, requests.len(), origin, bump);
    }
    Ok(verdict(changes.is_empty()))
}

fn answer(policies: &PolicySet, request: &ActionRequest) -> Answer {
    let matched =
        policies.first_match(&Facts::new(request, &NoMemo).typed(policies.tools()), &State::default());
    Answer {
        effect: matched
            .map_or(policies.default_decision().unwrap_or(Effect::Deny), |matched| matched.rule.effect),
        policy: matched.map(|matched| matched.rule.id.to_string()),
    }
}

/// Semantic versioning of a pack: what was denied and is not any more, or the other way round, is a major change
/// for somebody; another rule or reason for the same answer is a minor one.
fn bump(old: &PolicySet, new: &PolicySet, changes: &[Change<'_>]) -> &'static str {
    if changes.iter().any(|change| change.before.effect != change.after.effect) {
        "major"
    } else if !changes.is_empty() || old.rules().len() != new.rules().len() {
        "minor"
    } else if old.digest() != new.digest() {
        "patch"
    } else {
        "none"
    }
}

fn to_json(change: &Change<'_>) -> Value {
    let answer = |answer: &Answer| json!({"effect": answer.effect.as_str(), "policy_id": answer.policy});
    json!({
        "after": answer(&change.after), "before": answer(&change.before),
        "request": change.request.to_json(),
    })
}

fn print(changes: &[Change<'_>], requests: usize, origin: &str, bump: &str) {
    let mut groups: BTreeMap<(Answer, Answer), Vec<&Change<'_>>> = BTreeMap::new();
    for change in changes {
        groups.entry((change.before.clone(), change.after.clone())).or_default().push(change);
    }
    for ((before, after), group) in &groups {
        let looser = after.effect < before.effect;
        let mark = match (after.effect == before.effect, looser) {
            (true, _) => paint(DIM, "same effect"),
            (_, true) => paint(BAD, "looser"),
            _ => paint(GOOD, "stricter"),
        };
        say!("{mark} {} → {}: {} requests", shown(before), shown(after), group.len());
        for change in group.iter().take(SHOWN_MAX) {
            let request = change.request;
            let parameters = Value::Object(request.parameters().clone()).to_string();
            let line = format!("{} {} {parameters}", request.action_type(), request.target());
            say!("    {}", paint(DIM, printable(&line, 160)));
        }
    }
    let style = if changes.is_empty() { GOOD } else { WARN };
    let counted = paint(style, format!("{} of {requests} answers change", changes.len()));
    say!("{} {counted}; requests {origin}; suggested version bump: {bump}", paint(HEAD, "diff"));
}

fn shown(answer: &Answer) -> String {
    let policy = answer.policy.as_deref().unwrap_or("default");
    format!("{} ({policy})", paint(of_effect(answer.effect), answer.effect))
}
