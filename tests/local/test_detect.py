"""Detections out of alerts: one a campaign, with its events counted; and what is left out is said."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import duckdb
import orjson
import pytest

from sigmagen.convert.converter import Query
from sigmagen.engines.alert import Alert
from sigmagen.engines.duckdb import DuckDBEngine, of_one_input
from sigmagen.local.campaigns import merged
from sigmagen.local.detect import Detector
from sigmagen.local.detection import Detection, condition_text
from sigmagen.logs.reader import Record
from sigmagen.mapping.source import Source
from sigmagen.rules.model import BaseRule, Correlation, Threshold
from sigmagen.sources import render
from sigmagen.sources.call import Call
from sigmagen.targets.duckdb.printer import time_sql
from tests.native_logs import converter
from tests.rule_builders import DAY, HOUR, MINUTE, T0, base, correlation

ANN, BOB = (("user.id", "ann"),), (("user.id", "bob"),)


def alert(start: int, group: tuple[tuple[str, str], ...] = ANN, value: float = 5) -> Alert:
    return Alert(T0 + start + HOUR, T0 + start, group, value)


def test_windows_that_overlap_are_one_campaign_with_the_highest_value() -> None:
    windows = [alert(0, value=5), alert(10 * MINUTE, value=9), alert(20 * MINUTE, value=6)]
    assert merged(reversed(windows)) == [Alert(T0 + 20 * MINUTE + HOUR, T0, ANN, 9)]


def test_windows_that_only_touch_are_two_campaigns() -> None:
    assert merged([alert(0), alert(HOUR)]) == [alert(0), alert(HOUR)]


def test_groups_are_campaigns_of_their_own() -> None:
    assert merged([alert(0), alert(0, BOB), alert(MINUTE)]) == [
        Alert(T0 + MINUTE + HOUR, T0, ANN, 5),
        alert(0, BOB),
    ]


def test_the_lowest_value_is_the_worst_below_a_threshold() -> None:
    assert merged([alert(0, value=3), alert(MINUTE, value=1)], least=True)[0].value == 1


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (base("user.id: ann"), "any event"),
        (correlation("event_count", Threshold("gt", 5)), "event_count > 5 within 1h"),
        (
            correlation("value_sum", Threshold("lte", 0.5, ("gen_ai.usage.output_tokens",)), timespan=DAY),
            "value_sum(gen_ai.usage.output_tokens) <= 0.5 within 1d",
        ),
        (
            correlation("temporal_ordered", None, base("user.id: a", "one"), base("user.id: b", "two")),
            "temporal_ordered(one, two) within 1h",
        ),
    ],
)
def test_a_condition_is_said_in_words(rule: BaseRule | Correlation, text: str) -> None:
    assert condition_text(rule) == text


def records(calls: Iterable[tuple[int, str]], source: str = "litellm") -> list[tuple[Source, Record]]:
    """Calls, each a time after T0 and a principal."""
    found = []
    for number, (time, principal) in enumerate(calls):
        value = render(source, Call(time=T0 + time, id=f"c-{number}", principal=principal))
        assert value is not None
        found.append((converter().sources[source], Record("log", number + 1, orjson.dumps(value).decode(), value)))
    return found


def detect(rule: BaseRule | Correlation, found: list[tuple[Source, Record]]) -> tuple[list[Detection], Detector]:
    with DuckDBEngine() as engine:
        detector = Detector(converter(), engine)
        detector.load(found)
        return detector.run([rule]), detector


def test_a_detection_counts_its_group_s_events_pane_by_pane_and_shows_first_middle_and_last() -> None:
    calls = [(minute * MINUTE, "ann") for minute in range(5, 16)] + [(6 * MINUTE, "bob"), (5 * HOUR, "ann")]
    (found,), _ = detect(correlation("event_count", Threshold("gte", 11)), records(calls))
    assert found.value == 11
    assert (found.window_start, found.window_end) == (T0 - 40 * MINUTE, T0 + 60 * MINUTE)
    assert found.tick == 10 * MINUTE
    assert found.panes == (0, 0, 0, 0, 5, 6, 0, 0, 0, 0)
    assert [event["event.id"] for event in found.events] == ["c-0", "c-5", "c-10"]


def test_a_rule_on_single_events_is_one_detection_of_all_that_match() -> None:
    calls = [(minute * MINUTE, "ann") for minute in range(100)]
    (found,), _ = detect(base("user.id|endswith: ann"), records(calls))
    assert (found.value, found.group, sum(found.panes)) == (100, (), 100)
    assert found.tick % 1000 == 0
    assert len(found.panes) <= 41
    assert [event["event.id"] for event in found.events] == ["c-0", "c-49", "c-99"]
    assert detect(base("user.id|endswith: nobody"), records(calls))[0] == []


def test_order_and_batches_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = [(minute * MINUTE, principal) for minute in range(60) for principal in ("ann", "bob")]
    rule = correlation("event_count", Threshold("gte", 30))
    native = records(calls)
    expected, _ = detect(rule, native)
    assert len(expected) == 2
    for size in (1, 7, 119, 120):
        monkeypatch.setattr("sigmagen.local.detect.BATCH_RECORDS", size)
        assert detect(rule, native[::-1])[0] == expected
    monkeypatch.setattr("sigmagen.local.detect.BATCH_CHARACTERS", 1)
    assert detect(rule, native)[0] == expected


def test_records_without_a_time_are_one_problem_a_file_and_the_rest_is_used() -> None:
    native = records([(minute * MINUTE, "ann") for minute in range(10)])
    broken: list[Any] = [None, "soon", -1e20, 9e20, True, {}]
    for position, time in enumerate(broken, 2):
        source, record = native[position]
        value = {**record.value, "startTime": time}
        native[position] = (source, Record("log", position + 1, orjson.dumps(value).decode(), value))
    (found,), detector = detect(correlation("event_count", Threshold("gte", 4)), native)
    assert found.value == 4
    (problem,) = detector.problems
    assert (problem.code, problem.line) == ("log-no-time", 3)
    assert problem.message == "6 litellm records have no time that can be read, the first at line 3"


def test_a_rule_that_can_t_look_at_a_source_is_said_with_the_reason() -> None:
    rule = correlation("event_count", Threshold("gte", 4), group_by=("gen_ai.api_key.id",))
    found, detector = detect(rule, records([(0, "ann")], "bedrock_invocation"))
    assert not found
    (skipped,) = detector.not_run
    assert skipped.source == "bedrock_invocation"
    assert "has no gen_ai.api_key.id" in skipped.reason


def test_group_values_of_any_type_and_text_find_their_events() -> None:
    for field in ("gen_ai.request.logprobs", "gen_ai.usage.output_tokens", "gen_ai.request.temperature"):
        rule = correlation("event_count", Threshold("gte", 3), group_by=(field,))
        calls = [
            Call(time=T0 + number, id=f"c-{number}", principal="ann", parameters={"logprobs": True, "temperature": 0.7})
            for number in range(3)
        ]
        values = [render("litellm", call) for call in calls]
        source = converter().sources["litellm"]
        native = [(source, Record("log", 1, orjson.dumps(value).decode(), value)) for value in values if value]
        (found,), _ = detect(rule, native)
        assert sum(found.panes) == len(found.events) == 3, field


@pytest.mark.parametrize("seconds", [0, 1.5, 100_000, 86_400 * 30, 32_503_680_000, 253_402_300_799, -1, -1e12, 1e300])
def test_one_record_with_an_odd_time_does_not_end_the_run(seconds: float) -> None:
    native = records([(minute * MINUTE, "ann") for minute in range(10)])
    value = {**native[0][1].value, "startTime": seconds}
    native.append((native[0][0], Record("log", 11, orjson.dumps(value).decode(), value)))
    for rule in (correlation("event_count", Threshold("gte", 10)), base("user.id|endswith: ann")):
        (found,), detector = detect(rule, native)
        assert found.value >= 10
        assert bool(detector.problems) == (not 0 <= seconds < 7_258_118_400)
        assert not detector.not_run


def broken_at(monkeypatch: pytest.MonkeyPatch, module: str, *ids: str) -> None:
    """Let DuckDB fail at the records with these ids."""
    names = ", ".join(f"'{name}'" for name in ids)
    monkeypatch.setattr(
        f"{module}.time_sql",
        lambda source: f"CASE WHEN record->>'id' IN ({names}) THEN error('odd') ELSE {time_sql(source)} END",
    )


def test_a_record_that_the_engine_refuses_is_named_and_the_others_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    native = records([(minute * MINUTE, "ann") for minute in range(10)])
    broken_at(monkeypatch, "sigmagen.engines.duckdb", "c-3", "c-9")
    (found,), detector = detect(correlation("event_count", Threshold("gte", 4)), native)
    assert found.value == 8
    assert [(problem.code, problem.line) for problem in detector.problems] == [
        ("log-record-refused", 4),
        ("log-record-refused", 10),
    ]


@pytest.mark.parametrize("error", [duckdb.OutOfRangeException("odd"), OverflowError("odd")])
def test_a_rule_whose_query_fails_is_named_and_the_others_are_run(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing, fine = correlation("event_count", Threshold("gte", 3)), correlation("event_count", Threshold("gte", 4))
    run = DuckDBEngine.run

    def fail_once(self: DuckDBEngine, query: Query, start: int, end: int) -> list[Alert]:
        if query.rule is failing:
            raise error
        return run(self, query, start, end)

    monkeypatch.setattr(DuckDBEngine, "run", fail_once)
    with DuckDBEngine() as engine:
        detector = Detector(converter(), engine)
        detector.load(records([(minute * MINUTE, "ann") for minute in range(5)]))
        (found,) = detector.run([failing, fine])
    assert found.rule is fine
    assert [(item.rule, item.reason) for item in detector.not_run] == [(failing, "odd")]
    assert [problem.code for problem in detector.problems] == ["rule-failed"]


def test_a_full_disk_is_no_fault_of_a_rule_or_a_record() -> None:
    assert not of_one_input(duckdb.IOException("no space"))
    assert not of_one_input(duckdb.OutOfMemoryException("no memory"))
    assert not of_one_input(duckdb.InterruptException("stop"))
    assert of_one_input(duckdb.ConversionException("odd"))
