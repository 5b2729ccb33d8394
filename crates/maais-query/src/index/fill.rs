//! The index follows the logs: two threads, one that reads and hashes, one that writes.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use maais_audit::{Folder, LeafHash, ReadError};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use super::{Index, IndexError, Progress, Watch, terms};
use crate::walk::{Damage, Ended, Flow, Position, Stored, walk};

/// Records a transaction: what a process that is killed loses.
const RECORDS_A_COMMIT: u64 = 100_000;
/// Records that go from one thread to the other at once, and such loads that may wait.
const RECORDS_A_LOAD: usize = 256;
const LOADS_WAITING: usize = 16;

/// What the index knows of a log.
struct Known {
    id: i64,
    position: Position,
    /// Where the last record that it took in begins; `None` if it took in none.
    last: Option<u64>,
}

/// One record, as the index has it.
struct Row {
    seq: i64,
    time: i64,
    leaf: LeafHash,
    segment: i64,
    offset: i64,
    kind: &'static str,
    /// tenant, session, agent, action_id, action_type, target, effect, policy, attacks
    fields: [Option<String>; 9],
    terms: String,
    bytes: u64,
}

pub(super) fn follow(
    index: &mut Index,
    logs: &[Folder],
    watch: &mut dyn Watch,
) -> Result<Vec<Damage>, IndexError> {
    check_logs(index, logs)?;
    let mut progress = Progress { records: 0, bytes: 0, total: 0 };
    let mut damage = Vec::new();
    for log in logs {
        let at = match known(&index.db, log.origin()).map_err(index.failed())? {
            Some(known) => known.position,
            None => Position::first(log)?,
        };
        progress.total += log.bytes_from(at.segment, at.offset)?;
    }
    for log in logs {
        loop {
            let ended = take_in(index, log, &mut progress, watch)?;
            let more = ended.damage.is_none() && ended.more;
            damage.extend(ended.damage);
            if !more {
                break;
            }
        }
    }
    Ok(damage)
}

/// Each log of the index is here, and has what the index last saw of it.
fn check_logs(index: &Index, logs: &[Folder]) -> Result<(), IndexError> {
    let mut statement = index.db.prepare("SELECT origin FROM log").map_err(index.failed())?;
    let origins = statement.query_map([], |row| row.get::<_, String>(0)).map_err(index.failed())?;
    for origin in origins {
        let origin = origin.map_err(index.failed())?;
        let Some(log) = logs.iter().find(|log| log.origin() == origin) else {
            return Err(index.wrong("it knows a log that is not here"));
        };
        let Some(known) = known(&index.db, &origin).map_err(index.failed())? else {
            continue;
        };
        let Some(last) = known.last else {
            continue;
        };
        let line = log.line_at(known.position.segment, last)?;
        if line.map(|line| LeafHash::of(&line.bytes)) != known.position.leaf {
            let number = known.position.next.saturating_sub(1);
            return Err(index.wrong(format!("record {number} of a log is not the one that it knows")));
        }
    }
    Ok(())
}

struct TakenIn {
    damage: Option<Damage>,
    more: bool,
}

/// One transaction.
fn take_in(
    index: &mut Index,
    log: &Folder,
    progress: &mut Progress,
    watch: &mut dyn Watch,
) -> Result<TakenIn, IndexError> {
    let failed = index.failed();
    let transaction = index.db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(&failed)?;
    // Only now does no other process move it.
    let known = match known(&transaction, log.origin()).map_err(&failed)? {
        Some(known) => known,
        None => enter(&transaction, log.origin(), Position::first(log)?).map_err(&failed)?,
    };
    let (sender, receiver) = sync_channel(LOADS_WAITING);
    let (last, read) = thread::scope(|scope| {
        let reader = scope.spawn(|| read(log, known.position, sender));
        let last = write(&transaction, known.id, receiver, progress, watch).map_err(&failed);
        let read = reader.join().map_err(|_| ReadError::Damaged {
            segment: log.dir().to_owned(),
            line: 0,
            why: "reading it ended unexpectedly".to_owned(),
        });
        (last, read)
    });
    let (ended, more) = read??;
    let last = last?.or(known.last);
    let at = ended.position;
    let leaf = at.leaf.unwrap_or(LeafHash::ZERO);
    transaction
        .execute(
            "UPDATE log SET next = ?2, leaf = ?3, segment = ?4, last = ?5, offset = ?6 WHERE id = ?1",
            params![
                known.id,
                whole(at.next),
                leaf.as_bytes(),
                whole(at.segment),
                last.map(whole),
                whole(at.offset)
            ],
        )
        .and_then(|_| transaction.commit())
        .map_err(&failed)?;
    Ok(TakenIn { damage: ended.damage, more })
}

