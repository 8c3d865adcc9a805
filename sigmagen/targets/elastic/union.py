"""Several streams in one ES|QL pipeline, since ES|QL has no union of pipelines.

Each record becomes one row per stream, with the stream's number in `branch`. A stream's columns have a prefix, so its
steps don't affect the rows of other streams. One STATS does the aggregations of several streams; the rows of a stream
without an aggregation there pass through it, grouped by all their columns. At the end, each column of the union is
taken from the row's own stream.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from sigmagen.expr.tree import Column, Expr, walk
from sigmagen.plan.logical import UnsupportedCorrelationError
from sigmagen.plan.model import Plan
from sigmagen.plan.steps import (
    Aggregate,
    Derive,
    Expand,
    ExpandValues,
    Filter,
    InsideRange,
    Join,
    Project,
    PruneGroups,
    Scan,
    Step,
    Union,
    Unique,
)
from sigmagen.targets.elastic.printer import EsqlPrinter

_TIME = "time"
_ID = "id"


class _Branch(EsqlPrinter):
    """Prints one stream's steps, with a prefix for all columns but the stored ones."""

    def __init__(self, plan: Plan, number: int) -> None:
        super().__init__(plan)
        self.number = number
        self.stages = _split_stages(plan.steps)
        self.row_columns = [_TIME]
        """The current columns of this stream's rows."""
        self.key: tuple[str, ...] = ()
        """The columns that identify a row of the last aggregation."""
        self.blanked: set[str] = set()
        """Columns that are empty in the rows of other streams."""

    def name(self, column: str) -> str:
        return super().name(f"branch_{self.number}.{_TIME if column == self.stored_source.time else column}")

    def stored(self, column: str) -> str:
        return EsqlPrinter.name(self, column)

    def add_columns(self, names: Sequence[str]) -> None:
        """Add new or recomputed columns to those of a row."""
        self.blanked -= set(names)
        self.row_columns = list(
            dict.fromkeys((*self.row_columns, *(_TIME if name == self.stored_source.time else name for name in names)))
        )

    def print_row_steps(self, steps: Sequence[Step]) -> tuple[list[str], list[str]]:
        """The lines of steps that work row by row, and the conditions that rows of this stream must meet."""
        lines: list[str] = []
        conditions: list[str] = []
        read: set[str] = set()
        for step in steps:
            if isinstance(step, Derive):
                if read & {name for name, _ in step.columns}:
                    # The step recomputes a column that a condition reads, so the condition must be tested before it.
                    lines.append(f"WHERE branch != {self.number}\n    OR ({' AND '.join(conditions)})")
                    conditions, read = [], set()
                lines += self.step(step)
                self.add_columns([name for name, _ in step.columns])
            elif isinstance(step, Expand):
                column, numbers = self.name(step.name), ", ".join(map(str, step.values))
                lines += [f"EVAL {column} = CASE(branch == {self.number}, [{numbers}])", f"MV_EXPAND {column}"]
                self.add_columns([step.name])
            elif isinstance(step, ExpandValues):
                column = self.name(step.name)
                lines += [f"EVAL {column} = CASE(branch == {self.number}, {column})", *self.step(step)]
            elif isinstance(step, Filter):
                conditions += self.conjuncts(step.condition, joined=True)
                read |= _columns_read([step], self.stored_source.time)
            elif isinstance(step, InsideRange):
                conditions += [line.removeprefix("WHERE ") for line in self.step(step)]
            elif isinstance(step, Join):
                self.step(step)
            elif not isinstance(step, Scan | Unique | Project | PruneGroups):
                raise UnsupportedCorrelationError("ES|QL can't unite streams that are unions themselves")
        return lines, conditions

    def blank_other_rows(self, stage: int, aggregate: Aggregate | None) -> list[str]:
        """Lines that empty the group columns of the next aggregation in the rows of other streams.

        Otherwise these would be split into more groups. Rows that pass through the aggregation keep only the columns
        that later steps read.
        """
        if aggregate is not None:
            grouped = list(aggregate.by)
        else:
            rest = self.stages[min(stage, len(self.stages) - 1) :]
            later = {
                _ID,
                *self.key,
                *_columns_read([step for rows, _ in rest for step in rows], self.stored_source.time),
            }
            grouped = self.row_columns = [name for name in self.row_columns if name in later]
        columns = [self.name(name) for name in grouped if name not in self.blanked]
        self.blanked |= set(grouped)
        cases = [f"{name} = CASE(branch == {self.number}, {name})" for name in columns]
        return ["EVAL " + ",\n    ".join(cases)] if cases else []

    def print_aggregate(self, step: Aggregate) -> tuple[list[str], list[str]]:
        """The columns and the groups of one aggregation."""
        columns = [f"{self.name(name)} = {self.expr(value)}" for name, value in step.columns]
        self.row_columns, self.key = list(step.by), step.by
        self.add_columns([name for name, _ in step.columns])
        return columns, [self.name(name) for name in step.by]


