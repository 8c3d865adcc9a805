"""The events of a group as ES|QL, and which columns a query names."""

from __future__ import annotations

import re
from collections.abc import Mapping

from sigmagen.convert.converter import Query
from sigmagen.convert.render import render
from sigmagen.expr.tree import TRUE, Literal, call
from sigmagen.mapping.elastic_template import collect_field_types
from sigmagen.mapping.source import Source
from sigmagen.mapping.taxonomy import Taxonomy
from sigmagen.plan.logical import all_needed_fields, event_streams
from sigmagen.plan.model import Plan
from sigmagen.plan.steps import Filter, Limit, Sort
from sigmagen.plan.streams import EventStream, source_steps
from sigmagen.rules.model import Correlation

PLACEHOLDER = "VALUE"
MOST_EVENTS = 100

_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*"')


def group_events(
    rule: Correlation, source: Source, taxonomy: Taxonomy, group: Mapping[str, str] | None = None
) -> list[str]:
    """The latest events of one group, a query for each stream below a rule; by default with a place for each value."""
    streams = event_streams(rule, source)
    needed = all_needed_fields(rule)
    values = group or dict.fromkeys(rule.group_by, PLACEHOLDER)
    texts = []
    for stream in streams:
        events = EventStream(stream, "elastic", taxonomy)
        events.items(needed if len(streams) == 1 else tuple(stream.names))
        view = events.view.build()
        steps = [
            *source_steps(events.view, view, TRUE),
            *(Filter(call("eq", events.used[name], Literal(values[name]))) for name in values if name in events.used),
            Sort(((events.stored_source.time, True),)),
            Limit(MOST_EVENTS),
        ]
        # Of `events` there is no other limit than this one.
        plan = Plan(None, stream.source, events.stored_source, "events", tuple(steps), stored_as=view.stored_as)
        texts.append(render(plan, "elastic").text)
    return texts


def stored_columns(query: Query, taxonomy: Taxonomy) -> dict[str, str]:
    """The columns of the index that a query names, with their Elasticsearch types, by name."""
    types = {name: kind for part in query.source.parts for name, kind in collect_field_types(part, taxonomy).items()}
    return {name: types[name] for name in sorted(types) if names_column(query.text, name)}


def names_column(text: str, column: str) -> bool:
    """Whether an ES|QL text names a column, as the printer writes a plain name; what a string holds doesn't count."""
    text = _STRINGS.sub('""', text)
    return re.search(rf"(?<![\w.@]){re.escape(column)}(?![\w.])", text) is not None
