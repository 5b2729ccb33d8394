//! Bytes as a line of the log: what is written canonically is read and written again the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use maais_audit::canonical;

fuzz_target!(|bytes: &[u8]| {
    let Ok(value) = serde_json::from_slice::<serde_json::Value>(bytes) else { return };
    let mut first = Vec::new();
    canonical::write(&value, &mut first);
    let read = canonical::read(&first).expect("what was written can be read");
    let mut second = Vec::new();
    canonical::write(&read, &mut second);
    assert_eq!(first, second);
});
