"""Comparisons in ES|QL of a field that may hold several values: any of them may match; negated, none may.

ES|QL answers every comparison of several values with null, and 8.19 has no function that looks for one among them. What
it has: functions that change each value, that count distinct ones, and that join them to one text.
"""

from __future__ import annotations

from typing import ClassVar

from sigmagen.expr.regex import (
    Atomic,
    Chain,
    Chars,
    Choice,
    Group,
    Node,
    Ranges,
    Repeat,
    complement,
    parse,
    unite,
    wildcards,
)
from sigmagen.expr.tree import Call, Column, Expr, Get, Literal, subject
from sigmagen.targets.elastic.conditions import CASTS, EsqlConditions
from sigmagen.targets.lucene.terms import Lucene
from sigmagen.targets.printer import constant, lowered
from sigmagen.targets.regex import Pcre

SEPARATOR = "\u241e"
"""Between values that are joined to one text: the sign for a record separator. A value that has it is taken for two."""

_SEPARATOR_ALONE: Ranges = ((ord(SEPARATOR), ord(SEPARATOR)),)
_EXTREMES = {"lt": ("MV_MIN", "<"), "lte": ("MV_MIN", "<="), "gt": ("MV_MAX", ">"), "gte": ("MV_MAX", ">=")}
_EQUAL = ("eq", "in", "equals_ignoring_case", "in_ignoring_case", "is_empty")
_PATTERNS = ("starts_with", "ends_with", "contains", "like", "like_ignoring_case", "matches")
_COMPARISONS = frozenset({*_EXTREMES, *_EQUAL, *_PATTERNS, "ne", "in_network"})


class Joined(Lucene):
    """An expression over values that are joined by the separator: one of them matches."""

    places: ClassVar[dict[str, str]] = {
        "start": f"(.*{SEPARATOR})?",
        "very_end": f"({SEPARATOR}.*)?",
        "end": f"\n?({SEPARATOR}.*)?",
        "line_start": f"(.*[\n{SEPARATOR}])?",
        "line_end": f"([\n{SEPARATOR}].*)?",
    }


JOINED = Joined()


class EsqlSeveral(EsqlConditions):
    """Prints the comparisons of fields with several values in forms of their own."""

    joined_syntax: ClassVar[Pcre] = JOINED

    def expr(self, expression: Expr) -> str:
        if isinstance(expression, Call) and expression.op in _COMPARISONS and any(map(self._several, expression.args)):
            return self._any(expression)
        return super().expr(expression)

    def negated(self, condition: Call) -> str:
        if any(map(self._several, condition.args)):
            return f"NOT ({self.expr(condition)})"
        return super().negated(condition)

    def _several(self, value: Expr) -> bool:
        """Whether a value is read from a column that may hold several."""
        value = subject(value)
        if isinstance(value, Column):
            value = self.plan.in_place.get(value.name, value)
        name = value.name if isinstance(value, Column) and self.stored_source.untyped else None
        if isinstance(value, Get) and value.base is None:
            name = ".".join(map(str, value.segments))
        return name in self.stored_source.several

    def _any(self, comparison: Call) -> str:
        """Whether any value meets a comparison. Raises UnsupportedDetectionError where ES|QL has no form for it."""
        left, *right = comparison.args
        if not all(isinstance(value, Literal) for value in right):
            raise self.unsupported(left, "compared with another field, where one may hold several values in ES|QL")
        if isinstance(left, Call) and left.op == "time_part":
            raise self.unsupported(left, "may hold several times, of which ES|QL takes no part")
        if comparison.op in _EXTREMES:
            function, sign = _EXTREMES[comparison.op]
            return f"{function}({self.expr(left)}) {sign} {self.expr(right[0])}"
        if comparison.op == "ne":
            return f"NOT ({self._any(Call('eq', comparison.args))})"
        if comparison.op == "in_network":
            return self._any_network(left, right)
        if comparison.op in _EQUAL:
            return self._any_equal(comparison.op, left, right or [Literal("")])
        return self._any_pattern(comparison.op, left, [constant(part) for part in right])

    def _any_equal(self, op: str, left: Expr, wanted: list[Expr]) -> str:
        """A value is among others if they are no more distinct ones with it than without it."""
        text = self.expr(left)
        if op.endswith("ignoring_case"):
            text, wanted = f"TO_LOWER({text})", [lowered(value) for value in wanted]
        kind = self.type_of(left)
        cast = "TO_IP" if kind == "ip" else CASTS.get(kind)
        values = [f"{cast}({self.expr(value)})" if cast else self.expr(value) for value in wanted]
        distinct = f"MV_COUNT(MV_DEDUPE({text}))"
        return self.any_of([f"MV_COUNT(MV_DEDUPE(MV_APPEND({text}, {value}))) == {distinct}" for value in values])

    def _any_network(self, left: Expr, networks: list[Expr]) -> str:
        addresses = [str(constant(network)).removesuffix("/128") for network in networks]
        if any("/" in address for address in addresses):
            raise self.unsupported(left, "may hold several addresses, which ES|QL can't compare with a network")
        return self._any_equal("eq", left, [Literal(address) for address in addresses])

    def _any_pattern(self, op: str, left: Expr, parts: list[str | int]) -> str:
        """A pattern that matches the values joined to one text, and no more than one of them."""
        folded = isinstance(left, Call) and left.op == "lower"
        value = left.args[0] if isinstance(left, Call) and folded else left
        if op == "matches":
            tree = parse(str(parts[0]), str(parts[1]))
        else:
            around = {"starts_with": (*parts, 0), "ends_with": (0, *parts), "contains": (0, *parts, 0)}
            tree = wildcards(around.get(op, (*parts,)), ignore_case=folded or op == "like_ignoring_case")
        pattern = self._printed(value, _within_one(tree), self.joined_syntax)
        return f'MV_CONCAT({self.expr(value)}, "{SEPARATOR}") RLIKE {self.string(pattern)}'


def _within_one(node: Node) -> Node:
    """The expression, no character of which is the separator."""
    if isinstance(node, Chars):
        return Chars(complement(unite(complement(node.ranges), _SEPARATOR_ALONE)))
    if isinstance(node, Chain):
        return Chain(tuple(map(_within_one, node.parts)))
    if isinstance(node, Choice):
        return Choice(tuple(map(_within_one, node.options)))
    if isinstance(node, Repeat):
        return Repeat(_within_one(node.part), node.low, node.high, node.mode)
    if isinstance(node, Group):
        return Group(_within_one(node.part), node.number)
    return Atomic(_within_one(node.part)) if isinstance(node, Atomic) else node
