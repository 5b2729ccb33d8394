//! The copy of an argument that is decided on and handed over: nobody else holds what can change in it.
//!
//! Containers and objects made of fields are copied all the way down; text, numbers and the like cannot
//! change. What gives its items once is handed over as a list of them. Anything else stays as it is: the
//! reader refuses it, unless the parameter was declared `opaque`.

use maais_core::json::VALUES_MAX;
use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{
    PyByteArray, PyBytes, PyDict, PyFloat, PyFrozenSet, PyInt, PyList, PyMappingProxy, PyMemoryView, PySet,
    PyString, PyTuple,
};

use crate::classes::{DEQUE, ENUM, MAPPING_PROXY, SECRETS, any_has, gives_items_once};
use crate::fields::{extra, names, own};
use crate::from_python::Unreadable;

/// Containers within one another that are copied; what is deeper cannot be part of a request.
const DEPTH_MAX: usize = 80;

/// Copies the arguments of one call.
#[derive(Default)]
pub(crate) struct Copier {
    values: usize,
}

type Copied<'py> = Result<Bound<'py, PyAny>, Unreadable>;

impl Copier {
    /// The value as nobody else holds it.
    pub(crate) fn copy<'py>(&mut self, value: &Bound<'py, PyAny>, depth: usize) -> Copied<'py> {
        self.count()?;
        if depth > DEPTH_MAX {
            return Err(Unreadable::Limit("nested too deeply, or within itself".to_owned()));
        }
        if value.is_none()
            || value.is_exact_instance_of::<PyString>()
            || value.is_exact_instance_of::<PyInt>()
        {
            return Ok(value.clone());
        }
        if let Ok(map) = value.cast::<PyDict>() {
            return self.map(map, depth);
        }
        if let Ok(list) = value.cast::<PyList>() {
            return self.list(list, depth);
        }
        if let Ok(tuple) = value.cast::<PyTuple>() {
            return self.tuple(tuple, depth);
        }
        if let Ok(set) = value.cast::<PySet>() {
            return Self::set(set);
        }
        if value.is_instance_of::<PyByteArray>() {
            return Ok(shallow(value)?);
        }
        self.other(value, depth)
    }

    fn count(&mut self) -> Result<(), Unreadable> {
        self.values += 1;
        if self.values > VALUES_MAX {
            return Err(Unreadable::Limit(format!("more than {VALUES_MAX} values")));
        }
        Ok(())
    }

    fn map<'py>(&mut self, map: &Bound<'py, PyDict>, depth: usize) -> Copied<'py> {
        let plain = map.is_exact_instance_of::<PyDict>();
        let copy =
            if plain { map.copy()? } else { shallow(map)?.cast_into::<PyDict>().map_err(PyErr::from)? };
        if copy.is(map) {
            return Err(PyTypeError::new_err("a mapping that copies itself as itself").into());
        }
        let items: Vec<_> = copy.iter().collect();
        for (key, item) in items {
            copy.set_item(key, self.copy(&item, depth + 1)?)?;
        }
        Ok(copy.into_any())
    }

    /// What the list holds, not what a class of one's own says of it.
    fn list<'py>(&mut self, list: &Bound<'py, PyList>, depth: usize) -> Copied<'py> {
        let items: Vec<_> =
            list.to_tuple().iter().map(|item| self.copy(&item, depth + 1)).collect::<Result<_, _>>()?;
        let items = PyList::new(list.py(), items)?;
        if list.is_exact_instance_of::<PyList>() {
            return Ok(items.into_any());
        }
        let copy = shallow(list)?.cast_into::<PyList>().map_err(PyErr::from)?;
        if copy.is(list) {
            return Err(PyTypeError::new_err("a list that copies itself as itself").into());
        }
        copy.set_slice(0, copy.len(), &items)?;
        Ok(copy.into_any())
    }

    fn set<'py>(set: &Bound<'py, PySet>) -> Copied<'py> {
        let py = set.py();
        let kind = py.get_type::<PySet>();
        let copy = shallow(set)?.cast_into::<PySet>().map_err(PyErr::from)?;
        if copy.is(set) {
            return Err(PyTypeError::new_err("a set that copies itself as itself").into());
        }
        copy.clear();
        let items = kind.call_method1(intern!(py, "__iter__"), (set,))?;
        kind.call_method1(intern!(py, "update"), (&copy, items))?;
        Ok(copy.into_any())
    }

    /// A tuple cannot change, but what it holds can.
    fn tuple<'py>(&mut self, tuple: &Bound<'py, PyTuple>, depth: usize) -> Copied<'py> {
        let py = tuple.py();
        let items: Vec<_> = tuple.iter().map(|item| self.copy(&item, depth + 1)).collect::<Result<_, _>>()?;
        let copy = PyTuple::new(py, items)?;
        if tuple.is_exact_instance_of::<PyTuple>() {
            return Ok(copy.into_any());
        }
        if tuple.iter().zip(copy.iter()).all(|(before, after)| before.is(&after)) {
            return Ok(tuple.clone().into_any());
        }
        let made = py.get_type::<PyTuple>().call_method1(intern!(py, "__new__"), (tuple.get_type(), copy))?;
        Ok(made)
    }

    fn other<'py>(&mut self, value: &Bound<'py, PyAny>, depth: usize) -> Copied<'py> {
        let py = value.py();
        if cannot_change(value)? {
            return Ok(value.clone());
        }
        if DEQUE.is_class_of(value)? {
            let items = self.items(value, depth)?;
            let longest = value.getattr(intern!(py, "maxlen"))?;
            return Ok(value.get_type().call1((items, longest))?);
        }
        if MAPPING_PROXY.is_class_of(value)? {
            let map = PyDict::new(py);
            map.update(value.cast::<PyMappingProxy>().map_err(PyErr::from)?.as_mapping())?;
            let copy = self.map(&map, depth)?.cast_into::<PyDict>().map_err(PyErr::from)?;
            return Ok(PyMappingProxy::new(py, copy.as_mapping()).into_any());
        }
        if value.is_exact_instance_of::<PyMemoryView>() {
            let bytes = value.call_method0(intern!(py, "tobytes"))?;
            return Ok(PyMemoryView::from(&bytes)?.into_any());
        }
        if gives_items_once(value)? {
            return Ok(self.items(value, depth)?.into_any());
        }
        if any_has(&SECRETS, value)? {
            return self.attributes(value, vec![intern!(py, "_secret_value").clone()], depth);
        }
        match names(&value.get_type())? {
            Some(names) => self.attributes(value, names, depth),
            None => Ok(value.clone()),
        }
    }

    /// The items of what can be asked for them.
    fn items<'py>(
        &mut self,
        value: &Bound<'py, PyAny>,
        depth: usize,
    ) -> Result<Bound<'py, PyList>, Unreadable> {
        let items = PyList::empty(value.py());
        for item in value.try_iter()? {
            items.append(self.copy(&item?, depth + 1)?)?;
        }
        Ok(items)
    }

    /// An object made of fields, as a new one. What its class calls private is shared with the old one: no
    /// agent fills it.
    fn attributes<'py>(
        &mut self,
        value: &Bound<'py, PyAny>,
        mut names: Vec<Bound<'py, PyString>>,
        depth: usize,
    ) -> Copied<'py> {
        let py = value.py();
        let copy = shallow(value)?;
        // A class may say that its objects are their own copies.
        if copy.is(value) || !copy.get_type().is(value.get_type()) {
            return Ok(copy);
        }
        if let Some(own) = own(&copy)? {
            let declared = PySet::new(py, &names)?;
            for name in own.keys().iter() {
                if !declared.contains(&name)? {
                    names.push(name.cast_into::<PyString>().map_err(PyErr::from)?);
                }
            }
        }
        let assign = py.get_type::<PyAny>().getattr(intern!(py, "__setattr__"))?;
        for name in names {
            if let Some(field) = copy.getattr_opt(&name)? {
                let fresh = self.copy(&field, depth + 1)?;
                if !fresh.is(&field) {
                    assign.call1((&copy, name, fresh))?;
                }
            }
        }
        if let Some(extra) = extra(&copy)? {
            let fresh = self.map(&extra, depth + 1)?;
            assign.call1((&copy, intern!(py, "__pydantic_extra__"), fresh))?;
        }
        Ok(copy)
    }
}

/// Text, numbers and members of enumerations, of classes of one's own, too.
fn cannot_change(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(value.is_instance_of::<PyString>()
        || value.is_instance_of::<PyInt>()
        || value.is_instance_of::<PyFloat>()
        || value.is_instance_of::<PyBytes>()
        || value.is_instance_of::<PyFrozenSet>()
        || ENUM.has(value)?)
}

/// What Python's `copy.copy` makes of the value.
fn shallow<'py>(value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    static COPY: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    COPY.import(value.py(), "copy", "copy")?.call1((value,))
}
