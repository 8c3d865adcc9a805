"""The windows of a correlation: which are looked at, and in which it alerts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from math import inf
from typing import NamedTuple

import yaml

from sigmagen.bundled import mappings_folder
from sigmagen.rules.model import BaseRule, Correlation
from tests.oracle.aggregates import Verdict, judge, negates, takes_part
from tests.oracle.conditions import Event
from tests.oracle.items import Item, group_of, items_of_events, value_of

DAY = 86_400_000
FOUR_HOURS = 14_400_000

Group = tuple[tuple[str, str], ...]


class Alert(NamedTuple):
    """One group over one window [window_start, window_end) that meets the rule's condition."""

    group: Group
    window_start: int
    window_end: int
    value: int | float


class Look(NamedTuple):
    """A window of a group that was looked at; `fields` are the group's values as they are in the items."""

    alert: Alert
    met: bool
    fields: Event


@cache
def tick_length(timespan_ms: int) -> int:
    """H: the largest divisor of a day that also divides the timespan and is at most a sixth of it and four hours.

    Raises ValueError for a timespan under six milliseconds, which has none.
    """
    for length in range(min(timespan_ms // 6, FOUR_HOURS), 0, -1):
        if DAY % length == 0 and timespan_ms % length == 0:
            return length
    raise ValueError(f"no tick fits a timespan of {timespan_ms} ms")


def hunt(
    rule: Correlation, events: Sequence[Event], start: float | None = None, end: float | None = None
) -> list[Alert]:
    """Every (group, tick) at which `rule` alerts over the events with start <= time < end, sorted.

    Without `start` or `end` the range is open there. Raises ValueError for what the oracle has no meaning for.
    """
    return sorted(seen.alert for seen in look(rule, events, start, end) if seen.met)


def look(
    rule: Correlation, events: Sequence[Event], start: float | None = None, end: float | None = None
) -> list[Look]:
    """Every window that is looked at: those that hold an item of the group and that the range doesn't rule out."""
    first, last = -inf if start is None else start, inf if end is None else end
    return _look(rule, [event for event in events if first <= event["@timestamp"] < last], first, last)


def _look(rule: Correlation, events: Sequence[Event], start: float, end: float) -> list[Look]:
    groups: dict[Group, list[Item]] = {}
    for item in _items(rule, events, start, end):
        group = group_of(rule, item)
        if group is not None and takes_part(rule, item):
            groups.setdefault(group, []).append(item)
    looks, everywhere, first = [], is_monotone(rule), start + lead(rule)
    for group, items in groups.items():
        items.sort(key=lambda item: item.time)
        fields = {field: value_of(rule, items[0], field) for field in rule.group_by}
        for tick in _ticks([item.time for item in items], rule.timespan):
            opening = tick - rule.timespan
            if everywhere or (opening >= first and tick <= end):
                verdict = _verdict(rule, items, opening, tick)
                looks.append(Look(Alert(group, opening, tick, verdict.value), verdict.met, fields))
    return looks


def _verdict(rule: Correlation, items: Sequence[Item], opening: int, tick: int) -> Verdict:
    return judge(rule, [item for item in items if opening <= item.time < tick])


def _items(rule: Correlation, events: Sequence[Event], start: float, end: float) -> list[Item]:
    """Matching events, and the alerts of listed correlations: that of tick t is an item of its last millisecond."""
    found = list(items_of_events(rule, events))
    for position, part in enumerate(rule.rules):
        if isinstance(part, Correlation):
            for seen in _look(part, events, start, end):
                if seen.met:
                    found.append(Item(seen.alert.window_end - 1, seen.fields, frozenset({position})))
    return found


def _ticks(times: Sequence[int], timespan: int) -> list[int]:
    """The ticks whose window holds one of these times."""
    length = tick_length(timespan)
    ticks = set()
    for time in times:
        tick = (time // length + 1) * length  # the first tick after the item
        while tick - timespan <= time:
            ticks.add(tick)
            tick += length
    return sorted(ticks)


# Whole windows


def lead(rule: Correlation) -> int:
    """How far before a window events matter: the listed correlations' own windows, one before the other."""
    return max((part.timespan + lead(part) for part in rule.rules if isinstance(part, Correlation)), default=0)


def is_monotone(rule: Correlation) -> bool:
    """Whether more events can only make the rule alert more, so that a window that was cut can't be wrong."""
    below = all(isinstance(part, BaseRule) or is_monotone(part) for part in rule.rules)
    return below and _grows(rule)


def _grows(rule: Correlation) -> bool:
    rising = rule.threshold is None or all(part.op in ("gt", "gte") for part in rule.threshold.comparisons)
    if rule.type in ("temporal", "temporal_ordered"):
        return rising and not negates(rule.expression)
    if rule.type in ("event_count", "value_count"):
        return rising
    if rule.type == "value_sum" and rule.threshold is not None:
        (field,) = rule.threshold.fields
        return rising and _origins(rule, field) <= _never_negative()
    return False


def _origins(rule: BaseRule | Correlation, field: str) -> set[str]:
    """What a field is called in the events at the bottom."""
    if isinstance(rule, BaseRule):
        return {field}
    return {name for position, part in enumerate(rule.rules) for name in _origins(part, rule.field_in(position, field))}


@cache
def _never_negative() -> frozenset[str]:
    """The fields that count something: those with a unit."""
    fields = yaml.safe_load((mappings_folder() / "taxonomy.yml").read_text())["fields"]
    return frozenset(name for name, entry in fields.items() if "unit" in entry)
