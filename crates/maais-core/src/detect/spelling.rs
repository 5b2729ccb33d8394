//! Other spellings of the same text: full-width letters, digits of other scripts, signs that look like a space
//! or a hyphen, signs that nobody sees.
//!
//! People paste them (a card number with no-break spaces), and whoever wants to get data past a detector uses
//! them. The detectors read a copy in plain signs that remembers where everything was; texts without such
//! signs are not copied.

/// A copy of a text that remembers from where each part comes.
pub(super) struct Traced {
    pub(super) text: String,
    /// The byte of the given text from which each byte comes, and one behind the last.
    origin: Vec<u32>,
}

impl Traced {
    /// The text in plain signs; nothing if it is that already.
    pub(super) fn plain(given: &str) -> Option<Self> {
        if given.is_ascii() || given.chars().all(|c| matches!(spelled(c), Spelled::Itself)) {
            return None;
        }
        let mut plain = Self::with_capacity(given.len());
        for (at, c) in given.char_indices() {
            match spelled(c) {
                Spelled::Itself => plain.push(c, at),
                Spelled::As(c) => plain.push(c, at),
                Spelled::Nothing => {}
            }
        }
        Some(plain.ended(given.len()))
    }

    /// The text in plain signs and lower case, its words one space apart.
    pub(super) fn folded(given: &str) -> Self {
        let mut folded = Self::with_capacity(given.len());
        let mut spaces = false;
        for (at, c) in given.char_indices() {
            let c = match spelled(c) {
                Spelled::Itself => c,
                Spelled::As(c) => c,
                Spelled::Nothing => continue,
            };
            if !c.is_whitespace() {
                c.to_lowercase().for_each(|c| folded.push(c, at));
            } else if !spaces {
                folded.push(' ', at);
            }
            spaces = c.is_whitespace();
        }
        folded.ended(given.len())
    }

    fn with_capacity(bytes: usize) -> Self {
        Self { text: String::with_capacity(bytes), origin: Vec::with_capacity(bytes + 1) }
    }

    fn push(&mut self, c: char, at: usize) {
        self.text.push(c);
        // A text has less than 4 GiB: `TEXT_MAX`.
        let at = u32::try_from(at).unwrap_or(u32::MAX);
        self.origin.extend(std::iter::repeat_n(at, c.len_utf8()));
    }

    fn ended(mut self, at: usize) -> Self {
        self.origin.push(u32::try_from(at).unwrap_or(u32::MAX));
        self
    }

    /// Where that was in the given text.
    pub(super) fn place(&self, start: usize, end: usize) -> (usize, usize) {
        let of = |at: usize| self.origin.get(at).map_or(0, |at| *at as usize);
        // A match may end within what one character became: the whole character belongs to it.
        let last = of(end.saturating_sub(1));
        let after = self.origin.get(end..).unwrap_or_default().iter().find(|at| **at as usize > last);
        (of(start), after.map_or(of(self.text.len()), |at| *at as usize))
    }
}

/// The plain sign that a sign stands for; nothing if nobody sees it.
pub(crate) fn plain_sign(sign: char) -> Option<char> {
    match spelled(sign) {
        Spelled::Itself => Some(sign),
        Spelled::As(plain) => Some(plain),
        Spelled::Nothing => None,
    }
}

/// What a sign stands for.
enum Spelled {
    Itself,
    As(char),
    /// It has no width.
    Nothing,
}

/// The zero of each script whose digits are numbers in Unicode's order.
const ZEROS: [u32; 17] = [
    0x0660, 0x06f0, 0x07c0, 0x0966, 0x09e6, 0x0a66, 0x0ae6, 0x0b66, 0x0be6, 0x0c66, 0x0ce6, 0x0d66, 0x0e50,
    0x0ed0, 0x0f20, 0x1040, 0x17e0,
];

fn spelled(c: char) -> Spelled {
    let code = u32::from(c);
    let digit = |zero: u32| char::from_digit(code - zero, 10).map_or(Spelled::Itself, Spelled::As);
    match code {
        0..=0x9f => Spelled::Itself,
        // No-break spaces and spaces of other widths.
        0xa0 | 0x2000..=0x200a | 0x202f | 0x205f | 0x3000 => Spelled::As(' '),
        // Soft hyphen, zero-width spaces and joiners, marks of direction, variation selectors.
        0xad | 0x200b..=0x200f | 0x202a..=0x202e | 0x2060..=0x2064 | 0xfe00..=0xfe0f | 0xfeff => {
            Spelled::Nothing
        }
        0x2010..=0x2015 | 0x2212 | 0xfe58 | 0xfe63 => Spelled::As('-'),
        // Full-width forms stand in the order of ASCII.
        0xff01..=0xff5e => char::from_u32(code - 0xff01 + 0x21).map_or(Spelled::Itself, Spelled::As),
        // Bold, double-struck, sans-serif and monospaced digits, ten of each.
        0x1d7ce..=0x1d7ff => char::from_digit((code - 0x1d7ce) % 10, 10).map_or(Spelled::Itself, Spelled::As),
        _ => match ZEROS.iter().rfind(|zero| **zero <= code) {
            Some(zero) if code - zero < 10 => digit(*zero),
            _ => Spelled::Itself,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Kind, mask, scan};

    #[test]
    fn other_spellings_of_a_number_are_the_number() {
        for text in [
            "card 4111\u{a0}1111\u{a0}1111\u{a0}1111.",
            "card 4111\u{2011}1111\u{2011}1111\u{2011}1111.",
            "card 4111\u{200b}1111\u{200b}1111\u{200b}1111.",
            "card 41\u{ad}11111111111111.",
            "card ４１１１１１１１１１１１１１１１.",
            "card ٤١١١١١١١١١١١١١١١.",
            "card 𝟒𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏𝟏.",
        ] {
            let hits = scan(text);
            assert_eq!(hits.iter().map(|hit| hit.kind).collect::<Vec<_>>(), [Kind::PaymentCard], "{text:?}");
            assert_eq!(mask(text), "card …1111.", "{text:?}");
        }
    }

    #[test]
    fn a_key_with_a_sign_that_nobody_sees_is_a_key() {
        let token = ["gh", "p_", "a8Kd02LmQx7Rw5Tz1Yc9Vb3Nf6Hj4Gpa8Kd0"].concat();
        let hidden = token.replacen("Qx", "Q\u{200b}x", 1);
        let text = format!("für {hidden} ja");
        let hits = scan(&text);
        assert_eq!(hits.first().map(|hit| &text[hit.start..hit.end]), Some(hidden.as_str()));
        assert_eq!(mask(&text), "für ghp_… ja");
    }

    #[test]
    fn places_are_those_of_the_given_text() {
        let text = "é\u{200b} 123\u{2013}45\u{2013}6789 ü";
        let hit = &scan(text)[0];
        assert_eq!(&text[hit.start..hit.end], "123\u{2013}45\u{2013}6789");
    }
}
