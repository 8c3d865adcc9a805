"""From a correlation to the steps of its query: items, windows, and the same again for the correlations below it."""

from __future__ import annotations

from collections.abc import Mapping

from sigmagen.expr.tree import TRUE, Column, Literal, call, disjunction, when
from sigmagen.mapping.taxonomy import Taxonomy
from sigmagen.plan.beside import beside, can_share_pass
from sigmagen.plan.correlate import correlated
from sigmagen.plan.items import Items, UnsupportedCorrelationError, needed_fields
from sigmagen.plan.model import Plan
from sigmagen.plan.monotone import is_monotone, span_below
from sigmagen.plan.shown import Shown
from sigmagen.plan.steps import Derive, InsideRange, Project, Step, Union
from sigmagen.plan.streams import EventStream, Stream, part_for, streams_of
from sigmagen.plan.temporal import occurring
from sigmagen.plan.warn import ambiguous_order, view_warnings
from sigmagen.plan.window import WINDOW_END
from sigmagen.rules.model import Correlation, base_rules

ALERT_TIME = call("shift", WINDOW_END, -1)
"""The alert of tick t is an item at t - 1 ms, its window's last instant."""


class Composer:
    """Composes the steps of one plan; a branch of a union has a plan and a composer of its own."""

    def __init__(self, plan: Plan, taxonomy: Taxonomy) -> None:
        self.plan = plan
        self.siem = plan.stored_source.name
        self.taxonomy = taxonomy
        self.shown = Shown()
        """What the outermost correlation shows; known after `rows`."""

    def rows(self, rule: Correlation, *, outermost: bool = False) -> list[Step]:
        """The steps to rows (window_end, group-by columns, value) that meet the rule's condition.

        Raises UnavailableFieldError, UnsupportedDetectionError, UnsupportedCorrelationError.
        """
        items = self._items(rule, rule.fields if outermost else ())
        shown = self.shown if outermost else Shown()
        return [*items.steps, *correlated(rule, items, shown), *self._whole_windows(rule)]

    def _whole_windows(self, rule: Correlation) -> list[Step]:
        """Only windows inside the range, where one that the range cuts could alert wrongly."""
        if is_monotone(rule, self.taxonomy):
            return []
        self.plan.ranged = True
        return [InsideRange(call("shift", WINDOW_END, -(rule.timespan + span_below(rule))), WINDOW_END)]

    def _items(self, rule: Correlation, listed: tuple[str, ...]) -> Items:
        below = tuple(part for part in rule.rules if isinstance(part, Correlation))
        if len(below) == len(rule.rules) and rule.kind.temporal and can_share_pass(below, self.taxonomy):
            return self._beside(rule, below)
        streams = streams_of(rule, self.plan.source, needed_fields(rule))
        if len(streams) > 1:
            return self._united(rule, streams)
        if streams[0].alerts is not None:
            return self._alerts(rule, streams[0], self.rows(streams[0].alerts))
        return self._events(rule, streams[0], listed)

    def _events(self, rule: Correlation, stream: Stream, listed: tuple[str, ...]) -> Items:
        events = EventStream(stream, self.siem, self.taxonomy)
        items, view = events.items(needed_fields(rule), listed)
        self.plan.stored_as = view.stored_as
        self.plan.warnings += view_warnings(self.plan, view)
        if rule.kind.ordered:
            self.plan.warnings += ambiguous_order(rule, items.conditions)
        public = [name for name in listed if name not in self.taxonomy or not self.taxonomy[name].private]
        self.shown = Shown.of([events.used[name] for name in public if name not in rule.group_by], items.time)
        return items

    def _alerts(self, rule: Correlation, stream: Stream, rows: list[Step]) -> Items:
        """The alerts of one correlation as the items of another."""
        part = stream.alerts
        if part is None:
            raise TypeError("not a stream of alerts")
        refuse_missing(rule, part, stream.names)
        renamed = tuple((name, Column(called)) for name, called in stream.names.items() if name != called)
        derived: list[Step] = [Derive(renamed)] if renamed else []
        columns = {name: Column(name, self._type(called)) for name, called in stream.names.items()}
        return Items([*rows, *derived], ALERT_TIME, columns, (TRUE,))

    def _type(self, name: str) -> str:
        """The type of a group-by field of a correlation, as far as it is known."""
        if name in self.taxonomy:
            return self.taxonomy[name].type
        known = {field: kind for part in self.plan.source.parts for field, kind in part.native_fields.items()}
        return known.get(name, "string")

    def _beside(self, rule: Correlation, below: tuple[Correlation, ...]) -> Items:
        for position, part in enumerate(below):
            refuse_missing(rule, part, {name: rule.field_in(position, name) for name in needed_fields(rule)})
        if rule.aliases:
            raise UnsupportedCorrelationError("aliases over correlations that are counted in one pass")
        bases = list(dict.fromkeys(base for part in below for base in base_rules(part)))
        stream = Stream(tuple(enumerate(bases)), {}, part_for(self.plan.source, bases[0]))
        counted = tuple(name for part in below for name in needed_fields(part) if name not in part.group_by)
        events = EventStream(stream, self.siem, self.taxonomy)
        items, view = events.items(below[0].group_by, counted)
        self.plan.stored_as = view.stored_as
        self.plan.warnings += view_warnings(self.plan, view)
        columns = {**items.columns, **{name: events.used[name] for name in counted}}
        theirs = tuple(
            disjunction([items.conditions[bases.index(base)] for base in base_rules(part)]) for part in below
        )
        steps, met = beside(below, Items(items.steps, items.time, columns, theirs))
        return Items([*items.steps, *steps], ALERT_TIME, {name: columns[name] for name in rule.group_by}, met)

    def _united(self, rule: Correlation, streams: list[Stream]) -> Items:
        """Several streams, each a branch that ends with the same columns: time, fields, of which rules an item is."""
        branches = [self._branch(rule, stream) for stream in streams]
        kinds = {name: {items.columns[name].type for _, items in branches} for name in needed_fields(rule)}
        mixed = {name for name, types in kinds.items() if len(types) > 1}
        for (plan, items), stream in zip(branches, streams, strict=True):
            plan.steps = [*items.steps, *_branch_end(rule, stream, items, plan.stored_source.time, mixed)]
        columns = {name: Column(name, "string" if name in mixed else types.pop()) for name, types in kinds.items()}
        time = Column(self.plan.stored_source.time, "timestamp")
        flags = tuple(call("eq", occurring(position), 1) for position, _ in enumerate(rule.rules))
        return Items([Union(tuple(plan for plan, _ in branches))], time, columns, flags)

    def _branch(self, rule: Correlation, stream: Stream) -> tuple[Plan, Items]:
        """The plan of one stream, still without its end, and its items."""
        source = stream.source
        if stream.alerts and len({part_for(source, base).name for base in base_rules(stream.alerts)}) == 1:
            source = part_for(source, base_rules(stream.alerts)[0])
        plan = Plan(None, source, source.parts[0].stored[self.siem], self.plan.mode)
        composer = Composer(plan, self.taxonomy)
        if stream.alerts:
            items = composer._alerts(rule, stream, composer.rows(stream.alerts))
        else:
            items = composer._events(rule, stream, ())
        self.plan.ranged |= plan.ranged
        self.plan.warnings += plan.warnings
        return plan, items


def _branch_end(rule: Correlation, stream: Stream, items: Items, time: str, mixed: set[str]) -> list[Step]:
    """The columns that all branches have. Fields of several types are text."""
    matches = {
        position: when(condition, 1, 0) for (position, _), condition in zip(stream.rules, items.conditions, strict=True)
    }
    flags = tuple((occurring(number).name, matches.get(number, Literal(0))) for number, _ in enumerate(rule.rules))
    moment = ((time, items.time),) if items.time != Column(time, "timestamp") else ()
    texts = tuple((name, call("cast", items.columns[name], "string")) for name in items.columns if name in mixed)
    names = (time, *items.columns, *(name for name, _ in flags))
    return [*([Derive(texts)] if texts else []), Derive((*moment, *flags)), Project(names)]


def refuse_missing(rule: Correlation, part: Correlation, names: Mapping[str, str]) -> None:
    """An alert carries its group-by fields and no other. Raises UnsupportedCorrelationError."""
    for name in needed_fields(rule):
        if names[name] not in part.group_by:
            raise UnsupportedCorrelationError(
                f"{names[name]} is not a group-by field of {part.name}, whose alerts carry no other field"
            )
