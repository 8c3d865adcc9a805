"""Which windows may be judged: every one, or only those that lie wholly inside the range that the query sees.

A window that the range cuts holds too little. Where more events can only make a condition true, it then alerts too late
and never wrongly. Any other condition (fewer than, an average, a rule that must not match) needs the whole window.
"""

from __future__ import annotations

from sigmagen.mapping.taxonomy import Taxonomy
from sigmagen.rules.model import BaseRule, Correlation, Expression, Occurs, Threshold


def is_monotone(rule: Correlation, taxonomy: Taxonomy) -> bool:
    """Whether seeing more events can only make the correlation, and all below it, alert."""
    return _grows(rule, taxonomy) and all(
        is_monotone(part, taxonomy) for part in rule.rules if isinstance(part, Correlation)
    )


def _grows(rule: Correlation, taxonomy: Taxonomy) -> bool:
    if rule.expression is not None:
        return not _negates(rule.expression)
    if rule.threshold is None:
        return True
    if any(item.op not in ("gt", "gte") for item in rule.threshold.comparisons):
        return False
    grows = rule.kind.grows
    return grows == "always" or (grows == "if never negative" and _never_negative(rule, taxonomy))


def _never_negative(rule: Correlation, taxonomy: Taxonomy) -> bool:
    """Whether the summed fields are quantities, whatever the correlation calls them: measured in a unit."""
    measured = rule.threshold.fields if rule.threshold else ()
    fields = {field for name in measured for field in _behind(rule, name)}
    return all(field in taxonomy and taxonomy[field].unit is not None for field in fields)


def _behind(rule: BaseRule | Correlation, name: str) -> set[str]:
    """The fields of the events that a field of a correlation stands for."""
    if isinstance(rule, BaseRule):
        return {name}
    parts = enumerate(rule.rules)
    return {field for position, part in parts for field in _behind(part, rule.field_in(position, name))}


def _negates(expression: Expression) -> bool:
    if isinstance(expression, Occurs):
        return False
    return expression.op == "not" or any(_negates(operand) for operand in expression.operands)


def span_below(rule: Correlation) -> int:
    """How far before a window of `rule` the windows of the correlations below it begin, in milliseconds."""
    below = [part for part in rule.rules if not isinstance(part, BaseRule)]
    return max((part.timespan + span_below(part) for part in below), default=0)


def matches_zero(threshold: Threshold) -> bool:
    """Whether the condition is met where there are no events, which no query can see."""
    meets = {
        "gt": lambda value: value < 0,
        "gte": lambda value: value <= 0,
        "lt": lambda value: value > 0,
        "lte": lambda value: value >= 0,
        "eq": lambda value: value == 0,
        "neq": lambda value: value != 0,
    }
    return all(meets[item.op](item.value) for item in threshold.comparisons)
