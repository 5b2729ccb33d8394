//! The grammar: lists, pipelines, compound commands, redirections, here-documents.
//!
//! Every function that reads commands returns its main ones: those that read its standard input
//! and write its standard output, as opposed to those in substitutions and functions.

use super::expand::expand;
use super::found::{Found, Reads};
use super::word::{Kind, Raw, Word};
use super::{Redirect, SimpleCommand, Why, run};

/// Words that end a list where a command could start.
const CLOSERS: [&str; 8] = ["then", "elif", "else", "fi", "do", "done", "esac", "}"];

/// Words that start a compound command.
const OPENERS: [&str; 9] = ["if", "while", "until", "for", "select", "case", "{", "function", "[["];

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

/// A here-document whose body has yet to come.
struct Pending {
    delimiter: String,
    tabs: bool,
    literal: bool,
    /// The command that executes the body, and as what.
    owner: Option<usize>,
}

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

    fn eat(&mut self, text: &str) -> bool {
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
    fn blanks(&mut self) {
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

    /// The end of a line, and the here-documents that begin there.
    fn line(&mut self) -> Result<(), Why> {
        self.skip(1);
        for document in std::mem::take(&mut self.pending) {
            self.here_document(&document)?;
        }
        Ok(())
    }

    fn here_document(&mut self, document: &Pending) -> Result<(), Why> {
        let start = self.at;
        let mut continued = false;
        let body = loop {
            let line = self.rest().split('\n').next().unwrap_or_default();
            let bare = if document.tabs { line.trim_start_matches('\t') } else { line };
            if bare == document.delimiter && !continued {
                let body = self.from(start);
                self.skip(line.len() + 1);
                break body;
            }
            if self.rest().len() == line.len() {
                return Err("has a here-document that does not end");
            }
            let backslashes = line.len() - line.trim_end_matches('\\').len();
            continued = !document.literal && backslashes % 2 == 1;
            self.skip(line.len() + 1);
        };
        let mut raw = Raw::default();
        if !document.literal {
            self.found.count(body.len())?;
            self.found.deeper()?;
            Reader::new(body, self.found).expansions(&mut raw, body.len())?;
            self.found.higher();
        }
        let Some(owner) = document.owner else { return Ok(()) };
        let plain = document.literal || !body.contains(['\\', '$', '`']);
        match self.found.reads(owner) {
            Reads::Data => {}
            Reads::Shell if plain => drop(self.found.script(body, false)?),
            Reads::Shell | Reads::Code => self.found.hide(owner),
        }
        Ok(())
    }

    /// The unquoted word here, if a delimiter ends it; else nothing.
    fn keyword(&self) -> &'t str {
        let end = self.rest().find(|c: char| " \t\n;&|()<>'\"\\$`".contains(c)).unwrap_or(self.rest().len());
        let (word, after) = self.rest().split_at_checked(end).unwrap_or_default();
        if after.starts_with(['\'', '"', '\\', '$', '`']) { "" } else { word }
    }

    fn expect(&mut self, word: &str) -> Result<(), Why> {
        self.gap()?;
        if self.keyword() != word {
            return Err("has a compound command that does not end");
        }
        self.skip(word.len());
        Ok(())
    }

    /// Commands up to something that ends a list, which is left.
    fn list(&mut self, fed: bool) -> Result<Vec<usize>, Why> {
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

    fn command(&mut self, fed: bool) -> Result<Vec<usize>, Why> {
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

    /// Whether a compound command follows the word here.
    fn before_compound(&self) -> bool {
        let after =
            self.rest().get(self.keyword().len()..).unwrap_or_default().trim_start_matches([' ', '\t']);
        let next = after.split([' ', '\t', '\n', ';', '(']).next().unwrap_or_default();
        after.starts_with('(') || next == "!" || OPENERS.contains(&next)
    }

    fn compound(&mut self, word: &str, fed: bool) -> Result<Vec<usize>, Why> {
        let mut main = Vec::new();
        match word {
            "{" => {
                main.extend(self.list(fed)?);
                self.expect("}")?;
            }
            "if" => {
                main.extend(self.list(fed)?);
                self.expect("then")?;
                main.extend(self.list(fed)?);
                while self.keyword() == "elif" {
                    self.expect("elif")?;
                    main.extend(self.list(fed)?);
                    self.expect("then")?;
                    main.extend(self.list(fed)?);
                }
                if self.keyword() == "else" {
                    self.expect("else")?;
                    main.extend(self.list(fed)?);
                }
                self.expect("fi")?;
            }
            "while" | "until" => {
                main.extend(self.list(fed)?);
                main.extend(self.body(fed)?);
            }
            "for" | "select" => {
                self.for_words()?;
                main.extend(self.body(fed)?);
            }
            "case" => main.extend(self.case(fed)?),
            "[[" => main.extend(self.conditional()?),
            _ => {
                self.blanks();
                let _name = self.raw_word()?;
                self.blanks();
                if self.eat("(") {
                    self.function_brackets()?;
                }
                self.function_body()?;
            }
        }
        Ok(main)
    }

    /// `do … done`, or `{ … }`.
    fn body(&mut self, fed: bool) -> Result<Vec<usize>, Why> {
        self.gap()?;
        if self.eat(";") {
            self.gap()?;
        }
        let (open, close) = if self.keyword() == "{" { ("{", "}") } else { ("do", "done") };
        self.expect(open)?;
        let main = self.list(fed)?;
        self.expect(close)?;
        Ok(main)
    }

    /// `NAME in words`, `((…))`.
    fn for_words(&mut self) -> Result<(), Why> {
        self.blanks();
        if self.rest().starts_with("((") {
            let end = self.arithmetic_end(self.at + 2)?.ok_or("has arithmetic that does not end")?;
            self.skip(2);
            let mut raw = Raw::default();
            self.expansions(&mut raw, end)?;
            self.skip(2);
            return Ok(());
        }
        let _name = self.raw_word()?;
        self.gap()?;
        if self.keyword() == "in" {
            self.skip(2);
            loop {
                self.blanks();
                let start = self.at;
                let _word = self.raw_word()?;
                if self.at == start {
                    break;
                }
            }
        }
        Ok(())
    }

    fn case(&mut self, fed: bool) -> Result<Vec<usize>, Why> {
        let mut main = Vec::new();
        self.blanks();
        let _subject = self.raw_word()?;
        self.expect("in")?;
        loop {
            self.gap()?;
            if self.keyword() == "esac" {
                self.expect("esac")?;
                return Ok(main);
            }
            let _ = self.eat("(");
            loop {
                self.blanks();
                let start = self.at;
                let _pattern = self.raw_word()?;
                self.blanks();
                match (self.at > start, self.peek()) {
                    (true, Some(b'|')) => self.skip(1),
                    (true, Some(b')')) => break self.skip(1),
                    _ => return Err("has a pattern that does not end"),
                }
            }
            main.extend(self.list(fed)?);
            let ended = self.eat(";;&") || self.eat(";;") || self.eat(";&");
            self.gap()?;
            if !ended && self.keyword() != "esac" {
                return Err("has a compound command that does not end");
            }
        }
    }

    /// `[[ … ]]`. A shell without it would run what stands after its `||`.
    fn conditional(&mut self) -> Result<Vec<usize>, Why> {
        let mut words: Vec<Word> = vec![Word::literal("[[")];
        let mut joined = false;
        loop {
            self.gap()?;
            if self.keyword() == "]]" {
                self.skip(2);
                break;
            }
            let start = self.at;
            let raw = self.raw_word()?;
            words.extend(expand(raw));
            if self.at == start {
                let operator = self.bump().ok_or("has a test that does not end")?;
                joined |= matches!(operator, '&' | '|' | ';');
                words.push(Word::literal(operator.encode_utf8(&mut [0; 4])));
            }
        }
        let dynamic = words.iter().any(|word| word.dynamic);
        let odd = joined && runs_elsewhere(&words);
        let hidden = odd || words.iter().any(|word| word.hidden);
        let args = words.into_iter().skip(1).map(|word| word.text).collect();
        let (program, given) = ("[[".to_owned(), "[[".to_owned());
        let dynamic = dynamic || hidden;
        let test = SimpleCommand { program, given, args, dynamic, hidden, ..SimpleCommand::default() };
        Ok(vec![self.found.push(test)?])
    }

    /// `((…))`: arithmetic to bash, a subshell in a subshell to others.
    fn arithmetic_command(&mut self, fed: bool) -> Result<Vec<usize>, Why> {
        let Some(end) = self.arithmetic_end(self.at + 2)? else {
            self.skip(1);
            let main = self.list(fed)?;
            return if self.eat(")") { Ok(main) } else { Err("has a bracket that does not end") };
        };
        self.skip(2);
        let start = self.at;
        let mut raw = Raw::default();
        self.expansions(&mut raw, end)?;
        let args = vec![self.from(start).to_owned()];
        self.skip(2);
        let (program, given) = ("((".to_owned(), "((".to_owned());
        let both =
            SimpleCommand { program, given, args, dynamic: true, hidden: true, ..SimpleCommand::default() };
        Ok(vec![self.found.push(both)?])
    }

    /// Where `))` ends the arithmetic that starts there, if it is arithmetic.
    pub(super) fn arithmetic_end(&mut self, start: usize) -> Result<Option<usize>, Why> {
        let mut depth = 0usize;
        let mut quote = None;
        let mut bytes = self.text.bytes().enumerate().skip(start);
        let mut end = None;
        while let Some((at, byte)) = bytes.next() {
            match (quote, byte) {
                (Some(b'\''), b'\'') | (Some(b'"'), b'"') => quote = None,
                (Some(b'\''), _) => {}
                (_, b'\\') => drop(bytes.next()),
                (Some(_), _) => {}
                (None, b'\'' | b'"') => quote = Some(byte),
                (None, b'(') => depth += 1,
                (None, b')') if depth == 0 => {
                    end = Some(at).filter(|at| self.text.as_bytes().get(at + 1) == Some(&b')'));
                    break;
                }
                (None, b')') => depth -= 1,
                _ => {}
            }
        }
        // Looked at twice.
        self.found.count(end.unwrap_or(self.text.len()).saturating_sub(start))?;
        Ok(end)
    }

    fn function_brackets(&mut self) -> Result<(), Why> {
        self.blanks();
        if self.eat(")") { Ok(()) } else { Err("has a bracket where it does not belong") }
    }

    /// What runs when the function is called, perhaps fed by a pipe.
    fn function_body(&mut self) -> Result<(), Why> {
        self.gap()?;
        let opens = OPENERS.contains(&self.keyword()) || self.peek() == Some(b'(');
        if !opens {
            return Err("has a function without a body");
        }
        self.command(true).map(drop)
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

    /// A redirection, if one is here.
    fn redirect(&mut self) -> Result<Option<(Redirect, Word)>, Why> {
        const OPERATORS: [&str; 12] =
            ["&>>", "&>", "<<<", "<<-", "<<", "<&", "<>", "<", ">>", ">&", ">|", ">"];
        let rest = self.rest();
        let name = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
        let named = rest.strip_prefix('{').map_or(0, |rest| rest.bytes().take_while(name).count());
        let descriptor = match self.peek_at(named + 1) {
            Some(b'}') if named > 0 => named + 2,
            _ => rest.bytes().take_while(u8::is_ascii_digit).count(),
        };
        let behind = rest.get(descriptor..).unwrap_or_default();
        let Some(operator) = OPERATORS.into_iter().find(|operator| behind.starts_with(operator)) else {
            return Ok(None);
        };
        let substitutes = operator.len() == 1 && behind.as_bytes().get(1) == Some(&b'(');
        if substitutes || (descriptor > 0 && operator.starts_with('&')) {
            return Ok(None);
        }
        self.skip(descriptor + operator.len());
        while matches!(self.peek(), Some(b' ' | b'\t')) {
            self.skip(1);
        }
        let start = self.at;
        let raw = self.raw_word()?;
        if self.at == start {
            return Err("has a redirection to nowhere");
        }
        if matches!(operator, "<<" | "<<-") {
            if raw.atoms.iter().any(|(_, kind)| matches!(kind, Kind::Unknown | Kind::Split)) {
                return Err("has a here-document whose end is computed");
            }
            let literal = raw.quoted || raw.plain().is_none();
            let delimiter = raw.text();
            let tabs = operator == "<<-";
            self.pending.push(Pending { delimiter, tabs, literal, owner: None });
        }
        let text = raw.text();
        let mut word = expand(raw).into_iter().next().unwrap_or_default();
        word.text.clone_from(&text);
        Ok(Some((Redirect { operator: operator.to_owned(), target: text }, word)))
    }
}

/// Whether a part of a test behind `&&` or `||` would be a command where `[[` is not known.
fn runs_elsewhere(words: &[Word]) -> bool {
    let texts: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
    let joins = |word: &&str| matches!(*word, "&" | "|" | ";");
    texts.split(joins).skip(1).filter(|part| !part.is_empty()).any(|part| {
        let compares = part.iter().any(|word| {
            matches!(
                *word,
                "=" | "=="
                    | "!="
                    | "=~"
                    | "<"
                    | ">"
                    | "-eq"
                    | "-ne"
                    | "-lt"
                    | "-le"
                    | "-gt"
                    | "-ge"
                    | "-nt"
                    | "-ot"
                    | "-ef"
            )
        });
        let tests = part.first().is_some_and(|word| word.starts_with(['-', '!', '(']));
        part.len() > 1 && !compares && !tests
    })
}
