//! Redirections and here-documents.

use super::expand::expand;
use super::found::Reads;
use super::script::Reader;
use super::word::{Kind, Raw, Word};
use super::{Redirect, Why};

/// A here-document whose body has yet to come.
pub(super) struct Pending {
    pub(super) delimiter: String,
    pub(super) tabs: bool,
    pub(super) literal: bool,
    /// The command that executes the body, and as what.
    pub(super) owner: Option<usize>,
}

impl Reader<'_, '_> {
    /// The end of a line, and the here-documents that begin there.
    pub(super) fn line(&mut self) -> Result<(), Why> {
        self.skip(1);
        for document in self.documents() {
            self.here_document(&document)?;
        }
        Ok(())
    }

    fn here_document(&mut self, document: &Pending) -> Result<(), Why> {
        let start = self.at();
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
            self.found().count(body.len())?;
            self.found().deeper()?;
            Reader::new(body, self.found()).expansions(&mut raw, body.len())?;
            self.found().higher();
        }
        let Some(owner) = document.owner else { return Ok(()) };
        let plain = document.literal || !body.contains(['\\', '$', '`']);
        match self.found().reads(owner) {
            Reads::Data => {}
            Reads::Shell if plain => drop(self.found().script(body, false)?),
            Reads::Shell | Reads::Code => self.found().hide(owner),
        }
        Ok(())
    }

    /// A redirection, if one is here.
    pub(super) fn redirect(&mut self) -> Result<Option<(Redirect, Word)>, Why> {
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
        let start = self.at();
        let raw = self.raw_word()?;
        if self.at() == start {
            return Err("has a redirection to nowhere");
        }
        if matches!(operator, "<<" | "<<-") {
            if raw.atoms.iter().any(|(_, kind)| matches!(kind, Kind::Unknown | Kind::Split)) {
                return Err("has a here-document whose end is computed");
            }
            let literal = raw.quoted || raw.plain().is_none();
            let delimiter = raw.text();
            let tabs = operator == "<<-";
            self.announce(Pending { delimiter, tabs, literal, owner: None });
        }
        let text = raw.text();
        let mut word = expand(raw).into_iter().next().unwrap_or_default();
        word.text.clone_from(&text);
        Ok(Some((Redirect { operator: operator.to_owned(), target: text }, word)))
    }
}
