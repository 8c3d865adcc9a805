"""The command line as a whole: help without weight, options on both sides, closed pipes, interruptions."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import click
import orjson
import pytest
from click.testing import CliRunner

from sigmagen import __version__
from sigmagen.bundled import mappings_folder, rules_folder
from sigmagen.cli.main import COMMANDS, cli
from tests.cli.conftest import Run, Start
from tests.native_logs import example, ndjson

RULE = rules_folder() / "sybil" / "one_egress_many_organizations.yml"
HEAVY = ("sigma", "duckdb", "rich", "elasticsearch", "duckdb_kql", "yaml", "jsonschema", "orjson")


def test_help_lists_commands_without_heavy_imports() -> None:
    code = f"""
import sys
from click.testing import CliRunner
from sigmagen.cli.main import cli
result = CliRunner().invoke(cli, ["--help"])
print(result.output)
print(sorted(set(sys.modules) & set({HEAVY!r})), file=sys.stderr)
sys.exit(result.exit_code)
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert (result.returncode, result.stderr) == (0, "[]\n")
    listed = result.stdout.partition("Commands:\n")[2]
    assert [line.split()[0] for line in listed.splitlines() if line.startswith("  ")][: len(COMMANDS)] == list(COMMANDS)
    assert "0 clean, 1 findings, 2 broken input, 3 usage or configuration" in listed


@pytest.mark.parametrize("name", COMMANDS)
def test_command_help_starts_with_summary(name: str) -> None:
    try:
        command = cli.get_command(click.Context(cli), name)
    except ModuleNotFoundError as error:
        pytest.skip(f"{error.name} is not here yet")
    assert command is not None
    assert (command.help or "").splitlines()[0] == COMMANDS[name]
    result = CliRunner().invoke(cli, [name, "--help"], prog_name="sigmagen")
    assert result.exit_code == 0
    assert "--rules DIRECTORY" in result.output


def test_the_version_is_the_package_s(run: Run) -> None:
    assert run("--version").stdout == f"sigmagen, version {__version__}\n"


def test_unknown_command_has_suggestion(run: Run) -> None:
    result = run("convrt")
    assert (result.exit_code, result.stdout) == (3, "")
    assert "unknown command 'convrt'; did you mean convert?" in result.stderr


def test_unknown_command_lists_all(run: Run) -> None:
    result = run("xyzzy")
    assert result.exit_code == 3
    assert f"unknown command 'xyzzy'; available: {', '.join(COMMANDS)}" in result.stderr


def test_no_command_is_usage(run: Run) -> None:
    result = run()
    assert result.exit_code == 3
    assert "Usage: sigmagen" in result.stderr


@pytest.mark.parametrize("before", [True, False])
def test_rules_and_mappings_may_stand_before_or_after_the_command(before: bool, run: Run, tmp_path: Path) -> None:
    rules, mappings = tmp_path / "rules", tmp_path / "mappings"
    rules.mkdir()
    shutil.copy(RULE, rules / "mine.yml")
    shutil.copytree(mappings_folder(), mappings)
    (mappings / "sources" / "litellm.yml").rename(mappings / "sources" / "proxy.yml")
    options = ("--rules", rules, "--mappings", mappings)
    convert = ("convert", "-t", "splunk", "-s", "proxy")
    result = run(*options, *convert) if before else run(*convert, *options)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.count("``` source: ") == 1
    assert "``` source: proxy (LiteLLM proxy log) ```" in result.stdout


def test_an_option_after_the_command_wins(run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert run("--rules", tmp_path / "empty", "check").exit_code == 2
    assert run("--rules", tmp_path / "empty", "check", "--rules", RULE.parent).exit_code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("detect", "--help"),
        ("convert", "--mode", "hunt"),
        ("convert", "--json"),
        ("normalize", example("litellm")),
        ("check", "tests/rules/files/faults"),
        ("demo",),
        ("test", RULE),
        ("verify", RULE, "-t", "splunk", "-s", "canonical"),
    ],
    ids=lambda arguments: " ".join(str(part) for part in arguments[:2]),
)
def test_closed_pipe_ends_silently(arguments: tuple[str, ...], start: Start) -> None:
    read, write = os.pipe()
    os.close(read)
    process = start(*arguments, stdout=write)
    os.close(write)
    _, message = process.communicate(timeout=60)
    assert process.returncode == 141
    assert b"Traceback" not in message
    assert b"Broken" not in message
    assert b"Exception" not in message


