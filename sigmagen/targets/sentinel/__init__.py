"""KQL of Microsoft Sentinel."""

from __future__ import annotations

import re

from sigmagen.targets.target import Location, Segments, Target

_TABLE = re.compile(r"[A-Za-z_]\w{0,99}", re.ASCII)
_RANGE = (
    "range-derived",
    "Sentinel doesn't pass a query its time range: only windows between the table's first and last record count",
)


def _find_location_fault(text: str) -> str | None:
    return None if _TABLE.fullmatch(text) else f"'{text}' is not the name of a table"


def _find_name_fault(name: str, untyped: bool) -> str | None:
    return "it means all columns" if name == "*" else None


def _column_name(segments: Segments) -> str | None:
    """Columns have no dots in their names; a part of a dynamic column has no name."""
    return str(segments[0]).replace(".", "_") if len(segments) == 1 and isinstance(segments[0], str) else None


TARGET = Target(
    name="sentinel",
    product="Microsoft Sentinel",
    language="KQL",
    suffix="kql",
    order=4,
    printer="sigmagen.targets.sentinel.printer:KustoPrinter",
    engine="sigmagen.engines.opening:open_sentinel",
    comment=("// ", ""),
    time_column="TimeGenerated",
    location=Location("table", _find_location_fault),
    decodes_records=True,
    missing_is_empty=True,
    find_name_fault=_find_name_fault,
    column_name=_column_name,
    pysigma_backend="kusto",
    pipeline_backends=frozenset({"kusto"}),
    pipeline_location="query_table",
    aliases=("kql",),
    range_warnings={"hunt": _RANGE, "alert": _RANGE},
)
