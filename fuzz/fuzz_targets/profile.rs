//! Bytes as the state of a profile, a detector, half-space trees or an isolation forest: read or refused, never a panic;
//! what is read is written the same again, stays within its bound and goes on learning.
#![no_main]

use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use maais_core::anomaly::{
    Detector, HalfSpaceTrees, IsolationForest, Key, Observation, Outcome, PROFILE_BYTES_MAX, Pace, Profile,
};
use maais_core::facts::{Facts, NoMemo};
use maais_core::request::{ActionRequest, Defaults};

fn observe() -> Observation {
    let json = br#"{"agent_id":"a","action_type":"tool_call","target":"t","parameters":{"to":"ann@shop.example"}}"#;
    let defaults = Defaults { action_id: "a".into(), timestamp: Timestamp::UNIX_EPOCH };
    let request = ActionRequest::from_json(json, defaults).expect("a request");
    Observation::new(&Facts::new(&request, &NoMemo), &Key::new([1; 16]), None)
}

fuzz_target!(|bytes: &[u8]| {
    if let Ok(mut profile) = Profile::from_bytes(bytes) {
        assert_eq!(profile.to_bytes(), bytes);
        let (seen, now) = (observe(), Timestamp::UNIX_EPOCH);
        for outcome in [Outcome::Clean, Outcome::Refused] {
            let measured = profile.measure(&seen, Some(&profile), now, &Pace::default());
            assert!(measured.values().iter().all(|value| value.is_finite()));
            profile.learn(&seen, outcome, now, &Pace::default());
        }
        assert!(profile.memory() <= PROFILE_BYTES_MAX && profile.to_bytes().len() <= PROFILE_BYTES_MAX);
        assert_eq!(Profile::from_bytes(&profile.to_bytes()).as_ref(), Ok(&profile));
    }
    if let Ok(detector) = Detector::from_bytes(bytes) {
        assert_eq!(detector.to_bytes(), bytes);
    }
    if let Ok(mut trees) = HalfSpaceTrees::from_bytes(bytes) {
        assert_eq!(trees.to_bytes(), bytes);
        trees.learn(&[0.5]);
        assert!(trees.score(&[0.5]).is_none_or(f64::is_finite));
    }
    if let Ok(forest) = IsolationForest::from_bytes(bytes) {
        assert_eq!(forest.to_bytes(), bytes);
        assert!(forest.score(&[0.5]).is_finite());
    }
});
