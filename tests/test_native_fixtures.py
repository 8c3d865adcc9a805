"""The mappings against records and canonical events that were written by hand, in every engine that emulates a SIEM."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest
import yaml

from sigmagen.bundled import mappings_folder
from sigmagen.convert.converter import Converter
from sigmagen.local.normalize import Normalizer
from sigmagen.logs.reader import LogReader
from sigmagen.logs.recognise import Recogniser
from sigmagen.mapping.taxonomy import load_taxonomy
from sigmagen.proof.mappings import missing_code
from sigmagen.sources import examples, source_names
from tests.native_logs import converter as converter_of_sources
from tests.native_logs import example
from tests.views import carried, derived

PAIRS = [(source, path.name) for source in source_names() for path in sorted(examples(source).glob("*.ndjson"))]
"""Each source with each file of its example records."""


@cache
def facts(source: str) -> dict[str, Any]:
    """What the examples of a source lack once a SIEM keeps them."""
    path = example(source, "stored.yml")
    found: dict[str, Any] = yaml.safe_load(path.read_text("utf-8")) if path.exists() else {}
    return found


@pytest.fixture(scope="module")
def converter() -> Converter:
    return Converter.load(mappings_folder())


@pytest.mark.parametrize(("source", "name"), PAIRS)
def test_records_mean_what_was_written_by_hand(source: str, name: str, converter: Converter) -> None:
    path = example(source, name)
    reader = LogReader([str(path)])
    recogniser = Recogniser(converter.sources.values())
    normalizer = Normalizer(converter)
    found = {event.line: event.event for event in normalizer.events(recogniser.sort(reader))}
    normalizer.close()

    expected = _expected(source, name)
    assert not [*reader.problems, *recogniser.problems, *normalizer.problems]
    assert set(recogniser.counts) == {source}
    wanted = {line: event for line, event in enumerate(expected, 1) if event is not None}
    assert found.keys() == wanted.keys()
    assert [difference for line in wanted for difference in _differences(line, found[line], wanted[line])] == []
    assert normalizer.skipped[source] == expected.count(None)


STORED = [(source, name) for source, name in PAIRS if name not in facts(source).get("not_stored", ())]
BY_HAND = [
    field.name
    for field in load_taxonomy(mappings_folder()).fields.values()
    if not field.private and field.name not in ("@timestamp", "event.id")
]


KEPT = [
    (siem, source, name)
    for siem in ("splunk", "sentinel")
    for source, name in STORED
    if siem in converter_of_sources().sources[source].stored
]


@pytest.mark.parametrize(("siem", "source", "name"), KEPT)
def test_every_siem_derives_what_was_written_by_hand(siem: str, source: str, name: str) -> None:
    assert _in_siem(siem, source, name, None) == []


# Events are compared by their ids, for which a mapping may name no column.
WITH_ID = [pair for pair in STORED if carried("elastic", pair[0], ["event.id"])]


@pytest.mark.elasticsearch
@pytest.mark.parametrize(("source", "name"), WITH_ID)
def test_elasticsearch_derives_what_was_written_by_hand(elasticsearch_url: str, source: str, name: str) -> None:
    assert _in_siem("elastic", source, name, elasticsearch_url) == []


def _in_siem(siem: str, source: str, name: str, url: str | None) -> list[str]:
    """What differs in a SIEM, of the fields that the source carries there."""
    records = [json.loads(line) for line in example(source, name).read_text("utf-8").splitlines()]
    fields = carried(siem, source, BY_HAND)
    found = derived(siem, source, records, fields, url)
    left_out = facts(source).get("left_out", {}).get(siem, {})
    wanted = [event for event in _expected(source, name) if event is not None]
    assert found.keys() == {event["event.id"] for event in wanted}
    return [
        f"{event['event.id']}: {field} is {found[event['event.id']].get(field)!r}, not {event.get(field)!r}"
        for event in wanted
        for field in fields
        if not any(field in left_out.get(key, ()) for key in ("every", event["event.id"]))
        and found[event["event.id"]].get(field) != event.get(field)
    ]


def _expected(source: str, name: str) -> list[dict[str, Any] | None]:
    events = "canonical.json" if name == "records.ndjson" else name.replace(".ndjson", ".json")
    found: list[dict[str, Any] | None] = json.loads(example(source, events).read_text("utf-8"))
    return found


def _differences(line: int, found: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    names = sorted(name for name in found.keys() | wanted.keys() if found.get(name) != wanted.get(name))
    return [f"line {line}: {name} is {found.get(name)!r}, not {wanted.get(name)!r}" for name in names]


def test_each_source_has_code_and_examples(converter: Converter) -> None:
    assert sorted(converter.sources) == list(source_names())
    assert missing_code(converter.sources.values()) == []
