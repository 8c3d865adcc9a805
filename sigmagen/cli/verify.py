"""`sigmagen verify`: run every generated query and compare it with the reference."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import click

from sigmagen.cli.problems import broken, print_json, print_problems
from sigmagen.cli.settings import AS_JSON, RULE_PATHS, SOURCES, Settings, chosen_sources, with_settings
from sigmagen.convert.converter import Converter
from sigmagen.engines.alert import Engine
from sigmagen.engines.opening import open_engines
from sigmagen.net.secrets import hide
from sigmagen.net.settings import read_resource_id
from sigmagen.problems import EXIT_FINDINGS, EXIT_USAGE, Problem, SigmagenError
from sigmagen.proof.cases import rule_under_test
from sigmagen.proof.extent import WHOLE, quick_extent
from sigmagen.proof.ledger import Ledger
from sigmagen.proof.verify import Cell, verify
from sigmagen.rules.model import RuleFile
from sigmagen.targets.registry import verifiable


@click.command("verify")
@RULE_PATHS
@click.option(
    "-t",
    "--target",
    "names",
    multiple=True,
    type=click.Choice(verifiable()),
    help="Target to verify (repeatable). Default: all targets with an available engine.",
)
@SOURCES
@AS_JSON
@click.option("--quick", is_flag=True, help="Play one attack and one twin per rule; alert runs once per schedule.")
@click.option(
    "--cache",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Don't execute cells again that this file remembers as equal; note the new ones in it.",
)
@click.option(
    "--recheck",
    type=click.IntRange(0, 100),
    default=0,
    metavar="PERCENT",
    help="Execute this share of the remembered cells all the same.",
)
@click.option("--seed", type=int, default=0, help="Chooses the cells of --recheck.")
@click.option("--junit", type=click.Path(path_type=Path, dir_okay=False), help="Write the cells as JUnit XML, too.")
@with_settings
def command(
    paths: tuple[Path, ...],
    names: tuple[str, ...],
    sources: tuple[str, ...],
    as_json: bool,
    quick: bool,
    cache: Path | None,
    recheck: int,
    seed: int,
    junit: Path | None,
    settings: Settings,
) -> int:
    """Run every generated query and compare it with the reference.

    The cases of each rule's test file are written as native logs and stored as each SIEM stores them. The converted
    query then runs unchanged: once as a hunt, and as alert runs on a drifting schedule. Queries that can't be run are
    reported as not run, never as passed. Exits with 1 if a cell is different or vacuous, and with 3 if a requested
    target has no engine or a server does not answer.

    \b
    Engines (see docs/verification.md):
      elastic   the Elasticsearch at SIGMAGEN_ELASTICSEARCH_URL
      splunk    the Splunk at SIGMAGEN_SPLUNK_URL, with SIGMAGEN_SPLUNK_TOKEN; otherwise emulated locally
      sentinel  the workspace SIGMAGEN_SENTINEL_WORKSPACE, with your Azure login; otherwise emulated locally
      spark     pyspark, if installed
      trino     the Trino at SIGMAGEN_TRINO_URL
      clickhouse  chdb, if installed

    Your servers are left unchanged: on Elasticsearch, temporary indices sigmagen-verify-* are created and deleted, and
    on Trino a schema sigmagen_*. For Splunk and Sentinel, the events are part of the query, and nothing is written.

    With --cache, a cell is not executed again as long as its query, its test file and mapping, the code that stores and
    interprets records, and all versions are unchanged. Such a cell is shown as remembered, with the day when it was
    found equal. Results of a Splunk or a workspace are never remembered.
    """
    converter = settings.converter()
    wanted = chosen_sources(converter, sources)
    loaded = settings.load(paths)
    problems: list[Problem] = list(loaded.problems)
    cells: list[Cell] = []
    stopped: list[Problem] = []
    ledger = Ledger(cache, again=recheck, seed=seed) if cache else None
    with _interrupted_cleanly(), ExitStack() as stack:
        engines = _engines(names or verifiable(), converter, stack)
        missing = [reason for target, reason in engines.items() if target in names and isinstance(reason, str)]
        if missing:
            raise SigmagenError([Problem("no-engine", reason) for reason in missing], EXIT_USAGE)
        extent = quick_extent(converter, _with_test(loaded.files), engines) if quick else WHOLE
        verified = partial(verify, converter, engines=engines, sources=wanted, extent=extent, ledger=ledger)
        found = _cells(verified, loaded.files, problems)
        try:
            for cell in _with_progress(found, quiet=as_json):
                # The output may contain text from servers.
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
    if ledger:
        click.echo(ledger.figures.text(seed), err=True)
    bad = any(cell.status in ("different", "vacuous") for cell in cells)
    return EXIT_USAGE if stopped else broken(problems) or (EXIT_FINDINGS if bad else 0)


def _cells(
    verified: Callable[[Sequence[RuleFile]], Iterator[Cell]], files: Sequence[RuleFile], problems: list[Problem]
) -> Iterator[Cell]:
    for file in files:
        try:
            yield from verified([file])
        except SigmagenError as error:
            if error.exit_code == EXIT_USAGE:
                raise  # if a server can't be used for this rule, it can't be used for the next one either
            problems += error.problems


def _with_test(files: Sequence[RuleFile]) -> list[RuleFile]:
    """The files with a test file that can be used; what is wrong with the others is said when their turn comes."""
    found = []
    for file in files:
        with suppress(SigmagenError):
            rule_under_test(file)
            found.append(file)
    return found


@contextmanager
def _interrupted_cleanly() -> Iterator[None]:
    """Handle SIGTERM, which build servers send, like Ctrl-C, so that temporary indices are deleted.

    If a library turns the interrupt into its own error, such as "query interrupted", it is raised as an interrupt.
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
    """Yield the cells, with progress on standard error if it is a terminal."""
    if quiet or not sys.stderr.isatty():
        yield from cells
        return
    from sigmagen.report.colour import console

    with console(stderr=True).status("verifying ...") as status:
        for number, cell in enumerate(cells, 1):
            status.update(f"{number} cells; {cell.rule} on {cell.source}, {cell.target}")
            yield cell


def _engines(names: Iterable[str], converter: Converter, stack: ExitStack) -> dict[str, Engine | str]:
    """Return the engine of each target, or the reason why it has none. Raises SigmagenError for invalid settings."""
    print_problems(read_resource_id()[1])
    return open_engines(names, converter.taxonomy, stack)
