"""The mappings against records and canonical events that were written by hand, one pair a source."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sigmagen.content import mappings_folder
from sigmagen.convert import Converter
from sigmagen.logs.reader import LogReader
from sigmagen.logs.recognise import Recogniser
from sigmagen.normalize import Normalizer

NATIVE = Path(__file__).parent / "fixtures" / "native"
SOURCES = sorted(folder.name for folder in NATIVE.iterdir() if folder.is_dir())


@pytest.fixture(scope="module")
def converter() -> Converter:
    return Converter.load(mappings_folder())


@pytest.mark.parametrize("source", SOURCES)
def test_records_mean_what_was_written_by_hand(source: str, converter: Converter) -> None:
    path = NATIVE / source / "records.ndjson"
    reader = LogReader([str(path)])
    recogniser = Recogniser(converter.sources.values())
    normalizer = Normalizer(converter)
    found = {event.line: event.event for event in normalizer.events(recogniser.sort(reader))}
    normalizer.close()

    expected: list[dict[str, Any] | None] = json.loads((NATIVE / source / "canonical.json").read_text("utf-8"))
    assert not [*reader.problems, *recogniser.problems, *normalizer.problems]
    assert set(recogniser.counts) == {source}
    wanted = {line: event for line, event in enumerate(expected, 1) if event is not None}
    assert found.keys() == wanted.keys()
    assert [difference for line in wanted for difference in _differences(line, found[line], wanted[line])] == []
    assert normalizer.skipped[source] == expected.count(None)


def _differences(line: int, found: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    names = sorted(name for name in found.keys() | wanted.keys() if found.get(name) != wanted.get(name))
    return [f"line {line}: {name} is {found.get(name)!r}, not {wanted.get(name)!r}" for name in names]


def test_each_native_source_has_records(converter: Converter) -> None:
    assert [name for name, source in converter.sources.items() if not source.canonical] == SOURCES
