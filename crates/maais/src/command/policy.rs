//! `maais policy …`: one file a subcommand.

mod check;
mod diff;
mod eval;
mod fmt;
mod import;
mod list;
mod requests;
mod test;

use std::process::ExitCode;

use super::{Done, print_json};
use crate::cli::Policy;

/// Runs a subcommand.
pub(crate) fn run(command: &Policy) -> Done {
    match command {
        Policy::Check { paths, strict, notes, json } => {
            check::run(paths, &check::How { strict: *strict, notes: *notes, json: *json })
        }
        Policy::Test { path, coverage, junit, watch, json } => test::run(
            path,
            &test::How { coverage: *coverage, junit: junit.as_deref(), watch: *watch, json: *json },
        ),
        Policy::List { paths, config, json } => list::run(paths, config.as_deref(), *json),
        Policy::Eval(args) => eval::run(args),
        Policy::Diff { before, after, requests, log, json } => {
            diff::run(before, after, requests.as_deref(), log.as_deref(), *json)
        }
        Policy::Bench { paths, requests, json } => eval::bench(paths, requests.as_deref(), *json),
        Policy::Import(args) => import::run(args),
        Policy::Fmt { paths, check, diff, json } => {
            fmt::run(paths, &fmt::How { check: *check, diff: *diff, json: *json })
        }
        Policy::Schema => {
            print_json(&maais_runtime::core::policy::schema::schema())?;
            Ok(ExitCode::SUCCESS)
        }
    }
}
