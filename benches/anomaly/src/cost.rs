//! What a decision costs, and what a hundred thousand agents do.

use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use jiff::{Timestamp, ToSpan};
use maais_core::anomaly::{Key, Observation, Outcome, PROFILE_BYTES_MAX, Population};
use maais_core::facts::{Facts, NoMemo};
use serde_json::{Value, json};

use crate::sessions::{self, Action};

const AGENTS: usize = 100_000;
const ROUNDS: usize = 5;

/// In nanoseconds, the best round of each; and bytes.
pub(crate) fn run(dir: &Path) -> Value {
    let key = Key::new(*b"a key of a bench");
    let actions: Vec<Action> = sessions::FILES.iter().flat_map(|name| sessions::read(dir, name)).collect();
    let observed: Vec<Observation> =
        actions.iter().map(|action| sessions::observe(&action.request, &key, None)).collect();
    let observe = best(actions.len(), || {
        actions.iter().for_each(|action| drop(black_box(sessions::observe(&action.request, &key, None))));
    });
    let facts: Vec<Facts<'_>> = actions.iter().map(|action| Facts::new(&action.request, &NoMemo)).collect();
    let given_facts = best(actions.len(), || {
        facts.iter().for_each(|facts| drop(black_box(Observation::new(facts, &key, None))));
    });
    let mut population = Population::new(key, 1, sessions::SETTINGS, AGENTS);
    let mut now: Timestamp = "2026-09-07T08:00:00Z".parse().expect("a time");
    let agents = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let mut learned = 0;
    let learn = best(observed.len(), || {
        for (number, seen) in observed.iter().enumerate() {
            now = now.checked_add(20.seconds()).expect("a time");
            let agent = agents[number % agents.len()];
            let assessment = population.assess(agent, Some("role"), seen, now);
            population.settle(agent, Some("role"), seen, &assessment, Outcome::Clean, now);
        }
        learned += 1;
    });
    let mut times = Vec::new();
    let assess = best(observed.len(), || {
        for (number, seen) in observed.iter().enumerate() {
            let begin = Instant::now();
            black_box(population.assess(agents[number % agents.len()], Some("role"), seen, now));
            times.push(begin.elapsed().as_nanos());
        }
    });
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    eprintln!("a hundred thousand agents …");
    let (resident, heap) = hundred_thousand(&observed, key);
    json!({
        "observe_ns": observe, "observe_given_facts_ns": given_facts, "assess_ns": assess, "assess_p50_ns": at(0.5), "assess_p99_ns": at(0.99),
        "assess_and_settle_ns": learn, "detector_bytes": population.detector().to_bytes().len(),
        "agents": AGENTS, "resident_bytes_an_agent": resident, "profile_bytes_an_agent": heap,
        "profile_bytes_max": PROFILE_BYTES_MAX,
    })
}

/// Nanoseconds for one of `count`, the best round.
fn best(count: usize, mut round: impl FnMut()) -> f64 {
    let one = |()| {
        let begin = Instant::now();
        round();
        begin.elapsed().as_nanos() as f64 / count as f64
    };
    std::iter::repeat_n((), ROUNDS).map(one).fold(f64::MAX, f64::min)
}

/// What each takes after sixty-four different actions: of the process, and by its own count.
fn hundred_thousand(observed: &[Observation], key: Key) -> (f64, f64) {
    let before = resident();
    let mut population = Population::new(key, 1, sessions::SETTINGS, AGENTS);
    let start: Timestamp = "2026-09-07T08:00:00Z".parse().expect("a time");
    for agent in 0..AGENTS {
        let name = format!("agent-{agent}");
        for step in 0..64 {
            let seen = &observed[(agent * 7 + step * 131) % observed.len()];
            let now = start.checked_add((step as i64).minutes()).expect("a time");
            let assessment = population.assess(&name, None, seen, now);
            population.settle(&name, None, seen, &assessment, Outcome::Clean, now);
        }
    }
    let own: usize = population.profiles().map(|(_, profile)| profile.memory()).sum();
    let learned: f64 = population.profiles().map(|(_, profile)| f64::from(profile.learned())).sum();
    eprintln!("learned {} each", learned / AGENTS as f64);
    assert_eq!(population.len(), AGENTS);
    ((resident() - before) / AGENTS as f64, own as f64 / AGENTS as f64)
}

/// Bytes that the process holds, as Linux counts them; 0 elsewhere.
fn resident() -> f64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: f64 = text.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or_default();
    pages * 4_096.0
}
