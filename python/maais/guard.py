"""Callables behind the reference monitor.

The wrapper is a real function, coroutine function or generator function, so that frameworks see what they
expect. It holds a native guard, and the guard alone holds the callable: no `__wrapped__`, no closure cell,
nothing for the garbage collector to show.
"""

from __future__ import annotations

import functools
import inspect
import sys
import typing
from typing import TYPE_CHECKING, Any, TypeVar, overload

from maais._injected import injected
from maais._maais import Guard, Runtime
from maais.errors import SecurityViolationError
from maais.models import ActionType
from maais.runtime import get_runtime

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator, Sequence

    Denial = Callable[[Any], BaseException]

_F = TypeVar("_F")

__all__ = ["guarded", "secure_tool"]


@overload
def secure_tool(agent_id: str = ..., goal: str = ..., **options: Any) -> Callable[[_F], _F]: ...
@overload
def secure_tool(agent_id: _F, goal: str = ..., **options: Any) -> _F: ...
def secure_tool(agent_id: Any = "default_agent", goal: str = "Execute tool", **options: Any) -> Any:
    """Put a function behind the reference monitor: it runs only when its call was allowed.

    Works on functions, coroutine functions, generators, methods, class and static methods, partials and
    other callables; as `@secure_tool`, as `@secure_tool(agent_id=..., goal=...)` and as `secure_tool(f)`.
    Options are those of `guarded`.

    A refused call raises `SecurityViolationError`, which carries the decision; its text is the explanation.
    """
    if isinstance(agent_id, str):
        return functools.partial(_secure, agent_id=agent_id, goal=goal, **options)
    return _secure(agent_id, agent_id=options.pop("agent", "default_agent"), goal=goal, **options)


def _secure(function: Any, **options: Any) -> Any:
    if isinstance(function, (classmethod, staticmethod)):
        return type(function)(guarded(function.__func__, **options))
    # Who has a LangChain tool has imported LangChain.
    tools = sys.modules.get("langchain_core.tools")
    if tools is not None and isinstance(function, tools.BaseTool):
        from maais.adapters.langgraph_adapter import wrap_langchain_tool  # noqa: PLC0415

        return wrap_langchain_tool(function, **options)
    return guarded(function, **options)


def guarded(
    function: Any,
    *,
    agent_id: str,
    goal: str = "Execute tool",
    target: str | None = None,
    action_type: ActionType | str = ActionType.TOOL_CALL,
    runtime: Runtime | None = None,
    session_id: str | None = None,
    framework: str | None = None,
    opaque: Sequence[str] = (),
    denial: Denial = SecurityViolationError,
) -> Any:
    """Return a function that does what `function` does, when that is allowed.

    `target` is what policies call it (by default its name), `action_type` which kind of action a call is.
    Without `runtime` the engine of this process is used and, if need be, opened.

    What is judged is handed over: a copy of lists, mappings, dataclasses, pydantic models and what is in
    them. Generators and other iterators that give their items once are handed over as a list of the items.
    URLs, paths, patterns, secrets and the like are judged by what they say. A call with an object that
    cannot be judged is denied and recorded, unless it is a default of the function itself.

    `opaque` names parameters that no agent can fill: of those only the class is judged, and they are handed
    over as they are. Parameters that LangChain or LangGraph fills by their annotation (`InjectedToolArg`,
    `RunnableConfig`, `ToolRuntime`, callbacks) are opaque without being named.

    Classes are code, and trusted as the function is: a class that behaves differently each time it is asked
    is none that an agent can send. The object that a method belongs to is no argument; a method that
    another decorator hides names it, `opaque=["self"]`.
    """
    if not callable(function):
        raise TypeError(f"only callables can be guarded, not {type(function).__name__}")
    signature = _signature(function)
    hints = {name: parameter.annotation for name, parameter in signature.parameters.items()}
    guard = Guard(
        runtime or get_runtime(),
        function,
        signature,
        agent_id=agent_id,
        goal=goal,
        action_type=ActionType(action_type).value,
        target=target or _name(function),
        denial=denial,
        method=_method_names(function),
        session_id=session_id,
        framework=framework,
        opaque=[*opaque, *injected(hints)],
    )
    wrapper = _kind(function)(guard)
    _dress(wrapper, function, signature)
    return wrapper


