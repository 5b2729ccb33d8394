"""Actions, decisions and records: plain immutable values with the names of the wire format."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime, timezone
from enum import Enum
from typing import Any, TypeVar


class ActionType(str, Enum):
    """The eight kinds of action."""

    TOOL_CALL = "tool_call"
    API_CALL = "api_call"
    MEMORY_READ = "memory_read"
    MEMORY_WRITE = "memory_write"
    FILE_READ = "file_read"
    FILE_WRITE = "file_write"
    DATABASE_QUERY = "database_query"
    NETWORK_REQUEST = "network_request"


class Effect(str, Enum):
    """What becomes of an action, from weakest to strongest."""

    ALLOW = "ALLOW"
    REQUIRE_APPROVAL = "REQUIRE_APPROVAL"
    DENY = "DENY"


def _now() -> datetime:
    return datetime.now(timezone.utc)


def _new_id() -> str:
    return str(uuid.uuid4())


def _time(value: Any, name: str) -> datetime:
    """Take a time without a zone as UTC, and text as RFC 3339."""
    if isinstance(value, str):
        # Python 3.10 reads neither `Z` nor nanoseconds.
        text = value.replace("Z", "+00:00")
        head, dot, tail = text.partition(".")
        if dot:
            digits = len(tail) - len(tail.lstrip("0123456789"))
            text = f"{head}.{tail[:digits][:6].ljust(6, '0')}{tail[digits:]}"
        value = datetime.fromisoformat(text)
    if not isinstance(value, datetime):
        raise TypeError(f"`{name}` must be a datetime, not {type(value).__name__}")
    return value if value.tzinfo is not None else value.replace(tzinfo=timezone.utc)


def _text(value: Any, name: str, *, required: bool) -> None:
    if not isinstance(value, str):
        raise TypeError(f"`{name}` must be a str, not {type(value).__name__}")
    if required and not value.strip():
        raise ValueError(f"`{name}` is required and must not be empty")


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


_Self = TypeVar("_Self", bound="_Value")


class _Value:
    """What all values share: to and from plain dictionaries."""

    __slots__ = ()

    def to_dict(self) -> dict[str, Any]:
        """Return every field under its name; enumerations and times as text."""
        return {entry.name: _plain(getattr(self, entry.name)) for entry in fields(self)}  # type: ignore[arg-type]

    @classmethod
    def from_dict(cls: type[_Self], values: Mapping[str, Any]) -> _Self:
        """Build the value from a dictionary as `to_dict` returns it; unknown names are errors."""
        return cls(**values)

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)


@dataclass(frozen=True, slots=True)
class ActionRequest(_Value):
    """An action that an agent wants to take."""

    agent_id: str
    action_type: ActionType
    target: str
    parameters: dict[str, Any]
    declared_goal: str
    action_id: str = field(default_factory=_new_id)
    timestamp: datetime = field(default_factory=_now)
    context: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _text(self.agent_id, "agent_id", required=True)
        _text(self.target, "target", required=True)
        _text(self.declared_goal, "declared_goal", required=False)
        _text(self.action_id, "action_id", required=True)
        for name in ("parameters", "context"):
            if not isinstance(getattr(self, name), dict):
                raise TypeError(f"`{name}` must be a dict, not {type(getattr(self, name)).__name__}")
        self._set("action_type", ActionType(self.action_type))
        self._set("timestamp", _time(self.timestamp, "timestamp"))


@dataclass(frozen=True, slots=True)
class Decision(_Value):
    """The answer to one action. It is true where a truth value is asked for only if the action is allowed."""

    allow: bool
    policy_id: str | None = None
    explanation: str = ""
    ciaa_violations: dict[str, str] = field(default_factory=dict)
    timestamp: datetime = field(default_factory=_now)
    accountability_owner: str | None = None
    effect: Effect | None = None
    metadata: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        effect = self.effect
        if effect is None:
            effect = Effect.ALLOW if self.allow is True else Effect.DENY
        self._set("effect", Effect(effect))
        self._set("timestamp", _time(self.timestamp, "timestamp"))
        if self.allow is not (self.effect is Effect.ALLOW):
            raise ValueError(f"`allow` is {self.allow!r}, but the effect is {effect!r}")

    def __bool__(self) -> bool:
        return self.allow


@dataclass(frozen=True, slots=True)
class Policy(_Value):
    """One policy, as it stands in a file."""

    id: str
    applies_to: list[ActionType]
    condition: dict[str, Any]
    decision: str
    reason: str
    priority: int = 100
    metadata: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _text(self.id, "id", required=True)
        _text(self.reason, "reason", required=True)
        given: Any = self.applies_to
        names = [given] if isinstance(given, str) else list(given)
        kinds = list(ActionType) if "*" in names else [ActionType(name) for name in names]
        self._set("applies_to", kinds)
        self._set("decision", Effect(self.decision).value)


@dataclass(frozen=True, slots=True)
class AccountabilityRecord(_Value):
    """Who answers for an action, and what became of it."""

    action_id: str
    agent_id: str
    policy_id: str | None
    responsibility_owner: str
    decision: bool
    explanation: str
    timestamp: datetime = field(default_factory=_now)

    def __post_init__(self) -> None:
        _text(self.responsibility_owner, "responsibility_owner", required=True)
        self._set("timestamp", _time(self.timestamp, "timestamp"))

    @classmethod
    def of(cls, request: ActionRequest, decision: Decision) -> AccountabilityRecord:
        """Say who answers for this action."""
        return cls(
            action_id=request.action_id,
            agent_id=request.agent_id,
            policy_id=decision.policy_id,
            responsibility_owner=decision.accountability_owner or "nobody",
            decision=decision.allow,
            explanation=decision.explanation,
            timestamp=decision.timestamp,
        )


@dataclass(frozen=True, slots=True)
class AuditRecord(_Value):
    """One line of the log: its place in the chain, and what it says."""

    log: str
    seq: int
    prev: str
    time: datetime
    tenant: str
    type: str
    body: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._set("time", _time(self.time, "time"))

    @classmethod
    def from_line(cls, line: str | bytes) -> AuditRecord:
        """Read a line of a log segment. It is not verified; `maais.verify_log` does that."""
        import json  # noqa: PLC0415 - only readers of the log need it

        values = json.loads(line)
        body = {name: value for name, value in values.items() if not name.startswith("_") and name != "type"}
        return cls(
            log=values["_log"],
            seq=values["_seq"],
            prev=values["_prev"],
            time=values["_time"],
            tenant=values["_tenant"],
            type=values["type"],
            body=body,
        )


AuditEvent = AuditRecord
