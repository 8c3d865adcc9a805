"""Buttons in an investigation guide that open Timeline with an alert's values.

Kibana puts the alert's values in place of `{{field}}`, as values of a filter. A field of the alert can be looked for in
the events only where an index holds its value as it is.
https://www.elastic.co/docs/solutions/security/detect-and-alert/launch-timeline-from-investigation-guides
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import product
from typing import Any

from sigmagen.content.detections import SourceDetection
from sigmagen.expr.tree import Call, Expr, Get
from sigmagen.mapping.expression import UnavailableFieldError
from sigmagen.mapping.source import Source
from sigmagen.mapping.taxonomy import Taxonomy
from sigmagen.mapping.view import ViewBuilder
from sigmagen.packages.elastic.formatting import plain

_KEPT_IN_ALERTS = frozenset({"user.id", "source.ip", "organization.id", "cloud.account.id"})
"""Fields of ECS, which the index of alerts maps."""

_FROM, _TO = "now-14d", "now"


def buttons(detection: SourceDetection, taxonomy: Taxonomy) -> list[str]:
    """The buttons of a rule's guide: the group's events in each log where they can be named, and its other alerts."""
    found = []
    for part in detection.source.parts:
        providers = _events(detection, part, taxonomy)
        if providers:
            label = f"Events of this group in the 14 days before, in {part.title}"
            found.append(_button(label, providers))
    kept = [name for name in detection.alert.columns.values() if name in _KEPT_IN_ALERTS]
    if kept:
        signal = _filter("event.kind", "signal")
        providers = [[signal, *(_filter(name, f"{{{{{name}}}}}") for name in kept)]]
        found.append(_button("Other alerts of this group", providers))
    return found


def _events(detection: SourceDetection, part: Source, taxonomy: Taxonomy) -> list[list[dict[str, Any]]]:
    """Filters for the group: an alternative for each way in which the log may hold it; none where it can't be named."""
    named: dict[str, tuple[str, ...]] = {}
    for column, field in detection.alert.columns.items():
        if stored := _stored(part, field, taxonomy):
            named[column] = stored
    if not named:
        return []
    return [
        [_filter(place, f"{{{{{column}}}}}") for column, place in zip(named, places, strict=True)]
        for places in product(*named.values())
    ]


def _stored(part: Source, field: str, taxonomy: Taxonomy) -> tuple[str, ...]:
    """The columns of the index of which one has the field's value, unchanged."""
    target = part.stored["elastic"]
    for entry in part.logsources:
        builder = ViewBuilder(part, target, taxonomy, entry)
        try:
            value = builder.value(field)
        except UnavailableFieldError:
            continue
        return tuple(_columns(value))
    return ()


def _columns(value: Expr) -> Iterator[str]:
    if isinstance(value, Get) and value.base is None:
        yield ".".join(map(str, value.segments))
    elif isinstance(value, Call) and value.op == "coalesce":
        places = [arg.args[0] if isinstance(arg, Call) and arg.op == "not_empty" else arg for arg in value.args]
        if all(isinstance(place, Get) for place in places):
            for place in places:
                yield from _columns(place)


def _filter(field: str, value: str) -> dict[str, Any]:
    return {"excluded": False, "field": field, "queryType": "phrase", "value": value, "valueType": "string"}


def _button(label: str, providers: list[list[dict[str, Any]]]) -> str:
    document = {"label": plain(label), "providers": providers, "relativeFrom": _FROM, "relativeTo": _TO}
    return f"!{{investigate{json.dumps(document, ensure_ascii=True)}}}"
