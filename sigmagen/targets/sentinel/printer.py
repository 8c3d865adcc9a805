"""KQL for Microsoft Sentinel."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar

from sigmagen.expr.tree import Get, Parameter, call, is_last_text
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
    PruneGroups,
    Scan,
    Sort,
    Union,
    Unique,
)
from sigmagen.targets.sentinel.values import CASTS, KustoValues
from sigmagen.targets.unprintable import escaped, unicode_escape

_LONGEST_LIST = 1_048_576
"""The most values of make_list, its default: https://learn.microsoft.com/kusto/query/make-list-aggregation-function"""

_TYPES = {"integer": "long", "float": "real", "boolean": "bool", "timestamp": "datetime"}
_STORED = {"int": "integer", "long": "integer", "real": "float", "bool": "boolean", "datetime": "timestamp"}
_RESERVED = (
    "alias and anonymousgraph as asc between bool boolean by consume contains count database dataset datatable date "
    "datetime declare default desc distinct dynamic endswith evaluate execute extend externaldata facet false filter "
    "find first fork from getschema graph guid has hint in int invoke isfuzzy join kind last let like limit long "
    "lookup materialize matches missing nil not null nulls of on or order parse partition pattern print project range "
    "real reduce render sample scan search serialize set sort startswith string summarize table take time timespan to "
    "top toscalar true typeof union uuid view where with"
).replace(" ", "|")
"""Keywords, which need brackets as column names; brackets are always allowed."""
_PLAIN = re.compile(rf"(?!(?:{_RESERVED})$)[A-Za-z_][A-Za-z0-9_]*")
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"})


