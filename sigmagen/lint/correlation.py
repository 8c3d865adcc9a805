"""Correlations whose windows, groups or thresholds can't do what is meant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sigmagen.durations import DAY, MINUTE, format_timespan, parse_timespan
from sigmagen.lint.context import Context, RuleDocument, texts
from sigmagen.problems import Problem
from sigmagen.rules.conditions import OPERATORS
from sigmagen.rules.correlation_types import CORRELATION_TYPES, CorrelationType

SHORTEST = MINUTE
LONGEST = 14 * DAY


def check(context: Context) -> Iterator[Problem]:
    """Problems of correlations."""
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
    group_by = texts(body.get("group-by"))
    if not group_by:
        yield context.problem("group-by-missing", document.document, "no group-by", ("correlation", "group-by"))
    kind = _kind(body)
    if kind and kind.temporal and len(texts(body.get("rules"))) == 1:
        message = f"{kind.name} needs two rules or more"
        yield context.problem("temporal-one-rule", document.document, message, ("correlation", "rules"))
    condition = body.get("condition")
    if not isinstance(condition, dict):
        return
    path = ("correlation", "condition", "field")
    fields = texts(condition.get("field"))
    if kind and kind.fields == "none" and fields:
        message = f"{kind.name} takes no notice of field '{fields[0]}'"
        hint = "did you mean value_count?" if kind.measures == "events" else None
        yield context.problem("condition-field-unused", document.document, message, path, hint)
    if kind and kind.measures == "distinct values" and fields and set(fields) <= set(group_by):
        message = f"'{fields[0]}' is counted and grouped by"
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
            yield context.problem("threshold-trivial", document.document, f"{op} {value} is always met", path)
        holds_for_nothing = {"lt": value > 0, "lte": value >= 0, "eq": value == 0, "neq": value != 0}
        if holds_for_nothing.get(op):
            message = f"{op} {value} holds for no events too, which no query can see"
            yield context.problem("threshold-absence", document.document, message, path)


def _kind(body: Mapping[str, Any]) -> CorrelationType | None:
    """The correlation's type; None for one that isn't known."""
    kind = body.get("type")
    return CORRELATION_TYPES.get(kind) if isinstance(kind, str) else None
