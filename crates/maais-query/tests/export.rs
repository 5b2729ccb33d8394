//! Whatever an attacker writes into a record, each format's readers see one record, and its values.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

mod handmade;

use std::fs::File;
use std::io;
use std::path::Path;

use handmade::{Handmade, decision, time};
use maais_query::cursor::Cursor;
use maais_query::export::{ExportError, Exported, Format, Observe, encoder, export};
use maais_query::{Filter, logs};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::RowAccessor;
use proptest::prelude::*;
use serde_json::Value;

struct Nobody;

impl Observe for Nobody {
    fn progress(&mut self, _: u64, _: u64) {}

    fn batch(&mut self, _: &Cursor) -> Result<(), ExportError> {
        Ok(())
    }
}

fn write(home: &Path, format: Format) -> (Exported, File) {
    let file = tempfile::tempfile().unwrap();
    let mut encoder = encoder(format, file.try_clone().unwrap(), true).unwrap();
    let mut cursor = Cursor::default();
    let exported =
        export(&logs(home).unwrap(), &Filter::default(), &mut cursor, &mut *encoder, &mut Nobody).unwrap();
    (exported, file)
}

fn bytes(home: &Path, format: Format) -> Vec<u8> {
    use io::{Read, Seek};
    let (_, mut file) = write(home, format);
    file.rewind().unwrap();
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).unwrap();
    bytes
}

fn text(home: &Path, format: Format) -> String {
    String::from_utf8(bytes(home, format)).unwrap()
}

/// What attackers try, in every field of a record of its own.
const HOSTILE: [&str; 14] = [
    "a\nCEF:0|x|y|1|fake|fake|1|act=ALLOW",
    "a\r\n\"2026\",\"forged\"\r\n",
    "\"] [evil@1 x=\"y\"] <108>1 - - - - - -",
    "x act=ALLOW suser=root",
    "a|b\\|c\\\\=d",
    "=cmd|' /C calc'!A0",
    "\u{ff1d}HYPERLINK(\"http://evil.example\")",
    "\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}31m",
    "\"},{\"forged\":true},{\"a\":\"",
    "\0\u{8}\u{7f}\u{85}\u{2028}\u{2029}\u{202e}",
    "999 <13>1 - fake - - - - fake",
    "\\",
    "\\n",
    "",
];

fn hostile() -> (tempfile::TempDir, Vec<String>) {
    let home = tempfile::tempdir().unwrap();
    let mut log = Handmade::new(home.path(), 0, "maais/\u{1b}[1m\nx|=\"]");
    let texts: Vec<String> = HOSTILE.iter().map(|text| (*text).to_owned()).collect();
    for text in &texts {
        log.append(&time(0), text, decision(text, text, text, text, text));
    }
    log.flush();
    (home, texts)
}

/// No format for lines and terminals passes a control character on.
fn replaced(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') { '\u{fffd}' } else { c })
        .collect()
}

#[test]
fn jsonl_is_the_log_itself() {
    let (home, _) = hostile();
    let log = std::fs::read(home.path().join("log/0/seg/00000000000000000000.jsonl")).unwrap();
    assert_eq!(bytes(home.path(), Format::Jsonl), log);
}

fn check_csv(home: &Path, texts: &[String]) {
    let csv = bytes(home, Format::Csv);
    let mut reader = csv::Reader::from_reader(&csv[..]);
    let column =
        |name: &str| csv::Reader::from_reader(&csv[..]).headers().unwrap().iter().position(|h| h == name);
    let columns = ["agent", "target", "decision", "policy", "reason"].map(|name| column(name).unwrap());
    let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), texts.len());
    for (row, text) in rows.iter().zip(texts) {
        let plain: String = text
            .chars()
            .map(|c| if c.is_control() && !"\r\n\t".contains(c) { '\u{fffd}' } else { c })
            .collect();
        for cell in columns.map(|column| &row[column]) {
            assert!(cell == plain || cell == format!("'{plain}"), "{cell:?} of {text:?}");
            assert!(!cell.starts_with([
                '=', '+', '-', '@', '\t', '\r', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'
            ]));
        }
    }
}

