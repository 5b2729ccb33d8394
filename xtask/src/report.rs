//! Runs suites one after the other and says how each ended: a closing line each, a table, a last line of counts.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::command_line::OnFailure;
use crate::suites::{Suite, Verdict};
use crate::workspace::Workspace;

struct Row {
    name: &'static str,
    verdict: Verdict,
    took: Duration,
}

pub(crate) fn run(workspace: &Workspace, suites: &[&Suite], on_failure: OnFailure) -> ExitCode {
    let mut rows: Vec<Row> = Vec::new();
    for suite in suites {
        println!("\n=== {}: {}", suite.name, suite.about);
        let start = Instant::now();
        let verdict = missing_need(suite, &rows).unwrap_or_else(|| (suite.run)(workspace).into());
        let row = Row { name: suite.name, verdict, took: start.elapsed() };
        println!("=== {}", line(&row));
        let stop = on_failure == OnFailure::Stop && row.failed();
        rows.push(row);
        if stop {
            break;
        }
    }
    summarise(&rows)
}

/// A suite whose need did not pass is not run, and takes over how that one ended.
fn missing_need(suite: &Suite, rows: &[Row]) -> Option<Verdict> {
    suite.needs.iter().find_map(|need| {
        let row = rows.iter().find(|row| row.name == *need)?;
        match &row.verdict {
            Verdict::Passed => None,
            Verdict::Skipped(why) => Some(Verdict::Skipped(format!("needs {need}: {why}"))),
            Verdict::Failed(_) => Some(Verdict::Failed(format!("not run: needs {need}, which failed"))),
        }
    })
}

fn summarise(rows: &[Row]) -> ExitCode {
    println!("\n=== summary");
    for row in rows {
        println!("{}", line(row));
    }
    let count = |wanted: fn(&Verdict) -> bool| rows.iter().filter(|row| wanted(&row.verdict)).count();
    let failed = count(|verdict| matches!(verdict, Verdict::Failed(_)));
    let skipped = count(|verdict| matches!(verdict, Verdict::Skipped(_)));
    let took: Duration = rows.iter().map(|row| row.took).sum();
    println!("{skipped} skipped, {:.0} s in all", took.as_secs_f64());
    println!("{} passed, {failed} failed", count(|verdict| matches!(verdict, Verdict::Passed)));
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn line(row: &Row) -> String {
    let (word, why) = match &row.verdict {
        Verdict::Passed => ("passed", String::new()),
        Verdict::Skipped(why) => ("skipped", format!("  {why}")),
        Verdict::Failed(why) => ("FAILED", format!("  {why}")),
    };
    format!("{:<12} {word:<8} {:>6.1} s{why}", row.name, row.took.as_secs_f64())
}

impl Row {
    fn failed(&self) -> bool {
        matches!(self.verdict, Verdict::Failed(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEEDY: Suite = Suite { name: "needy", about: "", needs: &["first"], run: |_| Ok(Verdict::Passed) };

    fn after(verdict: Verdict) -> Option<Verdict> {
        missing_need(&NEEDY, &[Row { name: "first", verdict, took: Duration::ZERO }])
    }

    #[test]
    fn a_suite_never_passes_when_what_it_needs_did_not() {
        assert!(after(Verdict::Passed).is_none());
        assert!(matches!(after(Verdict::Skipped("x".into())), Some(Verdict::Skipped(_))));
        assert!(matches!(after(Verdict::Failed("x".into())), Some(Verdict::Failed(_))));
    }
}
