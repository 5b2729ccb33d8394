//! A callable behind the reference monitor.
//!
//! The callable lives in here and nowhere else: no attribute returns it, and Python's garbage collector is
//! not told of it. Arguments are copied first, the copy is decided on, and that same copy is handed over,
//! so that nobody changes them in between.

use std::sync::Arc;

use maais_core::attempt::Attempt;
use maais_core::request::{ActionRequest, ActionType, Draft, RequestError, parse_action_type};
use maais_runtime::Outcome;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyDict, PyList, PySet, PyTuple};
use serde_json::{Map, Value};

use crate::from_python::{Reader, malformed};
use crate::handle::{Handle, Runtime};
use crate::to_python;

/// Containers within one another that are copied; what is deeper cannot be part of a request.
const COPY_DEPTH_MAX: usize = 80;

/// A callable that runs only when its call was allowed.
#[pyclass(frozen, module = "maais._maais")]
pub(crate) struct Guard {
    handle: Arc<Handle>,
    function: Py<PyAny>,
    signature: Py<PyAny>,
    /// The first parameter is the object that the method belongs to.
    bound_object: bool,
    agent_id: String,
    goal: String,
    action_type: ActionType,
    target: String,
    session_id: Option<String>,
    framework: Option<String>,
    denial: Py<PyAny>,
}

/// What was decided on and is handed over: positional and named arguments.
struct Approved<'py> {
    action_id: String,
    args: Bound<'py, PyTuple>,
    kwargs: Bound<'py, PyDict>,
}

#[pymethods]
impl Guard {
    /// `denial` is the exception class that is raised with the decision when a call is refused.
    #[new]
    #[pyo3(signature = (runtime, function, signature, *, agent_id, goal, action_type, target, denial, bound_object=false, session_id=None, framework=None))]
    #[expect(
        clippy::too_many_arguments,
        reason = "named in Python; a builder would be one more object to reach into"
    )]
    fn new(
        runtime: &Bound<'_, Runtime>,
        function: Py<PyAny>,
        signature: Py<PyAny>,
        agent_id: String,
        goal: String,
        action_type: &str,
        target: String,
        denial: Py<PyAny>,
        bound_object: bool,
        session_id: Option<String>,
        framework: Option<String>,
    ) -> PyResult<Self> {
        if agent_id.trim().is_empty() || target.trim().is_empty() {
            return Err(PyValueError::new_err(
                "a guard needs an `agent_id` and a `target` that are not empty",
            ));
        }
        let action_type =
            parse_action_type(action_type).map_err(|error| PyValueError::new_err(error.to_string()))?;
        let handle = runtime.get().handle.clone();
        Ok(Self {
            handle,
            function,
            signature,
            bound_object,
            agent_id,
            goal,
            action_type,
            target,
            session_id,
            framework,
            denial,
        })
    }

    /// Decides the call, runs it if it is allowed, and records what came of it.
    #[pyo3(signature = (*args, **kwargs))]
    fn __call__<'py>(
        &self,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = args.py();
        let approved = self.approve(args, kwargs)?;
        let result = self.function.bind(py).call(&approved.args, Some(&approved.kwargs));
        self.tell(py, &approved.action_id, result.as_ref().err())?;
        result
    }

    /// Decides the call and begins it: for coroutines and generators, which run later. The outcome is told
    /// with `finish`.
    #[pyo3(signature = (args, kwargs))]
    fn start<'py>(
        &self,
        args: &Bound<'py, PyTuple>,
        kwargs: &Bound<'py, PyDict>,
    ) -> PyResult<(String, Bound<'py, PyAny>)> {
        let py = args.py();
        let approved = self.approve(args, Some(kwargs))?;
        let begun = self.function.bind(py).call(&approved.args, Some(&approved.kwargs));
        if let Err(error) = &begun {
            self.tell(py, &approved.action_id, Some(error))?;
        }
        Ok((approved.action_id, begun?))
    }

    /// Tells what came of a call that was begun; `error` is the exception that ended it.
    #[pyo3(signature = (action_id, error=None))]
    fn finish(&self, py: Python<'_>, action_id: &str, error: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let error = error.map(|error| PyErr::from_value(error.clone()));
        self.tell(py, action_id, error.as_ref())
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(PyTypeError::new_err("a guard cannot be copied or pickled: it holds what must not be reached"))
    }

    fn __repr__(&self) -> String {
        format!("<maais guard of {:?} for agent {:?}>", self.target, self.agent_id)
    }
}

