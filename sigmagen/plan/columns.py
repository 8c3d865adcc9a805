"""Values of the stored record as columns that an engine computes once, for all plans over one source.

A plan derives what it reads out of the record, and another plan derives it again. `Columns` collects the derivations of
all plans, each once, and `read_columns` gives the plan that reads them.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from sigmagen.expr.tree import Call, Column, Expr, Get, walk
from sigmagen.plan.model import Plan
from sigmagen.plan.steps import Aggregate, Derive, Filter, Project, Scan, Step, Union, made_and_used


@dataclass
class Columns:
    """What is derived of one source's records: `layers` use only the record and the layers before them.

    `kept` are the columns that a plan reads; the others only help to compute these.
    """

    time: str = "timestamp"
    layers: list[list[tuple[str, Expr]]] = field(default_factory=list)
    kept: dict[str, None] = field(default_factory=dict)
    _known: dict[Expr, str] = field(default_factory=dict)
    _layer_of: dict[str, int] = field(default_factory=dict)
    # A rule names its fields as it likes, so no name that could be known beforehand is free for certain.
    _prefix: str = field(default_factory=lambda: f"value_{secrets.token_hex(4)}_")

    def column(self, value: Expr) -> str:
        """The name of the column of a value, which is made of the record, the time and columns of `Columns`."""
        if isinstance(value, Column):
            return value.name
        if value not in self._known:
            name = self._known[value] = f"{self._prefix}{len(self._known) + 1}"
            below = [self._layer_of.get(part.name, -1) for part in walk(value) if isinstance(part, Column)]
            layer = self._layer_of[name] = max(below, default=-1) + 1
            self.layers += [[] for _ in range(layer + 1 - len(self.layers))]
            self.layers[layer].append((name, value))
        return self._known[value]

    def needed(self) -> list[list[tuple[str, Expr]]]:
        """The layers without what no kept column is made of."""
        wanted = set(self.kept)
        layers: list[list[tuple[str, Expr]]] = []
        for layer in reversed(self.layers):
            chosen = [(name, value) for name, value in layer if name in wanted]
            wanted |= {part.name for _, value in chosen for part in walk(value) if isinstance(part, Column)}
            layers.insert(0, chosen)
        return layers


def read_columns(plan: Plan, tables: Mapping[str, Columns]) -> Plan:
    """The plan over tables that have columns instead of a record; `tables` are by name of the source, and grow."""
    steps = [
        replace(step, branches=tuple(read_columns(branch, tables) for branch in step.branches))
        if isinstance(step, Union)
        else step
        for step in plan.steps
    ]
    if steps and isinstance(steps[0], Scan):
        steps = _Rewriter(tables[plan.source.name], plan.stored_source.time).steps(steps)
    return replace(plan, steps=tuple(steps))


class _Rewriter:
    """Rewrites the steps over one scan."""

    def __init__(self, columns: Columns, time: str) -> None:
        self._columns = columns
        self._env = {time: columns.time}
        self._time = time

    def steps(self, steps: list[Step]) -> list[Step]:
        rest: list[Step] = []
        for step in steps[1:]:
            if isinstance(step, Derive) and step.of_record:
                for name, value in step.columns:
                    self._env[name] = self._columns.column(self._inside(value))
            elif isinstance(step, Filter):
                rest.append(Filter(self._outside(step.condition)))
            elif isinstance(step, Derive):
                rest.append(Derive(tuple((name, self._outside(value)) for name, value in step.columns)))
            else:
                rest.append(step)
        used = _names_used(rest)
        read = [(name, column) for name, column in self._env.items() if name != self._time]
        if used is not None:
            read = [(name, column) for name, column in read if name in used]
        self._columns.kept |= {column: None for _, column in read}
        derived: list[Step] = [Derive(tuple((name, Column(column)) for name, column in read))] if read else []
        return [steps[0], *derived, *rest]

    def _inside(self, value: Expr) -> Expr:
        """A derivation with the columns of the view as those of the table."""
        if isinstance(value, Column):
            return replace(value, name=self._env.get(value.name, value.name))
        if isinstance(value, Call):
            return Call(value.op, tuple(map(self._inside, value.args)))
        return replace(value, base=self._inside(value.base)) if isinstance(value, Get) and value.base else value

    def _outside(self, value: Expr) -> Expr:
        """A condition of the plan, with what it reads of the record itself as columns."""
        if isinstance(value, Get) and _root(value) is None:
            name = self._columns.column(value)
            self._columns.kept[name] = None
            return Column(name, value.type)
        if isinstance(value, Call):
            return Call(value.op, tuple(map(self._outside, value.args)))
        return value


def _root(value: Get) -> Expr | None:
    """What a path starts from: None for the record."""
    base = value.base
    while isinstance(base, Get):
        base = base.base
    return base


def _names_used(steps: list[Step]) -> set[str] | None:
    """The columns that steps use; None where a whole row is the result."""
    used: set[str] = set()
    for step in steps:
        used |= set(_columns_in(step))
        if isinstance(step, Aggregate | Project):
            return used
    return None


def _columns_in(step: Step) -> Iterator[str]:
    _, values = made_and_used(step)
    for value in values:
        yield from (part.name for part in walk(value) if isinstance(part, Column))
