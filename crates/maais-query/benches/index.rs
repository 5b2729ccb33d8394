//! How fast the index follows a log, beside a bare loop that inserts the same columns and nothing else.
//!
//! `cargo bench -p maais-query --bench index -- 300000` prints records a second and the ratio.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

#[path = "../tests/handmade/mod.rs"]
mod handmade;

use std::path::Path;
use std::time::Instant;

use handmade::{Handmade, decision, time};
use maais_query::cursor::Cursor;
use maais_query::export::{ExportError, Format, Observe, encoder, export};
use maais_query::{Event, Filter, Flow, Index, Position, WalkError, logs, walk};

fn main() {
    let records = std::env::args().filter_map(|arg| arg.parse().ok()).next().unwrap_or(100_000_u64);
    let dir = tempfile::tempdir().unwrap();
    let bytes = write(dir.path(), records);
    let logs = logs(dir.path()).unwrap();
    println!("{records} records, {} MB", bytes / 1_000_000);

    let begin = Instant::now();
    let mut rows = Vec::new();
    walk::<WalkError>(&logs[0], Position::first(&logs[0]).unwrap(), |stored| {
        rows.push(columns(&stored.event));
        Ok(Flow::On)
    })
    .unwrap();
    let walked = rate("read, parse, hash, check the chain", records, begin);
    assert_eq!(rows.len() as u64, records);

    let begin = Instant::now();
    let mut db = rusqlite::Connection::open(dir.path().join("plain.sqlite")).unwrap();
    db.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(())).unwrap();
    db.pragma_update(None, "synchronous", "NORMAL").unwrap();
    db.execute_batch("CREATE TABLE plain(id INTEGER PRIMARY KEY, a, b, c, d, e, f, g, h, i, j, k)").unwrap();
    let transaction = db.transaction().unwrap();
    {
        let sql = "INSERT INTO plain(a, b, c, d, e, f, g, h, i, j, k) VALUES(?,?,?,?,?,?,?,?,?,?,?)";
        let mut statement = transaction.prepare(sql).unwrap();
        for row in &rows {
            statement.execute(rusqlite::params_from_iter(row)).unwrap();
        }
    }
    transaction.commit().unwrap();
    let plain = rate("plain insert, one thread, nothing parsed", records, begin);
    drop(rows);

    let begin = Instant::now();
    let mut index = Index::open(&Index::path_in(dir.path()), &mut ()).unwrap();
    index.follow(&logs, &mut ()).unwrap();
    drop(index);
    let indexed = rate("index: read, parse, hash, insert, terms", records, begin);
    println!("index / plain insert {:.2}   index / walk {:.2}", indexed / plain, indexed / walked);
    let size = std::fs::metadata(Index::path_in(dir.path())).unwrap().len();
    println!("index file {} MB, {:.0} % of the log", size / 1_000_000, size as f64 * 100.0 / bytes as f64);

    let text = |text: &str| Some(text.to_owned());
    let questions = [
        (
            "one agent and a word, the newest 20",
            Some(20),
            Filter { agent: text("agent-5"), text: text("exfiltration"), ..Filter::default() },
        ),
        ("a common decision, the newest 20", Some(20), Filter { effect: text("ALLOW"), ..Filter::default() }),
        ("one agent, all", None, Filter { agent: text("agent-7"), ..Filter::default() }),
        ("everything, all", None, Filter::default()),
    ];
    for (what, limit, filter) in questions {
        let index = Index::open(&Index::path_in(dir.path()), &mut ()).unwrap();
        let begin = Instant::now();
        let found = index.answer(&logs, &filter, limit, &mut (), &mut |_| Ok(())).unwrap();
        println!("{what:<42} {:>10} hits in {:?}", found.hits, begin.elapsed());
    }

    for format in Format::ALL {
        let begin = Instant::now();
        let mut encoder = encoder(format, std::io::sink(), true).unwrap();
        export(&logs, &Filter::default(), &mut Cursor::default(), &mut *encoder, &mut Nobody).unwrap();
        rate(&format!("export {}", format.name()), records, begin);
    }
}

struct Nobody;

impl Observe for Nobody {
    fn progress(&mut self, _: u64, _: u64) {}

    fn batch(&mut self, _: &Cursor) -> Result<(), ExportError> {
        Ok(())
    }
}

fn rate(what: &str, records: u64, begin: Instant) -> f64 {
    let rate = records as f64 / begin.elapsed().as_secs_f64();
    println!("{:<42} {:>10.0} records/s", what, rate);
    rate
}

fn columns(event: &Event<'_>) -> [String; 11] {
    [
        event.index.to_string(),
        event.time.to_string(),
        event.leaf.to_string(),
        event.kind.to_string(),
        event.tenant.to_string(),
        event.session.to_string(),
        event.agent.to_string(),
        event.action_id.to_string(),
        event.target.to_string(),
        event.effect.to_string(),
        event.policy.to_string(),
    ]
}

fn write(home: &Path, records: u64) -> u64 {
    let mut log = Handmade::new(home, 0, "maais/bench");
    let mut bytes = 0;
    for n in 0..records {
        let (effect, reason) = match n % 5 {
            0 => (
                "DENY",
                "denied: data would leave for the external host `evil-server.example` [C.external]; exfiltration",
            ),
            _ => ("ALLOW", "allowed: the calculator is harmless [allow_calculator]"),
        };
        let body = decision(
            &format!("agent-{}", n % 100),
            &format!("tool-{}", n % 37),
            effect,
            "some_policy",
            reason,
        );
        bytes += log.append(&time(n as i64), "default", body).len() as u64 + 1;
        if n % 50_000 == 49_999 {
            log.new_segment();
        }
    }
    log.flush();
    bytes
}
