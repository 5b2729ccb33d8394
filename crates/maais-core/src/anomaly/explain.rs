//! What made an action unusual, in words.

use super::detector::Assessment;
use super::feature::Feature;
use super::observation::{Observation, Place};

/// Reasons that are told.
const REASONS_MAX: usize = 3;
/// The detail of a name that was never seen, and of one that is on trial.
const NEW: f32 = 1.0;
const TRIAL: f32 = 2.0;

/// The reasons in words, the strongest first: "first network_request of this agent; 14× its usual size". Empty if nothing
/// is unusual.
pub fn explain(assessment: &Assessment, seen: &Observation) -> String {
    let mut told: Vec<String> = Vec::new();
    for (feature, _) in assessment.reasons() {
        if told.len() < REASONS_MAX && !is_told_already(feature, assessment) {
            told.push(words(feature, assessment, seen));
        }
    }
    if told.is_empty() && assessment.flagged {
        told.push("nothing alone, but all of it together is unusual for this agent".to_owned());
    }
    told.join("; ")
}

/// The first action of a kind is also the first of that act, shape and transition: once is enough.
fn is_told_already(feature: Feature, assessment: &Assessment) -> bool {
    let is_new = |feature| assessment.measured.detail(feature) == NEW;
    match feature {
        Feature::Act => is_new(Feature::Kind),
        Feature::Shape | Feature::Transition => is_new(Feature::Act) || is_new(Feature::Kind),
        _ => false,
    }
}

fn words(feature: Feature, assessment: &Assessment, seen: &Observation) -> String {
    let detail = assessment.measured.detail(feature);
    let (kind, target) = (seen.action_type, seen.target.as_str());
    match feature {
        Feature::Kind if detail == NEW => format!("first {kind} of this agent"),
        Feature::Kind => format!("{kind} is rare for this agent"),
        Feature::Act if detail == NEW => format!("first {kind} of `{target}` by this agent"),
        Feature::Act if detail == TRIAL => format!("`{target}` is new for this agent"),
        Feature::Act => format!("`{target}` is rare for this agent"),
        Feature::Transition if detail == NEW => {
            format!("`{target}` never followed what this agent did before it")
        }
        Feature::Transition => format!("`{target}` seldom follows what this agent did before it"),
        Feature::Shape if detail == NEW => format!("parameters of `{target}` named or typed as never before"),
        Feature::Shape => format!("parameters of `{target}` rarely named or typed so"),
        Feature::Place => place(seen.places.get(assessment.measured.place), detail),
        Feature::Size => format!("{} its usual size", times(detail)),
        Feature::Count => format!("{} its usual number of values", times(detail)),
        Feature::Amount => format!("greatest number {} the usual", times(detail)),
        Feature::Marks => format!("{} its usual punctuation", times(detail)),
        Feature::Unasked => "more places than usual that its goal does not name".to_owned(),
        Feature::Strange => format!("{} its usual words that its goal does not have", times(detail)),
        Feature::Rate => format!("{} its usual rate", times(detail)),
        Feature::Hour if detail == NEW => "first action at this hour of the week".to_owned(),
        Feature::Hour => "rarely active at this hour of the week".to_owned(),
        Feature::Denials => format!("{:.0} % of its last actions were refused", 100.0 * detail),
    }
}

fn place(place: Option<&Place>, detail: f32) -> String {
    let Some(place) = place else { return "unusual place".to_owned() };
    let (kind, text) = (place.kind.as_str(), place.text.as_str());
    match detail {
        NEW => format!("first time with the {kind} `{text}`"),
        TRIAL => format!("the {kind} `{text}` is new for this agent"),
        _ => format!("the {kind} `{text}` is rare for this agent"),
    }
}

/// Doublings as a factor: `14×`, `1/3 of`.
fn times(doublings: f32) -> String {
    let factor = super::arithmetic::exp2(f64::from(doublings.abs()));
    match (doublings < 0.0, factor < 10.0) {
        (true, _) => format!("1/{factor:.0} of"),
        (false, true) => format!("{factor:.1}×"),
        (false, false) => format!("{factor:.0}×"),
    }
}
