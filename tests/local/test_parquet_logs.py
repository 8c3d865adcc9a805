"""Parquet files of canonical events give what the same events give as NDJSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import orjson
import pytest

from tests.local.test_ingest import by_engine, outcome

EVENTS: list[dict[str, Any]] = [
    {
        "@timestamp": f"2026-08-{11 + number % 2}T10:00:{number % 60:02}.125Z",
        "event.id": f"e{number}",
        "event.outcome": "success",
        "user.id": "ann" if number % 3 else 'o"brien',
        "gen_ai.usage.output_tokens": number * 10**12,
        "gen_ai.request.temperature": number / 7,
        "gen_ai.response.cached": number % 2 == 0,
    }
    for number in range(200)
]
TYPES = {
    "@timestamp": "TIMESTAMPTZ",
    "gen_ai.usage.output_tokens": "BIGINT",
    "gen_ai.request.temperature": "DOUBLE",
    "gen_ai.response.cached": "BOOLEAN",
}


def write_parquet(path: Path, events: list[dict[str, Any]], types: dict[str, str] = TYPES) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as connection:
        names = list(events[0])
        connection.execute("SET TimeZone = 'UTC'")
        columns = ", ".join(
            f'CAST(unnest(${n}) AS {types.get(name, "VARCHAR")}) AS "{name}"' for n, name in enumerate(names, 1)
        )
        connection.execute(
            f"CREATE TABLE events AS SELECT {columns}", [[event[name] for event in events] for name in names]
        )
        connection.execute(f"COPY events TO '{path}' (FORMAT parquet)")
    return path


def write_ndjson(path: Path, events: list[dict[str, Any]]) -> Path:
    path.write_bytes(b"".join(orjson.dumps(event) + b"\n" for event in events))
    return path


@pytest.mark.parametrize("kind", ["TIMESTAMPTZ", "TIMESTAMP"])
def test_parquet_gives_the_same_rows_as_ndjson(kind: str, tmp_path: Path) -> None:
    expected = outcome(by_engine, write_ndjson(tmp_path / "log", EVENTS), None)
    found = outcome(by_engine, write_parquet(tmp_path / "x.parquet", EVENTS, TYPES | {"@timestamp": kind}), None)
    assert found == expected
    assert len(found["rows"]["canonical"]) == 200


def test_partitions_beside_the_same_events_as_ndjson_count_once(tmp_path: Path) -> None:
    for day in ("11", "12"):
        part = [event for event in EVENTS if event["@timestamp"].startswith(f"2026-08-{day}")]
        write_parquet(tmp_path / f"day=2026-08-{day}" / "part-0.parquet", part)
    write_ndjson(tmp_path / "log.ndjson", [EVENTS[0] | {"user.id": "other"}, *EVENTS[:50]])
    found = outcome(by_engine, tmp_path, None)
    assert found["problems"] == []
    assert found["dropped"] == {"canonical": 50}
    assert found["reused"] == {"canonical": 1}
    assert len(found["rows"]["canonical"]) == 201


@pytest.mark.parametrize(
    ("events", "types", "source", "message"),
    [
        ([{"a": 1}], {}, None, "the Parquet file has no canonical events: no column @timestamp and event.outcome"),
        (EVENTS, {}, None, "the column @timestamp of the Parquet file is VARCHAR, not TIMESTAMP"),
        (EVENTS, TYPES, "litellm", "a Parquet file has canonical events, and none of litellm"),
    ],
)
def test_parquet_without_canonical_events_is_refused(
    events: list[dict[str, Any]], types: dict[str, str], source: str | None, message: str, tmp_path: Path
) -> None:
    found = outcome(by_engine, write_parquet(tmp_path / "x.parquet", events, types), source)
    assert found["problems"] == [("log-parquet", 0, 0, message)]


def test_damaged_parquet_is_reported(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "x.parquet", EVENTS)
    path.write_bytes(path.read_bytes()[:-40])
    found = outcome(by_engine, path, None)
    assert [problem[0] for problem in found["problems"]] == ["log-corrupt"]
