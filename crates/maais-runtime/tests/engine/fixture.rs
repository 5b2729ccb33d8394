//! An engine in a folder of its own, with policies that the tests know.

use std::path::PathBuf;

use maais_audit::{Kind, Record, Report, VerifyOptions};
use maais_core::request::{ActionRequest, ActionType, Draft};
use maais_runtime::{Config, Runtime};
use serde_json::{Map, Value};

const POLICIES: &str = "policies:
  - {id: forbid, applies_to: '*', condition: {target: forbidden}, decision: DENY, reason: no, priority: 1}
  - {id: ask, applies_to: '*', condition: {target: ask}, decision: REQUIRE_APPROVAL, reason: perhaps, priority: 2}
  - {id: limit, applies_to: '*', condition: {target: limited, rate_limit: {max_per_minute: 10}}, decision: DENY, reason: too many, priority: 3}
  - {id: known, applies_to: '*', condition: {target: {in: [fine, limited]}}, decision: ALLOW, reason: fine, priority: 4}
  - {id: queries, applies_to: database_query, condition: {}, decision: ALLOW, reason: fine, priority: 5}
";

pub struct Fixture {
    folder: tempfile::TempDir,
}

impl Fixture {
    pub fn new() -> Self {
        let fixture = Self { folder: tempfile::tempdir().unwrap() };
        // `no` is text in YAML 1.2, as it should be.
        std::fs::write(fixture.policies(), POLICIES).unwrap();
        fixture
    }

    pub fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    pub fn policies(&self) -> PathBuf {
        self.folder.path().join("policies.yaml")
    }

    pub fn config(&self) -> Config {
        Config { policies: vec![self.policies()], ..Config::at(self.home()) }
    }

    pub fn open(&self) -> Runtime {
        Runtime::open(self.config()).unwrap()
    }

    /// Every file below the data directory.
    pub fn files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        let mut folders = vec![self.home()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() { folders.push(path) } else { files.push(path) }
            }
        }
        files
    }
}

pub fn action(agent: &str, target: &str) -> ActionRequest {
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    ActionRequest::new(Draft {
        agent_id: agent.into(),
        action_type: ActionType::ToolCall,
        target: target.into(),
        parameters: Map::new(),
        declared_goal: "test".into(),
        action_id: format!("action-{number}"),
        timestamp: jiff::Timestamp::UNIX_EPOCH,
        context: Map::new(),
    })
    .unwrap()
}

pub fn everything(fixture: &Fixture) -> Vec<Record> {
    maais_audit::read(&fixture.home()).unwrap().map(|record| record.unwrap()).collect()
}

pub fn decisions(fixture: &Fixture) -> Vec<Value> {
    everything(fixture)
        .into_iter()
        .filter(|record| record.kind == Kind::Decision)
        .map(|record| record.value)
        .collect()
}

pub fn verify(fixture: &Fixture) -> Report {
    maais_audit::verify(&fixture.home(), &VerifyOptions::default()).unwrap()
}
