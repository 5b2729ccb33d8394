//! What each construct of the policy language holds of, and what it does not: a table for each, the attacker's
//! spellings among them.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at once")]

use std::time::Duration;

use maais_core::decision::Effect;
use maais_core::diagnostic::{Diagnostics, Source};
use maais_core::facts::{Facts, NoMemo};
use maais_core::policy::{self, Loaded, PolicySet, Trail};
use maais_core::request::{ActionRequest, Defaults};
use maais_core::settings::Settings;
use maais_core::state::State;
use serde_json::{Value, json};

fn read(documents: &[(&str, &str)]) -> Result<Loaded, Diagnostics> {
    let sources: Vec<Source> = documents.iter().map(|(name, text)| Source::new(*name, *text)).collect();
    policy::load(&sources)
}

fn load(text: &str) -> PolicySet {
    read(&[("p.yaml", text)]).unwrap_or_else(|problems| panic!("{problems}")).policies
}

fn refused(text: &str) -> String {
    match read(&[("p.yaml", text)]) {
        Err(problems) => problems.to_string(),
        Ok(_) => panic!("loads, but should not:\n{text}"),
    }
}

fn request(value: Value) -> ActionRequest {
    let defaults = Defaults { action_id: "a".into(), timestamp: jiff::Timestamp::UNIX_EPOCH };
    ActionRequest::from_value(value, defaults).unwrap()
}

fn call(target: &str, parameters: Value) -> ActionRequest {
    request(
        json!({"agent_id": "agent", "action_type": "tool_call", "target": target, "parameters": parameters}),
    )
}

fn policy_of(condition: &str) -> String {
    format!("policies: [{{id: r, applies_to: '*', condition: {condition}, decision: DENY, reason: r}}]")
}

/// `yes`, `no` or `unknown`.
fn holds_with(condition: &str, request: &ActionRequest, state: &State) -> &'static str {
    let policies = load(&policy_of(condition));
    let facts = Facts::new(request, &NoMemo).typed(policies.tools());
    policies.rules().first().unwrap().holds(&facts, state).as_str()
}

/// Of one parameter `p`.
fn of_p(test: &str, value: Value) -> &'static str {
    let condition = format!("{{parameters.p: {test}}}");
    holds_with(&condition, &call("t", json!({"p": value})), &State::default())
}

fn absent(test: &str) -> &'static str {
    holds_with(&format!("{{parameters.p: {test}}}"), &call("t", json!({})), &State::default())
}

#[test]
fn texts_are_held_against_beginnings_ends_and_parts() {
    assert_eq!(of_p("{prefix: ab}", json!("abc")), "true");
    assert_eq!(of_p("{prefix: [x, ab]}", json!("abc")), "true");
    assert_eq!(of_p("{prefix: bc}", json!("abc")), "false");
    assert_eq!(of_p("{suffix: '@corp.example'}", json!("a@corp.example")), "true");
    assert_eq!(of_p("{suffix: '@corp.example'}", json!("a@corp.example.evil")), "false");
    assert_eq!(of_p("{contains: b}", json!({"deep": ["abc"]})), "true");
    assert_eq!(of_p("{suffix: x}", json!(["ax", "by"])), "unknown");
    assert_eq!(absent("{prefix: a}"), "false");
}

#[test]
fn quantities_compare_and_what_is_none_is_unknown() {
    assert_eq!(of_p("{gt: 1000}", json!(1000.5)), "true");
    assert_eq!(of_p("{gt: 1000}", json!("1000")), "false");
    assert_eq!(of_p("{le: 10MB}", json!("9MiB")), "true");
    assert_eq!(of_p("{le: 10MB}", json!(10_000_001)), "false");
    assert_eq!(of_p("{ge: 15m}", json!("900s")), "true");
    assert_eq!(of_p("{ge: 5, lt: 7}", json!(7)), "false");
    for evasion in [json!("1.000,00"), json!("a lot"), json!(null), json!(true), json!({"v": 5})] {
        assert_eq!(of_p("{gt: 1000}", evasion.clone()), "unknown", "{evasion}");
    }
    assert_eq!(absent("{gt: 0}"), "false");
}

