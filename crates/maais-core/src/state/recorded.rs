//! The state of a decision, read back from its record.
//!
//! Not trusted: the record. What it names and the policies do not have is told, not guessed.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{AVAILABILITY, Exceeded, Limit, State, TRACKED};
use crate::flow::Flow;
use crate::policy::{PolicySet, Tri};
use crate::standing::Standing;

/// A state that was recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct Recalled {
    /// As far as these policies ask.
    pub state: State,
    /// Limits and questions about the past that the record names, and these policies do not have.
    pub unknown: Vec<String>,
}

/// Why something in a record is no state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`state.{field}` is not as the engine writes it")]
pub struct NoState {
    field: &'static str,
}

impl State {
    /// The state that [`State::to_json`] wrote, of a decision at `now` for `tenant`.
    ///
    /// # Errors
    /// Names what does not have the form in which it is written.
    pub fn from_json(
        recorded: &Value,
        policies: &PolicySet,
        now: Timestamp,
        tenant: &str,
    ) -> Result<Recalled, NoState> {
        let map = recorded.as_object().ok_or(NoState { field: "" })?;
        let mut unknown = Vec::new();
        let state = Self {
            now,
            tenant: tenant.to_owned(),
            roles: texts(map, "roles")?,
            labels: texts(map, "labels")?,
            history: history(map, policies, &mut unknown)?,
            forgotten: match map.get("forgotten") {
                None => false,
                Some(Value::Bool(forgotten)) => *forgotten,
                Some(_) => return Err(NoState { field: "forgotten" }),
            },
            exceeded: exceeded(map, policies, &mut unknown)?,
            standing: match map.get("standing") {
                None => Standing::default(),
                Some(standing) => Standing::from_json(standing).ok_or(NoState { field: "standing" })?,
            },
            flow: match map.get("flow") {
                None => Flow::default(),
                Some(flow) => Flow::from_json(flow).map_err(|_| NoState { field: "flow" })?,
            },
        };
        Ok(Recalled { state, unknown })
    }
}

/// The policy of a limit, and which of that policy's limits it is, where the name alone does not say so.
pub(super) fn name_of(policies: &PolicySet, number: usize) -> (&str, Option<usize>) {
    let limits = policies.limits();
    let Some(spec) = limits.get(number) else { return ("", None) };
    let before = limits.iter().take(number);
    let nth = before.filter(|other| other.policy_id == spec.policy_id).count();
    let is_taken = [AVAILABILITY, TRACKED].contains(&&*spec.policy_id);
    (&spec.policy_id, (nth > 0 || is_taken).then_some(nth))
}

fn texts(map: &Map<String, Value>, field: &'static str) -> Result<Vec<String>, NoState> {
    let Some(value) = map.get(field) else { return Ok(Vec::new()) };
    let items = value.as_array().ok_or(NoState { field })?;
    items.iter().map(|item| item.as_str().map(str::to_owned).ok_or(NoState { field })).collect()
}

fn history(
    map: &Map<String, Value>,
    policies: &PolicySet,
    unknown: &mut Vec<String>,
) -> Result<Vec<(usize, Tri)>, NoState> {
    let wrong = NoState { field: "history" };
    let Some(value) = map.get("history") else { return Ok(Vec::new()) };
    let mut answers = Vec::new();
    for (question, answer) in value.as_object().ok_or(wrong.clone())? {
        let known = [Tri::True, Tri::Unknown, Tri::False];
        let answer = known.into_iter().find(|known| answer.as_str() == Some(known.as_str()));
        let answer = answer.ok_or(wrong.clone())?;
        let number = match question.strip_prefix('#') {
            Some(number) => number.parse().ok().filter(|number| *number < policies.histories().len()),
            None => policies.histories().iter().position(|spec| spec.is_named(question)),
        };
        match number {
            Some(number) => answers.push((number, answer)),
            None => unknown.push(question.clone()),
        }
    }
    answers.sort_unstable_by_key(|(number, _)| *number);
    Ok(answers)
}

fn exceeded(
    map: &Map<String, Value>,
    policies: &PolicySet,
    unknown: &mut Vec<String>,
) -> Result<Vec<Exceeded>, NoState> {
    const WRONG: NoState = NoState { field: "exceeded" };
    let mut exceeded = Vec::new();
    for told in map.get("exceeded").and_then(Value::as_array).ok_or(WRONG)? {
        let whole = |field| told.get(field).and_then(Value::as_u64).ok_or(WRONG);
        let name = told.get("limit").and_then(Value::as_str).ok_or(WRONG)?;
        let nth = told.get("nth").map(|nth| nth.as_u64().ok_or(WRONG)).transpose()?;
        let Some(limit) = limit(policies, name, nth) else {
            unknown.push(name.to_owned());
            continue;
        };
        exceeded.push(Exceeded {
            limit,
            seen: thousandths(told.get("seen")).ok_or(WRONG)?,
            max: thousandths(told.get("max")).ok_or(WRONG)?,
            window_seconds: u32::try_from(whole("window_seconds")?).map_err(|_| WRONG)?,
            retry_after_ms: whole("retry_after_ms")?,
        });
    }
    Ok(exceeded)
}

