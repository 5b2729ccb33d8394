//! The detectors on actions as people write them, from `detect_cases.txt`: what fires and what stays quiet.

#![expect(clippy::panic, reason = "a test stops at what it did not expect")]

use maais_core::detect::{self, Hit, Kind};

/// Draws bodies that differ from run to run of the compiler, not of the test: a failure can be repeated.
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        // Knuth's generator; the upper bits are good enough for letters.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn body(&mut self, class: char, length: usize) -> String {
        let alphabet = match class {
            'a' => "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
            'h' => "0123456789abcdef",
            'u' => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
            'b' => "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
            'd' => "1234567890",
            'w' => "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_",
            _ => panic!("no alphabet {class}"),
        };
        let mut body = String::new();
        while body.len() < length {
            let at = self.next() as usize % alphabet.len();
            body.push_str(&alphabet[at..=at]);
        }
        // Drawn letters alone might be a word: people and machines put digits into what they draw.
        let digit = length >= 8 && !body.bytes().any(|b| b.is_ascii_digit());
        if digit { body.replacen(&body[1..2].to_owned(), "7", 1) } else { body }
    }

    /// Replaces `{a36}` and its like.
    fn fill(&mut self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            out.push_str(before);
            let known = after.split_once('}').and_then(|(inside, tail)| {
                let class = inside.chars().next().filter(|c| "ahubdw".contains(*c))?;
                Some((class, inside[1..].parse().ok()?, tail))
            });
            match known {
                Some((class, length, tail)) => {
                    out.push_str(&self.body(class, length));
                    rest = tail;
                }
                None => {
                    out.push('{');
                    rest = after;
                }
            }
        }
        out + rest
    }
}

struct Case<'a> {
    line: usize,
    expected: &'a str,
    name: &'a str,
    text: &'a str,
}

fn cases() -> Vec<Case<'static>> {
    let text = include_str!("detect_cases.txt");
    let lines = text.lines().zip(1..).filter(|(line, _)| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|(line, number)| {
            let mut parts = line.splitn(3, '|').map(str::trim);
            let mut part = || parts.next().unwrap_or_else(|| panic!("line {number} has three parts"));
            Case { line: number, expected: part(), name: part(), text: part() }
        })
        .collect()
}

fn is_weak(hit: &Hit) -> bool {
    matches!(hit.kind, Kind::Email | Kind::Phone)
}

#[test]
fn every_case_fires_or_stays_quiet() {
    let mut wrong = Vec::new();
    for case in cases() {
        // Each with several bodies: what is found by luck is not found.
        for seed in 0..50 {
            let text = Draw(seed * 1_000 + case.line as u64).fill(case.text).replace("\\n", "\n");
            let hits: Vec<Hit> =
                detect::scan_named(case.name, &text).into_iter().filter(|hit| !is_weak(hit)).collect();
            let (kind, detail) = case.expected.split_once(':').unwrap_or((case.expected, ""));
            let right = match kind {
                "quiet" => hits.is_empty(),
                _ => hits.iter().any(|hit| {
                    hit.kind.as_str() == kind.trim() && (detail.is_empty() || hit.detail == detail.trim())
                }),
            };
            if !right {
                wrong.push(format!("line {}: {} in {text:?}: {hits:?}", case.line, case.expected));
                break;
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases().len(), wrong.join("\n"));
}

/// What a mask of each kind may at most show of the value: characters at its beginning or end.
fn shown_at_most(hit: &Hit) -> usize {
    match hit.kind {
        // The domain, which is not the person's, and one letter.
        Kind::Email => usize::MAX,
        Kind::PaymentCard | Kind::Uuid => 4,
        Kind::Phone | Kind::Iban => 2,
        _ => 0,
    }
}

#[test]
fn masks_show_no_more_than_is_said() {
    for case in cases() {
        for seed in 0..50 {
            let text = Draw(seed * 1_000 + case.line as u64).fill(case.text).replace("\\n", "\n");
            for hit in detect::scan_named(case.name, &text) {
                let value = text.get(hit.start..hit.end).unwrap();
                let most = shown_at_most(&hit);
                // The prefix by which an issuer is known is public.
                let public = matches!(hit.kind, Kind::ProviderToken | Kind::PrivateKey | Kind::Jwt);
                let shown = hit.masked.trim_matches('…');
                if public || most == usize::MAX {
                    assert!(value.len() > shown.len() + 3, "{hit:?}");
                    continue;
                }
                if hit.masked.starts_with('[') {
                    // The same for every value.
                    assert!(hit.masked == "[secret]" || hit.masked == format!("[{}]", hit.detail), "{hit:?}");
                    continue;
                }
                let longest = (0..=value.len())
                    .filter(|from| value.is_char_boundary(*from))
                    .map(|from| {
                        let tail = &value[from..];
                        tail.char_indices()
                            .map(|(at, c)| at + c.len_utf8())
                            .take_while(|end| hit.masked.contains(&tail[..*end]))
                            .last()
                            .unwrap_or(0)
                    })
                    .max()
                    .unwrap_or(0);
                assert!(longest <= most.max(2), "{hit:?} shows {longest} of {value:?}");
            }
            let masked = detect::mask(&text);
            let again = detect::scan(&masked).into_iter().filter(|hit| !is_weak(hit)).count();
            assert_eq!(again, 0, "line {}: {masked:?}", case.line);
        }
    }
}
