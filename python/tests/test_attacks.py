"""The attacker's tests: whoever holds the wrapper wants the function to run with what was not decided on."""

from __future__ import annotations

import builtins
import contextlib
import copy
import dataclasses
import enum
import gc
import inspect
import os
import pathlib
import pickle
import subprocess
import sys
import threading
import types
from typing import TYPE_CHECKING, Any, ClassVar

import maais
import pytest
from maais import (
    ActionRequest,
    ActionType,
    Decision,
    Runtime,
    SecurityViolationError,
    get_runtime,
    secure_tool,
)
from maais._maais import Guard

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Log

EVIL = "https://collect.evil.example/"
GOOD = "http://localhost:8080/"


class Target:
    """A tool that is refused for `EVIL` and allowed for `GOOD`, and notes what its body was entered with."""

    def __init__(self) -> None:
        self.ran: list[Any] = []
        ran = self.ran

        def http_request(url: Any, data: Any = None) -> str:
            """Send something."""
            ran.append(url)
            return "sent"

        self.secret = http_request
        self.wrapper: Any = secure_tool(agent_id="a")(http_request)


@pytest.fixture
def tool(home: Path) -> Target:
    """The tool under attack."""
    return Target()


def guard_of(wrapper: Any) -> Any:
    return wrapper.__closure__[0].cell_contents


def test_the_tool_is_refused_and_allowed_as_the_other_tests_take_for_granted(tool: Target) -> None:
    assert tool.wrapper(GOOD) == "sent"
    with pytest.raises(SecurityViolationError):
        tool.wrapper(EVIL)
    assert tool.ran == [GOOD]


@pytest.mark.parametrize(
    "way",
    [
        lambda w: w(EVIL),
        lambda w: w(url=EVIL),
        lambda w: w.__call__(EVIL),
        lambda w: types.MethodType(w, EVIL)(),
        lambda w: types.FunctionType(w.__code__, w.__globals__, closure=w.__closure__)(EVIL),
        lambda w: copy.copy(w)(EVIL),
        lambda w: copy.deepcopy(w)(EVIL),
        lambda w: guard_of(w)(EVIL),
        lambda w: Guard.__call__(guard_of(w), EVIL),
        lambda w: guard_of(w).start((EVIL,), {}),
        lambda w: guard_of(w).start((), {"url": EVIL}),
    ],
)
def test_no_way_of_calling_enters_the_body(way: Callable[[Any], Any], tool: Target) -> None:
    with pytest.raises(SecurityViolationError):
        way(tool.wrapper)
    assert tool.ran == []


def test_nothing_that_the_wrapper_holds_leads_to_the_function(tool: Target) -> None:
    assert not hasattr(tool.wrapper, "__wrapped__")
    assert inspect.unwrap(tool.wrapper) is tool.wrapper
    guard = guard_of(tool.wrapper)
    assert not hasattr(guard, "__dict__")
    assert gc.get_referents(guard) in ([], [Guard])
    for owner in (tool.wrapper, tool.wrapper.__code__, inspect.signature(tool.wrapper), guard):
        assert all(getattr(owner, name, None) is not tool.secret for name in dir(owner))
    assert tool.secret not in tool.wrapper.__code__.co_consts
    assert tool.wrapper.__defaults__ is tool.wrapper.__kwdefaults__ is None


@pytest.mark.parametrize("copier", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_guard_is_neither_copied_nor_pickled(copier: Callable[[Any], Any], tool: Target) -> None:
    with pytest.raises(TypeError, match="cannot be copied or pickled"):
        copier(guard_of(tool.wrapper))


def test_native_types_cannot_be_subclassed() -> None:
    for kind in (Guard, Runtime):
        with pytest.raises(TypeError, match="not an acceptable base type"):
            type("Mine", (kind,), {})


def test_a_guard_has_no_attributes_to_set(tool: Target) -> None:
    for name in ("function", "agent_id", "target", "signature", "handle", "__class__"):
        with pytest.raises((AttributeError, TypeError)):
            setattr(guard_of(tool.wrapper), name, tool.secret)


def yes(*_: Any, **__: Any) -> Any:
    """What an attacker would like to hear of every question."""
    return types.SimpleNamespace(
        allow=True, args=(EVIL,), kwargs={}, arguments={"url": GOOD}, apply_defaults=lambda: None
    )


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (Runtime, "intercept"),
        (maais.runtime, "get_runtime"),
        (maais.runtime, "Runtime"),
        (maais.guard, "get_runtime"),
        (maais.guard, "guarded"),
        (maais.guard, "Guard"),
        (maais.guard, "SecurityViolationError"),
        (maais.models, "Decision"),
        (Decision, "from_dict"),
        (Decision, "__bool__"),
        (inspect.Signature, "bind"),
        (inspect, "signature"),
        (enum, "Enum"),
        (pathlib, "PurePath"),
    ],
)
def test_a_name_that_is_replaced_afterwards_opens_nothing(
    owner: Any, name: str, tool: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owner, name, yes)
    with pytest.raises(BaseException):  # noqa: B017, PT011 - it may break, but not open
        tool.wrapper(EVIL)
    monkeypatch.undo()
    assert tool.ran == []