#[test]
fn existence_length_and_type() {
    assert_eq!(of_p("{exists: true}", json!(0)), "true");
    assert_eq!(of_p("{exists: true}", json!(null)), "false");
    assert_eq!(absent("{exists: false}"), "true");
    assert_eq!(of_p("{length: 2}", json!("äö")), "true");
    assert_eq!(of_p("{length: {gt: 1, le: 3}}", json!([1, 2, 3])), "true");
    assert_eq!(of_p("{length: {gt: 3}}", json!({"a": 1})), "false");
    assert_eq!(of_p("{type: text}", json!("x")), "true");
    assert_eq!(of_p("{type: [list, object]}", json!([])), "true");
    assert_eq!(of_p("{type: null}", json!(null)), "true");
    assert_eq!(of_p("{type: number}", json!("1")), "false");
}

#[test]
fn addresses_are_in_their_blocks_however_they_are_written() {
    for address in ["10.1.2.3", "0x0a010203", "167838211", "::ffff:10.1.2.3", "[::ffff:a01:203]", "012.1.2.3"]
    {
        assert_eq!(of_p("{cidr: 10.0.0.0/8}", json!(address)), "true", "{address}");
    }
    assert_eq!(of_p("{cidr: [10.0.0.0/8, 192.168.0.1]}", json!("192.168.0.1")), "true");
    assert_eq!(of_p("{cidr: 10.0.0.0/8}", json!("10.example.com")), "false");
    assert!(refused(&policy_of("{parameters.p: {cidr: 10.1.0.0/8}}")).contains("10.0.0.0/8"));
}

#[test]
fn elements_of_lists() {
    let strangers = "{any_of: {not_in: [a@corp, b@corp]}}";
    assert_eq!(of_p(strangers, json!(["a@corp", "evil@x"])), "true");
    assert_eq!(of_p(strangers, json!("evil@x")), "true");
    assert_eq!(of_p(strangers, json!(["a@corp"])), "false");
    assert_eq!(of_p("{all_of: {suffix: '@corp'}}", json!(["a@corp", "b@corp"])), "true");
    assert_eq!(of_p("{all_of: {suffix: '@corp'}}", json!([])), "false");
    assert_eq!(absent("{all_of: {suffix: '@corp'}}"), "false");
}

#[test]
fn a_parameter_seen_as_a_path_or_a_url() {
    let inside = "{view: path, glob: '/workspace/**'}";
    assert_eq!(of_p(inside, json!("/workspace/a/../b")), "true");
    assert_eq!(of_p(inside, json!("/workspace/../etc/passwd")), "false");
    let corp = "{view: url.host, in: [api.corp.example]}";
    assert_eq!(of_p(corp, json!("https://api.corp.example./x")), "true");
    assert_eq!(of_p(corp, json!("https://api.corp.example@evil.example/")), "false");
    assert_eq!(of_p(corp, json!("http://[nonsense")), "unknown");
    assert_eq!(of_p(corp, json!(7)), "unknown");
}

#[test]
fn who_what_for_and_how_much() {
    let state =
        State { tenant: "acme".into(), roles: vec!["intern".into(), "dev".into()], ..State::default() };
    let request = request(json!({
        "agent_id": "agent", "action_type": "tool_call", "target": "t", "declared_goal": "clean up",
        "parameters": {"ab": "cde", "n": 12}, "context": {"framework": "crewai", "deep": {"a": [1, 2]}},
    }));
    for (condition, expected) in [
        ("{tenant: acme}", "true"),
        ("{tenant: [x, y]}", "false"),
        ("{role: dev}", "true"),
        ("{role: {not_in: [admin]}}", "true"),
        ("{role: {not_in: [dev]}}", "false"),
        ("{declared_goal: {pattern: '(?i)CLEAN'}}", "true"),
        ("{context.framework: crewai}", "true"),
        ("{context: {deep.a: {any_of: {gt: 1}}}}", "true"),
        ("{size: {ge: 8}}", "true"),
        ("{size: {gt: 8}}", "false"),
        ("{size: {lt: 1KB}}", "true"),
    ] {
        assert_eq!(holds_with(condition, &request, &state), expected, "{condition}");
    }
    assert_eq!(holds_with("{role: {not_in: [admin]}}", &request, &State::default()), "true");
}

