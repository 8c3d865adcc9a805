"""The command line: `sigmagen`. Commands are imported when they are called, so that help costs nothing."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn, TextIO

import click

from sigmagen import __version__
from sigmagen.cli.settings import Settings, shared_options
from sigmagen.problems import EXIT_CLEAN, EXIT_USAGE, Problem, SigmagenError
from sigmagen.report.colour import colour

COMMANDS = {
    "check": "Validate and lint rules, their tests and the mappings.",
    "convert": "Convert rules to queries for Splunk, Elastic and Sentinel.",
    "demo": "Find an attack in a sample log, and show the queries for it.",
    "deploy": "Put a package into a SIEM, after a plan.",
    "detect": "Find alerts in native logs, here and now.",
    "investigate": "Print the queries that an analyst runs after an alert.",
    "new": "Write the skeleton of a log source or a rule.",
    "normalize": "Turn native logs into canonical events.",
    "package": "Write what a SIEM imports: scheduled detections, turned off.",
    "test": "Play each rule's own test file on the reference engine.",
    "verify": "Run every generated query and compare it with the reference.",
}
"""Every command, each in the module of its name, with what `--help` says of it."""

EXIT_INTERNAL = 70
EXIT_INTERRUPTED = 130
EXIT_PIPE = 141
EXIT_TERMINATED = 143
DEBUG_VARIABLE = "SIGMAGEN_DEBUG"


class TerminatedError(BaseException):
    """The process is asked to end: what it has open is closed, and its temporary files are removed, on the way out."""


class LazyGroup(click.Group):
    """A group that knows its commands by name, and turns every failure into a message and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"sigmagen.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            from difflib import get_close_matches

            near = get_close_matches(name, COMMANDS, n=1)
            hint = f"; did you mean {near[0]}?" if near else f"; available: {', '.join(COMMANDS)}"
            ctx.fail(f"no command {name!r}{hint}")
        return super().resolve_command(ctx, args)

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        """Read the arguments, or print help."""
        with _closed_pipe_ends_quietly():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        with _closed_pipe_ends_quietly():
            result = super().invoke(ctx)
            sys.stdout.flush()
        return result

    def main(  # type: ignore[override]
        self, args: Sequence[str] | None = None, prog_name: str | None = None, **extra: Any
    ) -> NoReturn:
        extra["standalone_mode"] = False
        extra.setdefault("color", colour())
        try:
            code = self._run(args, prog_name or "sigmagen", extra)
        except BrokenPipeError:  # nobody reads what went wrong
            _discard(sys.stderr)
            code = EXIT_PIPE
        sys.exit(code)

    def _run(self, args: Sequence[str] | None, prog_name: str, extra: dict[str, Any]) -> int:
        try:
            return super().main(args, prog_name, **extra) or EXIT_CLEAN
        except SigmagenError as error:
            _say(error.problems)
            return error.exit_code
        except click.ClickException as error:
            error.show()
            return EXIT_USAGE
        except (click.Abort, KeyboardInterrupt):
            click.echo("interrupted", err=True)
            return EXIT_INTERRUPTED
        except TerminatedError:
            click.echo("terminated", err=True)
            return EXIT_TERMINATED
        except OSError as error:
            reason = error.strerror or str(error)
            file = str(error.filename) if error.filename is not None else None
            _say([Problem("system", reason, file=file)])
            return EXIT_USAGE
        except Exception as error:
            if failed := _database_reason(error):
                _say([Problem("system", failed, hint="free some space, or set TMPDIR to a place that has more")])
                return EXIT_USAGE
            from sigmagen.display import harmless
            from sigmagen.net.secrets import hide

            if os.environ.get(DEBUG_VARIABLE):
                from traceback import format_exc

                click.echo(hide(format_exc()), err=True, nl=False)
                return EXIT_INTERNAL
            said = harmless(hide(" ".join(str(error).split()))[:200])
            hint = f"please report this with the command; {DEBUG_VARIABLE}=1 shows where it happened"
            click.echo(f"internal error: {type(error).__name__}: {said}; {hint}", err=True)
            return EXIT_INTERNAL


def _database_reason(error: Exception) -> str | None:
    """What DuckDB says where the disk or the memory is full; None for any other error. DuckDB may not be loaded."""
    duckdb = sys.modules.get("duckdb")
    if duckdb is None or not isinstance(error, duckdb.OperationalError | duckdb.FatalException):
        return None
    return str(error).partition("\n")[0]


def _terminated(*_: object) -> NoReturn:
    raise TerminatedError


@contextlib.contextmanager
def _closed_pipe_ends_quietly() -> Iterator[None]:
    """A pipe that its reader has closed is no failure of ours."""
    try:
        yield
    except BrokenPipeError:
        # Python flushes standard output once more on its way out.
        _discard(sys.stdout)
        raise click.exceptions.Exit(EXIT_PIPE) from None


def _discard(stream: TextIO) -> None:
    """Let a stream lead nowhere."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _say(problems: Sequence[Problem]) -> None:
    from sigmagen.cli.problems import print_problems

    print_problems(problems)


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 clean, 1 findings, 2 broken input, 3 usage or configuration.",
)
@click.version_option(__version__, prog_name="sigmagen")
@shared_options
@click.pass_context
def cli(
    ctx: click.Context,
    rules: Path | None,
    mappings: Path | None,
    filters: tuple[Path, ...],
    overlay: Path | None,
    verbose: bool,
) -> None:
    """Sigma detections for model extraction: check, convert, prove and run them."""
    ctx.obj = Settings.of(rules, mappings, filters, overlay, verbose)


def main() -> NoReturn:
    """The entry point of the `sigmagen` command."""
    # A stream that the caller has closed takes what is written to it, and its number isn't given to a file of ours.
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - open until the end
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - open until the end
    for stream in (sys.stdout, sys.stderr):
        # A terminal that can't show a character shows a question mark.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, _terminated)
    # Thousands of rules are millions of objects, and hardly one of them is part of a cycle.
    gc.set_threshold(200_000, 20, 100)
    cli.main()
