"""SQLite's SQL, as an example of a target: this folder in `sigmagen/targets` would be all that it takes."""

from __future__ import annotations

from sigmagen.durations import DAY, MINUTE
from sigmagen.targets.target import Limits, Target

TARGET = Target(
    name="sqlite",
    product="SQLite",
    language="SQL of SQLite",
    suffix="sqlite.sql",
    order=99,
    printer="sigmagen.targets.sqlite.printer:SqlitePrinter",
    engine="sigmagen.targets.sqlite.engine:open_sqlite",
    comment=("-- ", ""),
    limits=Limits(MINUTE, 3650 * DAY),
)
