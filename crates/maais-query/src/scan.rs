//! A question to the logs themselves, without an index: slow, and nothing has to be believed.

use std::collections::BTreeSet;

use jiff::Timestamp;
use maais_audit::Folder;

use crate::filter::Filter;
use crate::index::{Found, Hit, IndexError};
use crate::record::Event;
use crate::walk::{Flow, Position, Stored, walk};

/// A record's place in the answer, and in its log.
type Place = (Timestamp, usize, u64, u64, u64);

/// Shows the records of all logs that a filter lets through, log by log; with a limit, the newest ones in
/// order of time.
///
/// # Errors
/// When a log cannot be read, or with what `show` fails with.
pub fn scan(
    logs: &[Folder],
    filter: &Filter,
    limit: Option<usize>,
    show: &mut dyn FnMut(&Hit<'_>) -> Result<(), IndexError>,
) -> Result<Found, IndexError> {
    let mut found = Found::default();
    let mut newest: BTreeSet<Place> = BTreeSet::new();
    for (number, log) in logs.iter().enumerate() {
        let ended = walk(log, Position::first(log)?, |record| {
            let event = &record.event;
            if !filter.matches(event) {
                return Ok(Flow::On);
            }
            match limit {
                None => {
                    found.hits += 1;
                    show(&Hit { log, record })?;
                }
                Some(limit) => {
                    newest.insert((event.time, number, event.index, record.segment, record.offset));
                    if newest.len() > limit {
                        newest.pop_first();
                    }
                }
            }
            Ok::<_, IndexError>(Flow::On)
        })?;
        found.damage.extend(ended.damage);
    }
    for (_, number, _, segment, offset) in newest {
        let Some(log) = logs.get(number) else {
            continue;
        };
        // Only the writer may cut a log's end, where nothing was promised.
        let Some(line) = log.line_at(segment, offset)? else {
            continue;
        };
        if let Ok(event) = Event::parse(&line.bytes) {
            found.hits += 1;
            show(&Hit { log, record: &Stored { event, segment, offset } })?;
        }
    }
    Ok(found)
}
