//! Information flow: what decides where something goes, or what changes, comes from the user or from somebody whom
//! the user vouches for; what was read is no order; and sensitive data that was read does not leave for a place that
//! the goal does not name.
//!
//! What was read is in [`State::flow`]. Reading is free: only an action that sends, changes, or fetches from a place
//! that an injected instruction named is held up. Without a result that was read before nothing is found here.

use crate::decision::{Dimension, Finding, Severity, Source};
use crate::detect;
use crate::facts::{Facts, is_strong};
use crate::flow::{Asked, Deed, Goal, Marks, Reach, Role, Traced, Verbs, deed, is_address, piece, role};
use crate::settings::{InformationFlow, Settings};
use crate::state::State;

const INTEGRITY: Source = Source::Check(Dimension::Integrity);
/// Characters of a value that a message shows.
const SHOWN_MAX: usize = 80;

/// Everything that the action's values and its session's results speak against.
pub fn check(facts: &Facts<'_>, settings: &Settings, state: &State) -> Vec<Finding> {
    if state.flow.is_empty() {
        return Vec::new();
    }
    let deed = deed(facts);
    if deed.reach == Reach::Looks {
        return Vec::new();
    }
    let goal = facts.goal();
    let case = Case { facts, settings: &settings.flow, state, covered: covers(goal, &deed), goal, deed };
    let value = case.untrusted_value();
    let order = case.instructed().filter(|_| value.is_none());
    value.into_iter().chain(order).chain(case.unknown_destination()).chain(case.sink()).collect()
}

struct Case<'a, 'f> {
    facts: &'a Facts<'f>,
    settings: &'a InformationFlow,
    state: &'a State,
    goal: &'a Goal,
    deed: Deed,
    /// The goal wants something done that the action does.
    covered: bool,
}

/// Whether the goal wants done what the action does.
fn covers(goal: &Goal, deed: &Deed) -> bool {
    if deed.verbs.has_effect() { goal.verbs().share_effect(deed.verbs) } else { goal.mentions(deed) }
}

impl Case<'_, '_> {
    /// A value that decides something and that nobody vouches for.
    fn untrusted_value(&self) -> Option<Finding> {
        let traced = &self.state.flow.traced;
        let (traced, role) = traced.iter().find_map(|traced| {
            let role = self.role(traced)?;
            self.is_untrusted(traced, role).then_some((traced, role))
        })?;
        let shown = self.shown(traced);
        let tool = traced.source.as_deref().unwrap_or("an earlier tool");
        let what = match role {
            Role::Destination => "destination",
            Role::Amount => "amount",
            Role::Content => "content",
            Role::Identity | Role::Neutral => "value",
        };
        let how = if traced.marks.has(Marks::INJECTED) {
            ", from what looks like an injected instruction"
        } else {
            ""
        };
        let message = format!("{what} `{shown}` came from the result of `{tool}`{how}, not from you");
        let effect = self.settings.untrusted_destination;
        let finding = Finding::new("I.untrusted_destination", INTEGRITY, effect, Severity::High, message);
        Some(finding.with_hint(format!("state `{shown}` in the goal")).with_ids([
            "AML.T0051.001",
            "ASI01",
            "LLM01",
        ]))
    }

    fn role(&self, traced: &Traced) -> Option<Role> {
        let leaf = self.facts.leaves().get(usize::from(traced.leaf))?;
        let declared = self.settings.role_of(self.facts.request().target().as_str(), leaf.name);
        Some(declared.unwrap_or_else(|| role(leaf.name, &leaf.text)))
    }

    fn is_untrusted(&self, traced: &Traced, role: Role) -> bool {
        let marks = traced.marks;
        if marks.has(Marks::TRUSTED) || role == Role::Neutral {
            return false;
        }
        let vouched = marks.has(Marks::VALUE);
        let wanted = self.covered || self.goal.delegates();
        if marks.has(Marks::INJECTED) {
            // It stands elsewhere, too, and the goal wants this: only an order for just this counts.
            let clean = marks.has(Marks::NAMED)
                && marks.has(Marks::FREE.with(Marks::ASK))
                && !self.is_address(traced);
            let elsewhere = (vouched || clean) && wanted;
            return !elsewhere || (role != Role::Content && self.is_ordered());
        }
        if self.deed.reach == Reach::Fetches || vouched {
            return false;
        }
        let pointed = marks.has(Marks::NAMED) && wanted;
        match role {
            Role::Destination => !pointed,
            Role::Identity | Role::Amount => marks.has(Marks::ASK) && !pointed,
            // An address within a text, not the text.
            Role::Content => false,
            Role::Neutral => false,
        }
    }

    /// Whether what looks injected asks for this action and names values of it, of which the goal states none.
    fn is_ordered(&self) -> bool {
        let asked = self.state.flow.asked.iter().find(|asked| asked.injected);
        asked.is_some_and(|asked| asked.verb && asked.values > 0) && !self.goal.states_any(self.facts)
    }