fn limit(policies: &PolicySet, name: &str, nth: Option<u64>) -> Option<Limit> {
    match (name, nth) {
        (AVAILABILITY, None) => Some(Limit::Availability),
        (TRACKED, None) => Some(Limit::Tracked),
        _ => {
            let nth = usize::try_from(nth.unwrap_or(0)).ok()?;
            let mut own = policies.limits().iter().enumerate().filter(|(_, spec)| *spec.policy_id == *name);
            own.nth(nth).map(|(number, _)| Limit::Policy(number))
        }
    }
}

/// The inverse of how people see it: exact where it is whole.
fn thousandths(value: Option<&Value>) -> Option<u64> {
    let value = value?;
    if let Some(whole) = value.as_u64() {
        return whole.checked_mul(1_000);
    }
    let real = value.as_f64().filter(|real| *real >= 0.0)?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked; no decision depends on it"
    )]
    Some((real * 1_000.0).round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Source;
    use crate::policy;
    use crate::standing::Refusal;

    const POLICIES: &str = "policies:
  - id: twice
    applies_to: '*'
    condition: {or: [{limit: {max: 1, within: 1m}}, {limit: {max: 2, within: 1h}}]}
    decision: DENY
    reason: too much
  - {id: past, applies_to: '*', condition: {after: {target: x}}, decision: DENY, reason: past}
  - {id: past2, applies_to: '*', condition: {after: {target: y}}, decision: DENY, reason: past}
";

    fn policies(text: &str) -> PolicySet {
        policy::load(&[Source::new("p.yaml", text)])
            .map_err(|problems| problems.to_string())
            .unwrap()
            .policies
    }

    fn state() -> State {
        let over = |limit, seen| Exceeded { limit, seen, max: 2_000, window_seconds: 60, retry_after_ms: 5 };
        State {
            roles: vec!["admin".into()],
            labels: vec!["seen".into()],
            history: vec![(0, Tri::Unknown), (1, Tri::True)],
            forgotten: true,
            exceeded: vec![
                over(Limit::Policy(1), 2_500),
                over(Limit::Availability, 100_000),
                over(Limit::Tracked, 0),
            ],
            standing: Standing {
                owner: Some("team".into()),
                refusals: vec![Refusal::Suspended],
                approval: Some("a-1".into()),
            },
            ..State::default()
        }
    }

    #[test]
    fn what_was_written_reads_back() {
        let policies = policies(POLICIES);
        let written = state().to_json(&policies);
        let read = State::from_json(&written, &policies, Timestamp::UNIX_EPOCH, "default").unwrap();
        assert_eq!(read, Recalled { state: state(), unknown: Vec::new() });
        assert_eq!(written["exceeded"][0]["nth"], 1);
    }

    #[test]
    fn what_other_policies_asked_is_told() {
        let written = state().to_json(&policies(POLICIES));
        let other =
            policies("policies: [{id: x, applies_to: '*', condition: {}, decision: DENY, reason: r}]");
        let read = State::from_json(&written, &other, Timestamp::UNIX_EPOCH, "default").unwrap();
        assert_eq!((read.unknown.len(), read.state.exceeded.len()), (3, 2));
    }

    #[test]
    fn questions_too_long_for_a_record_stand_there_by_number() {
        let name = "x".repeat(3_000);
        let text = POLICIES
            .replace("target: x", &format!("target: {name}"))
            .replace("target: y", &format!("target: y{name}"));
        let policies = policies(&text);
        let written = state().to_json(&policies);
        assert!(written["history"].get("#1").is_some(), "{written}");
        let read = State::from_json(&written, &policies, Timestamp::UNIX_EPOCH, "default").unwrap();
        assert_eq!(read.state, state());
    }

    #[test]
    fn what_no_engine_writes_is_refused() {
        let policies = policies(POLICIES);
        for text in [
            "[]",
            "{}",
            r#"{"exceeded":[1]}"#,
            r#"{"exceeded":[],"roles":"admin"}"#,
            r#"{"exceeded":[],"history":{"x":true}}"#,
            r#"{"exceeded":[],"forgotten":"no"}"#,
            r#"{"exceeded":[],"standing":{"refusals":["none"]}}"#,
        ] {
            let value: Value = serde_json::from_str(text).unwrap();
            assert!(State::from_json(&value, &policies, Timestamp::UNIX_EPOCH, "t").is_err(), "{text}");
        }
    }
}