class KustoPrinter(KustoValues):
    """Prints a plan as a KQL pipeline. A string column is never null in KQL: missing and empty are the same there."""

    functions: ClassVar[dict[str, str]] = {
        "coalesce": "coalesce",
        "ingestion_time": "ingestion_time",
        "concat": "strcat",
        "elements": "array_length",
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

    lacking: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(("not_extracted", "stored_text"), "Sentinel keeps the columns of a record, not its text"),
        **dict.fromkeys(("epoch_seconds", "epoch_milliseconds"), "Sentinel gives a record its time when it stores it"),
        "last_text": "KQL needs an operator for it, so it must be a column of its own",
    }

    def text(self) -> str:
        lines = self.steps()
        counted = next((i for i, step in enumerate(self.plan.steps) if isinstance(step, CountRows)), None)
        if counted is None:
            return self._define_range() + "\n| ".join(lines)
        # To count the rows of a pipeline beside the rows, the pipeline is needed twice.
        position = next(index for index, line in enumerate(lines) if line.startswith("extend groups"))
        head = "\n| ".join(lines[:position])
        return f"{self._define_range()}let alerts = {head};\nalerts\n| " + "\n| ".join(lines[position:])

    def _define_range(self) -> str:
        """Define the range between the first and the last record: a query doesn't know its own time range."""
        if self.plan.rule is None or not self.plan.ranged:
            return ""
        tables = {part.stored[self.stored_source.name].location: None for part in self.plan.source.parts}
        time = self.stored_source.time
        starts = [f"toscalar({table} | summarize min({time}))" for table in tables]
        ends = [f"toscalar({table} | summarize max({time})) + 1ms" for table in tables]
        start = starts[0] if len(starts) == 1 else f"max_of({', '.join(starts)})"
        end = ends[0] if len(ends) == 1 else f"min_of({', '.join(ends)})"
        return f"let range_start = {start};\nlet range_end = {end};\n"

    def name(self, column: str) -> str:
        column = self.plan.stored_as.get(column, column)
        if column in self.stored_source.columns or (
            self.stored_source.join and column in self.stored_source.join.columns
        ):
            return column
        written = _plain_name(column)
        return self.claimed(column, written if _PLAIN.fullmatch(written) else f"_{written}")

    def string(self, value: str) -> str:
        return '"' + escaped(value.translate(_ESCAPES), unicode_escape) + '"'

    def parameter(self, parameter: Parameter) -> str:
        """A parameter of the function whose body the query is."""
        return parameter.name

    def get(self, get: Get) -> str:
        stored = self._stored_type(get)
        text = self._path(get)
        if get.type == "json" and stored != "string":
            return text
        if stored is not None and stored == get.type:
            return text
        return f"{CASTS.get(get.type, 'tostring')}({text})" if stored != "string" or get.type in CASTS else text

    def _stored_type(self, get: Get) -> str | None:
        """The type of the column that a path names, None for something inside a dynamic value."""
        if get.base is not None or len(get.segments) > 1:
            return None
        column = str(get.segments[0])
        kinds = {**self.stored_source.columns, **(self.stored_source.join.schema if self.stored_source.join else {})}
        if self.plan.source.canonical:
            return get.type if get.type in CASTS else "string"
        if self.stored_source.untyped:
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
        """A column of the table; `*` means all columns."""
        if not self.stored_source.untyped:
            return _plain_name(column)
        return column if column == "*" or _PLAIN.fullmatch(column) else f"[{self.string(column)}]"

    # Steps.

    def step_scan(self, step: Scan) -> list[str]:
        return [self.stored_source.location]

    def step_union(self, step: Union) -> list[str]:
        branches = [branch.text().replace("\n", "\n    ") for branch in self.branches(step)]
        return ["union\n    (" + "),\n    (".join(branches) + ")"]

    def step_insiderange(self, step: InsideRange) -> list[str]:
        """See `_define_range`."""
        return [f"where {self.expr(step.begin)} >= range_start and {self.expr(step.end)} <= range_end"]

    def step_join(self, step: Join) -> list[str]:
        functions = {"any": "take_any", "max": "max"}
        columns = ", ".join(f"{name} = {functions[function]}({name})" for name, function in step.columns)
        inner = f"{step.table} | where {self.expr(step.where)} | summarize {columns} by {step.on}"
        return [f"join kind=leftouter ({inner}) on {step.on}"]

    def step_derive(self, step: Derive) -> list[str]:
        applied = [self.last_text(self.name(name), value) for name, value in step.columns if is_last_text(value)]
        columns = [(self.name(name), self.expr(value)) for name, value in step.columns if not is_last_text(value)]
        changed = [f"{name} = {value}" for name, value in columns if name != value]
        return [*(["extend " + ",\n    ".join(changed)] if changed else []), *applied]

    def step_filter(self, step: Filter) -> list[str]:
        return ["where " + "\n    and ".join(self.conjuncts(step.condition))]

    def step_unique(self, step: Unique) -> list[str]:
        return [f"summarize arg_max({self.stored_source.time}, *) by {self.name(step.column)}"]

    def step_aggregate(self, step: Aggregate) -> list[str]:
        columns = ", ".join(f"{self.name(name)} = {self.expr(value)}" for name, value in step.columns)
        by = ", ".join(self.name(name) for name in step.by)
        if not columns:
            return [f"distinct {by}"]
        return [f"summarize {columns}" + (f" by {by}" if by else "")]

    def step_prunegroups(self, step: PruneGroups) -> list[str]:
        """Collect each group's rows in lists, and expand those of the groups that remain.

        Lists are limited, and no value may be lost: a group has few panes, but may have any number of distinct values,
        so counts of distinct values aren't pruned.
        """
        name, total = step.total
        if total == call("count"):
            return []
        lists = [f"{self.name(held.name)} = make_list({self.name(held.name)}, {_LONGEST_LIST})" for held in step.held]
        by = ", ".join(self.name(column) for column in step.by)
        parts = [f"{self.name(held.name)} to typeof({_TYPES.get(held.type, 'string')})" for held in step.held]
        return [
            f"summarize {', '.join(lists)}, {self.name(name)} = {self.expr(total)} by {by}",
            *self.step_filter(Filter(step.condition)),
            f"mv-expand {', '.join(parts)} limit {_LONGEST_LIST}",
        ]

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
        return ["project " + ", ".join(self._project_column(name) for name in step.columns)]

    def _project_column(self, column: str) -> str:
        """A branch of a union returns the rule's names of fields that have other names in the table."""
        renamed = self.plan.rule is None and column in self.plan.stored_as
        return f"{_plain_name(column)} = {self.name(column)}" if renamed else self.name(column)


def _plain_name(name: str) -> str:
    """A field name as a column name: the dots of a canonical field become underscores."""
    return re.sub(r"[^A-Za-z0-9_]", "_", name)
