//! The hash of one record: SHA-256(0x00 ‖ line), RFC 6962's leaf hash, so that one hash serves the chain
//! and the Merkle tree.
//!
//! `(printf '\0'; printf '%s' "$line") | sha256sum` prints the same. Knows nothing of what a line says.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

/// A leaf hash; shown as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LeafHash([u8; 32]);

/// Text that is not 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no leaf hash: 64 lower-case hexadecimal digits are")]
pub struct NoLeafHash {
    text: String,
}

impl LeafHash {
    /// What the first record of a chain cites: no record.
    pub const ZERO: Self = Self([0; 32]);

    /// The leaf hash of a record line, given without its newline.
    ///
    /// ```
    /// // (printf '\0'; printf '%s' '{"a":1}') | sha256sum
    /// let leaf = maais_audit::LeafHash::of(br#"{"a":1}"#);
    /// assert_eq!(leaf.to_string(), "c7261463ebd776f4650b6d0fe942d9cc38c925d90f77d440ab6df8d5dd258c5f");
    /// ```
    pub fn of(line: &[u8]) -> Self {
        Self::of_parts(&[line])
    }

    /// The leaf hash of a line that is still in pieces.
    pub(crate) fn of_parts(parts: &[&[u8]]) -> Self {
        let mut hasher = Sha256::new();
        hasher.update([0]);
        for part in parts {
            hasher.update(part);
        }
        Self(hasher.finalize().into())
    }

    /// The hash itself.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<[u8; 32]> for LeafHash {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for LeafHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&to_hex(&self.0))
    }
}

impl fmt::Debug for LeafHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LeafHash({self})")
    }
}

impl FromStr for LeafHash {
    type Err = NoLeafHash;

    fn from_str(text: &str) -> Result<Self, NoLeafHash> {
        let bytes = from_hex(text).and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or_else(|| NoLeafHash { text: text.chars().take(80).collect() })
    }
}

impl Serialize for LeafHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for LeafHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Lower-case hexadecimal.
pub(crate) fn to_hex(bytes: &[u8]) -> String {
    let mut out = Vec::with_capacity(bytes.len() * 2);
    put_hex(bytes, &mut out);
    String::from_utf8(out).unwrap_or_default()
}

/// Appends lower-case hexadecimal.
pub(crate) fn put_hex(bytes: &[u8], out: &mut Vec<u8>) {
    let digit = |nibble: u8| if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 };
    for bytes in bytes.chunks(16) {
        let mut text = [0; 32];
        for (pair, byte) in text.as_chunks_mut::<2>().0.iter_mut().zip(bytes) {
            *pair = [digit(byte >> 4), digit(byte & 15)];
        }
        out.extend_from_slice(text.get(..2 * bytes.len()).unwrap_or_default());
    }
}

/// The bytes behind lower-case hexadecimal; nothing for any other text.
pub(crate) fn from_hex(text: &str) -> Option<Vec<u8>> {
    let nibble = |byte: &u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let pair = |[high, low]: &[u8; 2]| Some((nibble(high)? << 4) | nibble(low)?);
    rest.is_empty().then(|| pairs.iter().map(pair).collect::<Option<Vec<u8>>>())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_reads_back_from_its_text() {
        let leaf = LeafHash::of(b"x");
        assert_eq!(leaf.to_string().parse(), Ok(leaf));
        assert_eq!(serde_json::from_str::<LeafHash>(&serde_json::to_string(&leaf).unwrap()).unwrap(), leaf);
    }

    #[test]
    fn only_lower_case_hexadecimal_of_the_right_length_is_a_hash() {
        let text = LeafHash::of(b"x").to_string();
        for wrong in [&text[1..], &format!("{text}00"), &text.to_uppercase(), &text.replace('a', "g"), ""] {
            assert!(wrong.parse::<LeafHash>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn pieces_hash_as_the_whole() {
        assert_eq!(LeafHash::of_parts(&[b"ab", b"", b"c"]), LeafHash::of(b"abc"));
    }
}
