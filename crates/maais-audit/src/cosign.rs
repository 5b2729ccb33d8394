//! Cosignatures (C2SP `tlog-cosignature`, `cosignature/v1`): a witness says of a checkpoint that, at this time,
//! it is the largest it has seen of the log, and continues all that it has seen before.
//!
//! Text in, text out. Whether the checkpoint deserves it is for `witness` to say; whose cosignatures are
//! enough, for `quorum`. ML-DSA-44 cosignatures are not made and not counted.

use std::fmt;
use std::str::FromStr;

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};

use crate::note::{NoteError, is_name, key_id, key_text, parse_key, signature_line, signature_of, split};
use crate::seal::random;

/// Timestamped Ed25519 cosignatures, in C2SP's list of algorithms.
const COSIGNATURE_V1: u8 = 4;

/// What a private key's text begins with.
const PRIVATE: &str = "PRIVATE+KEY+";

/// The largest time that the format allows.
const TIME_MAX: u64 = i64::MAX as u64;

/// A witness's public key: `name+hash+base64` with algorithm 4.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CosignerVkey {
    name: String,
    key: VerifyingKey,
}

impl CosignerVkey {
    /// The witness's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The public key itself: two names for one key are one witness.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }

    fn id(&self) -> [u8; 4] {
        key_id(&self.name, COSIGNATURE_V1, self.key.as_bytes())
    }

    /// When this witness cosigned the note (seconds since 1970), the latest time if it did so more than once;
    /// `None` if it did not. A line that names the key and is not its signature counts as none.
    ///
    /// # Errors
    ///
    /// If the text is no signed note.
    pub fn cosigned(&self, note: &str) -> Result<Option<u64>, NoteError> {
        let (text, signatures) = split(note)?;
        let time_of = |line: &str| {
            let bytes = signature_of(line, &self.name, self.id())?;
            let (time, signature) = bytes.split_first_chunk::<8>()?;
            let time = u64::from_be_bytes(*time);
            let signature = Signature::from_slice(signature).ok()?;
            let message = message(time, text);
            let is_good = time <= TIME_MAX && self.key.verify_strict(message.as_bytes(), &signature).is_ok();
            is_good.then_some(time)
        };
        Ok(signatures.lines().filter_map(time_of).max())
    }
}

impl fmt::Display for CosignerVkey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&key_text(&self.name, COSIGNATURE_V1, self.key.as_bytes(), self.key.as_bytes()))
    }
}

impl FromStr for CosignerVkey {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        let parse = || {
            let (name, key) = parse_key(text, COSIGNATURE_V1)?;
            Some(Self { name: name.to_owned(), key: VerifyingKey::from_bytes(&key).ok()? })
        };
        let vkey = parse().filter(|vkey| vkey.to_string() == text);
        vkey.ok_or_else(|| NoteError::Key { text: text.chars().take(300).collect() })
    }
}

/// A witness's secret, and its name.
pub struct Cosigner {
    vkey: CosignerVkey,
    key: SigningKey,
}

/// Shows the public half only.
impl fmt::Debug for Cosigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cosigner({})", self.vkey)
    }
}

impl Cosigner {
    /// The key of this name that grows from these 32 secret bytes; nothing if the name is empty, or holds a
    /// space or a `+`.
    pub fn new(name: &str, seed: &[u8; 32]) -> Option<Self> {
        let key = SigningKey::from_bytes(seed);
        let vkey = CosignerVkey { name: name.to_owned(), key: key.verifying_key() };
        is_name(name).then_some(Self { vkey, key })
    }

    /// A new key. Without a name it is called after its own bytes: `maais-witness/<8 hex digits>`.
    ///
    /// # Errors
    ///
    /// If the system has no random bytes, or the name cannot be one.
    pub fn generate(name: Option<&str>) -> std::io::Result<Self> {
        let seed: [u8; 32] = random()?;
        let public = SigningKey::from_bytes(&seed).verifying_key();
        let [a, b, c, d, ..] = *public.as_bytes();
        let own = format!("maais-witness/{:08x}", u32::from_be_bytes([a, b, c, d]));
        let named = Self::new(name.unwrap_or(&own), &seed);
        named.ok_or_else(|| std::io::Error::other("a witness's name has no spaces and no `+`"))
    }

    /// The public half.
    pub fn vkey(&self) -> &CosignerVkey {
        &self.vkey
    }

    /// The secret as text: `PRIVATE+KEY+name+hash+base64`, as other tools keep it.
    pub fn to_secret(&self) -> String {
        let public = self.vkey.as_bytes();
        format!("{PRIVATE}{}", key_text(&self.vkey.name, COSIGNATURE_V1, public, self.key.as_bytes()))
    }

