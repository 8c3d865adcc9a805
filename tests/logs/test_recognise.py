"""Which source a record is of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from sigmagen.logs.reader import Record, Reject
from sigmagen.logs.recognise import Recogniser
from sigmagen.sources import source_names
from tests.native_logs import converter, logged


def record(value: dict[str, Any], line: int = 1, file: str = "log") -> Record:
    return Record(file, line, orjson.dumps(value).decode(), value)


def call(source: str) -> dict[str, Any]:
    return logged(source, time=1_786_439_643_217, id="c-1", principal="ann")


@pytest.mark.parametrize("source", source_names())
def test_a_record_is_of_exactly_one_source(source: str) -> None:
    for other in converter().sources.values():
        found = Recogniser([other]).source_of(call(source))
        assert (found is not None) == (other.name == source)


@pytest.mark.parametrize("value", [{}, {"call_type": "x"}, {"@timestamp": None, "event.outcome": "success"}])
def test_a_record_without_all_marks_is_of_none(value: dict[str, Any]) -> None:
    assert Recogniser(converter().sources.values()).source_of(value) is None


def test_a_mark_may_be_nested_as_a_shipper_stores_it() -> None:
    value = {"@timestamp": "2026-08-11T09:14:03Z", "event": {"outcome": "success"}}
    found = Recogniser(converter().sources.values()).source_of(value)
    assert found is not None
    assert found.name == "canonical"


def test_records_are_sorted_lazily_and_rejects_are_told() -> None:
    rejects: list[Reject] = []
    taken: list[int] = []

    def records() -> Iterator[Record]:
        for line, value in enumerate([call("litellm"), {"of": "none"}, call("apim")], 1):
            taken.append(line)
            yield record(value, line)

    recogniser = Recogniser(converter().sources.values(), on_reject=rejects.append)
    found = recogniser.sort(records())
    assert taken == []
    assert next(found)[0].name == "litellm"
    assert taken == [1]
    assert [source.name for source, _ in found] == ["apim"]
    assert rejects == [Reject("log", 2, "of no known log source", '{"of":"none"}')]
    assert recogniser.counts == {"litellm": 1, "apim": 1}


def test_problems_are_at_most_two_a_file() -> None:
    recogniser = Recogniser(converter().sources.values())
    values = [call("litellm"), call("apim"), {"of": "none"}] * 50
    list(recogniser.sort(record(value, line, file) for file in ("a", "b") for line, value in enumerate(values, 1)))
    assert [(problem.code, problem.severity, problem.file, problem.line) for problem in recogniser.problems] == [
        ("log-unrecognised", "warning", "a", 3),
        ("log-mixed", "warning", "a", 2),
        ("log-unrecognised", "warning", "b", 3),
        ("log-mixed", "warning", "b", 2),
    ]
