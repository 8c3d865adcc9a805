"""How KQL computes values and aggregates."""

from __future__ import annotations

from sigmagen.durations import iso, largest_unit
from sigmagen.expr.tree import Call, Expr, Literal
from sigmagen.targets.printer import constant
from sigmagen.targets.sentinel.conditions import KustoConditions

CASTS = {"integer": "tolong", "float": "todouble", "boolean": "tobool", "timestamp": "todatetime"}


class KustoValues(KustoConditions):
    """Values computed from one row, and aggregates of many rows."""

    def op_if(self, condition: Expr, then: Expr, otherwise: Expr) -> str:
        other = self._typed_null(then) if otherwise == Literal(None) else self.expr(otherwise)
        first = self._typed_null(otherwise) if then == Literal(None) else self.expr(then)
        return f"iff({self.expr(condition)}, {first}, {other})"

    def _typed_null(self, like: Expr) -> str:
        """The missing value of the same type: both branches of `iff` must agree."""
        kind = {
            "integer": "long(null)",
            "float": "real(null)",
            "boolean": "bool(null)",
            "timestamp": "datetime(null)",
            "json": "dynamic(null)",
        }
        return kind.get(self.type_of(like), '""')

    def op_replace(self, value: Expr, pattern: Expr, replacement: Expr) -> str:
        rewrite = Literal(str(constant(replacement)).replace("$1", "\\1"))
        return f"replace_regex({self.expr(value)}, {self.verbatim(pattern)}, {self.verbatim(rewrite)})"

    def op_extract(self, value: Expr, pattern: Expr) -> str:
        return f"extract({self.verbatim(pattern)}, 1, {self.expr(value)})"

    def op_left(self, value: Expr, length: Expr) -> str:
        return f"substring({self.expr(value)}, 0, {self.expr(length)})"

    def op_sha256(self, value: Expr) -> str:
        text = self.expr(value)
        return f'iff(isempty({text}), "", hash_sha256({text}))'

    def op_json_text(self, value: Expr) -> str:
        return f"tostring({self.expr(value)})"

    def op_sorted_pieces(self, value: Expr) -> str:
        return f'strcat_array(array_sort_asc(split({self.expr(value)}, ",")), ",")'

    def op_is_json_string(self, value: Expr) -> str:
        return f'gettype({self.expr(value)}) == "string"'

    def last_text(self, column: str, found: Call) -> str:
        """The operator that puts the last non-empty text into a column; see `op_last_text` of DuckDB.

        KQL has no function that maps over an array. A record with an empty array keeps its row.
        """
        messages, role, *places = found.args
        sent = self.expr(messages)
        texts = [f"part.{constant(place)}" for place in places]
        text = texts[0] if len(texts) == 1 else f"coalesce({', '.join(texts)})"
        condition = f'tostring(message.role) == {self.expr(role)} and gettype({text}) == "string"'
        alone = 'pack_array(bag_pack("text", message.content))'
        return f"""mv-apply with_itemindex=at message = iff(array_length({sent}) > 0, {sent}, dynamic([""])) on (
    mv-expand with_itemindex=nth part = iff(array_length(message.content) > 0, message.content, {alone})
    | extend {column} = iff({condition}, tostring({text}), "")
    | extend place = iff(isempty({column}), -1, at * 1000000 + nth)
    | summarize arg_max(place, {column}))"""

    def op_not_empty(self, value: Expr) -> str:
        """A missing text is empty in KQL, and `coalesce` skips empty texts."""
        return self.expr(value)

    def op_cast(self, value: Expr, kind: Expr) -> str:
        return f"{CASTS.get(str(constant(kind)), 'tostring')}({self.expr(value)})"

    def op_divide(self, left: Expr, right: Expr) -> str:
        quotient = f"todouble({self.expr(left)}) / {self.expr(right)}"
        return f"iff({self.expr(right)} == 0, real(null), {quotient})"

    def op_pane(self, time: Expr, tick: Expr) -> str:
        return f"bin({self.expr(time)}, {_span(constant(tick))})"

    def op_tick(self, pane: Expr, number: Expr, tick: Expr) -> str:
        return f"{self.expr(pane)} + {self.expr(number)} * {_span(constant(tick))}"

    def op_shift(self, time: Expr, by: Expr) -> str:
        milliseconds = constant(by)
        return f"{self.expr(time)} {'-' if milliseconds < 0 else '+'} {_span(abs(milliseconds))}"

    def op_moment(self, milliseconds: Expr) -> str:
        return f"datetime({iso(constant(milliseconds))})"

    def op_milliseconds(self, time: Expr) -> str:
        return f"bin({self.expr(time)}, 1ms)"

    def op_mean(self, total: Expr, number: Expr) -> str:
        """In KQL, the quotient of two integers would be an integer."""
        return f"todouble({self.expr(total)}) / {self.expr(number)}"

    def op_size(self, values: Expr) -> str:
        return f"array_length({self.expr(values)})"

    def op_head(self, values: Expr, number: Expr) -> str:
        return f"array_slice(array_sort_asc({self.expr(values)}), 0, {constant(number) - 1})"

    # Readiness.

    def op_seconds_between(self, later: Expr, earlier: Expr) -> str:
        return f'datetime_diff("second", {self.expr(later)}, {self.expr(earlier)})'

    def op_is_cut(self, text: Expr) -> str:
        """What parse_json can't read, it takes for a string."""
        written = self.expr(text)
        return f'(isnotempty({written}) and gettype(parse_json({written})) !in ("dictionary", "array"))'

    def op_share(self, part: Expr, whole: Expr) -> str:
        total = self.expr(whole)
        return f"iff({total} == 0, real(null), round(100.0 * {self.expr(part)} / {total}, 1))"

    # Aggregates.

    def op_count(self) -> str:
        return "count()"

    def op_count_if(self, condition: Expr) -> str:
        return f"countif({self.expr(condition)})"

    def op_sum_positive(self, value: Expr) -> str:
        return f"sumif({self.expr(value)}, {self.expr(value)} > 0)"

    def op_percentile(self, value: Expr, percentile: Expr) -> str:
        return f"percentile({self.expr(value)}, {self.expr(percentile)})"

    def op_merge_values(self, values: Expr) -> str:
        """`make_set` of arrays is the set of their elements."""
        return f"make_set({self.expr(values)})"

    def op_distinct(self, value: Expr) -> str:
        """Exact, unlike dcount. A set has no nulls; an empty string is a missing text."""
        text = self.expr(value)
        present = f"iff(isempty({text}), dynamic(null), {text})" if self._is_textual(value) else text
        return f"array_length(make_set({present}))"


def _span(milliseconds: int) -> str:
    number, unit = largest_unit(milliseconds)
    return f"{number}{unit}"