#[test]
fn time_is_that_of_the_zone() {
    let office = "{time: {hours: '09:00-17:00', weekdays: [mon-fri], zone: Europe/Berlin}}";
    let at = |text: &str| State { now: text.parse().unwrap(), ..State::default() };
    let holds = |condition: &str, text: &str| holds_with(condition, &call("t", json!({})), &at(text));
    assert_eq!(holds(office, "2026-11-23T08:00:00Z"), "true", "nine in Berlin, a Monday");
    assert_eq!(holds(office, "2026-11-23T07:59:59Z"), "false");
    assert_eq!(holds(office, "2026-11-23T16:00:00Z"), "false", "the end is not part of it");
    assert_eq!(holds(office, "2026-07-20T07:00:00Z"), "true", "summer time");
    assert_eq!(holds(office, "2026-11-22T10:00:00Z"), "false", "a Sunday");
    let night = "{time: {hours: '22:00-06:00'}}";
    assert_eq!(holds(night, "2026-11-23T23:30:00Z"), "true");
    assert_eq!(holds(night, "2026-11-23T05:59:00Z"), "true");
    assert_eq!(holds(night, "2026-11-23T06:00:00Z"), "false");
    assert!(refused(&policy_of("{time: {hours: '9-17'}}")).contains("no range of hours"));
    let misspelt = refused(&policy_of("{time: {hours: '09:00-17:00', zone: Europe/Berlni}}"));
    assert!(misspelt.contains("did you mean `Europe/Berlin`"), "{misspelt}");
}

/// The answers about a session in which these actions were allowed or denied, seconds before now.
fn past(policies: &PolicySet, actions: &[(ActionRequest, Effect, u64)]) -> State {
    let now = Duration::from_secs(100_000);
    let mut trail = Trail::default();
    for (request, effect, ago) in actions {
        let facts = Facts::new(request, &NoMemo);
        trail.note(policies, &facts, &State::default(), *effect, now - Duration::from_secs(*ago));
    }
    State { history: trail.answers(policies, now), ..State::default() }
}

fn after_these(condition: &str, actions: &[(ActionRequest, Effect, u64)]) -> &'static str {
    let policies = load(&policy_of(condition));
    let state = past(&policies, actions);
    let request = call("send", json!({}));
    policies.rules().first().unwrap().holds(&Facts::new(&request, &NoMemo), &state).as_str()
}

#[test]
fn what_a_session_did_before_is_known() {
    let secret =
        || request(json!({"agent_id": "a", "action_type": "file_read", "target": "/secrets/x/../key"}));
    let after = "{after: {action_type: file_read, path: '/secrets/**', within: 10m}}";
    let after = after.replace("path: '/secrets/**'", "path: {glob: '/secrets/**'}");
    assert_eq!(after_these(&after, &[]), "false");
    assert_eq!(after_these(&after, &[(secret(), Effect::Allow, 600)]), "true");
    assert_eq!(after_these(&after, &[(secret(), Effect::Allow, 601)]), "false");
    assert_eq!(after_these(&after, &[(secret(), Effect::Deny, 5)]), "false", "it was not read");
    assert_eq!(after_these(&after.replace("after", "not_after"), &[(secret(), Effect::Allow, 5)]), "false");
    let unclear = request(json!({"agent_id": "a", "action_type": "file_read", "target": "t",
        "parameters": {"path": "/secrets/\u{0}x"}}));
    assert_eq!(after_these(&after, &[(unclear, Effect::Allow, 5)]), "unknown");
    let probing = "{count: {effect: DENY, ge: 3, within: 1m}}";
    let denied = |ago| (call("x", json!({})), Effect::Deny, ago);
    assert_eq!(after_these(probing, &[denied(50), denied(40)]), "false");
    assert_eq!(after_these(probing, &[denied(50), denied(40), denied(1)]), "true");
    assert_eq!(after_these(probing, &[denied(70), denied(40), denied(1)]), "false");
}

#[test]
fn labels_stay_on_a_session_and_a_forgotten_past_is_unknown() {
    let text = "labels: [{when: {target: [read_inbox, fetch_page]}, add: untrusted}]\n".to_owned()
        + &policy_of("{target: send, labels: {has: [untrusted, secret]}}");
    let policies = load(&text);
    let send = call("send", json!({}));
    let holds =
        |state: &State| policies.rules().first().unwrap().holds(&Facts::new(&send, &NoMemo), state).as_str();
    assert_eq!(holds(&State::default()), "false");
    assert_eq!(holds(&past(&policies, &[(call("fetch_page", json!({})), Effect::Allow, 90_000)])), "true");
    assert_eq!(holds(&State { labels: vec!["secret".into()], ..State::default() }), "true");
    assert_eq!(holds(&State { forgotten: true, ..State::default() }), "unknown");
}

