//! The time of a profile: what an action of now weighs, and how long something must be known.
//!
//! No clock is read: now is handed in, and time that goes back stands still.

use jiff::Timestamp;

use super::arithmetic::exp2;
use super::tally::Standing;

/// Minutes since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Minute(pub(super) u32);

/// Milliseconds since 1970; 0 before that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Moment(pub(super) u64);

/// Beyond it weights are brought down: numbers stay where they are exact.
const DOUBLINGS_MAX: f64 = 16.0;
const MS_A_MINUTE: u64 = 60_000;
const MINUTES_A_WEEK: u64 = 7 * 24 * 60;

impl Moment {
    pub(super) fn of(now: Timestamp) -> Self {
        Self(u64::try_from(now.as_millisecond()).unwrap_or_default())
    }

    pub(super) fn minute(self) -> Minute {
        Minute(u32::try_from(self.0 / MS_A_MINUTE).unwrap_or(u32::MAX))
    }

    pub(super) fn since(self, earlier: Self) -> f64 {
        self.0.saturating_sub(earlier.0) as f64
    }

    /// From 0 (Monday, midnight to one o'clock, UTC) to 167.
    pub(super) fn hour_of_week(self) -> usize {
        // 1970 began on a Thursday.
        let minutes = (self.0 / MS_A_MINUTE + 3 * 24 * 60) % MINUTES_A_WEEK;
        usize::try_from(minutes / 60).unwrap_or_default()
    }
}

/// How time is seen from one action of one profile.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    pub(super) now: Moment,
    /// What an action of now weighs, against one of the profile's epoch.
    weight: f32,
    /// When the baseline was frozen; none while the profile warms up.
    frozen: Option<Minute>,
    /// Minutes that something new is on trial.
    trial: u32,
}

impl Clock {
    /// Also says by what the weights of the profile must be multiplied, and that its epoch is now, if it is long ago.
    pub(super) fn new(
        now: Moment,
        epoch: Moment,
        half_life_ms: f64,
        frozen: Option<Minute>,
        trial: u32,
    ) -> (Self, Option<f32>) {
        let doublings = now.since(epoch) / half_life_ms.max(1.0);
        if doublings > DOUBLINGS_MAX {
            let by = exp2(-doublings) as f32;
            return (Self { now, weight: 1.0, frozen, trial }, Some(by));
        }
        (Self { now, weight: exp2(doublings) as f32, frozen, trial }, None)
    }

    pub(super) fn weight(&self) -> f32 {
        self.weight
    }

    /// From when something that comes now is known.
    pub(super) fn begins(&self) -> Minute {
        self.now.minute()
    }

    pub(super) fn standing(&self, since: Minute) -> Standing {
        let Some(frozen) = self.frozen else { return Standing::Known };
        if since <= frozen {
            return Standing::Known;
        }
        let known_for = self.now.minute().0.saturating_sub(since.0);
        if known_for < self.trial { Standing::Trial } else { Standing::Later }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: f64 = 86_400_000.0;

    fn at(text: &str) -> Moment {
        Moment::of(text.parse().unwrap())
    }

    #[test]
    fn a_week_begins_on_monday() {
        assert_eq!(at("2026-11-23T00:30:00Z").hour_of_week(), 0);
        assert_eq!(at("2026-11-29T23:59:59Z").hour_of_week(), 167);
        assert_eq!(at("1969-01-01T00:00:00Z"), Moment(0));
    }

    #[test]
    fn an_action_weighs_twice_as_much_after_a_half_life_and_the_epoch_moves_on() {
        let epoch = at("2026-01-01T00:00:00Z");
        let (clock, moved) = Clock::new(at("2026-01-15T00:00:00Z"), epoch, 14.0 * DAY, None, 0);
        assert!((clock.weight() - 2.0).abs() < 1e-6 && moved.is_none());
        let (clock, moved) = Clock::new(at("2027-01-15T00:00:00Z"), epoch, 14.0 * DAY, None, 0);
        assert!(clock.weight() == 1.0 && moved.is_some_and(|by| by < 1e-5));
        let (clock, _) = Clock::new(at("2025-01-01T00:00:00Z"), epoch, 14.0 * DAY, None, 0);
        assert_eq!(clock.weight(), 1.0, "time that goes back stands still");
    }

    #[test]
    fn what_is_new_is_on_trial_then_later_and_known_only_before_the_baseline() {
        let standing = |frozen, since, minutes: u32| {
            let now = Moment(u64::from(minutes) * MS_A_MINUTE + 1);
            Clock::new(now, Moment(0), DAY, frozen, 60).0.standing(Minute(since))
        };
        assert_eq!(standing(None, 100, 100), Standing::Known, "in warm-up");
        assert_eq!(standing(Some(Minute(100)), 100, 101), Standing::Known);
        assert_eq!(standing(Some(Minute(100)), 110, 169), Standing::Trial);
        assert_eq!(standing(Some(Minute(100)), 110, 170), Standing::Later);
    }
}
