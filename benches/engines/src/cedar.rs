//! Cedar: no regexes and no order, so alternations are spelt out as `like`s on text in lower case, and the
//! first rule is the one of lowest place among those that Cedar says decided. It evaluates every policy.

use std::borrow::Cow;
use std::collections::HashMap;

use cedar_policy::{
    Authorizer, Context, Entities, EntityId, EntityTypeName, EntityUid, PolicyId, PolicySet,
    RestrictedExpression,
};

use crate::Failure;
use crate::engine::Engine;
use crate::workload::{self, Workload};

struct Cedar {
    policies: PolicySet,
    /// The place and the rule of each policy.
    rules: HashMap<PolicyId, (usize, String)>,
    authorizer: Authorizer,
    entities: Entities,
    requests: Vec<cedar_policy::Request>,
}

pub(crate) fn load(workload: &Workload) -> Result<impl Engine + use<>, Failure> {
    let policies: PolicySet = workload.cedar.parse()?;
    let places: HashMap<&str, usize> = workload.rules.iter().map(|rule| rule.id.as_str()).zip(0..).collect();
    let place = |policy: &cedar_policy::Policy| {
        let id = policy.annotation("id").ok_or("a policy without @id")?;
        let place = places.get(id).ok_or_else(|| format!("no rule `{id}`"))?;
        Ok((policy.id().clone(), (*place, id.to_owned())))
    };
    let rules = policies.policies().map(place).collect::<Result<_, Failure>>()?;
    let entities = Entities::empty();
    Ok(Cedar { policies, rules, authorizer: Authorizer::new(), entities, requests: Vec::new() })
}

impl Engine for Cedar {
    fn prepare(&mut self, requests: &[workload::Request]) -> Result<(), Failure> {
        self.requests = requests.iter().map(request).collect::<Result<_, _>>()?;
        Ok(())
    }

    fn decide(&mut self, request: usize) -> Option<Cow<'_, str>> {
        let answer = self.authorizer.is_authorized(&self.requests[request], &self.policies, &self.entities);
        let rules = answer.diagnostics().reason().filter_map(|id| self.rules.get(id));
        rules.min_by_key(|(place, _)| *place).map(|(_, id)| Cow::Borrowed(id.as_str()))
    }
}

fn request(request: &workload::Request) -> Result<cedar_policy::Request, Failure> {
    let texts = request.parameters.iter().filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)));
    let texts = texts.chain([("target", request.target.as_str())]);
    let pairs = texts.flat_map(|(name, text)| {
        let lower = RestrictedExpression::new_string(text.to_lowercase());
        [(name.to_owned(), RestrictedExpression::new_string(text.to_owned())), (format!("{name}_lc"), lower)]
    });
    let principal = uid("Agent", &request.agent_id)?;
    let action = uid("Action", &request.action_type)?;
    let resource = uid("Target", &request.target)?;
    Ok(cedar_policy::Request::new(principal, action, resource, Context::from_pairs(pairs)?, None)?)
}

fn uid(kind: &str, id: &str) -> Result<EntityUid, Failure> {
    Ok(EntityUid::from_type_name_and_id(kind.parse::<EntityTypeName>()?, EntityId::new(id)))
}
