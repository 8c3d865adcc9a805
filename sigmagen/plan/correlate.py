"""How each measure is lowered to steps: panes, windows, and the condition on a window.

Each (pane, group) is aggregated once, each pane row (not each event) is expanded into the windows it belongs to, and
the pane rows of a window are aggregated again. Counts and sums add up, and an average is a sum over a count; distinct
values go through one row per (pane, group, value); percentiles and ordered rules expand the events themselves.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from sigmagen.expr.tree import NUMERIC, Call, Column, Expr, call, conjunction, disjunction, when
from sigmagen.plan.items import Items
from sigmagen.plan.logical import UnsupportedCorrelationError, Windowed
from sigmagen.plan.shown import Shown
from sigmagen.plan.steps import Aggregate, Columns, Derive, Expand, Filter, PruneGroups, Step
from sigmagen.plan.temporal import occurring, ordered, temporal_condition
from sigmagen.plan.window import GROUP_TOTAL, PANE, VALUE, WINDOW_END, Window
from sigmagen.rules.correlation_types import Measure
from sigmagen.rules.model import Comparison, Threshold

_TOTAL = Column("value_total", "float")
_NUMBER = Column("value_number", "integer")

_LEAST_USEFUL = {"gt": 1, "gte": 2}
"""The smallest thresholds worth pruning for: with `>= 1`, every group passes."""


def correlated(windowed: Windowed, items: Items) -> list[Step]:
    """From items to rows (window_end, group-by columns, value, shown columns) that meet the condition.

    Raises UnsupportedCorrelationError.
    """
    return LOWERINGS[windowed.measure](windowed, items)


def meets(value: Expr, threshold: Threshold) -> Expr:
    """All comparisons of a threshold with a value."""
    return conjunction([call({"neq": "ne"}.get(item.op, item.op), value, item.value) for item in threshold.comparisons])


def _events(windowed: Windowed, items: Items) -> list[Step]:
    prune = _prune(windowed, call("sum", VALUE), (VALUE,), items.rows.shown)
    steps = _composed(windowed, items, ((VALUE.name, call("count")),), ((VALUE.name, call("sum", VALUE)),), prune)
    return [*steps, Filter(meets(VALUE, windowed.threshold))]


def _sum(windowed: Windowed, items: Items) -> list[Step]:
    value = _number(windowed, items)
    # Not the sum of all panes: one that is negative would hide the others.
    prune = _prune(windowed, call("sum_positive", VALUE), (Column(VALUE.name, value.type),), items.rows.shown)
    steps = _composed(windowed, items, ((VALUE.name, call("sum", value)),), ((VALUE.name, call("sum", VALUE)),), prune)
    return [*steps, Filter(meets(VALUE, windowed.threshold))]


def _average(windowed: Windowed, items: Items) -> list[Step]:
    partial: Columns = ((_TOTAL.name, call("sum", _number(windowed, items))), (_NUMBER.name, call("count")))
    merged: Columns = ((_TOTAL.name, call("sum", _TOTAL)), (_NUMBER.name, call("sum", _NUMBER)))
    mean = Derive(((VALUE.name, call("mean", _TOTAL, _NUMBER)),))
    return [*_composed(windowed, items, partial, merged), mean, Filter(meets(VALUE, windowed.threshold))]


def _number(windowed: Windowed, items: Items) -> Column:
    """The one field that is measured. Raises UnsupportedCorrelationError."""
    value = items.columns[windowed.fields[0]]
    if value.type not in NUMERIC:
        reason = f"{windowed.fields[0]}, which is {value.type}, not numeric"
        raise UnsupportedCorrelationError(f"{windowed.rule.type} of {reason}")
    return value


def _composed(
    windowed: Windowed, items: Items, partial: Columns, merged: Columns, prune: Sequence[Step] = ()
) -> list[Step]:
    """An aggregate of panes, then of the panes of each window."""
    shown, window, by = items.rows.shown, windowed.window, windowed.group_by
    return [
        *pane_rows(items.time, window, by, (*partial, *shown.partial)),
        *prune,
        *spread(window),
        Aggregate((WINDOW_END.name, *by), (*merged, *shown.merged)),
    ]


def _prune(windowed: Windowed, total: Expr, held: tuple[Column, ...], shown: Shown) -> list[Step]:
    """Drop the groups that can't alert before their panes are spread; nothing where that would drop none.

    What must be above a number in a window must be so in the group's total. Columns that an alert shows would have to
    be carried along, which is more work than is saved.
    """
    comparisons, window = windowed.threshold.comparisons, windowed.window
    lower = [item for item in comparisons if item.value >= _LEAST_USEFUL.get(item.op, math.inf)]
    if not lower or not windowed.group_by or window.panes == 1 or shown.fields:
        return []
    condition = conjunction([call(item.op, GROUP_TOTAL, item.value) for item in lower])
    return [PruneGroups(windowed.group_by, (GROUP_TOTAL.name, total), condition, (PANE, *held), window.tick)]


def _distinct(windowed: Windowed, items: Items) -> list[Step]:
    """Exact distinct: rows of (window, group, value) are counted, not estimated. Raises UnsupportedCorrelationError."""
    fields, by, window, shown = windowed.fields, windowed.group_by, windowed.window, items.rows.shown
    for name in fields:
        if items.columns[name].type == "json":
            raise UnsupportedCorrelationError(f"value_count of {name}, whose JSON each SIEM writes in its own way")
    counted = tuple(name for name in fields if name not in by)
    # A group has at least as many rows over all panes as a window of it has distinct values.
    held = tuple(items.columns[name] for name in counted)
    return [
        *pane_rows(items.time, window, (*by, *counted), shown.partial),
        *_prune(windowed, call("count"), held, shown),
        *spread(window),
        Aggregate((WINDOW_END.name, *by, *counted), shown.merged),
        Aggregate((WINDOW_END.name, *by), ((VALUE.name, call("count")), *shown.merged)),
        Filter(meets(VALUE, windowed.threshold)),
    ]


def _percentile(windowed: Windowed, items: Items) -> list[Step]:
    """The SIEM's own percentile to be shown; what decides is counted exactly (see `_rank_meets`)."""
    value, threshold, percentile = _number(windowed, items), windowed.threshold, windowed.threshold.percentile
    if percentile is None:
        raise UnsupportedCorrelationError(f"{windowed.rule.type} without a percentile")
    columns: list[tuple[str, Expr]] = [
        (VALUE.name, call("percentile", value, percentile)),
        (_NUMBER.name, call("count")),
    ]
    for index, item in _numbered(threshold):
        columns += [
            (_below(index).name, call("count_if", call("lt", value, item.value))),
            (_up_to(index).name, call("count_if", call("lte", value, item.value))),
        ]
    return [
        Derive(((PANE.name, call("pane", items.time, windowed.window.tick)),)),
        *spread(windowed.window),
        Aggregate((WINDOW_END.name, *windowed.group_by), (*columns, *items.rows.shown.partial)),
        Filter(conjunction([_rank_meets(item, index, percentile) for index, item in _numbered(threshold)])),
    ]


