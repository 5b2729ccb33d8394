"""The engine as Python sees it."""

from __future__ import annotations

import dataclasses
import decimal
import enum
import ipaddress
import multiprocessing
import os
import signal
import sys
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timezone
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, ClassVar

import maais
import pydantic
import pytest
from maais import (
    ActionRequest,
    ActionType,
    AuditError,
    PolicyLoadError,
    Runtime,
    get_runtime,
    secure_tool,
    verify_log,
)

if TYPE_CHECKING:
    from tests.conftest import Log

TOKEN = "ghp_x7Kq2mPz9LwB4tRv8NcYs1HdFj6GaE3uQoWi"
BROKEN_POLICY = """\
version: 1
policies:
  - id: one
    applies_to: tool_call
    condition: {}
    decision: DENNY
    reason: why
"""


def ask(
    target: str = "calculator",
    parameters: dict[str, Any] | None = None,
    kind: ActionType = ActionType.TOOL_CALL,
    agent: str = "agent",
) -> ActionRequest:
    return ActionRequest(agent, kind, target, parameters or {}, "goal")


def test_the_snippet_of_the_readme_works_as_it_stands() -> None:
    from maais.adapters.langgraph_adapter import secure_tool
    from maais.models import ActionRequest, ActionType
    from maais.runtime import get_runtime

    decision = get_runtime().intercept(
        ActionRequest(
            agent_id="data_processor",
            action_type=ActionType.TOOL_CALL,
            target="http_request",
            parameters={"url": "https://api.example.com/data"},
            declared_goal="Fetch external data",
        )
    )
    assert not decision.allow
    assert decision.policy_id == "deny_external_http"
    assert decision.accountability_owner == "system_admin"
    assert callable(secure_tool)


def test_every_thread_gets_the_same_engine() -> None:
    ready = threading.Barrier(16)

    def first(_: int) -> Runtime:
        ready.wait()
        return get_runtime()

    with ThreadPoolExecutor(16) as pool:
        assert len({id(runtime) for runtime in pool.map(first, range(16))}) == 1


def test_after_a_reset_the_engine_is_another() -> None:
    before = get_runtime()
    maais.reset_runtime()
    assert get_runtime() is not before


def test_a_decision_is_in_the_log_with_its_request(log: Log) -> None:
    request = ask(parameters={"a": 1})
    decision = get_runtime().intercept(request)
    [record] = log("decision")
    assert record.body["request"]["action_id"] == request.action_id
    assert record.body["request"]["parameters"] == {"a": 1}
    assert record.body["decision"]["allow"] is decision.allow is True


def test_broken_policies_are_named_with_file_line_and_column(tmp_path: Path) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text(BROKEN_POLICY, "utf-8")
    with pytest.raises(PolicyLoadError) as caught:
        Runtime(policies=[path])
    text = str(caught.value)
    assert "broken.yaml:6:15" in text
    assert "did you mean `DENY`?" in text
    assert isinstance(caught.value, maais.ConfigurationError)


def test_policies_that_do_not_exist_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(PolicyLoadError, match="nowhere"):
        Runtime(policies=[tmp_path / "nowhere.yaml"])


def test_broken_settings_are_an_error(tmp_path: Path) -> None:
    path = tmp_path / "settings.yaml"
    path.write_text("version: 1\nownrs: {}\n", "utf-8")
    with pytest.raises(PolicyLoadError, match=r"settings\.yaml:2"):
        Runtime(config=path)


def test_a_home_that_cannot_be_written_is_an_audit_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", "utf-8")
    with pytest.raises(AuditError):
        Runtime(tmp_path / "file" / "data")


def test_no_engine_stays_behind_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(PolicyLoadError):
        get_runtime(policies=[tmp_path / "nowhere.yaml"])
    assert get_runtime().intercept(ask()).allow


def test_home_may_be_text_or_a_path(tmp_path: Path) -> None:
    assert Runtime(str(tmp_path / "a")).home == Runtime(tmp_path / "a").home == tmp_path / "a"


def test_reload_takes_new_policies_and_keeps_the_old_ones_on_error(tmp_path: Path) -> None:
    path = tmp_path / "policies.yaml"
    good = BROKEN_POLICY.replace("DENNY", "DENY")
    path.write_text(good.replace("DENY", "ALLOW"), "utf-8")
    runtime = Runtime(policies=[path])
    assert runtime.intercept(ask()).allow
    path.write_text(good, "utf-8")
    runtime.reload()
    assert not runtime.intercept(ask()).allow
    path.write_text(BROKEN_POLICY, "utf-8")
    with pytest.raises(PolicyLoadError, match=r"policies\.yaml:6:15"):
        runtime.reload()
    assert runtime.intercept(ask()).policy_id == "one"
    assert runtime.health()["status"] == "degraded"


def test_health_counts_decisions() -> None:
    runtime = get_runtime()
    runtime.intercept(ask())
    runtime.intercept(ask("execute_command"))
    health = runtime.health()
    assert health["status"] == "healthy"
    assert health["decisions"] == {"ALLOW": 1, "DENY": 1, "REQUIRE_APPROVAL": 0}
    assert health["rules"] > 0


