//! Each call to the disk fails once, before and after it happened: whatever was acknowledged is there, the
//! log goes on after it was opened again, and it verifies.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failure must stop the test"
)]

mod fixture;

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use fixture::{EIO, ENOSPC, Failing, Fault, append_sealed, home, verified};
use maais_audit::storage::{Disk, File, Storage};
use maais_audit::{AppendError, Durability, Log, Options, read, seal};
use serde_json::json;

const RECORDS: u64 = 12;

/// Opens a log on a failing disk and appends; gives what was acknowledged, whether an
/// error was seen, and how many calls there were until the log is dropped.
fn run(disk: &Failing, home: &std::path::Path) -> (Vec<(u64, String)>, bool, u64) {
    let Ok(log) = Log::open_on(Arc::new(disk.clone()), home, small_segments()) else {
        return (Vec::new(), true, u64::MAX);
    };
    let mut acknowledged = Vec::new();
    let mut failed = false;
    for n in 0..RECORDS {
        let sealed = seal::seal(&json!(n)).unwrap();
        match append_sealed(&log, n, &[sealed]) {
            Ok(receipt) => acknowledged.push((receipt.index, receipt.leaf.to_string())),
            Err(error) => {
                let sealing = matches!(error, AppendError::Io { doing: "seal a value in", .. });
                assert!(!failed || matches!(error, AppendError::Poisoned { .. }), "{error}");
                failed = true;
                if sealing {
                    break;
                }
            }
        }
        assert!(!failed || acknowledged.len() as u64 <= n, "nothing is acknowledged after a failure");
    }
    (acknowledged, failed, disk.calls())
}

/// So small that files are filled ahead and closed within a few records.
fn small_segments() -> Options {
    Options { segment_bytes: 5_000, ..Options::default() }
}

#[test]
fn whichever_call_fails_nothing_acknowledged_is_lost_and_the_log_goes_on() {
    let faults = [
        Fault::Before(EIO),
        Fault::After(EIO),
        Fault::Short(EIO),
        Fault::Before(ENOSPC),
        Fault::After(ENOSPC),
        Fault::Short(ENOSPC),
    ];
    for fault in faults {
        for nth in 0.. {
            let home = home();
            let disk = Failing::new(nth, fault);
            let (acknowledged, failed, until_drop) = run(&disk, home.path());
            if disk.calls() <= nth {
                assert!(!failed && nth > 20, "{nth} calls only");
                break;
            }
            let is_spare =
                matches!(fault, Fault::Before(ENOSPC) | Fault::After(ENOSPC) | Fault::Short(ENOSPC));
            let is_harmless = (is_spare || nth >= until_drop || disk.hit_the_filler())
                && acknowledged.len() as u64 == RECORDS;
            assert!(failed || is_harmless, "call {nth} failed with {fault:?}, and nobody noticed");
            let log = Log::open(home.path(), Options::default())
                .unwrap_or_else(|error| panic!("call {nth}, {fault:?}: {error}"));
            let sealed = seal::seal(&json!("after")).unwrap();
            append_sealed(&log, 9, &[sealed]).unwrap();
            drop(log);
            assert!(verified(home.path()).is_ok(), "call {nth}, {fault:?}: {:#?}", verified(home.path()));
            let leaves: Vec<_> =
                read(home.path()).unwrap().map(|record| record.unwrap().leaf.to_string()).collect();
            for (index, leaf) in acknowledged {
                assert_eq!(leaves[index as usize], leaf, "call {nth}, {fault:?}: record {index}");
            }
        }
    }
}

/// A disk whose flushes hang until it is let go on.
#[derive(Debug, Clone, Default)]
struct Hanging(Arc<(Mutex<bool>, Condvar)>);

#[derive(Debug)]
struct HangingFile(Hanging, Box<dyn File>);

impl Hanging {
    fn hang(&self, hangs: bool) {
        *self.0.0.lock().unwrap() = hangs;
        self.0.1.notify_all();
    }
}

