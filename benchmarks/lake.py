"""The same hunt on Spark over growing Parquet folders: `python -m benchmarks.lake [--events 1000000 10000000]`.

The events are of 30 days, and one user makes all calls of one hour a day. The hunt is `call_count`, over one day and
over all days. Prints rows, time, the ratio to the first size, and the plan of the last hunt.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import duckdb

from sigmagen.bundled import mappings_folder, rules_folder
from sigmagen.convert.converter import Converter
from sigmagen.engines.lake_table import columns_of
from sigmagen.mapping.taxonomy import Taxonomy
from sigmagen.rules.load import load_rules
from sigmagen.targets.lake import DAY, TIME

FIRST = datetime(2026, 8, 1, tzinfo=UTC)
DAYS = 30
USERS = 20_000


def generate(folder: Path, events: int, taxonomy: Taxonomy) -> None:
    """Write so many events into `folder/day=.../*.parquet`; most columns are missing, as in a gateway's log."""
    # The same windows alert in every size: one user makes all calls of an hour a day.
    busy = f"date_part('hour', {TIME}) = 3"
    made = {
        "event_outcome": "'success'",
        "gen_ai_operation_name": "'chat'",
        "gen_ai_request_model": f"CASE WHEN {busy} THEN 'model-0' ELSE 'model-' || i % 5 END",
        "user_id": f"CASE WHEN {busy} THEN 'busy' ELSE 'user-' || hash(i) % {USERS} END",
        "gen_ai_usage_output_tokens": "CAST(hash(i) % 900 AS BIGINT)",
        "gen_ai_prompt_hash": "sha256(CAST(i AS VARCHAR))",
    }
    columns = [
        f"{made.get(name, f'CAST(NULL AS {kind})')} AS {name}" for name, (_, kind) in columns_of(taxonomy).items()
    ]
    step = DAYS * 86_400_000 // events
    moment = f"TIMESTAMPTZ '{FIRST.isoformat()}' + to_milliseconds(CAST(i AS BIGINT) * {step})"
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'; SET threads = 1")
        connection.execute(
            f"COPY (SELECT {moment} AS {TIME}, CAST({TIME} AS DATE) AS {DAY}, {', '.join(columns)} "
            f"FROM range({events}) AS numbers(i)) TO '{folder}' (FORMAT parquet, PARTITION_BY ({DAY}))"
        )


@dataclass(frozen=True)
class Hunt:
    """What a hunt took: CPU time is that of Spark's process, so other work on the machine does not count."""

    rows: int
    seconds: float
    cpu_seconds: float
    frame: Any


def cpu_seconds(session: Any) -> float:
    """CPU time of the process in which Spark's driver runs, from Linux."""
    fields = Path(f"/proc/{session.sparkContext._gateway.proc.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def hunt(session: Any, text: str, days: int) -> Hunt:
    """Hunt in the last days."""
    end = FIRST + timedelta(days=DAYS)
    began, cpu_began = time.perf_counter(), cpu_seconds(session)
    frame = session.sql(text, args={"range_start": end - timedelta(days=days), "range_end": end})
    rows = len(frame.collect())
    return Hunt(rows, time.perf_counter() - began, cpu_seconds(session) - cpu_began, frame)


def main() -> int:
    """Measure each size after a first run that compiles; 1 if CPU time grows more than the data by a tenth."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, nargs="+", default=[1_000_000, 10_000_000])
    parser.add_argument("--runs", type=int, default=3, help="print the fastest of so many")
    parser.add_argument("--master", default="local[2]")
    arguments = parser.parse_args()
    from sigmagen.engines.spark import start

    converter = Converter.load(mappings_folder())
    rule = rules_folder() / "volume" / "call_count.yml"
    (file,) = load_rules([rule], rules_folder=rules_folder(), mappings_folder=mappings_folder()).files
    text = converter.convert(file.subjects[0], converter.source("canonical"), "spark").text  # type: ignore[arg-type]
    folder = Path(tempfile.mkdtemp(prefix="sigmagen-lake-"))
    import_module("pyspark")
    session = start(arguments.master, folder, {})
    wholes: list[Hunt] = []
    try:
        for events in arguments.events:
            table = folder / f"events-{events}"
            began = time.perf_counter()
            generate(table, events, converter.taxonomy)
            size = sum(path.stat().st_size for path in table.rglob("*.parquet")) / 2**20
            print(f"{events:>12,} events written in {time.perf_counter() - began:.1f} s, {size:,.0f} MiB")
            session.read.parquet(str(table)).createOrReplaceTempView("ai_inference")
            hunt(session, text, 1)
            for days in (1, DAYS):
                best = min((hunt(session, text, days) for _ in range(arguments.runs)), key=lambda run: run.seconds)
                times = f"{best.seconds:6.1f} s, {best.cpu_seconds:6.1f} s of CPU time"
                print(f"{events:>12,} events, {days:>2} days: {best.rows:>6} rows, {times}", flush=True)
            wholes.append(best)
            ratios = best.seconds / wholes[0].seconds, best.cpu_seconds / wholes[0].cpu_seconds
            more = events / arguments.events[0]
            print(f"{'':>12} ratio to the first: {ratios[0]:.1f}, of CPU time {ratios[1]:.1f}, for {more:.0f} x data")
        best.frame.explain("formatted")
    finally:
        session.stop()
        shutil.rmtree(folder, ignore_errors=True)
    return ratios[1] > 1.1 * more


if __name__ == "__main__":
    sys.exit(main())
