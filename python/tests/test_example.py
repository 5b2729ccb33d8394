"""The examples do what they say."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import maais

EXAMPLE = Path(__file__).parents[2] / "examples" / "langgraph_agent.py"


def test_the_langgraph_example_ends_as_it_must(tmp_path: Path) -> None:
    folder = tmp_path / "example"
    folder.mkdir()
    process = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLE), str(folder)],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if not name.startswith("MAAIS_")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert process.returncode == 0, process.stdout + process.stderr
    assert process.stderr == ""
    assert "WRONG" not in process.stdout
    assert "nothing reached the attacker" in process.stdout
    assert "\x1b" not in process.stdout
    assert maais.verify_log(folder / "data")["ok"]
