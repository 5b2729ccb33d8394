//! Counts of actions within sliding windows, exact from above: never more than the limit in any window.
//!
//! An action reserves its place before it is decided and gives it back unless it is allowed, so denied
//! actions consume nothing. Time is divided into sixtieths of the window, and the oldest sixtieth counts
//! until it is past as a whole: a place is free at most one sixtieth late, never early.
//!
//! Trusted: the monotonic clock. Not trusted: how many agents and targets there are.

use std::collections::HashMap;
use std::time::Duration;

use maais_core::facts::Facts;
use maais_core::policy::LimitKey;
use maais_core::request::ActionRequest;
use maais_core::state::{Exceeded, Limit, State};
use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};

use crate::config::Counting;
use crate::snapshot::Snapshot;

/// Counts that are kept. Beyond it, whoever is new is over the limit at once.
pub(crate) const CELLS_MAX: usize = 200_000;
/// Counts that one agent may occupy, so that it cannot fill the table for the others.
pub(crate) const AGENT_CELLS_MAX: u32 = 2_000;
/// Parts of a window.
const PARTS: usize = 60;
/// One action, in thousandths.
const ONE: u64 = 1_000;
/// The availability check counts by the minute.
const MINUTE_MS: u64 = 60_000;
/// Full tables are swept at most this often.
const SWEEP_EVERY_MS: u64 = 1_000;

/// Every count of the engine.
pub(crate) struct Limits {
    table: Mutex<Table>,
    cells_max: usize,
    counting: Counting,
}

#[derive(Default)]
struct Table {
    cells: HashMap<Key, Cell>,
    /// Cells that each agent occupies.
    agents: HashMap<Key, u32>,
    swept_ms: u64,
}

/// The first half of a SHA-256: names of any length in sixteen bytes that nobody can make collide.
type Key = [u8; 16];

struct Cell {
    agent: Key,
    window_ms: u64,
    /// Number of the part that `counts` ends with.
    newest: u64,
    /// Thousandths.
    counts: [u64; PARTS],
    total: u64,
}

/// What an action holds of each limit until it is settled.
#[must_use = "a reservation must be settled"]
pub(crate) struct Reservation {
    taken: Vec<Taken>,
}

/// A cell, a part of its window, and how much was taken there.
struct Taken {
    key: Key,
    part: u64,
    cost: u64,
}

/// One limit of one action; amounts are thousandths.
struct Count {
    limit: Limit,
    key: Key,
    max: u64,
    /// What the action spends; `None` is more than any limit.
    cost: Option<u64>,
    window_ms: u64,
}

impl Limits {
    pub(crate) fn new(cells_max: usize, counting: Counting) -> Self {
        Self { table: Mutex::new(Table::default()), cells_max, counting }
    }

    /// Adds to the state what the action would exceed, and takes places in the limits that it does not.
    pub(crate) fn observe(
        &self,
        snapshot: &Snapshot,
        facts: &Facts<'_>,
        state: &mut State,
        elapsed: Duration,
    ) -> Reservation {
        let now_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        let counts = self.counts(snapshot, facts, state);
        let agent = hash(&[
            b"agent",
            self.session_of(facts.request()),
            facts.request().agent_id().as_str().as_bytes(),
        ]);
        let mut reservation = Reservation { taken: Vec::with_capacity(counts.len()) };
        let mut table = self.table.lock();
        for count in counts {
            match table.take(&count, agent, now_ms, self.cells_max) {
                Ok(taken) => reservation.taken.push(taken),
                Err(exceeded) => state.exceeded.push(exceeded),
            }
        }
        reservation
    }

    /// Ends a reservation: an action that may not run gives its places back.
    pub(crate) fn settle(&self, reservation: Reservation, may_run: bool) {
        if may_run {
            return;
        }
        let mut table = self.table.lock();
        for taken in reservation.taken {
            if let Some(cell) = table.cells.get_mut(&taken.key) {
                cell.give_back(taken.part, taken.cost);
            }
        }
    }

