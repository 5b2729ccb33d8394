//! Short names for long texts: SipHash-1-3 (Aumasson, Bernstein 2012) under a key that agents do not know.
//!
//! An agent chooses its targets. Without a key it could look for one that has the same short name as a usual one, and
//! so pass as usual. Texts cannot be read back from a profile.

/// The key of a deployment: whoever knows it can look for texts that are told apart badly.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Key([u64; 2]);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(..)")
    }
}

impl Key {
    /// A key of sixteen bytes from a good source.
    pub fn new(bytes: [u8; 16]) -> Self {
        let number = u128::from_le_bytes(bytes);
        Self([number as u64, (number >> 64) as u64])
    }

    /// The name of several parts, which do not run into each other.
    pub(super) fn name(&self, parts: &[&[u8]]) -> u32 {
        let mut hash = Sip::new(self.0);
        for part in parts {
            hash.write(&(part.len() as u64).to_le_bytes());
            hash.write(part);
        }
        hash.finish() as u32
    }

    /// The longer name of one text: for many, that must not meet.
    pub(super) fn long_name(&self, text: &[u8]) -> u64 {
        let mut hash = Sip::new(self.0);
        hash.write(text);
        hash.finish()
    }
}

/// SipHash-1-3 of what is written.
pub(super) struct Sip {
    v: [u64; 4],
    word: u64,
    /// Bytes so far.
    length: u64,
}

impl Sip {
    pub(super) fn new([k0, k1]: [u64; 2]) -> Self {
        let v = [
            k0 ^ 0x736F_6D65_7073_6575,
            k1 ^ 0x646F_7261_6E64_6F6D,
            k0 ^ 0x6C79_6765_6E65_7261,
            k1 ^ 0x7465_6462_7974_6573,
        ];
        Self { v, word: 0, length: 0 }
    }

    pub(super) fn with(key: &Key) -> Self {
        Self::new(key.0)
    }

    pub(super) fn write(&mut self, bytes: &[u8]) {
        let fill = (8 - self.length as usize % 8) % 8;
        let (head, rest) = bytes.split_at(fill.min(bytes.len()));
        head.iter().for_each(|byte| self.byte(*byte));
        let (words, tail) = rest.as_chunks();
        for word in words {
            self.word(u64::from_le_bytes(*word));
            self.length = self.length.wrapping_add(8);
        }
        tail.iter().for_each(|byte| self.byte(*byte));
    }

    fn byte(&mut self, byte: u8) {
        self.word |= u64::from(byte) << (8 * (self.length % 8));
        self.length = self.length.wrapping_add(1);
        if self.length.is_multiple_of(8) {
            self.word(self.word);
            self.word = 0;
        }
    }

    fn word(&mut self, word: u64) {
        self.v[3] ^= word;
        self.round();
        self.v[0] ^= word;
    }

    fn round(&mut self) {
        let [v0, v1, v2, v3] = &mut self.v;
        *v0 = v0.wrapping_add(*v1);
        *v1 = v1.rotate_left(13) ^ *v0;
        *v0 = v0.rotate_left(32);
        *v2 = v2.wrapping_add(*v3);
        *v3 = v3.rotate_left(16) ^ *v2;
        *v0 = v0.wrapping_add(*v3);
        *v3 = v3.rotate_left(21) ^ *v0;
        *v2 = v2.wrapping_add(*v1);
        *v1 = v1.rotate_left(17) ^ *v2;
        *v2 = v2.rotate_left(32);
    }

    pub(super) fn finish(mut self) -> u64 {
        let last = self.word | (self.length << 56);
        self.word(last);
        self.v[2] ^= 0xFF;
        (0..3).for_each(|_| self.round());
        self.v.iter().fold(0, |all, part| all ^ part)
    }
}

#[cfg(test)]
mod tests {
    use std::hash::{DefaultHasher, Hasher};

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The standard library's hasher is SipHash-1-3 under the key 0.
        #[test]
        fn it_is_the_published_function(text: Vec<u8>, more: Vec<u8>) {
            let (mut ours, mut theirs) = (Sip::new([0, 0]), DefaultHasher::new());
            for part in [&text, &more] {
                ours.write(part);
                theirs.write(part);
            }
            prop_assert_eq!(ours.finish(), theirs.finish());
        }
    }

    #[test]
    fn parts_do_not_run_into_each_other_and_the_key_matters() {
        let (key, other) = (Key::new([1; 16]), Key::new([2; 16]));
        assert_ne!(key.name(&[b"ab", b"c"]), key.name(&[b"a", b"bc"]));
        assert_ne!(key.name(&[b"ab"]), other.name(&[b"ab"]));
        assert_eq!(format!("{key:?}"), "Key(..)");
    }
}