    fn is_address(&self, traced: &Traced) -> bool {
        let leaf = self.facts.leaves().get(usize::from(traced.leaf));
        leaf.and_then(|leaf| piece(&leaf.text, traced.piece)).is_none_or(|text| is_address(text.trim()))
    }

    /// A result asks for the action, and the goal does not.
    fn instructed(&self) -> Option<Finding> {
        if self.deed.reach != Reach::Changes {
            return None;
        }
        let asked = self.state.flow.asked.iter().find(|asked| self.counts(asked));
        let tool = asked.and_then(|asked| asked.source.as_deref());
        let target = self.facts.request().target();
        let message = match asked {
            Some(_) => {
                let tool = tool.unwrap_or("an earlier tool");
                format!("`{target}` is what the result of `{tool}` asks for, and not you")
            }
            None if self.state.flow.score >= self.settings.injected_from
                && !self.covered
                && !self.goal.delegates()
                && (self.deed.verbs.has_effect() || !self.goal.is_empty()) =>
            {
                format!(
                    "nothing in your goal asks for `{target}`, and an earlier result holds what looks like an injected instruction"
                )
            }
            None => return None,
        };
        let effect = self.settings.instructed_action;
        let finding = Finding::new("I.instructed_action", INTEGRITY, effect, Severity::High, message);
        Some(finding.with_hint("say in the goal what is to be done").with_ids([
            "AML.T0051.001",
            "ASI01",
            "LLM01",
        ]))
    }

    fn counts(&self, asked: &Asked) -> bool {
        if asked.injected {
            let enough = asked.weight() >= self.settings.asked_from.saturating_sub(1);
            return enough && ((!self.covered && !self.goal.delegates()) || self.is_ordered());
        }
        let pointed = asked.named && self.goal.delegates();
        asked.weight() >= self.settings.asked_from && !self.covered && !pointed
    }

    /// Not everything that was read is known, and nobody can say where the destination comes from.
    fn unknown_destination(&self) -> Option<Finding> {
        if !self.state.flow.incomplete || self.deed.reach == Reach::Looks {
            return None;
        }
        let leaf = self.facts.leaves().iter().find(|leaf| {
            role(leaf.name, &leaf.text) == Role::Destination && !self.goal.states_text(&leaf.text)
        })?;
        let known = self.state.flow.traced.iter().any(|traced| {
            traced.marks.has(Marks::VALUE.with(Marks::TRUSTED))
                && self
                    .facts
                    .leaves()
                    .get(usize::from(traced.leaf))
                    .is_some_and(|other| std::ptr::eq(other, leaf))
        });
        if known {
            return None;
        }
        let shown = shown(&leaf.text);
        let message =
            format!("more was read than is remembered, so nobody can say where `{shown}` comes from");
        let effect = self.settings.untrusted_destination;
        let finding = Finding::new("I.unknown_origin", INTEGRITY, effect, Severity::Medium, message);
        Some(finding.with_hint(format!("state `{shown}` in the goal")).with_ids(["AML.T0051.001", "ASI01"]))
    }

    /// Sensitive data that was read, on its way to somebody whom the goal does not name.
    fn sink(&self) -> Option<Finding> {
        let tool = self.state.flow.sensitive.as_deref()?;
        let goes_out = self.deed.reach == Reach::Fetches
            || self.deed.verbs.has(Verbs::SEND.with(Verbs::GRANT).with(Verbs::PAY))
            || !self.facts.urls().is_empty();
        let leaf = self.facts.leaves().iter().find(|leaf| {
            role(leaf.name, &leaf.text) == Role::Destination && !self.goal.states_text(&leaf.text)
        });
        let leaf = leaf.filter(|_| goes_out)?;
        let shown = shown(&leaf.text);
        let message = format!(
            "sensitive data from the result of `{tool}` would go to `{shown}`, which your goal does not name"
        );
        let source = Source::Check(Dimension::Confidentiality);
        let finding =
            Finding::new("C.flow_to_sink", source, self.settings.flow_to_sink, Severity::High, message);
        Some(finding.with_hint("send it without the sensitive values").with_ids([
            "AML.T0086",
            "ASI01",
            "LLM02",
        ]))
    }

    fn shown(&self, traced: &Traced) -> String {
        let leaf = self.facts.leaves().get(usize::from(traced.leaf));
        let text = leaf.and_then(|leaf| piece(&leaf.text, traced.piece)).unwrap_or_default();
        shown(&text)
    }
}

/// A value as a message shows it: cut, and without what is sensitive on its own.
fn shown(text: &str) -> String {
    let cut: String = text.chars().take(SHOWN_MAX).collect();
    if detect::scan(text).iter().any(|hit| is_strong(hit.kind)) { detect::mask(&cut) } else { cut }
}
