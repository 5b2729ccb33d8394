//! The policy language, slowly: plain recursion over the policies as JSON, as docs/policies.md says it.
//!
//! No index, no normal form, no order but that of the rules. What texts mean as URLs, paths, commands, SQL and
//! sensitive data is taken from the facts.

use maais_core::facts::{Facts, NoMemo};
use maais_core::policy::PolicySet;
use maais_core::policy::tools::ParameterType;
use maais_core::request::ActionRequest;
use serde_json::{Map, Value, json};

use crate::expand::{Expanded, Rule};
use crate::kleene::{Answer, every, not, some};
use crate::quantity::seconds;
use crate::subject::{of_parts, of_roles, of_text, of_tree, parts, size};
use crate::values::{ordered, tests_of};

/// What is known beside the action: as the engine's own state, but with the past as it was.
#[derive(Debug, Clone, Default)]
pub struct Moment {
    pub now: jiff::Timestamp,
    pub tenant: String,
    pub roles: Vec<String>,
    pub labels: Vec<String>,
    pub forgotten: bool,
    /// For each rule's limits, in order, whether it is exceeded: (rule, which of it).
    pub exceeded: Vec<(String, usize)>,
    /// Seconds on the clock by which the past is measured.
    pub clock: f64,
    pub past: Vec<Past>,
}

/// An action of the same session, and what was said to it.
#[derive(Debug, Clone)]
pub struct Past {
    pub request: ActionRequest,
    pub effect: &'static str,
    pub moment: Moment,
}

/// The first rule that matches, and whether it certainly does.
pub fn first_match(
    files: &Expanded,
    policies: &PolicySet,
    request: &ActionRequest,
    moment: &Moment,
) -> Option<(String, bool)> {
    let facts = Facts::new(request, &NoMemo).typed(policies.tools());
    for rule in files.rules.iter().filter(|rule| !rule.shadow) {
        if !rule.applies_to.iter().any(|kind| kind == "*" || kind == request.action_type().as_str()) {
            continue;
        }
        let world = World { rule, facts: &facts, moment, policies };
        match (world.condition(&rule.condition), rule.decision.as_str()) {
            (Answer::Yes, _) => return Some((rule.id.clone(), true)),
            (Answer::Unknown, "DENY" | "REQUIRE_APPROVAL") => return Some((rule.id.clone(), false)),
            _ => {}
        }
    }
    None
}

struct World<'a> {
    rule: &'a Rule,
    facts: &'a Facts<'a>,
    moment: &'a Moment,
    policies: &'a PolicySet,
}

