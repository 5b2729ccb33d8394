"""Functions behind the reference monitor: every shape that a callable has."""

from __future__ import annotations

import asyncio
import functools
import inspect
from typing import TYPE_CHECKING, Any

import maais
import pytest
from langchain_core.tools import tool as langchain_tool
from maais import ActionType, Runtime, SecurityViolationError, secure_tool
from maais.adapters.langgraph_adapter import secure_tool as langgraph_secure_tool
from maais.guard import guarded

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from tests.conftest import Log

REFUSE = """\
version: 1
policies:
  - id: no_evil
    applies_to: "*"
    condition: {parameters.what: {pattern: evil}}
    decision: DENY
    reason: evil is refused
    priority: 1
  - id: the_rest
    applies_to: "*"
    condition: {}
    decision: ALLOW
    reason: not evil
"""


@pytest.fixture(autouse=True)
def runtime(tmp_path: Path, home: Path) -> Runtime:
    """An engine that refuses every call whose `what` is evil."""
    (tmp_path / "policies.yaml").write_text(REFUSE, "utf-8")
    return maais.get_runtime(policies=[tmp_path / "policies.yaml"])


@pytest.fixture
def ran() -> list[Any]:
    """What the bodies of the tools of a test were entered with."""
    return []


def parameters(log: Log) -> Any:
    """The parameters of the only decision."""
    [record] = log("decision")
    return record.body["request"]["parameters"]


class Shop:
    """A callable object with an ordinary method."""

    def __init__(self, name: str) -> None:
        self.name = name

    def find(self, what: str) -> tuple[str, str]:
        return (self.name, what)

    def __call__(self, what: str) -> tuple[str, str]:
        return (self.name, what)


def guarded_shop() -> Any:
    """A class whose methods of every kind are guarded; a decorator needs the engine, so it is made late."""

    class GuardedShop:
        @secure_tool(agent_id="a")
        def method(self, what: str) -> tuple[str, str]:
            return (type(self).__name__, what)

        @secure_tool(agent_id="a")
        @classmethod
        def outer_class(cls, what: str) -> tuple[str, str]:
            return (cls.__name__, what)

        @classmethod
        @secure_tool(agent_id="a")
        def inner_class(cls, what: str) -> tuple[str, str]:
            return (cls.__name__, what)

        @secure_tool(agent_id="a")
        @staticmethod
        def outer_static(what: str) -> tuple[str, str]:
            return ("static", what)

        @staticmethod
        @secure_tool(agent_id="a")
        def inner_static(what: str) -> tuple[str, str]:
            return ("static", what)

    return GuardedShop()


@pytest.mark.parametrize(
    ("args", "kwargs", "seen"),
    [
        (("x",), {}, {"what": "x", "where": "here", "how": None}),
        (("x", "there"), {"how": 1}, {"what": "x", "where": "there", "how": 1}),
        ((), {"where": "w", "what": "x"}, {"what": "x", "where": "w", "how": None}),
    ],
)
def test_arguments_are_judged_under_their_names(args: Any, kwargs: Any, seen: Any, log: Log) -> None:
    @secure_tool(agent_id="a")
    def find(what: str, where: str = "here", *, how: int | None = None) -> tuple[Any, ...]:
        return (what, where, how)

    assert find(*args, **kwargs) == tuple(seen.values())
    assert parameters(log) == seen


def test_collected_arguments_are_judged_too(log: Log, ran: list[Any]) -> None:
    @secure_tool(agent_id="a")
    def collect(first: int, /, *rest: Any, **named: Any) -> Any:
        return (first, rest, named)

    assert collect(1, 2, [3], what="x") == (1, (2, [3]), {"what": "x"})
    assert parameters(log) == {"first": 1, "rest": [2, [3]], "what": "x"}


def test_collected_names_reach_the_policies(ran: list[Any]) -> None:
    @secure_tool(agent_id="a")
    def collect(**named: Any) -> None:
        ran.append(named)

    with pytest.raises(SecurityViolationError):
        collect(what="evil")
    assert ran == []


def test_two_arguments_under_one_name_are_denied(log: Log, ran: list[Any]) -> None:
    @secure_tool(agent_id="a")
    def collect(what: str, /, **named: Any) -> None:
        ran.append(named)

    with pytest.raises(SecurityViolationError, match="same name"):
        collect("evil", what="good")
    assert ran == []
    assert len(log("decision")) == 1


