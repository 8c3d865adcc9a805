"""Spark in processes of this machine: pyspark, with threads or executor processes as its master says."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Literal

from sigmagen.convert.converter import Query
from sigmagen.durations import SECOND
from sigmagen.engines import opening
from sigmagen.engines.alert import Alert, Engine, alerts_from
from sigmagen.engines.closing import Closing
from sigmagen.engines.errors import QueryRefusedError
from sigmagen.engines.lake_table import columns_of, write_parquet
from sigmagen.mapping.source import Source
from sigmagen.mapping.taxonomy import Taxonomy
from sigmagen.net.settings import SPARK_MASTER, read_setting
from sigmagen.problems import EXIT_USAGE, Problem, SigmagenError
from sigmagen.targets.lake import DAY, TIME

THREADS = "local[2]"
SMALL_DATA = {
    # What takes time is to start, and to compile.
    "spark.sql.shuffle.partitions": "2",
    "spark.driver.extraJavaOptions": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1",
}
_TYPES = {"VARCHAR": "STRING"}
HINT = "Spark 4 needs Java 17 or newer: set JAVA_HOME, or put java on the path"


def open_spark(taxonomy: Taxonomy) -> Callable[[], Engine] | str:
    """pyspark, if it is installed."""
    if not opening.is_installed("pyspark"):
        return "Spark SQL needs pyspark and Java 17: pip install 'sigmagen-extraction[spark]'"
    return lambda: SparkEngine(taxonomy, read_setting(SPARK_MASTER) or THREADS)


class SparkClient(Closing):
    """Runs queries over the tables of a Spark session."""

    name: ClassVar[str] = "pyspark"

    def __init__(self, master: str = THREADS, settings: Mapping[str, str] = MappingProxyType({})) -> None:
        """`master` is Spark's: `local[2]` is two threads, `local-cluster[2,1,1024]` two processes of 1,024 MiB.

        `settings` go before those that Spark reads by itself, such as conf/spark-defaults.conf.
        """
        self.folder = tempfile.TemporaryDirectory()
        try:
            self.session = start(master, Path(self.folder.name), settings)
        except SigmagenError:
            self.folder.cleanup()
            raise

    def read(self, location: str, folder: Path) -> None:
        """Make a view of Parquet files in `folder`, or in its folders `day=YYYY-MM-DD`."""
        self.session.read.parquet(str(folder)).createOrReplaceTempView(location)

    def run(self, query: Query, start: int, end: int) -> list[Alert]:
        """Return the alerts in [start, end), epoch milliseconds. Raises QueryRefusedError."""
        edges = {"range_start": start, "range_end": end}
        arguments = {name: datetime.fromtimestamp(moment / SECOND, UTC) for name, moment in edges.items()}
        refused = import_module("pyspark.errors").PySparkException
        try:
            frame = self.session.sql(query.text, args=arguments)
            rows = [tuple(row) for row in frame.collect()]
        except refused as error:
            raise QueryRefusedError(self.name, str(error).strip().partition("\n")[0]) from None
        return alerts_from(query, frame.columns, rows)

    def version(self) -> str:
        """Spark's version, and where it ran."""
        return f"{self.name} {self.session.version} {self.session.sparkContext.master}"

    def close(self) -> None:
        self.session.stop()
        self.folder.cleanup()


class SparkEngine(SparkClient):
    """A view of canonical events, kept in Parquet folders of a temporary folder."""

    siem: ClassVar[str] = "spark"
    fidelity: ClassVar[Literal["real", "emulated"]] = "real"

    def __init__(self, taxonomy: Taxonomy, master: str = THREADS) -> None:
        super().__init__(master, SMALL_DATA)
        self.taxonomy = taxonomy
        self.tables = 0

    def load(self, source: Source, records: Sequence[Mapping[str, Any]]) -> None:
        self.tables += 1
        folder = Path(self.folder.name) / f"events-{self.tables}"
        write_parquet(records, self.taxonomy, folder)
        folder.mkdir(exist_ok=True)
        kinds = {name: _TYPES.get(kind, kind) for name, (_, kind) in columns_of(self.taxonomy).items()}
        schema = ", ".join(f"{name} {kind}" for name, kind in {TIME: "TIMESTAMP", **kinds, DAY: "DATE"}.items())
        events = self.session.read.schema(schema).parquet(str(folder))
        events.createOrReplaceTempView(source.stored[self.siem].location)


def start(master: str, folder: Path, settings: Mapping[str, str]) -> Any:
    """A Spark session. Raises SigmagenError with what Java printed if there is none."""
    builder: Any = import_module("pyspark.sql").SparkSession.builder
    own = {
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.warehouse.dir": str(folder),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }
    for name, value in {**own, **settings}.items():
        builder = builder.config(name, value)
    log = folder / "spark.log"
    try:
        with _errors_into(log):
            session = builder.master(master).appName("sigmagen").getOrCreate()
    except Exception as error:
        last = log.read_text("utf-8", "replace").strip().splitlines()[-1:]
        message = f"Spark did not start with {master}: {' '.join(last) or error}"
        raise SigmagenError(Problem("no-spark", message, hint=HINT), EXIT_USAGE) from None
    session.sparkContext.setLogLevel("OFF")
    return session


@contextmanager
def _errors_into(path: Path) -> Iterator[None]:
    """Let a process that starts meanwhile write its standard error, which is full of notes, into a file."""
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with path.open("wb") as file:
            os.dup2(file.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
