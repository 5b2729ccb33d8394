//! `maais demo`: six attacks and beside each a benign twin, against the real engine and a real log.

mod scenarios;

use std::path::Path;

use maais_runtime::audit::{self, VerifyOptions};
use maais_runtime::core::decision::{Decision, Effect};
use maais_runtime::core::request::ActionRequest;
use maais_runtime::{Config, Runtime};
use serde_json::{Value, json};

use super::{Done, audit::print_log, print_json, verdict};
use crate::cli::Demo;
use crate::term::{BAD, DIM, GOOD, HEAD, of_effect, paint, printable, say, table};
use scenarios::{SCENARIOS, Scenario, Step};

/// What a step led to.
struct Outcome {
    step: &'static Step,
    /// Allowed, put to a person, denied.
    counts: [usize; 3],
    /// The decision that is shown: the last one.
    decision: Decision,
}

impl Outcome {
    fn as_expected(&self) -> bool {
        let [allowed, _, _] = self.counts;
        match self.step.passes {
            Some(passes) => allowed == passes,
            None => self.decision.effect == self.step.expect,
        }
    }
}

/// Plays everything, prints it, verifies the log.
pub(crate) fn run(args: &Demo) -> Done {
    let home = match &args.home {
        Some(home) => home.clone(),
        None => tempfile::Builder::new().prefix("maais-demo-").tempdir()?.keep(),
    };
    let runtime = Runtime::open(Config::at(&home))?;
    if !args.json {
        let rules = runtime.snapshot().policies.rules().len();
        say!(
            "{} {rules} rules of the built-in pack `baseline`, every decision in the log before it counts\n",
            paint(HEAD, "MAAIS demo")
        );
    }
    let mut played = Vec::new();
    for scenario in &SCENARIOS {
        let outcomes = play(&runtime, scenario)?;
        if !args.json {
            print_scenario(scenario, &outcomes);
        }
        played.push((scenario, outcomes));
    }
    drop(runtime); // the log ends in good order before it is verified
    let fine = played.iter().all(|(_, outcomes)| outcomes.iter().all(Outcome::as_expected));
    let report = audit::verify(&home, &VerifyOptions::default())?;
    if args.json {
        let scenarios: Vec<Value> =
            played.iter().map(|(scenario, outcomes)| scenario_json(scenario, outcomes)).collect();
        print_json(&json!({ "as_expected": fine, "scenarios": scenarios, "log": report, "home": home }))?;
    } else {
        print_summary(&played, &home);
        report.logs.iter().for_each(print_log);
    }
    Ok(verdict(fine && report.is_ok()))
}

fn play(runtime: &Runtime, scenario: &'static Scenario) -> Result<Vec<Outcome>, Box<dyn std::error::Error>> {
    let mut outcomes = Vec::new();
    for step in scenario.steps {
        let mut counts = [0; 3];
        let mut last = None;
        for turn in 0..step.times {
            let parameters: Value =
                serde_json::from_str(&step.parameters.replace("{turn}", &turn.to_string()))?;
            let request = ActionRequest::from_value(
                json!({
                    "agent_id": step.agent, "action_type": step.action_type, "target": step.target,
                    "parameters": parameters, "declared_goal": step.goal,
                }),
                runtime.defaults(),
            )?;
            let decision = runtime.intercept(request);
            if let Some(count) = counts.get_mut(decision.effect as usize) {
                *count += 1;
            }
            last = Some(decision);
        }
        let decision = last.ok_or("a step was played no time at all")?;
        outcomes.push(Outcome { step, counts, decision });
    }
    Ok(outcomes)
}

fn print_scenario(scenario: &Scenario, outcomes: &[Outcome]) {
    say!("{} {}", paint(HEAD, scenario.title), paint(DIM, scenario.about));
    let mut table = table(&["", "", "action", "decision", "why"]);
    for outcome in outcomes {
        let mark = if outcome.as_expected() { paint(GOOD, "✔") } else { paint(BAD, "✘ not as expected") };
        let kind = if outcome.step.attack { "attack" } else { "twin" };
        table.add_row([
            mark,
            paint(DIM, kind),
            outcome.step.title.to_owned(),
            decision_text(outcome),
            why(&outcome.decision),
        ]);
    }
    say!("{table}\n");
}

fn decision_text(outcome: &Outcome) -> String {
    let [allowed, approval, denied] = outcome.counts;
    if outcome.step.times > 1 {
        return format!(
            "{}, {}",
            paint(GOOD, format!("{allowed} allowed")),
            paint(BAD, format!("{} stopped", approval + denied))
        );
    }
    paint(of_effect(outcome.decision.effect), outcome.decision.effect)
}

/// Who decided, and in a few words why.
fn why(decision: &Decision) -> String {
    let strongest = decision.findings.first();
    let text = strongest.map_or(String::new(), |finding| format!("{}: {}", finding.id, finding.message));
    let more = decision
        .findings
        .iter()
        .filter(|f| f.effect == decision.effect && decision.effect != Effect::Allow)
        .count();
    let more = if more > 1 { format!(" (+{})", more - 1) } else { String::new() };
    printable(&text, 90) + &paint(DIM, more)
}

fn print_summary(played: &[(&Scenario, Vec<Outcome>)], home: &Path) {
    let all = || played.iter().flat_map(|(_, outcomes)| outcomes);
    let attacks = all().filter(|outcome| outcome.step.attack).count();
    let stopped = all().filter(|outcome| outcome.step.attack && outcome.as_expected()).count();
    let passed = all().filter(|outcome| !outcome.step.attack && outcome.as_expected()).count();
    let twins = all().count() - attacks;
    let decisions: usize = all().map(|outcome| outcome.counts.iter().sum::<usize>()).sum();
    let style = |fine| if fine { GOOD } else { BAD };
    say!("{}", paint(HEAD, "summary"));
    say!("  attacks stopped  {}", paint(style(stopped == attacks), format!("{stopped} of {attacks}")));
    say!("  benign twins     {}", paint(style(passed == twins), format!("{passed} of {twins} passed")));
    say!("  decisions        {decisions}, each on the disk before its answer");
    say!("  log              {}", home.display());
    say!("  look at it       maais audit tail --home {0} · maais audit verify {0}\n", home.display());
}

fn scenario_json(scenario: &Scenario, outcomes: &[Outcome]) -> Value {
    let steps: Vec<Value> = outcomes.iter().map(|outcome| {
        let [allowed, approval, denied] = outcome.counts;
        json!({
            "title": outcome.step.title, "attack": outcome.step.attack, "as_expected": outcome.as_expected(),
            "allowed": allowed, "needs_approval": approval, "denied": denied, "decision": outcome.decision.to_json(),
        })
    }).collect();
    json!({ "title": scenario.title, "steps": steps })
}
