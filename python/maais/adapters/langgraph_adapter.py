"""LangGraph and LangChain: tools that run only when their call was allowed.

`create_secure_agent` is the short way. It puts every tool behind the monitor (so that a direct call is
mediated, too) and adds a middleware that turns a refusal into a tool message with status `error`, so that
the model reads why and can go on.
"""

from __future__ import annotations

import inspect
import typing
from typing import TYPE_CHECKING, Any

from maais.errors import SecurityViolationError
from maais.guard import guarded
from maais.guard import secure_tool as _secure_function
from maais.models import ActionRequest, ActionType, Decision
from maais.runtime import get_runtime

try:
    from langchain_core.runnables import RunnableConfig
    from langchain_core.tools import BaseTool, InjectedToolArg, StructuredTool, ToolException
except ImportError as error:  # pragma: no cover - depends on the environment
    _missing: ImportError | None = error
else:
    _missing = None

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from langchain.agents.middleware import AgentMiddleware
    from langgraph.prebuilt import ToolNode

__all__ = [
    "AgentSimulator",
    "SecurityViolationError",
    "create_secure_agent",
    "denial_middleware",
    "secure_tool",
    "secure_tool_node",
    "secure_tools",
    "simulate_tool_call",
    "wrap_langchain_tool",
]


def secure_tool(agent_id: Any = "default_agent", goal: str = "Execute tool", **options: Any) -> Any:
    """Put a function or a LangChain tool behind the reference monitor; see `maais.secure_tool`."""
    if _missing is None and isinstance(agent_id, BaseTool):
        return wrap_langchain_tool(agent_id, options.pop("agent", "default_agent"), goal, **options)
    options.setdefault("framework", "langgraph")
    return _secure_function(agent_id, goal, **options)


def wrap_langchain_tool(
    tool: BaseTool, agent_id: str, goal: str = "Execute tool", **options: Any
) -> BaseTool:
    """Return a tool with the same name, description and schema, behind the reference monitor.

    A refusal reaches the model as a tool message with status `error`. The given tool is not changed: give
    agents only the returned one.
    """
    _require_langchain()
    options = {"agent_id": agent_id, "goal": goal, "target": tool.name, "framework": "langchain", **options}
    options["denial"] = _tool_denial()
    function: Any = getattr(tool, "func", None)
    coroutine: Any = getattr(tool, "coroutine", None)
    if function is None and coroutine is None:
        function = _without_framework_arguments(tool)
    return StructuredTool(
        name=tool.name,
        description=tool.description,
        args_schema=tool.args_schema or tool.get_input_schema(),
        func=_guarded(function, options) if function is not None else None,
        coroutine=_guarded(coroutine, options) if coroutine is not None else None,
        return_direct=tool.return_direct,
        response_format=tool.response_format,
        handle_tool_error=_explain,
        tags=tool.tags,
        metadata=tool.metadata,
    )


def secure_tools(
    tools: Sequence[BaseTool | Callable[..., Any]], agent_id: str, goal: str = "Execute tool", **options: Any
) -> list[BaseTool]:
    """Put tools and plain functions behind the reference monitor."""
    _require_langchain()
    made = (
        tool if isinstance(tool, BaseTool) else StructuredTool.from_function(**_by_kind(tool))
        for tool in tools
    )
    return [wrap_langchain_tool(tool, agent_id, goal, **options) for tool in made]


def secure_tool_node(
    tools: Sequence[BaseTool | Callable[..., Any]], agent_id: str, goal: str = "Execute tool", **options: Any
) -> ToolNode:
    """Return a `ToolNode` for graphs of one's own, all of whose tools are behind the reference monitor."""
    _require_langchain()
    from langgraph.prebuilt import ToolNode  # noqa: PLC0415 - LangGraph is needed here only

    return ToolNode(secure_tools(tools, agent_id, goal, **options), handle_tool_errors=_explain)


def denial_middleware() -> AgentMiddleware[Any, Any]:
    """Return a middleware that tells the model of refusals by functions under `secure_tool`.

    It decides nothing: the tools do. Put it last in the list, so that it is the innermost.
    """
    _require_langchain()
    from langchain.agents.middleware import AgentMiddleware  # noqa: PLC0415 - needed here only
    from langchain_core.messages import ToolMessage  # noqa: PLC0415

    def refusal(request: Any, error: SecurityViolationError) -> ToolMessage:
        call = request.tool_call
        return ToolMessage(str(error), tool_call_id=call["id"], name=call["name"], status="error")

    class DenialMiddleware(AgentMiddleware[Any, Any]):
        """Turns refusals into tool messages."""

        def wrap_tool_call(self, request: Any, handler: Callable[[Any], Any]) -> Any:
            try:
                return handler(request)
            except SecurityViolationError as error:
                return refusal(request, error)

        async def awrap_tool_call(self, request: Any, handler: Callable[[Any], Awaitable[Any]]) -> Any:
            try:
                return await handler(request)
            except SecurityViolationError as error:
                return refusal(request, error)

    return DenialMiddleware()


