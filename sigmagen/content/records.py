"""Which records a rule reads of a source, and which of their fields: what readiness and silence ask about."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from sigmagen.mapping.source import LogsourceEntry, Source
from sigmagen.mapping.taxonomy import Taxonomy
from sigmagen.plan.logical import all_needed_fields, event_streams
from sigmagen.plan.streams import EventStream
from sigmagen.rules.model import Correlation, LogSource


@dataclass(frozen=True)
class Records:
    """Records of a source: those that feed one logsource or, without an entry, all of them. `fields` are read."""

    source: Source
    entry: LogsourceEntry | None = None
    fields: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[str, LogSource | None]:
        """Which records these are."""
        return self.source.name, self.entry.logsource if self.entry else None


def records_of(rule: Correlation, source: Source, siem: str, taxonomy: Taxonomy) -> list[Records]:
    """What a rule reads: of each source and logsource, the fields that the SIEM has of those that the rule names."""
    found = []
    wanted = all_needed_fields(rule)
    for stream in event_streams(rule, source):
        events = EventStream(stream, siem, taxonomy)
        for name in (stream.names.get(name, name) for name in dict.fromkeys((*stream.names, *wanted))):
            if events.view.carries(name):
                events.use(name)
        events.items(())
        found.append(Records(stream.source, events.entry, tuple(events.used)))
    return merged(found)


def merged(records: Iterable[Records]) -> list[Records]:
    """Each kind of records once, with all fields that are read of them."""
    found: dict[tuple[str, LogSource | None], Records] = {}
    for item in records:
        known = found.setdefault(item.key, item)
        found[item.key] = replace(known, fields=tuple(dict.fromkeys((*known.fields, *item.fields))))
    return list(found.values())
