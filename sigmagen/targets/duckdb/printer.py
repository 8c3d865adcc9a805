"""DuckDB SQL: the reference dialect, also used for local detection.

A source is a table named after it, with `timestamp` TIMESTAMP and `record` JSON.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import ClassVar

from sigmagen.expr.tree import Get, Scalar
from sigmagen.mapping.source import Source
from sigmagen.mapping.taxonomy import Taxonomy
from sigmagen.mapping.view import ViewBuilder
from sigmagen.plan.model import Plan
from sigmagen.plan.steps import ExpandValues, InsideRange, Unique
from sigmagen.targets.duckdb.values import TYPES, DuckDBValues
from sigmagen.targets.printer import ONLY_READINESS
from sigmagen.targets.sql import Select
from sigmagen.targets.unprintable import UNPRINTABLE, escaped, utf8_escape

_WORDS = """
all analyse analyze and anti any array as asc asof asymmetric authorization both by case cast check collate column
concurrently constraint create cross default deferrable desc describe distinct do else end except false fetch for
foreign freeze from full generated glob grant group having ilike in initially inner intersect into is isnull join
lambda lateral leading left like limit map natural not notnull null offset on only or order outer overlaps pivot
pivot_longer pivot_wider placing positional primary qualify references returning right row select semi show similar
some struct summarize symmetric table tablesample then to trailing true try_cast union unique unpack unpivot using
variadic verbose when where window with
"""


class DuckDBPrinter(DuckDBValues):
    """Prints a plan as one SELECT over named sub-queries."""

    reserved: ClassVar[frozenset[str]] = frozenset(_WORDS.split())
    reads_aliases: ClassVar[bool] = True
    as_computed_once: ClassVar[str] = "AS MATERIALIZED"
    functions: ClassVar[dict[str, str]] = {
        "coalesce": "coalesce",
        "concat": "concat",
        "lower": "lower",
        "starts_with": "starts_with",
        "ends_with": "ends_with",
        "contains": "contains",
        "left": "left",
        "length": "length",
        "sum": "sum",
        "min": "min",
        "max": "max",
        "any": "any_value",
    }

    lacking: ClassVar[Mapping[str, str]] = {
        **ONLY_READINESS,
        "join": "a record that is read from files is whole",
    }

    def string(self, value: str) -> str:
        return string_literal(value)

    def literal(self, value: Scalar) -> str:
        return super().literal(value).upper() if isinstance(value, bool) or value is None else super().literal(value)

    def get(self, get: Get) -> str:
        text = self.found(get)
        if get.type == "json":
            return text
        if get.type == "timestamp":
            # More than six digits would be rounded, even up to the next second; an offset needs TIMESTAMPTZ.
            exact = f"regexp_replace({text}, '([.][0-9]{{6}})[0-9]+', '\\1')"
            return f"date_trunc('milliseconds', CAST(TRY_CAST({exact} AS TIMESTAMPTZ) AS TIMESTAMP))"
        return f"TRY_CAST({text} AS {TYPES[get.type]})" if get.type in TYPES else text

    def found(self, get: Get) -> str:
        """What lies at a path, as JSON or as text."""
        base = self.name(self.stored_source.record or "record") if get.base is None else self.expr(get.base)
        return f"({base}{'->' if get.type == 'json' else '->>'}{self.string(json_path(get.segments))})"

    # Clauses and steps that DuckDB has a shorter form for.

    def star(self, select: Select) -> str:
        return f"* EXCLUDE ({', '.join(select.replaced)})" if select.replaced else "*"

    def group_by(self, columns: int) -> list[str]:
        return ["GROUP BY ALL"]

    def union(self, names: Sequence[str], columns: Sequence[str]) -> str:
        return "\nUNION ALL BY NAME\n".join(f"SELECT * FROM {name}" for name in names)

    def rows_of_groups(self, rows: str, groups: str, by: Sequence[str]) -> Select:
        return Select(f"{rows} SEMI JOIN {groups} USING ({', '.join(by)})", name=rows)

    def numbers(self, column: str, values: Sequence[int]) -> str:
        return f"unnest(range({values[0]}, {values[-1] + 1})) AS spread({column})"

    def step_insiderange(self, step: InsideRange) -> None:
        """The range is in two variables of the connection, which the engine sets."""
        start, end = (f"CAST(getvariable('range_{edge}') AS TIMESTAMP)" for edge in ("start", "end"))
        if self._select.groups is not None or self._select.unnested:
            self.close()
        self._select.where += [f"{self.expr(step.begin)} >= {start}", f"{self.expr(step.end)} <= {end}"]

    def step_unique(self, step: Unique) -> None:
        column = self.name(step.column)
        self._select.qualify = f"QUALIFY {column} IS NULL OR row_number() OVER (PARTITION BY {column}) = 1"

    def step_expandvalues(self, step: ExpandValues) -> None:
        self.close()
        column = self.name(step.name)
        self._select.star = False
        self._select.columns = [(f"* REPLACE (unnest({column}) AS {column})",) * 2]
        self._select.unnested = True


def string_literal(value: str) -> str:
    """SQL of a text."""
    text = "'" + value.replace("'", "''") + "'"
    # A query is laid out line by line, so a string must not have lines of its own.
    if "\n" not in text and not UNPRINTABLE.search(text):
        return text
    return "E" + escaped(text.replace("\\", "\\\\").replace("\n", "\\n"), utf8_escape)


def json_path(segments: tuple[str | int, ...]) -> str:
    """A JSON path; where a key has what a path reads otherwise, a JSON pointer (RFC 6901)."""
    if any(isinstance(segment, str) and re.search(r'["\\*]', segment) for segment in segments):
        return "".join("/" + str(segment).replace("~", "~0").replace("/", "~1") for segment in segments)
    return "$" + "".join(map(_segment, segments))


def _segment(segment: str | int) -> str:
    if isinstance(segment, str):
        return f".{segment}" if segment.isidentifier() else '."' + segment + '"'
    return f"[#{segment}]" if segment < 0 else f"[{segment}]"


def time_sql(source: Source) -> str:
    """SQL that reads a native record's time from the column `record`."""
    plan = Plan(None, source, source.stored["duckdb"], "hunt")
    builder = ViewBuilder(source, plan.stored_source, Taxonomy({}), source.logsources[0])
    return DuckDBPrinter(plan).expr(builder.event_time())
