"""A new target is one new folder: converted, verified and documented like the others, with no other file changed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import sigmagen.targets
from sigmagen.bundled import mappings_folder, rules_folder
from sigmagen.convert.converter import Converter
from sigmagen.mapping.generic import load_generic
from sigmagen.mapping.source import load_sources
from sigmagen.proof.verify import Cell, verify
from sigmagen.rules.load import load_rules
from sigmagen.targets import registry
from sigmagen.targets.target import load

FOLDER = Path(__file__).parent / "toy"
REMEMBERED = (registry.targets, load_sources, load_generic)


@pytest.fixture
def converter(monkeypatch: pytest.MonkeyPatch) -> Iterator[Converter]:
    """Mappings and targets as they are once the folder lies beside the others."""
    monkeypatch.setattr(sigmagen.targets, "__path__", [*sigmagen.targets.__path__, str(FOLDER)])
    for remembered in REMEMBERED:
        remembered.cache_clear()
    yield Converter.load(mappings_folder())
    monkeypatch.undo()
    for remembered in REMEMBERED:
        remembered.cache_clear()


@pytest.fixture
def cells(converter: Converter) -> list[Cell]:
    loaded = load_rules([rules_folder()], rules_folder=rules_folder(), mappings_folder=mappings_folder())
    connect = load(str(registry.get("sqlite").engine))(converter.taxonomy)
    with connect() as engine:
        return list(verify(converter, loaded.files, {"sqlite": engine}, ["canonical"]))


def test_registry_finds_the_target(converter: Converter) -> None:
    assert list(registry.targets())[-1] == "sqlite"
    assert registry.verifiable()[-1] == "sqlite"
    assert "sqlite" not in registry.siems()


def test_every_rule_is_equal_to_the_reference_or_refused_with_a_reason(cells: list[Cell]) -> None:
    assert {cell.status for cell in cells} <= {"equal", "not_run"}, cells
    assert len([cell for cell in cells if cell.status == "equal"]) == 18
    assert all("not convertible to sqlite: " in str(cell.reason) for cell in cells if cell.status == "not_run")