def test_a_parameter_named_like_one_of_the_wrapper_s_is_no_problem() -> None:
    @secure_tool(agent_id="a")
    def odd(args: int, kwargs: int, function: int, self_: int = 4) -> int:
        return args + kwargs + function + self_

    assert odd(args=1, kwargs=2, function=3) == 10


def test_what_the_function_would_not_take_is_a_type_error_and_no_action(log: Log) -> None:
    @secure_tool(agent_id="a")
    def find(what: str) -> None:
        raise AssertionError("entered")

    calls: list[Callable[[], Any]] = [
        lambda: find(),  # type: ignore[call-arg]
        lambda: find("x", "y"),  # type: ignore[call-arg]
        lambda: find(why="x"),  # type: ignore[call-arg]
        lambda: find("x", what="y"),  # type: ignore[misc]
    ]
    for call in calls:
        with pytest.raises(TypeError):
            call()
    assert log("decision") == []


def test_a_refusal_comes_before_the_body_and_carries_the_decision(log: Log, ran: list[Any]) -> None:
    @secure_tool(agent_id="a", goal="be good")
    def find(what: str) -> None:
        ran.append(what)

    with pytest.raises(SecurityViolationError, match="evil is refused") as caught:
        find("evil")
    assert caught.value.decision.policy_id == "no_evil"
    assert str(caught.value) == caught.value.decision.explanation
    assert ran == []
    assert log("outcome") == []


@pytest.mark.parametrize("shape", ["method", "outer_class", "inner_class", "outer_static", "inner_static"])
def test_methods_of_every_kind_are_guarded(shape: str, log: Log) -> None:
    shop = guarded_shop()
    first = "static" if "static" in shape else "GuardedShop"
    assert getattr(shop, shape)("x") == (first, "x")
    assert parameters(log) == {"what": "x"}
    with pytest.raises(SecurityViolationError):
        getattr(shop, shape)(what="evil")


def test_a_function_whose_first_parameter_is_named_self_or_cls_is_no_method(log: Log, ran: list[Any]) -> None:
    def by_self(self: Any) -> None:
        ran.append(self)

    def by_cls(cls: Any, what: str = "") -> None:
        ran.append(cls)

    for function in (by_self, by_cls):
        given = ["x"]
        secure_tool(function)(given)
        assert ran.pop() is not given
        name = next(iter(inspect.signature(function).parameters))
        assert log("decision")[-1].body["request"]["parameters"][name] == ["x"]


def test_a_method_s_own_object_may_have_any_name_and_come_through_a_subclass(log: Log) -> None:
    class Base:
        @secure_tool(agent_id="a")
        def find(this: Any, what: str) -> Any:  # noqa: N805 - the name means nothing
            return (this, what)

        @secure_tool(agent_id="a")
        def __private(self, what: str) -> Any:
            return (self, what)

        def private(self, what: str) -> Any:
            return self.__private(what)

        @functools.lru_cache(maxsize=None)  # noqa: B019, UP033 - a decorator on top
        @secure_tool(agent_id="a")
        def cached(self, what: str) -> Any:
            return (self, what)

    class Below(Base):
        def find(this: Any, what: str) -> Any:  # noqa: N805
            return super().find(what)

    for own in (Base(), Below()):
        assert own.find("x") == Base.find(own, "x") == own.private("x") == own.cached("x") == (own, "x")
        with pytest.raises(SecurityViolationError):
            own.find("evil")
    for record in log("decision"):
        assert list(record.body["request"]["parameters"]) == ["what"]


def test_the_first_argument_of_a_static_method_is_judged_whatever_its_name(ran: list[Any]) -> None:
    class Shop:
        @staticmethod
        @secure_tool(agent_id="a")
        def inner(what: Any) -> None:
            ran.append(what)

        @secure_tool(agent_id="a")
        @staticmethod
        def outer(what: Any) -> None:
            ran.append(what)

        @secure_tool(agent_id="a")
        def method(self: Any) -> None:
            ran.append(self)

    for call in (Shop.inner, Shop.outer, Shop().inner):
        with pytest.raises(SecurityViolationError):
            call("evil")
    with pytest.raises(SecurityViolationError, match='opaque=\\["self"\\]'):
        Shop.method(object())
    assert ran == []


