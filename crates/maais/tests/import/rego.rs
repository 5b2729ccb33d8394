//! Imported Rego against what OPA answers.
//!
//! Each expression has beside it what OPA's documentation and source (`v1/ast/compare.go`, `v1/topdown`) say of it,
//! as a function of the value, `None` being undefined: equality is strict about types; an order of types, null,
//! booleans, numbers, strings, arrays, objects, makes every two values comparable; a function of strings is undefined
//! for anything else; whatever is undefined does not hold, and `not` of it does. The same expressions and requests
//! were also given to `regorus` 0.14, another engine of Rego, with the same answers but for `\w` and `\d`, which it takes
//! from Unicode and OPA from ASCII.

use serde_json::{Value, json};

use super::{effects, import};

type Oracle = fn(Option<&Value>) -> bool;

/// Every test of `input.parameters.v`, and where it holds.
const OF_VALUES: [(&str, Oracle); 39] = [
    ("input.parameters.v == \"a\"", |v| v == Some(&json!("a"))),
    ("\"abc\" == input.parameters.v", |v| v == Some(&json!("abc"))),
    ("input.parameters.v = \"1\"", |v| v == Some(&json!("1"))),
    ("input.parameters.v == 1", |v| number(v) == Some(1.0)),
    ("input.parameters.v == -1.0", |v| number(v) == Some(-1.0)),
    ("input.parameters.v == 1.5", |v| number(v) == Some(1.5)),
    ("input.parameters.v == true", |v| v == Some(&json!(true))),
    ("input.parameters.v == false", |v| v == Some(&json!(false))),
    ("input.parameters.v == null", |v| v == Some(&Value::Null)),
    ("input.parameters.v != \"a\"", |v| v.is_some_and(|v| *v != json!("a"))),
    ("input.parameters.v != 1", |v| v.is_some() && number(v) != Some(1.0)),
    ("input.parameters.v != true", |v| v.is_some_and(|v| *v != json!(true))),
    ("input.parameters.v != null", |v| v.is_some_and(|v| !v.is_null())),
    ("input.parameters.v", |v| v.is_some_and(|v| *v != json!(false))),
    ("input.parameters[\"v\"] in {\"a\", \"1\"}", |v| v == Some(&json!("a")) || v == Some(&json!("1"))),
    ("input.parameters.v in [1, \"a\"]", |v| number(v) == Some(1.0) || v == Some(&json!("a"))),
    ("input.parameters.v in {null, true, 100}", |v| {
        v == Some(&Value::Null) || v == Some(&json!(true)) || number(v) == Some(100.0)
    }),
    ("input.parameters.v in names", |v| v == Some(&json!("a")) || v == Some(&json!("abc"))),
    ("names[input.parameters.v]", |v| v == Some(&json!("a")) || v == Some(&json!("abc"))),
    ("input.parameters.v == one", |v| number(v) == Some(1.0)),
    ("input.parameters.v > 1", |v| rank(v) > Some(2) || number(v) > Some(1.0)),
    ("input.parameters.v >= 1", |v| rank(v) > Some(2) || number(v) >= Some(1.0)),
    ("input.parameters.v < 1.5", |v| rank(v).is_some_and(|r| r < 2) || number(v).is_some_and(|n| n < 1.5)),
    ("input.parameters.v <= 100", |v| {
        rank(v).is_some_and(|r| r < 2) || number(v).is_some_and(|n| n <= 100.0)
    }),
    ("100 > input.parameters.v", |v| rank(v).is_some_and(|r| r < 2) || number(v).is_some_and(|n| n < 100.0)),
    ("9007199254740991 < input.parameters.v", |v| {
        rank(v) > Some(2) || number(v).is_some_and(|n| n > 9_007_199_254_740_991.0)
    }),
    ("startswith(input.parameters.v, \"a\")", |v| text(v).is_some_and(|t| t.starts_with('a'))),
    ("endswith(input.parameters.v, \"c\")", |v| text(v).is_some_and(|t| t.ends_with('c'))),
    ("contains(input.parameters.v, \"b\")", |v| text(v).is_some_and(|t| t.contains('b'))),
    ("regex.match(`^[a-c]+$`, input.parameters.v)", |v| {
        text(v).is_some_and(|t| !t.is_empty() && t.chars().all(|c| ('a'..='c').contains(&c)))
    }),
    ("regex.match(\"^\\\\w$\", input.parameters.v)", |v| {
        text(v).is_some_and(|t| t.len() == 1 && t.chars().all(|c| c.is_ascii_alphanumeric()))
    }),
    ("regex.match(`(?i)^A`, input.parameters.v)", |v| text(v).is_some_and(|t| t.starts_with(['a', 'A']))),
    ("regex.match(`\\d`, input.parameters.v)", |v| {
        text(v).is_some_and(|t| t.contains(|c: char| c.is_ascii_digit()))
    }),
    ("regex.match(`.\\n`, input.parameters.v)", |v| v == Some(&json!("ab\n"))),
    ("glob.match(\"ab*\", null, input.parameters.v)", |v| text(v).is_some_and(|t| t.starts_with("ab"))),
    ("glob.match(\"*.pem\", null, input.parameters.v)", |v| text(v).is_some_and(|t| t.ends_with(".pem"))),
    ("glob.match(\"*b*\", null, input.parameters.v)", |v| text(v).is_some_and(|t| t.contains('b'))),
    ("glob.match(\"*\", null, input.parameters.v)", |v| text(v).is_some()),
    ("true", |_| true),
];

