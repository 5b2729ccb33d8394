//! Counts the denials of each agent, so that a burst contains it. Bounded in agents and in denials.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use parking_lot::Mutex;

/// Agents whose denials are counted. Beyond it, the one that was denied longest ago is forgotten.
const AGENTS_MAX: usize = 10_000;

/// The denials of every agent, as far as they are young.
#[derive(Default)]
pub(crate) struct Denials {
    agents: Mutex<HashMap<Box<str>, VecDeque<Duration>>>,
}

impl Denials {
    /// Counts a denial; whether that makes `max` within the time.
    pub(crate) fn count(&self, agent: &str, max: u32, within: Duration, now: Duration) -> bool {
        let max = usize::try_from(max).unwrap_or(usize::MAX).max(1);
        let mut agents = self.agents.lock();
        if agents.len() >= AGENTS_MAX && !agents.contains_key(agent) {
            forget(&mut agents, within, now);
        }
        let times = agents.entry(agent.into()).or_default();
        times.push_back(now);
        while times.len() > max {
            times.pop_front();
        }
        let first = times.front().copied().unwrap_or(now);
        times.len() == max && now.saturating_sub(first) <= within
    }

    /// A person released it: it starts anew.
    pub(crate) fn forgive(&self, agent: &str) {
        self.agents.lock().remove(agent);
    }
}

/// Forgets who was not denied for that long, or else the one that was denied longest ago.
fn forget(agents: &mut HashMap<Box<str>, VecDeque<Duration>>, within: Duration, now: Duration) {
    agents.retain(|_, times| times.back().is_some_and(|last| now.saturating_sub(*last) <= within));
    if agents.len() < AGENTS_MAX {
        return;
    }
    let oldest = agents.iter().min_by_key(|(_, times)| times.back().copied());
    if let Some(oldest) = oldest.map(|(agent, _)| agent.clone()) {
        agents.remove(&oldest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn so_many_within_the_time_are_a_burst_and_fewer_are_not() {
        let denials = Denials::default();
        let at = |seconds| denials.count("a", 3, MINUTE, Duration::from_secs(seconds));
        assert_eq!([at(0), at(50), at(61), at(62)], [false, false, false, true]);
        denials.forgive("a");
        assert!(!at(63));
    }

    #[test]
    fn beyond_the_limit_the_oldest_is_forgotten() {
        let denials = Denials::default();
        for i in 0..=AGENTS_MAX {
            denials.count(&format!("a{i}"), 2, MINUTE, Duration::from_micros(i as u64));
        }
        assert_eq!(denials.agents.lock().len(), AGENTS_MAX);
        let now = Duration::from_secs(1);
        assert!(!denials.count("a0", 2, MINUTE, now), "forgotten");
        assert!(denials.count(&format!("a{AGENTS_MAX}"), 2, MINUTE, now));
    }
}
