"""Comparisons in SPL's eval language."""

from __future__ import annotations

from ipaddress import ip_network
from typing import ClassVar

from sigmagen.expr.tree import NUMERIC, Expr, Literal, call
from sigmagen.plan.model import Plan
from sigmagen.targets.conditions import Conditions
from sigmagen.targets.networks import (
    DOTTED_END,
    EIGHT_GROUPS,
    FIRST_GROUPS,
    FULL_ALREADY,
    IPV4_24,
    LAST_ZEROS,
    MAPPED,
    MAPPED_GROUPS,
    split_networks,
)
from sigmagen.targets.printer import constant, lowered
from sigmagen.targets.regex import PCRE, Pcre
from sigmagen.targets.unprintable import find_unprintable

_STRFTIME = {"day": "%d", "week": "%V", "month": "%m", "year": "%Y"}


class SplunkConditions(Conditions):
    """Comparisons of one row's values."""

    syntax: ClassVar[Pcre] = PCRE
    calls: ClassVar[frozenset[str]] = frozenset({"like", "like_ignoring_case", "matches"})

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self._addresses: dict[Expr, int] = {}

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

    def groups_of_address(self, address: Expr) -> list[str]:
        """Commands that put the eight groups of an IPv6 address into a column: `::` is as many zeros as lack."""
        ipv6 = self._groups_column(address)
        text = f"lower({self.expr(address)})"
        for pattern, replacement in (
            (DOTTED_END, ":0:0"),
            (rf"^(?=.*::){FULL_ALREADY}\z", ""),
            ("^::", "0::"),
            (r"::\z", "::0"),
        ):
            text = f"replace({text}, {self.string(pattern)}, {self.string(replacement)})"
        zeros = f'substr("0:0:0:0:0:0:", 1, 18 - 2*mvcount(split({ipv6}, ":")))'
        return [f"eval {ipv6}={text}", f'eval {ipv6}=replace({ipv6}, "::", ":" . {zeros})']

    def _groups_column(self, address: Expr) -> str:
        """The name of an address's column: ipv6, or with a number for further addresses."""
        known = self._addresses.setdefault(address, len(self._addresses) + 1)
        return "ipv6" if known == 1 else f"ipv6_{known}"

    def op_network(self, address: Expr) -> str:
        """Reads the column that `groups_of_address` has made."""
        text, ipv6 = self.expr(address), self._groups_column(address)
        short, of_short = self.string(IPV4_24), self.string(r"\1.0/24")
        first, of_first = self.string(FIRST_GROUPS), self.string(r"\1:\2:\3::/48")
        zeros, of_zeros = self.string(LAST_ZEROS), self.string("::/48")
        is_ipv6 = self.string(rf"^(?!{MAPPED_GROUPS.removeprefix('^')}){EIGHT_GROUPS}\z")
        long = f"replace(replace({ipv6}, {first}, {of_first}), {zeros}, {of_zeros})"
        return f"case(match({text}, {short}), replace({text}, {short}, {of_short}), match({ipv6}, {is_ipv6}), {long})"

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
