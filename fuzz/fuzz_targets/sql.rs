//! Text as SQL: bounded, never a panic, never out of stack.
#![no_main]

use libfuzzer_sys::fuzz_target;
use maais_core::view::sql::{self, STATEMENTS_MAX, SqlOutcome};

fuzz_target!(|text: &str| {
    if let SqlOutcome::Parsed(view) = sql::view(text) {
        assert!((1..=STATEMENTS_MAX).contains(&view.statements.len()));
        assert!(view.statements.iter().all(|statement| !statement.kind.is_empty()));
    }
    let _ = sql::looks_like_sql(text);
});
