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

/// The same with a roll after the tenant's eighth record.
fn bundle_with_roll() -> (Vec<String>, u64) {
    let home = home();
    let log = open(home.path());
    let mut roll = 0;
    for n in 0..30 {
        append(&log, n).unwrap();
        if n == 10 || n == 22 {
            roll = log.call_roll(jiff::Timestamp::now()).unwrap().index;
        }
    }
    drop(log);
    let mut out = Vec::new();
    assert_eq!(extract(&home.path().join("log/0"), "a", &mut out).unwrap(), 10);
    let text = String::from_utf8(out).unwrap();
    assert_eq!(text.matches("\\\"type\\\":\\\"roll\\\"").count(), 1, "the newest roll only");
    (text.lines().map(str::to_owned).collect(), roll)
}

#[test]
fn an_extract_is_complete_up_to_the_newest_roll() {
    let (lines, roll) = bundle_with_roll();
    assert_eq!(check(&lines, None).unwrap().complete_before, Some(roll));
    let at = lines.iter().position(|line| line.contains("\"roll\":{")).unwrap();
    // Whoever leaves out what was before the roll is found; who leaves out the roll, too, claims less.
    let mut bad = lines.clone();
    bad.remove(at - 1);
    assert!(check(&bad, None).is_err());
    let cut = &lines[..at - 1];
    let report = check(cut, None).unwrap();
    assert_eq!((report.records, report.complete_before), (7, None));
    // A roll is no place for records of others, and none can be made up.
    let mut bad = lines.clone();
    bad[at] =
        lines[at].replace("\"position\":0", "\"position\":1").replace("\"position\":2", "\"position\":0");
    assert!(bad[at] == lines[at] || check(&bad, None).is_err());
    let mut bad = lines.clone();
    let without = lines[at].split("\"roll\":{").next().unwrap().trim_end_matches(',').to_owned() + "}";
    bad[at] = without;
    assert!(check(&bad, None).is_err(), "a record of the log itself without a reason");
}

#[test]
fn a_log_with_a_wrong_roll_does_not_verify() {
    let home = home();
    let log = open(home.path());
    append(&log, 0).unwrap();
    let entry = fixture::body(0);
    let entry = maais_audit::Entry { kind: maais_audit::Kind::Roll, ..fixture::entry(&entry) };
    assert!(log.append(entry).is_err(), "only the log itself calls the roll");
}
