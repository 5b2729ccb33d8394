//! From rules of Rego to policies.
//!
//! Which decision a module stands for is not in it. Taken is what is usual: with a rule or default of `allow`, an
//! action is allowed where `allow` is true and no `deny` holds; with `deny` alone, where no `deny` holds.
//!
//! An expression of Rego holds, is false, or is undefined; a body holds if all do, and `not` holds unless its
//! expression does. So every condition made here is true exactly where the expression holds, and never unknown.

use std::collections::BTreeMap;
use std::ops::Range;

use maais_runtime::core::decision::Effect;
use maais_runtime::core::document::Reader;
use serde_json::Value;

use super::super::draft::{Cond, Draft, File, id};
use super::super::regex::{Dialect, translate};
use super::module::{Constant, Expr, ExprKind, Head, Message, Module, Rule, Term, TermKind, Verdict};
use super::place::{Place, Refusal};
use crate::term::printable;

const DENY_PRIORITY: i64 = 10;
const ALLOW_PRIORITY: i64 = 100;
/// Characters of what is refused that stand in the message.
const WRITTEN_MAX: usize = 60;
const IN_OPA: &str = "keep this part in OPA, or write the policy by hand";

/// Translates a module; what is refused is noted.
pub(super) struct Meaning<'m, 'r, 's> {
    module: &'m Module,
    reader: &'r mut Reader<'s>,
    plain_names: bool,
}

impl<'m, 'r, 's> Meaning<'m, 'r, 's> {
    pub(super) fn new(module: &'m Module, reader: &'r mut Reader<'s>, plain_names: bool) -> Self {
        Self { module, reader, plain_names }
    }

    pub(super) fn file(&mut self) -> File {
        let module = self.module;
        self.decision_rule();
        let allows =
            module.default_allow.is_some() || module.rules.iter().any(|rule| rule.verdict == Verdict::Allow);
        let denies_all = allows && module.default_allow.as_ref().is_none_or(|(value, _)| !value);
        let default = if denies_all { Effect::Deny } else { Effect::Allow };
        let mut policies = Vec::new();
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for rule in &module.rules {
            let word = if rule.verdict == Verdict::Allow { "allow" } else { "deny" };
            let count = counts.entry(word).or_default();
            *count += 1;
            if let Some(policy) = self.policy(rule, word, *count) {
                policies.push(policy);
            }
        }
        let decides = if allows { "`allow` holds and no `deny` does" } else { "no `deny` holds" };
        File { notes: vec![format!("An action is allowed where {decides}.")], default, policies }
    }

    /// What all rules together say must be one decision.
    fn decision_rule(&mut self) {
        let module = self.module;
        let of = |verdict: Verdict| module.rules.iter().filter(move |rule| rule.verdict == verdict);
        if let Some((true, _)) = module.default_allow {
            for rule in of(Verdict::Allow) {
                let help = "remove it, or write `default allow := false`";
                self.refuse::<()>(&rule.head_span, "this rule", "`allow` is true without it", help);
            }
        }
        let is_set = |rule: &&Rule| !matches!(rule.head, Head::True { .. });
        if let Some((value, span)) = &module.default_deny {
            if *value {
                self.refuse::<()>(
                    span,
                    "this default",
                    "`deny` would hold always",
                    "write `default deny := false`",
                );
            } else if of(Verdict::Deny).any(|rule| is_set(&rule)) {
                self.refuse::<()>(span, "this default", "a set has none", "remove it");
            }
        }
        if let Some(first) = of(Verdict::Deny).next() {
            for rule in of(Verdict::Deny).filter(|rule| is_set(rule) != is_set(&first)) {
                let help = "write all as `deny contains msg if { ... }`";
                self.refuse::<()>(
                    &rule.head_span,
                    "this `deny`",
                    "the rules before it are of another kind",
                    help,
                );
            }
        }
        if module.rules.is_empty() && module.default_allow.is_none() && module.default_deny.is_none() {
            self.refuse::<()>(&(0..0), "this file", "it has neither `allow` nor `deny`", "name the rules so");
        }
    }

