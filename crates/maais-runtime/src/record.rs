//! What of an action and its decision goes into the log: everything but sensitive and oversized values,
//! which are sealed.
//!
//! Nothing is decided here, and nothing is left out: a sealed value leaves its commitment in its place.

pub(crate) mod floats;

use std::io;

use maais_audit::SealedValue;
use maais_audit::seal::seal;
use maais_core::attempt::Malformed;
use maais_core::decision::Decision;
use maais_core::detect::names_a_secret;
use maais_core::facts::Facts;
use maais_core::policy::PolicySet;
use maais_core::state::State;
use serde_json::{Map, Value};

use crate::sessions::Counts;

/// Bytes of one value as JSON beyond which it is sealed to keep records small.
const VALUE_BYTES_MAX: usize = 2 * 1024;
/// Bytes of the request as JSON beyond which its larger parts are sealed whole, so that a record always
/// fits in the 32 KiB of a log line.
const REQUEST_BYTES_MAX: usize = 12 * 1024;

/// A record's body and what is sealed in it.
pub(crate) struct Body {
    pub(crate) map: Map<String, Value>,
    pub(crate) sealed: Vec<SealedValue>,
}

/// A sealed value and where it stood.
type Closed = (String, SealedValue);

/// The record of a decision on a request.
pub(crate) fn of_request(
    facts: &Facts<'_>,
    state: &State,
    session: Option<Counts>,
    policies: &PolicySet,
    decision: &Decision,
) -> io::Result<Body> {
    let mut request = Value::Object(facts.request().to_json());
    let floats = floats::of(&request);
    let mut sealed = Vec::new();
    for place in outermost(places_to_seal(facts)) {
        seal_at(&mut request, &place, &mut sealed)?;
    }
    if size(&request) > REQUEST_BYTES_MAX {
        seal_oversized(&mut request, facts, &mut sealed)?;
    }
    let mut state = state.to_json(policies);
    if let (Some(session), Value::Object(map)) = (session, &mut state) {
        map.insert("session".into(), session.to_json());
    }
    let mut map = body(decision);
    if let Some(mut floats) = floats {
        // Places are made of names, which may be what was sealed.
        if !sealed.is_empty() || size(&floats) > VALUE_BYTES_MAX {
            seal_at(&mut floats, "", &mut sealed)?;
        }
        map.insert("floats".into(), floats);
    }
    map.insert("request".into(), request);
    map.insert("state".into(), state);
    Ok(Body { map, sealed: sealed.into_iter().map(|(_, closed)| closed).collect() })
}

/// The action for people who decide on it: what is secret is left out, and what is large.
pub(crate) fn without_secrets(facts: &Facts<'_>) -> Value {
    let mut request = Value::Object(facts.request().to_json());
    for place in outermost(places_to_seal(facts)) {
        if let Some(value) = request.pointer_mut(&place) {
            *value = "(secret)".into();
        }
    }
    if size(&request) > REQUEST_BYTES_MAX {
        for part in ["/parameters", "/context", "/declared_goal"] {
            if let Some(value) = request.pointer_mut(part) {
                *value = "(too large to show)".into();
            }
        }
    }
    request
}

/// The record of what should have been a request.
pub(crate) fn of_malformed(malformed: &Malformed, decision: &Decision) -> Body {
    let mut attempt = malformed.claims.clone();
    attempt.insert("error".into(), malformed.error.to_string().into());
    let mut map = body(decision);
    map.insert("attempt".into(), Value::Object(attempt));
    Body { map, sealed: Vec::new() }
}

fn body(decision: &Decision) -> Map<String, Value> {
    let mut map = Map::new();
    map.insert("decision".into(), Value::Object(decision.to_json()));
    map
}

/// What a detector marks, and whatever stands under a name that says it is secret.
fn places_to_seal(facts: &Facts<'_>) -> Vec<String> {
    let marked = facts.sensitive().iter().filter(|fact| fact.is_strong()).map(|fact| fact.place.clone());
    let named = facts.leaves().iter().filter(|leaf| !leaf.text.is_empty() && names_a_secret(leaf.name));
    marked.chain(named.map(|leaf| facts.place(leaf))).collect()
}

/// Places that lie within none of the others: sealing the outer one seals the inner one.
fn outermost(mut places: Vec<String>) -> Vec<String> {
    places.sort_unstable();
    let mut kept: Vec<String> = Vec::new();
    for place in places {
        if !kept.iter().any(|outer| is_within(&place, outer)) {
            kept.push(place);
        }
    }
    kept
}

fn is_within(place: &str, outer: &str) -> bool {
    place.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn seal_at(request: &mut Value, place: &str, sealed: &mut Vec<Closed>) -> io::Result<()> {
    if let Some(value) = request.pointer_mut(place) {
        let closed = seal(value)?;
        *value = closed.marker();
        sealed.push((place.to_owned(), closed));
    }
    Ok(())
}

/// Seals what would make the record too long: large parameters, then, if that is not enough, everything
/// that the agent could make grow. What is sealed is the value itself: nobody could tell a marker within it
/// from what an agent wrote.
fn seal_oversized(request: &mut Value, facts: &Facts<'_>, sealed: &mut Vec<Closed>) -> io::Result<()> {
    let original = Value::Object(facts.request().to_json());
    for part in ["/parameters", "/context"] {
        let names: Vec<String> = match request.pointer(part) {
            Some(Value::Object(map)) => map
                .iter()
                .filter(|(_, value)| size(value) > VALUE_BYTES_MAX)
                .map(|(name, _)| name.clone())
                .collect(),
            _ => Vec::new(),
        };
        for name in names {
            let name = name.replace('~', "~0").replace('/', "~1");
            seal_whole(request, &original, &format!("{part}/{name}"), sealed)?;
        }
    }
    for part in ["/declared_goal", "/parameters", "/context", "/target"] {
        if size(request) > REQUEST_BYTES_MAX {
            seal_whole(request, &original, part, sealed)?;
        }
    }
    Ok(())
}

/// Seals a place as it was before anything within it was sealed.
fn seal_whole(
    request: &mut Value,
    original: &Value,
    place: &str,
    sealed: &mut Vec<Closed>,
) -> io::Result<()> {
    if let (Some(value), Some(original)) = (request.pointer_mut(place), original.pointer(place)) {
        original.clone_into(value);
        sealed.retain(|(inner, _)| !is_within(inner, place));
        seal_at(request, place, sealed)?;
    }
    Ok(())
}

fn size(value: &Value) -> usize {
    let mut counter = Counter(0);
    // Writing to a counter cannot fail.
    let _ = serde_json::to_writer(&mut counter, value);
    counter.0
}

struct Counter(usize);

impl io::Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inner_place_is_sealed_with_the_outer_one() {
        let places = ["/a/b", "/a", "/ab", "/a/b/c"].map(str::to_owned).to_vec();
        assert_eq!(outermost(places), ["/a", "/ab"]);
    }
}
