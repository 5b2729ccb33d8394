"""Tenants, containment, approvals and permits as Python sees them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from maais import (
    ActionRequest,
    ActionType,
    Effect,
    Registry,
    RegistryError,
    Runtime,
    get_runtime,
    verify_permit,
    wait_for_approval,
)
from maais.multitenant.tenant_manager import TenantManager

if TYPE_CHECKING:
    from pathlib import Path

POLICIES = """\
policies:
  - {id: a, applies_to: '*', condition: {target: deploy}, decision: REQUIRE_APPROVAL, reason: r, priority: 0}
  - {id: rest, applies_to: '*', condition: {}, decision: ALLOW, reason: fine, priority: 2}
"""


def ask(agent: str, target: str, to: str = "prod") -> ActionRequest:
    return ActionRequest(agent, ActionType.TOOL_CALL, target, {"to": to}, "goal")


def test_the_api_that_users_know_makes_tenants_and_registers_agents(tmp_path: Path) -> None:
    path = tmp_path / "acme.yaml"
    path.write_text(POLICIES, "utf-8")
    tenants = TenantManager()
    tenant = tenants.create_tenant(
        name="Acme",
        description="a tenant",
        policy_files=[str(path)],
        rate_limits={
            "global": {"requests_per_second": 1000, "burst_size": 5000},
            "per_agent": {"requests_per_second": 10, "burst_size": 50},
        },
    )
    tenants.register_agent("crm-bot", tenant)
    decision = get_runtime().intercept(ask("crm-bot", "anything"))
    assert decision.allow
    assert decision.metadata["tenant"] == tenant == "acme"
    assert tenants.stats()["agents_by_tenant"] == {"acme": 1, "default": 0}
    assert tenants.health()["status"] == "healthy"
    tenants.suspend_tenant(tenant)
    assert not get_runtime().intercept(ask("crm-bot", "anything")).allow
    with pytest.raises(RegistryError, match="has 1 agents"):
        tenants.delete_tenant(tenant)
    tenants.delete_tenant(tenant, force=True)
    assert [one["id"] for one in tenants.list_tenants()] == ["default"]
    with pytest.raises(RegistryError):
        tenants.create_tenant("a\0b")


def engine(tmp_path: Path) -> Runtime:
    (tmp_path / "p.yaml").write_text(POLICIES, "utf-8")
    (tmp_path / "maais.yaml").write_text("policies: [p.yaml]\npermits: {valid: 1h}\n", "utf-8")
    return Runtime(config=tmp_path / "maais.yaml")


async def test_an_agent_waits_for_a_person_and_the_executor_for_the_permit(
    tmp_path: Path, home: Path
) -> None:
    runtime = engine(tmp_path)
    registry = Registry(runtime)
    request = ask("bot", "deploy")
    asked = runtime.intercept(request)
    assert asked.effect is Effect.REQUIRE_APPROVAL
    approval = asked.metadata["approval"]["id"]
    waiting = asyncio.create_task(wait_for_approval(registry, approval, 20))
    await asyncio.sleep(0.1)
    assert registry.wait_for_approval(approval, 0.01)["state"] == "pending"
    registry.answer(approval, by="ann", yes=True, comment="go on")
    assert (await waiting)["state"] == "approved"
    assert not runtime.intercept(ask("bot", "deploy", to="test")).allow
    permit = runtime.intercept(request).metadata["permit"]
    assert verify_permit(permit, request, home / "permit.pub") is None
    assert verify_permit(permit, ask("bot", "deploy", to="test"), home / "permit.pub") is not None
    assert registry.spend_permit(permit, request) is None
    assert "used already" in str(registry.spend_permit(permit, request))


def test_who_is_contained_is_stopped_until_a_person_releases(tmp_path: Path) -> None:
    runtime = engine(tmp_path)
    registry = Registry(runtime)
    assert runtime.intercept(ask("bot", "x")).allow
    registry.contain("agent", "bot", reason="odd", by="ann")
    assert not runtime.intercept(ask("bot", "x")).allow
    assert registry.contained()[0]["name"] == "bot"
    registry.release("agent", "bot", reason="fine", by="ann")
    assert runtime.intercept(ask("bot", "x")).allow
    with pytest.raises(RegistryError, match="scope"):
        registry.contain("planet", "bot", reason="odd", by="ann")
