//! `maais check`: one action from flags or standard input, or a stream of them.

use std::collections::HashMap;
use std::io::{self, BufRead, Read as _, Write as _};

use maais_runtime::core::attempt::{Attempt, Malformed};
use maais_runtime::core::decision::Decision;
use maais_runtime::core::json;
use maais_runtime::core::request::{ActionRequest, RequestError, parse_action_type};
use maais_runtime::{Outcome, Runtime};
use serde_json::{Map, Value, json};

use super::{Done, print_json, verdict};
use crate::cli::Check;
use crate::term::{DIM, of_effect, paint, printable, say};

/// Bytes of one line of a stream: a request and the output before it.
const LINE_BYTES_MAX: u64 = 4 << 20;
/// Sessions of a stream whose last action is remembered.
const SESSIONS_MAX: usize = 100_000;

/// Decides what was given.
pub(crate) fn run(args: &Check) -> Done {
    let mut config = args.place.to_config();
    if args.stream {
        config.counting = maais_runtime::Counting::BySession;
        return stream(&Runtime::open(config)?);
    }
    let runtime = Runtime::open(config)?;
    let attempt = match &args.agent {
        Some(agent) => {
            from_flags(args, agent, &runtime).map_or_else(|error| refused(error).into(), Into::into)
        }
        None => from_stdin(&runtime)?,
    };
    let decision = runtime.intercept(attempt);
    if args.json {
        print_json(&Value::Object(decision.to_json()))?;
    } else {
        print(&decision);
    }
    Ok(verdict(decision.allow()))
}

fn print(decision: &Decision) {
    say!(
        "{}  {}",
        paint(of_effect(decision.effect), decision.effect),
        printable(&decision.explanation, 2000)
    );
    for finding in &decision.findings {
        let effect = paint(of_effect(finding.effect), finding.effect);
        let waived = if finding.waived { " (waived)" } else { "" };
        let line =
            format!("{} {} {}", finding.id, finding.severity.as_str(), printable(&finding.message, 500));
        say!("  {effect}{waived} {}", paint(DIM, line));
    }
    if let Some(index) = decision.metadata.get("receipt").and_then(|receipt| receipt.get("index")) {
        say!("  {}", paint(DIM, format!("recorded as {index}; see `maais audit show {index}`")));
    }
}

fn from_flags(args: &Check, agent: &str, runtime: &Runtime) -> Result<ActionRequest, RequestError> {
    parse_action_type(&args.action_type)?;
    let parameters = parameters(&args.parameters)?;
    let request = json!({
        "agent_id": agent, "action_type": args.action_type, "target": args.target,
        "parameters": parameters, "declared_goal": args.goal,
    });
    ActionRequest::from_value(request, runtime.defaults())
}

/// `NAME=VALUE` each; the value is read as JSON if it is JSON, else as text.
pub(super) fn parameters(given: &[String]) -> Result<Map<String, Value>, RequestError> {
    let mut parameters = Map::new();
    for parameter in given {
        let Some((name, value)) = parameter.split_once('=') else {
            return Err(RequestError::Unrepresentable(format!("`--param {parameter}` is not NAME=VALUE")));
        };
        let value = json::parse(value.as_bytes()).unwrap_or_else(|_| Value::String(value.to_owned()));
        parameters.insert(name.to_owned(), value);
    }
    Ok(parameters)
}

/// What cannot be read from flags is denied and recorded like what cannot be read from a stream.
fn refused(error: RequestError) -> Malformed {
    Malformed { error, claims: Map::new() }
}

fn from_stdin(runtime: &Runtime) -> Result<Attempt, io::Error> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(json::BYTES_MAX).unwrap_or(u64::MAX) + 1;
    io::stdin().lock().take(limit).read_to_end(&mut bytes)?;
    Ok(Attempt::from_json(&bytes, runtime.defaults()))
}

/// One line in, one line out, in order; a line that cannot be read is denied like any other.
fn stream(runtime: &Runtime) -> Done {
    let mut input = io::stdin().lock();
    let mut output = io::BufWriter::new(io::stdout().lock());
    let mut last: HashMap<String, String> = HashMap::new();
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = (&mut input).take(LINE_BYTES_MAX).read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(std::process::ExitCode::SUCCESS);
        }
        if line.last() != Some(&b'\n') {
            skip_line(&mut input)?;
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        let answer = answer(runtime, &line, &mut last);
        writeln!(output, "{answer}")?;
        output.flush()?;
    }
}

/// The rest of an oversized line belongs to it.
fn skip_line(input: &mut impl BufRead) -> io::Result<()> {
    loop {
        let buffer = input.fill_buf()?;
        if buffer.is_empty() {
            return Ok(());
        }
        let newline = buffer.iter().position(|byte| *byte == b'\n');
        let used = newline.map_or(buffer.len(), |at| at + 1);
        input.consume(used);
        if newline.is_some() {
            return Ok(());
        }
    }
}

fn answer(runtime: &Runtime, line: &[u8], last: &mut HashMap<String, String>) -> Value {
    let (attempt, session, prior) = read_line(runtime, line);
    if let (Some(session), Some(output)) = (&session, prior)
        && let Some(action) = last.remove(session)
    {
        let outcome = Outcome { ok: true, output: Some(output) };
        if let Err(error) = runtime.observe_result(&action, &outcome) {
            tracing::warn!(%error, "an outcome was not recorded");
        }
    }
    let action = match &attempt {
        Attempt::Valid(request) => Some(request.action_id().to_string()),
        Attempt::Malformed(_) => None,
    };
    let decision = runtime.intercept(attempt);
    if let (Some(session), Some(action), true) = (session, action, decision.allow()) {
        if last.len() >= SESSIONS_MAX {
            last.clear(); // their outcomes are no longer recorded; no decision depends on them
        }
        last.insert(session, action);
    }
    json!({
        "decision": if decision.allow() { "ALLOW" } else { "DENY" },
        "effect": decision.effect.as_str(),
        "explanation": decision.explanation,
        "latency_us": decision.metadata.get("latency_us"),
        "policy_id": decision.policy_id,
        "violations": decision.ciaa_violations(),
    })
}

/// The request, the session it belongs to, and what the action before it gave back.
fn read_line(runtime: &Runtime, line: &[u8]) -> (Attempt, Option<String>, Option<String>) {
    let unreadable = |error: RequestError| (Malformed::of_bytes(error, line).into(), None, None);
    let mut envelope = match parse_envelope(line) {
        Ok(envelope) => envelope,
        Err(error) => return unreadable(error),
    };
    let session = match envelope.remove("session") {
        Some(Value::String(session)) => Some(session),
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => None,
    };
    let prior = envelope.remove("prior_output").and_then(|output| match output {
        Value::Null => None,
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    });
    let Some(mut request) = envelope.remove("request") else {
        return unreadable(RequestError::Missing { field: "request" });
    };
    if let (Some(session), Value::Object(map)) = (&session, &mut request) {
        let context = map.entry("context").or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(context) = context {
            context.insert("session_id".into(), session.clone().into());
        }
    }
    match ActionRequest::from_value(request, runtime.defaults()) {
        Ok(request) => (request.into(), session, prior),
        Err(error) => (Malformed::of_bytes(error, line).into(), session, prior),
    }
}

/// The envelope may be longer than a request: the output before it is no part of the action.
fn parse_envelope(line: &[u8]) -> Result<Map<String, Value>, RequestError> {
    match json::parse(line) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) => Err(RequestError::NotAnObject { found: "something else" }),
        Err(error) => Err(error.into()),
    }
}
