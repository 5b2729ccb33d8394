"""Tenants under the names that users of the Python API know."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from maais.registry import Registry
from maais.runtime import Runtime, get_runtime

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from os import PathLike

__all__ = ["TenantManager"]


class TenantManager:
    """Tenants and agents of an engine: that of this process, or the one given.

    What is kept is in the engine's data directory; several of these, and several processes, see the same.
    """

    def __init__(self, runtime: Runtime | None = None) -> None:
        self._runtime = get_runtime() if runtime is None else runtime
        self._registry = Registry(self._runtime)

    def create_tenant(
        self,
        name: str,
        description: str = "",
        policy_files: Sequence[str | PathLike[str]] = (),
        rate_limits: Mapping[str, Any] | None = None,
    ) -> str:
        """Make a tenant, whose policies must load, and return its id."""
        made = self._registry.create_tenant(name, description, list(policy_files), json.dumps(rate_limits))
        tenant: str = made["id"]
        return tenant

    def register_agent(self, agent_id: str, tenant_id: str, **parts: Any) -> dict[str, Any]:
        """Register an agent to a tenant; `owner`, `action_types` and `targets` say more."""
        return self._registry.register_agent(agent_id, tenant_id, **parts)

    def list_tenants(self) -> list[dict[str, Any]]:
        """All tenants."""
        return self._registry.tenants()

    def suspend_tenant(self, tenant_id: str) -> None:
        """Deny all actions of a tenant from now on."""
        self._registry.suspend_tenant(tenant_id, suspended=True)

    def resume_tenant(self, tenant_id: str) -> None:
        """Decide the actions of a tenant again."""
        self._registry.suspend_tenant(tenant_id, suspended=False)

    def delete_tenant(self, tenant_id: str, *, force: bool = False) -> None:
        """Take a tenant away; with its agents only if that is forced."""
        self._registry.delete_tenant(tenant_id, force=force)

    def stats(self) -> dict[str, Any]:
        """How many agents each tenant has."""
        agents = self._registry.agents()
        of = {tenant["id"]: 0 for tenant in self.list_tenants()}
        for agent in agents:
            of[agent["tenant"]] = of.get(agent["tenant"], 0) + 1
        return {"agents": len(agents), "agents_by_tenant": of, "tenants": len(of)}

    def health(self) -> dict[str, Any]:
        """How the engine is."""
        return self._runtime.health()
