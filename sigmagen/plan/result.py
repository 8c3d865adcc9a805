"""The end of a query: a hunt's rows, or an alert run's, one of each group, worst first."""

from __future__ import annotations

from sigmagen.expr.tree import call
from sigmagen.plan.model import Mode
from sigmagen.plan.shown import Shown
from sigmagen.plan.steps import Aggregate, CountRows, Derive, Limit, Project, Sort, Step
from sigmagen.plan.window import VALUE, WINDOW_END, WINDOW_START
from sigmagen.rules.model import Correlation

ALERT_ROWS = 100
"""An alert run returns at most this many groups, the worst first."""


def result_steps(mode: Mode, rule: Correlation, shown: Shown) -> list[Step]:
    """What follows the rows that meet the rule's condition."""
    start = (WINDOW_START.name, call("shift", WINDOW_END, -rule.timespan))
    groups = rule.group_by
    if mode == "hunt":
        by_time = ((WINDOW_END.name, False), *((name, False) for name in groups))
        columns = (WINDOW_START.name, WINDOW_END.name, *groups, VALUE.name, *shown.columns)
        return [Derive((start,)), *shown.finish(), Project(columns), Sort(by_time)]
    least = alerts_on_low_values(rule)
    worst = call("min" if least else "max", VALUE)
    return [
        Derive((start,)),
        Aggregate(
            groups,
            (
                (VALUE.name, worst),
                (WINDOW_START.name, call("min", WINDOW_START)),
                (WINDOW_END.name, call("max", WINDOW_END)),
                *shown.merged,
            ),
        ),
        *shown.finish(),
        CountRows("groups"),
        Sort(((VALUE.name, not least), *((name, False) for name in groups))),
        Limit(ALERT_ROWS),
    ]


def alerts_on_low_values(rule: Correlation) -> bool:
    """Whether the rule alerts on low values, of which the lowest is the worst."""
    return rule.threshold is not None and all(item.op in ("lt", "lte") for item in rule.threshold.comparisons)
