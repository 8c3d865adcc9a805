"""The logical plan of a correlation: windows over streams of events or alerts, a measure, a condition.

It says what a query must find. `sigmagen.plan.lowering` decides how: panes, pruning, several counts in one pass.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sigmagen.mapping.source import Source
from sigmagen.mapping.taxonomy import Taxonomy
from sigmagen.plan.monotone import is_monotone, span_below
from sigmagen.plan.window import Window
from sigmagen.rules.correlation_types import Measure
from sigmagen.rules.model import BaseRule, Combined, Correlation, Expression, Occurs, Threshold, correlations


class UnsupportedCorrelationError(Exception):
    """A correlation that the plan has no words for; the message names it."""


@dataclass(frozen=True, slots=True)
class Events:
    """The events of one source that match one of some rules: an event that matches several of them is one item.

    `rules` come with their positions in the correlation; `names` are what its fields are called there.
    """

    rules: tuple[tuple[int, BaseRule], ...]
    names: Mapping[str, str]
    source: Source


@dataclass(frozen=True, slots=True)
class Alerts:
    """The alerts of a correlation, which is the rule at `position` of another; `names` as those of events."""

    position: int
    of: Windowed
    names: Mapping[str, str]
    source: Source
    """What the events below come from."""


@dataclass(frozen=True, slots=True)
class Order:
    """The condition of a sequence: these rules match in this order, and those match nowhere in the window."""

    wanted: tuple[int, ...]
    unwanted: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Windowed:
    """The windows, of each group, in which the measure of the streams' items meets the condition."""

    rule: Correlation
    """What it was made of: errors and warnings name it."""
    streams: tuple[Events | Alerts, ...]
    group_by: tuple[str, ...]
    window: Window
    measure: Measure
    fields: tuple[str, ...]
    """What is measured; items without a value there take no part."""
    condition: Threshold | Expression | Order
    monotone: bool
    """Whether more events can only make it alert. Otherwise only windows wholly inside the range count."""
    reach: int
    """How far before the end of a window the first event may lie, in milliseconds: the windows below included."""
    listed: tuple[str, ...] = ()
    """Fields that are shown with an alert; over several streams there are none."""

    @property
    def needed(self) -> tuple[str, ...]:
        """The fields that an item must have a value in."""
        return tuple(dict.fromkeys((*self.group_by, *self.fields)))

    @property
    def threshold(self) -> Threshold:
        """The condition, where it compares the measure with numbers."""
        if not isinstance(self.condition, Threshold):
            raise TypeError(f"a {self.rule.type} correlation without a threshold")
        return self.condition


def logical_plan(rule: Correlation, source: Source, taxonomy: Taxonomy, listed: tuple[str, ...] = ()) -> Windowed:
    """What a correlation looks for. Raises UnsupportedCorrelationError."""
    fields = measured_fields(rule)
    if rule.kind.fields == "one" and len(fields) != 1:
        raise UnsupportedCorrelationError(f"{rule.type} of {len(fields)} fields")
    streams = _streams(rule, source, taxonomy)
    return Windowed(
        rule=rule,
        streams=streams,
        group_by=rule.group_by,
        window=Window.over(rule.timespan),
        measure=rule.kind.measures,
        fields=fields,
        condition=_condition(rule),
        monotone=is_monotone(rule, taxonomy),
        reach=rule.timespan + span_below(rule),
        listed=listed if len(streams) == 1 else (),
    )


def measured_fields(rule: Correlation) -> tuple[str, ...]:
    """The fields that are counted, summed or averaged; items without a value there take no part."""
    return rule.threshold.fields if rule.threshold and rule.kind.fields != "none" else ()


def all_needed_fields(rule: BaseRule | Correlation) -> tuple[str, ...]:
    """The fields that an item of a correlation, or of one below it, must have; none for a base rule."""
    parts = correlations(rule)
    return tuple(dict.fromkeys(name for part in parts for name in (*part.group_by, *measured_fields(part))))


def windows_of(rule: Correlation) -> tuple[Window, ...]:
    """The windows from the events to the alert, innermost first: those of the longest chain of correlations."""
    below = [windows_of(part) for part in rule.rules if not isinstance(part, BaseRule)]
    longest = max(below, key=lambda chain: sum(window.timespan for window in chain), default=())
    return (*longest, Window.over(rule.timespan))


# Streams


