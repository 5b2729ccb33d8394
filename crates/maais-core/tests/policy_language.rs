//! The policy language: what each construct means, what each mistake is answered with, and the laws that
//! hold for all policies.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test stops at once")]
#![expect(clippy::disallowed_methods, reason = "the shipped packs are files")]

use maais_core::decide;
use maais_core::decision::{Dimension, Effect, Severity};
use maais_core::diagnostic::{Colour, Diagnostics, Level, Source};
use maais_core::facts::{Facts, NoMemo};
use maais_core::policy::{self, LimitKey, Loaded, Matched, PolicySet};
use maais_core::request::{ActionRequest, ActionType, Defaults};
use maais_core::settings::Settings;
use maais_core::state::{Exceeded, Limit, State};
use proptest::prelude::*;
use serde_json::{Value, json};

fn request(value: Value) -> ActionRequest {
    let defaults = Defaults { action_id: "a".into(), timestamp: jiff::Timestamp::UNIX_EPOCH };
    ActionRequest::from_value(value, defaults).unwrap()
}

/// A tool call with these parameters.
fn call(target: &str, parameters: Value) -> ActionRequest {
    request(
        json!({"agent_id": "agent", "action_type": "tool_call", "target": target, "parameters": parameters}),
    )
}

fn read(documents: &[(&str, &str)]) -> Result<Loaded, Diagnostics> {
    let sources: Vec<Source> = documents.iter().map(|(name, text)| Source::new(*name, *text)).collect();
    policy::load(&sources)
}

fn load(documents: &[(&str, &str)]) -> PolicySet {
    read(documents).unwrap_or_else(|problems| panic!("{problems}")).policies
}

fn refused(text: &str) -> Diagnostics {
    match read(&[("p.yaml", text)]) {
        Err(problems) => problems,
        Ok(_) => panic!("loads, but should not:\n{text}"),
    }
}

/// One policy with that condition, written in flow style.
fn policy_with(condition: &str) -> String {
    policy_of("DENY", condition)
}

fn policy_of(effect: &str, condition: &str) -> String {
    format!(
        "policies:\n  - id: r\n    applies_to: \"*\"\n    condition: {condition}\n    decision: {effect}\n    reason: r\n"
    )
}

/// `yes`, `no` or `unknown`.
fn holds(condition: &str, request: &ActionRequest) -> &'static str {
    let policies = load(&[("p.yaml", &policy_with(condition))]);
    match first(&policies, request) {
        None => "no",
        Some(Matched { certain: true, .. }) => "yes",
        Some(Matched { certain: false, .. }) => "unknown",
    }
}

fn first<'p>(policies: &'p PolicySet, request: &ActionRequest) -> Option<Matched<'p>> {
    policies.first_match(&Facts::new(request, &NoMemo), &State::default())
}

fn first_id<'p>(policies: &'p PolicySet, request: &ActionRequest) -> Option<&'p str> {
    first(policies, request).map(|matched| &*matched.rule.id)
}

/// Holds each request against each condition: (condition, what it must be for the request at that place).
fn table(requests: &[ActionRequest], rows: &[(&str, &[&str])]) {
    for (condition, expected) in rows {
        let found: Vec<&str> = requests.iter().map(|request| holds(condition, request)).collect();
        assert_eq!(found, *expected, "{condition}");
    }
}

// ---- who and what -------------------------------------------------------------------------------------

#[test]
fn applies_to_takes_a_list_one_type_or_a_star() {
    let text = |applies_to: &str| {
        format!("policies: [{{id: r, applies_to: {applies_to}, condition: {{}}, decision: DENY, reason: r}}]")
    };
    for (applies_to, kinds) in [
        ("[tool_call, file_write]", vec!["tool_call", "file_write"]),
        ("memory_read", vec!["memory_read"]),
        ("\"*\"", ActionType::ALL.map(ActionType::as_str).to_vec()),
        ("['*']", ActionType::ALL.map(ActionType::as_str).to_vec()),
    ] {
        let policies = load(&[("p.yaml", &text(applies_to))]);
        for kind in ActionType::ALL {
            let request = request(json!({"agent_id": "a", "action_type": kind.as_str(), "target": "t"}));
            let expected = kinds.contains(&kind.as_str());
            assert_eq!(first(&policies, &request).is_some(), expected, "{applies_to}: {kind:?}");
        }
    }
}

#[test]
fn a_target_is_held_against_each_kind_of_test() {
    let requests = [call("send_email", json!({})), call("Send_Email", json!({})), call("resend", json!({}))];
    table(
        &requests,
        &[
            ("{target: send_email}", &["yes", "no", "no"]),
            ("{target: {equals: send_email}}", &["yes", "no", "no"]),
            ("{target: [send_email, resend]}", &["yes", "no", "yes"]),
            ("{target: {in: [send_email, resend]}}", &["yes", "no", "yes"]),
            ("{target: {not_in: [send_email]}}", &["no", "yes", "yes"]),
            ("{target: {pattern: send}}", &["yes", "no", "yes"]),
            ("{target: {pattern: '(?i)^send'}}", &["yes", "yes", "no"]),
            ("{target: {glob: 'send_*'}}", &["yes", "no", "no"]),
            ("{target: {glob: ['send_*', 're?end']}}", &["yes", "no", "yes"]),
            ("{target: {pattern: send, not_in: [resend]}}", &["yes", "no", "no"]),
            ("{agent_id: agent}", &["yes", "yes", "yes"]),
            ("{agent_id: {glob: 'other-*'}}", &["no", "no", "no"]),
            ("{action_type: tool_call}", &["yes", "yes", "yes"]),
            ("{action_type: [file_read, api_call]}", &["no", "no", "no"]),
            ("{action_type: {in: [file_read, tool_call]}}", &["yes", "yes", "yes"]),
            ("{}", &["yes", "yes", "yes"]),
        ],
    );
}

// ---- parameters ---------------------------------------------------------------------------------------