    /// Every limit that the action counts towards.
    fn counts(&self, snapshot: &Snapshot, facts: &Facts<'_>, state: &State) -> Vec<Count> {
        let request = facts.request();
        let kind = request.action_type();
        let own = match self.counting {
            Counting::ByAgent => LimitKey::GLOBAL,
            Counting::BySession => LimitKey::SESSION,
        };
        let mut counts = vec![Count {
            limit: Limit::Availability,
            key: key_of(
                request,
                &state.tenant,
                b"A",
                own.with(LimitKey::AGENT).with(LimitKey::ACTION_TYPE).with(LimitKey::TARGET),
            ),
            max: u64::from(snapshot.settings.availability.max_for(kind)) * ONE,
            cost: Some(ONE),
            window_ms: MINUTE_MS,
        }];
        for number in snapshot.policies.limits_touched(facts, state) {
            let Some(spec) = snapshot.policies.limits().get(number) else {
                continue;
            };
            counts.push(Count {
                limit: Limit::Policy(number),
                key: key_of(request, &state.tenant, spec.policy_id.as_bytes(), spec.key.with(own)),
                max: spec.max,
                cost: spec.cost_of(request),
                window_ms: u64::from(spec.window_seconds) * 1000,
            });
        }
        counts
    }

    /// The session, where each is counted as if it were alone.
    fn session_of<'r>(&self, request: &'r ActionRequest) -> &'r [u8] {
        match self.counting {
            Counting::ByAgent => b"",
            Counting::BySession => request.session_id().unwrap_or_default().as_bytes(),
        }
    }

    /// Counts that are kept.
    pub(crate) fn len(&self) -> usize {
        self.table.lock().cells.len()
    }
}

fn key_of(request: &ActionRequest, tenant: &str, limit: &[u8], parts: LimitKey) -> Key {
    let part = |part, text: &str| {
        if parts.has(part) { text.as_bytes().to_vec() } else { Vec::new() }
    };
    hash(&[
        tenant.as_bytes(),
        limit,
        &part(LimitKey::AGENT, request.agent_id().as_str()),
        &part(LimitKey::ACTION_TYPE, request.action_type().as_str()),
        &part(LimitKey::TARGET, request.target().as_str()),
        &part(LimitKey::SESSION, request.session_id().unwrap_or_default()),
    ])
}

fn hash(parts: &[&[u8]]) -> Key {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    let mut key = Key::default();
    for (to, from) in key.iter_mut().zip(hasher.finalize()) {
        *to = from;
    }
    key
}

impl Table {
    /// Takes a place, or says why not.
    fn take(&mut self, count: &Count, agent: Key, now_ms: u64, cells_max: usize) -> Result<Taken, Exceeded> {
        if !self.cells.contains_key(&count.key) {
            self.make_room(count, agent, now_ms, cells_max)?;
        }
        let cell = self.cells.entry(count.key).or_insert_with(|| Cell::new(agent, count.window_ms));
        cell.move_to(now_ms, count.window_ms);
        let fits = count.cost.filter(|cost| cell.total.saturating_add(*cost) <= count.max);
        let Some(cost) = fits else {
            return Err(Exceeded {
                limit: count.limit,
                seen: cell.total,
                max: count.max,
                window_seconds: u32::try_from(count.window_ms / 1000).unwrap_or(u32::MAX),
                retry_after_ms: cell.retry_after_ms(count, now_ms),
            });
        };
        Ok(Taken { key: count.key, part: cell.take(cost), cost })
    }