def test_a_changed_signature_does_not_change_what_is_judged(tool: Target) -> None:
    signature = tool.wrapper.__signature__
    [url, data] = signature.parameters.values()
    signature._parameters = types.MappingProxyType({"note": url.replace(name="note"), "data": data})
    url._name = "note"
    with pytest.raises(SecurityViolationError):
        tool.wrapper(EVIL)
    tool.wrapper.__signature__ = inspect.Signature()
    with pytest.raises(SecurityViolationError):
        tool.wrapper(EVIL)
    assert tool.ran == []


def test_names_without_their_builtins_open_nothing(tool: Target) -> None:
    def imported(*_: Any, **__: Any) -> Any:
        return yes()

    worlds: list[dict[str, Any]] = [
        {},
        {"__builtins__": {}},
        {"__builtins__": {**vars(builtins), "__import__": imported}},
    ]
    for names in worlds:
        call: Any = types.FunctionType(tool.wrapper.__code__, names, closure=tool.wrapper.__closure__)
        with pytest.raises(BaseException):  # noqa: B017, PT011 - it may break, but not open
            call(EVIL)
    assert tool.ran == []


def test_a_denial_class_that_breaks_is_a_denial_all_the_same(tool: Target) -> None:
    ran: list[int] = []

    def broken(_: Any) -> BaseException:
        raise RuntimeError("broken")

    denials: list[Callable[[Any], Any]] = [broken, lambda _: "no exception", lambda _: None]
    for denial in denials:
        call: Any = secure_tool(agent_id="a", target="execute_command", denial=denial)(lambda: ran.append(1))
        with pytest.raises((RuntimeError, TypeError)):
            call()
    assert ran == []


def test_arguments_changed_by_another_thread_run_as_they_were_judged(log: Log) -> None:
    ran: list[Any] = []

    @secure_tool(agent_id="a")
    def http_request(request: dict[str, Any]) -> None:
        ran.append(request["url"])

    request: dict[str, Any] = {"url": GOOD, "tags": [{"deep": 1}]}
    stop = threading.Event()

    def flip() -> None:
        while not stop.is_set():
            request["url"] = EVIL
            request["url"] = GOOD

    thread = threading.Thread(target=flip)
    thread.start()
    try:
        for _ in range(60):
            with contextlib.suppress(SecurityViolationError):
                http_request(request)
    finally:
        stop.set()
        thread.join()
    allowed = [record for record in log("decision") if record.body["decision"]["allow"]]
    assert [r.body["request"]["parameters"]["request"]["url"] for r in allowed] == ran


def test_plain_containers_are_handed_over_as_copies_all_the_way_down() -> None:
    given: Any = {"list": [{"a": [1]}], "tuple": ([2],), "set": {3}, "bytes": bytearray(b"4")}

    @secure_tool(agent_id="a")
    def keep(value: Any, *rest: Any, **named: Any) -> Any:
        return (value, rest[0], named["n"])

    for got in keep(given, given, n=given):
        assert got == given
        assert got is not given
        assert got["list"][0]["a"] is not given["list"][0]["a"]
        assert got["tuple"][0] is not given["tuple"][0]
        assert got["set"] is not given["set"]
        assert got["bytes"] is not given["bytes"]


def cyclic() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


