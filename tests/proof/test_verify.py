"""Every converted query, executed: the matrix itself, and that it would notice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
import yaml

from sigmagen.bundled import mappings_folder, rules_folder
from sigmagen.convert.converter import Converter, Query
from sigmagen.engines.alert import Alert, Engine
from sigmagen.engines.duckdb import DuckDBEngine
from sigmagen.engines.elasticsearch import ElasticsearchEngine
from sigmagen.engines.kusto_local import KustoLocalEngine
from sigmagen.engines.splunk_local import SplunkLocalEngine
from sigmagen.proof.verify import Cell, verify
from sigmagen.rules.load import load_rules
from sigmagen.rules.model import RuleFile

CONVERTER = Converter.load(mappings_folder())
FILES = load_rules(None, rules_folder=rules_folder(), mappings_folder=mappings_folder()).files
NAMES = [file.path.stem for file in FILES]
NOT_RUN = Path(__file__).with_name("not_run.yml")


def bad(cells: list[Cell]) -> list[str]:
    return [
        f"{cell.rule} {cell.source} {cell.target} {cell.mode}: {cell.status} {cell.reason or ''} {cell.differences}"
        for cell in cells
        if cell.status not in ("equal", "not_run")
    ]


@pytest.mark.parametrize("file", FILES, ids=NAMES)
def test_duckdb_alert_runs_united_are_the_hunt(file: RuleFile) -> None:
    with DuckDBEngine() as engine:
        cells = list(verify(CONVERTER, [file], {"duckdb": engine}))
    assert cells
    assert not bad(cells)
    assert {cell.status for cell in cells} == {"equal"}


@pytest.mark.parametrize("file", FILES, ids=NAMES)
def test_kql_on_kusto_local_equals_the_reference(file: RuleFile) -> None:
    with KustoLocalEngine(CONVERTER.taxonomy) as engine:
        cells = list(verify(CONVERTER, [file], {"sentinel": engine}))
    assert not bad(cells)
    assert {cell.status for cell in cells} == {"equal"}


@pytest.mark.parametrize("file", FILES, ids=NAMES)
def test_spl_on_splunk_local_equals_the_reference(file: RuleFile) -> None:
    with SplunkLocalEngine() as engine:
        cells = list(verify(CONVERTER, [file], {"splunk": engine}))
    assert not bad(cells)
    assert {cell.status for cell in cells} == {"equal"}


@pytest.mark.elasticsearch
@pytest.mark.parametrize("file", FILES, ids=NAMES)
def test_esql_on_elasticsearch_equals_the_reference(file: RuleFile, elasticsearch_url: str) -> None:
    with ElasticsearchEngine(elasticsearch_url, CONVERTER.taxonomy) as engine:
        cells = list(verify(CONVERTER, [file], {"elastic": engine}))
    assert not bad(cells)
    assert "equal" in {cell.status for cell in cells}


def test_cells_that_are_not_run_are_the_committed_ones() -> None:
    """A field that a mapping loses, or a rule that stops converting, shows here; so does one that starts to."""
    engines: dict[str, Engine | str] = dict.fromkeys(("splunk", "elastic", "sentinel"), "has an engine")
    found: dict[str, dict[str, str]] = {}
    for cell in verify(CONVERTER, FILES, engines):
        if cell.mode == "hunt" and cell.reason != "has an engine":
            found.setdefault(cell.target, {})[f"{cell.rule} on {cell.source}"] = str(cell.reason)
    assert found == yaml.safe_load(NOT_RUN.read_text())


class Lying(DuckDBEngine):
    """An engine that is wrong in one way."""

    name: ClassVar[str] = "lying"

    def __init__(self, lie: str) -> None:
        super().__init__()
        self.lie = lie

    def run(self, query: Query, start: int, end: int) -> list[Alert]:
        alerts = super().run(query, start, end)
        if not alerts:
            return alerts
        first, *rest = alerts
        return {
            "a row is missing": rest,
            "a value is off": [replace(first, value=first.value + 1), *rest],
            "a tick is off": [replace(first, window_end=first.window_end + 600_000), *rest],
            "a group is off": [replace(first, group=(("user.id", "somebody"),)), *rest],
        }[self.lie]


@pytest.mark.parametrize("lie", ["a row is missing", "a value is off", "a tick is off", "a group is off"])
def test_a_wrong_engine_is_found_out(lie: str) -> None:
    file = next(file for file in FILES if file.path.stem == "short_prompt_long_answer")
    with Lying(lie) as engine:
        cells = list(verify(CONVERTER, [file], {"duckdb": engine}, ["canonical"]))
    hunt = next(cell for cell in cells if cell.mode == "hunt")
    assert hunt.status == "different"
    assert hunt.differences


@pytest.fixture
def rule_copy(tmp_path: Path) -> tuple[Path, dict[str, Any]]:
    """A built-in rule in a folder of its own, and its test file's data, to be changed and written beside it."""
    rule = rules_folder() / "output" / "short_prompt_long_answer.yml"
    copy = tmp_path / rule.name
    copy.write_text(rule.read_text())
    return copy, yaml.safe_load(rule.with_name("short_prompt_long_answer.test.yml").read_text())


@pytest.mark.parametrize(("kind", "reason"), [("benign", "no group alerts"), ("attack", "no group stays silent")])
def test_fixtures_that_prove_nothing_are_vacuous(
    rule_copy: tuple[Path, dict[str, Any]], kind: str, reason: str
) -> None:
    path, data = rule_copy
    cases = [case for case in data["cases"] if case["kind"] == kind and "sources" not in case][:1]
    if kind == "attack":
        # Played whole and up to the threshold it alerts; up to just before it, it would be a silent scene.
        cases[0]["alerts"][0]["after"] = 1
        cases[0]["steps"] = [{"repeat": 200, "every": "1s"}]
        text = path.read_text().replace("gte: 100", "gte: 0")
        path.write_text(text)
    path.with_name("short_prompt_long_answer.test.yml").write_text(yaml.safe_dump({**data, "cases": cases}))
    file = load_rules([path], rules_folder=path.parent, mappings_folder=mappings_folder()).files[0]
    with DuckDBEngine() as engine:
        cells = list(verify(CONVERTER, [file], {"duckdb": engine}, ["canonical"]))
    assert {(cell.status, cell.reason) for cell in cells} == {("vacuous", reason)}
