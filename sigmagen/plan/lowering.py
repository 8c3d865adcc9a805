"""From a logical plan to the steps of a query: items, panes and windows, and the same for the correlations below."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sigmagen.expr.tree import TRUE, Column, Literal, call, disjunction, when
from sigmagen.mapping.source import Source, StoredSource
from sigmagen.mapping.taxonomy import Taxonomy
from sigmagen.mapping.view import SourceView
from sigmagen.plan.beside import beside, can_share_pass
from sigmagen.plan.correlate import correlated
from sigmagen.plan.items import Items, Rows
from sigmagen.plan.logical import Alerts, Events, UnsupportedCorrelationError, Windowed
from sigmagen.plan.model import Mode, Plan
from sigmagen.plan.shown import Shown
from sigmagen.plan.steps import Derive, InsideRange, Project, Step, Union
from sigmagen.plan.streams import EventStream
from sigmagen.plan.temporal import occurring
from sigmagen.plan.warn import ambiguous_order, view_warnings
from sigmagen.plan.window import WINDOW_END
from sigmagen.problems import Problem
from sigmagen.rules.model import Correlation, base_rules

ALERT_TIME = call("shift", WINDOW_END, -1)
"""The alert of tick t is an item at t - 1 ms, its window's last instant."""


@dataclass(frozen=True, slots=True)
class Lowering:
    """Lowers logical plans over one source in one SIEM; warnings name `rule`, where there is one."""

    rule: Correlation | None
    source: Source
    siem: str
    mode: Mode
    taxonomy: Taxonomy

    @property
    def stored_source(self) -> StoredSource:
        """How the SIEM keeps the source, or the first part of it."""
        return self.source.parts[0].stored[self.siem]

    def rows(self, windowed: Windowed) -> Rows:
        """The steps to rows (window_end, group-by columns, value) that meet the condition.

        Raises UnavailableFieldError, UnsupportedDetectionError, UnsupportedCorrelationError.
        """
        items = self._items(windowed)
        whole = self._whole_windows(windowed)
        rows = items.rows.then(*correlated(windowed, items), *whole)
        return replace(rows, ranged=rows.ranged or bool(whole))

    def _whole_windows(self, windowed: Windowed) -> list[Step]:
        """Only windows inside the range, where one that the range cuts could alert wrongly."""
        if windowed.monotone:
            return []
        return [InsideRange(call("shift", WINDOW_END, -windowed.reach), WINDOW_END)]

    def plan(self, rows: Rows) -> Plan:
        """The plan that ends with these rows."""
        return Plan(
            self.rule,
            self.source,
            self.stored_source,
            self.mode,
            rows.steps,
            stored_as=rows.stored_as,
            warnings=rows.warnings,
            ranged=rows.ranged,
        )

    def _items(self, windowed: Windowed) -> Items:
        below = tuple(stream.of for stream in windowed.streams if isinstance(stream, Alerts))
        if len(below) == len(windowed.streams) and windowed.rule.kind.temporal and can_share_pass(below):
            return self._beside(windowed, below)
        if len(windowed.streams) > 1:
            return self._united(windowed)
        return self._stream(windowed, windowed.streams[0])

    def _stream(self, windowed: Windowed, stream: Events | Alerts) -> Items:
        return self._alerts(stream) if isinstance(stream, Alerts) else self._events(windowed, stream)

    def _events(self, windowed: Windowed, stream: Events) -> Items:
        events = EventStream(stream, self.siem, self.taxonomy)
        items, view = events.items(windowed.needed, windowed.listed)
        warnings = self._warnings(view)
        if windowed.rule.kind.ordered:
            warnings += ambiguous_order(windowed.rule, items.conditions)
        public = [name for name in windowed.listed if name not in self.taxonomy or not self.taxonomy[name].private]
        shown = Shown.of([events.used[name] for name in public if name not in windowed.group_by], items.time)
        return replace(items, rows=replace(items.rows, shown=shown, warnings=warnings))

    def _warnings(self, view: SourceView) -> tuple[Problem, ...]:
        return view_warnings(self.rule, self.source, self.stored_source, view)

    def _alerts(self, stream: Alerts) -> Items:
        """The alerts of one correlation as the items of another."""
        renamed = tuple((name, Column(called)) for name, called in stream.names.items() if name != called)
        rows = self.rows(stream.of).then(*([Derive(renamed)] if renamed else []))
        columns = {name: Column(name, self._type(called)) for name, called in stream.names.items()}
        return Items(rows, ALERT_TIME, columns, (TRUE,))

    def _type(self, name: str) -> str:
        """The type of a group-by field of a correlation, as far as it is known."""
        if name in self.taxonomy:
            return self.taxonomy[name].type
        known = {field: kind for part in self.source.parts for field, kind in part.native_fields.items()}
        return known.get(name, "string")

    def _beside(self, windowed: Windowed, below: tuple[Windowed, ...]) -> Items:
        """Correlations that are counted in one pass over their events."""
        if windowed.rule.aliases:
            raise UnsupportedCorrelationError("aliases over correlations that are counted in one pass")
        bases = list(dict.fromkeys(base for part in below for base in base_rules(part.rule)))
        stream = Events(tuple(enumerate(bases)), {}, below[0].streams[0].source)
        counted = tuple(name for part in below for name in part.fields if name not in part.group_by)
        events = EventStream(stream, self.siem, self.taxonomy)
        items, view = events.items(below[0].group_by, counted)
        columns = {**items.columns, **{name: events.used[name] for name in counted}}
        theirs = tuple(
            disjunction([items.conditions[bases.index(base)] for base in base_rules(part.rule)]) for part in below
        )
        steps, met = beside(below, Items(items.rows, items.time, columns, theirs))
        rows = replace(items.rows.then(*steps), warnings=self._warnings(view))
        return Items(rows, ALERT_TIME, {name: columns[name] for name in windowed.group_by}, met)

    def _united(self, windowed: Windowed) -> Items:
        """Several streams, each a branch that ends with the same columns: time, fields, of which rules an item is."""
        parts = [replace(self, rule=None, source=stream.source) for stream in windowed.streams]
        lowered = [(part, part._stream(windowed, of)) for part, of in zip(parts, windowed.streams, strict=True)]
        kinds = {name: {items.columns[name].type for _, items in lowered} for name in windowed.needed}
        mixed = {name for name, types in kinds.items() if len(types) > 1}
        branches = []
        for (part, items), stream in zip(lowered, windowed.streams, strict=True):
            rows = items.rows.then(*_branch_end(windowed, stream, items, part.stored_source.time, mixed))
            branches.append(part.plan(rows))
        columns = {name: Column(name, "string" if name in mixed else types.pop()) for name, types in kinds.items()}
        time = Column(self.stored_source.time, "timestamp")
        flags = tuple(call("eq", occurring(position), 1) for position, _ in enumerate(windowed.rule.rules))
        warnings = tuple(warning for branch in branches for warning in branch.warnings)
        rows = Rows((Union(tuple(branches)),), warnings=warnings, ranged=any(branch.ranged for branch in branches))
        return Items(rows, time, columns, flags)


def _branch_end(
    windowed: Windowed, stream: Events | Alerts, items: Items, time: str, mixed: set[str]
) -> tuple[Step, ...]:
    """The columns that all branches have. Fields of several types are text."""
    positions = [position for position, _ in stream.rules] if isinstance(stream, Events) else [stream.position]
    matches = {position: when(condition, 1, 0) for position, condition in zip(positions, items.conditions, strict=True)}
    rules = enumerate(windowed.rule.rules)
    flags = tuple((occurring(number).name, matches.get(number, Literal(0))) for number, _ in rules)
    moment = ((time, items.time),) if items.time != Column(time, "timestamp") else ()
    texts = tuple((name, call("cast", items.columns[name], "string")) for name in items.columns if name in mixed)
    names = (time, *items.columns, *(name for name, _ in flags))
    return (*([Derive(texts)] if texts else []), Derive((*moment, *flags)), Project(names))
