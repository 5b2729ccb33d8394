//! Who changes the log, with what, and who notices: every attack against every kind of evidence. The table is
//! published in docs/tamper.md; `MAAIS_UPDATE_DOCS=1` writes it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failure must stop the test"
)]

mod fixture;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::{Signer as _, SigningKey};
use fixture::{append, append_sealed, home, open, segment, verified};
use maais_audit::{LeafHash, VerifyOptions, seal, verify};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

/// A log of two epochs, what was copied of it on the way, and what somebody outside remembers.
struct Scene {
    home: TempDir,
    /// Log and head as they were in the first epoch.
    backup: TempDir,
    /// The newest signed checkpoint.
    outside: String,
    vkey: String,
    /// The secrets of both epochs; the first is not on the disk any more.
    keys: [[u8; 32]; 2],
}

impl Scene {
    fn new() -> Self {
        let (home, backup) = (home(), home());
        let secret = |epoch: u64| {
            let path = home.path().join(format!("log/0/priv/signing/epoch-{epoch}"));
            fs::read(path).unwrap().try_into().unwrap()
        };
        let log = open(home.path());
        (0..3).for_each(|n| drop(append_sealed(&log, n, &[seal::seal(&json!(n)).unwrap()]).unwrap()));
        drop(log);
        fixture::copy(home.path(), backup.path());
        let first = secret(0);
        let log = open(home.path());
        log.rotate_key(jiff::Timestamp::now()).unwrap();
        (3..6).for_each(|n| drop(append(&log, n).unwrap()));
        drop(log);
        let vkey = verified(home.path()).logs[0].vkey.clone().unwrap();
        let outside = fs::read_to_string(home.path().join("log/0/checkpoint")).unwrap();
        let keys = [first, secret(1)];
        Self { home, backup, outside, vkey, keys }
    }

    fn lines(&self) -> Vec<Vec<u8>> {
        fixture::lines(self.home.path())
    }

    /// A copy of it in which the segment holds these bytes; the history of checkpoints is gone, as an attacker would
    /// have it.
    fn with(&self, content: &[u8]) -> TempDir {
        let changed = fixture::home();
        fixture::copy(self.home.path(), changed.path());
        fs::write(segment(changed.path()), content).unwrap();
        for copy in ["log/0/checkpoints.jsonl", "log/0/checkpoint"] {
            drop(fs::remove_file(changed.path().join(copy)));
        }
        changed
    }

    /// A copy of it in which that file holds something else.
    fn replaced(&self, file: &str, content: &[u8]) -> TempDir {
        let changed = fixture::home();
        fixture::copy(self.home.path(), changed.path());
        fs::write(changed.path().join(file), content).unwrap();
        changed
    }

    /// Copies of it in which a byte of that file is flipped: every third.
    fn flipped(&self, file: &str) -> Vec<TempDir> {
        let content = fs::read(self.home.path().join(file)).unwrap();
        let variant = |at: usize| {
            let mut bytes = content.clone();
            bytes[at] ^= 1 << (at % 8);
            self.replaced(file, &bytes)
        };
        (0..content.len()).step_by(3).map(variant).collect()
    }

    /// Copies of it in which the first records are gone, as if they had been pruned.
    fn without_the_oldest(&self) -> Vec<TempDir> {
        let lines = self.lines();
        let variant = |count: usize| {
            let changed = self.with(&[]);
            let first = segment(changed.path());
            fs::remove_file(&first).unwrap();
            fs::write(first.with_file_name(format!("{count:020}.jsonl")), lines[count..].concat()).unwrap();
            changed
        };
        (1..lines.len()).map(variant).collect()
    }
}

/// The places in `_prev` fields and checkpoints that an edit changes, mended: as somebody who knows the format would.
/// `keys` are the secrets that the attacker has, by epoch.
fn rehashed(scene: &Scene, at: usize, keys: [Option<&[u8; 32]>; 2]) -> Vec<u8> {
    let mut renamed: Vec<(String, String)> = Vec::new();
    let mut tree = ct_merkle::mem_backed_tree::MemoryBackedTree::<Sha256, Vec<u8>>::new();
    let mut out = Vec::new();
    for (index, line) in scene.lines().iter().enumerate() {
        let mut text = String::from_utf8(line.clone()).unwrap();
        renamed.iter().for_each(|(old, new)| text = text.replace(old, new));
        if index == at {
            text = text
                .replacen("\"allow\":", "\"allow\":!", 1)
                .replace(":!true", ":false")
                .replace(":!false", ":true");
        }
        // A handover's checkpoint is of everything before it, signed with the key before.
        if index > 0
            && text.contains("\"type\":\"key\"")
            && let Some(key) = keys[0]
        {
            text = resigned(&text, &tree, key);
        }
        let leaf = |text: &[u8]| LeafHash::of(text.trim_ascii_end()).to_string();
        renamed.push((leaf(line), leaf(text.as_bytes())));
        tree.push(text.trim_ascii_end().as_bytes().to_vec());
        out.extend_from_slice(text.as_bytes());
    }
    out
}

