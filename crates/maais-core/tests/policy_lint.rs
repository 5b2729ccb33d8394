//! What `maais policy check` warns of, and the nearest policies that it has nothing against.

#![expect(clippy::panic, reason = "a test stops at once")]

use maais_core::diagnostic::{Level, Source};
use maais_core::facts::{Facts, NoMemo};
use maais_core::policy;
use maais_core::policy::lint::lint;
use maais_core::request::{ActionRequest, Defaults};
use maais_core::state::State;
use proptest::prelude::*;
use serde_json::json;

const META: &str = "metadata: {owner: o, severity: high, owasp: ASI02}";

/// Policies in the order given; each is `effect condition`.
fn set(policies: &[(&str, &str)]) -> String {
    let line = |(at, (effect, condition)): (usize, &(&str, &str))| {
        format!(
            "  - {{id: p{at}, applies_to: tool_call, condition: {condition}, decision: {effect}, reason: r, {META}}}\n"
        )
    };
    format!("policies:\n{}", policies.iter().enumerate().map(line).collect::<String>())
}

fn warnings(text: &str) -> Vec<String> {
    let source = Source::new("p.yaml", text);
    let found = lint(&[source]).unwrap_or_else(|problems| panic!("{problems}"));
    found.into_iter().map(|warning| warning.message).collect()
}

fn warned(policies: &[(&str, &str)], part: &str) -> bool {
    let found = warnings(&set(policies));
    found.iter().any(|message| message.contains(part))
}

#[test]
fn alternatives_are_compared_one_by_one() {
    for (first, second) in [
        ("{or: [{target: a}, {target: {prefix: b}}]}", "{target: {in: [bc, bd]}}"),
        ("{target: {prefix: a}}", "{or: [{target: ab}, {target: {in: [ac, ad]}, agent_id: x}]}"),
        (
            "{or: [{target: a}, {target: b}], agent_id: x}",
            "{or: [{target: b}, {target: a}], agent_id: x, tenant: t}",
        ),
    ] {
        assert!(
            warned(&[("DENY", first), ("ALLOW", second)], "`p1` (ALLOW) is never reached"),
            "{first} {second}"
        );
    }
    for (first, second) in [
        ("{or: [{target: a}, {target: b}]}", "{or: [{target: a}, {target: c}]}"),
        ("{or: [{target: a, agent_id: x}, {target: b}]}", "{target: a}"),
    ] {
        assert!(!warned(&[("DENY", first), ("ALLOW", second)], "never reached"), "{first} {second}");
    }
    let dead = "{or: [{target: a}, {target: {prefix: b, suffix: c, equals: d}}]}";
    assert!(warned(&[("DENY", dead)], "an alternative that never holds"));
    assert!(warned(
        &[("DENY", "{or: [{target: a}, {target: b}, {target: a}]}")],
        "the same alternative twice"
    ));
    assert!(!warned(&[("DENY", "{or: [{target: a}, {target: b}]}")], "alternative"));
}

#[test]
fn where_an_exception_takes_part_of_a_denial_there_is_a_text_for_each_side() {
    let allow = ("ALLOW", "{target: shell, parameters.command: {pattern: '^git '}}");
    let deny = ("DENY", "{target: shell, parameters.command: {pattern: 'push --force'}}");
    let found = lint(&[Source::new("p.yaml", set(&[allow, deny]))]).unwrap_or_default();
    let notes: Vec<_> = found.iter().filter(|found| found.level == Level::Note).collect();
    let message = &notes.first().unwrap_or_else(|| panic!("{found:?}")).message;
    assert!(
        message.contains("with `parameters.command` as `git push --force`, but not with `push --force`"),
        "{message}"
    );
    // No text is in both, or all of one are in the other.
    for other in [
        "{target: shell, parameters.command: {pattern: '^rm '}}",
        "{target: other, parameters.command: {pattern: x}}",
    ] {
        let found = lint(&[Source::new("p.yaml", set(&[allow, ("DENY", other)]))]).unwrap_or_default();
        assert!(found.iter().all(|found| found.level != Level::Note), "{found:?}");
    }
}

