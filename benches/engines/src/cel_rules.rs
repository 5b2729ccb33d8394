//! CEL: one expression a rule, tried in order until one is true. As it comes, `matches` compiles its regex at
//! each call; so it is also measured with a function of ours that looks up a regex compiled at load.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use cel::{Context, Env, Program, Value};
use regex::Regex;

use crate::Failure;
use crate::engine::Engine;
use crate::workload::{Alternative, Request, Rule, Test, Workload};

struct Cel {
    env: Arc<Env>,
    rules: Vec<(String, Program)>,
    /// For `cached(text, number)`.
    regexes: Arc<Vec<Regex>>,
    requests: Vec<Context<'static, 'static>>,
}

/// How a regex is written.
enum Regexes {
    Stock,
    Cached(Vec<Regex>),
}

pub(crate) fn load_stock(workload: &Workload) -> Result<impl Engine + use<>, Failure> {
    load(workload, Regexes::Stock)
}

pub(crate) fn load_cached(workload: &Workload) -> Result<impl Engine + use<>, Failure> {
    load(workload, Regexes::Cached(Vec::new()))
}

fn load(workload: &Workload, mut regexes: Regexes) -> Result<Cel, Failure> {
    let env = Arc::new(Env::stdlib());
    let mut rules = Vec::with_capacity(workload.rules.len());
    for rule in &workload.rules {
        let text = regexes.rule(rule)?;
        let program = env.compile(&text).map_err(|errors| format!("{text}: {errors}"))?;
        rules.push((rule.id.clone(), program));
    }
    let regexes = match regexes {
        Regexes::Stock => Vec::new(),
        Regexes::Cached(regexes) => regexes,
    };
    Ok(Cel { env, rules, regexes: Arc::new(regexes), requests: Vec::new() })
}

impl Regexes {
    fn rule(&mut self, rule: &Rule) -> Result<String, Failure> {
        let types = match rule.applies_to.as_slice() {
            [only] if only == "*" => "true".to_owned(),
            [only] => format!("action_type == {}", quoted(only)),
            many => format!("action_type in {}", list(many)),
        };
        let any = rule.any.iter().map(|any| self.alternative(any)).collect::<Result<Vec<_>, _>>()?;
        if any.is_empty() { Ok(types) } else { Ok(format!("{types} && ({})", any.join(" || "))) }
    }

    fn alternative(&mut self, any: &Alternative) -> Result<String, Failure> {
        let mut all = Vec::new();
        if let Some(test) = &any.target {
            all.push(self.test("target", test)?);
        }
        for (name, test) in &any.params {
            let field = format!("parameters.{name}");
            all.push(format!("has({field}) && {}", self.test(&field, test)?));
        }
        Ok(format!("({})", all.join(" && ")))
    }

    fn test(&mut self, field: &str, test: &Test) -> Result<String, Failure> {
        Ok(match test {
            Test::Eq(text) => format!("{field} == {}", quoted(text)),
            Test::In(texts) => format!("{field} in {}", list(texts)),
            Test::Re(pattern) => {
                let matches = self.matches(field, &pattern.re)?;
                match &pattern.not_re {
                    Some(not) => format!("{matches} && !{}", self.matches(field, not)?),
                    None => matches,
                }
            }
        })
    }

    fn matches(&mut self, field: &str, pattern: &str) -> Result<String, Failure> {
        Ok(match self {
            Self::Stock => format!("{field}.matches({})", quoted(pattern)),
            Self::Cached(regexes) => {
                regexes.push(Regex::new(pattern)?);
                format!("cached({field}, {})", regexes.len() - 1)
            }
        })
    }
}

/// JSON's escapes are CEL's too.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn list(texts: &[String]) -> String {
    format!("[{}]", texts.iter().map(|text| quoted(text)).collect::<Vec<_>>().join(", "))
}

impl Cel {
    fn context(&self, request: &Request) -> Result<Context<'static, 'static>, Failure> {
        let mut context = Context::with_env(Arc::clone(&self.env));
        let texts = request.parameters.iter().filter_map(|(name, value)| Some((name, value.as_str()?)));
        let parameters: HashMap<String, Value> =
            texts.map(|(name, text)| (name.clone(), Value::from(text))).collect();
        context.add_variable_from_value("action_type", request.action_type.as_str());
        context.add_variable_from_value("target", request.target.as_str());
        context.add_variable_from_value("parameters", Value::Map(parameters.into()));
        let regexes = Arc::clone(&self.regexes);
        let cached = move |text: Arc<String>, number: i64| {
            usize::try_from(number)
                .ok()
                .and_then(|number| regexes.get(number))
                .is_some_and(|regex| regex.is_match(&text))
        };
        context.add_function("cached", cached).map_err(|error| error.to_string())?;
        Ok(context)
    }
}

impl Engine for Cel {
    fn prepare(&mut self, requests: &[Request]) -> Result<(), Failure> {
        self.requests = requests.iter().map(|request| self.context(request)).collect::<Result<_, _>>()?;
        Ok(())
    }

    fn decide(&mut self, request: usize) -> Option<Cow<'_, str>> {
        let context = &self.requests[request];
        let first =
            self.rules.iter().find(|(_, rule)| matches!(rule.execute(context), Ok(Value::Bool(true))));
        first.map(|(id, _)| Cow::Borrowed(id.as_str()))
    }
}