    fn make_room(
        &mut self,
        count: &Count,
        agent: Key,
        now_ms: u64,
        cells_max: usize,
    ) -> Result<(), Exceeded> {
        let occupied = self.agents.get(&agent).copied().unwrap_or(0);
        let full = |table: &Self| table.cells.len() >= cells_max || occupied >= AGENT_CELLS_MAX;
        if full(self) && now_ms >= self.swept_ms.saturating_add(SWEEP_EVERY_MS) {
            self.sweep(now_ms);
        }
        let occupied = self.agents.get(&agent).copied().unwrap_or(0);
        if self.cells.len() >= cells_max || occupied >= AGENT_CELLS_MAX {
            return Err(Exceeded {
                limit: Limit::Tracked,
                seen: u64::from(occupied) * ONE,
                max: u64::try_from(cells_max).unwrap_or(u64::MAX).min(AGENT_CELLS_MAX.into()) * ONE,
                window_seconds: u32::try_from(count.window_ms / 1000).unwrap_or(u32::MAX),
                retry_after_ms: count.window_ms,
            });
        }
        *self.agents.entry(agent).or_insert(0) += 1;
        Ok(())
    }

    /// Forgets counts in which nothing is left.
    fn sweep(&mut self, now_ms: u64) {
        self.swept_ms = now_ms;
        let agents = &mut self.agents;
        self.cells.retain(|_, cell| {
            cell.move_to(now_ms, cell.window_ms);
            if cell.total == 0
                && let Some(occupied) = agents.get_mut(&cell.agent)
            {
                *occupied = occupied.saturating_sub(1);
            }
            cell.total > 0
        });
        self.agents.retain(|_, occupied| *occupied > 0);
    }
}

impl Cell {
    fn new(agent: Key, window_ms: u64) -> Self {
        Self { agent, window_ms, newest: 0, counts: [0; PARTS], total: 0 }
    }

    fn part_ms(&self) -> u64 {
        self.window_ms.div_ceil(PARTS as u64 - 1).max(1)
    }

    /// Lets what is older than the window go. The parts cover a little more than the window, never less.
    fn move_to(&mut self, now_ms: u64, window_ms: u64) {
        if window_ms != self.window_ms {
            // The limit was changed: what was counted counts as if it had just happened.
            let total = self.total;
            *self = Self::new(self.agent, window_ms);
            self.newest = now_ms / self.part_ms();
            self.add(self.newest, total);
        }
        let part = now_ms / self.part_ms();
        let steps = part.saturating_sub(self.newest).min(PARTS as u64);
        for step in 1..=steps {
            let index = slot(self.newest + step);
            if let Some(count) = self.counts.get_mut(index) {
                self.total = self.total.saturating_sub(*count);
                *count = 0;
            }
        }
        self.newest = self.newest.max(part);
        if steps == PARTS as u64 {
            self.counts = [0; PARTS];
            self.total = 0;
        }
    }

    fn take(&mut self, cost: u64) -> u64 {
        self.add(self.newest, cost);
        self.newest
    }

    fn add(&mut self, part: u64, cost: u64) {
        if let Some(count) = self.counts.get_mut(slot(part)) {
            *count = count.saturating_add(cost);
            self.total = self.total.saturating_add(cost);
        }
    }

    fn give_back(&mut self, part: u64, cost: u64) {
        let still_counted = self.newest < part.saturating_add(PARTS as u64);
        if let Some(count) = self.counts.get_mut(slot(part)).filter(|_| still_counted) {
            let back = cost.min(*count);
            *count -= back;
            self.total = self.total.saturating_sub(back);
        }
    }

    /// Until enough of the oldest parts are past.
    fn retry_after_ms(&self, count: &Count, now_ms: u64) -> u64 {
        let mut left = self.total;
        let Some(free) = count.cost.and_then(|cost| count.max.checked_sub(cost)) else {
            return self.window_ms; // it will not fit then, either
        };
        for age in (0..PARTS as u64).rev() {
            let Some(part) = self.newest.checked_sub(age) else {
                continue;
            };
            left = left.saturating_sub(self.counts.get(slot(part)).copied().unwrap_or(0));
            if left <= free {
                return ((part + PARTS as u64) * self.part_ms()).saturating_sub(now_ms);
            }
        }
        self.window_ms
    }
}

