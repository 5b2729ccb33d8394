//! What was measured, as ratios and raw. Judges nothing.

use serde_json::{Value, json};

use crate::area::{area, found_at, mean};
use crate::models::Measured;
use crate::sessions::{Scored, Sessions};

/// The tables of ADBench, with a line of means.
pub(crate) fn models(measured: &[Measured]) -> Value {
    println!(
        "| data | rows | forest | scikit-learn | trees 8 | river 8 | times as fast | trees 15 | river 15 | times as fast |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    for one in measured {
        let cell = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.3}"));
        let faster = |depth: usize, key: &str| one.their(key).map(|theirs| theirs / one.streaming[depth].1);
        let whole = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.0} x"));
        println!(
            "| {} | {} | {:.3} | {} | {:.3} | {} | {} | {:.3} | {} | {} |",
            one.name,
            one.rows,
            one.forest,
            cell(one.forest_reference.or(one.their("isolation_forest"))),
            one.streaming[0].0,
            cell(one.their("half_space_8")),
            whole(faster(0, "half_space_8_us")),
            one.streaming[1].0,
            cell(one.their("half_space_15")),
            whole(faster(1, "half_space_15_us")),
        );
    }
    let with_reference = measured.iter().filter(|one| one.forest_reference.is_some());
    let forest = mean(with_reference.clone().map(|one| one.forest));
    let reference = mean(with_reference.filter_map(|one| one.forest_reference));
    let both = measured.iter().filter(|one| one.theirs.is_some());
    let of = |ours: fn(&Measured) -> f64, theirs: &'static str| {
        let ratio = both.clone().filter_map(move |one| Some(one.their(theirs)? / ours(one)));
        let mut ratios: Vec<f64> = ratio.collect();
        ratios.sort_by(f64::total_cmp);
        ratios.get(ratios.len() / 2).copied()
    };
    let means = json!({
        "isolation_forest_minus_reference": forest - reference,
        "half_space_8_minus_river": mean(both.clone().map(|one| one.streaming[0].0)) - mean(both.clone().filter_map(|one| one.their("half_space_8"))),
        "half_space_15_minus_river": mean(both.clone().map(|one| one.streaming[1].0)) - mean(both.clone().filter_map(|one| one.their("half_space_15"))),
        "half_space_8_times_as_fast_median": of(|one| one.streaming[0].1, "half_space_8_us"),
        "half_space_15_times_as_fast_median": of(|one| one.streaming[1].1, "half_space_15_us"),
        "isolation_forest": forest, "isolation_forest_reference": reference,
        "half_space_8": mean(measured.iter().map(|one| one.streaming[0].0)),
        "half_space_15": mean(measured.iter().map(|one| one.streaming[1].0)),
        "river_8": mean(both.clone().filter_map(|one| one.their("half_space_8"))),
        "river_15": mean(both.clone().filter_map(|one| one.their("half_space_15"))),
    });
    println!("\nmeans: {means:#}\n");
    json!({ "means": means, "tables": measured.iter().map(Measured::to_json).collect::<Vec<_>>() })
}

/// Areas and detection by source; the sources without attacks only have false alarms.
pub(crate) fn sessions(sessions: &Sessions) -> Value {
    let sources = ["all", "agentdojo", "injecagent", "tau2", "tau_bench", "bfcl", "apibank"];
    println!(
        "| sessions | actions | attacks | AUC | found at 1 % | at 0.1 % | flagged: attacks | flagged: benign | steps to the first flag |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    let rows: Vec<Value> = sources.iter().map(|source| {
        let of: Vec<&Scored> = sessions.scored.iter().filter(|one| *source == "all" || one.source == *source).collect();
        let scores: Vec<f64> = of.iter().map(|one| one.assessment.score).collect();
        let attacks: Vec<bool> = of.iter().map(|one| one.attack).collect();
        let flagged = |attack: bool| {
            mean(of.iter().filter(|one| one.attack == attack).map(|one| f64::from(u8::from(one.assessment.flagged))))
        };
        let count = attacks.iter().filter(|attack| **attack).count();
        let (found, steps) = first_flags(&of);
        let row = json!({
            "source": source, "actions": of.len(), "attacks": count, "area": area(&scores, &attacks),
            "found_at_1_percent": found_at(&scores, &attacks, 0.01),
            "found_at_0_1_percent": found_at(&scores, &attacks, 0.001),
            "attacks_flagged": flagged(true), "benign_flagged": flagged(false),
            "attack_sessions_flagged": found, "attack_steps_to_first_flag": steps,
        });
        println!(
            "| {source} | {} | {count} | {} | {:.3} | {:.3} | {:.3} | {:.4} | {steps:.2} in {:.1} % of sessions |",
            of.len(),
            area(&scores, &attacks).map_or("-".to_owned(), |area| format!("{area:.3}")),
            found_at(&scores, &attacks, 0.01),
            found_at(&scores, &attacks, 0.001),
            flagged(true),
            flagged(false),
            100.0 * found,
        );
        row
    }).collect();
    let [clean, flagged] = sessions.streamed;
    let rate = flagged as f64 / clean.max(1) as f64;
    println!("\nwhile learning, in the stream: {flagged} of {clean} clean actions flagged, {rate:.4}\n");
    json!({ "by_source": rows, "streamed_clean": clean, "streamed_flagged": flagged, "streamed_rate": rate })
}

/// The share of attacked sessions with a flag on an attack step, and which of their attack steps is the first.
fn first_flags(scored: &[&Scored]) -> (f64, f64) {
    let mut cases: std::collections::BTreeMap<&str, Vec<bool>> = std::collections::BTreeMap::new();
    for one in scored.iter().filter(|one| one.attack) {
        cases.entry(&one.case).or_default().push(one.assessment.flagged);
    }
    let first: Vec<f64> =
        cases.values().filter_map(|flags| Some(flags.iter().position(|flag| *flag)? as f64 + 1.0)).collect();
    (first.len() as f64 / cases.len().max(1) as f64, mean(first.iter().copied()))
}
