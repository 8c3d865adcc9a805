"""ClickHouse's SQL, over a table of canonical events."""

from __future__ import annotations

from sigmagen.durations import DAY, MINUTE
from sigmagen.targets.target import Limits, Target

TARGET = Target(
    name="clickhouse",
    product="ClickHouse",
    language="ClickHouse SQL",
    suffix="clickhouse.sql",
    order=12,
    printer="sigmagen.targets.clickhouse.printer:ClickHousePrinter",
    engine="sigmagen.engines.clickhouse:open_clickhouse",
    comment=("-- ", ""),
    typed_table="ai_inference",
    limits=Limits(MINUTE, 3650 * DAY),
)
