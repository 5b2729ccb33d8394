//! The binary form of models and profiles: little endian, with a magic word, a version and nothing behind the end.
//!
//! Trusted: nothing that is read. What is read holds the limits of what is written, or is refused.

use sha2::{Digest, Sha256};

/// Why bytes are not a state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// They are something else.
    #[error("these bytes hold no {expected}")]
    Magic {
        /// What was looked for.
        expected: &'static str,
    },
    /// They were written by a newer program.
    #[error("version {found} of the state is newer than {known}, the newest known here")]
    Version {
        /// The version they name.
        found: u8,
        /// The newest that is understood.
        known: u8,
    },
    /// They end too early.
    #[error("the state ends in the middle")]
    Truncated,
    /// More follows than a state has.
    #[error("{bytes} bytes follow the end of the state")]
    Trailing {
        /// How many.
        bytes: usize,
    },
    /// A value that no state has.
    #[error("the state holds an impossible {what}")]
    Invalid {
        /// Which.
        what: &'static str,
    },
}

/// The SHA-256 of a state in its binary form: what a record cites.
pub fn digest(state: &[u8]) -> [u8; 32] {
    Sha256::digest(state).into()
}

/// Writes a state.
#[derive(Debug, Default)]
pub(super) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    pub(super) fn new(magic: [u8; 4], version: u8) -> Self {
        let mut bytes = magic.to_vec();
        bytes.push(version);
        Self { bytes }
    }

    pub(super) fn u8(&mut self, value: u8) {
        self.bytes.push(value);
    }

    pub(super) fn u16(&mut self, value: u16) {
        self.bytes.extend(value.to_le_bytes());
    }

    pub(super) fn u32(&mut self, value: u32) {
        self.bytes.extend(value.to_le_bytes());
    }

    pub(super) fn u64(&mut self, value: u64) {
        self.bytes.extend(value.to_le_bytes());
    }

    pub(super) fn f32(&mut self, value: f32) {
        self.bytes.extend(value.to_le_bytes());
    }

    pub(super) fn f64(&mut self, value: f64) {
        self.bytes.extend(value.to_le_bytes());
    }

    pub(super) fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
    }

    /// LEB128: small numbers are short.
    pub(super) fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push((value as u8) | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

/// Reads a state.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Begins to read what [`Writer::new`] began to write.
    pub(super) fn new(
        bytes: &'a [u8],
        magic: [u8; 4],
        known: u8,
        expected: &'static str,
    ) -> Result<Self, StateError> {
        let rest = bytes.strip_prefix(&magic).ok_or(StateError::Magic { expected })?;
        let mut reader = Self { rest };
        match reader.u8()? {
            found if found > known => Err(StateError::Version { found, known }),
            0 => Err(StateError::Invalid { what: "version" }),
            _ => Ok(reader),
        }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], StateError> {
        let (first, rest) = self.rest.split_first_chunk().ok_or(StateError::Truncated)?;
        self.rest = rest;
        Ok(*first)
    }

    pub(super) fn u8(&mut self) -> Result<u8, StateError> {
        Ok(u8::from_le_bytes(self.array()?))
    }

    pub(super) fn u16(&mut self) -> Result<u16, StateError> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    pub(super) fn u32(&mut self) -> Result<u32, StateError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub(super) fn u64(&mut self) -> Result<u64, StateError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// A number within these bounds, so never infinite or none.
    pub(super) fn f32(&mut self, min: f32, max: f32, what: &'static str) -> Result<f32, StateError> {
        let value = f32::from_le_bytes(self.array()?);
        if (min..=max).contains(&value) { Ok(value) } else { Err(StateError::Invalid { what }) }
    }

    /// As [`Reader::f32`].
    pub(super) fn f64(&mut self, min: f64, max: f64, what: &'static str) -> Result<f64, StateError> {
        let value = f64::from_le_bytes(self.array()?);
        if (min..=max).contains(&value) { Ok(value) } else { Err(StateError::Invalid { what }) }
    }

    pub(super) fn raw(&mut self, bytes: usize) -> Result<&'a [u8], StateError> {
        let (first, rest) = self.rest.split_at_checked(bytes).ok_or(StateError::Truncated)?;
        self.rest = rest;
        Ok(first)
    }

    /// A number of at most `max`.
    pub(super) fn varint(&mut self, max: u64, what: &'static str) -> Result<u64, StateError> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            if shift == 63 && byte > 1 {
                return Err(StateError::Invalid { what });
            }
            value |= u64::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                let shortest = byte != 0 || shift == 0;
                return if shortest && value <= max { Ok(value) } else { Err(StateError::Invalid { what }) };
            }
        }
        Err(StateError::Invalid { what })
    }

    /// A length of at most `max`.
    pub(super) fn length(&mut self, max: usize, what: &'static str) -> Result<usize, StateError> {
        let length = self.varint(max as u64, what)?;
        usize::try_from(length).map_err(|_| StateError::Invalid { what })
    }

    /// Bytes that were not read yet.
    pub(super) fn left(&self) -> usize {
        self.rest.len()
    }

    /// Nothing may follow.
    pub(super) fn end(&self) -> Result<(), StateError> {
        if self.rest.is_empty() { Ok(()) } else { Err(StateError::Trailing { bytes: self.rest.len() }) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_newer_version_and_a_stranger_are_told_apart() {
        let bytes = Writer::new(*b"TEST", 2).finish();
        assert_eq!(
            Reader::new(&bytes, *b"TEST", 1, "test").err(),
            Some(StateError::Version { found: 2, known: 1 })
        );
        assert_eq!(
            Reader::new(&bytes, *b"TSET", 2, "test").err(),
            Some(StateError::Magic { expected: "test" })
        );
        assert!(Reader::new(&bytes, *b"TEST", 2, "test").is_ok());
    }

    #[test]
    fn a_digest_is_the_sha_256_of_the_bytes() {
        let hex: String = digest(b"abc").iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn numbers_that_are_none_are_refused() {
        let mut writer = Writer::new(*b"TEST", 1);
        writer.f32(f32::NAN);
        let bytes = writer.finish();
        let mut reader = Reader::new(&bytes, *b"TEST", 1, "test").unwrap();
        assert_eq!(reader.f32(f32::MIN, f32::MAX, "weight"), Err(StateError::Invalid { what: "weight" }));
    }

    #[test]
    fn a_varint_beyond_64_bits_is_refused() {
        let mut reader = Reader { rest: &[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 2] };
        assert_eq!(reader.varint(u64::MAX, "number"), Err(StateError::Invalid { what: "number" }));
    }

    proptest! {
        #[test]
        fn a_varint_is_read_as_it_was_written(value: u64) {
            let mut writer = Writer::new(*b"TEST", 1);
            writer.varint(value);
            let bytes = writer.finish();
            let mut reader = Reader::new(&bytes, *b"TEST", 1, "test").unwrap();
            prop_assert_eq!(reader.varint(u64::MAX, "number"), Ok(value));
            prop_assert_eq!(reader.end(), Ok(()));
        }

        #[test]
        fn a_varint_has_one_form_only(bytes: [u8; 12]) {
            let mut reader = Reader { rest: &bytes };
            if let Ok(value) = reader.varint(u64::MAX, "number") {
                let mut writer = Writer::default();
                writer.varint(value);
                prop_assert!(bytes.starts_with(&writer.finish()));
            }
        }
    }
}
