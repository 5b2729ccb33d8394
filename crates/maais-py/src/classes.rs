//! Which Python class a value is of, without asking the value.
//!
//! Classes are looked up once and only where their module is loaded already: a value cannot be of a class
//! that nobody imported. `isinstance` is not used: it believes a `__class__` that the value made up.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyType};

/// A class of the standard library, of pydantic or of a framework.
pub(crate) struct Class {
    module: &'static str,
    name: &'static str,
    found: PyOnceLock<Py<PyType>>,
}

impl Class {
    const fn new(module: &'static str, name: &'static str) -> Self {
        Self { module, name, found: PyOnceLock::new() }
    }

    /// Whether the value is one of its objects, or of a class below it.
    pub(crate) fn has(&self, value: &Bound<'_, PyAny>) -> PyResult<bool> {
        match self.get(value.py())? {
            Some(class) => value.get_type().is_subclass(class),
            None => Ok(false),
        }
    }

    /// Whether the value is one of its objects, and of no class below it.
    pub(crate) fn is_class_of(&self, value: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(self.get(value.py())?.is_some_and(|class| value.get_type().is(class)))
    }

    /// The class, where its module is loaded.
    pub(crate) fn get<'py>(&self, py: Python<'py>) -> PyResult<Option<&Bound<'py, PyType>>> {
        if let Some(class) = self.found.get(py) {
            return Ok(Some(class.bind(py)));
        }
        let modules = py.import("sys")?.getattr(intern!(py, "modules"))?;
        let Some(module) = modules.cast::<PyDict>()?.get_item(self.module)? else { return Ok(None) };
        let Some(class) = module.getattr_opt(self.name)? else { return Ok(None) };
        let class = class.cast_into::<PyType>()?.unbind();
        Ok(Some(self.found.get_or_init(py, || class).bind(py)))
    }
}

/// Whether the value is of one of these classes, or of a class below one.
pub(crate) fn any_has(classes: &[Class], value: &Bound<'_, PyAny>) -> PyResult<bool> {
    for class in classes {
        if class.has(value)? {
            return Ok(true);
        }
    }
    Ok(false)
}

pub(crate) static ENUM: Class = Class::new("enum", "Enum");
pub(crate) static PATH: Class = Class::new("pathlib", "PurePath");
pub(crate) static PATTERN: Class = Class::new("re", "Pattern");
pub(crate) static DEQUE: Class = Class::new("collections", "deque");
pub(crate) static MAPPING_PROXY: Class = Class::new("types", "MappingProxyType");

/// What their text says is all that they are.
pub(crate) static TEXTS: [Class; 13] = [
    Class::new("uuid", "UUID"),
    Class::new("decimal", "Decimal"),
    Class::new("fractions", "Fraction"),
    Class::new("ipaddress", "_IPAddressBase"),
    Class::new("datetime", "timedelta"),
    Class::new("datetime", "tzinfo"),
    Class::new("builtins", "complex"),
    Class::new("pydantic.networks", "_BaseUrl"),
    Class::new("pydantic.networks", "_BaseMultiHostUrl"),
    Class::new("pydantic.networks", "NameEmail"),
    Class::new("pydantic_core", "Url"),
    Class::new("pydantic_core", "MultiHostUrl"),
    Class::new("pathlib", "PurePath"),
];

pub(crate) static TIMES: [Class; 3] =
    [Class::new("datetime", "datetime"), Class::new("datetime", "date"), Class::new("datetime", "time")];

/// What hides its value from whoever prints it. Policies judge the value.
pub(crate) static SECRETS: [Class; 3] = [
    Class::new("pydantic.types", "_SecretBase"),
    Class::new("pydantic.types", "_SecretField"),
    Class::new("pydantic.v1.types", "SecretField"),
];

/// What is read again and again with the same items.
pub(crate) static SERIES: [Class; 5] = [
    Class::new("collections", "deque"),
    Class::new("builtins", "range"),
    Class::new("_collections_abc", "dict_keys"),
    Class::new("_collections_abc", "dict_values"),
    Class::new("_collections_abc", "dict_items"),
];

/// What gives its items once, and can be asked for them without anything else happening than what its
/// maker wrote. Files and cursors are not among them.
static ONCE: [Class; 32] = [
    Class::new("_collections_abc", "generator"),
    Class::new("_collections_abc", "bytes_iterator"),
    Class::new("_collections_abc", "bytearray_iterator"),
    Class::new("_collections_abc", "dict_keyiterator"),
    Class::new("_collections_abc", "dict_valueiterator"),
    Class::new("_collections_abc", "dict_itemiterator"),
    Class::new("_collections_abc", "list_iterator"),
    Class::new("_collections_abc", "list_reverseiterator"),
    Class::new("_collections_abc", "range_iterator"),
    Class::new("_collections_abc", "longrange_iterator"),
    Class::new("_collections_abc", "set_iterator"),
    Class::new("_collections_abc", "str_iterator"),
    Class::new("_collections_abc", "tuple_iterator"),
    Class::new("builtins", "map"),
    Class::new("builtins", "filter"),
    Class::new("builtins", "zip"),
    Class::new("builtins", "enumerate"),
    Class::new("builtins", "reversed"),
    Class::new("itertools", "accumulate"),
    Class::new("itertools", "chain"),
    Class::new("itertools", "combinations"),
    Class::new("itertools", "compress"),
    Class::new("itertools", "count"),
    Class::new("itertools", "cycle"),
    Class::new("itertools", "dropwhile"),
    Class::new("itertools", "filterfalse"),
    Class::new("itertools", "islice"),
    Class::new("itertools", "permutations"),
    Class::new("itertools", "product"),
    Class::new("itertools", "repeat"),
    Class::new("itertools", "starmap"),
    Class::new("itertools", "takewhile"),
];

/// Whether the value gives its items once only. What is taken for such a value by mistake is harmless: its
/// items are handed over instead of itself.
pub(crate) fn gives_items_once(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    let kind = value.get_type();
    // Pydantic makes one for `Iterable`; it stands in no module.
    if kind.name()? == "ValidatorIterator" && kind.module()? == "pydantic_core._pydantic_core" {
        return Ok(true);
    }
    any_has(&ONCE, value)
}

/// The type's full name, as far as it is printed.
pub(crate) fn full_name(value: &Bound<'_, PyAny>) -> PyResult<String> {
    let kind = value.get_type();
    let name = format!("{}.{}", kind.module()?.to_string_lossy(), kind.qualname()?.to_string_lossy());
    Ok(name.chars().take(256).collect())
}
