//! Policies: the language that people write, and the matcher that it becomes.
//!
//! Two representations: [`model`] is what was typed, with places; [`matcher`] is what it means, without
//! text. [`load`] goes from one to the other, and either everything loads or nothing does.

pub mod case;
mod compile;
pub mod coverage;
pub mod matcher;
pub mod model;
mod parse;
mod pattern;

use crate::diagnostic::{Diagnostics, Level, Source};

pub use matcher::{LimitSpec, Matched, PolicySet, Rule};
pub use model::LimitKey;
pub use pattern::{Pattern, PatternError};

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
    let mut sources: Vec<&Source> = sources.iter().collect();
    sources.sort_by(|a, b| (&a.name, &a.text).cmp(&(&b.name, &b.text)));
    let mut problems = Vec::new();
    let mut policies = Vec::new();
    let mut ids = Vec::new();
    for source in sources {
        let parsed = parse::parse(source);
        policies.extend(parsed.policies);
        ids.extend(parsed.ids.into_iter().map(|id| (source, id)));
        problems.extend(parsed.problems);
    }
    parse::refuse_duplicate_ids(&ids, &mut problems);
    if problems.iter().any(|problem| problem.level == Level::Error) {
        problems.sort_by_key(|problem| std::cmp::Reverse(problem.level));
        return Err(Diagnostics(problems));
    }
    let policies = compile::compile(policies, &mut problems);
    Ok(Loaded { policies, warnings: Diagnostics(problems) })
}
