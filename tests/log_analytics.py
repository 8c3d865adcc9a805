"""Microsoft's tables of Log Analytics, whole, as it documents them."""

from __future__ import annotations

from functools import cache

import yaml

from sigmagen.sources import examples, source_names

EVERY_TABLE = {
    "TenantId": "string",
    "TimeGenerated": "datetime",
    "SourceSystem": "string",
    "Type": "string",
    "_BilledSize": "real",
    "_IsBillable": "string",
}
"""The columns that every table has."""


@cache
def documented_tables() -> dict[str, dict[str, str]]:
    """Table -> column -> Kusto type, of the tables that sources are kept in."""
    files = [examples(source) / "log_analytics_tables.yml" for source in source_names()]
    tables = {
        name: columns for file in files if file.exists() for name, columns in yaml.safe_load(file.read_text()).items()
    }
    return {table: {**EVERY_TABLE, **columns} for table, columns in tables.items()}
