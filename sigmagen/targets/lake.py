"""What the dialects of lakes share: a table of canonical events with typed columns, and a range in parameters.

A column is called like its field, with an underscore for every other character: `user.id` is `user_id`. The table is
partitioned by `day`, the event's date in UTC; the range is asked for in both, so that a query reads its days only.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Mapping
from ipaddress import IPv6Network
from typing import ClassVar

from sigmagen.expr.tree import NUMERIC, Expr, Get, Literal
from sigmagen.plan.steps import ExpandValues, InsideRange, Scan
from sigmagen.targets.networks import MAPPED, ipv4_pattern, split_networks
from sigmagen.targets.printer import ONLY_READINESS, constant, lowered
from sigmagen.targets.sql import Select, SqlPrinter

TIME, DAY = "timestamp", "day"
_UNTEXTUAL = (*NUMERIC, "boolean", "timestamp")
_NOT_A_WORD = re.compile(r"\W", re.ASCII)
_OF_NATIVE_RECORDS = """
elements epoch_milliseconds epoch_seconds extract is_json_string json_text last_text network parse_json replace sha256
sorted_pieces
"""


def column_of(field: str) -> str:
    """The column of a field in the table.

    >>> column_of("gen_ai.usage.output_tokens"), column_of("@timestamp")
    ('gen_ai_usage_output_tokens', 'timestamp')
    """
    return TIME if field == "@timestamp" else _NOT_A_WORD.sub("_", field)


class LakePrinter(SqlPrinter):
    """Comparisons and steps that the dialects write alike."""

    calls: ClassVar[frozenset[str]] = frozenset({"matches", "like_ignoring_case"})
    lacking: ClassVar[Mapping[str, str]] = {
        **ONLY_READINESS,
        **dict.fromkeys(_OF_NATIVE_RECORDS.split(), "only native records need it, and the table has canonical events"),
        "join": "the events of the table are complete",
    }

    def name(self, column: str) -> str:
        written = column_of(column)
        self.claimed(column, written.lower())
        return f'"{written}"' if written.lower() in self.reserved else written

    def result_name(self, column: str) -> str:
        return column_of(column)

    def get(self, get: Get) -> str:
        return self.name(str(get.segments[0]))

    def literal(self, value: object) -> str:
        text = super().literal(value)  # type: ignore[arg-type]
        return text.upper() if isinstance(value, bool) or value is None else text

    # The range.

    @abstractmethod
    def range_edge(self, edge: str) -> str:
        """The parameter `range_start` or `range_end`, a time."""

    def date_of(self, time: str) -> str:
        """The date of a time, in UTC."""
        return f"CAST({time} AS DATE)"

    def step_scan(self, step: Scan) -> None:
        start, end = self.range_edge("range_start"), self.range_edge("range_end")
        self._select = Select(self.stored_source.location, star=False, columns=[(TIME, TIME)])
        self._scanned = [TIME]
        self._select.where = [
            f"{DAY} >= {self.date_of(start)}",
            f"{DAY} <= {self.date_of(end)}",
            f"{TIME} >= {start}",
            f"{TIME} < {end}",
        ]

    def step_insiderange(self, step: InsideRange) -> None:
        if self._select.groups is not None or self._select.unnested or not self.reads_aliases:
            self.close()
        start, end = self.range_edge("range_start"), self.range_edge("range_end")
        self._select.where += [f"{self.expr(step.begin)} >= {start}", f"{self.expr(step.end)} <= {end}"]

    def unnested(self, column: str) -> str:
        """A row for each element of an array."""
        return f"explode({column})"

    def step_expandvalues(self, step: ExpandValues) -> None:
        self.close()
        column = self.name(step.name)
        self._select.replaced = [column]
        self._select.columns = [(column, self.unnested(column))]
        self._select.unnested = True

    # Comparisons.

    def op_is_missing(self, value: Expr) -> str:
        return f"{self.expr(value)} IS NULL"

    def op_is_present(self, value: Expr) -> str:
        return f"{self.expr(value)} IS NOT NULL"

    def op_has_value(self, value: Expr) -> str:
        textual = self.type_of(value) not in _UNTEXTUAL
        return f"{self.expr(value)} <> ''" if textual else self.op_is_present(value)

    def op_equals_ignoring_case(self, left: Expr, right: Expr) -> str:
        return f"{self.lower(left)} = {self.expr(lowered(right))}"

    def op_in_ignoring_case(self, left: Expr, *values: Expr) -> str:
        return f"{self.lower(left)} IN ({self.listed(tuple(map(lowered, values)))})"

    def lower(self, value: Expr) -> str:
        """A text in lower case."""
        return f"{self.functions['lower']}({self.expr(value)})"

    def op_like(self, left: Expr, *parts: Expr) -> str:
        return self.by_pattern(left, parts)

    def op_in_network(self, value: Expr, *networks: Expr) -> str:
        """Networks are tested on the address's text, as the functions of the engines differ."""
        single, narrow, wide = split_networks([constant(network) for network in networks])
        tests = [f"{self.expr(value)} IN ({', '.join(map(self.string, single))})"] if single else []
        tests += [self.matching(value, ipv4_pattern(network)) for network in narrow]
        tests += [self.in_ipv6(value, network) for network in wide]
        return self.any_of(tests)

    def in_ipv6(self, value: Expr, network: IPv6Network) -> str:
        """Whether a text is an address of a network; false or null for what is no address."""
        raise self.unsupported(value, "is compared with a network of IPv6 addresses, which no function here reads")

    def op_text(self, value: Expr) -> str:
        if self.type_of(value) == "ip":
            return self.replaced(self.expr(value), MAPPED, 1)
        return f"CAST({self.expr(value)} AS {self.text_type})" if self.type_of(value) in NUMERIC else self.expr(value)

    text_type: ClassVar[str] = "STRING"

    @abstractmethod
    def replaced(self, text: str, pattern: str, group: int) -> str:
        """The text with each match of a pattern replaced by one of its groups."""

    # Values.

    def op_if(self, condition: Expr, then: Expr, otherwise: Expr) -> str:
        end = "" if otherwise == Literal(None) else f" ELSE {self.expr(otherwise)}"
        return f"CASE WHEN {self.expr(condition)} THEN {self.expr(then)}{end} END"

    def op_not_empty(self, value: Expr) -> str:
        return f"nullif({self.expr(value)}, '')"

    def op_mean(self, total: Expr, number: Expr) -> str:
        return f"CAST({self.expr(total)} AS DOUBLE) / {self.expr(number)}"

    def op_divide(self, left: Expr, right: Expr) -> str:
        return f"CAST({self.expr(left)} AS DOUBLE) / nullif({self.expr(right)}, 0)"

    # Aggregates.

    def op_count(self) -> str:
        return "count(*)"

    def op_count_if(self, condition: Expr) -> str:
        return f"count(*) FILTER (WHERE {self.expr(condition)})"

    def op_sum_positive(self, value: Expr) -> str:
        return f"sum({self.expr(value)}) FILTER (WHERE {self.expr(value)} > 0)"

    def op_distinct(self, value: Expr) -> str:
        """An empty text is not a value."""
        return f"count(DISTINCT {self.expr(value)}) FILTER (WHERE {self.op_has_value(value)})"
