from collections.abc import Callable, Sequence
from inspect import Signature
from os import PathLike
from pathlib import Path
from typing import Any, NoReturn, final

from maais.models import ActionRequest, Decision

__all__ = ["Guard", "Runtime", "verify"]

@final
class Runtime:
    def __new__(
        cls,
        home: str | PathLike[str] | None = None,
        config: str | PathLike[str] | None = None,
        policies: Sequence[str | PathLike[str]] | None = None,
    ) -> Runtime: ...
    def intercept(self, request: ActionRequest) -> Decision: ...
    def observe_result(self, action_id: str, ok: bool, output: str | None = None) -> None: ...
    def reload(self) -> None: ...
    def health(self) -> dict[str, Any]: ...
    @property
    def home(self) -> Path: ...

@final
class Guard:
    def __new__(
        cls,
        runtime: Runtime,
        function: Callable[..., Any],
        signature: Signature,
        *,
        agent_id: str,
        goal: str,
        action_type: str,
        target: str,
        denial: Callable[[Decision], BaseException],
        method: Sequence[str] | None = None,
        session_id: str | None = None,
        framework: str | None = None,
        opaque: Sequence[str] | None = None,
    ) -> Guard: ...
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
    def start(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[str, Any]: ...
    def finish(self, action_id: str, error: BaseException | None = None) -> None: ...
    def __reduce__(self) -> NoReturn: ...

def verify(home: str | PathLike[str]) -> dict[str, Any]: ...
