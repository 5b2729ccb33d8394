//! The index: an SQLite file beside the logs that says where the records are that a question asks for.
//!
//! Derived and disposable. It follows the logs from the place where it stopped; a file of another version,
//! a damaged one, and one that speaks of another log are made anew. What it finds is read from the log, and
//! must be what it remembers.

mod fill;
mod find;
mod schema;
mod terms;

use std::io;
use std::path::{Path, PathBuf};

use maais_audit::{Folder, ReadError};
use rusqlite::{Connection, ErrorCode};

use crate::filter::Filter;
use crate::walk::{Damage, Stored};

/// The index of some logs.
#[derive(Debug)]
pub struct Index {
    db: Connection,
    path: PathBuf,
}

/// Why the index was made anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rebuilt {
    /// What was wrong with the old one.
    pub why: String,
}

/// How far the index has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Records taken in, in this run.
    pub records: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The bytes that there are to take in, about.
    pub total: u64,
}

/// A record that was asked for.
#[derive(Debug)]
pub struct Hit<'a> {
    /// Its log.
    pub log: &'a Folder,
    /// The record, as the log has it.
    pub record: &'a Stored<'a>,
}

/// What a question came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Records shown.
    pub hits: u64,
    /// Where logs could not be read on: what is behind it was not searched.
    pub damage: Vec<Damage>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// SQLite cannot use the file.
    #[error("cannot use the index `{}`: {source}; name another file, or search without an index", path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// The file cannot be made or taken away.
    #[error("cannot use the index `{}`: {source}; name another file, or search without an index", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is something else, and is not touched.
    #[error("`{}` is not an index of a log; name another file", path.display())]
    NotOurs {
        /// The file.
        path: PathBuf,
    },
    /// The index does not agree with the logs.
    #[error("the index `{}` is wrong: {why}", path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// How that was seen.
        why: String,
    },
    /// The log cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// What was found cannot be shown.
    #[error(transparent)]
    Show(Box<dyn std::error::Error + Send + Sync>),
}

/// Who watches an index at work. Every method may be left out.
pub trait Watch {
    /// The index had to be made anew.
    fn rebuilt(&mut self, _why: &Rebuilt) {}
    /// Records were taken in.
    fn progress(&mut self, _progress: Progress) {}
}

/// Nobody.
impl Watch for () {}

impl Index {
    /// Where the index of a data directory is, if nobody says otherwise.
    pub fn path_in(home: &Path) -> PathBuf {
        home.join(schema::NAME)
    }

    /// Opens or makes the index in a file.
    ///
    /// # Errors
    /// When the file is something else or cannot be used.
    pub fn open(path: &Path, watch: &mut dyn Watch) -> Result<Self, IndexError> {
        let db = match schema::open(path) {
            Err(IndexError::Wrong { why, .. }) => {
                schema::remove(path)?;
                watch.rebuilt(&Rebuilt { why });
                schema::open(path)?
            }
            db => db?,
        };
        Ok(Self { db, path: path.to_owned() })
    }

    /// Shows every record that a filter lets through, in order of time; with a limit, the newest ones. Takes
    /// in first what the logs have and the index does not. Everything is checked before anything is shown.
    ///
    /// # Errors
    /// When the index or a log cannot be used, or with what `show` fails with.
    pub fn answer(
        mut self,
        logs: &[Folder],
        filter: &Filter,
        limit: Option<usize>,
        watch: &mut dyn Watch,
        show: &mut dyn FnMut(&Hit<'_>) -> Result<(), IndexError>,
    ) -> Result<Found, IndexError> {
        let checked = self.follow(logs, watch).and_then(|damage| {
            let places = self.check(logs, filter, limit)?;
            Ok((damage, places))
        });
        let (damage, places) = match checked {
            Err(IndexError::Wrong { why, .. }) => {
                self = self.rebuild(why, watch)?;
                let damage = self.follow(logs, watch)?;
                let places = self.check(logs, filter, limit)?;
                (damage, places)
            }
            checked => checked?,
        };
        let hits = self.show(logs, filter, places.as_deref(), show)?;
        Ok(Found { hits, damage })
    }

    /// Takes in what the logs have and the index does not. Answers with the damage that it ended at.
    ///
    /// # Errors
    /// [`IndexError::Wrong`] when the index is of other logs; or when a file cannot be used.
    pub fn follow(&mut self, logs: &[Folder], watch: &mut dyn Watch) -> Result<Vec<Damage>, IndexError> {
        fill::follow(self, logs, watch)
    }

    fn rebuild(self, why: String, watch: &mut dyn Watch) -> Result<Self, IndexError> {
        let Self { db, path } = self;
        drop(db);
        schema::remove(&path)?;
        watch.rebuilt(&Rebuilt { why });
        Self::open(&path, watch)
    }

    fn wrong(&self, why: impl Into<String>) -> IndexError {
        IndexError::Wrong { path: self.path.clone(), why: why.into() }
    }

    fn failed(&self) -> impl Fn(rusqlite::Error) -> IndexError + use<> {
        failed(&self.path)
    }
}

/// What SQLite says of a damaged file is that the index is wrong.
fn failed(path: &Path) -> impl Fn(rusqlite::Error) -> IndexError + use<> {
    let path = path.to_owned();
    move |source| match source.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            IndexError::Wrong { path: path.clone(), why: format!("its file is damaged ({source})") }
        }
        _ => IndexError::Sqlite { path: path.clone(), source },
    }
}
