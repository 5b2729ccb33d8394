//! OpenTelemetry logs in OTLP's JSON encoding: an `ExportLogsServiceRequest` a line, as the collector's
//! `otlpjsonfile` receiver reads it. Nothing is sent.
//!
//! The names of the attributes are our own: those of `gen_ai.*` are still in development.

use std::io::{self, BufWriter, Write};

use serde_json::{Value, json};

use super::{Anchor, Encoder};
use crate::record::Event;

/// Records in one request, and bytes of them, beyond which it is written.
const RECORDS_MAX: usize = 256;
const BYTES_MAX: usize = 1 << 20;

const INFO: u8 = 9;
const NOTICE: u8 = 10;
const WARN: u8 = 13;

/// Collects records of one log into requests.
pub(super) struct Requests<W: Write> {
    out: BufWriter<W>,
    origin: String,
    /// As JSON, with commas between them.
    records: String,
    count: usize,
}

impl<W: Write> Requests<W> {
    pub(super) fn new(out: W) -> Self {
        Self { out: BufWriter::new(out), origin: String::new(), records: String::new(), count: 0 }
    }

    fn add(&mut self, origin: &str, record: &Value) -> io::Result<()> {
        if self.origin != origin || self.count >= RECORDS_MAX || self.records.len() >= BYTES_MAX {
            self.send()?;
            self.origin = origin.to_owned();
        }
        if self.count > 0 {
            self.records.push(',');
        }
        self.records.push_str(&record.to_string());
        self.count += 1;
        Ok(())
    }

    fn send(&mut self) -> io::Result<()> {
        if self.count == 0 {
            return Ok(());
        }
        let resource = json!({"attributes": [
            text("service.name", "maais"),
            text("service.version", env!("CARGO_PKG_VERSION")),
            text("maais.log", &self.origin),
        ]});
        let scope = json!({"name": "maais.audit", "version": env!("CARGO_PKG_VERSION")});
        let records = &self.records;
        writeln!(
            self.out,
            "{{\"resourceLogs\":[{{\"resource\":{resource},\"scopeLogs\":[{{\"scope\":{scope},\"logRecords\":[{records}]}}]}}]}}"
        )?;
        self.count = 0;
        self.records.clear();
        Ok(())
    }
}

impl<W: Write> Encoder for Requests<W> {
    fn record(&mut self, event: &Event<'_>) -> io::Result<()> {
        let (number, severity) = match event.effect.as_ref() {
            "DENY" => (WARN, "WARN"),
            "REQUIRE_APPROVAL" => (NOTICE, "INFO2"),
            _ => (INFO, "INFO"),
        };
        let given = [
            ("maais.leaf", event.leaf.to_string()),
            ("maais.record.id", event.id()),
            ("maais.tenant", event.tenant.to_string()),
            ("maais.session", event.session.to_string()),
            ("maais.agent", event.agent.to_string()),
            ("maais.action.id", event.action_id.to_string()),
            ("maais.action.type", event.action_type.to_string()),
            ("maais.target", event.target.to_string()),
            ("maais.decision", event.effect.to_string()),
            ("maais.policy", event.policy.to_string()),
            ("maais.severity", event.severity.to_owned()),
        ];
        let mut attributes: Vec<Value> = given
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(key, value)| text(key, value))
            .collect();
        attributes.push(json!({"key": "maais.index", "value": {"intValue": event.index.to_string()}}));
        if !event.attacks.is_empty() {
            let values: Vec<_> = event.attacks.iter().map(|id| json!({"stringValue": id})).collect();
            attributes.push(json!({"key": "maais.attacks", "value": {"arrayValue": {"values": values}}}));
        }
        let record = json!({
            "timeUnixNano": nanoseconds(event.time),
            "observedTimeUnixNano": nanoseconds(event.time),
            "severityNumber": number,
            "severityText": severity,
            "eventName": format!("maais.{}", event.kind),
            "body": {"stringValue": event.reason},
            "attributes": attributes,
        });
        self.add(&event.origin, &record)
    }

    fn checkpoint(&mut self, anchor: &Anchor) -> io::Result<()> {
        let now = nanoseconds(jiff::Timestamp::now());
        let id = format!("{}#checkpoint-{}", anchor.origin, anchor.size);
        let record = json!({
            "timeUnixNano": now,
            "observedTimeUnixNano": now,
            "severityNumber": INFO,
            "severityText": "INFO",
            "eventName": "maais.checkpoint",
            "body": {"stringValue": anchor.note},
            "attributes": [text("maais.record.id", &id)],
        });
        self.add(&anchor.origin, &record)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send()?;
        self.out.flush()
    }

    fn finish(&mut self) -> io::Result<()> {
        self.flush()
    }
}

fn text(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": value}})
}

/// 64-bit integers are text in OTLP's JSON; times before 1970 do not exist there.
fn nanoseconds(time: jiff::Timestamp) -> String {
    u64::try_from(time.as_nanosecond()).unwrap_or_default().to_string()
}
