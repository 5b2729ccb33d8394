//! A disk that fails when it is told to: before it did what it was asked, or after.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use maais_audit::storage::{Disk, File, Storage};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Fault {
    None,
    WriteBefore,
    WriteAfter,
    SyncBefore,
    SyncAfter,
    /// ENOSPC after half of the bytes.
    Full,
    /// EROFS for everything that changes something.
    ReadOnly,
}

const FAULTS: [Fault; 7] = [
    Fault::None,
    Fault::WriteBefore,
    Fault::WriteAfter,
    Fault::SyncBefore,
    Fault::SyncAfter,
    Fault::Full,
    Fault::ReadOnly,
];

#[derive(Debug, Default, Clone)]
pub struct FaultyDisk {
    fault: Arc<AtomicU8>,
}

impl FaultyDisk {
    pub fn fail_from_now(&self, fault: Fault) {
        self.fault.store(fault as u8, Ordering::SeqCst);
    }

    pub fn heal(&self) {
        self.fail_from_now(Fault::None);
    }

    fn fault(&self) -> Fault {
        FAULTS[usize::from(self.fault.load(Ordering::SeqCst))]
    }

    fn writable(&self) -> io::Result<()> {
        if self.fault() == Fault::ReadOnly { Err(io::Error::from_raw_os_error(30)) } else { Ok(()) }
    }
}

impl Storage for FaultyDisk {
    fn create_dir(&self, path: &Path, mode: u32) -> io::Result<()> {
        self.writable()?;
        Disk.create_dir(path, mode)
    }

    fn open(&self, path: &Path, mode: u32) -> io::Result<Box<dyn File>> {
        self.writable()?;
        Ok(Box::new(FaultyFile { disk: self.clone(), file: Disk.open(path, mode)? }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.writable()?;
        Disk.rename(from, to)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        Disk.sync_dir(path)
    }
}

#[derive(Debug)]
struct FaultyFile {
    disk: FaultyDisk,
    file: Box<dyn File>,
}

fn failed() -> io::Error {
    io::Error::from_raw_os_error(5)
}

impl File for FaultyFile {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.disk.writable()?;
        match self.disk.fault() {
            Fault::WriteBefore => Err(failed()),
            Fault::WriteAfter => self.file.write_at(bytes, offset).and(Err(failed())),
            Fault::Full => self
                .file
                .write_at(&bytes[..bytes.len() / 2], offset)
                .and(Err(io::Error::from_raw_os_error(28))),
            _ => self.file.write_at(bytes, offset),
        }
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        self.disk.writable()?;
        self.file.set_len(bytes)
    }

    fn sync(&self) -> io::Result<()> {
        match self.disk.fault() {
            Fault::SyncBefore => Err(failed()),
            Fault::SyncAfter => self.file.sync().and(Err(failed())),
            _ => self.file.sync(),
        }
    }
}
