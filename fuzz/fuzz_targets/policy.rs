//! Text as policies: loaded or refused with places that can be shown, never a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use maais_core::diagnostic::Source;
use maais_core::policy;

fuzz_target!(|text: &str| {
    let source = Source::new("fuzz.yaml", text);
    match policy::load(&[source]) {
        Ok(loaded) => drop(loaded.warnings.to_string()),
        Err(problems) => {
            assert!(problems.has_errors());
            drop(problems.to_string());
        }
    }
});