    fn policy(&mut self, rule: &Rule, word: &str, count: usize) -> Option<Draft> {
        let message = match &rule.head {
            Head::True { .. } => None,
            Head::Contains(message) | Head::Index(message) => Some(message),
        };
        let reason = self.message(rule, message);
        let binds = |expr: &Expr| bound(expr).is_some_and(|(name, _)| message == Some(&Err(name.to_owned())));
        let mut parts = Vec::new();
        let mut whole = true;
        for expr in &rule.body.0 {
            match expr {
                Some(expr) if binds(expr) => {}
                Some(expr) => match self.expression(expr) {
                    Some(cond) => parts.push(cond),
                    None => whole = false,
                },
                None => whole = false,
            }
        }
        let package = self.module.package.as_deref().unwrap_or_default();
        let (line, _) = self.reader.source().position(rule.head_span.start);
        let allows = rule.verdict == Verdict::Allow;
        let reason = reason?.filter(|text| !text.trim().is_empty());
        whole.then(|| Draft {
            id: format!("{}/{word}-{count}", id(package)),
            condition: Cond::all(parts),
            decision: if allows { Effect::Allow } else { Effect::Deny },
            reason: reason.unwrap_or_else(|| match allows {
                true => format!("allowed by `allow` of {package}"),
                false => format!("denied by `deny` of {package}"),
            }),
            priority: if allows { ALLOW_PRIORITY } else { DENY_PRIORITY },
            from: vec![("rule", format!("data.{package}.{word}")), ("line", line.to_string())],
        })
    }

    /// The text that a rule puts into the set.
    fn message(&mut self, rule: &Rule, message: Option<&Message>) -> Option<Option<String>> {
        let variable = match message {
            None => return Some(None),
            Some(Ok(text)) => return Some(Some(text.clone())),
            Some(Err(variable)) => variable,
        };
        let mut found = None;
        for expr in rule.body.0.iter().flatten() {
            let Some((name, term)) = bound(expr).filter(|(name, _)| *name == variable) else { continue };
            match &term.kind {
                TermKind::Scalar(Value::String(text)) if found.is_none() => found = Some(text.clone()),
                _ => {
                    let why = "not one text that stands here";
                    return self.refuse(&term.span, &format!("`{name}`"), why, "write `msg := \"text\"`");
                }
            }
        }
        if rule.body.0.iter().any(Option::is_none) {
            return found.map(Some); // it may have stood in what was refused
        }
        if found.is_none() || self.module.constants.contains_key(variable) {
            let why = "not one text that stands in the body";
            return self.refuse(&rule.head_span, "this message", why, "write `msg := \"text\"` in the body");
        }
        Some(found)
    }

    fn expression(&mut self, expr: &Expr) -> Option<Cond> {
        let cond = match &expr.kind {
            ExprKind::Bare(term) => self.bare(term)?,
            ExprKind::Binary("in", left, right) => self.membership(left, right)?,
            ExprKind::Binary(operator, left, right) => self.comparison(expr, operator, left, right)?,
        };
        Some(if expr.negated { cond.negated() } else { cond })
    }

    fn bare(&mut self, term: &Term) -> Option<Cond> {
        match &term.kind {
            TermKind::Input(path) => {
                let place = self.place(path, &term.span)?;
                self.or_refuse(&term.span, place.truthy())
            }
            TermKind::Scalar(Value::Bool(true)) => Some(Cond::all(Vec::new())),
            TermKind::Scalar(_) | TermKind::List { .. } => self.refuse(
                &term.span,
                "this expression",
                "it is always the same",
                "leave it out, or the rule",
            ),
            TermKind::Call(function, arguments) => self.call(function, arguments, &term.span),
            TermKind::Element(name, inner) => match self.module.constants.get(name) {
                Some(Constant::List { items, set: true }) if !items.contains(&Value::Bool(false)) => {
                    self.member(inner, items)
                }
                Some(_) => {
                    let help = "write `input.x in name`";
                    self.refuse(&term.span, "this look-up", "only a set's element is one of it", help)
                }
                None => self.rule_of_its_own(name, &term.span),
            },
            TermKind::Name(name) => self.rule_of_its_own(name, &term.span),
        }
    }