def create_secure_agent(
    model: Any,
    tools: Sequence[BaseTool | Callable[..., Any]],
    *,
    agent_id: str,
    goal: str = "Execute tool",
    middleware: Sequence[AgentMiddleware[Any, Any]] = (),
    guard_options: dict[str, Any] | None = None,
    **options: Any,
) -> Any:
    """Return `langchain.agents.create_agent` with every tool behind the reference monitor."""
    _require_langchain()
    from langchain.agents import create_agent  # noqa: PLC0415 - LangChain 1.x is needed here only

    secured = secure_tools(tools, agent_id, goal, **(guard_options or {}))
    return create_agent(
        model, secured, middleware=[*middleware, denial_middleware()], name=agent_id, **options
    )


def simulate_tool_call(tool_name: str, params: dict[str, Any], agent_id: str = "demo_agent") -> Decision:
    """Ask what would become of a tool call. It is decided and recorded like any other; nothing runs."""
    goal = f"Execute {tool_name}"
    return get_runtime().intercept(ActionRequest(agent_id, ActionType.TOOL_CALL, tool_name, params, goal))


class AgentSimulator:
    """An agent that asks and does nothing: for trying policies."""

    def __init__(self, agent_id: str) -> None:
        self.agent_id = agent_id
        self.runtime = get_runtime()
        self.action_history: list[dict[str, Any]] = []

    def attempt_action(
        self, action_type: ActionType, target: str, params: dict[str, Any], goal: str
    ) -> dict[str, Any]:
        """Ask for an action; return whether it is `allowed`, why, its `violations` and its `policy`."""
        action = ActionRequest(self.agent_id, action_type, target, params, goal)
        decision = self.runtime.intercept(action)
        self.action_history.append({"action": action, "decision": decision, "timestamp": decision.timestamp})
        return {
            "allowed": decision.allow,
            "explanation": decision.explanation,
            "violations": decision.ciaa_violations,
            "policy": decision.policy_id,
        }


def _require_langchain() -> None:
    if _missing is not None:
        raise ImportError("this needs LangChain and LangGraph: pip install 'maais[langgraph]'") from _missing


def _explain(error: Any) -> str:
    return str(error)


def _tool_denial() -> type[SecurityViolationError]:
    """A refusal that LangChain, too, takes for an error of the tool."""

    class ToolRefusedError(SecurityViolationError, ToolException):
        """The call of this tool was not allowed."""

    return ToolRefusedError


def _guarded(function: Any, options: dict[str, Any]) -> Any:
    return guarded(function, **{"opaque": _injected(function), **options})


def _injected(function: Any) -> list[str]:
    """The parameters that the framework fills: the graph's state, its runtime, the run's settings."""
    try:
        hints = typing.get_type_hints(function, include_extras=True)
    except (NameError, TypeError, AttributeError):
        return []
    return [name for name, hint in hints.items() if name != "return" and _is_injected(hint)]


def _is_injected(hint: Any) -> bool:
    if typing.get_origin(hint) is typing.Annotated:
        marks = hint.__metadata__
        return any(isinstance(mark, InjectedToolArg) or _is_class(mark, InjectedToolArg) for mark in marks)
    if hint == RunnableConfig or hint == RunnableConfig | None:
        return True
    try:
        from langgraph.prebuilt import ToolRuntime  # noqa: PLC0415 - LangChain alone has none
    except ImportError:
        return False
    return _is_class(typing.get_origin(hint) or hint, ToolRuntime)


def _is_class(value: Any, base: type) -> bool:
    return isinstance(value, type) and issubclass(value, base)


def _by_kind(function: Callable[..., Any]) -> dict[str, Any]:
    return {"coroutine" if inspect.iscoroutinefunction(function) else "func": function}


def _without_framework_arguments(tool: BaseTool) -> Callable[..., Any]:
    """The body of a tool that is a class, without what LangChain passes besides the arguments."""

    def run(**kwargs: Any) -> Any:
        return tool._run(**kwargs)  # noqa: SLF001 - the documented place of a tool's body

    return run