impl Guard {
    /// The call with copied arguments if it is allowed; else the denial is raised.
    fn approve<'py>(
        &self,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Approved<'py>> {
        let py = args.py();
        let bound = self.signature.bind(py).call_method("bind", args, kwargs)?;
        let arguments =
            bound.getattr(intern!(py, "arguments"))?.cast_into::<PyDict>().map_err(PyErr::from)?;
        let skip = usize::from(self.bound_object);
        for (name, value) in arguments.iter().skip(skip) {
            arguments.set_item(name, copied(&value, 0)?)?;
        }
        let action_id = uuid::Uuid::now_v7().to_string();
        // What is handed over is fixed before it is decided on; defaults are the function's own objects.
        let args = bound.getattr(intern!(py, "args"))?.cast_into::<PyTuple>().map_err(PyErr::from)?;
        let kwargs = bound.getattr(intern!(py, "kwargs"))?.cast_into::<PyDict>().map_err(PyErr::from)?;
        bound.call_method0(intern!(py, "apply_defaults"))?;
        let arguments =
            bound.getattr(intern!(py, "arguments"))?.cast_into::<PyDict>().map_err(PyErr::from)?;
        let attempt = self.attempt(&arguments, skip, &action_id);
        let decision = self.handle.intercept(py, attempt)?;
        if decision.allow() {
            return Ok(Approved { action_id, args, kwargs });
        }
        let exception = self.denial.bind(py).call1((to_python::decision(py, &decision)?,))?;
        Err(PyErr::from_value(exception))
    }

    fn attempt(&self, arguments: &Bound<'_, PyDict>, skip: usize, action_id: &str) -> Attempt {
        let mut reader = Reader::default();
        let mut parameters = Map::new();
        let mut error = None;
        for (name, value) in arguments.iter().skip(skip) {
            match (name.extract::<String>(), reader.value(&value, 1)) {
                (Ok(name), Ok(value)) => drop(parameters.insert(name, value)),
                (_, Err(unreadable)) => error = Some(unreadable.into_request_error(arguments.py())),
                (Err(_), _) => {
                    error = Some(RequestError::Unrepresentable("a parameter has no name".to_owned()))
                }
            }
        }
        let mut context = Map::new();
        for (name, value) in [("session_id", &self.session_id), ("framework", &self.framework)] {
            if let Some(value) = value {
                context.insert(name.into(), Value::String(value.clone()));
            }
        }
        let request = error.map_or(Ok(()), Err).and_then(|()| {
            ActionRequest::new(Draft {
                agent_id: self.agent_id.clone(),
                action_type: self.action_type,
                target: self.target.clone(),
                parameters,
                declared_goal: self.goal.clone(),
                action_id: action_id.to_owned(),
                timestamp: jiff::Timestamp::now(),
                context,
            })
        });
        request.map_or_else(
            |error| malformed(error, &self.agent_id, self.action_type.as_str(), &self.target).into(),
            Attempt::from,
        )
    }

    /// The outcome as a second record. A log that refuses it is told by raising: the caller must not go on
    /// as if everything were recorded.
    fn tell(&self, py: Python<'_>, action_id: &str, error: Option<&PyErr>) -> PyResult<()> {
        let output = error.map(|error| {
            error.get_type(py).qualname().map_or_else(|_| "error".into(), |name| name.to_string())
        });
        self.handle.observe(py, action_id, &Outcome { ok: error.is_none(), output })
    }
}

/// Plain containers as new ones, all the way down; everything else as it is.
fn copied<'py>(value: &Bound<'py, PyAny>, depth: usize) -> PyResult<Bound<'py, PyAny>> {
    let py = value.py();
    if depth > COPY_DEPTH_MAX {
        return Err(PyValueError::new_err("an argument is nested too deeply, or within itself"));
    }
    if let Ok(map) = value.cast_exact::<PyDict>() {
        let copy = PyDict::new(py);
        for (key, item) in map.copy()?.iter() {
            copy.set_item(key, copied(&item, depth + 1)?)?;
        }
        return Ok(copy.into_any());
    }
    if let Ok(list) = value.cast_exact::<PyList>() {
        let copy = PyList::empty(py);
        for item in list.to_tuple().iter() {
            copy.append(copied(&item, depth + 1)?)?;
        }
        return Ok(copy.into_any());
    }
    if let Ok(tuple) = value.cast_exact::<PyTuple>() {
        let items: Vec<Bound<'py, PyAny>> =
            tuple.iter().map(|item| copied(&item, depth + 1)).collect::<PyResult<_>>()?;
        return Ok(PyTuple::new(py, items)?.into_any());
    }
    if value.is_exact_instance_of::<PySet>() {
        return py.get_type::<PySet>().call1((value,));
    }
    if value.is_exact_instance_of::<PyByteArray>() {
        return py.get_type::<PyByteArray>().call1((value,));
    }
    Ok(value.clone())
}
