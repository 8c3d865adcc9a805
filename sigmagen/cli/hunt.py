"""`sigmagen hunt`: run rules on a table of canonical events in a lake."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sigmagen.cli.problems import broken, print_json, print_problems
from sigmagen.cli.settings import AS_JSON, RULE_PATHS, Settings, with_settings
from sigmagen.display import format_count, sanitize
from sigmagen.durations import SECOND, iso, parse_duration
from sigmagen.problems import EXIT_FINDINGS, EXIT_USAGE, Problem, SigmagenError

if TYPE_CHECKING:
    from sigmagen.local.lake import LakeClient

TARGETS = {"spark": "spark", "databricks": "spark", "trino": "trino", "clickhouse": "clickhouse"}
"""What `hunt` can reach, and the target whose queries it runs there."""
READS_FILES = ("spark", "clickhouse")
WEEK = "7d"


class Moment(click.ParamType[int]):
    """A time in ISO 8601, UTC if it has no zone, or a duration before now. The value is in epoch milliseconds."""

    name = "time"

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> int:
        """Return the moment. Raises BadParameter."""
        if isinstance(value, int):
            return value
        now = time.time_ns() // 1_000_000
        if value == "now":
            return now
        try:
            found = datetime.fromisoformat(value)
        except ValueError:
            pass
        else:
            return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp() * SECOND)
        try:
            return now - parse_duration(value)
        except ValueError:
            self.fail(f"write a time such as 2026-11-28T12:00Z, or a duration such as 7d, not {value!r}")


@click.command("hunt")
@click.argument("engine", type=click.Choice(tuple(TARGETS)), metavar="|".join(TARGETS))
@RULE_PATHS
@click.option("--table", help="Table of canonical events, with catalog and schema if needed.  [default: ai_inference]")
@click.option(
    "--data",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Read the Parquet files in this folder instead of a table, as `normalize --partition-by day` writes them.",
)
@click.option("--from", "start", type=Moment(), default=WEEK, show_default=True, help="Start, or how long ago.")
@click.option("--to", "end", type=Moment(), default="now", show_default=True, help="End; it is not included.")
@AS_JSON
@click.option("--fail-on-alert", is_flag=True, help="Exit with 1 if there is an alert.")
@with_settings
def command(
    engine: str,
    paths: tuple[Path, ...],
    table: str | None,
    data: Path | None,
    start: int,
    end: int,
    as_json: bool,
    fail_on_alert: bool,
    settings: Settings,
) -> int:
    """Run rules on a table of canonical events in a lake.

    The lake is Spark, a SQL warehouse of Databricks, Trino or ClickHouse.

    PATH is a rule file or a folder. Default: all rules. The table has a column for each canonical field and is
    partitioned by day; see docs/lake.md. Nothing is written to the lake. Alerts have the same form as those of
    `detect`, without events.
    """
    from sigmagen.local.lake import hunt, locate

    if end <= start:
        raise click.UsageError(f"the end, {iso(end)}, must be after the start, {iso(start)}")
    if data and table:
        raise click.UsageError("--data and --table exclude each other")
    target = TARGETS[engine]
    converter = settings.converter()
    loaded = settings.load(paths)
    source = locate(converter, target, table or source_table(target))
    client = _connect(engine, source.stored[target].location, data)
    try:
        detections, not_run = hunt(client, converter, loaded.rules, source, target, (start, end))
    finally:
        client.close()
    print_problems(loaded.problems)
    for item in not_run if settings.verbose else ():
        click.echo(f"not run: {item.rule.name}: {sanitize(item.reason)}", err=True)
    if as_json:
        print_json([detection.as_dict() for detection in detections])
    elif detections:
        from sigmagen.report.alerts import print_alerts
        from sigmagen.report.colour import console

        print_alerts(console(), detections, everything=settings.verbose)
        click.echo(err=True)
    alerts = format_count(len(detections), "alert") if detections else "no alert"
    ran = format_count(len(loaded.rules) - len(not_run), "rule")
    skipped = f", {format_count(len(not_run), 'rule')} not run (-v says why)" if not_run else ""
    click.echo(f"{alerts} from {iso(start)} to {iso(end)}; {ran} run{skipped}", err=True)
    return broken(loaded.problems) or (EXIT_FINDINGS if fail_on_alert and detections else 0)


def source_table(target: str) -> str:
    """Return the table that a target reads by default."""
    from sigmagen.targets import registry

    return registry.get(target).typed_table or ""


def _connect(engine: str, location: str, data: Path | None) -> LakeClient:
    """Connect to a lake. Raises SigmagenError if its client is missing, or it can't be reached."""
    if data and engine not in READS_FILES:
        message = f"{engine} reads tables only"
        hint = f"--data works with {' and '.join(READS_FILES)}"
        raise SigmagenError(Problem("usage", message, hint=hint), EXIT_USAGE)
    if engine == "databricks":
        from sigmagen.engines.databricks import connect_databricks

        return connect_databricks()
    if engine == "trino":
        from sigmagen.engines.trino import connect_trino

        return connect_trino()
    return _open_files(engine, location, data)


def _open_files(engine: str, location: str, data: Path | None) -> LakeClient:
    """Start Spark or ClickHouse in this process, with a view of the files in a folder."""
    from sigmagen.engines.opening import is_installed

    package = {"spark": "pyspark", "clickhouse": "chdb"}[engine]
    if not is_installed(package):
        hint = f"pip install 'sigmagen-extraction[{engine}]'"
        raise SigmagenError(Problem("extra-missing", f"{package} is not installed", hint=hint), EXIT_USAGE)
    if engine == "spark":
        from sigmagen.engines.spark import THREADS, SparkClient
        from sigmagen.net.settings import SPARK_MASTER, read_setting

        spark = SparkClient(read_setting(SPARK_MASTER) or THREADS)
        if data:
            spark.read(location, data)
        return spark
    from sigmagen.engines.clickhouse import ClickHouseClient

    if data is None:
        message = "ClickHouse runs in this process and has no tables: pass --data"
        raise SigmagenError(Problem("usage", message), EXIT_USAGE)
    clickhouse = ClickHouseClient()
    clickhouse.read(location, data)
    return clickhouse
