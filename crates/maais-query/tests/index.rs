//! The index finds what is in the log, and nobody has to believe it.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod handmade;

use std::fs;
use std::path::Path;

use handmade::{Handmade, decision, time};
use maais_query::{Filter, Found, Index, IndexError, Rebuilt, Watch, logs, scan};
use proptest::prelude::*;
use serde_json::json;

#[derive(Default)]
struct Heard(Vec<String>, u64);

impl Watch for Heard {
    fn rebuilt(&mut self, why: &Rebuilt) {
        self.0.push(why.why.clone());
    }

    fn progress(&mut self, progress: maais_query::Progress) {
        self.1 = progress.records;
    }
}

struct Answer {
    lines: Vec<String>,
    found: Found,
    /// Why the index was made anew.
    rebuilt: Vec<String>,
    /// Records that were taken in for this answer.
    taken_in: u64,
}

fn ask(home: &Path, filter: &Filter, limit: Option<usize>) -> Result<Answer, IndexError> {
    let (mut heard, mut lines) = (Heard::default(), Vec::new());
    let logs = logs(home).unwrap();
    let index = Index::open(&Index::path_in(home), &mut heard)?;
    let found = index.answer(&logs, filter, limit, &mut heard, &mut |hit| {
        lines.push(hit.record.event.line.to_owned());
        Ok(())
    })?;
    Ok(Answer { lines, found, rebuilt: heard.0, taken_in: heard.1 })
}

fn read(home: &Path, filter: &Filter, limit: Option<usize>) -> Vec<String> {
    let mut lines = Vec::new();
    scan(&logs(home).unwrap(), filter, limit, &mut |hit| {
        lines.push(hit.record.event.line.to_owned());
        Ok(())
    })
    .unwrap();
    lines
}

/// 100 decisions of two agents in two segments.
fn hundred(home: &Path) -> Handmade {
    let mut log = Handmade::new(home, 0, "maais/one");
    for n in 0..100 {
        let (agent, effect) = if n % 10 == 3 { ("Bot=1", "DENY") } else { ("bot", "ALLOW") };
        let reason = format!("because of number{n}, \u{c4}rger");
        log.append(
            &time(n),
            "default",
            decision(agent, &format!("tool {}", n % 7), effect, "p.one", &reason),
        );
        if n == 49 {
            log.new_segment();
        }
    }
    log.flush();
    log
}

fn filter(change: impl FnOnce(&mut Filter)) -> Filter {
    let mut filter = Filter::default();
    change(&mut filter);
    filter
}

#[test]
fn every_condition_finds_what_reading_the_log_finds() {
    let home = tempfile::tempdir().unwrap();
    let _log = hundred(home.path());
    let text = |text: &str| Some(text.to_owned());
    let cases: [(usize, Filter); 17] = [
        (100, Filter::default()),
        (10, filter(|f| f.agent = text("Bot=1"))),
        (0, filter(|f| f.agent = text("bot=1"))),
        (10, filter(|f| f.effect = text("DENY"))),
        (14, filter(|f| f.target = text("tool 3"))),
        (100, filter(|f| f.attack = text("t1567"))),
        (100, filter(|f| f.attack = text("T1567.002"))),
        (0, filter(|f| f.attack = text("T156"))),
        (100, filter(|f| f.policy = text("p.one"))),
        (100, filter(|f| f.session = text("s-1"))),
        (100, filter(|f| f.action_type = text("tool_call"))),
        (0, filter(|f| f.tenant = text("other"))),
        (100, filter(|f| f.kinds = vec![maais_audit::Kind::Decision, maais_audit::Kind::Stop])),
        (1, filter(|f| f.text = text("NUMBER17 \u{e4}rger"))),
        (50, filter(|f| f.since = Some(time(50).parse().unwrap()))),
        (20, filter(|f| (f.since, f.until) = (time(10).parse().ok(), time(30).parse().ok()))),
        (1, filter(|f| (f.agent, f.text) = (text("Bot=1"), text("number13 because")))),
    ];
    for (count, filter) in cases {
        let answer = ask(home.path(), &filter, None).unwrap();
        assert_eq!(answer.lines.len(), count, "{filter:?}");
        assert_eq!(answer.lines, read(home.path(), &filter, None), "{filter:?}");
        let newest = ask(home.path(), &filter, Some(3)).unwrap().lines;
        assert_eq!(newest, answer.lines[count.saturating_sub(3)..], "{filter:?}");
        assert_eq!(newest, read(home.path(), &filter, Some(3)), "{filter:?}");
        assert!(answer.rebuilt.is_empty());
    }
}