fn number(v: Option<&Value>) -> Option<f64> {
    v.and_then(Value::as_f64)
}

fn text(v: Option<&Value>) -> Option<&str> {
    v.and_then(Value::as_str)
}

/// OPA's order of types; a number's is 2.
fn rank(v: Option<&Value>) -> Option<u8> {
    v.map(|v| match v {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Number(_) => 2,
        Value::String(_) => 3,
        Value::Array(_) => 4,
        Value::Object(_) => 5,
    })
}

fn values() -> Vec<Option<Value>> {
    let of_json = [
        "null",
        "true",
        "false",
        "0",
        "1",
        "1.0",
        "-1",
        "1.5",
        "10.0",
        "99.99",
        "100",
        "101",
        "1e300",
        "-0.0",
        "9007199254740991",
        "9007199254740993",
        "18446744073709551615",
        "\"\"",
        "\" \"",
        "\"1\"",
        "\"1.0\"",
        "\"a\"",
        "\"A\"",
        "\"abc\"",
        "\"ab\\n\"",
        "\"true\"",
        "\"null\"",
        "\"x.pem\"",
        "\"200\"",
        "\"2h\"",
        "\"ü\"",
        "\"٣\"",
        "\"\\u212a\"",
        "[]",
        "[\"a\"]",
        "[1]",
        "[\"abc\", \"x\"]",
        "[[\"a\"]]",
        "[null]",
        "{}",
        "{\"a\": \"a\"}",
        "{\"v\": \"abc\"}",
        "{\"b\": 1}",
    ];
    let values = of_json.iter().map(|text| Some(serde_json::from_str(text).unwrap()));
    [None].into_iter().chain(values).collect()
}

fn request(target: &str, parameters: Value) -> Value {
    json!({"agent_id": "bot", "action_type": "tool_call", "target": target, "parameters": parameters})
}

/// One module of all expressions, each behind a target of its own, negated and not.
fn module(expressions: &[&str], v0: bool) -> String {
    let (open, contains) =
        if v0 { ("allow {", "deny[msg] {") } else { ("allow if {", "deny contains msg if {") };
    let mut text = String::from("package t.x\n");
    text.push_str(if v0 { "import future.keywords.in\n" } else { "import rego.v1\n" });
    text.push_str("names := {\"a\", \"abc\"}\none := 1\ndefault allow = false\nallow = true { input.target == \"d\" }\n");
    if !v0 {
        text = text.replace("allow = true {", "allow := true if {");
    }
    for (at, expression) in expressions.iter().enumerate() {
        text.push_str(&format!("{open}\n  input.target == \"y{at}\"\n  {expression}\n}}\n"));
        text.push_str(&format!("{open} input.target == \"n{at}\"; not {expression} }}\n"));
        text.push_str(&format!(
            "{contains} input.agent_id == \"D\"; {expression}; input.target == \"y{at}\"; msg := \"no\" }}\n"
        ));
    }
    text
}

