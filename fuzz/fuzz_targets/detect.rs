//! Text with sensitive data: every hit lies in the text, on character boundaries, in order and without
//! overlaps; what a mask leaves holds no key; a tenant's entries are found in any company.
#![no_main]

use libfuzzer_sys::fuzz_target;
use maais_core::detect::terms::{Term, Terms, Wording, hashed, scan_with_terms};
use maais_core::detect::{self, Hit};

fn check(text: &str, hits: &[Hit]) {
    assert!(hits.len() <= detect::HITS_MAX);
    for hit in hits {
        assert!(hit.start < hit.end && text.get(hit.start..hit.end).is_some(), "{hit:?}");
    }
    assert!(hits.windows(2).all(|pair| pair[0].end <= pair[1].start), "{hits:?}");
}

fuzz_target!(|text: &str| {
    let (name, value) = text.split_once('=').unwrap_or(("", text));
    check(value, &detect::scan_named(name, value));
    check(value, &detect::identifiers(value));
    let masked = detect::mask(value);
    assert!(masked.len() <= value.len() * 8 + 64);
    let term = |wording| Term { list: "l".into(), wording, canary: false, severity: None };
    let word: String = name.chars().filter(|c| c.is_alphanumeric()).take(12).collect();
    let entries = [term(Wording::Plain(word.clone())), term(Wording::Hashed(hashed(b"s", &word)))];
    for entry in entries {
        if let Ok(terms) = Terms::compile(&[entry], b"s") {
            check(value, &scan_with_terms(name, value, &terms));
            assert!(!terms.scan(&format!("{value} {word} {value}")).is_empty() || value.len() > 1 << 18);
        }
    }
});
