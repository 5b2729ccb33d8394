//! The same action under the same policies has the same decision, and has it soon.

use std::time::{Duration, Instant};

use maais_runtime::Snapshot;
use maais_runtime::core::decide::decide;
use maais_runtime::core::diagnostic::Source;
use maais_runtime::core::facts::{Facts, NoMemo};
use maais_runtime::core::policy;
use maais_runtime::core::request::{ActionRequest, ActionType, Defaults};
use maais_runtime::core::settings::Settings;
use maais_runtime::core::state::State;
use serde_json::json;

use super::{Evidence, ensure};

/// Loads of the same policies in other orders.
const LOADS: usize = 8;
/// Decisions that are timed.
const TIMED: u32 = 500;
/// What a decision may take on average, its flush to the disk included.
const LATENCY_MAX: Duration = Duration::from_millis(5);

/// Every action, under policies loaded again and again in other orders, decided twice.
pub(super) fn deterministic() -> Evidence {
    let requests = requests()?;
    let mut first: Option<(String, Vec<String>)> = None;
    let mut compared = 0;
    for turn in 0..LOADS {
        let mut sources = rules();
        sources.rotate_left(turn % 3);
        if turn % 2 == 1 {
            sources.reverse();
        }
        let set = policy::load(&sources)?.policies;
        let answers: Vec<String> =
            requests.iter().chain(&requests).map(|request| answer(&set, request)).collect();
        let (once, again) = answers.split_at(requests.len());
        ensure(once == again, "an action was decided differently the second time")?;
        compared += answers.len();
        match &first {
            None => first = Some((set.digest().to_owned(), answers)),
            Some((digest, before)) => {
                ensure(digest == set.digest(), "the digest depends on the order of the files")?;
                ensure(*before == answers, "a decision depends on the order of the files")?;
            }
        }
    }
    let builtin = Snapshot::load(None, &[])?.digest == Snapshot::load(None, &[])?.digest;
    ensure(builtin, "the built-in policies have another digest when they are loaded again")?;
    Ok(format!("{compared} decisions equal over {LOADS} loads in different orders, digest equal"))
}

/// Three files whose rules overlap, so that their order could matter.
fn rules() -> Vec<Source> {
    let rule = |id: &str, condition: &str, decision: &str, priority: u32| {
        format!(
            "  - {{id: {id}, applies_to: '*', condition: {condition}, decision: {decision}, reason: r, priority: {priority}}}\n"
        )
    };
    let file = |name: &str, rules: &[String]| Source::new(name, format!("policies:\n{}", rules.concat()));
    vec![
        file(
            "a.yaml",
            &[
                rule("a1", "{target: x}", "ALLOW", 10),
                rule("a2", "{parameters: {n: {in: [1, 2]}}}", "DENY", 20),
            ],
        ),
        file(
            "b.yaml",
            &[rule("b1", "{target: {pattern: 'x|y'}}", "DENY", 10), rule("b2", "{}", "ALLOW", 900)],
        ),
        file("c.yaml", &[rule("c1", "{agent_id: {glob: 'a*'}}", "REQUIRE_APPROVAL", 10)]),
    ]
}

fn requests() -> Result<Vec<ActionRequest>, Box<dyn std::error::Error>> {
    let mut requests = Vec::new();
    for kind in ActionType::ALL {
        for (agent, target, number) in
            [("a", "x", 1), ("a", "z", 2), ("b", "x", 3), ("b", "y", 1), ("b", "z", 2), ("c", "z", 9)]
        {
            let value = json!({"agent_id": agent, "action_type": kind.as_str(), "target": target, "parameters": {"n": number}});
            let defaults = Defaults { action_id: "id".into(), timestamp: jiff::Timestamp::UNIX_EPOCH };
            requests.push(ActionRequest::from_value(value, defaults)?);
        }
    }
    Ok(requests)
}

fn answer(set: &policy::PolicySet, request: &ActionRequest) -> String {
    let facts = Facts::new(request, &NoMemo);
    let decision = decide(set, &Settings::default(), &facts, &State::default());
    serde_json::Value::Object(decision.to_json()).to_string()
}

/// The time of durable decisions, one after the other.
pub(super) fn latency() -> Evidence {
    let home = tempfile::tempdir()?;
    let runtime = super::engine(home.path())?;
    let mut times = Vec::new();
    for turn in 0..TIMED {
        let action = json!({"agent_id": "timed", "action_type": "tool_call", "target": format!("tool_{}", turn / 50),
            "parameters": {"text": "an ordinary parameter of an ordinary tool", "number": turn}});
        let begun = Instant::now();
        super::decide(&runtime, action)?;
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    let total: Duration = times.iter().sum();
    let average = total.checked_div(TIMED).unwrap_or_default();
    let at = |share: f64| times.get((times.len() as f64 * share) as usize).copied().unwrap_or_default();
    let (p50, p99) = (at(0.5), at(0.99));
    ensure(average < LATENCY_MAX, format!("{average:?} on average, p50 {p50:?}, p99 {p99:?}"))?;
    Ok(format!("{TIMED} durable decisions, average {average:.0?}, p50 {p50:.0?}, p99 {p99:.0?}"))
}