/// A key record with a checkpoint of another tree, signed.
fn resigned(
    line: &str,
    tree: &ct_merkle::mem_backed_tree::MemoryBackedTree<Sha256, Vec<u8>>,
    key: &[u8; 32],
) -> String {
    let value: serde_json::Value = serde_json::from_str(line).unwrap();
    let old = value["checkpoint"].as_str().unwrap();
    let mut body: Vec<String> = old.split("\n\n").next().unwrap().lines().map(str::to_owned).collect();
    body[2] = BASE64.encode(tree.root().as_bytes());
    let new = note(&(body.join("\n") + "\n"), key);
    let quoted = |text: &str| serde_json::to_string(text).unwrap();
    line.replace(&quoted(old), &quoted(&new))
}

/// A signed note (C2SP).
fn note(text: &str, secret: &[u8; 32]) -> String {
    let key = SigningKey::from_bytes(secret);
    let name = text.lines().next().unwrap();
    let public = key.verifying_key().to_bytes();
    let id = &Sha256::digest([name.as_bytes(), b"\n\x01", &public].concat())[..4];
    let signature = BASE64.encode([id, &key.sign(text.as_bytes()).to_bytes()].concat());
    format!("{text}\n— {name} {signature}\n")
}

/// One kind of attack: every way in which it is tried.
struct Attack {
    name: &'static str,
    variants: Vec<TempDir>,
}

fn attacks(scene: &Scene) -> Vec<Attack> {
    let lines = scene.lines();
    let whole = lines.concat();
    let each = |change: &dyn Fn(usize, &mut Vec<Vec<u8>>)| -> Vec<TempDir> {
        let variant = |at| {
            let mut lines = lines.clone();
            change(at, &mut lines);
            scene.with(&lines.concat())
        };
        (0..lines.len()).map(variant).collect()
    };
    let flipped = |range: std::ops::Range<usize>| -> Vec<TempDir> {
        let variant = |at: usize| {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << (at % 8);
            scene.with(&bytes)
        };
        range.step_by(3).map(variant).collect()
    };
    let boundaries: Vec<usize> =
        lines.iter().scan(0, |end, line| Some(std::mem::replace(end, *end + line.len()))).collect();
    let last = *boundaries.last().unwrap();
    let cut = |ends: Vec<usize>| -> Vec<TempDir> {
        ends.into_iter().map(|end| scene.with(&whole[..end])).collect()
    };
    let within = (1..whole.len()).step_by(7).filter(|end| !boundaries.contains(end)).collect();
    let emptied = ["log/0/seg", "log/0"].map(|folder| {
        let changed = fixture::home();
        fixture::copy(scene.home.path(), changed.path());
        fs::remove_dir_all(changed.path().join(folder)).unwrap();
        changed
    });
    let mut removed = each(&|at, lines| drop(lines.remove(at)));
    removed.pop();
    let restored = fixture::home();
    fixture::copy(scene.backup.path(), restored.path());
    let anew = fixture::home();
    let log = open(anew.path());
    (0..6).for_each(|n| drop(append(&log, n).unwrap()));
    drop(log);
    // Its name is public.
    let [first, second] = [Some(&scene.keys[0]), Some(&scene.keys[1])];
    let edited = |at, keys| vec![scene.with(&rehashed(scene, at, keys))];
    let mut skipped = lines.clone();
    skipped.remove(4);
    let text = format!("{}\n5\n{}\n", verified(scene.home.path()).logs[0].origin, BASE64.encode([7; 32]));
    let false_checkpoint = note(&text, &[9; 32]);
    let attack = |name, variants: Vec<TempDir>| Attack { name, variants };
    vec![
        attack("a byte changed, before the last record (every third)", flipped(0..last)),
        attack("a byte changed in the last record (every third)", flipped(last..whole.len())),
        attack("a record removed, not the last (each)", removed),
        attack("a record doubled (each)", each(&|at, lines| lines.insert(at, lines[at].clone()))),
        attack("two records swapped (each pair)", each(&|at, lines| lines.swap(at, (at + 1) % 8))),
        attack("the tail cut behind a record (each)", cut(boundaries[1..].to_vec())),
        attack("the tail cut within a record (every seventh length)", cut(within)),
        attack("emptied, or removed", emptied.into()),
        attack("an older copy restored", vec![restored]),
        attack("edited in the current epoch, all hashes recomputed, no key", edited(6, [None, None])),
        attack("the same, with the current key", edited(6, [None, second])),
        attack(
            "edited in an older epoch, all hashes recomputed, with today's key",
            edited(2, [None, second]),
        ),
        attack("the same, with all keys", edited(2, [first, second])),
        attack("an epoch's key record left out", vec![scene.with(&skipped.concat())]),
        attack("a log made anew, under another key", vec![anew]),
        attack("the oldest records removed (each number of them)", scene.without_the_oldest()),
        attack(
            "a sealed value changed beside the log (every third byte of the sidecar)",
            scene.flipped("log/0/priv/00000000000000000000.jsonl"),
        ),
        attack(
            "the published checkpoint replaced by one with another root, signed with another key",
            vec![scene.replaced("log/0/checkpoint", false_checkpoint.as_bytes())],
        ),
        attack(
            "the same in the history of checkpoints",
            vec![scene.replaced("log/0/checkpoints.jsonl", json!(false_checkpoint).to_string().as_bytes())],
        ),
    ]
}

