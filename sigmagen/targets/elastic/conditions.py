"""Comparisons in ES|QL."""

from __future__ import annotations

import re
from functools import cached_property
from typing import ClassVar, TypeGuard

from sigmagen.expr.regex import Node, wildcards
from sigmagen.expr.tree import NUMERIC, Call, Column, Expr, Get, Literal, call
from sigmagen.plan.steps import Derive
from sigmagen.targets.automaton import is_too_complex
from sigmagen.targets.conditions import Conditions
from sigmagen.targets.lucene.terms import LUCENE
from sigmagen.targets.printer import constant, lowered
from sigmagen.targets.regex import Pcre

_LONGEST_INDEXED = 200
_ALWAYS_SIMPLE = 400
_LONGEST_REGEX = 20_000
"""Elasticsearch parses expressions recursively, and a long one exhausts its default stack: [Éé] 13,058 times."""
_ENDLESS = re.compile(r"(?<!\\)[*+]|,\}")
_REPEATS = re.compile(r"\{([0-9]+)(?:,([0-9]*))?\}")
CASTS = {"integer": "TO_LONG", "float": "TO_DOUBLE", "boolean": "TO_BOOLEAN", "timestamp": "TO_DATETIME"}

_UNTEXTUAL = (*NUMERIC, "boolean", "timestamp", "ip")
_PARTS = {
    "minute": "minute_of_hour",
    "hour": "hour_of_day",
    "day": "day_of_month",
    "month": "month_of_year",
    "year": "year",
}


