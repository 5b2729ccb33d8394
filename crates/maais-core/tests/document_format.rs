//! The formatter of policy files: what it does to them, and the law that it changes no meaning and loses no comment.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test stops at what it did not expect")]
#![expect(clippy::disallowed_methods, reason = "the packs are files")]

use std::fs;
use std::path::Path;

use maais_core::diagnostic::Source;
use maais_core::document::format::{Formatted, format};
use maais_core::document::parse;
use proptest::prelude::*;

fn formatted(text: &str) -> String {
    match format(&Source::new("p.yaml", text)) {
        Ok(Formatted::Text(text)) => text,
        other => panic!("{other:?} of\n{text}"),
    }
}

#[test]
fn what_a_file_becomes() {
    for (before, after) in [
        // Order of keys, indentation, quotes, spaces.
        (
            "policies:\n- reason:   r\n  decision: DENY # loudly\n  id:    \"a\"\n  condition: { target:   x }\n  applies_to: [ tool_call ,api_call]\n",
            "policies:\n  - id: 'a'\n    applies_to: [tool_call, api_call]\n    condition: {target: x}\n    decision: DENY  # loudly\n    reason: r\n",
        ),
        // Blank lines between policies, comments with what they are about, at the head and at the foot.
        (
            "# head\npolicies:\n  - id: a\n  # about b\n  - id: b\n# foot\nversion: 1\n",
            "# head\n# foot\nversion: 1\npolicies:\n  - id: a\n\n  # about b\n  - id: b\n",
        ),
        // A comment above a key travels with it; one beside a key whose value is below stays there.
        (
            "policies:  # all of them\n  - decision: DENY\n    # why\n    reason: r\n    # who\n    id: a\n",
            "policies:  # all of them\n  # who\n  - id: a\n    decision: DENY\n    # why\n    reason: r\n",
        ),
        // What does not fit is taken apart; words are wrapped.
        (
            "lists: {a: [aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa, bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb, ccccccccccccccccccccccccccccc, dddddd, eeeeee, f]}\n",
            "lists:\n  a: [aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa, bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb, ccccccccccccccccccccccccccccc, dddddd,\n    eeeeee, f]\n",
        ),
        // Literal text, several lines, anchors: as they are.
        ("a: |\n      x\n        y\n\n      z\nb: >-\n  f\n", "a: |\n  x\n    y\n\n  z\nb: >-\n  f\n"),
        ("a: &x {b: 1}\nc:   *x\nd: [&y z, *y]\n", "a: &x {b: 1}\nc: *x\nd: [&y z, *y]\n"),
        (
            "a: 'it''s'\nb: \"it's\"\nc: \"\\n\"\nd: \"\\.\"\n",
            "a: 'it''s'\nb: \"it's\"\nc: \"\\n\"\nd: \"\\.\"\n",
        ),
        ("a:\r\n- 1\r\n-   2\r\n", "a:\n  - 1\n  - 2\n"),
        ("\u{feff}a: 1", "a: 1\n"),
        ("a: {\n  b: 1, # one\n  c: 2\n}\n", "a: {\n    b: 1, # one\n    c: 2\n  }\n"),
        ("", "\n"),
    ] {
        let text = formatted(before);
        assert_eq!(text.trim_end(), after.trim_end(), "of\n{before}");
        assert_eq!(formatted(&text), text, "again");
    }
}

#[test]
fn what_is_no_document_is_refused_with_its_place() {
    for text in ["a: [1", "a: 1\na: 2\n", "a: 1\n---\nb: 2\n", "a:\n\t- x", "a: !t x", "a: *b"] {
        let problems = format(&Source::new("p.yaml", text)).unwrap_err();
        assert!(problems.to_string().contains("p.yaml:"), "{problems}");
    }
    assert!(matches!(format(&Source::new("p.yaml", "%YAML 1.2\n---\na: 1\n")), Ok(Formatted::Left(_))));
}

