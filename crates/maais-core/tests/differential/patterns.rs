//! Regular expressions from a grammar, each with a text that it should nearly match.

use crate::random::Random;
use crate::words::{folded, letter, word};

/// A pattern and a text.
pub fn pattern(random: &mut Random) -> (String, String) {
    let fold = random.chance(30);
    let (mut pattern, mut sample) = (String::new(), String::new());
    let look = random.chance(15);
    for _ in 0..random.between(1, 3) {
        if look && random.chance(60) {
            pattern.push_str(&around(random));
        }
        let (more, text) = piece(random, 0, look);
        pattern.push_str(&more);
        sample.push_str(&text);
    }
    if look && random.chance(30) {
        pattern.push_str(&around(random));
    }
    if random.chance(20) {
        pattern.insert(0, '^');
    } else if random.chance(10) {
        pattern.insert_str(0, random.pick(&[".*", r"\A", r"\b", "(?:^|/)"]));
    }
    if random.chance(20) {
        pattern.push('$');
    } else if random.chance(10) {
        pattern.push_str(random.pick(&[".*", r"\z", r"\b", "(?:$|x)"]));
    }
    if fold {
        pattern.insert_str(0, random.pick(&["(?i)", "(?i)", "(?i)", "(?is)", "(?im)"]));
        sample = sample
            .chars()
            .map(|c| if random.chance(40) { folded(random, c) } else { c.to_string() })
            .collect();
    } else if random.chance(8) {
        pattern.insert_str(0, random.pick(&["(?s)", "(?m)", "(?U)"]));
    }
    // A pattern of nothing but space is refused.
    if pattern.trim().is_empty() { ("x".to_owned(), sample) } else { (pattern, sample) }
}

fn around(random: &mut Random) -> String {
    let kind = random.pick(&["(?=", "(?!", "(?<=", "(?<!"]);
    let text = if random.chance(60) { word(random) } else { letter(random).to_owned() };
    let inner = match random.below(4) {
        0 => format!("{}|{}", regex::escape(&text), regex::escape(letter(random))),
        1 if kind.len() == 3 => format!(".*{}", regex::escape(&text)),
        2 => "[a-c]".to_owned(),
        _ => regex::escape(&text),
    };
    format!("{kind}{inner})")
}

/// A part, and a text that it matches. With look-around nothing repeats what repeats: budgets may differ.
fn piece(random: &mut Random, depth: usize, plain: bool) -> (String, String) {
    match random.below(if depth > 1 { 7 } else { 12 }) {
        0..=2 => {
            let word = word(random);
            (regex::escape(&word), word)
        }
        3 => {
            let letter = letter(random);
            (regex::escape(letter), letter.to_owned())
        }
        4 | 5 => class(random),
        6 => {
            let word = word(random);
            match random.below(3) {
                0 => (format!("(?i:{})", regex::escape(&word)), word.to_uppercase()),
                1 => (format!(r"\b{}", regex::escape(&word)), word),
                _ => (".".to_owned(), letter(random).to_owned()),
            }
        }
        7 | 8 => alternation(random, depth, plain),
        9 => (random.pick(&[".*", ".+", ".*?", ".{0,3}"]).to_owned(), word(random)),
        _ if plain => class(random),
        _ => repetition(random, depth),
    }
}

fn class(random: &mut Random) -> (String, String) {
    let classes = [
        ("[abc]", "b"),
        ("[^abc]", "x"),
        ("[a-z]", "m"),
        ("[a-zA-Z0-9_]", "K"),
        (r"\d", "7"),
        (r"\d+", "42"),
        (r"\w", "ſ"),
        (r"\w+", "ab_c"),
        (r"\s", " "),
        (r"\S+", "x.y"),
        (r"[\w.-]+", "a.b-c"),
        ("[[:alpha:]]", "z"),
        (r"\p{L}", "é"),
        ("[kK]", "\u{212a}"),
        ("[^/]*", "etc"),
        (r"\.", "."),
    ];
    let (pattern, sample) = random.choose(&classes);
    (pattern.to_owned(), sample.to_owned())
}

fn alternation(random: &mut Random, depth: usize, plain: bool) -> (String, String) {
    let options: Vec<(String, String)> =
        (0..random.between(2, 4)).map(|_| piece(random, depth + 1, plain)).collect();
    let sample = random.choose(&options).1;
    let inner = options.into_iter().map(|(pattern, _)| pattern).collect::<Vec<_>>().join("|");
    (format!("{}{inner})", random.pick(&["(", "(?:", "(?:"])), sample)
}

fn repetition(random: &mut Random, depth: usize) -> (String, String) {
    let (inner, sample) = piece(random, depth + 1, false);
    let how = random.pick(&["*", "+", "?", "{2}", "{1,3}", "*?", "+?", "{0}"]);
    let times = match how {
        "{2}" => 2,
        "{0}" => 0,
        "?" | "*" | "*?" => random.below(2),
        _ => random.between(1, 3),
    };
    (format!("(?:{inner}){how}"), sample.repeat(times))
}
