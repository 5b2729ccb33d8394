//! The floor: a loop over the rules in order, each regex compiled at load, nothing else. What an afternoon's
//! work gives, and what an index must beat.

use std::borrow::Cow;

use regex::Regex;

use crate::Failure;
use crate::engine::Engine;
use crate::workload::{self, Request, Workload};

struct Linear {
    rules: Vec<Rule>,
    requests: Vec<Request>,
}

struct Rule {
    id: String,
    types: Vec<String>,
    any: Vec<Alternative>,
}

struct Alternative {
    target: Option<Test>,
    params: Vec<(String, Test)>,
}

enum Test {
    Eq(String),
    In(Vec<String>),
    Re(Regex, Option<Regex>),
}

pub(crate) fn load(workload: &Workload) -> Result<impl Engine + use<>, Failure> {
    let rules = workload.rules.iter().map(rule).collect::<Result<_, _>>()?;
    Ok(Linear { rules, requests: Vec::new() })
}

fn rule(rule: &workload::Rule) -> Result<Rule, Failure> {
    let alternative = |any: &workload::Alternative| {
        let params = any.params.iter().map(|(name, of)| Ok((name.clone(), test(of)?)));
        let target = any.target.as_ref().map(test).transpose()?;
        Ok(Alternative { target, params: params.collect::<Result<_, Failure>>()? })
    };
    let any = rule.any.iter().map(alternative).collect::<Result<_, Failure>>()?;
    Ok(Rule { id: rule.id.clone(), types: rule.applies_to.clone(), any })
}

fn test(test: &workload::Test) -> Result<Test, Failure> {
    Ok(match test {
        workload::Test::Eq(text) => Test::Eq(text.clone()),
        workload::Test::In(texts) => Test::In(texts.clone()),
        workload::Test::Re(pattern) => {
            let except = pattern.not_re.as_deref().map(Regex::new).transpose()?;
            Test::Re(Regex::new(&pattern.re)?, except)
        }
    })
}

impl Test {
    fn holds(&self, text: &str) -> bool {
        match self {
            Self::Eq(expected) => text == expected,
            Self::In(expected) => expected.iter().any(|expected| expected == text),
            Self::Re(regex, except) => {
                regex.is_match(text) && !except.as_ref().is_some_and(|except| except.is_match(text))
            }
        }
    }
}

impl Rule {
    fn matches(&self, request: &Request) -> bool {
        let speaks = self.types.iter().any(|name| name == "*" || *name == request.action_type);
        speaks && (self.any.is_empty() || self.any.iter().any(|any| any.holds(request)))
    }
}

impl Alternative {
    fn holds(&self, request: &Request) -> bool {
        let text = |name: &str| request.parameters.get(name).and_then(|value| value.as_str());
        self.target.as_ref().is_none_or(|test| test.holds(&request.target))
            && self.params.iter().all(|(name, test)| text(name).is_some_and(|text| test.holds(text)))
    }
}

impl Engine for Linear {
    fn prepare(&mut self, requests: &[Request]) -> Result<(), Failure> {
        self.requests = requests.to_vec();
        Ok(())
    }

    fn decide(&mut self, request: usize) -> Option<Cow<'_, str>> {
        let request = &self.requests[request];
        self.rules.iter().find(|rule| rule.matches(request)).map(|rule| Cow::Borrowed(rule.id.as_str()))
    }
}
