//! Where a wrapper's own options end and the command that it runs begins.

use super::tables::{LONG_FLAGS, Wrapper};
use super::word::Word;

/// Where a wrapper's own arguments end.
pub(super) struct Walked {
    pub(super) inner: usize,
    /// An option that is not known here, so that the end may be elsewhere.
    pub(super) unsure: bool,
    /// Where a script stands that is an option's value (`env -S`).
    pub(super) split: Option<(usize, String)>,
    /// What `xargs` replaces.
    pub(super) mark: String,
    /// Variables are set that change what runs.
    pub(super) steered: bool,
}

pub(super) fn walk(args: &[Word], wrapper: &Wrapper) -> Walked {
    let mut walked = Walked { inner: 0, unsure: false, split: None, mark: String::new(), steered: false };
    let mut at = 0;
    while let Some(word) = args.get(at).filter(|word| !word.dynamic || word.text.starts_with('-')) {
        let text = word.text.as_str();
        let value = args.get(at + 1).map(|word| word.text.clone()).unwrap_or_default();
        if text == "--" {
            at += 1;
            break;
        }
        if let Some(option) = text.strip_prefix("--") {
            let (name, given) =
                option.split_once('=').map_or((option, None), |(name, value)| (name, Some(value)));
            if wrapper.name == "env" && !name.is_empty() && "split-string".starts_with(name) {
                walked.split =
                    Some((at + 1 + usize::from(given.is_none()), given.map_or(value, str::to_owned)));
                return walked;
            }
            if wrapper.name == "xargs" && name == "replace" {
                walked.mark = given.unwrap_or("{}").to_owned();
            }
            let valued = given.is_none() && wrapper.long.contains(&name);
            walked.unsure |= given.is_none() && !valued && name != "replace" && !LONG_FLAGS.contains(&name);
            at += 1 + usize::from(valued);
        } else if let Some(cluster) = text.strip_prefix('-').filter(|cluster| !cluster.is_empty()) {
            if !short_options(&mut walked, wrapper, cluster, at, &value) {
                at += 1;
            }
            if walked.split.is_some() {
                return walked;
            }
            at += 1;
        } else if text == "-" && matches!(wrapper.name, "env" | "su") {
            at += 1;
        } else if let Some((name, _)) =
            text.split_once('=').filter(|_| matches!(wrapper.name, "env" | "sudo" | "doas"))
        {
            walked.steered |=
                name == "PATH" || name == "BASH_ENV" || name == "ENV" || name.starts_with("LD_");
            at += 1;
        } else {
            break;
        }
    }
    walked.inner = at + wrapper.operands;
    walked
}

/// Reads `-abc`; tells whether its value, if it takes one, is in it.
fn short_options(walked: &mut Walked, wrapper: &Wrapper, cluster: &str, at: usize, next: &str) -> bool {
    let mut letters = cluster.chars();
    while let Some(letter) = letters.next() {
        let rest = letters.as_str();
        if wrapper.name == "env" && letter == 'S' {
            let script = if rest.is_empty() { next } else { rest };
            walked.split = Some((at + 1 + usize::from(rest.is_empty()), script.to_owned()));
            return true;
        }
        if matches!((wrapper.name, letter), ("xargs", 'i' | 'e' | 'l')) {
            if letter == 'i' {
                walked.mark = if rest.is_empty() { "{}" } else { rest }.to_owned();
            }
            return true;
        }
        if wrapper.valued.contains(letter) {
            if matches!((wrapper.name, letter), ("xargs", 'I' | 'J')) {
                walked.mark = if rest.is_empty() { next } else { rest }.to_owned();
            }
            return !rest.is_empty();
        }
        walked.unsure |=
            !(wrapper.flags.contains(letter) || wrapper.name == "nice" && letter.is_ascii_digit());
    }
    true
}
