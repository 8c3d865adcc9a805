"""The oracle: what a rule means, evaluated as naively as possible.

Backends that share a plan can agree and be wrong together. This evaluator shares nothing with them: it walks pySigma's
own condition tree over canonical events and counts in plain loops. Slow and obvious on purpose.

An event is a flat dict of canonical (or native, for control-plane rules) field names; `@timestamp` is epoch
milliseconds; a missing key and None are the same thing.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from math import ceil
from typing import NamedTuple

from sigmagen.rules.model import BaseRule, Correlation, Threshold
from tests.oracle_conditions import COMPARE, Event, as_text, is_number, matches

DAY = 86_400_000
FOUR_HOURS = 14_400_000

Group = tuple[tuple[str, str], ...]


class Alert(NamedTuple):
    """One group over one window [window_start, window_end) that meets the rule's condition."""

    group: Group
    window_start: int
    window_end: int
    value: int | float


class Seen(NamedTuple):
    """An event that takes part in a correlation, and the names of the referenced rules that it came from."""

    time: int
    fields: Event
    rules: frozenset[str]


def tick_length(timespan_ms: int) -> int:
    """H: the largest divisor of a day that also divides the timespan and is at most a sixth of it and four hours.

    Raises ValueError for a timespan under six milliseconds, which has none.
    """
    for length in range(min(timespan_ms // 6, FOUR_HOURS), 0, -1):
        if DAY % length == 0 and timespan_ms % length == 0:
            return length
    raise ValueError(f"no tick fits a timespan of {timespan_ms} ms")


# Windows


def hunt(rule: Correlation, events: Sequence[Event]) -> list[Alert]:
    """Every (group, tick) at which `rule` alerts, sorted. Only windows that hold an event of the group are looked at.

    Raises ValueError for a correlation type or a value that the oracle has no meaning for.
    """
    members: dict[Group, list[Seen]] = {}
    for seen in _events_of(rule, events):
        group = _group(rule, seen.fields)
        if group is not None:
            members.setdefault(group, []).append(seen)

    alerts = []
    for group, group_events in members.items():
        group_events.sort(key=lambda seen: seen.time)
        times = [seen.time for seen in group_events]
        for tick in _ticks(times, rule.timespan):
            start = tick - rule.timespan
            window = group_events[bisect_left(times, start) : bisect_left(times, tick)]  # start <= time < tick
            value = _value(rule, window)
            if value is not None and _meets(rule, value):
                alerts.append(Alert(group, start, tick, value))
    return sorted(alerts)


def _ticks(times: Sequence[int], timespan: int) -> list[int]:
    """The ticks whose window holds one of these times."""
    length = tick_length(timespan)
    ticks = set()
    for time in times:
        tick = (time // length + 1) * length  # the first tick after the event
        while tick - timespan <= time:
            ticks.add(tick)
            tick += length
    return sorted(ticks)


def _events_of(rule: Correlation, events: Sequence[Event]) -> list[Seen]:
    """The events that a correlation counts: each that matches a referenced rule, once, and referenced alerts.

    An alert of a referenced correlation at tick t is an event of its last millisecond, t - 1, with its group's fields.
    """
    base_rules = [reference for reference in rule.rules if isinstance(reference, BaseRule)]
    found = []
    for event in events:
        names = frozenset(reference.name for reference in base_rules if matches(reference, event))
        if names:
            found.append(Seen(event["@timestamp"], event, names))
    for reference in rule.rules:
        if isinstance(reference, Correlation):
            for alert in hunt(reference, events):
                found.append(Seen(alert.window_end - 1, dict(alert.group), frozenset({reference.name})))
    return found


def _group(rule: Correlation, event: Event) -> Group | None:
    """The event's group, or None when it has no single value for a group-by field and so takes no part."""
    group = []
    for field in rule.group_by:
        if not _has_value(event, field):
            return None
        group.append((field, as_text(event[field])))
    return tuple(group)


def _has_value(event: Event, field: str) -> bool:
    value = event.get(field)
    return value is not None and value != "" and not isinstance(value, list | dict)


# Aggregates


def _value(rule: Correlation, window: Sequence[Seen]) -> int | float | None:
    """The aggregate over one window; None when there is nothing to aggregate, which never alerts."""
    names = [reference.name for reference in rule.rules]
    if rule.type == "event_count":
        return len(window)
    if rule.type == "value_count":
        return len(_distinct(rule, window))
    if rule.type == "temporal":
        return len({name for seen in window for name in seen.rules})
    if rule.type == "temporal_ordered":
        return len(set(names)) if _in_order(names, window) else None
    numbers = _numbers(rule, window)
    if not numbers:
        return None
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


def _threshold(rule: Correlation) -> Threshold:
    if rule.threshold is None:
        raise ValueError(f"{rule.name}: {rule.type} needs a condition")
    return rule.threshold


def _distinct(rule: Correlation, window: Sequence[Seen]) -> set[tuple[str, ...]]:
    fields = _threshold(rule).fields
    found = set()
    for seen in window:
        if all(_has_value(seen.fields, field) for field in fields):
            found.add(tuple(as_text(seen.fields[field]) for field in fields))
    return found


def _numbers(rule: Correlation, window: Sequence[Seen]) -> list[int | float]:
    (field,) = _threshold(rule).fields
    return [seen.fields[field] for seen in window if is_number(seen.fields.get(field))]


def _nearest_rank(numbers: Sequence[int | float], percentile: int | float) -> int | float:
    rank = max(1, ceil(len(numbers) * percentile / 100))
    return sorted(numbers)[rank - 1]


def _in_order(names: Sequence[str], window: Sequence[Seen]) -> bool:
    """Is there an event of each rule, in this order, none earlier than the one before it?

    Taking the earliest possible event at each step leaves the most room for the next.
    """
    not_before = window[0].time
    for name in names:
        times = [seen.time for seen in window if name in seen.rules and seen.time >= not_before]
        if not times:
            return False
        not_before = min(times)
    return True


def _meets(rule: Correlation, value: int | float) -> bool:
    if isinstance(rule.raw.get("correlation", {}).get("condition"), str):
        raise ValueError(f"{rule.name}: the oracle knows no written-out temporal condition")
    if rule.threshold is None:
        return value == len({reference.name for reference in rule.rules})
    return bool(COMPARE[rule.threshold.op](value, rule.threshold.value))


__all__ = ["Alert", "Event", "hunt", "matches", "tick_length"]
