//! What an action is about, in canonical form: its URLs, paths, commands, SQL and sensitive data.
//!
//! Each view is computed at most once, and only if a rule or check asks. Nothing is decided here.

mod roles;

use std::borrow::Cow;
use std::cell::OnceCell;
use std::sync::Arc;

use serde_json::Value;

use crate::detect::{self, Hit, Kind};
use crate::flow::Goal;
use crate::policy::tools::{ParameterType, ToolTypes};
use crate::request::{ActionRequest, ActionType};
use crate::view::command::CommandOutcome;
use crate::view::path::{self, PathOutcome};
use crate::view::sql::SqlOutcome;
use crate::view::url::{self, UrlOutcome};

/// URLs that are looked at in one action; with more, the rest counts as unparseable.
const URLS_MAX: usize = 64;
/// Paths that are looked at in one action; with more, the rest counts as unparseable.
const PATHS_MAX: usize = 64;
/// Sensitive places that are kept for one action; as many again that hold only weak kinds, so that a crowd of
/// addresses hides nothing.
const SENSITIVE_MAX: usize = 256;

/// Remembers what is pure and costly between actions. It may forget anything at any time.
pub trait Memo {
    /// [`detect::scan_named`], perhaps remembered.
    fn sensitive(&self, name: &str, text: &str) -> Arc<[Hit]>;
}

/// Remembers nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoMemo;

impl Memo for NoMemo {
    fn sensitive(&self, name: &str, text: &str) -> Arc<[Hit]> {
        detect::scan_named(name, text).into()
    }
}

/// A text in an action and where it stands.
#[derive(Debug, Clone)]
pub struct Leaf<'a> {
    /// The nearest name: a parameter's, or that of the object within it.
    pub name: &'a str,
    /// The text; numbers are written out.
    pub text: Cow<'a, str>,
    place: u32,
    /// The place of the list that it is an item of.
    list: Option<u32>,
}

/// A URL in an action.
#[derive(Debug, Clone, PartialEq)]
pub struct UrlFact {
    /// Where it stands, as an RFC 6901 pointer into the request.
    pub place: String,
    /// As it was given.
    pub given: String,
    /// What it means.
    pub outcome: UrlOutcome,
}

/// A path in an action.
#[derive(Debug, Clone, PartialEq)]
pub struct PathFact {
    /// Where it stands, as an RFC 6901 pointer into the request.
    pub place: String,
    /// As it was given.
    pub given: String,
    /// What it means.
    pub outcome: PathOutcome,
}

/// A command line in an action.
#[derive(Debug, Clone, PartialEq)]
pub struct CommandFact {
    /// Where it stands, as an RFC 6901 pointer into the request.
    pub place: String,
    /// As it was given; a list of words joined by spaces.
    pub given: String,
    /// What it means.
    pub outcome: CommandOutcome,
}

/// SQL in an action.
#[derive(Debug, Clone, PartialEq)]
pub struct SqlFact {
    /// Where it stands, as an RFC 6901 pointer into the request.
    pub place: String,
    /// As it was given.
    pub given: String,
    /// What it means.
    pub outcome: SqlOutcome,
}

/// Sensitive data in an action.
#[derive(Debug, Clone, PartialEq)]
pub struct SensitiveFact {
    /// Where it stands, as an RFC 6901 pointer into the request.
    pub place: String,
    /// What was found there.
    pub hits: Arc<[Hit]>,
}

impl SensitiveFact {
    /// Whether something there is sensitive on its own; an e-mail address or a phone number is not.
    pub fn is_strong(&self) -> bool {
        self.hits.iter().any(|hit| is_strong(hit.kind))
    }
}

/// Whether that kind is sensitive on its own.
pub fn is_strong(kind: Kind) -> bool {
    !matches!(kind, Kind::Email | Kind::Phone | Kind::Uuid)
}