@pytest.mark.parametrize("options", [(), ("--json",), ("-v",)])
def test_closed_pipe_of_alerts_is_not_an_error(options: tuple[str, ...], start: Start, attack_log: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    process = start("detect", attack_log, *options, stdout=write)
    os.close(write)
    _, message = process.communicate(timeout=60)
    assert (process.returncode, b"Error" in message) == (141, False)


@pytest.mark.parametrize("arguments", [("detect", "absent.json"), ("convert", "absent.yml"), ("no-such-command",)])
def test_closed_standard_error_ends_silently(arguments: tuple[str, ...], start: Start) -> None:
    read, write = os.pipe()
    os.close(read)
    process = start(*arguments, stderr=write)
    os.close(write)
    process.communicate(timeout=60)
    assert process.returncode == 141


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("arguments", [("convert",), ("normalize", example("litellm"))])
def test_a_full_disk_is_said_once(arguments: tuple[str, ...], start: Start) -> None:
    with open("/dev/full", "wb") as full:
        process = start(*arguments, stdout=full)
    _, message = process.communicate(timeout=60)
    assert process.returncode == 3
    assert message.count(b"error[system]: No space left on device") == 1
    assert b"Traceback" not in message
    assert b"Exception" not in message


@pytest.mark.parametrize("command", ["convert", "detect -", "normalize -", "check"])
def test_closed_streams_are_not_an_internal_error(command: str) -> None:
    line = f"exec {sys.executable} -m sigmagen {command} <&- >&- 2>&-"
    result = subprocess.run(["sh", "-c", line], cwd=Path(__file__).parents[2], timeout=60)
    assert result.returncode == (2 if "-" in command else 0)


@pytest.mark.parametrize(
    ("sent", "code", "word"), [(signal.SIGINT, 130, b"interrupted"), (signal.SIGTERM, 143, b"terminated")]
)
@pytest.mark.parametrize("command", ["detect", "normalize"])
def test_interrupt_is_reported_and_leaves_no_files(
    command: str, sent: signal.Signals, code: int, word: bytes, start: Start, tmp_path: Path
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    output = ["-o", str(tmp_path / "out.ndjson")] if command == "normalize" else []
    process = start(command, pipe, *output, env={**os.environ, "TMPDIR": str(tmp_path)})
    with pipe.open("wb") as writing:  # opens when the other side reads
        writing.write((example("litellm")).read_bytes())
        writing.flush()
        process.send_signal(sent)
        stdout, message = process.communicate(timeout=60)
    assert (process.returncode, stdout) == (code, b"")
    assert message.strip() == word
    assert list(tmp_path.iterdir()) == [pipe]


def test_internal_error_has_no_traceback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*arguments: object) -> None:
        raise RuntimeError("odd\x1b[2J\nthing " + "x" * 1000)

    monkeypatch.setattr("sigmagen.cli.check.all_problems", fail)
    monkeypatch.delenv("SIGMAGEN_DEBUG", raising=False)
    result = CliRunner().invoke(cli, ["check"])
    assert result.exit_code == 70
    assert result.stderr.startswith("internal error: RuntimeError: odd\N{REPLACEMENT CHARACTER}[2J thing xxx")
    assert "please report this error with the command line; SIGMAGEN_DEBUG=1 shows the traceback" in result.stderr
    assert len(result.stderr) < 400


@pytest.mark.parametrize("command", ["detect", "normalize"])
def test_pipe_is_read_as_log(command: str) -> None:
    """What `sigmagen detect <(zcat log.gz)` names."""
    reading, writing = os.pipe()
    os.write(writing, (example("litellm")).read_bytes())
    os.close(writing)
    line = [sys.executable, "-m", "sigmagen", command, f"/dev/fd/{reading}"]
    result = subprocess.run(line, pass_fds=[reading], capture_output=True, timeout=60)
    os.close(reading)
    assert result.returncode == 0
    assert b"8 litellm" in result.stderr


@pytest.mark.skipif(not hasattr(signal, "SIGXFSZ"), reason="needs a limit of file sizes")
@pytest.mark.parametrize("room", [4_000, 1_000_000])
def test_full_temporary_disk_is_reported(room: int, start: Start, tmp_path: Path) -> None:
    import resource

    def no_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))

    record = orjson.loads((example("litellm")).read_bytes().splitlines()[0])
    log = ndjson({**record, "id": str(number), "padding": "x" * 2000} for number in range(4000))
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    # With more memory, nothing would be written.
    process = start("detect", "-", "--memory", "20MB", stdin=subprocess.PIPE, env=environment, preexec_fn=no_room)
    stdout, message = process.communicate(log, timeout=60)
    assert (process.returncode, stdout) == (3, b"")
    assert b"error[system]" in message
    assert b"TMPDIR" in message
    assert list(tmp_path.iterdir()) == []
