"""A new package format is one new folder, with no other file of the product changed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import sigmagen.packages
from sigmagen.bundled import mappings_folder, rules_folder
from sigmagen.content.detections import collect_content
from sigmagen.convert.converter import Converter
from sigmagen.packages.formats import format_names, load_format
from sigmagen.rules.load import load_rules

FOLDER = Path(__file__).parent / "toy"


@pytest.fixture(autouse=True)
def formats(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The formats as they are once the folder lies beside the others."""
    monkeypatch.setattr(sigmagen.packages, "__path__", [*sigmagen.packages.__path__, str(FOLDER)])
    format_names.cache_clear()
    yield
    monkeypatch.undo()
    format_names.cache_clear()


def test_the_formats_of_siems_come_first() -> None:
    assert format_names() == ("splunk", "elastic", "sentinel", "databricks", "listing")


def test_the_format_packages_the_queries_of_its_target(tmp_path: Path) -> None:
    converter = Converter.load(mappings_folder())
    rules = rules_folder()
    loaded = load_rules([rules / "volume"], rules_folder=rules, mappings_folder=mappings_folder())
    listing = load_format("listing")
    found = collect_content(converter, loaded.files, listing.TARGET, ["canonical"])
    assert list(listing.write(found, tmp_path, converter, {})) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "call_count.canonical.kql",
        "output_token_sum.canonical.kql",
    ]
    assert "AIInference_CL" in (tmp_path / "call_count.canonical.kql").read_text("utf-8")
