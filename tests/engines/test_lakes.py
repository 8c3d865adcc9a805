"""What only the engines of a lake do: prune days, spread over executors, and ignore the session's time zone."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sigmagen.convert.converter import Query
from sigmagen.durations import HOUR
from sigmagen.engines.alert import instant
from sigmagen.engines.lake_table import write_parquet
from sigmagen.engines.spark import SparkEngine
from sigmagen.engines.trino import parameters
from sigmagen.problems import SigmagenError
from tests.lakes import TWO_EXECUTORS, open_lake
from tests.targets.engines import CONVERTER, canonical, event, rule_of

START = instant("2026-08-11T02:00:00Z")
EARLY = event("ann", {"ua": "x", "time": "2026-08-11T02:30:00Z"})
LATE = event("bob", {"ua": "x", "time": "2026-08-11T04:30:00Z"})


def query(folder: Path, detection: dict[str, object] | None = None) -> Query:
    return CONVERTER.convert(rule_of(detection or {"time|hour": 2}, folder), canonical(), "spark")


def test_each_day_is_a_folder_and_events_without_a_time_are_left_out(tmp_path: Path) -> None:
    events = [EARLY, LATE, {**LATE, "@timestamp": "2026-08-12T00:00:00Z"}, {"user.id": "ann"}]
    assert write_parquet(events, CONVERTER.taxonomy, tmp_path / "table") == 3
    assert sorted(path.name for path in (tmp_path / "table").iterdir()) == ["day=2026-08-11", "day=2026-08-12"]
    assert write_parquet([], CONVERTER.taxonomy, tmp_path / "nothing") == 0


def test_parameters_of_trino_are_counted_outside_of_texts_and_comments() -> None:
    first, last = datetime(2026, 8, 11), datetime(2026, 8, 12)
    text = "-- why?\nSELECT '?''?', \"a?\" FROM t WHERE day >= ? AND day <= ? AND ts >= ? AND ts < ?"
    assert parameters(text, first, last) == [first, last, first, last]


@pytest.mark.lake("spark")
def test_days_and_hours_are_those_of_utc_in_every_session(tmp_path: Path) -> None:
    with open_lake("spark") as engine:
        assert isinstance(engine, SparkEngine)
        engine.load(canonical(), [EARLY, LATE])
        for zone in ("America/New_York", "Asia/Tokyo"):
            engine.session.conf.set("spark.sql.session.timeZone", zone)
            found = engine.run(query(tmp_path), START, START + 2 * HOUR)
            assert {alert.group_dict()["user.id"] for alert in found} == {"ann"}


@pytest.mark.lake("spark")
def test_a_hunt_reads_its_days_only_and_aggregates_before_the_exchange(tmp_path: Path) -> None:
    with open_lake("spark") as engine:
        assert isinstance(engine, SparkEngine)
        engine.load(canonical(), [EARLY, {**EARLY, "@timestamp": "2026-08-19T02:30:00Z"}])
        begin = datetime.fromtimestamp(START / 1000, UTC)
        arguments = {"range_start": begin, "range_end": begin + timedelta(hours=2)}
        (row,) = engine.session.sql("EXPLAIN FORMATTED " + query(tmp_path).text, args=arguments).collect()
    assert re.search(r"PartitionFilters: \[[^\]]*day#\d+ >= 2026-08-11\)?, ?\(day#\d+ <= 2026-08-11", row[0]), row[0]
    tree = row[0].partition("\n\n")[0]
    # Printed from the end of the plan to its start.
    assert re.search(r"HashAggregate.*\n.*Exchange.*\n.*HashAggregate", tree), tree
    assert "partial_count" in row[0]


@pytest.mark.lake("spark")
def test_two_executor_processes_find_the_same(tmp_path: Path) -> None:
    with SparkEngine(CONVERTER.taxonomy, TWO_EXECUTORS) as engine:
        engine.load(canonical(), [EARLY, LATE])
        found = engine.run(query(tmp_path, {"ua": "x"}), START, START + 4 * HOUR)
    assert {alert.group_dict()["user.id"] for alert in found} == {"ann", "bob"}


@pytest.mark.lake("spark")
def test_a_master_that_does_not_exist_is_reported() -> None:
    with pytest.raises(SigmagenError, match="Spark did not start with nowhere"):
        SparkEngine(CONVERTER.taxonomy, "nowhere")
