//! What the tests share: a log in a folder that goes away, and a disk that fails when told to.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part")]

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use maais_audit::storage::{Disk, File, Storage};
use maais_audit::{
    AppendError, Entry, Kind, Log, Options, Receipt, Report, SealedValue, VerifyOptions, seal, verify,
};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

/// In memory if that can be had: no test here can tell, and flushes cost nothing.
pub fn home() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

pub fn open(home: &Path) -> Log {
    Log::open(home, Options::default()).unwrap()
}

pub fn body(n: u64) -> Map<String, Value> {
    json!({"decision": {"allow": n.is_multiple_of(2)}, "n": n, "request": {"target": "http_request"}})
        .as_object()
        .unwrap()
        .clone()
}

pub fn append(log: &Log, n: u64) -> Result<Receipt, AppendError> {
    append_sealed(log, n, &[])
}

pub fn append_sealed(log: &Log, n: u64, sealed: &[SealedValue]) -> Result<Receipt, AppendError> {
    let mut body = body(n);
    for value in sealed {
        body.insert("secret".to_owned(), value.marker());
    }
    log.append(Entry {
        kind: Kind::Decision,
        time: jiff::Timestamp::now(),
        tenant: if n.is_multiple_of(3) { "a" } else { "b" },
        session: (n.is_multiple_of(2)).then_some("s"),
        subject: "agent",
        body: &body,
        sealed,
    })
}

/// A log of `count` records, closed.
pub fn log_of(count: u64) -> TempDir {
    let home = home();
    let log = open(home.path());
    for n in 0..count {
        let sealed = seal::seal(&json!(n)).unwrap();
        append_sealed(&log, n, &[sealed]).unwrap();
    }
    home
}

pub fn verified(home: &Path) -> Report {
    verify(home, &VerifyOptions::default()).unwrap()
}

pub fn segment(home: &Path) -> PathBuf {
    home.join("log/0/seg/00000000000000000000.jsonl")
}

pub fn head(home: &Path) -> PathBuf {
    home.join("head/0.json")
}

/// The lines of the first segment, each with its newline, without the blank ones.
pub fn lines(home: &Path) -> Vec<Vec<u8>> {
    let text = std::fs::read(segment(home)).unwrap();
    text.split_inclusive(|byte| *byte == b'\n').filter(|line| *line != b"\n").map(<[u8]>::to_vec).collect()
}

pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(std::fs::copy(entry.path(), target).unwrap()),
        }
    }
}

/// How a call fails.
#[derive(Debug, Clone, Copy)]
pub enum Fault {
    /// Nothing happens.
    Before(i32),
    /// It happens, and an error is returned nevertheless.
    After(i32),
    /// Half of a write happens.
    Short(i32),
}

pub const EIO: i32 = 5;
pub const ENOSPC: i32 = 28;

/// A disk whose `nth` call fails, counted from 0; the later ones work.
#[derive(Debug, Clone)]
pub struct Failing {
    calls: Arc<AtomicU64>,
    nth: u64,
    fault: Fault,
    /// Whether the failing call came from the thread that fills segments.
    in_filler: Arc<AtomicBool>,
}

impl Failing {
    pub fn new(nth: u64, fault: Fault) -> Self {
        Self { calls: Arc::default(), nth, fault, in_filler: Arc::default() }
    }

    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::SeqCst)
    }

    pub fn hit_the_filler(&self) -> bool {
        self.in_filler.load(Ordering::SeqCst)
    }

    fn now(&self) -> Option<Fault> {
        let is_due = self.calls.fetch_add(1, Ordering::SeqCst) == self.nth;
        if is_due && std::thread::current().name() == Some("maais-audit-fill") {
            self.in_filler.store(true, Ordering::SeqCst);
        }
        is_due.then_some(self.fault)
    }

    fn call<T>(&self, call: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        match self.now() {
            None => call(),
            Some(Fault::Before(code) | Fault::Short(code)) => Err(io::Error::from_raw_os_error(code)),
            Some(Fault::After(code)) => call().and(Err(io::Error::from_raw_os_error(code))),
        }
    }
}

#[derive(Debug)]
struct FailingFile {
    disk: Failing,
    file: Box<dyn File>,
}

impl Storage for Failing {
    fn create_dir(&self, path: &Path, mode: u32) -> io::Result<()> {
        self.call(|| Disk.create_dir(path, mode))
    }

    fn open(&self, path: &Path, mode: u32) -> io::Result<Box<dyn File>> {
        let file = self.call(|| Disk.open(path, mode))?;
        Ok(Box::new(FailingFile { disk: self.clone(), file }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.call(|| Disk.rename(from, to))
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.call(|| Disk.sync_dir(path))
    }
}

impl File for FailingFile {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        match self.disk.now() {
            None => self.file.write_at(bytes, offset),
            Some(Fault::Before(code)) => Err(io::Error::from_raw_os_error(code)),
            Some(Fault::After(code)) => {
                self.file.write_at(bytes, offset).and(Err(io::Error::from_raw_os_error(code)))
            }
            Some(Fault::Short(code)) => self
                .file
                .write_at(&bytes[..bytes.len() / 2], offset)
                .and(Err(io::Error::from_raw_os_error(code))),
        }
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        self.disk.call(|| self.file.set_len(bytes))
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.call(|| self.file.sync())
    }
}

pub fn entry(body: &Map<String, Value>) -> Entry<'_> {
    Entry {
        kind: Kind::Decision,
        time: jiff::Timestamp::now(),
        tenant: "a",
        session: None,
        subject: "agent",
        body,
        sealed: &[],
    }
}
