//! The compiled policy engine against a slow, obvious interpreter of docs/policies.md, on generated policies,
//! sessions and requests.
//!
//! `MAAIS_DIFFERENTIAL_PAIRS` says how many pairs of a set and a request (20,000), `MAAIS_DIFFERENTIAL_SEED` where
//! the generator starts, `MAAIS_DIFFERENTIAL_KEEP` how many mismatches are collected before it stops (1). With
//! `MAAIS_DIFFERENTIAL_SET`, a seed that a mismatch names, it makes that one set again.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test stops at once")]
#![expect(clippy::disallowed_methods, reason = "how long it runs is said from outside, and shown")]
#![expect(clippy::disallowed_types, reason = "a long run shows how far it is")]
#![expect(unreachable_pub, reason = "nobody else uses it")]

#[path = "differential/engine.rs"]
mod engine;
#[path = "differential/expand.rs"]
mod expand;
#[path = "differential/generator.rs"]
mod generator;
#[path = "differential/interpreter.rs"]
mod interpreter;
#[path = "differential/kleene.rs"]
mod kleene;
#[path = "differential/patterns.rs"]
mod patterns;
#[path = "differential/quantity.rs"]
mod quantity;
#[path = "differential/random.rs"]
mod random;
#[path = "differential/readings.rs"]
mod readings;
#[path = "differential/requests.rs"]
mod requests;
#[path = "differential/shrink.rs"]
mod shrink;
#[path = "differential/subject.rs"]
mod subject;
#[path = "differential/tests_made.rs"]
mod tests_made;
#[path = "differential/text.rs"]
mod text;
#[path = "differential/values.rs"]
mod values;
#[path = "differential/words.rs"]
mod words;

use std::time::Instant;

use random::Random;
use shrink::Case;

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// What a run came across.
#[derive(Debug, Default)]
struct Tally {
    pairs: u64,
    sets: u64,
    certain: u64,
    unknown: u64,
    undecided: u64,
    /// Decided by a rule behind at least 20 others.
    late: u64,
}

#[test]
fn the_engine_says_what_the_obvious_way_says() {
    let pairs = setting("MAAIS_DIFFERENTIAL_PAIRS", 20_000);
    let seed = setting("MAAIS_DIFFERENTIAL_SEED", 2_026);
    let keep = setting("MAAIS_DIFFERENTIAL_KEEP", 1);
    println!("MAAIS_DIFFERENTIAL_SEED={seed} MAAIS_DIFFERENTIAL_PAIRS={pairs}");
    let single = std::env::var("MAAIS_DIFFERENTIAL_SET").ok().map(|text| text.parse::<u64>().unwrap());
    let (mut tally, mut wrong) = (Tally::default(), Vec::new());
    let (start, mut shown) = (Instant::now(), Instant::now());
    while tally.pairs < pairs && u64::try_from(wrong.len()).unwrap() < keep {
        let own = single.unwrap_or_else(|| seed.wrapping_mul(1_000_003).wrapping_add(tally.sets));
        tally.sets += 1;
        wrong.extend(one_set(own, &mut tally));
        if single.is_some() {
            break;
        }
        if shown.elapsed().as_secs() >= 10 {
            shown = Instant::now();
            println!("{tally:?} after {:?}", start.elapsed());
        }
    }
    println!("{tally:?} in {:?}", start.elapsed());
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    let enough =
        tally.pairs < 20_000 || (tally.certain > tally.pairs / 10 && tally.unknown > tally.pairs / 100);
    assert!(enough, "too little of it matches anything: {tally:?}");
}

/// Requests held against one set of files; the first mismatch, made small.
fn one_set(seed: u64, tally: &mut Tally) -> Option<String> {
    let mut random = Random::new(seed);
    let world = generator::world(&mut random);
    let files = expand::expand(&world.files);
    let mut given = world.files.clone();
    random.shuffle(&mut given);
    let policies = match engine::load(&given) {
        Ok(policies) => policies,
        Err(problems) => return Some(format!("seed {seed}: refused\n{problems}")),
    };
    for _ in 0..6 {
        let moment = requests::moment(&mut random, &world, &files);
        let state = engine::state(&policies, &moment);
        for _ in 0..8 + files.rules.len() / 4 {
            let (value, request) = requests::request(&mut random, &world);
            let expected = interpreter::first_match(&files, &policies, &request, &moment);
            tally.pairs += 1;
            if text::gave_up() {
                tally.undecided += 1;
                continue;
            }
            let at = expected.as_ref().and_then(|(id, _)| files.rules.iter().position(|rule| rule.id == *id));
            tally.late += u64::from(at.is_some_and(|at| at >= 20));
            match &expected {
                Some((_, true)) => tally.certain += 1,
                Some((_, false)) => tally.unknown += 1,
                None => {}
            }
            if engine::first_match(&policies, &request, &state) != expected {
                let case = Case { files: given.clone(), request: value, moment: moment.clone() };
                return Some(told(seed, case));
            }
        }
    }
    None
}

fn told(seed: u64, case: Case) -> String {
    let case = case.shrunk();
    let files: Vec<String> = case.files.iter().map(|(name, file)| format!("# {name}\n{file}")).collect();
    let mut moment = case.moment.clone();
    let past: Vec<String> = moment
        .past
        .drain(..)
        .map(|past| format!("{} at {}: {:?}", past.effect, past.moment.clock, past.request.to_json()))
        .collect();
    let (expected, found) = case.difference().unwrap_or_default();
    format!(
        "seed {seed}: expected {expected:?}, the engine says {found:?}\n{}\n{}\n{moment:?}\npast: {past:#?}",
        files.join("\n"),
        case.request
    )
}