def test_an_outcome_is_told_once(log: Log) -> None:
    runtime, request = get_runtime(), ask()
    runtime.intercept(request)
    runtime.observe_result(request.action_id, ok=True, output="42")
    with pytest.raises(KeyError, match=request.action_id):
        runtime.observe_result(request.action_id, ok=True)
    [outcome] = log("outcome")
    assert outcome.body["action_id"] == request.action_id
    assert outcome.body["output"]["bytes"] == 2


def test_a_refused_action_has_no_outcome() -> None:
    runtime, request = get_runtime(), ask("execute_command")
    assert not runtime.intercept(request)
    with pytest.raises(KeyError):
        runtime.observe_result(request.action_id, ok=True)


def test_limits_are_exact_with_32_threads(log: Log) -> None:
    runtime = get_runtime()
    ready = threading.Barrier(32)

    def query(_: int) -> int:
        ready.wait()
        return sum(runtime.intercept(ask("orders", kind=ActionType.DATABASE_QUERY)).allow for _ in range(5))

    with ThreadPoolExecutor(32) as pool:
        assert sum(pool.map(query, range(32))) == 50
    assert len(log("decision")) == 160
    assert verify_log(runtime.home)["ok"]


def test_other_threads_run_while_a_decision_is_recorded() -> None:
    runtime, request = get_runtime(), ask()
    runtime.intercept(request)
    turns = 0
    stop = False

    def count() -> None:
        nonlocal turns
        while not stop:
            turns += 1
            time.sleep(0)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1000)  # Nobody loses the interpreter who does not give it away.
    thread = threading.Thread(target=count)
    try:
        thread.start()
        progress = []
        for _ in range(20):
            seen = turns
            runtime.intercept(request)
            progress.append(turns - seen)
    finally:
        sys.setswitchinterval(before)
        stop = True
        thread.join()
    assert any(progress)


def _in_the_child(connection: Any) -> None:
    decision = get_runtime().intercept(ask("from_the_child"))
    connection.send(decision.allow)
    connection.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_writes_a_log_of_its_own(log: Log) -> None:
    runtime = get_runtime()
    runtime.intercept(ask("from_the_parent"))
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_in_the_child, args=(sender,))
    child.start()
    assert receiver.poll(30)
    assert receiver.recv() is True
    child.join(30)
    assert child.exitcode == 0
    runtime.intercept(ask("from_the_parent"))
    assert len(log("decision", "from_the_parent")) == 2
    assert len(log("decision", "from_the_child")) == 1
    report = verify_log(runtime.home)
    assert report["ok"]
    assert len(report["logs"]) == 2


def _threads_in_the_child(sender: Any, calls: int) -> None:
    """The first calls of a child, all at once."""
    together, problems = threading.Barrier(calls), []
    tool: Any = secure_tool(agent_id="a", target="from_the_child")(lambda: None)

    def call() -> None:
        together.wait()
        try:
            tool()
        except BaseException as error:  # noqa: BLE001 - told to the parent
            problems.append(repr(error))

    threads = [threading.Thread(target=call) for _ in range(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    sender.send(problems)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_the_first_calls_of_a_forked_child_open_one_log_however_many_threads_make_them(log: Log) -> None:
    runtime = get_runtime()
    context = multiprocessing.get_context("fork")
    rounds, calls = 4, 12
    for _ in range(rounds):
        receiver, sender = context.Pipe(duplex=False)
        child = context.Process(target=_threads_in_the_child, args=(sender, calls))
        child.start()
        assert receiver.poll(60)
        assert receiver.recv() == []
        child.join(30)
        assert child.exitcode == 0
    runtime.intercept(ask("from_the_parent"))
    assert len(log("decision", "from_the_child")) == len(log("outcome")) == rounds * calls
    report = verify_log(runtime.home)
    assert report["ok"]
    assert len(report["logs"]) <= 1 + rounds


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_of_a_child_that_was_just_opening_its_log_waits_for_nobody() -> None:
    get_runtime()
    child = os.fork()
    if child == 0:
        # Threads of the child open its log while the child forks again: nobody's turn is handed on.
        for _ in range(6):
            threading.Thread(target=lambda: get_runtime().intercept(ask()), daemon=True).start()
        grandchild = os.fork()
        if grandchild == 0:
            os._exit(0 if get_runtime().intercept(ask()).allow else 1)
        _, status = os.waitpid(grandchild, 0)
        os._exit(os.waitstatus_to_exitcode(status))
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            assert os.waitstatus_to_exitcode(status) == 0
            return
        time.sleep(0.02)
    os.kill(child, signal.SIGKILL)
    pytest.fail("the grandchild waits for a thread that it does not have")


def nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(depth):
        value = {"in": value}
    return value


def cyclic() -> dict[str, Any]:
    value: dict[str, Any] = {}
    value["self"] = [value]
    return value


class Raises:
    """A dataclass-like value whose field cannot be read."""

    __dataclass_fields__: ClassVar[dict[str, Any]] = {"field": None}

    @property
    def field(self) -> str:
        raise RuntimeError("not for you")


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"text": "x" * (1 << 20)}, "bytes"),
        ({"texts": ["x" * 1000] * 1100}, "bytes"),
        ({"list": list(range(10_001))}, "values"),
        (nested(70), "nested"),
        (cyclic(), "nested"),
        ({"number": 1 << 5000}, "bits"),
        ({"value": Raises()}, "RuntimeError"),
        ({1: "a", "1": "b"}, "same text"),
    ],
    ids=["text", "texts", "values", "depth", "cycle", "number", "raises", "keys"],
)
def test_what_is_beyond_a_limit_is_denied_and_recorded(parameters: Any, reason: str, log: Log) -> None:
    decision = get_runtime().intercept(ask(parameters=parameters))
    assert not decision.allow
    assert reason in decision.explanation
    assert len(log("decision")) == 1
    assert verify_log(get_runtime().home)["ok"]


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


