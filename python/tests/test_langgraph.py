"""The LangGraph adapter: no call that was not allowed enters a tool's body, and the model can go on."""

from __future__ import annotations

import asyncio
import json
import typing
from typing import TYPE_CHECKING, Any

import maais
import pytest
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool, StructuredTool, Tool, ToolException
from langchain_core.tools import tool as langchain_tool
from langgraph.graph import END, START, MessagesState, StateGraph
from maais import ActionType, SecurityViolationError, secure_tool
from maais._probe import Scripted
from maais.adapters.langgraph_adapter import (
    AgentSimulator,
    create_secure_agent,
    denial_middleware,
    secure_tool_node,
    secure_tools,
    simulate_tool_call,
    wrap_langchain_tool,
)
from maais.adapters.langgraph_adapter import secure_tool as langgraph_secure_tool

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Log


class Bodies:
    """One tool that is refused and one that is allowed, and which bodies were entered."""

    def __init__(self) -> None:
        self.ran: list[str] = []

    def sync(self) -> list[Callable[..., Any]]:
        ran = self.ran

        def execute_command(command: str) -> str:
            """Run a command."""
            ran.append(command)
            return "ran"

        def add(a: int, b: int = 1) -> str:
            """Add two numbers."""
            ran.append("add")
            return str(a + b)

        return [execute_command, add]

    def asynchronous(self) -> list[Callable[..., Any]]:
        ran = self.ran

        async def execute_command(command: str) -> str:
            """Run a command."""
            ran.append(command)
            return "ran"

        async def add(a: int, b: int = 1) -> str:
            """Add two numbers."""
            ran.append("add")
            return str(a + b)

        return [execute_command, add]


CALLS = [
    {"name": "execute_command", "args": {"command": "id"}, "id": "c0"},
    {"name": "add", "args": {"a": 2}, "id": "c1"},
    {"name": "execute_command", "args": {"command": "ls"}, "id": "c2"},
    {"name": "add", "args": {"a": 2, "b": 5}, "id": "c3"},
]


def model() -> Scripted:
    return Scripted(script=[AIMessage("", tool_calls=CALLS), AIMessage("done")])


def node_graph(tools: list[Any]) -> Any:
    graph = StateGraph(MessagesState)
    graph.add_node("tools", secure_tool_node(tools, "agent"))
    graph.add_edge(START, "tools")
    graph.add_edge("tools", END)
    return graph.compile()


def secure_agent(tools: list[Any]) -> Any:
    return create_secure_agent(model(), tools, agent_id="agent", goal="go")


def middleware_agent(tools: list[Any]) -> Any:
    from langchain.agents import create_agent

    guarded = [secure_tool(agent_id="agent")(tool) for tool in tools]
    return create_agent(model(), guarded, middleware=[denial_middleware()])


def react_agent(tools: list[Any]) -> Any:
    prebuilt = pytest.importorskip("langgraph.prebuilt")
    if not hasattr(prebuilt, "create_react_agent"):
        pytest.skip("this LangGraph has no create_react_agent")
    return prebuilt.create_react_agent(model(), secure_tools(tools, "agent"))


def begin(graph: Any) -> dict[str, Any]:
    """What the graph begins with: a task, or for the bare node the calls."""
    thinks = {"agent", "model"} & set(graph.nodes)
    return {"messages": [("user", "go") if thinks else AIMessage("", tool_calls=CALLS)]}


def check(messages: list[BaseMessage], bodies: Bodies, log: Log) -> None:
    """Two calls refused and explained, two run, each decided once."""
    answers = {m.tool_call_id: m for m in messages if isinstance(m, ToolMessage)}
    for refused in ("c0", "c2"):
        assert answers[refused].status == "error"
        assert "system commands are forbidden" in answers[refused].text
        assert "[deny_system_command]" in answers[refused].text
    assert [(answers[a].status, answers[a].text) for a in ("c1", "c3")] == [
        ("success", "3"),
        ("success", "7"),
    ]
    assert bodies.ran == ["add", "add"]
    decided = [record.body["request"]["target"] for record in log("decision")]
    assert sorted(decided) == ["add", "add", "execute_command", "execute_command"]
    assert len(log("outcome")) == 2


GRAPHS = [node_graph, secure_agent, middleware_agent, react_agent]


