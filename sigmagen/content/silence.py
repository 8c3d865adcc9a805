"""A source gone silent, as one plan: no rule can alert on a log that is off.

The query takes its time range from outside, as every query does, and needs no clock: it has one row where nothing
arrived within the range, and none otherwise. The range is as long as a source may be silent: a day, unless a mapping or
an overlay says otherwise (`StoredSource.silent_after`).

Why a day: people use models by day, so a shorter silence alerts every night. A log that never rests deserves a shorter
one, and a log that rests over weekends a longer one.
"""

from __future__ import annotations

from sigmagen.content.records import Records
from sigmagen.durations import HOUR
from sigmagen.expr.tree import TRUE, Column, Literal, call
from sigmagen.mapping.taxonomy import Taxonomy
from sigmagen.mapping.view import ViewBuilder
from sigmagen.plan.model import Plan
from sigmagen.plan.steps import Aggregate, Derive, Filter, Project, Scan, Step
from sigmagen.plan.streams import source_steps

SOURCE = "sigmagen.source"
"""The column that names the silent source."""

INTERVAL = HOUR
"""How often to look, in milliseconds."""

_EVENTS = Column("events", "integer")


def plan_silence(records: Records, siem: str, taxonomy: Taxonomy) -> Plan:
    """The plan of a query that has a row if none of the records arrived within its range."""
    source, stored_source = records.source, records.source.stored[siem]
    steps: list[Step] = [Scan()]
    if records.entry:
        builder = ViewBuilder(source, stored_source, taxonomy, records.entry)
        steps = source_steps(builder, builder.build(), TRUE)
    silent: list[Step] = [
        Aggregate((), ((_EVENTS.name, call("count")),)),
        Filter(call("eq", _EVENTS, 0)),
        Derive(((SOURCE, Literal(source.name)),)),
        Project((SOURCE, _EVENTS.name)),
    ]
    return Plan(None, source, stored_source, "hunt", (*steps, *silent))
