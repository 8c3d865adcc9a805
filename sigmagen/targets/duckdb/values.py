"""How DuckDB SQL computes values and aggregates."""

from __future__ import annotations

from sigmagen.durations import iso
from sigmagen.expr.tree import Expr, Literal
from sigmagen.targets.duckdb.conditions import DuckDBConditions
from sigmagen.targets.printer import constant

TYPES = {"integer": "BIGINT", "float": "DOUBLE", "boolean": "BOOLEAN", "timestamp": "TIMESTAMP"}


class DuckDBValues(DuckDBConditions):
    """Values computed from one row, and aggregates of many rows."""

    def op_if(self, condition: Expr, then: Expr, otherwise: Expr) -> str:
        end = "" if otherwise == Literal(None) else f" ELSE {self.expr(otherwise)}"
        return f"CASE WHEN {self.expr(condition)} THEN {self.expr(then)}{end} END"

    def op_replace(self, value: Expr, pattern: Expr, replacement: Expr) -> str:
        rewrite = str(constant(replacement)).replace("\\", "\\\\").replace("$1", "\\1")
        return f"regexp_replace({self.expr(value)}, {self.expr(pattern)}, {self.string(rewrite)}, 'g')"

    def op_extract(self, value: Expr, pattern: Expr) -> str:
        return f"nullif(regexp_extract({self.expr(value)}, {self.expr(pattern)}, 1), '')"

    def op_sha256(self, value: Expr) -> str:
        text = self.expr(value)
        return f"CASE WHEN {text} <> '' THEN sha256({text}) END"

    def op_json_text(self, value: Expr) -> str:
        return f"CAST({self.expr(value)} AS VARCHAR)"

    def op_sorted_pieces(self, value: Expr) -> str:
        return f"array_to_string(list_sort(string_split({self.expr(value)}, ',')), ',')"

    def op_is_json_string(self, value: Expr) -> str:
        return f"json_type({self.expr(value)}) = 'VARCHAR'"

    def op_last_text(self, messages: Expr, role: Expr, *places: Expr) -> str:
        """The last non-empty text of a role's messages: the content, or at one of the places in a part of it."""
        texts = [f"(part->{self.string(f'$.{constant(place)}')})" for place in places]
        parts = (
            f"json_extract(message, {self.string(f'$.content[*].{constant(places[0])}')})"
            if len(places) == 1
            else f"list_transform(json_extract(message, '$.content[*]'), lambda part: coalesce({', '.join(texts)}))"
        )
        candidates = (
            f"list_transform(json_extract({self.expr(messages)}, '$[*]'), lambda message: "
            f"CASE WHEN (message->>'$.role') = {self.expr(role)} THEN {parts} || [(message->'$.content')] END)"
        )
        is_text = "json_type(text) = 'VARCHAR' AND (text->>'$') <> ''"
        return f"(list_filter(flatten({candidates}), lambda text: {is_text})[-1]->>'$')"

    def op_not_empty(self, value: Expr) -> str:
        return f"nullif({self.expr(value)}, '')"

    def op_elements(self, array: Expr) -> str:
        return f"json_array_length({self.expr(array)})"

    def op_parse_json(self, value: Expr) -> str:
        return f"TRY_CAST({self.expr(value)} AS JSON)"

    def op_cast(self, value: Expr, kind: Expr) -> str:
        return f"TRY_CAST({self.expr(value)} AS {TYPES.get(constant(kind), 'VARCHAR')})"

    def op_divide(self, left: Expr, right: Expr) -> str:
        return f"{self._operand(left)} / nullif({self.expr(right)}, 0)"

    def op_epoch_seconds(self, value: Expr) -> str:
        # A time beyond the range of timestamps is missing; 253402300800 s is the year 10000.
        seconds = self.expr(value)
        milliseconds = f"CAST(floor({seconds} * 1000) AS BIGINT)"
        return f"CASE WHEN abs({seconds}) < 253402300800 THEN make_timestamp({milliseconds} * 1000) END"

    def op_epoch_milliseconds(self, value: Expr) -> str:
        milliseconds = self.expr(value)
        return f"CASE WHEN abs({milliseconds}) < 253402300800000 THEN make_timestamp({milliseconds} * 1000) END"

    def op_pane(self, time: Expr, tick: Expr) -> str:
        return f"time_bucket({_interval(constant(tick))}, {self.expr(time)}, TIMESTAMP '1970-01-01')"

    def op_tick(self, pane: Expr, number: Expr, tick: Expr) -> str:
        return f"{self.expr(pane)} + {self.expr(number)} * {_interval(constant(tick))}"

    def op_shift(self, time: Expr, by: Expr) -> str:
        milliseconds = constant(by)
        return f"{self.expr(time)} {'-' if milliseconds < 0 else '+'} {_interval(abs(milliseconds))}"

    def op_moment(self, milliseconds: Expr) -> str:
        return f"TIMESTAMP '{iso(constant(milliseconds)).rstrip('Z')}'"

    def op_milliseconds(self, time: Expr) -> str:
        return f"date_trunc('milliseconds', {self.expr(time)})"

    def op_size(self, values: Expr) -> str:
        return f"len({self.expr(values)})"

    def op_head(self, values: Expr, number: Expr) -> str:
        return f"list_sort({self.expr(values)})[:{self.expr(number)}]"

    # Aggregates.

    def op_count(self) -> str:
        return "count(*)"

    def op_count_if(self, condition: Expr) -> str:
        return f"count(*) FILTER ({self.expr(condition)})"

    def op_sum_positive(self, value: Expr) -> str:
        return f"sum({self.expr(value)}) FILTER ({self.expr(value)} > 0)"

    def op_percentile(self, value: Expr, percentile: Expr) -> str:
        """The nearest rank: the k-th smallest, k = ceil(n * p / 100)."""
        text = self.expr(value)
        return f"list_sort(list({text}))[(count(*) * {self.expr(percentile)} + 99) // 100]"

    def op_merge_values(self, values: Expr) -> str:
        return f"list_distinct(flatten(list({self.expr(values)})))"

    def op_values(self, value: Expr) -> str:
        text = self.expr(value)
        return f"list(DISTINCT {text}) FILTER ({text} IS NOT NULL)"

    def op_distinct(self, value: Expr) -> str:
        """An empty text doesn't count."""
        return f"count(DISTINCT {self.expr(value)}) FILTER ({self.op_has_value(value)})"


def _interval(milliseconds: int) -> str:
    if milliseconds % 1000:
        return f"INTERVAL '{milliseconds} milliseconds'"
    return f"INTERVAL '{milliseconds // 1000} seconds'"
