//! A genuine log, compressed and pruned in parts, with one file or one line replaced by the bytes: never a panic, and
//! whatever is believed afterwards holds the records that were there, each as it was.
#![no_main]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use maais_audit::{
    Entry, Kind, Log, Opener, Options, VerifyOptions, compress, extract, prove, read, seal, tail, unseal, verify,
    verify_extract,
};
use serde_json::json;

/// A log, and what it said.
struct Genuine {
    home: PathBuf,
    /// Every file, and what is in it.
    files: Vec<(PathBuf, Vec<u8>)>,
    lines: Vec<String>,
    digest: String,
}

fn files(dir: &Path, all: &mut Vec<(PathBuf, Vec<u8>)>) {
    for entry in fs::read_dir(dir).expect("a folder") {
        let path = entry.expect("a name").path();
        match path.is_dir() {
            true => files(&path, all),
            false => all.push((path.clone(), fs::read(&path).expect("a file"))),
        }
    }
}

fn lines(home: &Path) -> Vec<String> {
    read(home).map_or_else(|_| Vec::new(), |all| all.map_while(Result::ok).map(|record| record.line).collect())
}

fn genuine() -> &'static Genuine {
    static GENUINE: OnceLock<Genuine> = OnceLock::new();
    GENUINE.get_or_init(|| {
        let home = PathBuf::from(format!("/dev/shm/maais-fuzz-tampered-{}", std::process::id()));
        drop(fs::remove_dir_all(&home));
        let options = Options { segment_age: Duration::ZERO, ..Options::default() };
        let log = Log::open(&home, options).expect("a log");
        let mut digest = String::new();
        for n in 0..6 {
            let sealed = seal::seal(&json!(n)).expect("random bytes");
            let body = json!({"n": n, "secret": sealed.marker()});
            let entry = Entry {
                kind: Kind::Decision,
                time: jiff::Timestamp::now(),
                tenant: "t",
                session: Some("s"),
                subject: "a",
                body: body.as_object().expect("an object"),
                sealed: std::slice::from_ref(&sealed),
            };
            log.append(entry).expect("a receipt");
            digest = sealed.digest().to_owned();
            if n == 2 {
                log.prune(jiff::Timestamp::now(), "b", "w", jiff::Timestamp::now()).expect("pruned");
            }
        }
        log.call_roll(jiff::Timestamp::now()).expect("a receipt");
        drop(log);
        compress(&home, jiff::Timestamp::now()).expect("compressed");
        let mut all = Vec::new();
        files(&home, &mut all);
        all.sort();
        assert!(verify(&home, &VerifyOptions::default()).expect("a log").is_ok());
        Genuine { lines: lines(&home), files: all, digest, home }
    })
}

fuzz_target!(|bytes: &[u8]| {
    let Genuine { home, files, lines: were, digest } = genuine();
    let Some((which, bytes)) = bytes.split_first() else { return };
    let (path, content) = &files[usize::from(*which) % files.len()];
    // An odd number: only one line of it, if it has some.
    let replaced = match usize::from(*which) / files.len() % 2 {
        1 => {
            let mut all: Vec<&[u8]> = content.split(|byte| *byte == b'\n').collect();
            let at = bytes.len() % all.len();
            all[at] = bytes;
            all.join(&b'\n')
        }
        _ => bytes.to_vec(),
    };
    fs::write(path, replaced).expect("a file");
    let believed = verify(home, &VerifyOptions::default()).is_ok_and(|report| report.is_ok());
    let are = lines(home);
    assert!(!believed || are == *were, "believed, and other records: {}", path.display());
    let _ = tail(home, 3);
    if let Ok(maais_audit::Unsealed::Present(value)) = unseal(home, digest) {
        assert_eq!(value, json!(5));
    }
    let _ = Opener::new(home).map(|mut opener| opener.open("x", 5, digest));
    let dir = home.join("log/0");
    let _ = prove(&dir, 5);
    let mut bundle = Vec::new();
    if extract(&dir, "t", &mut bundle).is_ok() && !believed {
        let _ = verify_extract(&mut bundle.as_slice(), None);
    }
    fs::write(path, content).expect("a file");
});
