//! What a text in an action is *for*: a command line, SQL, or neither.
//!
//! Found by the names of parameters and tools, and by what the text plainly is.

use super::{CommandFact, Facts, Leaf, SqlFact};
use crate::request::ActionType;
use crate::view::command::{self, CommandOutcome};
use crate::view::sql::{self, SqlOutcome};

/// Command lines that are looked at in one action; with more, the rest counts as unparseable.
const COMMANDS_MAX: usize = 64;
/// Texts of SQL that are looked at in one action; with more, the rest counts as unparseable.
const SQLS_MAX: usize = 64;

/// Parameters that hold a command line.
const COMMAND_NAMES: [&str; 14] = [
    "command",
    "cmd",
    "commands",
    "cmds",
    "command_line",
    "commandline",
    "cmdline",
    "script",
    "shell",
    "bash",
    "sh",
    "shell_command",
    "bash_command",
    "exec",
];

/// Parameters of a shell's tool that hold a command line, where another tool's hold anything.
const SHELL_INPUTS: [&str; 10] =
    ["run", "input", "text", "code", "line", "query", "args", "argv", "content", "tool_input"];

/// Parameters with the arguments of the program in `command` beside them.
const ARGUMENTS: [&str; 3] = ["args", "arguments", "argv"];

/// Words of which a shell's tool is named.
const SHELL_WORDS: [&str; 12] = [
    "shell",
    "bash",
    "sh",
    "zsh",
    "terminal",
    "console",
    "powershell",
    "cmd",
    "exec",
    "subprocess",
    "tty",
    "command",
];

/// Parameters that hold SQL where a database is asked.
const SQL_NAMES: [&str; 8] =
    ["sql", "query", "queries", "statement", "statements", "stmt", "sql_query", "sql_statement"];

/// Words of which a database's tool is named.
const DATABASE_WORDS: [&str; 12] = [
    "db",
    "database",
    "databases",
    "postgres",
    "postgresql",
    "mysql",
    "sqlite",
    "mariadb",
    "mssql",
    "duckdb",
    "bigquery",
    "snowflake",
];

/// What a text is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Command,
    /// What `command` beside it is given.
    Arguments,
    Sql,
}

/// What is known of the tool before its parameters are looked at.
struct Tool {
    shell: bool,
    database: bool,
    /// Its texts are stored, not executed.
    stores: bool,
}

impl Tool {
    fn of(facts: &Facts<'_>) -> Self {
        let kind = facts.request().action_type();
        let target = facts.request().target().as_str();
        let words = words(target);
        let stores = matches!(
            kind,
            ActionType::FileRead | ActionType::FileWrite | ActionType::MemoryRead | ActionType::MemoryWrite
        );
        let named = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
        let database = kind == ActionType::DatabaseQuery
            || named(&DATABASE_WORDS)
            || words.iter().any(|word| word.contains("sql"));
        Self { shell: !stores && named(&SHELL_WORDS), database, stores }
    }
}

/// The words of a name, lower case: `execute_command`, `runCommand`, `mcp.shell/run`.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut lower = false;
    for c in name.chars() {
        let starts = !c.is_alphanumeric() || (c.is_uppercase() && lower);
        if starts {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| c.is_alphanumeric()) {
            word.extend(c.to_lowercase());
        }
        lower = c.is_lowercase();
    }
    words
}

/// What a text is for. A declared type would be asked here first.
fn role_of(leaf: &Leaf<'_>, tool: &Tool) -> Option<Role> {
    let name = leaf.name.to_ascii_lowercase();
    let is = |list: &[&str]| list.contains(&name.as_str());
    if leaf.text.trim().is_empty() {
        return None;
    }
    if is(&["sql"]) || name.ends_with("_sql") || name.starts_with("sql_") {
        return Some(Role::Sql);
    }
    // A database's tool may call its SQL anything; a shell's tool may run `sql`.
    if is(&SQL_NAMES) && tool.database && !tool.shell {
        return Some(Role::Sql);
    }
    if (tool.database || (is(&SQL_NAMES) && !tool.stores)) && sql::looks_like_sql(&leaf.text) {
        return Some(Role::Sql);
    }
    if tool.stores {
        return None;
    }
    if is(&COMMAND_NAMES) || name.ends_with("_command") || name.ends_with("_cmd") {
        return Some(Role::Command);
    }
    if is(&ARGUMENTS) && leaf.list.is_some() {
        return Some(Role::Arguments);
    }
    (tool.shell && is(&SHELL_INPUTS)).then_some(Role::Command)
}

