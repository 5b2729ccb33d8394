//! An export goes on where the last one ended, and only in the same log.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod handmade;

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};

use handmade::{Handmade, decision, time};
use maais_query::cursor::{Cursor, CursorError};
use maais_query::export::{ExportError, Exported, Format, Observe, encoder, export};
use maais_query::{Filter, logs};

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Nobody;

impl Observe for Nobody {
    fn progress(&mut self, _: u64, _: u64) {}

    fn batch(&mut self, _: &Cursor) -> Result<(), ExportError> {
        Ok(())
    }
}

fn run(home: &Path, filter: &Filter, file: &Path) -> Result<(Exported, String), ExportError> {
    let out = Shared::default();
    let mut cursor = Cursor::read(file)?;
    let mut encoder = encoder(Format::Jsonl, out.clone(), true).unwrap();
    let exported = export(&logs(home)?, filter, &mut cursor, &mut *encoder, &mut Nobody)?;
    cursor.write(file)?;
    let bytes = out.0.lock().unwrap().clone();
    Ok((exported, String::from_utf8(bytes).unwrap()))
}

fn append(log: &mut Handmade, agent: &str, count: i64) -> String {
    let lines = (0..count).map(|n| log.append(&time(n), "t", decision(agent, "x", "ALLOW", "p", "r")) + "\n");
    let lines = lines.collect();
    log.flush();
    lines
}

#[test]
fn every_record_comes_once() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("cursor");
    let mut one = Handmade::new(home.path(), 0, "a");
    let mut two = Handmade::new(home.path(), 1, "b");
    for round in 0..5 {
        let new = append(&mut one, "one", round) + &append(&mut two, "two", 2);
        one.new_segment();
        let (exported, text) = run(home.path(), &Filter::default(), &file).unwrap();
        assert_eq!(text, new, "round {round}");
        assert_eq!(exported.records, new.lines().count() as u64);
    }
    assert_eq!(run(home.path(), &Filter::default(), &file).unwrap().1, "");
}

#[test]
fn what_a_filter_left_out_is_passed_all_the_same() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("cursor");
    let mut log = Handmade::new(home.path(), 0, "a");
    append(&mut log, "one", 3);
    let none = Filter { agent: Some("two".into()), ..Filter::default() };
    assert_eq!(run(home.path(), &none, &file).unwrap().0.records, 0);
    assert_eq!(run(home.path(), &Filter::default(), &file).unwrap().0.records, 0);
}

#[test]
fn a_log_that_was_replaced_cut_or_taken_away_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("cursor");
    let mut log = Handmade::new(home.path(), 0, "a");
    append(&mut log, "one", 10);
    run(home.path(), &Filter::default(), &file).unwrap();
    let whole = fs::read(log.segment(0)).unwrap();

    let refused = |home: &Path| match run(home, &Filter::default(), &file) {
        Err(ExportError::Cursor(error)) => error,
        other => panic!("{other:?}"),
    };
    let mut other = Handmade::new(home.path(), 0, "a");
    append(&mut other, "two", 12);
    assert!(matches!(refused(home.path()), CursorError::Replaced { index: 9, .. }));

    let cut = whole.split_inclusive(|byte| *byte == b'\n').take(8).collect::<Vec<_>>().concat();
    fs::write(log.segment(0), cut).unwrap();
    assert!(matches!(refused(home.path()), CursorError::Replaced { index: 9, .. }));

    fs::write(log.segment(0), [b"garbage\n", &whole[..]].concat()).unwrap();
    assert!(matches!(refused(home.path()), CursorError::Damaged(_)));

    fs::remove_dir_all(home.path().join("log/0")).unwrap();
    append(&mut Handmade::new(home.path(), 1, "b"), "one", 1);
    assert!(matches!(refused(home.path()), CursorError::Gone { .. }));

    assert!(Cursor::read(&file).is_ok());
    fs::write(&file, "{\"version\":1,\"logs\":{}}").unwrap();
    assert!(matches!(refused(home.path()), CursorError::Form { .. }));
}

#[test]
fn records_that_were_pruned_unexported_are_not_passed_over_in_silence() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("cursor");
    let mut log = Handmade::new(home.path(), 0, "a");
    append(&mut log, "one", 5);
    run(home.path(), &Filter::default(), &file).unwrap();
    log.new_segment();
    let second = append(&mut log, "one", 5);
    fs::remove_file(log.segment(0)).unwrap();
    // All that is gone had been exported.
    assert_eq!(run(home.path(), &Filter::default(), &file).unwrap().1, second);
    log.new_segment();
    append(&mut log, "one", 5);
    log.new_segment();
    append(&mut log, "one", 5);
    fs::remove_file(log.segment(5)).unwrap();
    fs::remove_file(log.segment(10)).unwrap();
    match run(home.path(), &Filter::default(), &file) {
        Err(ExportError::Cursor(CursorError::Pruned { first: 15, next: 10, .. })) => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_export_ends_before_a_damaged_line_and_stays_there() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("cursor");
    let mut log = Handmade::new(home.path(), 0, "a");
    let good = append(&mut log, "one", 3);
    log.raw(b"garbage");
    append(&mut log, "one", 3);
    let (exported, text) = run(home.path(), &Filter::default(), &file).unwrap();
    assert_eq!((text, exported.damage.len()), (good, 1));
    let (exported, text) = run(home.path(), &Filter::default(), &file).unwrap();
    assert_eq!((text.as_str(), exported.damage.len()), ("", 1));
}
