//! Python bindings: translation, nothing else.
//!
//! What a Python object means is read here, once; what is decided, and what happens when something fails,
//! is the engine's matter. The public Python API is `python/maais`, not this module.

mod classes;
mod copying;
mod fields;
mod from_python;
mod guard;
mod handle;
mod methods;
mod parameters;
mod registry;
mod to_python;

use pyo3::prelude::*;

/// Native part of `maais`. Private: use `maais`.
#[pymodule]
mod _maais {
    #[pymodule_export]
    use super::guard::Guard;
    #[pymodule_export]
    use super::handle::Runtime;
    #[pymodule_export]
    use super::handle::verify;
    #[pymodule_export]
    use super::registry::PyRegistry;
    #[pymodule_export]
    use super::registry::verify_permit;
}

/// The names of this package's Python modules, in one place.
mod names {
    pub(crate) const ERRORS: &str = "maais.errors";
    pub(crate) const MODELS: &str = "maais.models";
}

/// A class of one of this package's Python modules.
fn class<'py>(py: Python<'py>, module: &str, name: &str) -> PyResult<Bound<'py, PyAny>> {
    py.import(module)?.getattr(name)
}
