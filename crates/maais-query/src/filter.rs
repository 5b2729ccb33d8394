//! Which records are asked for. Every condition that is given must hold.

use jiff::{SignedDuration, Timestamp};
use maais_audit::Kind;

use crate::record::Event;
use crate::words;

/// A question. An empty one asks for everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Not earlier.
    pub since: Option<Timestamp>,
    /// Earlier than this.
    pub until: Option<Timestamp>,
    /// One of these kinds of record; none: any.
    pub kinds: Vec<Kind>,
    /// This tenant.
    pub tenant: Option<String>,
    /// This session.
    pub session: Option<String>,
    /// This agent.
    pub agent: Option<String>,
    /// This kind of action.
    pub action_type: Option<String>,
    /// This target.
    pub target: Option<String>,
    /// This effect: `ALLOW`, `DENY` or `REQUIRE_APPROVAL`.
    pub effect: Option<String>,
    /// This policy or check decided, or found something.
    pub policy: Option<String>,
    /// A finding names this attack, or a sub-technique of it, in any case.
    pub attack: Option<String>,
    /// All words of this text are in the reason, the goal or the target.
    pub text: Option<String>,
}

impl Filter {
    /// Whether the record is asked for.
    pub fn matches(&self, event: &Event<'_>) -> bool {
        self.has_time(event) && self.has_fields(event) && self.has_words(event)
    }

    pub(crate) fn has_time(&self, event: &Event<'_>) -> bool {
        self.since.is_none_or(|since| event.time >= since)
            && self.until.is_none_or(|until| event.time < until)
    }

    pub(crate) fn has_fields(&self, event: &Event<'_>) -> bool {
        let is = |wanted: &Option<String>, found: &str| wanted.as_deref().is_none_or(|w| w == found);
        (self.kinds.is_empty() || self.kinds.contains(&event.kind))
            && is(&self.tenant, &event.tenant)
            && is(&self.session, &event.session)
            && is(&self.agent, &event.agent)
            && is(&self.action_type, &event.action_type)
            && is(&self.target, &event.target)
            && is(&self.effect, &event.effect)
            && self.policy.as_deref().is_none_or(|policy| {
                event.policy == policy || event.findings.iter().any(|finding| finding == policy)
            })
            && self.attack.as_deref().is_none_or(|wanted| {
                event
                    .attacks
                    .iter()
                    .any(|attack| families(attack).any(|one| one.eq_ignore_ascii_case(wanted)))
            })
    }

    pub(crate) fn has_words(&self, event: &Event<'_>) -> bool {
        let Some(text) = &self.text else {
            return true;
        };
        let mut missing = words::of(text);
        for text in event.texts() {
            words::each(text, |word| missing.retain(|one| one != word));
        }
        missing.is_empty()
    }
}

/// An attack's id and what it belongs to: `T1059.004` and `T1059`; `LLM06:2025` and `LLM06`.
pub(crate) fn families(id: &str) -> impl Iterator<Item = &str> {
    // The second dot of an ATLAS id (`AML.T0051.000`), the first of any other.
    let skip = usize::from(id.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("AML.")));
    let end = id.match_indices(['.', ':']).nth(skip).map(|(end, _)| end);
    std::iter::once(id).chain(end.and_then(|end| id.get(..end)))
}

/// Text that is no time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is no time; write `2026-11-23T14:00:00Z`, `2026-11-23` (UTC), or how long ago: `30m`, `2h`, `3d`, `1w`"
)]
pub struct NoTime {
    text: String,
}

/// Reads a time: RFC 3339, a date (its first moment, in UTC), or how long before `now`.
///
/// # Errors
/// When it is none of these.
pub fn parse_time(text: &str, now: Timestamp) -> Result<Timestamp, NoTime> {
    let day = || text.parse::<jiff::civil::Date>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok();
    let ago = || {
        let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let seconds = match text.get(number.len()..)? {
            "s" => 1,
            "m" => 60,
            "h" => 3_600,
            "d" => 86_400,
            "w" => 604_800,
            _ => return None,
        };
        let digits = number.bytes().all(|byte| byte.is_ascii_digit());
        let count: i64 = number.parse().ok().filter(|_| digits)?;
        now.checked_sub(SignedDuration::from_secs(count.checked_mul(seconds)?)).ok()
    };
    let time = text.parse().ok().or_else(|| day().map(|day| day.timestamp())).or_else(ago);
    time.ok_or_else(|| NoTime { text: text.chars().take(80).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_in_full_as_a_date_or_as_how_long_ago() {
        let now: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
        let parsed = |text| parse_time(text, now).map(|time| time.to_string());
        assert_eq!(parsed("2026-11-23T14:00:00+02:00").unwrap(), "2026-11-23T12:00:00Z");
        assert_eq!(parsed("2026-11-22").unwrap(), "2026-11-22T00:00:00Z");
        assert_eq!(parsed("2h").unwrap(), "2026-11-23T10:00:00Z");
        assert_eq!(parsed("3d").unwrap(), "2026-11-20T12:00:00Z");
        for wrong in ["", "h", "-2h", "2y", "+2h", "99999999999999999999w", "9223372036854775807w", "ä"] {
            assert!(parsed(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_attack_belongs_to_its_technique() {
        let of = |id| families(id).collect::<Vec<_>>();
        assert_eq!(of("T1059.004"), ["T1059.004", "T1059"]);
        assert_eq!(of("AML.T0051"), ["AML.T0051"]);
        assert_eq!(of("AML.T0051.000"), ["AML.T0051.000", "AML.T0051"]);
        assert_eq!(of("LLM06:2025"), ["LLM06:2025", "LLM06"]);
        assert_eq!(of("é"), ["é"]);
    }
}
