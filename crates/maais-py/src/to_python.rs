//! What the engine answers, as Python values.

use maais_core::decision::Decision;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use serde_json::{Map, Value};

use crate::{class, names};

/// JSON as `None`, `bool`, `int`, `float`, `str`, `list`, `dict`.
pub(crate) fn value<'py>(py: Python<'py>, json: &Value) -> PyResult<Bound<'py, PyAny>> {
    Ok(match json {
        Value::Null => py.None().into_bound(py),
        Value::Bool(flag) => flag.into_pyobject(py)?.to_owned().into_any(),
        Value::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(int), _, _) => int.into_pyobject(py)?.into_any(),
            (_, Some(int), _) => int.into_pyobject(py)?.into_any(),
            (_, _, float) => float.unwrap_or(f64::NAN).into_pyobject(py)?.into_any(),
        },
        Value::String(text) => text.into_pyobject(py)?.into_any(),
        Value::Array(items) => {
            let list = PyList::empty(py);
            for item in items {
                list.append(value(py, item)?)?;
            }
            list.into_any()
        }
        Value::Object(entries) => map(py, entries)?.into_any(),
    })
}

/// A JSON object as a `dict`.
pub(crate) fn map<'py>(py: Python<'py>, entries: &Map<String, Value>) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    for (name, entry) in entries {
        dict.set_item(name, value(py, entry)?)?;
    }
    Ok(dict)
}

/// A `maais.models.Decision`.
pub(crate) fn decision<'py>(py: Python<'py>, decision: &Decision) -> PyResult<Bound<'py, PyAny>> {
    class(py, names::MODELS, "Decision")?.call_method1("from_dict", (map(py, &decision.to_json())?,))
}
