//! A call that is not missed: whoever is called while nobody waits finds it waiting.
//!
//! Of the standard library alone. A thread that waits with `parking_lot` stands in a table of the whole process that
//! points into its stack; a forked child inherits the table but not the thread, and gives the stack to others.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Instant;

/// Calls one thread.
#[derive(Debug, Default)]
pub(crate) struct Signal {
    state: Mutex<State>,
    called: Condvar,
}

#[derive(Debug, Default)]
struct State {
    is_called: bool,
    somebody_waits: bool,
}

impl Signal {
    /// Ends the present wait, or the next one.
    pub(crate) fn call(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.is_called = true;
        if state.somebody_waits {
            self.called.notify_one();
        }
    }

    /// Returns when it was called since the last wait, or at the time.
    pub(crate) fn wait(&self, until: Option<Instant>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.somebody_waits = true;
        while !state.is_called {
            state = match until.map(|until| until.saturating_duration_since(Instant::now())) {
                None => self.called.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(left) if left.is_zero() => break,
                Some(left) => self.called.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
        *state = State::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::time::Duration;

    #[test]
    fn a_call_before_the_wait_is_not_missed() {
        let signal = Signal::default();
        signal.call();
        signal.call();
        signal.wait(None);
        signal.wait(Some(Instant::now() + Duration::from_millis(1)));
    }

    #[test]
    fn every_call_is_answered_by_a_waiting_thread() {
        let (signal, done) = (Arc::new(Signal::default()), std::sync::mpsc::channel());
        let waiting = signal.clone();
        let thread = std::thread::spawn(move || {
            for _ in 0..1_000 {
                waiting.wait(None);
                done.0.send(()).unwrap();
            }
        });
        for _ in 0..1_000 {
            signal.call();
            done.1.recv().unwrap();
        }
        thread.join().unwrap();
    }
}
