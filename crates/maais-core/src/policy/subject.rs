//! What tests look at in compiled form: how to reach it, and how a test is held against it.

use serde_json::{Map, Value};

use super::check::Check;
use super::matcher::Eval;
use super::model::{CommandPart, SqlPart, Subject, UrlPart};
use super::quantity::Quantity;
use super::tri::Tri;
use super::typed;
use crate::view::command::CommandOutcome;
use crate::view::path::PathOutcome;
use crate::view::sql::SqlOutcome;
use crate::view::url::UrlOutcome;

/// A subject with whatever makes reaching it quick.
#[derive(Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Clone)]
pub(super) enum Place {
    Plain(Subject),
    /// A parameter at the top: most are.
    Named(Box<str>),
    /// A value deeper within the parameters or the context.
    Deep(Deep),
}

/// A dotted path.
#[derive(Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Clone)]
pub(super) struct Deep {
    context: bool,
    /// Each step, and it with all that follow, joined by dots: a name may hold dots itself.
    steps: Box<[(Box<str>, Box<str>)]>,
}

impl From<Subject> for Place {
    fn from(subject: Subject) -> Self {
        match subject {
            Subject::Parameter(mut path) if path.len() == 1 => {
                Self::Named(path.pop().unwrap_or_default().into())
            }
            Subject::Parameter(path) => Self::Deep(Deep::new(&path, false)),
            Subject::Context(path) => Self::Deep(Deep::new(&path, true)),
            other => Self::Plain(other),
        }
    }
}

impl Deep {
    pub(super) fn new(path: &[String], context: bool) -> Self {
        let step = |(at, step): (usize, &String)| {
            (step.as_str().into(), path.get(at..).unwrap_or_default().join(".").into())
        };
        Self { context, steps: path.iter().enumerate().map(step).collect() }
    }

    /// The values that the path leads to: a name that holds dots itself, nested objects, and every element of a
    /// list on the way.
    pub(super) fn find<'v>(&self, map: &'v Map<String, Value>) -> Vec<&'v Value> {
        let mut found = Vec::new();
        lookup(map, &self.steps, &mut found);
        found
    }
}

type Steps = [(Box<str>, Box<str>)];

fn lookup<'v>(map: &'v Map<String, Value>, path: &Steps, found: &mut Vec<&'v Value>) {
    let Some(((first, joined), rest)) = path.split_first() else { return };
    if !rest.is_empty()
        && let Some(value) = map.get(&**joined)
    {
        found.push(value);
    }
    let Some(value) = map.get(&**first) else { return };
    descend(value, rest, found);
}

fn descend<'v>(value: &'v Value, rest: &Steps, found: &mut Vec<&'v Value>) {
    match value {
        _ if rest.is_empty() => found.push(value),
        Value::Object(inner) => lookup(inner, rest, found),
        Value::Array(items) => {
            let index = rest.first().and_then(|(step, _)| step.parse::<usize>().ok());
            match index {
                Some(index) => {
                    if let Some(item) = items.get(index) {
                        descend(item, rest.get(1..).unwrap_or_default(), found);
                    }
                }
                None => items.iter().for_each(|item| descend(item, rest, found)),
            }
        }
        _ => {}
    }
}

impl Place {
    /// Holds a test against what is there.
    pub(super) fn test(&self, check: &Check, eval: &Eval<'_, '_>) -> Tri {
        match self {
            Self::Named(name) => {
                let Some(value) = eval.facts.request().parameters().get(&**name) else {
                    return check.values(&[], &eval.budget);
                };
                match eval.facts.declared_at(name).filter(|kind| typed::changes(*kind)) {
                    None => check.values(&[value], &eval.budget),
                    Some(kind) => typed::seen(kind, value)
                        .map_or_else(|| check.unseen(), |seen| check.values(&[&seen], &eval.budget)),
                }
            }
            Self::Deep(deep) => check.values(&self.values(deep, eval), &eval.budget),
            Self::Plain(subject) => plain(subject, check, eval),
        }
    }

    fn values<'f>(&self, deep: &Deep, eval: &Eval<'_, 'f>) -> Vec<&'f Value> {
        let request = eval.facts.request();
        deep.find(if deep.context { request.context() } else { request.parameters() })
    }