def _streams(rule: Correlation, source: Source, taxonomy: Taxonomy) -> tuple[Events | Alerts, ...]:
    """What a correlation looks at, in the order of its rules.

    Base rules over one source, with the same names for the fields, are one stream. Everything else is its own.
    """
    fields = tuple(dict.fromkeys((*rule.group_by, *measured_fields(rule))))
    found: dict[object, Events | Alerts] = {}
    for position, part in enumerate(rule.rules):
        names = {name: rule.field_in(position, name) for name in fields}
        if isinstance(part, BaseRule):
            mine = part_for(source, part)
            key = (mine.name, tuple(names.items()))
            before = found.get(key)
            rules = before.rules if isinstance(before, Events) else ()
            found[key] = Events((*rules, (position, part)), names, mine)
        else:
            below = logical_plan(part, source, taxonomy)
            _refuse_missing(part, names)
            found[position] = Alerts(position, below, names, _common(below, source))
    return tuple(found.values())


def _refuse_missing(part: Correlation, names: Mapping[str, str]) -> None:
    """An alert carries its group-by fields and no other. Raises UnsupportedCorrelationError."""
    for name in names.values():
        if name not in part.group_by:
            raise UnsupportedCorrelationError(
                f"{name} is not a group-by field of {part.name}, whose alerts carry no other field"
            )


def _common(windowed: Windowed, source: Source) -> Source:
    """The one source of all events below, else the whole source."""
    found = {events.source.name: events.source for events in events_below(windowed)}
    return next(iter(found.values())) if len(found) == 1 else source


def events_below(windowed: Windowed) -> Iterator[Events]:
    """Every stream of events below."""
    for stream in windowed.streams:
        if isinstance(stream, Events):
            yield stream
        else:
            yield from events_below(stream.of)


def event_streams(rule: BaseRule | Correlation, source: Source) -> list[Events]:
    """The events of all base rules below a rule, with what its group-by fields are called there."""
    found: dict[object, Events] = {}
    names = {name: name for name in rule.group_by} if isinstance(rule, Correlation) else {}
    for base, called in _called(rule, names):
        part = part_for(source, base)
        key = (part.name, tuple(called.items()))
        bases = [known for _, known in found[key].rules] if key in found else []
        found[key] = Events(tuple(enumerate(dict.fromkeys((*bases, base)))), called, part)
    return list(found.values())


def _called(rule: BaseRule | Correlation, names: dict[str, str]) -> Iterator[tuple[BaseRule, dict[str, str]]]:
    """Every base rule below a rule, and what fields are called there."""
    if isinstance(rule, BaseRule):
        yield rule, names
        return
    for position, part in enumerate(rule.rules):
        yield from _called(part, {name: rule.field_in(position, called) for name, called in names.items()})


def part_for(source: Source, rule: BaseRule) -> Source:
    """The part of a source that feeds a base rule. Raises UnsupportedCorrelationError."""
    part = source.part_for(rule.logsource)
    if part is None:
        raise UnsupportedCorrelationError(f"source {source.name} does not feed {rule.logsource}")
    return part


# Conditions


def _condition(rule: Correlation) -> Threshold | Expression | Order:
    if rule.kind.ordered:
        return _order(rule)
    if rule.expression is not None:
        return rule.expression
    if rule.threshold is None and rule.kind.temporal:
        return Threshold("eq", len(rule.rules))
    if rule.threshold is None:
        raise UnsupportedCorrelationError(f"a {rule.type} correlation without a condition")
    return rule.threshold


def _order(rule: Correlation) -> Order:
    """The rules that must match, in their order, and those that must not. Raises UnsupportedCorrelationError."""
    if rule.threshold is not None:
        raise UnsupportedCorrelationError("temporal_ordered with a number of rules: of which ones would be the order?")
    if rule.expression is None:
        return Order(tuple(range(len(rule.rules))))
    wanted: list[int] = []
    unwanted: list[int] = []
    for part in _conjuncts(rule.expression):
        if isinstance(part, Occurs):
            wanted.append(part.rule)
        elif part.op == "not" and isinstance(part.operands[0], Occurs):
            unwanted.append(part.operands[0].rule)
        else:
            raise UnsupportedCorrelationError(
                "temporal_ordered with alternatives (or), between which there is no order"
            )
    if not wanted:
        raise UnsupportedCorrelationError("temporal_ordered without a rule that must match")
    return Order(tuple(wanted), tuple(unwanted))


def _conjuncts(expression: Expression) -> list[Expression]:
    if isinstance(expression, Combined) and expression.op == "and":
        return [part for operand in expression.operands for part in _conjuncts(operand)]
    return [expression]
