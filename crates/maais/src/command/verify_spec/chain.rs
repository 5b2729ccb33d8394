//! The log: written by the engine, then attacked on copies, and each attack must be found.

use std::fs;
use std::path::{Path, PathBuf};

use maais_runtime::audit::{self, VerifyOptions};
use serde_json::json;

use super::{Evidence, ensure};

/// Actions in the log that is attacked.
const ACTIONS: usize = 20;

type Attack = fn(&mut Vec<String>);

/// What is done to the lines of the log.
const ATTACKS: [(&str, Attack); 8] = [
    ("a decision rewritten", |lines| replace(lines, 7, "\"allow\":true", "\"allow\":false")),
    ("a byte changed", |lines| replace(lines, 5, "probe", "prabe")),
    ("a record removed", |lines| drop(lines.remove(6))),
    ("a record doubled", |lines| {
        let copy = lines.get(6).cloned().unwrap_or_default();
        lines.insert(6, copy);
    }),
    ("two records swapped", |lines| lines.swap(4, 9)),
    ("the first record removed", |lines| drop(lines.remove(0))),
    ("the end cut off", |lines| lines.truncate(12)),
    ("everything removed", Vec::clear),
];

fn replace(lines: &mut [String], line: usize, from: &str, to: &str) {
    if let Some(text) = lines.get_mut(line) {
        *text = text.replacen(from, to, 1);
    }
}

/// An honest log verifies; each attack does not.
pub(super) fn check() -> Evidence {
    let home = tempfile::tempdir()?;
    {
        let runtime = super::engine(home.path())?;
        for turn in 0..ACTIONS {
            let action = json!({"agent_id": "probe", "action_type": "tool_call", "target": "probe", "parameters": {"turn": turn}});
            super::decide(&runtime, action)?;
        }
    }
    let report = audit::verify(home.path(), &VerifyOptions::default())?;
    ensure(report.is_ok(), "an untouched log does not verify")?;
    let size: u64 = report.logs.iter().map(|log| log.size).sum();
    let mut found = Vec::new();
    for (what, attack) in ATTACKS {
        found.push(format!("{what} ({})", attacked(home.path(), what, attack)?));
    }
    Ok(format!("{size} records verify; found: {}", found.join(", ")))
}

/// Attacks a copy of the log; returns which verdict found it.
fn attacked(home: &Path, what: &str, attack: Attack) -> Result<&'static str, Box<dyn std::error::Error>> {
    let copy = tempfile::tempdir()?;
    copy_tree(home, copy.path())?;
    let segment = segment(copy.path())?;
    let before = fs::read_to_string(&segment)?;
    let mut lines: Vec<String> = before.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect();
    attack(&mut lines);
    let after: String = lines.iter().map(|line| format!("{line}\n")).collect();
    ensure(after != before, format!("the attack `{what}` changed nothing"))?;
    fs::write(&segment, after)?;
    let report = audit::verify(copy.path(), &VerifyOptions::default())?;
    ensure(!report.is_ok(), format!("{what}: the log still verifies"))?;
    let integrity = report.logs.iter().any(|log| log.integrity.fails());
    Ok(if integrity { "integrity" } else { "completeness" })
}

/// The file with the newest records.
fn segment(home: &Path) -> Result<PathBuf, Box<dyn std::error::Error>> {
    let folder = home.join("log/0/seg");
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder)?.map(|entry| entry.map(|e| e.path())).collect::<Result<_, _>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "jsonl"));
    files.sort();
    files.into_iter().next().ok_or_else(|| "the log has no segment".into())
}

fn copy_tree(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_tree(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
