"""What lowering gives: the steps to some rows, and what one has to know of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sigmagen.expr.tree import Column, Expr
from sigmagen.plan.shown import Shown
from sigmagen.plan.steps import Step
from sigmagen.problems import Problem


@dataclass(frozen=True, slots=True)
class Rows:
    """The steps to some rows. The other fields are those of a `Plan`, and what an alert shows of these rows."""

    steps: tuple[Step, ...]
    shown: Shown = field(default_factory=Shown)
    stored_as: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[Problem, ...] = ()
    ranged: bool = False

    def then(self, *steps: Step) -> Rows:
        """These rows after further steps."""
        return replace(self, steps=(*self.steps, *steps))


@dataclass(frozen=True, slots=True)
class Items:
    """Rows that a correlation looks at: one an item.

    `columns` are the group-by and measured fields under the correlation's own names; `conditions` tell, by the position
    of a rule in the correlation, whether an item is of that rule.
    """

    rows: Rows
    time: Expr
    columns: Mapping[str, Column]
    conditions: tuple[Expr, ...]
