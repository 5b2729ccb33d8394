//! What loading costs: each engine alone in a process of its own, so that memory is its own too.

use std::env;
use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::Failure;
use crate::engine::Kind;
use crate::workload::Workload;

/// Requests after which caches count as warm.
const WARM_REQUESTS: usize = 200;
/// Or when this has passed.
const WARM_TIME: Duration = Duration::from_secs(5);
/// Quick loads are repeated, and the quickest counts.
const TRIES: usize = 3;
const QUICK_MS: f64 = 1000.0;

#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Load {
    /// Why it could not be loaded.
    pub(crate) refused: Option<String>,
    pub(crate) ms: f64,
    /// Resident memory that loading added; absent where the system does not say.
    pub(crate) kib: Option<u64>,
    /// The same after some decisions, without what the requests take: engines that compile regexes when
    /// they first need them have them then.
    pub(crate) warm_kib: Option<u64>,
}

pub(crate) fn in_child(kind: Kind, size: &str, origin: &[String]) -> Result<Load, Failure> {
    let mut best = child(kind, size, origin)?;
    for _ in 1..TRIES {
        if best.refused.is_some() || best.ms > QUICK_MS {
            break;
        }
        let next = child(kind, size, origin)?;
        if next.ms < best.ms {
            best = next;
        }
    }
    Ok(best)
}

fn child(kind: Kind, size: &str, origin: &[String]) -> Result<Load, Failure> {
    let mut command = Command::new(env::current_exe()?);
    command.args(["--load-only", kind.name(), "--sizes", size]).args(origin);
    let output = command.stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("{} {size}: the child ended with {}", kind.name(), output.status).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Loads it in this process.
pub(crate) fn here(kind: Kind, workload: &Workload) -> Result<Load, Failure> {
    let before = resident();
    let start = Instant::now();
    let loaded = kind.load(workload);
    let ms = start.elapsed().as_secs_f64() * 1e3;
    let mut engine = match loaded {
        Ok(engine) => engine,
        Err(error) => return Ok(Load { refused: Some(error.to_string()), ms, kib: None, warm_kib: None }),
    };
    let after = resident();
    let count = WARM_REQUESTS.min(workload.requests.len());
    let requests: Vec<_> = (0..count)
        .map(|number| workload.requests[number * workload.requests.len() / count].clone())
        .collect();
    engine.prepare(&requests)?;
    let prepared = resident();
    let start = Instant::now();
    for number in 0..requests.len() {
        std::hint::black_box(engine.decide(number));
        if start.elapsed() > WARM_TIME {
            break;
        }
    }
    let kib = difference(after, before);
    let warmed = difference(resident(), prepared);
    Ok(Load { refused: None, ms, kib, warm_kib: kib.zip(warmed).map(|(kib, warmed)| kib + warmed) })
}

fn difference(after: Option<u64>, before: Option<u64>) -> Option<u64> {
    after.zip(before).map(|(after, before)| after.saturating_sub(before))
}

/// In KiB.
fn resident() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.split_whitespace().next()?.parse().ok()
}
