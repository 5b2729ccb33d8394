//! National numbers of persons, by length, structure and check digits.
//!
//! Ten or eleven digits pass some country's check by chance, so most numbers count only where a word before
//! them, or the parameter's name, says what they are. Those whose form nobody else uses count alone.

use super::check_digit::{is_day, luhn, mod_11_10, value, verhoeff, weighted};
use super::number::Run;

/// How sure the form makes us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Nobody else writes numbers so.
    Own,
    /// Any number may look so: a word must say what it is.
    Common,
}

use Form::{Common, Own};

/// A country's number.
pub(super) struct National {
    pub(super) name: &'static str,
    /// What stands before it, in lower case.
    pub(super) words: &'static [&'static str],
    pub(super) form: Form,
}

pub(super) const fn national(name: &'static str, form: Form, words: &'static [&'static str]) -> National {
    National { name, words, form }
}

/// The digits, how they are grouped, and whether different separators stand between them.
struct Digits<'a> {
    all: &'a [u8],
    groups: &'a [usize],
    mixed: bool,
    hyphens: bool,
}

impl Digits<'_> {
    /// The number made of `length` digits from `from`.
    fn part(&self, from: usize, length: usize) -> u64 {
        self.all.get(from..from + length).map_or(0, value)
    }

    fn last(&self) -> u32 {
        self.all.last().map_or(0, |digit| u32::from(*digit))
    }

    /// One of these groupings, with one separator or none.
    fn grouped(&self, ways: &[&[usize]]) -> bool {
        self.groups.len() == 1 || ways.contains(&self.groups)
    }
}

/// The numbers that a run of digits may be; at most a handful.
pub(super) fn by_digits(run: &Run) -> Vec<National> {
    let all = run.digits();
    let repeated = all.iter().all(|digit| all.first() == Some(digit));
    let digits = Digits {
        all,
        groups: run.groups(),
        mixed: run.mixed,
        hyphens: run.separator == Some(b'-') && !run.mixed,
    };
    if repeated {
        return Vec::new();
    }
    match all.len() {
        9 => nine(&digits),
        10 => ten(&digits),
        11 => eleven(&digits),
        12 => twelve(&digits),
        13 => thirteen(&digits),
        15 => france(&digits).into_iter().collect(),
        18 => china(&digits).into_iter().collect(),
        _ => Vec::new(),
    }
}