class EsqlConditions(Conditions):
    """Comparisons of one row's values.

    Elasticsearch may use the index for a comparison. There TO_LOWER folds only ASCII, so a text with other letters is
    compared by a regular expression with both cases of each letter; and a text or expression of more than about 500
    characters silently finds nothing, so long ones bypass the index.
    """

    syntax: ClassVar[Pcre] = LUCENE
    calls: ClassVar[frozenset[str]] = frozenset({"starts_with", "ends_with", "in_network"})

    def expr(self, expression: Expr) -> str:
        return super().expr(self._as_text(expression) if isinstance(expression, Call) else expression)

    def _as_text(self, comparison: Call) -> Call:
        """The comparison, with a field of unknown type read as text if it may be stored as text or in another type.

        That is so for a number that the rule writes as text, and for a boolean: ES|QL converts any text but "true" to
        false.
        """
        left = comparison.args[0] if comparison.args else None
        if comparison.op != "eq" or not self.stored_source.untyped or not isinstance(left, Column):
            return self.number_as_text(comparison)
        stored = self.plan.in_place.get(left.name)
        if stored is None or stored.type != "boolean" or left.name in self.stored_source.columns:
            return self.number_as_text(comparison)
        word = Literal(str(constant(comparison.args[1])).lower())
        return call("equals_ignoring_case", call("text", Get(stored.segments, "string")), word)

    def op_not(self, condition: Call) -> str:
        return super().op_not(self._as_text(condition))

    def op_is_missing(self, value: Expr) -> str:
        return f"{self.expr(value)} IS NULL"

    def op_is_present(self, value: Expr) -> str:
        return f"{self.expr(self._deciding(value))} IS NOT NULL"

    def _deciding(self, value: Expr) -> Expr:
        """The part of a value whose presence decides on that of the whole.

        From the presence of a - COALESCE(b, 0), Elasticsearch infers that of b, and so drops the rows without b.
        """
        made = self._derived.get(value.name) if isinstance(value, Column) else None
        if isinstance(made, Call) and made.op == "subtract" and _is_never_missing(made.args[1]):
            return self._deciding(made.args[0])
        return value

    @cached_property
    def _derived(self) -> dict[str, Expr]:
        """The columns that the plan derives, each with its expression."""
        return {name: value for step in self.plan.steps if isinstance(step, Derive) for name, value in step.columns}

    def op_has_value(self, value: Expr) -> str:
        """A comparison with a missing value is not true, so it needs no test of its own."""
        return self.op_is_present(value) if self.type_of(value) in _UNTEXTUAL else f'{self.expr(value)} != ""'

    def op_equals_ignoring_case(self, left: Expr, right: Expr) -> str:
        if _has_non_ascii_case(right):
            return self.by_pattern(left, (right,), ignore_case=True)
        return f"{self._bypass_index(call('lower', left), right)} == {self.expr(lowered(right))}"

    def op_in_ignoring_case(self, left: Expr, *values: Expr) -> str:
        plain = tuple(lowered(value) for value in values if not _has_non_ascii_case(value))
        tests = [f"TO_LOWER({self.expr(left)}) IN ({self.listed(plain)})"] if plain else []
        others = [value for value in values if _has_non_ascii_case(value)]
        tests += [self.by_pattern(left, (value,), ignore_case=True) for value in others]
        return f"({f' {self.or_word} '.join(tests)})" if others else tests[0]

    def negated(self, condition: Call) -> str:
        condition = self._as_text(condition)
        if condition.op != "equals_ignoring_case":
            return super().negated(condition)
        left, right = condition.args
        if _has_non_ascii_case(right):
            return f"NOT ({self.expr(condition)})"
        return f"{self._bypass_index(call('lower', left), right)} != {self.expr(lowered(right))}"

    def op_in(self, left: Expr, *values: Expr) -> str:
        """The type ip itself treats an IPv4-mapped address as the IPv4 address."""
        if self.type_of(left) == "ip":
            values = tuple(value for value in values if not str(constant(value)).startswith("::ffff:"))
        return super().op_in(left, *values)

    def op_starts_with(self, left: Expr, right: Expr) -> str:
        if _folds_non_ascii(left, right):
            return self.by_pattern(left.args[0], (right, Literal(0)), ignore_case=True)
        return f"STARTS_WITH({self._bypass_index(left, right)}, {self.expr(right)})"

    def op_ends_with(self, left: Expr, right: Expr) -> str:
        if _folds_non_ascii(left, right):
            return self.by_pattern(left.args[0], (Literal(0), right), ignore_case=True)
        return f"ENDS_WITH({self._bypass_index(left, right)}, {self.expr(right)})"

    def op_contains(self, left: Expr, right: Expr) -> str:
        if _folds_non_ascii(left, right):
            return self.by_pattern(left.args[0], (Literal(0), right, Literal(0)), ignore_case=True)
        return f"LOCATE({self.expr(left)}, {self.expr(right)}) > 0"

    def op_like(self, left: Expr, *parts: Expr) -> str:
        if _folds_non_ascii(left, *parts):
            return self.by_pattern(left.args[0], parts, ignore_case=True)
        escape = str.maketrans({"\\": "\\\\", "*": "\\*", "?": "\\?"})
        pattern = "".join({0: "*", 1: "?"}.get(part) or str(part).translate(escape) for part in map(constant, parts))
        tree = wildcards([constant(part) for part in parts], ignore_case=False)
        self._refuse_complex(left, tree, len(pattern), endless="*" in {*pattern[:-1]})
        literal = self._pattern_constant(left, pattern)
        return f"{self._bypass_index(left, Literal(pattern))} LIKE {literal}"

    def op_text(self, value: Expr) -> str:
        return f"TO_STRING({self.expr(value)})"

    def matching(self, value: Expr, pattern: str) -> str:
        literal = self._pattern_constant(value, pattern)
        return f"{self._bypass_index(value, size=_expanded_size(pattern))} RLIKE {literal}"

    def _pattern_constant(self, value: Expr, pattern: str) -> str:
        """A pattern as a constant: LIKE and RLIKE accept nothing else. Raises UnsupportedDetectionError."""
        self.require_printable(value, pattern.replace("\r", ""))  # a carriage return has an escape
        return self.string(pattern)

    def _print_pattern(self, value: Expr, tree: Node, syntax: Pcre | None = None) -> str:
        text = super()._print_pattern(value, tree, syntax)
        if len(text) > _LONGEST_REGEX:
            raise self.unsupported(value, "is compared with a pattern that is too long for Elasticsearch")
        self._refuse_complex(value, tree, _expanded_size(text), endless=bool(_ENDLESS.search(text.removesuffix(".*"))))
        return text

    def _refuse_complex(self, value: Expr, tree: Node, size: int, *, endless: bool) -> None:
        """Raise UnsupportedDetectionError for a pattern with too many states, which Elasticsearch refuses.

        A short pattern, or one without open-ended repetitions, never has too many.
        """
        if endless and size > _ALWAYS_SIMPLE and is_too_complex(tree):
            raise self.unsupported(value, "is compared with a pattern that is too complex for Elasticsearch")

    def _bypass_index(self, value: Expr, wanted: Expr | None = None, *, size: int = 0) -> str:
        """A value; compared with a long text, in a form for which Elasticsearch doesn't use the index."""
        if isinstance(wanted, Literal):
            size = len(str(wanted.value))
        text = self.expr(value)
        return f'CONCAT({text}, "")' if size > _LONGEST_INDEXED else text

    def op_in_network(self, value: Expr, *networks: Expr) -> str:
        return f"CIDR_MATCH({self._address(value)}, {self.listed(networks)})"

    def op_network(self, address: Expr) -> str:
        text = f"TO_STRING(IP_PREFIX({self._address(address)}, 24, 48))"
        return f'CONCAT({text}, CASE(LOCATE({text}, ":") > 0, "/48", "/24"))'

    def _address(self, value: Expr) -> str:
        return self.expr(value) if self.type_of(value) == "ip" else f"TO_IP({self.expr(value)})"

    def op_time_part(self, time: Expr, part: Expr) -> str:
        text = self.expr(time)
        if constant(part) in _PARTS:
            return f'DATE_EXTRACT("{_PARTS[constant(part)]}", {text})'
        # ES|QL counts weeks from the first of January; in ISO 8601, a week has the number of its Thursday.
        thursday = f'TO_DATETIME(TO_LONG({text}) + (4 - DATE_EXTRACT("day_of_week", {text})) * 86400000)'
        return f'(DATE_EXTRACT("day_of_year", {thursday}) + 6) / 7'


def _is_never_missing(value: Expr) -> bool:
    """Whether a value is the first of several that exists, of which the last is a constant."""
    return isinstance(value, Call) and value.op == "coalesce" and isinstance(value.args[-1], Literal)


def _expanded_size(pattern: str) -> int:
    """The approximate length of a pattern with its repetitions expanded."""
    bounds = (int(bound) for found in _REPEATS.findall(pattern) for bound in found if bound)
    return len(pattern) * max(1, *bounds, 1)


def _has_non_ascii_case(value: Expr) -> bool:
    """Whether a text has letters with case beyond ASCII, which engines fold differently."""
    text = str(value.value) if isinstance(value, Literal) else ""
    return any(not letter.isascii() and not letter.lower() == letter == letter.upper() for letter in text)


def _folds_non_ascii(left: Expr, *parts: Expr) -> TypeGuard[Call]:
    return isinstance(left, Call) and left.op == "lower" and any(map(_has_non_ascii_case, parts))
