//! Statements in disguise, dialects that disagree, limits.

use proptest::prelude::*;

use super::*;

fn parsed(text: &str) -> Vec<Statement> {
    match view(text) {
        SqlOutcome::Parsed(view) => view.statements,
        SqlOutcome::Unparseable(why) => panic!("the SQL {text:?} {why}"),
    }
}

fn reason(text: &str) -> &'static str {
    match view(text) {
        SqlOutcome::Parsed(view) => panic!("{text:?} is {view:?}"),
        SqlOutcome::Unparseable(why) => why,
    }
}

/// `kind tables where writes functions`, one line a statement.
fn shown(text: &str) -> String {
    let line = |statement: &Statement| {
        let mark = |on: bool, mark: &str| if on { mark.to_owned() } else { String::new() };
        let parts = [
            statement.kind.clone(),
            statement.tables.join(","),
            mark(statement.has_where, "where"),
            mark(statement.writes, "writes"),
            statement.functions.iter().map(|name| format!("{name}()")).collect::<Vec<_>>().join(","),
        ];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
    };
    parsed(text).iter().map(line).collect::<Vec<_>>().join("; ")
}

#[test]
fn statements_name_what_they_do_to_which_tables() {
    for (text, expected) in [
        ("SELECT * FROM users", "select users"),
        (
            "select a from Users u join \"Orders\" o on u.id = o.id where u.id = 1",
            "select users,orders where",
        ),
        ("SELECT count(*), MAX(x) FROM a, b.c WHERE x = %s", "select a,b.c where count(),max()"),
        ("SELECT * FROM t WHERE id = %(id)s", "select t where"),
        ("SELECT * FROM t WHERE id = ? AND b = :b", "select t where"),
        (
            "SELECT (SELECT x FROM a) FROM b WHERE EXISTS (SELECT 1 FROM c WHERE c.i = b.i)",
            "select a,b,c where",
        ),
        ("SELECT 1", "select"),
        ("SELECT * INTO t2 FROM t1", "select t2,t1 writes"),
        ("INSERT INTO a (x) SELECT y FROM b", "insert a,b writes"),
        ("INSERT INTO a VALUES (1), (2)", "insert a writes"),
        ("REPLACE INTO a VALUES (1)", "insert a writes"),
        ("UPDATE a SET x = 1 WHERE id = 2", "update a where writes"),
        ("UPDATE a SET x = 1", "update a writes"),
        ("DELETE FROM a", "delete a writes"),
        ("DELETE FROM a WHERE id IN (SELECT id FROM b)", "delete a,b where writes"),
        ("DELETE FROM a USING b WHERE a.i = b.i", "delete a,b where writes"),
        ("MERGE INTO a USING b ON a.i = b.i WHEN MATCHED THEN DELETE", "merge a,b where writes"),
        ("CREATE TABLE a (x INT)", "create a writes"),
        ("CREATE VIEW v AS SELECT * FROM a", "create v,a writes"),
        ("CREATE INDEX i ON a (x)", "create a writes"),
        ("ALTER TABLE a DROP COLUMN x", "alter a writes"),
        ("DROP TABLE IF EXISTS a, b.c", "drop a,b.c writes"),
        ("drop/**/table a", "drop a writes"),
        ("DROP DATABASE d", "drop d writes"),
        ("TRUNCATE TABLE a", "truncate a writes"),
        ("GRANT ALL ON a TO bob", "grant a writes"),
        ("GRANT SELECT ON ALL TABLES IN SCHEMA s TO bob", "grant s.* writes"),
        ("REVOKE ALL ON a FROM bob", "revoke a writes"),
        ("COPY a FROM PROGRAM 'curl x'", "copy a writes program()"),
        ("COPY a TO '/tmp/x'", "copy a writes"),
        ("CALL p(1)", "call writes p()"),
        ("SET search_path TO x", "set"),
        ("SET GLOBAL general_log = 1", "set writes"),
        ("BEGIN; COMMIT", "begin; commit"),
        ("EXPLAIN ANALYZE DELETE FROM a", "explain a; delete a writes"),
        ("PRAGMA writable_schema = 1", "pragma writes"),
        ("SELECT load_extension('x')", "select load_extension()"),
        ("SELECT * FROM generate_series(1, 2)", "select generate_series()"),
        ("SELECT 1; DROP TABLE a", "select; drop a writes"),
        ("SELECT 1;\n-- harmless\nDROP TABLE a", "select; drop a writes"),
        ("SELECT `a` FROM `B`.`C`", "select b.c"),
        ("SELECT [a] FROM [dbo].[T]", "select dbo.t"),
    ] {
        assert_eq!(shown(text), expected, "{text}");
    }
}