#[test]
fn every_expression_holds_exactly_where_it_does_in_rego() {
    let expressions = OF_VALUES.map(|(expression, _)| expression);
    let mut requests = Vec::new();
    let mut expected = Vec::new();
    for (at, (_, oracle)) in OF_VALUES.iter().enumerate() {
        for value in values() {
            let holds = oracle(value.as_ref());
            let parameters = value.map_or(json!({"w": "a"}), |value| json!({"v": value, "w": "a"}));
            for (mark, allowed) in [("y", holds), ("n", !holds)] {
                requests.push(request(&format!("{mark}{at}"), parameters.clone()));
                expected.push(if allowed { "ALLOW" } else { "DENY" });
            }
        }
    }
    for v0 in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let policies = import(folder.path(), "m.rego", &module(&expressions, v0), &[]).unwrap();
        let found = effects(folder.path(), &policies, &requests);
        let wrong: Vec<String> = (0..found.len())
            .filter(|at| found[*at] != expected[*at])
            .map(|at| format!("{} is {}, not {}", requests[at], found[at], expected[at]))
            .collect();
        assert!(wrong.is_empty(), "{}\n{policies}", wrong.join("\n"));
    }
}

#[test]
fn deny_beats_allow_and_is_as_exact() {
    let folder = tempfile::tempdir().unwrap();
    let expressions = OF_VALUES.map(|(expression, _)| expression);
    let policies = import(folder.path(), "m.rego", &module(&expressions, false), &[]).unwrap();
    let mut requests = Vec::new();
    for at in 0..OF_VALUES.len() {
        for value in values() {
            let parameters = value.map_or(json!({}), |value| json!({"v": value}));
            let mut request = request(&format!("y{at}"), parameters);
            request["agent_id"] = "D".into();
            requests.push(request);
        }
    }
    // Where `allow` holds, `deny` does, and where it does not, nothing is allowed.
    assert!(effects(folder.path(), &policies, &requests).iter().all(|effect| effect == "DENY"));
    // With `deny` alone, everything else is allowed.
    let only: String = module(&expressions, false)
        .split_inclusive('\n')
        .filter(|line| !line.contains("allow") && !line.starts_with("  ") && *line != "}\n")
        .collect();
    let policies = import(folder.path(), "d.rego", &only, &[]).unwrap();
    let found = effects(folder.path(), &policies, &requests);
    let mut at = 0;
    for (expression, oracle) in OF_VALUES {
        for value in values() {
            let expected = if oracle(value.as_ref()) { "DENY" } else { "ALLOW" };
            assert_eq!(found[at], expected, "{expression} of {value:?}");
            at += 1;
        }
    }
}

#[test]
fn a_name_within_a_name_is_that_of_an_object_where_names_are_plain() {
    let folder = tempfile::tempdir().unwrap();
    let module = "package t\nimport rego.v1\n\
        allow if { input.target == \"eq\"; input.parameters.o.b == \"x\" }\n\
        allow if { input.target == \"ne\"; input.parameters.o.b != \"x\" }\n\
        allow if { input.target == \"not\"; not input.parameters.o.b == \"x\" }\n\
        allow if { input.target == \"is\"; input.parameters.o.b }\n\
        allow if { input.target == \"deep\"; startswith(input.parameters.o.b.c, \"x\") }\n";
    let refused = import(folder.path(), "m.rego", module, &[]).unwrap_err();
    assert!(refused.contains("m.rego:3:34") && refused.contains("--plain-names"), "{refused}");
    let policies = import(folder.path(), "m.rego", module, &["--plain-names"]).unwrap();
    let objects = [
        (json!({}), [false, false, true, false, false]),
        (json!({"o": null}), [false, false, true, false, false]),
        (json!({"o": "x"}), [false, false, true, false, false]),
        (json!({"o": [{"b": "x"}]}), [false, false, true, false, false]),
        (json!({"o": [{"b": "y"}, {"b": {"c": "x"}}]}), [false, false, true, false, false]),
        (json!({"o": {}}), [false, false, true, false, false]),
        (json!({"o": {"b": null}}), [false, true, true, true, false]),
        (json!({"o": {"b": "x"}}), [true, false, false, true, false]),
        (json!({"o": {"b": ["x"]}}), [false, true, true, true, false]),
        (json!({"o": {"b": false}}), [false, true, true, false, false]),
        (json!({"o": {"b": {"c": "xy"}}}), [false, true, true, true, true]),
        (json!({"o": {"b": [{"c": "xy"}]}}), [false, true, true, true, false]),
        (json!({"o": {"b": {"c": 1}}}), [false, true, true, true, false]),
    ];
    for (parameters, expected) in objects {
        let requests = ["eq", "ne", "not", "is", "deep"].map(|target| request(target, parameters.clone()));
        let found = effects(folder.path(), &policies, &requests);
        let expected = expected.map(|allowed| if allowed { "ALLOW" } else { "DENY" });
        assert_eq!(found, expected, "{parameters}");
    }
}

