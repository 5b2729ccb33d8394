//! What a command runs besides itself: wrappers are unwrapped, scripts in arguments read.

use super::found::{Found, Reads};
use super::options::walk;
use super::tables::{FOREIGN_SHELLS, LANGUAGES, LONG_CODE, Language, SHELLS, WRAPPERS, Wrapper};
use super::word::Word;
use super::{Redirect, SimpleCommand, Why};

/// What is known of the command that is looked at.
struct Call<'w> {
    /// Its number.
    at: usize,
    name: String,
    args: &'w [Word],
    fed: bool,
}

/// Notes a command, and everything that it runs. The first is the command itself.
pub(super) fn run(
    found: &mut Found,
    words: &[Word],
    redirects: Vec<(Redirect, Word)>,
    fed: bool,
) -> Result<Vec<usize>, Why> {
    let Some((program, args)) = words.split_first() else {
        return alone(found, redirects);
    };
    found.deeper()?;
    let hidden = program.dynamic || program.glob || words.iter().any(|word| word.hidden);
    let (kept, targets): (Vec<_>, Vec<_>) = redirects.into_iter().unzip();
    let command = SimpleCommand {
        program: base(&program.text),
        given: program.text.clone(),
        args: args.iter().map(|word| word.text.clone()).collect(),
        redirects: kept,
        piped: false,
        dynamic: hidden || words.iter().chain(&targets).any(|word| word.dynamic),
        hidden,
    };
    let name = command.program.clone();
    let inputs: Vec<(String, Word)> = command
        .redirects
        .iter()
        .zip(targets)
        .filter(|(redirect, _)| redirect.operator.starts_with('<'))
        .map(|(redirect, word)| (redirect.operator.clone(), word))
        .collect();
    found.count(words.iter().map(|word| word.text.len()).sum())?;
    let at = found.push(command)?;
    let mut main = vec![at];
    if !program.dynamic {
        main.extend(effects(found, &Call { at, name, args, fed })?);
    }
    if fed && found.reads(at) != Reads::Data {
        found.hide(at);
    }
    for at in main.clone() {
        read_inputs(found, at, &inputs)?;
    }
    found.higher();
    Ok(main)
}

/// Redirections without a command still open files.
fn alone(found: &mut Found, redirects: Vec<(Redirect, Word)>) -> Result<Vec<usize>, Why> {
    if redirects.is_empty() {
        return Ok(Vec::new());
    }
    let dynamic = redirects.iter().any(|(_, word)| word.dynamic);
    let redirects = redirects.into_iter().map(|(redirect, _)| redirect).collect();
    Ok(vec![found.push(SimpleCommand { redirects, dynamic, ..SimpleCommand::default() })?])
}

/// Code from `<<< text` and `< <(command)`.
fn read_inputs(found: &mut Found, at: usize, inputs: &[(String, Word)]) -> Result<(), Why> {
    let reads = found.reads(at);
    for (operator, word) in inputs.iter().filter(|_| reads != Reads::Data) {
        found.feed(&word.sources, at);
        match operator.as_str() {
            _ if word.dynamic => found.hide(at),
            "<<<" if reads == Reads::Shell => drop(found.script(&word.text, false)?),
            "<<<" => found.hide(at),
            _ => {}
        }
    }
    Ok(())
}

/// The program's name: without folder, lower case, without Windows' ending.
fn base(given: &str) -> String {
    let name = given.rsplit(['/', '\\']).next().filter(|name| !name.is_empty()).unwrap_or(given);
    let name = name.to_lowercase();
    name.strip_suffix(".exe").filter(|name| !name.is_empty()).map(str::to_owned).unwrap_or(name)
}