/// The facts of one action.
pub struct Facts<'a> {
    request: &'a ActionRequest,
    memo: &'a dyn Memo,
    types: Option<&'a ToolTypes>,
    leaves: OnceCell<Leaves<'a>>,
    urls: OnceCell<Vec<UrlFact>>,
    paths: OnceCell<Vec<PathFact>>,
    commands: OnceCell<Vec<CommandFact>>,
    sqls: OnceCell<Vec<SqlFact>>,
    sensitive: OnceCell<Vec<SensitiveFact>>,
    goal: OnceCell<Goal>,
}

#[derive(Default)]
struct Leaves<'a> {
    list: Vec<Leaf<'a>>,
    /// Name and parent of every value; the root is `/parameters`.
    places: Vec<(Cow<'a, str>, Option<u32>)>,
}

impl<'a> Facts<'a> {
    /// The facts of that action.
    pub fn new(request: &'a ActionRequest, memo: &'a dyn Memo) -> Self {
        Self {
            request,
            memo,
            types: None,
            leaves: OnceCell::new(),
            urls: OnceCell::new(),
            paths: OnceCell::new(),
            commands: OnceCell::new(),
            sqls: OnceCell::new(),
            sensitive: OnceCell::new(),
            goal: OnceCell::new(),
        }
    }

    /// The same, with what is declared of the parameters of tools.
    #[must_use]
    pub fn typed(self, types: &'a ToolTypes) -> Self {
        Self { types: (!types.is_empty()).then_some(types), ..self }
    }

    /// What the parameter in which a text stands is declared to be.
    pub(crate) fn declared(&self, leaf: &Leaf<'_>) -> Option<ParameterType> {
        let types = self.types?;
        types.of(self.request, self.all_leaves().top(leaf.place)?)
    }

    /// What a parameter is declared to be.
    pub(crate) fn declared_at(&self, parameter: &str) -> Option<ParameterType> {
        self.types?.of(self.request, parameter)
    }

    /// What the user asked for.
    pub fn goal(&self) -> &Goal {
        self.goal.get_or_init(|| Goal::of(self.request.declared_goal()))
    }

