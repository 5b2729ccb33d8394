//! What takes a record and answers when it is durable.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use maais_audit::{Durability, Entry, Kind, Log, Options};
use serde_json::{Map, Value, json};

/// Takes records from several threads.
pub(crate) trait Store: Sync {
    fn append(&self, record: &Record);
}

/// A decision as the engine records it, and a line of the same length for those who take bytes.
pub(crate) struct Record {
    body: Map<String, Value>,
    line: Vec<u8>,
}

impl Record {
    pub(crate) fn new(caller: usize) -> Self {
        let filler = "The quick brown fox jumps over the lazy dog. ".repeat(11);
        let body = json!({
            "decision": {"allow": true, "policy_id": "allow_reads", "explanation": filler},
            "request": {"agent_id": format!("agent-{caller}"), "target": "database", "parameters": {"query": "SELECT 1", "n": caller}},
        });
        let Value::Object(body) = body else { unreachable!() };
        Self { body, line: vec![b'x'; 1_089] }
    }
}

/// The product.
pub(crate) struct Ours(Log);

impl Ours {
    pub(crate) fn durable(dir: &Path) -> Self {
        Self::open(dir, Durability::Durable)
    }

    pub(crate) fn buffered(dir: &Path) -> Self {
        Self::open(dir, Durability::Buffered { within: Duration::from_millis(100) })
    }

    fn open(dir: &Path, durability: Durability) -> Self {
        let options = Options { durability, deadline: Duration::from_secs(10), ..Options::default() };
        Self(Log::open(dir, options).expect("a log"))
    }
}

impl Store for Ours {
    fn append(&self, record: &Record) {
        let entry = Entry {
            kind: Kind::Decision,
            time: jiff::Timestamp::now(),
            tenant: "tenant",
            session: Some("session"),
            subject: "agent",
            body: &record.body,
            sealed: &[],
        };
        self.0.append(entry).expect("a receipt");
    }
}

/// What everybody is compared with: one flush a record, one after the other.
pub(crate) struct Bare {
    file: Mutex<(File, u64)>,
}

impl Bare {
    pub(crate) fn open(dir: &Path, filled: bool) -> Self {
        let file = File::create(dir.join("bare")).expect("a file");
        if filled {
            file.write_all_at(&vec![b'\n'; 64 << 20], 0).and_then(|()| file.sync_all()).expect("a filled file");
        }
        Self { file: Mutex::new((file, 0)) }
    }
}

impl Store for Bare {
    fn append(&self, record: &Record) {
        let mut file = self.file.lock().expect("no panic");
        let at = file.1;
        file.0.write_all_at(&record.line, at).and_then(|()| file.0.sync_data()).expect("a write");
        file.1 += record.line.len() as u64;
    }
}

/// One connection under a lock, one transaction a record; for many callers, those that wait share one.
pub(crate) struct Sqlite(Mutex<rusqlite::Connection>);

impl Sqlite {
    pub(crate) fn open(dir: &Path) -> Self {
        let connection = rusqlite::Connection::open(dir.join("log.db")).expect("a database");
        let setup = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE log (seq INTEGER PRIMARY KEY, line BLOB);";
        connection.execute_batch(setup).expect("a table");
        Self(Mutex::new(connection))
    }
}

impl Store for Sqlite {
    fn append(&self, record: &Record) {
        let connection = self.0.lock().expect("no panic");
        let mut insert = connection.prepare_cached("INSERT INTO log (line) VALUES (?1)").expect("a statement");
        insert.execute([&record.line]).expect("an insert");
    }
}

const TABLE: redb::TableDefinition<'_, u64, &[u8]> = redb::TableDefinition::new("log");

/// One transaction a record, immediate durability.
pub(crate) struct Redb {
    database: redb::Database,
    next: AtomicU64,
}

impl Redb {
    pub(crate) fn open(dir: &Path) -> Self {
        Self { database: redb::Database::create(dir.join("log.redb")).expect("a database"), next: AtomicU64::new(0) }
    }
}

impl Store for Redb {
    fn append(&self, record: &Record) {
        let write = self.database.begin_write().expect("a transaction");
        {
            let mut table = write.open_table(TABLE).expect("a table");
            table.insert(self.next.fetch_add(1, Ordering::Relaxed), record.line.as_slice()).expect("an insert");
        }
        write.commit().expect("a commit");
    }
}

/// One insert and one persist (fdatasync) a record.
pub(crate) struct Fjall {
    database: fjall::Database,
    keyspace: fjall::Keyspace,
    next: AtomicU64,
}

impl Fjall {
    pub(crate) fn open(dir: &Path) -> Self {
        let database = fjall::Database::builder(dir.join("fjall")).open().expect("a database");
        let keyspace = database.keyspace("log", fjall::KeyspaceCreateOptions::default).expect("a keyspace");
        Self { database, keyspace, next: AtomicU64::new(0) }
    }
}

impl Store for Fjall {
    fn append(&self, record: &Record) {
        let key = self.next.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        self.keyspace.insert(key, &record.line).expect("an insert");
        self.database.persist(fjall::PersistMode::SyncData).expect("a flush");
    }
}