/// What else runs because this runs.
fn effects(found: &mut Found, call: &Call<'_>) -> Result<Vec<usize>, Why> {
    let versionless = call.name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.' || c == '-');
    let language = LANGUAGES.iter().find(|language| language.names.contains(&versionless));
    match call.name.as_str() {
        "find" | "gfind" => find(found, call),
        "eval" => script_of(found, call, call.args),
        "watch" => watch(found, call),
        "ssh" | "rsh" | "mosh" => remote(found, call),
        "su" | "runuser" | "script" | "flock" if dash_c(call.args).is_some() => {
            let at = dash_c(call.args).unwrap_or_default();
            script_of(found, call, call.args.get(at..at + 1).unwrap_or_default())
        }
        "su" | "script" => {
            reads(found, call.at, Reads::Shell);
            Ok(Vec::new())
        }
        "source" | "." => source(found, call),
        "trap" => match call.args {
            [action, _, ..] if action.text != "-" && !action.text.starts_with("-l") => {
                script_of(found, call, std::slice::from_ref(action)).map(|_| Vec::new())
            }
            _ => Ok(Vec::new()),
        },
        "alias" => alias(found, call),
        "awk" | "gawk" | "mawk" | "nawk" => awk(found, call),
        "command" if call.args.first().is_some_and(|arg| matches!(arg.text.as_str(), "-v" | "-V")) => {
            Ok(Vec::new())
        }
        name if SHELLS.contains(&name) => shell(found, call),
        name if FOREIGN_SHELLS.contains(&name) => {
            reads(found, call.at, Reads::Code);
            if !call.args.is_empty() {
                found.hide(call.at);
            }
            Ok(Vec::new())
        }
        name => match (WRAPPERS.iter().find(|wrapper| wrapper.name == name), language) {
            (Some(wrapper), _) => unwrap(found, call, wrapper),
            (None, Some(language)) => interpret(found, call, language),
            (None, None) => Ok(Vec::new()),
        },
    }
}

fn reads(found: &mut Found, at: usize, reads: Reads) {
    if let Some(note) = found.note(at) {
        note.reads = reads;
    }
}

/// Words that a shell joins and reads as a script.
fn script_of(found: &mut Found, call: &Call<'_>, words: &[Word]) -> Result<Vec<usize>, Why> {
    for word in words {
        found.feed(&word.sources, call.at);
    }
    if words.iter().any(|word| word.dynamic) {
        found.hide(call.at);
        return Ok(Vec::new());
    }
    let texts: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
    found.script(&texts.join(" "), call.fed)
}

/// Where the value of `-c` stands, also in `-lc` and `--command=`.
fn dash_c(args: &[Word]) -> Option<usize> {
    let is = |word: &Word| {
        let short = word.text.starts_with('-') && !word.text.starts_with("--") && word.text.ends_with('c');
        short || word.text == "--command"
    };
    let at = args.iter().position(is)? + 1;
    (at < args.len()).then_some(at)
}

/// `sh -c script`, `sh file`, `sh -s`.
fn shell(found: &mut Found, call: &Call<'_>) -> Result<Vec<usize>, Why> {
    let (mut code, mut stdin) = (false, false);
    let mut at = 0;
    while let Some(word) = call.args.get(at).filter(|word| !word.dynamic && word.text.len() > 1) {
        let text = word.text.as_str();
        let value = match text {
            "--" => {
                at += 1;
                break;
            }
            "--rcfile" | "--init-file" => true,
            _ if text.starts_with("--") => false,
            _ if text.starts_with(['-', '+']) => {
                code |= text.starts_with('-') && text.contains('c');
                stdin |= text.contains('s');
                text.ends_with(['o', 'O'])
            }
            _ => break,
        };
        at += if value { 2 } else { 1 };
    }
    let operand = call.args.get(at);
    match operand {
        Some(script) if code => return script_of(found, call, std::slice::from_ref(script)),
        // `xargs sh -c` and its like: someone else supplies the script.
        None if code => found.hide(call.at),
        Some(file) if !stdin && !is_input(file) => {
            found.feed(&file.sources, call.at);
            if file.dynamic {
                found.hide(call.at);
            }
        }
        _ => reads(found, call.at, Reads::Shell),
    }
    Ok(Vec::new())
}

