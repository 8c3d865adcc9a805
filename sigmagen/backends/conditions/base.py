"""What the comparisons of all dialects share: regular expressions, and saying which field can't be compared."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from sigmagen.backends.printer import Printer, constant
from sigmagen.backends.regex import RE2, Pcre
from sigmagen.backends.unprintable import first_unprintable
from sigmagen.plan.expr import Column, Expr, UnsupportedDetectionError, walk
from sigmagen.plan.pcre import RegexError
from sigmagen.plan.regex import Node, parse, wildcards


class Conditions(Printer):
    """Comparisons by regular expression, printed in the dialect's syntax."""

    syntax: ClassVar[Pcre] = RE2

    @abstractmethod
    def matching(self, value: Expr, pattern: str) -> str:
        """Whether a regular expression of the dialect matches somewhere in a value."""

    def op_matches(self, value: Expr, pattern: Expr, flags: Expr) -> str:
        return self.matching(value, self._printed(value, parse(constant(pattern), constant(flags))))

    def op_like_ignoring_case(self, value: Expr, *parts: Expr) -> str:
        return self.by_pattern(value, parts, ignore_case=True)

    def by_pattern(self, value: Expr, parts: tuple[Expr, ...], *, ignore_case: bool = False) -> str:
        """A comparison with wildcards as a regular expression."""
        tree = wildcards([constant(part) for part in parts], ignore_case=ignore_case)
        return self.matching(value, self._printed(value, tree))

    def _printed(self, value: Expr, tree: Node) -> str:
        try:
            return self.syntax.text(tree)
        except RegexError as error:
            raise self.unsupported(value, f"compared with a regular expression that holds {error}") from None

    def only_printable(self, value: Expr, text: str) -> str:
        """A text that the dialect can only write as it is. Raises UnsupportedDetectionError."""
        if odd := first_unprintable(text):
            raise self.unsupported(value, f"compared with a text that holds {odd}, which can't be escaped here")
        return text

    def any_of(self, tests: list[str]) -> str:
        """Tests of the dialect joined by OR, in brackets where there are several."""
        return tests[0] if len(tests) == 1 else f"({f' {self.or_word} '.join(tests)})"

    def unsupported(self, value: Expr, reason: str) -> UnsupportedDetectionError:
        """The error that names the field of a comparison."""
        return UnsupportedDetectionError(f"{self.field_of(value)} {reason}")

    def field_of(self, value: Expr) -> str:
        """The field that a comparison is about."""
        return next((part.name for part in walk(value) if isinstance(part, Column)), "a value")
