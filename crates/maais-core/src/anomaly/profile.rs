//! What is usual for one agent, or for a role: at most 4 KiB, whatever it does.
//!
//! Learns only what it is told was allowed and unflagged. After warm-up its baseline is frozen: something new is on trial
//! at first, and forgotten if the agent is refused or flagged meanwhile; later it is known, but never as well as the
//! baseline; numbers walk within a bound. Only [`Profile::accept`], that is a person, makes what is usual now the
//! baseline.

mod measure;
mod state;

use jiff::Timestamp;

use super::credit::Credit;
use super::feature::Measured;
use super::observation::{MEASURES, Observation, PlaceKind};
use super::spread::{Level, Spread};
use super::tally::{Novelty, Tally};
use super::time::{Clock, Minute, Moment};

/// Acts that are told apart.
const ACTS: usize = 32;
/// Pairs of acts.
const PAIRS: usize = 48;
/// Shapes of parameters.
const SHAPES: usize = 32;
/// Hosts, addresses, folders, tables and programs together.
const PLACES: usize = 48;
const HOURS: usize = 168;
/// Bytes of a profile, in memory and in its binary form.
pub const PROFILE_BYTES_MAX: usize = 4_096;
/// Halves of the counts of actions: after a minute and after an hour.
const PACES_MS: [f64; 2] = [60_000.0, 3_600_000.0];
/// How far the share of refused actions moves with each: of late, and in the long run.
const REFUSED_STEPS: [f32; 2] = [1.0 / 16.0, 1.0 / 512.0];

/// How fast a profile learns, and how much before it is believed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// Learned actions before a profile is established.
    pub warm_up_actions: u32,
    /// Minutes before it is, however many actions there were.
    pub warm_up_minutes: u32,
    /// Days after which an action weighs half.
    pub half_life_days: f64,
    /// Minutes that something new is on trial.
    pub trial_minutes: u32,
}

impl Default for Pace {
    fn default() -> Self {
        Self { warm_up_actions: 100, warm_up_minutes: 24 * 60, half_life_days: 14.0, trial_minutes: 24 * 60 }
    }
}

/// What became of an action, as far as learning goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Allowed, and nothing was found unusual.
    Clean,
    /// Flagged, but a person looked and allowed it.
    Approved,
    /// Flagged.
    Flagged,
    /// Not allowed.
    Refused,
}

/// Where a profile stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Too little was learned to deny anything for it.
    WarmUp {
        /// Actions learned.
        learned: u32,
    },
    /// The baseline is frozen.
    Established,
    /// There is no room for a profile: nothing is known, and nothing is learned.
    Untracked,
}

/// What is usual for one agent or role.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    epoch: Moment,
    first: Moment,
    last: Moment,
    frozen: Option<Minute>,
    /// What its clean actions earned.
    credit: Credit,
    /// Learned actions.
    learned: u32,
    /// Refused or flagged ones.
    suspect: u32,
    previous: Option<u32>,
    kinds: [f32; 8],
    acts: Tally<ACTS>,
    /// For each act, what is usual for its measures.
    spreads: Vec<[Spread; MEASURES]>,
    act_novelty: Novelty,
    overall: [Spread; MEASURES],
    pairs: Tally<PAIRS>,
    pair_novelty: Novelty,
    shapes: Tally<SHAPES>,
    shape_novelty: Novelty,
    places: Tally<PLACES>,
    place_novelty: [Novelty; PlaceKind::ALL.len()],
    hours: [u8; HOURS],
    /// Actions of late, at both paces, at the time of the last.
    recent: [f32; 2],
    recent_usual: [Spread; 2],
    /// Shares of refused actions, of late and in the long run.
    refused: [f32; 2],
}

impl Profile {
    /// Of somebody who did nothing yet.
    pub fn new(now: Timestamp) -> Self {
        let now = Moment::of(now);
        Self {
            epoch: now,
            first: now,
            last: now,
            frozen: None,
            credit: Credit::default(),
            learned: 0,
            suspect: 0,
            previous: None,
            kinds: [0.0; 8],
            acts: Tally::default(),
            spreads: Vec::new(),
            act_novelty: Novelty::default(),
            overall: [Spread::default(); MEASURES],
            pairs: Tally::default(),
            pair_novelty: Novelty::default(),
            shapes: Tally::default(),
            shape_novelty: Novelty::default(),
            places: Tally::default(),
            place_novelty: [Novelty::default(); PlaceKind::ALL.len()],
            hours: [0; HOURS],
            recent: [0.0; 2],
            recent_usual: [Spread::default(); 2],
            refused: [0.0; 2],
        }
    }

