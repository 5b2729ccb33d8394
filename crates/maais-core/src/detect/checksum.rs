//! Checksums and encodings of tokens: CRC-32, CRC-16, base32, base58, base64.
//!
//! Small and plain: each runs over at most a few hundred bytes, and only where a token stands.

use sha2::{Digest, Sha256};

/// CRC-32 as in Ethernet and zip (IEEE 802.3).
pub(super) fn crc32(bytes: &[u8]) -> u32 {
    let step = |sum: u32, byte: &u8| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg()))
    };
    !bytes.iter().fold(!0, step)
}

/// CRC-16 as in XMODEM.
pub(super) fn crc16(bytes: &[u8]) -> u16 {
    let step = |sum: u16, byte: &u8| {
        (0..8)
            .fold(sum ^ (u16::from(*byte) << 8), |sum, _| (sum << 1) ^ (0x1021 & (sum >> 15).wrapping_neg()))
    };
    bytes.iter().fold(0, step)
}

/// Base32 in upper case without padding (RFC 4648, section 6).
pub(super) fn base32(text: &str) -> Option<Vec<u8>> {
    let digits = text.bytes().map(|byte| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'2'..=b'7' => Some(byte - b'2' + 26),
        _ => None,
    });
    from_bits(digits, 5, text.len())
}

/// Base64 in either alphabet, with or without padding (RFC 4648).
pub(super) fn base64(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_end_matches('=');
    let digits = text.bytes().map(|byte| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    });
    from_bits(digits, 6, text.len())
}

fn from_bits(digits: impl Iterator<Item = Option<u8>>, width: u32, length: usize) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(length + 1);
    let (mut bits, mut count) = (0_u32, 0_u32);
    for digit in digits {
        bits = (bits << width) | u32::from(digit?);
        count += width;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    Some(out)
}

/// Longest text in base58 that is decoded: an extended key has 111 characters, and the time is quadratic.
const BASE58_MAX: usize = 120;

/// Bytes in base58 whose last four are the double SHA-256 of the others, as wallets write keys.
pub(super) fn base58_check(text: &str) -> Option<Vec<u8>> {
    const DIGITS: &[u8] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    if text.len() > BASE58_MAX {
        return None;
    }
    // Little-endian while it grows.
    let mut out: Vec<u8> = Vec::with_capacity(text.len());
    for byte in text.bytes() {
        let mut carry = DIGITS.iter().position(|digit| *digit == byte)?;
        for place in &mut out {
            carry += usize::from(*place) * 58;
            *place = (carry & 0xff) as u8;
            carry >>= 8;
        }
        if carry > 0 {
            out.push((carry & 0xff) as u8);
        }
    }
    out.reverse();
    let (payload, sum) = out.split_at_checked(out.len().checked_sub(4)?)?;
    Sha256::digest(Sha256::digest(payload)).starts_with(sum).then(|| payload.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_values_of_the_standards_come_out() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(crc16(b"123456789"), 0x31c3);
    }

    #[test]
    fn encodings_are_undone() {
        assert_eq!(base32("MZXW6YTBOI").as_deref(), Some(&b"foobar"[..]));
        assert_eq!(base64("Zm9vYmFyIQ==").as_deref(), Some(&b"foobar!"[..]));
        assert_eq!(base64("Zm9v_-").map(|bytes| bytes.len()), Some(4));
        assert_eq!(base32("mzxw"), None);
        assert_eq!(base64("a b"), None);
    }

    #[test]
    fn a_wallets_text_has_its_own_checksum() {
        // The example of Bitcoin's wiki for the wallet import format.
        let key = ["5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4d", "Z1jvhTVqvbTLvyTJ"].concat();
        assert_eq!(base58_check(&key).map(|bytes| bytes.len()), Some(33));
        assert_eq!(base58_check(&key.replace("HueC", "HueD")), None);
        assert_eq!(base58_check(""), None);
    }
}
