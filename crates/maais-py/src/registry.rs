//! The registry as Python sees it: JSON in, JSON out. What may be done is the registry's to say.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use maais_core::attempt::Attempt;
use maais_runtime::permit::{self, PermitError};
use maais_runtime::registry::{Agent, NewTenant, Registry, RegistryError, Scope, TenantBody};
use pyo3::prelude::*;
use serde_json::Value;

use crate::handle::{Handle, Runtime, raised, registry_error};
use crate::{from_python, to_python};

/// Tenants, agents, containment, approvals and permits of an engine.
#[pyclass(frozen, module = "maais._maais", name = "Registry")]
pub(crate) struct PyRegistry {
    handle: Arc<Handle>,
}

impl PyRegistry {
    /// Asks the registry without holding the interpreter.
    fn ask<'py, T: serde::Serialize + Send>(
        &self,
        py: Python<'py>,
        question: impl FnOnce(&maais_runtime::Runtime) -> Result<T, RegistryError> + Send,
    ) -> PyResult<Bound<'py, PyAny>> {
        let engine = py.detach(|| self.handle.engine()).map_err(|error| raised(py, &error))?;
        let answer =
            py.detach(|| question(&engine)).map_err(|error| registry_error(py, &error.to_string()))?;
        let json = serde_json::to_value(&answer).map_err(|error| registry_error(py, &error.to_string()))?;
        to_python::value(py, &json)
    }

    fn ask_registry<'py, T: serde::Serialize + Send>(
        &self,
        py: Python<'py>,
        question: impl FnOnce(&Registry) -> Result<T, RegistryError> + Send,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.ask(py, |engine| question(engine.registry()))
    }
}

#[pymethods]
impl PyRegistry {
    /// The registry of an engine.
    #[new]
    fn new(runtime: &Runtime) -> Self {
        Self { handle: runtime.handle.clone() }
    }

