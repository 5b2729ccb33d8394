//! Closed segments, compressed: Zstandard frames (RFC 8878) of [`FRAME_BYTES`] each, and behind them a seek table
//! in a skippable frame, as in the "Zstandard seekable format" 0.1.0. `zstd -dc` gives the segment back, byte for
//! byte; any place of it can be read without the rest.
//!
//! Not trusted: the file. What it says of itself must fit together, frames are bounded, and what comes out is
//! checked like any other line of a log.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use zstd::bulk::{Compressor, Decompressor};
use zstd::zstd_safe::CParameter;

use crate::storage::Storage;

/// Bytes of a segment in one frame. A frame is what has to be decompressed to read one line.
const FRAME_BYTES: usize = 256 * 1024;

/// Frames of a file by others that are still read.
const FRAME_BYTES_MAX: u32 = 8 * 1024 * 1024;

/// Zstandard's default: at level 3 it is several times as fast as a disk.
const LEVEL: i32 = 3;

const SKIPPABLE_MAGIC: u32 = 0x184D_2A5E;
const SEEKABLE_MAGIC: u32 = 0x8F92_EAB1;
/// Bytes before the entries: the magic number and the length of the frame.
const HEADER: usize = 8;
/// Bytes after them: how many there are, a descriptor, and the other magic number.
const FOOTER: usize = 9;
const ENTRY: usize = 8;

/// Where a frame is, and what part of the segment is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Frame {
    at: u64,
    packed: u32,
    begin: u64,
    bytes: u32,
}

/// A compressed segment.
#[derive(Debug)]
pub(crate) struct Packed {
    file: File,
    frames: Vec<Frame>,
    bytes: u64,
}

impl Packed {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        let entries = table(&file, length)?;
        let mut frames = Vec::with_capacity(entries.len() / ENTRY);
        let (mut at, mut begin) = (0_u64, 0_u64);
        for entry in entries.chunks_exact(ENTRY) {
            let (packed, bytes) = (number(entry, 0), number(entry, 4));
            if bytes > FRAME_BYTES_MAX || packed > FRAME_BYTES_MAX {
                return Err(damaged("a frame is too large"));
            }
            frames.push(Frame { at, packed, begin, bytes });
            at += u64::from(packed);
            begin += u64::from(bytes);
        }
        match at + (HEADER + entries.len() + FOOTER) as u64 == length {
            true => Ok(Self { file, frames, bytes: begin }),
            false => Err(damaged("its frames do not fill it")),
        }
    }

    /// Bytes of the segment.
    pub(crate) fn len(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn read_exact_at(&self, mut buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let mut reader = Frames::from(self, offset);
        while !buffer.is_empty() {
            let piece = reader.piece(self)?;
            if piece.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let (now, later) = buffer.split_at_mut(piece.len().min(buffer.len()));
            now.copy_from_slice(piece.get(..now.len()).unwrap_or_default());
            reader.at += now.len();
            buffer = later;
        }
        Ok(())
    }

    fn frame(&self, frame: Frame) -> io::Result<Vec<u8>> {
        let mut packed = vec![0; frame.packed as usize];
        self.file.read_exact_at(&mut packed, frame.at)?;
        let bytes = Decompressor::new()
            .and_then(|mut zstd| zstd.decompress(&packed, frame.bytes as usize))
            .map_err(|error| damaged(&format!("a frame cannot be decompressed ({error})")))?;
        match bytes.len() == frame.bytes as usize {
            true => Ok(bytes),
            false => Err(damaged("a frame is shorter than it says")),
        }
    }
}

/// The entries of the seek table.
fn table(file: &File, length: u64) -> io::Result<Vec<u8>> {
    let no_table = || damaged("it has no seek table");
    let footer_at = length.checked_sub(FOOTER as u64).ok_or_else(no_table)?;
    let mut footer = [0; FOOTER];
    file.read_exact_at(&mut footer, footer_at)?;
    let [.., descriptor, _, _, _, _] = footer;
    let entries = number(&footer, 0) as usize * ENTRY;
    let begin = footer_at.checked_sub((HEADER + entries) as u64);
    let begin =
        begin.filter(|_| descriptor == 0 && number(&footer, 5) == SEEKABLE_MAGIC).ok_or_else(no_table)?;
    let mut table = vec![0; HEADER + entries];
    file.read_exact_at(&mut table, begin)?;
    let fits = number(&table, 0) == SKIPPABLE_MAGIC && number(&table, 4) as usize == entries + FOOTER;
    if fits { Ok(table.split_off(HEADER)) } else { Err(no_table()) }
}

