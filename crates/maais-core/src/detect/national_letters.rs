//! National numbers of persons that hold letters: read as one word around its first digit.
//!
//! A check letter among twenty-odd is right by chance once in as many, so the structure must be the country's
//! too, or a word must say what it is.

use super::check_digit::is_day;
use super::national::Form::{Common, Own};
use super::national::{National, national};

/// The number that this word is; `rest` is the text from its beginning, for numbers with a sign within.
pub(super) fn by_word(word: &str, rest: &str) -> Option<(National, usize)> {
    let found = match word.len() {
        16 => italy(word),
        18 => mexico(word).or_else(|| china(word)),
        9 => spain(word).or_else(|| singapore(word)).or_else(|| britain(word)).or_else(|| ireland(word)),
        8 => ireland(word),
        10 => india(word),
        _ => None,
    };
    found
        .map(|found| (found, word.len()))
        .or_else(|| hyphened(word, rest).map(|found| (found, HYPHENED)))
        .or_else(|| finland(rest))
}

/// Bytes of a Spanish number whose letter stands behind a hyphen.
const HYPHENED: usize = 10;

/// `12345678-Z`.
fn hyphened(word: &str, rest: &str) -> Option<National> {
    match rest.as_bytes().get(8..HYPHENED)? {
        [b'-', letter] if word.len() == 8 => spain(&format!("{word}{}", char::from(*letter))),
        _ => None,
    }
}

/// The value of digits in a place of the word; nothing if something else stands there.
fn number(word: &str, from: usize, length: usize) -> Option<u64> {
    let mut digits = word.as_bytes().get(from..from + length)?.iter();
    digits.try_fold(0, |all, b| b.is_ascii_digit().then(|| all * 10 + u64::from(b - b'0')))
}

fn letters(word: &str, from: usize, length: usize) -> Option<&[u8]> {
    let part = word.as_bytes().get(from..from + length)?;
    part.iter().all(u8::is_ascii_uppercase).then_some(part)
}

/// Codice fiscale: names, year, month as a letter, day (women plus 40), place, check letter. In upper case,
/// or in lower case throughout.
fn italy(word: &str) -> Option<National> {
    const ODD: [u32; 26] =
        [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];
    let word = word.to_ascii_uppercase();
    letters(&word, 0, 6)?;
    let month = b"ABCDEHLMPRST".iter().position(|b| word.as_bytes().get(8) == Some(b))?;
    let day = number(&word, 9, 2)?;
    number(&word, 6, 2)?;
    letters(&word, 11, 1)?;
    number(&word, 12, 3)?;
    let month = u64::try_from(month).ok()? + 1;
    let sum: u32 = word
        .bytes()
        .take(15)
        .enumerate()
        .map(|(at, byte)| {
            let plain = u32::from(if byte.is_ascii_digit() { byte - b'0' } else { byte - b'A' });
            // The odd places, counted from one.
            if at % 2 == 0 { ODD.get(plain as usize).copied().unwrap_or(0) } else { plain }
        })
        .sum();
    let checked = word.as_bytes().get(15).is_some_and(|last| u32::from(last.wrapping_sub(b'A')) == sum % 26);
    let born = is_day(month, day) || is_day(month, day.wrapping_sub(40));
    (checked && born).then(|| national("it_codice_fiscale", Own, &[]))
}

/// DNI: eight digits and a letter; NIE: `X`, `Y` or `Z`, seven digits and a letter.
fn spain(word: &str) -> Option<National> {
    let upper = word.to_ascii_uppercase();
    let first = *upper.as_bytes().first()?;
    let (lead, from) = match first {
        b'X' | b'Y' | b'Z' => (u64::from(first - b'X'), 1),
        _ => (0, 0),
    };
    let digits = number(&upper, from, 8 - from)?;
    let rest = usize::try_from((lead * 10_000_000 + digits) % 23).ok()?;
    let letter = b"TRWAGMYFPDXBNJZSQVHLCKE".get(rest);
    let words = &["dni", "nie", "nif", "documento nacional"];
    let form = if from == 1 && upper == word { Own } else { Common };
    let name = if from == 1 { "es_nie" } else { "es_dni" };
    (upper.as_bytes().get(8) == letter).then(|| national(name, form, words))
}

/// NRIC and FIN: a letter of the century, seven digits, a check letter.
fn singapore(word: &str) -> Option<National> {
    let digits = number(word, 1, 7)?;
    let (plus, table): (u64, &[u8]) = match word.as_bytes().first()? {
        b'S' => (0, b"JZIHGFEDCBA"),
        b'T' => (4, b"JZIHGFEDCBA"),
        b'F' => (0, b"XWUTRQPNMLK"),
        b'G' => (4, b"XWUTRQPNMLK"),
        _ => return None,
    };
    let weights = [2, 3, 4, 5, 6, 7, 2];
    let sum: u64 = (0..7).map(|at| digits / 10_u64.pow(at) % 10).zip(weights).map(|(d, w)| d * w).sum();
    let letter = table.get(usize::try_from((sum + plus) % 11).ok()?);
    (word.as_bytes().get(8) == letter).then(|| national("sg_nric", Common, &["nric", "fin no", "fin number"]))
}