def _numbered(threshold: Threshold) -> list[tuple[int, Comparison]]:
    return list(enumerate(threshold.comparisons, 1))


def _below(index: int) -> Column:
    return Column(f"below_{index}", "integer")


def _up_to(index: int) -> Column:
    return Column(f"up_to_{index}", "integer")


def _rank_meets(item: Comparison, index: int, percentile: int) -> Expr:
    """The comparison of a nearest-rank percentile with a number, by counting.

    The p-th percentile of n values is the k-th smallest, k = ceil(n * p / 100). It is at least T where fewer than k
    values lie below T, that is where 100 * below < p * n: whole numbers, the same in every engine.
    """
    rank = call("times", _NUMBER, percentile)
    below, up_to = call("times", _below(index), 100), call("times", _up_to(index), 100)
    at_least, more = call("lt", below, rank), call("lt", up_to, rank)
    less, at_most = call("gte", below, rank), call("gte", up_to, rank)
    return {
        "gte": at_least,
        "gt": more,
        "lte": at_most,
        "lt": less,
        "eq": conjunction([at_least, at_most]),
        "neq": disjunction([less, more]),
    }[item.op]


def _rules(windowed: Windowed, items: Items) -> list[Step]:
    """Which rules a window has items of; the value is how many."""
    seen = [occurring(position) for position, _ in enumerate(windowed.rule.rules)]
    flags: Columns = tuple(
        (column.name, when(condition, 1, 0)) for column, condition in zip(seen, items.conditions, strict=True)
    )
    most: Columns = tuple((column.name, call("max", column)) for column in seen)
    condition = temporal_condition(windowed.condition, seen)
    by, shown = windowed.group_by, items.rows.shown
    return [
        Derive((*flags, (PANE.name, call("pane", items.time, windowed.window.tick)))),
        Aggregate((PANE.name, *by), (*most, *shown.partial)),
        *spread(windowed.window),
        Aggregate((WINDOW_END.name, *by), (*most, *shown.merged)),
        Derive(((VALUE.name, Call("add", tuple(seen)) if len(seen) > 1 else seen[0]),)),
        Filter(meets(VALUE, windowed.threshold) if condition is None else condition),
    ]


def _sequence(windowed: Windowed, items: Items) -> list[Step]:
    return ordered(windowed, items, spread(windowed.window))


def pane_rows(time: Expr, window: Window, by: tuple[str, ...], columns: Columns) -> list[Step]:
    """One row a pane and combination of `by`."""
    return [Derive(((PANE.name, call("pane", time, window.tick)),)), Aggregate((PANE.name, *by), columns)]


def spread(window: Window) -> list[Step]:
    """Each row into every window that its pane belongs to."""
    tick = call("tick", PANE, Column("k", "integer"), window.tick)
    return [Expand("k", tuple(range(1, window.panes + 1))), Derive(((WINDOW_END.name, tick),))]


LOWERINGS: Mapping[Measure, Callable[[Windowed, Items], list[Step]]] = {
    "events": _events,
    "distinct values": _distinct,
    "sum": _sum,
    "average": _average,
    "percentile": _percentile,
    "matching rules": _rules,
    "sequence": _sequence,
}
"""The lowering of each measure that a correlation type may have."""
