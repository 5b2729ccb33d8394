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
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyDict, PyList, PySet, PyTuple};
use serde_json::{Map, Value};

use crate::from_python::{Reader, Unreadable, malformed, opaque};
use crate::handle::{Handle, Runtime};
use crate::parameters::Parameters;
use crate::to_python;

/// Containers within one another that are copied; what is deeper cannot be part of a request.
const COPY_DEPTH_MAX: usize = 80;

/// A callable that runs only when its call was allowed.
#[pyclass(frozen, module = "maais._maais")]
pub(crate) struct Guard {
    handle: Arc<Handle>,
    function: Py<PyAny>,
    parameters: Parameters,
    /// The first parameter is the object that the method belongs to.
    bound_object: bool,
    agent_id: String,
    goal: String,
    action_type: ActionType,
    target: String,
    session_id: Option<String>,
    framework: Option<String>,
    /// Parameters that the framework fills, not the agent: known by their type's name only.
    opaque: Vec<String>,
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
    #[pyo3(signature = (runtime, function, signature, *, agent_id, goal, action_type, target, denial, bound_object=false, session_id=None, framework=None, opaque=None))]
    #[expect(
        clippy::too_many_arguments,
        reason = "named in Python; a builder would be one more object to reach into"
    )]
    fn new(
        runtime: &Bound<'_, Runtime>,
        function: Py<PyAny>,
        signature: &Bound<'_, PyAny>,
        agent_id: String,
        goal: String,
        action_type: &str,
        target: String,
        denial: Py<PyAny>,
        bound_object: bool,
        session_id: Option<String>,
        framework: Option<String>,
        opaque: Option<Vec<String>>,
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
            parameters: Parameters::read(signature)?,
            bound_object,
            agent_id,
            goal,
            action_type,
            target,
            session_id,
            framework,
            opaque: opaque.unwrap_or_default(),
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
        let told = self.tell(py, &approved.action_id, result.as_ref().err());
        match (told, result) {
            (Ok(()), result) => result,
            (Err(unrecorded), Ok(_)) => Err(unrecorded),
            (Err(unrecorded), Err(error)) => {
                unrecorded.set_cause(py, Some(error));
                Err(unrecorded)
            }
        }
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
        let action_id = uuid::Uuid::now_v7().to_string();
        // What is handed over is fixed before it is decided on; defaults are the function's own objects.
        let (fixed, attempt) = match self.fixed(args, kwargs) {
            Ok((args, kwargs)) => {
                let attempt = self.attempt(&args, &kwargs, &action_id)?;
                (Some((args, kwargs)), attempt)
            }
            Err(unreadable) => (None, self.malformed(unreadable.into_request_error(py))),
        };
        let decision = self.handle.intercept(py, attempt)?;
        match fixed {
            Some((args, kwargs)) if decision.allow() => Ok(Approved { action_id, args, kwargs }),
            _ => {
                let exception = self.denial.bind(py).call1((to_python::decision(py, &decision)?,))?;
                Err(PyErr::from_value(exception))
            }
        }
    }

    /// The arguments as nobody else holds them, but for the object that a method belongs to.
    fn fixed<'py>(
        &self,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> Result<(Bound<'py, PyTuple>, Bound<'py, PyDict>), Unreadable> {
        let own = usize::from(self.bound_object);
        let positional: Vec<Bound<'py, PyAny>> = args
            .iter()
            .enumerate()
            .map(|(place, value)| if place < own { Ok(value) } else { copied(&value, 0) })
            .collect::<Result<_, _>>()?;
        let named = PyDict::new(args.py());
        for (name, value) in kwargs.into_iter().flatten() {
            let own = name.extract::<String>().is_ok_and(|name| self.opaque.contains(&name));
            named.set_item(name, if own { value } else { copied(&value, 0)? })?;
        }
        Ok((PyTuple::new(args.py(), positional)?, named))
    }

    /// What is decided on. A call that the callable would not take is none: it raises.
    fn attempt(
        &self,
        args: &Bound<'_, PyTuple>,
        kwargs: &Bound<'_, PyDict>,
        action_id: &str,
    ) -> PyResult<Attempt> {
        let mut reader = Reader::default();
        let mut parameters = Map::new();
        let bound = self.parameters.bind(args, kwargs)?;
        for (name, value) in bound.into_iter().skip(usize::from(self.bound_object)) {
            let name = name.to_string_lossy().into_owned();
            let read = if self.opaque.contains(&name) { opaque(&value) } else { reader.value(&value, 1) };
            let read = match read {
                Ok(read) => read,
                Err(unreadable) => return Ok(self.malformed(unreadable.into_request_error(args.py()))),
            };
            if parameters.insert(name, read).is_some() {
                let what = "two parameters of the same name".to_owned();
                return Ok(self.malformed(RequestError::Unrepresentable(what)));
            }
        }
        let mut context = Map::new();
        for (name, value) in [("session_id", &self.session_id), ("framework", &self.framework)] {
            if let Some(value) = value {
                context.insert(name.into(), Value::String(value.clone()));
            }
        }
        let request = ActionRequest::new(Draft {
            agent_id: self.agent_id.clone(),
            action_type: self.action_type,
            target: self.target.clone(),
            parameters,
            declared_goal: self.goal.clone(),
            action_id: action_id.to_owned(),
            timestamp: jiff::Timestamp::now(),
            context,
        });
        Ok(request.map_or_else(|error| self.malformed(error), Attempt::from))
    }

    fn malformed(&self, error: RequestError) -> Attempt {
        malformed(error, &self.agent_id, self.action_type.as_str(), &self.target).into()
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
fn copied<'py>(value: &Bound<'py, PyAny>, depth: usize) -> Result<Bound<'py, PyAny>, Unreadable> {
    let py = value.py();
    if depth > COPY_DEPTH_MAX {
        return Err(Unreadable::Limit("nested too deeply, or within itself".to_owned()));
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
            tuple.iter().map(|item| copied(&item, depth + 1)).collect::<Result<_, _>>()?;
        return Ok(PyTuple::new(py, items)?.into_any());
    }
    if value.is_exact_instance_of::<PySet>() {
        return Ok(py.get_type::<PySet>().call1((value,))?);
    }
    if value.is_exact_instance_of::<PyByteArray>() {
        return Ok(py.get_type::<PyByteArray>().call1((value,))?);
    }
    Ok(value.clone())
}
