"""Ways to run the command line: inside this process, and as a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from sigmagen.cli.main import cli
from tests.native_logs import attack, example, ndjson

Run = Callable[..., Result]
Start = Callable[..., "subprocess.Popen[bytes]"]

ROOT = Path(__file__).parents[2]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run `sigmagen` with arguments, in an empty folder. No command may end in a traceback."""
    folder = tmp_path / "cwd"
    folder.mkdir()
    monkeypatch.chdir(folder)

    def run_command(*arguments: object, **extra: Any) -> Result:
        result = CliRunner().invoke(cli, [str(argument) for argument in arguments], prog_name="sigmagen", **extra)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        assert result.exit_code in (0, 1, 2, 3), result.output
        assert "Traceback" not in result.output
        return result

    return run_command


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Start `python -m sigmagen` with arguments, its streams piped unless told otherwise."""

    def start_process(*arguments: object, **extra: Any) -> subprocess.Popen[bytes]:
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        command = [sys.executable, "-m", "sigmagen", *map(str, arguments)]
        return subprocess.Popen(command, **{"cwd": ROOT, **streams, **extra})

    return start_process


@pytest.fixture
def litellm() -> Path:
    """A small LiteLLM log without any alert."""
    return example("litellm")


@pytest.fixture
def attack_log(tmp_path: Path) -> Path:
    """A LiteLLM log with attacks on log probabilities in it."""
    path = tmp_path / "attack.ndjson"
    path.write_bytes(ndjson(attack("logprobs_with_logit_bias", "litellm")))
    return path
