//! Settings of information flow: what follows when a value that decides something comes from a result that nobody
//! vouches for, and what tools and their arguments are.

use std::collections::BTreeMap;

use super::glob;
use crate::decision::Effect;
use crate::document::{Node, Reader, Yaml, listed};
use crate::flow::Role;
use crate::glob::Glob;
use crate::suggest::did_you_mean;

/// What may follow from what was read.
#[derive(Debug, Clone)]
pub struct InformationFlow {
    /// When a value that decides where something goes, or what changes, comes from a result that nobody vouches for.
    pub untrusted_destination: Effect,
    /// When a result asks for the action and the goal does not.
    pub instructed_action: Effect,
    /// When sensitive data that was read goes to somebody whom the goal does not name.
    pub flow_to_sink: Effect,
    /// From which score on a text counts as injected.
    pub injected_from: u8,
    /// How much must speak for it that an ordinary request in a result is what is acted on.
    pub asked_from: u8,
    /// Tools whose results are believed.
    pub trusted_tools: Vec<Glob>,
    /// What the arguments of tools decide, where the names do not say so.
    pub roles: BTreeMap<String, BTreeMap<String, Role>>,
}

impl Default for InformationFlow {
    fn default() -> Self {
        Self {
            untrusted_destination: Effect::Deny,
            instructed_action: Effect::Deny,
            flow_to_sink: Effect::Deny,
            injected_from: 3,
            asked_from: 3,
            trusted_tools: Vec::new(),
            roles: BTreeMap::new(),
        }
    }
}

impl InformationFlow {
    /// Whether the results of that tool are believed.
    pub fn trusts(&self, tool: &str) -> bool {
        self.trusted_tools.iter().any(|glob| glob.matches(tool))
    }

    /// What an operator says of an argument.
    pub fn role_of(&self, tool: &str, parameter: &str) -> Option<Role> {
        self.roles.get(tool)?.get(parameter).copied()
    }
}

const FIELDS: [&str; 7] = [
    "untrusted_destination",
    "instructed_action",
    "flow_to_sink",
    "injected_from",
    "asked_from",
    "trusted_tools",
    "roles",
];

pub(super) fn read(reader: &mut Reader<'_>, node: &Node, settings: &mut InformationFlow) {
    let Some(fields) = reader.map(node, "information_flow", &FIELDS) else { return };
    for (name, place) in [
        ("untrusted_destination", &mut settings.untrusted_destination),
        ("instructed_action", &mut settings.instructed_action),
        ("flow_to_sink", &mut settings.flow_to_sink),
    ] {
        if let Some(effect) = fields.field(name).and_then(|node| effect(reader, node, name)) {
            *place = effect;
        }
    }
    for (name, place) in
        [("injected_from", &mut settings.injected_from), ("asked_from", &mut settings.asked_from)]
    {
        if let Some(score) = fields.field(name).and_then(|node| score(reader, node, name)) {
            *place = score;
        }
    }
    if let Some(node) = fields.field("trusted_tools") {
        let texts = reader.texts(node, "trusted_tools");
        settings.trusted_tools =
            texts.iter().filter_map(|(text, span)| glob(reader, text, span, Glob::new)).collect();
    }
    if let Some(node) = fields.field("roles") {
        settings.roles = roles(reader, node);
    }
}

fn effect(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<Effect> {
    let text = reader.text(node, name)?;
    let effect = Effect::from_name(&text);
    if effect.is_none() {
        let help = "one of `ALLOW`, `DENY`, `REQUIRE_APPROVAL`".to_owned();
        reader.error(&node.span, format!("unknown effect `{text}`"), "no effect", Some(help));
    }
    effect
}

fn score(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<u8> {
    let score = match node.value {
        Yaml::Int(score) => u8::try_from(score).ok().filter(|score| (1..=100).contains(score)),
        _ => None,
    };
    if score.is_none() {
        let help = "a whole number from 1 (strict) to 100 (never)".to_owned();
        reader.error(&node.span, format!("`{name}` is no score"), "here", Some(help));
    }
    score
}

fn roles(reader: &mut Reader<'_>, node: &Node) -> BTreeMap<String, BTreeMap<String, Role>> {
    let mut roles: BTreeMap<String, BTreeMap<String, Role>> = BTreeMap::new();
    let Some(tools) = reader.open_map(node, "roles") else { return roles };
    for (tool, node) in tools.iter() {
        let Some(parameters) = reader.open_map(node, &tool.text) else { continue };
        for (parameter, node) in parameters.iter() {
            let Some(text) = reader.text(node, &parameter.text) else { continue };
            let Some(role) = Role::from_name(&text) else {
                let names = Role::NAMES.map(|(name, _)| name);
                let help = format!("one of {}{}", listed(&names), did_you_mean(&text, names));
                reader.error(&node.span, format!("unknown role `{text}`"), "unknown", Some(help));
                continue;
            };
            roles.entry(tool.text.clone()).or_default().insert(parameter.text.clone(), role);
        }
    }
    roles
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;
    use crate::diagnostic::Source;

    #[test]
    fn roles_effects_and_scores_are_read_and_mistakes_are_told() {
        let text = "information_flow:
  untrusted_destination: REQUIRE_APPROVAL
  injected_from: 5
  trusted_tools: ['crm.*']
  roles: {post_note: {board: destination}}
";
        let flow = parse(&Source::new("maais.yaml", text)).unwrap().settings.flow;
        assert_eq!((flow.untrusted_destination, flow.injected_from), (Effect::RequireApproval, 5));
        assert!(flow.trusts("crm.find") && !flow.trusts("mail.read"));
        assert_eq!(flow.role_of("post_note", "board"), Some(Role::Destination));
        let wrong = "information_flow: {flow_to_sink: NO, asked_from: 0, roles: {x: {y: destnation}}}";
        let problems = parse(&Source::new("maais.yaml", wrong)).unwrap_err();
        assert_eq!(problems.0.len(), 3, "{problems}");
    }
}
