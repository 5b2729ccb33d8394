"""What every test gets: a data directory of its own, and no engine from the test before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import pytest
from maais import AuditRecord, reset_runtime

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The data directory of the engine, in an empty folder without settings."""
    monkeypatch.setenv("MAAIS_HOME", str(tmp_path / "data"))
    monkeypatch.delenv("MAAIS_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    reset_runtime()
    yield tmp_path / "data"
    reset_runtime()


class Log(Protocol):
    """Reads the log of the test's data directory."""

    def __call__(self, kind: str | None = None, target: str | None = None) -> list[AuditRecord]: ...


@pytest.fixture
def log(home: Path) -> Log:
    """The records of the log, or those of a kind, or the decisions on a target."""

    def read(kind: str | None = None, target: str | None = None) -> list[AuditRecord]:
        lines = [
            line
            for segment in sorted(home.glob("log/*/seg/*.jsonl"))
            for line in segment.read_text("utf-8").splitlines()
            if line.strip("\0 ")
        ]
        records = [AuditRecord.from_line(line) for line in lines]
        if kind is not None:
            records = [record for record in records if record.type == kind]
        if target is not None:
            records = [record for record in records if asked(record).get("target") == target]
        return records

    return read


def asked(record: AuditRecord) -> dict[str, Any]:
    """What the record says was asked for."""
    request: dict[str, Any] = record.body.get("request", {})
    return request
