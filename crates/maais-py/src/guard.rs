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
use pyo3::types::{PyDict, PyTuple};
use serde_json::{Map, Value};

use crate::copying::Copier;
use crate::from_python::{Reader, Unreadable, malformed, opaque};
use crate::handle::{Handle, Runtime};
use crate::methods::is_own_object;
use crate::parameters::{Argument, Parameters};
use crate::to_python;

/// A callable that runs only when its call was allowed.
#[pyclass(frozen, module = "maais._maais")]
pub(crate) struct Guard {
    handle: Arc<Handle>,
    function: Py<PyAny>,
    parameters: Parameters,
    /// What a class that has the callable as its method may call it; empty for what is no method.
    method: Vec<String>,
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

/// The arguments of a call as nobody else holds them.
struct Fixed<'py> {
    args: Bound<'py, PyTuple>,
    kwargs: Bound<'py, PyDict>,
    /// How many of the first are the object that the method belongs to: one or none.
    own: usize,
}

#[pymethods]
impl Guard {
    /// `denial` is the exception class that is raised with the decision when a call is refused.
    #[new]
    #[pyo3(signature = (runtime, function, signature, *, agent_id, goal, action_type, target, denial, method=None, session_id=None, framework=None, opaque=None))]
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
        method: Option<Vec<String>>,
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
            method: method.unwrap_or_default(),
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
        slf: &Bound<'py, Self>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = args.py();
        let guard = slf.get();
        let approved = Self::approve(slf, args, kwargs)?;
        let result = guard.function.bind(py).call(&approved.args, Some(&approved.kwargs));
        let told = guard.tell(py, &approved.action_id, result.as_ref().err());
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
        slf: &Bound<'py, Self>,
        args: &Bound<'py, PyTuple>,
        kwargs: &Bound<'py, PyDict>,
    ) -> PyResult<(String, Bound<'py, PyAny>)> {
        let py = args.py();
        let guard = slf.get();
        let approved = Self::approve(slf, args, Some(kwargs))?;
        let begun = guard.function.bind(py).call(&approved.args, Some(&approved.kwargs));
        if let Err(error) = &begun {
            guard.tell(py, &approved.action_id, Some(error))?;
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
        slf: &Bound<'py, Self>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Approved<'py>> {
        let py = args.py();
        let guard = slf.get();
        let action_id = uuid::Uuid::now_v7().to_string();
        // What is handed over is fixed before it is decided on; defaults are the function's own objects.
        let (fixed, attempt) = match Self::fixed(slf, args, kwargs) {
            Ok(fixed) => {
                let attempt = guard.attempt(&fixed, &action_id)?;
                (Some(fixed), attempt)
            }
            Err(unreadable) => (None, guard.malformed(unreadable.into_request_error(py))),
        };
        let decision = guard.handle.intercept(py, attempt)?;
        match fixed {
            Some(Fixed { args, kwargs, .. }) if decision.allow() => Ok(Approved { action_id, args, kwargs }),
            _ => {
                let exception = guard.denial.bind(py).call1((to_python::decision(py, &decision)?,))?;
                Err(PyErr::from_value(exception))
            }
        }
    }

    /// The arguments as nobody else holds them, but for the object that a method belongs to and for what
    /// was declared opaque.
    fn fixed<'py>(
        slf: &Bound<'py, Self>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> Result<Fixed<'py>, Unreadable> {
        let py = args.py();
        let guard = slf.get();
        let own = match args.iter().next() {
            Some(first) => usize::from(is_own_object(slf.as_any(), &guard.method, &first)?),
            None => 0,
        };
        let mut copier = Copier::default();
        let mut positional = Vec::with_capacity(args.len());
        for (place, value) in args.iter().enumerate() {
            let name = guard.parameters.name_at(py, place);
            let as_it_is = place < own || name.is_some_and(|name| guard.opaque.contains(&name));
            positional.push(if as_it_is { value } else { copier.copy(&value, 0)? });
        }
        let named = PyDict::new(py);
        for (name, value) in kwargs.into_iter().flatten() {
            let as_it_is = name.extract::<String>().is_ok_and(|name| guard.opaque.contains(&name));
            named.set_item(name, if as_it_is { value } else { copier.copy(&value, 0)? })?;
        }
        Ok(Fixed { args: PyTuple::new(py, positional)?, kwargs: named, own })
    }

    /// What is decided on. A call that the callable would not take is none: it raises.
    fn attempt(&self, fixed: &Fixed<'_>, action_id: &str) -> PyResult<Attempt> {
        let py = fixed.args.py();
        let mut reader = Reader::default();
        let mut parameters = Map::new();
        for argument in self.parameters.bind(&fixed.args, &fixed.kwargs)?.into_iter().skip(fixed.own) {
            let name = argument.name.to_string_lossy().into_owned();
            let read = match self.read(&mut reader, &name, &argument) {
                Ok(read) => read,
                Err(unreadable) => return Ok(self.malformed(unreadable.of(&name).into_request_error(py))),
            };
            if parameters.insert(name, read).is_some() {
                let what = "two parameters of the same name".to_owned();
                return Ok(self.malformed(RequestError::Unrepresentable(what)));
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
            context: self.context(),
        });
        Ok(request.map_or_else(|error| self.malformed(error), Attempt::from))
    }

    /// What policies see of an argument.
    fn read(&self, reader: &mut Reader, name: &str, argument: &Argument<'_>) -> Result<Value, Unreadable> {
        if self.opaque.iter().any(|declared| declared == name) {
            return opaque(&argument.value);
        }
        if argument.is_default {
            return reader.trusted(&argument.value, 1);
        }
        reader.value(&argument.value, 1)
    }

    fn context(&self) -> Map<String, Value> {
        let mut context = Map::new();
        for (name, value) in [("session_id", &self.session_id), ("framework", &self.framework)] {
            if let Some(value) = value {
                context.insert(name.into(), Value::String(value.clone()));
            }
        }
        context
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
