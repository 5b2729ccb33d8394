//! What was measured, as ratios and raw.

use std::path::Path;
use std::time::Instant;

use maais_audit::{VerifyOptions, verify};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::load::Measured;
use crate::stores::{Ours, Record, Store};

/// Reading, and what a caller's thread spends.
pub(crate) struct Extra {
    /// Bytes of records.
    bytes: u64,
    verify: f64,
    sha256: f64,
}

/// Verifies a log of 200,000 records, and hashes as many bytes.
pub(crate) fn extra(home: &Path) -> Extra {
    let dir = home.join("verify");
    std::fs::create_dir(&dir).expect("a folder");
    let log = Ours::buffered(&dir);
    let record = Record::new(1);
    (0..200_000).for_each(|_| log.append(&record));
    drop(log);
    let best = |run: &dyn Fn() -> u64| {
        let one = || {
            let begin = Instant::now();
            let bytes = run();
            bytes as f64 / begin.elapsed().as_secs_f64()
        };
        (0..3).map(|_| one()).fold(0.0, f64::max)
    };
    let verified = || verify(&dir, &VerifyOptions::default()).expect("a log").logs[0].bytes;
    let bytes = verified();
    let data = vec![b'x'; usize::try_from(bytes).expect("it fits")];
    let hashed = || {
        assert_ne!(Sha256::digest(&data)[..], [0; 32]);
        bytes
    };
    let (verify, sha256) = (best(&verified), best(&hashed));
    drop(std::fs::remove_dir_all(&dir));
    Extra { bytes, verify, sha256 }
}

/// The best round by rate of each.
fn best<'m>(measured: &'m [Measured], name: &str, callers: usize, rate: u32) -> Option<&'m Measured> {
    let same = measured.iter().filter(|m| m.name == name && m.callers == callers && m.rate == rate);
    same.max_by(|a, b| a.answered.total_cmp(&b.answered))
}

pub(crate) fn print(measured: &[Measured], extra: &Extra) {
    let mut seen: Vec<(&str, usize, u32)> = Vec::new();
    for m in measured {
        if !seen.contains(&(&m.name, m.callers, m.rate)) {
            seen.push((&m.name, m.callers, m.rate));
        }
    }
    let bare = best(measured, "bare write+fdatasync", 1, 0).map_or(1.0, |m| m.answered);
    println!("| store | callers | rate | records/s | of the bare loop | p50 µs | p99 µs | p99.9 µs | callers' CPU µs |");
    println!("|---|---|---|---|---|---|---|---|---|");
    for (name, callers, rate) in seen {
        let Some(m) = best(measured, name, callers, rate) else { continue };
        let [p50, p99, p999] = m.latency;
        let rate = if rate == 0 { "closed".to_owned() } else { format!("{rate}/s") };
        println!(
            "| {name} | {callers} | {rate} | {:.0} | {:.2} x | {p50:.0} | {p99:.0} | {p999:.0} | {:.1} |",
            m.answered,
            m.answered / bare,
            m.caller_cpu
        );
    }
    println!(
        "\nverify: {:.0} MB at {:.0} MB/s, {:.2} x of SHA-256 alone on one thread ({:.0} MB/s)",
        extra.bytes as f64 / 1e6,
        extra.verify / 1e6,
        extra.verify / extra.sha256,
        extra.sha256 / 1e6
    );
}

/// Everything, to be kept.
pub(crate) fn json(measured: &[Measured], extra: &Extra) -> String {
    let one = |m: &Measured| {
        json!({
            "store": m.name, "callers": m.callers, "rate_asked": m.rate, "round": m.round,
            "records_per_second": m.answered.round(), "p50_us": m.latency[0], "p99_us": m.latency[1],
            "p99_9_us": m.latency[2], "callers_cpu_us": m.caller_cpu,
        })
    };
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let run = json!({
        "when": jiff::Timestamp::now().to_string(), "load_at_the_end": load.trim(),
        "runs": measured.iter().map(one).collect::<Vec<_>>(),
        "verify": {"bytes": extra.bytes, "bytes_per_second": extra.verify.round(), "sha256_bytes_per_second": extra.sha256.round()},
    });
    serde_json::to_string_pretty(&run).unwrap_or_default() + "\n"
}
