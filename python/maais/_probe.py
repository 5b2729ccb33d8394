"""Looks for a way around the guard, and says what it found.

`python -m maais._probe --json` prints `{"ok": ..., "checks": [{"name", "ok", "evidence"}]}`. It needs
LangChain and LangGraph; `maais verify-spec` calls it. Every check uses tools whose bodies note that they ran.

Not looked for: code in the same process that walks all of the interpreter's memory (`gc.get_objects`,
`ctypes`) or that had the function before it was guarded. Against those only another process helps.
"""

from __future__ import annotations

import asyncio
import copy
import gc
import inspect
import json
import pickle
import sys
import tempfile
import threading
import types
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.tools import BaseTool, StructuredTool
from langgraph.graph import END, START, MessagesState, StateGraph

import maais.guard
import maais.models
import maais.runtime
from maais._maais import Guard, Runtime
from maais.adapters.langgraph_adapter import (
    create_secure_agent,
    secure_tool_node,
    secure_tools,
    wrap_langchain_tool,
)
from maais.errors import SecurityViolationError
from maais.guard import guarded
from maais.models import AuditRecord

if TYPE_CHECKING:
    from collections.abc import Callable

AGENT = "probe"
RULE = "deny_system_command"
ROUNDS = 20


class Scripted(BaseChatModel):
    """A chat model that says what it was told to say, one message after the other."""

    script: list[AIMessage]
    turn: int = 0

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:  # noqa: ARG002 - the script knows its tools
        """Return the model itself: the script knows which tools it calls."""
        return self

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:  # noqa: ARG002
        message = self.script[min(self.turn, len(self.script) - 1)]
        self.turn += 1
        return ChatResult(generations=[ChatGeneration(message=message)])


class Bodies:
    """Tools whose bodies note that they ran. The built-in policies refuse `execute_command`."""

    def __init__(self) -> None:
        self.ran: list[str] = []

    def forbidden(self) -> Callable[..., str]:
        """Return a function that is refused."""
        ran = self.ran

        def execute_command(command: str) -> str:
            """Run a command."""
            ran.append(command)
            return "ran"

        return execute_command

    def forbidden_async(self) -> Callable[..., Any]:
        """Return a coroutine function that is refused."""
        ran = self.ran

        async def execute_command(command: str) -> str:
            """Run a command."""
            ran.append(command)
            return "ran"

        return execute_command

    def forbidden_class(self) -> BaseTool:
        """Return a tool that is a class, and is refused."""
        ran = self.ran

        class Shell(BaseTool):
            name: str = "execute_command"
            description: str = "Run a command."

            def _run(self, command: str) -> str:
                ran.append(command)
                return "ran"

        return Shell()

    def entered(self) -> list[str]:
        """Return what is wrong when a body ran."""
        return [f"a body ran with {self.ran}"] if self.ran else []


