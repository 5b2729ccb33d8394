//! Text as a key, a signed note, a checkpoint, a proof or an extract: read or refused, never a panic; what is read is
//! written the same again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use maais_audit::{Checkpoint, LeafHash, Proof, Vkey, verify_extract};

fuzz_target!(|text: &str| {
    if let Ok(vkey) = text.parse::<Vkey>() {
        assert_eq!(vkey.to_string().parse::<Vkey>().as_ref(), Ok(&vkey));
    }
    let _ = Checkpoint::parse(text);
    let _ = text.parse::<LeafHash>();
    if let Ok(proof) = Proof::parse(text) {
        assert_eq!(Proof::parse(&proof.to_string()).as_ref(), Ok(&proof));
        let key = "maais/1+00eb6fd2+ASnzDv2l+4qnl7isqlsby2RKajiuNM0Ori/HeQWyEQj/".parse::<Vkey>();
        assert!(key.is_err() || proof.check(b"{}", &key.expect("a key")).is_err(), "nobody signed this");
    }
    assert!(verify_extract(&mut text.as_bytes(), None).is_err(), "nobody signed this");
});
