//! Rego's rules of the usual allow and deny form. What is not of that form is refused where it stands, and reading
//! goes on behind it, so that everything is told at once.

use std::ops::Range;

use maais_runtime::core::document::Reader;

use super::lex::{Kind, Token};
use super::module::{Body, Constant, Expr, Head, Module, Rule, Verdict};

/// Reads the tokens of a module; what is refused is noted.
pub(super) struct Parser<'t, 'r, 's> {
    pub(super) tokens: &'t [Token],
    pub(super) at: usize,
    pub(super) reader: &'r mut Reader<'s>,
    /// `import rego.v1` stands at the head.
    strict: bool,
}

impl<'t, 'r, 's> Parser<'t, 'r, 's> {
    pub(super) fn new(tokens: &'t [Token], reader: &'r mut Reader<'s>) -> Self {
        Self { tokens, at: 0, reader, strict: false }
    }

    pub(super) fn peek(&self) -> Option<&'t Token> {
        self.tokens.get(self.at)
    }

    pub(super) fn next(&mut self) -> Option<&'t Token> {
        let token = self.tokens.get(self.at);
        self.at += usize::from(token.is_some());
        token
    }

    pub(super) fn is(&self, mark: &str) -> bool {
        matches!(self.peek(), Some(Token { kind: Kind::Mark(found), .. }) if *found == mark)
    }

    pub(super) fn is_name(&self, word: &str) -> bool {
        matches!(self.peek(), Some(Token { kind: Kind::Name(found), .. }) if found == word)
    }

    pub(super) fn take(&mut self, mark: &str) -> bool {
        let is = self.is(mark);
        self.at += usize::from(is);
        is
    }

    pub(super) fn take_name(&mut self, word: &str) -> bool {
        let is = self.is_name(word);
        self.at += usize::from(is);
        is
    }

    /// Where the next token stands, or the end.
    pub(super) fn here(&self) -> Range<usize> {
        let end = || self.tokens.last().map_or(0..0, |last| last.span.clone());
        self.peek().map_or_else(end, |token| token.span.clone())
    }

    /// From a place to the end of what was read last.
    pub(super) fn since(&self, start: usize) -> Range<usize> {
        let end =
            self.at.checked_sub(1).and_then(|at| self.tokens.get(at)).map_or(start, |token| token.span.end);
        start..end.max(start)
    }

    pub(super) fn refuse<T>(&mut self, span: &Range<usize>, what: &str, why: &str, help: &str) -> Option<T> {
        self.reader.error(span, format!("{what} cannot be imported"), why, Some(help.to_owned()));
        None
    }

    /// The whole module.
    pub(super) fn module(&mut self) -> Module {
        let mut module = Module::default();
        while let Some(token) = self.peek() {
            // An item takes a token at least.
            if self.item(&mut module, token).is_none() {
                self.skip_item();
            } else if self.peek().is_some_and(|next| !next.begins_line) {
                let here = self.here();
                self.refuse::<()>(&here, "what follows a rule on its line", "here", "begin a new line");
                self.skip_item();
            }
        }
        if module.package.is_none() {
            let span = self.tokens.first().map_or(0..0, |first| first.span.clone());
            self.refuse::<()>(
                &span,
                "a file without `package`",
                "is no module of Rego",
                "begin with `package`",
            );
        }
        module
    }

    fn item(&mut self, module: &mut Module, token: &Token) -> Option<()> {
        self.at += 1;
        let span = token.span.clone();
        let Kind::Name(word) = &token.kind else {
            let why = if let Kind::Wrong(why) = token.kind { why } else { "no rule begins like this" };
            return self.refuse(&span, "this", why, "begin a rule with `allow` or `deny`");
        };
        match word.as_str() {
            "package" => self.package(module, &span),
            "import" => self.import(&span),
            "default" => self.default(module, &span),
            "allow" => self.rule(module, Verdict::Allow, &span),
            "deny" => self.rule(module, Verdict::Deny, &span),
            name => self.constant(module, name.to_owned(), &span),
        }
    }

    /// `package a.b`.
    fn package(&mut self, module: &mut Module, span: &Range<usize>) -> Option<()> {
        let path = self.path();
        if path.is_empty() || module.package.is_some() {
            let span = self.since(span.start);
            return self.refuse(&span, "this `package`", "one, a path of names", "write `package name`");
        }
        module.package = Some(path.join("."));
        Some(())
    }

    fn path(&mut self) -> Vec<String> {
        let mut path = Vec::new();
        while let Some(Token { kind: Kind::Name(name), begins_line: false, .. }) = self.peek() {
            path.push(name.clone());
            self.at += 1;
            if !self.take(".") {
                break;
            }
        }
        path
    }

    fn import(&mut self, span: &Range<usize>) -> Option<()> {
        let path = self.path();
        let span = self.since(span.start);
        let parts: Vec<&str> = path.iter().map(String::as_str).collect();
        match parts.as_slice() {
            ["rego", "v1"] => self.strict = true,
            ["future", "keywords"] | ["future", "keywords", "if" | "in" | "contains" | "every"] => {}
            _ => {
                let why = "what it brings is not in this file";
                let what = format!("`import {}`", path.join("."));
                return self.refuse(&span, &what, why, "copy what it names into this file");
            }
        }
        if self.is_name("as") {
            let here = self.here();
            return self.refuse(&here, "a renamed import", "names would change", "leave out `as`");
        }
        Some(())
    }

    /// `default allow := false`.
    fn default(&mut self, module: &mut Module, span: &Range<usize>) -> Option<()> {
        let allow = self.is_name("allow");
        if !allow && !self.is_name("deny") {
            let here = self.here();
            return self.refuse(&here, "this default", "neither `allow` nor `deny`", "leave it out");
        }
        self.at += 1;
        let assigned = self.take(":=") || self.take("=");
        let value = self.is_name("true");
        if !assigned || !(value || self.is_name("false")) {
            let here = self.here();
            return self.refuse(&here, "this default", "no boolean", "write `:= true` or `:= false`");
        }
        self.at += 1;
        let span = self.since(span.start);
        let into = if allow { &mut module.default_allow } else { &mut module.default_deny };
        if into.is_some() {
            return self.refuse(&span, "a second default", "OPA refuses it, too", "keep one");
        }
        *into = Some((value, span));
        Some(())
    }

    /// `name := literal`.
    fn constant(&mut self, module: &mut Module, name: String, span: &Range<usize>) -> Option<()> {
        let help = "only `allow`, `deny` and `name := <literal>` are translated: write the condition where it is used";
        if ["else", "some", "every", "not", "with", "input", "data", "if", "in"].contains(&name.as_str()) {
            return self.refuse(span, &format!("`{name}`"), "no rule begins like this", help);
        }
        let is_constant =
            self.peek().is_some_and(|next| !next.begins_line) && (self.take(":=") || self.take("="));
        if !is_constant {
            return self.refuse(span, &format!("the rule `{name}`"), "a rule or function of its own", help);
        }
        let term = self.term(0)?;
        let value = match Constant::of(&term) {
            Some(value) if self.peek().is_none_or(|next| next.begins_line) => value,
            _ => return self.refuse(&term.span, &format!("the rule `{name}`"), "computed", help),
        };
        if module.constants.insert(name, value).is_some() {
            return self.refuse(span, "a second rule of that name", "which one holds?", "keep one");
        }
        Some(())
    }

    fn rule(&mut self, module: &mut Module, verdict: Verdict, span: &Range<usize>) -> Option<()> {
        let head = self.head(verdict)?;
        let head_span = self.since(span.start);
        let begins_line = self.peek().is_none_or(|next| next.begins_line);
        let body = if self.take_name("if") {
            if matches!(&head, Head::Index(_)) {
                let help = "write `deny contains msg if { ... }`";
                return self.refuse(&head_span, "`deny[msg] if`", "makes an object, no set", help);
            }
            if self.is("{") { self.block()? } else { Body(vec![self.alone()]) }
        } else if self.is("{") && !begins_line {
            if self.strict || matches!(&head, Head::Contains(_)) {
                let here = self.here();
                return self.refuse(&here, "a body without `if`", "Rego v1 has none", "write `if {`");
            }
            self.block()?
        } else if matches!(&head, Head::True { assigned: true } | Head::Contains(_)) {
            Body(Vec::new())
        } else {
            return self.refuse(&head_span, "a rule without a body", "nothing to test", "add `if { ... }`");
        };
        if self.is_name("else") {
            let here = self.here();
            let help = "write the other case as a rule of its own, with the opposite of the first";
            return self.refuse(&here, "`else`", "it holds only where the rule before does not", help);
        }
        module.rules.push(Rule { verdict, head, head_span, body });
        Some(())
    }

    /// What stands between the name and the body.
    fn head(&mut self, verdict: Verdict) -> Option<Head> {
        let same_line = self.peek().is_some_and(|next| !next.begins_line);
        if same_line && (self.take(":=") || self.take("=")) {
            let here = self.here();
            if self.take_name("true") {
                return Some(Head::True { assigned: true });
            }
            let why = "only `true` decides";
            return self.refuse(
                &here,
                "a rule with another value",
                why,
                "write what is not allowed as `deny`",
            );
        }
        let set = same_line && self.is_name("contains");
        let index = same_line && self.is("[");
        if (set || index) && verdict == Verdict::Allow {
            let here = self.here();
            return self.refuse(&here, "a set of `allow`", "no decision", "write `allow if { ... }`");
        }
        if !set && !index {
            return Some(Head::True { assigned: false });
        }
        self.at += 1;
        let here = self.here();
        let message = match self.next().map(|token| &token.kind) {
            Some(Kind::Text(text)) => Ok(text.clone()),
            Some(Kind::Name(name))
                if !["true", "false", "null", "input", "data"].contains(&name.as_str()) =>
            {
                Err(name.clone())
            }
            _ => {
                let why = "neither a text nor a variable";
                return self.refuse(
                    &here,
                    "this message",
                    why,
                    "write `contains msg`, and `msg := \"text\"`",
                );
            }
        };
        if index && !self.take("]") {
            let here = self.here();
            return self.refuse(
                &here,
                "this message",
                "computed",
                "write `deny[msg]`, and `msg := \"text\"`",
            );
        }
        Some(if index { Head::Index(message) } else { Head::Contains(message) })
    }

    /// `{ ... }`.
    fn block(&mut self) -> Option<Body> {
        let open = self.here();
        self.at += 1;
        let mut parts = Vec::new();
        loop {
            while self.take(";") {}
            if self.take("}") {
                break;
            }
            if self.peek().is_none() {
                return self.refuse(&open, "a body that does not end", "begins here", "close it with `}`");
            }
            let start = self.at;
            let part = self.expression();
            if part.is_none() {
                self.at = start;
                self.skip_expression();
            } else if let Some(next) = self.peek()
                && !next.begins_line
                && !self.is(";")
                && !self.is("}")
            {
                self.refuse_rest(next);
                self.at = start;
                self.skip_expression();
                parts.push(None);
                continue;
            }
            parts.push(part);
        }
        if parts.is_empty() {
            return self.refuse(&open, "an empty body", "OPA refuses it, too", "write `true` in it");
        }
        Some(Body(parts))
    }

    /// The expression behind `if`; after one that is refused, reading goes on behind it.
    fn alone(&mut self) -> Option<Expr> {
        let start = self.at;
        let expression = self.expression();
        let rest =
            self.peek().filter(|next| !next.begins_line && expression.is_some() && !self.is_name("else"));
        if let Some(next) = rest {
            self.refuse_rest(next);
        }
        if expression.is_none() || rest.is_some() {
            self.at = start;
            self.skip_expression();
            return None;
        }
        expression
    }

    /// What stands behind an expression on its line.
    fn refuse_rest(&mut self, token: &Token) {
        let span = token.span.clone();
        let (what, why, help) = match &token.kind {
            Kind::Name(word) if word == "with" => {
                ("`with`", "it evaluates under another input", "write out what the other rule tests")
            }
            Kind::Mark("+" | "-" | "*" | "/" | "%" | "&" | "|") => {
                ("this operator", "policies compute nothing", "compute the value beforehand")
            }
            _ => ("this", "an expression has ended before it", "begin a new line, or write `;`"),
        };
        self.refuse::<()>(&span, what, why, help);
    }

    /// To the end of an expression: its line, `;` or the bracket that closes what is around it.
    fn skip_expression(&mut self) {
        let mut depth = 0_usize;
        let start = self.at;
        while let Some(token) = self.peek() {
            match &token.kind {
                Kind::Mark(";") if depth == 0 => return,
                Kind::Mark("{" | "[" | "(") => depth += 1,
                Kind::Mark("}") if depth == 0 => return,
                Kind::Mark("]" | ")") if depth == 0 => {}
                Kind::Mark("}" | "]" | ")") => depth -= 1,
                _ if token.begins_line && depth == 0 && self.at > start => return,
                _ => {}
            }
            self.at += 1;
        }
    }

    /// To the next line that begins outside of all brackets with a name.
    fn skip_item(&mut self) {
        let mut depth = 0_usize;
        while let Some(token) = self.peek() {
            match &token.kind {
                Kind::Name(word) if token.begins_line && depth == 0 && word != "else" => return,
                Kind::Mark("{" | "[" | "(") => depth += 1,
                Kind::Mark("}" | "]" | ")") => depth = depth.saturating_sub(1),
                _ => {}
            }
            self.at += 1;
        }
    }
}
