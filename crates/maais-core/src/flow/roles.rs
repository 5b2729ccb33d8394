//! What an argument decides: where something goes, what it says, how much, or which thing is meant; and whether an
//! action looks, fetches or changes.
//!
//! Inferred from names and shapes; what an operator declares goes before. No names of tools are known here.

use super::verbs::{self, Verbs};
use super::words::name_words;
use crate::facts::{Facts, Leaf, SqlFact};
use crate::request::ActionType;
use crate::view::sql::SqlOutcome;

/// What an argument decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Where something goes, or who gets it.
    Destination,
    /// Which thing is acted on.
    Identity,
    /// How much.
    Amount,
    /// What is said or written.
    Content,
    /// How; when; in which order.
    Neutral,
}

impl Role {
    /// The names in settings.
    pub const NAMES: [(&'static str, Self); 5] = [
        ("destination", Self::Destination),
        ("identity", Self::Identity),
        ("amount", Self::Amount),
        ("content", Self::Content),
        ("neutral", Self::Neutral),
    ];

    /// The name in settings and messages.
    pub fn as_str(self) -> &'static str {
        Self::NAMES.into_iter().find(|(_, role)| *role == self).map_or("neutral", |(name, _)| name)
    }

    /// The role of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::NAMES.into_iter().find(|(known, _)| *known == name).map(|(_, role)| role)
    }
}

const DESTINATIONS: [&str; 50] = [
    "to",
    "cc",
    "bcc",
    "recipient",
    "recipients",
    "receiver",
    "receivers",
    "receipient",
    "email",
    "emails",
    "mail",
    "address",
    "addresses",
    "url",
    "urls",
    "uri",
    "link",
    "href",
    "host",
    "hostname",
    "endpoint",
    "webhook",
    "domain",
    "server",
    "channel",
    "channels",
    "participant",
    "participants",
    "attendee",
    "attendees",
    "invitee",
    "invitees",
    "guest",
    "guests",
    "phone",
    "telephone",
    "iban",
    "account",
    "payee",
    "beneficiary",
    "destination",
    "dest",
    "wallet",
    "contact",
    "contacts",
    "callback",
    "street",
    "city",
    "site",
    "website",
];
const IDENTITIES: [&str; 46] = [
    "id",
    "ids",
    "name",
    "names",
    "file",
    "filename",
    "files",
    "document",
    "path",
    "paths",
    "folder",
    "directory",
    "user",
    "users",
    "username",
    "member",
    "members",
    "key",
    "reference",
    "number",
    "hotel",
    "restaurant",
    "company",
    "product",
    "item",
    "items",
    "event",
    "order",
    "reservation",
    "task",
    "ticket",
    "repo",
    "repository",
    "branch",
    "target",
    "device",
    "table",
    "database",
    "command",
    "script",
    "code",
    "query",
    "location",
    "place",
    "attachments",
    "attachment",
];
const AMOUNTS: [&str; 12] = [
    "amount", "price", "quantity", "sum", "total", "value", "cost", "balance", "budget", "fee", "tip",
    "salary",
];
const CONTENTS: [&str; 22] = [
    "body",
    "content",
    "contents",
    "message",
    "text",
    "subject",
    "title",
    "description",
    "data",
    "password",
    "note",
    "comment",
    "caption",
    "payload",
    "html",
    "tweet",
    "post",
    "summary",
    "details",
    "reason",
    "secret",
    "pin",
];
const NEUTRALS: [&str; 44] = [
    "date",
    "time",
    "day",
    "start",
    "end",
    "limit",
    "page",
    "offset",
    "sort",
    "order_by",
    "format",
    "language",
    "lang",
    "timezone",
    "timestamp",
    "year",
    "month",
    "hour",
    "minute",
    "minutes",
    "duration",
    "recurring",
    "permission",
    "type",
    "status",
    "unit",
    "mode",
    "size",
    "max",
    "min",
    "count",
    "interval",
    "priority",
    "from",
    "since",
    "until",
    "method",
    "operation",
    "action",
    "enabled",
    "recurrence",
    "severity",
    "at",
    "color",
];

/// What the argument in which a text stands decides.
pub fn role(name: &str, text: &str) -> Role {
    let words = name_words(name);
    // The last word says what it is: `recipient_name` is a name, `email_id` an id.
    let named = words.iter().rev().find_map(|word| of_word(word));
    match (shape(text), named) {
        (Some(shaped), None | Some(Role::Identity | Role::Neutral)) => shaped,
        (_, Some(named)) => named,
        (None, None) => Role::Identity,
    }
}

fn of_word(word: &str) -> Option<Role> {
    let is = |list: &[&str]| list.contains(&word);
    if is(&DESTINATIONS) {
        Some(Role::Destination)
    } else if is(&IDENTITIES) {
        Some(Role::Identity)
    } else if is(&AMOUNTS) {
        Some(Role::Amount)
    } else if is(&CONTENTS) {
        Some(Role::Content)
    } else if is(&NEUTRALS) {
        Some(Role::Neutral)
    } else {
        None
    }
}

/// What a text is that is nothing but one address.
fn shape(text: &str) -> Option<Role> {
    let text = text.trim();
    if text.len() > 2048 || text.contains(char::is_whitespace) {
        return None;
    }
    is_address(text).then_some(Role::Destination)
}

/// An e-mail address, a URL, a host with `www`, or an account number with a country.
pub fn is_address(text: &str) -> bool {
    let mail = text.split_once('@').is_some_and(|(local, domain)| !local.is_empty() && domain.contains('.'));
    let web = text.contains("://") || text.to_ascii_lowercase().starts_with("www.");
    mail || web || is_account(text)
}

