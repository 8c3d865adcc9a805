"""Correlations as plan steps: panes, windows, and the condition on a window.

Each (pane, group) is aggregated once, each pane row (not each event) is expanded into the windows it belongs to, and
the pane rows of a window are aggregated again. Counts and sums add up; distinct values go through one row per (pane,
group, value); ordered rules expand the events themselves, of which there are few.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sigmagen.plan.expr import TRUE, Call, Column, Expr, Literal, call, disjunction
from sigmagen.plan.steps import Aggregate, Derive, Expand, ExpandValues, Filter, Step
from sigmagen.plan.window import Window
from sigmagen.rules.model import BaseRule, Correlation, Threshold

WINDOW_END = Column("window_end", "timestamp")
PANE = Column("pane", "timestamp")
VALUE = Column("value", "integer")

Columns = tuple[tuple[str, Expr], ...]


class UnsupportedCorrelationError(Exception):
    """A correlation that the plan has no words for; the message names it."""


def meets(value: Expr, threshold: Threshold) -> Expr:
    """The condition on a window's value."""
    op = {"eq": "eq", "neq": "ne"}.get(threshold.op, threshold.op)
    return call(op, value, threshold.value)


class Correlator:
    """Turns a correlation rule into the steps that follow the matching events."""

    def __init__(self, use: Callable[[str], Column], time: Column, conditions: Mapping[str, Expr]) -> None:
        self.use = use
        self.time = time
        self.conditions = conditions
        self.windows: list[Window] = []
        self.required: list[Expr] = []
        """What an event must have to take part at all: the group-by values, the counted value."""

    def steps(self, rule: Correlation) -> list[Step]:
        """From matching events to rows (window_end, group-by columns, value) that meet the rule's condition.

        Raises UnsupportedCorrelationError.
        """
        if all(isinstance(part, BaseRule) for part in rule.rules):
            return self._over_events(rule)
        return self._over_alerts(rule)

    def _over_events(self, rule: Correlation) -> list[Step]:
        groups = [self.use(name) for name in rule.group_by]
        self.required += [call("has_value", column) for column in groups]
        window = Window.over(rule.timespan)
        self.windows.append(window)
        if rule.type in ("temporal", "temporal_ordered"):
            conditions = [self.conditions[part.name] for part in rule.rules]
            build = self._temporal if rule.type == "temporal" else self._ordered
            return build(rule.group_by, self.time, window, conditions)
        return self._measured(rule, self.time, window)

    def _over_alerts(self, rule: Correlation) -> list[Step]:
        """A correlation over correlations: the alert of tick t is an event at t - 1 ms, its window's last instant."""
        inner = [part for part in rule.rules if isinstance(part, Correlation)]
        if len(inner) != len(rule.rules):
            raise UnsupportedCorrelationError("a correlation that refers to events and to correlations at once")
        missing = [name for part in inner for name in rule.group_by if name not in part.group_by]
        if missing:
            raise UnsupportedCorrelationError(
                f"group-by {missing[0]} is not a group-by field of the rules it refers to"
            )
        window = Window.over(rule.timespan)
        time = call("shift", WINDOW_END, -1)
        if len(inner) == 1:
            steps = self.steps(inner[0])
            conditions: list[Expr] = [TRUE]
        else:
            steps, conditions = self._side_by_side(inner)
        self.windows.append(window)
        if rule.type == "temporal":
            return steps + self._temporal(rule.group_by, time, window, conditions)
        if len(inner) > 1:
            raise UnsupportedCorrelationError(f"{rule.type} over several correlations")
        return steps + self._measured(rule, time, window)

    def _side_by_side(self, rules: list[Correlation]) -> tuple[list[Step], list[Expr]]:
        """Several correlations of the same events, groups and timespan in one pass; and which of them a row meets."""
        first = rules[0]
        shape = (first.rules, first.group_by, first.timespan)
        if any((rule.rules, rule.group_by, rule.timespan) != shape for rule in rules[1:]):
            raise UnsupportedCorrelationError(
                "correlations that differ in events, group-by or timespan, in one correlation"
            )
        if any(rule.type != "value_count" or len(_fields(rule)) != 1 for rule in rules):
            raise UnsupportedCorrelationError(
                "several correlations other than value_count of one field, in one correlation"
            )
        counted = [_fields(rule)[0] for rule in rules]
        for column in (*first.group_by, *counted):
            self.use(column)
        self.required += [call("has_value", self.use(name)) for name in first.group_by]
        window = Window.over(first.timespan)
        self.windows.append(window)
        values = [Column(f"value_{index}", "integer") for index, _ in enumerate(rules, 1)]
        distinct: Columns = tuple(
            (value.name, call("distinct", self.use(name))) for value, name in zip(values, counted, strict=True)
        )
        met = [meets(value, _threshold(rule)) for value, rule in zip(values, rules, strict=True)]
        steps = [
            *_pane(self.time, window, (*first.group_by, *dict.fromkeys(counted)), ()),
            *_spread(window),
            Aggregate((WINDOW_END.name, *first.group_by), distinct),
            Filter(disjunction(met)),
        ]
        return steps, met

    def _measured(self, rule: Correlation, time: Expr, window: Window) -> list[Step]:
        """event_count, value_count, value_sum: one number a window."""
        threshold = _threshold(rule)
        by = rule.group_by
        if rule.type == "event_count":
            partial: Columns = ((VALUE.name, call("count")),)
        elif rule.type == "value_sum":
            partial = ((VALUE.name, call("sum", self.use(_one_field(rule)))),)
        elif rule.type == "value_count":
            return [*self._distinct(by, _fields(rule), time, window), Filter(meets(VALUE, threshold))]
        else:
            raise UnsupportedCorrelationError(f"correlations of type {rule.type}")
        return [
            *_pane(time, window, by, partial),
            *_spread(window),
            Aggregate((WINDOW_END.name, *by), ((VALUE.name, call("sum", VALUE)),)),
            Filter(meets(VALUE, threshold)),
        ]

    def _distinct(self, by: tuple[str, ...], fields: tuple[str, ...], time: Expr, window: Window) -> list[Step]:
        """Exact distinct: rows of (window, group, value) are counted, not estimated."""
        self.required += [call("has_value", self.use(name)) for name in fields]
        return [
            *_pane(time, window, (*by, *fields), ()),
            *_spread(window),
            Aggregate((WINDOW_END.name, *by, *fields), ()),
            Aggregate((WINDOW_END.name, *by), ((VALUE.name, call("count")),)),
        ]

    def _temporal(self, by: tuple[str, ...], time: Expr, window: Window, conditions: list[Expr]) -> list[Step]:
        """Every condition met somewhere in the window; the value is how many were."""
        seen = [Column(f"rule_{index}", "integer") for index, _ in enumerate(conditions, 1)]
        flags: Columns = tuple(
            (column.name, call("if", condition, 1, 0)) for column, condition in zip(seen, conditions, strict=True)
        )
        most: Columns = tuple((column.name, call("max", column)) for column in seen)
        return [
            Derive((*flags, (PANE.name, call("pane", time, window.tick)))),
            Aggregate((PANE.name, *by), most),
            *_spread(window),
            Aggregate((WINDOW_END.name, *by), most),
            Derive(((VALUE.name, Call("add", tuple(seen))),)),
            Filter(call("eq", VALUE, len(conditions))),
        ]

    def _ordered(self, by: tuple[str, ...], time: Expr, window: Window, conditions: list[Expr]) -> list[Step]:
        """The earliest first step, then the earliest second one not before it, and so on: a greedy chain is enough.

        Equal times count as in order.
        """
        names = [f"step_{index}" for index, _ in enumerate(conditions, 1)]
        steps = [Column(name, "timestamp") for name in names]
        instant = call("milliseconds", time)
        taken: Columns = tuple(
            (name, call("if", condition, instant, None)) for name, condition in zip(names, conditions, strict=True)
        )
        first, last = steps[0], steps[-1]
        middle = steps[1:-1]
        gathered: Columns = (
            (first.name, call("min", first)),
            *((step.name, call("values", step)) for step in middle),
            *(((last.name, call("max", last)),) if len(steps) > 1 else ()),
        )
        result: list[Step] = [
            Derive((*taken, (PANE.name, call("pane", time, window.tick)))),
            *_spread(window),
            Aggregate((WINDOW_END.name, *by), gathered),
        ]
        for index, step in enumerate(middle, 1):
            rest = (
                *((later.name, call("any", later)) for later in steps[index + 1 : -1]),
                (last.name, call("max", last)),
            )
            result += [
                ExpandValues(step.name),
                Filter(call("lte", steps[index - 1], step)),
                Aggregate((WINDOW_END.name, *by), ((step.name, call("min", step)), *rest)),
            ]
        in_order = call("lte", steps[-2], last) if len(steps) > 1 else call("is_present", first)
        return [*result, Filter(in_order), Derive(((VALUE.name, Literal(len(steps))),))]


def _pane(time: Expr, window: Window, by: tuple[str, ...], columns: Columns) -> list[Step]:
    """One row a pane and combination of `by`."""
    return [Derive(((PANE.name, call("pane", time, window.tick)),)), Aggregate((PANE.name, *by), columns)]


def _spread(window: Window) -> list[Step]:
    """Each row into every window that its pane belongs to."""
    tick = call("tick", PANE, Column("k", "integer"), window.tick)
    return [Expand("k", tuple(range(1, window.panes + 1))), Derive(((WINDOW_END.name, tick),))]


def _threshold(rule: Correlation) -> Threshold:
    if rule.threshold is None:
        raise UnsupportedCorrelationError(f"a {rule.type} correlation without a condition")
    return rule.threshold


def _fields(rule: Correlation) -> tuple[str, ...]:
    return _threshold(rule).fields


def _one_field(rule: Correlation) -> str:
    fields = _fields(rule)
    if len(fields) != 1:
        raise UnsupportedCorrelationError(f"{rule.type} of {len(fields)} fields")
    return fields[0]
