"""A Kibana dashboard for each detection that asks every pivot of an alert in ES|QL.

Its controls are variables of ES|QL: Kibana sends what is chosen as a parameter of the request, never as part of the
text. They offer what the detection finds in the time range, so that an alert's values are picked and not typed.

The shapes are those that Kibana 8.19 writes: `ESQLControlState` for a control, Lens's `lnsDatatable` for a table.
https://www.elastic.co/docs/explore-analyze/dashboards/add-controls
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any

from sigmagen.content.detections import SourceDetection
from sigmagen.content.investigate.build import PivotTemplate, stage_of, templates_for
from sigmagen.content.investigate.pivots import Playbook
from sigmagen.content.investigate.subject import SubjectTemplate
from sigmagen.convert.converter import Converter
from sigmagen.packages.elastic.formatting import derived_id, markdown, marker, plain
from sigmagen.targets.elastic.printer import OPTION_MARK, quoted_name

TITLE = "Investigate"
UNCHOSEN = f"{OPTION_MARK}(choose)"
NEVER = "1970-01-01T00:00:00.000Z"
"""What the controls hold until somebody chooses, so that the panels ask for nothing."""

_RANGE = ("now-15d", "now")
_WIDTH = 48
_VERSIONS = {"coreMigrationVersion": "8.8.0", "typeMigrationVersion": "10.2.0"}
_HOW = (
    "Choose the alert's values above; they are offered as the rule finds them in the dashboard's time range, which "
    "must also hold the 14 days before the alert."
)

Json = dict[str, Any]


def pivots_of(converter: Converter, detection: SourceDetection) -> list[PivotTemplate]:
    """The pivots of a detection; none where none can be asked."""
    return templates_for(converter, detection.rule, detection.source, "elastic", _template(detection))[0]


def title_of(detection: SourceDetection) -> str:
    """The dashboard's title."""
    return plain(f"{TITLE}: {detection.title}")


def dashboard(detection: SourceDetection, pivots: Sequence[PivotTemplate], book: Playbook, tag: str) -> Json:
    """The saved object. Its description says by a marker that we made it, and by a digest what is in it."""
    identity = derived_id(detection.id, "investigate")
    panels = list(_panels(detection, pivots, book))
    controls = {control["explicitInput"]["id"]: control for control in _controls(detection)}
    texts = {"panelsJSON": _text(panels), "controls": _text(controls)}
    digest = sha256("".join(texts.values()).encode()).hexdigest()[:8]
    return {
        "id": identity,
        "type": "dashboard",
        "attributes": {
            "title": title_of(detection),
            "description": f"The pivots of an alert, content {digest} [{marker(identity)}]",
            "panelsJSON": texts["panelsJSON"],
            "optionsJSON": _text(
                {"useMargins": True, "syncColors": False, "syncCursor": True, "hidePanelTitles": False}
            ),
            "controlGroupInput": {
                "chainingSystem": "NONE",
                "controlStyle": "twoLine",
                "ignoreParentSettingsJSON": _text(
                    dict.fromkeys(("ignoreFilters", "ignoreQuery", "ignoreTimerange", "ignoreValidations"), False)
                ),
                "panelsJSON": texts["controls"],
                "showApplySelections": False,
            },
            "kibanaSavedObjectMeta": {
                "searchSourceJSON": _text({"query": {"query": "", "language": "kuery"}, "filter": []})
            },
            "timeRestore": True,
            "timeFrom": _RANGE[0],
            "timeTo": _RANGE[1],
            "version": 1,
        },
        "references": [{"id": tag, "name": f"tag-ref-{tag}", "type": "tag"}],
        **_VERSIONS,
    }


def _template(detection: SourceDetection) -> SubjectTemplate:
    return SubjectTemplate.of(detection.alert.columns.values())


# Controls.


def _controls(detection: SourceDetection) -> Iterator[Json]:
    template = _template(detection)
    columns = [quoted_name(column) for column in detection.alert.columns]
    by = f" BY {', '.join(columns)}" if columns else ""
    alerts = f"STATS window_start = MIN(window_start), window_end = MAX(window_end){by}"
    asked = [
        (parameter.name, field, f'CONCAT("{OPTION_MARK}", TO_STRING({column}))', UNCHOSEN)
        for column, (field, parameter) in zip(columns, template.group.items(), strict=True)
    ]
    asked += [(edge.name, edge.name, f"TO_STRING({edge.name})", NEVER) for edge in (template.start, template.end)]
    for order, (variable, label, option, unchosen) in enumerate(asked):
        query = "\n| ".join([_in_range(detection.hunt.text), alerts, f"EVAL option = {option}", "STATS BY option"])
        yield {
            "grow": True,
            "order": order,
            "type": "esqlControl",
            "width": "medium",
            "explicitInput": {
                "id": derived_id(detection.id, "control", variable),
                "title": plain(label),
                "variableName": variable,
                "variableType": "values",
                "controlType": "VALUES_FROM_QUERY",
                "esqlQuery": f"{query}\n| SORT option",
                "selectedOptions": [unchosen],
                "availableOptions": [unchosen],
            },
        }


