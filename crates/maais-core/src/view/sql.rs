//! SQL: what its statements do to which tables.
//!
//! Read in the dialect that understands it (generic, then MySQL, PostgreSQL, SQLite, SQL Server).
//! Databases disagree on where a string or a comment ends; a text that hides code from one of them
//! is read as each of them reads it, and all statements found count. MySQL's executable comments
//! are both executed and skipped. What no dialect understands has no view but a reason.
//!
//! Deliberately absent: the schema. Views, triggers and functions may touch more than is named.

mod code;
mod collect;
mod look;

use sqlparser::dialect::{
    Dialect, GenericDialect, MsSqlDialect, MySqlDialect, PostgreSqlDialect, SQLiteDialect,
};
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};

pub use look::looks_like_sql;

/// Bytes of SQL that are looked at.
pub const LENGTH_MAX: usize = 64 * 1024;

/// Statements in one text.
pub const STATEMENTS_MAX: usize = 1_000;

/// Brackets and keywords that the parser may nest, one subquery being about three of them. The
/// parser recurses with large frames: this much fits into 1 MiB of stack.
const DEPTH_MAX: usize = 24;

/// Tokens that may stand in a row without a comma, those around open brackets included. A chain of
/// operators becomes a tree as deep as the chain is long, and trees are walked on the stack.
const CHAIN_MAX: usize = 1_000;

/// Set operations and joins in one statement, which nest even where commas stand between them.
const UNIONS_MAX: usize = 100;

/// The statements of a text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SqlView {
    /// All, in order; one within another (a `DELETE` in a `WITH`) follows the one around it.
    pub statements: Vec<Statement>,
}

/// One statement.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Statement {
    /// Lower case: `select`, `insert`, `update`, `delete`, `merge`, `create`, `alter`, `drop`,
    /// `truncate`, `grant`, `revoke`, `copy`, `call`, `set`, `begin`, …, `other`.
    pub kind: String,
    /// Every table that is read or written, lower case, without quotes, qualified as written; not
    /// the names that `WITH` introduces.
    pub tables: Vec<String>,
    /// It names the rows: a `WHERE` that is not plainly always true.
    pub has_where: bool,
    /// It may change something.
    pub writes: bool,
    /// Functions it calls, lower case.
    pub functions: Vec<String>,
}

/// What a text says as SQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SqlOutcome {
    /// These statements.
    Parsed(SqlView),
    /// No dialect understands it; the text completes "the SQL …".
    Unparseable(&'static str),
}

/// Why a text has no view.
type Why = &'static str;

const NOT_UNDERSTOOD: Why = "is not understood in any dialect";

/// Reads a text that is meant to be SQL.
pub fn view(text: &str) -> SqlOutcome {
    match read(text) {
        Ok(statements) if statements.is_empty() => SqlOutcome::Unparseable("has no statement"),
        Ok(statements) if statements.len() > STATEMENTS_MAX => {
            SqlOutcome::Unparseable("has more than 1,000 statements")
        }
        Ok(statements) => SqlOutcome::Parsed(SqlView { statements }),
        Err(why) => SqlOutcome::Unparseable(why),
    }
}

fn read(text: &str) -> Result<Vec<Statement>, Why> {
    if text.len() > LENGTH_MAX {
        return Err("is longer than 64 KiB");
    }
    if text.contains('\0') {
        return Err("has a NUL");
    }
    let Some((executed, skipped)) = code::executable_comments(text) else {
        return read_as_all_do(text);
    };
    Ok(union(read_as_all_do(&executed)?, read_as_all_do(&skipped)?))
}

/// The statements, however a database tells code from strings and comments.
fn read_as_all_do(text: &str) -> Result<Vec<Statement>, Why> {
    let standard: [&dyn Dialect; 4] =
        [&GenericDialect {}, &PostgreSqlDialect {}, &SQLiteDialect {}, &MsSqlDialect {}];
    let mysql: [&dyn Dialect; 1] = [&MySqlDialect {}];
    let readings = code::readings(text);
    match readings {
        code::Readings::Alike => first_that_reads(text, &standard[..1])
            .or_else(|_| first_that_reads(text, &mysql))
            .or_else(|_| first_that_reads(text, &standard[1..])),
        code::Readings::Differ { standard_sees_all, mysql_sees_all } => {
            match (first_that_reads(text, &standard), first_that_reads(text, &mysql)) {
                (Ok(one), Ok(other)) => Ok(union(one, other)),
                (Ok(one), Err(_)) if standard_sees_all => Ok(one),
                (Err(_), Ok(other)) if mysql_sees_all => Ok(other),
                (Err(why), Err(_)) => Err(why),
                _ => Err("is read differently by different databases"),
            }
        }
    }
}

