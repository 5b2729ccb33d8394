//! What a file's policies may refer to by name: lists and definitions, its own and those that it includes.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::rc::Rc;

use crate::diagnostic::Source;
use crate::document::{Fields, Node, Reader, Yaml, listed};
use crate::suggest::did_you_mean;

/// Definitions within one another.
const DEPTH_MAX: usize = 16;
/// Uses of definitions in one file, those within definitions counted each time.
const USES_MAX: usize = 100_000;

/// A name's value and the document in which it stands.
type Named<'a> = BTreeMap<&'a str, (&'a Source, &'a Node)>;

/// The names that one file knows.
#[derive(Default)]
pub(super) struct Scope<'a> {
    names: Rc<Names<'a>>,
    /// Definitions that are being read, the outermost first.
    open: Vec<&'a str>,
    uses: Rc<Cell<usize>>,
}

#[derive(Default)]
struct Names<'a> {
    lists: Named<'a>,
    definitions: Named<'a>,
}

/// A document that was read as a tree.
pub(super) struct Tree<'a> {
    pub(super) source: &'a Source,
    pub(super) root: &'a Node,
}

impl<'a> Scope<'a> {
    /// Everything that the file at `at` names or includes.
    pub(super) fn of(trees: &[Tree<'a>], at: usize, problems: &mut Reader<'_>) -> Self {
        let mut names = Names::default();
        let mut seen = BTreeSet::new();
        let mut open = vec![at];
        while let Some(at) = open.pop() {
            let (true, Some(tree)) = (seen.insert(at), trees.get(at)) else { continue };
            let own = seen.len() == 1;
            names.take(tree, own.then_some(&mut *problems));
            for (path, span) in includes(tree) {
                match included(&tree.source.name, &path) {
                    Ok(name) => match trees.iter().position(|other| *other.source.name == name) {
                        Some(other) => open.push(other),
                        None if own => {
                            let message = format!("the included file `{path}` is not there");
                            let help = format!("`{name}` was looked for");
                            problems.error(&span, message, "not found", Some(help));
                        }
                        None => {}
                    },
                    Err(reason) if own => problems.error(&span, reason, "here", None),
                    Err(_) => {}
                }
            }
        }
        Self { names: Rc::new(names), ..Self::default() }
    }
    pub(super) fn lists_contain(&self, reference: &str) -> bool {
        reference.strip_prefix('$').is_some_and(|name| self.names.lists.contains_key(name))
    }

    /// The list that `$name` stands for. `None` if this is no reference; `Some(None)` if there is no such
    /// list, which is then noted.
    pub(super) fn list(
        &self,
        reader: &mut Reader<'_>,
        node: &Node,
    ) -> Option<Option<(&'a Source, &'a Node)>> {
        let Yaml::Text(text) = &node.value else { return None };
        let name = text.strip_prefix('$')?;
        let found = self.names.lists.get(name).copied();
        if found.is_none() {
            let names: Vec<&str> = self.names.lists.keys().copied().collect();
            let known = if names.is_empty() { "there are no `lists`".into() } else { listed(&names) };
            let help = format!("{known}{}", did_you_mean(name, names.iter().copied()));
            reader.error(&node.span, format!("there is no list `{name}`"), "unknown", Some(help));
        }
        Some(found)
    }

    /// The definition of that name, and the scope within it.
    pub(super) fn definition(
        &self,
        reader: &mut Reader<'_>,
        name: &str,
        span: &Range<usize>,
    ) -> Option<(&'a Source, &'a Node, Scope<'a>)> {
        let Some((key, (source, node))) = self.names.definitions.get_key_value(name) else {
            let names: Vec<&str> = self.names.definitions.keys().copied().collect();
            let known = if names.is_empty() { "nothing is defined".into() } else { listed(&names) };
            let help = format!("{known}{}", did_you_mean(name, names.iter().copied()));
            reader.error(span, format!("`{name}` is not defined"), "unknown", Some(help));
            return None;
        };
        if self.open.contains(key) {
            reader.error(span, format!("`{name}` is defined by itself"), "here", None);
            return None;
        }
        self.uses.set(self.uses.get() + 1);
        if self.open.len() >= DEPTH_MAX || self.uses.get() > USES_MAX {
            let message = format!("more than {DEPTH_MAX} definitions within one another, or {USES_MAX} uses");
            reader.error(span, message, "here", None);
            return None;
        }
        let mut open = self.open.clone();
        open.push(key);
        let inner = Scope { names: self.names.clone(), open, uses: self.uses.clone() };
        Some((source, node, inner))
    }
}

impl<'a> Names<'a> {
    fn take(&mut self, tree: &Tree<'a>, mut problems: Option<&mut Reader<'_>>) {
        for (key, into) in [("lists", &mut self.lists), ("define", &mut self.definitions)] {
            let Some(entries) = entries(tree.root, key) else { continue };
            for (name, node) in entries {
                if let Some((source, _)) = into.get(name.text.as_str())
                    && let Some(problems) = problems.as_deref_mut()
                {
                    let message = format!("`{}` is named in `{}`, too", name.text, source.name);
                    problems.error(&name.span, message, "a name is given once", None);
                }
                into.insert(&name.text, (tree.source, node));
            }
        }
    }
}

fn entries<'n>(root: &'n Node, key: &str) -> Option<&'n [(crate::document::Key, Node)]> {
    let Yaml::Map(fields) = &root.value else { return None };
    let (_, node) = fields.iter().find(|(name, _)| name.text == key)?;
    match &node.value {
        Yaml::Map(entries) => Some(entries),
        _ => None,
    }
}

/// The paths that a document includes, with their places.
pub(super) fn includes(tree: &Tree<'_>) -> Vec<(String, Range<usize>)> {
    let Yaml::Map(fields) = &tree.root.value else { return Vec::new() };
    let node = fields.iter().find(|(name, _)| name.text == "include").map(|(_, node)| node);
    node.map(|node| Reader::new(tree.source).texts(node, "include")).unwrap_or_default()
}

/// The name of an included document: within the folder of the one that includes it.
pub(super) fn included(name: &str, path: &str) -> Result<String, &'static str> {
    let parts: Vec<&str> = path.split('/').collect();
    if path.starts_with('/') || path.contains('\\') || path.contains(':') {
        return Err("an included file is named relative to this one");
    }
    if parts.iter().any(|part| part.is_empty() || *part == "." || *part == "..") {
        return Err("an included file is within the folder of this one");
    }
    let folder = name.rfind('/').map_or("", |at| name.get(..=at).unwrap_or_default());
    Ok(format!("{folder}{path}"))
}

/// Names of lists and definitions: what a person would write.
pub(super) fn check_names(reader: &mut Reader<'_>, fields: &Fields<'_>) {
    for (key, _) in fields.iter() {
        let fits = !key.text.is_empty()
            && key.text.len() <= 64
            && key.text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
        if !fits {
            let help = "at most 64 letters, digits, `_` and `-`".to_owned();
            reader.error(&key.span, format!("`{}` is no name", key.text), "here", Some(help));
        }
    }
}
