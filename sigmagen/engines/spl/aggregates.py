"""The aggregate functions of stats (Search Reference, "Statistical and charting functions")."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sigmagen.engines.spl.errors import refuse
from sigmagen.engines.spl.evaluate import compile_node
from sigmagen.engines.spl.scanner import EXPRESSION, Scanner
from sigmagen.engines.spl.tree import parse_expression
from sigmagen.engines.spl.values import Expression, Row, Scalar, Value, from_values, to_number, to_text, values_of

LIST_LIMIT = 100

Work = Callable[[Sequence[Row], Expression], Value]


@dataclass(frozen=True, slots=True)
class Aggregate:
    """An aggregate function and the field for its result."""

    name: str
    work: Work
    of: Expression

    def over(self, rows: Sequence[Row]) -> Value:
        """Return the value of the function for rows."""
        return self.work(rows, self.of)


def _all(rows: Sequence[Row], of: Expression) -> list[Scalar]:
    return [value for row in rows for value in values_of(of(row))]


def _numbers(rows: Sequence[Row], of: Expression) -> list[float]:
    """Return the numeric values; others are ignored."""
    return [number for value in _all(rows, of) if (number := to_number(value)) is not None]


def _count(rows: Sequence[Row], of: Expression) -> Value:
    """Count rows, or a field's values."""
    return float(len(rows) if of is _always else len(_all(rows, of)))


def _always(row: Row) -> Value:
    return 1.0


def _sum(rows: Sequence[Row], of: Expression) -> Value:
    found = _numbers(rows, of)
    return sum(found) if found else None


def _mean(rows: Sequence[Row], of: Expression) -> Value:
    found = _numbers(rows, of)
    return sum(found) / len(found) if found else None


def _extreme(choose: Callable[[list[float]], float], of_text: Callable[[list[str]], str]) -> Work:
    """Compare as numbers if all values are numeric, otherwise lexicographically."""

    def work(rows: Sequence[Row], of: Expression) -> Value:
        found = _all(rows, of)
        numbers = [number for value in found if (number := to_number(value)) is not None]
        if not found:
            return None
        return choose(numbers) if len(numbers) == len(found) else of_text([to_text(value) for value in found])

    return work


def _median(rows: Sequence[Row], of: Expression) -> Value:
    """Return the median; the higher middle value if the number of values is even."""
    found = sorted(_numbers(rows, of))
    return found[len(found) // 2] if found else None


def _percentile(share: float) -> Work:
    """Use nearest rank, the default of limits.conf (perc_method). Above 1,000 distinct values Splunk approximates; this
    does not."""

    def work(rows: Sequence[Row], of: Expression) -> Value:
        found = sorted(_numbers(rows, of))
        return found[max(0, math.ceil(share / 100 * len(found)) - 1)] if found else None

    return work


def _timed(rows: Sequence[Row], of: Expression, *, latest: bool) -> Value:
    found = [(time, row) for row in rows if of(row) is not None and (time := to_number(row.get("_time"))) is not None]
    if not found:
        return None
    choose = max if latest else min
    return of(choose(found, key=lambda pair: pair[0])[1])


def _first(rows: Sequence[Row], of: Expression) -> Value:
    return next((value for row in rows if (value := of(row)) is not None), None)


_FUNCTIONS: dict[str, Work] = {
    "count": _count,
    "dc": lambda rows, of: float(len(set(map(to_text, _all(rows, of))))),
    "sum": _sum,
    "avg": _mean,
    "mean": _mean,
    "min": _extreme(min, min),
    "max": _extreme(max, max),
    "range": lambda rows, of: max(found) - min(found) if (found := _numbers(rows, of)) else None,
    "median": _median,
    "values": lambda rows, of: from_values(sorted(set(map(to_text, _all(rows, of))))),
    "list": lambda rows, of: from_values([to_text(value) for value in _all(rows, of)[:LIST_LIMIT]]),
    "first": _first,
    "last": lambda rows, of: _first(rows[::-1], of),
    "earliest": lambda rows, of: _timed(rows, of, latest=False),
    "latest": lambda rows, of: _timed(rows, of, latest=True),
}
_FUNCTIONS["distinct_count"] = _FUNCTIONS["dc"]
_PERCENTILE = re.compile(r"(?:exactperc|perc|p)([0-9]{1,2}(?:\.[0-9]+)?|100)")


def _function(name: str) -> Work | None:
    percentile = _PERCENTILE.fullmatch(name)
    return _percentile(float(percentile[1])) if percentile else _FUNCTIONS.get(name)


def parse_aggregates(scanner: Scanner) -> tuple[list[Aggregate], list[str]]:
    """`<function>[(<field> | eval(<expression>))] [AS <field>] ... [BY <fields>]`. Raises SplError."""
    found: list[Aggregate] = []
    while not scanner.at_end() and scanner.peek().value.upper() != "BY":
        found.append(_parse_one(scanner))
        scanner.take(",")
    if not found:
        refuse("expected a statistical function", scanner.peek().position)
    by: list[str] = []
    if scanner.take("BY"):
        while not by or not scanner.at_end():
            by.append(scanner.field())
            scanner.take(",")
    names = [aggregate.name for aggregate in found]
    if len({*names, *by}) < len(names) + len(by):
        refuse("two columns have the same name", scanner.position)
    return found, by


def _parse_one(scanner: Scanner) -> Aggregate:
    token = scanner.next()
    work = _function(token.value.lower()) if token.kind == "word" else None
    if work is None:
        refuse(f"statistical function {token.value!r} is not supported", token.position)
    of: Expression = _always
    label, computed = token.value, False
    if scanner.take("("):
        inner = scanner.peek()
        if inner.is_word("eval"):
            scanner.next()
            of, computed = _computed(scanner), True
        else:
            name = scanner.field()
            label, of = f"{token.value}({name})", lambda row: row.get(name)
        scanner.expect(")")
    elif token.value.lower() != "count":
        refuse(f"{token.value} needs a field", token.position)
    if scanner.take("AS"):
        label = scanner.field()
    elif computed:
        refuse("an aggregate of eval() needs AS", token.position)
    return Aggregate(label, work, of)


def _computed(scanner: Scanner) -> Expression:
    """Compile the expression of eval(...): a value, or a condition that counts if it is true."""
    scanner.expect("(", EXPRESSION)
    compiled = compile_node(parse_expression(scanner))
    scanner.expect(")", EXPRESSION)
    of = compiled.of
    return (lambda row: 1.0 if of(row) else None) if compiled.condition else of