#[test]
fn a_parameter_is_reached_in_every_form_and_depth() {
    let requests = [
        call("t", json!({"user": {"name": "bob", "roles": ["admin", "dev"]}})),
        call("t", json!({"user.name": "bob"})),
        call("t", json!({"user": [{"name": "eve"}, {"name": "bob"}]})),
        call("t", json!({"users": "bob"})),
    ];
    table(
        &requests,
        &[
            ("{parameters.user.name: bob}", &["yes", "yes", "unknown", "no"]),
            ("{parameters: {user.name: bob}}", &["yes", "yes", "unknown", "no"]),
            ("{parameters: {user: {name: bob}}}", &["yes", "yes", "unknown", "no"]),
            ("{parameters: {user: {name: {in: [bob, eve]}}}}", &["yes", "yes", "yes", "no"]),
            ("{parameters.user.name: {pattern: bob}}", &["yes", "yes", "yes", "no"]),
            ("{parameters.user.1.name: bob}", &["no", "no", "yes", "no"]),
            ("{parameters.user.roles: admin}", &["unknown", "no", "no", "no"]),
            ("{parameters.user.roles: {equals: [admin, dev]}}", &["yes", "no", "no", "no"]),
            ("{parameters.user.roles.0: admin}", &["yes", "no", "no", "no"]),
            ("{parameters.user.roles: {pattern: dev}}", &["yes", "no", "no", "no"]),
            ("{parameters.*: {pattern: bob}}", &["yes", "yes", "yes", "yes"]),
            ("{parameters.*: bob}", &["yes", "yes", "yes", "yes"]),
            ("{parameters: {'*': {pattern: '^users$'}}}", &["no", "no", "no", "yes"]),
        ],
    );
}

#[test]
fn a_pattern_looks_at_every_key_and_scalar_inside() {
    let requests = [
        call("t", json!({"data": {"password": "x"}})),
        call("t", json!({"data": ["a", {"b": ["my PassWord"]}]})),
        call("t", json!({"data": 4242})),
        call("t", json!({"data": {"passphrase": null}, "password": 1})),
        call("t", json!({"data": true})),
    ];
    table(
        &requests,
        &[
            ("{parameters: {data: {pattern: '(?i)password'}}}", &["yes", "yes", "no", "no", "no"]),
            ("{parameters: {data: {pattern: '^42'}}}", &["no", "no", "yes", "no", "no"]),
            ("{parameters: {data: {pattern: '^true$'}}}", &["no", "no", "no", "no", "yes"]),
        ],
    );
}

#[test]
fn a_value_is_the_same_however_json_writes_it() {
    let requests = [
        call("t", json!({"n": 1})),
        call("t", json!({"n": "1"})),
        call("t", json!({"n": 1.0})),
        call("t", json!({"n": true})),
        call("t", json!({"n": 9_007_199_254_740_993_i64})),
    ];
    table(
        &requests,
        &[
            ("{parameters.n: 1}", &["yes", "yes", "yes", "no", "no"]),
            ("{parameters.n: {in: ['1', x]}}", &["yes", "yes", "no", "no", "no"]),
            ("{parameters.n: true}", &["no", "no", "no", "yes", "no"]),
            ("{parameters.n: 'true'}", &["no", "no", "no", "yes", "no"]),
            // No rounding: this is another account.
            ("{parameters.n: 9007199254740992}", &["no", "no", "no", "no", "no"]),
            ("{parameters.n: 9007199254740993}", &["no", "no", "no", "no", "yes"]),
        ],
    );
}

#[test]
fn what_is_not_there_is_neither_in_a_list_nor_known_to_be_outside() {
    let requests = [
        call("t", json!({})),
        call("t", json!({"region": null})),
        call("t", json!({"region": []})),
        call("t", json!({"region": {"name": "eu"}})),
        call("t", json!({"region": ["eu", "us"]})),
        call("t", json!({"region": "us"})),
        call("t", json!({"region": "eu"})),
    ];
    table(
        &requests,
        &[
            ("{parameters.region: {in: [eu]}}", &["no", "no", "no", "no", "unknown", "no", "yes"]),
            (
                "{parameters.region: {not_in: [eu]}}",
                &["unknown", "unknown", "unknown", "unknown", "unknown", "yes", "no"],
            ),
            ("{not: {parameters.region: {in: [eu]}}}", &["yes", "yes", "yes", "yes", "unknown", "yes", "no"]),
        ],
    );
}

// ---- and, or, not -------------------------------------------------------------------------------------

#[test]
fn and_or_and_not_nest_as_lists_and_as_mappings() {
    let requests = [
        call("a", json!({"x": 1})),
        call("a", json!({"x": 2})),
        call("b", json!({"x": 1})),
        call("b", json!({})),
    ];
    table(
        &requests,
        &[
            ("{target: a, parameters.x: 1}", &["yes", "no", "no", "no"]),
            ("{and: [{target: a}, {parameters.x: 1}]}", &["yes", "no", "no", "no"]),
            ("{and: {target: a, parameters.x: 1}}", &["yes", "no", "no", "no"]),
            ("{or: [{target: a}, {parameters.x: 1}]}", &["yes", "yes", "yes", "no"]),
            ("{or: {target: a, parameters.x: 1}}", &["yes", "yes", "yes", "no"]),
            ("{not: {target: a}}", &["no", "no", "yes", "yes"]),
            ("{not: {target: a, parameters.x: 1}}", &["no", "yes", "yes", "yes"]),
            ("{target: a, not: {parameters.x: 1}}", &["no", "yes", "no", "no"]),
            (
                "{or: [{not: {or: [{target: a}]}}, {and: [{parameters: {x: 2}}]}]}",
                &["no", "yes", "yes", "yes"],
            ),
            ("{not: {not: {target: a}}}", &["yes", "yes", "no", "no"]),
            // Every key of one part of an `or` must hold.
            (
                "{or: [{target: a, parameters.x: 1}, {target: b, parameters.x: 1}]}",
                &["yes", "no", "yes", "no"],
            ),
        ],
    );
}

// ---- views --------------------------------------------------------------------------------------------

