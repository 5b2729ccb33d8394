//! One tenant's extract proves what it says, and says nothing of others.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failure must stop the test"
)]

mod fixture;

use fixture::{append, home, open, verified};
use maais_audit::{ExtractError, ExtractReport, extract, verify_extract};

/// The extract of tenant `a`, by lines, and the log's first key.
fn bundle() -> (Vec<String>, String) {
    let home = home();
    let log = open(home.path());
    for n in 0..30 {
        append(&log, n).unwrap();
        if n == 14 {
            log.rotate_key(jiff::Timestamp::now()).unwrap();
        }
    }
    drop(log);
    let mut out = Vec::new();
    assert_eq!(extract(&home.path().join("log/0"), "a", &mut out).unwrap(), 10);
    let vkey = verified(home.path()).logs[0].vkey.clone().unwrap();
    (String::from_utf8(out).unwrap().lines().map(str::to_owned).collect(), vkey)
}

fn check(lines: &[String], vkey: Option<&str>) -> Result<ExtractReport, ExtractError> {
    verify_extract(&mut lines.join("\n").as_bytes(), vkey)
}

#[test]
fn an_extract_verifies_alone() {
    let (lines, vkey) = bundle();
    let report = check(&lines, Some(&vkey)).unwrap();
    assert_eq!((report.records, report.size, report.tenant.as_str()), (10, 32, "a"));
    assert!(check(&lines, Some("maais/other+x+y")).is_err());
}

#[test]
fn nothing_of_other_tenants_is_in_an_extract() {
    let (lines, _) = bundle();
    assert!(lines.iter().all(|line| !line.contains(r#"\"_tenant\":\"b\""#)));
}

#[test]
fn whatever_is_left_out_doubled_moved_or_changed_is_caught() {
    let (good, vkey) = bundle();
    for at in 0..good.len() - 1 {
        let mut removed = good.clone();
        removed.remove(at);
        assert!(check(&removed, Some(&vkey)).is_err(), "line {at} removed");
        let mut doubled = good.clone();
        doubled.insert(at, good[at].clone());
        assert!(check(&doubled, Some(&vkey)).is_err(), "line {at} doubled");
        let mut swapped = good.clone();
        swapped.swap(at, at + 1);
        assert!(check(&swapped, Some(&vkey)).is_err(), "line {at} swapped");
    }
    for (from, to) in [("\\\"allow\\\":false", "\\\"allow\\\":true"), ("\"index\":2", "\"index\":3")] {
        let bad: Vec<_> = good.iter().map(|line| line.replacen(from, to, 1)).collect();
        assert!(bad != good && check(&bad, Some(&vkey)).is_err(), "{from}");
    }
}

#[test]
fn an_extract_cut_at_its_end_proves_fewer_records_and_says_so() {
    let (mut lines, vkey) = bundle();
    lines.pop();
    assert_eq!(check(&lines, Some(&vkey)).unwrap().records, 9);
}
