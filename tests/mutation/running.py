"""Runs a trial inside this process or as a process of its own, and says what is wrong with how it ended."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from click.testing import CliRunner

from sigmagen.cli.main import DEBUG_VARIABLE, cli
from tests.mutation.trials import Trial, make_trial

CPU_SECONDS = 10
MEMORY_BYTES = 1024**3
EXIT_CODES = (0, 1, 2, 3)


class TooLongError(BaseException):
    """A command has used up its CPU time. Not an Exception, so that no command mistakes it for one of its own."""


@dataclass(frozen=True)
class Ending:
    """How a trial ended: its exit code, and what is wrong with it (None where nothing is)."""

    trial: Trial
    exit_code: int | None
    fault: str | None = None


Run = Callable[[str, int, Path], Ending]


def run_inside(kind: str, seed: int, folder: Path) -> Ending:
    """Run a trial in this process. Its folder is removed again."""
    try:
        with _no_network_settings():
            trial = make_trial(kind, seed, folder)
            return _judge_inside(trial)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _judge_inside(trial: Trial) -> Ending:
    before = _peak_memory()
    try:
        with _cpu_limit():
            result = CliRunner().invoke(cli, list(trial.arguments), prog_name="sigmagen")
    except TooLongError as error:
        where = "".join(traceback.format_tb(error.__traceback__)[-6:])
        return Ending(trial, None, f"over {CPU_SECONDS} s of CPU\n{where}")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        where = "".join(traceback.format_exception(result.exception)[-4:])
        return Ending(trial, None, f"an exception left the command\n{where}")
    if result.exit_code not in EXIT_CODES:
        return Ending(trial, result.exit_code, f"exit code {result.exit_code}\n{result.output[-1500:]}")
    if result.exit_code and not (result.stdout.strip() or result.stderr.strip()):
        return Ending(trial, result.exit_code, f"exit code {result.exit_code} without a word")
    if _peak_memory() > max(before, MEMORY_BYTES):
        return Ending(trial, result.exit_code, f"over {MEMORY_BYTES:,} bytes of memory")
    return Ending(trial, result.exit_code)


def run_process(kind: str, seed: int, folder: Path) -> Ending:
    """Run a trial as a process of its own, under limits of the operating system. Its folder is removed again."""
    try:
        trial = make_trial(kind, seed, folder)
        done = subprocess.run(
            [sys.executable, "-m", "sigmagen", *trial.arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            preexec_fn=_limit_process,
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    said = done.stderr.decode(errors="replace")
    if done.returncode not in EXIT_CODES or "Traceback" in said:
        return Ending(trial, done.returncode, f"exit code {done.returncode}\n{said[-1500:]}")
    return Ending(trial, done.returncode)


def run_batch(run: Run, kinds: Sequence[str], folder: Path, seeds: Sequence[int]) -> list[Ending]:
    """Run the trials of some seeds, each of the next kind, each in a folder of its own."""
    return [run(kinds[seed % len(kinds)], seed, folder / f"{seed}") for seed in seeds]


def _limit_process() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 1))
    # Address space, most of which is reserved and never used; what is used can't be limited for one process.
    resource.setrlimit(resource.RLIMIT_AS, (8 * MEMORY_BYTES, 8 * MEMORY_BYTES))


def _peak_memory() -> int:
    """The most memory that this process has ever used, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


@contextmanager
def _cpu_limit() -> Iterator[None]:
    def stop(number: int, frame: FrameType | None) -> None:
        raise TooLongError

    previous = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, previous)


@contextmanager
def _no_network_settings() -> Iterator[None]:
    """Nothing of the caller's SIEMs; and internal errors as the exceptions that they are."""
    kept = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("SIGMAGEN_")}
    os.environ[DEBUG_VARIABLE] = "1"
    try:
        yield
    finally:
        del os.environ[DEBUG_VARIABLE]
        os.environ.update(kept)
