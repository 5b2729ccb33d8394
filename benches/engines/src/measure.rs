//! The measuring: check every engine, then rounds in which each has a slice of time in turn, so that a
//! neighbour's noise falls on all. The round of the least mean counts.

use std::hint::black_box;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::engine::{Engine, Kind};
use crate::load::Load;
use crate::workload::Workload;

/// Decisions in a slice at most, in passes over all requests.
const PASSES: usize = 10;
/// And at least, however slow the engine.
const DECISIONS_MIN: usize = 3;

#[derive(Serialize)]
pub(crate) struct Plan {
    pub(crate) rounds: u32,
    /// For one engine on one rule set, over all rounds; half of it again for the check.
    pub(crate) cap: Duration,
}

#[derive(Serialize)]
pub(crate) struct Table {
    pub(crate) size: String,
    pub(crate) rules: usize,
    pub(crate) requests: usize,
    pub(crate) rows: Vec<Row>,
}

#[derive(Serialize)]
pub(crate) struct Row {
    pub(crate) engine: Kind,
    pub(crate) load: Load,
    pub(crate) checked: usize,
    pub(crate) mismatches: usize,
    pub(crate) rounds: Vec<Round>,
    /// The index of the round that counts.
    pub(crate) best: Option<usize>,
}

/// Times of single decisions, in nanoseconds.
#[derive(Serialize)]
pub(crate) struct Round {
    pub(crate) decisions: usize,
    pub(crate) p50: u64,
    pub(crate) p99: u64,
    pub(crate) mean: f64,
}

impl Row {
    pub(crate) fn best(&self) -> Option<&Round> {
        self.rounds.get(self.best?)
    }
}

struct Contestant {
    engine: Box<dyn Engine>,
    /// The decisions of one slice.
    decisions: usize,
    row: usize,
}

pub(crate) fn compare(
    size: &str,
    workload: &Workload,
    kinds: &[Kind],
    loads: Vec<Load>,
    plan: &Plan,
) -> Table {
    let mut rows = Vec::new();
    let mut contestants = Vec::new();
    for (kind, load) in kinds.iter().zip(loads) {
        let mut row = Row { engine: *kind, load, checked: 0, mismatches: 0, rounds: Vec::new(), best: None };
        match enter(*kind, workload, plan, &mut row) {
            Ok(mut contestant) => {
                contestant.row = rows.len();
                contestants.push(contestant);
            }
            Err(error) => row.load.refused = Some(error.to_string()),
        }
        rows.push(row);
    }
    for round in 1..=plan.rounds {
        eprintln!("{size}: round {round} of {}", plan.rounds);
        for contestant in &mut contestants {
            let times = slice(contestant, workload.requests.len());
            rows[contestant.row].rounds.push(times);
        }
    }
    for row in &mut rows {
        let numbered = row.rounds.iter().enumerate();
        row.best = numbered.min_by(|(_, a), (_, b)| a.mean.total_cmp(&b.mean)).map(|(number, _)| number);
    }
    Table { size: size.to_owned(), rules: workload.rules.len(), requests: workload.requests.len(), rows }
}

/// Loads the engine, checks its answers, which also warms it, and plans its slices.
fn enter(kind: Kind, workload: &Workload, plan: &Plan, row: &mut Row) -> Result<Contestant, crate::Failure> {
    let mut engine = kind.load(workload)?;
    engine.prepare(&workload.requests)?;
    let total = workload.requests.len();
    // Fills what is filled at the first decision.
    black_box(engine.decide(0));
    let start = Instant::now();
    // In strides, so that however few are checked, they are of every kind.
    for number in (0..total).map(|step| step * 997 % total) {
        let found = engine.decide(number);
        row.checked += 1;
        row.mismatches += usize::from(found.as_deref() != workload.requests[number].expect.as_deref());
        if start.elapsed() > plan.cap / 2 {
            break;
        }
    }
    let mean = start.elapsed().as_secs_f64() / row.checked as f64;
    let fits = plan.cap.as_secs_f64() / f64::from(plan.rounds) / mean;
    let decisions = (fits as usize).clamp(DECISIONS_MIN, total * PASSES);
    Ok(Contestant { engine, decisions, row: 0 })
}

fn slice(contestant: &mut Contestant, total: usize) -> Round {
    let decisions = contestant.decisions;
    let mut times = Vec::with_capacity(decisions);
    let start = Instant::now();
    for step in 0..decisions {
        let number = if decisions < total { step * total / decisions } else { step % total };
        let before = Instant::now();
        black_box(contestant.engine.decide(number));
        times.push(before.elapsed().as_nanos() as u64);
    }
    let mean = start.elapsed().as_nanos() as f64 / decisions as f64;
    times.sort_unstable();
    let percentile = |percent: usize| times[(decisions * percent).div_ceil(100).max(1) - 1];
    Round { decisions, p50: percentile(50), p99: percentile(99), mean }
}
