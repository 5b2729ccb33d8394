//! Formats in which each record stands for itself.

use std::io::{self, BufWriter, Write};

use super::{Anchor, Encoder};
use crate::record::Event;

type Put<T> = fn(&T, &mut String);

/// Writes what two functions make of records and checkpoints.
pub(super) struct Lines<W: Write> {
    out: BufWriter<W>,
    record: for<'a, 'b> fn(&'a Event<'b>, &mut String),
    checkpoint: Put<Anchor>,
    text: String,
}

impl<W: Write> Lines<W> {
    pub(super) fn new(
        out: W,
        record: for<'a, 'b> fn(&'a Event<'b>, &mut String),
        checkpoint: Put<Anchor>,
    ) -> Self {
        Self { out: BufWriter::with_capacity(1 << 16, out), record, checkpoint, text: String::new() }
    }

    pub(super) fn begin(&mut self, text: &str) -> io::Result<()> {
        self.out.write_all(text.as_bytes())
    }
}

impl<W: Write> Encoder for Lines<W> {
    fn record(&mut self, event: &Event<'_>) -> io::Result<()> {
        self.text.clear();
        (self.record)(event, &mut self.text);
        self.out.write_all(self.text.as_bytes())
    }

    fn checkpoint(&mut self, anchor: &Anchor) -> io::Result<()> {
        self.text.clear();
        (self.checkpoint)(anchor, &mut self.text);
        self.out.write_all(self.text.as_bytes())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn finish(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// The line as it is in the log: `(printf '\0'; printf '%s' "$line") | sha256sum` is its leaf hash.
pub(super) fn raw(event: &Event<'_>, out: &mut String) {
    out.push_str(event.line);
    out.push('\n');
}

/// Formats without a place for checkpoints.
pub(super) fn none(_: &Anchor, _: &mut String) {}

/// A JSON value in a line of its own. JSON escapes line ends.
pub(super) fn json(value: &serde_json::Value, out: &mut String) {
    out.push_str(&value.to_string());
    out.push('\n');
}
