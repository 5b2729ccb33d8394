//! The database's file: made, recognised, opened for one operation at a time.
//!
//! No connection is kept: one that a forked child inherits would corrupt the database, and whoever needs it
//! waits for the disk anyway.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, Transaction};

use super::{Part, RegistryError, generation};

/// Its name in the data directory.
pub const FILE: &str = "state.sqlite";
/// Another version of the tables.
const VERSION: i64 = 1;
/// In the file's header: `MAAR`.
const APPLICATION: i64 = 0x4d41_4152;
/// How long to wait for another process.
const PATIENCE: Duration = Duration::from_secs(5);

const TABLES: &str = "
    BEGIN IMMEDIATE;
    CREATE TABLE IF NOT EXISTS meta(
        id INTEGER PRIMARY KEY CHECK(id = 1), change INTEGER NOT NULL, registered INTEGER NOT NULL,
        contained INTEGER NOT NULL) STRICT;
    INSERT OR IGNORE INTO meta VALUES(1, 0, 0, 0);
    CREATE TABLE IF NOT EXISTS tenant(
        id TEXT PRIMARY KEY, name TEXT NOT NULL COLLATE NOCASE UNIQUE, suspended INTEGER NOT NULL,
        revision INTEGER NOT NULL, created INTEGER NOT NULL, body TEXT NOT NULL) STRICT;
    INSERT OR IGNORE INTO tenant VALUES('default', 'default', 0, 0, 0, '{}');
    CREATE TABLE IF NOT EXISTS agent(
        id TEXT PRIMARY KEY, folded TEXT NOT NULL UNIQUE, tenant TEXT NOT NULL REFERENCES tenant(id),
        body TEXT NOT NULL) STRICT;
    CREATE INDEX IF NOT EXISTS agent_tenant ON agent(tenant);
    CREATE TABLE IF NOT EXISTS contained(
        scope TEXT NOT NULL, tenant TEXT NOT NULL, name TEXT NOT NULL, reason TEXT NOT NULL, by TEXT NOT NULL,
        automatic INTEGER NOT NULL, time INTEGER NOT NULL, PRIMARY KEY(scope, tenant, name)) STRICT;
    CREATE TABLE IF NOT EXISTS approval(
        id TEXT PRIMARY KEY, tenant TEXT NOT NULL, agent TEXT NOT NULL, digest TEXT NOT NULL,
        snapshot TEXT NOT NULL, state TEXT NOT NULL, quorum INTEGER NOT NULL, created INTEGER NOT NULL,
        expires INTEGER NOT NULL, spent_by TEXT, body TEXT NOT NULL) STRICT;
    CREATE INDEX IF NOT EXISTS approval_action ON approval(digest, tenant, snapshot);
    CREATE INDEX IF NOT EXISTS approval_state ON approval(tenant, state, agent);
    CREATE INDEX IF NOT EXISTS approval_expires ON approval(expires);
    CREATE TABLE IF NOT EXISTS answer(
        approval TEXT NOT NULL REFERENCES approval(id) ON DELETE CASCADE, folded TEXT NOT NULL,
        by TEXT NOT NULL, yes INTEGER NOT NULL, comment TEXT NOT NULL, time INTEGER NOT NULL,
        PRIMARY KEY(approval, folded)) STRICT;
    CREATE TABLE IF NOT EXISTS permit(id TEXT PRIMARY KEY, expires INTEGER NOT NULL) STRICT;
    CREATE INDEX IF NOT EXISTS permit_expires ON permit(expires);
    PRAGMA application_id = 1296122194;
    PRAGMA user_version = 1;
    COMMIT;
";

/// Opens the database, or makes it.
pub(super) fn open(home: &Path) -> Result<Connection, RegistryError> {
    let path = home.join(FILE);
    let io = |source| RegistryError::Io { path: path.clone(), source };
    std::fs::create_dir_all(home).map_err(io)?;
    OpenOptions::new().create(true).append(true).mode(0o600).open(&path).map_err(io)?;
    let db = Connection::open(&path).map_err(failed(home))?;
    prepare(&db, home)?;
    Ok(db)
}

fn prepare(db: &Connection, home: &Path) -> Result<(), RegistryError> {
    let failed = failed(home);
    db.busy_timeout(PATIENCE).map_err(&failed)?;
    let number = |name| db.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).map_err(&failed);
    for (name, value) in [("synchronous", "FULL"), ("foreign_keys", "ON"), ("trusted_schema", "OFF")] {
        db.pragma_update(None, name, value).map_err(&failed)?;
    }
    let (application, version) = (number("application_id")?, number("user_version")?);
    let path = || home.join(FILE);
    match (application, version) {
        (APPLICATION, VERSION) => Ok(()),
        (APPLICATION, found) => Err(RegistryError::Newer { path: path(), found, known: VERSION }),
        // Whoever took the database away would have released everything.
        (0, 0) if generation::is_begun(home) => {
            let why = "it is gone; restore it, or remove `state.generation` to begin with an empty one";
            Err(RegistryError::NotOurs { path: path(), why: why.to_owned() })
        }
        (0, 0) => {
            db.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(())).map_err(&failed)?;
            // Two processes may come here at once.
            db.execute_batch(TABLES).map_err(&failed)
        }
        _ => Err(RegistryError::NotOurs { path: path(), why: "another program wrote it".to_owned() }),
    }
}

/// Counts a change.
pub(super) fn next_change(transaction: &Transaction<'_>, part: Part) -> rusqlite::Result<u64> {
    let sql = "UPDATE meta SET change = change + 1, registered = registered + ?1, contained = contained + ?2
        RETURNING change";
    let parts = (part == Part::Registered, part == Part::Contained);
    let number: i64 = transaction.query_row(sql, parts, |row| row.get(0))?;
    Ok(number.unsigned_abs())
}

pub(super) fn failed(home: &Path) -> impl Fn(rusqlite::Error) -> RegistryError + use<> {
    let path = home.join(FILE);
    move |source| RegistryError::Sqlite { path: path.clone(), source }
}