#[test]
fn names_stand_for_lists_and_conditions_and_a_circle_is_an_error() {
    let lists =
        "lists: {corp: ['*.corp.example', intranet]}\ndefine: {outside: {not: {url.host: {glob: $corp}}}}\n";
    let policies = load(&(lists.to_owned() + &policy_of("{use: outside, url.host: {exists: true}}")));
    let holds = |url: &str| {
        let request = call("t", json!({"url": url}));
        policies.rules().first().unwrap().holds(&Facts::new(&request, &NoMemo), &State::default()).as_str()
    };
    assert_eq!(holds("https://evil.example/"), "true");
    assert_eq!(holds("https://a.corp.example/"), "false");
    assert!(refused(&policy_of("{url.host: {in: $nobody}}")).contains("no list `nobody`"));
    let circle = "define: {a: {use: b}, b: {use: a}}\n".to_owned() + &policy_of("{use: a}");
    assert!(refused(&circle).contains("defined by itself"));
    let bomb: String = (0..40).map(|n| format!("d{n}: {{use: [d{0}, d{0}]}}, ", n + 1)).collect();
    let bomb = format!("define: {{{bomb} d40: {{target: x}}}}\n") + &policy_of("{use: d0}");
    assert!(refused(&bomb).contains("definitions within one another"));
}

#[test]
fn an_included_file_lends_its_names_and_nothing_outside_the_folder_is_read() {
    let lists = ("pack/lists.yaml", "lists: {readers: [read_inbox]}");
    let rules = policy_of("{target: {in: $readers}}");
    let including = format!("include: lists.yaml\n{rules}");
    assert!(read(&[lists, ("pack/rules.yaml", &including)]).is_ok());
    assert!(read(&[lists, ("pack/rules.yaml", &rules)]).is_err(), "names are not global");
    assert!(read(&[lists, ("other/rules.yaml", &including)]).is_err(), "another folder");
    for path in ["../pack/lists.yaml", "/etc/passwd", "a//b.yaml", "./lists.yaml"] {
        let text = format!("include: '{path}'\n{}", policy_of("{}"));
        assert!(read(&[("pack/rules.yaml", &text)]).is_err(), "{path}");
    }
}

#[test]
fn a_file_speaks_for_its_policies_and_they_for_themselves() {
    let policies = load(
        "defaults: {applies_to: tool_call, decision: REQUIRE_APPROVAL, approvers: [sec], reason: ask, metadata: {owner: o, severity: high}}
policies:
  - {id: a, condition: {target: x}}
  - {id: b, condition: {target: y}, decision: DENY, metadata: {severity: low}}",
    );
    let [a, b] = policies.rules() else { panic!("two") };
    assert_eq!((a.effect, a.approvers.as_slice()), (Effect::RequireApproval, &["sec".to_owned()][..]));
    assert_eq!((b.effect, b.approvers.len()), (Effect::Deny, 0));
    assert_eq!((b.severity.as_str(), &b.metadata["owner"]), ("low", &json!("o")));
}

#[test]
fn a_rule_in_shadow_mode_is_recorded_and_decides_nothing() {
    let policies = load(
        "policies:
  - {id: strict, applies_to: '*', condition: {}, decision: DENY, reason: no, mode: shadow, priority: 1}
  - {id: open, applies_to: '*', condition: {}, decision: ALLOW, reason: yes}",
    );
    let request = call("t", json!({}));
    let facts = Facts::new(&request, &NoMemo);
    let decision = maais_core::decide::decide(&policies, &Settings::default(), &facts, &State::default());
    assert_eq!((decision.effect, decision.policy_id.as_deref()), (Effect::Allow, Some("open")));
    assert!(decision.findings.iter().any(|finding| finding.id == "strict" && finding.shadow));
}

#[test]
fn the_strictest_default_counts_and_silence_denies() {
    let decide = |text: &str, settings: Option<Effect>| {
        let policies = load(text);
        let settings = Settings { default_decision: settings, ..Settings::default() };
        let request = call("t", json!({}));
        maais_core::decide::decide(&policies, &settings, &Facts::new(&request, &NoMemo), &State::default())
            .effect
    };
    let never = policy_of("{target: never}");
    assert_eq!(decide(&never, None), Effect::Deny);
    assert_eq!(decide(&format!("default_decision: ALLOW\n{never}"), None), Effect::Allow);
    assert_eq!(decide(&format!("default_decision: ALLOW\n{never}"), Some(Effect::Deny)), Effect::Deny);
    assert_eq!(decide(&never, Some(Effect::Allow)), Effect::Allow);
}