/// What is there to hold the log against.
struct Evidence {
    name: &'static str,
    options: fn(&Scene, &Path) -> VerifyOptions,
}

/// A folder without heads.
fn nowhere(changed: &Path) -> Option<PathBuf> {
    Some(changed.join("no-head"))
}

const EVIDENCE: [Evidence; 4] = [
    Evidence {
        name: "the log alone",
        options: |_, changed| VerifyOptions { head_dir: nowhere(changed), ..VerifyOptions::default() },
    },
    Evidence {
        name: "+ its first key, as told",
        options: |scene, changed| VerifyOptions {
            head_dir: nowhere(changed),
            vkey: Some(scene.vkey.clone()),
            ..VerifyOptions::default()
        },
    },
    Evidence {
        name: "+ the head on a second path",
        options: |scene, _| VerifyOptions {
            head_dir: Some(scene.home.path().join("head")),
            vkey: Some(scene.vkey.clone()),
            ..VerifyOptions::default()
        },
    },
    Evidence {
        name: "+ a checkpoint outside (SIEM, witness)",
        options: |scene, changed| VerifyOptions {
            head_dir: nowhere(changed),
            vkey: Some(scene.vkey.clone()),
            checkpoints: vec![scene.outside.clone()],
            ..VerifyOptions::default()
        },
    },
];

/// What notices the attack in every variant; nothing if one variant is believed.
fn noticed(scene: &Scene, attack: &Attack, evidence: &Evidence) -> String {
    let mut failing = BTreeSet::new();
    for changed in &attack.variants {
        let options = (evidence.options)(scene, changed.path());
        let Ok(report) = verify(changed.path(), &options) else {
            failing.insert("no log");
            continue;
        };
        if report.is_ok() {
            return "not noticed".to_owned();
        }
        for log in &report.logs {
            let verdicts = [
                ("integrity", &log.integrity),
                ("completeness", &log.completeness),
                ("anchoring", &log.anchoring),
                ("sealed", &log.sealed),
            ];
            failing.extend(verdicts.into_iter().filter(|(_, verdict)| verdict.fails()).map(|(name, _)| name));
        }
    }
    failing.into_iter().collect::<Vec<_>>().join(", ")
}

fn table() -> String {
    let scene = Scene::new();
    let mut text = String::from("| attack |");
    EVIDENCE.iter().for_each(|evidence| write!(text, " {} |", evidence.name).unwrap());
    text.push_str("\n|---|");
    EVIDENCE.iter().for_each(|_| text.push_str("---|"));
    text.push('\n');
    for attack in attacks(&scene) {
        write!(text, "| {} |", attack.name).unwrap();
        for evidence in &EVIDENCE {
            write!(text, " {} |", noticed(&scene, &attack, evidence)).unwrap();
        }
        text.push('\n');
    }
    text
}

#[test]
fn the_published_matrix_is_what_happens() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/tamper.md");
    let published = fs::read_to_string(&path).unwrap();
    let (begin, end) = ("<!-- matrix -->\n", "<!-- end -->");
    let (before, rest) = published.split_once(begin).unwrap();
    let (_, after) = rest.split_once(end).unwrap();
    let found = format!("{before}{begin}{}{end}{after}", table());
    if std::env::var_os("MAAIS_UPDATE_DOCS").is_some() {
        fs::write(&path, found).unwrap();
    } else {
        assert_eq!(published, found, "run with MAAIS_UPDATE_DOCS=1 and look at what changed");
    }
}

#[test]
fn an_untouched_log_is_believed_with_every_evidence() {
    let scene = Scene::new();
    for evidence in &EVIDENCE {
        let options = (evidence.options)(&scene, scene.home.path());
        assert!(verify(scene.home.path(), &options).unwrap().is_ok(), "{}", evidence.name);
    }
}
