//! The origins that mattered, in a record and back: marks, names of tools, numbers of values. No text of a result.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::marks::Marks;
use super::trace::{Asked, Flow, Traced};

/// Why something in a record is no flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is not as the engine writes it")]
pub struct NoFlow;

impl Flow {
    /// For the record.
    pub fn to_json(&self) -> Value {
        let mut map = Map::new();
        let asked: Vec<Value> = self.asked.iter().map(asked_to_json).collect();
        let traced: Vec<Value> = self.traced.iter().map(traced_to_json).collect();
        for (name, list) in [("asked", asked), ("traced", traced)] {
            if !list.is_empty() {
                map.insert(name.into(), list.into());
            }
        }
        if self.incomplete {
            map.insert("incomplete".into(), true.into());
        }
        map.insert("score".into(), self.score.into());
        if let Some(tool) = &self.sensitive {
            map.insert("sensitive".into(), (**tool).into());
        }
        Value::Object(map)
    }

    /// What [`Flow::to_json`] wrote.
    ///
    /// # Errors
    /// When it does not have that form.
    pub fn from_json(value: &Value) -> Result<Self, NoFlow> {
        let map = value.as_object().ok_or(NoFlow)?;
        let list = |name: &str| match map.get(name) {
            None => Ok(&[][..]),
            Some(list) => list.as_array().map(Vec::as_slice).ok_or(NoFlow),
        };
        Ok(Self {
            traced: list("traced")?.iter().map(traced_of).collect::<Result<_, _>>()?,
            asked: list("asked")?.iter().map(asked_of).collect::<Result<_, _>>()?,
            score: small(map.get("score"))?,
            sensitive: text(map.get("sensitive"))?,
            incomplete: match map.get("incomplete") {
                None => false,
                Some(value) => value.as_bool().ok_or(NoFlow)?,
            },
        })
    }
}

fn traced_to_json(traced: &Traced) -> Value {
    let mut told = json!({"leaf": traced.leaf, "marks": traced.marks.names().collect::<Vec<_>>()});
    if let Value::Object(map) = &mut told {
        if traced.piece > 0 {
            map.insert("piece".into(), traced.piece.into());
        }
        if let Some(source) = &traced.source {
            map.insert("source".into(), (**source).into());
        }
    }
    told
}

fn asked_to_json(asked: &Asked) -> Value {
    json!({
        "injected": asked.injected, "named": asked.named, "nouns": asked.nouns, "source": asked.source.as_deref(),
        "values": asked.values, "verb": asked.verb,
    })
}

fn traced_of(value: &Value) -> Result<Traced, NoFlow> {
    let mut marks = Marks::default();
    for name in value.get("marks").and_then(Value::as_array).ok_or(NoFlow)? {
        marks = marks.with(name.as_str().and_then(Marks::from_name).ok_or(NoFlow)?);
    }
    let leaf =
        value.get("leaf").and_then(Value::as_u64).and_then(|leaf| u16::try_from(leaf).ok()).ok_or(NoFlow)?;
    Ok(Traced { leaf, piece: small(value.get("piece"))?, marks, source: text(value.get("source"))? })
}

fn asked_of(value: &Value) -> Result<Asked, NoFlow> {
    let is = |name| value.get(name).and_then(Value::as_bool).ok_or(NoFlow);
    Ok(Asked {
        injected: is("injected")?,
        named: is("named")?,
        verb: is("verb")?,
        nouns: small(value.get("nouns"))?,
        values: small(value.get("values"))?,
        source: text(value.get("source"))?,
    })
}

fn small(value: Option<&Value>) -> Result<u8, NoFlow> {
    match value {
        None => Ok(0),
        Some(value) => value.as_u64().and_then(|number| u8::try_from(number).ok()).ok_or(NoFlow),
    }
}

fn text(value: Option<&Value>) -> Result<Option<Arc<str>>, NoFlow> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value.as_str().map(|text| Some(text.into())).ok_or(NoFlow),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_reads_back() {
        let flow = Flow {
            traced: vec![
                Traced {
                    leaf: 3,
                    piece: 0,
                    marks: Marks::VALUE.with(Marks::INJECTED),
                    source: Some("read".into()),
                },
                Traced { leaf: 4, piece: 2, marks: Marks::FREE, source: None },
            ],
            asked: vec![Asked {
                injected: true,
                named: false,
                verb: true,
                nouns: 1,
                values: 2,
                source: None,
            }],
            score: 7,
            sensitive: Some("vault".into()),
            incomplete: true,
        };
        assert_eq!(Flow::from_json(&flow.to_json()), Ok(flow));
        for wrong in
            [json!([]), json!({"traced": 1}), json!({"score": 256}), json!({"traced": [{"leaf": 1}]})]
        {
            assert_eq!(Flow::from_json(&wrong), Err(NoFlow), "{wrong}");
        }
    }
}
