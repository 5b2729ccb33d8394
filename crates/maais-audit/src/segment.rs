//! The lines of a log's segments, in order, with their places: streaming, and also while another process
//! writes.
//!
//! Blank lines are skipped: an open segment may be filled with newlines ahead of the records. What a line
//! means is not looked at.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::vec;

use crate::chain::LINE_BYTES_MAX;
use crate::packed::{Packed, Unpacking};

/// What the name of a compressed segment ends with.
pub(crate) const PACKED: &str = "zst";

/// One line that is not blank.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) place: LinePlace,
    /// Without its newline.
    pub(crate) bytes: Vec<u8>,
    /// Whether a newline ended it.
    pub(crate) complete: bool,
}

/// Where a line stands.
#[derive(Debug, Clone)]
pub(crate) struct LinePlace {
    /// The segment's first index, by its name.
    pub(crate) first: u64,
    pub(crate) path: Arc<Path>,
    /// Counted from 1.
    pub(crate) number: u64,
    pub(crate) offset: u64,
}

/// A segment's bytes, compressed or not.
#[derive(Debug)]
pub(crate) enum Bytes {
    Plain(File),
    Packed(Packed),
}

impl Bytes {
    /// Opens a segment. One that was compressed since its name was read is found by its new name.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        if path.extension() == Some(OsStr::new(PACKED)) {
            return Packed::open(path).map(Self::Packed);
        }
        match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Packed::open(&packed_path(path)).map(Self::Packed).map_err(|later| match later.kind() {
                    io::ErrorKind::NotFound => error,
                    _ => later,
                })
            }
            file => file.map(Self::Plain),
        }
    }

    pub(crate) fn len(&self) -> io::Result<u64> {
        match self {
            Self::Plain(file) => file.metadata().map(|data| data.len()),
            Self::Packed(packed) => Ok(packed.len()),
        }
    }

    pub(crate) fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        match self {
            Self::Plain(file) => file.read_exact_at(buffer, offset),
            Self::Packed(packed) => packed.read_exact_at(buffer, offset),
        }
    }

    /// All from some place on.
    pub(crate) fn reader(self, offset: u64) -> io::Result<Reader> {
        Ok(match self {
            Self::Plain(mut file) => {
                file.seek(SeekFrom::Start(offset))?;
                Reader::Plain(file)
            }
            Self::Packed(packed) => Reader::Packed(Unpacking::new(packed, offset)),
        })
    }
}

/// Reads a segment.
#[derive(Debug)]
pub(crate) enum Reader {
    Plain(File),
    Packed(Unpacking),
}

impl Reader {
    /// Appends so many bytes, or fewer at the end. (Faster than `take` on this type: files read into memory as it is.)
    pub(crate) fn append_to(&mut self, text: &mut Vec<u8>, bytes: usize) -> io::Result<usize> {
        match self {
            Self::Plain(file) => file.take(bytes as u64).read_to_end(text),
            Self::Packed(packed) => packed.take(bytes as u64).read_to_end(text),
        }
    }
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(file) => file.read(buffer),
            Self::Packed(packed) => packed.read(buffer),
        }
    }
}

/// The name of a segment when it is compressed.
pub(crate) fn packed_path(plain: &Path) -> PathBuf {
    let mut path = plain.as_os_str().to_owned();
    path.push(".");
    path.push(PACKED);
    path.into()
}

/// All lines of some segments.
#[derive(Debug)]
pub(crate) struct Lines {
    files: vec::IntoIter<(u64, PathBuf)>,
    open: Option<BufReader<Reader>>,
    /// The next line's.
    place: Option<LinePlace>,
    /// Where in the first segment to begin.
    offset: u64,
}

impl Lines {
    pub(crate) fn new(segments: Vec<(u64, PathBuf)>) -> Self {
        Self::from_offset(segments, 0)
    }

    /// The same, from some place in the first segment on; lines are then counted from there.
    pub(crate) fn from_offset(segments: Vec<(u64, PathBuf)>, offset: u64) -> Self {
        Self { files: segments.into_iter(), open: None, place: None, offset }
    }

    fn next_line(&mut self) -> io::Result<Option<Line>> {
        loop {
            if let (Some(place), Some(reader)) = (&mut self.place, &mut self.open)
                && let Some(line) = read_line(place, reader)?
            {
                return Ok(Some(line));
            }
            let Some((first, path)) = self.files.next() else {
                return Ok(None);
            };
            let offset = std::mem::take(&mut self.offset);
            self.open = None;
            let place = LinePlace { first, path: path.as_path().into(), number: 1, offset };
            self.place = Some(place);
            self.open = Some(BufReader::with_capacity(1 << 18, Bytes::open(&path)?.reader(offset)?));
        }
    }
}

impl Iterator for Lines {
    type Item = io::Result<Line>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_line().transpose()
    }
}

fn read_line(place: &mut LinePlace, reader: &mut BufReader<Reader>) -> io::Result<Option<Line>> {
    skip_blank(place, reader)?;
    let mut bytes = Vec::with_capacity(1024);
    reader.by_ref().take(LINE_BYTES_MAX as u64 + 2).read_until(b'\n', &mut bytes)?;
    if bytes.is_empty() {
        return Ok(None);
    }
    let at = place.clone();
    place.offset += bytes.len() as u64;
    let complete = bytes.pop_if(|last| *last == b'\n').is_some();
    place.number += u64::from(complete);
    Ok(Some(Line { place: at, bytes, complete }))
}

fn skip_blank(place: &mut LinePlace, reader: &mut BufReader<Reader>) -> io::Result<()> {
    loop {
        let buffer = reader.fill_buf()?;
        let blank = buffer.iter().position(|byte| *byte != b'\n').unwrap_or(buffer.len());
        if blank == 0 {
            return Ok(());
        }
        reader.consume(blank);
        place.offset += blank as u64;
        place.number += blank as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn lines(texts: &[&str]) -> Vec<Line> {
        let dir = tempfile::tempdir().unwrap();
        let segments = texts.iter().enumerate().map(|(n, text)| {
            let path = dir.path().join(n.to_string());
            fs::write(&path, text).unwrap();
            (n as u64, path)
        });
        Lines::new(segments.collect()).map(Result::unwrap).collect()
    }

    #[test]
    fn lines_come_with_their_places_over_all_segments() {
        let found = lines(&["a\nbc\n", "", "d"]);
        let places: Vec<_> =
            found.iter().map(|l| (l.place.first, l.place.number, l.place.offset, l.complete)).collect();
        assert_eq!(places, [(0, 1, 0, true), (0, 2, 2, true), (2, 1, 0, false)]);
    }

    #[test]
    fn blank_lines_are_skipped_but_counted() {
        let found = lines(&["a\n\n\nb\n\n\n"]);
        assert_eq!(found.len(), 2);
        assert_eq!((found[1].place.number, found[1].place.offset), (4, 4));
    }

    #[test]
    fn a_line_without_end_does_not_fill_the_memory() {
        let found = lines(&[&"x".repeat(3 * LINE_BYTES_MAX)]);
        assert!(found.iter().all(|line| line.bytes.len() <= LINE_BYTES_MAX + 2));
    }
}
