"""Rules over columns that are derived once find what their converted queries find over the records themselves."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from sigmagen.convert.converter import Converter
from sigmagen.engines.duckdb import DuckDBEngine
from sigmagen.expr.tree import Get
from sigmagen.local.campaigns import merged
from sigmagen.local.detect import Detector
from sigmagen.local.hunts import Hunts
from sigmagen.logs.reader import Record
from sigmagen.mapping.source import Source
from sigmagen.plan.columns import Columns
from sigmagen.plan.result import alerts_on_low_values
from sigmagen.problems import SigmagenError
from sigmagen.rules.model import Correlation, Threshold
from tests.local.rule_files import correlations
from tests.native_logs import attack, converter
from tests.rule_builders import base, correlation

CONVERTER: Converter = converter()
PAIRS = [
    (stem, source.name)
    for stem, rule in correlations().items()
    for source in CONVERTER.feeding(rule)
    if not source.together
]


def campaigns(rule: Correlation, source: Source, native: list[dict[str, Any]]) -> list[tuple[object, ...]]:
    """What the converted query finds over records, as `verify` runs it."""
    with DuckDBEngine() as engine:
        engine.load(source, native)
        covered = engine.range(source)
        if covered is None:
            return []
        alerts = engine.run(CONVERTER.convert(rule, source, "duckdb"), *covered)
    found = merged(alerts, least=alerts_on_low_values(rule))
    return sorted((alert.window_start, alert.window_end, alert.group, alert.value) for alert in found)


@pytest.mark.sampled(3)
@pytest.mark.parametrize(("stem", "name"), PAIRS)
def test_rules_over_columns_equal_the_converted_queries(stem: str, name: str) -> None:
    rule, source = correlations()[stem], CONVERTER.sources[name]
    try:
        expected = campaigns(rule, source, attack(stem, name))
    except SigmagenError:
        pytest.skip("the source lacks a field")
    records = [Record("log", n, orjson.dumps(r).decode(), r) for n, r in enumerate(attack(stem, name), 1)]
    with DuckDBEngine() as engine:
        detector = Detector(CONVERTER, engine)
        detector.load((source, record) for record in records)
        found = detector.run([rule])
    assert sorted((item.window_start, item.window_end, item.group, item.value) for item in found) == expected
    assert expected


def test_rules_share_the_columns_of_a_source() -> None:
    hunts = Hunts(CONVERTER)
    counts = []
    for number in range(3):
        rule = correlation("event_count", Threshold("gte", 2 + number), base("event.outcome: success", f"r{number}"))
        hunts.prepare([rule], CONVERTER.sources["litellm"])
        counts.append(len(hunts.columns["litellm"].kept))
    assert counts[0] == counts[1] == counts[2] > 0


def test_prompt_text_is_not_kept_where_only_its_hash_is_read() -> None:
    hunts = Hunts(CONVERTER)
    rule = correlation("event_count", Threshold("gte", 2), group_by=("gen_ai.prompt.hash",))
    hunts.prepare([rule], CONVERTER.sources["litellm"])
    columns = hunts.columns["litellm"]
    derived = {name: value for layer in columns.layers for name, value in layer}
    assert "last_text" in str(derived)
    assert not any("last_text" in str(derived[name]) for name in columns.kept)


def test_a_rule_may_name_its_fields_like_columns_of_the_table() -> None:
    assert CONVERTER.generic is not None
    first, second, path = Columns(), Columns(), Get(("a",), "string")
    assert first.column(path) != second.column(path)  # cannot be known beforehand
    value = {"timestamp": "2026-08-11T00:00:00Z", "past": "x", "number": "y", "first": "z"}
    rule = correlation(
        "event_count",
        Threshold("gte", 2),
        base("past: x"),
        group_by=("past", "number", "first"),
    )
    with DuckDBEngine() as engine:
        detector = Detector(CONVERTER, engine, CONVERTER.generic)
        source = CONVERTER.generic.records()
        detector.load((source, Record("log", n, orjson.dumps(value).decode(), value)) for n in (1, 2))
        (found,) = detector.run([rule])
    assert found.group == (("past", "x"), ("number", "y"), ("first", "z"))
    assert len(found.events) == 2