#[test]
fn the_packs_are_in_their_form() {
    let mut seen = 0;
    let packs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies");
    for pack in fs::read_dir(packs).unwrap() {
        for folder in [pack.as_ref().unwrap().path(), pack.as_ref().unwrap().path().join("tests")] {
            for file in fs::read_dir(folder).unwrap() {
                let path = file.unwrap().path();
                if path.extension().is_some_and(|ending| ending == "yaml") {
                    let text = fs::read_to_string(&path).unwrap();
                    assert_eq!(formatted(&text), text, "{}: run `maais policy fmt`", path.display());
                    seen += 1;
                }
            }
        }
    }
    assert!(seen > 30, "{seen}");
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z_]{1,12}",
        "'[a-z ,:#{}\\[\\]*&!|>%@-]{0,30}'",
        "\"[a-z ,:#]{0,10}\"",
        Just("true".to_owned()),
        Just("'it''s'".to_owned()),
        Just("-5.0".to_owned()),
        Just("~".to_owned()),
    ]
}

/// Text of a node at an indentation, in block form where `depth` allows.
fn node(depth: u32) -> BoxedStrategy<Vec<String>> {
    let leaf = word().prop_map(|word| vec![word]).boxed();
    if depth == 0 {
        return leaf;
    }
    let comment = prop_oneof![Just(String::new()), "# [a-z:'\\[{ ]{0,20}"];
    let entry = ("[a-z]{1,8}", node(depth - 1), comment.clone(), comment, any::<bool>());
    let block = prop::collection::vec(entry, 1..5).prop_map(|entries| {
        let mut lines = Vec::new();
        let mut keys = Vec::new();
        for (key, value, above, behind, blank) in entries {
            if keys.contains(&key) {
                continue;
            }
            keys.push(key.clone());
            lines.extend(blank.then(String::new));
            lines.extend((!above.is_empty()).then_some(above));
            let behind = if behind.is_empty() { behind } else { format!("   {behind}") };
            match value.as_slice() {
                [one] => lines.push(format!("{key}: {one}{behind}")),
                many => {
                    lines.push(format!("{key}:{behind}"));
                    lines.extend(
                        many.iter()
                            .map(|line| if line.is_empty() { String::new() } else { format!("   {line}") }),
                    );
                }
            }
        }
        // One line would be read as a scalar where it is put.
        lines.push("last: x".to_owned());
        lines
    });
    let list = prop::collection::vec(node(depth - 1), 2..4).prop_map(|items| {
        let mut lines = Vec::new();
        for item in items {
            for (position, line) in item.iter().filter(|line| !line.is_empty()).enumerate() {
                lines.push(if position == 0 && !line.starts_with('#') {
                    format!("- {line}")
                } else if position == 0 {
                    format!("-\n  {line}")
                } else {
                    format!("  {line}")
                });
            }
        }
        lines
    });
    let flow = prop::collection::vec(("[a-z]{1,8}", word()), 1..6).prop_map(|entries| {
        let mut keys = Vec::new();
        let entries = entries.into_iter().filter(|(key, _)| {
            let new = !keys.contains(key);
            keys.push(key.clone());
            new
        });
        let parts: Vec<String> = entries.map(|(key, value)| format!("{key}:  {value}")).collect();
        vec![format!("{{ {} }}", parts.join(" ,"))]
    });
    prop_oneof![1 => leaf, 3 => block, 2 => list, 2 => flow].boxed()
}

proptest! {
    #[test]
    fn no_meaning_changes_and_no_comment_is_lost(lines in node(3)) {
        let text = lines.join("\n") + "\n";
        let source = Source::new("p.yaml", text.as_str());
        let Ok(document) = parse(&source) else { return Ok(()) };
        if !document.problems.is_empty() {
            return Ok(());
        }
        let once = match format(&source) {
            Ok(Formatted::Text(once)) => once,
            other => return Err(TestCaseError::fail(format!("{other:?} of\n{text}"))),
        };
        let again = parse(&Source::new("p.yaml", once.as_str())).unwrap();
        prop_assert_eq!(document.root.to_json(), again.root.to_json());
        prop_assert_eq!(formatted(&once), once);
    }

    #[test]
    fn nothing_makes_it_panic(text in "[a-c:\\-\\[\\]{}#&*|>'\" \n,%!?]{0,60}") {
        let _ = format(&Source::new("p.yaml", text));
    }
}