#[test]
fn urls_are_tested_by_what_they_mean() {
    let requests = [
        call("t", json!({"url": "http://localhost@evil.com:8080/a/b"})),
        call("t", json!({"endpoint": "HTTPS://2130706433/x"})),
        call("t", json!({"n": {"uri": "https://api.example.com/v1/x"}})),
        call("t", json!({"text": "no URL at all"})),
    ];
    table(
        &requests,
        &[
            ("{url.host: evil.com}", &["yes", "no", "no", "no"]),
            ("{url.host: {glob: '*.example.com'}}", &["no", "no", "yes", "no"]),
            ("{url.scheme: https}", &["no", "yes", "yes", "no"]),
            ("{url.port: 8080}", &["yes", "no", "no", "no"]),
            ("{url.port: {in: [443]}}", &["no", "yes", "yes", "no"]),
            ("{url.path: {pattern: '^/a/'}}", &["yes", "no", "no", "no"]),
            ("{url.path: {glob: '/*/x'}}", &["no", "no", "yes", "no"]),
            ("{url.class: public}", &["yes", "no", "yes", "no"]),
            ("{url.class: {in: [loopback, private]}}", &["no", "yes", "no", "no"]),
            ("{url.class: {not_in: [public]}}", &["no", "yes", "no", "no"]),
            ("{not: {url.class: public}}", &["no", "yes", "no", "yes"]),
        ],
    );
}

#[test]
fn a_url_that_cannot_be_read_is_unknown_until_a_rule_names_it() {
    let requests = [
        call("t", json!({"url": "http://localhost\\@evil.com/"})),
        call("t", json!({"urls": ["http://localhost/", "http://localhost\\@evil.com/"]})),
        call("t", json!({"urls": ["http://localhost/", "https://evil.com/"]})),
    ];
    table(
        &requests,
        &[
            ("{url.host: localhost}", &["unknown", "unknown", "unknown"]),
            ("{not: {url.host: localhost}}", &["unknown", "unknown", "unknown"]),
            ("{url.class: public}", &["unknown", "unknown", "unknown"]),
            ("{url.class: {in: [public, unparseable]}}", &["yes", "unknown", "unknown"]),
            ("{url.class: {in: [loopback, public]}}", &["unknown", "unknown", "yes"]),
            ("{url.class: {not_in: [metadata]}}", &["unknown", "unknown", "yes"]),
            ("{url.class: {not_in: [metadata, unparseable]}}", &["no", "unknown", "yes"]),
            ("{url.class: {glob: '*'}}", &["unknown", "unknown", "yes"]),
            ("{url.class: {pattern: '.'}}", &["unknown", "unknown", "yes"]),
            ("{or: [{url.host: x}, {target: t}]}", &["yes", "yes", "yes"]),
            ("{url.host: x, target: u}", &["no", "no", "no"]),
        ],
    );
}

#[test]
fn what_is_unknown_restricts_and_never_allows() {
    let unreadable = call("t", json!({"url": "http://localhost\\@evil.com/"}));
    for condition in [
        "{url.class: {in: [loopback]}}",
        "{not: {url.class: {in: [public]}}}",
        "{url.class: {not_in: [public, metadata]}}",
        "{url.host: {glob: '*'}}",
        "{parameters.url: {pattern: '^(?=h)(?:\\w+\\s?)+(?<!x)$'}}",
        "{parameters.region: {not_in: [eu]}}",
    ] {
        for (effect, matches) in [("DENY", true), ("REQUIRE_APPROVAL", true), ("ALLOW", false)] {
            let policies = load(&[("p.yaml", &policy_of(effect, condition))]);
            let request = match condition.contains("(?=") {
                true => call("t", json!({"url": format!("h{}!", "a".repeat(60))})),
                false => unreadable.clone(),
            };
            assert_eq!(first(&policies, &request).is_some(), matches, "{effect} {condition}");
        }
    }
}

#[test]
fn paths_are_tested_by_where_they_lead() {
    let requests = [
        request(json!({"agent_id": "a", "action_type": "file_write", "target": "/tmp/../etc/passwd"})),
        call("t", json!({"path": "src/./a/../main.rs"})),
        call("t", json!({"path": ["/etc/hosts", "notes.md"]})),
        call("t", json!({"path": "..%c0%af..%c0%afetc"})),
        call("t", json!({"text": "nothing"})),
    ];
    table(
        &requests,
        &[
            ("{path: /etc/passwd}", &["yes", "no", "no", "unknown", "no"]),
            ("{path: {glob: '/etc/*'}}", &["yes", "no", "unknown", "unknown", "no"]),
            ("{path: {glob: ['src/**', '/etc/**']}}", &["yes", "yes", "unknown", "unknown", "no"]),
            ("{path: {glob: '/*'}}", &["no", "no", "no", "unknown", "no"]),
            ("{path: {pattern: '^src/main'}}", &["no", "yes", "no", "unknown", "no"]),
            ("{not: {path: {glob: 'src/**'}}}", &["yes", "no", "yes", "unknown", "yes"]),
        ],
    );
}

// ---- rate limits --------------------------------------------------------------------------------------

#[test]
fn a_rate_limit_has_defaults_and_keys() {
    for (limit, max, window, keys) in [
        ("{max_per_minute: 50}", 50, 60, vec![LimitKey::AGENT]),
        ("{max_per_minute: 50, key: target}", 50, 60, vec![LimitKey::TARGET]),
        ("{max_per_minute: 50, key: global}", 50, 60, vec![]),
        ("{max_per_minute: 60, window_seconds: 10}", 10, 10, vec![LimitKey::AGENT]),
        ("{max_per_minute: 1, window_seconds: 1}", 1, 1, vec![LimitKey::AGENT]),
        ("{max_per_minute: 0}", 0, 60, vec![LimitKey::AGENT]),
        (
            "{max_per_minute: 5, key: [agent_id, action_type, session_id]}",
            5,
            60,
            vec![LimitKey::AGENT, LimitKey::ACTION_TYPE, LimitKey::SESSION],
        ),
    ] {
        let policies = load(&[("p.yaml", &policy_with(&format!("{{rate_limit: {limit}}}")))]);
        let spec = &policies.limits()[0];
        assert_eq!((spec.max, spec.window_seconds, &*spec.policy_id), (max * 1_000, window, "r"), "{limit}");
        for key in [LimitKey::AGENT, LimitKey::TARGET, LimitKey::ACTION_TYPE, LimitKey::SESSION] {
            assert_eq!(spec.key.has(key), keys.contains(&key), "{limit}");
        }
    }
}

