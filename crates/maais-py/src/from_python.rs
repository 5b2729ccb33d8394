//! Python values as JSON: what an action is about, read once and within the limits of a request.
//!
//! Plain values (text, numbers, lists, mappings) are read without running any code of theirs. Objects are
//! read where it is known what they say: as text (paths, URLs, times, UUIDs), as items (deques, ranges), as
//! fields (dataclasses, pydantic models with all that they took, named tuples), secrets as what they hide.
//! An object that is none of these cannot be judged, and what cannot be judged is refused.

use maais_core::attempt::{Attempt, Malformed};
use maais_core::json::{DEPTH_MAX, VALUES_MAX};
use maais_core::request::{ActionRequest, Draft, RequestError, parse_action_type};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{
    PyBool, PyByteArray, PyBytes, PyDict, PyFloat, PyFrozenSet, PyInt, PyList, PyMappingProxy, PyMemoryView,
    PySet, PyString, PyTuple,
};
use serde_json::{Map, Number, Value};

use crate::classes::{ENUM, MAPPING_PROXY, PATH, PATTERN, SECRETS, SERIES, TEXTS, TIMES, any_has, full_name};
use crate::fields::{fields, named_items};

/// Bytes of text and binary data in one value; what is longer is over the limit of a request anyhow.
const BYTES_MAX: usize = 1 << 20;

/// How deep in a request the parameters stand.
const PARAMETERS_DEPTH: usize = 0;

/// Why a value cannot be part of a request.
#[derive(Debug)]
pub(crate) enum Unreadable {
    /// Beyond a limit, or cyclic.
    Limit(String),
    /// An object of which nobody knows what it says.
    Unknown { parameter: Option<String>, kind: String },
    /// Python raised an exception.
    Raised(PyErr),
}

impl From<PyErr> for Unreadable {
    fn from(error: PyErr) -> Self {
        Self::Raised(error)
    }
}

impl Unreadable {
    /// The same, said of a parameter where the name is one.
    fn named(self, name: &str, depth: usize) -> Self {
        if depth == PARAMETERS_DEPTH { self.of(name) } else { self }
    }

    /// The same, said of a parameter.
    pub(crate) fn of(self, name: &str) -> Self {
        match self {
            Self::Unknown { parameter: None, kind } => {
                Self::Unknown { parameter: Some(name.chars().take(64).collect()), kind }
            }
            other => other,
        }
    }

    /// As the error of a request.
    pub(crate) fn into_request_error(self, py: Python<'_>) -> RequestError {
        match self {
            Self::Limit(what) => RequestError::Unrepresentable(what),
            Self::Unknown { parameter, kind } => {
                let name = parameter.unwrap_or_default();
                RequestError::Unrepresentable(format!(
                    "parameter {name:?} holds an object of class {kind}, which cannot be judged: pass text, \
                     numbers, lists, mappings, dataclasses or pydantic models, or, if no agent can fill the \
                     parameter, declare it with opaque=[{name:?}]"
                ))
            }
            Self::Raised(error) => {
                let kind = error
                    .get_type(py)
                    .qualname()
                    .map_or_else(|_| "error".to_owned(), |name| name.to_string());
                RequestError::Unrepresentable(format!("reading the parameters raised {kind}"))
            }
        }
    }
}

/// Reads values within the limits of one request.
#[derive(Default)]
pub(crate) struct Reader {
    values: usize,
    bytes: usize,
    names_unknown: bool,
}

impl Reader {
    /// The value as JSON, with an object that cannot be judged as the name of its class: for what no agent
    /// can fill.
    pub(crate) fn trusted(&mut self, value: &Bound<'_, PyAny>, depth: usize) -> Result<Value, Unreadable> {
        self.names_unknown = true;
        let read = self.value(value, depth);
        self.names_unknown = false;
        read
    }

    /// The value as JSON.
    pub(crate) fn value(&mut self, value: &Bound<'_, PyAny>, depth: usize) -> Result<Value, Unreadable> {
        self.values += 1;
        if self.values > VALUES_MAX {
            return Err(Unreadable::Limit(format!("more than {VALUES_MAX} values")));
        }
        if depth > DEPTH_MAX {
            return Err(Unreadable::Limit(format!(
                "nested deeper than {DEPTH_MAX} levels, or within itself"
            )));
        }
        if value.is_none() {
            return Ok(Value::Null);
        }
        if let Ok(text) = value.cast::<PyString>() {
            return self.text(text).map(Value::String);
        }
        if let Ok(flag) = value.cast_exact::<PyBool>() {
            return Ok(Value::Bool(flag.is_true()));
        }
        if value.is_instance_of::<PyInt>() && (value.is_exact_instance_of::<PyInt>() || !ENUM.has(value)?) {
            return self.int(value);
        }
        if let Ok(float) = value.cast::<PyFloat>() {
            let number = float.value();
            return Ok(
                Number::from_f64(number).map_or_else(|| Value::String(number.to_string()), Value::Number)
            );
        }
        self.collection(value, depth)
    }

