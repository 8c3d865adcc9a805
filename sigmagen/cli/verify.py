"""`sigmagen verify`: every generated query, executed and compared with the reference."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path

import click

from sigmagen.cli.problems import broken, print_json, print_problems
from sigmagen.cli.settings import AS_JSON, RULE_PATHS, SOURCES, Settings, chosen_sources, with_settings
from sigmagen.convert import Converter
from sigmagen.engines.alert import Engine
from sigmagen.problems import EXIT_FINDINGS, EXIT_USAGE, Problem, SigmagenError
from sigmagen.rules.model import RuleFile
from sigmagen.verify import TARGETS, Cell, verify

ELASTICSEARCH_VARIABLE = "SIGMAGEN_ELASTICSEARCH_URL"


@click.command("verify")
@RULE_PATHS
@click.option(
    "-t",
    "--target",
    "targets",
    multiple=True,
    type=click.Choice(TARGETS),
    help="Whose queries; may be repeated. Default: all that an engine is at hand for.",
)
@SOURCES
@AS_JSON
@click.option("--junit", type=click.Path(path_type=Path, dir_okay=False), help="Write the cells as JUnit XML, too.")
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

    The attacks and twins of each rule's test file are written as native logs and stored as each SIEM stores them;
    then the converted text runs as it is: as a hunt, and as alert runs at a drifting schedule. SPL and KQL run on
    emulations, ES|QL on the Elasticsearch at SIGMAGEN_ELASTICSEARCH_URL. What can't be run is shown as such, never as
    passed. Exits with 1 where a cell is different or vacuous, with 3 where a target was asked for and has no engine.
    """
    converter = settings.converter()
    wanted = chosen_sources(converter, sources)
    loaded = settings.load(paths)
    problems: list[Problem] = list(loaded.problems)
    with ExitStack() as stack:
        engines = _engines(targets or TARGETS, converter, stack)
        missing = [reason for target, reason in engines.items() if target in targets and isinstance(reason, str)]
        if missing:
            raise SigmagenError([Problem("no-engine", reason) for reason in missing], EXIT_USAGE)
        cells = list(_with_progress(_cells(converter, loaded.files, engines, wanted, problems), quiet=as_json))
    print_problems(problems)
    if junit:
        from sigmagen.report.junit import write_junit

        write_junit(junit, cells)
    if as_json:
        print_json([cell.as_dict() for cell in cells])
    else:
        from sigmagen.report.matrix import print_matrix

        print_matrix(cells, everything=settings.verbose)
    bad = any(cell.status in ("different", "vacuous") for cell in cells)
    return broken(problems) or (EXIT_FINDINGS if bad else 0)


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
            problems += error.problems


def _with_progress(cells: Iterable[Cell], *, quiet: bool) -> Iterator[Cell]:
    """The cells, with what is being looked at on a terminal's standard error."""
    from rich.console import Console

    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield from cells
        return
    with console.status("verifying ...") as status:
        for number, cell in enumerate(cells, 1):
            status.update(f"{number} cells; {cell.rule} on {cell.source}, {cell.target}")
            yield cell


def _engines(targets: Iterable[str], converter: Converter, stack: ExitStack) -> dict[str, Engine | str]:
    """The engine of each target, or the reason why there is none here."""
    from sigmagen.engines.duckdb import DuckDBEngine

    found: dict[str, Engine | str] = {}
    for target in targets:
        if target == "duckdb":
            found[target] = stack.enter_context(DuckDBEngine())
        elif target == "elastic":
            found[target] = _elasticsearch(converter, stack)
        elif target == "sentinel":
            found[target] = _kusto(converter, stack)
        else:
            found[target] = _splunk(stack)
    return found


def _elasticsearch(converter: Converter, stack: ExitStack) -> Engine | str:
    url = os.environ.get(ELASTICSEARCH_VARIABLE)
    if not url:
        return f"ES|QL needs an Elasticsearch: set {ELASTICSEARCH_VARIABLE} (`make elasticsearch` starts one)"
    from sigmagen.engines.elasticsearch import ElasticsearchEngine

    return stack.enter_context(ElasticsearchEngine(url, converter.taxonomy))


def _splunk(stack: ExitStack) -> Engine:
    from sigmagen.engines.splunk_local import SplunkLocalEngine

    return stack.enter_context(SplunkLocalEngine())


def _kusto(converter: Converter, stack: ExitStack) -> Engine | str:
    if find_spec("duckdb_kql") is None:
        return "KQL needs duckdb-kql: pip install 'sigmagen-extraction[kusto]'"
    from sigmagen.engines.kusto_local import KustoLocalEngine

    return stack.enter_context(KustoLocalEngine(converter.taxonomy))
