"""What an agent's JSON becomes before a tool sees it: every shape of it is judged by what it says."""

from __future__ import annotations

import collections
import dataclasses
import ipaddress
import itertools
import os
import pathlib
import re
import threading
import types
import typing
from datetime import timedelta
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import maais
import pydantic
import pytest
from langchain_core.tools import StructuredTool
from maais import SecurityViolationError, secure_tool
from maais.adapters.langgraph_adapter import wrap_langchain_tool
from pydantic.dataclasses import dataclass as pydantic_dataclass

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Log

RULES = """\
version: 1
policies:
  - id: no_evil
    applies_to: "*"
    condition: {parameters.what: {pattern: evil}}
    decision: DENY
    reason: evil is refused
    priority: 1
  - id: no_evil_within
    applies_to: "*"
    condition: {parameters.what.url: {pattern: evil}}
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
def rules(tmp_path: Path, home: Path) -> None:
    """An engine that refuses every call whose `what`, or `what.url`, is evil."""
    (tmp_path / "policies.yaml").write_text(RULES, "utf-8")
    maais.get_runtime(policies=[tmp_path / "policies.yaml"])


@pytest.fixture
def ran() -> list[Any]:
    """What the body of the tool of a test was entered with."""
    return []


@pytest.fixture
def tool(ran: list[Any]) -> Any:
    """A tool that notes what its body was entered with."""

    @secure_tool(agent_id="a")
    def find(what: Any) -> Any:
        ran.append(what)
        return what

    return find


class Open(pydantic.BaseModel):
    """A model that keeps what it does not know."""

    model_config = pydantic.ConfigDict(extra="allow")


@pydantic_dataclass(config=pydantic.ConfigDict(extra="allow"))
class OpenData:
    """A dataclass that keeps what it does not know."""

    known: int = 0


class Closed(pydantic.BaseModel):
    """A model that hides its field from whoever prints it."""

    url: str

    @pydantic.model_serializer
    def lie(self) -> dict[str, str]:
        return {"url": "good"}


class Place(typing.NamedTuple):
    """A tuple with names."""

    url: str


class OwnType:
    """A type that tells pydantic how it is read."""

    def __init__(self, text: str) -> None:
        self.text = text

    @classmethod
    def __get_pydantic_core_schema__(cls, *_: Any) -> Any:
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(cls)


@pytest.mark.parametrize(
    ("hint", "good", "bad"),
    [
        (str, "fine", "evil"),
        (pydantic.HttpUrl, "http://good.example/", "http://evil.example/"),
        (pydantic.AnyUrl, "x://good.example/", "x://evil.example/"),
        (pydantic.PostgresDsn, "postgres://u:p@good:1/x", "postgres://u:p@evil:1/x"),
        (pydantic.SecretStr, "fine", "evil"),
        (pydantic.SecretBytes, "fine", "evil"),
        (pydantic.Secret[str], "fine", "evil"),
        (re.Pattern, "fine", "evil"),
        (pathlib.Path, "/fine", "/evil"),
        (collections.deque[str], ["fine"], ["evil"]),
        (collections.abc.Iterable[str], ["fine"], ["evil"]),
        (collections.abc.Sequence[str], ["fine"], ["evil"]),
        (set[str], ["fine"], ["evil"]),
        (frozenset[str], ["fine"], ["evil"]),
        (dict[str, pydantic.AnyUrl], {"url": "http://good/"}, {"url": "http://evil/"}),
        (collections.OrderedDict[str, str], {"url": "fine"}, {"url": "evil"}),
        (collections.defaultdict[str, str], {"url": "fine"}, {"url": "evil"}),
        (Open, {"url": "fine"}, {"url": "evil"}),
        (OpenData, {"url": "fine"}, {"url": "evil"}),
        (Closed, {"url": "fine"}, {"url": "evil"}),
        (Place, {"url": "fine"}, {"url": "evil"}),
    ],
    ids=str,
)
def test_no_type_of_a_parameter_hides_what_the_agent_sent(
    hint: Any, good: Any, bad: Any, ran: list[Any]
) -> None:
    def find(what: Any) -> str:
        """Find."""
        ran.append(what)
        return "found"

    find.__annotations__["what"] = hint
    made = wrap_langchain_tool(StructuredTool.from_function(find), "a")
    assert made.invoke({"what": good}) == "found"
    assert len(ran) == 1
    assert "[no_evil" in made.invoke({"what": bad})
    assert len(ran) == 1


def test_a_type_of_ones_own_is_refused_and_the_refusal_says_what_to_do(ran: list[Any], log: Log) -> None:
    def find(what: OwnType) -> str:
        """Find."""
        ran.append(what)
        return "found"

    find.__annotations__["what"] = OwnType
    answer = wrap_langchain_tool(StructuredTool.from_function(find), "a").invoke({"what": "x"})
    assert 'parameter "what"' in answer
    assert "OwnType" in answer
    assert 'opaque=["what"]' in answer
    assert ran == []
    [record] = log("decision")
    assert record.body["decision"]["allow"] is False


@pytest.mark.parametrize(
    "make",
    [
        object,
        lambda: len,
        lambda: OwnType,
        lambda: open(os.devnull),  # noqa: SIM115, PTH123 - closed below
        lambda: [object()],
        lambda: {"k": {"in": object()}},
        lambda: dataclasses.make_dataclass("D", ["f"])(object()),
        lambda: OpenData(known=1, more=object()),  # type: ignore[call-arg]
        lambda: Open(more=object()),  # type: ignore[call-arg]
    ],
)
def test_an_object_that_nobody_declared_is_denied_and_recorded(
    make: Callable[[], Any], tool: Any, ran: list[Any], log: Log
) -> None:
    value = make()
    with pytest.raises(SecurityViolationError, match="cannot be judged"):
        tool(value)
    assert ran == []
    assert len(log("decision")) == 1
    if hasattr(value, "close"):
        value.close()


def test_a_declared_parameter_and_a_default_may_be_any_object(log: Log) -> None:
    client, fallback = object(), object()

    @secure_tool(agent_id="a", opaque=["client"])
    def find(client: Any, what: str, fallback: Any = fallback) -> Any:
        return client, fallback

    assert find(client, "x") == find(client=client, what="x") == (client, fallback)
    for record in log("decision"):
        given = record.body["request"]["parameters"]
        assert given == {"client": {"$$python": "builtins.object"}, "what": "x", "fallback": given["client"]}
    with pytest.raises(SecurityViolationError):
        find(client, "x", object())


@pytest.mark.parametrize(
    ("given", "seen"),
    [
        (range(3), [0, 1, 2]),
        (collections.deque(["x"]), ["x"]),
        ({"k": 1}.keys(), ["k"]),
        (types.MappingProxyType({"k": [1]}), {"k": [1]}),
        (memoryview(b"abc"), "abc"),
        (re.compile(b"a+"), "a+"),
        (timedelta(hours=1), "1:00:00"),
        (Fraction(1, 2), "1/2"),
        (1j, "1j"),
        (ipaddress.ip_network("10.0.0.0/8"), "10.0.0.0/8"),
        (pydantic.SecretStr("hidden"), "hidden"),
        (pydantic.NameEmail("me", "me@example.com"), "me <me@example.com>"),
    ],
    ids=repr,
)
def test_a_value_stands_in_the_log_as_what_it_says(given: Any, seen: Any, tool: Any, log: Log) -> None:
    assert tool(given) == given
    [record] = log("decision")
    assert record.body["request"]["parameters"]["what"] == seen


@pytest.mark.parametrize(
    "once",
    [
        lambda items: (item for item in items),
        iter,
        lambda items: map(str, items),
        lambda items: itertools.chain(items, []),
        lambda items: itertools.islice(items, 5),
        lambda items: zip(items, strict=False),
        lambda items: [iter(items)],
        lambda items: {"in": reversed(items)},
    ],
)
def test_what_gives_its_items_once_is_judged_and_handed_over_as_the_same_list(
    once: Callable[[Any], Any], tool: Any, ran: list[Any], log: Log
) -> None:
    tool(once(["fine", "good"]))
    [record] = log("decision")
    handed = ran[0]
    assert record.body["request"]["parameters"]["what"] == (
        [list(item) if isinstance(item, tuple) else item for item in handed]
        if isinstance(handed, list)
        else handed
    )
    assert isinstance(handed, (list, dict))


def test_evil_items_are_seen_in_what_gives_them_once(tool: Any, ran: list[Any]) -> None:
    with pytest.raises(SecurityViolationError, match="evil is refused"):
        tool(item for item in ["evil"])
    assert ran == []


def endless_sharing() -> list[Any]:
    value: list[Any] = []
    for _ in range(60):
        value = [value, value]
    return value


@pytest.mark.parametrize("make", [itertools.count, lambda: itertools.repeat("x"), endless_sharing])
def test_what_has_no_end_is_denied(make: Callable[[], Any], tool: Any, ran: list[Any]) -> None:
    with pytest.raises(SecurityViolationError, match="values"):
        tool(make())
    assert ran == []


class Liar(str):
    """Text that is printed as another one."""

    __slots__ = ()

    def __str__(self) -> str:
        return "evil"


class LyingPath(type(pathlib.Path())):  # type: ignore[misc]
    """A path that is opened as another one."""

    def __fspath__(self) -> str:
        return "/evil"


class Pretender:
    """An object that says that it is a path."""

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return pathlib.PurePosixPath

    def __str__(self) -> str:
        return "fine"


class SecondTime(list[Any]):
    """A list that gives other items each time it is asked."""

    def __iter__(self) -> Any:
        return iter(["fine"])


class SecondSet(set[Any]):
    """A set that gives other items each time it is asked."""

    def __iter__(self) -> Any:
        return iter(["fine"])


@pytest.mark.parametrize(
    "make",
    [
        lambda: Liar("fine"),
        lambda: {"k": Liar("fine")},
        lambda: LyingPath("/fine"),
        Pretender,
        lambda: SecondTime(["evil"]),
        lambda: SecondSet({"evil"}),
    ],
)
def test_a_class_that_lies_is_refused(make: Callable[[], Any], tool: Any, ran: list[Any]) -> None:
    with pytest.raises(SecurityViolationError):
        tool(make())
    assert ran == []


def test_an_extra_value_cannot_take_the_name_of_a_field(tool: Any, ran: list[Any]) -> None:
    class Named(pydantic.BaseModel):
        model_config = pydantic.ConfigDict(extra="allow")
        url: str = pydantic.Field(alias="u")

    given = Named.model_validate({"u": "fine", "url": "evil"})
    with pytest.raises(SecurityViolationError):
        tool(given)
    assert ran == []


@dataclasses.dataclass(frozen=True)
class Frozen:
    tags: list[Any]


@dataclasses.dataclass
class Slotted:
    __slots__ = ("tags",)
    tags: list[Any]


class Tags(pydantic.BaseModel):
    tags: list[Any]


class TagList(list[Any]):
    pass


class Pair(typing.NamedTuple):
    tags: list[Any]


@pytest.mark.parametrize(
    "given",
    [
        Frozen([1]),
        Slotted([1]),
        Tags(tags=[1]),
        Open(tags=[1]),  # type: ignore[call-arg]
        OpenData(known=1, tags=[1]),  # type: ignore[call-arg]
        Pair([1]),
        TagList([[1]]),
        collections.deque([[1]], maxlen=3),
        collections.OrderedDict(tags=[1]),
        collections.defaultdict(list, tags=[1]),
        collections.Counter(tags=1),
        types.MappingProxyType({"tags": [1]}),
        pydantic.Secret([1]),
    ],
    ids=lambda given: type(given).__name__,
)
def test_objects_are_handed_over_as_copies_all_the_way_down(given: Any, tool: Any) -> None:
    got = tool(given)
    assert type(got) is type(given)
    assert got == given
    assert got is not given

    def inside(value: Any) -> Any:
        if isinstance(value, pydantic.Secret):
            return value.get_secret_value()
        if isinstance(value, (TagList, collections.deque)):
            return value[0]
        return value.tags if hasattr(value, "tags") else value["tags"]

    assert isinstance(inside(got), int) or inside(got) is not inside(given)
    assert getattr(got, "maxlen", None) == getattr(given, "maxlen", None)


def test_an_object_changed_by_another_thread_runs_as_it_was_judged(tool: Any, ran: list[Any]) -> None:
    @dataclasses.dataclass
    class Request:
        url: str

    given, stop = Request("fine"), threading.Event()

    def flip() -> None:
        while not stop.is_set():
            given.url = "evil"
            given.url = "fine"

    thread = threading.Thread(target=flip)
    thread.start()
    try:
        for _ in range(60):
            try:
                tool(given)
            except SecurityViolationError:
                continue
    finally:
        stop.set()
        thread.join()
    assert all(request.url == "fine" for request in ran)
