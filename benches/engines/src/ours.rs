//! Our engine: the rules as YAML, each request already an `ActionRequest`; facts are made in the measured time.

use std::borrow::Cow;

use maais_core::diagnostic::Source;
use maais_core::facts::{Facts, NoMemo};
use maais_core::policy::{self, PolicySet};
use maais_core::request::{ActionRequest, Defaults};
use maais_core::state::State;
use serde_json::json;

use crate::Failure;
use crate::engine::Engine;
use crate::workload::{Request, Workload};

struct Ours {
    policies: PolicySet,
    requests: Vec<ActionRequest>,
    state: State,
}

pub(crate) fn load(workload: &Workload) -> Result<impl Engine + use<>, Failure> {
    let loaded = policy::load(&[Source::new("rules.yaml", workload.yaml.as_str())]);
    let policies = loaded.map_err(|problems| problems.to_string())?.policies;
    Ok(Ours { policies, requests: Vec::new(), state: State::default() })
}

impl Engine for Ours {
    fn prepare(&mut self, requests: &[Request]) -> Result<(), Failure> {
        let action = |request: &Request| {
            let row = json!({
                "agent_id": request.agent_id,
                "action_type": request.action_type,
                "target": request.target,
                "parameters": request.parameters,
            });
            let defaults = Defaults { action_id: "a".into(), timestamp: jiff::Timestamp::UNIX_EPOCH };
            ActionRequest::from_value(row, defaults)
        };
        self.requests = requests.iter().map(action).collect::<Result<_, _>>()?;
        Ok(())
    }

    fn decide(&mut self, request: usize) -> Option<Cow<'_, str>> {
        let facts = Facts::new(&self.requests[request], &NoMemo);
        let matched = self.policies.first_match(&facts, &self.state)?;
        // `id#1` is the second alternative of the rule `id`.
        matched.rule.id.split('#').next().map(Cow::Borrowed)
    }
}
