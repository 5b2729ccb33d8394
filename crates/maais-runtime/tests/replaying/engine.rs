//! An engine whose policies ask for everything that a decision can depend on, and a forger who holds its key.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use maais_audit::{Entry, Kind, Log};
use maais_core::decision::Effect;
use maais_core::request::{ActionRequest, Defaults};
use maais_runtime::clock::ManualClock;
use maais_runtime::replay::{Replay, Replayed, Verdict};
use maais_runtime::{Config, Runtime};
use serde_json::{Value, json};
use tempfile::TempDir;

const POLICIES: &str = "# a comment
labels:
  - {when: {target: untrusted}, add: untrusted}
policies:
  - {id: shadow, applies_to: '*', condition: {target: shadowed}, decision: DENY, reason: soon, mode: shadow, priority: 1}
  - {id: leak, applies_to: '*', condition: {target: send, labels: {has: [untrusted]}}, decision: REQUIRE_APPROVAL, approvers: [security], reason: it read what strangers wrote, priority: 2}
  - {id: probing, applies_to: '*', condition: {count: {effect: DENY, ge: 30, within: 1m}}, decision: DENY, reason: too many denials, priority: 3}
  - {id: budget, applies_to: '*', condition: {target: pay, or: [{limit: {max: 1000, within: 24h}}, {limit: {max: 100, within: 1h, cost: parameters.amount}}]}, decision: DENY, reason: too much, priority: 4}
  - {id: admins, applies_to: '*', condition: {target: admin, not: {role: admin}}, decision: DENY, reason: for admins, priority: 5}
  - {id: office, applies_to: '*', condition: {target: hours, time: {hours: '09:00-17:00', zone: Europe/Berlin}}, decision: DENY, reason: in office hours, priority: 6}
  - {id: text, applies_to: '*', condition: {target: text, parameters.n: {pattern: '^(1[.]0|-0[.]0)$'}}, decision: DENY, reason: a float, priority: 7}
  - {id: never, applies_to: '*', condition: {target: never}, decision: DENY, reason: never, priority: 8}
  - {id: ask, applies_to: '*', condition: {target: ask}, decision: REQUIRE_APPROVAL, reason: perhaps, priority: 9}
  - {id: waive, applies_to: '*', condition: {target: waived}, decision: ALLOW, reason: fine, waives: [C, I], priority: 10}
  - {id: rest, applies_to: '*', condition: {not: {target: unknown}}, decision: ALLOW, reason: fine, priority: 11}
";

const SETTINGS: &str = "roles: {'root-*': [admin]}\nowners: {a: team, b: team, c: team, 'a?': team, 'root-*': ops}\ndefault_owner: null\n";

pub struct Engine {
    folder: Arc<TempDir>,
    pub clock: Arc<ManualClock>,
    pub runtime: Runtime,
}

/// The data directory, as long as somebody looks at it.
pub struct Home {
    path: PathBuf,
    _folder: Arc<TempDir>,
}

impl std::ops::Deref for Home {
    type Target = PathBuf;

    fn deref(&self) -> &PathBuf {
        &self.path
    }
}

impl Engine {
    pub fn new() -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        std::fs::write(folder.path().join("policies.yaml"), POLICIES).unwrap();
        std::fs::write(folder.path().join("maais.yaml"), SETTINGS).unwrap();
        let clock = Arc::new(ManualClock::at(1_763_900_000_000));
        let runtime = Runtime::open(config(&folder, &clock)).unwrap();
        Self { folder, clock, runtime }
    }

    pub fn config(&self) -> Config {
        config(&self.folder, &self.clock)
    }

    pub fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// Other policies, for the next load.
    pub fn write(&self, policies: &str) {
        std::fs::write(self.folder.path().join("policies.yaml"), policies).unwrap();
    }

    pub fn ask(&self, mut action: Value) -> Effect {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let map = action.as_object_mut().unwrap();
        map.entry("agent_id").or_insert_with(|| "a".into());
        map.entry("action_type").or_insert_with(|| "tool_call".into());
        let defaults = Defaults { action_id: format!("{number}"), timestamp: jiff::Timestamp::UNIX_EPOCH };
        self.runtime.intercept(ActionRequest::from_value(action, defaults).unwrap()).effect
    }

    /// Ends the engine and leaves what it wrote.
    pub fn close(self) -> Home {
        Home { path: self.home(), _folder: self.folder }
    }
}

fn config(folder: &TempDir, clock: &Arc<ManualClock>) -> Config {
    Config {
        policies: vec![folder.path().join("policies.yaml")],
        settings: Some(folder.path().join("maais.yaml")),
        clock: clock.clone(),
        ..Config::at(folder.path().join("home"))
    }
}

pub fn verdicts(home: &Path) -> Vec<Replayed> {
    Replay::open(home).unwrap().map(Result::unwrap).collect()
}

/// The verdict on the only decision.
pub fn one(home: &Path) -> Verdict {
    let mut all = verdicts(home).into_iter().filter(|replayed| replayed.verdict != Verdict::NoDecision);
    let verdict = all.next().unwrap().verdict;
    assert!(all.next().is_none());
    verdict
}

/// What differs, for a person.
pub fn differs(all: &[Replayed]) -> Vec<String> {
    let wrong = all.iter().filter(|replayed| replayed.verdict.is_wrong() || replayed.fault.is_some());
    wrong.map(|replayed| format!("{replayed:#?}")).collect()
}

/// The fields that differ.
pub fn fields(all: &[Replayed]) -> Vec<String> {
    let differences = all.iter().filter_map(|replayed| match &replayed.verdict {
        Verdict::Different(differs) => Some(&differs.differences),
        _ => None,
    });
    differences.flatten().map(|difference| difference.field.clone()).collect()
}

pub fn decisions(home: &Path) -> Vec<Value> {
    let records = maais_audit::read(home).unwrap().map(Result::unwrap);
    records.filter(|record| record.kind == Kind::Decision).map(|record| record.value).collect()
}

/// The same log written anew by whoever holds the key, with edits: it verifies.
pub fn forged(home: &Path, edit: impl Fn(&mut Value)) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("policies")).unwrap();
    for file in std::fs::read_dir(home.join("policies")).unwrap() {
        let path = file.unwrap().path();
        std::fs::copy(&path, folder.path().join("policies").join(path.file_name().unwrap())).unwrap();
    }
    let log = Log::open(folder.path(), Default::default()).unwrap();
    for record in maais_audit::read(home).unwrap().map(Result::unwrap) {
        if matches!(record.kind, Kind::Key | Kind::Roll) {
            continue;
        }
        let mut value = maais_audit::canonical::unescape(record.value, &mut |_| None).unwrap();
        edit(&mut value);
        let map = value.as_object().unwrap();
        let body = map.iter().filter(|(name, _)| !name.starts_with('_') && *name != "type");
        let body = body.map(|(name, value)| (name.clone(), value.clone())).collect();
        log.append(Entry {
            kind: record.kind,
            time: record.time,
            tenant: &record.tenant,
            session: record.session.as_deref(),
            subject: "a",
            body: &body,
            sealed: &[],
        })
        .unwrap();
    }
    assert!(json!(log.size()).as_u64() > Some(2));
    folder
}
