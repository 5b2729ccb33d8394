//! RFC 4180, for spreadsheets that take a cell for a formula.
//!
//! Every cell is quoted, so no separator of any country's spreadsheet splits it. A cell that a spreadsheet
//! might evaluate begins with an apostrophe (OWASP, "CSV Injection"). Control characters other than line ends
//! and tabs do not pass.

use super::plain::REPLACEMENT;
use crate::record::Event;

/// The first line.
pub(super) const HEADER: &str = "\"time\",\"log\",\"index\",\"leaf\",\"type\",\"tenant\",\"session\",\"agent\",\
    \"action_id\",\"action_type\",\"target\",\"decision\",\"policy\",\"severity\",\"attacks\",\"owner\",\"goal\",\
    \"reason\"\r\n";

/// One record.
pub(super) fn row(event: &Event<'_>, out: &mut String) {
    let (time, index, leaf) = (event.time.to_string(), event.index.to_string(), event.leaf.to_string());
    let attacks = event.attacks.join(" ");
    let cells: [&str; 18] = [
        &time,
        &event.origin,
        &index,
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
    ];
    for (n, text) in cells.into_iter().enumerate() {
        if n > 0 {
            out.push(',');
        }
        cell(text, out);
    }
    out.push_str("\r\n");
}

fn cell(text: &str, out: &mut String) {
    out.push('"');
    if may_be_formula(text) {
        out.push('\'');
    }
    for c in text.chars() {
        match c {
            '"' => out.push_str("\"\""),
            '\n' | '\r' | '\t' => out.push(c),
            _ if c.is_control() => out.push(REPLACEMENT),
            _ => out.push(c),
        }
    }
    out.push('"');
}

/// What comes before is looked through: spreadsheets differ in what they trim.
fn may_be_formula(text: &str) -> bool {
    let is_unseen = |c: char| {
        c.is_whitespace() || c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}')
    };
    let first = text.trim_start_matches(is_unseen).chars().next();
    text.starts_with(['\t', '\r', '\n'])
        || first.is_some_and(|c| {
            matches!(
                c,
                '=' | '+'
                    | '-'
                    | '@'
                    | '\u{ff1d}'
                    | '\u{ff0b}'
                    | '\u{ff0d}'
                    | '\u{ff20}'
                    | '\u{2212}'
                    | '\u{fe63}'
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let mut out = String::new();
        cell(text, &mut out);
        out
    }

    #[test]
    fn what_a_spreadsheet_might_evaluate_begins_with_an_apostrophe() {
        for text in [
            "=1+1",
            "+1",
            "-1",
            "@SUM(A1)",
            "\t=1",
            "\r=1",
            "\nx",
            " =1",
            "＝1",
            "＋1",
            "－1",
            "＠x",
            "\u{feff}=1",
            "\0=1",
        ] {
            assert!(shown(text).starts_with("\"'"), "{text:?}");
        }
        for text in ["", "a=1", "1-2", "x@y", "'=1", "é"] {
            assert!(!shown(text).starts_with("\"'") || text.starts_with('\''), "{text:?}");
        }
    }

    #[test]
    fn a_cell_does_not_end_before_its_end() {
        assert_eq!(shown("a\",\"b\r\nc;d"), "\"a\"\",\"\"b\r\nc;d\"");
        assert_eq!(shown("\u{1b}[31m\u{9b}2J\0"), "\"\u{fffd}[31m\u{fffd}2J\u{fffd}\"");
    }
}
