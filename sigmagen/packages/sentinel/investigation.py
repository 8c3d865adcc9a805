"""Functions that ask the pivots of an alert, one for each: what an analyst calls with its window and its group.

A value is an argument, so it is data whatever is in it. `sigmagen_<rule>_<source>_alerts()` lists what a detection
finds, each with a call that is filled in already.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID, uuid5

from sigmagen.content.detections import PREFIX, SourceDetection
from sigmagen.content.investigate.build import PivotTemplate, templates_for
from sigmagen.content.investigate.pivots import load_playbook
from sigmagen.content.investigate.subject import SubjectTemplate
from sigmagen.convert.converter import Converter
from sigmagen.expr.tree import Parameter
from sigmagen.mapping.source import Source
from sigmagen.packages.sentinel.formatting import plain
from sigmagen.packages.sentinel.function import SIEM, Function

CATEGORY = "sigmagen investigation"
ALERTS = "alerts"
"""What the function that lists a detection's alerts is called after it."""

_LONGEST_NAME = 60
_TYPES = {"integer": "long", "float": "real", "boolean": "bool", "timestamp": "datetime"}


def investigations(
    converter: Converter, detections: Iterable[SourceDetection], version: str
) -> dict[str, tuple[Function, ...]]:
    """The functions of each detection by its id, in the order of the pivots; none where no pivot can be asked."""
    found: dict[str, tuple[Function, ...]] = {}
    taken: set[str] = set()
    for detection in detections:
        stem = f"{PREFIX}_" + re.sub(r"[^A-Za-z0-9]+", "_", detection.name)[:_LONGEST_NAME].strip("_")
        stem = f"{stem}_{detection.id[:8]}" if stem in taken else stem
        taken.add(stem)
        found[detection.id] = _functions(converter, detection, stem, version)
    return found


def _functions(converter: Converter, detection: SourceDetection, stem: str, version: str) -> tuple[Function, ...]:
    source = detection.source
    template = SubjectTemplate.of(detection.alert.columns.values())
    pivots, _ = templates_for(converter, detection.rule, source, SIEM, template)
    if not pivots:
        return ()
    several = len(source.parts) > 1
    types = {parameter.name: _kind(converter, source, field) for field, parameter in template.group.items()}
    declared = _declared([template.start, template.end, *template.group.values()], types)
    sections = load_playbook(converter.mappings).sections
    functions = [_pivot(detection, pivot, sections, stem, declared, version, several=several) for pivot in pivots]
    return (*functions, _alerts(detection, stem, functions[0].name, version))


def _kind(converter: Converter, source: Source, field: str) -> str:
    """The Kusto type of a group's field."""
    kind = source.native_fields.get(field)
    if kind is None and field in converter.taxonomy:
        kind = converter.taxonomy[field].type
    return _TYPES.get(kind or "string", "string")


def _declared(parameters: Sequence[Parameter], types: Mapping[str, str]) -> str:
    """Parameters as a saved search declares them: `name:type, name:type`."""
    return ", ".join(f"{item.name}:{types.get(item.name) or _TYPES[item.type]}" for item in parameters)


def _pivot(
    detection: SourceDetection,
    pivot: PivotTemplate,
    sections: Mapping[str, str],
    stem: str,
    declared: str,
    version: str,
    *,
    several: bool,
) -> Function:
    name = f"{pivot.pivot.id}_{pivot.source.name}" if several else pivot.pivot.id
    return Function(
        id=str(uuid5(UUID(detection.id), f"pivot/{name}")),
        name=f"{stem}_{name}",
        source=detection.source.name,
        title=plain(f"{sections[pivot.pivot.section]}: {pivot.pivot.title}. {detection.title}"),
        query=pivot.text,
        fields=tuple(pivot.columns.values()),
        version=version,
        parameters=declared,
        category=CATEGORY,
    )


def _alerts(detection: SourceDetection, stem: str, first: str, version: str) -> Function:
    """What the detection finds in the time range, one row for each group as in an alert, and the call for it.

    A JSON text is a KQL text, so an array of the values without its brackets is the arguments.
    """
    columns = ", ".join(detection.alert.columns)
    by = f" by {columns}" if columns else ""
    moments = '"datetime(", tostring(window_start), "), datetime(", tostring(window_end), ")"'
    values = ', ", ", substring(arguments, 1, strlen(arguments) - 2)' if columns else ""
    query = (
        f"{detection.hunt.text}\n"
        f"| summarize value = max(value), window_start = min(window_start), window_end = max(window_end){by}\n"
        "| sort by value desc\n"
        f"| extend arguments = tostring(pack_array({columns}))\n"
        f'| extend investigate = strcat("{first}(", {moments}{values}, ")")\n'
        "| project-away arguments"
    )
    return Function(
        id=str(uuid5(UUID(detection.id), "pivots")),
        name=f"{stem}_{ALERTS}",
        source=detection.source.name,
        title=plain(f"Alerts to investigate. {detection.title}"),
        query=query,
        fields=(),
        version=version,
        category=CATEGORY,
    )


def pointer(functions: Sequence[Function]) -> str:
    """Where an alert says that its pivots are."""
    if not functions:
        return ""
    *pivots, alerts = functions
    stem = alerts.name.removesuffix(ALERTS)
    names = ", ".join(item.name.removeprefix(stem) for item in pivots)
    return f"Investigate: {alerts.name}() lists alerts with a call filled in; the functions {stem}... are {names}."
