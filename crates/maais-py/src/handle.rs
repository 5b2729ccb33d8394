//! The engine as Python sees it: opened once, reopened in a forked child, never shared with it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use maais_core::attempt::Attempt;
use maais_core::decision::Decision;
use maais_runtime::audit::{self, VerifyOptions};
use maais_runtime::{Config, ObserveError, OpenError, Outcome};
use pyo3::exceptions::PyKeyError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::{class, from_python, names, to_python};

/// An engine in this process.
struct Opened {
    process: u32,
    engine: Arc<maais_runtime::Runtime>,
}

/// What a [`Runtime`] and its guards share.
pub(crate) struct Handle {
    config: Config,
    opened: ArcSwap<Opened>,
    /// The process one of whose threads opens an engine just now; no process has the number 0.
    ///
    /// A lock would not do: a child that was forked while it was held would wait for a thread that it does
    /// not have. A number that is not the child's own holds nobody up.
    opening: AtomicU32,
}

/// The right to open the engine of this process, given back when it is dropped.
struct Turn<'a> {
    opening: &'a AtomicU32,
    process: u32,
}

impl<'a> Turn<'a> {
    /// The right, unless another thread of this process has it.
    fn take(opening: &'a AtomicU32, process: u32) -> Option<Self> {
        let taken = opening
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |held| (held != process).then_some(process));
        // Made only by who took it: dropping it gives it back.
        taken.is_ok().then(|| Self { opening, process })
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let _ = self.opening.compare_exchange(self.process, 0, Ordering::AcqRel, Ordering::Acquire);
    }
}

impl Handle {
    fn open(config: Config) -> Result<Self, OpenError> {
        let opened = Opened::new(&config)?;
        Ok(Self { config, opened: ArcSwap::from_pointee(opened), opening: AtomicU32::new(0) })
    }

    /// The engine of this process: a forked child opens one of its own, with a log of its own, once.
    ///
    /// May wait for another thread: call it without the interpreter.
    pub(crate) fn engine(&self) -> Result<Arc<maais_runtime::Runtime>, OpenError> {
        let process = std::process::id();
        loop {
            if let Some(engine) = self.opened_by(process) {
                return Ok(engine);
            }
            let Some(_turn) = Turn::take(&self.opening, process) else {
                std::thread::sleep(Duration::from_millis(1));
                continue;
            };
            // It may have been opened between the look and the turn.
            if let Some(engine) = self.opened_by(process) {
                return Ok(engine);
            }
            let fresh = Opened::new(&self.config)?;
            let engine = fresh.engine.clone();
            let before = self.opened.swap(Arc::new(fresh));
            // The parent's engine is the parent's to close.
            std::mem::forget(before);
            return Ok(engine);
        }
    }

    fn opened_by(&self, process: u32) -> Option<Arc<maais_runtime::Runtime>> {
        let opened = self.opened.load_full();
        if opened.process == process {
            return Some(opened.engine.clone());
        }
        // Whoever drops the last hold on it would close the parent's engine.
        std::mem::forget(opened);
        None
    }

    /// Decides without holding the interpreter: the disk is waited for in here.
    pub(crate) fn intercept(&self, py: Python<'_>, attempt: Attempt) -> PyResult<Decision> {
        py.detach(|| self.engine().map(|engine| engine.intercept(attempt)))
            .map_err(|error| raised(py, &error))
    }

    /// Records what came of an action. An outcome that nobody waits for any more is none.
    pub(crate) fn observe(&self, py: Python<'_>, action_id: &str, outcome: &Outcome) -> PyResult<()> {
        let observed = py.detach(|| self.engine().map(|engine| engine.observe_result(action_id, outcome)));
        match observed.map_err(|error| raised(py, &error))? {
            Ok(_) => Ok(()),
            Err(ObserveError::Unknown { action_id }) => Err(PyKeyError::new_err(action_id)),
            Err(ObserveError::Append(error)) => Err(audit_error(py, &error.to_string())),
        }
    }
}

impl Opened {
    fn new(config: &Config) -> Result<Self, OpenError> {
        let engine = Arc::new(maais_runtime::Runtime::open(config.clone())?);
        Ok(Self { process: std::process::id(), engine })
    }
}

