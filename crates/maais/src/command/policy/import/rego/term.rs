//! Rego's expressions and terms, as far as they are imported.

use std::ops::Range;

use serde_json::Value;

use super::lex::{Kind, Token};
use super::module::{Expr, ExprKind, Term, TermKind};
use super::parse::Parser;

/// Terms within terms.
const DEPTH_MAX: usize = 16;
/// What has an equivalent, perhaps.
const FUNCTIONS: [&str; 6] = ["startswith", "endswith", "contains", "regex.match", "re_match", "glob.match"];
const OPERATORS: [&str; 8] = ["==", "!=", "<=", ">=", "<", ">", "=", ":="];

impl Parser<'_, '_, '_> {
    /// One expression; what follows it is left to whoever asks.
    pub(super) fn expression(&mut self) -> Option<Expr> {
        let here = self.here();
        for (word, why) in [("some", "iterates over what it names"), ("every", "iterates over a list")] {
            if self.is_name(word) {
                let help = "a policy has no variables; write each case as a rule, or keep this part in OPA";
                return self.refuse(&here, &format!("`{word}`"), why, help);
            }
        }
        let negated = self.take_name("not");
        let left = self.term(0)?;
        let kind = match self.operator()? {
            None => ExprKind::Bare(left),
            Some(operator) => ExprKind::Binary(operator, left, self.term(0)?),
        };
        Some(Expr { span: self.since(here.start), negated, kind })
    }

    /// The operator behind a term. The outer `None` has been refused, the inner is that there is none.
    fn operator(&mut self) -> Option<Option<&'static str>> {
        let Some(token) = self.peek() else { return Some(None) };
        let operator = match &token.kind {
            Kind::Mark(mark) => OPERATORS.into_iter().find(|operator| operator == mark),
            Kind::Name(word) if word == "in" => Some("in"),
            _ => None,
        };
        if operator.is_some() && token.begins_line {
            let span = token.span.clone();
            return self.refuse(&span, "this line", "it goes on with the expression above", "join the lines");
        }
        self.at += usize::from(operator.is_some());
        Some(operator)
    }

    pub(super) fn term(&mut self, depth: usize) -> Option<Term> {
        let here = self.here();
        if depth > DEPTH_MAX {
            return self.refuse(
                &here,
                "this term",
                "too many terms within terms",
                "write a simpler expression",
            );
        }
        let Some(token) = self.next() else {
            return self.refuse(&here, "this expression", "it ends here", "complete it");
        };
        let kind = match &token.kind {
            Kind::Text(text) => TermKind::Scalar(Value::from(text.as_str())),
            Kind::Number(number) => self.number(number, "", &here)?,
            Kind::Mark("-") if token.begins_line => {
                let why = "it may go on with the expression above";
                return self.refuse(&here, "a `-` that begins a line", why, "write the number on the right");
            }
            Kind::Mark("-") => match self.peek() {
                Some(Token { kind: Kind::Number(number), adjacent: true, .. }) => {
                    self.at += 1;
                    self.number(number, "-", &here)?
                }
                _ => {
                    return self.refuse(
                        &here,
                        "this operator",
                        "policies compute nothing",
                        "write the result",
                    );
                }
            },
            Kind::Mark("[") => self.list(&here, "]", depth)?,
            Kind::Mark("{") => self.list(&here, "}", depth)?,
            Kind::Name(name) => self.named(name, &here, depth)?,
            Kind::Wrong(why) => return self.refuse(&here, "this", why, "mend it"),
            Kind::Mark("$") => {
                return self.refuse(&here, "a template", "policies compute nothing", "write the text");
            }
            Kind::Mark("(") => {
                let help = "write each part as an expression of its own";
                return self.refuse(&here, "an expression in parentheses", "not translated", help);
            }
            Kind::Mark(_) => return self.refuse(&here, "this", "no term begins like this", "mend it"),
        };
        Some(Term { span: self.since(here.start), kind })
    }

    fn number(&mut self, text: &str, sign: &str, span: &Range<usize>) -> Option<TermKind> {
        match exact_number(&format!("{sign}{text}")) {
            Some(value) => Some(TermKind::Scalar(value)),
            None => {
                let why = "more digits than a number of 64 bits holds exactly";
                self.refuse(span, "this number", why, "write at most 15 digits")
            }
        }
    }

    fn named(&mut self, name: &str, span: &Range<usize>, depth: usize) -> Option<TermKind> {
        match name {
            "true" => return Some(TermKind::Scalar(Value::Bool(true))),
            "false" => return Some(TermKind::Scalar(Value::Bool(false))),
            "null" => return Some(TermKind::Scalar(Value::Null)),
            "input" => return self.input().map(TermKind::Input),
            "data" => {
                let help = "a policy sees the action alone: write the values into this file";
                return self.refuse(span, "`data`", "what is beside the policies is not in an action", help);
            }
            "not" | "some" | "every" | "with" | "else" | "if" | "in" | "contains" | "default" => {
                let is_call = name == "contains" && self.is("(");
                if !is_call {
                    return self.refuse(span, &format!("`{name}`"), "not here", "write it as an expression");
                }
            }
            _ => {}
        }
        let mut path = name.to_owned();
        while self.is(".") && self.peek().is_some_and(|dot| dot.adjacent) {
            self.at += 1;
            let Some(Token { kind: Kind::Name(part), adjacent: true, .. }) = self.peek() else {
                let here = self.here();
                return self.refuse(&here, "this", "a name is missing", "complete it");
            };
            path.push('.');
            path.push_str(part);
            self.at += 1;
        }
        let adjacent = self.peek().is_some_and(|next| next.adjacent);
        if adjacent && self.is("(") && !FUNCTIONS.contains(&path.as_str()) {
            let span = self.since(span.start);
            let help = "keep this part in OPA, or write the policy by hand";
            return self.refuse(&span, &format!("`{path}`"), "policies call no functions", help);
        }
        if adjacent && self.take("(") {
            return self.arguments(depth).map(|arguments| TermKind::Call(path, arguments));
        }
        if path.contains('.') {
            let span = self.since(span.start);
            let help = "write the condition itself where it is used";
            return self.refuse(&span, "a part of another rule", "computed elsewhere", help);
        }
        if adjacent && self.take("[") {
            let inner = self.term(depth + 1)?;
            if !self.take("]") {
                let here = self.here();
                return self.refuse(&here, "this", "`]` is missing", "close it");
            }
            return Some(TermKind::Element(path, Box::new(inner)));
        }
        Some(TermKind::Name(path))
    }

    /// What follows `input`.
    fn input(&mut self) -> Option<Vec<String>> {
        let mut path = Vec::new();
        while let Some(token) = self.peek().filter(|token| token.adjacent) {
            let span = token.span.clone();
            let (dot, bracket) = (self.is("."), self.is("["));
            if !dot && !bracket {
                break;
            }
            self.at += 1;
            let next = self.next();
            match next.map(|token| &token.kind) {
                Some(Kind::Name(name)) if dot && next.is_some_and(|token| token.adjacent) => {
                    path.push(name.clone())
                }
                Some(Kind::Text(text)) if bracket => path.push(text.clone()),
                Some(Kind::Name(_)) if bracket => {
                    let help = "a policy has no variables; write the name, or keep this part in OPA";
                    return self.refuse(&span, "a variable as a name", "iterates, or is computed", help);
                }
                Some(Kind::Number(_)) if bracket => {
                    let why = "here, a place in a list is also a name in an object";
                    return self.refuse(&span, "a place in a list", why, "keep this part in OPA");
                }
                _ => {
                    return self.refuse(
                        &span,
                        "this path",
                        "neither a name nor a text",
                        "write `input.name`",
                    );
                }
            }
            if bracket && !self.take("]") {
                let here = self.here();
                return self.refuse(&here, "this path", "`]` is missing", "close it");
            }
        }
        Some(path)
    }

    fn arguments(&mut self, depth: usize) -> Option<Vec<Term>> {
        let mut arguments = Vec::new();
        loop {
            if self.take(")") {
                return Some(arguments);
            }
            if self.peek().is_none() {
                let here = self.here();
                return self.refuse(&here, "this call", "it does not end", "close it with `)`");
            }
            arguments.push(self.term(depth + 1)?);
            if !self.take(",") && !self.is(")") {
                let here = self.here();
                return self.refuse(
                    &here,
                    "a computed argument",
                    "policies compute nothing",
                    "write a literal",
                );
            }
        }
    }

    /// Scalars between brackets.
    fn list(&mut self, open: &Range<usize>, close: &'static str, depth: usize) -> Option<TermKind> {
        let mut items = Vec::new();
        while !self.take(close) {
            let item = self.term(depth + 1)?;
            let here = self.here();
            if self.is("|") {
                return self.refuse(
                    &here,
                    "a comprehension",
                    "policies compute nothing",
                    "write its elements",
                );
            }
            if self.is(":") {
                return self.refuse(&here, "an object", "nothing is compared with one", "test its parts");
            }
            let TermKind::Scalar(value) = item.kind else {
                let why = "only texts, numbers, booleans and null";
                return self.refuse(&item.span, "this element", why, "write literals");
            };
            items.push(value);
            if !self.take(",") && !self.is(close) {
                return self.refuse(&here, "this list", "it does not end here", "write `,` or close it");
            }
        }
        if items.is_empty() {
            let span = self.since(open.start);
            return self.refuse(&span, "an empty list or object", "nothing is in it", "leave the rule out");
        }
        Some(TermKind::List { items, set: close == "}" })
    }
}

/// A number that 64 bits hold without a loss: two that are written differently do not become the same.
fn exact_number(text: &str) -> Option<Value> {
    let mantissa = text.split(['e', 'E']).next()?;
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let significant = digits.trim_matches('0').len();
    if let Ok(whole) = text.parse::<i64>() {
        return (whole.unsigned_abs() < 1 << 53).then(|| whole.into());
    }
    let value: f64 = text.parse().ok()?;
    let normal = significant == 0 || (1e-200..9_007_199_254_740_992.0).contains(&value.abs());
    (significant <= 15 && normal).then(|| serde_json::Number::from_f64(value).map(Value::Number))?
}
