"""The verification matrix: what it shows, what it leaves out and why, and that it would notice a wrong engine."""

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
from sigmagen.proof.verify import verify
from sigmagen.rules.load import load_rules

CONVERTER = Converter.load(mappings_folder())
FILES = load_rules(None, rules_folder=rules_folder(), mappings_folder=mappings_folder()).files
NOT_RUN = Path(__file__).with_name("not_run.yml")


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
