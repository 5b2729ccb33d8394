//! Python values as JSON: what an action is about, read once and within the limits of a request.
//!
//! Plain values (text, numbers, lists, mappings) are read without running any code of theirs. Values of
//! other types are known by their type's name only, but for those whose text is plain: paths, times, UUIDs,
//! decimals, enumerations, dataclasses and pydantic models.

use maais_core::attempt::{Attempt, Malformed};
use maais_core::json::{DEPTH_MAX, VALUES_MAX};
use maais_core::request::{ActionRequest, Draft, RequestError, parse_action_type};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{
    PyBool, PyByteArray, PyBytes, PyDict, PyFloat, PyFrozenSet, PyInt, PyList, PySet, PyString, PyTuple,
    PyType,
};
use serde_json::{Map, Number, Value};

/// Bytes of text and binary data in one value; what is longer is over the limit of a request anyhow.
const BYTES_MAX: usize = 1 << 20;

/// A class of the standard library, looked up once: what replaces its name later is not asked.
struct Class {
    module: &'static str,
    name: &'static str,
    found: PyOnceLock<Py<PyType>>,
}

impl Class {
    const fn new(module: &'static str, name: &'static str) -> Self {
        Self { module, name, found: PyOnceLock::new() }
    }

    /// Whether the value is one of its objects.
    fn has(&self, value: &Bound<'_, PyAny>) -> PyResult<bool> {
        value.is_instance(self.found.import(value.py(), self.module, self.name)?)
    }
}

static ENUM: Class = Class::new("enum", "Enum");
static PLAIN_TEXT: [Class; 4] = [
    Class::new("pathlib", "PurePath"),
    Class::new("uuid", "UUID"),
    Class::new("decimal", "Decimal"),
    Class::new("ipaddress", "_IPAddressBase"),
];
static TIMES: [Class; 3] =
    [Class::new("datetime", "datetime"), Class::new("datetime", "date"), Class::new("datetime", "time")];

/// Why a value cannot be part of a request.
#[derive(Debug)]
pub(crate) enum Unreadable {
    /// Beyond a limit, or cyclic.
    Limit(String),
    /// Python raised an exception.
    Raised(PyErr),
}

impl From<PyErr> for Unreadable {
    fn from(error: PyErr) -> Self {
        Self::Raised(error)
    }
}

impl Unreadable {
    /// As the error of a request.
    pub(crate) fn into_request_error(self, py: Python<'_>) -> RequestError {
        match self {
            Self::Limit(what) => RequestError::Unrepresentable(what),
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
}

impl Reader {
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
        if value.is_instance_of::<PyInt>() && !value.hasattr(intern!(value.py(), "value"))? {
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
        let text = text.to_string_lossy().into_owned();
        self.count(text.len())?;
        Ok(text)
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
        Ok(Value::String(value.str()?.to_string_lossy().into_owned()))
    }

    fn collection(&mut self, value: &Bound<'_, PyAny>, depth: usize) -> Result<Value, Unreadable> {
        if let Ok(map) = value.cast::<PyDict>() {
            return self.map(map, depth).map(Value::Object);
        }
        if let Ok(list) = value.cast::<PyList>() {
            return list.iter().map(|item| self.value(&item, depth + 1)).collect();
        }
        if let Ok(tuple) = value.cast::<PyTuple>() {
            return tuple.iter().map(|item| self.value(&item, depth + 1)).collect();
        }
        if value.is_instance_of::<PySet>() || value.is_instance_of::<PyFrozenSet>() {
            let items: Result<Vec<Value>, Unreadable> =
                value.try_iter()?.map(|item| self.value(&item?, depth + 1)).collect();
            return items.map(Value::Array);
        }
        if let Ok(bytes) = value.cast::<PyBytes>() {
            return self.binary(bytes.as_bytes());
        }
        if let Ok(bytes) = value.cast::<PyByteArray>() {
            return self.binary(&bytes.to_vec());
        }
        self.object(value, depth)
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
            let value = self.value(&value, depth + 1)?;
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

    /// Anything else: its fields or its text where these are plain, else its type's name.
    fn object(&mut self, value: &Bound<'_, PyAny>, depth: usize) -> Result<Value, Unreadable> {
        let py = value.py();
        if ENUM.has(value)? {
            return self.value(&value.getattr(intern!(py, "value"))?, depth + 1);
        }
        for class in &PLAIN_TEXT {
            if class.has(value)? {
                return self.text(&value.str()?).map(Value::String);
            }
        }
        for class in &TIMES {
            if class.has(value)? {
                let text = value.call_method0(intern!(py, "isoformat"))?;
                return self.value(&text, depth + 1);
            }
        }
        if let Some(fields) = fields(value)? {
            return self.map(&fields, depth).map(Value::Object);
        }
        opaque(value)
    }
}

/// A value that is known by its type's name only.
pub(crate) fn opaque(value: &Bound<'_, PyAny>) -> Result<Value, Unreadable> {
    let kind = value.get_type();
    let name = format!("{}.{}", kind.module()?.to_string_lossy(), kind.qualname()?.to_string_lossy());
    Ok(Value::Object(Map::from_iter([("$python".to_owned(), Value::String(name))])))
}

/// The fields of a dataclass or a pydantic model.
fn fields<'py>(value: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyDict>>> {
    let py = value.py();
    let kind = value.get_type();
    let names: Vec<String> = if kind.hasattr(intern!(py, "__dataclass_fields__"))? {
        kind.getattr(intern!(py, "__dataclass_fields__"))?.cast::<PyDict>()?.keys().extract()?
    } else if kind.hasattr(intern!(py, "__pydantic_fields__"))? {
        kind.getattr(intern!(py, "__pydantic_fields__"))?.cast::<PyDict>()?.keys().extract()?
    } else {
        return Ok(None);
    };
    let fields = PyDict::new(py);
    for name in names {
        if let Some(field) = value.getattr_opt(name.as_str())? {
            fields.set_item(name, field)?;
        }
    }
    Ok(Some(fields))
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
    reader.map(map, 1)
}

/// A `datetime` with a time zone; one without is taken as UTC by `maais.models`.
fn timestamp(value: &Bound<'_, PyAny>) -> Result<jiff::Timestamp, RequestError> {
    let text = value.call_method0(intern!(value.py(), "isoformat")).and_then(|text| text.extract::<String>());
    let text = text.map_err(|_| RequestError::Timestamp { found: "no datetime".to_owned() })?;
    text.parse().map_err(|_| RequestError::Timestamp { found: text })
}
