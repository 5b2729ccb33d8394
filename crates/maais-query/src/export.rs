//! Records in the formats of other systems, as a stream: from where the last export ended, log by log.
//!
//! Whatever a record holds was written by somebody who may want to be misread. No text in it ends a line, a
//! cell, a header or an escape that is not its own; each format's file says how.

mod cef;
mod csv;
mod ecs;
mod lines;
mod ocsf;
mod otlp;
mod parquet;
mod plain;
mod syslog;

use std::io;

use maais_audit::{Folder, ProveError, ReadError};

use crate::cursor::{Cursor, CursorError};
use crate::filter::Filter;
use crate::record::Event;
use crate::walk::{Damage, Flow, Position, WalkError, walk};

/// A format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// The lines of the log, unchanged.
    Jsonl,
    /// Comma-separated values for spreadsheets (RFC 4180).
    Csv,
    /// Apache Parquet, with Snappy.
    Parquet,
    /// Open Cybersecurity Schema Framework, an event a line.
    Ocsf,
    /// Elastic Common Schema, an event a line.
    Ecs,
    /// ArcSight's Common Event Format.
    Cef,
    /// RFC 5424, framed by length as in RFC 6587.
    Syslog,
    /// OpenTelemetry logs as JSON, a request a line.
    Otlp,
}

impl Format {
    /// All formats.
    pub const ALL: [Self; 8] =
        [Self::Jsonl, Self::Csv, Self::Parquet, Self::Ocsf, Self::Ecs, Self::Cef, Self::Syslog, Self::Otlp];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Jsonl => "jsonl",
            Self::Csv => "csv",
            Self::Parquet => "parquet",
            Self::Ocsf => "ocsf",
            Self::Ecs => "ecs",
            Self::Cef => "cef",
            Self::Syslog => "syslog",
            Self::Otlp => "otlp",
        }
    }

    /// Whether a file of it goes on by appending.
    pub fn can_append(self) -> bool {
        !matches!(self, Self::Parquet | Self::Syslog)
    }

    /// Whether the newest checkpoints stand in the output itself.
    pub fn has_checkpoints(self) -> bool {
        !matches!(self, Self::Jsonl | Self::Csv)
    }
}

/// The newest checkpoint of a log: who keeps it can later prove what the log was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anchor {
    /// The log.
    pub origin: String,
    /// How many records it is over.
    pub size: u64,
    /// The signed note.
    pub note: String,
}

/// Writes records in one format.
pub trait Encoder {
    /// Writes a record.
    ///
    /// # Errors
    /// When the output takes no more.
    fn record(&mut self, event: &Event<'_>) -> io::Result<()>;

    /// Writes a checkpoint, where the format has a place for it.
    ///
    /// # Errors
    /// When the output takes no more.
    fn checkpoint(&mut self, anchor: &Anchor) -> io::Result<()>;

    /// Passes on whatever is complete.
    ///
    /// # Errors
    /// When the output takes no more.
    fn flush(&mut self) -> io::Result<()>;

    /// Ends the output.
    ///
    /// # Errors
    /// When the output takes no more.
    fn finish(&mut self) -> io::Result<()>;
}

/// The encoder of a format. To one that goes on in a file, `at_start` says whether the file is still empty.
///
/// # Errors
/// When the output does not take its beginning.
pub fn encoder<W: io::Write + Send + 'static>(
    format: Format,
    out: W,
    at_start: bool,
) -> io::Result<Box<dyn Encoder>> {
    Ok(match format {
        Format::Parquet => Box::new(parquet::Table::new(out)?),
        Format::Otlp => Box::new(otlp::Requests::new(out)),
        Format::Jsonl => Box::new(lines::Lines::new(out, lines::raw, lines::none)),
        Format::Csv => {
            let mut lines = lines::Lines::new(out, csv::row, lines::none);
            if at_start {
                lines.begin(csv::HEADER)?;
            }
            Box::new(lines)
        }
        Format::Ocsf => Box::new(lines::Lines::new(out, ocsf::event, ocsf::checkpoint)),
        Format::Ecs => Box::new(lines::Lines::new(out, ecs::event, ecs::checkpoint)),
        Format::Cef => Box::new(lines::Lines::new(out, cef::event, cef::checkpoint)),
        Format::Syslog => Box::new(lines::Lines::new(out, syslog::event, syslog::checkpoint)),
    })
}

