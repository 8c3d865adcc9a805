"""Kibana saved objects: Discover sessions in ES|QL for hunts and readiness, dashboards, all with one tag of ours."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sigmagen.content.detections import PackageContent, SourceDetection
from sigmagen.content.investigate.build import PivotTemplate
from sigmagen.content.investigate.pivots import Playbook
from sigmagen.content.readiness import RANGE, load_losses
from sigmagen.content.records import Records, records_of
from sigmagen.convert.converter import Converter
from sigmagen.durations import DAY, duration_text
from sigmagen.mapping.source import Source
from sigmagen.packages.elastic.formatting import derived_id, marker, plain
from sigmagen.packages.elastic.investigation import dashboard
from sigmagen.packages.elastic.readiness import SIEM, readiness

TAG_ID = derived_id("tag", "elastic")
_HUNT_RANGE = 7 * DAY
# The versions that these shapes had in 8.8; Kibana migrates what it imports from there.
_VERSIONS = {"coreMigrationVersion": "8.8.0", "typeMigrationVersion": "8.0.0"}

SavedObject = dict[str, Any]


def saved_objects(
    content: PackageContent,
    converter: Converter,
    pivots: Mapping[str, Sequence[PivotTemplate]],
    book: Playbook,
) -> list[SavedObject]:
    """All saved objects of a package, the tag first, because the others refer to it. `pivots` are by detection."""
    found = [_tag()]
    taxonomy, losses = converter.taxonomy, load_losses(converter.mappings, SIEM)
    for source in content.sources:
        found.append(_of_source(source, readiness(Records(source), taxonomy, losses)))
    for detection in content.detections:
        found.append(_hunt(detection))
        read = records_of(detection.rule, detection.source, SIEM, taxonomy)
        for number, records in enumerate(read, 1):
            part = f", part {number}" if len(read) > 1 else ""
            found.append(_readiness(detection, number, part, readiness(records, taxonomy, losses)))
        if asked := pivots[detection.id]:
            found.append(dashboard(detection, asked, book, TAG_ID))
    return found


def _hunt(detection: SourceDetection) -> SavedObject:
    text = (
        "One row for each group and window that meets the rule's condition. ES|QL returns 10,000 rows at most: choose "
        "a range that stays below."
    )
    return session(derived_id(detection.id, "hunt"), f"Hunt: {detection.title}", text, detection.hunt.text, _HUNT_RANGE)


def _readiness(detection: SourceDetection, number: int, part: str, query: str) -> SavedObject:
    text = (
        "Last event, ingest delay in seconds (median and 99th percentile), percentage of events that carry each field "
        "the rule reads, and of prompts lost. The delay must stay below what the rule's look-back allows."
    )
    identity = derived_id(detection.id, "readiness", str(number))
    return session(identity, f"Readiness: {detection.title}{part}", text, query, RANGE)


def _of_source(source: Source, query: str) -> SavedObject:
    text = (
        "Last event, ingest delay in seconds (median and 99th percentile), percentage of prompts lost, over all "
        "documents."
    )
    identity = derived_id("readiness", source.name, SIEM)
    return session(identity, f"Readiness: all of {source.title}", text, query, RANGE)


def session(identity: str, title: str, description: str, query: str, length: int) -> SavedObject:
    """A Discover session with an ES|QL query over the last `length` milliseconds; its marker says that we made it."""
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
            "timeRange": {"from": f"now-{duration_text(length)}", "to": "now"},
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
