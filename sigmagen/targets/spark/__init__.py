"""Spark SQL, which Databricks runs, too, over a table of canonical events."""

from __future__ import annotations

from sigmagen.durations import DAY, MINUTE
from sigmagen.targets.target import Limits, Target

TARGET = Target(
    name="spark",
    product="Spark",
    language="Spark SQL",
    suffix="spark.sql",
    order=10,
    printer="sigmagen.targets.spark.printer:SparkPrinter",
    engine="sigmagen.engines.spark:open_spark",
    comment=("-- ", ""),
    typed_table="ai_inference",
    limits=Limits(MINUTE, 3650 * DAY),
)