    /// Whether it is established, or how much it has learned.
    pub fn stage(&self) -> Stage {
        if self.frozen.is_some() { Stage::Established } else { Stage::WarmUp { learned: self.learned } }
    }

    /// Actions learned.
    pub fn learned(&self) -> u32 {
        self.learned
    }

    /// Actions refused or flagged.
    pub fn suspect(&self) -> u32 {
        self.suspect
    }

    /// What its clean actions earned for its flagged ones.
    pub(super) fn credit(&mut self) -> &mut Credit {
        &mut self.credit
    }

    /// Milliseconds since 1970 of the last action.
    pub(super) fn last(&self) -> Moment {
        self.last
    }

    /// How far what is usual has walked from the frozen baseline, from 0 to 1: at 1 it cannot walk further, and a person
    /// should look whether it is to be accepted.
    pub fn drift(&self) -> f64 {
        let spreads = self.spreads.iter().flatten().chain(&self.overall).chain(&self.recent_usual);
        spreads.map(Spread::drift).fold(0.0, f64::max)
    }

    /// What is usual now becomes the baseline: a person has looked.
    pub fn accept(&mut self, now: Timestamp) {
        let minute = Moment::of(now).max(self.last).minute();
        self.frozen = Some(minute);
        self.acts.accept(minute);
        self.pairs.accept(minute);
        self.shapes.accept(minute);
        self.places.accept(minute);
        let spreads =
            self.spreads.iter_mut().flatten().chain(&mut self.overall).chain(&mut self.recent_usual);
        spreads.for_each(Spread::accept);
    }

    /// How unusual an action is for it, before anything of it is learned. `peers` is the profile of its role: the less
    /// the agent is known, the more theirs counts.
    pub fn measure(&self, seen: &Observation, peers: Option<&Self>, now: Timestamp, pace: &Pace) -> Measured {
        measure::measure(self, seen, peers, Moment::of(now).max(self.last), pace)
    }

    /// Takes note of an action after its outcome is known.
    pub fn learn(&mut self, seen: &Observation, outcome: Outcome, now: Timestamp, pace: &Pace) {
        let now = Moment::of(now).max(self.last);
        let clock = self.advance(now, pace);
        let was_refused = if outcome == Outcome::Refused { 1.0 } else { 0.0 };
        for (share, step) in self.refused.iter_mut().zip(REFUSED_STEPS) {
            *share += step * (was_refused - *share);
        }
        let recent = self.recent_with(now);
        self.recent = recent;
        self.last = now;
        let previous = seen.previous.or(self.previous);
        self.previous = Some(seen.act);
        match outcome {
            Outcome::Clean | Outcome::Approved => {
                self.learn_clean(seen, previous, recent, &clock);
                self.freeze_if_due(now, pace);
            }
            Outcome::Flagged | Outcome::Refused => {
                self.suspect = self.suspect.saturating_add(1);
                self.drop_trials(&clock);
            }
        }
    }

