//! Words: quotes, escapes and expansions, character by character.

use super::Why;
use super::script::Reader;

/// What a character of a word is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Written as it is; may be part of a pattern or a brace expansion.
    Plain,
    /// Quoted or escaped: means itself.
    Quoted,
    /// Stands for what only a running shell knows.
    Unknown,
    /// Where `$IFS` splits.
    Split,
}

/// A word as it was read, before braces are expanded.
#[derive(Debug, Default)]
pub(super) struct Raw {
    pub(super) atoms: Vec<(char, Kind)>,
    /// Has quotes, even empty ones.
    pub(super) quoted: bool,
    /// Shells read it differently, or execute what it says.
    pub(super) hidden: bool,
    /// The commands whose output it contains.
    pub(super) sources: Vec<usize>,
}

/// A word as a program gets it.
#[derive(Debug, Clone, Default)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) dynamic: bool,
    pub(super) hidden: bool,
    /// Has an unquoted `*`, `?` or `[`.
    pub(super) glob: bool,
    pub(super) sources: Vec<usize>,
}

impl Word {
    pub(super) fn literal(text: &str) -> Self {
        Self { text: text.to_owned(), ..Self::default() }
    }
}

impl Raw {
    fn push(&mut self, c: char, kind: Kind) {
        self.atoms.push((c, kind));
    }

    fn unknown(&mut self, shown: &str) {
        self.atoms.extend(shown.chars().map(|c| (c, Kind::Unknown)));
    }

    /// The text, if nothing in it is quoted or expanded.
    pub(super) fn plain(&self) -> Option<String> {
        let plain = !self.quoted && self.atoms.iter().all(|(_, kind)| *kind == Kind::Plain);
        plain.then(|| self.text())
    }

    pub(super) fn text(&self) -> String {
        self.atoms.iter().map(|(c, _)| c).collect()
    }

    /// The variable, if the word assigns to one: `name=…`, `name+=…`, `name[…]=…`.
    pub(super) fn assigns(&self) -> Option<String> {
        let mut name = String::new();
        let mut rest = self.atoms.iter().copied();
        for (c, kind) in rest.by_ref() {
            match c {
                _ if kind != Kind::Plain => return None,
                'a'..='z' | 'A'..='Z' | '_' => name.push(c),
                '0'..='9' if !name.is_empty() => name.push(c),
                '=' => return (!name.is_empty()).then_some(name),
                '+' => return (rest.next() == Some(('=', Kind::Plain)) && !name.is_empty()).then_some(name),
                '[' if !name.is_empty() => break,
                _ => return None,
            }
        }
        let mut closed = false;
        for atom in rest {
            match atom {
                (']', Kind::Plain) => closed = true,
                ('=', Kind::Plain) if closed => return Some(name),
                ('+', Kind::Plain) if closed => {}
                _ => closed = false,
            }
        }
        None
    }
}

impl Reader<'_, '_> {
    /// Reads a word; an empty one without quotes means that there is none.
    pub(super) fn raw_word(&mut self) -> Result<Raw, Why> {
        let mut raw = Raw::default();
        while let Some(byte) = self.peek() {
            match byte {
                b' ' | b'\t' | b'\n' | b';' | b'&' | b'|' | b')' => break,
                b'<' | b'>' if self.peek_at(1) != Some(b'(') => break,
                b'<' | b'>' => self.process_substitution(&mut raw)?,
                b'(' => match raw.atoms.last() {
                    Some(('=', Kind::Plain)) if raw.assigns().is_some() => self.array(&mut raw)?,
                    Some(('?' | '*' | '+' | '@' | '!' | '$', Kind::Plain)) => {
                        return Err("has a pattern that not every shell knows");
                    }
                    _ => break,
                },
                b'\\' => self.escape(&mut raw),
                b'\'' => self.single_quoted(&mut raw)?,
                b'"' => self.double_quoted(&mut raw)?,
                b'`' => self.backticks(&mut raw, false)?,
                b'$' => self.dollar(&mut raw, false)?,
                _ => self.take_char(&mut raw, Kind::Plain),
            }
        }
        Ok(raw)
    }

    fn take_char(&mut self, raw: &mut Raw, kind: Kind) {
        if let Some(c) = self.bump() {
            raw.push(c, kind);
        }
    }

    fn escape(&mut self, raw: &mut Raw) {
        self.skip(1);
        match self.peek() {
            Some(b'\n') => self.skip(1),
            Some(_) => self.take_char(raw, Kind::Quoted),
            None => raw.push('\\', Kind::Quoted),
        }
    }