/// A command as it stands in the parameters.
struct Given<'l, 'a> {
    first: &'l Leaf<'a>,
    /// More than one if it is already split into words.
    words: Vec<&'l str>,
}

pub(super) fn commands(facts: &Facts<'_>) -> Vec<CommandFact> {
    let tool = Tool::of(facts);
    let mut found = Vec::new();
    let target = facts.request().target().as_str();
    if starts_a_shell(target) {
        found.push(CommandFact {
            place: "/target".into(),
            given: target.into(),
            outcome: command::view(target),
        });
    }
    let mut all = givens(facts, &tool);
    if all.is_empty() && found.is_empty() && tool.shell {
        // A shell's tool runs something, whatever its parameter is called.
        all = facts.leaves().iter().filter(|leaf| !describes(leaf)).map(Given::line).collect();
    }
    for given in all {
        let place = facts.place(given.first);
        if found.len() >= COMMANDS_MAX {
            let outcome = CommandOutcome::Unparseable("is one of more than are looked at");
            found.push(CommandFact { place, given: String::new(), outcome });
            break;
        }
        let outcome = match given.words.as_slice() {
            [line] => command::view(line),
            words => command::argv(words),
        };
        found.push(CommandFact { place, given: given.words.join(" "), outcome });
    }
    found
}

impl<'l, 'a> Given<'l, 'a> {
    fn line(leaf: &'l Leaf<'a>) -> Self {
        Self { first: leaf, words: vec![&leaf.text] }
    }
}

/// The commands in the parameters. Items of one list are one command, already split into words,
/// unless the first has a space (several lines) or the name is in the plural.
fn givens<'l, 'a>(facts: &'l Facts<'a>, tool: &Tool) -> Vec<Given<'l, 'a>> {
    let mut found: Vec<Given<'l, 'a>> = Vec::new();
    let leaves = facts.leaves();
    for leaf in leaves.iter().filter(|leaf| role_of(leaf, tool) == Some(Role::Command)) {
        let lines = leaf.name.ends_with('s') && !ARGUMENTS.contains(&leaf.name);
        match found.last_mut().filter(|last| leaf.list.is_some() && last.first.list == leaf.list) {
            Some(last)
                if !lines && !last.words.first().is_some_and(|word| word.contains(char::is_whitespace)) =>
            {
                last.words.push(&leaf.text);
            }
            _ => found.push(Given::line(leaf)),
        }
    }
    for argument in leaves.iter().filter(|leaf| role_of(leaf, tool) == Some(Role::Arguments)) {
        let holder = facts.holder(argument);
        let program = found.iter_mut().find(|given| {
            given.first.list.is_none()
                && facts.holder(given.first) == holder
                && !given.first.text.trim().contains(char::is_whitespace)
        });
        match program {
            Some(given) => given.words.push(&argument.text),
            None if tool.shell => match found.last_mut().filter(|last| last.first.list == argument.list) {
                Some(last) => last.words.push(&argument.text),
                None => found.push(Given::line(argument)),
            },
            None => {}
        }
    }
    found
}

/// Parameters that say how or why, not what is run.
fn describes(leaf: &Leaf<'_>) -> bool {
    const WORDS: [&str; 14] = [
        "description",
        "reason",
        "explanation",
        "cwd",
        "workdir",
        "working_directory",
        "directory",
        "path",
        "timeout",
        "timeout_ms",
        "env",
        "session_id",
        "id",
        "user",
    ];
    WORDS.contains(&leaf.name.to_ascii_lowercase().as_str()) || leaf.text.trim().is_empty()
}

