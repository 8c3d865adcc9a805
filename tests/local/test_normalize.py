"""Canonical events as a stream."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator

import orjson
import pytest

from sigmagen.local.normalize import Normalizer
from sigmagen.logs.reader import Record, Reject
from sigmagen.mapping.source import Source
from sigmagen.sources import render
from sigmagen.sources.call import Call
from sigmagen.targets.duckdb.printer import time_sql
from tests.native_logs import converter

T0 = 1_786_439_643_217


def stream(count: int, *sources: str, taken: list[int] | None = None) -> Iterator[tuple[Source, Record]]:
    for number in range(count):
        if taken is not None:
            taken.append(number)
        name = sources[number % len(sources)]
        value = render(name, Call(time=T0 + number, id=f"c-{number}", principal="ann", prompt="x" * 500))
        assert value is not None
        yield converter().sources[name], Record("log", number + 1, orjson.dumps(value).decode(), value)


def test_the_first_events_come_before_the_last_records_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sigmagen.local.normalize.BATCH_RECORDS", 10)
    taken: list[int] = []
    normalizer = Normalizer(converter())
    events = normalizer.events(stream(200, "litellm", taken=taken))
    first = next(events)
    assert (first.line, first.event["event.id"]) == (1, "c-0")
    assert len(taken) == 10
    assert sum(1 for _ in events) == 199
    normalizer.close()


def test_many_records_are_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sigmagen.local.normalize.BATCH_RECORDS", 50)
    normalizer = Normalizer(converter())
    next(normalizer.events(stream(1, "litellm")))  # what is loaded once
    tracemalloc.start()
    try:
        count = sum(1 for _ in normalizer.events(stream(4000, "litellm")))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        normalizer.close()
    assert count == 3999  # the first one came before
    assert peak < 3_000_000  # all of them are more than 6 MB of text alone


def test_a_mixed_stream_loses_nothing_and_keeps_the_order_within_a_source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sigmagen.local.normalize.BATCH_RECORDS", 7)
    normalizer = Normalizer(converter())
    events = list(normalizer.events(stream(100, "litellm", "apim", "cloudtrail")))
    normalizer.close()
    assert sorted(event.line for event in events) == list(range(1, 101))
    for source in ("litellm", "apim", "cloudtrail"):
        lines = [event.line for event in events if event.source == source]
        assert lines == sorted(lines)
    assert normalizer.written == {"litellm": 34, "apim": 33, "cloudtrail": 33}


def test_a_record_without_time_is_told_and_counted_and_the_rest_comes_through() -> None:
    rejects: list[Reject] = []
    found = list(stream(5, "litellm"))
    source, record = found[2]
    value = {**record.value, "startTime": "soon"}
    found[2] = (source, Record("log", 3, orjson.dumps(value).decode(), value))
    normalizer = Normalizer(converter(), on_reject=rejects.append)
    events = list(normalizer.events(found))
    normalizer.close()
    assert [event.line for event in events] == [1, 2, 4, 5]
    assert [(reject.line, reject.text) for reject in rejects] == [(3, found[2][1].text)]
    assert [(problem.code, problem.line) for problem in normalizer.problems] == [("log-no-time", 3)]


@pytest.mark.parametrize("with_text", [False, True])
def test_text_is_there_only_when_it_is_asked_for(with_text: bool) -> None:
    normalizer = Normalizer(converter(), with_text)
    (event,) = normalizer.events(stream(1, "litellm"))
    normalizer.close()
    assert ("gen_ai.prompt" in event.event) == with_text
    assert ("x" * 500 in orjson.dumps(event.event).decode()) == with_text
    assert len(event.event["gen_ai.prompt.hash"]) == 64


def test_a_record_that_the_engine_refuses_is_a_reject_and_the_others_come_through(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        "sigmagen.local.normalize.time_sql",
        lambda source: f"CASE WHEN record->>'id' = 'c-2' THEN error('odd') ELSE {time_sql(source)} END",
    )
    rejects: list[Reject] = []
    normalizer = Normalizer(converter(), on_reject=rejects.append)
    events = list(normalizer.events(stream(9, "litellm")))
    normalizer.close()
    assert [event.line for event in events] == [1, 2, 4, 5, 6, 7, 8, 9]
    assert [reject.line for reject in rejects] == [3]
    assert [(problem.code, problem.line) for problem in normalizer.problems] == [("log-record-refused", 3)]
