"""A long query ends when the process is asked to end."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

# An engine whose query would take hours: it says when it begins.
PROGRAM = """
import sys
from sigmagen.cli import main
from sigmagen.engines.duckdb import DuckDBEngine

def long(*arguments):
    with DuckDBEngine() as engine:
        print("running", flush=True)
        engine.connection.execute("SELECT sum(hash(a.range * b.range)) FROM range(3000000) a, range(3000000) b")

import sigmagen.cli.check
sigmagen.cli.check.all_problems = long
main.main()
"""


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_long_query_is_interrupted(sent: signal.Signals, code: int) -> None:
    command = [sys.executable, "-c", PROGRAM, "check"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"running\n"
    process.send_signal(sent)
    with process:
        _, said = process.communicate(timeout=60)
    assert process.returncode == code
    assert said.strip() in (b"interrupted", b"terminated")
