"""The same hunt on Spark over growing Parquet folders: `python -m benchmarks.lake [--events 1000000 10000000]`.

The events are of 30 days, and one user makes all calls of one hour a day. The hunt is `call_count`, over one day and
over all days. Prints rows, times, the ratio to the first size, and the plan of the last hunt.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
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


def hunt(session: Any, text: str, days: int) -> tuple[int, float, Any]:
    """Rows, seconds and the executed query for the last days."""
    end = FIRST + timedelta(days=DAYS)
    began = time.perf_counter()
    frame = session.sql(text, args={"range_start": end - timedelta(days=days), "range_end": end})
    rows = len(frame.collect())
    return rows, time.perf_counter() - began, frame


def main() -> int:
    """Measure each size after a first run that compiles; 1 if time grows more than the data by a tenth."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, nargs="+", default=[1_000_000, 10_000_000])
    parser.add_argument("--master", default="local[2]")
    arguments = parser.parse_args()
    from sigmagen.engines.spark import start

    converter = Converter.load(mappings_folder())
    rule = rules_folder() / "volume" / "call_count.yml"
    (file,) = load_rules([rule], rules_folder=rules_folder(), mappings_folder=mappings_folder()).files
    text = converter.convert(file.subjects[0], converter.source("canonical"), "spark").text  # type: ignore[arg-type]
    folder = Path(tempfile.mkdtemp(prefix="sigmagen-lake-"))
    import_module("pyspark")
    session = start(arguments.master, folder)
    seconds: list[float] = []
    try:
        for events in arguments.events:
            table = folder / f"events-{events}"
            generate(table, events, converter.taxonomy)
            session.read.parquet(str(table)).createOrReplaceTempView("ai_inference")
            hunt(session, text, 1)
            for days in (1, DAYS):
                rows, took, frame = hunt(session, text, days)
                print(f"{events:>12,} events, {days:>2} days: {rows:>6} rows, {took:6.1f} s")
            seconds.append(took)
            print(f"{'':>12} ratio to the first: {took / seconds[0]:.1f} for {events / arguments.events[0]:.0f} x data")
        frame.explain("formatted")
    finally:
        session.stop()
        shutil.rmtree(folder, ignore_errors=True)
    return seconds[-1] > 1.1 * seconds[0] * arguments.events[-1] / arguments.events[0]


if __name__ == "__main__":
    sys.exit(main())
