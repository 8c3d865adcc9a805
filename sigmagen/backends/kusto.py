"""KQL for Microsoft Sentinel."""

from __future__ import annotations

import re
from typing import ClassVar

from sigmagen.backends.conditions.kusto import KustoConditions
from sigmagen.backends.printer import constant, iso, largest_unit
from sigmagen.plan.expr import Call, Expr, Get, Literal, Parameter
from sigmagen.plan.steps import (
    Aggregate,
    CountRows,
    Derive,
    Expand,
    ExpandValues,
    Filter,
    InsideRange,
    Join,
    Limit,
    Project,
    Scan,
    Sort,
    Union,
    Unique,
)

_CASTS = {"integer": "tolong", "float": "todouble", "boolean": "tobool", "timestamp": "todatetime"}
_STORED = {"int": "integer", "long": "integer", "real": "float", "bool": "boolean", "datetime": "timestamp"}
_RESERVED = (
    "alias and anonymousgraph as asc between bool boolean by consume contains count database dataset datatable date "
    "datetime declare default desc distinct dynamic endswith evaluate execute extend externaldata facet false filter "
    "find first fork from getschema graph guid has hint in int invoke isfuzzy join kind last let like limit long "
    "lookup materialize matches missing nil not null nulls of on or order parse partition pattern print project range "
    "real reduce render sample scan search serialize set sort startswith string summarize table take time timespan to "
    "top toscalar true typeof union uuid view where with"
).replace(" ", "|")
"""Words of the language, which need brackets as the name of a column; brackets are never wrong."""
_PLAIN = re.compile(rf"(?!(?:{_RESERVED})$)[A-Za-z_][A-Za-z0-9_]*")
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"})


