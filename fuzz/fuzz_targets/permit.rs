//! Text as a permit: never a panic, and nothing that the key did not sign is believed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use maais_runtime::permit;

fuzz_target!(|text: &str| {
    // The public key of the first test of RFC 8032; nobody here has a signature by it over a permit.
    let key = permit::parse_key("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo").expect("a key");
    assert!(permit::read(text, &key).is_err());
});