#[test]
fn a_statement_within_another_is_listed_too() {
    for (text, expected) in [
        ("WITH x AS (DELETE FROM a RETURNING *) SELECT * FROM x", "select a; delete a writes"),
        ("WITH x AS (SELECT * FROM a) INSERT INTO b SELECT * FROM x", "insert a,b writes"),
        ("WITH x AS (SELECT 1) DELETE FROM a WHERE id IN (SELECT * FROM x)", "delete a where writes"),
        ("WITH x AS (SELECT * FROM a), y AS (SELECT * FROM x) SELECT * FROM y", "select a"),
        ("WITH users AS (SELECT * FROM users) SELECT * FROM users", "select users"),
        ("WITH RECURSIVE t AS (SELECT 1 UNION ALL SELECT * FROM t) SELECT * FROM t", "select"),
        ("WITH a AS (SELECT 1) UPDATE a SET x = 1", "update a writes"),
    ] {
        assert_eq!(shown(text), expected, "{text}");
    }
}

#[test]
fn a_condition_that_always_holds_is_none() {
    for condition in
        ["1 = 1", "TRUE", "'a' = 'a'", "id = id", "id = 5 OR 1 = 1", "(1 = 1) AND ('x' = 'x')", "NOT 1 = 2"]
    {
        assert!(!parsed(&format!("DELETE FROM a WHERE {condition}"))[0].has_where, "{condition}");
    }
    for condition in
        ["id = 1", "id = ?", "1 = 1 AND id = 5", "id IN (1, 2)", "t.id = 3 OR t.x = 4", "x->>'a' = 'b'"]
    {
        assert!(parsed(&format!("DELETE FROM a WHERE {condition}"))[0].has_where, "{condition}");
    }
}

#[test]
fn executable_comments_are_code_and_are_not() {
    assert_eq!(shown("/*!50000 DROP TABLE a */; SELECT 1"), "drop a writes; select");
    assert_eq!(shown("SELECT 1 /*! ; DROP TABLE a */"), "select; drop a writes");
    // Which databases execute it depends on their version: without it, all rows go.
    assert_eq!(shown("DELETE FROM a /*!99999 WHERE id = 1 */"), "delete a where writes; delete a writes");
    assert_eq!(shown("SELECT '/*! DROP TABLE a */'"), "select");
    assert_eq!(shown("SELECT 1 /*+ hint */ /* DROP TABLE a */"), "select");
}

#[test]
fn what_one_database_sees_as_code_is_seen_or_refused() {
    for text in [
        r"SELECT '\'' ; DROP TABLE a; -- '",
        r"SELECT '\'; DROP TABLE a; -- '",
        "SELECT 1 /* /* */ ; DROP TABLE a; -- */",
        "SELECT $$ ; DROP TABLE a; -- $$",
        "SELECT 1 # '\n; DROP TABLE a; -- '",
        "SELECT 1 --'\n; DROP TABLE a; --'",
    ] {
        match view(text) {
            SqlOutcome::Parsed(view) => {
                assert!(view.statements.iter().any(|statement| statement.kind == "drop"), "{text}: {view:?}");
            }
            SqlOutcome::Unparseable(why) => assert!(!why.is_empty(), "{text}"),
        }
    }
    for text in [
        r"SELECT 'C:\dir' FROM a",
        "SELECT * FROM a WHERE x LIKE '50\\%'",
        "SELECT a #>> '{b}' FROM t",
        "SELECT 1 -- it is fine\nFROM a",
        "SELECT * FROM a WHERE id = $1",
    ] {
        assert!(!parsed(text).is_empty(), "{text}");
    }
}