#[test]
fn a_declared_parameter_is_looked_at_as_what_it_is() {
    let rules = policy_of("{url.host: evil.example}");
    let tools = "tools: {fetch: {where: url, dest: path}}\n".to_owned() + &rules;
    let request = call("fetch", json!({"where": "evil.example"}));
    let holds = |text: &str| {
        let policies = load(text);
        let facts = Facts::new(&request, &NoMemo).typed(policies.tools());
        policies.rules().first().unwrap().holds(&facts, &State::default()).as_str()
    };
    assert_eq!(holds(&rules), "false");
    assert_eq!(holds(&tools), "true");
}

#[test]
fn an_example_that_fails_refuses_the_set() {
    let with = |examples: &str| {
        format!(
            "policies: [{{id: r, applies_to: tool_call, condition: {{target: http, url.class: public}}, decision: DENY, reason: r, examples: {examples}}}]"
        )
    };
    load(&with(
        "{match: [{parameters: {url: 'http://localhost@evil.example/'}}], no_match: [{parameters: {url: 'http://localhost/'}}, {target: other}]}",
    ));
    let wrong = refused(&with("{match: [{parameters: {url: 'http://localhost/'}}]}"));
    assert!(wrong.contains("`r` does not match its example"), "{wrong}");
    let wrong = refused(&with("{no_match: [{parameters: {url: 'https://evil.example'}}]}"));
    assert!(wrong.contains("matches what it should not"), "{wrong}");
}

#[test]
fn a_limit_spends_what_a_parameter_says() {
    let policies = load(&policy_of("{limit: {max: 100, within: 1h, cost: parameters.amount}}"));
    let [limit] = policies.limits() else { panic!("one") };
    let cost = |amount: Value| limit.cost_of(&call("pay", json!({"amount": amount})));
    assert_eq!(cost(json!(12.5)), Some(12_500));
    assert_eq!(cost(json!("40")), Some(40_000));
    for evasion in [json!(-5), json!("1.000,00"), json!(null), json!([]), json!({"v": 1})] {
        assert_eq!(cost(evasion.clone()), None, "{evasion}");
    }
    assert_eq!((limit.max, limit.window_seconds), (100_000, 3_600));
    for bad in ["{max: -1, within: 1h}", "{max: 1, within: 60}", "{max: 1, within: 2d}", "{within: 1h}"] {
        refused(&policy_of(&format!("{{limit: {bad}}}")));
    }
}

#[test]
fn a_test_that_says_nothing_about_its_subject_is_an_error() {
    for condition in [
        "{target: {gt: 5}}",
        "{size: 5}",
        "{agent_id: {type: text}}",
        "{url.class: {any_of: {in: [public]}}}",
        "{parameters.*: {exists: true}}",
        "{sensitive.kinds: credentials}",
        "{labels: {has: []}}",
        "{count: {target: x}}",
        "{after: {rate_limit: {max_per_minute: 1}}}",
        "{after: {}}",
        "{parameters.p: {view: path}}",
        "{parameters.p: {type: txt}}",
    ] {
        refused(&policy_of(condition));
    }
}

#[test]
fn the_digest_is_of_the_meaning_and_not_of_the_spelling() {
    let one = load(
        "policies: [{id: r, applies_to: tool_call, condition: {parameters: {a: {b: x}}}, decision: DENY, reason: r}]",
    );
    let other = load(
        "# a comment\npolicies:\n- reason: r\n  id: r\n  decision: DENY\n  condition: {parameters.a.b: {equals: x}}\n  applies_to: [tool_call]\n",
    );
    let named = load(
        "define: {d: {parameters.a.b: x}}\npolicies: [{id: r, applies_to: tool_call, condition: {use: d}, decision: DENY, reason: r}]",
    );
    assert_eq!(one.digest(), other.digest());
    assert_eq!(one.digest(), named.digest());
    let changed = load(
        "policies: [{id: r, applies_to: tool_call, condition: {parameters.a.b: y}, decision: DENY, reason: r}]",
    );
    assert_ne!(one.digest(), changed.digest());
}
