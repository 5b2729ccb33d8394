//! Bytes as a request: read or refused, never a panic; what is read is written and read again the same, and
//! can be decided.
#![no_main]

use libfuzzer_sys::fuzz_target;
use maais_core::attempt::Attempt;
use maais_core::decide::decide;
use maais_core::facts::{Facts, NoMemo};
use maais_core::policy::PolicySet;
use maais_core::request::{ActionRequest, Defaults};
use maais_core::settings::Settings;
use maais_core::state::State;

fuzz_target!(|bytes: &[u8]| {
    let defaults = || Defaults { action_id: "id".into(), timestamp: jiff::Timestamp::UNIX_EPOCH };
    let Attempt::Valid(request) = Attempt::from_json(bytes, defaults()) else { return };
    let written = serde_json::Value::Object(request.to_json());
    let again = ActionRequest::from_value(written, defaults());
    assert_eq!(again.as_ref(), Ok(&*request));
    let facts = Facts::new(&request, &NoMemo);
    let decision = decide(&PolicySet::default(), &Settings::default(), &facts, &State::default());
    assert!(!decision.allow(), "no policy allows anything here");
});
