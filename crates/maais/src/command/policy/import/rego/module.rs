//! What a module of Rego says, as far as it is of the form that is imported.

use std::collections::BTreeMap;
use std::ops::Range;

use serde_json::Value;

/// A module.
#[derive(Debug, Default)]
pub(super) struct Module {
    pub(super) package: Option<String>,
    pub(super) default_allow: Option<(bool, Range<usize>)>,
    pub(super) default_deny: Option<(bool, Range<usize>)>,
    pub(super) constants: BTreeMap<String, Constant>,
    pub(super) rules: Vec<Rule>,
}

/// Which rule it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Allow,
    Deny,
}

/// A rule.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) verdict: Verdict,
    pub(super) head: Head,
    pub(super) head_span: Range<usize>,
    pub(super) body: Body,
}

/// A text, or the variable that holds it.
pub(super) type Message = Result<String, String>;

/// What a rule yields.
#[derive(Debug)]
pub(super) enum Head {
    /// `true`; whether it says so.
    True { assigned: bool },
    /// `contains msg`: an element of a set.
    Contains(Message),
    /// `[msg]`: the same in Rego v0.
    Index(Message),
}

/// Expressions that must all hold; `None` stands for one that was refused.
#[derive(Debug)]
pub(super) struct Body(pub(super) Vec<Option<Expr>>);

/// An expression.
#[derive(Debug)]
pub(super) struct Expr {
    pub(super) span: Range<usize>,
    pub(super) negated: bool,
    pub(super) kind: ExprKind,
}

/// What an expression says.
#[derive(Debug)]
pub(super) enum ExprKind {
    /// A term alone.
    Bare(Term),
    /// `==`, `in` and the like.
    Binary(&'static str, Term, Term),
}

/// A term and where it stands.
#[derive(Debug)]
pub(super) struct Term {
    pub(super) span: Range<usize>,
    pub(super) kind: TermKind,
}

/// What a term is.
#[derive(Debug)]
pub(super) enum TermKind {
    /// `input.a.b`.
    Input(Vec<String>),
    /// A text, number, boolean or null.
    Scalar(Value),
    /// Scalars in brackets or braces.
    List { items: Vec<Value>, set: bool },
    /// A constant or a variable.
    Name(String),
    /// `name[term]`.
    Element(String, Box<Term>),
    /// `function(term, ...)`.
    Call(String, Vec<Term>),
}

/// What a name stands for.
#[derive(Debug, Clone)]
pub(super) enum Constant {
    Scalar(Value),
    List { items: Vec<Value>, set: bool },
}

impl Constant {
    /// A literal.
    pub(super) fn of(term: &Term) -> Option<Self> {
        match &term.kind {
            TermKind::Scalar(value) => Some(Self::Scalar(value.clone())),
            TermKind::List { items, set } => Some(Self::List { items: items.clone(), set: *set }),
            _ => None,
        }
    }
}
