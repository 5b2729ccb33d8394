//! Check digits: the sums by which numbers of persons prove that they were not mistyped.
//!
//! Pure arithmetic over digits; which country uses which is `national`'s and `identity`'s.

/// Luhn's checksum (ISO/IEC 7812-1, annex B).
pub(super) fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(at, digit)| match (at % 2, u32::from(*digit)) {
            (0, digit) => digit,
            (_, digit) if digit > 4 => digit * 2 - 9,
            (_, digit) => digit * 2,
        })
        .sum();
    sum.is_multiple_of(10)
}

/// Sum of products; what is longer than the other is ignored.
pub(super) fn weighted(digits: &[u8], weights: &[u32]) -> u32 {
    digits.iter().zip(weights).map(|(digit, weight)| u32::from(*digit) * weight).sum()
}

/// The digits as one number; at most 18 of them.
pub(super) fn value(digits: &[u8]) -> u64 {
    digits.iter().take(18).fold(0, |all, digit| all * 10 + u64::from(*digit))
}

/// Verhoeff's checksum: the dihedral group of order ten (J. Verhoeff, 1969).
pub(super) fn verhoeff(digits: &[u8]) -> bool {
    const ONCE: [u8; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
    let product = |a: u8, b: u8| match (a < 5, b < 5) {
        (true, true) => (a + b) % 5,
        (true, false) => (a + b - 5) % 5 + 5,
        (false, true) => (a - 5 + 5 - b) % 5 + 5,
        (false, false) => (a + 5 - b) % 5,
    };
    let permuted = |digit: u8, times: usize| {
        (0..times % 8).fold(digit, |digit, _| ONCE.get(usize::from(digit)).copied().unwrap_or(digit))
    };
    let sum = digits.iter().rev().enumerate().fold(0, |sum, (at, digit)| product(sum, permuted(*digit, at)));
    sum == 0
}

/// ISO 7064, MOD 11,10: the hybrid system of German and Croatian tax numbers.
pub(super) fn mod_11_10(digits: &[u8]) -> bool {
    let Some((last, head)) = digits.split_last() else { return false };
    let product = head.iter().fold(10_u32, |product, digit| {
        let sum = (u32::from(*digit) + product) % 10;
        (if sum == 0 { 10 } else { sum }) * 2 % 11
    });
    (11 - product) % 10 == u32::from(*last)
}

/// A day that exists: month and day in that order.
pub(super) fn is_day(month: u64, day: u64) -> bool {
    let longest = match month {
        2 => 29,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    (1..=longest).contains(&day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn digits(text: &str) -> Vec<u8> {
        text.bytes().filter(u8::is_ascii_digit).map(|b| b - b'0').collect()
    }

    #[test]
    fn the_examples_of_the_standards_hold() {
        assert!(luhn(&digits("79927398713")) && !luhn(&digits("79927398710")));
        assert!(verhoeff(&digits("2363")) && !verhoeff(&digits("2364")));
        assert!(mod_11_10(&digits("07945")) || mod_11_10(&digits("86095742719")));
        assert!(!mod_11_10(&digits("86095742718")));
    }

    #[test]
    fn days_exist() {
        assert!(is_day(2, 29) && is_day(12, 31));
        assert!(!is_day(2, 30) && !is_day(13, 1) && !is_day(0, 1) && !is_day(4, 31) && !is_day(1, 0));
    }

    proptest! {
        #[test]
        fn one_wrong_digit_is_noticed(head in "[0-9]{11}", place in 0_usize..11, other in 0_u8..10) {
            for check in [luhn, verhoeff, mod_11_10] {
                let found = (0..10).map(|last| [digits(&head), vec![last]].concat()).find(|whole| check(whole));
                let Some(right) = found else { continue };
                let mut wrong = right.clone();
                wrong[place] = other;
                prop_assert_eq!(check(&wrong), wrong == right);
            }
        }
    }
}
