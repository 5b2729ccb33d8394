//! Whether the first argument of a call is the object, or the class, that a guarded method belongs to.
//!
//! The name of a parameter proves nothing. What proves it: the first argument's own class, or one that it
//! inherits from, holds the wrapper of this very guard under the method's name, and not as a static method.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyFunction, PyTuple, PyType};

/// Decorators above the guard's own wrapper that are looked through.
const LAYERS_MAX: usize = 8;

/// Whether `first` is the object of the method that `guard` stands before, known by one of `names`.
pub(crate) fn is_own_object(
    guard: &Bound<'_, PyAny>,
    names: &[String],
    first: &Bound<'_, PyAny>,
) -> PyResult<bool> {
    if names.is_empty() {
        return Ok(false);
    }
    let py = first.py();
    let kind = first.cast::<PyType>().map_or_else(|_| first.get_type(), Clone::clone);
    // A class's own names, whatever its metaclass says of them.
    let held = py.get_type::<PyType>().getattr(intern!(py, "__dict__"))?.get_item("__dict__")?;
    for class in kind.mro().iter() {
        let held = held.call_method1(intern!(py, "__get__"), (&class,))?;
        for name in names {
            if held.contains(name)? && stands_before(guard, held.get_item(name)?)? {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Whether the guard is within: `entry` is its wrapper, or a decorator's wrapper of it.
fn stands_before(guard: &Bound<'_, PyAny>, mut entry: Bound<'_, PyAny>) -> PyResult<bool> {
    let py = guard.py();
    let static_method = py.import("builtins")?.getattr(intern!(py, "staticmethod"))?;
    for _ in 0..LAYERS_MAX {
        if entry.get_type().is(&static_method) {
            return Ok(false);
        }
        if entry.is_instance_of::<PyFunction>()
            && let Ok(cells) = entry.getattr(intern!(py, "__closure__"))?.cast::<PyTuple>()
        {
            for cell in cells.iter() {
                if cell.getattr_opt(intern!(py, "cell_contents"))?.is_some_and(|held| held.is(guard)) {
                    return Ok(true);
                }
            }
        }
        let mut inner = None;
        for name in ["__wrapped__", "__func__", "fget"] {
            if inner.is_none() {
                inner = entry.getattr_opt(name)?;
            }
        }
        let Some(inner) = inner else { return Ok(false) };
        entry = inner;
    }
    Ok(false)
}
