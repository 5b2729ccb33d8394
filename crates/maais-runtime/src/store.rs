//! What was in force, kept beside the log under its digest, so that its decisions can be derived again years
//! later: `HOME/policies/sha256-<hex>.json` holds every policy document and the settings as they were loaded.
//!
//! Trusted: the digest that is asked for. Not trusted: the file; it is loaded, and must give that digest.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use maais_audit::storage::{Disk, Storage};
use maais_core::diagnostic::Source;
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::snapshot::{Snapshot, SnapshotError, Sources, VERSION};

/// The folder in the data directory.
const FOLDER: &str = "policies";
/// The form of a file; another one has another word.
const FORM: &str = "maais-snapshot-1";
/// Bytes of one file.
const BYTES_MAX: u64 = 256 << 20;

/// One file.
#[derive(Serialize, Deserialize)]
struct Stored {
    form: String,
    engine: String,
    settings: Option<Document>,
    policies: Vec<Document>,
}

#[derive(Serialize, Deserialize)]
struct Document {
    name: String,
    text: String,
}

/// Why policies could not be kept; then they do not come into force.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// The disk said no.
    #[error("cannot store the policies in `{}`, so no decision could be derived again: {error}; make room, or let this user write there", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// More than would be read back.
    #[error(
        "the policies take {bytes} bytes to store, {BYTES_MAX} are the most; split them over several engines"
    )]
    TooLarge {
        /// How many.
        bytes: usize,
    },
}

/// Why there is no snapshot for a digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoredError {
    /// Nothing is stored under it.
    #[error("`{}` is not there; restore it from a backup", path.display())]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
    /// It cannot be read.
    #[error("cannot read `{}`: {why}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
    /// Something else is stored under it: it is not believed.
    #[error("`{}` was changed: {why}; restore it from a backup", path.display())]
    Changed {
        /// Which.
        path: PathBuf,
        /// In what way.
        why: String,
    },
    /// Another version of the engine stored it, and this one does not understand it.
    #[error("`{}` was stored by version {engine} and cannot be loaded by this one, {VERSION}: {why}; replay with version {engine}", path.display())]
    OtherVersion {
        /// Which.
        path: PathBuf,
        /// The version that stored it.
        engine: String,
        /// What this one does not understand.
        why: String,
    },
    /// No digest.
    #[error("`{digest}` is no digest of policies")]
    NoDigest {
        /// What was asked for.
        digest: String,
    },
}

/// Keeps what a snapshot was loaded from. What is there already stays as it is.
pub(crate) fn keep(config: &Config, snapshot: &Snapshot, sources: &Sources) -> Result<(), KeepError> {
    let folder = config.home.join(FOLDER);
    let path = folder.join(file_name(&snapshot.digest));
    let failed = |error| KeepError::Io { path: path.clone(), error };
    let stored = Stored {
        form: FORM.to_owned(),
        engine: snapshot.engine.clone(),
        settings: sources.settings.as_ref().map(Document::of),
        policies: sources.policies.iter().map(Document::of).collect(),
    };
    let bytes = serde_json::to_vec(&stored).map_err(|error| failed(error.into()))?;
    if bytes.len() as u64 > BYTES_MAX {
        return Err(KeepError::TooLarge { bytes: bytes.len() });
    }
    let disk: &dyn Storage = config.storage.as_deref().unwrap_or(&Disk);
    match fs::read(&path) {
        // Whoever wrote it may have been stopped before its name was durable.
        Ok(there) if there == bytes => return disk.sync_dir(&folder).map_err(failed),
        // Other comments or names give the same digest, as does what somebody changed: ours is known to be right.
        Ok(_) => {
            tracing::warn!(path = %path.display(), "the stored policies were written otherwise: replaced")
        }
        Err(_) => {}
    }
    write(disk, &folder, &path, &bytes).map_err(failed)
}

/// Afterwards the file is there as a whole or not at all, also after a power cut and beside other processes.
fn write(disk: &dyn Storage, folder: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    disk.create_dir(folder, 0o750)?;
    let temporary = folder.join(format!("{}.new", uuid::Uuid::new_v4()));
    let written = disk.open(&temporary, 0o640).and_then(|file| {
        file.write_at(bytes, 0)?;
        file.sync()?;
        disk.rename(&temporary, path)
    });
    if written.is_err() {
        // What is left over harms nobody.
        let _ = disk.remove(&temporary);
    }
    written?;
    disk.sync_dir(folder)?;
    folder.parent().map_or(Ok(()), |home| disk.sync_dir(home))
}

/// Loads what was in force under a digest, `sha256:…`.
///
/// # Errors
/// When it is not there, cannot be read, or does not give that digest.
pub fn stored(home: &Path, digest: &str) -> Result<Snapshot, StoredError> {
    let is_digest = digest.strip_prefix("sha256:").is_some_and(|hex| {
        hex.len() == 64 && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    });
    if !is_digest {
        return Err(StoredError::NoDigest { digest: digest.chars().take(100).collect() });
    }
    let path = home.join(FOLDER).join(file_name(digest));
    let stored = read(&path)?;
    let changed = |why: String| StoredError::Changed { path: path.clone(), why };
    if stored.form != FORM {
        return Err(changed(format!("its form is `{}`, not `{FORM}`", stored.form)));
    }
    let sources = Sources {
        settings: stored.settings.map(Document::into_source),
        policies: stored.policies.into_iter().map(Document::into_source).collect(),
    };
    let snapshot = sources.load(&stored.engine).map_err(|error| {
        let why = first_line(&error);
        match stored.engine == VERSION {
            true => changed(why),
            false => StoredError::OtherVersion { path: path.clone(), engine: stored.engine.clone(), why },
        }
    })?;
    if snapshot.digest != digest {
        return Err(changed(format!("what is in it has the digest `{}`", snapshot.digest)));
    }
    Ok(snapshot)
}

fn read(path: &Path) -> Result<Stored, StoredError> {
    let unreadable = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => StoredError::Missing { path: path.to_owned() },
        _ => StoredError::Unreadable { path: path.to_owned(), why: error.to_string() },
    };
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(BYTES_MAX + 1).read_to_end(&mut bytes)).map_err(unreadable)?;
    serde_json::from_slice(&bytes)
        .map_err(|error| StoredError::Changed { path: path.to_owned(), why: error.to_string() })
}

fn first_line(error: &SnapshotError) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}

fn file_name(digest: &str) -> String {
    format!("{}.json", digest.replace(':', "-"))
}

impl Document {
    fn of(source: &Source) -> Self {
        Self { name: source.name.to_string(), text: source.text.to_string() }
    }

    fn into_source(self) -> Source {
        Source::new(self.name, self.text)
    }
}
