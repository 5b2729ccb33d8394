//! How often each of many things occurred, within a bound: the table behind every "first" and "seldom".
//!
//! What is forgotten for want of room is the lightest, and counts as new again: an agent that fills the table becomes
//! more unusual, never less. Decay is forward (Cormode, Shkapenyuk, Srivastava, Xu: *Forward Decay*, ICDE 2009): new
//! things weigh more, old ones are not touched. How likely something new is comes from how often something new came
//! (Good 1953): who goes to new places every day is not unusual for it.

use super::codec::{Reader, StateError, Writer};
use super::time::{Clock, Minute};

/// The most that anything may weigh: sums stay finite.
pub(super) const WEIGHT_MAX: f32 = 1e12;
/// What something on trial may weigh, in actions of today.
const TRIAL_WEIGHT: f32 = 4.0;
/// What has come since the baseline was frozen is never more likely than this: three bits of surprise.
const LATER_MAX: f64 = 0.125;

/// Something that occurred.
#[derive(Debug, Clone, PartialEq)]
struct Entry {
    name: u32,
    weight: f32,
    since: Minute,
}

/// Things of one kind and how often each occurred; at most `N`.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Tally<const N: usize> {
    entries: Vec<Entry>,
}

/// How often anything occurred, and how often something for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Novelty {
    all: f32,
    first: f32,
}

/// How well something is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Standing {
    /// Never seen, or forgotten.
    New,
    /// Seen, but so short a time ago that it may be part of an attack.
    Trial,
    /// Learned after the baseline was frozen.
    Later,
    /// Part of the baseline.
    Known,
}

impl Novelty {
    pub(super) fn learn(&mut self, standing: Standing, clock: &Clock) {
        self.all = (self.all + clock.weight()).min(WEIGHT_MAX);
        if standing == Standing::New {
            self.first = (self.first + clock.weight()).min(WEIGHT_MAX);
        }
    }

    /// In actions of today.
    pub(super) fn total(&self, clock: &Clock) -> f64 {
        f64::from(self.all / clock.weight())
    }

    /// How likely something new is.
    fn share(&self, clock: &Clock) -> f64 {
        (f64::from(self.first / clock.weight()) + 0.5) / (self.total(clock) + 1.0)
    }

    pub(super) fn rescale(&mut self, by: f32) {
        self.all *= by;
        self.first *= by;
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        writer.f32(self.all);
        writer.f32(self.first);
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, StateError> {
        let all = reader.f32(0.0, WEIGHT_MAX, "weight")?;
        Ok(Self { all, first: reader.f32(0.0, all, "weight")? })
    }
}

impl<const N: usize> Tally<N> {
    pub(super) fn standing(&self, name: u32, clock: &Clock) -> Standing {
        self.entries
            .iter()
            .find(|entry| entry.name == name)
            .map_or(Standing::New, |entry| clock.standing(entry.since))
    }

    /// How likely something is that is no more likely than this: 1 for who does everything alike, however many things
    /// that are. The p-value of the name, going by what was seen before.
    pub(super) fn tail(&self, name: u32, novelty: &Novelty, clock: &Clock) -> f64 {
        let new = novelty.share(clock);
        let Some(entry) = self.entries.iter().find(|entry| entry.name == name) else { return new };
        let (mut all, mut rarer) = (0.0, 0.0);
        for other in &self.entries {
            all += other.weight;
            rarer += if other.weight <= entry.weight { other.weight } else { 0.0 };
        }
        let known = new + (1.0 - new) * f64::from(rarer) / f64::from(all.max(f32::MIN_POSITIVE));
        match clock.standing(entry.since) {
            Standing::New | Standing::Trial => new,
            Standing::Later => known.min(LATER_MAX.max(new)),
            Standing::Known => known,
        }
    }