#[test]
fn a_pattern_that_backtracks_is_shown_with_a_text_that_does_it() {
    let found = warnings(&set(&[("DENY", r"{parameters.x: {pattern: '^(?=\w)(?:\w+\s?)+(?<!q)$'}}")]));
    let all = found.join("\n");
    assert!(all.contains("is catastrophic: it backtracks on `aaaa"), "{all}");
    let found = warnings(&set(&[("DENY", r"{parameters.x: {pattern: '(?<=a)b(?=c)'}}")]));
    assert!(found.iter().any(|message| message.contains("cannot be rewritten")), "{found:?}");
    assert!(!found.iter().any(|message| message.contains("catastrophic")), "{found:?}");
}

#[test]
fn a_rule_behind_one_that_matches_wherever_it_does_is_never_reached() {
    for (first, second) in [
        ("{target: {in: [a, b]}}", "{target: a}"),
        ("{target: {pattern: '(?i)\\.(exe|py|js)$'}}", "{target: {pattern: '^python.*\\.py$'}}"),
        ("{target: {prefix: ab}}", "{target: {prefix: abc}}"),
        ("{target: {pattern: b}}", "{target: {glob: x}, agent_id: a, target: {in: [abc]}}"),
        ("{parameters.n: {gt: 3}}", "{parameters.n: {gt: 5}, target: x}"),
        ("{parameters.n: {not_in: [a]}}", "{parameters.n: {not_in: [a, b]}}"),
        ("{url.class: [public, unparseable]}", "{url.class: public, target: t}"),
    ] {
        if second.matches("target").count() > 1 && second.contains("glob") {
            continue; // one key twice is an error of its own
        }
        assert!(
            warned(&[("DENY", first), ("ALLOW", second)], "`p1` (ALLOW) is never reached"),
            "{first} {second}"
        );
        assert!(warned(&[("DENY", first), ("DENY", second)], "`p1` is redundant"), "{first} {second}");
    }
    for (first, second) in [
        ("{target: a}", "{target: {in: [a, b]}}"),
        ("{target: {pattern: '^python.*\\.py$'}}", "{target: {pattern: '(?i)\\.(exe|py|js)$'}}"),
        ("{target: a, agent_id: x}", "{target: a}"),
        ("{parameters.n: {gt: 5}}", "{parameters.n: {ge: 5}}"),
        ("{parameters.n: {prefix: a}}", "{parameters.n: {pattern: '^ab'}}"),
        ("{or: [{target: a}, {target: b}]}", "{target: c}"),
    ] {
        assert!(!warned(&[("DENY", first), ("ALLOW", second)], "never reached"), "{first} {second}");
    }
}

#[test]
fn an_allow_in_front_of_a_deny_that_may_be_unknown_is_not_said_to_cover_it() {
    let wide = "{url.class: [public, private, loopback]}";
    assert!(!warned(&[("ALLOW", wide), ("DENY", "{url.class: public}")], "never reached"));
    assert!(warned(
        &[("ALLOW", "{target: [a, b]}"), ("DENY", "{target: a}")],
        "`p1` (DENY) is never reached: `p0` (ALLOW)"
    ));
}

#[test]
fn tests_that_exclude_each_other_and_tests_that_are_there_twice() {
    for condition in [
        "{target: {in: [a, b], pattern: '^c'}}",
        "{target: {prefix: a, suffix: b, glob: 'a*'}, and: [{target: c}]}",
        "{parameters.n: {gt: 5, lt: 3}}",
        "{parameters.n: {ge: 5, lt: 5}}",
        "{target: {pattern: '^a'}, and: [{target: {pattern: '^b'}}]}",
        "{parameters.n: {exists: false}, and: [{parameters.n: {exists: true}}]}",
    ] {
        assert!(warned(&[("DENY", condition)], "exclude each other"), "{condition}");
    }
    for condition in [
        "{parameters.n: {ge: 5, le: 5}}",
        "{parameters.n: {pattern: '^a'}, and: [{parameters.n: {pattern: '^b'}}]}",
        "{target: {pattern: '^a'}, and: [{target: {pattern: 'b$'}}]}",
        "{or: [{target: a}, {target: b}]}",
    ] {
        assert!(!warned(&[("DENY", condition)], "exclude each other"), "{condition}");
    }
    assert!(warned(&[("DENY", "{target: a, and: [{target: a}]}")], "twice in the same way"));
}

