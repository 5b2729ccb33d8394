//! Apache Parquet with Snappy: the columns that are asked for most, and the line itself.
//!
//! Rows are written in groups as soon as some megabytes have come together. The newest checkpoints are in the
//! file's metadata, under `maais.checkpoint:` and the log's name.

use std::io::{self, Write};
use std::sync::Arc;

use parquet::basic::Compression;
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use super::{Anchor, Encoder};
use crate::record::Event;

const SCHEMA: &str = "message record {
    required int64 time (TIMESTAMP(MICROS, true));
    required int64 index;
    required binary log (STRING);
    required binary leaf (STRING);
    required binary type (STRING);
    required binary tenant (STRING);
    required binary session (STRING);
    required binary agent (STRING);
    required binary action_id (STRING);
    required binary action_type (STRING);
    required binary target (STRING);
    required binary decision (STRING);
    required binary policy (STRING);
    required binary severity (STRING);
    required binary attacks (STRING);
    required binary owner (STRING);
    required binary goal (STRING);
    required binary reason (STRING);
    required binary record (STRING);
}";
const NUMBERS: usize = 2;
const TEXTS: usize = 17;

/// Rows in one group, and bytes of them, at most.
const ROWS_MAX: usize = 65_536;
const BYTES_MAX: usize = 32 << 20;

/// Collects rows into groups.
pub(super) struct Table<W: Write + Send> {
    out: SerializedFileWriter<W>,
    numbers: [Vec<i64>; NUMBERS],
    texts: [Vec<ByteArray>; TEXTS],
    bytes: usize,
}

impl<W: Write + Send> Table<W> {
    pub(super) fn new(out: W) -> io::Result<Self> {
        let schema = parse_message_type(SCHEMA).map_err(failed)?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_created_by(concat!("maais ", env!("CARGO_PKG_VERSION")).to_owned())
            .build();
        let out = SerializedFileWriter::new(out, Arc::new(schema), Arc::new(properties)).map_err(failed)?;
        Ok(Self { out, numbers: Default::default(), texts: Default::default(), bytes: 0 })
    }

    fn rows(&self) -> usize {
        self.numbers.first().map_or(0, Vec::len)
    }

    fn write_group(&mut self) -> io::Result<()> {
        if self.rows() == 0 {
            return Ok(());
        }
        let mut group = self.out.next_row_group().map_err(failed)?;
        let (mut numbers, mut texts) = (self.numbers.iter(), self.texts.iter());
        while let Some(mut column) = group.next_column().map_err(failed)? {
            let written = match column.untyped() {
                ColumnWriter::Int64ColumnWriter(column) => {
                    column.write_batch(numbers.next().map_or(&[], Vec::as_slice), None, None)
                }
                ColumnWriter::ByteArrayColumnWriter(column) => {
                    column.write_batch(texts.next().map_or(&[], Vec::as_slice), None, None)
                }
                _ => Err(ParquetError::General("a column has a type that no record has".to_owned())),
            };
            written.and_then(|_| column.close()).map_err(failed)?;
        }
        group.close().map_err(failed)?;
        self.numbers.iter_mut().for_each(Vec::clear);
        self.texts.iter_mut().for_each(Vec::clear);
        self.bytes = 0;
        Ok(())
    }
}

impl<W: Write + Send> Encoder for Table<W> {
    fn record(&mut self, event: &Event<'_>) -> io::Result<()> {
        let numbers = [event.time.as_microsecond(), i64::try_from(event.index).unwrap_or(i64::MAX)];
        let (leaf, attacks) = (event.leaf.to_string(), event.attacks.join(" "));
        let texts: [&str; TEXTS] = [
            &event.origin,
            &leaf,
            event.kind.name(),
            &event.tenant,
            &event.session,
            &event.agent,
            &event.action_id,
            &event.action_type,
            &event.target,
            &event.effect,
            &event.policy,
            event.severity,
            &attacks,
            &event.owner,
            &event.goal,
            &event.reason,
            event.line,
        ];
        self.numbers.iter_mut().zip(numbers).for_each(|(column, number)| column.push(number));
        for (column, text) in self.texts.iter_mut().zip(texts) {
            self.bytes += text.len();
            column.push(text.as_bytes().to_vec().into());
        }
        if self.rows() >= ROWS_MAX || self.bytes >= BYTES_MAX { self.write_group() } else { Ok(()) }
    }

    fn checkpoint(&mut self, anchor: &Anchor) -> io::Result<()> {
        let key = format!("maais.checkpoint:{}", anchor.origin);
        self.out.append_key_value_metadata(KeyValue::new(key, anchor.note.clone()));
        Ok(())
    }

    /// A file without its end is none: there is nothing to pass on.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        self.write_group()?;
        self.out.finish().map(drop).map_err(failed)
    }
}

fn failed(error: ParquetError) -> io::Error {
    io::Error::other(error)
}
