//! `maais audit query`.

use std::collections::HashMap;

use indicatif::ProgressBar;
use maais_query::{Damage, Event, Found, Hit, Index, IndexError, Progress, Rebuilt, Watch, logs, scan};
use maais_runtime::audit::{Prover, check_inclusion};
use serde_json::json;

use super::super::{Done, verdict};
use crate::cli::Query;
use crate::term::{BAD, DIM, WARN, paint, printable, say, say_raw, table};

/// Rows that are set as one table: how wide a column is, is known at the end.
const ROWS_A_TABLE: usize = 200;

pub(super) fn run(args: &Query) -> Done {
    let filter = args.select.to_filter()?;
    let home = &args.select.home;
    let logs = logs(home)?;
    let mut printer = Printer::new(args, logs.len() > 1);
    let mut show = |hit: &Hit<'_>| printer.show(hit);
    let found = if args.scan {
        scan(&logs, &filter, args.limit, &mut show)?
    } else {
        let path = args.index.clone().unwrap_or_else(|| Index::path_in(home));
        let mut watcher = Watcher { bar: bytes_bar() };
        let index = Index::open(&path, &mut watcher)?;
        index.answer(&logs, &filter, args.limit, &mut watcher, &mut show)?
    };
    printer.end(&found);
    found.damage.iter().for_each(report);
    Ok(verdict(found.damage.is_empty()))
}

/// Says where a log could not be read on.
pub(super) fn report(damage: &Damage) {
    let text = printable(&damage.to_string(), 600);
    anstream::eprintln!("{}: {text}; what is behind it was left out", paint(BAD, "damaged"));
}

/// Bytes of the log that are read; not shown where there is no terminal.
pub(super) fn bytes_bar() -> ProgressBar {
    let style = indicatif::ProgressStyle::with_template("{bar:40} {bytes} of {total_bytes}, {eta} left");
    let bar = ProgressBar::new(0);
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

struct Watcher {
    bar: ProgressBar,
}

impl Watch for Watcher {
    fn rebuilt(&mut self, why: &Rebuilt) {
        self.bar.suspend(|| {
            anstream::eprintln!(
                "{}: the index is made anew: {}",
                paint(WARN, "note"),
                printable(&why.why, 300)
            );
        });
    }

    fn progress(&mut self, progress: Progress) {
        self.bar.set_length(progress.total.max(progress.bytes));
        self.bar.set_position(progress.bytes);
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

struct Printer<'a> {
    args: &'a Query,
    names_logs: bool,
    rows: Vec<Vec<String>>,
    has_header: bool,
    provers: HashMap<String, Prover>,
}

impl<'a> Printer<'a> {
    fn new(args: &'a Query, names_logs: bool) -> Self {
        Self { args, names_logs, rows: Vec::new(), has_header: true, provers: HashMap::new() }
    }

    fn show(&mut self, hit: &Hit<'_>) -> Result<(), IndexError> {
        let event = &hit.record.event;
        if self.args.prove {
            let proof = self.prove(hit)?;
            if self.args.json {
                let (log, leaf) = (&event.origin, event.leaf);
                say_raw!(
                    "{}",
                    json!({"index": event.index, "leaf": leaf, "line": event.line, "log": log, "proof": proof})
                );
                return Ok(());
            }
            self.rows.push(self.row(event));
            self.print_rows();
            say!("{}", paint(DIM, format!("  leaf {}", event.leaf)));
            proof.lines().for_each(|line| say!("  {}", printable(line, 300)));
            say!("");
        } else if self.args.json {
            say_raw!("{}", event.line);
        } else {
            self.rows.push(self.row(event));
            if self.rows.len() >= ROWS_A_TABLE {
                self.print_rows();
            }
        }
        Ok(())
    }

    fn row(&self, event: &Event<'_>) -> Vec<String> {
        let time = event.time.to_string();
        let what = if event.effect.is_empty() { event.kind.name() } else { &event.effect };
        let by = event.findings.first().unwrap_or(&event.policy);
        let by = if by.is_empty() { &event.reason } else { by };
        let mut row = vec![
            event.index.to_string(),
            time.get(..19).unwrap_or(&time).to_owned(),
            printable(what, 20),
            printable(&event.agent, 40),
            printable(&event.action_type, 30),
            printable(&event.target, 60),
            printable(by, 60),
        ];
        if self.names_logs {
            row.insert(0, printable(&event.origin, 40));
        }
        row
    }

    fn print_rows(&mut self) {
        if self.rows.is_empty() {
            return;
        }
        let mut header = vec!["index", "time (UTC)", "what", "agent", "action", "target", "by"];
        if self.names_logs {
            header.insert(0, "log");
        }
        let mut table = if self.has_header { table(&header) } else { table(&[]) };
        self.has_header = false;
        table.add_rows(self.rows.drain(..));
        say!("{table}");
    }

    fn prove(&mut self, hit: &Hit<'_>) -> Result<String, IndexError> {
        let event = &hit.record.event;
        let origin = event.origin.as_ref();
        if !self.provers.contains_key(origin) {
            let prover = Prover::open(hit.log.dir()).map_err(|error| IndexError::Show(error.into()))?;
            self.provers.insert(origin.to_owned(), prover);
        }
        let show = |error: &dyn std::fmt::Display| IndexError::Show(error.to_string().into());
        let prover = self.provers.get(origin).ok_or_else(|| show(&"there is no proof"))?;
        let proof = prover.prove(event.index).map_err(|error| show(&error))?;
        let checkpoint = prover.checkpoint();
        check_inclusion(event.leaf, event.index, checkpoint.size, checkpoint.root, &proof.path).map_err(
            |error| show(&format!("record {} cannot be proved: {error}; verify the log", event.index)),
        )?;
        Ok(proof.to_string())
    }

    fn end(&mut self, found: &Found) {
        self.print_rows();
        if found.hits == 0 && !self.args.json {
            say!("no record");
        }
    }
}
