"""MAAIS-Runtime: the reference monitor for autonomous AI agents.

Every action of an agent is decided by policies and checks, and written to a tamper-evident log, before the
agent may act.
"""

from maais.errors import (
    AuditError,
    ConfigurationError,
    MaaisError,
    PolicyLoadError,
    RegistryError,
    SecurityViolationError,
)
from maais.guard import secure_tool
from maais.models import (
    AccountabilityRecord,
    ActionRequest,
    ActionType,
    AuditEvent,
    AuditRecord,
    Decision,
    Effect,
    Policy,
)
from maais.registry import Registry, verify_permit, wait_for_approval
from maais.runtime import Runtime, get_runtime, reset_runtime, verify_log

__all__ = [
    "AccountabilityRecord",
    "ActionRequest",
    "ActionType",
    "AuditError",
    "AuditEvent",
    "AuditRecord",
    "ConfigurationError",
    "Decision",
    "Effect",
    "MaaisError",
    "Policy",
    "PolicyLoadError",
    "Registry",
    "RegistryError",
    "Runtime",
    "SecurityViolationError",
    "get_runtime",
    "reset_runtime",
    "secure_tool",
    "verify_log",
    "verify_permit",
    "wait_for_approval",
]
