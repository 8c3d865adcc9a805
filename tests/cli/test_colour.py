"""Colours are written on a terminal only, and NO_COLOR, TERM=dumb and FORCE_COLOR are honoured by every command."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from sigmagen.bundled import rules_folder
from tests.cli.conftest import ROOT

RULE = rules_folder() / "sybil" / "one_egress_many_organizations.yml"
COLOUR = re.compile(rb"\x1b\[[0-9;]*m")

BROKEN = "title: broken\nlogsource: {category: ai_inference}\ndetection: {}\n"


def on_terminal(arguments: list[str], environment: Mapping[str, str]) -> bytes:
    """What a command writes to a terminal, both streams together."""
    leader, follower = pty.openpty()
    inherited = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "FORCE_COLOR")}
    process = subprocess.Popen(
        [sys.executable, "-m", "sigmagen", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=follower,
        stderr=follower,
        cwd=ROOT,
        env={**inherited, "TERM": "xterm-256color", **environment},
    )
    os.close(follower)
    written = b""
    while True:
        try:
            piece = os.read(leader, 65536)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        written += piece
    os.close(leader)
    process.wait()
    assert b"Traceback" not in written
    return written


@pytest.fixture
def commands(tmp_path: Path, attack_log: Path) -> list[list[str]]:
    """Commands that have something to colour: problems, tables, test results, a matrix, a summary, a usage error."""
    rule = tmp_path / "broken.yml"
    rule.write_text(BROKEN)
    return [
        ["check", str(rule)],
        ["detect", str(attack_log), "--rules", str(rules_folder() / "output")],
        ["test", str(RULE), "-s", "litellm"],
        ["verify", str(RULE), "-s", "litellm", "-t", "duckdb"],
        ["convert", str(rules_folder() / "volume"), "-t", "splunk", "-o", str(tmp_path / "out")],
        ["demo"],
        ["detect", str(tmp_path / "absent")],
        ["convert", str(RULE), "-s", "absent"],
    ]


@pytest.mark.sampled(2)
def test_no_color_disables_colours_of_every_command(commands: list[list[str]]) -> None:
    for arguments in commands:
        assert not COLOUR.search(on_terminal(arguments, {"NO_COLOR": "1"})), arguments


@pytest.mark.sampled(2)
@pytest.mark.parametrize("environment", [{"TERM": "dumb"}, {"NO_COLOR": "1", "FORCE_COLOR": "1"}])
def test_dumb_terminal_and_precedence_of_no_color(environment: dict[str, str], commands: list[list[str]]) -> None:
    for arguments in commands[:3]:
        assert not COLOUR.search(on_terminal(arguments, environment)), arguments


@pytest.mark.sampled(2)
def test_terminal_gets_colours_with_empty_variables(commands: list[list[str]]) -> None:
    for arguments in commands:
        assert COLOUR.search(on_terminal(arguments, {"NO_COLOR": ""})), arguments


@pytest.mark.sampled(2)
def test_pipe_gets_colours_only_if_forced(commands: list[list[str]]) -> None:
    inherited = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "FORCE_COLOR")}
    for arguments in commands[:3]:
        for environment, wanted in (({}, False), ({"FORCE_COLOR": "1"}, True)):
            result = subprocess.run(
                [sys.executable, "-m", "sigmagen", *arguments],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                cwd=ROOT,
                env={**inherited, **environment},
            )
            assert bool(COLOUR.search(result.stdout + result.stderr)) is wanted, arguments
