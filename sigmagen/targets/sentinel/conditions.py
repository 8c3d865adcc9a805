"""Comparisons in KQL. A string is never null there: a missing one is empty."""

from __future__ import annotations

import re

from sigmagen.expr.regex import matches_empty, parse
from sigmagen.expr.tree import NUMERIC, Call, Expr, Literal
from sigmagen.targets.conditions import Conditions
from sigmagen.targets.networks import (
    FIRST_GROUPS,
    IPV4_24,
    LAST_ZEROS,
    MAPPED,
    ipv4_pattern,
    ipv6_pattern,
    split_networks,
)
from sigmagen.targets.printer import constant

_UNTEXTUAL = (*NUMERIC, "boolean", "timestamp", "json")
_BOUNDARY = re.compile(r"(?<!\\)(\\\\)*\\[bB]")


class KustoConditions(Conditions):
    """Comparisons of one row's values."""

    def _is_textual(self, value: Expr) -> bool:
        return self.type_of(value) not in _UNTEXTUAL

    def expr(self, expression: Expr) -> str:
        return super().expr(self.number_as_text(expression) if isinstance(expression, Call) else expression)

    def verbatim(self, value: Expr) -> str:
        """A regular expression as a verbatim string."""
        return "@'" + str(constant(value)).replace("'", "''") + "'"

    def op_is_missing(self, value: Expr) -> str:
        return f"{'isempty' if self._is_textual(value) else 'isnull'}({self.expr(value)})"

    def op_is_present(self, value: Expr) -> str:
        return f"{'isnotempty' if self._is_textual(value) else 'isnotnull'}({self.expr(value)})"

    def op_has_value(self, value: Expr) -> str:
        return self.op_is_present(value)

    def op_has_no_value(self, value: Expr) -> str:
        return self.op_is_missing(value)

    def op_is_empty(self, value: Expr) -> str:
        self.notes.append(
            f"{self.field_of(value)} is compared with the empty text: in Kusto, a missing string is empty, "
            "so the two can't be distinguished"
        )
        return super().op_is_empty(value)

    def op_not(self, condition: Call) -> str:
        """Strings are never null, so a negated comparison of strings needs no test for missing values."""
        return self.negated(condition) if self._is_textual(condition.args[0]) else super().op_not(condition)

    def negated(self, condition: Call) -> str:
        condition = self.number_as_text(condition)
        left, *values = condition.args
        written = {"equals_ignoring_case": "!~", "in": "!in", "in_ignoring_case": "!in~"}
        if condition.op in written:
            listed = self.listed(tuple(values))
            bracketed = listed if condition.op == "equals_ignoring_case" else f"({listed})"
            return f"{self.expr(left)} {written[condition.op]} {bracketed}"
        if condition.op in ("eq", "lt", "lte", "gt", "gte"):
            return super().negated(condition)
        return f"not({self.expr(condition)})"

    def op_equals_ignoring_case(self, left: Expr, right: Expr) -> str:
        return f"{self.expr(left)} =~ {self.expr(right)}"

    def op_in(self, left: Expr, *values: Expr) -> str:
        return f"{self.expr(left)} in ({self.listed(values)})"

    def op_in_ignoring_case(self, left: Expr, *values: Expr) -> str:
        return f"{self.expr(left)} in~ ({self.listed(values)})"

    def op_starts_with(self, left: Expr, right: Expr) -> str:
        return self._operator("startswith", left, right)

    def op_ends_with(self, left: Expr, right: Expr) -> str:
        return self._operator("endswith", left, right)

    def op_contains(self, left: Expr, right: Expr) -> str:
        return self._operator("contains", left, right)

    def _operator(self, word: str, left: Expr, right: Expr) -> str:
        """A comparison, which ignores case if the plan compares text in lower case."""
        if isinstance(left, Call) and left.op == "lower":
            (left,) = left.args
            if isinstance(right, Call) and right.op == "lower":
                (right,) = right.args
            return f"{self.expr(left)} {word} {self.expr(right)}"
        return f"{self.expr(left)} {word}_cs {self.expr(right)}"

    def op_like(self, left: Expr, *parts: Expr) -> str:
        return self.by_pattern(left, parts)

    def op_text(self, value: Expr) -> str:
        """A number as digits; an IPv4-mapped address as plain IPv4."""
        if self.type_of(value) == "ip":
            return f"replace_regex({self.expr(value)}, {self.verbatim(Literal(MAPPED))}, @'\\1')"
        text = self.expr(value)
        known = self._is_textual(value) and not self.stored_source.untyped
        return text if known or text.startswith("tostring(") else f"tostring({text})"

    def op_matches(self, value: Expr, pattern: Expr, flags: Expr) -> str:
        """An expression that matches the empty text would find missing values, which are empty text in Kusto."""
        test = super().op_matches(value, pattern, flags)
        if _BOUNDARY.search(test):
            self.notes.append(rf"{self.field_of(value)}: Kusto's \b treats letters beyond ASCII as part of a word")
        empty = matches_empty(parse(constant(pattern), constant(flags)))
        return f"(isnotempty({self._value_or_record(value)}) and {test})" if empty else test

    def matching(self, value: Expr, pattern: str) -> str:
        return f"{self._value_or_record(value)} matches regex {self.verbatim(Literal(pattern))}"

    def _value_or_record(self, value: Expr) -> str:
        """A value; all columns as one JSON text, since KQL can't match an expression with `*`."""
        text = self.expr(value)
        if text not in ("*", "tolower(*)"):
            return text
        self.notes.append('a pattern without a field is matched with the record as JSON, where \\ and " are escaped')
        return text.replace("*", "tostring(pack_all())")

    def op_in_network(self, value: Expr, *networks: Expr) -> str:
        """Kusto's own functions yield null for a text that is not an address, and don't match IPv4-mapped ones."""
        single, narrow, wide = split_networks([constant(network) for network in networks])
        tests = [f"{self.expr(value)} in ({', '.join(map(self.string, single))})"] if single else []
        tests += [self.matching(value, ipv4_pattern(network)) for network in narrow]
        tests += [self._in_ipv6(self.expr(value), ipv6_pattern(network)) for network in wide]
        return self.any_of(tests)

    def _in_ipv6(self, value: str, pattern: str) -> str:
        prefix = pattern.removeprefix("^")
        if "[" in prefix:
            return f"parse_ipv6({value}) matches regex {self.verbatim(Literal(pattern))}"
        return f"parse_ipv6({value}) startswith_cs {self.string(prefix)}"

    def op_network(self, address: Expr) -> str:
        """Kusto's format_ipv6_mask writes all digits, so the address is cut as text."""
        text = self.expr(address)
        first, zeros = self.verbatim(Literal(FIRST_GROUPS)), self.verbatim(Literal(LAST_ZEROS))
        long = f"replace_regex(replace_regex(parse_ipv6({text}), {first}, @'\\1:\\2:\\3::/48'), {zeros}, @'::/48')"
        mapped = f"parse_ipv6({text}) startswith_cs {self.string('0000:0000:0000:0000:0000:ffff:')}"
        short = f"strcat(extract({self.verbatim(Literal(IPV4_24))}, 1, {text}), '.0/24')"
        return f'case({self.matching(address, IPV4_24)}, {short}, {mapped}, "", {long})'

    def op_time_part(self, time: Expr, part: Expr) -> str:
        name = {"week": "week_of_year"}.get(constant(part), constant(part))
        return f'datetime_part("{name}", {self.expr(time)})'
