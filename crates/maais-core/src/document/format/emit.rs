//! Pieces as text.

use super::WIDTH;
use super::layout::{File, Item, Value};

/// The text of a file.
pub(super) fn emit(file: &File) -> String {
    let mut out: String = file.head.iter().flat_map(|comment| [comment.as_str(), "\n"]).collect();
    match &file.root {
        Value::Map(items) => block(items, 0, "", &mut out),
        Value::List(items) => block(items, 0, "- ", &mut out),
        other => value(other, 0, 0, "", &mut out),
    }
    for comment in &file.foot {
        start_line(&mut out);
        out.push_str(comment);
    }
    start_line(&mut out);
    out
}

/// Ends the line before, if there is one.
fn start_line(out: &mut String) {
    if !out.is_empty() && !out.ends_with('\n') {
        out.push('\n');
    }
}

fn indent(columns: usize, out: &mut String) {
    out.extend(std::iter::repeat_n(' ', columns));
}

/// Entries or items, one below the other. The first of a mapping within a list stands beside the dash.
fn block(items: &[Item], column: usize, mark: &str, out: &mut String) {
    for (position, item) in items.iter().enumerate() {
        let beside_dash = position == 0 && out.ends_with("- ");
        if !beside_dash {
            start_line(out);
            if item.apart && position > 0 {
                out.push('\n');
            }
            for comment in &item.above {
                indent(column, out);
                out.push_str(comment);
                out.push('\n');
            }
            indent(column, out);
        }
        out.push_str(mark);
        if let Some(key) = &item.key {
            out.push_str(key);
            out.push(':');
        }
        let mut space = if item.key.is_some() { " " } else { "" };
        if let Some(anchor) = &item.anchor {
            out.push_str(space);
            out.push_str(anchor);
            space = " ";
        }
        if let Some(comment) = &item.beside {
            out.push_str("  ");
            out.push_str(comment);
        }
        let room = item.behind.as_ref().map_or(0, |comment| comment.chars().count() + 2);
        value(&item.value, column, room, space, out);
        if let Some(comment) = &item.behind {
            out.push_str("  ");
            out.push_str(comment);
        }
    }
}

/// A value behind its key or dash. `room` is what else must stand on its line.
fn value(of: &Value, column: usize, room: usize, space: &str, out: &mut String) {
    match of {
        Value::Line(text) => {
            if !text.is_empty() {
                out.push_str(space);
                out.push_str(text);
            }
        }
        Value::Lines(lines) => {
            out.push_str(space);
            for (position, line) in lines.iter().enumerate() {
                if position > 0 {
                    out.push('\n');
                    if !line.trim().is_empty() {
                        indent(column + 2, out);
                    }
                }
                out.push_str(line);
            }
        }
        Value::Map(items) => block(items, column + 2, "", out),
        Value::List(items) => block(items, column + 2, "- ", out),
        Value::FlowMap(items) | Value::FlowList(items) => flow(of, items, column, room, space, out),
    }
}

/// On one line if it fits; else a list of short words wrapped, and anything else in block form.
fn flow(of: &Value, items: &[Item], column: usize, room: usize, space: &str, out: &mut String) {
    let used = out.chars().rev().take_while(|c| *c != '\n').count() + space.len() + room;
    let line = one_line(of);
    match &line {
        // A single word would not be shorter on a line of its own.
        Some(line) if is_one_word(items) || used + line.chars().count() <= WIDTH => {
            out.push_str(space);
            out.push_str(line);
        }
        Some(_) if is_words(of) => wrapped(items, column, space, out),
        _ => {
            let mark = if matches!(of, Value::FlowList(_)) { "- " } else { "" };
            block(items, column + 2, mark, out);
        }
    }
}

fn is_one_word(items: &[Item]) -> bool {
    match items {
        [] => true,
        [one] => match &one.value {
            Value::Line(_) => true,
            Value::FlowMap(inner) | Value::FlowList(inner) => is_one_word(inner),
            _ => false,
        },
        _ => false,
    }
}

fn is_words(of: &Value) -> bool {
    matches!(of, Value::FlowList(items) if items.iter().all(|item| matches!(item.value, Value::Line(_)) && item.key.is_none() && item.anchor.is_none()))
}

fn wrapped(items: &[Item], column: usize, space: &str, out: &mut String) {
    out.push_str(space);
    out.push('[');
    for (position, item) in items.iter().enumerate() {
        let Value::Line(word) = &item.value else { continue };
        let last = position + 1 == items.len();
        let used = out.chars().rev().take_while(|c| *c != '\n').count();
        if position > 0 {
            if used + 2 + word.chars().count() > WIDTH {
                out.push('\n');
                indent(column + 2, out);
            } else {
                out.push(' ');
            }
        }
        out.push_str(word);
        out.push_str(if last { "]" } else { "," });
    }
}

/// A value in flow form; `None` if a part of it takes several lines.
fn one_line(of: &Value) -> Option<String> {
    let joined = |items: &[Item]| -> Option<String> {
        let parts: Option<Vec<String>> = items
            .iter()
            .map(|item| {
                let value = one_line(&item.value)?;
                let value = match &item.anchor {
                    Some(anchor) => format!("{anchor} {value}"),
                    None => value,
                };
                Some(match &item.key {
                    Some(key) if value.is_empty() => format!("{key}:"),
                    Some(key) => format!("{key}: {value}"),
                    None => value,
                })
            })
            .collect();
        Some(parts?.join(", "))
    };
    match of {
        Value::Line(text) => Some(text.clone()),
        Value::Lines(_) | Value::List(_) | Value::Map(_) => None,
        Value::FlowList(items) => Some(format!("[{}]", joined(items)?)),
        Value::FlowMap(items) => Some(format!("{{{}}}", joined(items)?)),
    }
}
