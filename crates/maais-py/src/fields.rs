//! The fields of an object that is made of fields: a dataclass, a pydantic model, an attrs class.

use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple, PyType};

/// The attributes of a class that name the fields of its objects.
const MARKS: [&str; 3] = ["__dataclass_fields__", "__pydantic_fields__", "__fields__"];

/// Every field under its name, then what stands beside the declared fields: an agent can fill that, too,
/// where a model takes what it does not know.
pub(crate) fn fields<'py>(value: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyDict>>> {
    let Some(names) = names(&value.get_type())? else { return Ok(None) };
    let fields = PyDict::new(value.py());
    for name in names {
        if let Some(field) = value.getattr_opt(&name)? {
            fields.set_item(name, field)?;
        }
    }
    if let Some(own) = own(value)? {
        for (name, field) in own {
            if !fields.contains(&name)? {
                fields.set_item(name, field)?;
            }
        }
    }
    if let Some(extra) = extra(value)? {
        for (name, field) in extra {
            if fields.contains(&name)? {
                return Err(PyValueError::new_err("a field and an extra value of the same name"));
            }
            fields.set_item(name, field)?;
        }
    }
    Ok(Some(fields))
}

/// The fields of a named tuple.
pub(crate) fn named_items<'py>(tuple: &Bound<'py, PyTuple>) -> PyResult<Option<Bound<'py, PyDict>>> {
    let Some(names) = tuple.get_type().getattr_opt(intern!(tuple.py(), "_fields"))? else { return Ok(None) };
    let Ok(names) = names.cast_into::<PyTuple>() else { return Ok(None) };
    if names.len() != tuple.len() {
        return Ok(None);
    }
    let fields = PyDict::new(tuple.py());
    for (name, item) in names.iter().zip(tuple.iter()) {
        fields.set_item(name, item)?;
    }
    Ok((fields.len() == names.len()).then_some(fields))
}

/// What an object keeps by name besides what its class declares.
pub(crate) fn own<'py>(value: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyDict>>> {
    let own = value.getattr_opt(intern!(value.py(), "__dict__"))?;
    Ok(own.and_then(|own| own.cast_into::<PyDict>().ok()))
}

/// What a pydantic model took without knowing it.
pub(crate) fn extra<'py>(value: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyDict>>> {
    let extra = value.getattr_opt(intern!(value.py(), "__pydantic_extra__"))?;
    Ok(extra.and_then(|extra| extra.cast_into::<PyDict>().ok()))
}

/// The names of the declared fields, where the class declares any.
pub(crate) fn names<'py>(kind: &Bound<'py, PyType>) -> PyResult<Option<Vec<Bound<'py, PyString>>>> {
    for mark in MARKS {
        if let Some(declared) = kind.getattr_opt(mark)?
            && let Ok(declared) = declared.cast_into::<PyDict>()
        {
            return declared.keys().iter().map(text).collect::<PyResult<_>>().map(Some);
        }
    }
    let Some(attributes) = kind.getattr_opt(intern!(kind.py(), "__attrs_attrs__"))? else { return Ok(None) };
    let names =
        attributes.try_iter()?.map(|attribute| attribute?.getattr(intern!(kind.py(), "name")).and_then(text));
    names.collect::<PyResult<_>>().map(Some)
}

fn text(name: Bound<'_, PyAny>) -> PyResult<Bound<'_, PyString>> {
    Ok(name.cast_into::<PyString>()?)
}
