//! Policies: the language that people write, and the matcher that it becomes.
//!
//! Two representations: [`model`] is what was typed, with places; [`matcher`] is what it means, without
//! text. [`load`] goes from one to the other, and either everything loads or nothing does.

mod canonical;
pub mod case;
mod check;
mod compile;
pub mod coverage;
pub mod explain;
mod history;
mod index;
pub mod lint;
mod literal;
mod look_around;
pub mod matcher;
pub mod model;
mod parse;
mod pattern;
pub mod quantity;
pub mod schema;
mod subject;
pub mod tools;
mod tri;
mod typed;

use crate::diagnostic::{Diagnostic, Diagnostics, Level, Source};
use crate::document::Reader;
use crate::facts::{Facts, NoMemo};

pub use history::{HistorySpec, Trail};
pub use matcher::{Evaluation, LimitSpec, Matched, PolicySet, Rule};
pub use model::LimitKey;
pub use pattern::{Pattern, PatternError};
pub use tri::Tri;

/// A set of policies that loaded, and what its author should know about it.
#[derive(Debug)]
pub struct Loaded {
    /// The policies.
    pub policies: PolicySet,
    /// What was read otherwise than written, or can never matter.
    pub warnings: Diagnostics,
}

/// Loads policies from documents. The order of the documents does not matter: they are taken in the
/// order of their names, and rules of equal priority in that order, then in the order of the document.
///
/// # Errors
/// Everything that is wrong in any of the documents, at once; then nothing is loaded.
pub fn load(sources: &[Source]) -> Result<Loaded, Diagnostics> {
    let Read { parsed, mut problems } = read(sources)?;
    let examples: Vec<_> = parsed
        .policies
        .iter()
        .filter(|policy| !policy.examples.is_empty())
        .map(|policy| (policy.id.clone(), policy.source.clone(), policy.examples.clone()))
        .collect();
    let policies = compile::compile(parsed, &mut problems);
    for (id, source, examples) in examples {
        run_examples(&policies, &id, &source, &examples, &mut problems);
    }
    refuse(problems).map(|warnings| Loaded { policies, warnings })
}

/// Policies as they were typed, in the order of documents and positions, and what their author should know.
///
/// # Errors
/// As [`load`], but for examples, which are not run.
pub fn typed(sources: &[Source]) -> Result<(Vec<model::Policy>, Diagnostics), Diagnostics> {
    let Read { parsed, problems } = read(sources)?;
    Ok((parsed.policies, Diagnostics(problems)))
}

/// The names of the documents that one includes: they must be among those that are loaded with it.
///
/// # Errors
/// Each name that is not within the folder of the document says why.
pub fn includes(source: &Source) -> Vec<Result<String, &'static str>> {
    parse::includes(source)
}

struct Read<'a> {
    parsed: parse::Parsed<'a>,
    problems: Vec<Diagnostic>,
}

fn read(sources: &[Source]) -> Result<Read<'_>, Diagnostics> {
    let mut sources: Vec<&Source> = sources.iter().collect();
    sources.sort_by(|a, b| (&a.name, &a.text).cmp(&(&b.name, &b.text)));
    let mut parsed = parse::parse(&sources);
    let mut problems = std::mem::take(&mut parsed.problems);
    parse::refuse_duplicate_ids(&parsed.ids, &mut problems);
    refuse(problems).map(|warnings| Read { parsed, problems: warnings.0 })
}

/// Errors refuse everything; without one, these are the warnings.
fn refuse(mut problems: Vec<Diagnostic>) -> Result<Diagnostics, Diagnostics> {
    if problems.iter().any(|problem| problem.level == Level::Error) {
        problems.sort_by_key(|problem| std::cmp::Reverse(problem.level));
        return Err(Diagnostics(problems));
    }
    Ok(Diagnostics(problems))
}

/// An example that fails is an error: its author promised it.
fn run_examples(
    policies: &PolicySet,
    id: &str,
    source: &Source,
    examples: &[model::Example],
    problems: &mut Vec<Diagnostic>,
) {
    let Some(rule) = policies.rules().iter().find(|rule| *rule.id == *id) else { return };
    let mut reader = Reader::new(source);
    for example in examples {
        let request = &example.case.request;
        let facts = Facts::new(request, &NoMemo).typed(policies.tools());
        let holds = rule.holds(&facts, &example.case.state(policies));
        let matches = rule.applies_to.contains(request.action_type())
            && (holds == Tri::True
                || (holds == Tri::Unknown && rule.effect != crate::decision::Effect::Allow));
        if matches == example.matches {
            continue;
        }
        let (message, label) = match example.matches {
            true => (format!("`{id}` does not match its example"), "this should match"),
            false => (format!("`{id}` matches what it should not"), "this should not match"),
        };
        let help = "mend the condition, or the example".to_owned();
        reader.error(&example.case.span, message, label, Some(help));
    }
    problems.extend(reader.into_problems());
}