    /// Counts a name, and says where: that of the one which had to go for it is free for use again.
    pub(super) fn learn(&mut self, name: u32, clock: &Clock) -> Learned {
        let weight = clock.weight();
        let found = self.entries.iter().position(|entry| entry.name == name);
        if let Some((at, entry)) = found.and_then(|at| Some((at, self.entries.get_mut(at)?))) {
            let most = if clock.standing(entry.since) == Standing::Trial {
                TRIAL_WEIGHT * weight
            } else {
                WEIGHT_MAX
            };
            entry.weight = (entry.weight + weight).min(most.max(entry.weight));
            return Learned { at, new: false };
        }
        let entry = Entry { name, weight, since: clock.begins() };
        if self.entries.len() < N {
            if self.entries.len() == self.entries.capacity() {
                // Twice as many, but never more than fit: a profile's memory is bounded to the byte.
                self.entries.reserve_exact(self.entries.len().max(4).min(N - self.entries.len()));
            }
            self.entries.push(entry);
            return Learned { at: self.entries.len() - 1, new: true };
        }
        let lightest = self.entries.iter().enumerate().min_by(|(_, a), (_, b)| a.weight.total_cmp(&b.weight));
        let at = lightest.map_or(0, |(at, _)| at);
        if let Some(place) = self.entries.get_mut(at) {
            *place = entry;
        }
        Learned { at, new: true }
    }

    /// The place of a name.
    pub(super) fn position(&self, name: u32) -> Option<usize> {
        self.entries.iter().position(|entry| entry.name == name)
    }

    /// The names in the table.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Bytes on the heap.
    pub(super) fn heap(&self) -> usize {
        self.entries.capacity() * size_of::<Entry>()
    }

    /// Forgets what is on trial; says for each place whether it stays.
    pub(super) fn drop_trials(&mut self, clock: &Clock) -> Vec<bool> {
        let stays: Vec<bool> =
            self.entries.iter().map(|entry| clock.standing(entry.since) != Standing::Trial).collect();
        let mut each = stays.iter();
        self.entries.retain(|_| each.next().copied().unwrap_or(true));
        stays
    }

    /// What is known now becomes part of the baseline.
    pub(super) fn accept(&mut self, since: Minute) {
        for entry in &mut self.entries {
            entry.since = entry.since.min(since);
        }
    }

    pub(super) fn rescale(&mut self, by: f32) {
        for entry in &mut self.entries {
            entry.weight *= by;
        }
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        writer.varint(self.entries.len() as u64);
        for entry in &self.entries {
            writer.u32(entry.name);
            writer.f32(entry.weight);
            writer.u32(entry.since.0);
        }
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, StateError> {
        let length = reader.length(N, "number of entries")?;
        let mut entries: Vec<Entry> = Vec::with_capacity(length);
        for _ in 0..length {
            let name = reader.u32()?;
            let weight = reader.f32(0.0, WEIGHT_MAX, "weight")?;
            let since = Minute(reader.u32()?);
            if entries.iter().any(|entry| entry.name == name) {
                return Err(StateError::Invalid { what: "second entry of a name" });
            }
            entries.push(Entry { name, weight, since });
        }
        Ok(Self { entries })
    }
}

/// Where something was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Learned {
    pub(super) at: usize,
    pub(super) new: bool,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::time::Moment;
    use super::*;

    const DAY: u64 = 86_400_000;
    const TRIAL: u32 = 24 * 60;

    fn clock(day: u64, frozen: Option<u32>) -> Clock {
        Clock::new(Moment(day * DAY), Moment(0), 14.0 * DAY as f64, frozen.map(Minute), TRIAL).0
    }

    /// A table that learned these names on the first day.
    fn learned(names: &[u32]) -> (Tally<4>, Novelty) {
        let (mut tally, mut novelty) = (Tally::default(), Novelty::default());
        for name in names {
            novelty.learn(tally.standing(*name, &clock(0, None)), &clock(0, None));
            tally.learn(*name, &clock(0, None));
        }
        (tally, novelty)
    }