#[test]
fn a_rate_limit_holds_when_it_is_exceeded_and_counts_only_what_it_speaks_of() {
    let policies = load(&[(
        "p.yaml",
        "policies:\n  \
         - {id: a, applies_to: tool_call, condition: {target: x, rate_limit: {max_per_minute: 1}}, decision: DENY, reason: r}\n  \
         - {id: b, applies_to: tool_call, condition: {not: {rate_limit: {max_per_minute: 2}}}, decision: ALLOW, reason: r}\n",
    )]);
    let (x, y) = (call("x", json!({})), call("y", json!({})));
    let (x, y) = (Facts::new(&x, &NoMemo), Facts::new(&y, &NoMemo));
    let id = |facts, over: &[usize]| {
        let exceeded = |limit: &usize| Exceeded {
            limit: Limit::Policy(*limit),
            seen: 1_000,
            max: 1_000,
            window_seconds: 60,
            retry_after_ms: 0,
        };
        let state = State { exceeded: over.iter().map(exceeded).collect(), ..State::default() };
        policies.first_match(facts, &state).map(|matched| matched.rule.id.to_string())
    };
    assert_eq!(id(&x, &[]).as_deref(), Some("b"));
    assert_eq!(id(&x, &[0]).as_deref(), Some("a"));
    assert_eq!(id(&x, &[1]), None);
    assert_eq!(policies.limits_touched(&x, &State::default()), [0, 1]);
    assert_eq!(policies.limits_touched(&y, &State::default()), [1]);
}

// ---- order, files, metadata ---------------------------------------------------------------------------

fn line(id: &str, effect: &str, priority: Option<i64>) -> String {
    let priority = priority.map_or_else(String::new, |priority| format!(", priority: {priority}"));
    format!(
        "  - {{id: {id}, applies_to: '*', condition: {{target: t}}, decision: {effect}, reason: r{priority}}}\n"
    )
}

#[test]
fn the_lowest_priority_number_wins_then_the_files_name_then_the_position() {
    let file = |lines: &[String]| format!("policies:\n{}", lines.concat());
    let t = call("t", json!({}));
    let cases: [(Vec<(&str, String)>, &str); 5] = [
        (vec![("a", file(&[line("late", "ALLOW", Some(20)), line("early", "DENY", Some(10))]))], "early"),
        (
            vec![("a", file(&[line("default", "ALLOW", None), line("hundred_one", "DENY", Some(101))]))],
            "default",
        ),
        (
            vec![("a", file(&[line("negative", "DENY", Some(-1)), line("zero", "ALLOW", Some(0))]))],
            "negative",
        ),
        (vec![("a", file(&[line("first", "ALLOW", None), line("second", "DENY", None)]))], "first"),
        (
            vec![("b", file(&[line("of_b", "DENY", None)])), ("a", file(&[line("of_a", "ALLOW", None)]))],
            "of_a",
        ),
    ];
    for (files, expected) in cases {
        let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
        assert_eq!(first_id(&load(&files), &t), Some(expected));
    }
}

#[test]
fn documents_of_the_same_name_are_taken_in_one_order_all_the_same() {
    let (a, b) = (line("a", "ALLOW", None), line("b", "DENY", None));
    let (a, b) = (format!("policies:\n{a}"), format!("policies:\n{b}"));
    let forth = load(&[("p.yaml", &a), ("p.yaml", &b)]);
    let back = load(&[("p.yaml", &b), ("p.yaml", &a)]);
    assert_eq!(forth.digest(), back.digest());
    assert_eq!(forth.rules()[0].id, back.rules()[0].id);
}

#[test]
fn metadata_gives_severity_and_ids_and_is_kept_whole() {
    let policies = load(&[(
        "p.yaml",
        "version: 1\ndescription: d\npolicies:\n  - id: r\n    applies_to: tool_call\n    condition: {}\n    decision: ALLOW\n    reason: r\n    waives: [C, I]\n    metadata:\n      severity: high\n      mitre_tactic: Initial Access\n      mitre_technique: T1059.001\n      atlas: [AML.T0051, AML.T0051.001]\n      owasp: [ASI01, 'LLM01:2025']\n      owner: security@example.com\n",
    )]);
    let rule = &policies.rules()[0];
    assert_eq!(rule.severity, Severity::High);
    assert_eq!(rule.ids, ["T1059.001", "AML.T0051", "AML.T0051.001", "ASI01", "LLM01:2025"]);
    assert_eq!(rule.metadata["owner"], "security@example.com");
    assert_eq!(rule.waives, [Dimension::Confidentiality, Dimension::Integrity]);
    assert_eq!(rule.place, "p.yaml:4:9");
}

#[test]
fn a_waived_check_is_recorded_and_does_not_count() {
    let write = request(json!({"agent_id": "a", "action_type": "file_write", "target": "/etc/cron.d/x"}));
    let settings = Settings::default();
    let decide = |waives: &str| {
        let text = format!(
            "policies: [{{id: r, applies_to: '*', condition: {{}}, decision: ALLOW, reason: r, waives: {waives}}}]"
        );
        let facts = Facts::new(&write, &NoMemo);
        let policies = load(&[("p.yaml", &text)]);
        decide::decide(&policies, &settings, &facts, &State::default())
    };
    assert_eq!(decide("[C, A]").effect, Effect::Deny);
    let waived = decide("[I]");
    assert_eq!(waived.effect, Effect::Allow);
    assert!(waived.findings.iter().any(|finding| finding.id == "I.critical_path" && finding.waived));
}

// ---- mistakes -----------------------------------------------------------------------------------------