/// A reader of CEF after its specification.
fn parse_cef(line: &str) -> (Vec<String>, Vec<(String, String)>) {
    let (mut fields, mut field, mut escaped) = (Vec::new(), String::new(), false);
    let mut rest = line.char_indices();
    for (_, c) in rest.by_ref() {
        match c {
            _ if std::mem::take(&mut escaped) => field.push(c),
            '\\' => escaped = true,
            '|' => fields.push(std::mem::take(&mut field)),
            _ => field.push(c),
        }
        if fields.len() == 7 {
            break;
        }
    }
    let extension: String = rest.map(|(_, c)| c).collect();
    let (mut pairs, mut plain, mut escaped): (Vec<(String, String)>, String, bool) =
        (Vec::new(), String::new(), false);
    for c in extension.chars() {
        match c {
            'n' if std::mem::take(&mut escaped) => plain.push('\n'),
            _ if std::mem::take(&mut escaped) => plain.push(c),
            '\\' => escaped = true,
            '=' => {
                let key_at = plain.rfind(' ').map_or(0, |at| at + 1);
                let key = plain.split_off(key_at);
                if let Some(last) = pairs.last_mut() {
                    last.1 = plain.strip_suffix(' ').unwrap_or(&plain).to_owned();
                }
                plain.clear();
                pairs.push((key, String::new()));
            }
            _ => plain.push(c),
        }
    }
    if let Some(last) = pairs.last_mut() {
        last.1 = plain;
    }
    (fields, pairs)
}

fn check_cef(home: &Path, texts: &[String]) {
    let cef = text(home, Format::Cef);
    let lines: Vec<_> = cef.split_terminator('\n').collect();
    assert_eq!(lines.len(), texts.len());
    for (line, text) in lines.iter().zip(texts) {
        assert!(!line.chars().any(char::is_control), "{line:?}");
        let (header, pairs) = parse_cef(line);
        assert_eq!((header.len(), header[0].as_str()), (7, "CEF:0"));
        let policy: String = replaced(text).chars().take(512).collect();
        assert!(header[4] == policy || text.is_empty(), "{line:?}");
        let value = |key: &str| pairs.iter().find(|(k, _)| k == key).map_or("", |(_, value)| value);
        let keys = ["suser", "act", "destinationServiceName", "msg", "maaisTenant"];
        let expected = text.split('\n').map(replaced).collect::<Vec<_>>().join("\n");
        for key in keys {
            let expected: String = if key == "act" || key == "maaisTenant" {
                expected.clone()
            } else {
                text.chars()
                    .take(512)
                    .collect::<String>()
                    .split('\n')
                    .map(replaced)
                    .collect::<Vec<_>>()
                    .join("\n")
            };
            let found: String = value(key).chars().take(expected.chars().count().max(1)).collect();
            assert_eq!(found, expected, "{key} in {line:?}");
        }
        assert!(
            pairs.iter().all(|(key, _)| key.starts_with("maais")
                || ["rt", "externalId", "cat", "suser", "act", "destinationServiceName", "msg"]
                    .contains(&key.as_str())),
            "{pairs:?}"
        );
    }
}