    fn learn_clean(&mut self, seen: &Observation, previous: Option<u32>, recent: [f32; 2], clock: &Clock) {
        let frozen = self.frozen.is_some();
        self.learned = self.learned.saturating_add(1);
        if let Some(kind) = self.kinds.get_mut(seen.action_type.index()) {
            *kind = (*kind + clock.weight()).min(super::tally::WEIGHT_MAX);
        }
        self.act_novelty.learn(self.acts.standing(seen.act, clock), clock);
        let learned = self.acts.learn(seen.act, clock);
        if learned.at == self.spreads.len() {
            if self.spreads.len() == self.spreads.capacity() {
                self.spreads
                    .reserve_exact(self.spreads.len().max(4).min(ACTS.saturating_sub(self.spreads.len())));
            }
            self.spreads.push([Spread::default(); MEASURES]);
        }
        if let Some(spreads) = self.spreads.get_mut(learned.at) {
            if learned.new {
                *spreads = [Spread::default(); MEASURES];
            }
            learn_levels(spreads, &seen.levels, frozen);
        }
        learn_levels(&mut self.overall, &seen.levels, frozen);
        if let Some(previous) = previous {
            let pair = pair(previous, seen.act);
            self.pair_novelty.learn(self.pairs.standing(pair, clock), clock);
            self.pairs.learn(pair, clock);
        }
        self.shape_novelty.learn(self.shapes.standing(seen.shape, clock), clock);
        self.shapes.learn(seen.shape, clock);
        for place in &seen.places {
            if let Some(novelty) = self.place_novelty.get_mut(place.kind as usize) {
                novelty.learn(self.places.standing(place.name, clock), clock);
            }
            self.places.learn(place.name, clock);
        }
        self.learn_hour(clock.now);
        for (spread, recent) in self.recent_usual.iter_mut().zip(recent) {
            spread.learn(Level::of(f64::from(recent)), frozen);
        }
    }

    fn learn_hour(&mut self, now: Moment) {
        let hour = now.hour_of_week();
        if self.hours.get(hour) == Some(&u8::MAX) {
            self.hours.iter_mut().for_each(|count| *count /= 2);
        }
        if let Some(count) = self.hours.get_mut(hour) {
            *count += 1;
        }
    }

    fn freeze_if_due(&mut self, now: Moment, pace: &Pace) {
        let minutes = now.since(self.first) / 60_000.0;
        let due = self.learned >= pace.warm_up_actions && minutes >= f64::from(pace.warm_up_minutes);
        if self.frozen.is_none() && due {
            self.frozen = Some(now.minute());
        }
    }

    /// What was learned since too short a time goes: it may have been the beginning of an attack.
    fn drop_trials(&mut self, clock: &Clock) {
        let stays = self.acts.drop_trials(clock);
        let mut each = stays.iter();
        self.spreads.retain(|_| each.next().copied().unwrap_or(true));
        self.pairs.drop_trials(clock);
        self.shapes.drop_trials(clock);
        self.places.drop_trials(clock);
    }

    fn clock(&self, now: Moment, pace: &Pace) -> (Clock, Option<f32>) {
        let half_life = pace.half_life_days.max(0.01) * 86_400_000.0;
        Clock::new(now, self.epoch, half_life, self.frozen, pace.trial_minutes)
    }

    /// The clock of an action that is learned; an epoch that is long ago moves to now.
    fn advance(&mut self, now: Moment, pace: &Pace) -> Clock {
        let (clock, rescale) = self.clock(now, pace);
        if let Some(by) = rescale {
            self.epoch = now;
            self.kinds.iter_mut().for_each(|weight| *weight *= by);
            self.acts.rescale(by);
            self.pairs.rescale(by);
            self.shapes.rescale(by);
            self.places.rescale(by);
            let novelties = [&mut self.act_novelty, &mut self.pair_novelty, &mut self.shape_novelty];
            novelties.into_iter().chain(&mut self.place_novelty).for_each(|novelty| novelty.rescale(by));
        }
        clock
    }

    /// Counts of actions of late, with one more of now.
    fn recent_with(&self, now: Moment) -> [f32; 2] {
        let mut recent = self.recent;
        for (count, half) in recent.iter_mut().zip(PACES_MS) {
            let left = super::arithmetic::exp2(-now.since(self.last) / half) as f32;
            *count = (*count * left + 1.0).min(1e9);
        }
        recent
    }

    /// Bytes that it takes in memory.
    pub fn memory(&self) -> usize {
        let tables = self.acts.heap() + self.pairs.heap() + self.shapes.heap() + self.places.heap();
        size_of::<Self>() + tables + self.spreads.capacity() * size_of::<[Spread; MEASURES]>()
    }
}

fn learn_levels(spreads: &mut [Spread; MEASURES], levels: &[Level; MEASURES], frozen: bool) {
    for (spread, level) in spreads.iter_mut().zip(levels) {
        spread.learn(*level, frozen);
    }
}

/// The short name of one act after another.
fn pair(before: u32, act: u32) -> u32 {
    let mixed = (u64::from(before) << 32 | u64::from(act)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9).rotate_left(32) as u32
}

#[cfg(test)]
mod tests;
