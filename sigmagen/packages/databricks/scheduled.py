"""Spark SQL for a schedule: the range is the time before the run, and the table a variable of the bundle."""

from __future__ import annotations

from sigmagen.plan.model import Plan
from sigmagen.plan.steps import Scan
from sigmagen.targets.spark.printer import SparkPrinter

TABLE = "${var.table}"


class ScheduledPrinter(SparkPrinter):
    """Prints a plan over the last `lookback` seconds, over the table `table`."""

    def __init__(self, plan: Plan, lookback: int, table: str = TABLE) -> None:
        super().__init__(plan)
        self.lookback = lookback
        self.table = table

    def range_edge(self, edge: str) -> str:
        now = "current_timestamp()"
        return now if edge == "range_end" else f"({now} - INTERVAL {self.lookback} SECOND)"

    def step_scan(self, step: Scan) -> None:
        super().step_scan(step)
        self._select.source = self.table
