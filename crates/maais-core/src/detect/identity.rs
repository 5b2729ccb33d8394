//! Numbers with rules: payment cards, social security numbers, bank accounts.
//!
//! Pure checks of digits; where the digits came from and what stands around them is `number`'s.

/// Whether an issuer of payment cards uses this prefix and length.
pub(super) fn issued(digits: &[u8]) -> bool {
    let prefix =
        |length: usize| digits.iter().take(length).fold(0_u32, |all, digit| all * 10 + u32::from(*digit));
    let length = digits.len();
    match (prefix(1), prefix(2), prefix(3), prefix(4)) {
        // Visa.
        (4, ..) => matches!(length, 13 | 16 | 19),
        // American Express.
        (_, 34 | 37, ..) => length == 15,
        // Mastercard.
        (_, 51..=55, ..) | (_, _, _, 2221..=2720) => length == 16,
        // Diners Club.
        (_, 36 | 38 | 39, ..) | (_, _, 300..=305 | 309, _) => matches!(length, 14 | 16),
        // Discover.
        (_, 65, ..) | (_, _, 644..=649, _) | (_, _, _, 6011) => matches!(length, 16..=19),
        // JCB; 15 digits with the oldest prefixes.
        (_, _, _, 3528..=3589) => matches!(length, 16..=19),
        (_, _, _, 2131 | 1800) => length == 15,
        // UnionPay.
        (_, 62, ..) => matches!(length, 16..=19),
        // Maestro.
        (_, _, _, 5018 | 5020 | 5038 | 5893 | 6304 | 6759 | 6761 | 6762 | 6763) => matches!(length, 12..=19),
        _ => false,
    }
}

/// Whether cards may begin so and be so long at all, whoever the issuer: travel (3), banking (4, 5),
/// merchandising (6), as ISO/IEC 7812-1 divides them.
pub(super) fn issuable(digits: &[u8]) -> bool {
    match digits.first() {
        Some(3) => (14..=16).contains(&digits.len()),
        Some(4) => matches!(digits.len(), 13 | 16 | 19),
        Some(5 | 6) => (12..=19).contains(&digits.len()),
        _ => false,
    }
}

/// Area, group and serial as the Social Security Administration assigns them; the numbers that it
/// publishes as never valid (a wallet's insert, an advertisement) are excluded.
pub(super) fn social_security(digits: &[u8]) -> bool {
    let number = digits.iter().fold(0_u32, |all, digit| all * 10 + u32::from(*digit));
    let (area, group, serial) = (number / 1_000_000, number / 10_000 % 100, number % 10_000);
    digits.len() == 9
        && !matches!(area, 0 | 666 | 900..)
        && group != 0
        && serial != 0
        && !matches!(number, 78_051_120 | 219_099_999)
}

/// Length of an IBAN by country (SWIFT IBAN registry, release 99).
const IBAN_LENGTHS: [(&str, usize); 89] = [
    ("AD", 24),
    ("AE", 23),
    ("AL", 28),
    ("AT", 20),
    ("AZ", 28),
    ("BA", 20),
    ("BE", 16),
    ("BG", 22),
    ("BH", 22),
    ("BI", 27),
    ("BR", 29),
    ("BY", 28),
    ("CH", 21),
    ("CR", 22),
    ("CY", 28),
    ("CZ", 24),
    ("DE", 22),
    ("DJ", 27),
    ("DK", 18),
    ("DO", 28),
    ("EE", 20),
    ("EG", 29),
    ("ES", 24),
    ("FI", 18),
    ("FK", 18),
    ("FO", 18),
    ("FR", 27),
    ("GB", 22),
    ("GE", 22),
    ("GI", 23),
    ("GL", 18),
    ("GR", 27),
    ("GT", 28),
    ("HN", 28),
    ("HR", 21),
    ("HU", 28),
    ("IE", 22),
    ("IL", 23),
    ("IQ", 23),
    ("IS", 26),
    ("IT", 27),
    ("JO", 30),
    ("KW", 30),
    ("KZ", 20),
    ("LB", 28),
    ("LC", 32),
    ("LI", 21),
    ("LT", 20),
    ("LU", 20),
    ("LV", 21),
    ("LY", 25),
    ("MC", 27),
    ("MD", 24),
    ("ME", 22),
    ("MK", 19),
    ("MN", 20),
    ("MR", 27),
    ("MT", 31),
    ("MU", 30),
    ("NI", 28),
    ("NL", 18),
    ("NO", 15),
    ("OM", 23),
    ("PK", 24),
    ("PL", 28),
    ("PS", 29),
    ("PT", 25),
    ("QA", 29),
    ("RO", 24),
    ("RS", 22),
    ("RU", 33),
    ("SA", 24),
    ("SC", 31),
    ("SD", 18),
    ("SE", 24),
    ("SI", 19),
    ("SK", 24),
    ("SM", 27),
    ("SO", 23),
    ("ST", 25),
    ("SV", 28),
    ("TL", 23),
    ("TN", 24),
    ("TR", 26),
    ("UA", 29),
    ("VA", 22),
    ("VG", 24),
    ("XK", 20),
    ("YE", 30),
];