    fn single_quoted(&mut self, raw: &mut Raw) -> Result<(), Why> {
        self.skip(1);
        let end = self.rest().find('\'').ok_or("has a quote that does not end")?;
        let text = self.rest().get(..end).unwrap_or_default();
        // Arithmetic executes the index of an array, also one that was quoted until then.
        raw.hidden |= text.contains("[$(") || text.contains("[`");
        raw.atoms.extend(text.chars().map(|c| (c, Kind::Quoted)));
        raw.quoted = true;
        self.skip(end + 1);
        Ok(())
    }

    fn double_quoted(&mut self, raw: &mut Raw) -> Result<(), Why> {
        self.skip(1);
        raw.quoted = true;
        loop {
            match self.peek().ok_or("has a quote that does not end")? {
                b'"' => break,
                b'\\' => match self.peek_at(1) {
                    Some(b'$' | b'`' | b'"' | b'\\' | b'\n') => self.escape(raw),
                    _ => self.take_char(raw, Kind::Quoted),
                },
                b'$' => self.dollar(raw, true)?,
                b'`' => self.backticks(raw, true)?,
                _ => self.take_char(raw, Kind::Quoted),
            }
        }
        self.skip(1);
        Ok(())
    }

    /// Text in which only expansions count: the body of a here-document, arithmetic.
    pub(super) fn expansions(&mut self, raw: &mut Raw, end: usize) -> Result<(), Why> {
        while self.at() < end {
            match self.peek() {
                Some(b'\\') => self.escape(raw),
                Some(b'$') => self.dollar(raw, true)?,
                Some(b'`') => self.backticks(raw, true)?,
                _ => self.take_char(raw, Kind::Quoted),
            }
        }
        if self.at() > end { Err("has an expansion that does not end") } else { Ok(()) }
    }

    fn dollar(&mut self, raw: &mut Raw, in_quotes: bool) -> Result<(), Why> {
        match self.peek_at(1) {
            Some(b'(') => self.substitution(raw),
            Some(b'{') => self.parameter(raw, in_quotes),
            Some(b'[') => {
                let length = self.rest().find(']').ok_or("has an expansion that does not end")?;
                self.skip(2);
                self.inner_expansions(raw, self.at() + length - 2)?;
                self.skip(1);
                raw.unknown("$((…))");
                Ok(())
            }
            Some(b'\'') if !in_quotes => self.ansi_quoted(raw),
            // `$"…"` is translated; without a translation it is itself.
            Some(b'"') if !in_quotes => {
                self.skip(1);
                Ok(())
            }
            Some(b'\\') if self.peek_at(2) == Some(b'\n') => Err("has an expansion broken over lines"),
            Some(b'a'..=b'z' | b'A'..=b'Z' | b'_') => {
                self.skip(1);
                let name = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
                let length = self.rest().bytes().take_while(|b| name(*b)).count();
                let text = self.rest().get(..length).unwrap_or_default().to_owned();
                self.skip(length);
                variable(raw, &text, in_quotes);
                Ok(())
            }
            Some(special @ (b'0'..=b'9' | b'@' | b'*' | b'#' | b'?' | b'-' | b'$' | b'!')) => {
                self.skip(2);
                raw.unknown(&format!("${{{}}}", char::from(special)));
                Ok(())
            }
            _ => {
                self.take_char(raw, if in_quotes { Kind::Quoted } else { Kind::Plain });
                Ok(())
            }
        }
    }

    fn substitution(&mut self, raw: &mut Raw) -> Result<(), Why> {
        if self.peek_at(2) == Some(b'(')
            && let Some(end) = self.arithmetic_end(self.at() + 3)?
        {
            self.skip(3);
            self.inner_expansions(raw, end)?;
            self.skip(2);
            raw.unknown("$((…))");
            return Ok(());
        }
        self.skip(2);
        raw.sources.extend(self.nested(false)?);
        raw.unknown("$(…)");
        Ok(())
    }

    fn process_substitution(&mut self, raw: &mut Raw) -> Result<(), Why> {
        let reads = self.peek() == Some(b'>');
        self.skip(2);
        let main = self.nested(reads)?;
        raw.unknown(if reads { ">(…)" } else { "<(…)" });
        if !reads {
            raw.sources.extend(main);
        }
        Ok(())
    }

    /// Expansions whose text does not count, only that they are there and what they run.
    fn inner_expansions(&mut self, raw: &mut Raw, end: usize) -> Result<(), Why> {
        let mut inner = Raw::default();
        self.found().deeper()?;
        self.expansions(&mut inner, end)?;
        self.found().higher();
        raw.sources.extend(inner.sources);
        raw.hidden |= inner.hidden;
        Ok(())
    }