/// A reader of RFC 5424 in frames of RFC 6587: the values of the structured data, and the message.
fn parse_syslog(mut bytes: &[u8]) -> Vec<(Vec<(String, String)>, String)> {
    let mut messages = Vec::new();
    while !bytes.is_empty() {
        let space = bytes.iter().position(|byte| *byte == b' ').unwrap();
        let length: usize = std::str::from_utf8(&bytes[..space]).unwrap().parse().unwrap();
        let message = std::str::from_utf8(&bytes[space + 1..space + 1 + length]).unwrap();
        bytes = &bytes[space + 1 + length..];
        assert!(!message.chars().any(char::is_control), "{message:?}");
        let header: Vec<&str> = message.splitn(7, ' ').collect();
        assert!(header[0].ends_with(">1") && header[3] == "maais" && header[6].starts_with("[maais@32473"));
        assert!(header[2].is_ascii());
        let (mut values, mut rest) = (Vec::new(), &header[6]["[maais@32473".len()..]);
        while let Some(pair) = rest.strip_prefix(' ') {
            let (name, after) = pair.split_once("=\"").unwrap();
            let (mut value, mut escaped, mut end) = (String::new(), false, 0);
            for (at, c) in after.char_indices() {
                match c {
                    _ if std::mem::take(&mut escaped) => value.push(c),
                    '\\' => escaped = true,
                    '"' => {
                        end = at;
                        break;
                    }
                    _ => value.push(c),
                }
            }
            values.push((name.to_owned(), value));
            rest = &after[end + 1..];
        }
        let rest = rest.strip_prefix(']').unwrap();
        let text = rest.strip_prefix(" \u{feff}").unwrap_or_else(|| {
            assert!(rest.is_empty(), "{rest:?}");
            ""
        });
        messages.push((values, text.to_owned()));
    }
    messages
}

fn check_syslog(home: &Path, texts: &[String]) {
    let messages = parse_syslog(&bytes(home, Format::Syslog));
    assert_eq!(messages.len(), texts.len());
    for ((values, message), text) in messages.iter().zip(texts) {
        let text = replaced(text);
        assert_eq!(*message, text);
        for name in ["agent", "target", "decision", "policy", "tenant"] {
            let value = values.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value);
            assert_eq!(value, text, "{name}");
        }
    }
}

fn check_json(home: &Path, texts: &[String], format: Format, places: &[&str]) {
    let lines = text(home, format);
    let lines: Vec<Value> =
        lines.split_terminator('\n').map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), texts.len());
    for (line, text) in lines.iter().zip(texts) {
        for place in places {
            let found = line.pointer(place).and_then(Value::as_str).unwrap_or_default();
            assert_eq!(found, text, "{place} of {line}");
        }
    }
}

fn check_otlp(home: &Path, texts: &[String]) {
    let lines = text(home, Format::Otlp);
    let mut records = Vec::new();
    for line in lines.split_terminator('\n') {
        let request: Value = serde_json::from_str(line).unwrap();
        let found = request.pointer("/resourceLogs/0/scopeLogs/0/logRecords").unwrap();
        records.extend(found.as_array().unwrap().iter().cloned());
    }
    assert_eq!(records.len(), texts.len());
    for (record, text) in records.iter().zip(texts) {
        assert_eq!(record["body"]["stringValue"], **text);
        let attribute = |key: &str| {
            let attributes = record["attributes"].as_array().unwrap();
            let found = attributes.iter().find(|attribute| attribute["key"] == key);
            found.map_or(String::new(), |found| found["value"]["stringValue"].as_str().unwrap().to_owned())
        };
        assert_eq!(attribute("maais.agent"), **text);
        assert_eq!(attribute("maais.decision"), **text);
    }
}

fn check_parquet(home: &Path, texts: &[String]) {
    let (_, file) = write(home, Format::Parquet);
    let reader = SerializedFileReader::new(file).unwrap();
    let rows: Vec<_> = reader.get_row_iter(None).unwrap().map(Result::unwrap).collect();
    assert_eq!(rows.len(), texts.len());
    for (n, (row, text)) in rows.iter().zip(texts).enumerate() {
        assert_eq!(row.get_long(1).unwrap(), n as i64);
        for column in [5, 7, 10, 11, 17] {
            assert_eq!(row.get_string(column).unwrap(), text, "column {column}");
        }
        let leaf = maais_audit::LeafHash::of(row.get_string(18).unwrap().as_bytes());
        assert_eq!(*row.get_string(3).unwrap(), leaf.to_string());
    }
}

