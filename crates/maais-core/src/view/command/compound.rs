//! Compound commands: loops, conditions, functions, tests, arithmetic.

use super::expand::expand;
use super::script::Reader;
use super::word::{Raw, Word};
use super::{SimpleCommand, Why};

/// Words that start a compound command.
pub(super) const OPENERS: [&str; 9] =
    ["if", "while", "until", "for", "select", "case", "{", "function", "[["];

impl Reader<'_, '_> {
    /// Whether a compound command follows the word here.
    pub(super) fn before_compound(&self) -> bool {
        let after =
            self.rest().get(self.keyword().len()..).unwrap_or_default().trim_start_matches([' ', '\t']);
        let next = after.split([' ', '\t', '\n', ';', '(']).next().unwrap_or_default();
        after.starts_with('(') || next == "!" || OPENERS.contains(&next)
    }

    pub(super) fn compound(&mut self, word: &str, fed: bool) -> Result<Vec<usize>, Why> {
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
            let end = self.arithmetic_end(self.at() + 2)?.ok_or("has arithmetic that does not end")?;
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
                let start = self.at();
                let _word = self.raw_word()?;
                if self.at() == start {
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
                let start = self.at();
                let _pattern = self.raw_word()?;
                self.blanks();
                match (self.at() > start, self.peek()) {
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
            let start = self.at();
            let raw = self.raw_word()?;
            words.extend(expand(raw));
            if self.at() == start {
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
        Ok(vec![self.found().push(test)?])
    }

    /// `((…))`: arithmetic to bash, a subshell in a subshell to others.
    pub(super) fn arithmetic_command(&mut self, fed: bool) -> Result<Vec<usize>, Why> {
        let Some(end) = self.arithmetic_end(self.at() + 2)? else {
            self.skip(1);
            let main = self.list(fed)?;
            return if self.eat(")") { Ok(main) } else { Err("has a bracket that does not end") };
        };
        self.skip(2);
        let start = self.at();
        let mut raw = Raw::default();
        self.expansions(&mut raw, end)?;
        let args = vec![self.from(start).to_owned()];
        self.skip(2);
        let (program, given) = ("((".to_owned(), "((".to_owned());
        let both =
            SimpleCommand { program, given, args, dynamic: true, hidden: true, ..SimpleCommand::default() };
        Ok(vec![self.found().push(both)?])
    }

    /// Where `))` ends the arithmetic that starts there, if it is arithmetic.
    pub(super) fn arithmetic_end(&mut self, start: usize) -> Result<Option<usize>, Why> {
        let mut depth = 0usize;
        let mut quote = None;
        let mut bytes = self.text().bytes().enumerate().skip(start);
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
                    end = Some(at).filter(|at| self.text().as_bytes().get(at + 1) == Some(&b')'));
                    break;
                }
                (None, b')') => depth -= 1,
                _ => {}
            }
        }
        // Looked at twice.
        let looked_at = end.unwrap_or(self.text().len()).saturating_sub(start);
        self.found().count(looked_at)?;
        Ok(end)
    }

    pub(super) fn function_brackets(&mut self) -> Result<(), Why> {
        self.blanks();
        if self.eat(")") { Ok(()) } else { Err("has a bracket where it does not belong") }
    }

    /// What runs when the function is called, perhaps fed by a pipe.
    pub(super) fn function_body(&mut self) -> Result<(), Why> {
        self.gap()?;
        let opens = OPENERS.contains(&self.keyword()) || self.peek() == Some(b'(');
        if !opens {
            return Err("has a function without a body");
        }
        self.command(true).map(drop)
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
