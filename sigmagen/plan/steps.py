"""The steps of a query plan: a pipeline that all four dialects can say, one step after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sigmagen.expr.tree import Column, Expr, Get, walk

if TYPE_CHECKING:
    from sigmagen.plan.model import Plan

Columns = tuple[tuple[str, Expr], ...]
"""(name, value) pairs."""


@dataclass(frozen=True, slots=True)
class Scan:
    """The records of a source, as its SIEM stores them."""


@dataclass(frozen=True, slots=True)
class Union:
    """The rows of several plans, one after the other; all of them end with the same columns."""

    branches: tuple[Plan, ...]


@dataclass(frozen=True, slots=True)
class Join:
    """Values of a second table, brought to each record through a correlation id: one call, several rows."""

    table: str
    on: str
    where: Expr
    columns: tuple[tuple[str, str], ...]
    """(column, aggregate that makes one value of a call's rows)."""


@dataclass(frozen=True, slots=True)
class Derive:
    """New columns, all computed from the columns before this step.

    `of_record` says that they are the source's, made of nothing but the stored record: the same for every rule.
    """

    columns: Columns
    of_record: bool = False


@dataclass(frozen=True, slots=True)
class Filter:
    """Only the rows for which the condition is true."""

    condition: Expr


@dataclass(frozen=True, slots=True)
class InsideRange:
    """Only windows [begin, end) that lie wholly inside the time range that the query sees."""

    begin: Expr
    end: Expr


@dataclass(frozen=True, slots=True)
class Unique:
    """One row for each event id; rows without an id all stay."""

    column: str


@dataclass(frozen=True, slots=True)
class Aggregate:
    """One row for each combination of `by`; nothing but `by` and `columns` is left."""

    by: tuple[str, ...]
    columns: Columns
    """Aggregate calls: count, count_if, sum, min, max, values, merge_values, any, distinct, percentile."""


@dataclass(frozen=True, slots=True)
class PruneGroups:
    """Only the rows of groups whose rows all together meet `condition`: no window of any other group can meet it.

    The result of the query is the same without this step, so a dialect that has no cheap form of it prints nothing.
    """

    by: tuple[str, ...]
    total: tuple[str, Expr]
    """Name and aggregate of what `condition` reads: at least as much as any window of the group holds."""
    condition: Expr
    held: tuple[Column, ...]
    """What a row holds besides the columns of `by`; the pane comes first."""
    tick: int
    """Length of a pane, in milliseconds."""


@dataclass(frozen=True, slots=True)
class Expand:
    """Each row once for every number in `values`, in the new column `name`."""

    name: str
    values: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ExpandValues:
    """Each row once for every value that the multi-value column `name` holds."""

    name: str


@dataclass(frozen=True, slots=True)
class CountRows:
    """The number of rows, in the new column `name` of each of them."""

    name: str


@dataclass(frozen=True, slots=True)
class Sort:
    """(column, descending) pairs, first key first."""

    keys: tuple[tuple[str, bool], ...]


@dataclass(frozen=True, slots=True)
class Limit:
    """At most this many rows."""

    rows: int


@dataclass(frozen=True, slots=True)
class Project:
    """These columns, in this order."""

    columns: tuple[str, ...]


Step = (
    Scan
    | Union
    | Join
    | Derive
    | Filter
    | InsideRange
    | Unique
    | Aggregate
    | PruneGroups
    | Expand
    | ExpandValues
    | CountRows
    | Sort
    | Limit
    | Project
)


def columns_read(steps: Sequence[Step]) -> tuple[str, ...]:
    """The columns that steps read up to their first aggregation or projection, which leaves no other.

    Columns that the steps make themselves are not among them. Empty where a step reads the stored record, or where no
    such step comes and the whole row goes on.
    """
    read: dict[str, None] = {}
    made: set[str] = set()
    for step in steps:
        own, used = made_and_used(step)
        parts = [part for value in used for part in walk(value)]
        if any(isinstance(part, Get) and part.base is None for part in parts):
            return ()
        read |= {part.name: None for part in parts if isinstance(part, Column) and part.name not in made}
        made |= own
        if isinstance(step, Aggregate | Project):
            return tuple(read)
    return ()


def columns_made(steps: Sequence[Step]) -> tuple[str, ...]:
    """The columns of the result that the steps name, in their order; stored columns that go on unnamed are left out."""
    made: dict[str, None] = {}
    for step in steps:
        if isinstance(step, Union):
            made = dict.fromkeys(columns_made(step.branches[0].steps))
        elif isinstance(step, Project):
            made = dict.fromkeys(step.columns)
        elif isinstance(step, Aggregate):
            made = dict.fromkeys((*step.by, *(name for name, _ in step.columns)))
        elif isinstance(step, Derive):
            made |= dict.fromkeys(name for name, _ in step.columns)
        elif isinstance(step, Expand | CountRows):
            made[step.name] = None
    return tuple(made)


def made_and_used(step: Step) -> tuple[set[str], list[Expr]]:
    """The columns that a step makes, and the values that it reads."""
    if isinstance(step, Derive):
        return {name for name, _ in step.columns}, [value for _, value in step.columns]
    if isinstance(step, Aggregate):
        return set(), [*map(Column, step.by), *(value for _, value in step.columns)]
    if isinstance(step, Filter):
        return set(), [step.condition]
    if isinstance(step, InsideRange):
        return set(), [step.begin, step.end]
    if isinstance(step, Unique):
        return set(), [Column(step.column)]
    if isinstance(step, Project):
        return set(), [*map(Column, step.columns)]
    if isinstance(step, Sort):
        return set(), [Column(name) for name, _ in step.keys]
    return {step.name} if isinstance(step, Expand | CountRows) else set(), []