    /// The action.
    pub fn request(&self) -> &'a ActionRequest {
        self.request
    }

    /// Every text and number in the parameters.
    pub fn leaves(&self) -> &[Leaf<'a>] {
        &self.all_leaves().list
    }

    /// Where a text stands, as an RFC 6901 pointer into the request.
    pub fn place(&self, leaf: &Leaf<'_>) -> String {
        self.all_leaves().pointer(leaf.place)
    }

    /// The URLs: the target if it is one, parameters that are named like one, texts that are one.
    pub fn urls(&self) -> &[UrlFact] {
        self.urls.get_or_init(|| self.find_urls())
    }

    /// The paths: the target of a file action, parameters that are named like one, texts that are one.
    pub fn paths(&self) -> &[PathFact] {
        self.paths.get_or_init(|| self.find_paths())
    }

    /// The command lines: parameters that are named like one, and what a shell's tool is given.
    pub fn commands(&self) -> &[CommandFact] {
        self.commands.get_or_init(|| roles::commands(self))
    }

    /// The SQL: parameters that are named like it where a database is asked, texts that are it.
    pub fn sqls(&self) -> &[SqlFact] {
        self.sqls.get_or_init(|| roles::sqls(self))
    }

    /// Sensitive data in target, goal, names and values.
    pub fn sensitive(&self) -> &[SensitiveFact] {
        self.sensitive.get_or_init(|| self.find_sensitive())
    }

    /// The object that a text, or the list it is an item of, belongs to.
    fn holder(&self, leaf: &Leaf<'_>) -> Option<u32> {
        let place = usize::try_from(leaf.list.unwrap_or(leaf.place)).ok()?;
        self.all_leaves().places.get(place)?.1
    }

    fn all_leaves(&self) -> &Leaves<'a> {
        self.leaves.get_or_init(|| {
            let mut leaves = Leaves::default();
            leaves.places.push((Cow::Borrowed("parameters"), None));
            for (name, value) in self.request.parameters() {
                leaves.collect(name, value, Cow::Borrowed(name), (0, None));
            }
            leaves
        })
    }

    fn find_urls(&self) -> Vec<UrlFact> {
        let target = self.request.target().as_str();
        let mut found = Vec::new();
        if let Some(outcome) = url::find(target) {
            found.push(UrlFact { place: "/target".into(), given: target.into(), outcome });
        }
        for leaf in self.leaves() {
            let declared = self.declared(leaf) == Some(ParameterType::Url);
            let outcome = match declared || names_a_url(leaf.name) {
                true if !leaf.text.trim().is_empty() => Some(url::view(&leaf.text)),
                _ => url::find(&leaf.text),
            };
            let Some(outcome) = outcome else { continue };
            if found.len() >= URLS_MAX {
                found.push(UrlFact {
                    place: self.place(leaf),
                    given: String::new(),
                    outcome: UrlOutcome::Unparseable("more URLs than are looked at"),
                });
                break;
            }
            found.push(UrlFact { place: self.place(leaf), given: leaf.text.to_string(), outcome });
        }
        found
    }

    fn find_paths(&self) -> Vec<PathFact> {
        let target = self.request.target().as_str();
        let file_action = matches!(self.request.action_type(), ActionType::FileRead | ActionType::FileWrite);
        let mut found = Vec::new();
        if path::looks_like_path(target) || (file_action && target.contains(['.', '/', '~', '\\'])) {
            found.push(PathFact {
                place: "/target".into(),
                given: target.into(),
                outcome: path::normalise(target),
            });
        }
        for leaf in self.leaves() {
            let named =
                names_a_path(leaf.name) && !leaf.text.trim().is_empty() && !url::looks_like_url(&leaf.text);
            let declared = self.declared(leaf) == Some(ParameterType::Path) && !leaf.text.is_empty();
            if !named && !declared && !path::looks_like_path(&leaf.text) {
                continue;
            }
            if found.len() >= PATHS_MAX {
                let outcome = PathOutcome::Unparseable("more paths than are looked at");
                found.push(PathFact { place: self.place(leaf), given: String::new(), outcome });
                break;
            }
            let outcome = path::normalise(&leaf.text);
            found.push(PathFact { place: self.place(leaf), given: leaf.text.to_string(), outcome });
        }
        found
    }

    fn find_sensitive(&self) -> Vec<SensitiveFact> {
        let mut found = Vec::new();
        let (mut strong, mut weak) = (0, 0);
        let mut note = |place: &dyn Fn() -> String, name: &str, text: &str| {
            let hits = self.memo.sensitive(name, text);
            if hits.is_empty() {
                return;
            }
            let count = if hits.iter().any(|hit| is_strong(hit.kind)) { &mut strong } else { &mut weak };
            *count += 1;
            if *count <= SENSITIVE_MAX {
                found.push(SensitiveFact { place: place(), hits });
            }
        };
        note(&|| "/target".into(), "target", self.request.target().as_str());
        note(&|| "/declared_goal".into(), "declared_goal", self.request.declared_goal());
        for leaf in self.leaves() {
            note(&|| self.place(leaf), leaf.name, &leaf.text);
        }
        let places = &self.all_leaves().places;
        for (name, parent) in places {
            // A name cannot be sealed alone: what holds it is.
            note(&|| self.all_leaves().pointer(parent.unwrap_or(0)), "", name);
        }
        found
    }
}