@pytest.mark.filterwarnings("ignore:.*create_react_agent.*")
@pytest.mark.parametrize("make", GRAPHS)
@pytest.mark.parametrize(
    ("kind", "way"),
    [
        *(("sync", way) for way in ("invoke", "ainvoke", "stream", "astream")),
        # LangChain has no way to call a coroutine function from sync code.
        *(("asynchronous", way) for way in ("ainvoke", "astream")),
    ],
)
def test_refused_calls_never_run_and_the_model_recovers(
    make: Callable[[list[Any]], Any], kind: str, way: str, log: Log
) -> None:
    bodies = Bodies()
    graph = make(getattr(bodies, kind)())
    messages = asyncio.run(arun(graph, way)) if way.startswith("a") else run(graph, way)
    check(messages, bodies, log)
    if make is not node_graph:
        assert messages[-1].text == "done"


def run(graph: Any, way: str) -> list[BaseMessage]:
    if way == "invoke":
        return list(graph.invoke(begin(graph))["messages"])
    return [list(state["messages"]) for state in graph.stream(begin(graph), stream_mode="values")][-1]


async def arun(graph: Any, way: str) -> list[BaseMessage]:
    if way == "ainvoke":
        return list((await graph.ainvoke(begin(graph)))["messages"])
    return [list(s["messages"]) async for s in graph.astream(begin(graph), stream_mode="values")][-1]


class Shell(BaseTool):
    """A tool that is a class."""

    name: str = "execute_command"
    description: str = "Run a command."
    ran: list[str] = []  # noqa: RUF012 - pydantic copies it

    def _run(self, command: str) -> str:
        self.ran.append(command)
        return "ran"


def test_no_method_of_a_tool_enters_its_body() -> None:
    bodies, shell = Bodies(), Shell()
    made = StructuredTool.from_function(bodies.sync()[0])
    for given in (shell, made):
        tool: Any = wrap_langchain_tool(given, "agent")
        call = {"name": tool.name, "args": {"command": "id"}, "id": "1", "type": "tool_call"}
        assert tool.invoke(call).status == "error"
        for answer in (
            tool.invoke({"command": "id"}),
            tool.run({"command": "id"}),
            asyncio.run(tool.ainvoke({"command": "id"})),
            tool.batch([{"command": "id"}])[0],
        ):
            assert "[deny_system_command]" in answer
        with pytest.raises(SecurityViolationError):
            tool.func(command="id")
        with pytest.raises(SecurityViolationError):
            tool._run(command="id", config={})
    assert bodies.ran == shell.ran == []


def test_a_tool_keeps_its_name_its_description_and_its_schema() -> None:
    given = StructuredTool.from_function(
        Bodies().sync()[1], return_direct=True, tags=["t"], metadata={"m": 1}
    )
    tool = wrap_langchain_tool(given, "agent")
    for name in ("name", "description", "args", "return_direct", "tags", "metadata", "response_format"):
        assert getattr(tool, name) == getattr(given, name)


def test_content_and_artifact_pass_through() -> None:
    def find() -> tuple[str, list[int]]:
        """Find."""
        return ("found", [1])

    given = StructuredTool.from_function(find, response_format="content_and_artifact")
    call = {"name": "find", "args": {}, "id": "1", "type": "tool_call"}
    message = wrap_langchain_tool(given, "agent").invoke(call)
    assert (message.content, message.artifact) == ("found", [1])


def test_an_error_of_the_tool_is_its_own_and_is_recorded(log: Log) -> None:
    def fail() -> str:
        """Fail."""
        raise LookupError("lost")

    tool = secure_tools([fail], "agent")[0]
    with pytest.raises(LookupError, match="lost"):
        tool.invoke({})
    assert [record.body["ok"] for record in log("outcome")] == [False]


def test_the_agent_and_its_goal_stand_in_the_record(log: Log) -> None:
    secure_agent(Bodies().sync()).invoke({"messages": [("user", "go")]})
    requests = [record.body["request"] for record in log("decision")]
    assert {r["agent_id"] for r in requests} == {"agent"}
    assert {r["declared_goal"] for r in requests} == {"go"}
    assert {r["context"]["framework"] for r in requests} == {"langchain"}


