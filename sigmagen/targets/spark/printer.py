"""Spark SQL. Regular expressions are Java's; the range is in two named parameters."""

from __future__ import annotations

from typing import ClassVar

from sigmagen.durations import iso
from sigmagen.expr.tree import Expr
from sigmagen.targets.lake import LakePrinter
from sigmagen.targets.printer import constant
from sigmagen.targets.regex import JAVA, Pcre
from sigmagen.targets.unprintable import escaped, unicode_escape


def _in_utc(time: str) -> str:
    """A time whose date and hour are those of UTC, whatever the session's time zone."""
    return f"to_utc_timestamp({time}, current_timezone())"


class SparkPrinter(LakePrinter):
    """Prints a plan as one SELECT over named sub-queries."""

    syntax: ClassVar[Pcre] = JAVA
    functions: ClassVar[dict[str, str]] = {
        "coalesce": "coalesce",
        "concat": "concat",
        "lower": "lower",
        "starts_with": "startswith",
        "ends_with": "endswith",
        "contains": "contains",
        "left": "left",
        "length": "length",
        "sum": "sum",
        "min": "min",
        "max": "max",
        "any": "any_value",
    }

    def string(self, value: str) -> str:
        text = value.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
        return f"'{escaped(text, unicode_escape)}'"

    def range_edge(self, edge: str) -> str:
        return f"CAST(:{edge} AS TIMESTAMP)"

    def date_of(self, time: str) -> str:
        return f"CAST({_in_utc(time)} AS DATE)"

    def matching(self, value: Expr, pattern: str) -> str:
        return f"{self.expr(value)} RLIKE {self.string(pattern)}"

    def replaced(self, text: str, pattern: str, group: int) -> str:
        return f"regexp_replace({text}, {self.string(pattern)}, '${group}')"

    def op_cast(self, value: Expr, kind: Expr) -> str:
        name = {"integer": "BIGINT", "float": "DOUBLE"}.get(str(constant(kind)), "STRING")
        return f"TRY_CAST({self.expr(value)} AS {name})"

    def op_time_part(self, time: Expr, part: Expr) -> str:
        return f"CAST(date_part({self.expr(part)}, {_in_utc(self.expr(time))}) AS INT)"

    # Times, in milliseconds.

    def op_pane(self, time: Expr, tick: Expr) -> str:
        number = f"unix_millis({self.expr(time)})"
        return f"timestamp_millis({number} - pmod({number}, {constant(tick)}))"

    def op_tick(self, pane: Expr, number: Expr, tick: Expr) -> str:
        return f"timestamp_millis(unix_millis({self.expr(pane)}) + {self.expr(number)} * {constant(tick)})"

    def op_shift(self, time: Expr, by: Expr) -> str:
        milliseconds = constant(by)
        sign = "-" if milliseconds < 0 else "+"
        return f"timestamp_millis(unix_millis({self.expr(time)}) {sign} {abs(milliseconds)})"

    def op_mirrored(self, time: Expr, around: Expr) -> str:
        """The moment as far from `around` as `time` is, on its other side."""
        return f"timestamp_millis(2 * unix_millis({self.expr(around)}) - unix_millis({self.expr(time)}))"

    def op_moment(self, milliseconds: Expr) -> str:
        return f"TIMESTAMP '{iso(constant(milliseconds))}'"

    def op_milliseconds(self, time: Expr) -> str:
        return self.expr(time)

    # Sets and aggregates.

    def op_size(self, values: Expr) -> str:
        return f"size({self.expr(values)})"

    def op_head(self, values: Expr, number: Expr) -> str:
        return f"slice(array_sort({self.expr(values)}), 1, {self.expr(number)})"

    def op_values(self, value: Expr) -> str:
        return f"collect_set({self.expr(value)})"

    def op_merge_values(self, values: Expr) -> str:
        return f"array_distinct(flatten(collect_list({self.expr(values)})))"

    def op_percentile(self, value: Expr, percentile: Expr) -> str:
        """The nearest rank: the k-th smallest, k = ceil(n * p / 100)."""
        rank = f"CAST((count(*) * {self.expr(percentile)} + 99) DIV 100 AS INT)"
        return f"array_sort(collect_list({self.expr(value)}))[{rank} - 1]"
