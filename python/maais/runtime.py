"""The engine of this process: opened once, on first use."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from maais._maais import Runtime, verify

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike

    StrPath = str | PathLike[str]

__all__ = ["Runtime", "get_runtime", "reset_runtime", "verify_log"]

_lock = threading.Lock()
_runtime: Runtime | None = None


def get_runtime(
    home: StrPath | None = None,
    config: StrPath | None = None,
    policies: Sequence[StrPath] | None = None,
) -> Runtime:
    """Return the engine of this process, opening it on the first call.

    `home` is the data directory (`MAAIS_HOME`, else `.maais`), `config` the settings file (`MAAIS_CONFIG`,
    else `maais.yaml` if there is one), `policies` files, folders or packs (`baseline`, `atlas`). They count
    on the first call only.

    Raises `PolicyLoadError` or `AuditError` if it cannot be opened: there is no engine that decides without
    policies or a log.
    """
    global _runtime  # noqa: PLW0603 - one engine a process is what this function is for
    with _lock:
        if _runtime is None:
            _runtime = Runtime(home, config, policies)
        return _runtime


def reset_runtime() -> None:
    """Forget the engine of this process; the next `get_runtime` opens another. For tests."""
    global _runtime  # noqa: PLW0603 - as above
    with _lock:
        _runtime = None


def verify_log(home: StrPath = ".maais") -> dict[str, Any]:
    """Say whether the logs under `home` can be believed: `ok`, and the verdicts on each log."""
    return verify(home)
