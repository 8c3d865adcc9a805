"""What SQL dialects share: a plan as one SELECT over named sub-queries.

Each dialect adds its values and comparisons, and may override some clauses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from sigmagen.expr.tree import Column, Expr, is_last_text, walk
from sigmagen.plan.model import Plan
from sigmagen.plan.steps import (
    Aggregate,
    CountRows,
    Derive,
    Expand,
    Filter,
    Limit,
    Project,
    PruneGroups,
    Scan,
    Sort,
    Step,
    Union,
    Unique,
)
from sigmagen.targets.conditions import Conditions


@dataclass
class Select:
    """One SELECT under construction."""

    source: str
    columns: list[tuple[str, str]] = field(default_factory=list)
    star: bool = True
    """Whether it selects all columns of its source but those in `replaced`, in addition to `columns`."""
    replaced: list[str] = field(default_factory=list)
    where: list[str] = field(default_factory=list)
    having: list[str] = field(default_factory=list)
    qualify: str = ""
    order: str = ""
    limit: str = ""
    groups: int | None = None
    """How many of its first columns it groups by; None without aggregation."""
    unnested: bool = False
    costly: bool = False
    """Whether a column is expensive to compute."""
    name: str = "events"

    @property
    def is_unchanged(self) -> bool:
        """Whether it selects all rows and columns of its source."""
        parts = (self.columns, self.replaced, self.where, self.having, self.qualify, self.order, self.limit)
        return self.star and not any(parts) and self.groups is None and not self.unnested


class SqlPrinter(Conditions):
    """Prints a plan as one SELECT over named sub-queries."""

    reserved: ClassVar[frozenset[str]] = frozenset()
    """Reserved words in lower case. A column with such a name is quoted."""

    reads_aliases: ClassVar[bool] = False
    """Whether WHERE and HAVING may read a column that the same SELECT computes."""

    as_computed_once: ClassVar[str] = "AS"
    """The keywords before an expensive sub-query that keep it from being computed for each column that reads it."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self.prefix = ""
        """Before the name of each sub-query."""
        self._parts: list[tuple[str, str]] = []
        """The names of the sub-queries, and what follows each name."""
        self._select = Select("")
        self._scanned: list[str] = []
        """The columns of the stored table, as long as rows are events."""
        self._known: dict[str, None] = {}
        """The columns that steps made so far; a new one replaces an old one of the same name."""

    def text(self) -> str:
        for step in self.plan.steps:
            self.step(step)
        parts = ", ".join(f"{name} {part}" for name, part in self._parts)
        return (f"WITH {parts}\n" if parts else "") + self.select_text(self._select)

    def _add(self, name: str, text: str, *, costly: bool = False) -> None:
        """A named sub-query."""
        lines = text.replace("\n", "\n  ")
        self._parts.append((name, f"{self.as_computed_once if costly else 'AS'} (\n  {lines}\n)"))

    def select_text(self, select: Select) -> str:
        """The SQL of one SELECT."""
        columns = [self.star(select)] if select.star else []
        columns += [sql if sql == name else f"{sql} AS {name}" for name, sql in select.columns]
        lines = [f"SELECT {', '.join(columns)}" if len(columns) < 4 else "SELECT " + ",\n  ".join(columns)]
        lines.append(f"FROM {select.source}")
        if select.where:
            lines.append("WHERE " + "\n  AND ".join(select.where))
        if select.groups is not None:
            lines += self.group_by(select.groups)
        if select.having:
            lines.append("HAVING " + "\n  AND ".join(select.having))
        return "\n".join([*lines, *(part for part in (select.qualify, select.order, select.limit) if part)])

    # Clauses that a dialect may override.

    def star(self, select: Select) -> str:
        """All columns of the source except those that are replaced."""
        if not select.replaced:
            return "*"
        made = {name for name, _ in select.columns}
        return ", ".join(name for name in dict.fromkeys((*self._scanned, *self._known)) if name not in made)

    def group_by(self, columns: int) -> list[str]:
        """The clause that groups by the first columns, by their positions."""
        return ["GROUP BY " + ", ".join(str(number) for number in range(1, columns + 1))] if columns else []

    def union(self, names: Sequence[str], columns: Sequence[str]) -> str:
        """All rows of several sub-queries that have the same columns."""
        return "\nUNION ALL\n".join(f"SELECT {', '.join(columns)} FROM {name}" for name in names)

    def rows_of_groups(self, rows: str, groups: str, by: Sequence[str]) -> Select:
        """The rows whose group is in another sub-query."""
        columns = ", ".join(by)
        return Select(rows, name=rows, where=[f"({columns}) IN (SELECT {columns} FROM {groups})"])

    def numbers(self, column: str, values: Sequence[int]) -> str:
        """A table of numbers, for a join with every row."""
        first, *rest = values
        return f"(SELECT {first} AS {column}{''.join(f' UNION ALL SELECT {value}' for value in rest)}) AS spread"

    # Names and steps.

    def name(self, column: str) -> str:
        plain = column.isidentifier() and column.lower() not in self.reserved
        # Names that differ only in case are the same in SQL, quoted or not.
        self.claimed(column, column.lower())
        return column if plain else '"' + column.replace('"', '""') + '"'

    def result_name(self, column: str) -> str:
        return column

    def close(self) -> None:
        """Turn the current SELECT into a named sub-query, and start a new SELECT from it."""
        first = name = self.prefix + self._select.name
        taken, number = {name for name, _ in self._parts}, 2
        while name in taken:
            name, number = f"{first}_{number}", number + 1
        self._add(name, self.select_text(self._select), costly=self._select.costly)
        self._select = Select(name, name=self._select.name)

    def step(self, step: Step) -> list[str]:
        """Add one step to the current SELECT."""
        super().step(step)
        return []

    def step_scan(self, step: Scan) -> None:
        self._select = Select(self.name(self.stored_source.location))
        self._scanned = [self.name(column) for column in (self.stored_source.time, self.stored_source.record) if column]

    def step_union(self, step: Union) -> None:
        last = step.branches[0].steps[-1]
        columns = list(map(self.name, last.columns)) if isinstance(last, Project) else []
        names = [f"{self.prefix}branch_{number}" for number, _ in enumerate(step.branches, 1)]
        for name, branch in zip(names, self.branches(step), strict=True):
            self._add(name, branch.text())
        items = f"{self.prefix}items"
        self._add(items, self.union(names, columns))
        self._select = Select(items)
        self._scanned, self._known = [], dict.fromkeys(columns)

    def step_filter(self, step: Filter) -> None:
        aggregated = self._select.groups is not None
        if self._select.unnested or (self._select.qualify and not aggregated) or not self.can_filter(step):
            self.close()
            aggregated = False
        clause = self._select.having if aggregated else self._select.where
        clause.extend(self.conjuncts(step.condition, joined=True))

    def can_filter(self, step: Filter) -> bool:
        """Whether the condition can be added to the current SELECT."""
        if self.reads_aliases:
            return True
        computed = {name for name, text in self._select.columns if name != text}
        return self._select.groups is None and computed.isdisjoint(self._columns_read(step.condition))

    def _columns_read(self, *values: Expr) -> set[str]:
        return {self.name(part.name) for value in values for part in walk(value) if isinstance(part, Column)}

    def step_unique(self, step: Unique) -> None:
        column, time = self.name(step.column), self.name(self.stored_source.time)
        self.close()
        self._select.columns.append(("delivery", f"row_number() OVER (PARTITION BY {column} ORDER BY {time})"))
        self.close()
        self._select.where.append(f"({column} IS NULL OR delivery = 1)")

    def step_derive(self, step: Derive) -> None:
        derived = {name for name, _ in self._select.columns}
        read = self._columns_read(*(value for _, value in step.columns))
        made = [self.name(name) for name, _ in step.columns]
        # An alias that its own SELECT reads is expanded as text at each use; a column of a sub-query is not.
        if self._select.groups is not None or self._select.unnested or derived & (read | set(made)):
            self.close()
        self._select.replaced += [name for name in made if name in self._known]
        self._select.columns += [(name, self.expr(value)) for name, (_, value) in zip(made, step.columns, strict=True)]
        self._select.costly |= any(is_last_text(value) for _, value in step.columns)
        self._known |= dict.fromkeys(made)

    def step_aggregate(self, step: Aggregate) -> None:
        derived = dict(self._select.columns)
        inside = self._columns_read(*(value for _, value in step.columns))
        # SQL computes aliases after aggregates, so columns that aggregates read must come from a sub-query.
        if self._select.groups is not None or self._select.where or self._select.qualify or inside & derived.keys():
            self.close()
            derived = {}
        select = self._select
        select.columns = [(name, derived.get(name, name)) for name in map(self.name, step.by)]
        select.columns += [(self.name(name), self.expr(value)) for name, value in step.columns]
        select.star, select.groups = False, len(step.by)
        self._scanned, self._known = [], {name: None for name, _ in select.columns}
        select.name = {"pane": "panes", "window_end": "windows"}.get(step.by[0] if step.by else "", "alerts")

    def step_prunegroups(self, step: PruneGroups) -> None:
        name, total = step.total
        self.close()
        rows = self._select.source
        groups = [self.name(column) for column in step.by]
        self._select = Select(rows, name="large_groups", star=False, groups=len(groups))
        self._select.columns = [*((column, column) for column in groups), (self.name(name), self.expr(total))]
        self.step_filter(Filter(step.condition))
        self.close()
        self._select = self.rows_of_groups(rows, self._select.source, groups)

    def step_expand(self, step: Expand) -> None:
        if not self._select.is_unchanged:
            self.close()
        self._select.source += f", {self.numbers(self.name(step.name), step.values)}"

    def step_countrows(self, step: CountRows) -> None:
        self.close()
        self._select.columns.append((self.name(step.name), "count(*) OVER ()"))

    def step_project(self, step: Project) -> None:
        wanted = [self.name(name) for name in step.columns]
        if self._select.where or any(name not in wanted for name, _ in self._select.columns):
            self.close()
        derived = dict(self._select.columns)
        self._select.columns = [(name, derived.get(name, name)) for name in wanted]
        self._select.star = False

    def step_sort(self, step: Sort) -> None:
        keys = ", ".join(self.name(name) + (" DESC" if descending else "") for name, descending in step.keys)
        self._select.order = f"ORDER BY {keys}"

    def step_limit(self, step: Limit) -> None:
        self._select.limit = f"LIMIT {step.rows}"
