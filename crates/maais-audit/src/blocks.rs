//! The bytes of a log's segments in large pieces, each of whole lines: for those who look at everything.
//!
//! Cuts, and looks at nothing but newlines.

use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::vec;

use crate::chain::LINE_BYTES_MAX;
use crate::segment::{Bytes, LinePlace, Reader};

/// About how much is read at once.
const BLOCK_BYTES: usize = 256 * 1024;

/// Some lines of one segment.
#[derive(Debug)]
pub(crate) struct Block {
    /// Where it begins; the number of its first line is told by whoever counts the lines before.
    pub(crate) place: LinePlace,
    pub(crate) text: Vec<u8>,
}

/// A line in a block that is not blank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cut {
    /// Without its newline.
    pub(crate) range: Range<usize>,
    /// Lines of the block before it, blank ones too.
    pub(crate) before: u64,
    /// Whether a newline ended it.
    pub(crate) complete: bool,
}

impl Block {
    /// Its lines that are not blank.
    pub(crate) fn lines(&self) -> impl Iterator<Item = Cut> + '_ {
        let (mut begin, mut before) = (0, 0);
        std::iter::from_fn(move || {
            loop {
                let rest = self.text.get(begin..).filter(|rest| !rest.is_empty())?;
                let newline = memchr::memchr(b'\n', rest);
                let end = begin + newline.unwrap_or(rest.len());
                let cut = Cut { range: begin..end, before, complete: newline.is_some() };
                (begin, before) = (end + 1, before + 1);
                if !cut.range.is_empty() {
                    return Some(cut);
                }
            }
        })
    }

    /// How many lines it has, blank ones too.
    pub(crate) fn count(&self) -> u64 {
        memchr::memchr_iter(b'\n', &self.text).count() as u64
    }

    /// Where a line of it stands.
    pub(crate) fn place_of(&self, cut: &Cut) -> LinePlace {
        LinePlace {
            number: self.place.number + cut.before,
            offset: self.place.offset + cut.range.start as u64,
            ..self.place.clone()
        }
    }

    pub(crate) fn bytes_of(&self, cut: &Cut) -> &[u8] {
        self.text.get(cut.range.clone()).unwrap_or_default()
    }
}

/// All blocks of some segments.
#[derive(Debug)]
pub(crate) struct Blocks {
    files: vec::IntoIter<(u64, PathBuf)>,
    open: Option<Reader>,
    /// Where the next block begins.
    place: Option<LinePlace>,
    /// The beginning of a line whose end is not read yet.
    rest: Vec<u8>,
    /// Memory that was used and can be again.
    spare: Vec<Vec<u8>>,
}

impl Blocks {
    pub(crate) fn new(segments: Vec<(u64, PathBuf)>) -> Self {
        Self { files: segments.into_iter(), open: None, place: None, rest: Vec::new(), spare: Vec::new() }
    }

    /// Where the next block begins, or what could not be read.
    pub(crate) fn place(&self) -> Option<&LinePlace> {
        self.place.as_ref()
    }

    /// Takes back what is not needed any more.
    pub(crate) fn reuse(&mut self, block: Block) {
        self.spare.push(block.text);
    }

    fn next_block(&mut self) -> io::Result<Option<Block>> {
        loop {
            if let Some(reader) = &mut self.open {
                let mut text = self.spare.pop().unwrap_or_default();
                text.clear();
                text.append(&mut self.rest);
                text.reserve(BLOCK_BYTES);
                let read = reader.append_to(&mut text, BLOCK_BYTES)?;
                if read < BLOCK_BYTES {
                    self.open = None;
                } else {
                    self.keep_rest(&mut text);
                }
                if let Some(block) = self.block(text) {
                    return Ok(Some(block));
                }
                continue;
            }
            let Some((first, path)) = self.files.next() else { return Ok(None) };
            self.place = Some(LinePlace { first, path: path.as_path().into(), number: 1, offset: 0 });
            self.open = Some(Bytes::open(&path)?.reader(0)?);
        }
    }

    /// Leaves a line without an end to the next block, unless it is so long that it is none.
    fn keep_rest(&mut self, text: &mut Vec<u8>) {
        let end = memchr::memrchr(b'\n', text).map_or(0, |at| at + 1);
        if text.len() - end <= LINE_BYTES_MAX {
            self.rest = text.split_off(end);
        }
    }

    fn block(&mut self, text: Vec<u8>) -> Option<Block> {
        let place = self.place.as_mut().filter(|_| !text.is_empty())?;
        let block = Block { place: place.clone(), text };
        place.offset += block.text.len() as u64;
        Some(block)
    }
}

impl Iterator for Blocks {
    type Item = io::Result<Block>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_block().transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::Lines;
    use proptest::prelude::*;
    use std::fs;

    /// First index, number, offset, content and whether it is complete, of each line.
    type Told = Vec<(u64, u64, u64, Vec<u8>, bool)>;

    fn told(texts: &[Vec<u8>]) -> (Told, Told) {
        let dir = tempfile::tempdir().unwrap();
        let segments: Vec<_> = texts
            .iter()
            .enumerate()
            .map(|(n, text)| {
                let path = dir.path().join(n.to_string());
                fs::write(&path, text).unwrap();
                (n as u64, path)
            })
            .collect();
        let one_by_one = Lines::new(segments.clone()).map(|line| {
            let line = line.unwrap();
            (line.place.first, line.place.number, line.place.offset, line.bytes, line.complete)
        });
        let mut in_blocks = Vec::new();
        let mut number = 1;
        let mut blocks = Blocks::new(segments);
        while let Some(block) = blocks.next() {
            let mut block = block.unwrap();
            number = if block.place.offset == 0 { 1 } else { number };
            block.place.number = number;
            number += block.count();
            for cut in block.lines() {
                let place = block.place_of(&cut);
                let bytes = block.bytes_of(&cut).to_vec();
                in_blocks.push((place.first, place.number, place.offset, bytes, cut.complete));
            }
            blocks.reuse(block);
        }
        (one_by_one.collect(), in_blocks)
    }

    #[test]
    fn large_files_are_cut_between_lines() {
        let mut text = Vec::new();
        for n in 0..3_000_usize {
            text.extend(vec![b'a' + u8::try_from(n % 26).unwrap(); n % 700]);
            text.push(b'\n');
        }
        text.extend(vec![b'\n'; BLOCK_BYTES * 2]);
        text.extend(b"unfinished");
        let (one_by_one, in_blocks) = told(&[text.clone(), Vec::new(), text]);
        assert_eq!(one_by_one, in_blocks);
        assert!(one_by_one.len() > 5_000);
    }

    proptest! {
        #[test]
        fn blocks_hold_the_same_lines_as_a_walk_line_by_line(
            texts in proptest::collection::vec(proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'x')], 0..40), 0..4)
        ) {
            let (one_by_one, in_blocks) = told(&texts);
            prop_assert_eq!(one_by_one, in_blocks);
        }
    }
}
