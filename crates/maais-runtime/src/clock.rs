//! Time, asked once for each action.
//!
//! Two times, because they fail differently: the wall clock can be set back, the monotonic one cannot.
//! Records carry the first, limits run on the second.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

/// One moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// What the wall clock says. It may go backwards.
    pub wall: Timestamp,
    /// Time since some beginning. It never goes backwards.
    pub elapsed: Duration,
}

/// Where the engine takes its time from.
pub trait Clock: Send + Sync {
    /// This moment.
    fn now(&self) -> Now;
}

/// The machine's clocks.
#[derive(Debug)]
pub struct SystemClock {
    start: Instant,
}

impl Default for SystemClock {
    fn default() -> Self {
        Self { start: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Now {
        Now { wall: Timestamp::now(), elapsed: self.start.elapsed() }
    }
}

/// A clock that stands still until it is set: for tests, and for replaying what happened.
#[derive(Debug, Default)]
pub struct ManualClock {
    wall_ms: AtomicU64,
    elapsed_ms: AtomicU64,
}

impl ManualClock {
    /// A clock at that many milliseconds after 1970.
    pub fn at(wall_ms: u64) -> Self {
        Self { wall_ms: AtomicU64::new(wall_ms), elapsed_ms: AtomicU64::new(0) }
    }

    /// Lets time pass on both clocks.
    pub fn advance(&self, time: Duration) {
        let ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.wall_ms.fetch_add(ms, Ordering::Relaxed);
        self.elapsed_ms.fetch_add(ms, Ordering::Relaxed);
    }

    /// Sets the wall clock alone, as an administrator or NTP does.
    pub fn set_wall(&self, wall_ms: u64) {
        self.wall_ms.store(wall_ms, Ordering::Relaxed);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Now {
        let ms = i64::try_from(self.wall_ms.load(Ordering::Relaxed)).unwrap_or(i64::MAX);
        let wall =
            Timestamp::UNIX_EPOCH.saturating_add(SignedDuration::from_millis(ms)).unwrap_or(Timestamp::MAX);
        Now { wall, elapsed: Duration::from_millis(self.elapsed_ms.load(Ordering::Relaxed)) }
    }
}