/// Whether a file is the standard input.
fn is_input(file: &Word) -> bool {
    let text = file.text.as_str();
    text == "-" || text == "/dev/stdin" || text.starts_with("/dev/fd/") || text.starts_with("/proc/self/fd/")
}

fn source(found: &mut Found, call: &Call<'_>) -> Result<Vec<usize>, Why> {
    if let Some(file) = call.args.first() {
        found.feed(&file.sources, call.at);
        if file.dynamic {
            found.hide(call.at);
        } else if is_input(file) {
            reads(found, call.at, Reads::Shell);
        }
    }
    Ok(Vec::new())
}

fn alias(found: &mut Found, call: &Call<'_>) -> Result<Vec<usize>, Why> {
    for word in call.args {
        match word.text.split_once('=') {
            Some(_) if word.dynamic => found.hide(call.at),
            Some((_, script)) => drop(found.script(script, true)?),
            None => {}
        }
    }
    Ok(Vec::new())
}

/// `awk` can start programs; most of its programs do not.
fn awk(found: &mut Found, call: &Call<'_>) -> Result<Vec<usize>, Why> {
    let starts = |word: &Word| {
        let text = word.text.replace("||", "");
        word.dynamic
            || text.contains("system")
            || text.contains('|')
            || text.contains("getline")
            || text.contains('@')
    };
    if call.args.iter().any(starts) {
        found.hide(call.at);
    }
    Ok(Vec::new())
}

/// `find … -exec command ;`
fn find(found: &mut Found, call: &Call<'_>) -> Result<Vec<usize>, Why> {
    let mut main = Vec::new();
    let mut parts = call.args.iter().enumerate();
    while let Some((at, word)) = parts.next() {
        if !matches!(word.text.as_str(), "-exec" | "-execdir" | "-ok" | "-okdir") {
            continue;
        }
        let inner: Vec<Word> = parts
            .by_ref()
            .map(|(_, word)| word)
            .take_while(|word| word.text != ";" && word.text != "+")
            .map(|word| filled(word, "{}"))
            .collect();
        if inner.is_empty() || call.args.len() <= at + 1 {
            found.hide(call.at);
            continue;
        }
        main.extend(run(found, &inner, Vec::new(), false)?);
    }
    Ok(main)
}

/// A word in which something unknown replaces a mark.
fn filled(word: &Word, mark: &str) -> Word {
    let dynamic = word.dynamic || (!mark.is_empty() && word.text.contains(mark));
    Word { dynamic, ..word.clone() }
}

/// `watch` joins its words and has a shell read them.
fn watch(found: &mut Found, call: &Call<'_>) -> Result<Vec<usize>, Why> {
    const WATCH: Wrapper = Wrapper {
        name: "watch",
        flags: "bcdegtwxrfpC",
        valued: "nqs",
        long: &["interval", "equexit"],
        operands: 0,
        shell: false,
    };
    let at = walk(call.args, &WATCH).inner;
    script_of(found, call, call.args.get(at..).unwrap_or_default())
}

/// `ssh host words`: the far shell reads them joined.
fn remote(found: &mut Found, call: &Call<'_>) -> Result<Vec<usize>, Why> {
    const SSH: Wrapper = Wrapper {
        name: "ssh",
        flags: "46AaCfGgKkMNnqsTtVvXxYy",
        valued: "BbcDEeFIiJLlmOopQRSWw",
        long: &["ssh", "port"],
        operands: 1,
        shell: true,
    };
    let at = walk(call.args, &SSH).inner;
    let (options, words) = call.args.split_at_checked(at).unwrap_or((call.args, &[]));
    if options.iter().any(|word| word.text.to_lowercase().contains("command")) {
        found.hide(call.at);
    }
    if words.is_empty() {
        reads(found, call.at, Reads::Shell);
        return Ok(Vec::new());
    }
    script_of(found, call, words)
}

