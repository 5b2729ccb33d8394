//! A document as pieces of its own text: what belongs together, and in which order it stands.

use super::Comment;
use crate::document::{Key, Node, Yaml};

/// Keys of a file, in their order. Those of cases, and any other, come behind as they were.
const FILE: [&str; 11] = [
    "version",
    "description",
    "mode",
    "default_decision",
    "include",
    "tools",
    "lists",
    "define",
    "labels",
    "defaults",
    "policies",
];
/// Keys of a policy, and of what is default for all.
const POLICY: [&str; 11] = [
    "id",
    "mode",
    "applies_to",
    "condition",
    "decision",
    "waives",
    "approvers",
    "reason",
    "priority",
    "metadata",
    "examples",
];

/// Whether keys get their usual order. An alias must stay behind its anchor.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Usual,
    AsWritten,
}

/// A file.
pub(super) struct File {
    /// Comments above everything.
    pub(super) head: Vec<String>,
    pub(super) root: Value,
    /// Comments behind everything.
    pub(super) foot: Vec<String>,
}

/// An entry of a mapping or an item of a list, with what is written about it.
pub(super) struct Item {
    /// Comments on lines of their own above it.
    pub(super) above: Vec<String>,
    /// A blank line stands above it.
    pub(super) apart: bool,
    /// As it is written; none for an item of a list.
    pub(super) key: Option<String>,
    /// What aliases call its value.
    pub(super) anchor: Option<String>,
    /// A comment on the line of a key whose value begins below.
    pub(super) beside: Option<String>,
    pub(super) value: Value,
    /// A comment on the value's last line.
    pub(super) behind: Option<String>,
}

/// A value as it is written.
pub(super) enum Value {
    /// One line.
    Line(String),
    /// Several lines: a literal or folded scalar, or a quoted one; or a flow collection with comments in it. The
    /// first stands beside its key, the others are indented relative to it.
    Lines(Vec<String>),
    FlowList(Vec<Item>),
    FlowMap(Vec<Item>),
    List(Vec<Item>),
    Map(Vec<Item>),
}

struct Builder<'a> {
    text: &'a str,
    comments: &'a [Comment],
    next: usize,
    /// Where the piece before ends.
    end: usize,
}

/// The document in pieces; `None` if something cannot be told apart.
pub(super) fn layout(text: &str, root: &Node, comments: &[Comment], order: Order) -> Option<File> {
    let mut builder = Builder { text, comments, next: 0, end: 0 };
    let head = builder.above(root.span.start);
    let mut root = builder.value(root, true)?;
    if let Value::Map(items) = &mut root {
        if order == Order::Usual {
            sort(items, &FILE);
        }
        for item in items {
            policies(item, order);
        }
    }
    hoist(&mut root);
    let foot = builder.rest();
    Some(File { head, root, foot })
}

/// Comments above the first piece of an item of a list stand above its dash.
fn hoist(value: &mut Value) {
    let is_list = matches!(value, Value::List(_));
    let (Value::List(items) | Value::Map(items)) = value else { return };
    for item in items {
        hoist(&mut item.value);
        if let (true, Value::List(inner) | Value::Map(inner)) = (is_list, &mut item.value)
            && let Some(first) = inner.first_mut()
        {
            item.above.append(&mut first.above);
        }
    }
}

/// Policies have an order of keys, and blank lines between them.
fn policies(item: &mut Item, order: Order) {
    match (item.key.as_deref(), &mut item.value) {
        (Some("policies"), Value::List(policies)) => {
            for (at, policy) in policies.iter_mut().enumerate() {
                policy.apart = at > 0;
                if order == Order::Usual {
                    sort_policy(&mut policy.value);
                }
            }
        }
        (Some("defaults"), value) if order == Order::Usual => sort_policy(value),
        _ => {}
    }
}

fn sort_policy(value: &mut Value) {
    if let Value::Map(items) | Value::FlowMap(items) = value {
        let above = items.first_mut().map(|first| std::mem::take(&mut first.above)).unwrap_or_default();
        sort(items, &POLICY);
        if let Some(first) = items.first_mut() {
            first.above.splice(0..0, above);
        }
    }
}

fn sort(items: &mut [Item], keys: &[&str]) {
    let place = |item: &Item| {
        let key = item.key.as_deref().unwrap_or_default();
        keys.iter().position(|known| *known == key).unwrap_or(keys.len())
    };
    items.sort_by_key(place);
}