fn check_all(home: &Path, texts: &[String]) {
    check_csv(home, texts);
    check_cef(home, texts);
    check_syslog(home, texts);
    let ocsf = ["/message", "/unmapped/agent", "/unmapped/decision", "/metadata/tenant_uid"];
    check_json(home, texts, Format::Ocsf, &ocsf);
    let ecs = ["/message", "/user/id", "/maais/target", "/maais/decision", "/rule/id", "/organization/id"];
    check_json(home, texts, Format::Ecs, &ecs);
    check_otlp(home, texts);
    check_parquet(home, texts);
}

#[test]
fn no_text_breaks_out_of_its_place_in_any_format() {
    let (home, texts) = hostile();
    check_all(home.path(), &texts);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn nor_does_any_other_text(
        texts in proptest::collection::vec("[\\PC\"\\\\|=\\]\n\r\u{1b}, ]{0,40}|\\PC*", 1..8)
    ) {
        let home = tempfile::tempdir().unwrap();
        let mut log = Handmade::new(home.path(), 0, "o");
        for text in &texts {
            log.append(&time(0), text, decision(text, text, text, text, text));
        }
        log.flush();
        check_all(home.path(), &texts);
    }

    #[test]
    fn no_bytes_make_an_export_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), at in 0_usize..1200) {
        let home = tempfile::tempdir().unwrap();
        let mut log = Handmade::new(home.path(), 0, "o");
        for _ in 0..3 {
            log.append(&time(0), "t", decision("a", "b", "DENY", "p", "r"));
        }
        log.flush();
        let path = log.segment(0);
        let mut whole = std::fs::read(&path).unwrap();
        let at = at.min(whole.len());
        whole.splice(at..(at + bytes.len()).min(whole.len()), bytes);
        std::fs::write(&path, whole).unwrap();
        for format in Format::ALL {
            write(home.path(), format);
        }
    }
}

#[test]
fn a_field_of_another_type_is_as_good_as_absent() {
    let home = tempfile::tempdir().unwrap();
    let mut log = Handmade::new(home.path(), 0, "o");
    for odd in [
        serde_json::json!(1.5),
        serde_json::json!(null),
        serde_json::json!([[1]]),
        serde_json::json!({"a": {}}),
    ] {
        let mut body = decision("a", "b", "DENY", "p", "r");
        body["request"]["target"] = odd.clone();
        body["decision"]["policy_id"] = odd.clone();
        log.append(&time(0), "t", body.clone());
        body["decision"] = odd.clone();
        body["request"] = odd;
        log.append(&time(0), "t", body);
    }
    let mut body = decision("a", "b", "DENY", "p", "r");
    body["request"]["target"] = serde_json::json!({"$sealed": "sha256:00"});
    log.append(&time(0), "t", body);
    log.flush();
    let ecs = text(home.path(), Format::Ecs);
    assert_eq!(ecs.lines().count(), 9);
    assert!(ecs.lines().last().unwrap().contains("[sealed sha256:00]"));
}

#[test]
fn a_checkpoint_ends_the_export_where_the_format_has_a_place_for_it() {
    let home = tempfile::tempdir().unwrap();
    let mut log = Handmade::new(home.path(), 0, "o");
    log.append(&time(0), "t", decision("a", "b", "DENY", "p", "r"));
    log.flush();
    let note =
        format!("o\n1\n{}\n\n\u{2014} o c2lnbmF0dXJl\n", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
    std::fs::write(home.path().join("log/0/checkpoint"), &note).unwrap();
    for format in Format::ALL.into_iter().filter(|format| *format != Format::Parquet) {
        let text = text(home.path(), format);
        assert_eq!(text.contains("47DEQpj8HBSa"), format.has_checkpoints(), "{text}");
    }
    let (exported, file) = write(home.path(), Format::Parquet);
    assert_eq!((exported.anchors.len(), exported.anchors[0].note.as_str()), (1, note.as_str()));
    let reader = SerializedFileReader::new(file).unwrap();
    let metadata = reader.metadata().file_metadata().key_value_metadata().unwrap();
    assert!(
        metadata.iter().any(|pair| pair.key == "maais.checkpoint:o" && pair.value.as_deref() == Some(&note))
    );
}
