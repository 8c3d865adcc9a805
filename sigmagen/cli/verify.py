"""`sigmagen verify`: every generated query, executed and compared with the reference."""

from __future__ import annotations

import re
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import click

from sigmagen.cli.problems import broken, print_json, print_problems
from sigmagen.cli.settings import AS_JSON, RULE_PATHS, SOURCES, Settings, chosen_sources, with_settings
from sigmagen.convert.converter import Converter
from sigmagen.engines.alert import Engine
from sigmagen.net.secrets import hide
from sigmagen.net.settings import (
    DOCUMENT,
    ELASTICSEARCH_URL,
    SENTINEL_WORKSPACE,
    SERVICE,
    SPLUNK_CA_FILE,
    SPLUNK_TOKEN,
    SPLUNK_URL,
    file_setting,
    resource_id,
    secret,
    setting,
)
from sigmagen.problems import EXIT_FINDINGS, EXIT_USAGE, Problem, SigmagenError
from sigmagen.proof.cases import rule_under_test
from sigmagen.proof.extent import WHOLE, quick_extent
from sigmagen.proof.ledger import Ledger
from sigmagen.proof.verify import TARGETS, Cell, verify
from sigmagen.rules.model import RuleFile


@click.command("verify")
@RULE_PATHS
@click.option(
    "-t",
    "--target",
    "targets",
    multiple=True,
    type=click.Choice(TARGETS),
    help="Target to verify (repeatable). Default: all that have an engine here.",
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
    targets: tuple[str, ...],
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

    With --cache, a cell is not executed again while its query, test file and mapping, the code that stores and
    interprets records, and all versions stay the same. Such a cell is shown as remembered, with the day since which
    it holds. What a Splunk or a workspace found is never remembered.
    """
    converter = settings.converter()
    wanted = chosen_sources(converter, sources)
    loaded = settings.load(paths)
    problems: list[Problem] = list(loaded.problems)
    cells: list[Cell] = []
    stopped: list[Problem] = []
    ledger = Ledger(cache, again=recheck, seed=seed) if cache else None
    with _interrupted_cleanly(), ExitStack() as stack:
        engines = _engines(targets or TARGETS, converter, stack)
        missing = [reason for target, reason in engines.items() if target in targets and isinstance(reason, str)]
        if missing:
            raise SigmagenError([Problem("no-engine", reason) for reason in missing], EXIT_USAGE)
        extent = quick_extent(converter, _with_test(loaded.files), engines) if quick else WHOLE
        verified = partial(verify, converter, engines=engines, sources=wanted, extent=extent, ledger=ledger)
        found = _cells(verified, loaded.files, problems)
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
                raise  # a server that can't be used for this rule can't be used for the next
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


def _engines(targets: Iterable[str], converter: Converter, stack: ExitStack) -> dict[str, Engine | str]:
    """The engine of each target, or the reason why there is none here.

    Raises SigmagenError for all settings that can't be used, before any server is asked.
    """
    ready: dict[str, Callable[[], Engine] | str] = {}
    problems: list[Problem] = []
    for target in targets:
        try:
            ready[target] = _OPENERS[target](converter)
        except SigmagenError as error:
            problems += error.problems
    if problems:
        raise SigmagenError(problems, EXIT_USAGE)
    return {
        target: opener if isinstance(opener, str) else stack.enter_context(opener()) for target, opener in ready.items()
    }


def _duckdb(converter: Converter) -> Callable[[], Engine]:
    from sigmagen.engines.duckdb import DuckDBEngine

    return DuckDBEngine


def _elasticsearch(converter: Converter) -> Callable[[], Engine] | str:
    url = setting(ELASTICSEARCH_URL)
    if not url:
        return f"ES|QL needs an Elasticsearch: set {ELASTICSEARCH_URL} (`make elasticsearch` starts one)"
    from sigmagen.engines.elasticsearch import ElasticsearchEngine
    from sigmagen.net.elasticsearch import client_options

    client_options()
    return lambda: ElasticsearchEngine(url, converter.taxonomy)


def _splunk(converter: Converter) -> Callable[[], Engine]:
    url = setting(SPLUNK_URL)
    if not url:
        from sigmagen.engines.splunk_local import SplunkLocalEngine

        return SplunkLocalEngine
    from sigmagen.engines.splunk import SplunkEngine
    from sigmagen.engines.splunk_rest import SplunkClient

    token, authority = secret(SPLUNK_TOKEN), file_setting(SPLUNK_CA_FILE)
    if not token:
        hint = f"set it in the environment, or: keyring set {SERVICE} {SPLUNK_TOKEN}; see {DOCUMENT}"
        problem = Problem("missing-setting", f"{SPLUNK_URL} is set, {SPLUNK_TOKEN} is not", hint=hint)
        raise SigmagenError(problem, EXIT_USAGE)
    return lambda: SplunkEngine(SplunkClient(url, token, authority))


def _sentinel(converter: Converter) -> Callable[[], Engine] | str:
    workspace = setting(SENTINEL_WORKSPACE)
    former, problems = resource_id()
    if workspace and workspace == former:
        print_problems(problems)
        workspace = None
    if not workspace:
        return _kusto(converter)
    if not re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", workspace):
        message = f"{SENTINEL_WORKSPACE} is not the id of a workspace, a GUID"
        raise SigmagenError(Problem("no-workspace", message, hint="Overview, Workspace ID"), EXIT_USAGE)
    if not (_there("azure.monitor.query") and _there("azure.identity")):
        return f"{SENTINEL_WORKSPACE} is set; to reach Azure: pip install 'sigmagen-extraction[azure]'"
    from sigmagen.engines.sentinel import TIMEOUT, SentinelEngine
    from sigmagen.net.azure import logs_client

    return lambda: SentinelEngine(workspace, converter.taxonomy, logs_client(TIMEOUT + 30))


def _kusto(converter: Converter) -> Callable[[], Engine] | str:
    if not _there("duckdb_kql"):
        return "KQL needs duckdb-kql: pip install 'sigmagen-extraction[kusto]'"
    from sigmagen.engines.kusto_local import KustoLocalEngine

    return lambda: KustoLocalEngine(converter.taxonomy)


_OPENERS: dict[str, Callable[[Converter], Callable[[], Engine] | str]] = {
    "duckdb": _duckdb,
    "elastic": _elasticsearch,
    "sentinel": _sentinel,
    "splunk": _splunk,
}
"""By target: reads the settings, and gives a function that connects, or the reason why there is no engine."""


def _there(module: str) -> bool:
    """Whether a module can be imported; a parent of it may be missing, too."""
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False
