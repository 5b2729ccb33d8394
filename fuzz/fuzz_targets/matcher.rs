//! Policies and a request, split by a NUL: the index finds the rule that trying all of them in order finds.
#![no_main]

use libfuzzer_sys::fuzz_target;
use maais_core::decision::Effect;
use maais_core::diagnostic::Source;
use maais_core::facts::{Facts, NoMemo};
use maais_core::policy::{self, Tri};
use maais_core::request::{ActionRequest, Defaults};
use maais_core::state::State;

fuzz_target!(|text: &str| {
    let Some((policies, request)) = text.split_once('\0') else { return };
    let Ok(loaded) = policy::load(&[Source::new("fuzz.yaml", policies)]) else { return };
    let defaults = Defaults { action_id: "fuzz".into(), timestamp: jiff::Timestamp::UNIX_EPOCH };
    let Ok(request) = ActionRequest::from_json(request.as_bytes(), defaults) else { return };
    let policies = loaded.policies;
    let (facts, state) = (Facts::new(&request, &NoMemo).typed(policies.tools()), State::default());
    let obvious = policies.rules().iter().find(|rule| {
        let holds = rule.holds(&facts, &state);
        !rule.shadow
            && rule.applies_to.contains(request.action_type())
            && (holds == Tri::True || (holds == Tri::Unknown && rule.effect != Effect::Allow))
    });
    let found = policies.first_match(&facts, &state).map(|matched| &matched.rule.id);
    assert_eq!(found, obvious.map(|rule| &rule.id));
    assert_eq!(policies.evaluate(&facts, &state).matched.map(|matched| &matched.rule.id), found);
    drop(policies.explain(&facts, &state));
});