fn union(mut one: Vec<Statement>, other: Vec<Statement>) -> Vec<Statement> {
    for statement in other {
        if !one.contains(&statement) {
            one.push(statement);
        }
    }
    one
}

fn first_that_reads(text: &str, dialects: &[&dyn Dialect]) -> Result<Vec<Statement>, Why> {
    let mut why = NOT_UNDERSTOOD;
    for dialect in dialects {
        match parse(text, *dialect) {
            Ok(statements) => return Ok(statements),
            Err(other) if other != NOT_UNDERSTOOD => why = other,
            Err(_) => {}
        }
    }
    Err(why)
}

fn parse(text: &str, dialect: &dyn Dialect) -> Result<Vec<Statement>, Why> {
    let tokens = Tokenizer::new(dialect, text).tokenize_with_location().map_err(|_| NOT_UNDERSTOOD)?;
    within_limits(&tokens)?;
    let with = |tokens| {
        Parser::new(dialect)
            .with_recursion_limit(DEPTH_MAX)
            .with_tokens_with_locations(tokens)
            .parse_statements()
            .map_err(|_| NOT_UNDERSTOOD)
    };
    let statements = match placeholders(&tokens) {
        Some(replaced) => with(tokens).or_else(|_| with(replaced)),
        None => with(tokens),
    };
    Ok(collect::collect(&statements?))
}

/// Whether the tree stays shallow enough for the stack.
fn within_limits(tokens: &[TokenWithSpan]) -> Result<(), Why> {
    let mut open: Vec<usize> = Vec::new();
    let (mut chain, mut outer, mut unions) = (0usize, 0usize, 0usize);
    for token in tokens {
        match &token.token {
            Token::Whitespace(_) => continue,
            Token::SemiColon => {
                open.clear();
                (chain, outer, unions) = (0, 0, 0);
            }
            Token::Comma => chain = 0,
            Token::LParen | Token::LBracket | Token::LBrace => {
                open.push(chain);
                outer += chain;
                chain = 0;
            }
            Token::RParen | Token::RBracket | Token::RBrace => {
                chain = open.pop().unwrap_or_default();
                outer = outer.saturating_sub(chain);
                chain += 1;
            }
            Token::Word(word) => {
                let joins = ["UNION", "EXCEPT", "INTERSECT", "MINUS", "JOIN", "PIVOT", "UNPIVOT"];
                unions += usize::from(joins.iter().any(|join| word.value.eq_ignore_ascii_case(join)));
                chain += 1;
            }
            _ => chain += 1,
        }
        if chain + outer > CHAIN_MAX || unions > UNIONS_MAX || open.len() > DEPTH_MAX * 2 {
            return Err("is nested too deeply");
        }
    }
    Ok(())
}

/// Python's `%s` and `%(name)s` as placeholders, if there are any.
fn placeholders(tokens: &[TokenWithSpan]) -> Option<Vec<TokenWithSpan>> {
    let is_s = |token: &TokenWithSpan| matches!(&token.token, Token::Word(word) if word.value == "s");
    let mut out = Vec::with_capacity(tokens.len());
    let mut rest = tokens;
    let mut replaced = false;
    while let Some((first, after)) = rest.split_first() {
        let length = match after {
            [s, ..] if is_s(s) => 1,
            [open, _, close, s, ..]
                if open.token == Token::LParen && close.token == Token::RParen && is_s(s) =>
            {
                4
            }
            _ => 0,
        };
        if first.token == Token::Mod && length > 0 {
            out.push(TokenWithSpan { token: Token::Placeholder("?".into()), span: first.span });
            rest = after.get(length..).unwrap_or_default();
            replaced = true;
        } else {
            out.push(first.clone());
            rest = after;
        }
    }
    replaced.then_some(out)
}

#[cfg(test)]
mod tests;