    /// The key in a condition.
    pub(super) fn key(&self) -> String {
        match self {
            Self::Plain(subject) => subject.key(),
            Self::Named(name) => format!("parameters.{name}"),
            Self::Deep(deep) => {
                let path = deep.steps.first().map_or("", |(_, joined)| joined);
                format!("{}.{path}", if deep.context { "context" } else { "parameters" })
            }
        }
    }

    /// What a test looks at, for people.
    pub(super) fn shown(&self, eval: &Eval<'_, '_>, see: &mut dyn FnMut(&str)) {
        let Self::Plain(subject) = self else {
            self.texts(eval, see);
            return;
        };
        let facts = eval.facts;
        match subject {
            Subject::Tenant => see(&eval.state.tenant),
            Subject::Role => eval.state.roles.iter().for_each(|role| see(role)),
            Subject::Url(_) => facts.urls().iter().for_each(|url| see(&url.given)),
            Subject::Path => facts.paths().iter().for_each(|path| see(&path.given)),
            Subject::Command(_) => facts.commands().iter().for_each(|command| see(&command.given)),
            Subject::Sql(_) => facts.sqls().iter().for_each(|sql| see(&sql.given)),
            Subject::Sensitive => {
                let hits = facts.sensitive().iter().flat_map(|fact| fact.hits.iter());
                hits.for_each(|hit| see(hit.kind.as_str()));
            }
            _ => {
                self.texts(eval, see);
            }
        }
    }

    /// Every text that a test might look at. False if some of what is there cannot be read as text, so that
    /// nothing can be concluded from what is not among them.
    pub(super) fn texts(&self, eval: &Eval<'_, '_>, see: &mut dyn FnMut(&str)) -> bool {
        let request = eval.facts.request();
        match self {
            Self::Named(name) => {
                if let Some(value) = request.parameters().get(&**name) {
                    every_text(value, see);
                }
                !eval.facts.declared_at(name).is_some_and(typed::changes)
            }
            Self::Deep(deep) => {
                self.values(deep, eval).into_iter().for_each(|value| every_text(value, see));
                true
            }
            Self::Plain(Subject::Target) => {
                see(request.target().as_str());
                true
            }
            Self::Plain(Subject::Agent) => {
                see(request.agent_id().as_str());
                true
            }
            Self::Plain(Subject::Goal) => {
                see(request.declared_goal());
                true
            }
            Self::Plain(Subject::AnyParameter) => {
                for (key, value) in request.parameters() {
                    see(key);
                    every_text(value, see);
                }
                true
            }
            Self::Plain(Subject::Path) => eval.facts.paths().iter().all(|path| match &path.outcome {
                PathOutcome::Path(view) => {
                    see(&view.text);
                    true
                }
                PathOutcome::Unparseable(_) => false,
            }),
            Self::Plain(Subject::Url(part)) if indexable(*part) => eval.facts.urls().iter().all(|url| {
                let UrlOutcome::Parsed(view) = &url.outcome else { return false };
                see(if *part == UrlPart::Host { &view.host } else { &view.path });
                true
            }),
            Self::Plain(_) => false,
        }
    }

    /// Whether [`Place::texts`] shows everything that a test looks at.
    pub(super) fn is_indexable(&self) -> bool {
        match self {
            Self::Named(_) | Self::Deep(_) => true,
            Self::Plain(Subject::Url(part)) => indexable(*part),
            Self::Plain(subject) => matches!(
                subject,
                Subject::Target | Subject::Agent | Subject::Goal | Subject::AnyParameter | Subject::Path
            ),
        }
    }
}

fn indexable(part: UrlPart) -> bool {
    matches!(part, UrlPart::Host | UrlPart::Path)
}

fn every_text(value: &Value, see: &mut dyn FnMut(&str)) {
    match value {
        Value::String(text) => see(text),
        Value::Number(number) => see(&number.to_string()),
        Value::Bool(value) => see(if *value { "true" } else { "false" }),
        Value::Null => {}
        Value::Array(items) => items.iter().for_each(|item| every_text(item, see)),
        Value::Object(map) => map.iter().for_each(|(key, item)| {
            see(key);
            every_text(item, see);
        }),
    }
}

