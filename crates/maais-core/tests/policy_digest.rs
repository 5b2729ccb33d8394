//! The digest of a set stands in every record of the log. It names the meaning: the same for the same meaning in any
//! spelling, and the same in every later version of the program, or old records could not be replayed.

#![expect(clippy::panic, reason = "a test stops at what it did not expect")]

use maais_core::diagnostic::Source;
use maais_core::policy;

fn digest(files: &[(&str, &str)]) -> String {
    let sources: Vec<Source> = files.iter().map(|(name, text)| Source::new(*name, *text)).collect();
    let loaded = policy::load(&sources).unwrap_or_else(|problems| panic!("{problems}"));
    loaded.policies.digest().to_owned()
}

const RULES: &str = r"
version: 1
default_decision: DENY
lists: {corp: ['*.example.com', intranet]}
define: {outside: {url.class: [public, unparseable]}}
tools: {pay: {amount: money, to: email}}
labels:
  - {when: {target: {in: [read_inbox, fetch_page]}}, add: untrusted}
policies:
  - id: one
    applies_to: [tool_call, network_request]
    condition:
      use: outside
      not: {url.host: {glob: $corp}}
      or:
        - parameters.amount: {gt: 10, le: 100 EUR}
        - parameters.to: {all_of: {suffix: '@example.com'}}
        - path: {glob: '/secrets/**'}
        - command.program: {in: [rm, dd]}
        - sql.kind: {not_in: [select]}
        - parameters.n: {length: {ge: 3}, type: [text, list], exists: true}
        - parameters.ip: {cidr: [10.0.0.0/8]}
        - size: {gt: 64KiB}
    decision: REQUIRE_APPROVAL
    approvers: [security]
    reason: r
    priority: 7
    metadata: {owasp: ASI02, severity: high, owner: o}
  - id: two
    applies_to: '*'
    condition:
      after: {action_type: file_read, path: {glob: '/secrets/**'}, within: 10m}
      count: {target: x, ge: 5, within: 1m}
      labels: {has: [untrusted]}
      time: {hours: '22:00-06:00', weekdays: [mon-fri], zone: Europe/Berlin}
      limit: {max: 1000, within: 24h, cost: parameters.amount}
      rate_limit: {max_per_minute: 5}
      parameters.*: {pattern: '(?i)secret'}
    decision: DENY
    reason: r
  - id: three
    applies_to: tool_call
    condition: {target: {prefix: read_}, sensitive.kinds: {exists: false}}
    decision: ALLOW
    waives: C
    reason: r
    mode: shadow
";

#[test]
fn a_digest_is_for_ever() {
    assert_eq!(
        digest(&[("p.yaml", RULES)]),
        "sha256:ae25902f2e79f3425c85a6f53dab384659c56debd09762b72abdef2d00fbaf23",
        "what stands in old logs no longer names these policies: a new construct must leave the form of others as it is"
    );
}

#[test]
fn the_same_meaning_has_the_same_digest() {
    let one = "policies: [{id: a, applies_to: [tool_call, api_call], condition: {target: {in: [x, y]}, agent_id: b}, decision: DENY, reason: r}]";
    let other = "lists: {names: [y, x]}\npolicies:\n  - reason: r\n    decision: DENY\n    id: a\n    priority: 100\n    applies_to: [api_call, tool_call]\n    condition: {and: [{agent_id: {equals: b}}, {target: {in: $names}}]}\n";
    assert_eq!(digest(&[("p.yaml", one)]), digest(&[("p.yaml", other)]));
    for changed in [
        one.replace("[x, y]", "[x, z]"),
        one.replace("DENY", "REQUIRE_APPROVAL"),
        one.replace("id: a", "id: b"),
    ] {
        assert_ne!(digest(&[("p.yaml", one)]), digest(&[("p.yaml", changed.as_str())]));
    }
}