    fn text(&mut self, text: &Bound<'_, PyString>) -> Result<String, Unreadable> {
        let read = text.to_string_lossy().into_owned();
        self.count(read.len())?;
        if !text.is_exact_instance_of::<PyString>() && !ENUM.has(text)? {
            same(&read, &text.str()?)?;
        }
        Ok(read)
    }

    fn count(&mut self, bytes: usize) -> Result<(), Unreadable> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > BYTES_MAX {
            return Err(Unreadable::Limit(format!("more than {BYTES_MAX} bytes")));
        }
        Ok(())
    }

    /// Whole numbers beyond 64 bits are written as text.
    fn int(&mut self, value: &Bound<'_, PyAny>) -> Result<Value, Unreadable> {
        if let Ok(number) = value.extract::<i64>() {
            return Ok(Value::Number(number.into()));
        }
        if let Ok(number) = value.extract::<u64>() {
            return Ok(Value::Number(number.into()));
        }
        let bits: usize = value.call_method0(intern!(value.py(), "bit_length"))?.extract()?;
        if bits > 4096 {
            return Err(Unreadable::Limit(format!("a number of {bits} bits")));
        }
        let digits =
            value.py().get_type::<PyInt>().call_method1(intern!(value.py(), "__repr__"), (value,))?;
        Ok(Value::String(digits.str()?.to_string_lossy().into_owned()))
    }

    fn collection(&mut self, value: &Bound<'_, PyAny>, depth: usize) -> Result<Value, Unreadable> {
        if let Ok(map) = value.cast::<PyDict>() {
            return self.map(map, depth).map(Value::Object);
        }
        if let Ok(list) = value.cast::<PyList>() {
            return list.iter().map(|item| self.value(&item, depth + 1)).collect();
        }
        if let Ok(tuple) = value.cast::<PyTuple>() {
            if let Some(fields) = named_items(tuple)? {
                return self.map(&fields, depth).map(Value::Object);
            }
            return tuple.iter().map(|item| self.value(&item, depth + 1)).collect();
        }
        for class in [value.py().get_type::<PySet>(), value.py().get_type::<PyFrozenSet>()] {
            if value.get_type().is_subclass(&class)? {
                // Its own way of giving items is not asked.
                let items = class.call_method1(intern!(value.py(), "__iter__"), (value,))?;
                return self.items(&items, depth);
            }
        }
        if let Ok(bytes) = value.cast::<PyBytes>() {
            return self.binary(bytes.as_bytes());
        }
        if let Ok(bytes) = value.cast::<PyByteArray>() {
            return self.binary(&bytes.to_vec());
        }
        if value.is_instance_of::<PyMemoryView>() {
            return self.value(&value.call_method0(intern!(value.py(), "tobytes"))?, depth);
        }
        self.object(value, depth)
    }

    fn items(&mut self, value: &Bound<'_, PyAny>, depth: usize) -> Result<Value, Unreadable> {
        value.try_iter()?.map(|item| self.value(&item?, depth + 1)).collect()
    }

    /// Names are text; a mapping with other keys is read with their text.
    pub(crate) fn map(
        &mut self,
        map: &Bound<'_, PyDict>,
        depth: usize,
    ) -> Result<Map<String, Value>, Unreadable> {
        let mut read = Map::new();
        for (key, value) in map.iter() {
            let name = match key.cast::<PyString>() {
                Ok(text) => self.text(text)?,
                Err(_) => match self.value(&key, depth + 1)? {
                    Value::String(text) => text,
                    other => other.to_string(),
                },
            };
            let value = self.value(&value, depth + 1).map_err(|error| error.named(&name, depth))?;
            if read.insert(name, value).is_some() {
                return Err(Unreadable::Limit("two keys of a mapping have the same text".to_owned()));
            }
        }
        Ok(read)
    }

    fn binary(&mut self, bytes: &[u8]) -> Result<Value, Unreadable> {
        self.count(bytes.len())?;
        Ok(Value::String(String::from_utf8_lossy(bytes).into_owned()))
    }

    /// Anything else: what it says, where that is known.
    fn object(&mut self, value: &Bound<'_, PyAny>, depth: usize) -> Result<Value, Unreadable> {
        let py = value.py();
        if ENUM.has(value)? {
            return self.value(&value.getattr(intern!(py, "value"))?, depth + 1);
        }
        if any_has(&TEXTS, value)? {
            return self.said(value).map(Value::String);
        }
        if any_has(&TIMES, value)? {
            let text = value.call_method0(intern!(py, "isoformat"))?;
            return self.value(&text, depth + 1);
        }
        if any_has(&SECRETS, value)? {
            return self.value(&value.call_method0(intern!(py, "get_secret_value"))?, depth + 1);
        }
        if PATTERN.has(value)? {
            return self.value(&value.getattr(intern!(py, "pattern"))?, depth + 1);
        }
        if any_has(&SERIES, value)? {
            return self.items(value, depth);
        }
        if MAPPING_PROXY.has(value)? {
            let map = PyDict::new(py);
            map.update(value.cast::<PyMappingProxy>().map_err(PyErr::from)?.as_mapping())?;
            return self.map(&map, depth).map(Value::Object);
        }
        if let Some(fields) = fields(value)? {
            return self.map(&fields, depth).map(Value::Object);
        }
        if self.names_unknown {
            return opaque(value);
        }
        Err(Unreadable::Unknown { parameter: None, kind: full_name(value)? })
    }

    /// The text of an object that is nothing but text.
    fn said(&mut self, value: &Bound<'_, PyAny>) -> Result<String, Unreadable> {
        let text = self.text(&value.str()?)?;
        if PATH.has(value)? {
            let path = value.call_method0(intern!(value.py(), "__fspath__"))?;
            same(&text, path.cast::<PyString>().map_err(PyErr::from)?)?;
        }
        Ok(text)
    }
}

