"""DuckDB SQL: the reference dialect, also used for local detection.

A source is a table named after it, with `timestamp` TIMESTAMP and `record` JSON.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from sigmagen.expr.tree import Column, Get, Scalar, is_last_text, walk
from sigmagen.mapping.source import Source
from sigmagen.mapping.taxonomy import Taxonomy
from sigmagen.mapping.view import ViewBuilder
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
from sigmagen.targets.duckdb.values import TYPES, DuckDBValues
from sigmagen.targets.printer import ONLY_READINESS
from sigmagen.targets.unprintable import UNPRINTABLE, escaped, utf8_escape

_RESERVED = re.compile(
    "all|analy[sz]e|and|anti|any|array|as|asc|asof|asymmetric|authorization|both|by|case|cast|check|collate|column|"
    "concurrently|constraint|create|cross|default|deferrable|desc|describe|distinct|do|else|end|except|false|fetch|for|"
    "foreign|freeze|from|full|generated|glob|grant|group|having|ilike|in|initially|inner|intersect|into|is|isnull|join|"
    "lambda|lateral|leading|left|like|limit|map|natural|not|notnull|null|offset|on|only|or|order|outer|overlaps|pivot|"
    "pivot_longer|pivot_wider|placing|positional|primary|qualify|references|returning|right|row|select|semi|show|"
    "similar|some|struct|summarize|symmetric|table|tablesample|then|to|trailing|true|try_cast|union|unique|unpack|"
    "unpivot|using|variadic|verbose|when|where|window|with",
    re.IGNORECASE,
)


@dataclass
class _Select:
    """One SELECT while it is being put together."""

    source: str
    columns: list[tuple[str, str]] = field(default_factory=list)
    star: bool = True
    replaced: list[str] = field(default_factory=list)
    where: list[str] = field(default_factory=list)
    having: list[str] = field(default_factory=list)
    qualify: str = ""
    order: str = ""
    limit: str = ""
    aggregated: bool = False
    unnested: bool = False
    dear: bool = False
    name: str = "events"

    @property
    def bare(self) -> bool:
        """Whether it is all rows of its source as they are."""
        parts = (self.columns, self.replaced, self.where, self.having, self.qualify, self.order, self.limit)
        return self.star and not any(parts) and not self.aggregated and not self.unnested

    def text(self) -> str:
        """Its SQL."""
        star = f"* EXCLUDE ({', '.join(self.replaced)})" if self.replaced else "*"
        columns = [star] if self.star else []
        columns += [sql if sql == name else f"{sql} AS {name}" for name, sql in self.columns]
        lines = [f"SELECT {', '.join(columns)}" if len(columns) < 4 else "SELECT " + ",\n  ".join(columns)]
        lines.append(f"FROM {self.source}")
        for word, parts in (("WHERE", self.where), ("HAVING", self.having)):
            if word == "HAVING" and self.aggregated:
                lines.append("GROUP BY ALL")
            if parts:
                lines.append(f"{word} " + "\n  AND ".join(parts))
        return "\n".join([*lines, *(part for part in (self.qualify, self.order, self.limit) if part)])


class DuckDBPrinter(DuckDBValues):
    """Prints a plan as one SELECT over named sub-queries."""

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

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self._parts: list[tuple[str, str]] = []
        self._kept: set[str] = set()
        """Sub-queries that are computed once: what is dear would be computed again for every column that reads it."""
        self._select = _Select("")
        self._known: set[str] = set()
        """The columns that steps made so far; a new one of the same name takes the place of the old one."""

    def text(self) -> str:
        for step in self.plan.steps:
            self.step(step)
        kept = {name: "AS MATERIALIZED" if name in self._kept else "AS" for name, _ in self._parts}
        parts = [f"{name} {kept[name]} (\n  " + sql.replace("\n", "\n  ") + "\n)" for name, sql in self._parts]
        with_clause = "WITH " + ", ".join(parts) + "\n" if parts else ""
        return with_clause + self._select.text()

    def name(self, column: str) -> str:
        plain = column.isidentifier() and not _RESERVED.fullmatch(column)
        # Names that differ by case only are one name in SQL, quoted or not.
        self.claimed(column, column.lower())
        return column if plain else '"' + column.replace('"', '""') + '"'

    def string(self, value: str) -> str:
        return string_literal(value)

    def literal(self, value: Scalar) -> str:
        return super().literal(value).upper() if isinstance(value, bool) or value is None else super().literal(value)

    def get(self, get: Get) -> str:
        text = self.found(get)
        if get.type == "json":
            return text
        if get.type == "timestamp":
            # Digits past the microsecond would be rounded, up into the next second; an offset needs the zoned type.
            exact = f"regexp_replace({text}, '([.][0-9]{{6}})[0-9]+', '\\1')"
            return f"date_trunc('milliseconds', CAST(TRY_CAST({exact} AS TIMESTAMPTZ) AS TIMESTAMP))"
        return f"TRY_CAST({text} AS {TYPES[get.type]})" if get.type in TYPES else text

    def found(self, get: Get) -> str:
        """What lies at a path, as JSON or as text."""
        base = self.name(self.stored_source.record or "record") if get.base is None else self.expr(get.base)
        return f"({base}{'->' if get.type == 'json' else '->>'}{self.string(json_path(get.segments))})"

    # Steps.

    def _close(self) -> None:
        """Make the current SELECT a named sub-query and go on from it."""
        name, taken = self._select.name, {name for name, _ in self._parts}
        number = 2
        while name in taken:
            name, number = f"{self._select.name}_{number}", number + 1
        self._parts.append((name, self._select.text()))
        if self._select.dear:
            self._kept.add(name)
        self._select = _Select(name, name=self._select.name)

    def step_scan(self, step: Scan) -> list[str]:
        self._select = _Select(self.name(self.stored_source.location))
        return []

    def step_union(self, step: Union) -> list[str]:
        for number, branch in enumerate(self.branches(step), 1):
            self._parts.append((f"branch_{number}", branch.text()))
        united = "\nUNION ALL BY NAME\n".join(f"SELECT * FROM branch_{n}" for n, _ in enumerate(step.branches, 1))
        self._parts.append(("items", united))
        self._select = _Select("items")
        last = step.branches[0].steps[-1]
        self._known = set(map(self.name, last.columns)) if isinstance(last, Project) else set()
        return []

    def step_insiderange(self, step: InsideRange) -> list[str]:
        """The range is in two variables of the connection, which the engine sets."""
        start, end = (f"CAST(getvariable('range_{edge}') AS TIMESTAMP)" for edge in ("start", "end"))
        if self._select.aggregated or self._select.unnested:
            self._close()
        self._select.where += [f"{self.expr(step.begin)} >= {start}", f"{self.expr(step.end)} <= {end}"]
        return []

    def step_filter(self, step: Filter) -> list[str]:
        if self._select.unnested or (self._select.qualify and not self._select.aggregated):
            self._close()
        clause = self._select.having if self._select.aggregated else self._select.where
        clause.extend(self.conjuncts(step.condition, joined=True))
        return []

    def step_derive(self, step: Derive) -> list[str]:
        derived = {name for name, _ in self._select.columns}
        read = {self.name(part.name) for _, value in step.columns for part in walk(value) if isinstance(part, Column)}
        made = [self.name(name) for name, _ in step.columns]
        # An alias used in its own SELECT is put in place of itself as text, again and again; a sub-query is not.
        if self._select.aggregated or self._select.unnested or derived & (read | set(made)):
            self._close()
        self._select.replaced += [name for name in made if name in self._known]
        self._select.columns += [(name, self.expr(value)) for name, (_, value) in zip(made, step.columns, strict=True)]
        self._select.dear |= any(is_last_text(value) for _, value in step.columns)
        self._known |= set(made)
        return []

    def step_unique(self, step: Unique) -> list[str]:
        column = self.name(step.column)
        self._select.qualify = f"QUALIFY {column} IS NULL OR row_number() OVER (PARTITION BY {column}) = 1"
        return []

    def step_aggregate(self, step: Aggregate) -> list[str]:
        derived = dict(self._select.columns)
        inside = {self.name(part.name) for _, value in step.columns for part in walk(value) if isinstance(part, Column)}
        # SQL computes an alias after the aggregates, so what they read must be computed one level below.
        if self._select.aggregated or self._select.where or self._select.qualify or inside & derived.keys():
            self._close()
            derived = {}
        select = self._select
        select.columns = [(name, derived.get(name, name)) for name in map(self.name, step.by)]
        select.columns += [(self.name(name), self.expr(value)) for name, value in step.columns]
        select.star, select.aggregated = False, True
        self._known = {name for name, _ in select.columns}
        select.name = {"pane": "panes", "window_end": "windows"}.get(step.by[0] if step.by else "", "alerts")
        return []

    def step_prunegroups(self, step: PruneGroups) -> list[str]:
        name, total = step.total
        self._close()
        rows = self._select.source
        groups = [self.name(column) for column in step.by]
        large = _Select(rows, name="large_groups", star=False, aggregated=True)
        large.columns = [*((column, column) for column in groups), (self.name(name), self.expr(total))]
        large.having = self.conjuncts(step.condition, joined=True)
        self._select = large
        self._close()
        source = f"{rows} SEMI JOIN {self._select.source} USING ({', '.join(groups)})"
        self._select = _Select(source, name=rows)
        return []

    def step_expand(self, step: Expand) -> list[str]:
        if not self._select.bare:
            self._close()
        self._select.source += (
            f", unnest(range({step.values[0]}, {step.values[-1] + 1})) AS spread({self.name(step.name)})"
        )
        return []

    def step_expandvalues(self, step: ExpandValues) -> list[str]:
        self._close()
        column = self.name(step.name)
        self._select.star = False
        self._select.columns = [(f"* REPLACE (unnest({column}) AS {column})",) * 2]
        self._select.unnested = True
        return []

    def step_countrows(self, step: CountRows) -> list[str]:
        self._close()
        self._select.columns.append((self.name(step.name), "count(*) OVER ()"))
        return []

    def step_project(self, step: Project) -> list[str]:
        wanted = [self.name(name) for name in step.columns]
        if self._select.where or any(name not in wanted for name, _ in self._select.columns):
            self._close()
        derived = dict(self._select.columns)
        self._select.columns = [(name, derived.get(name, name)) for name in wanted]
        self._select.star = False
        return []

    def step_sort(self, step: Sort) -> list[str]:
        keys = ", ".join(self.name(name) + (" DESC" if descending else "") for name, descending in step.keys)
        self._select.order = f"ORDER BY {keys}"
        return []

    def step_limit(self, step: Limit) -> list[str]:
        self._select.limit = f"LIMIT {step.rows}"
        return []


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
