"""Lines of logs as rows of a lake's table: what `normalize` writes as Parquet, and a Spark job that writes it, too."""

from __future__ import annotations

import logging
import re
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

import sigmagen
from sigmagen.bundled import rules_folder
from sigmagen.engines.lake_table import columns_of
from sigmagen.logs.reader import Reject
from sigmagen.problems import SigmagenError
from tests.cli.conftest import Run
from tests.native_logs import NATIVE_SOURCES, attack, converter, example, logged, ndjson

GUIDE = (Path(__file__).parents[2] / "docs" / "lake.md").read_text()
T0 = int(datetime(2026, 8, 11, 23, 59, 59, 250_000, UTC).timestamp() * 1000)


def rows(lines: list[bytes], source: str | None = None, **options: Any) -> list[dict[str, Any]]:
    pytest.importorskip("pyarrow", reason="needs pyarrow: run `make spark`")
    return [row for batch in sigmagen.normalize_lines(lines, source, **options) for row in batch.to_pylist()]


def parquet_rows(folder: Path) -> list[dict[str, Any]]:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        found = connection.execute(f"SELECT * FROM read_parquet('{folder}/*/*.parquet', hive_partitioning = true)")
        names = [column[0] for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def in_order(found: list[dict[str, Any]]) -> list[list[tuple[str, str]]]:
    return sorted(sorted((name, str(value)) for name, value in row.items()) for row in found)


@pytest.mark.parametrize("source", NATIVE_SOURCES)
def test_rows_equal_the_parquet_files_of_normalize(source: str, run: Run, tmp_path: Path) -> None:
    log = example(source)
    found = rows(log.read_bytes().splitlines(), source)
    run("normalize", log, "-s", source, "--partition-by", "day", "-o", tmp_path / "lake")
    assert found
    assert in_order(found) == in_order(parquet_rows(tmp_path / "lake"))


def test_columns_are_those_that_the_queries_read() -> None:
    declared = dict(column.split(" ") for column in sigmagen.lake_schema().split(", "))
    kinds = {"VARCHAR": "STRING"}
    expected = {name: kinds.get(kind, kind) for name, (_, kind) in columns_of(converter().taxonomy).items()}
    assert declared == {"timestamp": "TIMESTAMP", **expected, "day": "DATE"}


def test_time_and_day_are_in_utc() -> None:
    (row,) = rows(ndjson([logged("litellm", time=T0, id="c", principal="ann")]).splitlines())
    assert row["timestamp"] == datetime(2026, 8, 11, 23, 59, 59, 250_000, UTC)
    assert row["day"] == date(2026, 8, 11)


def test_rejected_records_are_reported_or_logged(caplog: pytest.LogCaptureFixture) -> None:
    lines = [
        b"{broken",
        b'{"of": "nothing"}',
        *ndjson([logged("litellm", time=T0, id="c", principal="ann")]).splitlines(),
    ]
    rejects: list[Reject] = []
    assert len(rows(lines, on_reject=rejects.append)) == 1
    assert [reject.line for reject in rejects] == [1, 2]
    with caplog.at_level(logging.WARNING, "sigmagen"):
        assert len(rows(lines)) == 1
    assert [record.getMessage().partition(" (")[0] for record in caplog.records] == ["records left out: 1"] * 2


def test_integer_that_does_not_fit_is_null() -> None:
    (line,) = ndjson([logged("litellm", time=T0, id="c", principal="ann", output_tokens=777)]).splitlines()
    assert [row["gen_ai_usage_output_tokens"] for row in rows([line])] == [777]
    assert [row["gen_ai_usage_output_tokens"] for row in rows([line.replace(b"777", b"9" * 30)])] == [None]


def test_missing_pyarrow_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sigmagen.local.lake_rows.is_installed", lambda package: False)
    with pytest.raises(SigmagenError, match="pyarrow is not installed"):
        list(sigmagen.normalize_lines([]))


@pytest.mark.lake("spark")
def test_spark_job_of_the_guide_writes_what_a_hunt_reads(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from sigmagen.engines.spark import SMALL_DATA, SparkClient

    logs = attack("logprobs_with_logit_bias", "litellm")
    Path("logs").mkdir()
    Path("logs/a.ndjson").write_bytes(ndjson(logs))
    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    (code,) = re.findall(r"(?ms)^```python\n(.*?)^```", GUIDE)
    with SparkClient(settings=SMALL_DATA):
        exec(compile(code, "docs/lake.md", "exec"), {})
    run("normalize", "logs", "--partition-by", "day", "-o", "expected")
    assert in_order(parquet_rows(Path("lake"))) == in_order(parquet_rows(Path("expected")))
    times = sorted(row["timestamp"] for row in parquet_rows(Path("lake")))
    rule = rules_folder() / "output" / "logprobs_with_logit_bias.yml"
    found = run(
        "hunt", "spark", rule, "--data", "lake", "--from", times[0].isoformat(), "--to", "now", "--fail-on-alert"
    )
    assert found.exit_code == 1, found.stderr
