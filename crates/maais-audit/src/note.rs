//! Signed notes (C2SP `signed-note`) with Ed25519, and the checkpoints (C2SP `tlog-checkpoint`) that are
//! made of them: what any transparency-log tool can check.
//!
//! Text in, text out: which key is the right one, and whether the root is, is for others to say.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};

use crate::leaf::to_hex;
use crate::tree::RootHash;

/// Ed25519, in C2SP's list of algorithms.
const ED25519: u8 = 1;

/// The longest note that is looked at.
const NOTE_BYTES_MAX: usize = 16 * 1024;

/// Why a text is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// It is no public key `name+hash+key`.
    #[error("`{text}` is no verifier key: `name+hash+base64` is")]
    Key {
        /// The text.
        text: String,
    },
    /// It is no signed note, or no checkpoint.
    #[error("not a signed checkpoint: {why}")]
    Form {
        /// What is wrong.
        why: &'static str,
    },
    /// No signature in it is that of the key.
    #[error("it is not signed by `{key}`")]
    Unsigned {
        /// The key, `name+hash+key`.
        key: String,
    },
}

/// A public key: `name+hash+base64`, as other tools take it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vkey {
    name: String,
    key: VerifyingKey,
}

impl Vkey {
    /// The key's name, which is the log's.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The public key itself.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }

    fn id(&self) -> [u8; 4] {
        key_id(&self.name, ED25519, self.key.as_bytes())
    }
}

/// The first four bytes of SHA-256(name ‖ newline ‖ algorithm ‖ key).
pub(crate) fn key_id(name: &str, algorithm: u8, key: &[u8; 32]) -> [u8; 4] {
    let hasher = Sha256::new().chain_update(name).chain_update([b'\n', algorithm]);
    let digest: [u8; 32] = hasher.chain_update(key).finalize().into();
    let [a, b, c, d, ..] = digest;
    [a, b, c, d]
}

/// A key of 32 bytes as C2SP spells keys: `name+hash+base64(algorithm ‖ bytes)`.
///
/// The hash is always that of the public half, which is `key` unless this is the text of a secret.
pub(crate) fn key_text(name: &str, algorithm: u8, key: &[u8; 32], bytes: &[u8; 32]) -> String {
    let id = to_hex(&key_id(name, algorithm, key));
    format!("{name}+{id}+{}", BASE64.encode([&[algorithm], bytes.as_slice()].concat()))
}

/// The name and the bytes in such a text; whether its hash is right is not looked at.
pub(crate) fn parse_key(text: &str, algorithm: u8) -> Option<(&str, [u8; 32])> {
    let (name, rest) = text.split_once('+')?;
    let (_, key) = rest.split_once('+')?;
    let key = BASE64.decode(key).ok()?;
    Some((name, key.strip_prefix(&[algorithm])?.try_into().ok()?)).filter(|(name, _)| is_name(name))
}

impl fmt::Display for Vkey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&key_text(&self.name, ED25519, self.key.as_bytes(), self.key.as_bytes()))
    }
}

impl FromStr for Vkey {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        let parse = || {
            let (name, key) = parse_key(text, ED25519)?;
            Some(Self { name: name.to_owned(), key: VerifyingKey::from_bytes(&key).ok()? })
        };
        let vkey = parse().filter(|vkey| vkey.to_string() == text);
        vkey.ok_or_else(|| NoteError::Key { text: text.chars().take(300).collect() })
    }
}

pub(crate) fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c == '+')
}

/// A private key and its name.
pub(crate) struct Skey {
    vkey: Vkey,
    key: SigningKey,
}

/// Shows the public half only.
impl fmt::Debug for Skey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Skey({})", self.vkey)
    }
}

impl Skey {
    pub(crate) fn new(name: &str, seed: &[u8; 32]) -> Self {
        let key = SigningKey::from_bytes(seed);
        Self { vkey: Vkey { name: name.to_owned(), key: key.verifying_key() }, key }
    }

    pub(crate) fn vkey(&self) -> &Vkey {
        &self.vkey
    }

    /// The signed note over `text`, which ends with a newline.
    pub(crate) fn sign(&self, text: &str) -> String {
        let signature = self.key.sign(text.as_bytes()).to_bytes();
        format!("{text}\n{}", signature_line(&self.vkey.name, self.vkey.id(), &signature))
    }
}

/// What a log was at some size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log.
    pub origin: String,
    /// How many records.
    pub size: u64,
    /// The root of the tree over them.
    pub root: RootHash,
    /// Further lines.
    pub extensions: Vec<String>,
}

impl Checkpoint {
    /// The text that is signed.
    pub(crate) fn text(&self) -> String {
        let mut text = format!("{}\n{}\n{}\n", self.origin, self.size, self.root);
        for line in &self.extensions {
            text.push_str(line);
            text.push('\n');
        }
        text
    }

