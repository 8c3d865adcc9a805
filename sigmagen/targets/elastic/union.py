"""Several streams in one ES|QL pipeline, which has no union of pipelines.

Each record is taken once for every stream, as a row of its own with the stream's number in `branch`. A stream's columns
have a prefix, so that each step of a stream leaves the rows of the others alone: its aggregations are done beside
theirs, in one STATS, and rows of a stream with nothing to aggregate there go through, grouped by all that they hold.
In the end, each column of the union is that of the row's own stream.
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
    """Prints one stream's steps, every column prefixed but those that are stored."""

    def __init__(self, plan: Plan, number: int) -> None:
        super().__init__(plan)
        self.number = number
        self.stages = _stages(plan.steps)
        self.live = [_TIME]
        """The columns that a row of this stream holds now."""
        self.key: tuple[str, ...] = ()
        """What tells the rows of the last aggregation apart."""
        self.apart: set[str] = set()
        """Columns that are empty in the rows of other streams."""

    def name(self, column: str) -> str:
        return super().name(f"branch_{self.number}.{_TIME if column == self.stored_source.time else column}")

    def stored(self, column: str) -> str:
        return EsqlPrinter.name(self, column)

    def hold(self, names: Sequence[str]) -> None:
        """Add columns, new or made anew, to those that a row holds."""
        self.apart -= set(names)
        self.live = list(
            dict.fromkeys((*self.live, *(_TIME if name == self.stored_source.time else name for name in names)))
        )

    def row_steps(self, steps: Sequence[Step]) -> tuple[list[str], list[str]]:
        """The lines of steps that work row by row, and the conditions that rows of this stream must meet."""
        lines: list[str] = []
        conditions: list[str] = []
        read: set[str] = set()
        for step in steps:
            if isinstance(step, Derive):
                if read & {name for name, _ in step.columns}:
                    # What a condition reads is about to be made anew, so it can't wait for those of the other streams.
                    lines.append(f"WHERE branch != {self.number}\n    OR ({' AND '.join(conditions)})")
                    conditions, read = [], set()
                lines += self.step(step)
                self.hold([name for name, _ in step.columns])
            elif isinstance(step, Expand):
                column, numbers = self.name(step.name), ", ".join(map(str, step.values))
                lines += [f"EVAL {column} = CASE(branch == {self.number}, [{numbers}])", f"MV_EXPAND {column}"]
                self.hold([step.name])
            elif isinstance(step, ExpandValues):
                column = self.name(step.name)
                lines += [f"EVAL {column} = CASE(branch == {self.number}, {column})", *self.step(step)]
            elif isinstance(step, Filter):
                conditions += self.conjuncts(step.condition, joined=True)
                read |= _read([step], self.stored_source.time)
            elif isinstance(step, InsideRange):
                conditions += [line.removeprefix("WHERE ") for line in self.step(step)]
            elif isinstance(step, Join):
                self.step(step)
            elif not isinstance(step, Scan | Unique | Project | PruneGroups):
                raise UnsupportedCorrelationError("ES|QL can't unite streams that are unions themselves")
        return lines, conditions

    def ready(self, stage: int, aggregate: Aggregate | None) -> list[str]:
        """Lines that make what the next aggregation groups by empty in the rows of other streams, not to part them.

        Rows that go through the aggregation hold just what is read later.
        """
        if aggregate is not None:
            grouped = list(aggregate.by)
        else:
            rest = self.stages[min(stage, len(self.stages) - 1) :]
            later = {_ID, *self.key, *_read([step for rows, _ in rest for step in rows], self.stored_source.time)}
            grouped = self.live = [name for name in self.live if name in later]
        columns = [self.name(name) for name in grouped if name not in self.apart]
        self.apart |= set(grouped)
        cases = [f"{name} = CASE(branch == {self.number}, {name})" for name in columns]
        return ["EVAL " + ",\n    ".join(cases)] if cases else []

    def aggregated(self, step: Aggregate) -> tuple[list[str], list[str]]:
        """The columns and the groups of one aggregation."""
        columns = [f"{self.name(name)} = {self.expr(value)}" for name, value in step.columns]
        self.live, self.key = list(step.by), step.by
        self.hold([name for name, _ in step.columns])
        return columns, [self.name(name) for name in step.by]


