"""The `sigmagen` command. Subcommands are imported when they are called, so that `--help` is fast."""

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
from sigmagen.report.colour import choose_colour

COMMANDS = {
    "check": "Validate and lint rules, their tests and the mappings.",
    "convert": "Convert rules to queries for Splunk, Elastic and Sentinel.",
    "coverage": "Show which rules and fields each log source has, and why not.",
    "demo": "Detect an attack in a sample log, and show the queries.",
    "deploy": "Deploy a package to a SIEM, after showing a plan.",
    "detect": "Run rules on native logs, on this machine.",
    "hunt": "Run rules on a table of canonical events in a lake.",
    "investigate": "Print the queries that an analyst runs after an alert.",
    "new": "Write the skeleton of a log source or a rule.",
    "normalize": "Convert native logs to canonical events.",
    "package": "Write a package of scheduled detections for a SIEM.",
    "report": "Write the alerts of native logs by actor, as one HTML file.",
    "score": "Score the rules on labelled logs: recall and false alerts.",
    "simulate": "Write labelled logs of simulated attacks and benign accounts.",
    "test": "Run the rules' test files on the reference engine.",
    "verify": "Run every generated query and compare it with the reference.",
}
"""Every command with its help text. Each is defined in the module of the same name."""

EXIT_INTERNAL = 70
EXIT_INTERRUPTED = 130
EXIT_PIPE = 141
EXIT_TERMINATED = 143
DEBUG_VARIABLE = "SIGMAGEN_DEBUG"


class TerminatedError(BaseException):
    """The process received SIGTERM. Raised so that files are closed and temporary files are removed."""


class LazyGroup(click.Group):
    """A group that imports its commands lazily and turns every failure into a message and an exit code."""

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
            ctx.fail(f"unknown command {name!r}{hint}")
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
        extra.setdefault("color", choose_colour())
        try:
            code = self._run(args, prog_name or "sigmagen", extra)
        except BrokenPipeError:  # standard error is closed: the message can't be shown
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
                _say(
                    [Problem("system", failed, hint="free some disk space, or set TMPDIR to a folder on a larger disk")]
                )
                return EXIT_USAGE
            from sigmagen.display import sanitize
            from sigmagen.net.secrets import hide

            if os.environ.get(DEBUG_VARIABLE):
                from traceback import format_exc

                click.echo(hide(format_exc()), err=True, nl=False)
                return EXIT_INTERNAL
            text = sanitize(hide(" ".join(str(error).split()))[:200])
            hint = f"please report this error with the command line; {DEBUG_VARIABLE}=1 shows the traceback"
            click.echo(f"internal error: {type(error).__name__}: {text}; {hint}", err=True)
            return EXIT_INTERNAL


def _database_reason(error: Exception) -> str | None:
    """Return DuckDB's message if disk or memory is full, else None. Doesn't import DuckDB."""
    duckdb = sys.modules.get("duckdb")
    if duckdb is None or not isinstance(error, duckdb.OperationalError | duckdb.FatalException):
        return None
    return str(error).partition("\n")[0]


def _terminated(*_: object) -> NoReturn:
    raise TerminatedError


@contextlib.contextmanager
def _closed_pipe_ends_quietly() -> Iterator[None]:
    """End without an error when the reader closes the pipe."""
    try:
        yield
    except BrokenPipeError:
        # Python flushes standard output again at exit.
        _discard(sys.stdout)
        raise click.exceptions.Exit(EXIT_PIPE) from None


def _discard(stream: TextIO) -> None:
    """Redirect a stream to the null device."""
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
    """Check, convert, verify and run Sigma detections for model extraction."""
    ctx.obj = Settings.of(rules, mappings, filters, overlay, verbose)


def main() -> NoReturn:
    """The entry point of the `sigmagen` command."""
    # Replace streams that the caller closed, so that their file descriptors are not reused for our files.
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - open until the end
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - open until the end
    for stream in (sys.stdout, sys.stderr):
        # Replace characters that the terminal can't show with question marks.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, _terminated)
    # Thousands of rules are millions of objects, and almost none are part of a reference cycle.
    gc.set_threshold(200_000, 20, 100)
    cli.main()
