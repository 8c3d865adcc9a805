"""What a conversion warns of: where the query means something else than a reader may think."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

from sigmagen.expr.tree import Call, Column, Expr, Literal
from sigmagen.mapping.source import Source, StoredSource
from sigmagen.mapping.view import SourceView
from sigmagen.plan.model import Plan
from sigmagen.plan.monotone import matches_zero
from sigmagen.plan.steps import Aggregate, Expand, Union
from sigmagen.problems import Problem
from sigmagen.rules.model import BaseRule, Correlation, correlations
from sigmagen.targets import registry


def view_warnings(
    rule: BaseRule | Correlation | None, source: Source, stored: StoredSource, view: SourceView
) -> tuple[Problem, ...]:
    """What the source mapping says of itself."""
    found = [("field-approximated", text) for text in view.narrowed]
    if stored.experimental:
        found.append(("mapping-experimental", f"{source.name} in {stored.name} is experimental: {stored.experimental}"))
    return tuple(_warning(code, text, rule) for code, text in found)


def plan_warnings(rule: Correlation, plan: Plan) -> list[Problem]:
    """What the rule and the SIEM make of the windows."""
    found = [
        _warning(
            "threshold-absence",
            f"{part.name} also matches zero events, but a group without events produces no row and never alerts",
            part,
        )
        for part in correlations(rule)
        if part.threshold is not None and matches_zero(part.threshold)
    ]
    target = registry.get(plan.stored_source.name)
    if plan.ranged and plan.mode in target.range_warnings:
        code, text = target.range_warnings[plan.mode]
        found.append(_warning(code, text, rule))
    if target.sub_search_warning and _has_sub_search(plan):
        found.append(_warning("sub-search", target.sub_search_warning, rule))
    if target.copies_warning:
        most, text = target.copies_warning
        if (copies := _copies_of_events(plan)) > most:
            found.append(_warning("events-multiplied", text.format(copies=copies), rule))
    return found


def ambiguous_order(rule: Correlation, conditions: Sequence[Expr]) -> tuple[Problem, ...]:
    """Steps that one event could match at once: equal times count as in order."""
    if not any(not _disjoint(one, other) for one, other in combinations(conditions, 2)):
        return ()
    return (_warning("order-ambiguous", "one event could match two steps, and would be both", rule),)


def _disjoint(one: Expr, other: Expr) -> bool:
    """Whether two conditions certainly exclude each other: they want one column to be two values."""
    ours, theirs = dict(_wanted(one)), dict(_wanted(other))
    return any(not ours[column] & theirs[column] for column in ours.keys() & theirs.keys())


def _wanted(condition: Expr) -> Iterator[tuple[Column, frozenset[object]]]:
    if not isinstance(condition, Call):
        return
    if condition.op == "and":
        for part in condition.args:
            yield from _wanted(part)
    subject = condition.args[0] if condition.args else None
    if isinstance(subject, Column) and condition.op in ("eq", "in", "equals_ignoring_case", "in_ignoring_case"):
        values = [value.value for value in condition.args[1:] if isinstance(value, Literal)]
        yield subject, frozenset(value.lower() if isinstance(value, str) else value for value in values)


def _has_sub_search(plan: Plan) -> bool:
    unions = [step for step in plan.steps if isinstance(step, Union)]
    return any(
        any(isinstance(step, Aggregate) for step in branch.steps) or _has_sub_search(branch)
        for union in unions
        for branch in union.branches
    )


def _copies_of_events(plan: Plan) -> int:
    """How many rows the plan makes of an event that it has not aggregated."""
    for step in plan.steps:
        if isinstance(step, Expand):
            return len(step.values)
        if isinstance(step, Aggregate):
            break
    return max(
        (_copies_of_events(part) for step in plan.steps if isinstance(step, Union) for part in step.branches), default=1
    )


def _warning(code: str, text: str, rule: BaseRule | Correlation | None) -> Problem:
    if rule is None:
        return Problem(code, text, "warning")
    return Problem(code, f"{rule.title}: {text}", "warning", rule.file, rule.line)