    fn rule_of_its_own<T>(&mut self, name: &str, span: &Range<usize>) -> Option<T> {
        let help = "write the condition itself here, or `name := {...}` with literals";
        self.refuse(span, &format!("`{name}`"), "a variable, or a rule that is computed", help)
    }

    fn membership(&mut self, left: &Term, right: &Term) -> Option<Cond> {
        if matches!(right.kind, TermKind::Input(_)) {
            let why = "in an object Rego looks at the values, and here nothing does";
            return self.refuse(&right.span, "`in` an input", why, IN_OPA);
        }
        match self.literal(right)? {
            Constant::List { items, .. } => self.member(left, &items),
            Constant::Scalar(_) => self.refuse(&right.span, "`in` this", "nothing is in it", "write `{...}`"),
        }
    }

    fn member(&mut self, left: &Term, items: &[Value]) -> Option<Cond> {
        let TermKind::Input(path) = &left.kind else {
            return self.refuse(&left.span, "this", "only inputs are looked for", "write `input.x in {...}`");
        };
        let place = self.place(path, &left.span)?;
        self.or_refuse(&left.span, place.one_of(items))
    }

    fn comparison(&mut self, expr: &Expr, operator: &str, left: &Term, right: &Term) -> Option<Cond> {
        if operator == ":=" {
            let help = "a policy has no variables; write the value where it is used";
            return self.refuse(&expr.span, "an assignment", "only a rule's message is assigned", help);
        }
        let (path, span, other, operator) = match (&left.kind, &right.kind) {
            (TermKind::Input(_), TermKind::Input(_)) => {
                return self.refuse(&expr.span, "a comparison of two inputs", "there is none here", IN_OPA);
            }
            (TermKind::Input(path), _) => (path, &left.span, right, operator),
            (_, TermKind::Input(path)) => (path, &right.span, left, turned(operator)),
            (TermKind::Call(function, _), _) | (_, TermKind::Call(function, _)) => {
                let what = format!("a comparison of what `{function}` returns");
                return self.refuse(&expr.span, &what, "policies compute nothing", IN_OPA);
            }
            (TermKind::Name(name), _) | (_, TermKind::Name(name)) => {
                return self.rule_of_its_own(name, &expr.span);
            }
            _ => {
                let why = "it is always the same";
                return self.refuse(
                    &expr.span,
                    "a comparison without an input",
                    why,
                    "leave it out, or the rule",
                );
            }
        };
        let place = self.place(path, span)?;
        let Constant::Scalar(value) = self.literal(other)? else {
            let why = "whole lists are not compared exactly";
            return self.refuse(
                &other.span,
                "a comparison with a list",
                why,
                "write `in`, or keep it in OPA",
            );
        };
        let cond = match operator {
            "==" | "=" => place.equals(&value),
            "!=" => place.differs(&value),
            operator => place.compares(operator, &value),
        };
        self.or_refuse(&expr.span, cond)
    }

