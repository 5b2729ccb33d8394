"""What can go wrong, and who can do something about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from maais.models import Decision


class MaaisError(Exception):
    """Anything that this package raises on its own account."""


class ConfigurationError(MaaisError):
    """Settings or policies cannot be used; the text says what, where, and what to do."""


class PolicyLoadError(ConfigurationError):
    """Policies or settings did not load: everything that is wrong with them, with places."""


class AuditError(MaaisError):
    """The audit log cannot be opened, written or read."""


class RegistryError(MaaisError):
    """Tenants, agents, containment, approvals or permits: what was asked for cannot be done, and why."""


class SecurityViolationError(MaaisError):
    """An action was not allowed; `decision` says why, and what would be."""

    def __init__(self, decision: Decision) -> None:
        super().__init__(decision.explanation)
        self.decision = decision

    def __reduce__(self) -> tuple[type[SecurityViolationError], tuple[Decision]]:
        return type(self), (self.decision,)
