"""Compiled conditions, kept: most SIEMs have the same columns for a rule, and then the same condition."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from sigmagen.expr.tree import Column, Expr
from sigmagen.mapping.taxonomy import Taxonomy
from sigmagen.plan.condition import ConditionCompiler
from sigmagen.rules.model import BaseRule


@dataclass(frozen=True, slots=True)
class _Compiled:
    """A rule's condition over columns, for all who have these columns."""

    taxonomy: Taxonomy
    columns: list[Column]
    searched: list[str] | None
    """Where it looks for values without a field, if it has any."""
    expression: Expr


@lru_cache(maxsize=64)
def _known(rule: BaseRule) -> list[_Compiled]:
    """What a rule has been compiled to lately: most SIEMs have the same columns for it."""
    return []


def compile_condition(
    rule: BaseRule, use: Callable[[str], Column], taxonomy: Taxonomy, searched: Callable[[], list[str]] = list
) -> Expr:
    """A rule's condition. The parameters and errors are those of `ConditionCompiler` and its `compile`."""
    columns: dict[str, Column] = {}
    places: list[list[str]] = []
    for known in _known(rule):
        same = known.taxonomy is taxonomy and (known.searched is None or known.searched == searched())
        if same and all(use(column.name) == column for column in known.columns):
            return known.expression

    def noted(name: str) -> Column:
        columns[name] = use(name)
        return columns[name]

    def looked_in() -> list[str]:
        places.append(searched())
        return places[0]

    expression = ConditionCompiler(noted, taxonomy, looked_in).compile(rule.condition)
    found = _Compiled(taxonomy, list(columns.values()), places[0] if places else None, expression)
    _known(rule).append(found)
    return expression