fn plain(subject: &Subject, check: &Check, eval: &Eval<'_, '_>) -> Tri {
    let (facts, state, budget) = (eval.facts, eval.state, &eval.budget);
    let request = facts.request();
    match subject {
        Subject::Target => check.text(request.target().as_str(), budget),
        Subject::Agent => check.text(request.agent_id().as_str(), budget),
        Subject::Tenant => check.text(&state.tenant, budget),
        Subject::Goal => check.text(request.declared_goal(), budget),
        Subject::Role => check.any_name(&state.roles, budget),
        Subject::Size => size_of(check, request.parameters()),
        Subject::AnyParameter => Tri::any(
            request
                .parameters()
                .iter()
                .map(|(key, value)| check.text(key, budget).max(check.anywhere(value, budget))),
        ),
        Subject::Url(part) => {
            check.agreed(facts.urls().iter().map(|url| check.url(*part, &url.outcome, budget)))
        }
        Subject::Path => check.agreed(facts.paths().iter().map(|path| check.path(&path.outcome, budget))),
        Subject::Command(part) => command(*part, check, eval),
        Subject::Sql(part) => sql(*part, check, eval),
        Subject::Sensitive => {
            let hits = facts.sensitive().iter().flat_map(|fact| fact.hits.iter());
            check.agreed(hits.map(|hit| check.text(hit.kind.as_str(), budget)))
        }
        // These are reached by their paths.
        Subject::Parameter(_) | Subject::Context(_) => Tri::Unknown,
    }
}

fn command(part: CommandPart, check: &Check, eval: &Eval<'_, '_>) -> Tri {
    let budget = &eval.budget;
    let mut answers = Vec::new();
    for fact in eval.facts.commands() {
        let CommandOutcome::Parsed(view) = &fact.outcome else {
            answers.push(check.unseen());
            continue;
        };
        let see = |text: &String| check.text(text, budget);
        match part {
            CommandPart::Pipeline => answers.extend(view.pipelines.iter().map(see)),
            CommandPart::Program => {
                let named = view.commands.iter().map(|command| &command.program);
                answers.extend(named.filter(|program| !program.is_empty()).map(see));
            }
            CommandPart::Args => {
                answers.extend(view.commands.iter().flat_map(|command| &command.args).map(see));
            }
            CommandPart::Redirects => {
                let redirects = view.commands.iter().flat_map(|command| &command.redirects);
                answers.extend(redirects.map(|redirect| see(&redirect.target)));
            }
        }
        // What a shell computes only when it runs cannot be known here: programs that it hides, and words.
        let words = matches!(part, CommandPart::Args | CommandPart::Redirects);
        let unknown = view.commands.iter().any(|command| command.hidden || (words && command.dynamic));
        if unknown {
            answers.push(check.unseen());
        }
    }
    check.agreed(answers)
}

fn sql(part: SqlPart, check: &Check, eval: &Eval<'_, '_>) -> Tri {
    let budget = &eval.budget;
    let mut answers = Vec::new();
    for fact in eval.facts.sqls() {
        let SqlOutcome::Parsed(view) = &fact.outcome else {
            answers.push(check.unseen());
            continue;
        };
        for statement in &view.statements {
            match part {
                SqlPart::Kind => answers.push(check.text(&statement.kind, budget)),
                SqlPart::Tables => {
                    answers.extend(statement.tables.iter().map(|table| check.text(table, budget)));
                }
                SqlPart::Where => {
                    answers.push(check.text(if statement.has_where { "true" } else { "false" }, budget));
                }
            }
        }
    }
    check.agreed(answers)
}

/// Bytes of all names and texts; numbers and booleans as they are written.
fn size_of(check: &Check, parameters: &Map<String, Value>) -> Tri {
    fn within(value: &Value) -> u64 {
        match value {
            Value::Null => 0,
            Value::Bool(value) => 4 + u64::from(!value),
            Value::Number(number) => length(&number.to_string()),
            Value::String(text) => length(text),
            Value::Array(items) => items.iter().map(within).sum(),
            Value::Object(map) => map.iter().map(|(key, item)| length(key) + within(item)).sum(),
        }
    }
    fn length(text: &str) -> u64 {
        u64::try_from(text.len()).unwrap_or(u64::MAX)
    }
    let bytes: u64 = parameters.iter().map(|(key, value)| length(key) + within(value)).sum();
    check.quantity(&Quantity::whole(bytes))
}
