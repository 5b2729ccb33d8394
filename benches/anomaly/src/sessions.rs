//! Labelled sessions of agents: what is usual is learned from benign ones, attacks are scored.
//!
//! Half of the benign tasks is learned from, the other half scored; no task stands on both sides. Times are made up,
//! for the data has none: a session every quarter of an hour, an action every twenty seconds.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::{Timestamp, ToSpan};
use maais_core::anomaly::{Assessment, Key, Observation, Outcome, Pace, Population, Settings, Stage};
use maais_core::facts::{Facts, NoMemo};
use maais_core::request::{ActionRequest, Defaults};
use serde_json::Value;

/// The files with sessions of more than one step, or of agents that have both labels.
pub(crate) const FILES: [&str; 6] = ["agentdojo", "injecagent", "tau2", "tau_bench", "bfcl", "apibank"];

/// An action with its label.
pub(crate) struct Action {
    pub(crate) case: String,
    pub(crate) source: String,
    pub(crate) attack: bool,
    pub(crate) request: ActionRequest,
}

/// What becomes of benign actions that are flagged while they are learned from.
#[derive(Clone, Copy)]
pub(crate) enum Learning {
    /// They are not learned.
    Clean,
    /// A person looks, and allows them.
    Reviewed,
    /// Nothing is learned at all: what is scored comes after.
    Nothing,
}

/// All that was scored.
pub(crate) struct Sessions {
    pub(crate) scored: Vec<Scored>,
    /// Among clean actions of established agents while they were learned, in the last half of each fold: how many, and
    /// how many of them were flagged.
    pub(crate) streamed: [usize; 2],
}

/// A scored action.
pub(crate) struct Scored {
    pub(crate) source: String,
    pub(crate) case: String,
    pub(crate) attack: bool,
    pub(crate) assessment: Assessment,
}

pub(crate) const SETTINGS: Settings = Settings {
    false_alarms: 0.01,
    pace: Pace { warm_up_actions: 50, warm_up_minutes: 60, half_life_days: 14.0, trial_minutes: 60 },
};

pub(crate) fn read(dir: &Path, name: &str) -> Vec<Action> {
    let text = std::fs::read_to_string(dir.join(format!("{name}.jsonl"))).expect("sessions");
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("a row"));
    lines
        .map(|row| {
            let text = |key: &str| row[key].as_str().expect(key).to_owned();
            let defaults = Defaults { action_id: "a".into(), timestamp: Timestamp::UNIX_EPOCH };
            let request = ActionRequest::from_value(row["request"].clone(), defaults).expect("a request");
            Action { case: text("case"), source: text("source"), attack: row["label"] == "attack", request }
        })
        .collect()
}

/// What a case is about, without the attack on it.
fn task(case: &str) -> &str {
    let parts = case.match_indices('/').nth(2).map_or(case.len(), |(at, _)| at);
    if case.starts_with("agentdojo") { &case[..parts] } else { case }
}

const FOLDS: u64 = 5;

/// Which fifth a task is in: FNV-1a.
fn fold_of(task: &str) -> u64 {
    let hash = task
        .bytes()
        .fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3));
    (hash >> 32) % FOLDS
}

pub(crate) fn observe(request: &ActionRequest, key: &Key, previous: Option<u32>) -> Observation {
    Observation::new(&Facts::new(request, &NoMemo), key, previous)
}

/// Each fifth is scored once, by who learned the benign actions of the other four.
pub(crate) fn run(dir: &Path, learning: Learning) -> Sessions {
    let actions: Vec<Action> = FILES.iter().flat_map(|name| read(dir, name)).collect();
    let mut cases: BTreeMap<&str, Vec<&Action>> = BTreeMap::new();
    for action in &actions {
        cases.entry(&action.case).or_default().push(action);
    }
    // Sources one after the other would be days of one agent only: mixed, but the same each time.
    let mut cases: Vec<Vec<&Action>> = cases.into_values().collect();
    cases.sort_by_key(|case| key_of(&case[0].case));
    let mut all = Sessions { scored: Vec::new(), streamed: [0; 2] };
    (0..FOLDS).for_each(|fold| run_fold(&cases, fold, learning, &mut all));
    all
}

fn run_fold(cases: &[Vec<&Action>], fold: u64, learning: Learning, all: &mut Sessions) {
    let key = Key::new(*b"a key of a bench");
    let mut population = Population::new(key, 1, SETTINGS, 1_000);
    let mut now: Timestamp = "2026-09-07T08:00:00Z".parse().expect("a time");
    let is_scored = |case: &[&Action]| fold_of(task(&case[0].case)) == fold;
    let learned: Vec<_> = cases.iter().filter(|case| !is_scored(case)).collect();
    for (number, case) in learned.iter().enumerate() {
        let benign: Vec<&Action> = case.iter().copied().filter(|action| !action.attack).collect();
        let assessments = session(&mut population, &key, &benign, now, learning);
        if number >= learned.len() / 2 {
            let established = assessments.iter().filter(|one| one.stage == Stage::Established);
            all.streamed[0] += established.clone().count();
            all.streamed[1] += established.filter(|one| one.flagged).count();
        }
        now = now.checked_add(15.minutes()).expect("a time");
    }
    for case in cases.iter().filter(|case| is_scored(case)) {
        let assessments = session(&mut population, &key, case, now, Learning::Nothing);
        all.scored.extend(case.iter().zip(assessments).map(|(action, assessment)| Scored {
            source: action.source.clone(),
            case: action.case.clone(),
            attack: action.attack,
            assessment,
        }));
    }
}

fn key_of(case: &str) -> u64 {
    case.bytes().fold(7, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(23)
    })
}

fn session(
    population: &mut Population,
    key: &Key,
    case: &[&Action],
    start: Timestamp,
    learning: Learning,
) -> Vec<Assessment> {
    let mut previous = Some(0);
    let mut now = start;
    let mut out = Vec::new();
    for action in case {
        let agent = action.request.agent_id().as_str();
        let seen = observe(&action.request, key, previous);
        let role = Some(action.source.as_str());
        let assessment = population.assess(agent, role, &seen, now);
        match learning {
            Learning::Nothing => {}
            Learning::Clean => population.settle(agent, role, &seen, &assessment, Outcome::Clean, now),
            Learning::Reviewed => {
                let outcome = if assessment.flagged { Outcome::Approved } else { Outcome::Clean };
                population.settle(agent, role, &seen, &assessment, outcome, now);
            }
        }
        previous = Some(seen.act());
        now = now.checked_add(20.seconds()).expect("a time");
        out.push(assessment);
    }
    out
}
