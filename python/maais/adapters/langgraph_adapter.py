"""LangGraph and LangChain: tools that run only when their call was allowed.

`create_secure_agent` is the short way. It puts every tool behind the monitor (so that a direct call is
mediated, too) and adds a middleware that turns a refusal into a tool message with status `error`, so that
the model reads why and can go on.
"""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any

from maais.errors import SecurityViolationError
from maais.guard import guarded
from maais.guard import secure_tool as _secure_function
from maais.models import ActionRequest, ActionType, Decision
from maais.runtime import get_runtime

try:
    from langchain_core.messages import ToolMessage
    from langchain_core.runnables import RunnableConfig
    from langchain_core.tools import BaseTool, StructuredTool, Tool
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

    A refusal reaches the model as a tool message with status `error`; errors of the tool itself are handled
    as the given tool says. The given tool is not changed: give agents only the returned one.

    Of a tool that is a class, `_run` and `_arun` are guarded. Other methods that it overrides do not apply.
    """
    _require_langchain()
    options = {"agent_id": agent_id, "goal": goal, "target": tool.name, "framework": "langchain", **options}
    options["denial"] = _ToolRefusedError
    kind, function, coroutine = _bodies(tool)
    same = {name: getattr(tool, name) for name in BaseTool.model_fields}
    if kind is not Tool:
        same["args_schema"] = tool.args_schema or tool.get_input_schema()
    filled = "run_manager" if kind is BaseTool else "callbacks"
    made: BaseTool = _mediated(kind)(
        **same,
        func=_guarded(function, filled, options) if function is not None else None,
        coroutine=_guarded(coroutine, filled, options) if coroutine is not None else None,
    )
    return made


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


class _ToolRefusedError(SecurityViolationError):
    """The call of a LangChain tool was not allowed."""


def _guarded(function: Any, filled: str, options: dict[str, Any]) -> Any:
    """Guard a body; LangChain fills the parameter called `filled`, over whatever an agent gave."""
    if filled in inspect.signature(function).parameters:
        options = {**options, "opaque": [*options.get("opaque", ()), filled]}
    return guarded(function, **options)


def _bodies(tool: BaseTool) -> tuple[type[BaseTool], Any, Any]:
    """Which of LangChain's kinds of tool it is, and what it runs, without and with `await`."""
    sync, later = "_run", "_arun"  # The documented places of a tool's body.
    own = type(tool)
    for kind in (StructuredTool, Tool):
        mine = all(getattr(own, name) is getattr(kind, name) for name in (sync, later))
        if mine and isinstance(tool, kind):
            return kind, tool.func, tool.coroutine
    awaits = getattr(own, later) is not getattr(BaseTool, later)
    return BaseTool, getattr(tool, sync), getattr(tool, later) if awaits else None


@functools.cache
def _mediated(kind: type[BaseTool]) -> Any:
    """Make the class of guarded tools of a kind: it turns refusals into messages, and nothing else."""
    base: Any = _of_a_class() if kind is BaseTool else kind

    class Mediated(base):  # type: ignore[misc]
        """A tool behind the reference monitor."""

        def run(self, *args: Any, tool_call_id: str | None = None, **kwargs: Any) -> Any:
            """Run the tool if that is allowed."""
            try:
                return super().run(*args, tool_call_id=tool_call_id, **kwargs)
            except _ToolRefusedError as refusal:
                return _refusal(refusal, self.name, tool_call_id)

        async def arun(self, *args: Any, tool_call_id: str | None = None, **kwargs: Any) -> Any:
            """Run the tool if that is allowed."""
            try:
                return await super().arun(*args, tool_call_id=tool_call_id, **kwargs)
            except _ToolRefusedError as refusal:
                return _refusal(refusal, self.name, tool_call_id)

    return Mediated


def _refusal(refusal: _ToolRefusedError, name: str, tool_call_id: str | None) -> ToolMessage | str:
    if tool_call_id is None:
        return str(refusal)
    return ToolMessage(str(refusal), tool_call_id=tool_call_id, name=name, status="error")


def _of_a_class() -> type[StructuredTool]:
    """Make the class of guarded tools that were classes: they may ask for the run's callbacks."""

    class OfAClass(StructuredTool):
        """A tool made of the methods of another one."""

        def _run(self, *args: Any, config: RunnableConfig, run_manager: Any = None, **kwargs: Any) -> Any:
            function: Any = self.func
            return function(*args, **{**kwargs, **_asked_for(function, config, run_manager)})

        async def _arun(
            self, *args: Any, config: RunnableConfig, run_manager: Any = None, **kwargs: Any
        ) -> Any:
            function: Any = self.coroutine
            if function is None:
                return await super()._arun(*args, config=config, run_manager=run_manager, **kwargs)
            return await function(*args, **{**kwargs, **_asked_for(function, config, run_manager)})

    return OfAClass


def _asked_for(function: Any, config: Any, run_manager: Any) -> dict[str, Any]:
    """What LangChain gives to a method that asks for it: the run's settings and its callbacks."""
    parameters = inspect.signature(function).parameters
    asked = {name: config for name, given in parameters.items() if given.annotation is RunnableConfig}
    return {**asked, "run_manager": run_manager} if "run_manager" in parameters else asked


def _by_kind(function: Callable[..., Any]) -> dict[str, Any]:
    return {"coroutine" if inspect.iscoroutinefunction(function) else "func": function}