/// The exception for an engine that did not open.
pub(crate) fn raised(py: Python<'_>, error: &OpenError) -> PyErr {
    let name = match error {
        OpenError::Snapshot(_) => "PolicyLoadError",
        OpenError::Log(_)
        | OpenError::Append(_)
        | OpenError::Keep(_)
        | OpenError::Thread(_)
        | OpenError::Registry(_) => "AuditError",
    };
    match class(py, names::ERRORS, name).and_then(|class| class.call1((error.to_string(),))) {
        Ok(exception) => PyErr::from_value(exception),
        Err(error) => error,
    }
}

/// The registry refuses, or cannot be used.
pub(crate) fn registry_error(py: Python<'_>, text: &str) -> PyErr {
    match class(py, names::ERRORS, "RegistryError").and_then(|class| class.call1((text,))) {
        Ok(exception) => PyErr::from_value(exception),
        Err(error) => error,
    }
}

fn audit_error(py: Python<'_>, text: &str) -> PyErr {
    match class(py, names::ERRORS, "AuditError").and_then(|class| class.call1((text,))) {
        Ok(exception) => PyErr::from_value(exception),
        Err(error) => error,
    }
}

/// The reference monitor: every action goes through `intercept`.
#[pyclass(frozen, module = "maais._maais")]
pub(crate) struct Runtime {
    pub(crate) handle: Arc<Handle>,
}

#[pymethods]
impl Runtime {
    /// Opens an engine: settings, policies and the log under `home`.
    #[new]
    #[pyo3(signature = (home=None, config=None, policies=None))]
    fn new(
        py: Python<'_>,
        home: Option<PathBuf>,
        config: Option<PathBuf>,
        policies: Option<Vec<PathBuf>>,
    ) -> PyResult<Self> {
        let defaults = Config::default();
        // The process may change its folder; the log and the settings stay where they are.
        let here = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
        // What is not there is the name of a pack.
        let policy = |path: PathBuf| if path.exists() { here(path) } else { path };
        let config = Config {
            home: here(home.unwrap_or(defaults.home.clone())),
            settings: config.or(defaults.settings.clone()).map(here),
            policies: policies.unwrap_or_default().into_iter().map(policy).collect(),
            ..defaults
        };
        let handle = py.detach(|| Handle::open(config)).map_err(|error| raised(py, &error))?;
        Ok(Self { handle: Arc::new(handle) })
    }

    /// Decides an action and records the decision. Whatever fails, the answer is a denial.
    fn intercept<'py>(&self, request: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = request.py();
        let attempt = from_python::attempt(request)?;
        to_python::decision(py, &self.handle.intercept(py, attempt)?)
    }

    /// Records what came of an allowed action, once.
    #[pyo3(signature = (action_id, ok, output=None))]
    fn observe_result(
        &self,
        py: Python<'_>,
        action_id: &str,
        ok: bool,
        output: Option<String>,
    ) -> PyResult<()> {
        self.handle.observe(py, action_id, &Outcome { ok, output })
    }

    /// Loads settings and policies again; on error the old ones stay in force.
    fn reload(&self, py: Python<'_>) -> PyResult<()> {
        py.detach(|| self.handle.engine()?.reload()).map_err(|error| raised(py, &error))
    }

    /// How the engine is.
    fn health<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let engine = py.detach(|| self.handle.engine()).map_err(|error| raised(py, &error))?;
        to_python::value(py, &engine.health().to_json())
    }

    /// The data directory.
    #[getter]
    fn home(&self) -> PathBuf {
        self.handle.config.home.clone()
    }

    fn __repr__(&self) -> String {
        format!("Runtime(home={:?})", self.handle.config.home)
    }
}

/// Whether the logs under `home` can be believed, and why.
#[pyfunction]
pub(crate) fn verify(py: Python<'_>, home: PathBuf) -> PyResult<Bound<'_, PyDict>> {
    let report = py
        .detach(|| audit::verify(&home, &VerifyOptions::default()))
        .map_err(|e| audit_error(py, &e.to_string()))?;
    let json = serde_json::to_value(&report).map_err(|error| audit_error(py, &error.to_string()))?;
    let dict = PyDict::new(py);
    dict.set_item("ok", report.is_ok())?;
    dict.set_item("logs", to_python::value(py, json.get("logs").unwrap_or(&serde_json::Value::Null))?)?;
    Ok(dict)
}