def test_bound_methods_partials_and_callable_objects_are_guarded(log: Log) -> None:
    shop = Shop("corner")

    def pair(name: str, what: str) -> tuple[str, str]:
        return (name, what)

    for call in (
        secure_tool(shop.find),
        secure_tool(shop),
        secure_tool(functools.partial(pair, "corner")),
        secure_tool(functools.partial(functools.partial(pair), "corner")),
    ):
        assert call("x") == ("corner", "x")
        with pytest.raises(SecurityViolationError):
            call("evil")
    targets = [record.body["request"]["target"] for record in log("decision")]
    assert targets == ["find"] * 2 + ["Shop"] * 2 + ["pair"] * 4


def test_builtins_are_guarded(log: Log) -> None:
    assert guarded(len, agent_id="a")([1, 2]) == 2
    assert parameters(log) == {"obj": [1, 2]}


def test_a_class_is_guarded() -> None:
    make = secure_tool(Shop)
    assert isinstance(make("corner"), Shop)


async def test_coroutine_functions_are_judged_when_awaited(log: Log, ran: list[Any]) -> None:
    @secure_tool(agent_id="a")
    async def find(what: str) -> str:
        await asyncio.sleep(0)
        ran.append(what)
        return what

    assert inspect.iscoroutinefunction(find)
    assert await find("x") == "x"
    with pytest.raises(SecurityViolationError):
        await find("evil")
    assert ran == ["x"]
    assert [record.body["ok"] for record in log("outcome")] == [True]


async def test_many_coroutines_at_once_have_an_outcome_each(log: Log) -> None:
    @secure_tool(agent_id="a")
    async def wait(number: int) -> int:
        await asyncio.sleep(0.001)
        if number % 5 == 0:
            raise ValueError(number)
        return number

    answers = await asyncio.gather(*(wait(n) for n in range(30)), return_exceptions=True)
    assert sum(isinstance(answer, ValueError) for answer in answers) == 6
    outcomes = [record.body["ok"] for record in log("outcome")]
    assert (outcomes.count(True), outcomes.count(False)) == (24, 6)


async def test_a_cancelled_coroutine_has_an_outcome(log: Log) -> None:
    @secure_tool(agent_id="a")
    async def wait() -> None:
        await asyncio.sleep(60)

    task = asyncio.ensure_future(wait())
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    [outcome] = log("outcome")
    assert outcome.body["ok"] is False


def test_generators_are_judged_at_their_first_step(log: Log, ran: list[Any]) -> None:
    @secure_tool(agent_id="a")
    def count(what: str) -> Iterator[int]:
        ran.append(what)
        yield 1
        yield 2

    assert inspect.isgeneratorfunction(count)
    assert list(count("x")) == [1, 2]
    refused = count("evil")
    with pytest.raises(SecurityViolationError):
        next(iter(refused))
    assert ran == ["x"]
    assert [record.body["ok"] for record in log("outcome")] == [True]


def test_generators_take_values_and_return_them() -> None:
    @secure_tool(agent_id="a")
    def echo() -> Any:
        got = yield "ready"
        try:
            yield got
        except KeyError:
            yield "caught"
        return "end"

    steps = echo()
    assert next(steps) == "ready"
    assert steps.send("hello") == "hello"
    assert steps.throw(KeyError("k")) == "caught"
    with pytest.raises(StopIteration) as caught:
        next(steps)
    assert caught.value.value == "end"


def test_a_generator_that_is_left_early_ended_well(log: Log, ran: list[Any]) -> None:
    @secure_tool(agent_id="a")
    def count() -> Iterator[int]:
        try:
            yield 1
            yield 2
        finally:
            ran.append("closed")

    steps: Any = count()
    assert next(steps) == 1
    steps.close()
    assert ran == ["closed"]
    assert [record.body["ok"] for record in log("outcome")] == [True]


async def test_asynchronous_generators_are_guarded(log: Log, ran: list[Any]) -> None:
    @secure_tool(agent_id="a")
    async def count(what: str) -> AsyncIterator[int]:
        ran.append(what)
        yield 1
        yield 2

    assert inspect.isasyncgenfunction(count)
    assert [item async for item in count("x")] == [1, 2]
    with pytest.raises(SecurityViolationError):
        async for _ in count("evil"):
            pass
    assert ran == ["x"]
    assert [record.body["ok"] for record in log("outcome")] == [True]


