"""How SPL computes values and aggregates."""

from __future__ import annotations

from collections.abc import Sequence

from sigmagen.expr.tree import NUMERIC, Call, Expr, Get, Literal
from sigmagen.targets.printer import constant
from sigmagen.targets.splunk.conditions import SplunkConditions


class SplunkValues(SplunkConditions):
    """Values computed from one row, and aggregates of many rows."""

    def inside_json(self, text: str, segments: list[str | int]) -> str:
        """The value at a path inside JSON text; a number in the path is the index of an element.

        json_extract takes a dot in a key for a step into an object, so such a key is read by itself.
        """
        keys: list[str] = []
        for segment in segments:
            if isinstance(segment, str) and "." not in segment:
                keys.append(segment)
                continue
            if keys:
                text, keys = f"json_extract({text}, {self.string('.'.join(keys))})", []
            if isinstance(segment, str):
                text = f"json_extract_exact({text}, {self.string(segment)})"
            else:
                text = f"mvindex(json_array_to_mv({text}), {segment})"
        return f"json_extract({text}, {self.string('.'.join(keys))})" if keys else text

    def boolean_inside_json(self, text: str, segments: list[str | int]) -> str:
        """json_extract returns a boolean, which eval can't assign; tostring converts it to True or False."""
        return f"lower(tostring({self.inside_json(text, segments)}))"

    def op_replace(self, value: Expr, pattern: Expr, replacement: Expr) -> str:
        rewrite = Literal(str(constant(replacement)).replace("$1", "\\1"))
        return f"replace({self.expr(value)}, {self.expr(pattern)}, {self.expr(rewrite)})"

    def op_extract(self, value: Expr, pattern: Expr) -> str:
        text = str(constant(pattern))
        whole = self.string(f"(?s)^.*?{text}" if text.endswith("$") else f"(?s)^.*?{text}.*$")
        return f'if(match({self.expr(value)}, {whole}), replace({self.expr(value)}, {whole}, "\\\\1"), null())'

    def op_left(self, value: Expr, length: Expr) -> str:
        return f"substr({self.expr(value)}, 1, {self.expr(length)})"

    def op_sha256(self, value: Expr) -> str:
        text = self.expr(value)
        return f"if(len({text})>0, sha256({text}), null())"

    def op_json_text(self, value: Expr) -> str:
        return self.expr(value)

    def op_sorted_pieces(self, value: Expr) -> str:
        return f'mvjoin(mvsort(split({self.expr(value)}, ",")), ",")'

    def op_is_json_string(self, value: Expr) -> str:
        """A JSON string has no elements; json_extract itself doesn't distinguish a string from other JSON text.

        In the record itself, a quote after the name shows that the value is a string.
        """
        if isinstance(value, Get) and value.base is not None:
            path = ".".join(map(str, value.segments[-1:]))
            base = self.inside_json(self.expr(value.base), list(value.segments[:-1]))
            return f"isnull(json_extract({base}, {self.string(path + '{}')}))"
        if isinstance(value, Get) and self.stored_source.record:
            quoted = self.string(rf'"{value.segments[-1]}"\s*:\s*"')
            return f"match({self.stored_source.record}, {quoted})"
        return f"isnull(json_extract({self.expr(value)}, {self.string('{}')}))"

    def last_message(self, found: Call) -> list[str]:
        """Commands that put the last message of a role that has text, and its last part that has text, into columns.

        A list of texts has a non-empty one if an opening quote is not followed by another quote.
        """
        messages, role, *places = found.args
        of_role = f'json_extract(message, "role") = {self.expr(role)}'
        content = 'json_extract(message, "content")'
        plain = f'isnull(json_extract(message, "content{{}}")) AND {content} != "" AND {content} != "[]"'
        opening = self.string(r'[\[,]\s*"[^"]')
        listed = [f'match(json_extract(message, "content{{}}.{constant(place)}"), {opening})' for place in places]
        has_text = " OR ".join([f"({plain})", *listed])
        return [
            f"eval message=json_array_to_mv({self.expr(messages)})",
            f"eval message=mvindex(mvfilter({of_role} AND ({has_text})), -1)",
            'eval part=json_array_to_mv(json_extract(message, "content{}"))',
            f'eval part=mvindex(mvfilter({self._text_of_part(places)} != ""), -1)',
        ]

    def op_last_text(self, messages: Expr, role: Expr, *places: Expr) -> str:
        """The text of the part that `last_message` has chosen, or else of the message."""
        return f'coalesce({self._text_of_part(places)}, json_extract(message, "content"))'

    def _text_of_part(self, places: Sequence[Expr]) -> str:
        texts = [f'json_extract(part, "{constant(place)}")' for place in places]
        return texts[0] if len(texts) == 1 else f"coalesce({', '.join(texts)})"

    def op_not_empty(self, value: Expr) -> str:
        return f'nullif({self.expr(value)}, "")'

    def op_elements(self, array: Expr) -> str:
        return f"mvcount(json_array_to_mv({self.expr(array)}))"

    def op_concat(self, *parts: Expr) -> str:
        return " . ".join(self._operand(part) for part in parts)

    def op_parse_json(self, value: Expr) -> str:
        return self.expr(value)

    def op_cast(self, value: Expr, kind: Expr) -> str:
        text = self.expr(value)
        if constant(kind) == "boolean":
            return f'case(lower({text})="true", "true", lower({text})="false", "false")'
        return f"tonumber({text})" if constant(kind) in NUMERIC else text

    def op_divide(self, left: Expr, right: Expr) -> str:
        return f"if({self.expr(right)}=0, null(), {self._operand(left)}/{self._operand(right)})"

    def op_pane(self, time: Expr, tick: Expr) -> str:
        seconds = _seconds(constant(tick))
        return f"floor({self._operand(time)}/{seconds})*{seconds}"

    def op_tick(self, pane: Expr, number: Expr, tick: Expr) -> str:
        return f"{self.expr(pane)}+{self.expr(number)}*{_seconds(constant(tick))}"

    def op_shift(self, time: Expr, by: Expr) -> str:
        milliseconds = constant(by)
        return f"{self.expr(time)}{'-' if milliseconds < 0 else '+'}{_seconds(abs(milliseconds))}"

    def op_moment(self, milliseconds: Expr) -> str:
        return _seconds(constant(milliseconds))

    def op_milliseconds(self, time: Expr) -> str:
        return f"floor({self.expr(time)}*1000)/1000"

    def op_mean(self, total: Expr, number: Expr) -> str:
        return f"{self.expr(total)}/{self.expr(number)}"

    def op_times(self, left: Expr, right: Expr) -> str:
        return f"{self.expr(left)}*{self.expr(right)}"

    def op_size(self, values: Expr) -> str:
        return f"mvcount({self.expr(values)})"

    def op_head(self, values: Expr, number: Expr) -> str:
        return f"mvindex({self.expr(values)}, 0, {constant(number) - 1})"

    # Readiness.

    def op_ingestion_time(self) -> str:
        return "_indextime"

    def op_stored_text(self) -> str:
        return "_raw"

    def op_seconds_between(self, later: Expr, earlier: Expr) -> str:
        return f"round({self._operand(later)}-{self._operand(earlier)})"

    def op_is_cut(self, text: Expr) -> str:
        written = self.expr(text)
        return f'({written} != "" AND NOT json_valid({written}))'

    def op_not_extracted(self, value: Expr) -> str:
        """Splunk stops extracting fields at 5,000 bytes of an event."""
        assert isinstance(value, Get), "a stored value"
        path = self.string(".".join(map(str, value.segments)))
        held = f"coalesce(json_extract_exact(_raw, {path}), json_extract(_raw, {path}))"
        return f"(isnull({self.expr(value)}) AND isnotnull({held}))"

    def op_share(self, part: Expr, whole: Expr) -> str:
        total = self.expr(whole)
        return f"if({total}=0, null(), round(100*{self.expr(part)}/{total}, 1))"

    # Aggregates.

    def op_distinct(self, value: Expr) -> str:
        text = self.expr(value)
        return f"dc(eval(if(len({text})>0, {text}, null())))"

    def op_count(self) -> str:
        return "count"

    def op_count_if(self, condition: Expr) -> str:
        return f"count(eval({self.expr(condition)}))"

    def op_sum_positive(self, value: Expr) -> str:
        return f"sum(eval(if({self.expr(value)} > 0, {self.expr(value)}, null())))"

    def op_percentile(self, value: Expr, percentile: Expr) -> str:
        return f"perc{self.expr(percentile)}({self.expr(value)})"

    def op_merge_values(self, values: Expr) -> str:
        return f"values({self.expr(values)})"


def _seconds(milliseconds: int) -> str:
    return str(milliseconds // 1000) if milliseconds % 1000 == 0 else str(milliseconds / 1000)
