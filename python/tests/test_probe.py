"""The search for a way around the guard finds none, and would say so if there were one."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from maais import _probe

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_the_search_finds_no_way_around(tmp_path: Path) -> None:
    process = subprocess.run(
        [sys.executable, "-m", "maais._probe", "--json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert process.returncode == 0, process.stdout + process.stderr
    report = json.loads(process.stdout)
    assert report["ok"] is True
    assert len(report["checks"]) >= 7
    assert all(check["ok"] and check["evidence"] for check in report["checks"])


def test_the_search_notices_a_guard_that_guards_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def unguarded(function: Any, **_: Any) -> Any:
        return function

    monkeypatch.setattr(_probe, "guarded", unguarded)
    report = _probe.search()
    assert report["ok"] is False
    failed = {check["name"] for check in report["checks"] if not check["ok"]}
    assert {"direct call", "records"} <= failed
