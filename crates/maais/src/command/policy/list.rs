//! `maais policy list`: rules in the order in which they are tried.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use maais_runtime::core::policy::{self, PolicySet};
use maais_runtime::{Config, Snapshot};
use serde_json::{Value, json};

use crate::command::{Done, print_json};
use crate::term::{DIM, HEAD, WARN, of_effect, paint, printable, say, table};

/// Prints the rules.
pub(super) fn run(paths: &[PathBuf], config: Option<&Path>, as_json: bool) -> Done {
    let settings = config.map(Path::to_owned).or(Config::default().settings);
    let snapshot = Snapshot::load(settings.as_deref(), paths)?;
    if as_json {
        print_json(&json!({ "digest": snapshot.digest, "rules": rules_json(&snapshot.policies) }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = table(&["priority", "effect", "id", "applies to", "severity", "reason"]);
    for rule in snapshot.policies.rules() {
        let types = rule.applies_to.names();
        let types = if types.len() == 8 { "*".to_owned() } else { types.join(", ") };
        table.add_row([
            rule.priority.to_string(),
            paint(of_effect(rule.effect), rule.effect),
            rule.id.to_string(),
            types,
            rule.severity.as_str().to_owned(),
            printable(&rule.reason, 200),
        ]);
    }
    say!("{table}\n");
    let digest = paint(DIM, &snapshot.digest);
    say!(
        "{} {} rules, tried from top to bottom; {digest}",
        paint(HEAD, "policies"),
        snapshot.policies.rules().len()
    );
    if !snapshot.warnings.0.is_empty() {
        let count = snapshot.warnings.0.len();
        say!("{} {count}; see `maais policy check`", paint(WARN, "warnings"));
    }
    Ok(ExitCode::SUCCESS)
}

fn rules_json(policies: &PolicySet) -> Vec<Value> {
    let rule = |rule: &policy::Rule| {
        json!({
            "applies_to": rule.applies_to.names(), "decision": rule.effect.as_str(), "id": &*rule.id, "ids": rule.ids,
            "metadata": rule.metadata, "place": rule.place, "priority": rule.priority, "reason": rule.reason,
            "severity": rule.severity.as_str(),
        })
    };
    policies.rules().iter().map(rule).collect()
}