impl Builder<'_> {
    /// Comments before that place that nothing has taken.
    fn above(&mut self, at: usize) -> Vec<String> {
        let mut found = Vec::new();
        while let Some(comment) = self.comments.get(self.next).filter(|comment| comment.at < at) {
            found.push(comment.text.clone());
            self.next += 1;
        }
        found
    }

    fn rest(&mut self) -> Vec<String> {
        self.above(usize::MAX)
    }

    /// A comment on the rest of the line on which that place is.
    fn on_line(&mut self, at: usize) -> Option<String> {
        let comment = self.comments.get(self.next).filter(|comment| !comment.alone && comment.at >= at)?;
        let between = self.text.get(at..comment.at)?;
        if between.contains('\n') || !between.trim_matches([' ', ':']).is_empty() {
            return None;
        }
        self.next += 1;
        Some(comment.text.clone())
    }

    fn item(&mut self, key: Option<&Key>, node: &Node) -> Option<Item> {
        let at = key.map_or(node.span.start, |key| key.span.start);
        let first = self.comments.get(self.next).map_or(at, |comment| comment.at.min(at));
        let gap = self.text.get(self.end.min(first)..first).unwrap_or_default();
        let apart = gap.matches('\n').count() > 1 && self.end > 0;
        let above = self.above(at);
        let key_text = match key {
            Some(key) => Some(self.slice(&key.span)?.to_owned()),
            None => None,
        };
        let gap = self.gap(key, node.span.start).unwrap_or_default();
        let anchor = gap.split_whitespace().next().filter(|word| word.starts_with('&')).map(str::to_owned);
        let begins_below = is_block(self.text, node);
        let beside = match key {
            Some(key) if begins_below => self.on_line(key.span.end),
            _ => None,
        };
        let value = match self.literal(key, node)? {
            Some(literal) if matches!(node.value, Yaml::Text(_)) => {
                let raw = self.text.get(node.span.clone()).unwrap_or_default();
                self.end = node.span.start + raw.trim_end().len();
                literal
            }
            _ => self.value(node, false)?,
        };
        let behind = if begins_below { None } else { self.on_line(self.end) };
        Some(Item { above, apart, key: key_text, anchor, beside, value, behind })
    }

    fn slice(&self, span: &std::ops::Range<usize>) -> Option<&str> {
        self.text.get(span.clone()).map(str::trim_end).filter(|text| !text.contains('\n'))
    }

    /// What stands between a key, or a dash, and a value.
    fn gap(&self, key: Option<&Key>, at: usize) -> Option<&str> {
        if let Some(key) = key {
            return Some(self.text.get(key.span.end..at)?.trim_start_matches([':', ' ']));
        }
        let gap = self.text.get(self.end.min(at)..at)?;
        let behind = gap.rfind(['[', ',']).map(|at| at + 1).or_else(|| gap.rfind("- ").map(|at| at + 2))?;
        gap.get(behind..)
    }

    /// A literal or folded text: its header, and its lines without their indentation. What depends on its place
    /// or on blank lines behind it has no other form.
    fn literal(&self, key: Option<&Key>, node: &Node) -> Option<Option<Value>> {
        let Some(gap) = self.gap(key, node.span.start).filter(|gap| gap.contains('\n')) else {
            return Some(None);
        };
        let words = gap.lines().next().unwrap_or_default().split_whitespace();
        let Some(header) =
            words.take_while(|word| !word.starts_with('#')).find(|word| word.starts_with(['|', '>']))
        else {
            return Some(None);
        };
        let indentation = gap.lines().last().filter(|line| line.bytes().all(|byte| byte == b' '))?.len();
        if header.contains(|c: char| c == '+' || c.is_ascii_digit()) {
            return None;
        }
        let raw = self.text.get(node.span.clone())?.trim_end();
        let mut lines = vec![header.to_owned()];
        for (position, line) in raw.lines().enumerate() {
            let cut = if position == 0 { 0 } else { indentation.min(line.len()) };
            lines.push(line.get(cut..)?.trim_end_matches('\r').to_owned());
        }
        Some(Some(Value::Lines(lines)))
    }

    fn value(&mut self, node: &Node, root: bool) -> Option<Value> {
        let raw = self.text.get(node.span.clone())?;
        if raw.starts_with('*') {
            self.end = node.span.end;
            return Some(Value::Line(raw.trim_end().to_owned()));
        }
        let in_it = |comment: &Comment| node.span.contains(&comment.at);
        let block = is_block(self.text, node);
        if !block && self.comments.get(self.next).is_some_and(in_it) {
            while self.comments.get(self.next).is_some_and(in_it) {
                self.next += 1;
            }
            self.end = node.span.end;
            return Some(Value::Lines(relative(raw)));
        }
        let value = match &node.value {
            Yaml::List(nodes) => {
                let items: Option<Vec<Item>> = nodes.iter().map(|node| self.item(None, node)).collect();
                if block { Value::List(items?) } else { Value::FlowList(items?) }
            }
            Yaml::Map(entries) => {
                let items: Option<Vec<Item>> =
                    entries.iter().map(|(key, node)| self.item(Some(key), node)).collect();
                let items = items?;
                if block || root { Value::Map(items) } else { Value::FlowMap(items) }
            }
            _ => scalar(raw),
        };
        if !block {
            self.end = self.end.max(node.span.start + raw.trim_end().len());
        }
        Some(value)
    }
}

/// Whether the value is a collection in block form.
fn is_block(text: &str, node: &Node) -> bool {
    let opens = text.get(node.span.start..).is_some_and(|rest| rest.starts_with(['{', '[', '*']));
    matches!(node.value, Yaml::List(_) | Yaml::Map(_)) && !opens
}

fn scalar(raw: &str) -> Value {
    let raw = raw.trim_end();
    if raw.contains('\n') {
        return Value::Lines(relative(raw));
    }
    // Single quotes, where both say the same.
    let inner = raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    match inner.filter(|inner| !inner.contains(['\\', '\'', '"'])) {
        Some(inner) => Value::Line(format!("'{inner}'")),
        None => Value::Line(raw.to_owned()),
    }
}

/// The lines, those behind the first without the indentation that they share.
fn relative(raw: &str) -> Vec<String> {
    let lines: Vec<&str> = raw.trim_end().lines().map(|line| line.trim_end_matches('\r')).collect();
    let depth = |line: &&&str| line.len() - line.trim_start_matches(' ').len();
    let shared = lines.iter().skip(1).filter(|line| !line.trim().is_empty()).map(|line| depth(&line)).min();
    let mut out = Vec::with_capacity(lines.len());
    for (position, line) in lines.iter().enumerate() {
        let cut = if position == 0 { 0 } else { shared.unwrap_or(0).min(line.len()) };
        out.push(line.get(cut..).unwrap_or_default().to_owned());
    }
    out
}
