//! How fast the log is, beside a bare loop of write and fdatasync in the same run: `cargo bench -p
//! maais-audit`. Prints rates and latencies; the ratios travel better than the numbers. Judges nothing.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "a failure must stop the bench"
)]

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use maais_audit::storage::{self, Disk, Storage};
use maais_audit::{Entry, Kind, Log, Options, VerifyOptions, verify};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

const TIME: Duration = Duration::from_secs(3);

fn main() {
    // For a profiler.
    if std::env::var_os("BENCH_CPU").is_some() {
        return cpu();
    }
    let place = std::env::var_os("BENCH_DIR").unwrap_or_else(|| std::env::temp_dir().into());
    let dir = tempfile::tempdir_in(place).unwrap();
    let line = line_of(dir.path());
    println!("record: {} bytes", line.len());
    let bare = bare_loop(&dir.path().join("bare"), &line);
    show("bare write+fdatasync, 1 caller", &bare, bare.rate());
    for callers in [1, 8, 64] {
        let found = ours(&dir.path().join(callers.to_string()), callers);
        show(&format!("log, {callers} callers"), &found, bare.rate());
    }
    cpu();
    verification(&dir.path().join("64"));
}

struct Found {
    latencies: Vec<Duration>,
    took: Duration,
}

impl Found {
    fn rate(&self) -> f64 {
        self.latencies.len() as f64 / self.took.as_secs_f64()
    }
}

fn show(name: &str, found: &Found, bare: f64) {
    let mut sorted = found.latencies.clone();
    sorted.sort_unstable();
    let at = |share: f64| sorted[((sorted.len() - 1) as f64 * share) as usize];
    let rate = found.rate();
    println!(
        "{name:32} {rate:8.0}/s  {:5.2}x  p50 {:?}  p99 {:?}  p99.9 {:?}",
        rate / bare,
        at(0.5),
        at(0.99),
        at(0.999)
    );
}

fn body(n: u64) -> Map<String, Value> {
    let filler = "The quick brown fox jumps over the lazy dog. ".repeat(11);
    let body = json!({
        "decision": {"allow": true, "policy_id": "allow_reads", "explanation": filler},
        "request": {"agent_id": format!("agent-{n}"), "target": "database", "parameters": {"query": "SELECT 1", "n": n}},
    });
    body.as_object().unwrap().clone()
}

fn append(log: &Log, body: &Map<String, Value>) {
    let entry = Entry {
        kind: Kind::Decision,
        time: jiff::Timestamp::now(),
        tenant: "tenant",
        session: Some("session"),
        subject: "agent",
        body,
        sealed: &[],
    };
    log.append(entry).unwrap();
}

fn line_of(dir: &Path) -> Vec<u8> {
    let home = dir.join("line");
    append(&Log::open(&home, Options::default()).unwrap(), &body(1));
    maais_audit::tail(&home, 1).unwrap().remove(0).line.into_bytes()
}

fn bare_loop(path: &Path, line: &[u8]) -> Found {
    let file = File::create(path).unwrap();
    let (begin, mut latencies, mut offset) = (Instant::now(), Vec::new(), 0);
    while begin.elapsed() < TIME {
        let one = Instant::now();
        file.write_all_at(line, offset).unwrap();
        file.sync_data().unwrap();
        offset += line.len() as u64;
        latencies.push(one.elapsed());
    }
    Found { latencies, took: begin.elapsed() }
}

fn ours(home: &Path, callers: u64) -> Found {
    let options = Options { deadline: Duration::from_secs(10), ..Options::default() };
    let log = Log::open(home, options).unwrap();
    let begin = Instant::now();
    let latencies = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..callers)
            .map(|caller| {
                let log = &log;
                scope.spawn(move || {
                    let (body, mut latencies) = (body(caller), Vec::new());
                    while begin.elapsed() < TIME {
                        let one = Instant::now();
                        append(log, &body);
                        latencies.push(one.elapsed());
                    }
                    latencies
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    Found { latencies, took: begin.elapsed() }
}

/// A file system whose flushes cost nothing.
#[derive(Debug)]
struct NoFlush;

#[derive(Debug)]
struct NoFlushFile(Box<dyn storage::File>);

impl Storage for NoFlush {
    fn create_dir(&self, path: &Path, mode: u32) -> io::Result<()> {
        Disk.create_dir(path, mode)
    }
    fn open(&self, path: &Path, mode: u32) -> io::Result<Box<dyn storage::File>> {
        Ok(Box::new(NoFlushFile(Disk.open(path, mode)?)))
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        Disk.rename(from, to)
    }
    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }
}

impl storage::File for NoFlushFile {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_at(bytes, offset)
    }
    fn set_len(&self, bytes: u64) -> io::Result<()> {
        self.0.set_len(bytes)
    }
    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

/// What a record costs without the disk: one caller (a head and a signature for each), and eight.
fn cpu() {
    for callers in [1, 8] {
        let dir = tempfile::tempdir_in("/dev/shm").unwrap();
        let log = Log::open_on(Arc::new(NoFlush), dir.path(), Options::default()).unwrap();
        let begin = Instant::now();
        let each = 80_000 / callers;
        std::thread::scope(|scope| {
            for caller in 0..callers {
                let log = &log;
                scope.spawn(move || {
                    let body = body(caller);
                    (0..each).for_each(|_| append(log, &body));
                });
            }
        });
        println!("without the disk, {callers} callers: {:?} a record", begin.elapsed() / 80_000);
        drop(log);
        verification(dir.path());
    }
}

fn verification(home: &Path) {
    let bytes: u64 = verify(home, &VerifyOptions::default()).unwrap().logs[0].bytes;
    let begin = Instant::now();
    assert!(verify(home, &VerifyOptions::default()).unwrap().is_ok());
    let ours = bytes as f64 / begin.elapsed().as_secs_f64();
    let data = vec![b'x'; 1 << 26];
    let begin = Instant::now();
    let digest = Sha256::digest(&data);
    let raw = data.len() as f64 / begin.elapsed().as_secs_f64();
    println!(
        "verify: {:.0} MB of records at {:.0} MB/s, {:.2}x of raw SHA-256 ({:.0} MB/s, {:x})",
        bytes as f64 / 1e6,
        ours / 1e6,
        ours / raw,
        raw / 1e6,
        digest[0]
    );
}