/// National insurance: two letters, six digits, a letter from A to D; no check digit.
fn britain(word: &str) -> Option<National> {
    let prefix = letters(word, 0, 2)?;
    number(word, 2, 6)?;
    let last = *word.as_bytes().get(8)?;
    let given = prefix.iter().all(|b| !b"DFIQUV".contains(b)) && matches!(last, b'A'..=b'D');
    let words = &["nino", "national insurance", "ni number", "ni no"];
    given.then(|| national("uk_nino", Common, words))
}

/// PPS: seven digits, a check letter, perhaps another that counts nine times.
fn ireland(word: &str) -> Option<National> {
    let digits = number(word, 0, 7)?;
    let check = letters(word, 7, 1)?.first()?;
    let second = match word.as_bytes().get(8) {
        None | Some(b'W') => 0,
        Some(letter @ b'A'..=b'I') => u64::from(letter - b'A') + 1,
        _ => return None,
    };
    let sum: u64 =
        (0..7).map(|at| digits / 10_u64.pow(at) % 10 * (u64::from(at) + 2)).sum::<u64>() + second * 9;
    let letter = b"WABCDEFGHIJKLMNOPQRSTUV".get(usize::try_from(sum % 23).ok()?);
    (Some(check) == letter).then(|| national("ie_pps", Common, &["pps", "ppsn", "personal public service"]))
}

/// PAN: five letters of which the fourth says what kind of holder, four digits, a letter; the check is secret.
fn india(word: &str) -> Option<National> {
    let head = letters(word, 0, 5)?;
    number(word, 5, 4)?;
    letters(word, 9, 1)?;
    let holder = head.get(3).is_some_and(|b| b"PCHFATBLJG".contains(b));
    holder.then(|| national("in_pan", Common, &["pan", "permanent account", "income tax"]))
}

/// CURP: name, birth, sex, state, consonants, a mark against doubles, a check digit.
fn mexico(word: &str) -> Option<National> {
    letters(word, 0, 4)?;
    number(word, 4, 2)?;
    let born = is_day(number(word, 6, 2)?, number(word, 8, 2)?);
    let rest = letters(word, 10, 6)?;
    let sum: u64 = word
        .bytes()
        .take(17)
        .zip((2..=18).rev())
        .map(|(byte, weight)| {
            let plain = match byte {
                b'0'..=b'9' => byte - b'0',
                b'A'..=b'N' => byte - b'A' + 10,
                // The letter that follows N in Spanish has the number 24.
                _ => byte.saturating_sub(b'O') + 25,
            };
            u64::from(plain) * weight
        })
        .sum();
    let sex = matches!(rest.first(), Some(b'H' | b'M' | b'X'));
    (born && sex && number(word, 17, 1)? == (10 - sum % 10) % 10).then(|| national("mx_curp", Own, &[]))
}

/// The numbers of residents that end in `X`, which stands for ten.
fn china(word: &str) -> Option<National> {
    let (head, last) = word.split_at_checked(17)?;
    let digits: Vec<u8> = head.bytes().filter(u8::is_ascii_digit).map(|b| b - b'0').collect();
    let weights = [7_u32, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let sum: u32 = digits.iter().zip(weights).map(|(digit, weight)| u32::from(*digit) * weight).sum();
    let born =
        matches!(number(head, 6, 4)?, 1900..=2099) && is_day(number(head, 10, 2)?, number(head, 12, 2)?);
    let checked = digits.len() == 17 && last.eq_ignore_ascii_case("x") && sum % 11 == 2;
    (checked && born).then(|| national("cn_id", Own, &[]))
}

/// Henkilötunnus: a birthday, a sign of the century, a serial number, a check character.
fn finland(rest: &str) -> Option<(National, usize)> {
    const LENGTH: usize = 11;
    let word = rest.get(..LENGTH)?;
    let ends = rest.as_bytes().get(LENGTH).is_none_or(|b| !b.is_ascii_alphanumeric());
    if !word.as_bytes().get(6).is_some_and(|b| b"+-ABCDEFUVWXY".contains(b)) {
        return None;
    }
    let (birth, serial) = (number(word, 0, 6)?, number(word, 7, 3)?);
    let check = b"0123456789ABCDEFHJKLMNPRSTUVWXY".get(usize::try_from((birth * 1000 + serial) % 31).ok()?);
    let checked = word.as_bytes().get(10) == check && serial >= 2;
    let born = is_day(birth / 100 % 100, birth / 10_000);
    (ends && checked && born).then(|| (national("fi_hetu", Own, &[]), LENGTH))
}
