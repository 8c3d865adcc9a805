"""`sigmagen verify`: run every generated query and compare it with the reference."""

from __future__ import annotations

import re
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
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
    help="Target to verify (repeatable). Default: all targets with an available engine.",
)
@SOURCES
@AS_JSON
@click.option(
    "--junit", type=click.Path(path_type=Path, dir_okay=False), help="Also write the cells as JUnit XML to this file."
)
@with_settings
def command(
    paths: tuple[Path, ...],
    targets: tuple[str, ...],
    sources: tuple[str, ...],
    as_json: bool,
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

    Your servers are left unchanged: on Elasticsearch, temporary indices sigmagen-verify-* are created and deleted. For
    Splunk and Sentinel, the events are part of the query, and nothing is written.
    """
    converter = settings.converter()
    wanted = chosen_sources(converter, sources)
    loaded = settings.load(paths)
    problems: list[Problem] = list(loaded.problems)
    cells: list[Cell] = []
    stopped: list[Problem] = []
    with _interrupted_cleanly(), ExitStack() as stack:
        engines = _engines(targets or TARGETS, converter, stack)
        missing = [reason for target, reason in engines.items() if target in targets and isinstance(reason, str)]
        if missing:
            raise SigmagenError([Problem("no-engine", reason) for reason in missing], EXIT_USAGE)
        found = _cells(converter, loaded.files, engines, wanted, problems)
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
                raise  # if a server can't be used for this rule, it can't be used for the next one either
            problems += error.problems


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


def _engines(targets: Iterable[str], converter: Converter, stack: ExitStack) -> dict[str, Engine | str]:
    """Return the engine of each target, or the reason why it has none.

    Raises SigmagenError for all invalid settings, before any server is contacted.
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
"""For each target, a function that reads the settings and returns a function that connects, or the reason for none."""


def _there(module: str) -> bool:
    """Return whether a module can be imported, even if its parent package is missing."""
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False
