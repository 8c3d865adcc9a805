"""`sigmagen normalize` to Parquet: typed columns, order, days, and files that are whole or not there."""

from __future__ import annotations

import itertools
import json
import stat
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import orjson
import pytest

from sigmagen.targets.lake import column_of
from tests.cli.conftest import Run
from tests.native_logs import NATIVE_SOURCES, converter, example

TYPES = {"integer": "BIGINT", "float": "DOUBLE", "boolean": "BOOLEAN", "timestamp": "TIMESTAMP WITH TIME ZONE"}


def rows(path: object) -> list[dict[str, Any]]:
    """The rows of Parquet files as events, without nulls and the day."""
    fields = {column_of(name): name for name in converter().taxonomy.fields}
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        sql = f"""SELECT * REPLACE (strftime(timestamp::TIMESTAMP, '%Y-%m-%dT%H:%M:%S.%gZ') AS timestamp)
            FROM read_parquet('{path}', hive_partitioning = false)"""
        found = connection.execute(sql)
        names = [fields[column[0]] for column in found.description or ()]
        return [
            {name: value for name, value in zip(names, row, strict=True) if value is not None}
            for row in found.fetchall()
        ]


def in_order_of_time(lines: str) -> list[dict[str, Any]]:
    return sorted(map(json.loads, lines.splitlines()), key=lambda event: str(event["@timestamp"]))


@pytest.mark.parametrize("source", NATIVE_SOURCES)
def test_rows_are_the_events_in_order_of_time(source: str, run: Run, tmp_path: Path) -> None:
    output = tmp_path / "events.parquet"
    result = run("normalize", example(source), "-o", output)
    assert (result.exit_code, result.stdout) == (0, "")
    assert rows(output) == in_order_of_time(run("normalize", example(source)).stdout)


def test_schema_is_that_of_the_taxonomy_whatever_the_source(run: Run, tmp_path: Path) -> None:
    fields = converter().taxonomy.fields.values()
    wanted = {column_of(item.name): TYPES.get(item.type, "VARCHAR") for item in fields if not item.private}
    empty = tmp_path / "log.ndjson"
    empty.write_bytes(b"\n")
    for log in (example("litellm"), example("cloudtrail"), empty):
        output = tmp_path / "out"
        assert run("normalize", log, "--format", "parquet", "-o", output).exit_code in (0, 2)
        with duckdb.connect() as connection:
            described = connection.execute(f"DESCRIBE SELECT * FROM read_parquet('{output}')").fetchall()
        assert {name: kind for name, kind, *_ in described} == wanted
        assert described[0][0] == "timestamp"


def test_prompts_need_the_option(run: Run, tmp_path: Path, litellm: Path) -> None:
    for options in ((), ("--with-text",)):
        output = tmp_path / "events.parquet"
        run("normalize", litellm, "-o", output, *options)
        assert any("gen_ai.prompt" in row for row in rows(output)) == bool(options)


def log_of_days(path: Path, litellm: Path) -> Path:
    """Calls of three days, the last ones first."""
    record = json.loads(litellm.read_text().splitlines()[0])
    starts = [1_786_440_000 + 86_400 * (2 - number % 3) + number for number in range(30)]
    path.write_bytes(b"".join(orjson.dumps({**record, "id": f"d-{at}", "startTime": at}) + b"\n" for at in starts))
    return path


def test_days_are_folders_and_repeating_the_command_replaces_its_own_files_only(
    run: Run, tmp_path: Path, litellm: Path
) -> None:
    log, lake = log_of_days(tmp_path / "log.ndjson", litellm), tmp_path / "lake"
    assert run("normalize", log, "--partition-by", "day", "-o", lake).exit_code == 0
    files = sorted(path.relative_to(lake) for path in lake.rglob("*") if path.is_file())
    assert [file.parent.name for file in files] == ["day=2026-08-11", "day=2026-08-12", "day=2026-08-13"]
    for file in files:
        times = [datetime.fromisoformat(row["@timestamp"]) for row in rows(lake / file)]
        assert len(times) == 10
        assert times == sorted(times)
        assert {f"day={moment.date()}" for moment in times} == {file.parent.name}
    run("normalize", log, "--partition-by", "day", "-o", lake)
    assert sorted(path.relative_to(lake) for path in lake.rglob("*") if path.is_file()) == files
    run("normalize", litellm, "--partition-by", "day", "-o", lake)
    assert len(rows(lake / "**" / "*.parquet")) == 38


def test_row_groups_prune_by_time(run: Run, tmp_path: Path, litellm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sigmagen.local.parquet.ROW_GROUP", 2048)
    record = json.loads(litellm.read_text().splitlines()[0])
    log, output = tmp_path / "log.ndjson", tmp_path / "events.parquet"
    times = [1_786_440_000 + (number * 7919) % 10_000 for number in range(10_000)]
    log.write_bytes(b"".join(orjson.dumps({**record, "id": f"r-{at}", "startTime": at}) + b"\n" for at in times))
    assert run("normalize", log, "-o", output).exit_code == 0
    sql = f"""SELECT stats_min_value, stats_max_value FROM parquet_metadata('{output}')
        WHERE path_in_schema = 'timestamp' ORDER BY row_group_id"""
    with duckdb.connect() as connection:
        ranges = connection.execute(sql).fetchall()
    assert len(ranges) > 3
    assert all(before[1] < after[0] for before, after in itertools.pairwise(ranges))


def test_a_failure_leaves_what_is_there_and_nothing_half_written(
    run: Run, tmp_path: Path, litellm: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "out" / "events.parquet"
    assert run("normalize", litellm, "-o", output).exit_code == 0
    output.chmod(0o640)
    before = output.read_bytes()
    broken = tmp_path / "broken.ndjson"
    broken.write_text("no JSON\n")
    result = run("normalize", broken, "-o", output)
    assert result.exit_code == 2
    assert "was not written" in result.stderr
    assert output.read_bytes() == before
    assert run("normalize", litellm, "-o", output).exit_code == 0
    assert stat.S_IMODE(output.stat().st_mode) == 0o640
    assert [path.name for path in output.parent.iterdir() if path.name.startswith(".sigmagen")] == []
    assert run("normalize", litellm, "--format", "parquet", "-o", "/dev/null").exit_code == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--format", "parquet"), "Parquet is not written to standard output"),
        (("--partition-by", "day", "--format", "ndjson", "-o", "x"), "--partition-by needs --format parquet"),
        (("--format", "parquet", "--to", "http://127.0.0.1:9"), "can't be combined with --to"),
        (("--resume",), "--resume needs --to, --partition-by, or a file of NDJSON"),
        (("--resume", "-o", "x.parquet"), "--resume needs --to, --partition-by, or a file of NDJSON"),
        (("--with-text", "--hash-key", "env"), "--hash-key can't be combined with --with-text"),
    ],
)
def test_options_that_can_not_be_combined(options: tuple[str, ...], message: str, run: Run, litellm: Path) -> None:
    result = run("normalize", litellm, *options)
    assert result.exit_code == 3
    assert message in result.stderr
