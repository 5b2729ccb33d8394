//! `maais audit replay`: derives every decision again, or decides with other policies.
//!
//! What follows from a record is the engine's business; here it is counted and shown.

use std::collections::BTreeMap;
use std::path::PathBuf;

use indicatif::{ProgressBar, ProgressStyle};
use maais_runtime::Snapshot;
use maais_runtime::replay::{self, Answer, Differs, Replayed, Verdict};
use serde_json::{Value, json};

use crate::cli::Replay;
use crate::command::{Done, verdict};
use crate::term::{BAD, DIM, GOOD, HEAD, WARN, paint, printable, say, say_raw, wrapped};

/// Differences that are shown to a person one by one; all are counted, and `--json` prints all.
const SHOWN_MAX: u64 = 50;
/// Changes from one rule to another that are told apart.
const CHANGES_MAX: usize = 10_000;
/// Records between two movements of the progress bar.
const STEP: u64 = 256;

/// What was found so far.
#[derive(Default)]
struct Found {
    decisions: u64,
    same: u64,
    different: u64,
    faults: u64,
    tampering: bool,
    cannot: BTreeMap<&'static str, (u64, String)>,
    /// From one answer to another: how often, and the first record.
    changes: BTreeMap<(Answer, Answer), (u64, String)>,
}

/// Replays and reports.
pub(crate) fn run(args: &Replay) -> Done {
    let path = path(args);
    let mut replay = replay::Replay::open(&path)?;
    if !args.policies.is_empty() {
        replay = replay.instead_with(Snapshot::load(None, &args.policies)?);
    }
    let bar = progress(replay::count_records(&path));
    let mut found = Found::default();
    for (number, replayed) in (1..).zip(replay.by_ref()) {
        let replayed = replayed?;
        if number % STEP == 0 {
            bar.inc(STEP);
        }
        if is_wanted(args, &replayed) {
            match replayed.verdict {
                Verdict::NoDecision | Verdict::Same => found.take(&replayed, args),
                _ => bar.suspend(|| found.take(&replayed, args)),
            }
        }
    }
    bar.finish_and_clear();
    let fine = found.different == 0 && found.faults == 0 && !found.tampering;
    match args.json {
        true => say_raw!("{}", found.to_json(fine, replay.unanswered())),
        false => found.print(args, replay.unanswered()),
    }
    Ok(verdict(fine))
}

fn path(args: &Replay) -> PathBuf {
    let path = args.path.as_ref().unwrap_or(&args.home);
    match args.log {
        Some(slot) => path.join("log").join(slot.to_string()),
        None => path.clone(),
    }
}

fn is_wanted(args: &Replay, replayed: &Replayed) -> bool {
    replayed.index >= args.from
        && args.since.is_none_or(|since| replayed.time >= since)
        && args.until.is_none_or(|until| replayed.time < until)
}

