"""Conditions side by side: equalities on one column as one membership test, and what several have in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sigmagen.expr.tree import Call, Expr, Literal, conjunction, disjunction

_MEMBERSHIP = {
    "eq": "in",
    "in": "in",
    "equals_ignoring_case": "in_ignoring_case",
    "in_ignoring_case": "in_ignoring_case",
    "in_network": "in_network",
}


def any_of(conditions: Iterable[Expr]) -> Expr:
    """Any of the conditions, with equalities on one column as one membership test."""
    return _gathered(disjunction(list(conditions)))


def _gathered(condition: Expr) -> Expr:
    """Equalities on one column, joined by OR, as one membership test."""
    if not (isinstance(condition, Call) and condition.op == "or"):
        return condition
    groups: dict[tuple[str, Expr], list[Expr]] = {}
    order: list[Expr | tuple[str, Expr]] = []
    for part in condition.args:
        if isinstance(part, Call) and part.op in _MEMBERSHIP and all(isinstance(arg, Literal) for arg in part.args[1:]):
            key = (_MEMBERSHIP[part.op], part.args[0])
            if key not in groups:
                order.append(key)
            groups.setdefault(key, []).extend(part.args[1:])
        else:
            order.append(part)
    return disjunction([_membership(entry, groups) for entry in order])


def _membership(entry: Expr | tuple[str, Expr], groups: dict[tuple[str, Expr], list[Expr]]) -> Expr:
    if not isinstance(entry, tuple):
        return entry
    op, column = entry
    values = tuple(dict.fromkeys(groups[entry]))
    if len(values) == 1:
        op = {"in": "eq", "in_ignoring_case": "equals_ignoring_case"}.get(op, op)
    return Call(op, (column, *values))


def factored(conditions: Mapping[str, Expr]) -> tuple[list[Expr], dict[str, Expr]]:
    """What all conditions have in common, as parts joined by AND; and what is left of each."""
    parts = {
        name: list(condition.args) if isinstance(condition, Call) and condition.op == "and" else [condition]
        for name, condition in conditions.items()
    }
    first, *others = parts.values()
    shared = set(first).intersection(*others)
    common = [part for part in first if part in shared]
    return common, {name: conjunction([part for part in own if part not in shared]) for name, own in parts.items()}
