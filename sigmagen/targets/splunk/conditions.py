"""Comparisons in SPL's eval language."""

from __future__ import annotations

from ipaddress import ip_network
from typing import ClassVar

from sigmagen.expr.tree import NUMERIC, Expr, Literal, call
from sigmagen.targets.conditions import Conditions
from sigmagen.targets.networks import MAPPED, split_networks
from sigmagen.targets.printer import constant, lowered
from sigmagen.targets.regex import PCRE, Pcre
from sigmagen.targets.unprintable import find_unprintable

_STRFTIME = {"day": "%d", "week": "%V", "month": "%m", "year": "%Y"}


class SplunkConditions(Conditions):
    """Comparisons of one row's values."""

    syntax: ClassVar[Pcre] = PCRE
    calls: ClassVar[frozenset[str]] = frozenset({"like", "like_ignoring_case", "matches"})

    def op_eq(self, left: Expr, right: Expr) -> str:
        return self.by_pattern(left, (right,)) if _needs_pattern(right) else super().op_eq(left, right)

    def op_ne(self, left: Expr, right: Expr) -> str:
        return f"NOT {self.by_pattern(left, (right,))}" if _needs_pattern(right) else super().op_ne(left, right)

    def op_in(self, left: Expr, *values: Expr) -> str:
        written = [value for value in values if not _needs_pattern(value)]
        tests = [super().op_in(left, *written)] if written else []
        return self.any_of([*tests, *(self.by_pattern(left, (value,)) for value in values if _needs_pattern(value))])

    def op_is_missing(self, value: Expr) -> str:
        return f"isnull({self.expr(value)})"

    def op_is_present(self, value: Expr) -> str:
        return f"isnotnull({self.expr(value)})"

    def op_has_value(self, value: Expr) -> str:
        """A comparison with a missing value is not true, so it needs no test of its own."""
        return self.op_is_present(value) if self.type_of(value) in NUMERIC else f'{self.expr(value)} != ""'

    def op_equals_ignoring_case(self, left: Expr, right: Expr) -> str:
        return self.op_eq(call("lower", left), lowered(right))

    def op_in_ignoring_case(self, left: Expr, *values: Expr) -> str:
        return self.op_in(call("lower", left), *map(lowered, values))

    def op_starts_with(self, left: Expr, right: Expr) -> str:
        if _needs_pattern(right):
            return self.by_pattern(left, (right, Literal(0)))
        return f"substr({self.expr(left)}, 1, {self._length(right)}) = {self.expr(right)}"

    def op_ends_with(self, left: Expr, right: Expr) -> str:
        if _needs_pattern(right):
            return self.by_pattern(left, (Literal(0), right))
        if isinstance(right, Literal):
            return f"substr({self.expr(left)}, -{self._length(right)}) = {self.expr(right)}"
        whole, end = self.expr(left), self.expr(right)
        return f"(len({whole}) >= len({end}) AND substr({whole}, len({whole}) - len({end}) + 1) = {end})"

    def op_contains(self, left: Expr, right: Expr) -> str:
        if isinstance(right, Literal):
            return self.by_pattern(left, (Literal(0), right, Literal(0)))
        # SPL can't search for the text of another field, which is never empty, but it can split a text at it.
        return f"mvcount(split({self.expr(left)}, {self.expr(right)})) > 1"

    def _length(self, text: Expr) -> str:
        return str(len(str(constant(text)))) if isinstance(text, Literal) else f"len({self.expr(text)})"

    def op_like(self, left: Expr, *parts: Expr) -> str:
        return self.by_pattern(left, parts)

    def op_text(self, value: Expr) -> str:
        """A number as digits; an IPv4-mapped address as plain IPv4."""
        if self.type_of(value) == "ip":
            return f"replace({self.expr(value)}, {self.string(MAPPED)}, {self.string(chr(92) + '1')})"
        return f"tostring({self.expr(value)})" if self.type_of(value) in NUMERIC else self.expr(value)

    def matching(self, value: Expr, pattern: str) -> str:
        return f"match({self.expr(value)}, {self.string(pattern)})"

    def op_in_network(self, value: Expr, *networks: Expr) -> str:
        """cidrmatch doesn't recognize IPv4-mapped addresses, so their prefix is removed."""
        text = self.expr(value)
        single, _, _ = split_networks([constant(network) for network in networks])
        tests = [f"{text} IN ({', '.join(map(self.string, single))})"] if single else []
        for network in (ip_network(constant(network)) for network in networks):
            if network.version == 6:
                tests.append(f"cidrmatch({self.string(str(network))}, {text})")
            elif network.prefixlen < 32:
                plain = f"replace({text}, {self.string(MAPPED)}, {self.string(chr(92) + '1')})"
                tests.append(f"cidrmatch({self.string(str(network))}, {plain})")
        return self.any_of(tests)

    def op_time_part(self, time: Expr, part: Expr) -> str:
        """Minutes and hours are computed in UTC; dates depend on the time zone of the user who searches."""
        text, name = self.expr(time), constant(part)
        if name not in _STRFTIME:
            return f"floor({text}/60) % 60" if name == "minute" else f"floor({text}/3600) % 24"
        self.notes.append(
            f"{self.field_of(time)}: Splunk takes the {name} in the time zone of the user who searches; "
            "run the search as a user whose time zone is UTC"
        )
        return f'tonumber(strftime({text}, "{_STRFTIME[name]}"))'


def _needs_pattern(value: Expr) -> bool:
    """Whether a value is a text that only a regular expression can express."""
    return isinstance(value, Literal) and isinstance(value.value, str) and find_unprintable(value.value) is not None