fn progress(total: u64) -> ProgressBar {
    let bar = ProgressBar::new(total);
    match ProgressStyle::with_template("{bar:40} {pos}/{len} records, {per_sec}, {eta} left") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

impl Found {
    fn take(&mut self, replayed: &Replayed, args: &Replay) {
        if let Some(fault) = &replayed.fault {
            self.faults += 1;
            if !args.json && self.faults <= SHOWN_MAX {
                say!("{} {}: {fault}; see `maais audit verify`", paint(BAD, "out of place"), place(replayed));
            }
        }
        let shown = match &replayed.verdict {
            Verdict::NoDecision => replayed.fault.is_some(),
            Verdict::Same => {
                self.same += 1;
                replayed.fault.is_some()
            }
            Verdict::Different(differs) => {
                self.different += 1;
                self.change(differs, replayed);
                if !args.json && args.policies.is_empty() && self.different <= SHOWN_MAX {
                    print(replayed, differs);
                }
                true
            }
            Verdict::CannotReplay(why) => {
                self.tampering |= why.is_tampering();
                let first = || (0, format!("{}: {why}", place(replayed)));
                self.cannot.entry(why.name()).or_insert_with(first).0 += 1;
                true
            }
        };
        self.decisions += u64::from(replayed.verdict != Verdict::NoDecision);
        if args.json && shown {
            match serde_json::to_string(replayed) {
                Ok(line) => say_raw!("{line}"),
                Err(error) => tracing::error!(%error, "a verdict is no JSON"),
            }
        }
    }

    fn change(&mut self, differs: &Differs, replayed: &Replayed) {
        let change = (differs.recorded.clone(), differs.derived.clone());
        if self.changes.len() < CHANGES_MAX || self.changes.contains_key(&change) {
            self.changes.entry(change).or_insert_with(|| (0, place(replayed))).0 += 1;
        }
    }

    fn to_json(&self, fine: bool, unanswered: usize) -> Value {
        let cannot: BTreeMap<_, _> = self.cannot.iter().map(|(name, (count, _))| (name, count)).collect();
        let changes = self.changes.iter().map(|((recorded, derived), (count, first))| {
            json!({"recorded": recorded, "derived": derived, "count": count, "first": first})
        });
        json!({"summary": {
            "ok": fine, "decisions": self.decisions, "same": self.same, "different": self.different,
            "cannot_replay": cannot, "out_of_place": self.faults, "changes": changes.collect::<Vec<_>>(),
            "unanswered": unanswered,
        }})
    }

    fn print(&self, args: &Replay, unanswered: usize) {
        let what_if = !args.policies.is_empty();
        let more = if what_if { 0 } else { self.different.saturating_sub(SHOWN_MAX) };
        if more > 0 {
            say!("{}", paint(DIM, format!("… and {more} more; `--json` prints all")));
        }
        if what_if {
            self.print_changes();
        }
        let cannot: u64 = self.cannot.values().map(|(count, _)| count).sum();
        let different = match (self.different, what_if) {
            (0, false) => paint(GOOD, "0 differ"),
            (count, false) => paint(BAD, format!("{count} DIFFER")),
            (0, true) => paint(GOOD, "0 would be decided otherwise"),
            (count, true) => paint(WARN, format!("{count} would be decided otherwise")),
        };
        say!(
            "{} {} decisions: {} the same, {different}, {cannot} cannot be replayed",
            paint(HEAD, "replay"),
            self.decisions,
            self.same
        );
        for (name, (count, first)) in &self.cannot {
            let detail = wrapped(&format!("{count} {name}; the first is {}", printable(first, 600)), 2);
            say!("  {}", paint(DIM, detail));
        }
        if self.faults > 0 {
            say!("  {} {} records are out of place: run `maais audit verify`", paint(BAD, "!"), self.faults);
        }
        if unanswered > 0 {
            let text = format!(
                "these policies ask {unanswered} questions about limits or the past that nobody asked then; they \
                 are taken as not exceeded and as not so"
            );
            say!("  {}", paint(DIM, wrapped(&text, 2)));
        }
    }

    fn print_changes(&self) {
        if self.changes.is_empty() {
            return;
        }
        let mut changes: Vec<_> = self.changes.iter().collect();
        changes.sort_by_key(|(_, (count, _))| std::cmp::Reverse(*count));
        let mut table = crate::term::table(&["times", "was", "by", "would be", "by", "first"]);
        for ((was, would), (count, first)) in changes {
            let rule = |answer: &Answer| printable(answer.rule.as_deref().unwrap_or("(no rule)"), 60);
            let effect = |answer: &Answer| printable(&answer.effect, 20);
            table.add_row([
                count.to_string(),
                effect(was),
                rule(was),
                effect(would),
                rule(would),
                first.clone(),
            ]);
        }
        say!("{table}");
    }
}

fn place(replayed: &Replayed) -> String {
    format!("record {} of {}", replayed.index, printable(&replayed.origin, 80))
}

fn print(replayed: &Replayed, differs: &Differs) {
    say!("{} {} {}", paint(BAD, "differs"), place(replayed), paint(DIM, replayed.time));
    for difference in &differs.differences {
        say!("  {}", difference.field);
        say!("    recorded  {}", short(&difference.recorded));
        say!("    derived   {}", short(&difference.derived));
    }
    say!("  {}", paint(DIM, wrapped(&format!("perhaps {}", printable(&differs.why, 600)), 2)));
}

fn short(value: &Value) -> String {
    match value {
        Value::String(text) => printable(text, 400),
        other => printable(&other.to_string(), 400),
    }
}
