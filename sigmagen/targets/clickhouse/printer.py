"""ClickHouse SQL. Regular expressions are RE2's; the range is in two query parameters."""

from __future__ import annotations

from ipaddress import IPv6Network
from typing import ClassVar

from sigmagen.durations import iso
from sigmagen.expr.tree import Expr
from sigmagen.plan.steps import Union
from sigmagen.targets.lake import LakePrinter
from sigmagen.targets.printer import Printer, constant
from sigmagen.targets.regex import RE2_BY_LINE, Pcre
from sigmagen.targets.unprintable import escaped, utf8_escape

_PARTS = {
    "minute": "toMinute",
    "hour": "toHour",
    "day": "toDayOfMonth",
    "week": "toISOWeek",
    "month": "toMonth",
    "year": "toYear",
}


class ClickHousePrinter(LakePrinter):
    """Prints a plan as one SELECT over named sub-queries."""

    syntax: ClassVar[Pcre] = RE2_BY_LINE
    reserved: ClassVar[frozenset[str]] = frozenset()
    text_type: ClassVar[str] = "Nullable(String)"
    functions: ClassVar[dict[str, str]] = {
        "coalesce": "coalesce",
        "concat": "concat",
        "lower": "lowerUTF8",
        "starts_with": "startsWith",
        "ends_with": "endsWith",
        "left": "leftUTF8",
        "length": "lengthUTF8",
        "sum": "sum",
        "min": "min",
        "max": "max",
        "any": "any",
    }

    def text(self) -> str:
        # An alias with the name of a column would otherwise be read instead of the column.
        return super().text() + "\nSETTINGS prefer_column_name_to_alias = 1"

    def branches(self, step: Union) -> list[Printer]:
        """ClickHouse can't find a sub-query if one around it has the same name, so those of a branch have others."""
        printers = super().branches(step)
        for number, printer in enumerate(printers, 1):
            if isinstance(printer, ClickHousePrinter):
                printer.prefix = f"{self.prefix}branch_{number}_"
        return printers

    def string(self, value: str) -> str:
        text = value.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
        return f"'{escaped(text, utf8_escape)}'"

    def range_edge(self, edge: str) -> str:
        return f"{{{edge}:DateTime64(3, 'UTC')}}"

    def date_of(self, time: str) -> str:
        return f"toDate({time}, 'UTC')"

    def matching(self, value: Expr, pattern: str) -> str:
        return f"match({self.expr(value)}, {self.string(pattern)})"

    def in_ipv6(self, value: Expr, network: IPv6Network) -> str:
        first, last = (f"IPv6StringToNum('{address}')" for address in (network[0], network[-1]))
        return f"IPv6StringToNumOrNull({self.expr(value)}) BETWEEN {first} AND {last}"

    def replaced(self, text: str, pattern: str, group: int) -> str:
        replacement = self.string(f"\\{group}")
        return f"replaceRegexpOne({text}, {self.string(pattern)}, {replacement})"

    def unnested(self, column: str) -> str:
        return f"arrayJoin({column})"

    def op_contains(self, value: Expr, part: Expr) -> str:
        return f"position({self.expr(value)}, {self.expr(part)}) > 0"

    def op_mean(self, total: Expr, number: Expr) -> str:
        return f"{self.expr(total)} / {self.expr(number)}"

    def op_divide(self, left: Expr, right: Expr) -> str:
        return f"{self._operand(left)} / nullif({self.expr(right)}, 0)"

    def op_cast(self, value: Expr, kind: Expr) -> str:
        name = {"integer": "Int64", "float": "Float64"}.get(str(constant(kind)))
        return f"to{name}OrNull({self.expr(value)})" if name else f"toString({self.expr(value)})"

    def op_time_part(self, time: Expr, part: Expr) -> str:
        return f"{_PARTS[str(constant(part))]}({self.expr(time)}, 'UTC')"

    # Times.

    def op_pane(self, time: Expr, tick: Expr) -> str:
        number = f"intDiv(toUnixTimestamp64Milli({self.expr(time)}), {constant(tick)})"
        return f"fromUnixTimestamp64Milli({number} * {constant(tick)}, 'UTC')"

    def op_tick(self, pane: Expr, number: Expr, tick: Expr) -> str:
        return f"addMilliseconds({self.expr(pane)}, {self.expr(number)} * {constant(tick)})"

    def op_shift(self, time: Expr, by: Expr) -> str:
        return f"addMilliseconds({self.expr(time)}, {constant(by)})"

    def op_mirrored(self, time: Expr, around: Expr) -> str:
        """The moment as far from `around` as `time` is, on its other side."""
        first, second = self.expr(around), self.expr(time)
        distance = f"toUnixTimestamp64Milli({first}) - toUnixTimestamp64Milli({second})"
        return f"addMilliseconds({first}, {distance})"

    def op_moment(self, milliseconds: Expr) -> str:
        return f"toDateTime64('{iso(constant(milliseconds)).rstrip('Z')}', 3, 'UTC')"

    def op_milliseconds(self, time: Expr) -> str:
        return self.expr(time)

    # Sets and aggregates.

    def op_size(self, values: Expr) -> str:
        return f"length({self.expr(values)})"

    def op_head(self, values: Expr, number: Expr) -> str:
        return f"arraySlice(arraySort({self.expr(values)}), 1, {self.expr(number)})"

    def op_values(self, value: Expr) -> str:
        return f"groupUniqArray({self.expr(value)})"

    def op_merge_values(self, values: Expr) -> str:
        return f"groupUniqArrayArray({self.expr(values)})"

    def op_percentile(self, value: Expr, percentile: Expr) -> str:
        """The nearest rank: the k-th smallest, k = ceil(n * p / 100)."""
        rank = f"intDiv(count(*) * {self.expr(percentile)} + 99, 100)"
        return f"arraySort(groupArray({self.expr(value)}))[{rank}]"