class Probe:
    """One search, with an engine and a log of its own."""

    def __init__(self, home: Path) -> None:
        settings = home / "settings.yaml"
        settings.write_text("version: 1\n", encoding="utf-8")
        self.runtime = Runtime(home / "data", config=settings, policies=["baseline"])
        self.checks: list[dict[str, Any]] = []

    def note(self, name: str, problems: list[str], evidence: str) -> None:
        """Keep the result of a check."""
        self.checks.append({"name": name, "ok": not problems, "evidence": "; ".join(problems) or evidence})

    def guard(self, function: Any, **options: Any) -> Any:
        """Put a function behind the monitor."""
        return guarded(function, agent_id=AGENT, runtime=self.runtime, **options)

    def tools(self, bodies: Bodies) -> list[BaseTool]:
        """Put a tool of each kind behind the monitor."""
        made = (
            StructuredTool.from_function(bodies.forbidden()),
            StructuredTool.from_function(coroutine=bodies.forbidden_async()),
            bodies.forbidden_class(),
        )
        return [wrap_langchain_tool(tool, AGENT, runtime=self.runtime) for tool in made]

    def direct_call(self) -> None:
        """A denied call never enters the body, however it is made."""
        bodies = Bodies()
        wrapper = self.guard(bodies.forbidden())
        waits = self.guard(bodies.forbidden_async())
        guard = _guard_in(wrapper)
        ways: list[Callable[[], Any]] = [
            lambda: wrapper("id"),
            lambda: wrapper(command="id"),
            lambda: wrapper.__call__("id"),
            lambda: types.FunctionType.__call__(wrapper, "id"),
            types.MethodType(wrapper, "id"),
            lambda: types.FunctionType(wrapper.__code__, globals(), closure=wrapper.__closure__)("id"),
            lambda: guard("id"),
            lambda: guard.start(("id",), {}),
            lambda: asyncio.run(waits("id")),
            lambda: waits("id").send(None),
        ]
        problems = [f"way {number} was not refused" for number, way in enumerate(ways) if not _refused(way)]
        evidence = f"{len(ways)} ways of calling, all refused, no body entered"
        self.note("direct call", problems + bodies.entered(), evidence)

    def langchain_tool(self) -> None:
        """A LangChain tool is refused by each of its methods."""
        bodies = Bodies()
        problems: list[str] = []
        for tool in self.tools(bodies):
            problems += _through_methods(tool)
        self.note(
            "LangChain tool",
            problems + bodies.entered(),
            "invoke, ainvoke, run, arun, batch, stream, _run, _arun, func, coroutine of three kinds of tool: "
            "all refused, no body entered",
        )

    def graphs(self) -> None:
        """No way through a graph: tool node and agents, sync and async, several calls at once."""
        bodies = Bodies()
        calls = [{"name": "execute_command", "args": {"command": f"id {n}"}, "id": f"c{n}"} for n in range(3)]
        graphs: dict[str, Callable[[], Any]] = {
            "ToolNode": lambda: self._node(bodies),
            "create_secure_agent": lambda: self._agent(bodies, calls),
        }
        react = _react()
        if react is not None:
            secured = secure_tools([bodies.forbidden()], AGENT, runtime=self.runtime)
            graphs["create_react_agent"] = lambda: react(_model(calls), secured)
        problems: list[str] = []
        for name, make in graphs.items():
            for use_async in (False, True):
                refusals = _refusals(make(), calls, use_async=use_async)
                if refusals != len(calls):
                    problems.append(f"{name}: {refusals} of {len(calls)} refusals reached the model")
        evidence = f"{', '.join(graphs)}: sync and async, {len(calls)} calls at once: refused and explained"
        self.note("LangGraph", problems + bodies.entered(), evidence)

    def _node(self, bodies: Bodies) -> Any:
        graph = StateGraph(MessagesState)
        graph.add_node("tools", secure_tool_node([bodies.forbidden()], AGENT, runtime=self.runtime))
        graph.add_edge(START, "tools")
        graph.add_edge("tools", END)
        return graph.compile()

    def _agent(self, bodies: Bodies, calls: list[Any]) -> Any:
        options = {"runtime": self.runtime}
        return create_secure_agent(_model(calls), [bodies.forbidden()], agent_id=AGENT, guard_options=options)

    def reachability(self) -> None:
        """Nothing that the wrapper or a tool holds leads to the function."""
        bodies = Bodies()
        problems: list[str] = []
        seen = 0
        for secret in (bodies.forbidden(), bodies.forbidden_async()):
            wrapper = self.guard(secret)
            tool = secure_tools([secret], AGENT, runtime=self.runtime)[0]
            for name, start in (("wrapper", wrapper), ("tool", tool)):
                looked = _reachable(start)
                seen += len(looked)
                if any(found is secret or found is secret.__code__ for found in looked):
                    problems.append(f"the garbage collector leads from the {name} to the function")
            problems += _exposed(wrapper, secret)
        evidence = f"{seen} objects reachable from wrappers and tools, none is the function; no copying"
        self.note("reachability", problems, evidence)

    def late_arguments(self) -> None:
        """What is changed while the decision is made changes nothing."""
        ran: list[Any] = []

        def collect(items: list[dict[str, str]]) -> None:
            ran.append(items[0]["url"])

        wrapper = self.guard(collect)
        items = [{"url": "http://localhost/"}]
        stop = threading.Event()

        def flip() -> None:
            while not stop.is_set():
                items[0]["url"] = "https://evil.example/"
                items[0]["url"] = "http://localhost/"

        thread = threading.Thread(target=flip)
        thread.start()
        try:
            for _ in range(ROUNDS * 3):
                wrapper(items)
        finally:
            stop.set()
            thread.join()
        decided = [r.body["request"]["parameters"]["items"][0]["url"] for r in self._decisions("collect")]
        problems = [] if decided == ran else ["what ran is not what was decided on"]
        self.note("arguments changed meanwhile", problems, f"{len(ran)} calls ran with what was decided on")

    def patched_names(self) -> None:
        """Replacing names after the fact opens nothing."""
        bodies = Bodies()
        wrapper = self.guard(bodies.forbidden())
        places: list[tuple[Any, str]] = [
            (Runtime, "intercept"),
            (Guard, "start"),
            (Guard, "finish"),
            (maais.runtime, "get_runtime"),
            (maais.runtime, "Runtime"),
            (maais.guard, "get_runtime"),
            (maais.guard, "Guard"),
            (maais.guard, "guarded"),
            (maais.guard, "SecurityViolationError"),
            (maais.models.Decision, "from_dict"),
            (maais.models, "Decision"),
            (inspect.Signature, "bind"),
            (inspect.BoundArguments, "apply_defaults"),
        ]
        problems = [
            f"with `{name}` replaced the call was not refused"
            for owner, name in places
            if not _refused_with(owner, name, lambda: wrapper("id"))
        ]
        evidence = f"{len(places)} names and methods replaced, one after the other: none opened the guard"
        self.note("patched names", problems + bodies.entered(), evidence)

    def records(self) -> None:
        """Every executed call has one decision and one outcome in the log."""
        ran: list[int] = []

        def counted(number: int) -> None:
            ran.append(number)

        async def counted_async(number: int) -> None:
            ran.append(number)

        wrapper, waits = self.guard(counted), self.guard(counted_async, target="counted")
        for number in range(ROUNDS):
            wrapper(number)
            asyncio.run(waits(number))
        ids = [r.body["request"]["action_id"] for r in self._decisions("counted")]
        outcomes = [r.body["action_id"] for r in self._records() if r.type == "outcome"]
        counted_outcomes = sorted(action_id for action_id in outcomes if action_id in ids)
        problems: list[str] = []
        if not len(ran) == len(set(ids)) == len(ids) == 2 * ROUNDS or sorted(ids) != counted_outcomes:
            problems.append(f"{len(ran)} calls, {len(ids)} decisions, {len(counted_outcomes)} outcomes")
        if not maais.runtime.verify_log(self.runtime.home)["ok"]:
            problems.append("the log does not verify")
        evidence = f"{len(ran)} calls, {len(ids)} decisions and outcomes; the log verifies"
        self.note("records", problems, evidence)

    def _records(self) -> list[AuditRecord]:
        segments = sorted(Path(self.runtime.home).glob("log/*/seg/*.jsonl"))
        lines = (line for segment in segments for line in segment.read_text("utf-8").splitlines())
        return [AuditRecord.from_line(line) for line in lines if line.strip("\0 ")]

    def _decisions(self, target: str) -> list[AuditRecord]:
        found = (r for r in self._records() if r.type == "decision" and "request" in r.body)
        return [r for r in found if r.body["request"]["target"] == target and r.body["decision"]["allow"]]