    /// `${…}`, with whatever stands in it.
    fn parameter(&mut self, raw: &mut Raw, in_quotes: bool) -> Result<(), Why> {
        self.skip(2);
        let start = self.at();
        let mut inner = Raw::default();
        self.found().deeper()?;
        loop {
            match self.peek().ok_or("has an expansion that does not end")? {
                b'}' => break,
                b'\\' => self.escape(&mut inner),
                b'\'' if in_quotes => return Err("has a quote that shells read differently"),
                b'\'' => self.single_quoted(&mut inner)?,
                b'"' if in_quotes => return Err("has a quote that shells read differently"),
                b'"' => self.double_quoted(&mut inner)?,
                b'`' => self.backticks(&mut inner, in_quotes)?,
                b'$' if self.peek_at(1) == Some(b'}') => self.take_char(&mut inner, Kind::Plain),
                b'$' => self.dollar(&mut inner, in_quotes)?,
                _ => self.take_char(&mut inner, Kind::Plain),
            }
        }
        self.found().higher();
        let text = self.from(start).to_owned();
        self.skip(1);
        raw.sources.append(&mut inner.sources);
        // `@P` executes what the variable holds.
        raw.hidden |= inner.hidden || text.ends_with("@P");
        variable(raw, &text, in_quotes);
        Ok(())
    }

    fn backticks(&mut self, raw: &mut Raw, in_quotes: bool) -> Result<(), Why> {
        self.skip(1);
        let mut script = String::new();
        loop {
            match self.bump().ok_or("has a quote that does not end")? {
                '`' => break,
                '\\' => match self.peek() {
                    Some(b'$' | b'`' | b'\\') => script.extend(self.bump()),
                    Some(b'"') if in_quotes => script.extend(self.bump()),
                    _ => script.push('\\'),
                },
                c => script.push(c),
            }
        }
        raw.sources.extend(self.found().script(&script, false)?);
        raw.unknown("$(…)");
        Ok(())
    }

    /// `name=(…)`: the words count only for what they run.
    fn array(&mut self, raw: &mut Raw) -> Result<(), Why> {
        self.skip(1);
        loop {
            self.gap()?;
            if self.peek() == Some(b')') {
                break;
            }
            let start = self.at();
            self.found().deeper()?;
            let item = self.raw_word()?;
            self.found().higher();
            raw.hidden |= item.hidden;
            if self.at() == start {
                return Err("has a list that does not end");
            }
        }
        self.skip(1);
        Ok(())
    }

    /// `$'…'`.
    fn ansi_quoted(&mut self, raw: &mut Raw) -> Result<(), Why> {
        self.skip(2);
        raw.quoted = true;
        loop {
            match self.bump().ok_or("has a quote that does not end")? {
                '\'' => return Ok(()),
                '\\' => match self.bump().ok_or("has a quote that does not end")? {
                    // Where `$'` is not known, this quote ends the string.
                    '\'' => {
                        raw.hidden = true;
                        raw.push('\'', Kind::Quoted);
                    }
                    c => self.ansi_escape(raw, c)?,
                },
                c => raw.push(c, Kind::Quoted),
            }
        }
    }

    fn ansi_escape(&mut self, raw: &mut Raw, escape: char) -> Result<(), Why> {
        let code = match escape {
            'a' => 7,
            'b' => 8,
            'e' | 'E' => 27,
            'f' => 12,
            'n' => 10,
            'r' => 13,
            't' => 9,
            'v' => 11,
            'x' => self.digits(16, 2, 0),
            'u' => self.digits(16, 4, 0),
            'U' => self.digits(16, 8, 0),
            'c' => self.bump().map_or(0, |c| u32::from(c) & 31),
            '0'..='7' => self.digits(8, 2, escape.to_digit(8).unwrap_or_default()),
            '\\' | '"' | '?' => u32::from(escape),
            _ => {
                raw.push('\\', Kind::Quoted);
                u32::from(escape)
            }
        };
        if code == 0 {
            return Err("has a NUL");
        }
        raw.push(char::from_u32(code).ok_or("has an escape that is no character")?, Kind::Quoted);
        Ok(())
    }

    fn digits(&mut self, radix: u32, most: usize, start: u32) -> u32 {
        let mut value = start;
        for _ in 0..most {
            let Some(digit) = self.peek().and_then(|b| char::from(b).to_digit(radix)) else {
                break;
            };
            value = value.wrapping_mul(radix).wrapping_add(digit);
            self.skip(1);
        }
        value
    }
}

/// What stands for a variable. `$IFS` is white space unless someone changed it.
fn variable(raw: &mut Raw, text: &str, in_quotes: bool) {
    let length = text.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
    let (name, operation) = text.split_at_checked(length).unwrap_or((text, ""));
    match (name, operation) {
        ("IFS", _) if !in_quotes => raw.push(' ', Kind::Split),
        (_, "") if !name.is_empty() => raw.unknown(&format!("${{{name}}}")),
        _ => raw.unknown("${…}"),
    }
}
