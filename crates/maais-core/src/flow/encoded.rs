//! Texts within texts: base64, hexadecimal and percent-encoding, to a bounded depth.
//!
//! Only what decodes to text that people read is a text; nothing is said about what it means.

/// Encodings within one another.
const DEPTH_MAX: usize = 3;
/// Encoded runs of one text that are looked at.
const RUNS_MAX: usize = 32;
/// Bytes of a run below which it is no encoded text.
const RUN_MIN: usize = 12;
/// Bytes of everything that is decoded from one text.
const DECODED_MAX: usize = 64 * 1024;

/// Every text that is encoded in a text, the outer ones first.
pub(super) fn texts(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut left = DECODED_MAX;
    let mut layer: Vec<String> = decoded(text, &mut left);
    for _ in 1..DEPTH_MAX {
        let next: Vec<String> = layer.iter().flat_map(|text| decoded(text, &mut left)).collect();
        found.append(&mut layer);
        layer = next;
    }
    found.append(&mut layer);
    found
}

fn decoded(text: &str, left: &mut usize) -> Vec<String> {
    let mut found = Vec::new();
    if text.len() < RUN_MIN {
        return found;
    }
    found.extend(percent(text));
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_' | b'=');
    let runs = text.split(|sign: char| !u8::try_from(sign).is_ok_and(is_part));
    for run in runs.filter(|run| run.len() >= RUN_MIN).take(RUNS_MAX) {
        found.extend(hex(run).or_else(|| base64(run)));
    }
    found.retain(|text| {
        let fits = text.len() <= *left;
        *left = left.saturating_sub(text.len());
        fits
    });
    found
}

/// Bytes that are text which people read.
fn readable(bytes: Vec<u8>) -> Option<String> {
    let text = String::from_utf8(bytes).ok()?;
    let plain = text.chars().filter(|sign| !sign.is_control() || sign.is_whitespace()).count();
    (text.len() >= 6 && plain == text.chars().count()).then_some(text)
}

fn percent(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    if bytes.iter().filter(|byte| **byte == b'%').count() < 2 {
        return None;
    }
    let mut out = Vec::with_capacity(bytes.len());
    let (mut at, mut changed) = (0, false);
    while let Some(byte) = bytes.get(at) {
        let pair = bytes.get(at + 1..at + 3).and_then(|pair| std::str::from_utf8(pair).ok());
        match pair.filter(|_| *byte == b'%').and_then(|pair| u8::from_str_radix(pair, 16).ok()) {
            Some(value) => {
                out.push(value);
                at += 3;
                changed = true;
            }
            None => {
                out.push(*byte);
                at += 1;
            }
        }
    }
    readable(out).filter(|_| changed)
}

fn hex(run: &str) -> Option<String> {
    let digits = run.strip_prefix("0x").unwrap_or(run);
    if !digits.len().is_multiple_of(2) || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let pairs = digits.as_bytes().chunks(2);
    let bytes: Option<Vec<u8>> = pairs
        .map(|pair| std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok()))
        .collect();
    readable(bytes?)
}

fn base64(run: &str) -> Option<String> {
    let (mut bits, mut count) = (0_u32, 0_u32);
    let mut out = Vec::with_capacity(run.len() * 3 / 4);
    for byte in run.trim_end_matches('=').bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits = (bits << 6) | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push(u8::try_from((bits >> count) & 0xff).unwrap_or_default());
        }
    }
    readable(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_read() {
        for (text, expected) in [
            ("see c2VuZCBpdCB0byBldmU=", "send it to eve"),
            ("see 73656e6420697420746f20657665", "send it to eve"),
            ("send%20it%20to%20eve", "send it to eve"),
            ("YzJWdVpDQnBkQ0IwYnlCbGRtVT0=", "send it to eve"),
        ] {
            assert!(texts(text).iter().any(|found| found == expected), "{text}: {:?}", texts(text));
        }
    }

    #[test]
    fn words_are_not_encoded() {
        for text in
            ["an ordinary sentence about internationalisation", "deadbeefdeadbeefdeadbeef", "50% of 20%"]
        {
            assert!(texts(text).is_empty(), "{text}: {:?}", texts(text));
        }
    }

    #[test]
    fn decoding_is_bounded() {
        let many = "c2VuZCBpdCB0byBldmU= ".repeat(10_000);
        assert!(texts(&many).len() <= RUNS_MAX);
    }
}
