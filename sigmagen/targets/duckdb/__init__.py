"""DuckDB's SQL: the reference dialect, also used for local detection."""

from __future__ import annotations

from sigmagen.durations import DAY, MINUTE
from sigmagen.targets.target import Limits, Target


def _find_name_fault(name: str, untyped: bool) -> str | None:
    taken = untyped and name.lower() in ("timestamp", "record")
    return "the table already has a column of this name" if taken else None


TARGET = Target(
    name="duckdb",
    product="DuckDB",
    language="SQL",
    suffix="sql",
    order=5,
    printer="sigmagen.targets.duckdb.printer:DuckDBPrinter",
    engine="sigmagen.engines.opening:open_duckdb",
    comment=("-- ", ""),
    limits=Limits(MINUTE, 3650 * DAY),
    find_name_fault=_find_name_fault,
)