def _stages(steps: Sequence[Step]) -> list[tuple[list[Step], Aggregate | None]]:
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


def united(step: Union) -> list[str]:
    """The lines of a union. Raises UnsupportedCorrelationError for a union of unions."""
    branches = [_Branch(plan, number) for number, plan in enumerate(step.branches, 1)]
    lines = list(_sources(branches))
    for stage in range(max(len(branch.stages) for branch in branches)):
        present = [(branch, branch.stages[stage]) for branch in branches if stage < len(branch.stages)]
        conditions: dict[int, list[str]] = {}
        for branch, (rows, _) in present:
            found, conditions[branch.number] = branch.row_steps(rows)
            lines += found
        if any(conditions.values()) or stage == 0:
            lines.append(_where(branches, conditions, first=stage == 0))
        aggregating = {branch.number: aggregate for branch, (_, aggregate) in present if aggregate is not None}
        if aggregating:
            lines += [line for b in branches for line in b.ready(stage, aggregating.get(b.number))]
            lines.append(_stats(branches, aggregating))
    return [*lines, *_chosen(step, branches)]


def _read(steps: Sequence[Step], time: str) -> set[str]:
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


def _sources(branches: list[_Branch]) -> Iterator[str]:
    locations = list(dict.fromkeys(branch.stored_source.location for branch in branches))
    # Rows that go through an aggregation stay apart by the record's id.
    through = any(len(branch.stages) != len(branches[0].stages) for branch in branches)
    metadata = [*(["_index"] if len(locations) > 1 else []), *(["_id"] if through else [])]
    yield f"FROM {', '.join(locations)}" + (f" METADATA {', '.join(metadata)}" if metadata else "")
    yield f"EVAL branch = [{', '.join(str(branch.number) for branch in branches)}]"
    yield "MV_EXPAND branch"
    columns = [f"{branch.name(_TIME)} = {branch.stored(branch.stored_source.time)}" for branch in branches]
    for branch in branches:
        if through and len(branch.stages) < max(len(other.stages) for other in branches):
            columns.append(f"{branch.name(_ID)} = _id")
            branch.hold([_ID])
    yield "EVAL " + ",\n    ".join(columns)


def _where(branches: list[_Branch], conditions: dict[int, list[str]], *, first: bool) -> str:
    """One condition for the rows of all streams."""
    several = len({branch.stored_source.location for branch in branches}) > 1
    alternatives = []
    for branch in branches:
        parts = [f"branch == {branch.number}"]
        if first and several:
            # The backing indices of a data stream have its name inside theirs.
            parts.append(f'_index LIKE "*{branch.stored_source.location}"')
        parts += conditions.get(branch.number, [])
        alternatives.append(f"({branch.chained('AND', parts)})" if len(parts) > 1 else parts[0])
    return "WHERE " + "\n    OR ".join(alternatives)


def _stats(branches: list[_Branch], aggregating: dict[int, Aggregate]) -> str:
    """The aggregations of some streams; the rows of the others are grouped by all that they hold."""
    columns: list[str] = []
    by = ["branch"]
    for branch in branches:
        aggregate = aggregating.get(branch.number)
        if aggregate is None:
            by += [branch.name(name) for name in branch.live]
        else:
            found, groups = branch.aggregated(aggregate)
            columns += found
            by += groups
    return f"STATS {', '.join(columns)} BY {', '.join(by)}" if columns else f"STATS BY {', '.join(by)}"


def _chosen(step: Union, branches: list[_Branch]) -> list[str]:
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
