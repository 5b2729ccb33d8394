//! `maais verify-spec`: the promises, each held against the real engine, with the evidence.
//!
//! A check that could not be run has failed: a promise that nobody looked at is none.

mod chain;
mod ciaa;
mod decisions;
mod python;
mod schema;

use std::path::Path;

use maais_runtime::core::decision::Decision;
use maais_runtime::core::request::ActionRequest;
use maais_runtime::{Config, Runtime};
use serde_json::{Value, json};

use super::{Done, print_json, verdict};
use crate::cli::VerifySpec;
use crate::term::{BAD, DIM, GOOD, paint, printable, say};

/// What a check saw, or why the promise does not hold.
type Evidence = Result<String, Box<dyn std::error::Error>>;

/// Runs every check and prints a line each.
pub(crate) fn run(args: &VerifySpec) -> Done {
    let python = args.python.as_deref();
    let checks: [(&str, &dyn Fn() -> Evidence); 7] = [
        ("ActionRequest schema", &schema::check),
        ("deterministic policy evaluation", &decisions::deterministic),
        ("immutable hash chain", &chain::check),
        ("no bypass in the LangGraph integration", &|| python::check(python)),
        ("CIAA: all dimensions", &ciaa::dimensions),
        ("accountability is a hard requirement", &ciaa::accountability),
        ("latency below 5 ms", &decisions::latency),
    ];
    let mut results = Vec::new();
    for (name, check) in checks {
        let result = check();
        if !args.json {
            print(name, &result);
        }
        results.push((name, result));
    }
    let passed = results.iter().all(|(_, result)| result.is_ok());
    if args.json {
        let list: Vec<Value> = results.iter().map(|(name, result)| result_json(name, result)).collect();
        print_json(&json!({ "passed": passed, "checks": list }))?;
    }
    Ok(verdict(passed))
}

fn print(name: &str, result: &Evidence) {
    match result {
        Ok(evidence) => {
            say!("{} {name}: {}", paint(GOOD, "pass"), paint(DIM, printable(evidence, 400)))
        }
        Err(error) => {
            say!("{} {name}: {}", paint(BAD, "FAIL"), printable(&error.to_string(), 2000))
        }
    }
}

fn result_json(name: &str, result: &Evidence) -> Value {
    match result {
        Ok(evidence) => json!({ "name": name, "passed": true, "evidence": evidence }),
        Err(error) => json!({ "name": name, "passed": false, "error": error.to_string() }),
    }
}

/// An engine of its own in a folder, with the built-in policies.
fn engine(home: &Path) -> Result<Runtime, maais_runtime::OpenError> {
    Runtime::open(Config::at(home))
}

/// Decides the action that this JSON describes.
fn decide(runtime: &Runtime, action: Value) -> Result<Decision, maais_runtime::core::request::RequestError> {
    Ok(runtime.intercept(ActionRequest::from_value(action, runtime.defaults())?))
}

/// An error with that text unless the condition holds.
fn ensure(holds: bool, otherwise: impl Into<String>) -> Result<(), Box<dyn std::error::Error>> {
    if holds { Ok(()) } else { Err(otherwise.into().into()) }
}
