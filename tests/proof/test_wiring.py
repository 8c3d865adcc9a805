"""Tier two, wiring: each rule over each source in each target finds one attack and not its twin.

Cells that the ledger remembers are not executed again, but for a seeded tenth of them; the end of the test run says how
many were. Alert runs are played for one cell of each schedule class. `make thorough` plays everything and remembers
nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
import yaml

from sigmagen.bundled import mappings_folder, rules_folder
from sigmagen.convert.converter import Converter
from sigmagen.engines.alert import Engine
from sigmagen.engines.duckdb import DuckDBEngine
from sigmagen.engines.elasticsearch import ElasticsearchEngine
from sigmagen.engines.kusto_local import KustoLocalEngine
from sigmagen.engines.splunk_local import SplunkLocalEngine
from sigmagen.proof.extent import WHOLE, Extent, quick_extent
from sigmagen.proof.ledger import Ledger
from sigmagen.proof.verify import Cell, verify
from sigmagen.rules.load import load_rules
from sigmagen.rules.model import RuleFile
from sigmagen.targets.registry import verifiable
from tests.sampling import AGAIN, SEED, THOROUGH

CONVERTER = Converter.load(mappings_folder())
FILES = load_rules(None, rules_folder=rules_folder(), mappings_folder=mappings_folder()).files
PROVEN = Path(__file__).with_name("proven.ndjson")
"""Written by `make proven`."""
OWN = Path(__file__).parents[2] / "build" / "proven.ndjson"
"""What was found equal here since."""
ENGINES: dict[str, Callable[[], Engine]] = {
    "duckdb": DuckDBEngine,
    "splunk": SplunkLocalEngine,
    "sentinel": lambda: KustoLocalEngine(CONVERTER.taxonomy),
}

NOT_RUN = Path(__file__).with_name("not_run.yml")
"""The cells that can't run, by target; another test compares the whole matrix with it."""


def check(cells: list[Cell]) -> None:
    """Every cell that is run is equal, and one is."""
    wrong = [
        f"{cell.rule} {cell.source} {cell.target} {cell.mode}: {cell.status} {cell.reason or ''} {cell.differences}"
        for cell in cells
        if cell.status not in ("equal", "not_run")
    ]
    assert not wrong, "\n".join(wrong)
    assert "equal" in {cell.status for cell in cells}


@cache
def quick() -> Extent:
    """One attack and one twin; which cells have alert runs depends on all rules."""
    return quick_extent(CONVERTER, FILES, verifiable())


def cells(file: RuleFile, target: str, engine: Engine, ledger: Ledger | None) -> list[Cell]:
    if THOROUGH:
        return list(verify(CONVERTER, [file], {target: engine}, extent=WHOLE))
    return list(verify(CONVERTER, [file], {target: engine}, extent=quick(), ledger=ledger))


@pytest.fixture
def ledger(record_property: Callable[[str, object], None]) -> Iterator[Ledger]:
    """What is remembered. The figures go to the end of the test run."""
    held = Ledger(OWN, (PROVEN,), AGAIN, SEED)
    yield held
    record_property("proof", [held.figures.changed, held.figures.again, held.figures.remembered, held.figures.oldest])


@pytest.mark.parametrize("file", FILES, ids=[file.path.stem for file in FILES])
@pytest.mark.parametrize("target", ENGINES)
def test_each_query_finds_the_attack_and_not_the_twin(file: RuleFile, target: str, ledger: Ledger) -> None:
    with ENGINES[target]() as engine:
        found = cells(file, target, engine, ledger)
    check(found)
    known = yaml.safe_load(NOT_RUN.read_text(encoding="utf-8")).get(target, {})
    assert {cell.status for cell in found if f"{cell.rule} on {cell.source}" not in known} == {"equal"}


@pytest.mark.elasticsearch
@pytest.mark.parametrize("file", FILES, ids=[file.path.stem for file in FILES])
def test_each_query_finds_the_attack_and_not_the_twin_on_elasticsearch(
    file: RuleFile, elasticsearch_url: str, ledger: Ledger
) -> None:
    with ElasticsearchEngine(elasticsearch_url, CONVERTER.taxonomy) as engine:
        check(cells(file, "elastic", engine, ledger))