fn nine(d: &Digits<'_>) -> Vec<National> {
    let grouped = d.grouped(&[&[3, 3, 3]]);
    let dutch = weighted(d.all, &[9, 8, 7, 6, 5, 4, 3, 2]) % 11 == d.last();
    let portuguese = {
        let check = 11 - weighted(d.all, &[9, 8, 7, 6, 5, 4, 3, 2]) % 11;
        (if check > 9 { 0 } else { check }) == d.last()
    };
    let australian = weighted(d.all, &[1, 4, 3, 7, 5, 8, 6, 9, 10]).is_multiple_of(11);
    let israeli = luhn(d.all);
    let first = d.part(0, 1);
    // No province has 0 or 8, no kind of taxpayer 0.
    let canadian = israeli && !matches!(first, 0 | 8);
    [
        (grouped && dutch).then(|| national("nl_bsn", Common, &["bsn", "burgerservicenummer", "sofinummer"])),
        (grouped && canadian)
            .then(|| national("ca_sin", Common, &["sin", "social insurance", "nas", "assurance sociale"])),
        (grouped && portuguese && first > 0)
            .then(|| national("pt_nif", Common, &["nif", "contribuinte", "número fiscal"])),
        (grouped && australian).then(|| national("au_tfn", Common, &["tfn", "tax file"])),
        israeli.then(|| national("il_id", Common, &["teudat zehut", "israeli id", "תעודת זהות"])),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn ten(d: &Digits<'_>) -> Vec<National> {
    let british = 11 - weighted(d.all, &[10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11;
    let british = british % 11 == d.last() && d.grouped(&[&[3, 3, 4]]);
    let born = is_day(d.part(2, 2), d.part(4, 2));
    // A foreigner's coordination number has 60 added to the day.
    let swedish = luhn(d.all) && (born || is_day(d.part(2, 2), d.part(4, 2).wrapping_sub(60)));
    let danish = is_day(d.part(2, 2), d.part(0, 2)) && d.grouped(&[&[6, 4]]);
    let austrian = {
        let check = weighted(d.all, &[3, 7, 9, 0, 5, 8, 4, 2, 1, 6]) % 11;
        Some(check) == d.all.get(3).map(|digit| u32::from(*digit)) && d.grouped(&[&[4, 6]])
    };
    let czech_month =
        [0, 20, 50, 70].iter().any(|plus| is_day(d.part(2, 2).wrapping_sub(*plus), d.part(4, 2)));
    let czech = czech_month && d.part(0, 9) % 11 % 10 == u64::from(d.last());
    let bulgarian_month =
        [0, 20, 40].iter().any(|plus| is_day(d.part(2, 2).wrapping_sub(*plus), d.part(4, 2)));
    let bulgarian = weighted(d.all, &[2, 4, 8, 5, 10, 9, 7, 3, 6]) % 11 % 10 == d.last();
    let hyphened = d.groups == [6, 4].as_slice() && d.hyphens;
    [
        british.then(|| national("uk_nhs", Common, &["nhs", "national health"])),
        (swedish && (hyphened || d.groups.len() == 1)).then(|| {
            national("se_personnummer", Common, &["personnummer", "samordningsnummer", "personal identity"])
        }),
        danish.then(|| national("dk_cpr", Common, &["cpr", "personnummer"])),
        austrian.then(|| {
            national(
                "at_svnr",
                Common,
                &["svnr", "sv-nr", "sozialversicherungsnummer", "versicherungsnummer"],
            )
        }),
        czech.then(|| national("cz_rc", Common, &["rodné číslo", "rodne cislo", "rodné čislo"])),
        (bulgarian && bulgarian_month).then(|| national("bg_egn", Common, &["egn", "егн"])),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn eleven(d: &Digits<'_>) -> Vec<National> {
    let german = mod_11_10(d.all) && repeats_once(d.all) && d.grouped(&[&[2, 3, 3, 3]]);
    let polish_month =
        [0, 20, 40, 60, 80].iter().any(|plus| is_day(d.part(2, 2).wrapping_sub(*plus), d.part(4, 2)));
    let polish = polish_month && weighted(d.all, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1]).is_multiple_of(10);
    let check = |weights: &[u32]| weighted(d.all, weights) * 10 % 11 % 10;
    let brazilian = d.all.get(9).map(|digit| u32::from(*digit)) == Some(check(&[10, 9, 8, 7, 6, 5, 4, 3, 2]))
        && d.last() == check(&[11, 10, 9, 8, 7, 6, 5, 4, 3, 2]);
    let formatted = d.groups == [3, 3, 3, 2].as_slice() && d.mixed;
    // Born since 2000: a 2 is put before.
    let rest = |number: u64| 97 - number % 97 == d.part(9, 2);
    let belgian = rest(d.part(0, 9)) || rest(2_000_000_000 + d.part(0, 9));
    let dotted = d.groups == [2, 2, 2, 3, 2].as_slice();
    let norwegian = weighted(d.all, &[3, 7, 6, 1, 8, 9, 4, 5, 2, 1]).is_multiple_of(11)
        && weighted(d.all, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11)
        && is_day(d.part(2, 2) % 40, d.part(0, 2) % 40);
    let turkish = d.all.first() != Some(&0)
        && (weighted(d.all, &[7, 9, 7, 9, 7, 9, 7, 9, 7]) % 10) == d.part(9, 1) as u32
        && weighted(d.all, &[1; 10]) % 10 == d.last();
    [
        german.then(|| {
            national(
                "de_steuer_id",
                Common,
                &[
                    "steuer-id",
                    "steuerid",
                    "steuer id",
                    "steueridentifikationsnummer",
                    "steuerliche",
                    "idnr",
                    "tin",
                    "tax id",
                ],
            )
        }),
        polish.then(|| national("pl_pesel", Common, &["pesel"])),
        (brazilian && (formatted || d.groups.len() == 1))
            .then(|| national("br_cpf", if formatted { Own } else { Common }, &["cpf"])),
        (belgian && (dotted || d.groups.len() == 1)).then(|| {
            let words = &["rijksregister", "insz", "niss", "registre national", "national number"];
            national("be_national", if dotted && d.mixed { Own } else { Common }, words)
        }),
        (norwegian && d.grouped(&[&[6, 5]]))
            .then(|| national("no_fnr", Common, &["fødselsnummer", "fodselsnummer", "fnr", "personnummer"])),
        turkish.then(|| national("tr_tckn", Common, &["tckn", "tc kimlik", "kimlik no", "t.c. kimlik"])),
        mod_11_10(d.all).then(|| national("hr_oib", Common, &["oib"])),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// As German tax numbers are drawn: no leading zero, and of the first ten digits one stands twice or thrice.
fn repeats_once(all: &[u8]) -> bool {
    let mut counts = [0_u8; 10];
    for digit in all.iter().take(10) {
        if let Some(count) = counts.get_mut(usize::from(*digit)) {
            *count += 1;
        }
    }
    let repeated = counts.iter().filter(|count| **count > 1);
    all.first() != Some(&0) && repeated.clone().count() == 1 && repeated.sum::<u8>() <= 3
}

fn twelve(d: &Digits<'_>) -> Vec<National> {
    let indian = d.all.first().is_some_and(|digit| *digit > 1) && verhoeff(d.all) && d.grouped(&[&[4, 4, 4]]);
    let japanese = {
        let rest = weighted(d.all, &[6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11;
        (if rest < 2 { 0 } else { 11 - rest }) == d.last()
    };
    let swedish = d.all.get(2..).is_some_and(luhn)
        && matches!(d.part(0, 2), 18..=20)
        && is_day(d.part(4, 2), d.part(6, 2));
    let hyphened = d.groups == [8, 4].as_slice() && d.hyphens;
    [
        indian.then(|| national("in_aadhaar", Common, &["aadhaar", "aadhar", "uidai", "आधार"])),
        (japanese && d.grouped(&[&[4, 4, 4]])).then(|| {
            national("jp_my_number", Common, &["my number", "mynumber", "マイナンバー", "個人番号"])
        }),
        (swedish && (hyphened || d.groups.len() == 1)).then(|| {
            national(
                "se_personnummer",
                if hyphened { Own } else { Common },
                &["personnummer", "personal identity"],
            )
        }),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn thirteen(d: &Digits<'_>) -> Vec<National> {
    let swiss = d.part(0, 3) == 756
        && weighted(d.all, &[1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1]).is_multiple_of(10)
        && d.grouped(&[&[3, 4, 4, 2]]);
    let south_african = luhn(d.all) && is_day(d.part(2, 2), d.part(4, 2)) && d.part(10, 1) < 2;
    let romanian = {
        let rest = weighted(d.all, &[2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9]) % 11;
        (if rest == 10 { 1 } else { rest }) == d.last() && is_day(d.part(3, 2), d.part(5, 2))
    };
    let korean_check = (11 - weighted(d.all, &[2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5]) % 11) % 10;
    let korean = korean_check == d.last() && is_day(d.part(2, 2), d.part(4, 2));
    let hyphened = d.groups == [6, 7].as_slice() && d.hyphens;
    let thai_check = (11 - weighted(d.all, &[13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11) % 10;
    let yugoslav_check = 11 - weighted(d.all, &[7, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11;
    let yugoslav = yugoslav_check % 11 == d.last() && is_day(d.part(2, 2), d.part(0, 2));
    let grouped = d.groups.len() > 1;
    [
        swiss.then(|| {
            let words = &["ahv", "avs", "oasi", "sozialversicherungsnummer"];
            national("ch_ahv", if grouped { Own } else { Common }, words)
        }),
        (south_african && !grouped)
            .then(|| national("za_id", Common, &["south african id", "rsa id", "sa id", "id number"])),
        (romanian && !grouped).then(|| national("ro_cnp", Common, &["cnp", "cod numeric personal"])),
        (korean && (hyphened || !grouped)).then(|| {
            let words = &["rrn", "resident registration", "주민등록번호"];
            national("kr_rrn", if hyphened { Own } else { Common }, words)
        }),
        (thai_check == d.last() && d.grouped(&[&[1, 4, 5, 2, 1]]))
            .then(|| national("th_id", if grouped { Own } else { Common }, &["thai id", "บัตรประชาชน"])),
        (yugoslav && !grouped).then(|| national("rs_jmbg", Common, &["jmbg", "embg", "emšo", "emso"])),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Sex, year and month of birth, department, and 97 minus the rest of the division by 97.
fn france(d: &Digits<'_>) -> Option<National> {
    let month = d.part(3, 2);
    let born = matches!(month, 1..=12 | 20..=42 | 50..=99);
    let valid = matches!(d.part(0, 1), 1 | 2 | 7 | 8) && born && 97 - d.part(0, 13) % 97 == d.part(13, 2);
    let grouped = d.groups == [1, 2, 2, 2, 3, 3, 2].as_slice() || d.groups == [13, 2].as_slice();
    let words = &["nir", "insee", "sécurité sociale", "securite sociale", "sécu", "secu", "social security"];
    (valid && (grouped || d.groups.len() == 1))
        .then(|| national("fr_nir", if grouped || month <= 12 { Own } else { Common }, words))
}

/// A region, a day of birth, a serial number; ISO 7064 MOD 11-2 (those that end in `X` have a letter).
fn china(d: &Digits<'_>) -> Option<National> {
    let sum = weighted(d.all, &[7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2, 1]);
    let born = matches!(d.part(6, 4), 1900..=2099) && is_day(d.part(10, 2), d.part(12, 2));
    (sum % 11 == 1 && born && d.groups.len() == 1).then(|| national("cn_id", Own, &[]))
}

#[cfg(test)]
mod tests {
    use super::super::{Kind, scan_named};

    /// Drawn for these tests by another implementation (python-stdnum), in the usual form of each country.
    const DRAWN: [(&str, &str, &str); 38] = [
        ("nl_bsn", "bsn", "944117715"),
        ("ca_sin", "sin", "592-451-959"),
        ("pt_nif", "nif", "853194130"),
        ("au_tfn", "tfn", "667 033 849"),
        ("il_id", "israeli id", "683626998"),
        ("uk_nhs", "nhs", "922 432 9853"),
        ("se_personnummer", "personnummer", "180925-4699"),
        ("at_svnr", "svnr", "7139 050792"),
        ("cz_rc", "rodne cislo", "9703192345"),
        ("bg_egn", "egn", "4903230711"),
        ("de_steuer_id", "steuer-id", "73 162 656 045"),
        ("pl_pesel", "pesel", "37120702842"),
        ("br_cpf", "", "163.286.872-57"),
        ("br_cpf", "cpf", "16328687257"),
        ("be_national", "", "10.12.14-182.12"),
        ("no_fnr", "fnr", "120392 59956"),
        ("tr_tckn", "tckn", "65748644756"),
        ("hr_oib", "oib", "64649117213"),
        ("in_aadhaar", "aadhaar", "4373 6989 1936"),
        ("jp_my_number", "my number", "741233178292"),
        ("ch_ahv", "", "756.7994.3655.37"),
        ("za_id", "rsa id", "9106214797199"),
        ("ro_cnp", "cnp", "2480525276051"),
        ("kr_rrn", "", "640510-4956018"),
        ("th_id", "", "1-4792-33810-54-7"),
        ("fr_nir", "", "2 36 09 97 369 978 06"),
        ("fr_nir", "", "236099736997806"),
        ("cn_id", "", "110101199808195620"),
        ("it_codice_fiscale", "", "CLJSRC12C60H501V"),
        ("it_codice_fiscale", "", "cljsrc12c60h501v"),
        ("es_dni", "dni", "99337992A"),
        ("es_nie", "", "Y2970753H"),
        ("es_nie", "nie", "y2970753h"),
        ("es_dni", "dni", "99337992-A"),
        ("ie_pps", "pps", "8205539UA"),
        ("fi_hetu", "", "270396-580A"),
        ("mx_curp", "", "HDXR740625MDFFWB85"),
        ("in_pan", "pan", "ABCPD1234E"),
    ];

    fn named(name: &str, text: &str) -> Vec<String> {
        let hits = scan_named(name, text).into_iter().filter(|hit| hit.kind == Kind::NationalId);
        hits.map(|hit| hit.detail.into_owned()).collect()
    }

    #[test]
    fn every_countrys_number_is_known() {
        for (country, word, number) in DRAWN {
            assert_eq!(named(word, number), [country], "{word} {number}");
            assert_eq!(named("", &format!("{word}: {number}, thanks")), [country], "{word} {number}");
        }
    }

    #[test]
    fn a_common_form_needs_a_word() {
        for (country, word, number) in DRAWN {
            if !word.is_empty() {
                assert_eq!(named("order", number), Vec::<String>::new(), "{country} {number}");
                assert_eq!(named(&format!("un{word}ed"), number), Vec::<String>::new(), "{country} {number}");
            }
        }
    }

    #[test]
    fn a_wrong_digit_is_noticed() {
        for (country, word, number) in DRAWN.into_iter().filter(|(country, ..)| *country != "in_pan") {
            let last_digit = number.rfind(|c: char| c.is_ascii_digit()).unwrap_or(0);
            let digit = number.as_bytes()[last_digit] - b'0';
            let wrong = format!("{}{}{}", &number[..last_digit], (digit + 1) % 10, &number[last_digit + 1..]);
            assert_ne!(named(word, &wrong), [country], "{wrong}");
        }
    }

    #[test]
    fn other_numbers_are_not_numbers_of_persons() {
        for text in [
            "1712345678901",
            "bsn: 000000000",
            "order 4820017345",
            "2031-04-09 12:30:00",
            "ISBN 978-3-16-148410-0",
            "using 592451959 rows",
            "SKU AB123456C",
            "flight LH1234567X",
        ] {
            assert_eq!(named("", text), Vec::<String>::new(), "{text}");
        }
    }
}
