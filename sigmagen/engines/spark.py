"""Spark inside this process: pyspark, with as many threads as it gets."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, Literal

from sigmagen.convert.converter import Query
from sigmagen.durations import SECOND
from sigmagen.engines.alert import Alert, Engine, alerts_from
from sigmagen.engines.closing import Closing
from sigmagen.engines.errors import QueryRefusedError
from sigmagen.engines.lake_table import write_parquet
from sigmagen.mapping.source import Source
from sigmagen.mapping.taxonomy import Taxonomy

MASTER = "SIGMAGEN_SPARK_MASTER"


def open_spark(taxonomy: Taxonomy) -> Callable[[], Engine] | str:
    """pyspark, if it is installed."""
    if find_spec("pyspark") is None:
        return "Spark SQL needs pyspark and Java 17: pip install 'sigmagen-extraction[spark]'"
    return lambda: SparkEngine(taxonomy)


class SparkEngine(Closing):
    """A view of canonical events, kept in a Parquet file of a temporary folder."""

    name: ClassVar[str] = "pyspark"
    siem: ClassVar[str] = "spark"
    fidelity: ClassVar[Literal["real", "emulated"]] = "real"

    def __init__(self, taxonomy: Taxonomy, master: str | None = None) -> None:
        """`master` is Spark's: `local[2]` is two threads, `local-cluster[2,1,1024]` two processes of a gigabyte."""
        from pyspark.sql import SparkSession

        self.taxonomy = taxonomy
        self.folder = tempfile.TemporaryDirectory()
        self.files = 0
        builder: Any = SparkSession.builder
        self.session = (
            builder.master(master or os.environ.get(MASTER, "local[2]"))
            .appName("sigmagen")
            .config("spark.sql.session.timeZone", "UTC")
            .config("spark.sql.shuffle.partitions", "2")
            .config("spark.ui.enabled", "false")
            .config("spark.sql.warehouse.dir", self.folder.name)
            .getOrCreate()
        )
        self.session.sparkContext.setLogLevel("OFF")

    def load(self, source: Source, records: Sequence[Mapping[str, Any]]) -> None:
        self.files += 1
        path = Path(self.folder.name) / f"events-{self.files}.parquet"
        write_parquet(records, self.taxonomy, path)
        events = self.session.read.parquet(str(path))
        events.createOrReplaceTempView(source.stored[self.siem].location)

    def run(self, query: Query, start: int, end: int) -> list[Alert]:
        edges = {"range_start": start, "range_end": end}
        arguments = {name: datetime.fromtimestamp(moment / SECOND, UTC) for name, moment in edges.items()}
        from pyspark.errors import PySparkException

        try:
            frame = self.session.sql(query.text, args=arguments)
            rows = [tuple(row) for row in frame.collect()]
        except PySparkException as error:
            raise QueryRefusedError(self.name, str(error).strip().partition("\n")[0]) from None
        return alerts_from(query, frame.columns, rows)

    def close(self) -> None:
        self.session.stop()
        self.folder.cleanup()