#[test]
fn what_no_dialect_understands_has_a_reason() {
    for text in [
        "",
        ";",
        "-- x",
        "cheap flights",
        "SELECT FROM a.b.c WHERE WHERE WHERE",
        "SELECT 'a",
        "DROP",
        "SELECT 1 /*",
        "SELECT 1\0",
    ] {
        assert!(!reason(text).is_empty());
    }
}

#[test]
fn limits_are_limits() {
    assert_eq!(parsed(&"SELECT 1;".repeat(STATEMENTS_MAX)).len(), STATEMENTS_MAX);
    assert_eq!(reason(&"SELECT 1;".repeat(STATEMENTS_MAX + 1)), "has more than 1,000 statements");
    let long = |length: usize| format!("SELECT '{}'", "x".repeat(length - 9));
    assert_eq!(parsed(&long(LENGTH_MAX)).len(), 1);
    assert_eq!(reason(&long(LENGTH_MAX + 1)), "is longer than 64 KiB");
    // `SELECT 1` and 499 times `+ 1` are a thousand tokens.
    let chain = |count: usize| format!("SELECT 1{}", " + 1".repeat(count));
    assert_eq!(parsed(&chain(499)).len(), 1);
    assert_eq!(reason(&chain(500)), "is nested too deeply");
    let values = format!("INSERT INTO a VALUES {}(1)", "(1, 'x'), ".repeat(5_000));
    assert_eq!(parsed(&values).len(), 1);
    let subqueries = |count: usize| {
        format!("{}SELECT 1 FROM a{}", "SELECT 1 FROM a WHERE b IN (".repeat(count), ")".repeat(count))
    };
    assert_eq!(parsed(&subqueries(7)).len(), 1);
    assert!(!reason(&subqueries(24)).is_empty());
    let unions = |count: usize| format!("SELECT a, b FROM t{}", " UNION SELECT a, b FROM t".repeat(count));
    assert_eq!(parsed(&unions(UNIONS_MAX)).len(), 1);
    assert_eq!(reason(&unions(UNIONS_MAX + 1)), "is nested too deeply");
}

/// Half of what threads usually have.
const STACK: usize = 1 << 20;

#[test]
fn deep_nesting_neither_overflows_nor_takes_long() {
    let thread = std::thread::Builder::new().stack_size(STACK).spawn(nest).unwrap();
    thread.join().unwrap();
}

fn nest() {
    for part in [
        "(",
        "((SELECT ",
        "(SELECT * FROM ",
        "NOT ",
        "- ",
        "CASE WHEN ",
        "f(",
        "ARRAY[",
        "[",
        "{",
        "INTERVAL ",
        "CAST(",
        "EXISTS(",
        "WITH a AS (",
        "EXPLAIN ",
        "BEGIN ",
        "IF 1 THEN ",
        "1 + ",
        "1::",
        "a ISNULL ",
        "a -> ",
        "1 IN (",
        "!",
        "1!",
        "a[1]",
        "a.",
        "ARRAY<",
        "a COLLATE b ",
        "a AT TIME ZONE b ",
        "PRIOR ",
        "1 BETWEEN ",
        "x LIKE ",
        "a OVER (",
        "SELECT 1 UNION ",
        "SELECT 1 UNION (",
        "t PIVOT (",
        "a JOIN (",
        "a JOIN b ",
        "a AND ",
        "/*",
        "'",
        "$$",
        "$a$",
        "\"",
        "--",
        "#",
        "a,",
        "a IS NULL ",
        "? ",
        "CREATE VIEW a AS ",
        "PREPARE a AS ",
        "LATERAL (",
        "~",
        "@",
        "|>",
        "a := ",
    ] {
        for start in ["", "SELECT ", "SELECT * FROM ", "SELECT * FROM a WHERE ", "CREATE TABLE a (b "] {
            for times in [10, 14, 18, 23, 30, 60, 300, 480, 900, LENGTH_MAX / part.len() - 30] {
                let _ = view(&format!("{start}{}", part.repeat(times)));
                let _ = view(&format!("{start}{}1", part.repeat(times)));
                if part.ends_with('(') && times < 300 {
                    let _ = view(&format!("{start}{}1{}", part.repeat(times), ")".repeat(times)));
                }
            }
        }
    }
}