def _name(function: Any) -> str:
    while isinstance(function, functools.partial):
        function = function.func
    return str(getattr(function, "__name__", None) or type(function).__name__)


def _signature(function: Any) -> inspect.Signature:
    """The signature with its annotations resolved: the wrapper lives in another module."""
    signature = inspect.signature(function)
    inner = function.func if isinstance(function, functools.partial) else function
    try:
        hints = typing.get_type_hints(inner, include_extras=True)
    except (NameError, TypeError, AttributeError):
        return signature
    parameters = [
        parameter.replace(annotation=hints.get(name, parameter.annotation))
        for name, parameter in signature.parameters.items()
    ]
    returns = hints.get("return", signature.return_annotation)
    return signature.replace(parameters=parameters, return_annotation=returns)


def _method_names(function: Any) -> list[str]:
    """What a class whose body the function was written in may call it; nothing if there is none."""
    if not inspect.isfunction(function):
        return []
    *_, owner, name = ("", *function.__qualname__.split("."))
    if owner in ("", "<locals>"):
        return []
    return [name, f"_{owner.lstrip('_')}{name}"]


def _kind(function: Any) -> Callable[[Guard], Any]:
    call = function
    while isinstance(call, functools.partial):
        call = call.func
    if not inspect.isroutine(call) and not inspect.isclass(call):
        call = type(call).__call__
    if inspect.isasyncgenfunction(call):
        return _async_generator
    if inspect.iscoroutinefunction(call):
        return _coroutine
    if inspect.isgeneratorfunction(call):
        return _generator
    return _function


def _function(guard: Guard) -> Callable[..., Any]:
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return guard(*args, **kwargs)

    return wrapper


def _coroutine(guard: Guard) -> Callable[..., Any]:
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        action_id, running = guard.start(args, kwargs)
        try:
            result = await running
        except BaseException as error:
            guard.finish(action_id, error)
            raise
        guard.finish(action_id)
        return result

    return wrapper


def _generator(guard: Guard) -> Callable[..., Any]:
    def wrapper(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        action_id, running = guard.start(args, kwargs)
        try:
            result = yield from running
        except GeneratorExit:
            # Who asked for the items wants no more of them: that is no failure of the tool.
            guard.finish(action_id)
            raise
        except BaseException as error:
            guard.finish(action_id, error)
            raise
        guard.finish(action_id)
        return result

    return wrapper


def _async_generator(guard: Guard) -> Callable[..., Any]:
    async def wrapper(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        action_id, running = guard.start(args, kwargs)
        try:
            item = await anext(running)
            while True:
                try:
                    sent = yield item
                except GeneratorExit:
                    await running.aclose()
                    raise
                except BaseException as thrown:  # noqa: BLE001 - handed on, as `yield from` would
                    item = await running.athrow(thrown)
                else:
                    item = await running.asend(sent)
        except StopAsyncIteration:
            guard.finish(action_id)
        except GeneratorExit:
            guard.finish(action_id)
            raise
        except BaseException as error:
            guard.finish(action_id, error)
            raise

    return wrapper


def _dress(wrapper: Any, function: Any, signature: inspect.Signature) -> None:
    """Make the wrapper look like the function, without a way to it."""
    for name in ("__module__", "__doc__"):
        value = getattr(function, name, None)
        if value is not None:
            setattr(wrapper, name, value)
    wrapper.__name__ = _name(function)
    wrapper.__qualname__ = getattr(function, "__qualname__", wrapper.__name__)
    wrapper.__signature__ = signature
    annotations = {
        name: parameter.annotation
        for name, parameter in signature.parameters.items()
        if parameter.annotation is not inspect.Parameter.empty
    }
    if signature.return_annotation is not inspect.Signature.empty:
        annotations["return"] = signature.return_annotation
    wrapper.__annotations__ = annotations
