"""Checks of the windows, groups and thresholds of correlations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sigmagen.durations import DAY, MINUTE, format_timespan, parse_timespan
from sigmagen.lint.context import Context, RuleDocument, list_texts
from sigmagen.problems import Problem
from sigmagen.rules.conditions import OPERATORS
from sigmagen.rules.correlation_types import CORRELATION_TYPES, CorrelationType

SHORTEST = MINUTE
LONGEST = 14 * DAY


def check(context: Context) -> Iterator[Problem]:
    """Yield the problems of correlations."""
    for document in context.documents:
        if document.body():
            yield from _timespan(context, document)
            yield from _grouping(context, document)
            yield from _threshold(context, document)


def _timespan(context: Context, document: RuleDocument) -> Iterator[Problem]:
    path = ("correlation", "timespan")
    try:
        span = parse_timespan(document.body().get("timespan"))
    except ValueError:
        return
    if span < SHORTEST:
        message = f"the timespan is {format_timespan(span)}, shorter than {format_timespan(SHORTEST)}"
        yield context.problem("timespan-short", document.document, message, path)
    if span > LONGEST:
        message = f"the timespan is {format_timespan(span)}, longer than {format_timespan(LONGEST)}"
        yield context.problem("timespan-long", document.document, message, path)


def _grouping(context: Context, document: RuleDocument) -> Iterator[Problem]:
    body = document.body()
    group_by = list_texts(body.get("group-by"))
    if not group_by:
        message = "the correlation has no group-by"
        yield context.problem("group-by-missing", document.document, message, ("correlation", "group-by"))
    kind = _kind(body)
    if kind and kind.temporal and len(list_texts(body.get("rules"))) == 1:
        message = f"{kind.name} needs two rules or more"
        yield context.problem("temporal-one-rule", document.document, message, ("correlation", "rules"))
    condition = body.get("condition")
    if not isinstance(condition, dict):
        return
    path = ("correlation", "condition", "field")
    fields = list_texts(condition.get("field"))
    if kind and kind.fields == "none" and fields:
        message = f"{kind.name} ignores field '{fields[0]}'"
        hint = "did you mean value_count?" if kind.measures == "events" else None
        yield context.problem("condition-field-unused", document.document, message, path, hint)
    if kind and kind.measures == "distinct values" and fields and set(fields) <= set(group_by):
        message = f"'{fields[0]}' is both counted and in group-by"
        yield context.problem("grouped-field-counted", document.document, message, path)


def _threshold(context: Context, document: RuleDocument) -> Iterator[Problem]:
    condition = document.body().get("condition")
    kind = _kind(document.body())
    if kind is None or not kind.counts or not isinstance(condition, dict):
        return
    for op in OPERATORS:
        value = condition.get(op)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            continue
        path = ("correlation", "condition", op)
        if (op == "gte" and value <= 1) or (op == "gt" and value < 1):
            yield context.problem("threshold-trivial", document.document, f"'{op}: {value}' is always met", path)
        matches_zero = {"lt": value > 0, "lte": value >= 0, "eq": value == 0, "neq": value != 0}
        if matches_zero.get(op):
            message = (
                f"'{op}: {value}' also matches zero events, but a group without events produces no row and never alerts"
            )
            yield context.problem("threshold-absence", document.document, message, path)


def _kind(body: Mapping[str, Any]) -> CorrelationType | None:
    """The correlation's type; None for one that isn't known."""
    kind = body.get("type")
    return CORRELATION_TYPES.get(kind) if isinstance(kind, str) else None
