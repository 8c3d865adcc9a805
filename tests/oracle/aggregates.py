"""The condition of a correlation on the items of one window."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import NamedTuple

from sigmagen.rules.model import Combined, Correlation, Expression, Occurs, Threshold
from tests.oracle.conditions import COMPARE, as_text, is_number
from tests.oracle.items import Item, has_value, value_of


class Verdict(NamedTuple):
    """A window's value, and whether it meets the condition."""

    value: int | float
    met: bool


def takes_part(rule: Correlation, item: Item) -> bool:
    """A counted or summed value has to be there; without it the item is nothing to this correlation."""
    if rule.type == "value_count":
        return all(has_value(value_of(rule, item, field)) for field in _threshold(rule).fields)
    if rule.type.startswith("value_"):
        return is_number(value_of(rule, item, _field(rule)))
    return True


def judge(rule: Correlation, window: Sequence[Item]) -> Verdict:
    """The verdict on a window's items, sorted by time; there is at least one, and each takes part."""
    if rule.type == "temporal":
        return _temporal(rule, window)
    if rule.type == "temporal_ordered":
        return _ordered(rule, window)
    value = _measure(rule, window)
    return Verdict(value, _holds(_threshold(rule), value))


def _threshold(rule: Correlation) -> Threshold:
    if rule.threshold is None:
        raise ValueError(f"{rule.name}: {rule.type} needs a condition")
    return rule.threshold


def _field(rule: Correlation) -> str:
    (field,) = _threshold(rule).fields
    return field


def _holds(threshold: Threshold, value: int | float) -> bool:
    return all(COMPARE[comparison.op](value, comparison.value) for comparison in threshold.comparisons)


# Counts and numbers


def _measure(rule: Correlation, window: Sequence[Item]) -> int | float:
    if rule.type == "event_count":
        return len(window)
    if rule.type == "value_count":
        fields = _threshold(rule).fields
        return len({tuple(as_text(value_of(rule, item, field)) for field in fields) for item in window})
    numbers = [value_of(rule, item, _field(rule)) for item in window]
    return _statistic(rule, [number for number in numbers if isinstance(number, int | float)])


def _statistic(rule: Correlation, numbers: list[int | float]) -> int | float:
    if rule.type == "value_sum":
        return sum(numbers)
    if rule.type == "value_avg":
        return sum(numbers) / len(numbers)
    if rule.type == "value_median":
        return _nearest_rank(numbers, 50)
    percentile = _threshold(rule).percentile
    if rule.type == "value_percentile" and percentile is not None:
        return _nearest_rank(numbers, percentile)
    raise ValueError(f"{rule.name}: the oracle knows no such {rule.type}")


def _nearest_rank(numbers: Sequence[int | float], percentile: int | float) -> int | float:
    rank = max(1, ceil(len(numbers) * percentile / 100))
    return sorted(numbers)[rank - 1]


# Temporal


def _temporal(rule: Correlation, window: Sequence[Item]) -> Verdict:
    present = {position for item in window for position in item.rules}
    if rule.expression is not None:
        return Verdict(len(present), _is_true(rule.expression, present))
    if rule.threshold is not None:
        return Verdict(len(present), _holds(rule.threshold, len(present)))
    return Verdict(len(present), len(present) == len(rule.rules))


def _is_true(expression: Expression, present: set[int]) -> bool:
    if isinstance(expression, Occurs):
        return expression.rule in present
    operands = [_is_true(operand, present) for operand in expression.operands]
    if expression.op == "not":
        return not operands[0]
    return all(operands) if expression.op == "and" else any(operands)


def _ordered(rule: Correlation, window: Sequence[Item]) -> Verdict:
    if rule.threshold is not None:
        raise ValueError(f"{rule.name}: the oracle knows no order of some of the rules")
    everything: tuple[list[int], list[int]] = (list(range(len(rule.rules))), [])
    wanted, unwanted = everything if rule.expression is None else steps(rule.expression)
    absent = not any(position in item.rules for item in window for position in unwanted)
    return Verdict(len(wanted), bool(wanted) and absent and _in_order(wanted, window))


def steps(expression: Expression) -> tuple[list[int], list[int]]:
    """The rules that an ordered condition wants, in order, and those that it doesn't. Raises ValueError for more."""
    if isinstance(expression, Occurs):
        return [expression.rule], []
    first = expression.operands[0]
    if expression.op == "not" and isinstance(first, Occurs):
        return [], [first.rule]
    if expression.op != "and":
        raise ValueError("an order is made of rules joined by `and` and of single rules with `not`")
    parts = [steps(operand) for operand in expression.operands]
    return [rule for part in parts for rule in part[0]], [rule for part in parts for rule in part[1]]


def _in_order(wanted: Sequence[int], window: Sequence[Item]) -> bool:
    """Is there an item of each rule, in this order, none earlier than the one before it?

    Taking the earliest possible item at each step leaves the most room for the next.
    """
    not_before = window[0].time
    for position in wanted:
        times = [item.time for item in window if position in item.rules and item.time >= not_before]
        if not times:
            return False
        not_before = min(times)
    return True


def negates(expression: Expression | None) -> bool:
    """Whether a condition says `not` anywhere."""
    if not isinstance(expression, Combined):
        return False
    return expression.op == "not" or any(negates(operand) for operand in expression.operands)
