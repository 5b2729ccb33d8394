//! Callers: as fast as they get answers, or at a rate of their own.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use crate::stores::{Record, Store};

/// One store, one load, one round.
pub(crate) struct Measured {
    pub(crate) name: String,
    pub(crate) callers: usize,
    /// Records a second that were asked for; 0 for as many as can be.
    pub(crate) rate: u32,
    pub(crate) round: u32,
    /// Records a second that were answered.
    pub(crate) answered: f64,
    /// 50th, 99th and 99.9th percentile of latency, in microseconds.
    pub(crate) latency: [f64; 3],
    /// Processor time of the callers' own threads for one record, in microseconds.
    pub(crate) caller_cpu: f64,
}

fn cpu() -> f64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    now.tv_sec as f64 * 1e6 + now.tv_nsec as f64 / 1e3
}

/// Each caller asks again when it has its answer.
pub(crate) fn closed(name: &str, store: &dyn Store, callers: usize, time: Duration, round: u32) -> Measured {
    let begin = Instant::now();
    let work = |caller: usize| {
        let (record, mut latencies) = (Record::new(caller), Vec::new());
        let before = cpu();
        while begin.elapsed() < time {
            let one = Instant::now();
            store.append(&record);
            latencies.push(one.elapsed());
        }
        (latencies, cpu() - before)
    };
    let found = all(callers, &work);
    summary(name, callers, 0, round, found, begin.elapsed())
}

/// 64 callers ask at times of their own; latency counts from then, not from when a late caller began.
pub(crate) fn open(name: &str, store: &dyn Store, rate: u32, time: Duration, round: u32) -> Measured {
    const CALLERS: usize = 64;
    let begin = Instant::now();
    let work = |caller: usize| {
        let (record, mut latencies) = (Record::new(caller), Vec::new());
        let gap = Duration::from_secs_f64(CALLERS as f64 / f64::from(rate));
        let mut due = begin + gap.mul_f64(caller as f64 / CALLERS as f64);
        let before = cpu();
        while due < begin + time {
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            store.append(&record);
            latencies.push(due.elapsed());
            due += gap;
        }
        (latencies, cpu() - before)
    };
    let found = all(CALLERS, &work);
    summary(name, CALLERS, rate, round, found, begin.elapsed())
}

type Found = Vec<(Vec<Duration>, f64)>;

fn all(callers: usize, work: &(dyn Fn(usize) -> (Vec<Duration>, f64) + Sync)) -> Found {
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..callers).map(|caller| scope.spawn(move || work(caller))).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    })
}

fn summary(name: &str, callers: usize, rate: u32, round: u32, found: Found, took: Duration) -> Measured {
    let used: f64 = found.iter().map(|(_, cpu)| cpu).sum();
    let mut latencies: Vec<Duration> = found.into_iter().flat_map(|(latencies, _)| latencies).collect();
    latencies.sort_unstable();
    let at = |share: f64| {
        let place = (latencies.len().saturating_sub(1) as f64 * share) as usize;
        latencies.get(place).map_or(0.0, |latency| latency.as_secs_f64() * 1e6)
    };
    Measured {
        name: name.to_owned(),
        callers,
        rate,
        round,
        answered: latencies.len() as f64 / took.as_secs_f64(),
        latency: [at(0.5), at(0.99), at(0.999)],
        caller_cpu: used / latencies.len().max(1) as f64,
    }
}
