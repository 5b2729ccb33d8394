//! Text with sensitive data: every hit lies in the text, on character boundaries, without overlaps.
#![no_main]

use libfuzzer_sys::fuzz_target;
use maais_core::detect;

fuzz_target!(|text: &str| {
    let (name, value) = text.split_once('=').unwrap_or(("", text));
    let hits = detect::scan_named(name, value);
    for hit in &hits {
        assert!(value.get(hit.start..hit.end).is_some(), "{hit:?}");
    }
    let masked = detect::mask(value);
    let _ = masked.len();
});
