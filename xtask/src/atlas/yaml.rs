//! YAML as a tree of text: maps, lists and scalars, no types. Aliases and tags are refused, not understood.

use granit_parser::{Event, Parser, StrInput};
use serde_json::{Map, Value};

type Events<'a> = Parser<'a, StrInput<'a>>;

/// The one document of the text; every scalar is a string.
pub(super) fn parse(text: &str) -> Result<Value, String> {
    let mut events = Parser::new_from_str(text);
    loop {
        match next(&mut events)? {
            Event::StreamStart | Event::DocumentStart(..) => {}
            event => return node(&mut events, event),
        }
    }
}

fn next<'a>(events: &mut Events<'a>) -> Result<Event<'a>, String> {
    loop {
        match events.next_event() {
            Some(Ok((Event::Comment(..), _))) => {}
            Some(Ok((event, _))) => return Ok(event),
            Some(Err(error)) => return Err(format!("not YAML: {error}")),
            None => return Err("not YAML: it ends too early".into()),
        }
    }
}

fn node<'a>(events: &mut Events<'a>, event: Event<'a>) -> Result<Value, String> {
    match event {
        Event::Scalar(text, ..) => Ok(Value::String(text.into_owned())),
        Event::SequenceStart(..) => {
            let mut items = Vec::new();
            loop {
                match next(events)? {
                    Event::SequenceEnd => return Ok(Value::Array(items)),
                    event => items.push(node(events, event)?),
                }
            }
        }
        Event::MappingStart(..) => {
            let mut entries = Map::new();
            loop {
                match next(events)? {
                    Event::MappingEnd => return Ok(Value::Object(entries)),
                    Event::Scalar(key, ..) => {
                        let event = next(events)?;
                        entries.insert(key.into_owned(), node(events, event)?);
                    }
                    other => return Err(format!("a key must be text, not {other:?}")),
                }
            }
        }
        other => Err(format!("not understood here: {other:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_lists_and_folded_text_are_read_and_aliases_are_not() {
        let read = parse("---\na:\n- b: 'one\n\n    two'\n  c: 2024-01-01\nd: []\n").unwrap();
        assert_eq!(read, serde_json::json!({"a": [{"b": "one\ntwo", "c": "2024-01-01"}], "d": []}));
        assert!(parse("a: &x 1\nb: *x\n").is_err());
        assert!(parse("a: [1\n").is_err());
    }
}
