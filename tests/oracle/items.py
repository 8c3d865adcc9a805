"""What a correlation counts: the items of its streams, and what each is called there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from sigmagen.rules.model import BaseRule, Correlation
from tests.oracle.conditions import Event, as_text, matches


class Item(NamedTuple):
    """One thing that a correlation looks at: an event or an alert, and the positions of the rules that it is of.

    The rules of one item call the fields alike, so that any of them tells a field's name.
    """

    time: int
    fields: Event
    rules: frozenset[int]


def items_of_events(rule: Correlation, events: Sequence[Event]) -> Iterator[Item]:
    """The events that match a listed base rule, once for each stream.

    A stream is the rules of one source that call the fields which the correlation uses by the same names.
    """
    for stream in _streams(rule):
        for event in events:
            met = [position for position in stream if _is_item(rule.rules[position], event)]
            if met:
                yield Item(event["@timestamp"], event, frozenset(met))


def _streams(rule: Correlation) -> list[list[int]]:
    """The positions of the base rules that are counted together."""
    streams: list[list[int]] = []
    for position, part in enumerate(rule.rules):
        if not isinstance(part, BaseRule):
            continue
        for stream in streams:
            if _source(rule, stream[0]) == part.logsource and _names(rule, stream[0]) == _names(rule, position):
                stream.append(position)
                break
        else:
            streams.append([position])
    return streams


def _source(rule: Correlation, position: int) -> object:
    part = rule.rules[position]
    return part.logsource if isinstance(part, BaseRule) else None


def _names(rule: Correlation, position: int) -> list[str]:
    """What the fields that the correlation uses are called in the rule at this position."""
    counted = rule.threshold.fields if rule.threshold else ()
    return [rule.field_in(position, field) for field in (*rule.group_by, *counted)]


def _is_item(part: BaseRule | Correlation, event: Event) -> bool:
    """A base rule looks only at events of its own source, and at those that don't say where they come from."""
    assert isinstance(part, BaseRule)
    return event.get("@logsource") in (None, part.logsource) and matches(part, event)


def value_of(rule: Correlation, item: Item, field: str) -> object:
    """The item's value of a field of `rule`, whatever the field is called in the item."""
    return item.fields.get(rule.field_in(min(item.rules), field))


def has_value(value: object) -> bool:
    """A group-by or counted value has to be one thing that is there."""
    return value is not None and value != "" and not isinstance(value, list | dict)


def group_of(rule: Correlation, item: Item) -> tuple[tuple[str, str], ...] | None:
    """The item's group, or None when it has no single value for a group-by field and so takes no part."""
    group = []
    for field in rule.group_by:
        value = value_of(rule, item, field)
        if not has_value(value):
            return None
        group.append((field, as_text(value)))
    return tuple(group)
