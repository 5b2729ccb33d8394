//! Opens many sealed values in the order of the records in which they stand: each sidecar is indexed once, and
//! only those of the segments that are being read are held.
//!
//! Believes nothing: a value that is not what was committed to is told.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::layout::Layout;
use crate::seal::{Stored, UnsealError, Unsealed, open};

/// A line of a sidecar: a value of 1 MiB, encrypted, in Base64, is well below.
const LINE_BYTES_MAX: u64 = 16 << 20;

/// Opens the sealed values of some logs.
#[derive(Debug)]
pub struct Opener {
    logs: Vec<OfLog>,
}

#[derive(Debug)]
struct OfLog {
    origin: String,
    layout: Layout,
    sidecar: Option<Sidecar>,
}

/// The sidecar of one segment, indexed as far as it was looked at.
#[derive(Debug)]
struct Sidecar {
    first: u64,
    path: PathBuf,
    lines: HashMap<[u8; 32], (u64, u32)>,
    read_to: u64,
}

impl Opener {
    /// For the logs of a data directory, or for the one log whose folder is given.
    ///
    /// # Errors
    /// When the folders cannot be listed.
    pub fn new(path: &Path) -> Result<Self, UnsealError> {
        let layouts = Layout::find(path, None).map_err(failed(path))?;
        let logs = layouts.into_iter().map(|layout| OfLog {
            origin: fs::read_to_string(layout.origin()).unwrap_or_default().trim_end().to_owned(),
            layout,
            sidecar: None,
        });
        Ok(Self { logs: logs.collect() })
    }

    /// The value behind a commitment, `sha256:…`, in that record of that log.
    ///
    /// # Errors
    /// When a file cannot be read, or holds something else than what was committed to.
    pub fn open(&mut self, origin: &str, index: u64, digest: &str) -> Result<Unsealed, UnsealError> {
        match self.logs.iter_mut().find(|log| log.origin == origin) {
            Some(log) => log.open(index, digest),
            None => Ok(Unsealed::Unknown),
        }
    }
}

impl OfLog {
    fn open(&mut self, index: u64, digest: &str) -> Result<Unsealed, UnsealError> {
        let Some(key) = key_of(digest) else { return Ok(Unsealed::Unknown) };
        let segments = self.layout.segments().map_err(failed(&self.layout.dir))?;
        let Some((first, _)) = segments.into_iter().rfind(|(first, _)| *first <= index) else {
            return Ok(Unsealed::Unknown);
        };
        let sidecar = match self.sidecar.take().filter(|sidecar| sidecar.first == first) {
            Some(sidecar) => sidecar,
            None => Sidecar { first, path: self.layout.sidecar(first), lines: HashMap::new(), read_to: 0 },
        };
        let sidecar = self.sidecar.insert(sidecar);
        let found = sidecar.find(&key, digest).map_err(failed(&sidecar.path))?;
        match found {
            Some(stored) => open(&self.layout, &sidecar.path, &stored),
            None => Ok(Unsealed::Unknown),
        }
    }
}

impl Sidecar {
    fn find(&mut self, key: &[u8; 32], digest: &str) -> io::Result<Option<Stored>> {
        let mut file = match File::open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        if !self.lines.contains_key(key) {
            self.read_on(&mut file)?;
        }
        let Some((offset, length)) = self.lines.get(key) else { return Ok(None) };
        let mut line = Vec::new();
        file.seek(SeekFrom::Start(*offset))?;
        file.take(u64::from(*length)).read_to_end(&mut line)?;
        let stored = serde_json::from_slice(&line).ok();
        Ok(stored.filter(|stored: &Stored| stored.digest == digest))
    }

    /// Indexes what was added since. A line without an end may be one that is being written.
    fn read_on(&mut self, file: &mut File) -> io::Result<()> {
        file.seek(SeekFrom::Start(self.read_to))?;
        let mut reader = BufReader::with_capacity(1 << 16, file);
        let mut line = Vec::new();
        loop {
            line.clear();
            let length = reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line)?;
            if line.last() != Some(&b'\n') {
                return Ok(());
            }
            if let Ok(stored) = serde_json::from_slice::<Stored>(&line)
                && let Some(key) = key_of(&stored.digest)
            {
                self.lines.insert(key, (self.read_to, u32::try_from(length).unwrap_or(u32::MAX)));
            }
            self.read_to += length as u64;
        }
    }
}

fn key_of(digest: &str) -> Option<[u8; 32]> {
    let hex = digest.strip_prefix("sha256:").filter(|hex| hex.len() == 64 && hex.is_ascii())?;
    let mut key = [0; 32];
    for (at, byte) in key.iter_mut().enumerate() {
        *byte = u8::from_str_radix(hex.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(key)
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> UnsealError {
    let path = path.to_owned();
    move |source| UnsealError::Io { path, source }
}