#[test]
fn a_pattern_where_a_view_is_meant_is_shown_with_a_bypass() {
    let seed = r"{parameters.url: {pattern: '^(https?://)(?!localhost|127\.0\.0\.1|internal\.).*'}}";
    assert!(warned(
        &[("DENY", seed)],
        "does not match `http://localhost@evil.example/`, which leads to `evil.example`"
    ));
    let allow = r"{parameters.url: {pattern: '^https?://(localhost|127.0.0.1)'}}";
    assert!(warned(&[("ALLOW", allow)], "matches `http://localhost@evil.example/`"));
    assert!(warned(
        &[("ALLOW", "{parameters.file: {pattern: '^/workspace/'}}")],
        "matches `/workspace/../etc/passwd`"
    ));
    assert!(!warned(&[("DENY", "{url.class: public}")], "a pattern on"));
    assert!(!warned(&[("DENY", "{parameters.note: {pattern: '(?i)password'}}")], "a pattern on"));
}

#[test]
fn what_is_missing_or_misspelt_is_named() {
    let bare = "policies: [{id: r, applies_to: '*', condition: {target: x}, decision: DENY, reason: r}]";
    assert!(
        warnings(bare)
            .iter()
            .any(|message| message.contains("has no `owner`, `severity`, `mitre_technique`"))
    );
    let tools =
        format!("tools: {{fetch: {{url: url}}}}\n{}", set(&[("DENY", "{target: fetch, parameters.uri: x}")]));
    assert!(
        warnings(&tools)
            .iter()
            .any(|message| message.contains("`parameters.uri`, which its tools do not have"))
    );
    assert!(warned(
        &[("DENY", "{labels: {has: untrusted}}")],
        "the label `untrusted`, which nothing here puts"
    ));
    let budget = "{parameters.x: {pattern: '(?<=a)b(?!c)'}}";
    assert!(warned(&[("DENY", budget)], "look-around cannot be rewritten"));
}

prop_compose! {
    fn any_condition()(
        target in proptest::option::of(proptest::sample::select(&[
            "a", "{in: [a, ab]}", "{prefix: a}", "{suffix: b}", "{pattern: '^a'}", "{pattern: b}", "{contains: ab}", "{glob: 'a*'}",
        ][..])),
        value in proptest::option::of(proptest::sample::select(&[
            "{gt: 2}", "{ge: 3}", "{lt: 5}", "'3'", "{in: ['3', '4']}", "{not_in: ['3']}", "{pattern: '3'}", "{exists: true}",
        ][..])),
    ) -> String {
        let target = target.map(|test| format!("target: {test}"));
        let value = value.map(|test| format!("parameters.n: {test}"));
        format!("{{{}}}", target.into_iter().chain(value).collect::<Vec<_>>().join(", "))
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_said_never_to_be_reached_never_is(
        conditions in proptest::collection::vec((proptest::sample::select(&["ALLOW", "DENY"][..]), any_condition()), 2..6),
        requests in proptest::collection::vec(("(a|b|ab|ba|c)", proptest::sample::select(vec![
            json!("3"), json!(3), json!(4), json!("x"), json!(null), json!(["3", "4"]), json!([]), json!({"3": 1}), json!(true),
        ]), any::<bool>()), 1..20),
    ) {
        let policies: Vec<(&str, &str)> = conditions.iter().map(|(effect, c)| (*effect, c.as_str())).collect();
        let text = set(&policies);
        let found = warnings(&text);
        let never: Vec<String> = (0..policies.len()).map(|at| format!("p{at}")).filter(|id| {
            found.iter().any(|message| {
                (message.contains("never reached") || message.contains("is redundant") || message.contains("never matches"))
                    && message.starts_with(&format!("the policy `{id}`"))
            })
        }).collect();
        let Ok(loaded) = policy::load(&[Source::new("p.yaml", text.as_str())]) else { return Ok(()) };
        for (target, value, there) in requests {
            let parameters = if there { json!({"n": value}) } else { json!({}) };
            let action = json!({"agent_id": "a", "action_type": "tool_call", "target": target, "parameters": parameters});
            let defaults = Defaults { action_id: "a".into(), timestamp: jiff::Timestamp::UNIX_EPOCH };
            let Ok(request) = ActionRequest::from_value(action, defaults) else { continue };
            let first = loaded.policies.first_match(&Facts::new(&request, &NoMemo), &State::default());
            if let Some(first) = first {
                prop_assert!(!never.contains(&first.rule.id.to_string()), "{} on {:?}\n{}", first.rule.id, request, text);
            }
        }
    }
}
