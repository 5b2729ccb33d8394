//! SQL: what its statements do to which tables.
//!
//! Read in the dialect that understands it (generic, then MySQL, PostgreSQL, SQLite, SQL Server).
//! MySQL's executable comments are code. What no dialect understands has no view but a reason.
//!
//! Deliberately absent: the schema. Views, triggers and functions may touch more than is named.

/// Bytes of SQL that are looked at.
pub const LENGTH_MAX: usize = 64 * 1024;

/// Statements in one text.
pub const STATEMENTS_MAX: usize = 1_000;

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

/// Reads a text that is meant to be SQL.
pub fn view(text: &str) -> SqlOutcome {
    let _ = text;
    SqlOutcome::Unparseable("is not understood yet")
}

/// Whether the text plainly starts as SQL: a keyword and what may follow it.
pub fn looks_like_sql(text: &str) -> bool {
    let _ = text;
    false
}
