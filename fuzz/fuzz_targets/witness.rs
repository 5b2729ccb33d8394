//! Bytes as a witness policy, a cosigned note and a request to a witness: read without panic, printed the same.
#![no_main]

use std::sync::{Arc, OnceLock};

use libfuzzer_sys::fuzz_target;
use maais_audit::{Checkpoint, Cosigner, Refusal, Submission, Vkey, Witness, WitnessPolicy, storage::Disk};

const LOG: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

fn witness() -> &'static Witness {
    static WITNESS: OnceLock<Witness> = OnceLock::new();
    WITNESS.get_or_init(|| {
        let dir = std::env::temp_dir().join(format!("maais-fuzz-witness-{}", std::process::id()));
        let log: Vkey = LOG.parse().expect("the key of Go's documentation");
        let cosigner = Cosigner::new("fuzz", &[1; 32]).expect("a name");
        Witness::open(&dir, cosigner, &[log], Arc::new(Disk)).expect("a folder")
    })
}

fuzz_target!(|bytes: &[u8]| {
    if let Ok(policy) = WitnessPolicy::parse(bytes) {
        let all = policy.witnesses.iter().map(|witness| witness.name.as_str());
        assert!(policy.is_met(all), "all witnesses together are always enough");
    }
    let Ok(text) = str::from_utf8(bytes) else { return };
    let cosigner = witness().cosigner();
    let _ = cosigner.vkey().cosigned(text);
    let _ = Cosigner::from_secret(text);
    if let Ok(line) = cosigner.cosign(text, 7) {
        let cosigned = format!("{text}{line}");
        // A note that the signature makes too long is one no more.
        if Checkpoint::parse(text).is_ok() && cosigned.len() <= 16 * 1024 {
            assert!(cosigner.vkey().cosigned(&cosigned).is_ok_and(|time| time.is_some()));
        }
    }
    if let Ok(submission) = Submission::parse(text) {
        assert_eq!(submission.to_string(), text);
    }
    match witness().add_checkpoint(text, 7) {
        Err(Refusal::Storage { .. }) | Ok(_) => panic!("nobody here has the log's key"),
        Err(_) => {}
    }
});
