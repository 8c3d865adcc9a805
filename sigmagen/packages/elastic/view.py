"""The events that a detection looks at, as ES|QL with nothing filtered out: where readiness and pivots start."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sigmagen.convert.converter import Query
from sigmagen.expr.tree import TRUE, Type
from sigmagen.mapping.elastic_template import collect_field_types
from sigmagen.mapping.source import Source
from sigmagen.mapping.taxonomy import Taxonomy
from sigmagen.plan.items import all_needed_fields
from sigmagen.plan.model import Plan
from sigmagen.plan.streams import EventStream, event_streams, source_steps
from sigmagen.rules.model import Correlation
from sigmagen.targets.elastic.printer import EsqlPrinter

_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*"')


@dataclass(frozen=True)
class EventView:
    """One source's events for one detection. `fields` are those that the detection reads, with their types."""

    source: Source
    lines: tuple[str, ...]
    fields: dict[str, Type]
    printer: EsqlPrinter


def event_views(rule: Correlation, source: Source, taxonomy: Taxonomy) -> list[EventView]:
    """The views of all streams of events below a rule."""
    streams = event_streams(rule, source)
    needed = all_needed_fields(rule)
    views = []
    for stream in streams:
        events = EventStream(stream, "elastic", taxonomy)
        events.items(needed if len(streams) == 1 else tuple(stream.names))
        view = events.view.build()
        plan = Plan(None, stream.source, events.stored_source, "hunt", source_steps(events.view, view, TRUE))
        plan.stored_as = view.stored_as
        printer = EsqlPrinter(plan)
        fields = {name: column.type for name, column in events.used.items()}
        views.append(EventView(stream.source, tuple(printer.steps()), fields, printer))
    return views


def stored_columns(query: Query, taxonomy: Taxonomy) -> dict[str, str]:
    """The columns of the index that a query names, with their Elasticsearch types, by name."""
    types = {name: kind for part in query.source.parts for name, kind in collect_field_types(part, taxonomy).items()}
    return {name: types[name] for name in sorted(types) if names_column(query.text, name)}


def names_column(text: str, column: str) -> bool:
    """Whether an ES|QL text names a column, as the printer writes a plain name; what a string holds doesn't count."""
    text = _STRINGS.sub('""', text)
    return re.search(rf"(?<![\w.@]){re.escape(column)}(?![\w.])", text) is not None
