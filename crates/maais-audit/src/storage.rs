//! What the log asks of a disk when it writes: a seam, so that tests can let each call fail.
//!
//! Contract: after [`File::sync`] has returned `Ok`, what was written to that file survives a power cut;
//! a file's name does after [`Storage::sync_dir`] on its folder. Nothing is promised before, nor after any
//! error. Reading goes straight to `std::fs`: a wrong read is caught by the hashes.

use std::fmt::Debug;
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::Path;

/// A place where files can be made and renamed.
pub trait Storage: Debug + Send + Sync {
    /// Makes a folder and those above it, with these permissions.
    fn create_dir(&self, path: &Path, mode: u32) -> io::Result<()>;
    /// Opens a file for writing, making it with these permissions if it is not there.
    fn open(&self, path: &Path, mode: u32) -> io::Result<Box<dyn File>>;
    /// Renames a file, replacing what is there.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }
    /// Makes the names in a folder durable.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
}

/// An open file that is written to.
pub trait File: Debug + Send + Sync {
    /// Writes all bytes at this place.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Cuts or lengthens the file.
    fn set_len(&self, bytes: u64) -> io::Result<()>;
    /// Makes the content durable.
    fn sync(&self) -> io::Result<()>;
}

/// The operating system's file system.
#[derive(Debug, Clone, Copy, Default)]
pub struct Disk;

impl Storage for Disk {
    fn create_dir(&self, path: &Path, mode: u32) -> io::Result<()> {
        fs::DirBuilder::new().recursive(true).mode(mode).create(path)
    }

    fn open(&self, path: &Path, mode: u32) -> io::Result<Box<dyn File>> {
        let file = fs::OpenOptions::new().write(true).create(true).truncate(false).mode(mode).open(path)?;
        Ok(Box::new(file))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        fs::File::open(path)?.sync_all()
    }
}

impl File for fs::File {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.write_all_at(bytes, offset)
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        fs::File::set_len(self, bytes)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}

/// Replaces a small file as a whole: afterwards it is the old one or the new one, also after a power cut.
pub(crate) fn replace(storage: &dyn Storage, path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let temporary = path.with_extension("new");
    let file = storage.open(&temporary, mode)?;
    file.set_len(0)?;
    file.write_at(bytes, 0)?;
    file.sync()?;
    storage.rename(&temporary, path)?;
    path.parent().map_or(Ok(()), |dir| storage.sync_dir(dir))
}
