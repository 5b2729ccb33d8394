//! `maais policy eval` and `bench`: answers of policies alone, and how fast they come.
//!
//! One thread, the whole evaluation of a request that was read before: views and index included, reading JSON not.

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use maais_runtime::Snapshot;
use maais_runtime::core::decision::Effect;
use maais_runtime::core::facts::{Facts, NoMemo};
use maais_runtime::core::policy::{Matched, PolicySet};
use maais_runtime::core::request::ActionRequest;
use maais_runtime::core::state::State;
use serde_json::{Value, json};

use super::requests::{self, Asked};
use crate::cli::Eval;
use crate::command::{Done, print_json, verdict};
use crate::term::{DIM, HEAD, paint, say, say_raw};

/// How long is measured, at least.
const MEASURED: Duration = Duration::from_secs(2);
/// Rounds before anything is measured: everything that is compiled when first needed is compiled then.
const WARM_UP: usize = 2;

/// Answers every request, or measures.
pub(crate) fn run(args: &Eval) -> Done {
    let begun = Instant::now();
    let snapshot = Snapshot::load(None, &args.policies)?;
    let loaded = begun.elapsed();
    let asked = requests::from_file(&args.requests)?;
    if args.bench {
        let wrong = asked
            .iter()
            .filter(|asked| !as_expected(asked, answer(&snapshot.policies, &asked.request)))
            .count();
        let requests: Vec<ActionRequest> = asked.into_iter().map(|asked| asked.request).collect();
        let report = measure(&snapshot.policies, &requests, loaded);
        print(&report, args.json)?;
        if wrong > 0 {
            anstream::eprintln!("{wrong} requests are answered otherwise than they expect");
        }
        return Ok(verdict(wrong == 0));
    }
    let mut wrong = 0_usize;
    for asked in &asked {
        let matched = answer(&snapshot.policies, &asked.request);
        let fine = as_expected(asked, matched);
        wrong += usize::from(!fine);
        say_raw!("{}", line(&snapshot, matched, fine, asked));
    }
    Ok(verdict(wrong == 0))
}

fn answer<'p>(policies: &'p PolicySet, request: &ActionRequest) -> Option<Matched<'p>> {
    policies.first_match(&Facts::new(request, &NoMemo).typed(policies.tools()), &State::default())
}

fn as_expected(asked: &Asked, matched: Option<Matched<'_>>) -> bool {
    let found = matched.map(|matched| &*matched.rule.id);
    asked.expected.as_ref().is_none_or(|expected| expected.as_deref() == found)
}

fn line(snapshot: &Snapshot, matched: Option<Matched<'_>>, fine: bool, asked: &Asked) -> Value {
    let default = snapshot.policies.default_decision().unwrap_or(Effect::Deny);
    let mut answer = match matched {
        Some(matched) => json!({
            "certain": matched.certain, "effect": matched.rule.effect.as_str(), "policy_id": &*matched.rule.id,
            "reason": matched.rule.reason,
        }),
        None => {
            json!({"effect": default.as_str(), "policy_id": null, "reason": "no policy matches this action"})
        }
    };
    if let (false, Some(map)) = (fine, answer.as_object_mut()) {
        map.insert("expected".into(), json!(asked.expected));
    }
    answer
}

/// Measures policies against requests from a file, or against their own literals.
pub(super) fn bench(paths: &[PathBuf], file: Option<&Path>, as_json: bool) -> Done {
    let begun = Instant::now();
    let snapshot = Snapshot::load(None, paths)?;
    let loaded = begun.elapsed();
    let requests = match file {
        Some(file) => requests::from_file(file)?.into_iter().map(|asked| asked.request).collect(),
        None => requests::from_policies(&[&snapshot.policies]),
    };
    print(&measure(&snapshot.policies, &requests, loaded), as_json)?;
    Ok(ExitCode::SUCCESS)
}

fn measure(policies: &PolicySet, requests: &[ActionRequest], loaded: Duration) -> Value {
    for _ in 0..WARM_UP {
        for request in requests {
            let _ = black_box(answer(policies, request));
        }
    }
    let mut nanos: Vec<u64> = Vec::new();
    let begun = Instant::now();
    while begun.elapsed() < MEASURED && !requests.is_empty() {
        for request in requests {
            let before = Instant::now();
            let _ = black_box(answer(policies, black_box(request)));
            nanos.push(u64::try_from(before.elapsed().as_nanos()).unwrap_or(u64::MAX));
        }
    }
    nanos.sort_unstable();
    let at = |share: usize| {
        let index = nanos.len().saturating_mul(share) / 1_000;
        nanos.get(index.min(nanos.len().saturating_sub(1))).copied().unwrap_or(0)
    };
    let total: u64 = nanos.iter().sum();
    let count = u64::try_from(nanos.len()).unwrap_or(u64::MAX);
    let mean = total.checked_div(count).unwrap_or(0);
    json!({
        "rules": policies.rules().len(), "requests": requests.len(), "decisions": count,
        "load_ms": u64::try_from(loaded.as_millis()).unwrap_or(u64::MAX),
        "ns": {"p50": at(500), "p90": at(900), "p99": at(990), "p999": at(999), "mean": mean},
        "per_second": 1_000_000_000_u64.checked_div(mean).unwrap_or(0),
    })
}

fn print(report: &Value, as_json: bool) -> Result<(), Box<dyn std::error::Error>> {
    if as_json {
        return print_json(report);
    }
    let number = |pointer: &str| report.pointer(pointer).and_then(Value::as_u64).unwrap_or(0);
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    let micros = |pointer: &str| format!("{:.2} µs", number(pointer) as f64 / 1_000.0);
    say!("{} {} rules, loaded in {} ms", paint(HEAD, "policies"), number("/rules"), number("/load_ms"));
    for name in ["p50", "p90", "p99", "p999", "mean"] {
        say!("  {name:<5} {:>12}", micros(&format!("/ns/{name}")));
    }
    let per_second = number("/per_second");
    say!(
        "  {}",
        paint(DIM, format!("{per_second} a second in one thread, over {} requests", number("/requests")))
    );
    Ok(())
}