/// How long an IBAN of this country is.
pub(super) fn iban_length(country: &str) -> Option<usize> {
    let known = IBAN_LENGTHS.binary_search_by_key(&country, |(code, _)| *code).ok()?;
    IBAN_LENGTHS.get(known).map(|(_, length)| *length)
}

/// The check digits of an IBAN (ISO 7064 MOD 97-10): upper-case letters and digits only.
pub(super) fn iban_checks(iban: &str) -> bool {
    let Some((head, tail)) = iban.split_at_checked(4) else {
        return false;
    };
    let mut rest = 0_u32;
    for byte in tail.bytes().chain(head.bytes()) {
        rest = match byte {
            b'0'..=b'9' => (rest * 10 + u32::from(byte - b'0')) % 97,
            b'A'..=b'Z' => (rest * 100 + u32::from(byte - b'A') + 10) % 97,
            _ => return false,
        };
    }
    rest == 1
}

#[cfg(test)]
mod tests {
    use super::super::check_digit::luhn;
    use super::*;

    fn digits(text: &str) -> Vec<u8> {
        text.bytes().filter(u8::is_ascii_digit).map(|b| b - b'0').collect()
    }

    #[test]
    fn a_card_has_an_issuer_and_a_checksum() {
        for card in [
            "4111-1111-1111-1111",
            "5555 5555 5555 4444",
            "378282246310005",
            "6011111111111117",
            "3530111333300000",
        ] {
            assert!(issued(&digits(card)) && luhn(&digits(card)), "{card}");
        }
        assert!(!luhn(&digits("4111-1111-1111-1112")));
        assert!(!issued(&digits("9111-1111-1111-1111")) && !issued(&digits("411111111111111")));
    }

    #[test]
    fn a_social_security_number_was_assignable() {
        assert!(social_security(&digits("123-45-6789")));
        for never in [
            "000-12-3456",
            "666-12-3456",
            "900-12-3456",
            "123-00-4567",
            "123-45-0000",
            "078-05-1120",
            "12345678",
        ] {
            assert!(!social_security(&digits(never)), "{never}");
        }
    }

    #[test]
    fn an_iban_has_its_countrys_length_and_checks() {
        for iban in [
            "DE89370400440532013000",
            "GB29NWBK60161331926819",
            "NO9386011117947",
            "MT84MALT011000012345MTLCAST001S",
        ] {
            assert_eq!(iban_length(&iban[..2]), Some(iban.len()), "{iban}");
            assert!(iban_checks(iban), "{iban}");
        }
        assert!(!iban_checks("DE89370400440532013001"));
        assert_eq!(iban_length("ZZ"), None);
    }

    #[test]
    fn the_table_of_countries_is_sorted() {
        assert!(IBAN_LENGTHS.is_sorted());
    }
}
