//! Text as a policy file: formatted without a panic, without another meaning, and the same when formatted again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use maais_core::diagnostic::Source;
use maais_core::document::format::{Formatted, format};

fuzz_target!(|text: &str| {
    if let Ok(Formatted::Text(once)) = format(&Source::new("fuzz.yaml", text)) {
        let again = format(&Source::new("fuzz.yaml", once.as_str()));
        assert_eq!(again, Ok(Formatted::Text(once)));
    }
});
