//! Letters: whether a text was drawn at random, written in a language, or typed to fill a place.
//!
//! Counts of characters and of neighbouring letters; no dictionary. Short texts can always be
//! misjudged, so callers ask this last.

/// Repeated or counting characters: `xxxxxxxx`, `12345678`, `abcdefgh`, `0123…`.
pub(super) fn is_filler(text: &str) -> bool {
    let bytes = text.as_bytes();
    let distinct = bytes.iter().fold(0_u128, |seen, b| seen | (1 << (b & 127))).count_ones();
    if distinct <= 2 || (bytes.len() >= 12 && distinct <= 4) {
        return true;
    }
    let steps = bytes.windows(2).filter(|pair| match pair {
        [a, b] => a == b || a.wrapping_add(1) == *b || (*a == b'9' && *b == b'0') || b.wrapping_add(1) == *a,
        _ => false,
    });
    steps.count() * 10 >= bytes.len().saturating_sub(1) * 8
}

/// Letters that often follow each letter in European languages; other pairs are rare.
const FOLLOWERS: &[&str] = &[
    "bcdfgiklmnprstuvwxyz",
    "aeiloruysb",
    "aehiklortuyc",
    "adeilmnorsuvwy",
    "abcdefgilmnopqrstuvwxy",
    "aefilortu",
    "aeghilnorsu",
    "aeinortuy",
    "abcdefgklmnopqrstvxz",
    "aeou",
    "aeilnosy",
    "abcdefiklmoprstuvy",
    "abeimnopsuy",
    "acdefgiknostuvy",
    "abcdfghiklmnoprstuvwxy",
    "aehiloprstuy",
    "u",
    "abcdefgiklmnoprstuvy",
    "acehiklmnopqstuwy",
    "aehilmorstuwy",
    "abcdegilmnprst",
    "aeioy",
    "aehinorsl",
    "aceiptu",
    "aceilmnoprst",
    "aeioyz",
];

/// Whether the letters follow each other as no language has them.
pub(super) fn is_gibberish(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let bytes = lower.as_bytes();
    let pairs = bytes.windows(2).filter_map(|pair| match pair {
        [a @ b'a'..=b'z', b @ b'a'..=b'z'] => Some((*a, char::from(*b))),
        _ => None,
    });
    let (mut all, mut rare) = (0_usize, 0_usize);
    for (a, b) in pairs {
        all += 1;
        let usual = FOLLOWERS.get(usize::from(a - b'a')).is_some_and(|followers| followers.contains(b));
        rare += usize::from(!usual);
    }
    let vowels = bytes.iter().filter(|b| b"aeiouy".contains(b)).count();
    (all >= 3 && vowels == 0) || (rare >= 2 && rare * 5 >= all) || (all <= 4 && rare >= 1 && rare * 4 >= all)
}

/// Shannon entropy in bits a character.
pub(super) fn entropy(text: &str) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in text.bytes() {
        if let Some(count) = counts.get_mut(usize::from(byte)) {
            *count += 1;
        }
    }
    let length = text.len().max(1) as f64;
    let share = |count: &u32| f64::from(*count) / length;
    counts.iter().filter(|count| **count > 0).map(share).map(|p| -p * p.log2()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_are_told_from_noise() {
        for text in
            ["password", "velvet", "sweatshop", "information", "Entwicklung", "desarrollo", "authentication"]
        {
            assert!(!is_gibberish(text), "{text}");
        }
        for text in ["qzxvwk", "wghcwstz", "kxvbbgnu", "jtwzqpfh"] {
            assert!(is_gibberish(text), "{text}");
        }
    }

    #[test]
    fn repeated_and_counting_characters_fill_places() {
        for text in ["xxxxxxxx", "abababab", "12345678", "0123456789", "abcdefgh", "87654321"] {
            assert!(is_filler(text), "{text}");
        }
        assert!(!is_filler("824610397") && !is_filler("wghcwstz"));
    }
}
