"""Trino SQL. Regular expressions are Java's (Joni); the range is in parameters, each start followed by an end."""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import IPv6Network
from typing import ClassVar

from sigmagen.durations import iso
from sigmagen.expr.tree import Expr
from sigmagen.plan.steps import ExpandValues
from sigmagen.targets.lake import LakePrinter
from sigmagen.targets.printer import constant
from sigmagen.targets.regex import JONI, Pcre
from sigmagen.targets.sql import Select
from sigmagen.targets.unprintable import UNPRINTABLE

_EPOCH = "TIMESTAMP '1970-01-01 00:00:00.000'"
_ESCAPED = re.compile(f"{UNPRINTABLE.pattern}|[\t\n]")
_PARTS = {"day": "day_of_month"}


def interval(milliseconds: int) -> str:
    """A constant of so many milliseconds.

    >>> interval(600_000), interval(1)
    ("INTERVAL '600' SECOND", "INTERVAL '0.001' SECOND")
    """
    seconds, rest = divmod(milliseconds, 1000)
    return f"INTERVAL '{seconds}{f'.{rest:03}' if rest else ''}' SECOND"


class TrinoPrinter(LakePrinter):
    """Prints a plan as one SELECT over named sub-queries."""

    syntax: ClassVar[Pcre] = JONI
    text_type: ClassVar[str] = "VARCHAR"
    calls: ClassVar[frozenset[str]] = LakePrinter.calls
    functions: ClassVar[dict[str, str]] = {
        "coalesce": "coalesce",
        "concat": "concat",
        "lower": "lower",
        "starts_with": "starts_with",
        "length": "length",
        "sum": "sum",
        "min": "min",
        "max": "max",
        "any": "any_value",
    }

    def string(self, value: str) -> str:
        quoted = value.replace("'", "''")
        if not _ESCAPED.search(quoted):
            return f"'{quoted}'"
        text = _ESCAPED.sub(lambda found: f"\\{ord(found[0]):04x}", quoted.replace("\\", "\\\\"))
        return f"U&'{text}'"

    def range_edge(self, edge: str) -> str:
        return "CAST(? AS timestamp(3))"

    def numbers(self, column: str, values: Sequence[int]) -> str:
        return f"UNNEST(ARRAY[{', '.join(map(str, values))}]) AS spread({column})"

    def rows_of_groups(self, rows: str, groups: str, by: Sequence[str]) -> Select:
        if len(by) == 1:
            return super().rows_of_groups(rows, groups, by)
        row = f"ROW({', '.join(by)})"
        return Select(rows, name=rows, where=[f"{row} IN (SELECT {row} FROM {groups})"])

    def step_expandvalues(self, step: ExpandValues) -> None:
        self.close()
        column = self.name(step.name)
        self._select.source += f" CROSS JOIN UNNEST({column}) AS elements(element)"
        self._select.replaced, self._select.columns = [column], [(column, "element")]
        self._select.unnested = True

    def matching(self, value: Expr, pattern: str) -> str:
        return f"regexp_like({self.expr(value)}, {self.string(pattern)})"

    def replaced(self, text: str, pattern: str, group: int) -> str:
        return f"regexp_replace({text}, {self.string(pattern)}, '${group}')"

    def in_ipv6(self, value: Expr, network: IPv6Network) -> str:
        return f"contains('{network}', TRY_CAST({self.expr(value)} AS IPADDRESS))"

    def op_contains(self, value: Expr, part: Expr) -> str:
        return f"strpos({self.expr(value)}, {self.expr(part)}) > 0"

    def op_ends_with(self, value: Expr, part: Expr) -> str:
        end = self.expr(part)
        return f"substr({self.expr(value)}, -length({end})) = {end}"

    def op_left(self, value: Expr, length: Expr) -> str:
        return f"substr({self.expr(value)}, 1, {self.expr(length)})"

    def op_cast(self, value: Expr, kind: Expr) -> str:
        name = {"integer": "BIGINT", "float": "DOUBLE"}.get(str(constant(kind)), "VARCHAR")
        return f"TRY_CAST({self.expr(value)} AS {name})"

    def op_time_part(self, time: Expr, part: Expr) -> str:
        name = str(constant(part))
        return f"{_PARTS.get(name, name)}({self.expr(time)})"

    # Times. Intervals, because date_add takes 32 bits only, which are 24 days of milliseconds.

    def op_pane(self, time: Expr, tick: Expr) -> str:
        text = self._in_brackets(time)
        over = f"date_diff('millisecond', {_EPOCH}, {text}) % {constant(tick)}"
        return f"{text} - {over} * {interval(1)}"

    def op_tick(self, pane: Expr, number: Expr, tick: Expr) -> str:
        return f"{self._in_brackets(pane)} + {self.expr(number)} * {interval(constant(tick))}"

    def op_shift(self, time: Expr, by: Expr) -> str:
        milliseconds = constant(by)
        return f"{self._in_brackets(time)} {'-' if milliseconds < 0 else '+'} {interval(abs(milliseconds))}"

    def op_mirrored(self, time: Expr, around: Expr) -> str:
        """The moment as far from `around` as `time` is, on its other side."""
        first = self._in_brackets(around)
        return f"{first} + ({first} - {self._in_brackets(time)})"

    def _in_brackets(self, value: Expr) -> str:
        text = self.expr(value)
        return text if text.isidentifier() else f"({text})"

    def op_moment(self, milliseconds: Expr) -> str:
        return f"TIMESTAMP '{iso(constant(milliseconds)).rstrip('Z').replace('T', ' ')}'"

    def op_milliseconds(self, time: Expr) -> str:
        return self.expr(time)

    # Sets and aggregates.

    def op_size(self, values: Expr) -> str:
        return f"cardinality({self.expr(values)})"

    def op_head(self, values: Expr, number: Expr) -> str:
        return f"slice(array_sort({self.expr(values)}), 1, {self.expr(number)})"

    def op_values(self, value: Expr) -> str:
        text = self.expr(value)
        return f"array_agg(DISTINCT {text}) FILTER (WHERE {text} IS NOT NULL)"

    def op_merge_values(self, values: Expr) -> str:
        return f"array_distinct(flatten(array_agg({self.expr(values)})))"

    def op_percentile(self, value: Expr, percentile: Expr) -> str:
        """The nearest rank: the k-th smallest, k = ceil(n * p / 100)."""
        rank = f"(count(*) * {self.expr(percentile)} + 99) / 100"
        return f"element_at(array_sort(array_agg({self.expr(value)})), {rank})"