    /// A function whose result alone is the expression.
    fn call(&mut self, function: &str, arguments: &[Term], span: &Range<usize>) -> Option<Cond> {
        if self.module.constants.contains_key(function) {
            return self.rule_of_its_own(function, span);
        }
        let (place, text, operator) = match (function, arguments) {
            ("startswith", [place, text]) => (place, text, "prefix"),
            ("endswith", [place, text]) => (place, text, "suffix"),
            ("contains", [place, text]) => (place, text, "contains"),
            ("regex.match" | "re_match", [pattern, place]) => (place, pattern, "pattern"),
            ("glob.match", [pattern, delimiters, place]) => {
                if !matches!(delimiters.kind, TermKind::Scalar(Value::Null)) {
                    let why = "with delimiters `*` stops at them, which no test here does";
                    let help = "write `null` if it need not, or a `regex.match`";
                    return self.refuse(&delimiters.span, "this `glob.match`", why, help);
                }
                (place, pattern, "glob")
            }
            _ => {
                let why = "it has another number of arguments";
                return self.refuse(span, &format!("this `{function}`"), why, "mend the call");
            }
        };
        let (TermKind::Input(path), TermKind::Scalar(Value::String(text))) = (&place.kind, &text.kind) else {
            let why = "it takes one input and one text that stands here";
            return self.refuse(span, &format!("this `{function}`"), why, IN_OPA);
        };
        let place = self.place(path, &place.span)?;
        let cond = match operator {
            "pattern" => match translate(text, Dialect::Go) {
                Ok(pattern) => place.text("pattern", &pattern),
                Err(refused) => {
                    return self.refuse(span, "this pattern", &refused.why, refused.help);
                }
            },
            "glob" => glob(&place, text),
            operator => place.text(operator, text),
        };
        self.or_refuse(span, cond)
    }

    fn place(&mut self, path: &[String], span: &Range<usize>) -> Option<Place> {
        let place = Place::new(path, self.plain_names);
        self.or_refuse(span, place)
    }

    /// A literal, or the constant of that name.
    fn literal(&mut self, term: &Term) -> Option<Constant> {
        if let Some(literal) = Constant::of(term) {
            return Some(literal);
        }
        match &term.kind {
            TermKind::Name(name) => match self.module.constants.get(name) {
                Some(constant) => Some(constant.clone()),
                None => self.rule_of_its_own(name, &term.span),
            },
            _ => self.refuse(&term.span, "this", "no literal", "write the value itself"),
        }
    }

    fn or_refuse<T>(&mut self, span: &Range<usize>, found: Result<T, Refusal>) -> Option<T> {
        match found {
            Ok(found) => Some(found),
            Err((why, help)) => {
                let written = self.reader.source().text.get(span.clone()).unwrap_or_default();
                let what = format!("`{}`", printable(written, WRITTEN_MAX));
                self.refuse(span, &what, why, help)
            }
        }
    }

    fn refuse<T>(&mut self, span: &Range<usize>, what: &str, why: &str, help: &str) -> Option<T> {
        self.reader.error(span, format!("{what} cannot be imported"), why, Some(help.to_owned()));
        None
    }
}

/// The variable that an expression gives a value.
fn bound(expr: &Expr) -> Option<(&str, &Term)> {
    match &expr.kind {
        ExprKind::Binary(":=" | "=", Term { kind: TermKind::Name(name), .. }, term) if !expr.negated => {
            Some((name, term))
        }
        _ => None,
    }
}

fn turned(operator: &str) -> &str {
    match operator {
        "<" => ">",
        ">" => "<",
        "<=" => ">=",
        ">=" => "<=",
        same => same,
    }
}

/// `*` at the ends only: with one in the middle, the library that OPA uses lets beginning and end overlap
/// (<https://github.com/gobwas/glob/issues/51>).
fn glob(place: &Place, pattern: &str) -> Result<Cond, Refusal> {
    let inner = pattern.strip_prefix('*');
    let (open, inner) = (inner.is_some(), inner.unwrap_or(pattern));
    let shorter = inner.strip_suffix('*');
    let (ends, inner) = (shorter.is_some(), shorter.unwrap_or(inner));
    if inner.contains(['*', '?', '[', ']', '{', '}', '\\']) {
        return Err(("only `*` at the beginning and the end is the same in both", "write a `regex.match`"));
    }
    match (open, ends) {
        _ if inner.is_empty() => place.is_text(),
        (false, false) => place.equals(&Value::from(inner)),
        (false, true) => place.text("prefix", inner),
        (true, false) => place.text("suffix", inner),
        (true, true) => place.text("contains", inner),
    }
}
