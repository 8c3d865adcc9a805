"""Readiness queries; see `sigmagen.content.readiness` for what they ask."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import uuid5

from sigmagen.content.detections import NAMESPACE, SourceDetection
from sigmagen.content.readiness import load_losses, plan_readiness
from sigmagen.content.records import Records, merged, records_of
from sigmagen.convert.converter import Converter
from sigmagen.convert.render import render
from sigmagen.mapping.source import LogsourceEntry, Source
from sigmagen.packages.sentinel.formatting import plain
from sigmagen.packages.sentinel.function import SIEM

CATEGORY = "sigmagen readiness"


@dataclass(frozen=True)
class ReadinessQuery:
    """A readiness query: of a `whole` source and logsource, or of one rule over it (`source` may be two, with a +)."""

    id: str
    name: str
    source: str
    title: str
    query: str
    whole: bool


def readiness(converter: Converter, detections: Iterable[SourceDetection]) -> list[ReadinessQuery]:
    """One query for each source and logsource that the rules read, with all their fields, and one for each rule."""
    queries: list[ReadinessQuery] = []
    read: list[Records] = []
    for detection in detections:
        for records, entry in entries_read(detection, converter):
            read.append(records)
            queries.append(
                ReadinessQuery(
                    id=str(uuid5(NAMESPACE, f"readiness/{detection.id}/{records.source.name}/{entry.logsource}")),
                    name=f"{detection.name}.{records.source.name}" if detection.source.together else detection.name,
                    source=detection.source.name,
                    title=plain(f"Readiness of: {detection.title}"),
                    query=_query(converter, records),
                    whole=False,
                )
            )
    for records, entry in with_entry(merged(read)):
        source = records.source
        queries.append(
            ReadinessQuery(
                id=str(uuid5(NAMESPACE, f"readiness/{source.name}/{entry.logsource}")),
                name=entry_name(source, entry),
                source=source.name,
                title=plain(f"Readiness of: {source.title} ({entry.logsource})"),
                query=_query(converter, records),
                whole=True,
            )
        )
    return sorted(queries, key=lambda query: query.name)


def entry_name(source: Source, entry: LogsourceEntry) -> str:
    """What files and resources call the records that a logsource takes from a source."""
    return source.name if entry.logsource.category else f"{source.name}_native"


def entries_read(detection: SourceDetection, converter: Converter) -> list[tuple[Records, LogsourceEntry]]:
    """What a detection reads, with the logsource of each kind of records."""
    return with_entry(records_of(detection.rule, detection.source, SIEM, converter.taxonomy))


def with_entry(found: Iterable[Records]) -> list[tuple[Records, LogsourceEntry]]:
    """Records of a logsource, each beside its entry."""
    return [(records, records.entry) for records in found if records.entry is not None]


def _query(converter: Converter, records: Records) -> str:
    planned = plan_readiness(records, SIEM, converter.taxonomy, load_losses(converter.mappings, SIEM))
    return render(planned.plan, SIEM).text
