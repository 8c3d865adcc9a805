"""Comparisons in ES|QL of multi-valued fields: any value may match; negated, none may.

In ES|QL, a comparison of several values yields null, and 8.19 has no function that finds a value among them. It has
functions that change each value, count distinct values, and join them to one text.
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
"""Separates values that are joined to one text: the symbol for record separator. A value that has it counts as two."""

_SEPARATOR_ALONE: Ranges = ((ord(SEPARATOR), ord(SEPARATOR)),)
_EXTREMES = {"lt": ("MV_MIN", "<"), "lte": ("MV_MIN", "<="), "gt": ("MV_MAX", ">"), "gte": ("MV_MAX", ">=")}
_EQUAL = ("eq", "in", "equals_ignoring_case", "in_ignoring_case", "is_empty")
_PATTERNS = ("starts_with", "ends_with", "contains", "like", "like_ignoring_case", "matches")
_COMPARISONS = frozenset({*_EXTREMES, *_EQUAL, *_PATTERNS, "ne", "in_network"})


class Joined(Lucene):
    """An expression that matches one of several values joined by the separator."""

    places: ClassVar[dict[str, str]] = {
        "start": f"(.*{SEPARATOR})?",
        "very_end": f"({SEPARATOR}.*)?",
        "end": f"\n?({SEPARATOR}.*)?",
        "line_start": f"(.*[\n{SEPARATOR}])?",
        "line_end": f"([\n{SEPARATOR}].*)?",
    }


JOINED = Joined()


class EsqlSeveral(EsqlConditions):
    """Prints comparisons of multi-valued fields in their own way."""

    joined_syntax: ClassVar[Pcre] = JOINED

    def expr(self, expression: Expr) -> str:
        if (
            isinstance(expression, Call)
            and expression.op in _COMPARISONS
            and any(map(self._is_multivalued, expression.args))
        ):
            return self._match_any(expression)
        return super().expr(expression)

    def negated(self, condition: Call) -> str:
        if any(map(self._is_multivalued, condition.args)):
            return f"NOT ({self.expr(condition)})"
        return super().negated(condition)

    def _is_multivalued(self, value: Expr) -> bool:
        """Whether a value is read from a column that may be multi-valued."""
        value = subject(value)
        if isinstance(value, Column):
            value = self.plan.in_place.get(value.name, value)
        name = value.name if isinstance(value, Column) and self.stored_source.untyped else None
        if isinstance(value, Get) and value.base is None:
            name = ".".join(map(str, value.segments))
        return name in self.stored_source.several

    def _match_any(self, comparison: Call) -> str:
        """Whether any value meets a comparison. Raises UnsupportedDetectionError if ES|QL can't express it."""
        left, *right = comparison.args
        if not all(isinstance(value, Literal) for value in right):
            raise self.unsupported(left, "is compared with another field, and one of them may be multi-valued in ES|QL")
        if isinstance(left, Call) and left.op == "time_part":
            raise self.unsupported(left, "may hold several times, and ES|QL can't take a part of them")
        if comparison.op in _EXTREMES:
            function, sign = _EXTREMES[comparison.op]
            return f"{function}({self.expr(left)}) {sign} {self.expr(right[0])}"
        if comparison.op == "ne":
            return f"NOT ({self._match_any(Call('eq', comparison.args))})"
        if comparison.op == "in_network":
            return self._match_any_network(left, right)
        if comparison.op in _EQUAL:
            return self._match_any_equal(comparison.op, left, right or [Literal("")])
        return self._match_any_pattern(comparison.op, left, [constant(part) for part in right])

    def _match_any_equal(self, op: str, left: Expr, wanted: list[Expr]) -> str:
        """A value is one of several if adding it doesn't change the number of distinct values."""
        text = self.expr(left)
        if op.endswith("ignoring_case"):
            text, wanted = f"TO_LOWER({text})", [lowered(value) for value in wanted]
        kind = self.type_of(left)
        cast = "TO_IP" if kind == "ip" else CASTS.get(kind)
        values = [f"{cast}({self.expr(value)})" if cast else self.expr(value) for value in wanted]
        distinct = f"MV_COUNT(MV_DEDUPE({text}))"
        return self.any_of([f"MV_COUNT(MV_DEDUPE(MV_APPEND({text}, {value}))) == {distinct}" for value in values])

    def _match_any_network(self, left: Expr, networks: list[Expr]) -> str:
        addresses = [str(constant(network)).removesuffix("/128") for network in networks]
        if any("/" in address for address in addresses):
            raise self.unsupported(left, "may hold several addresses, which ES|QL can't compare with a network")
        return self._match_any_equal("eq", left, [Literal(address) for address in addresses])

    def _match_any_pattern(self, op: str, left: Expr, parts: list[str | int]) -> str:
        """Match a pattern against the values joined to one text, within a single value."""
        folded = isinstance(left, Call) and left.op == "lower"
        value = left.args[0] if isinstance(left, Call) and folded else left
        if op == "matches":
            tree = parse(str(parts[0]), str(parts[1]))
        else:
            around = {"starts_with": (*parts, 0), "ends_with": (0, *parts), "contains": (0, *parts, 0)}
            tree = wildcards(around.get(op, (*parts,)), ignore_case=folded or op == "like_ignoring_case")
        pattern = self._print_pattern(value, _exclude_separator(tree), self.joined_syntax)
        return f'MV_CONCAT({self.expr(value)}, "{SEPARATOR}") RLIKE {self.string(pattern)}'


def _exclude_separator(node: Node) -> Node:
    """The expression, without the separator in any of its characters."""
    if isinstance(node, Chars):
        return Chars(complement(unite(complement(node.ranges), _SEPARATOR_ALONE)))
    if isinstance(node, Chain):
        return Chain(tuple(map(_exclude_separator, node.parts)))
    if isinstance(node, Choice):
        return Choice(tuple(map(_exclude_separator, node.options)))
    if isinstance(node, Repeat):
        return Repeat(_exclude_separator(node.part), node.low, node.high, node.mode)
    if isinstance(node, Group):
        return Group(_exclude_separator(node.part), node.number)
    return Atomic(_exclude_separator(node.part)) if isinstance(node, Atomic) else node