def _model(calls: list[Any]) -> Scripted:
    return Scripted(script=[AIMessage("", tool_calls=calls), AIMessage("done")])


def _react() -> Any:
    """LangGraph's older agent, where there still is one."""
    try:
        from langgraph.prebuilt import create_react_agent  # noqa: PLC0415 - it may be gone
    except ImportError:
        return None

    def make(model: Any, tools: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            return create_react_agent(model, tools)

    return make


def _guard_in(wrapper: Any) -> Any:
    return wrapper.__closure__[0].cell_contents


def _refused(call: Callable[[], Any]) -> bool:
    try:
        call()
    except SecurityViolationError as error:
        return not error.decision.allow
    return False


def _refused_with(owner: Any, name: str, call: Callable[[], Any]) -> bool:
    """Whether the call fails although the name was replaced by the attacker's."""
    before = inspect.getattr_static(owner, name)
    try:
        setattr(owner, name, _yes)
    except TypeError:
        return True
    try:
        call()
    except Exception:  # noqa: BLE001 - whatever the replaced name leads to, it is no result
        return True
    finally:
        setattr(owner, name, before)
    return False


def _yes(*_: Any, **__: Any) -> Any:
    """What an attacker would like to hear of every question."""
    return types.SimpleNamespace(allow=True, arguments={}, args=(), kwargs={}, apply_defaults=lambda: None)


def _through_methods(tool: Any) -> list[str]:
    sync, coroutine = getattr(tool, "_run"), getattr(tool, "_arun")  # noqa: B009 - the attacker is not polite
    named = {"command": "id"}
    call = {"name": tool.name, "args": named, "id": "1", "type": "tool_call"}
    answers: list[Any] = [
        asyncio.run(tool.ainvoke(named)),
        asyncio.run(tool.ainvoke(call)),
        asyncio.run(tool.arun(named)),
    ]
    raising: list[Callable[[], Any]] = [lambda: asyncio.run(coroutine(config={}, **named))]
    if tool.coroutine is not None:
        raising.append(lambda: asyncio.run(tool.coroutine(**named)))
    if tool.func is not None:
        answers += [tool.invoke(named), tool.invoke(call), tool.run(named)]
        answers += [*tool.batch([named]), *tool.stream(named)]
        raising += [lambda: tool.func(**named), lambda: sync(config={}, **named)]
    texts = [str(getattr(answer, "content", answer)) for answer in answers]
    problems = [f"a method answered {text!r}" for text in texts if RULE not in text]
    return problems + ["a method was not refused" for way in raising if not _refused(way)]


def _refusals(graph: Any, calls: list[Any], *, use_async: bool) -> int:
    """How many refusals the graph hands to its model; the state begins with what its first node needs."""
    thinks = {"agent", "model"} & set(graph.nodes)
    first = ("user", "go") if thinks else AIMessage("", tool_calls=calls)
    state = {"messages": [first]}
    result = asyncio.run(graph.ainvoke(state)) if use_async else graph.invoke(state)
    answers = [m for m in result["messages"] if isinstance(m, ToolMessage)]
    return sum(m.status == "error" and RULE in str(m.content) for m in answers)


def _exposed(wrapper: Any, secret: Any) -> list[str]:
    """Which attributes of the wrapper and its guard give the function away, and whether it can be copied."""
    guard = _guard_in(wrapper)
    problems = ["`__wrapped__` is there"] if hasattr(wrapper, "__wrapped__") else []
    for owner in (wrapper, wrapper.__code__, wrapper.__signature__, guard):
        for name in dir(owner):
            if getattr(owner, name, None) is secret:
                problems.append(f"`{name}` of {type(owner).__name__} is the function")
    copiers: list[Callable[[Any], Any]] = [copy.copy, copy.deepcopy, pickle.dumps]
    for copier in copiers:
        try:
            copier(guard)
        except TypeError:
            continue
        problems.append(f"`{copier.__name__}` works on the guard")
    return problems


def _reachable(start: Any) -> list[Any]:
    """Everything that the garbage collector reaches from an object, but for what modules hold by name."""
    modules: list[Any] = list(sys.modules.values())
    skip = {id(module.__dict__) for module in modules if hasattr(module, "__dict__")}
    found: dict[int, Any] = {}
    todo = [start]
    while todo:
        thing = todo.pop()
        if id(thing) in found or id(thing) in skip or _of_a_module(thing):
            continue
        found[id(thing)] = thing
        todo.extend(gc.get_referents(thing))
        if isinstance(thing, types.FunctionType):
            todo.append(thing.__code__)
    return list(found.values())


def _of_a_module(thing: Any) -> bool:
    """Whether it is a module, or a class that a module has by its name; classes made on the fly are not."""
    if isinstance(thing, type):
        return getattr(sys.modules.get(thing.__module__), thing.__name__, None) is thing
    return isinstance(thing, types.ModuleType)


def search() -> dict[str, Any]:
    """Run every check; one that breaks is one that failed."""
    with tempfile.TemporaryDirectory(prefix="maais-probe-") as folder:
        probe = Probe(Path(folder))
        for check in (
            probe.direct_call,
            probe.langchain_tool,
            probe.graphs,
            probe.reachability,
            probe.late_arguments,
            probe.patched_names,
            probe.records,
        ):
            try:
                check()
            except Exception as error:  # noqa: BLE001 - it becomes a finding
                probe.note(check.__name__.replace("_", " "), [f"broke: {error!r}"], "")
    return {"ok": all(check["ok"] for check in probe.checks), "checks": probe.checks}


def main() -> int:
    """Print what was found; 1 if there is a way around."""
    result = search()
    if "--json" in sys.argv:
        sys.stdout.write(json.dumps(result) + "\n")
    else:
        for check in result["checks"]:
            sys.stdout.write(f"{'ok  ' if check['ok'] else 'FAIL'} {check['name']}: {check['evidence']}\n")
    return 0 if result["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
