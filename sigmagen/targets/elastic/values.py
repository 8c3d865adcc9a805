"""How ES|QL computes values and aggregates."""

from __future__ import annotations

from sigmagen.durations import iso, largest_unit
from sigmagen.expr.tree import Expr
from sigmagen.targets.elastic.conditions import CASTS
from sigmagen.targets.elastic.several import EsqlSeveral
from sigmagen.targets.printer import constant

INGESTED = "event.ingested"
"""The column in which Elastic's pipelines note when a record arrived."""

_UNITS = {"d": "day", "h": "hour", "m": "minute", "s": "second", "ms": "millisecond"}


class EsqlValues(EsqlSeveral):
    """Values computed from one row, and aggregates of many rows."""

    def op_sha256(self, value: Expr) -> str:
        text = self.expr(value)
        return f'CASE({text} != "", HASH("sha256", {text}), null)'

    def op_not_empty(self, value: Expr) -> str:
        text = self.expr(value)
        return f'CASE({text} != "", {text}, null)'

    def op_json_text(self, value: Expr) -> str:
        return self.expr(value)

    def op_sorted_pieces(self, value: Expr) -> str:
        return f'MV_CONCAT(MV_SORT(SPLIT({self.expr(value)}, ",")), ",")'

    def op_cast(self, value: Expr, kind: Expr) -> str:
        return f"{CASTS.get(str(constant(kind)), 'TO_STRING')}({self.expr(value)})"

    def op_divide(self, left: Expr, right: Expr) -> str:
        return f"CASE({self.expr(right)} == 0, null, TO_DOUBLE({self.expr(left)}) / {self.expr(right)})"

    def op_pane(self, time: Expr, tick: Expr) -> str:
        number, unit = largest_unit(constant(tick))
        return f"DATE_TRUNC({number} {_UNITS[unit]}{'s' if number != 1 else ''}, {self.expr(time)})"

    def op_tick(self, pane: Expr, number: Expr, tick: Expr) -> str:
        return f"TO_DATETIME(TO_LONG({self.expr(pane)}) + {self.expr(number)} * {constant(tick)})"

    def op_shift(self, time: Expr, by: Expr) -> str:
        milliseconds = constant(by)
        number, unit = largest_unit(abs(milliseconds))
        sign = "-" if milliseconds < 0 else "+"
        return f"{self.expr(time)} {sign} {number} {_UNITS[unit]}{'s' if number != 1 else ''}"

    def op_mirrored(self, time: Expr, around: Expr) -> str:
        """ES|QL can't subtract dates."""
        return f"TO_DATETIME(2 * TO_LONG({self.expr(around)}) - TO_LONG({self.expr(time)}))"

    def op_moment(self, milliseconds: Expr) -> str:
        return f'TO_DATETIME("{iso(constant(milliseconds))}")'

    def op_milliseconds(self, time: Expr) -> str:
        """Dates have millisecond precision."""
        return self.expr(time)

    def op_mean(self, total: Expr, number: Expr) -> str:
        """In ES|QL, the quotient of two integers would be an integer."""
        return f"TO_DOUBLE({self.expr(total)}) / {self.expr(number)}"

    def op_size(self, values: Expr) -> str:
        return f"MV_COUNT({self.expr(values)})"

    def op_head(self, values: Expr, number: Expr) -> str:
        return f"MV_SLICE(MV_SORT({self.expr(values)}), 0, {constant(number) - 1})"

    # Readiness.

    def op_ingestion_time(self) -> str:
        return INGESTED

    def op_seconds_between(self, later: Expr, earlier: Expr) -> str:
        return f'DATE_DIFF("seconds", {self.expr(earlier)}, {self.expr(later)})'

    def op_share(self, part: Expr, whole: Expr) -> str:
        total = self.expr(whole)
        return f"CASE({total} == 0, null, ROUND(100.0 * {self.expr(part)} / {total}, 1))"

    # Aggregates.

    def op_count(self) -> str:
        return "COUNT(*)"

    def op_count_if(self, condition: Expr) -> str:
        return f"COUNT(*) WHERE {self.expr(condition)}"

    def op_sum_positive(self, value: Expr) -> str:
        return f"SUM({self.expr(value)}) WHERE {self.expr(value)} > 0"

    def op_percentile(self, value: Expr, percentile: Expr) -> str:
        return f"PERCENTILE({self.expr(value)}, {self.expr(percentile)})"

    def op_merge_values(self, values: Expr) -> str:
        """VALUES collects the elements of a multi-valued column."""
        return f"VALUES({self.expr(values)})"

    def op_distinct(self, value: Expr) -> str:
        """Exact, unlike COUNT_DISTINCT. An empty text doesn't count; without any value, MV_COUNT is null."""
        text = self.expr(value)
        texts = self.type_of(value) not in (*CASTS, "ip")
        present = f'CASE({text} != "", {text}, null)' if texts else text
        return f"COALESCE(MV_COUNT(VALUES({present})), 0)"