    #[test]
    fn the_rarer_the_less_likely_and_the_new_least() {
        let mut names = vec![1; 80];
        names.extend([2; 19]);
        names.push(3);
        let (tally, novelty) = learned(&names);
        let tail = |name| tally.tail(name, &novelty, &clock(0, None));
        assert!(tail(1) == 1.0 && tail(1) > tail(2) && tail(2) > tail(3) && tail(3) > tail(9), "{}", tail(9));
        assert!(tail(9) < 0.05);
    }

    #[test]
    fn who_does_everything_alike_finds_nothing_rare() {
        let (tally, novelty) = learned(&[1, 2, 3, 4].repeat(50));
        for name in 1..=4 {
            assert!(tally.tail(name, &novelty, &clock(0, None)) > 0.99);
        }
    }

    #[test]
    fn something_new_is_usual_for_who_always_does_something_new() {
        let (tally, novelty) = learned(&(0..200).collect::<Vec<u32>>());
        assert!(tally.tail(9_999, &novelty, &clock(0, None)) > 0.9);
    }

    #[test]
    fn what_is_forgotten_is_the_lightest_and_new_again() {
        let (mut tally, _) = learned(&[1, 1, 2, 2, 3, 4, 4]);
        let place = tally.position(3).unwrap();
        assert_eq!(tally.learn(5, &clock(1, None)), Learned { at: place, new: true });
        assert_eq!(tally.standing(3, &clock(1, None)), Standing::New);
        assert_eq!(tally.len(), 4);
    }

    #[test]
    fn on_trial_counts_as_new_and_later_is_never_as_likely_as_the_baseline() {
        let (mut tally, mut novelty) = learned(&[1; 100]);
        let frozen = Some(0);
        for _ in 0..50 {
            novelty.learn(tally.standing(2, &clock(1, frozen)), &clock(1, frozen));
            tally.learn(2, &clock(1, frozen));
        }
        let tail = |name, day| tally.tail(name, &novelty, &clock(day, frozen));
        assert_eq!(tail(2, 1), tail(9, 1));
        assert!(tail(2, 3) > tail(9, 3) && tail(2, 3) <= LATER_MAX);
        tally.accept(clock(3, frozen).begins());
        assert_eq!(tally.standing(2, &clock(3, frozen)), Standing::Later, "later than the old baseline");
        assert_eq!(tally.standing(2, &clock(3, Some(3 * 24 * 60))), Standing::Known);
    }

    #[test]
    fn a_trial_ends_with_the_first_suspicion() {
        let (mut tally, _) = learned(&[1; 10]);
        let frozen = Some(0);
        tally.learn(2, &clock(1, frozen));
        assert_eq!(tally.drop_trials(&clock(1, frozen)), [true, false]);
        assert_eq!(tally.standing(2, &clock(1, frozen)), Standing::New);
    }

    #[test]
    fn old_things_weigh_less_than_new_ones() {
        let (mut tally, mut novelty) = learned(&[1; 10]);
        for _ in 0..8 {
            novelty.learn(Standing::Known, &clock(28, None));
            tally.learn(2, &clock(28, None));
        }
        // Ten of four weeks ago weigh 2.5 of today.
        assert!(tally.tail(1, &novelty, &clock(28, None)) < 0.5);
        assert!((novelty.total(&clock(28, None)) - 10.5).abs() < 0.1);
    }

    proptest! {
        #[test]
        fn a_tail_is_a_chance_and_the_table_stays_within_its_bound(names: Vec<u8>, asked: u8) {
            let names: Vec<u32> = names.into_iter().map(u32::from).collect();
            let (tally, novelty) = learned(&names);
            let tail = tally.tail(u32::from(asked), &novelty, &clock(0, None));
            prop_assert!(tail > 0.0 && tail <= 1.0);
            prop_assert!(tally.len() <= 4 && tally.entries.capacity() <= 4);
        }
    }
}
