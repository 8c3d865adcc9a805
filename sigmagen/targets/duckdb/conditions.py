"""Comparisons in DuckDB SQL."""

from __future__ import annotations

from ipaddress import IPv6Network
from typing import ClassVar

from sigmagen.expr.tree import NUMERIC, Expr
from sigmagen.targets.networks import (
    DOTTED_END,
    EIGHT_GROUPS,
    FIRST_GROUPS,
    FULL_ALREADY,
    IPV4_24,
    LAST_ZEROS,
    MAPPED,
    MAPPED_GROUPS,
    ipv4_pattern,
    ipv6_pattern,
    split_networks,
)
from sigmagen.targets.printer import constant, lowered
from sigmagen.targets.sql import SqlPrinter

_UNTEXTUAL = (*NUMERIC, "boolean", "timestamp")
_GROUP = "[0-9a-f]{1,4}"
_IPV6 = f"{_GROUP}(:{_GROUP}){{7}}|({_GROUP}(:{_GROUP}){{0,6}})?::({_GROUP}(:{_GROUP}){{0,6}})?"

_LEFT, _RIGHT = (f"list_filter(string_split(split_part(a, '::', {side}), ':'), lambda g: g <> '')" for side in (1, 2))
_ZEROS = f"list_transform(range(8 - len({_LEFT}) - len({_RIGHT})), lambda g: '0')"
_EXPANDED = f"array_to_string(list_transform({_LEFT} || {_ZEROS} || {_RIGHT}, lambda g: lpad(g, 4, '0')), ':')"
"""The IPv6 address `a` with all its digits."""


class DuckDBConditions(SqlPrinter):
    """Comparisons of one row's values."""

    calls: ClassVar[frozenset[str]] = frozenset({"matches", "like_ignoring_case"})

    def op_is_missing(self, value: Expr) -> str:
        return f"{self.expr(value)} IS NULL"

    def op_is_present(self, value: Expr) -> str:
        return f"{self.expr(value)} IS NOT NULL"

    def op_has_value(self, value: Expr) -> str:
        textual = self.type_of(value) not in _UNTEXTUAL
        return f"{self.expr(value)} <> ''" if textual else self.op_is_present(value)

    def op_equals_ignoring_case(self, left: Expr, right: Expr) -> str:
        return f"lower({self.expr(left)}) = {self.expr(lowered(right))}"

    def op_in_ignoring_case(self, left: Expr, *values: Expr) -> str:
        return f"lower({self.expr(left)}) IN ({self.listed(tuple(map(lowered, values)))})"

    def op_like(self, left: Expr, *parts: Expr) -> str:
        escape = str.maketrans({"\\": "\\\\", "%": "\\%", "_": "\\_"})
        pattern = "".join({0: "%", 1: "_"}.get(part) or str(part).translate(escape) for part in map(constant, parts))
        return f"{self.expr(left)} LIKE {self.string(pattern)} ESCAPE '\\'"

    def op_text(self, value: Expr) -> str:
        """A number as digits; an IPv4-mapped address as plain IPv4."""
        if self.type_of(value) == "ip":
            return f"regexp_replace({self.expr(value)}, {self.string(MAPPED)}, '\\1')"
        return f"CAST({self.expr(value)} AS VARCHAR)" if self.type_of(value) in NUMERIC else self.expr(value)

    def matching(self, value: Expr, pattern: str) -> str:
        return f"regexp_matches({self.expr(value)}, {self.string(pattern)})"

    def op_in_network(self, value: Expr, *networks: Expr) -> str:
        """The inet extension may not be installed, so networks are tested on the address's text."""
        single, narrow, wide = split_networks([constant(network) for network in networks])
        tests = [f"{self.expr(value)} IN ({', '.join(map(self.string, single))})"] if single else []
        tests += [self.matching(value, ipv4_pattern(network)) for network in narrow]
        tests += [self._in_ipv6(value, network) for network in wide]
        return self.any_of(tests)

    def _in_ipv6(self, value: Expr, network: IPv6Network) -> str:
        """Whether the fully expanded address begins as the network does."""
        test = (
            f"regexp_full_match(a, {self.string(_IPV6)}) AND length({_EXPANDED}) = 39 "
            f"AND regexp_matches({_EXPANDED}, {self.string(ipv6_pattern(network))})"
        )
        return f"list_transform([lower({self.expr(value)})], lambda a: {test})[1]"

    def op_network(self, address: Expr) -> str:
        """Each inner list is a text under the name `a`; `::` is as many zeros as lack."""
        text = self.expr(address)
        short = f"nullif(regexp_extract({text}, {self.string(IPV4_24)}, 1), '') || '.0/24'"
        plain = f"regexp_replace(lower({text}), {self.string(DOTTED_END)}, ':0:0')"
        wrong = f"contains(a, '::') AND regexp_full_match(a, {self.string(FULL_ALREADY)})"
        inside = f"CASE WHEN NOT ({wrong}) THEN regexp_replace(regexp_replace(a, '^::', '0::'), '::\\z', '::0') END"
        zeros = "repeat('0:', 8 - length(a) + length(replace(a, ':', '')))"
        first = f"regexp_replace(a, {self.string(FIRST_GROUPS)}, '\\1:\\2:\\3::/48')"
        network = f"regexp_replace({first}, {self.string(LAST_ZEROS)}, '::/48')"
        is_ipv6 = f"regexp_full_match(a, {self.string(EIGHT_GROUPS)})"
        unmapped = f"NOT regexp_matches(a, {self.string(MAPPED_GROUPS)})"
        groups = f"list_transform([{plain}], lambda a: {inside})"
        groups = f"list_transform({groups}, lambda a: replace(a, '::', ':' || {zeros}))"
        long = f"list_transform({groups}, lambda a: CASE WHEN {is_ipv6} AND {unmapped} THEN {network} END)[1]"
        return f"coalesce({short}, {long})"

    def op_time_part(self, time: Expr, part: Expr) -> str:
        """Weeks are ISO 8601 weeks."""
        return f"date_part({self.expr(part)}, {self.expr(time)})"
