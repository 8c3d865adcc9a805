"""The mappings against records and canonical events that were written by hand, in every engine that emulates a SIEM."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sigmagen.bundled import mappings_folder
from sigmagen.convert.converter import Converter
from sigmagen.local.normalize import Normalizer
from sigmagen.logs.reader import LogReader
from sigmagen.logs.recognise import Recogniser
from sigmagen.mapping.taxonomy import load_taxonomy
from tests.views import carried, derived

NATIVE = Path(__file__).parent / "fixtures" / "native"
SOURCES = sorted(folder.name for folder in NATIVE.iterdir() if folder.is_dir())
FILES = {"records.ndjson": "canonical.json", "odd.ndjson": "odd.json", "spend_logs.ndjson": "spend_logs.json"}
"""Records, and the list of their canonical events."""

LEFT_OUT: dict[tuple[str, str], set[str]] = {
    # Elastic's integration maps the parameters that are at the top of a body.
    ("elastic", "bedrock_invocation"): {f"gen_ai.request.{name}" for name in ("max_tokens", "temperature", "top_p")},
    # Microsoft documents rows of the LLM log for chats only.
    ("sentinel", "c-odd-5"): {"gen_ai.usage.input_tokens", "gen_ai.request.model"},
}
"""Fields, by SIEM and source or event id, that the SIEM does not have as the record does."""

PAIRS = [(source, name) for source in SOURCES for name in FILES if (NATIVE / source / name).exists()]


@pytest.fixture(scope="module")
def converter() -> Converter:
    return Converter.load(mappings_folder())


@pytest.mark.parametrize(("source", "name"), PAIRS)
def test_records_mean_what_was_written_by_hand(source: str, name: str, converter: Converter) -> None:
    path = NATIVE / source / name
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


# Rows of spend logs are read from files; no callback sends them to a SIEM.
STORED = [(source, name) for source, name in PAIRS if name != "spend_logs.ndjson"]
BY_HAND = [
    field.name
    for field in load_taxonomy(mappings_folder()).fields.values()
    if not field.private and field.name not in ("@timestamp", "event.id")
]


@pytest.mark.parametrize(("source", "name"), STORED)
@pytest.mark.parametrize("siem", ["splunk", "sentinel"])
def test_every_siem_derives_what_was_written_by_hand(siem: str, source: str, name: str) -> None:
    assert _in_siem(siem, source, name, None) == []


# The mapping names no column for CloudTrail's event id, by which events are compared here.
@pytest.mark.elasticsearch
@pytest.mark.parametrize(("source", "name"), [pair for pair in STORED if pair[0] != "cloudtrail"])
def test_elasticsearch_derives_what_was_written_by_hand(elasticsearch_url: str, source: str, name: str) -> None:
    assert _in_siem("elastic", source, name, elasticsearch_url) == []


def _in_siem(siem: str, source: str, name: str, url: str | None) -> list[str]:
    """What differs in a SIEM, of the fields that the source carries there."""
    records = [json.loads(line) for line in (NATIVE / source / name).read_text("utf-8").splitlines()]
    fields = carried(siem, source, BY_HAND)
    found = derived(siem, source, records, fields, url)
    wanted = [event for event in _expected(source, name) if event is not None]
    assert found.keys() == {event["event.id"] for event in wanted}
    return [
        f"{event['event.id']}: {field} is {found[event['event.id']].get(field)!r}, not {event.get(field)!r}"
        for event in wanted
        for field in fields
        if not any(field in LEFT_OUT.get((siem, key), ()) for key in (source, event["event.id"]))
        and found[event["event.id"]].get(field) != event.get(field)
    ]


def _expected(source: str, name: str) -> list[dict[str, Any] | None]:
    found: list[dict[str, Any] | None] = json.loads((NATIVE / source / FILES[name]).read_text("utf-8"))
    return found


def _differences(line: int, found: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    names = sorted(name for name in found.keys() | wanted.keys() if found.get(name) != wanted.get(name))
    return [f"line {line}: {name} is {found.get(name)!r}, not {wanted.get(name)!r}" for name in names]


def test_each_native_source_has_records(converter: Converter) -> None:
    assert [name for name, source in converter.sources.items() if not source.canonical] == SOURCES
