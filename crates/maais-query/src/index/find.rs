//! Questions to the index. It proposes; the log decides.

use jiff::Timestamp;
use maais_audit::{Folder, LeafHash};
use rusqlite::params_from_iter;
use rusqlite::types::Value;

use super::{Hit, Index, IndexError, terms};
use crate::filter::Filter;
use crate::record::Event;
use crate::walk::{Flow, Stored};

/// Where the index says that a record is, and which.
#[derive(Debug, Clone)]
pub(super) struct Place {
    origin: String,
    segment: u64,
    offset: u64,
    leaf: [u8; 32],
}

impl Index {
    /// Holds everything that would be shown against the log. With a limit, also says what that is.
    pub(super) fn check(
        &self,
        logs: &[Folder],
        filter: &Filter,
        limit: Option<usize>,
    ) -> Result<Option<Vec<Place>>, IndexError> {
        self.check_count()?;
        let mut newest = Vec::new();
        if limit == Some(0) {
            return Ok(Some(newest));
        }
        self.each(filter, limit.is_some(), |place| {
            let is_hit = self.at(logs, filter, &place, &mut |_| Ok(()))?;
            if let Some(limit) = limit.filter(|_| is_hit) {
                newest.push(place);
                return Ok(if newest.len() < limit { Flow::On } else { Flow::Stop });
            }
            Ok(Flow::On)
        })?;
        newest.reverse();
        Ok(limit.map(|_| newest))
    }

    /// Shows the records at these places, or all that are asked for.
    pub(super) fn show(
        &self,
        logs: &[Folder],
        filter: &Filter,
        places: Option<&[Place]>,
        show: &mut dyn FnMut(&Hit<'_>) -> Result<(), IndexError>,
    ) -> Result<u64, IndexError> {
        let mut hits = 0;
        let mut one = |place: &Place| {
            hits += u64::from(self.at(logs, filter, place, show)?);
            Ok(Flow::On)
        };
        match places {
            Some(places) => places.iter().try_for_each(|place| one(place).map(drop))?,
            None => self.each(filter, false, |place| one(&place))?,
        }
        Ok(hits)
    }

    /// Rows were neither lost nor added.
    fn check_count(&self) -> Result<(), IndexError> {
        let sql = "SELECT (SELECT count(*) FROM record), (SELECT coalesce(sum(next - first), 0) FROM log)";
        let counts = self.db.query_row(sql, [], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)));
        match counts.map_err(self.failed())? {
            (rows, records) if rows == records => Ok(()),
            (rows, records) => Err(self.wrong(format!("it has {rows} rows of {records} records"))),
        }
    }

    /// What may be asked for, in order of time.
    fn each(
        &self,
        filter: &Filter,
        newest_first: bool,
        mut show: impl FnMut(Place) -> Result<Flow, IndexError>,
    ) -> Result<(), IndexError> {
        let (sql, values) = statement(filter, newest_first);
        let mut statement = self.db.prepare(&sql).map_err(self.failed())?;
        let mut rows = statement.query(params_from_iter(values)).map_err(self.failed())?;
        let natural = |number: i64| u64::try_from(number).unwrap_or_default();
        while let Some(row) = rows.next().map_err(self.failed())? {
            let place = || -> rusqlite::Result<Place> {
                let (segment, offset) = (natural(row.get(1)?), natural(row.get(2)?));
                Ok(Place { origin: row.get(0)?, segment, offset, leaf: row.get(3)? })
            };
            // A value of another type is not ours either.
            let place = place().map_err(|error| self.wrong(error.to_string()))?;
            if show(place)? == Flow::Stop {
                break;
            }
        }
        Ok(())
    }

    /// Shows the record at a place, if it is asked for. Answers whether it is.
    fn at(
        &self,
        logs: &[Folder],
        filter: &Filter,
        place: &Place,
        show: &mut dyn FnMut(&Hit<'_>) -> Result<(), IndexError>,
    ) -> Result<bool, IndexError> {
        let log = logs.iter().find(|log| log.origin() == place.origin);
        let log = log.ok_or_else(|| self.wrong("it knows a record of a log that is not here"))?;
        let line = log.line_at(place.segment, place.offset)?;
        let line = line.filter(|line| LeafHash::of(&line.bytes) == LeafHash::from(place.leaf));
        let line = line.ok_or_else(|| self.wrong("a record is not where it says, or another one"))?;
        let event = Event::parse(&line.bytes).map_err(|error| self.wrong(error.to_string()))?;
        if !filter.has_fields(&event) {
            return Err(self.wrong("a record does not say what it says"));
        }
        let is_hit = filter.has_time(&event) && filter.has_words(&event);
        if is_hit {
            let record = &Stored { event, segment: place.segment, offset: place.offset };
            show(&Hit { log, record })?;
        }
        Ok(is_hit)
    }
}

fn statement(filter: &Filter, newest_first: bool) -> (String, Vec<Value>) {
    let mut sql = "SELECT log.origin, record.segment, record.offset, record.leaf FROM record
        JOIN log ON log.id = record.log"
        .to_owned();
    let (mut conditions, mut values) = (Vec::new(), Vec::new());
    if let Some(wanted) = terms::wanted(filter) {
        sql.push_str(" JOIN terms ON terms.rowid = record.id");
        conditions.push("terms MATCH ?");
        values.push(Value::Text(wanted));
    }
    let mut time = |condition, time: Option<Timestamp>| {
        if let Some(time) = time {
            conditions.push(condition);
            values.push(Value::Integer(time.as_microsecond()));
        }
    };
    time("record.time >= ?", filter.since);
    time("record.time <= ?", filter.until);
    if !conditions.is_empty() {
        sql.push_str(" WHERE ");
        sql.push_str(&conditions.join(" AND "));
    }
    let way = if newest_first { " DESC" } else { "" };
    sql.push_str(&format!(" ORDER BY record.time{way}, record.log{way}, record.seq{way}"));
    (sql, values)
}