#[test]
fn the_index_takes_in_only_what_is_new() {
    let home = tempfile::tempdir().unwrap();
    let mut log = hundred(home.path());
    assert_eq!(ask(home.path(), &Filter::default(), None).unwrap().taken_in, 100);
    assert_eq!(ask(home.path(), &Filter::default(), None).unwrap().taken_in, 0);
    log.append(&time(200), "default", decision("late", "t", "DENY", "p", "r"));
    log.flush();
    let answer = ask(home.path(), &filter(|f| f.agent = Some("late".into())), None).unwrap();
    assert_eq!((answer.taken_in, answer.lines.len(), answer.rebuilt.len()), (1, 1, 0));
}

#[test]
fn records_of_several_logs_come_in_order_of_time() {
    let home = tempfile::tempdir().unwrap();
    let (mut one, mut two) = (Handmade::new(home.path(), 0, "a"), Handmade::new(home.path(), 1, "b"));
    for n in 0..10 {
        one.append(&time(n * 2), "t", decision("one", "x", "ALLOW", "p", "r"));
        two.append(&time(n * 2 + 1), "t", decision("two", "x", "ALLOW", "p", "r"));
    }
    one.flush();
    two.flush();
    let lines = ask(home.path(), &Filter::default(), None).unwrap().lines;
    let agents: Vec<_> = lines.iter().map(|line| line.contains("\"agent_id\":\"one\"")).collect();
    assert_eq!(agents, [true, false].repeat(10));
}

#[test]
fn an_index_that_was_deleted_damaged_or_is_of_another_version_is_made_anew() {
    let home = tempfile::tempdir().unwrap();
    let _log = hundred(home.path());
    let path = Index::path_in(home.path());
    ask(home.path(), &Filter::default(), None).unwrap();
    let good = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    assert_eq!(ask(home.path(), &Filter::default(), None).unwrap().lines.len(), 100);
    let with = |version: &str| {
        fs::write(&path, &good).unwrap();
        rusqlite::Connection::open(&path).unwrap().execute_batch(version).unwrap();
    };
    let damages: [&dyn Fn(); 6] = [
        &|| {
            fs::write(
                &path,
                b"not a database, but long enough to have a header of one hundred bytes".repeat(9),
            )
            .unwrap()
        },
        &|| fs::write(&path, [&good[..4096], &vec![0xa5; good.len() - 4096]].concat()).unwrap(),
        &|| with("PRAGMA user_version = 99"),
        &|| with("DELETE FROM record WHERE seq = 13"),
        &|| with("UPDATE record SET leaf = zeroblob(32) WHERE seq = 13"),
        &|| with("UPDATE record SET offset = offset + 1 WHERE seq = 13"),
    ];
    for (number, damage) in damages.into_iter().enumerate() {
        damage();
        let answer = ask(home.path(), &Filter::default(), None).unwrap();
        assert_eq!((answer.lines.len(), answer.rebuilt.len()), (100, 1), "damage {number}");
        assert!(ask(home.path(), &Filter::default(), None).unwrap().rebuilt.is_empty(), "damage {number}");
    }
}

#[test]
fn an_index_of_a_log_that_was_replaced_is_made_anew() {
    let home = tempfile::tempdir().unwrap();
    let _log = hundred(home.path());
    ask(home.path(), &Filter::default(), None).unwrap();
    let mut other = Handmade::new(home.path(), 0, "maais/one");
    fs::remove_file(other.segment(50)).unwrap();
    for n in 0..100 {
        other.append(&time(n), "default", decision("other", "t", "ALLOW", "p", "r"));
    }
    other.flush();
    let answer = ask(home.path(), &filter(|f| f.agent = Some("other".into())), None).unwrap();
    assert_eq!((answer.lines.len(), answer.rebuilt.len()), (100, 1));
}

#[test]
fn a_file_that_is_something_else_is_not_touched() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("notes.txt");
    fs::write(&path, "my notes, and nothing that looks like an index").unwrap();
    assert!(matches!(Index::open(&path, &mut ()), Err(IndexError::NotOurs { .. })));
    assert_eq!(fs::read_to_string(&path).unwrap(), "my notes, and nothing that looks like an index");
    let path = home.path().join("index.sqlite");
    rusqlite::Connection::open(&path).unwrap().execute_batch("CREATE TABLE precious(x)").unwrap();
    assert!(matches!(Index::open(&path, &mut ()), Err(IndexError::NotOurs { .. })));
}