fn known(db: &Connection, origin: &str) -> rusqlite::Result<Option<Known>> {
    let sql = "SELECT id, segment, offset, next, leaf, last, first FROM log WHERE origin = ?1";
    let natural = |number: i64| u64::try_from(number).unwrap_or_default();
    db.query_row(sql, [origin], |row| {
        let leaf: [u8; 32] = row.get(4)?;
        let (next, first) = (natural(row.get(3)?), natural(row.get(6)?));
        // What came before the first record that is there, nobody knows.
        let is_cut = next == first && first > 0;
        let position = Position {
            segment: natural(row.get(1)?),
            offset: natural(row.get(2)?),
            next,
            leaf: (!is_cut).then(|| leaf.into()),
        };
        Ok(Known { id: row.get(0)?, position, last: row.get::<_, Option<i64>>(5)?.map(natural) })
    })
    .optional()
}

/// A log from which nothing was taken in yet.
fn enter(db: &Connection, origin: &str, at: Position) -> rusqlite::Result<Known> {
    db.execute(
        "INSERT INTO log(origin, first, next, leaf, segment, last, offset) VALUES(?1, ?2, ?2, ?3, ?4, NULL, 0)",
        params![origin, whole(at.next), LeafHash::ZERO.as_bytes(), whole(at.segment)],
    )?;
    Ok(Known { id: db.last_insert_rowid(), position: at, last: None })
}

/// Sends what the log has on, until it ends, enough is taken in, or nobody listens any more.
fn read(log: &Folder, from: Position, sender: SyncSender<Vec<Row>>) -> Result<(Ended, bool), ReadError> {
    let mut load = Vec::with_capacity(RECORDS_A_LOAD);
    let mut more = false;
    let end = from.next.saturating_add(RECORDS_A_COMMIT);
    let ended = walk(log, from, |stored| {
        load.push(Row::of(stored));
        more = stored.event.index.saturating_add(1) >= end;
        let heard = load.len() < RECORDS_A_LOAD
            || sender.send(std::mem::replace(&mut load, Vec::with_capacity(RECORDS_A_LOAD))).is_ok();
        Ok::<_, ReadError>(if heard && !more { Flow::On } else { Flow::Stop })
    })?;
    // Whoever does not listen has failed, and says why.
    let _ = sender.send(load);
    Ok((ended, more))
}

/// Writes what comes. Answers with the place of the last one.
fn write(
    db: &Connection,
    log: i64,
    rows: Receiver<Vec<Row>>,
    progress: &mut Progress,
    watch: &mut dyn Watch,
) -> rusqlite::Result<Option<u64>> {
    let mut record = db.prepare_cached(
        "INSERT INTO record(log, seq, time, leaf, segment, offset, type, tenant, session, agent, action_id,
         action_type, target, effect, policy, attacks)
         VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
    )?;
    let mut words = db.prepare_cached("INSERT INTO terms(rowid, text) VALUES(?1, ?2)")?;
    let mut last = None;
    for load in rows {
        for row in &load {
            let [tenant, session, agent, action_id, action_type, target, effect, policy, attacks] =
                &row.fields;
            record.execute(params![
                log,
                row.seq,
                row.time,
                row.leaf.as_bytes(),
                row.segment,
                row.offset,
                row.kind,
                tenant,
                session,
                agent,
                action_id,
                action_type,
                target,
                effect,
                policy,
                attacks
            ])?;
            words.execute(params![db.last_insert_rowid(), row.terms])?;
            progress.bytes += row.bytes;
            last = u64::try_from(row.offset).ok();
        }
        progress.records += load.len() as u64;
        watch.progress(*progress);
    }
    Ok(last)
}

impl Row {
    fn of(stored: &Stored<'_>) -> Self {
        let event = &stored.event;
        let given = |text: &str| Some(text).filter(|text| !text.is_empty()).map(str::to_owned);
        let mut words = String::with_capacity(512);
        terms::of(event, &mut words);
        Self {
            seq: whole(event.index),
            time: event.time.as_microsecond(),
            leaf: event.leaf,
            segment: whole(stored.segment),
            offset: whole(stored.offset),
            kind: event.kind.name(),
            fields: [
                given(&event.tenant),
                given(&event.session),
                given(&event.agent),
                given(&event.action_id),
                given(&event.action_type),
                given(&event.target),
                given(&event.effect),
                given(&event.policy),
                given(&event.attacks.join(" ")),
            ],
            terms: words,
            bytes: event.line.len() as u64 + 1,
        }
    }
}

/// SQLite's integers end earlier than ours; no log is that long.
fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