/// Each mistake: a policy, the place, the underlined text, a part of the message, a part of the help.
#[test]
fn every_mistake_is_shown_at_its_place_with_help() {
    let whole = |text: &str| text.to_owned();
    let policy = |lines: &str| format!("policies:\n  - {}\n", lines.replace('\n', "\n    "));
    let with = policy_with;
    let base = "id: r\napplies_to: tool_call\ncondition: {}\ndecision: DENY\nreason: r";
    let but = |from: &str, to: &str| policy(&base.replace(from, to));
    let mut wrong = Vec::new();
    let cases = [
        (whole("policies: [a: b: c"), "p.yaml:1:16", ":", "not YAML", "indentation"),
        (whole("policies:\n\t- id: x\n"), "p.yaml:2:2", "-", "not YAML", "indentation"),
        (whole(""), "p.yaml:1:1", "", "the file is empty", "policies:"),
        (whole("# nothing\n"), "p.yaml:1:1", "", "the file is empty", "policies:"),
        (whole("rules: []\n"), "p.yaml:1:1", "rules", "unknown field `rules`", "one of `version`"),
        (whole("version: 1\n"), "p.yaml:1:1", "version: 1\n", "has no `policies`", "add `policies:`"),
        (whole("policies: 3\n"), "p.yaml:1:11", "3", "`policies` must be a list, not a number", ""),
        (whole("- id: r\n"), "p.yaml:1:1", "- id: r\n", "`the file` must be a mapping, not a list", ""),
        (policy("7"), "p.yaml:2:5", "7", "`a policy` must be a mapping, not a number", ""),
        (
            but("reason: r", "resaon: r"),
            "p.yaml:6:5",
            "resaon",
            "unknown field `resaon`",
            "did you mean `reason`?",
        ),
        (but("reason: r", "reason: ''"), "p.yaml:6:13", "''", "`reason` must not be empty", ""),
        (
            but("decision: DENY", "decision: DENNY"),
            "p.yaml:5:15",
            "DENNY",
            "unknown effect `DENNY`",
            "did you mean `DENY`?",
        ),
        (
            but("decision: DENY", "decision: deny"),
            "p.yaml:5:15",
            "deny",
            "unknown effect `deny`",
            "did you mean `DENY`?",
        ),
        (
            but("decision: DENY", "decision: [DENY]"),
            "p.yaml:5:15",
            "[DENY]",
            "`decision` must be text, not a list",
            "",
        ),
        (
            but("tool_call", "tol_call"),
            "p.yaml:3:17",
            "tol_call",
            "unknown action type `tol_call`",
            "did you mean `tool_call`?",
        ),
        (but("tool_call", "[]"), "p.yaml:3:17", "[]", "`applies_to` is empty", ""),
        (
            but("tool_call", "[tool_call, 3]"),
            "p.yaml:3:29",
            "3",
            "`applies_to` must be text, not a number",
            "",
        ),
        (but("id: r\n", "id: 'a b'\n"), "p.yaml:2:9", "'a b'", "`a b` is no policy id", "letters, digits"),
        (but("id: r\n", "id: 7\n"), "p.yaml:2:9", "7", "`id` must be text, not a number", ""),
        (
            but("reason: r", "reason: r\npriority: 1.5"),
            "p.yaml:7:15",
            "1.5",
            "`priority` must be a whole number",
            "",
        ),
        (
            but("reason: r", "reason: r\npriority: '10'"),
            "p.yaml:7:15",
            "'10'",
            "`priority` must be a whole number, not text",
            "",
        ),
        (
            but("reason: r", "reason: r\npriority: 1000001"),
            "p.yaml:7:15",
            "1000001",
            "from -1000000 to 1000000",
            "",
        ),
        (
            but("reason: r", "reason: r\nreason: s"),
            "p.yaml:7:5",
            "reason",
            "the key `reason` is there twice",
            "keep one",
        ),
        (
            but("reason: r", "reason: r\nmetadata: high"),
            "p.yaml:7:15",
            "high",
            "`metadata` must be a mapping",
            "",
        ),
        (
            but("reason: r", "reason: r\nmetadata: {severity: hihg}"),
            "p.yaml:7:26",
            "hihg",
            "unknown severity `hihg`",
            "did you mean `high`?",
        ),
        (
            but("reason: r", "reason: r\nwaives: [C]"),
            "p.yaml:7:13",
            "[C]",
            "only a policy that allows",
            "remove",
        ),
        (but("condition: {}", "condition:"), "p.yaml:4:14", "", "the condition is empty", "condition: {}"),
        (but("condition: {}", "condition: []"), "p.yaml:4:16", "[]", "`a condition` must be a mapping", ""),
        (
            with("{tarrget: x}"),
            "p.yaml:4:17",
            "tarrget",
            "unknown condition `tarrget`",
            "did you mean `target`?",
        ),
        (with("{url: x}"), "p.yaml:4:17", "url", "unknown condition `url`", "`url.host`"),
        (
            with("{target: {patern: x}}"),
            "p.yaml:4:26",
            "patern",
            "unknown operator `patern`",
            "did you mean `pattern`?",
        ),
        (
            with("{parameters: {u: {patern: x}}}"),
            "p.yaml:4:34",
            "patern",
            "unknown operator `patern`",
            "`u.patern`",
        ),
        (
            with("{parameters: {u: {regex: x}}}"),
            "p.yaml:4:34",
            "regex",
            "unknown operator `regex`",
            "did you mean `pattern`?",
        ),
        (
            with("{parameters: {u: {in: [a], x: b}}}"),
            "p.yaml:4:43",
            "x",
            "unknown operator `x`",
            "one of `equals`",
        ),
        (with("{parameters: {u: [a, b]}}"), "p.yaml:4:33", "[a, b]", "ambiguous", "write `in: [...]`"),
        (
            with("{parameters: {u: null}}"),
            "p.yaml:4:33",
            "null",
            "`parameters.u` is held against nothing",
            "",
        ),
        (with("{parameters: {u: {}}}"), "p.yaml:4:33", "{}", "`parameters.u` has no test", ""),
        (with("{parameters: {}}"), "p.yaml:4:29", "{}", "`parameters` has no conditions", "remove it"),
        (with("{parameters: x}"), "p.yaml:4:29", "x", "`parameters` must be a mapping", ""),
        (with("{parameters.a..b: x}"), "p.yaml:4:17", "parameters.a..b", "empty part", ""),
        (
            with("{parameters.a.*: x}"),
            "p.yaml:4:17",
            "parameters.a.*",
            "`*` stands for every parameter",
            "pattern",
        ),
        (
            with("{parameters.*: {not_in: [x]}}"),
            "p.yaml:4:32",
            "not_in",
            "`not_in` of any parameter",
            "not: {parameters.*",
        ),
        (with("{target: {in: []}}"), "p.yaml:4:30", "[]", "`in` is an empty list", ""),
        (with("{target: {in: x}}"), "p.yaml:4:30", "x", "`in` must be a list, not text", ""),
        (with("{target: {in: [[x]]}}"), "p.yaml:4:31", "[x]", "`in` must be a list of texts", ""),
        (with("{target: {glob: []}}"), "p.yaml:4:32", "[]", "`glob` is an empty list", ""),
        (with("{target: {glob: ''}}"), "p.yaml:4:32", "''", "`glob` must not be empty", ""),
        (with("{target: {pattern: '(a'}}"), "p.yaml:4:35", "'(a'", "unclosed group", "Rust `regex` crate"),
        (with("{target: {pattern: 3}}"), "p.yaml:4:35", "3", "`pattern` must be text", ""),
        (
            with("{target: {pattern: '\\w{1000}{1000}'}}"),
            "p.yaml:4:35",
            "'\\w{1000}{1000}'",
            "smaller repetitions",
            "",
        ),
        (
            with("{action_type: filewrite}"),
            "p.yaml:4:30",
            "filewrite",
            "unknown action type",
            "did you mean `file_write`?",
        ),
        (with("{url.class: publik}"), "p.yaml:4:28", "publik", "no class of URL", "did you mean `public`?"),
        (
            with("{url.class: {in: [public, extern]}}"),
            "p.yaml:4:33",
            "[public, extern]",
            "no class of URL",
            "`unparseable`",
        ),
        (with("{and: []}"), "p.yaml:4:22", "[]", "`and` has no conditions", ""),
        (with("{or: {}}"), "p.yaml:4:21", "{}", "`or` has no conditions", ""),
        (with("{not: [{target: x}]}"), "p.yaml:4:22", "[{target: x}]", "`a condition` must be a mapping", ""),
        (with("{rate_limit: 50}"), "p.yaml:4:29", "50", "`rate_limit` must be a mapping", ""),
        (
            with("{rate_limit: {window_seconds: 60}}"),
            "p.yaml:4:29",
            "{window_seconds: 60}",
            "needs `max_per_minute`",
            "",
        ),
        (with("{rate_limit: {max_per_minute: -1}}"), "p.yaml:4:46", "-1", "from 0 to 1000000", ""),
        (
            with("{rate_limit: {max_per_minute: 1, key: agent}}"),
            "p.yaml:4:54",
            "agent",
            "unknown key `agent`",
            "`agent_id`",
        ),
        (
            with("{rate_limit: {max_per_min: 1}}"),
            "p.yaml:4:30",
            "max_per_min",
            "unknown field `max_per_min`",
            "`max_per_minute`",
        ),
        (
            policy_of("ALLOW", "{or: [{rate_limit: {max_per_minute: 1}}]}"),
            "p.yaml:4:23",
            "rate_limit",
            "only what exceeds the limit",
            "not: {rate_limit",
        ),
    ];
    for (text, place, underlined, message, help) in cases {
        let problems = refused(&text);
        let problem = &problems.0[0];
        let shown = (problem.place(), problem.underlined().to_owned());
        let told =
            problem.message.contains(message) && problem.help.as_deref().unwrap_or_default().contains(help);
        if shown != (place.to_owned(), underlined.to_owned()) || !told || problem.level != Level::Error {
            wrong.push(format!(
                "expected {place} {underlined:?} {message} / {help}, got {shown:?}\n{problems}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn what_a_policy_needs_is_named_when_it_is_missing() {
    let problems = refused("policies:\n  - reason: r\n");
    let messages: Vec<&str> = problems.0.iter().map(|problem| problem.message.as_str()).collect();
    assert_eq!(
        messages,
        [
            "a policy needs `id`",
            "a policy needs `applies_to`",
            "a policy needs a `condition`",
            "a policy needs `decision`"
        ]
    );
}

#[test]
fn accountability_cannot_be_waived() {
    let text =
        "policies: [{id: r, applies_to: '*', condition: {}, decision: ALLOW, reason: r, waives: [Acc]}]";
    let problems = refused(text);
    assert_eq!(problems.0[0].underlined(), "Acc");
    assert!(problems.0[0].message.contains("somebody must answer"));
}

const MISTAKES: &str = r#"policies:
  - id: first
    applies_to: [tool_call, fil_write]
    condition:
      tarrget: http_request
      parameters: {url: {patern: x}, data: [a, b]}
      target: {pattern: '(unclosed'}
    decision: DENNY
    reason: one
    metadata: {severity: hihg}
  - id: first
    applies_to: "*"
    condition: {}
    decision: DENY
    reason: two
    colour: red
  - id: limited
    applies_to: tool_call
    condition: {rate_limit: {max_per_minute: 10}}
    decision: ALLOW
    reason: three
"#;

#[test]
fn all_mistakes_of_all_files_are_reported_in_one_go_and_nothing_is_loaded() {
    let good = "policies:\n  - {id: limited, applies_to: '*', condition: {}, decision: DENY, reason: r}\n";
    let problems = read(&[("a.yaml", good), ("b.yaml", MISTAKES), ("c.yaml", "policies: [")]).unwrap_err();
    let underlined: Vec<(String, &str)> = problems
        .0
        .iter()
        .filter(|problem| problem.level == Level::Error)
        .map(|problem| (problem.place(), problem.underlined()))
        .collect();
    let place = |place: &str, text| (place.to_owned(), text);
    assert_eq!(
        underlined,
        [
            place("b.yaml:3:29", "fil_write"),
            place("b.yaml:5:7", "tarrget"),
            place("b.yaml:6:26", "patern"),
            place("b.yaml:6:44", "[a, b]"),
            place("b.yaml:7:25", "'(unclosed'"),
            place("b.yaml:8:15", "DENNY"),
            place("b.yaml:10:26", "hihg"),
            place("b.yaml:16:5", "colour"),
            place("b.yaml:19:17", "rate_limit"),
            place("c.yaml:1:11", "["),
            // Also the ids of policies that cannot be read, across files.
            place("b.yaml:11:9", "first"),
            place("b.yaml:17:9", "limited"),
        ]
    );
    insta::assert_snapshot!("mistakes", problems.render(Colour::Plain));
}

#[test]
fn an_escape_that_yaml_does_not_have_is_read_as_meant_with_a_warning() {
    let text = policy_with(
        r#"{parameters: {url: {pattern: "^(https?://)(?!localhost|127\.0\.0\.1|internal\.).*"}, q: {pattern: "\bsu\b"}}}"#,
    );
    let loaded = read(&[("p.yaml", &text)]).unwrap();
    let warnings = &loaded.warnings.0;
    assert_eq!(warnings.len(), 2, "{}", loaded.warnings);
    assert_eq!((warnings[0].level, warnings[0].place().as_str()), (Level::Warning, "p.yaml:4:45"));
    assert!(
        warnings[0].help.as_ref().unwrap().contains(r"'^(https?://)(?!localhost|127\.0\.0\.1|internal\.).*'")
    );
    assert!(warnings[1].help.as_ref().unwrap().contains(r"'\bsu\b'"));
    for (url, q, matches) in [
        ("https://evil.com", "su x", true),
        ("https://localhost/", "su x", false),
        ("https://127x0y0z1.evil.com", "su", true),
        ("https://evil.com", "result", false),
    ] {
        let request = call("t", json!({"url": url, "q": q}));
        assert_eq!(first(&loaded.policies, &request).is_some(), matches, "{url} {q}");
    }
    insta::assert_snapshot!("escapes", loaded.warnings.render(Colour::Plain));
}

#[test]
fn look_around_works_and_an_exhausted_budget_counts_against_the_action() {
    let pattern = "{parameters.x: {pattern: '^(?=\\w)(?:\\w+\\s?)+(?<!q)$'}}";
    let (quick, endless) =
        (call("t", json!({"x": "abc"})), call("t", json!({"x": format!("{}!", "a".repeat(60))})));
    assert_eq!(holds(pattern, &quick), "yes");
    assert_eq!(holds(pattern, &endless), "unknown");
    assert_eq!(holds(&format!("{{not: {pattern}}}"), &endless), "unknown");
    let allow = load(&[("p.yaml", &policy_of("ALLOW", pattern))]);
    assert!(first(&allow, &quick).is_some() && first(&allow, &endless).is_none());
}

#[test]
fn a_policy_that_is_never_reached_is_a_warning() {
    let text = "policies:\n  \
        - {id: some, applies_to: [tool_call, api_call], condition: {}, decision: ALLOW, reason: r, priority: 1}\n  \
        - {id: others, applies_to: [file_read], condition: {}, decision: ALLOW, reason: r, priority: 2}\n  \
        - {id: dead, applies_to: [tool_call, file_read], condition: {target: x}, decision: DENY, reason: r, priority: 3}\n  \
        - {id: alive, applies_to: [tool_call, file_write], condition: {target: x}, decision: DENY, reason: r, priority: 3}\n";
    let loaded = read(&[("p.yaml", text)]).unwrap();
    let warned: Vec<&str> = loaded.warnings.0.iter().map(|warning| warning.underlined()).collect();
    assert_eq!(warned, ["dead"]);
    insta::assert_snapshot!("unreachable", loaded.warnings.render(Colour::Plain));
}

#[test]
fn an_unknown_form_of_a_catalogue_id_is_a_warning() {
    let text = "policies: [{id: r, applies_to: '*', condition: {}, decision: DENY, reason: r, metadata: {atlas: [AML.T51]}}]";
    let loaded = read(&[("p.yaml", text)]).unwrap();
    assert_eq!(loaded.warnings.0[0].underlined(), "AML.T51");
}

// ---- laws ---------------------------------------------------------------------------------------------

/// A small world in which rules often meet requests.
const TARGETS: [&str; 5] = ["ab", "abc", "b", "Ab", "c"];
const TEXTS: [&str; 5] = ["ab", "xab", "abx", "c", ""];
const KINDS: [&str; 3] = ["tool_call", "file_read", "api_call"];
type Search = fn(&str) -> bool;
/// Patterns, and what they mean without any regular expression.
const PATTERNS: [(&str, Search); 5] = [
    ("ab", |text| text.contains("ab")),
    ("^ab", |text| text.starts_with("ab")),
    ("b$", |text| text.ends_with('b')),
    ("(?i)^AB$", |text| text.eq_ignore_ascii_case("ab")),
    ("^(?!ab)", |text| !text.starts_with("ab")),
];

fn any_test(words: &'static [&'static str]) -> impl Strategy<Value = Value> {
    prop_oneof![
        proptest::sample::select(words).prop_map(|word| json!(word)),
        proptest::sample::subsequence(words.to_vec(), 1..3).prop_map(|words| json!({"in": words})),
        (0..PATTERNS.len()).prop_map(|at| json!({"pattern": PATTERNS[at].0})),
    ]
}

prop_compose! {
    fn any_rule()(
        kinds in proptest::sample::subsequence(KINDS.to_vec(), 1..=3),
        star in proptest::bool::weighted(0.2),
        target in proptest::option::of(any_test(&TARGETS)),
        p in proptest::option::of(any_test(&TEXTS)),
        effect in proptest::sample::select(&["ALLOW", "DENY", "REQUIRE_APPROVAL"][..]),
        priority in proptest::option::of(0i64..3),
    ) -> Value {
        let mut condition = json!({});
        if let Some(target) = target { condition["target"] = target; }
        if let Some(p) = p { condition["parameters"] = json!({"p": p}); }
        let applies_to = if star { json!("*") } else { json!(kinds) };
        let mut rule = json!({"applies_to": applies_to, "condition": condition, "decision": effect, "reason": "r"});
        if let Some(priority) = priority { rule["priority"] = json!(priority); }
        rule
    }
}

prop_compose! {
    /// Files of rules, each rule with an id of its own.
    fn any_files()(files in proptest::collection::vec(proptest::collection::vec(any_rule(), 0..4), 1..4)) -> Vec<(String, Value)> {
        let named = |(at, rules): (usize, Vec<Value>)| {
            let rules: Vec<Value> = rules.into_iter().enumerate().map(|(n, mut rule)| {
                rule["id"] = json!(format!("r{at}.{n}"));
                rule
            }).collect();
            (format!("f{at}.yaml"), json!({"policies": rules}))
        };
        files.into_iter().enumerate().map(named).collect()
    }
}

prop_compose! {
    fn any_request()(
        kind in proptest::sample::select(&KINDS[..]),
        target in proptest::sample::select(&TARGETS[..]),
        p in proptest::option::of(proptest::sample::select(&TEXTS[..])),
    ) -> Value {
        let parameters = p.map_or_else(|| json!({}), |p| json!({"p": p}));
        json!({"agent_id": "a", "action_type": kind, "target": target, "parameters": parameters})
    }
}

/// JSON is YAML.
fn load_json(files: &[(String, Value)]) -> PolicySet {
    let sources: Vec<Source> =
        files.iter().map(|(name, value)| Source::new(name.as_str(), value.to_string())).collect();
    policy::load(&sources).unwrap_or_else(|problems| panic!("{problems}")).policies
}

/// The slow, obvious way: the first rule in order, read as JSON, whose every part holds.
fn obvious(files: &[(String, Value)], request: &Value) -> Option<String> {
    let mut rules: Vec<&Value> =
        files.iter().flat_map(|(_, file)| file["policies"].as_array().unwrap()).collect();
    rules.sort_by_key(|rule| rule["priority"].as_i64().unwrap_or(100));
    let test = |test: &Value, text: Option<&str>| match (test, text) {
        (_, None) => false,
        (Value::String(word), Some(text)) => word == text,
        (test, Some(text)) => match (&test["in"], &test["pattern"]) {
            (Value::Array(words), _) => words.contains(&json!(text)),
            (_, pattern) => PATTERNS.iter().any(|(written, search)| pattern == written && search(text)),
        },
    };
    let applies = |rule: &Value| match &rule["applies_to"] {
        Value::Array(kinds) => kinds.contains(&request["action_type"]),
        _ => true,
    };
    let holds = |condition: &Value| {
        let target = condition.get("target").is_none_or(|t| test(t, request["target"].as_str()));
        let p =
            condition.get("parameters").is_none_or(|p| test(&p["p"], request["parameters"]["p"].as_str()));
        target && p
    };
    let found = rules.into_iter().find(|rule| applies(rule) && holds(&rule["condition"]));
    found.map(|rule| rule["id"].as_str().unwrap().to_owned())
}

fn effect(policies: &PolicySet, value: &Value) -> Effect {
    first(policies, &request(value.clone())).map_or(Effect::Deny, |matched| matched.rule.effect)
}

fn pack() -> Vec<(String, String)> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies/baseline");
    ["network", "files", "limits"]
        .map(|name| (name.to_owned(), std::fs::read_to_string(folder.join(format!("{name}.yaml"))).unwrap()))
        .to_vec()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_first_match_is_the_one_that_the_obvious_way_finds(files in any_files(), requests in proptest::collection::vec(any_request(), 1..8)) {
        let policies = load_json(&files);
        for value in requests {
            let request = request(value.clone());
            prop_assert_eq!(first_id(&policies, &request).map(str::to_owned), obvious(&files, &value), "{}", value);
        }
    }

    #[test]
    fn the_order_of_the_files_changes_nothing(files in any_files(), seed in any::<u64>(), value in any_request()) {
        let mut shuffled = files.clone();
        let length = shuffled.len();
        for at in 0..length {
            let other = usize::try_from(seed.rotate_left(u32::try_from(at).unwrap() * 7) % 64).unwrap() % length;
            shuffled.swap(at, other);
        }
        let (before, after) = (load_json(&files), load_json(&shuffled));
        prop_assert_eq!(before.digest(), after.digest());
        let request = request(value);
        prop_assert_eq!(first_id(&before, &request), first_id(&after, &request));
    }

    #[test]
    fn a_further_deny_in_front_never_opens_what_was_closed(files in any_files(), mut rule in any_rule(), value in any_request()) {
        let before = effect(&load_json(&files), &value);
        rule["id"] = json!("further");
        rule["decision"] = json!("DENY");
        rule["priority"] = json!(-1);
        let mut more = files;
        more.push(("z.yaml".into(), json!({"policies": [rule]})));
        prop_assert!(effect(&load_json(&more), &value) >= before);
    }

    #[test]
    fn a_rule_that_cannot_match_changes_nothing(files in any_files(), mut rule in any_rule(), value in any_request()) {
        let request = request(value);
        let before = first_id(&load_json(&files), &request).map(str::to_owned);
        rule["id"] = json!("never");
        rule["priority"] = json!(-1);
        rule["condition"]["not"] = json!({});
        let mut more = files;
        more.push(("z.yaml".into(), json!({"policies": [rule]})));
        prop_assert_eq!(first_id(&load_json(&more), &request).map(str::to_owned), before);
    }

    #[test]
    fn a_policy_means_the_same_in_list_and_mapping_form(rule in any_rule(), value in any_request()) {
        let parts: Vec<Value> = rule["condition"].as_object().unwrap().iter().map(|(key, part)| json!({key: part})).collect();
        prop_assume!(!parts.is_empty());
        let with = |condition: Value| {
            let mut rule = rule.clone();
            rule["id"] = json!("r");
            rule["condition"] = condition;
            load_json(&[("p.yaml".into(), json!({"policies": [rule]}))])
        };
        let request = request(value);
        let plain = with(rule["condition"].clone());
        for other in [json!({"and": parts.clone()}), json!({"not": {"or": parts.iter().map(|part| json!({"not": part})).collect::<Vec<_>>()}})] {
            prop_assert_eq!(first(&plain, &request).is_some(), first(&with(other), &request).is_some());
        }
    }

    #[test]
    fn no_text_makes_the_loader_panic(text in any::<String>()) {
        if let Err(problems) = read(&[("p.yaml", &text)]) {
            prop_assert!(problems.has_errors());
            problems.render(Colour::Plain);
        }
    }

    #[test]
    fn no_text_like_yaml_makes_the_loader_panic(text in "(policies:\n)?( {0,4}(- )?(id|applies_to|condition|decision|target|or|not|pattern|in)?:? ?[\\[\\]{}\"'\\\\a-c,*&!|>#-]{0,6}\n){0,8}") {
        if let Err(problems) = read(&[("p.yaml", &text)]) {
            problems.render(Colour::Plain);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_slip_in_a_shipped_pack_makes_the_loader_panic(
        which in 0usize..3, slips in proptest::collection::vec((any::<proptest::sample::Index>(), 0usize..3, any::<char>()), 1..4)
    ) {
        let (name, text) = pack().swap_remove(which);
        let mut characters: Vec<char> = text.chars().collect();
        for (index, kind, c) in slips {
            let at = index.index(characters.len());
            match kind {
                0 => drop(characters.remove(at)),
                1 => characters.insert(at, c),
                _ => characters[at] = c,
            }
        }
        let text: String = characters.into_iter().collect();
        if let Err(problems) = read(&[(&name, &text)]) {
            prop_assert!(problems.has_errors());
            problems.render(Colour::Plain);
        }
    }
}