fn number(bytes: &[u8], at: usize) -> u32 {
    let four = bytes.get(at..at + 4).and_then(|four| four.try_into().ok());
    four.map_or(0, u32::from_le_bytes)
}

fn damaged(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the compressed segment is damaged: {why}"))
}

/// A place in a compressed segment, and the frame that it is in.
#[derive(Debug)]
struct Frames {
    next: usize,
    /// What of the next frame is to be left out.
    skip: usize,
    frame: Vec<u8>,
    at: usize,
}

impl Frames {
    fn from(packed: &Packed, offset: u64) -> Self {
        let next = packed.frames.partition_point(|frame| frame.begin + u64::from(frame.bytes) <= offset);
        let begin = packed.frames.get(next).map_or(offset, |frame| frame.begin);
        let skip = usize::try_from(offset - begin).unwrap_or(usize::MAX);
        Self { next, skip, frame: Vec::new(), at: 0 }
    }

    /// What comes next; nothing at the end.
    fn piece(&mut self, packed: &Packed) -> io::Result<&[u8]> {
        while self.at >= self.frame.len() {
            let Some(frame) = packed.frames.get(self.next) else { return Ok(&[]) };
            self.frame = packed.frame(*frame)?;
            self.at = std::mem::take(&mut self.skip);
            self.next += 1;
        }
        Ok(self.frame.get(self.at..).unwrap_or_default())
    }
}

/// Reads a compressed segment from some place on.
#[derive(Debug)]
pub(crate) struct Unpacking {
    packed: Arc<Packed>,
    frames: Frames,
}

impl Unpacking {
    pub(crate) fn new(packed: Packed, offset: u64) -> Self {
        let frames = Frames::from(&packed, offset);
        Self { packed: Arc::new(packed), frames }
    }
}

impl Read for Unpacking {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let piece = self.frames.piece(&self.packed)?;
        let length = piece.len().min(buffer.len());
        for (to, from) in buffer.iter_mut().zip(piece) {
            *to = *from;
        }
        self.frames.at += length;
        Ok(length)
    }
}

/// Compresses a segment that nobody writes any more, and takes the original away when what was written has been
/// read back. Says how many bytes there were, and are. A crash leaves both, or one that is whole.
pub(crate) fn pack(storage: &dyn Storage, from: &Path, to: &Path) -> io::Result<(u64, u64)> {
    let temporary = to.with_extension("new");
    let written = write(storage, from, &temporary)?;
    let mut original = File::open(from)?;
    original.seek(SeekFrom::Start(0))?;
    if !same(&mut original, &mut Unpacking::new(Packed::open(&temporary)?, 0))? {
        return Err(io::Error::other("what was compressed does not read back as it was"));
    }
    let dir = to.parent().unwrap_or(to);
    storage.rename(&temporary, to)?;
    storage.sync_dir(dir)?;
    storage.remove(from)?;
    storage.sync_dir(dir)?;
    Ok(written)
}

