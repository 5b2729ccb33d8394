"""Tenants, agents, containment, approvals and permits of an engine."""

from __future__ import annotations

import asyncio
from typing import Any

from maais._maais import Registry, verify_permit

__all__ = ["Registry", "verify_permit", "wait_for_approval"]

_LOOK_EVERY = 0.05


async def wait_for_approval(registry: Registry, approval_id: str, seconds: float) -> dict[str, Any]:
    """Wait for people's answer without holding the event loop up, and return the request as it is then."""
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    while True:
        approval = await asyncio.to_thread(registry.approval, approval_id)
        left = until - loop.time()
        if approval["state"] != "pending" or left <= 0:
            return approval
        await asyncio.sleep(min(_LOOK_EVERY, left))
