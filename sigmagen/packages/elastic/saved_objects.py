"""Kibana saved objects: Discover sessions in ES|QL for hunts and readiness, dashboards, all with one tag of ours."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sigmagen.content.detections import Content, Detection
from sigmagen.content.investigate.build import PivotTemplate
from sigmagen.content.investigate.pivots import Playbook
from sigmagen.mapping.source import Source
from sigmagen.mapping.taxonomy import Taxonomy
from sigmagen.packages.elastic.investigation import dashboard
from sigmagen.packages.elastic.readiness import readiness, source_readiness
from sigmagen.packages.elastic.target import ElasticTarget
from sigmagen.packages.elastic.text import derived_id, marker, plain
from sigmagen.packages.elastic.view import EventView, event_views

TAG_ID = derived_id("tag", "elastic")
_RANGE = {"from": "now-7d", "to": "now"}
# The versions that these shapes had in 8.8; Kibana migrates what it imports from there.
_VERSIONS = {"coreMigrationVersion": "8.8.0", "typeMigrationVersion": "8.0.0"}

SavedObject = dict[str, Any]


def saved_objects(
    content: Content,
    taxonomy: Taxonomy,
    target: ElasticTarget,
    pivots: Mapping[str, Sequence[PivotTemplate]],
    book: Playbook,
) -> list[SavedObject]:
    """All saved objects of a package, the tag first, because the others refer to it. `pivots` are by detection."""
    found = [_tag()]
    for source in content.sources:
        found.append(_of_source(source, target))
    for detection in content.detections:
        found.append(_hunt(detection))
        views = event_views(detection.rule, detection.source, taxonomy)
        found += [_readiness(detection, view, len(views) > 1, number, target) for number, view in enumerate(views, 1)]
        if asked := pivots[detection.id]:
            found.append(dashboard(detection, asked, book, TAG_ID))
    return found


def _hunt(detection: Detection) -> SavedObject:
    text = (
        "One row for each group and window that meets the rule's condition. ES|QL returns 10,000 rows at most: choose "
        "a range that stays below."
    )
    return session(derived_id(detection.id, "hunt"), f"Hunt: {detection.title}", text, detection.hunt.text)


def _readiness(detection: Detection, view: EventView, several: bool, number: int, target: ElasticTarget) -> SavedObject:
    text = (
        "Last event, ingest delay in seconds (median and 99th percentile), share of events that carry each field the "
        "rule reads, share of prompts lost. The delay must stay below what the rule's look-back allows."
    )
    query = readiness(view, target.lost.get(view.source.name, {}))
    title = f"Readiness: {detection.title}" + (f", part {number}" if several else "")
    return session(derived_id(detection.id, "readiness", str(number)), title, text, query)


def _of_source(source: Source, target: ElasticTarget) -> SavedObject:
    text = (
        "Last event, ingest delay in seconds (median and 99th percentile), share of prompts lost, over all documents."
    )
    query = source_readiness(source, target.lost.get(source.name, {}))
    return session(derived_id("readiness", source.name, "elastic"), f"Readiness: all of {source.title}", text, query)


def session(identity: str, title: str, description: str, query: str) -> SavedObject:
    """A Discover session with an ES|QL query; it says by its marker that we made it."""
    source = json.dumps({"query": {"esql": query}, "filter": []}, ensure_ascii=False, separators=(",", ":"))
    return {
        "id": identity,
        "type": "search",
        "attributes": {
            "title": plain(title),
            "description": f"{description} [{marker(identity)}]",
            "columns": [],
            "sort": [],
            "grid": {},
            "hideChart": True,
            "isTextBasedQuery": True,
            "kibanaSavedObjectMeta": {"searchSourceJSON": source},
            "timeRestore": True,
            "timeRange": _RANGE,
        },
        "references": [{"id": TAG_ID, "name": f"tag-ref-{TAG_ID}", "type": "tag"}],
        **_VERSIONS,
    }


def _tag() -> SavedObject:
    description = f"Detections of model extraction: hunts, readiness, investigation [{marker(TAG_ID)}]"
    return {
        "id": TAG_ID,
        "type": "tag",
        "attributes": {"name": "sigmagen", "description": description, "color": "#4C6EF5"},
        "references": [],
        **_VERSIONS,
    }