class KustoPrinter(KustoConditions):
    """Prints a plan as a KQL pipeline. A string column is never null in KQL: missing and empty are the same there."""

    functions: ClassVar[dict[str, str]] = {
        "coalesce": "coalesce",
        "lower": "tolower",
        "length": "strlen",
        "parse_json": "parse_json",
        "sum": "sum",
        "min": "min",
        "max": "max",
        "values": "make_set",
        "any": "take_any",
    }

    and_word = "and"
    or_word = "or"
    equals = "=="
    longest_chain = 100

    def text(self) -> str:
        lines = self.steps()
        counted = next((i for i, step in enumerate(self.plan.steps) if isinstance(step, CountRows)), None)
        if counted is None:
            return self._range() + "\n| ".join(lines)
        # The number of rows of a pipeline, next to the rows themselves, takes the pipeline twice.
        position = next(index for index, line in enumerate(lines) if line.startswith("extend groups"))
        head = "\n| ".join(lines[:position])
        return f"{self._range()}let alerts = {head};\nalerts\n| " + "\n| ".join(lines[position:])

    def _range(self) -> str:
        """A query isn't told its time range; what it sees whole lies between its first and its last record."""
        if self.plan.rule is None or not self.plan.ranged:
            return ""
        tables = {part.targets[self.target.name].location: None for part in self.plan.source.parts}
        time = self.target.time
        starts = [f"toscalar({table} | summarize min({time}))" for table in tables]
        ends = [f"toscalar({table} | summarize max({time})) + 1ms" for table in tables]
        start = starts[0] if len(starts) == 1 else f"max_of({', '.join(starts)})"
        end = ends[0] if len(ends) == 1 else f"min_of({', '.join(ends)})"
        return f"let range_start = {start};\nlet range_end = {end};\n"

    def name(self, column: str) -> str:
        column = self.plan.stored_as.get(column, column)
        if column in self.target.columns or (self.target.join and column in self.target.join.columns):
            return column
        written = _word(column)
        return self.claimed(column, written if _PLAIN.fullmatch(written) else f"_{written}")

    def string(self, value: str) -> str:
        return '"' + value.translate(_ESCAPES) + '"'

    def parameter(self, parameter: Parameter) -> str:
        """A parameter of the function that the query is the body of."""
        return parameter.name

    def get(self, get: Get) -> str:
        stored = self._stored_type(get)
        text = self._path(get)
        if get.type == "json" and stored != "string":
            return text
        if stored is not None and stored == get.type:
            return text
        return f"{_CASTS.get(get.type, 'tostring')}({text})" if stored != "string" or get.type in _CASTS else text

    def _stored_type(self, get: Get) -> str | None:
        """The type of the column that a path names, None for something inside a dynamic value."""
        if get.base is not None or len(get.segments) > 1:
            return None
        column = str(get.segments[0])
        kinds = {**self.target.columns, **(self.target.join.schema if self.target.join else {})}
        if self.plan.source.canonical:
            return get.type if get.type in _CASTS else "string"
        if self.target.untyped:
            return "string"
        kind = kinds.get(column, "dynamic")
        return None if kind == "dynamic" else _STORED.get(kind, "string")

    def _path(self, get: Get) -> str:
        segments = list(get.segments)
        text = self.expr(get.base) if get.base is not None else self._stored(str(segments.pop(0)))
        for segment in segments:
            if isinstance(segment, str) and _PLAIN.fullmatch(segment):
                text += f".{segment}"
            else:
                text += f"[{self.literal(segment)}]"
        return text

    def _stored(self, column: str) -> str:
        """A column of the table. `*` stands for all of them."""
        if not self.target.untyped:
            return _word(column)
        return column if column == "*" or _PLAIN.fullmatch(column) else f"[{self.string(column)}]"

    # Steps.

    def step_scan(self, step: Scan) -> list[str]:
        return [self.target.location]

    def step_union(self, step: Union) -> list[str]:
        branches = [branch.text().replace("\n", "\n    ") for branch in self.branches(step)]
        return ["union\n    (" + "),\n    (".join(branches) + ")"]

    def step_insiderange(self, step: InsideRange) -> list[str]:
        """See `_range`."""
        return [f"where {self.expr(step.begin)} >= range_start and {self.expr(step.end)} <= range_end"]

    def step_join(self, step: Join) -> list[str]:
        functions = {"any": "take_any", "max": "max"}
        columns = ", ".join(f"{name} = {functions[function]}({name})" for name, function in step.columns)
        inner = f"{step.table} | where {self.expr(step.where)} | summarize {columns} by {step.on}"
        return [f"join kind=leftouter ({inner}) on {step.on}"]

    def step_derive(self, step: Derive) -> list[str]:
        columns = [
            (self.name(name), self.expr(value)) for name, value in step.columns if self.name(name) != self.expr(value)
        ]
        return ["extend " + ",\n    ".join(f"{name} = {value}" for name, value in columns)] if columns else []

    def step_filter(self, step: Filter) -> list[str]:
        return ["where " + "\n    and ".join(self.conjuncts(step.condition))]

    def step_unique(self, step: Unique) -> list[str]:
        return [f"summarize arg_max({self.target.time}, *) by {self.name(step.column)}"]

    def step_aggregate(self, step: Aggregate) -> list[str]:
        columns = ", ".join(f"{self.name(name)} = {self.expr(value)}" for name, value in step.columns)
        by = ", ".join(self.name(name) for name in step.by)
        if not columns:
            return [f"distinct {by}"]
        return [f"summarize {columns}" + (f" by {by}" if by else "")]

    def step_expand(self, step: Expand) -> list[str]:
        numbers = ", ".join(map(str, step.values))
        return [f"mv-expand {self.name(step.name)} = dynamic([{numbers}]) to typeof(long)"]

    def step_expandvalues(self, step: ExpandValues) -> list[str]:
        column = self.name(step.name)
        return [f"mv-expand {column} to typeof(datetime)"]

    def step_countrows(self, step: CountRows) -> list[str]:
        return [f"extend {step.name} = toscalar(alerts | count)"]

    def step_sort(self, step: Sort) -> list[str]:
        keys = ", ".join(f"{self.name(name)} {'desc' if descending else 'asc'}" for name, descending in step.keys)
        return [f"sort by {keys}"]

    def step_limit(self, step: Limit) -> list[str]:
        return [f"take {step.rows}"]

    def step_project(self, step: Project) -> list[str]:
        return ["project " + ", ".join(self._projected(name) for name in step.columns)]

    def _projected(self, column: str) -> str:
        """A branch of a union ends with the rule's names for fields that the table calls otherwise."""
        renamed = self.plan.rule is None and column in self.plan.stored_as
        return f"{_word(column)} = {self.name(column)}" if renamed else self.name(column)

    # Operations.

    def op_if(self, condition: Expr, then: Expr, otherwise: Expr) -> str:
        other = self._missing(then) if otherwise == Literal(None) else self.expr(otherwise)
        first = self._missing(otherwise) if then == Literal(None) else self.expr(then)
        return f"iff({self.expr(condition)}, {first}, {other})"

    def _missing(self, like: Expr) -> str:
        """The missing value of the same type: both branches of `iff` must agree."""
        kind = {
            "integer": "long(null)",
            "float": "real(null)",
            "boolean": "bool(null)",
            "timestamp": "datetime(null)",
            "json": "dynamic(null)",
        }
        if isinstance(like, Call) and like.op == "milliseconds":
            return kind["timestamp"]
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

    def op_cast(self, value: Expr, kind: Expr) -> str:
        return f"{_CASTS.get(str(constant(kind)), 'tostring')}({self.expr(value)})"

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
        """Of two whole numbers, KQL would make a whole number."""
        return f"todouble({self.expr(total)}) / {self.expr(number)}"

    def op_size(self, values: Expr) -> str:
        return f"array_length({self.expr(values)})"

    def op_head(self, values: Expr, number: Expr) -> str:
        return f"array_slice(array_sort_asc({self.expr(values)}), 0, {constant(number) - 1})"

    # Aggregates.

    def op_count(self) -> str:
        return "count()"

    def op_count_if(self, condition: Expr) -> str:
        return f"countif({self.expr(condition)})"

    def op_percentile(self, value: Expr, percentile: Expr) -> str:
        return f"percentile({self.expr(value)}, {self.expr(percentile)})"

    def op_merge_values(self, values: Expr) -> str:
        """`make_set` of arrays is the set of their elements."""
        return f"make_set({self.expr(values)})"

    def op_distinct(self, value: Expr) -> str:
        """Exact, unlike dcount. A set leaves nulls out; the empty string stands for a missing text."""
        text = self.expr(value)
        present = f"iff(isempty({text}), dynamic(null), {text})" if self._textual(value) else text
        return f"array_length(make_set({present}))"


def _word(name: str) -> str:
    """A field name as a column name: the dots of a canonical field become underscores."""
    return re.sub(r"[^A-Za-z0-9_]", "_", name)


def _span(milliseconds: int) -> str:
    number, unit = largest_unit(milliseconds)
    return f"{number}{unit}"