    /// Reads a signed checkpoint without checking who signed it.
    pub fn parse(note: &str) -> Result<Self, NoteError> {
        let (text, _) = split(note)?;
        let mut lines = text.lines();
        let mut line = |why| lines.next().filter(|line| !line.is_empty()).ok_or(NoteError::Form { why });
        let origin = line("there is no origin")?.to_owned();
        let size = line("there is no size")?;
        let root = line("there is no root")?;
        let size_number = size.parse().ok().filter(|number: &u64| number.to_string() == size);
        let size = size_number.ok_or(NoteError::Form { why: "the size is no number" })?;
        let bytes = BASE64.decode(root).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        let root = bytes.ok_or(NoteError::Form { why: "the root is no hash" })?.into();
        Ok(Self { origin, size, root, extensions: lines.map(str::to_owned).collect() })
    }

    /// Reads a signed checkpoint, and checks that `key` signed it.
    pub fn open(note: &str, key: &Vkey) -> Result<Self, NoteError> {
        let (text, signatures) = split(note)?;
        let is_ours = |line: &str| {
            let bytes = signature_of(line, &key.name, key.id())?;
            let signature = Signature::from_slice(&bytes).ok()?;
            key.key.verify_strict(text.as_bytes(), &signature).ok()
        };
        match signatures.lines().any(|line| is_ours(line).is_some()) {
            true => Self::parse(note),
            false => Err(NoteError::Unsigned { key: key.to_string() }),
        }
    }
}

/// A signature line with its newline.
pub(crate) fn signature_line(name: &str, id: [u8; 4], signature: &[u8]) -> String {
    format!("\u{2014} {name} {}\n", BASE64.encode([id.as_slice(), signature].concat()))
}

/// What stands behind the key's id in a signature line, if the line names that key.
pub(crate) fn signature_of(line: &str, name: &str, id: [u8; 4]) -> Option<Vec<u8>> {
    let (named, signature) = line.strip_prefix("\u{2014} ")?.split_once(' ')?;
    let bytes = BASE64.decode(signature).ok()?;
    let (named_id, rest) = bytes.split_first_chunk::<4>()?;
    (named == name && *named_id == id).then(|| rest.to_vec())
}

/// The text with its last newline, and the signature lines.
pub(crate) fn split(note: &str) -> Result<(&str, &str), NoteError> {
    if note.len() > NOTE_BYTES_MAX {
        return Err(NoteError::Form { why: "it is too long" });
    }
    if note.contains(|c: char| c.is_control() && c != '\n') || !note.ends_with('\n') {
        return Err(NoteError::Form { why: "it holds control characters, or has no end" });
    }
    let at = note.rfind("\n\n").ok_or(NoteError::Form { why: "it has no signatures" })?;
    let (text, signatures) = note.split_at(at + 1);
    let signatures = signatures.strip_prefix('\n').unwrap_or_default();
    match !signatures.is_empty() && signatures.lines().all(|line| line.starts_with("\u{2014} ")) {
        true => Ok((text, signatures)),
        false => Err(NoteError::Form { why: "a signature line is none" }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn checkpoint(extensions: &[&str]) -> Checkpoint {
        Checkpoint {
            origin: "maais/1".to_owned(),
            size: 7,
            root: [5; 32].into(),
            extensions: extensions.iter().map(|line| (*line).to_owned()).collect(),
        }
    }

    fn key() -> Skey {
        Skey::new("maais/1", &[9; 32])
    }

    #[test]
    fn a_signed_checkpoint_reads_back() {
        for extensions in [&[][..], &["key maais/1+x"], &["a", "b"]] {
            let checkpoint = checkpoint(extensions);
            let note = key().sign(&checkpoint.text());
            assert_eq!(Checkpoint::open(&note, key().vkey()), Ok(checkpoint));
        }
    }

    #[test]
    fn every_flipped_byte_of_a_checkpoint_is_caught() {
        let note = key().sign(&checkpoint(&[]).text());
        for at in 0..note.len() {
            let mut bad = note.clone().into_bytes();
            bad[at] ^= 1;
            let Ok(bad) = String::from_utf8(bad) else { continue };
            assert!(Checkpoint::open(&bad, key().vkey()).is_err(), "byte {at}");
        }
    }

    #[test]
    fn another_key_of_the_same_name_is_not_the_key() {
        let note = Skey::new("maais/1", &[8; 32]).sign(&checkpoint(&[]).text());
        assert!(matches!(Checkpoint::open(&note, key().vkey()), Err(NoteError::Unsigned { .. })));
    }

    #[test]
    fn further_signatures_do_no_harm() {
        let note = key().sign(&checkpoint(&[]).text());
        let witness = Skey::new("witness.example", &[1; 32]).sign(&checkpoint(&[]).text());
        let line = witness.lines().last().unwrap();
        let cosigned = format!("{note}{line}\n");
        assert!(Checkpoint::open(&cosigned, key().vkey()).is_ok());
    }

    #[test]
    fn a_key_reads_back_from_its_text_and_from_no_other() {
        let text = key().vkey().to_string();
        assert_eq!(text.parse::<Vkey>().unwrap(), *key().vkey());
        for wrong in ["", "maais/1", "a+b+c", &text.replace("maais/1", "maais/2"), &text[..text.len() - 4]] {
            assert!(wrong.parse::<Vkey>().is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "(\\PC|\n|\u{2014} ){0,80}") {
            let _ = Checkpoint::open(&text, key().vkey());
            let _ = text.parse::<Vkey>();
        }
    }
}
