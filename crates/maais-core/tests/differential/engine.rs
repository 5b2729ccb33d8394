//! The only file here that calls the compiled engine.

use std::time::Duration;

use maais_core::decision::Effect;
use maais_core::diagnostic::Source;
use maais_core::facts::{Facts, NoMemo};
use maais_core::policy::{self, PolicySet, Trail};
use maais_core::request::{ActionRequest, Defaults};
use maais_core::state::{Exceeded, Limit, State};
use serde_json::Value;

use crate::interpreter::Moment;

/// The files as the engine loads them, in the order in which they are given.
pub fn load(files: &[(String, Value)]) -> Result<PolicySet, String> {
    let source = |(name, file): &(String, Value)| Source::new(name.as_str(), file.to_string());
    let sources: Vec<Source> = files.iter().map(source).collect();
    policy::load(&sources).map(|loaded| loaded.policies).map_err(|problems| problems.to_string())
}

pub fn request(value: &Value) -> Option<ActionRequest> {
    let defaults = Defaults { action_id: "a".into(), timestamp: jiff::Timestamp::UNIX_EPOCH };
    ActionRequest::from_value(value.clone(), defaults).ok()
}

/// The engine's state at that moment: the past goes through a trail.
pub fn state(policies: &PolicySet, moment: &Moment) -> State {
    let mut trail = Trail::default();
    for past in &moment.past {
        let facts = Facts::new(&past.request, &NoMemo).typed(policies.tools());
        let effect = match past.effect {
            "ALLOW" => Effect::Allow,
            "DENY" => Effect::Deny,
            _ => Effect::RequireApproval,
        };
        let then = known(policies, &past.moment);
        trail.note(policies, &facts, &then, effect, Duration::from_secs_f64(past.moment.clock));
    }
    let history = trail.answers(policies, Duration::from_secs_f64(moment.clock));
    State { history, ..known(policies, moment) }
}

fn known(policies: &PolicySet, moment: &Moment) -> State {
    let over = |(rule, number): &(String, usize)| {
        let mut of_rule =
            policies.limits().iter().enumerate().filter(|(_, limit)| *limit.policy_id == **rule);
        let (at, limit) = of_rule.nth(*number)?;
        let limit = Exceeded {
            limit: Limit::Policy(at),
            seen: limit.max,
            max: limit.max,
            window_seconds: 60,
            retry_after_ms: 0,
        };
        Some(limit)
    };
    State {
        now: moment.now,
        tenant: moment.tenant.clone(),
        roles: moment.roles.clone(),
        labels: moment.labels.clone(),
        forgotten: moment.forgotten,
        exceeded: moment.exceeded.iter().filter_map(over).collect(),
        ..State::default()
    }
}

/// The first rule that matches, and whether it certainly does.
pub fn first_match(policies: &PolicySet, request: &ActionRequest, state: &State) -> Option<(String, bool)> {
    let facts = Facts::new(request, &NoMemo).typed(policies.tools());
    policies.first_match(&facts, state).map(|matched| (matched.rule.id.to_string(), matched.certain))
}
