"""The oracle: what a rule means, evaluated as naively as possible.

Backends that share a plan can agree and be wrong together. This evaluator shares nothing with them: it walks pySigma's
own condition tree over canonical events and counts in plain loops. Slow and obvious on purpose.

An event is a flat dict of canonical (or native, for control-plane rules) field names; `@timestamp` is epoch
milliseconds; a missing key and None are the same thing.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from ipaddress import ip_address
from math import ceil
from operator import eq, ge, gt, le, lt, ne
from typing import Any, NamedTuple

from sigma import conditions, types

from sigmagen.rules.model import BaseRule, Correlation, Threshold

DAY = 86_400_000
FOUR_HOURS = 14_400_000
COMPARE = {"gt": gt, "gte": ge, "lt": lt, "lte": le, "eq": eq, "neq": ne}

Event = dict[str, Any]
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
        group.append((field, _text(event[field])))
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
            found.add(tuple(_text(seen.fields[field]) for field in fields))
    return found


def _numbers(rule: Correlation, window: Sequence[Seen]) -> list[int | float]:
    (field,) = _threshold(rule).fields
    return [seen.fields[field] for seen in window if _is_number(seen.fields.get(field))]


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


# Conditions


def matches(rule: BaseRule, event: Event) -> bool:
    """Does the event meet the rule's condition? A comparison with a missing field is false, its negation true.

    Raises ValueError for keywords (values without a field) and for value types that the oracle has no meaning for.
    """
    return _condition(rule.condition, event)


def _condition(node: object, event: Event) -> bool:
    if isinstance(node, conditions.ConditionAND):
        return all(_condition(arg, event) for arg in node.args)
    if isinstance(node, conditions.ConditionOR):
        return any(_condition(arg, event) for arg in node.args)
    if isinstance(node, conditions.ConditionNOT):
        return not _condition(node.args[0], event)
    if isinstance(node, conditions.ConditionFieldEqualsValueExpression):
        return _compare(event.get(node.field), node.value)
    if isinstance(node, conditions.ConditionValueExpression):
        raise ValueError(f"a keyword without a field has no meaning over canonical events: {node.value}")
    raise ValueError(f"no condition: {node!r}")


def _compare(value: Any, wanted: object) -> bool:
    """Does an event's value meet one value of the rule? Of a list of values, one has to."""
    if isinstance(wanted, types.SigmaExpansion):
        return any(_compare(value, one) for one in wanted.values)
    if isinstance(wanted, types.SigmaNull):
        return value is None
    if isinstance(wanted, types.SigmaExists):
        return (value is not None) == wanted.exists
    if isinstance(value, list):
        return any(_compare(one, wanted) for one in value)
    if isinstance(wanted, types.SigmaString):
        return value is not None and _like(_text(value), wanted)
    if isinstance(wanted, types.SigmaBool):
        return value is not None and _text(value).lower() == _text(wanted.boolean)
    if isinstance(wanted, types.SigmaNumber) and not isinstance(wanted, types.SigmaTimestampPart):
        if isinstance(value, str):
            return value == _text(wanted.number)
        return _is_number(value) and bool(value == wanted.number)
    if isinstance(wanted, types.SigmaCompareExpression):
        return _is_number(value) and bool(COMPARE[wanted.op.name.lower()](value, wanted.number.number))
    if isinstance(wanted, types.SigmaRegularExpression):
        flags = 0
        for flag in wanted.flags:
            flags |= types.SigmaRegularExpression.sigma_to_python_flags[flag]
        return value is not None and re.search(str(wanted.regexp), _text(value), flags) is not None
    if isinstance(wanted, types.SigmaCIDRExpression):
        return value is not None and _is_inside(_text(value), wanted)
    raise ValueError(f"the oracle has no meaning for a {type(wanted).__name__}")


def _like(text: str, wanted: types.SigmaString) -> bool:
    """The whole text against a string with wildcards; upper and lower case are one unless the rule says `cased`."""
    cased = isinstance(wanted, types.SigmaCasedString)
    pattern = ""
    for part in wanted.s:
        if isinstance(part, str):
            pattern += re.escape(part if cased else part.lower())
        elif part is types.SpecialChars.WILDCARD_MULTI:
            pattern += ".*"
        elif part is types.SpecialChars.WILDCARD_SINGLE:
            pattern += "."
        else:
            raise ValueError(f"unresolved placeholder in {wanted}")
    return re.fullmatch(pattern, text if cased else text.lower(), re.DOTALL) is not None


def _is_inside(text: str, wanted: types.SigmaCIDRExpression) -> bool:
    try:
        return ip_address(text) in wanted.network
    except ValueError:  # not an address
        return False


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _text(value: object) -> str:
    """A value as text, the way JSON writes it; a whole number has no fraction."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