#[test]
fn a_query_ends_at_the_first_line_that_does_not_continue_the_log() {
    let breaks: [&dyn Fn(&mut Handmade); 4] = [
        &|log| log.raw(b"garbage \xff\x1b[2J"),
        &|log| log.raw(br#"{"_log":"maais/one","_prev":"00","_seq":100}"#),
        &|log| log.raw(decision("x", "x", "ALLOW", "p", "r").to_string().as_bytes()),
        &|log| {
            let mut forged = decision("forged", "x", "ALLOW", "p", "r");
            let map = forged.as_object_mut().unwrap();
            map.insert("_log".into(), "maais/one".into());
            map.insert("_seq".into(), 100.into());
            map.insert("_prev".into(), json!("0".repeat(64)));
            map.insert("_time".into(), time(1000).into());
            map.insert("_tenant".into(), "t".into());
            log.raw(forged.to_string().as_bytes());
        },
    ];
    for damage in breaks {
        let home = tempfile::tempdir().unwrap();
        let mut log = hundred(home.path());
        damage(&mut log);
        log.append(&time(2000), "default", decision("late", "t", "ALLOW", "p", "r"));
        log.flush();
        for _ in 0..2 {
            let answer = ask(home.path(), &Filter::default(), None).unwrap();
            assert_eq!((answer.lines.len(), answer.found.damage.len()), (100, 1));
            assert_eq!(answer.found.damage[0].index, 100);
            assert!(answer.rebuilt.is_empty());
        }
    }
}

#[test]
fn a_line_that_is_being_written_is_waited_for() {
    let home = tempfile::tempdir().unwrap();
    let mut log = hundred(home.path());
    let path = log.segment(50);
    let before = fs::read(&path).unwrap();
    log.append(&time(200), "default", decision("late", "t", "DENY", "p", "r"));
    log.flush();
    let whole = fs::read(&path).unwrap();
    for end in [before.len() + 1, before.len() + 300, whole.len() - 1] {
        fs::write(&path, &whole[..end]).unwrap();
        let answer = ask(home.path(), &Filter::default(), None).unwrap();
        assert_eq!((answer.lines.len(), answer.found.damage.len()), (100, 0));
    }
    fs::write(&path, [&whole[..], &[b'\n'; 5000]].concat()).unwrap();
    assert_eq!(ask(home.path(), &Filter::default(), None).unwrap().lines.len(), 101);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// What an attacker writes into fields is found by exactly that, and nothing panics.
    #[test]
    fn any_text_is_found_by_itself(
        texts in proptest::collection::vec(any::<String>(), 1..6),
        words in proptest::collection::vec("\\PC{0,30}", 1..6),
        garbage in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let home = tempfile::tempdir().unwrap();
        let mut log = Handmade::new(home.path(), 0, "o");
        for (text, words) in texts.iter().zip(&words) {
            log.append(&time(0), "t", decision(text, text, text, text, words));
        }
        log.raw(&garbage);
        log.flush();
        for (text, words) in texts.iter().zip(&words) {
            for filter in [
                filter(|f| f.agent = Some(text.clone())),
                filter(|f| f.target = Some(text.clone())),
                filter(|f| f.effect = Some(text.clone())),
                filter(|f| f.policy = Some(text.clone())),
                filter(|f| f.text = Some(words.clone())),
            ] {
                let answer = ask(home.path(), &filter, None).unwrap();
                prop_assert!(!answer.lines.is_empty(), "{filter:?}");
                prop_assert!(answer.rebuilt.is_empty(), "{:?}", answer.rebuilt);
                prop_assert_eq!(answer.lines, read(home.path(), &filter, None));
            }
        }
    }

    /// Any byte of the index changed: the answer is the same, or an error; never another record.
    #[test]
    fn no_damage_to_the_index_shows_what_was_not_asked_for(at in 100_usize..60_000, byte in any::<u8>()) {
        let home = tempfile::tempdir().unwrap();
        let _log = hundred(home.path());
        let path = Index::path_in(home.path());
        let asked = filter(|f| f.agent = Some("Bot=1".into()));
        ask(home.path(), &asked, None).unwrap();
        let mut bytes = fs::read(&path).unwrap();
        let at = at % bytes.len();
        bytes[at] = byte;
        fs::write(&path, bytes).unwrap();
        if let Ok(answer) = ask(home.path(), &asked, None) {
            let expected = read(home.path(), &asked, None);
            prop_assert!(answer.lines.iter().all(|line| expected.contains(line)));
        }
    }
}