async def test_an_asynchronous_generator_that_is_left_early_is_closed(log: Log, ran: list[Any]) -> None:
    @secure_tool(agent_id="a")
    async def count() -> AsyncIterator[int]:
        try:
            yield 1
            yield 2
        finally:
            ran.append("closed")

    steps: Any = count()
    assert await anext(steps) == 1
    await steps.aclose()
    assert ran == ["closed"]
    assert [record.body["ok"] for record in log("outcome")] == [True]


async def test_asynchronous_generators_take_values() -> None:
    @secure_tool(agent_id="a")
    async def echo() -> Any:
        got = yield "ready"
        try:
            yield got
        except KeyError:
            yield "caught"

    steps: Any = echo()
    assert await anext(steps) == "ready"
    assert await steps.asend("hello") == "hello"
    assert await steps.athrow(KeyError("k")) == "caught"
    with pytest.raises(StopAsyncIteration):
        await anext(steps)


def test_an_exception_passes_through_and_is_an_outcome(log: Log) -> None:
    @secure_tool(agent_id="a")
    def fail(what: str) -> None:
        raise LookupError(what)

    with pytest.raises(LookupError, match="lost") as caught:
        fail("lost")
    assert type(caught.value) is LookupError
    [outcome] = log("outcome")
    assert outcome.body["ok"] is False


def test_the_wrapper_looks_like_the_function() -> None:
    def find(what: str, *, how: int = 3) -> list[str]:
        """Find something."""
        return [what] * how

    wrapper = secure_tool(find)
    assert wrapper.__name__ == "find"
    assert wrapper.__qualname__ == find.__qualname__
    assert wrapper.__module__ == __name__
    assert wrapper.__doc__ == "Find something."
    assert list(inspect.signature(wrapper).parameters) == ["what", "how"]
    assert inspect.signature(wrapper).parameters["how"].default == 3
    assert wrapper.__annotations__ == {"what": str, "how": int, "return": list[str]}


def test_langchain_makes_a_tool_of_the_wrapper() -> None:
    @langchain_tool
    @secure_tool(agent_id="a")
    def find(what: str, how: int = 3) -> str:
        """Find something."""
        return what * how

    made: Any = find
    assert set(made.args) == {"what", "how"}
    assert made.args["how"]["type"] == "integer"
    assert made.description == "Find something."
    assert made.invoke({"what": "x"}) == "xxx"
    with pytest.raises(SecurityViolationError):
        made.invoke({"what": "evil"})


def test_every_form_of_the_decorator_names_the_agent(log: Log) -> None:
    def find() -> None:
        pass

    for form in (
        secure_tool(find),
        secure_tool()(find),
        secure_tool("named")(find),
        secure_tool(agent_id="named", goal="look")(find),
        secure_tool(find, agent="named"),
        langgraph_secure_tool(find),
        langgraph_secure_tool(agent_id="named")(find),
    ):
        form()
    requests = [record.body["request"] for record in log("decision")]
    assert [r["agent_id"] for r in requests] == [
        "default_agent",
        "default_agent",
        "named",
        "named",
        "named",
        "default_agent",
        "named",
    ]
    assert requests[3]["declared_goal"] == "look"
    assert requests[0]["target"] == "find"
    assert requests[5]["context"] == {"framework": "langgraph"}


def test_options_say_what_kind_of_action_a_call_is(log: Log, tmp_path: Path) -> None:
    other = Runtime(tmp_path / "other")
    secure_tool(
        agent_id="a", target="db", action_type=ActionType.DATABASE_QUERY, session_id="s", framework="mine"
    )(lambda sql: sql)("select 1")
    [record] = log("decision")
    request = record.body["request"]
    assert (request["target"], request["action_type"]) == ("db", "database_query")
    assert request["context"] == {"session_id": "s", "framework": "mine"}
    secure_tool(agent_id="a", runtime=other)(lambda: None)()
    assert len(log("decision")) == 1


@pytest.mark.parametrize(
    ("options", "error"),
    [({"agent_id": ""}, ValueError), ({"target": "  "}, ValueError), ({"action_type": "x"}, ValueError)],
)
def test_a_guard_that_means_nothing_cannot_be_made(options: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        guarded(lambda: None, **{"agent_id": "a", **options})


def test_only_callables_can_be_guarded() -> None:
    with pytest.raises(TypeError, match="only callables"):
        guarded(5, agent_id="a")
