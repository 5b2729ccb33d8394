"""The values that users build and read."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import uuid
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from maais.models import AccountabilityRecord, ActionRequest, ActionType, Decision, Effect, Policy

WHEN = datetime(2026, 3, 4, 5, 6, 7, 890123, tzinfo=timezone.utc)
VALUES: list[Any] = [
    ActionRequest(
        "a", ActionType.TOOL_CALL, "t", {"url": "http://localhost"}, "goal", "id-1", WHEN, {"k": [1]}
    ),
    Decision(False, "rule", "because", {"C": "leak"}, WHEN, "owner", Effect.REQUIRE_APPROVAL, {"m": 1}),
    Policy("p", [ActionType.FILE_READ], {"target": "x"}, "DENY", "no", 7, {"severity": "high"}),
    AccountabilityRecord("id-1", "a", None, "owner", False, "because", WHEN),
]


def request(**changes: Any) -> ActionRequest:
    values: dict[str, Any] = {
        "agent_id": "agent",
        "action_type": ActionType.TOOL_CALL,
        "target": "tool",
        "parameters": {},
        "declared_goal": "goal",
    }
    return ActionRequest(**{**values, **changes})


def test_positional_and_keyword_arguments_mean_the_same() -> None:
    by_place = ActionRequest("a", ActionType.API_CALL, "t", {"n": 1}, "g", "id", WHEN, {"s": "x"})
    by_name = ActionRequest(
        context={"s": "x"},
        timestamp=WHEN,
        action_id="id",
        declared_goal="g",
        parameters={"n": 1},
        target="t",
        action_type=ActionType.API_CALL,
        agent_id="a",
    )
    assert by_place == by_name


def test_defaults_are_a_new_uuid_the_time_in_utc_and_an_empty_context() -> None:
    first, second = request(), request()
    assert uuid.UUID(first.action_id) != uuid.UUID(second.action_id)
    assert first.timestamp.utcoffset() == timedelta(0)
    assert abs(datetime.now(timezone.utc) - first.timestamp) < timedelta(minutes=1)
    assert first.context == {}
    assert first.context is not second.context


@pytest.mark.parametrize("name", ["agent_id", "target", "action_id"])
@pytest.mark.parametrize("value", ["", "   ", "\n\t"])
def test_an_empty_name_is_a_value_error(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=f"`{name}` is required"):
        request(**{name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("agent_id", 7),
        ("target", None),
        ("parameters", [1]),
        ("parameters", None),
        ("context", "x"),
        ("timestamp", 5),
    ],
)
def test_a_value_of_another_type_is_a_type_error(name: str, value: Any) -> None:
    with pytest.raises(TypeError, match=f"`{name}` must be"):
        request(**{name: value})


def test_an_unknown_action_type_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="launch_rocket"):
        request(action_type="launch_rocket")


@pytest.mark.parametrize("kind", list(ActionType))
def test_an_action_type_may_be_plain_text(kind: ActionType) -> None:
    assert request(action_type=kind.value).action_type is kind


def test_there_are_eight_action_types() -> None:
    assert len(ActionType) == 8


def test_a_time_without_a_zone_is_utc() -> None:
    assert request(timestamp=WHEN.replace(tzinfo=None)).timestamp == WHEN


@pytest.mark.parametrize(
    "text",
    ["2026-03-04T05:06:07.890123Z", "2026-03-04T05:06:07.890123456Z", "2026-03-04T07:06:07.890123+02:00"],
)
def test_a_time_may_be_text(text: str) -> None:
    assert request(timestamp=text).timestamp == WHEN


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_to_dict_and_from_dict_are_each_other_s_inverse(value: Any) -> None:
    assert type(value).from_dict(value.to_dict()) == value


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_copies_and_pickles_are_equal(value: Any) -> None:
    assert copy.copy(value) == value
    assert copy.deepcopy(value) == value
    assert pickle.loads(pickle.dumps(value)) == value


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_repr_names_the_class_and_every_field(value: Any) -> None:
    text = repr(value)
    assert text.startswith(f"{type(value).__name__}(")
    assert all(f"{field.name}=" in text for field in dataclasses.fields(value))


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_values_do_not_change(value: Any) -> None:
    name = dataclasses.fields(value)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(value, name, "other")
    with pytest.raises((AttributeError, TypeError)):
        value.__setattr__("new_name", 1)


def test_values_with_mappings_have_no_hash() -> None:
    with pytest.raises(TypeError, match="unhashable"):
        hash(request())


def test_equality_looks_at_every_field() -> None:
    one = request(action_id="id", timestamp=WHEN)
    assert one == request(action_id="id", timestamp=WHEN)
    assert one != request(action_id="id", timestamp=WHEN, target="other")
    assert one != VALUES[1]


def test_to_dict_is_plain() -> None:
    plain = request(parameters={"when": WHEN, "kind": ActionType.API_CALL, "nested": [(1, 2)]}).to_dict()
    assert plain["action_type"] == "tool_call"
    assert type(plain["action_type"]) is str
    assert plain["parameters"] == {"when": WHEN.isoformat(), "kind": "api_call", "nested": [[1, 2]]}


def test_from_dict_refuses_names_it_does_not_know() -> None:
    with pytest.raises(TypeError, match="approved"):
        Decision.from_dict({"allow": True, "approved": True})


@pytest.mark.parametrize(("allow", "effect"), [(True, Effect.ALLOW), (False, Effect.DENY)])
def test_the_effect_follows_from_allow(allow: bool, effect: Effect) -> None:
    assert Decision(allow).effect is effect


@pytest.mark.parametrize(
    ("allow", "effect"),
    [
        (True, Effect.DENY),
        (True, "REQUIRE_APPROVAL"),
        (False, Effect.ALLOW),
        ("yes", Effect.ALLOW),
        (1, "ALLOW"),
    ],
)
def test_allow_cannot_contradict_the_effect(allow: Any, effect: Any) -> None:
    with pytest.raises(ValueError, match="`allow` is"):
        Decision(allow, effect=effect)


@pytest.mark.parametrize("allow", ["yes", 1, None, [0]])
def test_allow_is_a_bool_or_no_decision(allow: Any) -> None:
    try:
        decision = Decision(allow)
    except ValueError:
        return
    assert decision.effect is Effect.DENY


def test_a_decision_is_true_only_if_it_allows() -> None:
    assert Decision(True)
    assert not Decision(False)
    assert not Decision(False, effect=Effect.REQUIRE_APPROVAL)


def test_a_policy_may_name_its_action_types_in_three_ways() -> None:
    def kinds(applies_to: Any) -> list[ActionType]:
        return Policy("p", applies_to, {}, "ALLOW", "why").applies_to

    assert kinds("file_read") == kinds(["file_read"]) == [ActionType.FILE_READ]
    assert kinds("*") == kinds(["*"]) == list(ActionType)


@pytest.mark.parametrize(
    "change", [{"decision": "DENNY"}, {"applies_to": "tool_cal"}, {"id": ""}, {"reason": " "}]
)
def test_a_policy_that_means_nothing_is_a_value_error(change: dict[str, Any]) -> None:
    values: dict[str, Any] = {
        "id": "p",
        "applies_to": "*",
        "condition": {},
        "decision": "DENY",
        "reason": "why",
    }
    with pytest.raises(ValueError):  # noqa: PT011 - each says it in its own way
        Policy(**{**values, **change})


def test_an_accountability_record_names_who_answers() -> None:
    record = AccountabilityRecord.of(request(action_id="id"), VALUES[1])
    assert (record.action_id, record.responsibility_owner, record.decision) == ("id", "owner", False)
    with pytest.raises(ValueError, match="responsibility_owner"):
        AccountabilityRecord("id", "a", None, "", True, "")