fn slot(part: u64) -> usize {
    usize::try_from(part % PARTS as u64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(max: u32) -> Count {
        let max = u64::from(max) * ONE;
        Count { limit: Limit::Availability, key: [1; 16], max, cost: Some(ONE), window_ms: MINUTE_MS }
    }

    #[test]
    fn a_limit_with_costs_admits_what_fits_and_nothing_that_cannot_be_counted() {
        let mut table = Table::default();
        let mut spend = |cost: Option<u64>| {
            table.take(&Count { cost, ..count(100) }, [0; 16], 0, 100).map(|taken| taken.cost).ok()
        };
        assert_eq!(spend(Some(60_500)), Some(60_500));
        assert_eq!(spend(Some(40_000)), None, "60.5 and 40 are more than 100");
        assert_eq!(spend(Some(39_500)), Some(39_500));
        assert_eq!(spend(Some(1)), None);
        assert_eq!(spend(Some(0)), Some(0));
        assert_eq!(spend(None), None);
        assert_eq!(spend(Some(u64::MAX)), None);
    }

    fn take(table: &mut Table, max: u32, now_ms: u64) -> Result<Taken, Exceeded> {
        table.take(&count(max), [0; 16], now_ms, 100)
    }

    #[test]
    fn the_first_fifty_pass_and_the_rest_do_not() {
        let mut table = Table::default();
        let passed = (0..150).filter(|i| take(&mut table, 50, 1000 + i).is_ok()).count();
        assert_eq!(passed, 50);
    }

    #[test]
    fn what_is_given_back_can_be_taken_again() {
        let mut table = Table::default();
        let taken = take(&mut table, 1, 0).ok().unwrap();
        assert!(take(&mut table, 1, 1).is_err());
        table.cells.get_mut(&[1; 16]).unwrap().give_back(taken.part, taken.cost);
        assert!(take(&mut table, 1, 2).is_ok());
    }

    #[test]
    fn the_denial_says_when_to_come_again() {
        let mut table = Table::default();
        assert!(take(&mut table, 1, 5_000).is_ok());
        let wait = take(&mut table, 1, 6_000).err().unwrap().retry_after_ms;
        assert!(take(&mut table, 1, 6_000 + wait - 1).is_err());
        assert!(take(&mut table, 1, 6_000 + wait).is_ok());
        assert!(wait <= 62_000, "{wait}");
    }

    #[test]
    fn a_full_table_limits_the_new_and_keeps_counting_the_old() {
        let mut table = Table::default();
        for i in 0..10u8 {
            let count = Count { key: [i; 16], ..count(5) };
            assert!(table.take(&count, [i; 16], 0, 10).is_ok());
        }
        let newcomer = Count { key: [99; 16], ..count(5) };
        assert_eq!(table.take(&newcomer, [99; 16], 0, 10).err().unwrap().limit, Limit::Tracked);
        assert!(table.take(&Count { key: [3; 16], ..count(5) }, [3; 16], 0, 10).is_ok());
        assert!(table.take(&newcomer, [99; 16], 200_000, 10).is_ok(), "what is past makes room");
    }

    #[test]
    fn one_agent_cannot_fill_the_table() {
        let mut table = Table::default();
        let mut refused = 0;
        for i in 0..AGENT_CELLS_MAX + 10 {
            let count = Count { key: hash(&[&i.to_be_bytes()]), ..count(5) };
            refused += u32::from(table.take(&count, [7; 16], 0, CELLS_MAX).is_err());
        }
        assert_eq!(refused, 10);
        assert!(table.take(&count(5), [8; 16], 0, CELLS_MAX).is_ok());
    }

    proptest::proptest! {
        #[test]
        fn no_window_ever_holds_more_than_the_limit(
            gaps in proptest::collection::vec(0u64..20_000, 1..200), max in 1u32..20
        ) {
            let mut table = Table::default();
            let mut now = 0;
            let mut passed: Vec<u64> = Vec::new();
            for gap in gaps {
                now += gap;
                if take(&mut table, max, now).is_ok() {
                    passed.push(now);
                }
            }
            for start in &passed {
                let within = passed.iter().filter(|t| *t >= start && **t < start + MINUTE_MS).count();
                proptest::prop_assert!(within <= max as usize, "{within} from {start}");
            }
        }
    }
}
