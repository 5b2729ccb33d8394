//! The grammar: lists, pipelines, compound commands, redirections, here-documents.
//!
//! Every function that reads commands returns its main ones: those that read its standard input
//! and write its standard output, as opposed to those in substitutions and functions.

use super::compound::OPENERS;
use super::expand::expand;
use super::found::{Found, Reads};
use super::redirect::Pending;
use super::word::Word;
use super::{SimpleCommand, Why, run};

/// Words that end a list where a command could start.
const CLOSERS: [&str; 8] = ["then", "elif", "else", "fi", "do", "done", "esac", "}"];

/// Variables that change what later commands run.
const STEERING: [&str; 12] = [
    "PATH",
    "IFS",
    "ENV",
    "BASH_ENV",
    "SHELLOPTS",
    "BASHOPTS",
    "PS4",
    "PROMPT_COMMAND",
    "CDPATH",
    "FPATH",
    "PYTHONPATH",
    "PERL5OPT",
];

/// Reads a script from its start to its end.
pub(super) struct Reader<'t, 'f> {
    text: &'t str,
    at: usize,
    pending: Vec<Pending>,
    found: &'f mut Found,
}

impl<'t, 'f> Reader<'t, 'f> {
    pub(super) fn new(text: &'t str, found: &'f mut Found) -> Self {
        Self { text, at: 0, pending: Vec::new(), found }
    }

    pub(super) fn found(&mut self) -> &mut Found {
        self.found
    }

