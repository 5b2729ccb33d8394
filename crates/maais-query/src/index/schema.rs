//! The index's file: made, recognised, taken away.

use std::ffi::{OsStr, OsString};
use std::fs::{self, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;

use super::{IndexError, failed};

/// Another version of the tables, or of what words and terms are, makes the index anew.
const VERSION: i32 = 1;

/// In the file's header: `MAAI`.
const APPLICATION: i32 = 0x4d41_4149;
const APPLICATION_AT: usize = 68;
const MAGIC: &[u8] = b"SQLite format 3\0";

/// The name that the index has if nobody gives it another.
pub(super) const NAME: &str = "index.sqlite";

/// How long to wait for another process that writes the index.
const PATIENCE: Duration = Duration::from_secs(60);

/// `terms` holds for each record its words and, marked, its fields: a posting list costs less than a B-tree.
const TABLES: &str = "
    BEGIN IMMEDIATE;
    CREATE TABLE IF NOT EXISTS log(
        id INTEGER PRIMARY KEY, origin TEXT NOT NULL UNIQUE, first INTEGER NOT NULL, next INTEGER NOT NULL,
        leaf BLOB NOT NULL, segment INTEGER NOT NULL, last INTEGER, offset INTEGER NOT NULL);
    CREATE TABLE IF NOT EXISTS record(
        id INTEGER PRIMARY KEY, log INTEGER NOT NULL, seq INTEGER NOT NULL, time INTEGER NOT NULL,
        leaf BLOB NOT NULL, segment INTEGER NOT NULL, offset INTEGER NOT NULL, type TEXT NOT NULL,
        tenant TEXT, session TEXT, agent TEXT, action_id TEXT, action_type TEXT, target TEXT, effect TEXT,
        policy TEXT, attacks TEXT);
    CREATE INDEX IF NOT EXISTS record_time ON record(time, log, seq);
    CREATE VIRTUAL TABLE IF NOT EXISTS terms USING fts5(
        text, content='', columnsize=0, detail=none, tokenize='ascii');
    INSERT INTO terms(terms, rank) VALUES('hashsize', 16777216);
    COMMIT;
";

/// Opens the index, or makes it.
pub(super) fn open(path: &Path) -> Result<Connection, IndexError> {
    let io = |source| IndexError::Io { path: path.to_owned(), source };
    OpenOptions::new().create(true).append(true).mode(0o600).open(path).map_err(io)?;
    let db = Connection::open(path).map_err(failed(path))?;
    db.busy_timeout(PATIENCE).map_err(failed(path))?;
    let tables: i64 =
        db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(failed(path))?;
    let number = |name| db.pragma_query_value(None, name, |row| row.get::<_, i32>(0)).map_err(failed(path));
    if tables == 0 {
        make(&db).map_err(failed(path))?;
    } else if number("application_id")? != APPLICATION {
        return Err(IndexError::NotOurs { path: path.to_owned() });
    } else if number("user_version")? != VERSION {
        let why = format!("it is of version {}, this program writes {VERSION}", number("user_version")?);
        return Err(IndexError::Wrong { path: path.to_owned(), why });
    }
    for (name, value) in [("synchronous", "NORMAL"), ("cache_size", "-32768")] {
        db.pragma_update(None, name, value).map_err(failed(path))?;
    }
    Ok(db)
}

fn make(db: &Connection) -> rusqlite::Result<()> {
    db.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    db.pragma_update(None, "application_id", APPLICATION)?;
    db.pragma_update(None, "user_version", VERSION)?;
    // Two processes may come here at once.
    db.execute_batch(TABLES)
}

/// Takes the file away, if it is an index, or a damaged file with an index's name.
pub(super) fn remove(path: &Path) -> Result<(), IndexError> {
    let io = |source| IndexError::Io { path: path.to_owned(), source };
    if !is_ours(path).map_err(io)? {
        return Err(IndexError::NotOurs { path: path.to_owned() });
    }
    for path in [path.to_owned(), beside(path, "-wal"), beside(path, "-shm")] {
        match fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                return Err(IndexError::Io { path, source });
            }
            _ => {}
        }
    }
    Ok(())
}

fn is_ours(path: &Path) -> io::Result<bool> {
    let mut header = Vec::new();
    fs::File::open(path)?.take(100).read_to_end(&mut header)?;
    let application = header.get(APPLICATION_AT..APPLICATION_AT + 4);
    let is_index = application == Some(APPLICATION.to_be_bytes().as_slice());
    let is_damaged = !header.starts_with(MAGIC);
    Ok(is_index || is_damaged && path.file_name() == Some(OsStr::new(NAME)))
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(ending);
    name.into()
}
