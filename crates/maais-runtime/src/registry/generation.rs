//! `HOME/state.generation`: the number of the newest change, eight bytes that every action looks at.
//!
//! Written before the change is committed, so it is never behind; where it differs from what the database says,
//! somebody is at it, or died at it, and the database counts. One `pread`, no lock.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::RegistryError;

/// Its name in the data directory.
const FILE: &str = "state.generation";

/// Whether changes were ever made here.
pub(super) fn is_begun(home: &Path) -> bool {
    std::fs::read(home.join(FILE)).is_ok_and(|bytes| bytes.iter().any(|byte| *byte != 0))
}

/// The file.
pub(super) struct Generation {
    path: PathBuf,
    file: File,
}

impl Generation {
    pub(super) fn open(home: &Path) -> Result<Self, RegistryError> {
        let path = home.join(FILE);
        let mut options = OpenOptions::new();
        match options.read(true).write(true).create(true).truncate(false).mode(0o600).open(&path) {
            Ok(file) => Ok(Self { path, file }),
            Err(source) => Err(RegistryError::Io { path, source }),
        }
    }

    /// What it says; none where it says nothing.
    pub(super) fn read(&self) -> Option<u64> {
        let mut bytes = [0; 8];
        self.file.read_exact_at(&mut bytes, 0).ok().map(|()| u64::from_be_bytes(bytes))
    }

    pub(super) fn write(&self, number: u64) -> Result<(), RegistryError> {
        let failed = |source: io::Error| RegistryError::Io { path: self.path.clone(), source };
        self.file.write_all_at(&number.to_be_bytes(), 0).map_err(failed)
    }
}