#[test]
fn only_what_plainly_is_sql_looks_like_it() {
    for text in [
        "SELECT * FROM users",
        "select name from users where id = 1",
        " ( select 1 )",
        "select version()",
        "SELECT @@version",
        "INSERT INTO a VALUES (1)",
        "UPDATE a SET b = 1",
        "delete from a",
        "DELETE FROM a WHERE x = 1;",
        "drop table a",
        "DROP/**/TABLE a",
        "/* x */ drop table a",
        "-- x\ndrop table a",
        "/*!50000 drop table a */",
        "truncate a",
        "truncate table a",
        "grant all on a to b",
        "with x as (select 1) select * from x",
        "create table a (b int)",
        "alter table a add b int",
        "copy a from program 'x'",
        "call p()",
        "exec xp_cmdshell 'dir'",
        "merge into a using b on a.i = b.i when matched then delete",
        "explain select 1",
        "show tables",
        "set global a = 1",
    ] {
        assert!(looks_like_sql(text), "{text}");
    }
    for text in [
        "",
        "cheap flights",
        "select a restaurant",
        "select the best hotel from this list",
        "update me on the news",
        "update on the set of a film",
        "delete my account",
        "delete from my calendar the meeting",
        "drop shipping companies",
        "create a table of contents",
        "with love from Paris",
        "grant applications for artists",
        "copy of my passport",
        "call my mother",
        "show me flights",
        "set a reminder",
        "begin the day well",
        "explain quantum physics",
        "insert coin",
        "replace the tyre",
        "merge lanes",
        "values of the company",
        "execute the plan",
        "truncate this text",
        "load the car",
        "commit to a plan",
        "https://x.example",
        "42",
        "# a heading",
    ] {
        assert!(!looks_like_sql(text), "{text}");
    }
}

#[test]
#[ignore = "a measurement"]
fn measure() {
    let typical = "SELECT u.id, u.name, count(o.id) AS orders FROM users u LEFT JOIN orders o ON o.user_id = u.id WHERE u.created_at > '2024-01-01' AND u.active = true GROUP BY u.id, u.name ORDER BY orders DESC LIMIT 10";
    let values = format!("INSERT INTO a VALUES {}(1)", "(1, 'x'), ".repeat(6_000));
    let hard = format!("SELECT {}1", "(((1 + ".repeat(12));
    let commented = format!("{typical} -- sorted\n");
    for (name, text, times) in [
        ("typical", typical, 2_000),
        ("commented", &commented, 2_000),
        ("64 KiB", &values, 5),
        ("refused", &hard, 2_000),
        ("mssql", "SELECT TOP 5 [a] FROM [t]", 2_000),
    ] {
        #[expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "it measures")]
        let start = std::time::Instant::now();
        for _ in 0..times {
            std::hint::black_box(view(std::hint::black_box(text)));
        }
        println!("{name} ({} bytes): {:?}", text.len(), start.elapsed() / times);
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in ".{0,200}") {
        let _ = view(&text);
        let _ = looks_like_sql(&text);
    }

    #[test]
    fn no_sql_like_text_makes_it_panic(
        parts in prop::collection::vec(prop::sample::select(vec![
            "SELECT", "*", "FROM", "a", "WHERE", "(", ")", ",", ";", "'", "\"", "`", "/*", "*/", "/*!", "--", "#", "\n", "$$",
            "\\", "UNION", "WITH", "AS", "DELETE", "INSERT INTO", "VALUES", "SET", "=", "1", "%s", "DROP TABLE", "é", "E'", "::",
        ]), 0..40)
    ) {
        let text = parts.join(" ");
        let _ = view(&text);
        let _ = looks_like_sql(&text);
        let _ = view(&parts.concat());
    }

    /// A string is data, whatever is in it.
    #[test]
    fn a_string_is_never_code(inside in "[^'\\\\\0]{0,40}") {
        if let SqlOutcome::Parsed(view) = view(&format!("SELECT '{inside}'")) {
            prop_assert_eq!(view.statements.len(), 1);
            prop_assert!(view.statements[0].tables.is_empty());
        }
    }
}
