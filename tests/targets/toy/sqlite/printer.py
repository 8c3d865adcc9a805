"""Plans in SQLite's SQL, over tables with `timestamp` in epoch milliseconds and `record` as JSON text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import ClassVar

from sigmagen.expr.operations import OPERATIONS
from sigmagen.expr.tree import NUMERIC, Expr, Get, Literal, Scalar
from sigmagen.plan.steps import InsideRange
from sigmagen.targets.printer import constant, lowered
from sigmagen.targets.sql import SqlPrinter

_LIBRARY = "SQLite has no function for it"
_JSON_TYPES = {
    "integer": "'integer'",
    "float": "'integer', 'real'",
    "boolean": "'true', 'false'",
    "string": "'text'",
    "ip": "'text'",
    "hash": "'text'",
    "text": "'text'",
}
_IMPLEMENTED = """
add and cast coalesce concat contains count count_if differs distinct ends_with eq equals_ignoring_case gt gte
has_no_value has_value if in in_ignoring_case is_empty is_missing is_present left length like like_ignoring_case lower
lt lte max mean min mirrored moment ne not not_empty or pane shift starts_with subtract sum sum_positive tick times
"""


class SqlitePrinter(SqlPrinter):
    """Comparisons, values and aggregates. A rule that needs what is lacking is refused."""

    reserved: ClassVar[frozenset[str]] = frozenset(("group", "order", "index", "table", "values", "from", "to", "by"))
    functions: ClassVar[dict[str, str]] = {name: name for name in ("coalesce", "lower", "length", "min", "max", "sum")}
    lacking: ClassVar[Mapping[str, str]] = {
        **{name: _LIBRARY for name in OPERATIONS if name not in _IMPLEMENTED.split()},
        "join": "a record that is read from files is whole",
        "insiderange": "the query does not know the range that it runs over",
        "expandvalues": _LIBRARY,
    }

    def string(self, value: str) -> str:
        return "'" + value.replace("'", "''") + "'"

    def literal(self, value: Scalar) -> str:
        return str(int(value)) if isinstance(value, bool) else super().literal(value)

    def get(self, get: Get) -> str:
        path = self.string("$" + "".join(self._segment(segment) for segment in get.segments))
        if get.type not in _JSON_TYPES:
            return self._lack(get.type)
        return f"CASE WHEN json_type(record, {path}) IN ({_JSON_TYPES[get.type]}) THEN record ->> {path} END"

    def _segment(self, segment: str | int) -> str:
        return "." + json.dumps(segment, ensure_ascii=False) if isinstance(segment, str) else f"[{segment}]"

    def _lack(self, what: str) -> str:
        raise self._lacks(f"a value of type {what}", _LIBRARY)

    def op_is_missing(self, value: Expr) -> str:
        return f"{self.expr(value)} IS NULL"

    def op_is_present(self, value: Expr) -> str:
        return f"{self.expr(value)} IS NOT NULL"

    def op_has_value(self, value: Expr) -> str:
        return (
            self.op_is_present(value) if self.type_of(value) in (*NUMERIC, "boolean") else f"{self.expr(value)} <> ''"
        )

    def op_not_empty(self, value: Expr) -> str:
        return f"nullif({self.expr(value)}, '')"

    def op_equals_ignoring_case(self, left: Expr, right: Expr) -> str:
        return f"lower({self.expr(left)}) = {self.expr(lowered(right))}"

    def op_in_ignoring_case(self, left: Expr, *values: Expr) -> str:
        return f"lower({self.expr(left)}) IN ({self.listed(tuple(map(lowered, values)))})"

    def op_starts_with(self, value: Expr, start: Expr) -> str:
        return f"substr({self.expr(value)}, 1, length({self.expr(start)})) = {self.expr(start)}"

    def op_ends_with(self, value: Expr, end: Expr) -> str:
        return f"substr({self.expr(value)}, -length({self.expr(end)})) = {self.expr(end)}"

    def op_contains(self, value: Expr, part: Expr) -> str:
        return f"instr({self.expr(value)}, {self.expr(part)}) > 0"

    def op_left(self, value: Expr, number: Expr) -> str:
        return f"substr({self.expr(value)}, 1, {self.expr(number)})"

    def op_like(self, value: Expr, *parts: Expr) -> str:
        """GLOB minds case; its wildcards and brackets are escaped by brackets."""
        escaped = str.maketrans({"*": "[*]", "?": "[?]", "[": "[[]"})
        pattern = "".join({0: "*", 1: "?"}.get(part) or str(part).translate(escaped) for part in map(constant, parts))
        return f"{self.expr(value)} GLOB {self.string(pattern)}"

    def op_like_ignoring_case(self, value: Expr, *parts: Expr) -> str:
        return self.op_like(value, *map(lowered, parts)).replace(self.expr(value), f"lower({self.expr(value)})", 1)

    def matching(self, value: Expr, pattern: str) -> str:
        raise self.unsupported(value, "compared with a regular expression, which SQLite does not have")

    def op_concat(self, *parts: Expr) -> str:
        return " || ".join(self._operand(part) for part in parts)

    def op_if(self, condition: Expr, then: Expr, otherwise: Expr) -> str:
        end = "" if otherwise == Literal(None) else f" ELSE {self.expr(otherwise)}"
        return f"CASE WHEN {self.expr(condition)} THEN {self.expr(then)}{end} END"

    def op_cast(self, value: Expr, kind: Expr) -> str:
        sql = {"integer": "INTEGER", "float": "REAL"}.get(str(constant(kind)), "TEXT")
        return f"CAST({self.expr(value)} AS {sql})"

    def op_mean(self, total: Expr, number: Expr) -> str:
        return f"CAST({self.expr(total)} AS REAL) / {self.expr(number)}"

    # Times are numbers.

    def op_pane(self, time: Expr, tick: Expr) -> str:
        start = self._operand(time)
        return f"({start} - {start} % {constant(tick)})"

    def op_tick(self, pane: Expr, number: Expr, tick: Expr) -> str:
        return f"{self.expr(pane)} + {self.expr(number)} * {constant(tick)}"

    def op_shift(self, time: Expr, by: Expr) -> str:
        return f"{self.expr(time)} + {constant(by)}"

    def op_moment(self, milliseconds: Expr) -> str:
        return str(constant(milliseconds))

    # Aggregates.

    def op_count(self) -> str:
        return "count(*)"

    def op_count_if(self, condition: Expr) -> str:
        return f"count(*) FILTER (WHERE {self.expr(condition)})"

    def op_sum_positive(self, value: Expr) -> str:
        return f"sum({self.expr(value)}) FILTER (WHERE {self.expr(value)} > 0)"

    def op_distinct(self, value: Expr) -> str:
        return f"count(DISTINCT {self.expr(value)}) FILTER (WHERE {self.op_has_value(value)})"

    def step_insiderange(self, step: InsideRange) -> None:
        raise self._lacks("the step 'insiderange'", self.lacking["insiderange"])
