"""The JSON Schema of policy files accepts what ships, and shows a slip where it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    schema = json.loads((ROOT / "schema" / "policy.json").read_text())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def places(validator: Draft202012Validator, document: Any) -> list[str]:
    return [error.json_path for error in validator.iter_errors(document)]


@pytest.mark.parametrize(
    "file", sorted((ROOT / "policies").glob("*/*.yaml")), ids=lambda file: f"{file.parent.name}-{file.stem}"
)
def test_every_policy_file_that_ships_is_accepted(validator: Draft202012Validator, file: Path) -> None:
    assert places(validator, yaml.safe_load(file.read_text())) == []


@pytest.mark.parametrize(
    ("slip", "place"),
    [
        ({"applies_to": "tool_cal"}, "$.policies[0].applies_to"),
        ({"decision": "DENNY"}, "$.policies[0].decision"),
        ({"condition": {"tarrget": "x"}}, "$.policies[0].condition"),
        ({"condition": {"time": {"hour": "09:00-17:00"}}}, "$.policies[0].condition.time"),
        ({"waive": ["C"]}, "$.policies[0]"),
    ],
)
def test_a_slip_is_shown_where_it_is(
    validator: Draft202012Validator, slip: dict[str, Any], place: str
) -> None:
    policy = {"id": "r", "applies_to": "*", "condition": {}, "decision": "DENY", "reason": "r"}
    assert places(validator, {"policies": [policy | slip]}) == [place]