fn is_account(text: &str) -> bool {
    let bytes = text.as_bytes();
    let country = bytes.get(..2).is_some_and(|two| two.iter().all(u8::is_ascii_uppercase));
    let digits = bytes.get(2..).unwrap_or_default();
    country
        && digits.len() >= 10
        && digits.iter().filter(|byte| byte.is_ascii_digit()).count() * 10 >= digits.len() * 7
}

/// What an action does to the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// It only looks.
    Looks,
    /// It looks at a place that it names in the network.
    Fetches,
    /// It sends or changes something, or nobody knows.
    Changes,
}

/// What an action does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deed {
    /// How far it reaches.
    pub reach: Reach,
    /// What its verbs say.
    pub verbs: Verbs,
    /// The other words of its name.
    pub(super) nouns: Vec<String>,
}

/// Parameters whose value is a verb.
const OPERATIONS: [&str; 8] = ["operation", "action", "op", "mode", "method", "command", "verb", "activity"];

/// What an action does, by its kind, its name, and parameters that hold a verb.
pub fn deed(facts: &Facts<'_>) -> Deed {
    let request = facts.request();
    let name = name_words(request.target().as_str());
    let mut verbs = Verbs::NONE;
    for leaf in facts.leaves().iter().filter(|leaf| operates(leaf)) {
        verbs = verbs.with(verbs::verbs(&leaf.text.trim().to_ascii_lowercase()));
    }
    let is_verb = |word: &String| !verbs::verbs(word).is_empty();
    let sure = name.iter().position(|word| is_verb(word) && !verbs::is_ambiguous(word));
    let first = sure.or_else(|| name.iter().position(is_verb));
    let does = |at: usize, word: &str| Some(at) == first || !verbs::is_ambiguous(word);
    let named = name.iter().enumerate().fold(Verbs::NONE, |all, (at, word)| {
        let verb = if does(at, word) { verbs::verbs(word) } else { Verbs::NONE };
        all.with(verb).with(verbs::deed(word))
    });
    // `search_emails` looks, whatever else is in its name.
    let looks = verbs.is_empty()
        && first.and_then(|at| name.get(at)).is_some_and(|first| !verbs::verbs(first).has_effect());
    verbs = verbs.with(if looks { Verbs::READ } else { named });
    let reach = match request.action_type() {
        ActionType::FileWrite | ActionType::MemoryWrite => Reach::Changes,
        ActionType::FileRead | ActionType::MemoryRead => Reach::Looks,
        ActionType::DatabaseQuery if only_selects(facts) => Reach::Looks,
        // A page, rather than an account or a door.
        _ if first.and_then(|at| name.get(at)).is_some_and(|verb| verb == "open")
            && !facts.urls().is_empty() =>
        {
            Reach::Fetches
        }
        _ if verbs.has_effect() || verbs.is_empty() => Reach::Changes,
        _ if facts.urls().is_empty() => Reach::Looks,
        _ => Reach::Fetches,
    };
    let nouns = name
        .iter()
        .enumerate()
        .filter(|(at, word)| word.len() > 2 && (verbs::verbs(word).is_empty() || !does(*at, word)));
    let nouns = nouns.map(|(_, word)| word.clone()).collect();
    Deed { reach, verbs, nouns }
}

fn only_selects(facts: &Facts<'_>) -> bool {
    let selects = |fact: &SqlFact| match &fact.outcome {
        SqlOutcome::Parsed(view) => view.statements.iter().all(|statement| statement.kind == "select"),
        SqlOutcome::Unparseable(_) => false,
    };
    !facts.sqls().is_empty() && facts.sqls().iter().all(selects)
}

fn operates(leaf: &Leaf<'_>) -> bool {
    leaf.text.len() <= 32 && OPERATIONS.contains(&leaf.name.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::facts::NoMemo;
    use crate::request::{ActionRequest, Defaults};

    #[test]
    fn names_and_shapes_say_what_an_argument_decides() {
        for (name, text, expected) in [
            ("recipients", "x@y.example", Role::Destination),
            ("email_id", "34", Role::Identity),
            ("toEmail", "Bob", Role::Destination),
            ("foo", "x@y.example", Role::Destination),
            ("body", "x@y.example", Role::Content),
            ("start_time", "10:00", Role::Neutral),
            ("amount", "50", Role::Amount),
            ("x", "y", Role::Identity),
        ] {
            assert_eq!(role(name, text), expected, "{name}");
        }
    }

    fn reach(target: &str, parameters: Value) -> Reach {
        let defaults = Defaults { action_id: "a".into(), timestamp: jiff::Timestamp::UNIX_EPOCH };
        let request =
            json!({"agent_id": "a", "action_type": "tool_call", "target": target, "parameters": parameters});
        let request = ActionRequest::from_value(request, defaults).unwrap();
        deed(&Facts::new(&request, &NoMemo)).reach
    }

    #[test]
    fn verbs_say_what_an_action_does() {
        for (target, parameters, expected) in [
            ("search_emails", json!({}), Reach::Looks),
            ("GmailReadEmail", json!({}), Reach::Looks),
            ("get_webpage", json!({"url": "https://a.example"}), Reach::Fetches),
            ("mail.send", json!({}), Reach::Changes),
            ("documents", json!({"action": "delete"}), Reach::Changes),
            ("documents", json!({"action": "read"}), Reach::Looks),
            ("frobnicate", json!({}), Reach::Changes),
        ] {
            assert_eq!(reach(target, parameters), expected, "{target}");
        }
    }
}