fn write(storage: &dyn Storage, from: &Path, to: &Path) -> io::Result<(u64, u64)> {
    let mut source = File::open(from)?;
    let file = storage.open(to, 0o640)?;
    file.set_len(0)?;
    let mut zstd = Compressor::new(LEVEL)?;
    zstd.set_parameter(CParameter::ChecksumFlag(true))?;
    let (mut at, mut total, mut entries) = (0_u64, 0_u64, Vec::new());
    loop {
        let mut chunk = Vec::with_capacity(FRAME_BYTES);
        source.by_ref().take(FRAME_BYTES as u64).read_to_end(&mut chunk)?;
        if chunk.is_empty() {
            break;
        }
        let packed = zstd.compress(&chunk)?;
        file.write_at(&packed, at)?;
        for length in [packed.len(), chunk.len()] {
            entries.extend(u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
        }
        at += packed.len() as u64;
        total += chunk.len() as u64;
    }
    let frames = entries.len() / ENTRY;
    let length = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX).to_le_bytes();
    let mut table = Vec::from(SKIPPABLE_MAGIC.to_le_bytes());
    table.extend(length(entries.len() + FOOTER));
    table.extend(entries);
    table.extend(length(frames));
    table.push(0);
    table.extend(SEEKABLE_MAGIC.to_le_bytes());
    file.write_at(&table, at)?;
    file.sync()?;
    Ok((total, at + table.len() as u64))
}

fn same(left: &mut impl Read, right: &mut impl Read) -> io::Result<bool> {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    loop {
        ours.clear();
        theirs.clear();
        left.by_ref().take(FRAME_BYTES as u64).read_to_end(&mut ours)?;
        right.by_ref().take(FRAME_BYTES as u64).read_to_end(&mut theirs)?;
        if ours != theirs || ours.is_empty() {
            return Ok(ours == theirs);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::storage::Disk;

    fn packed(bytes: &[u8]) -> (tempfile::TempDir, std::path::PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("x.jsonl"), dir.path().join("x.jsonl.zst"));
        fs::write(&from, bytes).unwrap();
        pack(&Disk, &from, &to).unwrap();
        assert!(!from.exists());
        (dir, to)
    }

    fn sample(length: usize) -> Vec<u8> {
        (0..length).map(|n| b"0123456789abcdef\n"[n % 17] ^ u8::from(n % 1013 == 0)).collect()
    }

    #[test]
    fn every_place_reads_as_it_was() {
        for length in [0, 1, FRAME_BYTES - 1, FRAME_BYTES, FRAME_BYTES + 1, 3 * FRAME_BYTES + 7] {
            let bytes = sample(length);
            let (_dir, path) = packed(&bytes);
            assert_eq!(Packed::open(&path).unwrap().len(), length as u64);
            for offset in [0, 1, FRAME_BYTES - 1, FRAME_BYTES, 2 * FRAME_BYTES + 3, length, length + 1] {
                let mut read = Vec::new();
                Unpacking::new(Packed::open(&path).unwrap(), offset as u64).read_to_end(&mut read).unwrap();
                assert!(read == bytes.get(offset..).unwrap_or_default(), "{length} from {offset}");
                let mut some = vec![0; 100_000.min(length.saturating_sub(offset))];
                Packed::open(&path).unwrap().read_exact_at(&mut some, offset as u64).unwrap();
                assert!(some == bytes.get(offset..).unwrap_or_default()[..some.len()]);
            }
        }
    }

    #[test]
    fn a_changed_file_is_refused_or_reads_as_it_was() {
        let bytes = sample(FRAME_BYTES + 100);
        let (_dir, path) = packed(&bytes);
        let good = fs::read(&path).unwrap();
        let mut refused = 0;
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1 << (at % 8);
            fs::write(&path, &bad).unwrap();
            let mut read = Vec::new();
            match Packed::open(&path).and_then(|packed| Unpacking::new(packed, 0).read_to_end(&mut read)) {
                Ok(_) => assert!(read == bytes, "byte {at}"),
                Err(error) => {
                    refused += 1;
                    assert_eq!(error.kind(), io::ErrorKind::InvalidData, "byte {at}: {error}");
                }
            }
        }
        assert!(refused > good.len() * 9 / 10, "{refused} of {}", good.len());
        for cut in 0..good.len() {
            fs::write(&path, &good[..cut]).unwrap();
            assert!(Packed::open(&path).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn tools_of_others_read_it() {
        let bytes = sample(2 * FRAME_BYTES);
        let (_dir, path) = packed(&bytes);
        let mut read = Vec::new();
        zstd::stream::read::Decoder::new(File::open(&path).unwrap()).unwrap().read_to_end(&mut read).unwrap();
        assert!(read == bytes);
    }
}
