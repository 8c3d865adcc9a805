"""What an alert shows besides its value: when its events began and ended, and samples of the fields a rule lists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sigmagen.expr.tree import Column, Expr, call
from sigmagen.plan.steps import Columns, Derive, Step

FIRST_SEEN = Column("first_seen", "timestamp")
LAST_SEEN = Column("last_seen", "timestamp")
SAMPLES = 10
"""How many values of a field an alert shows; how many there are is counted."""


@dataclass(frozen=True, slots=True)
class Shown:
    """Columns that go through all aggregations: `partial` over items, `merged` over what was aggregated before."""

    partial: Columns = ()
    merged: Columns = ()
    fields: tuple[str, ...] = ()

    @classmethod
    def of(cls, fields: Sequence[Column], time: Expr) -> Shown:
        """The columns for a rule's fields; none at all where it lists none."""
        if not fields:
            return cls()
        seen = ((FIRST_SEEN.name, call("min", FIRST_SEEN)), (LAST_SEEN.name, call("max", LAST_SEEN)))
        values: Columns = tuple((sample_name(field.name), call("values", field)) for field in fields)
        again: Columns = tuple((name, call("merge_values", Column(name, "json"))) for name, _ in values)
        first = ((FIRST_SEEN.name, call("min", time)), (LAST_SEEN.name, call("max", time)))
        return cls((*first, *values), (*seen, *again), tuple(field.name for field in fields))

    @property
    def columns(self) -> tuple[str, ...]:
        """The names in the result, in order."""
        if not self.fields:
            return ()
        samples = [name for field in self.fields for name in (sample_name(field), count_name(field))]
        return (FIRST_SEEN.name, LAST_SEEN.name, *samples)

    def finish(self) -> list[Step]:
        """Count the values of each field, and keep some."""
        if not self.fields:
            return []
        counts = tuple((count_name(field), call("size", Column(sample_name(field), "json"))) for field in self.fields)
        cut = tuple(
            (sample_name(field), call("head", Column(sample_name(field), "json"), SAMPLES)) for field in self.fields
        )
        return [Derive(counts), Derive(cut)]


def sample_name(field: str) -> str:
    """The column of a field's sample values."""
    return f"{field}.values"


def count_name(field: str) -> str:
    """The column of the number of a field's distinct values."""
    return f"{field}.distinct"
