"""SPL for Splunk 9 and later. Booleans are the strings "true" and "false", as Splunk's JSON extraction gives them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar

from sigmagen.backends.conditions.splunk import SplunkConditions
from sigmagen.backends.printer import constant
from sigmagen.backends.search_terms import hoisted
from sigmagen.plan.expr import (
    NUMERIC,
    Call,
    Column,
    Expr,
    Get,
    Literal,
    Parameter,
    Scalar,
    UnsupportedDetectionError,
    walk,
)
from sigmagen.plan.steps import (
    Aggregate,
    CountRows,
    Derive,
    Expand,
    ExpandValues,
    Filter,
    InsideRange,
    Limit,
    Project,
    Scan,
    Sort,
    Step,
    Union,
    Unique,
)

_PLAIN = re.compile(r"(?!(?i:and|or|not|xor|in|like|as|by|true|false|null)$)[A-Za-z_][A-Za-z0-9_]*")
_CONDITION = re.compile(
    "and|or|not|eq|ne|[lg]te?|in|(equals|in)_ignoring_case|(start|end)s_with|contains|like(_ignoring_case)?|matches|in_network|(is|has)_.*"
)
"""Operations that yield true or false; as a value, SPL wants them inside if()."""
_TERMS = ("eq", "in", "equals_ignoring_case", "in_ignoring_case")


class SplunkPrinter(SplunkConditions):
    """Prints a plan as an SPL search."""

    functions: ClassVar[dict[str, str]] = {
        "coalesce": "coalesce",
        "if": "if",
        "lower": "lower",
        "length": "len",
        "sum": "sum",
        "min": "min",
        "max": "max",
        "values": "values",
        "any": "values",
    }

    def text(self) -> str:
        lines = self.steps()
        times = [*(("window_start", "window_end") if self.plan.windows else ()), *self.plan.times]
        lines += [f'fieldformat {name}=strftime({name}, "%Y-%m-%dT%H:%M:%S%z")' for name in times]
        return "\n| ".join(lines)

    def name(self, column: str) -> str:
        if column == "_time":
            return column
        written = re.sub(r"[^A-Za-z0-9_]", "_", column)
        return self.claimed(column, written if _PLAIN.fullmatch(written) else f"f_{written}")

    def string(self, value: str) -> str:
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'

    def literal(self, value: Scalar) -> str:
        if isinstance(value, bool):
            return '"true"' if value else '"false"'
        return super().literal(value)

    def parameter(self, parameter: Parameter) -> str:
        """A token of a form. Of the filters, `s` is documented to escape quotes and not backslashes, so a value could
        end the text; what `u` leaves as it is (letters, digits, `-_.!~*'()`) has no meaning between quotes."""
        text = f'"${parameter.name}|u$"'
        return f"tonumber({text})" if parameter.type in (*NUMERIC, "timestamp") else f"urldecode({text})"

    def null(self) -> str:
        return "null()"

    def get(self, get: Get) -> str:
        segments = list(get.segments)
        if get.base is not None:
            text = self.expr(get.base)
        elif self.target.record:
            text = self.target.record
        elif all(isinstance(segment, str) for segment in segments):
            return self._own(get) if self.target.untyped else self.stored(".".join(map(str, segments)))
        else:
            text = "_raw"
        return self._inside_json(text, segments)

    def _own(self, get: Get) -> str:
        """A field of which nothing is known but what the rule calls it."""
        name = ".".join(map(str, get.segments))
        if get.type == "timestamp":
            raise UnsupportedDetectionError(f"{name} is a time in an unknown form, so its parts can't be taken")
        return self.stored(name)

    def stored(self, field: str) -> str:
        """A field that Splunk extracts by itself, as eval and where read it."""
        return field if _PLAIN.fullmatch(field) else "'" + field.replace("'", "\\'") + "'"

    def _inside_json(self, text: str, segments: list[str | int]) -> str:
        keys: list[str] = []
        for segment in segments:
            if isinstance(segment, str):
                keys.append(segment)
                continue
            if keys:
                text, keys = f"json_extract({text}, {self.string('.'.join(keys))})", []
            text = f"mvindex(json_array_to_mv({text}), {segment})"
        return f"json_extract({text}, {self.string('.'.join(keys))})" if keys else text

    # Steps.

    def steps(self) -> list[str]:
        """The search terms first: what the index can answer, it should. They fold case, so `where` decides again.

        A record that is read from _raw may be longer than what Splunk extracts fields from, so it gets no terms.
        """
        first, *rest = self.plan.steps
        if isinstance(first, Union):
            return [line for step in self.plan.steps for line in self.step(step)]
        terms = [self.target.location]
        if self.target.untyped:
            found, rest = hoisted(rest, self.plan.in_place, self.string)
            terms += found
        elif rest and isinstance(rest[0], Filter) and not self.target.record:
            source_terms = self._terms(rest[0].condition, {})
            if len(source_terms) == len(self.conjuncts(rest[0].condition)):
                terms += source_terms
                rest.pop(0)
        terms += [] if self.target.untyped else self._prefilter(rest)
        lines = [" ".join(terms)]
        for step in rest:
            lines += self.step(step)
        return lines

    def _prefilter(self, steps: list[Step]) -> list[str]:
        """Terms for the conditions on fields that Splunk extracts by itself, up to the first aggregation."""
        if self.target.record:
            return []
        stored = {
            name: value
            for step in steps
            if isinstance(step, Derive)
            for name, value in step.columns
            if isinstance(value, Get) and value.base is None
        }
        first = next((index for index, step in enumerate(steps) if isinstance(step, Aggregate | Unique)), len(steps))
        return [
            term for step in steps[:first] if isinstance(step, Filter) for term in self._terms(step.condition, stored)
        ]

    def _terms(self, condition: Expr, stored: Mapping[str, Get]) -> list[str]:
        """The parts of a condition, joined by AND, that are search terms."""
        parts = condition.args if isinstance(condition, Call) and condition.op == "and" else (condition,)
        terms = []
        for part in parts:
            if not (isinstance(part, Call) and part.op in _TERMS and _constants(part.args[1:])):
                continue
            subject = part.args[0]
            get = stored.get(subject.name) if isinstance(subject, Column) else subject
            values = [self.literal(constant(value)) for value in part.args[1:]]
            # Whether search takes 2 and 2.0 for the same is not documented; `where` compares numbers as such.
            textual = all(isinstance(constant(value), str | bool) for value in part.args[1:])
            if not textual or not isinstance(get, Get) or any("*" in value for value in values):
                continue
            field = ".".join(map(str, get.segments))
            terms.append(f"{field}={values[0]}" if len(values) == 1 else f"{field} IN ({', '.join(values)})")
        return terms

    def step_scan(self, step: Scan) -> list[str]:
        return [self.target.location]

    def step_union(self, step: Union) -> list[str]:
        """Streams of events run side by side; alerts, which take whole sub-searches, are appended."""
        texts = [branch.text().replace("\n", "\n    ") for branch in self.branches(step)]
        if not any(isinstance(part, Aggregate | Unique) for branch in step.branches for part in branch.steps):
            return ["| multisearch\n    " + "\n    ".join(f"[{_generating(text)}]" for text in texts)]
        first, *others = texts
        return [first.replace("\n    ", "\n"), *(f"append\n    [{_generating(text)}]" for text in others)]

    def step_insiderange(self, step: InsideRange) -> list[str]:
        """A search over all time has no end."""
        begin, end = self.expr(step.begin), self.expr(step.end)
        inside = f'{begin} >= info_min_time AND (info_max_time = "+Infinity" OR {end} <= info_max_time)'
        return ["addinfo", f"where {inside}"]

    def step_derive(self, step: Derive) -> list[str]:
        columns = [(self.name(name), self._value(value)) for name, value in step.columns]
        changed = [f"{name}={value}" for name, value in columns if name != value]
        return ["eval " + ",\n    ".join(changed)] if changed else []

    def _value(self, expression: Expr) -> str:
        text = self.expr(expression)
        condition = isinstance(expression, Call) and _CONDITION.fullmatch(expression.op) is not None
        return f'if({text}, "true", "false")' if condition else text

    def step_filter(self, step: Filter) -> list[str]:
        if isinstance(step.condition, Literal):
            return [f"where {'true' if step.condition.value else 'false'}()"]
        return ["where " + "\n    AND ".join(self.conjuncts(step.condition))]

    def step_unique(self, step: Unique) -> list[str]:
        return [f"dedup {self.name(step.column)} keepempty=true"]

    def step_aggregate(self, step: Aggregate) -> list[str]:
        columns = ", ".join(f"{self.expr(value)} AS {self.name(name)}" for name, value in step.columns) or "count"
        by = ", ".join(self.name(name) for name in step.by)
        # A row without the value that one rule counts is still a row for the others, and BY would drop it.
        filled = " ".join(self.name(name) for name in step.by if name in self._counted())
        lines = [f'fillnull value="" {filled}'] if filled else []
        return [*lines, f"stats {columns}" + (f" BY {by}" if by else "")]

    def _counted(self) -> set[str]:
        """The columns whose distinct values are counted."""
        calls = [value for step in self.plan.steps if isinstance(step, Aggregate) for _, value in step.columns]
        return {
            part.args[0].name
            for value in calls
            for part in walk(value)
            if isinstance(part, Call) and part.op == "distinct" and isinstance(part.args[0], Column)
        }

    def step_expand(self, step: Expand) -> list[str]:
        column = self.name(step.name)
        return [f"eval {column}=mvrange({step.values[0]}, {step.values[-1] + 1})", f"mvexpand {column}"]

    def step_expandvalues(self, step: ExpandValues) -> list[str]:
        column = self.name(step.name)
        return [f"mvexpand {column}", f"eval {column}=tonumber({column})"]

    def step_countrows(self, step: CountRows) -> list[str]:
        return [f"eventstats count AS {self.name(step.name)}"]

    def step_sort(self, step: Sort) -> list[str]:
        return ["sort 0 " + ", ".join(("-" if descending else "+") + self.name(name) for name, descending in step.keys)]

    def step_limit(self, step: Limit) -> list[str]:
        return [f"head {step.rows}"]

    def step_project(self, step: Project) -> list[str]:
        # In a sub-search, whose rows go on, `table` would stop the streaming.
        command = "table" if self.plan.rule else "fields"
        return [f"{command} " + ", ".join(self.name(name) for name in step.columns)]

    # Operations.

    def op_replace(self, value: Expr, pattern: Expr, replacement: Expr) -> str:
        rewrite = Literal(str(constant(replacement)).replace("$1", "\\1"))
        return f"replace({self.expr(value)}, {self.expr(pattern)}, {self.expr(rewrite)})"

    def op_extract(self, value: Expr, pattern: Expr) -> str:
        whole = self.string(f"(?s)^.*?{constant(pattern)}.*$")
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
        """A JSON string has no elements; json_extract itself does not tell a string from other JSON text."""
        if isinstance(value, Get) and value.base is not None:
            path = ".".join(map(str, value.segments[-1:]))
            base = self._inside_json(self.expr(value.base), list(value.segments[:-1]))
            return f"isnull(json_extract({base}, {self.string(path + '{}')}))"
        return f"isnull(json_extract({self.expr(value)}, {self.string('{}')}))"

    def op_parse_json(self, value: Expr) -> str:
        return self.expr(value)

    def op_cast(self, value: Expr, kind: Expr) -> str:
        return f"tonumber({self.expr(value)})" if constant(kind) in NUMERIC else self.expr(value)

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

    # Aggregates.

    def op_distinct(self, value: Expr) -> str:
        text = self.expr(value)
        return f"dc(eval(if(len({text})>0, {text}, null())))"

    def op_count(self) -> str:
        return "count"

    def op_count_if(self, condition: Expr) -> str:
        return f"count(eval({self.expr(condition)}))"

    def op_percentile(self, value: Expr, percentile: Expr) -> str:
        return f"perc{self.expr(percentile)}({self.expr(value)})"

    def op_merge_values(self, values: Expr) -> str:
        return f"values({self.expr(values)})"


def _generating(text: str) -> str:
    """A search as the body of a sub-search."""
    return text if text.startswith("|") else f"search {text}"


def _seconds(milliseconds: int) -> str:
    return str(milliseconds // 1000) if milliseconds % 1000 == 0 else str(milliseconds / 1000)


def _constants(arguments: tuple[Expr, ...]) -> bool:
    return all(isinstance(argument, Literal) for argument in arguments)