#[test]
fn parts_of_an_action_that_are_always_there_are_texts() {
    let folder = tempfile::tempdir().unwrap();
    let module = "package t\n\
        allow if { input.action_type in {\"file_read\", \"api_call\"}; not startswith(input.target, \"x\") }\n\
        allow if { input.action_type != \"tool_call\"; input.declared_goal == \"\"; input.agent_id != \"bot\" }\n\
        allow if input.context.env == \"dev\"\n";
    let policies = import(folder.path(), "m.rego", module, &[]).unwrap();
    let action = |kind: &str, agent: &str, target: &str| json!({"agent_id": agent, "action_type": kind, "target": target});
    let mut dev = action("tool_call", "bot", "x");
    dev["context"] = json!({"env": "dev"});
    let mut list = action("tool_call", "bot", "x");
    list["context"] = json!({"env": ["dev"]});
    let requests = [
        action("file_read", "bot", "a"),
        action("file_read", "bot", "xa"),
        action("file_read", "root", "xa"),
        action("tool_call", "root", "1"),
        dev,
        list,
    ];
    assert_eq!(
        effects(folder.path(), &policies, &requests),
        ["ALLOW", "DENY", "ALLOW", "DENY", "ALLOW", "DENY"]
    );
}

#[test]
fn the_default_is_that_of_the_module() {
    let folder = tempfile::tempdir().unwrap();
    let deny = "deny contains \"none\" if input.target == \"x\"\n";
    for (head, other) in [
        ("default allow := true\n", "ALLOW"),
        ("default allow := false\n", "DENY"),
        ("default allow = false\n", "DENY"),
        ("allow := true\n", "ALLOW"),
        ("allow if true\n", "ALLOW"),
        ("", "ALLOW"),
    ] {
        let module = format!("package t\n{head}{deny}");
        let policies = import(folder.path(), "m.rego", &module, &[]).unwrap();
        let found = effects(folder.path(), &policies, &[request("x", json!({})), request("y", json!({}))]);
        assert_eq!(found, ["DENY", other], "{module}");
    }
    let with_message = "package t\ndeny[msg] {\n  input.target == \"x\"\n  msg = \"it's no\"\n}\n";
    let policies = import(folder.path(), "m.rego", with_message, &[]).unwrap();
    assert!(policies.contains("reason: 'it''s no'") && policies.contains("id: 't/deny-1'"), "{policies}");
    assert!(policies.starts_with("# Made by `maais policy import` from m.rego (Rego).\n"), "{policies}");
}