    /// Reads such a text, newline or not.
    ///
    /// # Errors
    ///
    /// If it is none. The error does not repeat the text.
    pub fn from_secret(text: &str) -> Result<Self, NoteError> {
        let text = text.trim_end();
        let key = text.strip_prefix(PRIVATE).and_then(|rest| parse_key(rest, COSIGNATURE_V1));
        let cosigner = key.and_then(|(name, seed)| Self::new(name, &seed));
        let cosigner = cosigner.filter(|cosigner| cosigner.to_secret() == text);
        cosigner.ok_or(NoteError::Form { why: "it is no private key `PRIVATE+KEY+name+hash+base64`" })
    }

    /// The signature line over this note's text at this time (seconds since 1970), with its newline.
    ///
    /// # Errors
    ///
    /// If the text is no signed note.
    pub fn cosign(&self, note: &str, time: u64) -> Result<String, NoteError> {
        let (text, _) = split(note)?;
        let time = time.min(TIME_MAX);
        let signature = self.key.sign(message(time, text).as_bytes()).to_bytes();
        let bytes = [time.to_be_bytes().as_slice(), &signature].concat();
        Ok(signature_line(&self.vkey.name, self.vkey.id(), &bytes))
    }
}

/// What is signed.
fn message(time: u64, text: &str) -> String {
    format!("cosignature/v1\ntime {time}\n{text}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOTE: &str = "o\n1\nAAAA\n\n\u{2014} o AAAAAAAA\n";

    fn cosigner(seed: u8) -> Cosigner {
        Cosigner::new("witness.example/w1", &[seed; 32]).unwrap()
    }

    #[test]
    fn a_cosignature_reads_back_with_its_time_and_for_its_key_only() {
        let line = cosigner(1).cosign(NOTE, 1_679_315_147).unwrap();
        let note = format!("{NOTE}{line}");
        assert_eq!(cosigner(1).vkey().cosigned(&note), Ok(Some(1_679_315_147)));
        assert_eq!(cosigner(2).vkey().cosigned(&note), Ok(None));
        assert_eq!(cosigner(1).vkey().cosigned(NOTE), Ok(None));
        let other = note.replacen("o\n1\n", "o\n2\n", 1);
        assert_eq!(cosigner(1).vkey().cosigned(&other), Ok(None), "it was of another checkpoint");
    }

    #[test]
    fn the_latest_of_several_cosignatures_counts() {
        let lines: String = [5, 9, 7].map(|time| cosigner(1).cosign(NOTE, time).unwrap()).concat();
        assert_eq!(cosigner(1).vkey().cosigned(&format!("{NOTE}{lines}")), Ok(Some(9)));
    }

    #[test]
    fn keys_read_back_from_their_texts_and_a_logs_key_is_no_witnesses() {
        let vkey = cosigner(1).vkey().to_string();
        assert_eq!(vkey.parse::<CosignerVkey>().unwrap(), *cosigner(1).vkey());
        assert!(vkey.parse::<crate::Vkey>().is_err());
        let secret = cosigner(1).to_secret();
        assert_eq!(Cosigner::from_secret(&format!("{secret}\n")).unwrap().vkey(), cosigner(1).vkey());
        assert!(Cosigner::from_secret(&vkey).is_err());
        assert!(Cosigner::from_secret(&secret.replace("w1", "w2")).is_err());
        assert!(!format!("{:?}", cosigner(1)).contains("PRIVATE"));
    }

    /// A checkpoint of a public Certificate Transparency log, cosigned by a public witness.
    const PUBLIC: &str = "arche2025h1.staging.ct.transparency.dev\n1432088532\n\
        U7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=\n\n\
        \u{2014} arche2025h1.staging.ct.transparency.dev ui8GwCF1+kWqZrxGdhj4aX3gcw7XUlXQQabg/27lefwhUkzbC3NygNI75Mdh\
        L1bfTW9g8Ei59RA23oHP7Ry1k3ZFWwQ=\n\
        \u{2014} remora.n621.de 2net5wAAAABqEiEgPlfF3V06o0Y+fHM+J5J9s27wgxxcOVSpZ/2g/KSiXCg9DEZI+aVCIobWX9sXTynk5XeU\
        /zZ0WBxtqB0DrAWfBw==\n";

    #[test]
    fn a_public_witnesses_cosignature_of_a_public_log_is_good() {
        let witness = "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2";
        let witness: CosignerVkey = witness.parse().unwrap();
        assert_eq!(witness.cosigned(PUBLIC), Ok(Some(0x6a12_2120)));
        assert_eq!(witness.cosigned(&PUBLIC.replacen("1432088532", "1432088533", 1)), Ok(None));
        let log =
            "arche2025h1.staging.ct.transparency.dev+ba2f06c0+AU0vHmlGCS/PdN8b2OaGmKprLI8HKM+dJ472xgFYh15f";
        assert_eq!(crate::Checkpoint::open(PUBLIC, &log.parse().unwrap()).unwrap().size, 1_432_088_532);
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "(\\PC|\n|\u{2014} |\\+){0,80}") {
            let _ = cosigner(1).vkey().cosigned(&text);
            let _ = text.parse::<CosignerVkey>();
            let _ = Cosigner::from_secret(&text);
        }
    }
}
