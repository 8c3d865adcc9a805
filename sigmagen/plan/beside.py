"""Several counts over the same source, groups and timespan in one pass, for a correlation over them.

No SIEM needs to unite two aggregations then, which ES|QL can't: each (pane, group, counted values) row carries what all
of the correlations need, and each window row says which of them it meets.
"""

from __future__ import annotations

from sigmagen.expr.tree import TRUE, Column, Expr, call, disjunction, when
from sigmagen.mapping.taxonomy import Taxonomy
from sigmagen.plan.correlate import meets, pane_rows, spread
from sigmagen.plan.items import Items, threshold_of
from sigmagen.plan.monotone import is_monotone, matches_zero
from sigmagen.plan.steps import Aggregate, Derive, Filter, Step
from sigmagen.plan.window import WINDOW_END, Window
from sigmagen.rules.model import BaseRule, Correlation


def can_share_pass(rules: tuple[Correlation, ...], taxonomy: Taxonomy) -> bool:
    """Whether the correlations can be had in one pass: they count events over equal groups and windows.

    A window row of one rule is there for the others, too, so none may match zero events.
    """
    first = rules[0]
    return len(rules) > 1 and all(
        rule.kind.counts
        and (rule.group_by, rule.timespan) == (first.group_by, first.timespan)
        and not rule.aliases
        and not rule.fields
        and all(isinstance(part, BaseRule) for part in rule.rules)
        and rule.threshold is not None
        and len(rule.threshold.fields) <= 1
        and is_monotone(rule, taxonomy)
        and not matches_zero(rule.threshold)
        for rule in rules
    )


def beside(rules: tuple[Correlation, ...], items: Items) -> tuple[list[Step], tuple[Expr, ...]]:
    """Rows (window_end, group-by columns, a value for each rule) that meet any rule; and whether a row meets each.

    The conditions of `items` say which items are of each rule.
    """
    by = rules[0].group_by
    window = Window.over(rules[0].timespan)
    inputs: list[tuple[str, Expr]] = []
    partial: list[tuple[str, Expr]] = []
    merged: list[tuple[str, Expr]] = []
    counted: dict[str, None] = {}
    values = [Column(f"value_{number}", "integer") for number, _ in enumerate(rules, 1)]
    for value, rule, condition in zip(values, rules, items.conditions, strict=True):
        if rule.kind.measures == "events":
            partial.append((value.name, call("count") if condition == TRUE else call("count_if", condition)))
            merged.append((value.name, call("sum", value)))
            continue
        field = items.columns[threshold_of(rule).fields[0]]
        if condition != TRUE:
            # Items of other rules have no value here, so they are not counted.
            inputs.append((f"{value.name}_of", when(condition, field, None)))
            field = Column(f"{value.name}_of", field.type)
        counted.setdefault(field.name)
        merged.append((value.name, call("distinct", field)))
    met = tuple(meets(value, threshold_of(rule)) for value, rule in zip(values, rules, strict=True))
    steps: list[Step] = [
        *([Derive(tuple(inputs))] if inputs else []),
        *pane_rows(items.time, window, (*by, *counted), tuple(partial)),
        *spread(window),
        Aggregate((WINDOW_END.name, *by), tuple(merged)),
        Filter(disjunction(list(met))),
    ]
    return steps, met