def _split_stages(steps: Sequence[Step]) -> list[tuple[list[Step], Aggregate | None]]:
    """The steps, cut after each aggregation."""
    stages: list[tuple[list[Step], Aggregate | None]] = []
    rows: list[Step] = []
    for step in steps:
        if isinstance(step, Aggregate):
            stages.append((rows, step))
            rows = []
        else:
            rows.append(step)
    return [*stages, (rows, None)]


def print_union(step: Union) -> list[str]:
    """The lines of a union. Raises UnsupportedCorrelationError for a union of unions."""
    branches = [_Branch(plan, number) for number, plan in enumerate(step.branches, 1)]
    lines = list(_print_sources(branches))
    for stage in range(max(len(branch.stages) for branch in branches)):
        present = [(branch, branch.stages[stage]) for branch in branches if stage < len(branch.stages)]
        conditions: dict[int, list[str]] = {}
        for branch, (rows, _) in present:
            found, conditions[branch.number] = branch.print_row_steps(rows)
            lines += found
        if any(conditions.values()) or stage == 0:
            lines.append(_print_where(branches, conditions, first=stage == 0))
        aggregating = {branch.number: aggregate for branch, (_, aggregate) in present if aggregate is not None}
        if aggregating:
            lines += [line for b in branches for line in b.blank_other_rows(stage, aggregating.get(b.number))]
            lines.append(_print_stats(branches, aggregating))
    return [*lines, *_print_chosen(step, branches)]


def _columns_read(steps: Sequence[Step], time: str) -> set[str]:
    """The columns that steps read or keep."""
    names: set[str] = set()
    for step in steps:
        if isinstance(step, Project):
            names |= set(step.columns)
        for part in (part for expression in _expressions(step) for part in walk(expression)):
            if isinstance(part, Column):
                names.add(part.name)
    return {_TIME if name == time else name for name in names}


def _expressions(step: Step) -> list[Expr]:
    if isinstance(step, Derive):
        return [value for _, value in step.columns]
    return [step.condition] if isinstance(step, Filter) else []


def _print_sources(branches: list[_Branch]) -> Iterator[str]:
    locations = list(dict.fromkeys(branch.stored_source.location for branch in branches))
    # Rows that pass through an aggregation stay distinct by the record's id.
    through = any(len(branch.stages) != len(branches[0].stages) for branch in branches)
    metadata = [*(["_index"] if len(locations) > 1 else []), *(["_id"] if through else [])]
    yield f"FROM {', '.join(locations)}" + (f" METADATA {', '.join(metadata)}" if metadata else "")
    yield f"EVAL branch = [{', '.join(str(branch.number) for branch in branches)}]"
    yield "MV_EXPAND branch"
    columns = [f"{branch.name(_TIME)} = {branch.stored(branch.stored_source.time)}" for branch in branches]
    for branch in branches:
        if through and len(branch.stages) < max(len(other.stages) for other in branches):
            columns.append(f"{branch.name(_ID)} = _id")
            branch.add_columns([_ID])
    yield "EVAL " + ",\n    ".join(columns)


def _print_where(branches: list[_Branch], conditions: dict[int, list[str]], *, first: bool) -> str:
    """One condition for the rows of all streams."""
    several = len({branch.stored_source.location for branch in branches}) > 1
    alternatives = []
    for branch in branches:
        parts = [f"branch == {branch.number}"]
        if first and several:
            parts.append(_in_index(branch.stored_source.location))
        parts += conditions.get(branch.number, [])
        alternatives.append(f"({branch.join_parts('AND', parts)})" if len(parts) > 1 else parts[0])
    return "WHERE " + "\n    OR ".join(alternatives)


def _in_index(location: str) -> str:
    """Whether a row is of an index pattern, or of one of several. Backing indices contain their data stream's name."""
    likes = [f'_index LIKE "*{pattern}"' for pattern in location.split(",")]
    return likes[0] if len(likes) == 1 else f"({' OR '.join(likes)})"


def _print_stats(branches: list[_Branch], aggregating: dict[int, Aggregate]) -> str:
    """The aggregations of some streams; the rows of the others are grouped by all their columns."""
    columns: list[str] = []
    by = ["branch"]
    for branch in branches:
        aggregate = aggregating.get(branch.number)
        if aggregate is None:
            by += [branch.name(name) for name in branch.row_columns]
        else:
            found, groups = branch.print_aggregate(aggregate)
            columns += found
            by += groups
    return f"STATS {', '.join(columns)} BY {', '.join(by)}" if columns else f"STATS BY {', '.join(by)}"


def _print_chosen(step: Union, branches: list[_Branch]) -> list[str]:
    """Each column from the row's own stream."""
    last = step.branches[0].steps[-1]
    names = last.columns if isinstance(last, Project) else ()
    plain = EsqlPrinter(replace(step.branches[0], stored_as={}))
    columns = []
    for name in names:
        cases = ", ".join(f"branch == {branch.number}, {branch.name(name)}" for branch in branches)
        columns.append(f"{plain.name(name)} = CASE({cases})")
    kept = ", ".join(plain.name(name) for name in names)
    return ["EVAL " + ",\n    ".join(columns), f"KEEP {kept}"]