/// `bash -c …` as the target itself.
fn starts_a_shell(target: &str) -> bool {
    let Some((first, rest)) = target.trim().split_once(char::is_whitespace) else {
        return false;
    };
    let program = first.rsplit('/').next().unwrap_or_default();
    matches!(program, "sh" | "bash" | "zsh" | "dash" | "ksh" | "sudo" | "env") && !rest.trim().is_empty()
}

pub(super) fn sqls(facts: &Facts<'_>) -> Vec<SqlFact> {
    let tool = Tool::of(facts);
    let mut found = Vec::new();
    let target = facts.request().target().as_str();
    if sql::looks_like_sql(target) {
        found.push(SqlFact { place: "/target".into(), given: target.into(), outcome: sql::view(target) });
    }
    for leaf in facts.leaves().iter().filter(|leaf| role_of(leaf, &tool) == Some(Role::Sql)) {
        let place = facts.place(leaf);
        if found.len() >= SQLS_MAX {
            let outcome = SqlOutcome::Unparseable("is one of more than are looked at");
            found.push(SqlFact { place, given: String::new(), outcome });
            break;
        }
        found.push(SqlFact { place, given: leaf.text.to_string(), outcome: sql::view(&leaf.text) });
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::facts::NoMemo;
    use crate::request::{ActionRequest, Defaults};

    fn request(kind: &str, target: &str, parameters: Value) -> ActionRequest {
        let defaults = Defaults { action_id: "a".into(), timestamp: jiff::Timestamp::UNIX_EPOCH };
        let value = json!({"agent_id": "a", "action_type": kind, "target": target, "parameters": parameters});
        ActionRequest::from_value(value, defaults).unwrap()
    }

    /// `place program program`, one for each command.
    fn commands_of(target: &str, parameters: Value) -> Vec<String> {
        let request = request("tool_call", target, parameters);
        let facts = Facts::new(&request, &NoMemo);
        let shown = |fact: &CommandFact| match &fact.outcome {
            CommandOutcome::Parsed(view) => {
                let words = view.commands.iter().map(|c| format!("{}:{}", c.program, c.args.len()));
                format!("{} {}", fact.place, words.collect::<Vec<_>>().join(" "))
            }
            CommandOutcome::Unparseable(why) => format!("{} {why}", fact.place),
        };
        facts.commands().iter().map(shown).collect()
    }

    fn sqls_of(kind: &str, target: &str, parameters: Value) -> Vec<String> {
        let request = request(kind, target, parameters);
        let facts = Facts::new(&request, &NoMemo);
        let shown = |fact: &SqlFact| match &fact.outcome {
            SqlOutcome::Parsed(view) => {
                let kinds: Vec<&str> = view.statements.iter().map(|s| s.kind.as_str()).collect();
                format!("{} {}", fact.place, kinds.join(" "))
            }
            SqlOutcome::Unparseable(why) => format!("{} {why}", fact.place),
        };
        facts.sqls().iter().map(shown).collect()
    }

    #[test]
    fn commands_are_found_by_the_names_of_parameters_and_tools() {
        for (target, parameters, expected) in [
            ("x", json!({"command": "ls; rm a"}), vec!["/parameters/command ls:0 rm:1"]),
            ("x", json!({"cmd": "'"}), vec!["/parameters/cmd has a quote that does not end"]),
            ("x", json!({"command": ["rm", "-rf", "/"]}), vec!["/parameters/command/0 rm:2"]),
            ("x", json!({"command": ["sh", "-c", "rm -rf /"]}), vec!["/parameters/command/0 sh:2 rm:2"]),
            ("x", json!({"command": ["echo", "; rm"]}), vec!["/parameters/command/0 echo:1"]),
            ("x", json!({"command": ["rm -rf /"]}), vec!["/parameters/command/0 rm:2"]),
            (
                "x",
                json!({"commands": ["ls", "rm a"]}),
                vec!["/parameters/commands/0 ls:0", "/parameters/commands/1 rm:1"],
            ),
            ("x", json!({"command": "rm", "args": ["-rf", "/"]}), vec!["/parameters/command rm:2"]),
            (
                "x",
                json!({"steps": [{"command": "ls"}, {"command": "rm", "args": ["a"]}]}),
                vec!["/parameters/steps/0/command ls:0", "/parameters/steps/1/command rm:1"],
            ),
            ("shell", json!({"input": "ls"}), vec!["/parameters/input ls:0"]),
            ("runCommand", json!({"run": "ls"}), vec!["/parameters/run ls:0"]),
            ("terminal", json!({"whatever": "rm a", "timeout": 5}), vec!["/parameters/whatever rm:1"]),
            ("bash -c 'rm a'", json!({}), vec!["/target bash:2 rm:1"]),
            ("search", json!({"input": "rm -rf /", "code": "rm", "args": ["rm"]}), vec![]),
            ("x", json!({"command": " "}), vec![]),
        ] {
            assert_eq!(commands_of(target, parameters.clone()), expected, "{target} {parameters}");
        }
    }

    #[test]
    fn what_is_only_stored_is_not_executed() {
        let stored =
            request("file_write", "setup.sh", json!({"script": "rm -rf /", "query": "DROP TABLE a"}));
        let facts = Facts::new(&stored, &NoMemo);
        assert!(facts.commands().is_empty());
        assert!(facts.sqls().is_empty());
    }

    #[test]
    fn sql_is_found_where_a_database_is_asked_or_the_text_is_sql() {
        for (kind, target, parameters, expected) in [
            ("database_query", "x", json!({"query": "DROP TABLE a"}), vec!["/parameters/query drop"]),
            (
                "database_query",
                "x",
                json!({"query": "gibberish"}),
                vec!["/parameters/query is not understood in any dialect"],
            ),
            (
                "database_query",
                "x",
                json!({"text": "DROP TABLE a", "note": "select nothing"}),
                vec!["/parameters/text drop"],
            ),
            ("tool_call", "query_db", json!({"statement": "SELECT 1"}), vec!["/parameters/statement select"]),
            (
                "tool_call",
                "runSQL",
                json!({"queries": ["SELECT 1", "DROP TABLE a"]}),
                vec!["/parameters/queries/0 select", "/parameters/queries/1 drop"],
            ),
            ("tool_call", "x", json!({"sql": "DROP TABLE a"}), vec!["/parameters/sql drop"]),
            ("tool_call", "x", json!({"query": "DROP TABLE a"}), vec!["/parameters/query drop"]),
            ("tool_call", "search", json!({"query": "cheap flights"}), vec![]),
            ("tool_call", "search", json!({"query": "select a restaurant for me"}), vec![]),
            ("tool_call", "x", json!({"body": "DROP TABLE a"}), vec![]),
            ("tool_call", "SELECT * FROM a", json!({}), vec!["/target select"]),
        ] {
            assert_eq!(sqls_of(kind, target, parameters.clone()), expected, "{target} {parameters}");
        }
    }

    #[test]
    fn more_than_are_looked_at_are_not_silently_dropped() {
        let lines: Vec<String> = (0..100).map(|i| format!("SELECT {i}")).collect();
        let request = request("tool_call", "db", json!({"commands": lines, "queries": lines}));
        let facts = Facts::new(&request, &NoMemo);
        assert_eq!(facts.sqls().len(), SQLS_MAX + 1);
        assert!(matches!(facts.sqls().last().unwrap().outcome, SqlOutcome::Unparseable(_)));
        let lines: Vec<String> = (0..100).map(|i| format!("ls {i}")).collect();
        let request = super::tests::request("tool_call", "x", json!({"commands": lines}));
        let facts = Facts::new(&request, &NoMemo);
        assert_eq!(facts.commands().len(), COMMANDS_MAX + 1);
        assert!(matches!(facts.commands().last().unwrap().outcome, CommandOutcome::Unparseable(_)));
    }
}