@dataclasses.dataclass
class Point:
    x: int
    label: str = "here"


class Model(pydantic.BaseModel):
    url: str
    tags: list[str]


@pytest.mark.parametrize(
    ("given", "seen"),
    [
        (None, None),
        (True, True),
        (1.5, 1.5),
        (float("inf"), "inf"),
        (-5, -5),
        (-(1 << 63), {"$int": str(-(1 << 63))}),
        ((1 << 64) - 1, {"$int": str((1 << 64) - 1)}),
        (1 << 64, str(1 << 64)),
        ((1, "a"), [1, "a"]),
        ({7}, [7]),
        (frozenset(["x"]), ["x"]),
        (b"abc", "abc"),
        (bytearray(b"abc"), "abc"),
        (PurePosixPath("/etc/passwd"), "/etc/passwd"),
        (uuid.UUID(int=5), str(uuid.UUID(int=5))),
        (decimal.Decimal("1.50"), "1.50"),
        (ipaddress.ip_address("10.0.0.1"), "10.0.0.1"),
        (datetime(2026, 1, 2, tzinfo=timezone.utc), "2026-01-02T00:00:00+00:00"),
        (date(2026, 1, 2), "2026-01-02"),
        (Colour.RED, "red"),
        (Level.HIGH, 3),
        (ActionType.API_CALL, "api_call"),
        (Point(1), {"x": 1, "label": "here"}),
        (Model(url="http://a", tags=["t"]), {"url": "http://a", "tags": ["t"]}),
        ({1: "one", None: "none"}, {"1": "one", "null": "none"}),
        ("\ud800", "�" * 3),
    ],
    ids=repr,
)
def test_values_of_python_stand_in_the_log_as_what_they_mean(given: Any, seen: Any, log: Log) -> None:
    assert get_runtime().intercept(ask(parameters={"value": given})).allow
    [record] = log("decision")
    assert record.body["request"]["parameters"] == {"value": seen}


def test_an_object_that_cannot_be_judged_is_denied_and_nobody_asks_what_it_prints(log: Log) -> None:
    class Secretive:
        def __repr__(self) -> str:
            raise AssertionError("nobody asked")

        __str__ = __repr__

    decision = get_runtime().intercept(ask(parameters={"value": Secretive()}))
    assert not decision.allow
    assert 'parameter "value" holds an object of class' in decision.explanation
    assert "Secretive" in decision.explanation
    assert len(log("decision")) == 1


def test_a_path_in_an_object_is_judged_like_one_in_text() -> None:
    as_text = get_runtime().intercept(ask("write_file", {"path": "/etc/passwd"}))
    as_path = get_runtime().intercept(ask("write_file", {"path": Path("/etc/passwd")}))
    assert not as_text.allow
    assert as_path.policy_id == as_text.policy_id


def test_secrets_are_nowhere_on_the_disk_in_the_clear(home: Path) -> None:
    secrets = {"password": "hunter2-correct-horse", "note": "card 4111 1111 1111 1111", "token": TOKEN}
    get_runtime().intercept(ask("notes", dict(secrets)))
    get_runtime().intercept(ask("http_request", {"url": "https://evil.example", "data": secrets}))
    files = [path.read_bytes() for path in home.rglob("*") if path.is_file()]
    assert len(files) > 3
    for secret in (b"hunter2-correct-horse", b"4111 1111 1111 1111", TOKEN.encode()):
        assert not any(secret in content for content in files)


@pytest.mark.parametrize("request_", [None, "text", {"agent_id": "a"}, object()])
def test_what_is_no_request_raises(request_: Any) -> None:
    with pytest.raises((AttributeError, TypeError)):
        get_runtime().intercept(request_)


def test_a_changed_log_does_not_verify(home: Path) -> None:
    get_runtime().intercept(ask())
    assert verify_log(home)["ok"]
    maais.reset_runtime()
    [segment] = home.glob("log/*/seg/*.jsonl")
    segment.write_bytes(segment.read_bytes().replace(b'"calculator"', b'"calculatoR"'))
    assert not verify_log(home)["ok"]