def test_a_simulated_call_is_decided_and_recorded_and_runs_nothing(log: Log) -> None:
    assert not simulate_tool_call("execute_command", {"command": "id"})
    simulator = AgentSimulator("agent")
    answer = simulator.attempt_action(ActionType.TOOL_CALL, "add", {"a": 1}, "sum")
    assert answer["allowed"] is True
    assert answer["policy"] == "allow_with_logging"
    assert len(simulator.action_history) == 1
    assert len(log("decision")) == 2
    assert maais.verify_log(maais.get_runtime().home)["ok"]


def test_a_long_script_of_calls_is_decided_once_each(log: Log) -> None:
    bodies = Bodies()
    turns = [AIMessage("", tool_calls=[{"name": "add", "args": {"a": n}, "id": f"c{n}"}]) for n in range(8)]
    agent = create_secure_agent(
        Scripted(script=[*turns, AIMessage("done")]), bodies.sync(), agent_id="agent", guard_options={}
    )
    agent.invoke({"messages": [("user", "go")]})
    assert len(bodies.ran) == len(log("decision")) == len(log("outcome")) == 8
    assert [r.body["request"]["parameters"]["a"] for r in log("decision")] == list(range(8))
    assert json.dumps(log("decision")[0].body)


def test_the_arguments_of_a_class_are_judged_under_their_names(log: Log) -> None:
    wrap_langchain_tool(Shell(), "agent").invoke({"command": "id"})
    [record] = log("decision")
    assert record.body["request"]["parameters"] == {"command": "id"}


def test_what_the_framework_fills_in_is_no_parameter_of_the_agent(log: Log) -> None:
    from langchain_core.tools import InjectedToolCallId
    from langgraph.prebuilt import InjectedState, ToolRuntime

    def with_runtime(x: int, runtime: ToolRuntime) -> str:
        """Look at the graph."""
        return str(len(runtime.state["messages"]))

    def with_state(x: int, state: typing.Annotated[Any, InjectedState]) -> str:
        """Look at the state."""
        return str(len(state["messages"]))

    def with_config(
        x: int, config: RunnableConfig, call_id: typing.Annotated[str, InjectedToolCallId]
    ) -> str:
        """Look at the settings."""
        return call_id

    tools: list[Any] = [with_runtime, with_state, with_config]
    for tool in tools:
        tool.__annotations__ = typing.get_type_hints(tool, localns=locals(), include_extras=True)
    calls = [{"name": tool.__name__, "args": {"x": 1}, "id": f"c{n}"} for n, tool in enumerate(tools)]
    script = Scripted(script=[AIMessage("", tool_calls=calls), AIMessage("done")])
    agent = create_secure_agent(script, tools, agent_id="agent")
    messages = agent.invoke({"messages": [("user", "my card is 4111 1111 1111 1111")]})["messages"]
    assert [m.text for m in messages if isinstance(m, ToolMessage)] == ["2", "2", "c2"]
    for record in log("decision"):
        given = record.body["request"]["parameters"]
        assert given.pop("x") == 1
        assert given
        assert all(list(value) == ["$$python"] for value in given.values())


def test_a_tool_with_a_single_input_stays_one() -> None:
    ran: list[str] = []

    def execute_command(command: str) -> str:
        ran.append(command)
        return "ran"

    async def add(what: str) -> str:
        return what * 2

    given = Tool(name="execute_command", func=execute_command, description="Run a command.")
    tool = wrap_langchain_tool(given, "agent")
    assert tool.args == given.args
    for asked in ("id", {"tool_input": "id"}, {"__arg1": "id"}):
        assert "[deny_system_command]" in tool.invoke(asked)
        assert "[deny_system_command]" in asyncio.run(tool.ainvoke(asked))
    assert ran == []
    allowed = wrap_langchain_tool(
        Tool(name="add", func=lambda text: text * 2, coroutine=add, description="Add."), "agent"
    )
    assert allowed.invoke("x") == asyncio.run(allowed.ainvoke({"tool_input": "x"})) == "xx"


class Later(BaseTool):
    """A tool that can only be awaited."""

    name: str = "execute_command"
    description: str = "Run a command."
    ran: list[str] = []  # noqa: RUF012 - pydantic copies it

    def _run(self, command: str) -> str:
        raise NotImplementedError("only with await")

    async def _arun(
        self, command: str, config: RunnableConfig, run_manager: Any = None, callbacks: Any = None
    ) -> str:
        self.ran.append(command)
        return f"ran {type(run_manager).__name__} {'callbacks' in config} {callbacks}"


