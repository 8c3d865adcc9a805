"""Logs that are long: bounded memory, a temporary folder that goes away, and what the run took."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sigmagen.cli import detect, engine
from sigmagen.engines.duckdb import DuckDBEngine
from tests.cli.conftest import Run
from tests.native_logs import attack, ndjson

RULES = Path("rules/output").resolve()
EFFORT = re.compile(r"[\d,]+ records read in [\d.]+ s, [\d,]+ a second; 3 rules run in [\d.]+ s; [\d,]+ MB of memory")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """The records of an attack, often enough to count as many, each with an id of its own."""
    path = tmp_path / "logs" / "log.ndjson"
    path.parent.mkdir()
    records = attack("logit_bias_churn", "litellm")
    many = (record | {"id": f"{number}-{record['id']}"} for number in range(5) for record in records)
    path.write_bytes(ndjson(many))
    return path


def test_a_long_run_says_what_it_took(run: Run, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not EFFORT.search(run("detect", log, "--rules", RULES).stderr)
    monkeypatch.setattr(detect, "MANY", 100)
    assert EFFORT.search(run("detect", log, "--rules", RULES).stderr)


def test_records_in_a_temporary_folder_give_the_same_alerts_and_are_removed(
    run: Run, log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = run("detect", log, "--rules", RULES, "--json").stdout
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    monkeypatch.setattr(engine, "LARGE", 1)
    seen: list[list[str]] = []
    original = DuckDBEngine.close

    def close(engine: DuckDBEngine) -> None:
        # More than the memory of 50 MB holds, and random, so that it can't be compressed.
        engine.connection.execute("CREATE TABLE filler AS SELECT gen_random_uuid() FROM range(6000000)")
        seen.append(sorted(path.name for path in folder.rglob("*") if path.is_file()))
        original(engine)

    monkeypatch.setattr(DuckDBEngine, "close", close)
    assert run("detect", log, "--rules", RULES, "--json", "--memory", "100MB").stdout == expected
    assert any("duckdb_temp" in name for name in seen[0])
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(("asked", "share"), [("100MB", 50), ("1GB", 1024 - 192)])
def test_the_engine_gets_what_the_command_leaves(
    asked: str, share: int, run: Run, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits: list[str] = []
    original = DuckDBEngine.close

    def close(engine: DuckDBEngine) -> None:
        row = engine.connection.execute("SELECT current_setting('memory_limit')").fetchone()
        limits.extend(map(str, row or ()))
        original(engine)

    monkeypatch.setattr(DuckDBEngine, "close", close)
    run("detect", log, "--rules", RULES, "--memory", asked)
    assert limits == [f"{share}.0 MiB"]


def test_a_size_that_is_none_is_refused(run: Run, log: Path) -> None:
    result = run("detect", log, "--memory", "plenty")
    assert result.exit_code == 3
    assert "'plenty' is not a size" in result.stderr
