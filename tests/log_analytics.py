"""Microsoft's tables of Log Analytics, whole, as it documents them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import yaml

_FILE = Path(__file__).parent / "fixtures" / "log_analytics_tables.yml"


@cache
def documented_tables() -> dict[str, dict[str, str]]:
    """Table -> column -> Kusto type."""
    data = yaml.safe_load(_FILE.read_text())
    return {table: {**data["every_table"], **columns} for table, columns in data["tables"].items()}