def test_a_class_that_can_only_be_awaited_is_awaited(log: Log) -> None:
    tool = wrap_langchain_tool(Later(), "agent")
    assert "[deny_system_command]" in asyncio.run(tool.ainvoke({"command": "id"}))
    allowed = wrap_langchain_tool(Later(name="add"), "agent")
    answer = asyncio.run(allowed.ainvoke({"command": "id"}))
    assert answer == "ran AsyncCallbackManagerForToolRun True None"
    with pytest.raises(NotImplementedError):
        allowed.invoke({"command": "id"})
    assert log("decision")[0].body["request"]["parameters"]["command"] == "id"


def test_what_only_looks_like_the_frameworks_own_is_judged(log: Log) -> None:
    def add(**anything: Any) -> str:
        """Add."""
        return "added"

    schema = {"type": "object", "properties": {}, "title": "add", "description": "Add."}
    tool = wrap_langchain_tool(StructuredTool.from_function(add, args_schema=schema), "agent")
    tool.invoke({"callbacks": "x"})
    [record] = log("decision")
    assert record.body["request"]["parameters"] == {"callbacks": "x"}


def failing(**options: Any) -> Any:
    def add() -> str:
        raise ToolException("lost")

    return wrap_langchain_tool(StructuredTool.from_function(add, description="Add.", **options), "agent")


@pytest.mark.parametrize("way", ["sync", "async"])
def test_errors_of_a_tool_are_handled_as_the_tool_says(way: str) -> None:
    def ask(tool: Any) -> Any:
        return tool.invoke({}) if way == "sync" else asyncio.run(tool.ainvoke({}))

    assert ask(failing(handle_tool_error=True)) == "lost"
    assert ask(failing(handle_tool_error="try again")) == "try again"
    assert ask(failing(handle_tool_error=lambda error: f"oh: {error}")) == "oh: lost"
    with pytest.raises(ToolException, match="lost"):
        ask(failing())


@pytest.mark.parametrize("handle", [False, True, "replaced"])
def test_a_refusal_is_explained_whatever_the_tool_says_of_its_errors(handle: Any) -> None:
    given = StructuredTool.from_function(Bodies().sync()[0], handle_tool_error=handle)
    tool = wrap_langchain_tool(given, "agent")
    call = {"name": tool.name, "args": {"command": "id"}, "id": "1", "type": "tool_call"}
    for message in (tool.invoke(call), asyncio.run(tool.ainvoke(call))):
        assert (message.status, message.tool_call_id) == ("error", "1")
        assert "[deny_system_command]" in message.text
    assert tool.handle_tool_error == handle


@pytest.mark.parametrize("decorator", [secure_tool, langgraph_secure_tool])
def test_the_decorator_may_stand_above_langchain_s(decorator: Any, log: Log) -> None:
    ran: list[str] = []

    @langchain_tool
    def execute_command(command: str) -> str:
        """Run a command."""
        ran.append(command)
        return "ran"

    tool = decorator(agent_id="agent", goal="go")(execute_command)
    assert "[deny_system_command]" in tool.invoke({"command": "id"})
    assert ran == []
    [record] = log("decision")
    assert record.body["request"]["agent_id"] == "agent"
    assert record.body["request"]["declared_goal"] == "go"


def test_a_guarded_function_may_ask_for_what_the_framework_fills(log: Log) -> None:
    from langchain_core.callbacks import CallbackManagerForToolRun
    from langgraph.prebuilt import ToolRuntime

    def add(x: int, runtime: Any, config: Any, manager: Any = None) -> str:
        """Add."""
        return f"{x} {len(runtime.state['messages'])}"

    add.__annotations__.update(
        runtime=ToolRuntime, config=RunnableConfig, manager=CallbackManagerForToolRun | None
    )
    guarded = langchain_tool(secure_tool(agent_id="agent")(add))
    call = AIMessage("", tool_calls=[{"name": "add", "args": {"x": 1}, "id": "c"}])
    from langchain.agents import create_agent

    agent: Any = create_agent(Scripted(script=[call, AIMessage("done")]), [guarded])
    messages = agent.invoke({"messages": [("user", "go")]})["messages"]
    assert [m.text for m in messages if isinstance(m, ToolMessage)] == ["1 2"]
    given = log("decision")[0].body["request"]["parameters"]
    assert {name: list(value) for name, value in given.items() if name in ("runtime", "config")} == {
        "runtime": ["$$python"],
        "config": ["$$python"],
    }
