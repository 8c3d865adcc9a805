"""ES|QL for Elasticsearch 8.19 and later."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from typing import ClassVar

from sigmagen.expr.tree import Call, Expr, Get, Parameter, walk
from sigmagen.plan.model import Plan
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
    PruneGroups,
    Scan,
    Sort,
    Union,
    Unique,
)
from sigmagen.plan.window import WINDOW_END, WINDOW_START
from sigmagen.rules.model import BaseRule
from sigmagen.targets.elastic.conditions import CASTS
from sigmagen.targets.elastic.packing import PACKED, pack_rows
from sigmagen.targets.elastic.values import EsqlValues
from sigmagen.targets.printer import constant
from sigmagen.targets.unprintable import UNPRINTABLE

HUNT_ROWS = 10_000
"""ES|QL never returns more rows than this."""

OPTION_MARK = "= "
"""Precedes each value that a Kibana control offers: without it, a text that looks like a number is sent as one."""

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_]*|[_@][A-Za-z0-9_]+")
_GROUP = re.compile(r"\((?!\?)")
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"})
# Without integer and float: other indices may store the same field as long or double, and ES|QL accepts a field of
# several types only inside a conversion. So they are always converted.
_STORED = {
    "keyword": "string",
    "text": "string",
    "long": "integer",
    "double": "float",
    "boolean": "boolean",
    "date": "timestamp",
    "ip": "ip",
}
_UNTYPED_CASTS = {"ip": "TO_IP", "text": "TO_STRING"}
_RESERVED = re.compile(
    "and|or|not|in|is|null|like|rlike|true|false|by|asc|desc|nulls|first|last|where|as|on", re.IGNORECASE
)


class EsqlPrinter(EsqlValues):
    """Prints a plan as an ES|QL pipeline."""

    functions: ClassVar[dict[str, str]] = {
        "coalesce": "COALESCE",
        "if": "CASE",
        "lower": "TO_LOWER",
        "replace": "REPLACE",
        "left": "LEFT",
        "length": "LENGTH",
        "sum": "SUM",
        "min": "MIN",
        "max": "MAX",
        "values": "VALUES",
        "any": "VALUES",
    }

    lacking: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(("not_extracted", "stored_text"), "Elasticsearch keeps the fields of a record, not its text"),
        **dict.fromkeys(
            ("epoch_seconds", "epoch_milliseconds"), "Elasticsearch gives a record its time when it indexes it"
        ),
        "join": "joining a second table is not implemented in ES|QL",
        **dict.fromkeys(
            ("parse_json", "is_cut", "is_json_string", "elements", "last_text"),
            "ES|QL 8.19 has no function that reads JSON",
        ),
        "concat": "joining texts is not implemented in ES|QL",
    }

    equals = "=="
    longest_chain = 100

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self._groks: dict[tuple[Expr, Expr], str] = {}

    def text(self) -> str:
        lines = self.steps()
        if self.plan.mode == "hunt":
            lines.append(f"LIMIT {HUNT_ROWS}")
        elif self.plan.mode == "alert":
            lines += self._keep_alert_columns()
        return "\n| ".join(lines)

    def _keep_alert_columns(self) -> list[str]:
        """Keeps an alert's columns, in the order of a hunt's: Elastic's rule checks require an explicit list."""
        last = max((n for n, step in enumerate(self.plan.steps) if isinstance(step, Aggregate)), default=None)
        if last is None:
            return []
        aggregate, after = self.plan.steps[last], self.plan.steps[last + 1 :]
        assert isinstance(aggregate, Aggregate)
        made = [
            name for step in (aggregate, *after) if isinstance(step, Aggregate | Derive) for name, _ in step.columns
        ]
        first = [name for name in (WINDOW_START.name, WINDOW_END.name) if name in made]
        return self.step_project(Project(tuple(dict.fromkeys((*first, *aggregate.by, *made)))))

    def name(self, column: str) -> str:
        return quoted_name(self.result_name(column))

    def result_name(self, column: str) -> str:
        return self.plan.stored_as.get(column, column)

    def result_columns(self) -> dict[str, str]:
        """The number of rows is not among them; see `step_countrows`."""
        counted = {step.name for step in self.plan.steps if isinstance(step, CountRows)}
        return {written: name for written, name in super().result_columns().items() if name not in counted}

    def string(self, value: str) -> str:
        """A constant. ES|QL has no escape for a control character, so a text with one is written as base64."""
        text = value.translate(_ESCAPES)
        if UNPRINTABLE.search(text):
            return f'FROM_BASE64("{b64encode(value.encode()).decode()}")'
        return f'"{text}"'

    def parameter(self, parameter: Parameter) -> str:
        """A named parameter of the request, which a Kibana control fills in. Its value is never part of the text."""
        if parameter.type == "timestamp":
            return f"TO_DATETIME(?{parameter.name})"
        text = f"SUBSTRING(?{parameter.name}, {len(OPTION_MARK) + 1})"
        return f"{CASTS[parameter.type]}({text})" if parameter.type in CASTS else text

    def get(self, get: Get) -> str:
        column = ".".join(str(segment) for segment in get.segments)
        text = self.stored(column)
        stored = self._stored_type(column, None if self.stored_source.untyped and get.type == "boolean" else get.type)
        if self.stored_source.untyped and get.type != "string":
            return self._convert_untyped(text, get.type, stored)
        if stored == get.type or (stored == "string" and get.type not in CASTS):
            return text
        return f"{CASTS.get(get.type, 'TO_STRING')}({text})"

    def _convert_untyped(self, text: str, kind: str, stored: str | None) -> str:
        """A column of unknown type, converted from text. TO_BOOLEAN would convert any text but "true" to false."""
        if kind != "boolean" or stored == "boolean":
            return f"{CASTS.get(kind) or _UNTYPED_CASTS[kind]}({text})"
        word = f"TO_LOWER(TO_STRING({text}))"
        return f'CASE({word} == "true", true, {word} == "false", false)'

    def _stored_type(self, column: str, default: str | None) -> str | None:
        """The type of a column without a conversion; None if indices may differ, `default` if it is unknown."""
        kind = self.stored_source.columns.get(column)
        return default if kind is None else _STORED.get(kind)

    def stored(self, column: str) -> str:
        """The name of a column of the index."""
        return self.name(column)

    # Steps.

    def step_scan(self, step: Scan) -> list[str]:
        """A plain rule's rows are documents. Elastic Security uses their metadata to avoid repeated alerts."""
        plain = isinstance(self.plan.rule, BaseRule) and self.plan.mode != "events"
        return [f"FROM {self.stored_source.location}" + (" METADATA _id, _index, _version" if plain else "")]

    def step_union(self, step: Union) -> list[str]:
        from sigmagen.targets.elastic.union import print_union

        return print_union(step)

    def step_insiderange(self, step: InsideRange) -> list[str]:
        """Kibana fills in the parameters."""
        return [f"WHERE {self.expr(step.begin)} >= ?_tstart AND {self.expr(step.end)} <= ?_tend"]

    def step_derive(self, step: Derive) -> list[str]:
        lines = [self._grok(part, name) for name, value in step.columns for part in walk(value) if _is_extract(part)]
        columns = [(self.name(name), self.expr(value)) for name, value in step.columns]
        changed = [f"{name} = {value}" for name, value in columns if name != value]
        return [*lines, *(["EVAL " + ",\n    ".join(changed)] if changed else [])]

    def _grok(self, extract: Expr, field: str) -> str:
        """ES|QL extracts text by a command: the pattern's group gets a name, and becomes a column."""
        value, pattern = extract.args  # type: ignore[union-attr]
        column = field.rsplit(".", 1)[-1] + "_text"
        if column in self._groks.values():  # two fields that end alike, such as output tokens and those of reasoning
            column = field.replace(".", "_") + "_text"
        self._groks[value, pattern] = column
        named = _GROUP.sub(f"(?<{column}>", str(constant(pattern)), count=1)
        return f"GROK {self.expr(value)} {self.string(named)}"

    def step_filter(self, step: Filter) -> list[str]:
        conditions = self.conjuncts(step.condition)
        if len(conditions) > self.longest_chain:
            return ["WHERE " + self.join_parts("AND", conditions)]
        return ["WHERE " + "\n    AND ".join(conditions)]

    def step_unique(self, step: Unique) -> list[str]:
        """Nothing: Elastic's integrations give a repeated event the same document id, so it is stored once."""
        return []

    def step_aggregate(self, step: Aggregate) -> list[str]:
        columns = ", ".join(f"{self.name(name)} = {self.expr(value)}" for name, value in step.columns)
        by = ", ".join(self.name(name) for name in step.by)
        return ["STATS " + " BY ".join(part for part in (columns, by) if part)] if columns else [f"STATS BY {by}"]

    def step_prunegroups(self, step: PruneGroups) -> list[str]:
        """Pack each group's rows into one column, and unpack those of the groups that remain."""
        packed = pack_rows(step, self.name)
        if packed is None:
            return []
        pack, unpack = packed
        name, total = step.total
        by = ", ".join(self.name(column) for column in step.by)
        return [
            f"EVAL {PACKED} = {pack}",
            f"STATS {PACKED} = VALUES({PACKED}), {self.name(name)} = {self.expr(total)} BY {by}",
            *self.step_filter(Filter(step.condition)),
            f"MV_EXPAND {PACKED}",
            "EVAL " + ",\n    ".join(unpack),
        ]

    def step_expand(self, step: Expand) -> list[str]:
        column = self.name(step.name)
        return [f"EVAL {column} = [{', '.join(map(str, step.values))}]", f"MV_EXPAND {column}"]

    def step_expandvalues(self, step: ExpandValues) -> list[str]:
        return [f"MV_EXPAND {self.name(step.name)}"]

    def step_countrows(self, step: CountRows) -> list[str]:
        """Nothing: ES|QL 8.19 can't count rows and return them. Kibana itself warns when alerts are cut."""
        return []

    def step_sort(self, step: Sort) -> list[str]:
        keys = ", ".join(self.name(name) + (" DESC" if descending else "") for name, descending in step.keys)
        return [f"SORT {keys}"]

    def step_limit(self, step: Limit) -> list[str]:
        return [f"LIMIT {step.rows}"]

    def step_project(self, step: Project) -> list[str]:
        return ["KEEP " + ", ".join(self.name(name) for name in step.columns)]

    def op_extract(self, value: Expr, pattern: Expr) -> str:
        """The column that GROK has made; see `step_derive`."""
        return self._groks[value, pattern]


def quoted_name(column: str) -> str:
    """A column's name, in backticks where ES|QL needs them."""
    plain = all(_PLAIN.fullmatch(part) and not _RESERVED.fullmatch(part) for part in column.split("."))
    return column if plain else "`" + column.replace("`", "``") + "`"


def _is_extract(expression: Expr) -> bool:
    return isinstance(expression, Call) and expression.op == "extract"
