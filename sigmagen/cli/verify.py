"""`sigmagen verify`: every generated query, executed and compared with the reference."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import click

from sigmagen.cli.problems import broken, print_json, print_problems
from sigmagen.cli.settings import AS_JSON, RULE_PATHS, SOURCES, Settings, chosen_sources, with_settings
from sigmagen.convert.converter import Converter
from sigmagen.engines.alert import Engine
from sigmagen.engines.opening import Connect
from sigmagen.net.secrets import hide
from sigmagen.net.settings import resource_id
from sigmagen.problems import EXIT_FINDINGS, EXIT_USAGE, Problem, SigmagenError
from sigmagen.proof.verify import Cell, verify
from sigmagen.rules.model import RuleFile
from sigmagen.targets.registry import targets, verifiable
from sigmagen.targets.target import load


@click.command("verify")
@RULE_PATHS
@click.option(
    "-t",
    "--target",
    "names",
    multiple=True,
    type=click.Choice(verifiable()),
    help="Target to verify (repeatable). Default: all that have an engine here.",
)
@SOURCES
@AS_JSON
@click.option("--junit", type=click.Path(path_type=Path, dir_okay=False), help="Write the cells as JUnit XML, too.")
@with_settings
def command(
    paths: tuple[Path, ...],
    names: tuple[str, ...],
    sources: tuple[str, ...],
    as_json: bool,
    junit: Path | None,
    settings: Settings,
) -> int:
    """Run every generated query and compare it with the reference.

    The attacks and twins of each rule's test file are written as native logs and stored as each SIEM stores them;
    then the converted text runs as it is: as a hunt, and as alert runs at a drifting schedule. What can't be run is
    shown as such, never as passed. Exits with 1 where a cell is different or vacuous, with 3 where a target was asked
    for and has no engine, or a server does not answer.

    \b
    Where queries run (see docs/verification.md):
      elastic   the Elasticsearch at SIGMAGEN_ELASTICSEARCH_URL
      splunk    the Splunk at SIGMAGEN_SPLUNK_URL, with SIGMAGEN_SPLUNK_TOKEN; else emulated here
      sentinel  the workspace SIGMAGEN_SENTINEL_WORKSPACE, as you are signed in to Azure; else emulated here

    On somebody's own servers nothing is left behind: Elasticsearch gets throw-away indices sigmagen-verify-*, which
    are deleted; for Splunk and Sentinel the events travel inside the query, and nothing is written.
    """
    converter = settings.converter()
    wanted = chosen_sources(converter, sources)
    loaded = settings.load(paths)
    problems: list[Problem] = list(loaded.problems)
    cells: list[Cell] = []
    stopped: list[Problem] = []
    with _interrupted_cleanly(), ExitStack() as stack:
        engines = _engines(names or verifiable(), converter, stack)
        missing = [reason for target, reason in engines.items() if target in names and isinstance(reason, str)]
        if missing:
            raise SigmagenError([Problem("no-engine", reason) for reason in missing], EXIT_USAGE)
        found = _cells(converter, loaded.files, engines, wanted, problems)
        try:
            for cell in _with_progress(found, quiet=as_json):
                # What a server sent as a reason or a value is shown from here on.
                differences = tuple(hide(text) for text in cell.differences)
                cells.append(replace(cell, reason=cell.reason and hide(cell.reason), differences=differences))
        except SigmagenError as error:
            stopped = error.problems
    print_problems(problems + stopped)
    if junit:
        from sigmagen.report.junit import write_junit

        write_junit(junit, cells)
    if as_json:
        print_json([cell.as_dict() for cell in cells])
    else:
        from sigmagen.report.matrix import print_matrix

        print_matrix(cells, everything=settings.verbose)
    bad = any(cell.status in ("different", "vacuous") for cell in cells)
    return EXIT_USAGE if stopped else broken(problems) or (EXIT_FINDINGS if bad else 0)


def _cells(
    converter: Converter,
    files: Sequence[RuleFile],
    engines: dict[str, Engine | str],
    sources: Sequence[str] | None,
    problems: list[Problem],
) -> Iterator[Cell]:
    for file in files:
        try:
            yield from verify(converter, [file], engines, sources)
        except SigmagenError as error:
            if error.exit_code == EXIT_USAGE:
                raise  # a server that can't be used for this rule can't be used for the next
            problems += error.problems


@contextmanager
def _interrupted_cleanly() -> Iterator[None]:
    """Let SIGTERM, as a build server sends it, end the command as Ctrl-C does: what was written elsewhere is deleted.

    A library may turn the interrupt into an error of its own (a database's "query interrupted"): it stays an interrupt.
    """
    interrupted = False

    def interrupt(number: int, frame: object) -> None:
        nonlocal interrupted
        interrupted = True
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    except Exception:
        if interrupted:
            raise KeyboardInterrupt from None
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _with_progress(cells: Iterable[Cell], *, quiet: bool) -> Iterator[Cell]:
    """The cells, with what is being looked at on a terminal's standard error."""
    if quiet or not sys.stderr.isatty():
        yield from cells
        return
    from sigmagen.report.colour import console

    with console(stderr=True).status("verifying ...") as status:
        for number, cell in enumerate(cells, 1):
            status.update(f"{number} cells; {cell.rule} on {cell.source}, {cell.target}")
            yield cell


def _engines(names: Iterable[str], converter: Converter, stack: ExitStack) -> dict[str, Engine | str]:
    """The engine of each target, or the reason why there is none here.

    Raises SigmagenError for all settings that can't be used, before any server is asked.
    """
    print_problems(resource_id()[1])
    ready: dict[str, Connect | str] = {}
    problems: list[Problem] = []
    for name in names:
        try:
            ready[name] = load(str(targets()[name].engine))(converter.taxonomy)
        except SigmagenError as error:
            problems += error.problems
    if problems:
        raise SigmagenError(problems, EXIT_USAGE)
    return {
        name: connect if isinstance(connect, str) else stack.enter_context(connect()) for name, connect in ready.items()
    }