impl<'a> Leaves<'a> {
    /// `list` is the parent if that is a list.
    fn collect(
        &mut self,
        name: &'a str,
        value: &'a Value,
        step: Cow<'a, str>,
        (parent, list): (u32, Option<u32>),
    ) {
        let place = u32::try_from(self.places.len()).unwrap_or(u32::MAX);
        self.places.push((step, Some(parent)));
        match value {
            Value::String(text) => self.list.push(Leaf { name, text: Cow::Borrowed(text), place, list }),
            Value::Number(number) => {
                self.list.push(Leaf { name, text: Cow::Owned(number.to_string()), place, list });
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.collect(name, item, Cow::Owned(index.to_string()), (place, Some(place)));
                }
            }
            Value::Object(map) => {
                for (key, item) in map {
                    self.collect(key, item, Cow::Borrowed(key), (place, None));
                }
            }
            Value::Null | Value::Bool(_) => {}
        }
    }

    /// The name of the parameter in which a value stands.
    fn top(&self, place: u32) -> Option<&str> {
        let mut at = place;
        loop {
            let (name, parent) = self.places.get(usize::try_from(at).ok()?)?;
            match parent {
                Some(0) => return Some(name),
                Some(parent) => at = *parent,
                None => return None,
            }
        }
    }

    fn pointer(&self, place: u32) -> String {
        let mut steps = Vec::new();
        let mut at = Some(place);
        while let Some((step, parent)) = at.and_then(|place| self.places.get(usize::try_from(place).ok()?)) {
            steps.push(step.replace('~', "~0").replace('/', "~1"));
            at = *parent;
        }
        steps.iter().rev().fold(String::new(), |path, step| path + "/" + step)
    }
}

/// Names under which tools take a URL.
fn names_a_url(name: &str) -> bool {
    const WORDS: [&str; 12] = [
        "url", "urls", "uri", "uris", "href", "endpoint", "webhook", "host", "hostname", "domain",
        "base_url", "callback",
    ];
    const ENDINGS: [&str; 6] = ["_url", "_uri", "url", "_host", "_endpoint", "_webhook"];
    let name = name.to_ascii_lowercase();
    WORDS.contains(&name.as_str()) || ENDINGS.iter().any(|ending| name.ends_with(ending))
}

/// Names under which tools take a path.
fn names_a_path(name: &str) -> bool {
    const WORDS: [&str; 12] = [
        "path",
        "paths",
        "file",
        "files",
        "filename",
        "filepath",
        "directory",
        "dir",
        "folder",
        "attachments",
        "attachment",
        "cwd",
    ];
    const ENDINGS: [&str; 6] = ["_path", "_file", "_filename", "_dir", "_directory", "filepath"];
    let name = name.to_ascii_lowercase();
    WORDS.contains(&name.as_str()) || ENDINGS.iter().any(|ending| name.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::request::Defaults;

    fn request(value: Value) -> ActionRequest {
        let defaults = Defaults { action_id: "a".into(), timestamp: jiff::Timestamp::UNIX_EPOCH };
        ActionRequest::from_value(value, defaults).unwrap()
    }

    #[test]
    fn a_place_is_a_pointer_that_json_understands() {
        let request = request(json!({"agent_id":"a","action_type":"tool_call","target":"t",
            "parameters":{"a/b":[{"~c":"x"}]}}));
        let facts = Facts::new(&request, &NoMemo);
        let leaf = &facts.leaves()[0];
        assert_eq!(facts.place(leaf), "/parameters/a~1b/0/~0c");
        let whole = Value::Object(request.to_json());
        assert_eq!(whole.pointer(&facts.place(leaf)), Some(&json!("x")));
    }

    #[test]
    fn a_crowd_of_addresses_does_not_hide_a_card() {
        let mut texts = vec!["ann@example.org"; 2 * SENSITIVE_MAX];
        texts.push("4111-1111-1111-1111");
        let request =
            request(json!({"agent_id":"a","action_type":"tool_call","target":"t","parameters":{"p":texts}}));
        let facts = Facts::new(&request, &NoMemo);
        assert_eq!(facts.sensitive().len(), SENSITIVE_MAX + 1);
        assert!(facts.sensitive().last().unwrap().is_strong());
    }

    #[test]
    fn more_urls_than_are_looked_at_are_not_silently_dropped() {
        let urls: Vec<String> = (0..100).map(|i| format!("http://h{i}.example/")).collect();
        let request =
            request(json!({"agent_id":"a","action_type":"tool_call","target":"t","parameters":{"u":urls}}));
        let facts = Facts::new(&request, &NoMemo);
        assert_eq!(facts.urls().len(), URLS_MAX + 1);
        assert!(matches!(facts.urls().last().unwrap().outcome, UrlOutcome::Unparseable(_)));
    }
}