def _in_range(text: str) -> str:
    """A query over the dashboard's time range, which Kibana doesn't put on the query of a control by itself."""
    first, _, rest = text.partition("\n| ")
    return f"{first}\n| WHERE @timestamp >= ?_tstart AND @timestamp < ?_tend\n| {rest}"


# Panels.


def _panels(detection: SourceDetection, pivots: Sequence[PivotTemplate], book: Playbook) -> Iterator[Json]:
    stage = stage_of(detection.rule)
    several = len(detection.source.parts) > 1
    place = _Rows()
    yield _markdown(
        place,
        detection,
        "questions",
        [_HOW, *_listed("What would make this harmless?", book.said(book.questions, stage))],
    )
    for section, heading in book.sections.items():
        for pivot in pivots:
            if pivot.pivot.section == section:
                part = f" ({pivot.source.title})" if several else ""
                yield _table(place, detection, pivot, f"{heading}: {pivot.pivot.title}{part}")
    yield _markdown(place, detection, "response", _listed("Response", book.said(book.response, stage)))


class _Rows:
    """Where the next panel stands: below the last one, over the whole width."""

    def __init__(self) -> None:
        self._next = 0

    def panel(self, identity: str, height: int) -> Json:
        """The place of a panel, as Kibana's grid has it."""
        grid = {"x": 0, "y": self._next, "w": _WIDTH, "h": height, "i": identity}
        self._next += height
        return {"gridData": grid, "panelIndex": identity}


def _listed(title: str, lines: Sequence[str]) -> list[str]:
    return [f"**{title}**", "\n".join(f"- {markdown(line)}" for line in lines)]


def _markdown(place: _Rows, detection: SourceDetection, name: str, parts: Sequence[str]) -> Json:
    return {
        **place.panel(derived_id(detection.id, "panel", name), 9),
        "type": "visualization",
        "title": "",
        "embeddableConfig": {
            "savedVis": {
                "id": "",
                "title": "",
                "description": "",
                "type": "markdown",
                "params": {"fontSize": 12, "openLinksInNewTab": False, "markdown": "\n\n".join(parts)},
                "uiState": {},
                "data": {"aggs": [], "searchSource": {"query": {"query": "", "language": "kuery"}, "filter": []}},
            },
            "enhancements": {},
        },
    }


def _table(place: _Rows, detection: SourceDetection, pivot: PivotTemplate, title: str) -> Json:
    identity = derived_id(detection.id, "panel", pivot.pivot.id, pivot.source.name)
    attributes = {
        "title": "",
        "visualizationType": "lnsDatatable",
        "type": "lens",
        "references": [],
        "state": _state(pivot, derived_id(identity, "layer"), derived_id(identity, "view")),
    }
    lacking = f" Not in this log: {', '.join(sorted(pivot.without))}." if pivot.without else ""
    return {
        **place.panel(identity, 12),
        "type": "lens",
        "title": plain(title),
        "embeddableConfig": {
            "attributes": attributes,
            "description": plain(pivot.pivot.question + lacking),
            "enhancements": {},
        },
    }


def _state(pivot: PivotTemplate, layer: str, view: str) -> Json:
    query = {"esql": pivot.text}
    index = pivot.source.stored["elastic"].location
    columns = [{"columnId": name, "fieldName": name} for name in pivot.columns]
    return {
        "datasourceStates": {
            "textBased": {
                "layers": {
                    layer: {
                        "index": view,
                        "query": query,
                        "columns": columns,
                        "allColumns": columns,
                        "timeField": "@timestamp",
                    }
                }
            }
        },
        "internalReferences": [{"type": "index-pattern", "id": view, "name": f"indexpattern-datasource-layer-{layer}"}],
        "filters": [],
        "query": query,
        "visualization": {
            "layerId": layer,
            "layerType": "data",
            "columns": [{"columnId": name} for name in pivot.columns],
        },
        "adHocDataViews": {
            view: {"id": view, "title": index, "name": index, "timeFieldName": "@timestamp", "type": "esql"}
        },
    }


def panel_queries(saved: Mapping[str, Any]) -> dict[str, str]:
    """Title -> ES|QL of the tables of a dashboard, as it is in a package."""
    return {
        panel["title"]: panel["embeddableConfig"]["attributes"]["state"]["query"]["esql"]
        for panel in json.loads(saved["attributes"]["panelsJSON"])
        if panel["type"] == "lens"
    }


def _text(document: Any) -> str:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))