impl World<'_> {
    /// Every key holds.
    fn condition(&self, condition: &Value) -> Answer {
        let keys = condition.as_object().unwrap_or_else(|| panic!("no condition: {condition}"));
        every(&keys.iter().map(|(key, spec)| self.key(key, spec)).collect::<Vec<_>>())
    }

    fn key(&self, key: &str, spec: &Value) -> Answer {
        let request = self.facts.request();
        let parameters = || Value::Object(request.parameters().clone());
        let context = || Value::Object(request.context().clone());
        match key {
            "target" => of_text(spec, request.target().as_str()),
            "agent_id" => of_text(spec, request.agent_id().as_str()),
            "tenant" => of_text(spec, &self.moment.tenant),
            "declared_goal" => of_text(spec, request.declared_goal()),
            "action_type" => of_text(spec, request.action_type().as_str()),
            "role" => of_roles(spec, &self.moment.roles),
            "parameters" => of_tree("", spec, &parameters(), &self.addresses()),
            "context" => of_tree("", spec, &context(), &[]),
            "size" => self.size(spec),
            "time" => self.time(spec),
            "after" => self.after(spec),
            "not_after" => not(self.after(spec)),
            "count" => self.count(spec),
            "labels" => self.labels(spec),
            "rate_limit" | "limit" => {
                let number = usize::try_from(spec["number"].as_u64().unwrap()).unwrap();
                self.moment.exceeded.contains(&(self.rule.id.clone(), number)).into()
            }
            "and" | "use" => every(&self.parts_of(spec)),
            "or" => some(&self.parts_of(spec)),
            "not" => not(self.condition(spec)),
            _ => match key.split_once('.') {
                Some(("parameters", path)) => of_tree(path, spec, &parameters(), &self.addresses()),
                Some(("context", path)) => of_tree(path, spec, &context(), &[]),
                _ => of_parts(key, &tests_of(spec), &parts(key, self.facts)),
            },
        }
    }

    /// A list of conditions, or a mapping whose keys are the parts.
    fn parts_of(&self, spec: &Value) -> Vec<Answer> {
        match spec {
            Value::Array(items) => items.iter().map(|item| self.condition(item)).collect(),
            Value::Object(map) => map.iter().map(|(key, spec)| self.key(key, spec)).collect(),
            other => panic!("no parts: {other}"),
        }
    }

    /// The parameters that are declared e-mail addresses.
    fn addresses(&self) -> Vec<String> {
        let declared = self.policies.tools().parameters(self.facts.request().target().as_str());
        let email = |(_, kind): &(&String, &ParameterType)| **kind == ParameterType::Email;
        declared.into_iter().flatten().filter(email).map(|(name, _)| name.clone()).collect()
    }

    fn size(&self, spec: &Value) -> Answer {
        let bytes = json!(size(&Value::Object(self.facts.request().parameters().clone())));
        let tests = spec.as_object().unwrap();
        every(&tests.iter().map(|(operator, bound)| ordered(operator, bound, &bytes)).collect::<Vec<_>>())
    }

    fn time(&self, spec: &Value) -> Answer {
        let zone = spec["zone"].as_str().unwrap_or("UTC");
        let now = self.moment.now.in_tz(zone).unwrap();
        let listed = |part: &str| spec.get(part).map(crate::values::listed);
        let minute = i32::from(now.hour()) * 60 + i32::from(now.minute());
        let hours = |ranges: Vec<Value>| ranges.iter().any(|range| in_hours(range.as_str().unwrap(), minute));
        let today = usize::try_from(now.weekday().to_monday_zero_offset()).unwrap();
        let days =
            |ranges: Vec<Value>| ranges.iter().any(|range| in_weekdays(range.as_str().unwrap(), today));
        Answer::from(listed("hours").is_none_or(hours) && listed("weekdays").is_none_or(days))
    }

    fn labels(&self, spec: &Value) -> Answer {
        let wanted = crate::values::listed(&spec["has"]);
        if self.moment.labels.iter().any(|label| wanted.contains(&Value::from(label.as_str()))) {
            return Answer::Yes;
        }
        if self.moment.forgotten { Answer::Unknown } else { Answer::No }
    }

    fn after(&self, spec: &Value) -> Answer {
        self.at_least(1, spec)
    }

    fn count(&self, spec: &Value) -> Answer {
        self.at_least(usize::try_from(spec["ge"].as_u64().unwrap()).unwrap(), spec)
    }

    /// How many actions of the past met the condition, and how many may have.
    fn at_least(&self, enough: usize, spec: &Value) -> Answer {
        let mut condition: Map<String, Value> = spec.as_object().unwrap().clone();
        let within = condition.remove("within").map(|within| seconds(within.as_str().unwrap()));
        let effect = condition.remove("effect").unwrap_or_else(|| "ALLOW".into());
        condition.remove("ge");
        let condition = Value::Object(condition);
        let (mut certain, mut possible) = (0, 0);
        for past in &self.moment.past {
            let age = self.moment.clock - past.moment.clock;
            if effect != past.effect || within.is_some_and(|within| age > within) {
                continue;
            }
            let facts = Facts::new(&past.request, &NoMemo).typed(self.policies.tools());
            let world =
                World { rule: self.rule, facts: &facts, moment: &past.moment, policies: self.policies };
            match world.condition(&condition) {
                Answer::Yes => certain += 1,
                Answer::Unknown => possible += 1,
                Answer::No => {}
            }
        }
        if certain >= enough {
            Answer::Yes
        } else if certain + possible >= enough || self.moment.forgotten {
            Answer::Unknown
        } else {
            Answer::No
        }
    }
}

fn in_hours(range: &str, minute: i32) -> bool {
    let clock = |text: &str| {
        let (hours, minutes) = text.split_once(':').unwrap();
        hours.parse::<i32>().unwrap() * 60 + minutes.parse::<i32>().unwrap()
    };
    let (from, to) = range.split_once('-').map(|(from, to)| (clock(from), clock(to))).unwrap();
    if from < to { from <= minute && minute < to } else { from <= minute || minute < to }
}

fn in_weekdays(range: &str, today: usize) -> bool {
    let number = |name: &str| {
        ["mon", "tue", "wed", "thu", "fri", "sat", "sun"].iter().position(|day| *day == name).unwrap()
    };
    let (from, to) = range.split_once('-').unwrap_or((range, range));
    let (mut day, to) = (number(from), number(to));
    loop {
        if day == today {
            return true;
        }
        if day == to {
            return false;
        }
        day = (day + 1) % 7;
    }
}
