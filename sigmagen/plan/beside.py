"""Several counts over the same source, groups and timespan in one pass, for a correlation over them.

No SIEM needs to unite two aggregations then, which ES|QL can't: each (pane, group, counted values) row carries what all
of the correlations need, and each window row says which of them it meets.
"""

from __future__ import annotations

from sigmagen.expr.tree import TRUE, Column, Expr, call, disjunction, when
from sigmagen.plan.correlate import meets, pane_rows, spread
from sigmagen.plan.items import Items
from sigmagen.plan.logical import Events, Windowed
from sigmagen.plan.monotone import matches_zero
from sigmagen.plan.steps import Aggregate, Derive, Filter, Step
from sigmagen.plan.window import WINDOW_END


def can_share_pass(parts: tuple[Windowed, ...]) -> bool:
    """Whether the correlations can be had in one pass: they count events over equal groups and windows.

    A window row of one rule is there for the others, too, so none may match zero events.
    """
    first = parts[0]
    return len(parts) > 1 and all(
        part.rule.kind.counts
        and (part.group_by, part.window) == (first.group_by, first.window)
        and not part.rule.aliases
        and not part.rule.fields
        and all(isinstance(stream, Events) for stream in part.streams)
        and len(part.threshold.fields) <= 1
        and part.monotone
        and not matches_zero(part.threshold)
        for part in parts
    )


def beside(parts: tuple[Windowed, ...], items: Items) -> tuple[list[Step], tuple[Expr, ...]]:
    """Rows (window_end, group-by columns, a value for each rule) that meet any rule; and whether a row meets each.

    The conditions of `items` say which items are of each rule.
    """
    by, window = parts[0].group_by, parts[0].window
    inputs: list[tuple[str, Expr]] = []
    partial: list[tuple[str, Expr]] = []
    merged: list[tuple[str, Expr]] = []
    counted: dict[str, None] = {}
    values = [Column(f"value_{number}", "integer") for number, _ in enumerate(parts, 1)]
    for value, part, condition in zip(values, parts, items.conditions, strict=True):
        if part.measure == "events":
            partial.append((value.name, call("count") if condition == TRUE else call("count_if", condition)))
            merged.append((value.name, call("sum", value)))
            continue
        field = items.columns[part.fields[0]]
        if condition != TRUE:
            # Items of other rules have no value here, so they are not counted.
            inputs.append((f"{value.name}_of", when(condition, field, None)))
            field = Column(f"{value.name}_of", field.type)
        counted.setdefault(field.name)
        merged.append((value.name, call("distinct", field)))
    met = tuple(meets(value, part.threshold) for value, part in zip(values, parts, strict=True))
    steps: list[Step] = [
        *([Derive(tuple(inputs))] if inputs else []),
        *pane_rows(items.time, window, (*by, *counted), tuple(partial)),
        *spread(window),
        Aggregate((WINDOW_END.name, *by), tuple(merged)),
        Filter(disjunction(list(met))),
    ]
    return steps, met
