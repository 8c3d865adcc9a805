"""kusto-local bins times exactly, as Kusto does: its ticks are whole numbers.

https://learn.microsoft.com/en-us/kusto/query/bin-function
"""

from __future__ import annotations

import pytest

from sigmagen.engines.alert import instant
from sigmagen.engines.kusto_local import KustoLocalEngine
from tests.native_logs import converter

START = 1_780_456_182_000_000
"""Microseconds since the epoch."""


@pytest.mark.parametrize(("size", "length"), [("1ms", 1_000), ("125ms", 125_000), ("150s", 150_000_000)])
def test_every_time_is_in_its_own_bin(size: str, length: int) -> None:
    source = converter().sources["canonical"]
    table = source.stored["sentinel"].location
    with KustoLocalEngine(converter().taxonomy) as engine:
        engine.load(source, [])
        engine.select(0, 4_000_000_000_000)
        engine.connection.execute(
            f'INSERT INTO stored."{table}" (TimeGenerated) '
            f"SELECT make_timestamp({START} + 1000 * n + m) FROM range(1000) AS a(n), (VALUES (0), (999)) AS b(m)"
        )
        columns, rows = engine.execute(f"{table}\n| extend own = bin(TimeGenerated, {size})", source)
    time, own = columns.index("TimeGenerated"), columns.index("own")
    assert len(rows) == 2000
    for row in rows:
        exact, binned = (1000 * instant(row[column]) + row[column].microsecond % 1000 for column in (time, own))
        assert exact // length * length == binned, row