fn unwrap(found: &mut Found, call: &Call<'_>, wrapper: &Wrapper) -> Result<Vec<usize>, Why> {
    let walked = walk(call.args, wrapper);
    if walked.unsure || walked.steered {
        found.hide(call.at);
    }
    if let Some((at, script)) = walked.split {
        let rest = call.args.get(at..).unwrap_or_default();
        let words: Vec<Word> = std::iter::once(Word::literal(&script)).chain(rest.iter().cloned()).collect();
        let known = !call.args.iter().any(|word| word.dynamic);
        if !known {
            found.hide(call.at);
            return Ok(Vec::new());
        }
        return script_of(found, call, &words);
    }
    let appends = matches!(wrapper.name, "xargs" | "parallel");
    let inner = call.args.get(walked.inner..).unwrap_or_default();
    let (Some(first), false) =
        (inner.first(), appends && inner.first().is_some_and(|word| word.text.starts_with(":::")))
    else {
        if wrapper.shell {
            reads(found, call.at, Reads::Shell);
        } else if wrapper.name == "parallel" {
            found.hide(call.at);
        }
        return Ok(Vec::new());
    };
    let mark = if wrapper.name == "parallel" { "{" } else { walked.mark.as_str() };
    let words: Vec<Word> = inner.iter().map(|word| filled(word, mark)).collect();
    if wrapper.name == "parallel" && first.text.contains(' ') {
        return script_of(found, call, &words);
    }
    let main = run(found, &words, Vec::new(), call.fed && !appends)?;
    match (appends, main.last()) {
        (true, Some(last)) => {
            // What comes from the input becomes arguments; for an interpreter or a wrapper, what runs.
            let wraps = |command: &SimpleCommand| WRAPPERS.iter().any(|w| w.name == command.program);
            let bare = found.command(*last).is_some_and(|command| wraps(command));
            let runs = bare || found.reads(*last) != Reads::Data;
            if let Some(command) = found.command(*last) {
                command.dynamic = true;
            }
            if runs {
                found.hide(*last);
            }
        }
        _ => {
            if let Some(note) = found.note(call.at) {
                note.wraps = true;
            }
        }
    }
    Ok(main)
}

/// Code in a language that is not read here.
fn interpret(found: &mut Found, call: &Call<'_>, language: &Language) -> Result<Vec<usize>, Why> {
    let mut at = 0;
    while let Some(word) = call.args.get(at).filter(|word| word.text.len() > 1 && word.text.starts_with('-'))
    {
        let mut skip = 1;
        if let Some(option) = word.text.strip_prefix("--") {
            let name = option.split('=').next().unwrap_or_default();
            if LONG_CODE.contains(&name) {
                return code(found, call, at);
            }
        } else {
            let mut letters = word.text.chars().skip(1);
            while let Some(letter) = letters.next() {
                if language.code.contains(letter) {
                    return code(found, call, at);
                }
                if language.named.contains(letter) {
                    return Ok(Vec::new());
                }
                if language.valued.contains(letter) {
                    skip += usize::from(letters.next().is_none());
                    break;
                }
            }
        }
        at += skip;
    }
    match call.args.get(at) {
        Some(word) if word.text == "eval" && matches!(call.name.as_str(), "deno" | "bun") => {
            code(found, call, at)
        }
        Some(file) if !is_input(file) => {
            found.feed(&file.sources, call.at);
            if file.dynamic {
                found.hide(call.at);
            }
            Ok(Vec::new())
        }
        _ => {
            reads(found, call.at, Reads::Code);
            Ok(Vec::new())
        }
    }
}

fn code(found: &mut Found, call: &Call<'_>, at: usize) -> Result<Vec<usize>, Why> {
    for word in call.args.iter().skip(at).take(2) {
        found.feed(&word.sources, call.at);
    }
    found.hide(call.at);
    Ok(Vec::new())
}
