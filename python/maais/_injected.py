"""Which parameters a framework fills, by their annotations: no agent has a say in these.

The frameworks are not imported: an annotation that names one of their classes has imported it.
"""

from __future__ import annotations

import sys
import types
import typing
from typing import Any

__all__ = ["injected"]

# Whoever marks a parameter with one of these has the framework fill it.
_MARKS = (("langchain_core.tools.base", "InjectedToolArg"),)
# Classes whose objects only a framework makes.
_OBJECTS = (
    ("langchain_core.runnables", "RunnableConfig"),
    ("langchain_core.tools.base", "_DirectlyInjectedToolArg"),
    ("langchain_core.callbacks.base", "BaseCallbackManager"),
    ("langchain_core.callbacks.manager", "BaseRunManager"),
    ("langgraph.prebuilt", "ToolRuntime"),
    ("langgraph.runtime", "Runtime"),
    ("langgraph.store.base", "BaseStore"),
)


def injected(hints: dict[str, Any]) -> list[str]:
    """Return the parameters that a framework fills: the graph's state, its runtime, the run's settings."""
    return [name for name, hint in hints.items() if name != "return" and _is_injected(hint)]


def _is_injected(hint: Any) -> bool:
    if typing.get_origin(hint) is typing.Annotated:
        marks = _loaded(_MARKS)
        return any(isinstance(mark, marks) or _is_class(mark, marks) for mark in hint.__metadata__)
    objects = _loaded(_OBJECTS)
    # With `| None` it is the same; with anything else an agent may fill it.
    kinds = [kind for kind in _members(hint) if kind is not type(None)]
    return bool(kinds) and all(_is_class(typing.get_origin(kind) or kind, objects) for kind in kinds)


def _members(hint: Any) -> tuple[Any, ...]:
    is_union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    return typing.get_args(hint) if is_union else (hint,)


def _loaded(names: tuple[tuple[str, str], ...]) -> tuple[type, ...]:
    found = (getattr(sys.modules.get(module), name, None) for module, name in names)
    return tuple(kind for kind in found if isinstance(kind, type))


def _is_class(value: Any, bases: tuple[type, ...]) -> bool:
    # A typed mapping, which `RunnableConfig` is, takes no `issubclass`.
    return isinstance(value, type) and any(base in value.__mro__ for base in bases)