/// A line of a module, and the column and the words with which it is refused.
const REFUSED: [(&str, usize, &str); 66] = [
    ("import data.users", 1, "`import data.users`"),
    ("import input.parameters as p", 1, "`import input.parameters`"),
    ("default deny := true", 1, "`deny` would hold always"),
    ("default other := 1", 9, "this default"),
    ("helper if { input.target == \"x\" }", 1, "the rule `helper`"),
    ("f(x) := x", 1, "the rule `f`"),
    ("names := {x | x := 1}", 13, "a comprehension"),
    ("allow := false if { input.target == \"x\" }", 10, "only `true` decides"),
    ("allow contains \"x\" if { input.target == \"x\" }", 7, "a set of `allow`"),
    ("allow if { input.target == \"x\" } else := false", 34, "`else`"),
    ("allow if { input.target == \"x\" } { input.target == \"y\" }", 34, "follows a rule"),
    ("allow if { }", 10, "an empty body"),
    ("allow", 1, "without a body"),
    ("deny[msg] if { input.target == \"x\"; msg := \"m\" }", 1, "makes an object"),
    ("deny contains msg if { input.target == \"x\" }", 1, "this message"),
    ("deny contains msg if { input.target == \"x\"; msg := input.target }", 52, "not one text"),
    ("deny contains msg if { input.target == \"x\"; msg := sprintf(\"%s\", [1]) }", 52, "`sprintf`"),
    ("deny contains {\"code\": 1} if { input.target == \"x\" }", 15, "this message"),
    ("allow if { some x in input.parameters.list }", 12, "`some`"),
    ("allow if { every x in input.parameters.list { x == 1 } }", 12, "`every`"),
    ("allow if { input.parameters.list[_] == 1 }", 33, "a variable as a name"),
    ("allow if { input.parameters[name] == 1 }", 28, "a variable as a name"),
    ("allow if { input.parameters.list[0] == 1 }", 33, "a place in a list"),
    ("allow if { input.target == \"x\" with input as {} }", 32, "`with`"),
    ("allow if { data.users[input.agent_id] }", 12, "`data`"),
    ("allow if { http.send({\"url\": \"x\"}).status_code == 200 }", 12, "`http.send`"),
    ("allow if { lower(input.target) == \"x\" }", 12, "`lower`"),
    ("allow if { count(input.parameters.list) > 3 }", 12, "`count`"),
    ("allow if { time.now_ns() > 3 }", 12, "`time.now_ns`"),
    ("allow if { input.parameters.n + 1 == 2 }", 31, "this operator"),
    ("allow if { input.parameters.a == input.parameters.b }", 12, "two inputs"),
    ("allow if { x := input.target }", 12, "an assignment"),
    ("allow if { is_admin }", 12, "`is_admin`"),
    ("allow if { not is_admin }", 16, "`is_admin`"),
    ("allow if { helpers.is_admin }", 12, "a part of another rule"),
    ("allow if { input.parameters.a.b == 1 }", 12, "--plain-names"),
    ("allow if { input.parameters[\"a.b\"] == 1 }", 12, "no way to write"),
    ("allow if { input.parameters[\"*\"] == 1 }", 12, "no way to write"),
    ("allow if { input.user == \"x\" }", 12, "no test is of it"),
    ("allow if { input.timestamp == \"x\" }", 12, "no test is of it"),
    ("allow if { input.parameters == null }", 12, "a whole object"),
    ("allow if { input.target == 1 }", 12, "the types differ"),
    ("allow if { input.target in {\"a\", 1} }", 12, "the types differ"),
    ("allow if { input.target }", 12, "it always holds"),
    ("allow if { input.target > \"a\" }", 12, "not put in order"),
    ("allow if { input.parameters.v > \"a\" }", 12, "only numbers"),
    ("allow if { input.parameters.v == [1, 2] }", 34, "comparison with a list"),
    ("allow if { input.parameters.v == {\"a\": 1} }", 38, "an object"),
    ("allow if { input.parameters.v in {} }", 34, "an empty list"),
    ("allow if { \"x\" in input.parameters.v }", 19, "looks at the values"),
    ("allow if { input.action_type == \"tool\" }", 12, "of this kind"),
    ("allow if { startswith(input.action_type, \"tool\") }", 12, "only compared"),
    ("allow if { startswith(input.target, input.agent_id) }", 12, "one text that stands here"),
    ("allow if { startswith(input.target, \" \") }", 12, "nothing but spaces"),
    ("allow if { startswith(input.target) }", 12, "number of arguments"),
    ("allow if { regex.match(`(?P<n>a)`, input.target) }", 12, "this pattern"),
    ("allow if { regex.match(`\\pL`, input.target) }", 12, "this pattern"),
    ("allow if { regex.match(`[[:alpha:]]`, input.target) }", 12, "this pattern"),
    ("allow if { glob.match(\"a*b\", null, input.target) }", 12, "the beginning and the end"),
    ("allow if { glob.match(\"*.x\", [\".\"], input.target) }", 30, "with delimiters"),
    ("allow if { input.parameters.v == 0.12345678901234567 }", 34, "15 digits"),
    ("allow if { input.parameters.v == 9007199254740993 }", 34, "15 digits"),
    ("allow if { (input.target == \"x\") }", 12, "in parentheses"),
    ("allow if { false }", 12, "always the same"),
    ("allow if { input.target == \"x\" input.agent_id == \"y\" }", 32, "an expression has ended"),
    ("allow if { input.target == \"\\q\" }", 28, "an escape"),
];