/// What an export came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exported {
    /// Records written.
    pub records: u64,
    /// The newest checkpoints, a log each that has one.
    pub anchors: Vec<Anchor>,
    /// Where logs could not be read on: what is behind it was not exported.
    pub damage: Vec<Damage>,
}

/// Why an export ended early.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The log cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// There is no log, or too many.
    #[error(transparent)]
    Logs(#[from] WalkError),
    /// The cursor does not fit.
    #[error(transparent)]
    Cursor(#[from] CursorError),
    /// The checkpoint cannot be read.
    #[error(transparent)]
    Checkpoint(#[from] ProveError),
    /// The output takes no more.
    #[error("cannot write the export: {0}; what was written up to the cursor stays")]
    Write(#[from] io::Error),
}

/// Records between two times that the cursor is moved.
const RECORDS_A_BATCH: u64 = 10_000;

/// Who watches an export at work.
pub trait Observe {
    /// So many bytes of the logs were read, of about so many.
    fn progress(&mut self, bytes: u64, total: u64);

    /// Everything up to this cursor has been passed to the output.
    ///
    /// # Errors
    /// When the output or the cursor cannot be made durable: the export ends.
    fn batch(&mut self, cursor: &Cursor) -> Result<(), ExportError>;
}

/// Writes the records that a filter lets through, from a cursor on. Moves the cursor over all records that it
/// looked at. Ends with the newest checkpoints, if anything was written.
///
/// # Errors
/// When a log cannot be read, is not the one that the cursor is of, or the output takes no more.
pub fn export(
    logs: &[Folder],
    filter: &Filter,
    cursor: &mut Cursor,
    encoder: &mut dyn Encoder,
    observe: &mut dyn Observe,
) -> Result<Exported, ExportError> {
    cursor.check(logs)?;
    let places = logs.iter().map(|log| cursor.place(log)).collect::<Result<Vec<Position>, _>>()?;
    let mut total = 0;
    for (log, place) in logs.iter().zip(&places) {
        total += log.bytes_from(place.segment, place.offset)?;
    }
    let mut done = Exported::default();
    let mut bytes = 0;
    for (log, place) in logs.iter().zip(places) {
        let mut looked_at = 0_u64;
        let ended = walk(log, place, |stored| {
            let event = &stored.event;
            if looked_at > 0 && looked_at.is_multiple_of(RECORDS_A_BATCH) {
                encoder.flush()?;
                observe.batch(cursor)?;
                observe.progress(bytes, total);
            }
            if filter.matches(event) {
                encoder.record(event)?;
                done.records += 1;
            }
            looked_at += 1;
            bytes += event.line.len() as u64 + 1;
            let next = event.index.saturating_add(1);
            cursor.set(log.origin(), &Position { next, leaf: Some(event.leaf), ..place });
            Ok::<_, ExportError>(Flow::On)
        })?;
        done.damage.extend(ended.damage);
    }
    done.anchors = anchors(logs)?;
    for anchor in done.anchors.iter().filter(|_| done.records > 0) {
        encoder.checkpoint(anchor)?;
    }
    encoder.finish()?;
    observe.batch(cursor)?;
    observe.progress(total, total);
    Ok(done)
}

/// A log whose head is lost has no checkpoint; that is `verify`'s to tell.
fn anchors(logs: &[Folder]) -> Result<Vec<Anchor>, ExportError> {
    let mut anchors = Vec::new();
    for log in logs {
        match log.checkpoint() {
            Ok((checkpoint, note)) => {
                anchors.push(Anchor { origin: checkpoint.origin, size: checkpoint.size, note });
            }
            Err(ProveError::NoHead { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(anchors)
}