def deep(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


class Hostile:
    """Every special method that one might call raises."""

    def _no(self, *_: Any) -> Any:
        raise RuntimeError("do not touch")

    __str__ = __repr__ = __eq__ = __iter__ = __len__ = __bool__ = __getattr__ = __format__ = _no
    __hash__ = object.__hash__


@dataclasses.dataclass
class Trap:
    """A field that raises when it is read."""

    safe: int = 1
    fields: ClassVar[int] = 0

    def __getattribute__(self, name: str) -> Any:
        if name == "safe":
            raise RuntimeError("not for you")
        return super().__getattribute__(name)


class EqualsNothing:
    """A key that raises when it is compared or hashed again."""

    hashed = 0

    def __hash__(self) -> int:
        type(self).hashed += 1
        if type(self).hashed > 1:
            raise RuntimeError("once only")
        return 1


@pytest.mark.parametrize(
    "make",
    [
        cyclic,
        lambda: deep(70),
        lambda: deep(100_000),
        lambda: "x" * (2 << 20),
        lambda: ["x" * 1000] * 2000,
        lambda: list(range(20_000)),
        lambda: 1 << 100_000,
        lambda: {EqualsNothing(): 1},
        lambda: object.__new__(Trap),
    ],
    ids=["cycle", "deep", "very deep", "text", "texts", "values", "number", "key", "field"],
)
def test_an_argument_that_cannot_be_judged_is_denied_and_recorded(
    make: Callable[[], Any], tool: Target, log: Log
) -> None:
    EqualsNothing.hashed = 0
    with pytest.raises(SecurityViolationError) as caught:
        tool.wrapper(GOOD, make())
    assert not caught.value.decision.allow
    assert tool.ran == []
    [record] = log("decision")
    assert record.body["decision"]["allow"] is False
    assert maais.verify_log(get_runtime().home)["ok"]


def test_hostile_objects_are_neither_touched_nor_passed_on_undeclared(log: Log) -> None:
    seen: list[int] = []

    def keep(value: Any) -> None:
        seen.append(id(value))

    hostile = Hostile()
    with pytest.raises(SecurityViolationError, match="cannot be judged"):
        secure_tool(keep)(hostile)
    assert seen == []
    secure_tool(agent_id="a", opaque=["value"])(keep)(hostile)
    assert seen == [id(hostile)]


def test_text_and_numbers_of_one_s_own_kind_are_read_as_what_they_are(tool: Target) -> None:
    class Text(str):
        __slots__ = ()

        def __str__(self) -> str:
            return GOOD

        def encode(self, *_: Any, **__: Any) -> bytes:
            return GOOD.encode()

    with pytest.raises(SecurityViolationError):
        tool.wrapper(Text(EVIL))
    assert tool.ran == []


def test_an_exception_of_the_body_cannot_pass_for_a_refusal(log: Log) -> None:
    forged = SecurityViolationError(Decision(False, "forged", "forged"))

    @secure_tool(agent_id="a")
    def fail() -> None:
        raise forged

    with pytest.raises(SecurityViolationError):
        fail()
    assert [r.body["decision"]["allow"] for r in log("decision")] == [True]
    assert [r.body["ok"] for r in log("outcome")] == [False]


def test_a_changed_folder_does_not_move_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAAIS_HOME", "relative")
    runtime = get_runtime()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert runtime.intercept(ActionRequest("a", ActionType.TOOL_CALL, "t", {}, "")).allow
    assert runtime.home == tmp_path / "relative"
    assert maais.verify_log(runtime.home)["ok"]


POISON = """
import resource
from maais import SecurityViolationError, get_runtime, secure_tool

ran = []
tool = secure_tool(agent_id="a")(lambda: ran.append(1))
tool()
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
for attempt in range(3):
    if attempt == 2:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    try:
        tool()
    except SecurityViolationError as error:
        print(error.decision.effect.value, "[audit.unavailable]" in str(error))
print(len(ran), get_runtime().health()["status"])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits on files are POSIX's")
def test_with_a_log_that_cannot_be_written_nothing_runs_ever_after(tmp_path: Path) -> None:
    process = subprocess.run(
        [sys.executable, "-c", POISON],
        env={**os.environ, "MAAIS_HOME": str(tmp_path / "poisoned")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    assert process.stdout.splitlines() == ["DENY True"] * 3 + ["1 degraded"]