    /// Makes a tenant; `rate_limits` is JSON.
    fn create_tenant<'py>(
        &self,
        py: Python<'py>,
        name: String,
        description: String,
        policies: Vec<PathBuf>,
        rate_limits: &str,
    ) -> PyResult<Bound<'py, PyAny>> {
        let rate_limits = serde_json::from_str(rate_limits).unwrap_or(Value::Null);
        let body = TenantBody { description, policies, rate_limits, ..TenantBody::default() };
        self.ask_registry(py, |registry| registry.create_tenant(NewTenant { name, body }))
    }

    /// All tenants.
    fn tenants<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.ask_registry(py, Registry::tenants)
    }

    /// Denies all actions of a tenant from now on, or no longer.
    fn suspend_tenant<'py>(
        &self,
        py: Python<'py>,
        tenant_id: &str,
        suspended: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.ask_registry(py, |registry| registry.suspend_tenant(tenant_id, suspended))
    }

    /// Takes a tenant away.
    fn delete_tenant<'py>(
        &self,
        py: Python<'py>,
        tenant_id: &str,
        force: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.ask_registry(py, |registry| registry.delete_tenant(tenant_id, force))
    }

    /// Registers an agent to a tenant.
    #[pyo3(signature = (agent_id, tenant, owner=None, action_types=None, targets=None))]
    fn register_agent<'py>(
        &self,
        py: Python<'py>,
        agent_id: String,
        tenant: String,
        owner: Option<String>,
        action_types: Option<Vec<String>>,
        targets: Option<Vec<String>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (action_types, targets) = (action_types.unwrap_or_default(), targets.unwrap_or_default());
        let agent = Agent { id: agent_id, tenant, owner, action_types, targets };
        self.ask_registry(py, |registry| registry.register_agent(agent))
    }

    /// The agents of a tenant, or all.
    #[pyo3(signature = (tenant=None))]
    fn agents<'py>(&self, py: Python<'py>, tenant: Option<String>) -> PyResult<Bound<'py, PyAny>> {
        self.ask_registry(py, |registry| registry.agents(tenant.as_deref()))
    }

    /// Contains `all`, a `tenant`, an `agent` or a `session`.
    #[pyo3(signature = (scope, name, *, reason, by, tenant=None))]
    fn contain<'py>(
        &self,
        py: Python<'py>,
        scope: &str,
        name: &str,
        reason: &str,
        by: &str,
        tenant: Option<&str>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.ask_registry(py, |registry| registry.contain(scope.parse::<Scope>()?, name, tenant, reason, by))
    }

    /// Releases what is contained.
    #[pyo3(signature = (scope, name, *, reason, by, tenant=None))]
    fn release<'py>(
        &self,
        py: Python<'py>,
        scope: &str,
        name: &str,
        reason: &str,
        by: &str,
        tenant: Option<&str>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.ask_registry(py, |registry| registry.release(scope.parse::<Scope>()?, name, tenant, reason, by))
    }

    /// Everything that is contained.
    fn contained<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.ask_registry(py, Registry::contained)
    }

    /// The requests that wait for a person, or all that are kept.
    #[pyo3(signature = (tenant=None, *, every=false))]
    fn approvals<'py>(
        &self,
        py: Python<'py>,
        tenant: Option<&str>,
        every: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.ask_registry(py, |registry| registry.approvals(tenant, every))
    }

    /// One request.
    fn approval<'py>(&self, py: Python<'py>, approval_id: &str) -> PyResult<Bound<'py, PyAny>> {
        self.ask_registry(py, |registry| registry.approval(approval_id))
    }

    /// A person's answer to a request.
    #[pyo3(signature = (approval_id, *, by, yes, comment=""))]
    fn answer<'py>(
        &self,
        py: Python<'py>,
        approval_id: &str,
        by: &str,
        yes: bool,
        comment: &str,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.ask_registry(py, |registry| registry.answer(approval_id, by, yes, comment))
    }

    /// Waits for the answer to a request, at most that many seconds.
    fn wait_for_approval<'py>(
        &self,
        py: Python<'py>,
        approval_id: &str,
        seconds: f64,
    ) -> PyResult<Bound<'py, PyAny>> {
        let at_most = Duration::try_from_secs_f64(seconds).unwrap_or_default();
        self.ask(py, |engine| engine.wait_for_approval(approval_id, at_most))
    }

    /// Uses a permit up for exactly this action; `None`, or why it permits nothing.
    fn spend_permit(
        &self,
        py: Python<'_>,
        permit: &str,
        request: &Bound<'_, PyAny>,
    ) -> PyResult<Option<String>> {
        let attempt = from_python::attempt(request)?;
        let engine = py.detach(|| self.handle.engine()).map_err(|error| raised(py, &error))?;
        py.detach(|| {
            let key = permit::public_key(&engine.home().join(permit::PUBLIC_FILE))?;
            let Attempt::Valid(request) = attempt else { return Err(PermitError::OtherAction) };
            permit::spend(permit, &request, &key, engine.registry())
        })
        .map_or_else(
            |error| match error {
                PermitError::Registry(_) | PermitError::Key { .. } => {
                    Err(registry_error(py, &error.to_string()))
                }
                refused => Ok(Some(refused.to_string())),
            },
            |_| Ok(None),
        )
    }
}

/// Why a permit does not permit exactly this action now; `None` if it does. Needs the public key alone.
#[pyfunction]
pub(crate) fn verify_permit(
    py: Python<'_>,
    permit: &str,
    request: &Bound<'_, PyAny>,
    key: PathBuf,
) -> PyResult<Option<String>> {
    let attempt = from_python::attempt(request)?;
    let key = permit::public_key(&key).map_err(|error| registry_error(py, &error.to_string()))?;
    let Attempt::Valid(request) = attempt else { return Ok(Some("this is no action".to_owned())) };
    Ok(permit::verify(permit, &request, &key, Timestamp::now()).err().map(|error| error.to_string()))
}
