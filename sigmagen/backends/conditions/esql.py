"""Comparisons in ES|QL."""

from __future__ import annotations

from typing import ClassVar

from sigmagen.backends.conditions.base import Conditions
from sigmagen.backends.lucene import LUCENE
from sigmagen.backends.printer import constant, lowered
from sigmagen.backends.regex import Pcre
from sigmagen.plan.expr import NUMERIC, Expr

_UNTEXTUAL = (*NUMERIC, "boolean", "timestamp", "ip")
_PARTS = {
    "minute": "minute_of_hour",
    "hour": "hour_of_day",
    "day": "day_of_month",
    "month": "month_of_year",
    "year": "year",
}


class EsqlConditions(Conditions):
    """Comparisons of one row's values."""

    syntax: ClassVar[Pcre] = LUCENE

    def op_is_missing(self, value: Expr) -> str:
        return f"{self.expr(value)} IS NULL"

    def op_is_present(self, value: Expr) -> str:
        return f"{self.expr(value)} IS NOT NULL"

    def op_has_value(self, value: Expr) -> str:
        """A comparison with a missing value is not true, so it needs no test of its own."""
        return self.op_is_present(value) if self.type_of(value) in _UNTEXTUAL else f'{self.expr(value)} != ""'

    def op_equals_ignoring_case(self, left: Expr, right: Expr) -> str:
        return f"TO_LOWER({self.expr(left)}) == {self.expr(lowered(right))}"

    def op_in_ignoring_case(self, left: Expr, *values: Expr) -> str:
        return f"TO_LOWER({self.expr(left)}) IN ({self.listed(tuple(map(lowered, values)))})"

    def op_in(self, left: Expr, *values: Expr) -> str:
        """The type of addresses knows by itself that a mapped one is the IPv4 address."""
        if self.type_of(left) == "ip":
            values = tuple(value for value in values if not str(constant(value)).startswith("::ffff:"))
        return super().op_in(left, *values)

    def op_contains(self, left: Expr, right: Expr) -> str:
        return f"LOCATE({self.expr(left)}, {self.expr(right)}) > 0"

    def op_like(self, left: Expr, *parts: Expr) -> str:
        escape = str.maketrans({"\\": "\\\\", "*": "\\*", "?": "\\?"})
        pattern = "".join({0: "*", 1: "?"}.get(part) or str(part).translate(escape) for part in map(constant, parts))
        return f"{self.expr(left)} LIKE {self.string(pattern)}"

    def op_text(self, value: Expr) -> str:
        return f"TO_STRING({self.expr(value)})"

    def matching(self, value: Expr, pattern: str) -> str:
        return f"{self.expr(value)} RLIKE {self.string(pattern)}"

    def op_in_network(self, value: Expr, *networks: Expr) -> str:
        address = self.expr(value) if self.type_of(value) == "ip" else f"TO_IP({self.expr(value)})"
        return f"CIDR_MATCH({address}, {self.listed(networks)})"

    def op_time_part(self, time: Expr, part: Expr) -> str:
        text = self.expr(time)
        if constant(part) in _PARTS:
            return f'DATE_EXTRACT("{_PARTS[constant(part)]}", {text})'
        # ES|QL numbers weeks from the first of January; ISO 8601's number is that of the week's Thursday.
        thursday = f'TO_DATETIME(TO_LONG({text}) + (4 - DATE_EXTRACT("day_of_week", {text})) * 86400000)'
        return f'(DATE_EXTRACT("day_of_year", {thursday}) + 6) / 7'