    pub(super) fn text(&self) -> &'t str {
        self.text
    }

    /// Takes the here-documents whose bodies begin here.
    pub(super) fn documents(&mut self) -> Vec<Pending> {
        std::mem::take(&mut self.pending)
    }

    pub(super) fn announce(&mut self, document: Pending) {
        self.pending.push(document);
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.peek_at(0)
    }

    pub(super) fn peek_at(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + ahead).copied()
    }

    pub(super) fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    pub(super) fn from(&self, start: usize) -> &'t str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    pub(super) fn skip(&mut self, bytes: usize) {
        self.at = self.at.saturating_add(bytes).min(self.text.len());
    }

    pub(super) fn bump(&mut self) -> Option<char> {
        let c = self.rest().chars().next()?;
        self.skip(c.len_utf8());
        Some(c)
    }

    pub(super) fn eat(&mut self, text: &str) -> bool {
        let there = self.rest().starts_with(text);
        if there {
            self.skip(text.len());
        }
        there
    }

    /// The whole text.
    pub(super) fn all(mut self, fed: bool) -> Result<Vec<usize>, Why> {
        let main = self.list(fed)?;
        match self.peek() {
            None if self.pending.is_empty() => Ok(main),
            None => Err("has a here-document that does not end"),
            Some(_) => Err("has a word or bracket where it does not belong"),
        }
    }

    /// The rest of `$(…)` or `<(…)`.
    pub(super) fn nested(&mut self, fed: bool) -> Result<Vec<usize>, Why> {
        self.found.deeper()?;
        let outer = std::mem::take(&mut self.pending);
        let main = self.list(fed)?;
        if !self.eat(")") || !self.pending.is_empty() {
            return Err("has a substitution that does not end");
        }
        self.pending = outer;
        self.found.higher();
        Ok(main)
    }

    /// White space within a line.
    pub(super) fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t')) || self.rest().starts_with("\\\n") {
            self.skip(if self.peek() == Some(b'\\') { 2 } else { 1 });
        }
        if self.peek() == Some(b'#') {
            self.skip(self.rest().find('\n').unwrap_or(self.rest().len()));
        }
    }

    /// White space and lines.
    pub(super) fn gap(&mut self) -> Result<(), Why> {
        self.blanks();
        while self.peek() == Some(b'\n') {
            self.line()?;
            self.blanks();
        }
        Ok(())
    }

    /// The unquoted word here, if a delimiter ends it; else nothing.
    pub(super) fn keyword(&self) -> &'t str {
        let end = self.rest().find(|c: char| " \t\n;&|()<>'\"\\$`".contains(c)).unwrap_or(self.rest().len());
        let (word, after) = self.rest().split_at_checked(end).unwrap_or_default();
        if after.starts_with(['\'', '"', '\\', '$', '`']) { "" } else { word }
    }

    pub(super) fn expect(&mut self, word: &str) -> Result<(), Why> {
        self.gap()?;
        if self.keyword() != word {
            return Err("has a compound command that does not end");
        }
        self.skip(word.len());
        Ok(())
    }

    /// Commands up to something that ends a list, which is left.
    pub(super) fn list(&mut self, fed: bool) -> Result<Vec<usize>, Why> {
        let mut main = Vec::new();
        let mut wanted = false;
        loop {
            self.gap()?;
            let separator = match self.peek() {
                None | Some(b')') => true,
                Some(b';') => matches!(self.peek_at(1), Some(b';' | b'&')),
                _ => CLOSERS.contains(&self.keyword()),
            };
            if separator {
                return if wanted { Err("ends where a command is expected") } else { Ok(main) };
            }
            main.extend(self.pipeline(fed)?);
            self.blanks();
            wanted = self.eat("&&") || self.eat("||");
            if !wanted && !matches!(self.peek(), Some(b';')) {
                let _ = self.eat("&");
            } else if !wanted && !matches!(self.peek_at(1), Some(b';' | b'&')) {
                self.skip(1);
            }
        }
    }

    fn pipeline(&mut self, fed: bool) -> Result<Vec<usize>, Why> {
        while self.keyword() == "!" {
            self.skip(1);
            self.blanks();
        }
        let mut stages = vec![self.command(fed)?];
        loop {
            self.blanks();
            if self.rest().starts_with("||") || !self.eat("|") {
                break;
            }
            let _ = self.eat("&");
            self.gap()?;
            stages.push(self.command(true)?);
        }
        if stages.len() > 1 {
            self.found.pipe(&stages);
        }
        Ok(stages.concat())
    }

    pub(super) fn command(&mut self, fed: bool) -> Result<Vec<usize>, Why> {
        self.found.deeper()?;
        let main = match self.keyword() {
            "" if self.rest().starts_with("((") => self.arithmetic_command(fed)?,
            "" if self.eat("(") => {
                let main = self.list(fed)?;
                if !self.eat(")") {
                    return Err("has a bracket that does not end");
                }
                main
            }
            word if OPENERS.contains(&word) => {
                self.skip(word.len());
                self.compound(word, fed)?
            }
            "time" | "coproc" if self.before_compound() => {
                let prefix = SimpleCommand { program: self.keyword().into(), ..SimpleCommand::default() };
                self.skip(prefix.program.len());
                self.found.push(SimpleCommand { given: prefix.program.clone(), ..prefix })?;
                self.blanks();
                self.command(fed)?
            }
            word if CLOSERS.contains(&word) => return Err("ends where a command is expected"),
            _ => {
                let main = self.simple(fed)?;
                self.found.higher();
                return Ok(main);
            }
        };
        let mut redirects = Vec::new();
        self.blanks();
        while let Some(redirect) = self.redirect()? {
            redirects.push(redirect.0);
            self.blanks();
        }
        self.found.redirect(&main, &redirects)?;
        self.found.higher();
        Ok(main)
    }

    fn simple(&mut self, fed: bool) -> Result<Vec<usize>, Why> {
        let start = self.at;
        let first_document = self.pending.len();
        let mut words: Vec<Word> = Vec::new();
        let mut redirects = Vec::new();
        let (mut steered, mut hidden) = (false, false);
        loop {
            self.blanks();
            if let Some((redirect, word)) = self.redirect()? {
                hidden |= word.hidden;
                words.last_mut().into_iter().for_each(|last| last.dynamic |= word.dynamic);
                redirects.push((redirect, word));
                continue;
            }
            if self.peek() == Some(b'(') {
                if words.len() != 1 || !redirects.is_empty() {
                    return Err("has a bracket where it does not belong");
                }
                self.skip(1);
                self.function_brackets()?;
                self.function_body()?;
                return Ok(Vec::new());
            }
            let before = self.at;
            let raw = self.raw_word()?;
            if self.at == before {
                break;
            }
            match raw.assigns() {
                Some(name) if words.is_empty() => {
                    hidden |= raw.hidden;
                    steered |= STEERING.contains(&name.as_str())
                        || name.starts_with("LD_")
                        || name.starts_with("DYLD_");
                }
                _ => words.extend(expand(raw)),
            }
        }
        if self.at == start {
            return Err("ends where a command is expected");
        }
        if steered || (hidden && words.is_empty()) {
            self.found.taint();
        }
        if let Some(program) = words.first_mut() {
            program.hidden |= hidden || steered;
        }
        let main = run::run(self.found, &words, redirects, fed)?;
        let owner = main.iter().rev().copied().find(|at| self.found.reads(*at) != Reads::Data);
        self.pending.iter_mut().skip(first_document).for_each(|document| document.owner = owner);
        Ok(main)
    }
}
