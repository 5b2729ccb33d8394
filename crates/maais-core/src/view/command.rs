//! Shell commands: every program that a command line would run, however it is disguised.
//!
//! Lists, pipelines, compound commands, functions, substitutions and here-documents are read as a
//! POSIX shell with the common additions of bash reads them; programs that run others (`env`,
//! `sudo`, `xargs`, `sh -c`, `eval`, `find -exec`, …) are listed and so is what they run. Words are
//! unquoted; what only a running shell knows (variables, output of commands) makes a command
//! `dynamic`, and `hidden` if even the program or the code it is given is unknown.
//!
//! Deliberately absent: variables' values, aliases, files, and what programs do with their
//! arguments. Other shells (`cmd.exe`, PowerShell, fish) are interpreters of unknown code. Own code
//! rather than a crate: those at hand leave the unquoting to the caller, remember inputs globally,
//! and weigh more than everything else in this crate together.

mod compound;
mod expand;
mod found;
mod options;
mod redirect;
mod run;
mod script;
mod tables;
mod word;

use found::Found;
use word::Word;

/// Bytes of a command line that are looked at.
pub const LENGTH_MAX: usize = 64 * 1024;

/// Simple commands in one command line.
pub const COMMANDS_MAX: usize = 1_000;

/// How deep compound commands, substitutions, quoted scripts and wrappers may be nested.
pub const DEPTH_MAX: usize = 64;

/// The programs of a command line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommandView {
    /// All, in the order in which the text names them; a wrapper before what it runs, a
    /// substitution before the command that uses it.
    pub commands: Vec<SimpleCommand>,
    /// The programs of each pipeline of two or more, joined by ` | ` (`curl | sh`). Wrappers such as
    /// `sudo` are left out. Code that an interpreter is handed by a substitution counts as piped:
    /// `bash <(curl x)` and `sh -c "$(curl x)"` are `curl | bash` and `curl | sh`.
    pub pipelines: Vec<String>,
    /// Something in it is not known before it runs.
    pub dynamic: bool,
}

/// One program with its arguments.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SimpleCommand {
    /// The program without its folder, lower case: `rm` for `/bin/rm`. Empty for redirections alone.
    pub program: String,
    /// The program as written, without quotes.
    pub given: String,
    /// The arguments without quotes. What is unknown stands as `${name}`, `$(…)` and the like.
    pub args: Vec<String>,
    /// Where it reads from and writes to, besides pipes.
    pub redirects: Vec<Redirect>,
    /// Its output goes into the next command of the pipeline.
    pub piped: bool,
    /// Some word of it is not known before it runs.
    pub dynamic: bool,
    /// What runs is not known: the program's name, or the code that an interpreter is given.
    pub hidden: bool,
}

/// A redirection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirect {
    /// Without the descriptor: `>`, `>>`, `<`, `&>`, `<<`, …
    pub operator: String,
    /// The file, descriptor or text; for a here-document its delimiter.
    pub target: String,
}

/// What a text says as a command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommandOutcome {
    /// These programs.
    Parsed(CommandView),
    /// No shell's language, or more of it than is looked at; the text completes "the command …".
    Unparseable(&'static str),
}

/// Why a text has no view.
type Why = &'static str;

/// Reads a text that is meant for a shell.
pub fn view(text: &str) -> CommandOutcome {
    let mut found = Found::default();
    let read = match text.len() {
        0..=LENGTH_MAX => found.script(text, false),
        _ => Err("is longer than 64 KiB"),
    };
    found.outcome(read.map(drop))
}

/// Reads a command that is already split into words: no shell looks at it unless it names one.
pub fn argv(words: &[&str]) -> CommandOutcome {
    let mut found = Found::default();
    let length: usize = words.iter().map(|word| word.len()).sum();
    let read = match (length, words.iter().any(|word| word.contains('\0'))) {
        (_, true) => Err("has a NUL"),
        (0, _) => Err("is empty"),
        (1..=LENGTH_MAX, _) => {
            let words: Vec<Word> = words.iter().map(|word| Word::literal(word)).collect();
            run::run(&mut found, &words, Vec::new(), false)
        }
        _ => Err("is longer than 64 KiB"),
    };
    found.outcome(read.map(drop))
}

#[cfg(test)]
mod tests;
