//! `maais explain`: which rule decides an action and why, and which rules nearly would have.

use std::io::{self, Read as _};

use maais_runtime::core::decide::decide;
use maais_runtime::core::facts::{Facts, NoMemo};
use maais_runtime::core::json;
use maais_runtime::core::policy::Tri;
use maais_runtime::core::policy::explain::{Explained, Part};
use maais_runtime::core::request::{ActionRequest, Defaults};
use maais_runtime::core::state::State;
use maais_runtime::{Config, Snapshot};
use serde_json::{Value, json};

use super::{Done, print_json, verdict};
use crate::cli::Explain;
use crate::term::{BAD, DIM, GOOD, HEAD, WARN, of_effect, paint, printable, say};

/// Explains one action; nothing is recorded and nothing is counted.
pub(crate) fn run(args: &Explain) -> Done {
    let settings = args.config.clone().or(Config::default().settings);
    let snapshot = Snapshot::load(settings.as_deref(), &args.policies)?;
    let request = request(args)?;
    let facts = Facts::new(&request, &NoMemo).typed(snapshot.policies.tools());
    let roles = snapshot.settings.roles_of(request.agent_id().as_str());
    let state = State { now: jiff::Timestamp::now(), roles, ..State::default() };
    let decision = decide(&snapshot.policies, &snapshot.settings, &facts, &state);
    let tried = snapshot.policies.explain(&facts, &state);
    let deciding = tried.iter().position(|tried| tried.matches && !tried.rule.shadow);
    let mut near: Vec<&Explained<'_>> = tried.iter().filter(|tried| !tried.matches).collect();
    near.sort_by_key(|tried| std::cmp::Reverse(tried.nearness()));
    near.truncate(args.near);
    let matched = deciding.and_then(|at| tried.get(at));
    if args.json {
        print_json(&json!({
            "effect": decision.effect.as_str(), "explanation": decision.explanation,
            "matched": matched.map(to_json), "near": near.iter().map(|tried| to_json(tried)).collect::<Vec<_>>(),
        }))?;
        return Ok(verdict(decision.allow()));
    }
    say!(
        "{}  {}",
        paint(of_effect(decision.effect), decision.effect),
        printable(&decision.explanation, 2_000)
    );
    match matched {
        Some(tried) => print(tried, "decides"),
        None => say!("{} no policy matches", paint(HEAD, "default")),
    }
    near.iter().for_each(|tried| print(tried, "does not match"));
    Ok(verdict(decision.allow()))
}

fn request(args: &Explain) -> Result<ActionRequest, Box<dyn std::error::Error>> {
    let defaults = Defaults { action_id: "explained".into(), timestamp: jiff::Timestamp::now() };
    let Some(target) = &args.target else {
        let mut bytes = Vec::new();
        let limit = u64::try_from(json::BYTES_MAX).unwrap_or(u64::MAX) + 1;
        io::stdin().lock().take(limit).read_to_end(&mut bytes)?;
        return Ok(ActionRequest::from_json(&bytes, defaults)?);
    };
    let request = json!({
        "agent_id": args.agent, "action_type": args.action_type, "target": target,
        "parameters": super::check::parameters(&args.parameters)?, "declared_goal": args.goal,
    });
    Ok(ActionRequest::from_value(request, defaults)?)
}

fn print(tried: &Explained<'_>, what: &str) {
    let rule = tried.rule;
    let effect = paint(of_effect(rule.effect), rule.effect);
    say!("\n{} {what}: {effect} {}", paint(HEAD, &rule.id), paint(DIM, &rule.place));
    if tried.parts.is_empty() {
        say!("  {} it matches every action of its kinds", paint(GOOD, "true   "));
    }
    for part in &tried.parts {
        say!("  {}{} {}", answer(part), "  ".repeat(part.depth), words(part));
    }
}

fn answer(part: &Part) -> String {
    let style = match part.holds {
        Tri::True => GOOD,
        Tri::Unknown => WARN,
        Tri::False => BAD,
    };
    paint(style, format!("{:<7}", part.holds.as_str()))
}

fn words(part: &Part) -> String {
    let seen: Vec<String> = part.seen.iter().map(|text| printable(text, 200)).collect();
    let asks = printable(&part.asks, 300);
    match seen.as_slice() {
        [] if ["and", "or", "not"].contains(&part.asks.as_str()) => asks,
        [] => format!("{asks} {}", paint(DIM, "(there is nothing)")),
        seen => format!("{asks} {}", paint(DIM, format!("← {}", seen.join("; ")))),
    }
}

fn to_json(tried: &Explained<'_>) -> Value {
    let part = |part: &Part| json!({"asks": part.asks, "depth": part.depth, "holds": part.holds.as_str(), "seen": part.seen});
    json!({
        "decision": tried.rule.effect.as_str(), "holds": tried.holds.as_str(), "nearness": tried.nearness(),
        "parts": tried.parts.iter().map(part).collect::<Vec<_>>(), "place": tried.rule.place,
        "policy_id": &*tried.rule.id,
    })
}
