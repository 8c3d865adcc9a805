"""What a correlation looks at: the events that match its rules, or the alerts of the correlations below it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sigmagen.expr.tree import Column, Expr
from sigmagen.plan.steps import Step
from sigmagen.plan.window import Window
from sigmagen.rules.model import BaseRule, Correlation, Threshold, correlations


class UnsupportedCorrelationError(Exception):
    """A correlation that the plan has no words for; the message names it."""


@dataclass(frozen=True, slots=True)
class Items:
    """The steps that lead to one row an item, and what is in a row.

    `columns` are the group-by and measured fields under the correlation's own names; `conditions` tell, by the position
    of a rule in the correlation, whether an item is of that rule.
    """

    steps: list[Step]
    time: Expr
    columns: Mapping[str, Column]
    conditions: tuple[Expr, ...]


def threshold_of(rule: Correlation) -> Threshold:
    """The rule's threshold. Raises UnsupportedCorrelationError where there is none."""
    if rule.threshold is None:
        raise UnsupportedCorrelationError(f"a {rule.type} correlation without a condition")
    return rule.threshold


def measured_fields(rule: Correlation) -> tuple[str, ...]:
    """The fields that are counted, summed or averaged; items without a value there take no part."""
    return rule.threshold.fields if rule.threshold and rule.kind.fields != "none" else ()


def needed_fields(rule: Correlation) -> tuple[str, ...]:
    """The fields that an item must have a value in."""
    return tuple(dict.fromkeys((*rule.group_by, *measured_fields(rule))))


def all_needed_fields(rule: BaseRule | Correlation) -> tuple[str, ...]:
    """The same of a correlation and every one below it, each field once; none for a base rule."""
    return tuple(dict.fromkeys(name for part in correlations(rule) for name in needed_fields(part)))


def windows_of(rule: Correlation) -> list[Window]:
    """The windows from the events to the alert, innermost first: those of the longest chain of correlations."""
    below = [windows_of(part) for part in rule.rules if not isinstance(part, BaseRule)]
    longest = max(below, key=lambda chain: sum(window.timespan for window in chain), default=[])
    return [*longest, Window.over(rule.timespan)]