/// Refuses what says one thing when it is read and another when it is printed or opened.
fn same(read: &str, said: &Bound<'_, PyString>) -> Result<(), Unreadable> {
    if said.to_string_lossy() == read {
        return Ok(());
    }
    Err(Unreadable::Limit("a text that says something else than it holds".to_owned()))
}

/// A value that is known by its class's name only.
pub(crate) fn opaque(value: &Bound<'_, PyAny>) -> Result<Value, Unreadable> {
    Ok(Value::Object(Map::from_iter([("$python".to_owned(), Value::String(full_name(value)?))])))
}

/// A `maais.models.ActionRequest`, or anything with its attributes, as what the engine takes.
///
/// An attribute of the wrong type raises; what is only beyond a limit is handed on to be denied.
pub(crate) fn attempt(request: &Bound<'_, PyAny>) -> PyResult<Attempt> {
    let py = request.py();
    let text = |name| -> PyResult<String> {
        request.getattr(name)?.cast_into::<PyString>().map_err(PyErr::from)?.extract()
    };
    let agent_id = text(intern!(py, "agent_id"))?;
    let target = text(intern!(py, "target"))?;
    let action_type = text(intern!(py, "action_type"))?;
    let mut reader = Reader::default();
    let parts = (|| {
        let parameters = mapping(&mut reader, &request.getattr(intern!(py, "parameters"))?)?;
        let context = mapping(&mut reader, &request.getattr(intern!(py, "context"))?)?;
        Ok::<_, Unreadable>((parameters, context))
    })();
    let draft = parts.map_err(|error| error.into_request_error(py)).and_then(|(parameters, context)| {
        let unreadable = |error: PyErr| Unreadable::Raised(error).into_request_error(py);
        Ok(Draft {
            agent_id: agent_id.clone(),
            action_type: parse_action_type(&action_type)?,
            target: target.clone(),
            parameters,
            declared_goal: text(intern!(py, "declared_goal")).map_err(unreadable)?,
            action_id: text(intern!(py, "action_id")).map_err(unreadable)?,
            timestamp: timestamp(&request.getattr(intern!(py, "timestamp")).map_err(unreadable)?)?,
            context,
        })
    });
    Ok(draft
        .and_then(ActionRequest::new)
        .map_or_else(|error| malformed(error, &agent_id, &action_type, &target).into(), Attempt::from))
}

/// What can be said of something that is no request.
pub(crate) fn malformed(error: RequestError, agent: &str, action_type: &str, target: &str) -> Malformed {
    let mut claims = Map::new();
    for (name, text) in [("agent_id", agent), ("action_type", action_type), ("target", target)] {
        claims.insert(name.into(), text.chars().take(256).collect::<String>().into());
    }
    Malformed { error, claims }
}

fn mapping(reader: &mut Reader, value: &Bound<'_, PyAny>) -> Result<Map<String, Value>, Unreadable> {
    if value.is_none() {
        return Ok(Map::new());
    }
    let map = value.cast::<PyDict>().map_err(PyErr::from)?;
    reader.map(map, PARAMETERS_DEPTH)
}

/// A `datetime` with a time zone; one without is taken as UTC by `maais.models`.
fn timestamp(value: &Bound<'_, PyAny>) -> Result<jiff::Timestamp, RequestError> {
    let text = value.call_method0(intern!(value.py(), "isoformat")).and_then(|text| text.extract::<String>());
    let text = text.map_err(|_| RequestError::Timestamp { found: "no datetime".to_owned() })?;
    text.parse().map_err(|_| RequestError::Timestamp { found: text })
}
