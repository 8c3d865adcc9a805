"""What the comparisons of all dialects share: regular expressions, and errors that name the field."""

from __future__ import annotations

import re
from abc import abstractmethod
from typing import ClassVar

from sigmagen.expr.pcre import RegexError
from sigmagen.expr.regex import Node, parse, wildcards
from sigmagen.expr.tree import Call, Column, Expr, Literal, UnsupportedDetectionError, call, walk
from sigmagen.targets.printer import Printer, constant
from sigmagen.targets.regex import RE2, Pcre
from sigmagen.targets.unprintable import find_unprintable

_TEXT_COMPARISONS = (
    *("eq", "in", "equals_ignoring_case", "in_ignoring_case"),
    *("starts_with", "ends_with", "contains", "like", "matches"),
)
_NUMBER = re.compile(r"[+-]?[0-9][0-9.:T/-]*")
"""A number, date or time as a rule writes it."""

_NUMBER_PATTERN = re.compile(r"(?:[0-9^$.*+?(){}|\[\],:-]|\\d|\\\.)+")
"""A regular expression that can match a number, since it contains no letters."""


class Conditions(Printer):
    """Comparisons by regular expression, printed in the dialect's syntax."""

    syntax: ClassVar[Pcre] = RE2

    @abstractmethod
    def matching(self, value: Expr, pattern: str) -> str:
        """Whether a regular expression of the dialect matches anywhere in a value."""

    def op_matches(self, value: Expr, pattern: Expr, flags: Expr) -> str:
        return self.matching(value, self._print_pattern(value, parse(constant(pattern), constant(flags))))

    def op_like_ignoring_case(self, value: Expr, *parts: Expr) -> str:
        return self.by_pattern(value, parts, ignore_case=True)

    def by_pattern(self, value: Expr, parts: tuple[Expr, ...], *, ignore_case: bool = False) -> str:
        """A comparison with wildcards as a regular expression."""
        tree = wildcards([constant(part) for part in parts], ignore_case=ignore_case)
        return self.matching(value, self._print_pattern(value, tree))

    def _print_pattern(self, value: Expr, tree: Node, syntax: Pcre | None = None) -> str:
        try:
            return (syntax or self.syntax).text(tree)
        except RegexError as error:
            raise self.unsupported(value, f"is compared with a regular expression that contains {error}") from None

    def number_as_text(self, comparison: Call) -> Call:
        """The comparison, with a field of unknown type read as text if the rule writes a number as text.

        The field may be stored as a number, and these dialects refuse to compare a number with text.
        """
        if not self.stored_source.untyped or comparison.op not in _TEXT_COMPARISONS:
            return comparison
        left, *wanted = comparison.args
        looks = _NUMBER
        if comparison.op == "matches":
            wanted, looks = wanted[:1], _NUMBER_PATTERN
        value = left.args[0] if isinstance(left, Call) and left.op == "lower" else left
        texts = [one.value for one in wanted if isinstance(one, Literal) and isinstance(one.value, str)]
        if (
            not any(map(looks.fullmatch, texts))
            or not isinstance(value, Column)
            or value.type != "string"
            or value.name in self.stored_source.columns
        ):
            return comparison
        text = call("text", value)
        return Call(comparison.op, (text if left is value else call("lower", text), *comparison.args[1:]))

    def require_printable(self, value: Expr, text: str) -> str:
        """The text, for a dialect without escapes. Raises UnsupportedDetectionError for unprintable characters."""
        if odd := find_unprintable(text):
            raise self.unsupported(value, f"is compared with a text that contains {odd}, which can't be escaped here")
        return text

    def any_of(self, tests: list[str]) -> str:
        """Printed conditions joined by OR, in brackets if there are several."""
        return tests[0] if len(tests) == 1 else f"({f' {self.or_word} '.join(tests)})"

    def unsupported(self, value: Expr, reason: str) -> UnsupportedDetectionError:
        """The error that names the field of a comparison."""
        return UnsupportedDetectionError(f"{self.field_of(value)} {reason}")

    def field_of(self, value: Expr) -> str:
        """The field that a comparison is about."""
        return next((part.name for part in walk(value) if isinstance(part, Column)), "a value")
