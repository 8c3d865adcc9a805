"""Spans in OTLP's JSON: one record a span, and nothing hostile costs more than its own size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from sigmagen.logs.envelopes import unwrapped
from sigmagen.logs.otlp import DEPTH, LONGEST
from sigmagen.logs.reader import LogReader

LIMIT = 100_000


def batch(*spans: Any, resource: Any = None) -> dict[str, Any]:
    found = {"scopeSpans": [{"scope": {}, "spans": [*spans]}]}
    return {"resourceSpans": [found if resource is None else {"resource": {"attributes": resource}, **found}]}


def attribute(key: str, **value: Any) -> dict[str, Any]:
    return {"key": key, "value": value}


def opened(value: dict[str, Any]) -> list[Any]:
    found = unwrapped(value, LIMIT)
    assert found is not None
    return found


def test_a_batch_is_opened_to_one_record_for_each_span(tmp_path: Path) -> None:
    path = tmp_path / "traces.jsonl"
    path.write_bytes(
        orjson.dumps(batch({"spanId": "a"}, {"spanId": "b"})) + b"\n" + orjson.dumps(batch({"spanId": "c"}))
    )
    reader = LogReader([str(path)])
    assert [record.value["spanId"] for record in reader] == ["a", "b", "c"]
    assert not reader.problems


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"stringValue": "x"}, "x"),
        ({"boolValue": False}, False),
        ({"intValue": "9007199254740993"}, 9007199254740993),
        ({"intValue": 7}, 7),
        ({"doubleValue": 0.5}, 0.5),
        ({"arrayValue": {"values": [{"stringValue": "stop"}, {"intValue": "1"}]}}, ["stop", 1]),
        ({"kvlistValue": {"values": [attribute("a.b", stringValue="x")]}}, {"a.b": "x"}),
        ({"intValue": "seven"}, None),
        ({"intValue": "9" * 5000}, None),
        ({"unknownValue": 1}, None),
        ({"stringValue": "x", "intValue": "1"}, None),
        ("x", None),
        (None, None),
    ],
)
def test_values_are_read_as_their_types(value: Any, expected: Any) -> None:
    (span,) = opened(batch({"attributes": [{"key": "k", "value": value}]}))
    assert span["attributes"] == {"k": expected}


def test_few_short_attributes_of_a_resource_are_given_to_its_spans() -> None:
    resource = [
        attribute("cloud.region", stringValue="us-east-1"),
        attribute("service.name", stringValue="x" * (LONGEST + 1)),
        attribute("process.command_args", arrayValue={"values": [{"stringValue": "x"}] * 1000}),
    ]
    found = opened(batch({"spanId": "a"}, {"spanId": "b"}, resource=resource))
    assert [span["resource"] for span in found] == [{"cloud.region": "us-east-1"}] * 2


def test_values_deeper_than_allowed_are_missing() -> None:
    value: dict[str, Any] = {"stringValue": "deep"}
    for _ in range(DEPTH * 2):
        value = {"arrayValue": {"values": [value]}}
    (span,) = opened(batch({"attributes": [{"key": "k", "value": value}]}))
    assert "deep" not in str(span)


@pytest.mark.parametrize(
    "value",
    [
        {"resourceSpans": [None, 1, "x", {"scopeSpans": {}}, {"scopeSpans": [None, {"spans": "x"}, {"spans": [1]}]}]},
        {"resourceSpans": []},
        {"resourceSpans": [{"resource": [], "scopeSpans": None}]},
    ],
)
def test_a_batch_of_another_form_has_no_spans(value: dict[str, Any]) -> None:
    assert opened(value) == []


def test_an_object_with_more_than_batches_is_a_record() -> None:
    assert unwrapped({**batch({"spanId": "a"}), "id": 1}, LIMIT) is None
