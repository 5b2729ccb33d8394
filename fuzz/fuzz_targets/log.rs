//! Bytes as the files of a log, split by NULs into segment, sidecar, head and history: verified, read and refused,
//! never a panic, and never believed unless they are the log that was made.
#![no_main]

use std::fs;
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use maais_audit::{Log, Options, VerifyOptions, read, tail, verify};

/// The name of the log that the bytes claim to be.
fn home() -> &'static std::path::Path {
    static HOME: OnceLock<std::path::PathBuf> = OnceLock::new();
    HOME.get_or_init(|| {
        let home = std::path::PathBuf::from(format!("/dev/shm/maais-fuzz-{}", std::process::id()));
        drop(fs::remove_dir_all(&home));
        for folder in ["log/0/seg", "log/0/priv/keys", "head"] {
            fs::create_dir_all(home.join(folder)).expect("a folder");
        }
        fs::write(home.join("log/0/origin"), "maais/1\n").expect("a file");
        home
    })
}

fuzz_target!(|bytes: &[u8]| {
    let home = home();
    let mut parts = bytes.split(|byte| *byte == 0);
    let name = "00000000000000000000.jsonl";
    for file in [format!("log/0/seg/{name}"), format!("log/0/priv/{name}"), "head/0.json".into(), "log/0/checkpoints.jsonl".into()] {
        fs::write(home.join(file), parts.next().unwrap_or_default()).expect("a file");
    }
    let report = verify(home, &VerifyOptions::default()).expect("a log is there");
    assert!(report.logs.iter().all(|log| log.size == 0), "nobody signed a first record");
    if let Ok(records) = read(home) {
        records.take(100).for_each(drop);
    }
    let _ = tail(home, 3);
    // Opening may only refuse, or begin a log where there is none.
    if let Ok(log) = Log::open(home, Options::default()) {
        assert_eq!(log.size(), 0);
        drop(log);
        drop(fs::remove_dir_all(home.join("log/0/priv/signing")));
    }
});
