"""Trino's SQL, which Athena runs, too, over a table of canonical events."""

from __future__ import annotations

from sigmagen.durations import DAY, MINUTE
from sigmagen.targets.target import Limits, Target

TARGET = Target(
    name="trino",
    product="Trino",
    language="Trino SQL",
    suffix="trino.sql",
    order=11,
    printer="sigmagen.targets.trino.printer:TrinoPrinter",
    engine="sigmagen.engines.trino:open_trino",
    comment=("-- ", ""),
    typed_table="ai_inference",
    limits=Limits(MINUTE, 3650 * DAY),
)
