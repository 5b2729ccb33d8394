//! What can be said of a line without the lines before it, by other threads: its leaf hash, where it says that it
//! belongs, and whether its body is canonical JSON. The lines come back in order; memory is bounded.

use std::collections::VecDeque;
use std::io;
use std::ops::Range;
use std::sync::LazyLock;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, Scope};

use jiff::Timestamp;
use memchr::memmem::Finder;

use crate::blocks::{Block, Blocks, Cut};
use crate::canonical::{self, NotCanonical};
use crate::chain::{Mode, SessionKey, session_key};
use crate::entry::Kind;
use crate::leaf::LeafHash;
use crate::seal::MARKER;
use crate::segment::LinePlace;

/// Blocks that a thread may have waiting.
const WAITING: usize = 2;
/// Threads that a walk starts, at most: the walk itself is not faster than a few.
const THREADS_MAX: usize = 4;

static SEALED: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(MARKER));

/// A block, and what can be said of each of its lines.
#[derive(Debug)]
pub(crate) struct Inspected {
    pub(crate) block: Block,
    pub(crate) lines: Vec<(Cut, Alone)>,
    /// How many lines it has, blank ones too.
    count: u64,
}

/// What can be said of a line alone.
#[derive(Debug)]
pub(crate) struct Alone {
    pub(crate) leaf: LeafHash,
    /// Whether a value may be sealed in it.
    pub(crate) sealed: bool,
    /// What it says at its beginning, if that looks like ours.
    pub(crate) quick: Option<Quick>,
}

/// Where a line says that it belongs: believed when its whole beginning is what the chain asks for.
#[derive(Debug)]
pub(crate) struct Quick {
    pub(crate) mode: Mode,
    pub(crate) time: Timestamp,
    tenant: Range<usize>,
    session: Option<(Range<usize>, SessionKey)>,
    /// Where its beginning ends.
    pub(crate) end: usize,
    /// Its kind, if everything behind the beginning is canonical JSON and says so.
    pub(crate) form: Result<Option<Kind>, NotCanonical>,
}

impl Alone {
    pub(crate) fn of(line: &[u8]) -> Self {
        let sealed = SEALED.find(line).is_some();
        Self { leaf: LeafHash::of(line), sealed, quick: Quick::of(line) }
    }
}

impl Quick {
    /// Passes over the beginning of a line, if it is as ours are and has no escapes.
    fn of(line: &[u8]) -> Option<Self> {
        let rest = line.strip_prefix(b"{\"_log\":\"")?;
        let (_, rest) = text(rest)?;
        let (mode, rest) = text(rest.strip_prefix(b",\"_mode\":\"")?)?;
        let (_, rest) = text(rest.strip_prefix(b",\"_prev\":\"")?)?;
        let rest = number(rest.strip_prefix(b",\"_seq\":")?);
        let (session, rest) = match rest.strip_prefix(b",\"_session\":\"") {
            None => (None, rest),
            Some(rest) => {
                let (session, rest) = text(rest)?;
                let (_, rest) = text(rest.strip_prefix(b",\"_session_prev\":\"")?)?;
                (Some(session), number(rest.strip_prefix(b",\"_session_seq\":")?))
            }
        };
        let (tenant, rest) = text(rest.strip_prefix(b",\"_tenant\":\"")?)?;
        let (_, rest) = text(rest.strip_prefix(b",\"_tenant_prev\":\"")?)?;
        let rest = number(rest.strip_prefix(b",\"_tenant_seq\":")?);
        let (time, rest) = text(rest.strip_prefix(b",\"_time\":\"")?)?;
        let kind = |name: Option<&str>| name.and_then(|name| name.parse().ok());
        let session = session.map(|session| (range_in(line, session), session_key(tenant, session)));
        let end = line.len() - rest.len();
        Some(Self {
            end,
            mode: Mode::of(mode)?,
            time: time.parse().ok()?,
            tenant: range_in(line, tenant),
            session,
            form: canonical::check_body(line, end, "_time").map(kind),
        })
    }

    pub(crate) fn tenant<'a>(&self, line: &'a [u8]) -> Option<&'a str> {
        std::str::from_utf8(line.get(self.tenant.clone())?).ok()
    }

    /// The session, and what it is remembered by.
    pub(crate) fn session<'a>(&self, line: &'a [u8]) -> Option<(&'a str, SessionKey)> {
        let (range, key) = self.session.as_ref()?;
        Some((std::str::from_utf8(line.get(range.clone())?).ok()?, *key))
    }
}

/// Where a part of a line lies in it.
fn range_in(line: &[u8], part: &str) -> Range<usize> {
    let begin = (part.as_ptr() as usize).saturating_sub(line.as_ptr() as usize);
    begin..begin + part.len()
}

/// A text without escapes, and what follows its quote.
fn text(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let end = memchr::memchr2(b'"', b'\\', bytes)?;
    let (text, rest) = bytes.split_at_checked(end)?;
    Some((std::str::from_utf8(text).ok()?, rest.strip_prefix(b"\"")?))
}

/// What follows a number.
fn number(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(bytes.len());
    bytes.get(end..).unwrap_or_default()
}