#[test]
fn everything_else_is_refused_where_it_stands_and_all_of_it_at_once() {
    let folder = tempfile::tempdir().unwrap();
    for (line, column, words) in REFUSED {
        let module = format!("package t\n\n{line}\nallow if input.target == \"fine\"\n");
        let refused = import(folder.path(), "m.rego", &module, &[]).expect_err(line);
        assert!(refused.contains(&format!("m.rego:3:{column}\n")), "{line}\n{refused}");
        assert!(refused.contains(words), "{line}\n{refused}");
        assert!(refused.contains("help: "), "{line}\n{refused}");
        assert!(refused.contains(" 1 refused"), "{line}\n{refused}");
    }
    let all: Vec<&str> = REFUSED.iter().map(|(line, ..)| *line).collect();
    let refused =
        import(folder.path(), "m.rego", &format!("package t\n{}\n", all.join("\n")), &[]).unwrap_err();
    for (at, (line, ..)) in REFUSED.iter().enumerate() {
        assert!(refused.contains(&format!("m.rego:{}:", at + 2)), "{line}\n{refused}");
    }
}

#[test]
fn so_many_refusals_that_nobody_reads_them_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let module = format!("package t\n{}", "allow if { some x }\n".repeat(5_000));
    let refused = import(folder.path(), "m.rego", &module, &[]).unwrap_err();
    assert!(refused.contains("5000 refused, 4800 of them not shown"), "{}", refused.len());
}

#[test]
fn rules_that_do_not_go_together_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (module, place, words) in [
        ("allow if input.target == \"x\"", "m.rego:1:1", "without `package`"),
        ("package t\n", "m.rego:1:1", "neither `allow` nor `deny`"),
        ("package t\ndefault allow := true\nallow if input.target == \"x\"", "m.rego:3:1", "true without it"),
        (
            "package t\ndeny if input.target == \"x\"\ndeny contains \"m\" if input.target == \"y\"",
            "m.rego:3:1",
            "another kind",
        ),
        ("package t\nimport rego.v1\nallow { input.target == \"x\" }", "m.rego:3:7", "without `if`"),
        ("package t\ndefault allow := false\ndefault allow := false", "m.rego:3:1", "a second default"),
        ("package t\na := 1\na := 2\nallow if input.parameters.v == a", "m.rego:3:1", "a second rule"),
        ("package t\nallow if {\n  input.target\n  == \"x\"\n}", "m.rego:4:3", "join the lines"),
        (
            "package t\nallow if {\n  input.parameters.v\n  -1 < input.parameters.v\n}",
            "m.rego:4:3",
            "begins a line",
        ),
        ("package t\nallow if {\n  input.target == \"x\"\n  with input as {}\n}", "m.rego:4:3", "`with`"),
        ("package t\nallow if {\n  input.target == \"x\"\n", "m.rego:2:10", "does not end"),
        (
            "package t\nstartswith := \"a\"\nallow if startswith(input.target, \"a\")",
            "m.rego:3:10",
            "`startswith`",
        ),
        (
            "package t\nmsg := \"a\"\ndeny contains msg if { input.target == \"a\"; msg = \"b\" }",
            "m.rego:3:1",
            "this message",
        ),
    ] {
        let refused = import(folder.path(), "m.rego", module, &[]).expect_err(module);
        assert!(refused.contains(place) && refused.contains(words), "{module}\n{refused}");
    }
}
