//! What a text in an action is *for*: a command line, SQL.

use super::{CommandFact, Facts, SqlFact};

pub(super) fn commands(_facts: &Facts<'_>) -> Vec<CommandFact> {
    Vec::new()
}

pub(super) fn sqls(_facts: &Facts<'_>) -> Vec<SqlFact> {
    Vec::new()
}