fn inspect(block: Block) -> Inspected {
    let lines = block.lines().map(|cut| (Alone::of(block.bytes_of(&cut)), cut));
    let lines = lines.map(|(alone, cut)| (cut, alone)).collect();
    Inspected { lines, count: block.count(), block }
}

/// Shows `run` all blocks, inspected.
pub(crate) fn inspected<R>(blocks: Blocks, run: impl FnOnce(&mut Ahead<'_, '_>) -> R) -> R {
    thread::scope(|scope| {
        let threads = thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX);
        run(&mut Ahead {
            scope,
            threads,
            blocks,
            sent: 0,
            workers: Vec::new(),
            in_work: VecDeque::new(),
            ready: None,
            number: 1,
            failed: None,
            ended: false,
        })
    })
}

/// A thread, and the two ways to it.
#[derive(Debug)]
struct Worker {
    to: SyncSender<Block>,
    from: Receiver<Inspected>,
}

/// The blocks, read and inspected ahead.
#[derive(Debug)]
pub(crate) struct Ahead<'scope, 'env> {
    scope: &'scope Scope<'scope, 'env>,
    threads: usize,
    blocks: Blocks,
    sent: usize,
    workers: Vec<Worker>,
    /// Which worker has the blocks that are out, in order.
    in_work: VecDeque<usize>,
    ready: Option<Inspected>,
    /// The number of the next line in its segment.
    number: u64,
    /// What ended the reading; it comes behind all blocks.
    failed: Option<io::Error>,
    ended: bool,
}

impl Ahead<'_, '_> {
    /// Where reading ended.
    pub(crate) fn place(&self) -> Option<&LinePlace> {
        self.blocks.place()
    }

    /// Takes back what is not needed any more.
    pub(crate) fn reuse(&mut self, block: Block) {
        self.blocks.reuse(block);
    }

    /// Blocks come back in order: now it is known how many lines are before this one.
    fn numbered(&mut self, mut inspected: Inspected) -> Inspected {
        let place = &mut inspected.block.place;
        place.number = if place.offset == 0 { 1 } else { self.number };
        self.number = place.number + inspected.count;
        inspected
    }

    fn block(&mut self) -> Option<Block> {
        match self.blocks.next() {
            Some(Ok(block)) => Some(block),
            end => {
                self.failed = end.and_then(Result::err);
                self.ended = true;
                None
            }
        }
    }

    /// Keeps the workers busy.
    fn send(&mut self) {
        while !self.ended && self.in_work.len() < self.threads * WAITING {
            let Some(block) = self.block() else { return };
            self.sent += 1;
            // A log that fits one block is not worth a thread.
            if self.sent == 1 {
                self.ready = Some(inspect(block));
                return;
            }
            let number = self.sent % self.threads;
            while self.workers.len() <= number {
                self.workers.push(work(self.scope));
            }
            // A worker that does not listen has failed: that is seen when it is asked for its answer.
            let _ = self.workers.get(number).map(|worker| worker.to.send(block));
            self.in_work.push_back(number);
        }
    }
}

fn work<'scope>(scope: &'scope Scope<'scope, '_>) -> Worker {
    let (to, blocks) = sync_channel::<Block>(WAITING);
    let (answers, from) = sync_channel(WAITING);
    scope.spawn(move || {
        for block in blocks {
            if answers.send(inspect(block)).is_err() {
                return;
            }
        }
    });
    Worker { to, from }
}

impl Iterator for Ahead<'_, '_> {
    type Item = io::Result<Inspected>;

    fn next(&mut self) -> Option<Self::Item> {
        self.send();
        if let Some(ready) = self.ready.take() {
            return Some(Ok(self.numbered(ready)));
        }
        let Some(number) = self.in_work.pop_front() else {
            return self.failed.take().map(Err);
        };
        let answer = self.workers.get(number).and_then(|worker| worker.from.recv().ok());
        let failed = || io::Error::other("a thread that reads the log has failed");
        Some(answer.ok_or_else(failed).map(|answer| self.numbered(answer)))
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
        inspected(Blocks::new(vec![(0, path)]), |blocks| {
            let some = blocks.take(stop).map(Result::unwrap);
            let lines = some.flat_map(|one| {
                let Inspected { block, lines, .. } = one;
                lines
                    .into_iter()
                    .map(|(cut, alone)| (block.bytes_of(&cut).to_vec(), alone.leaf))
                    .collect::<Vec<_>>()
            });
            lines.collect()
        })
    }

    #[test]
    fn lines_come_back_in_order_each_with_its_own_hash() {
        for count in [0, 1, 10_000, 300_000] {
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
        assert!(walked(300_000, 3).len() < 40_000);
    }

    #[test]
    fn what_cannot_be_read_comes_behind_what_could() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("0");
        fs::write(&path, "1\n".repeat(600_000)).unwrap();
        let segments = vec![(0, path), (1, dir.path().join("missing"))];
        let (good, bad): (Vec<_>, Vec<_>) =
            inspected(Blocks::new(segments), |blocks| blocks.partition(Result::is_ok));
        let lines: usize = good.iter().map(|one| one.as_ref().unwrap().lines.len()).sum();
        assert_eq!((lines, bad.len()), (600_000, 1));
    }
}
