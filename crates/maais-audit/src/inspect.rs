//! What can be said of a line without the lines before it, by other threads: its leaf hash, and whether it is
//! canonical JSON. The lines come back in order, each with its answer; memory is bounded.

use std::collections::VecDeque;
use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, Scope};
use std::vec;

use crate::canonical::{self, NotCanonical};
use crate::entry::Kind;
use crate::leaf::LeafHash;
use crate::segment::{Line, LinePlace, Lines};

/// Lines that go from one thread to another at once.
const LOAD: usize = 128;
/// Loads that a thread may have waiting.
const WAITING: usize = 2;
/// Threads that a walk starts, at most: the walk itself is not faster than a few.
const THREADS_MAX: usize = 4;

/// A line, and what can be said of it alone.
#[derive(Debug)]
pub(crate) struct Inspected {
    pub(crate) line: Line,
    pub(crate) alone: Alone,
}

/// What can be said of a line alone.
#[derive(Debug)]
pub(crate) struct Alone {
    pub(crate) leaf: LeafHash,
    /// Its kind, if it is canonical JSON and says so.
    pub(crate) form: Result<Option<Kind>, NotCanonical>,
}

impl Alone {
    pub(crate) fn of(line: &[u8]) -> Self {
        let kind = |name: Option<&str>| name.and_then(|name| name.parse().ok());
        Self { leaf: LeafHash::of(line), form: canonical::check_record(line).map(kind) }
    }
}

fn inspect(lines: Vec<Line>) -> Vec<Inspected> {
    lines.into_iter().map(|line| Inspected { alone: Alone::of(&line.bytes), line }).collect()
}

/// Shows `run` all lines, inspected.
pub(crate) fn inspected<R>(lines: Lines, run: impl FnOnce(&mut Ahead<'_, '_>) -> R) -> R {
    thread::scope(|scope| {
        let threads = thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX);
        run(&mut Ahead {
            scope,
            threads,
            lines,
            loads: 0,
            workers: Vec::new(),
            in_work: VecDeque::new(),
            ready: Vec::new().into_iter(),
            failed: None,
            ended: false,
        })
    })
}

/// A thread, and the two ways to it.
#[derive(Debug)]
struct Worker {
    to: SyncSender<Vec<Line>>,
    from: Receiver<Vec<Inspected>>,
}

/// The lines, read and inspected ahead.
#[derive(Debug)]
pub(crate) struct Ahead<'scope, 'env> {
    scope: &'scope Scope<'scope, 'env>,
    threads: usize,
    lines: Lines,
    loads: usize,
    workers: Vec<Worker>,
    /// Which worker has the loads that are out, in order.
    in_work: VecDeque<usize>,
    ready: vec::IntoIter<Inspected>,
    /// What ended the reading; it comes behind all lines.
    failed: Option<io::Error>,
    ended: bool,
}

impl Ahead<'_, '_> {
    /// Where reading ended.
    pub(crate) fn place(&self) -> Option<&LinePlace> {
        self.lines.place()
    }

    fn load(&mut self) -> Vec<Line> {
        let mut load = Vec::with_capacity(LOAD);
        while load.len() < LOAD && !self.ended {
            match self.lines.next() {
                Some(Ok(line)) => load.push(line),
                end => {
                    self.failed = end.and_then(Result::err);
                    self.ended = true;
                }
            }
        }
        load
    }

    /// Keeps the workers busy.
    fn send(&mut self) {
        while !self.ended && self.in_work.len() < self.threads * WAITING {
            let load = self.load();
            if load.is_empty() {
                return;
            }
            self.loads += 1;
            // A log that fits one load is not worth a thread.
            if self.loads == 1 {
                self.ready = inspect(load).into_iter();
                return;
            }
            let number = self.loads % self.threads;
            if self.workers.len() <= number {
                self.workers.push(work(self.scope));
            }
            // A worker that does not listen has failed: that is seen when it is asked for its answer.
            let _ = self.workers.get(number).map(|worker| worker.to.send(load));
            self.in_work.push_back(number);
        }
    }
}

fn work<'scope>(scope: &'scope Scope<'scope, '_>) -> Worker {
    let (to, loads) = sync_channel::<Vec<Line>>(WAITING);
    let (answers, from) = sync_channel(WAITING);
    scope.spawn(move || {
        for load in loads {
            if answers.send(inspect(load)).is_err() {
                return;
            }
        }
    });
    Worker { to, from }
}

impl Iterator for Ahead<'_, '_> {
    type Item = io::Result<Inspected>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(inspected) = self.ready.next() {
                return Some(Ok(inspected));
            }
            self.send();
            if self.ready.len() > 0 {
                continue;
            }
            let Some(number) = self.in_work.pop_front() else {
                return self.failed.take().map(Err);
            };
            let answer = self.workers.get(number).and_then(|worker| worker.from.recv().ok());
            match answer {
                Some(load) => self.ready = load.into_iter(),
                None => return Some(Err(io::Error::other("a thread that reads the log has failed"))),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn walked(count: usize, stop: usize) -> Vec<(Vec<u8>, LeafHash)> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("0");
        let text: Vec<String> = (0..count).map(|n| format!("{{\"n\":{n},\"type\":\"start\"}}\n")).collect();
        fs::write(&path, text.concat()).unwrap();
        inspected(Lines::new(vec![(0, path)]), |lines| {
            let some = lines.take(stop).map(Result::unwrap);
            some.map(|one| {
                assert_eq!(one.alone.form, Ok(Some(Kind::Start)));
                (one.line.bytes, one.alone.leaf)
            })
            .collect()
        })
    }

    #[test]
    fn lines_come_back_in_order_each_with_its_own_hash() {
        for count in [0, 1, LOAD - 1, LOAD, LOAD + 1, 3 * LOAD, 40 * LOAD + 7] {
            let walked = walked(count, usize::MAX);
            assert_eq!(walked.len(), count);
            for (n, (line, leaf)) in walked.iter().enumerate() {
                assert_eq!(*line, format!("{{\"n\":{n},\"type\":\"start\"}}").into_bytes());
                assert_eq!(*leaf, LeafHash::of(line));
            }
        }
    }

    #[test]
    fn whoever_stops_early_waits_for_nobody() {
        assert_eq!(walked(100 * LOAD, LOAD + 3).len(), LOAD + 3);
    }

    #[test]
    fn what_cannot_be_read_comes_behind_what_could() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("0");
        fs::write(&path, "1\n".repeat(5 * LOAD)).unwrap();
        let segments = vec![(0, path), (1, dir.path().join("missing"))];
        let (good, bad): (Vec<_>, Vec<_>) =
            inspected(Lines::new(segments), |lines| lines.partition(Result::is_ok));
        assert_eq!((good.len(), bad.len()), (5 * LOAD, 1));
    }
}