impl Storage for Hanging {
    fn create_dir(&self, path: &std::path::Path, mode: u32) -> std::io::Result<()> {
        Disk.create_dir(path, mode)
    }
    fn open(&self, path: &std::path::Path, mode: u32) -> std::io::Result<Box<dyn File>> {
        Ok(Box::new(HangingFile(self.clone(), Disk.open(path, mode)?)))
    }
    fn rename(&self, from: &std::path::Path, to: &std::path::Path) -> std::io::Result<()> {
        Disk.rename(from, to)
    }
    fn sync_dir(&self, path: &std::path::Path) -> std::io::Result<()> {
        Disk.sync_dir(path)
    }
}

impl File for HangingFile {
    fn write_at(&self, bytes: &[u8], offset: u64) -> std::io::Result<()> {
        self.1.write_at(bytes, offset)
    }
    fn set_len(&self, bytes: u64) -> std::io::Result<()> {
        self.1.set_len(bytes)
    }
    fn sync(&self) -> std::io::Result<()> {
        let (hangs, changed) = &*self.0.0;
        drop(changed.wait_while(hangs.lock().unwrap(), |hangs| *hangs).unwrap());
        self.1.sync()
    }
}

/// That these calls return at all while the disk hangs is what is tested.
#[test]
fn a_disk_that_hangs_hangs_no_caller_and_the_log_goes_on_when_it_is_back() {
    let home = home();
    let disk = Hanging::default();
    let options = Options { deadline: Duration::from_millis(50), ..Options::default() };
    let log = Log::open_on(Arc::new(disk.clone()), home.path(), options).unwrap();
    fixture::append(&log, 0).unwrap();
    disk.hang(true);
    let results: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (1..5)
            .map(|n| {
                scope.spawn({
                    let log = &log;
                    move || [fixture::append(log, n), fixture::append(log, 10 * n)]
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert!(results.iter().all(|r| matches!(r, Err(AppendError::Timeout { .. }))), "{results:?}");
    assert_eq!(log.size(), 2, "the key, and the first");
    disk.hang(false);
    while fixture::append(&log, 9).is_err() {}
    drop(log);
    assert!(verified(home.path()).is_ok());
    let late = read(home.path()).unwrap().count();
    assert!(late > 2 + 8, "what was given up on is there, too, and was acknowledged to nobody: {late}");
}

#[test]
fn a_buffered_record_says_so_and_survives_the_process() {
    let home = home();
    let disk = Hanging::default();
    let durability = Durability::Buffered { within: Duration::from_millis(20) };
    let options = Options { durability, deadline: Duration::from_millis(50), ..Options::default() };
    let log = Log::open_on(Arc::new(disk.clone()), home.path(), options).unwrap();
    disk.hang(true);
    let sealed = seal::seal(&json!("secret")).unwrap();
    let marker = sealed.digest().to_owned();
    let receipt = append_sealed(&log, 1, &[sealed]).unwrap();
    assert_eq!((receipt.index, receipt.signed), (1, None), "nothing was flushed, so nothing is signed");
    // What another process sees now is what there is when this one is killed.
    let line = read(home.path()).unwrap().nth(1).unwrap().unwrap().line;
    assert!(line.contains(r#""_mode":"buffered""#) && line.contains(&marker), "{line}");
    assert!(seal::unseal(home.path(), &marker).is_ok(), "what is sealed in it, too");
    // The disk does not keep its bound: no more is taken on trust.
    let mut taken = 1;
    while fixture::append(&log, 2).is_ok() {
        taken += 1;
    }
    assert!(matches!(fixture::append(&log, 2), Err(AppendError::Timeout { .. })));
    disk.hang(false);
    while fixture::append(&log, 3).is_err() {}
    assert!(log.rotate_key(jiff::Timestamp::now()).unwrap().signed.is_some(), "a key is never on trust");
    drop(log);
    let report = verified(home.path());
    assert!(report.is_ok(), "{report:#?}");
    assert_eq!(report.logs[0].size, 1 + taken + 1 + 1);
}

#[test]
fn a_buffered_log_is_flushed_when_it_is_closed_and_its_files_are_changed() {
    let home = home();
    let durability = Durability::Buffered { within: Duration::from_secs(3600) };
    let options = Options { durability, ..small_segments() };
    let log = Log::open(home.path(), options).unwrap();
    for n in 0..RECORDS {
        fixture::append(&log, n).unwrap();
    }
    drop(log);
    let report = verified(home.path());
    assert!(report.is_ok(), "{report:#?}");
    assert_eq!(report.logs[0].size, RECORDS + 1);
    assert!(report.logs[0].completeness.holds());
}

#[test]
fn callers_from_many_threads_are_all_in_the_chain() {
    let home = home();
    let log = fixture::open(home.path());
    let receipts: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..32)
            .map(|thread| {
                let log = &log;
                scope.spawn(move || {
                    (0..25).map(|n| fixture::append(log, 32 * n + thread).unwrap()).collect::<Vec<_>>()
                })
            })
            .collect();
        threads
            .into_iter()
            .flat_map(|thread| {
                let own = thread.join().unwrap();
                assert!(own.is_sorted_by_key(|receipt| receipt.index));
                own
            })
            .collect()
    });
    assert_eq!(log.size(), 801);
    let leaves: Vec<_> = read(home.path()).unwrap().map(|record| record.unwrap().leaf).collect();
    assert!(receipts.iter().all(|receipt| leaves[receipt.index as usize] == receipt.leaf));
    assert!(verified(home.path()).is_ok());
}

/// A disk with so many bytes.
#[derive(Debug, Clone)]
struct Small(Arc<Mutex<(u64, HashMap<PathBuf, u64>)>>);

#[derive(Debug)]
struct SmallFile {
    disk: Small,
    path: PathBuf,
    file: Box<dyn File>,
}

impl Storage for Small {
    fn create_dir(&self, path: &Path, mode: u32) -> io::Result<()> {
        Disk.create_dir(path, mode)
    }

    fn open(&self, path: &Path, mode: u32) -> io::Result<Box<dyn File>> {
        let file = Disk.open(path, mode)?;
        Ok(Box::new(SmallFile { disk: self.clone(), path: path.to_owned(), file }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        Disk.rename(from, to)?;
        let files = &mut self.0.lock().unwrap().1;
        let length = files.remove(from).unwrap_or_default();
        files.insert(to.to_owned(), length);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.0.lock().unwrap().1.remove(path);
        Disk.remove(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        Disk.sync_dir(path)
    }
}

impl File for SmallFile {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let (room, files) = &mut *self.disk.0.lock().unwrap();
        let end = offset + bytes.len() as u64;
        let length = files.get(&self.path).copied().unwrap_or_default().max(end);
        let others: u64 =
            files.iter().filter(|(path, _)| **path != self.path).map(|(_, length)| length).sum();
        if others + length > *room {
            return Err(io::Error::from_raw_os_error(ENOSPC));
        }
        files.insert(self.path.clone(), length);
        self.file.write_at(bytes, offset)
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        self.disk.0.lock().unwrap().1.insert(self.path.clone(), bytes);
        self.file.set_len(bytes)
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync()
    }
}

#[test]
fn a_full_disk_leaves_room_for_what_is_denied_then() {
    for durability in [Durability::Durable, Durability::Buffered { within: Duration::from_millis(5) }] {
        let home = home();
        let disk = Small(Arc::new(Mutex::new((16 * 1024 * 1024, HashMap::new()))));
        let options = Options { durability, ..Options::default() };
        let log = Log::open_on(Arc::new(disk.clone()), home.path(), options.clone()).unwrap();
        for n in 0..20 {
            fixture::append(&log, n).unwrap();
        }
        // Newlines are written ahead by another thread.
        std::thread::sleep(Duration::from_millis(50));
        // Somebody else fills the rest.
        {
            let (room, files) = &mut *disk.0.lock().unwrap();
            *room = files.values().sum();
        }
        let recorded = (0..2_000).take_while(|n| fixture::append(&log, *n).is_ok()).count();
        drop(log);
        assert!(recorded > 100, "{durability:?}: {recorded}");
        let report = verified(home.path());
        assert!(report.is_ok() && report.logs[0].size > recorded as u64, "{durability:?}: {report:#?}");
    }
}
