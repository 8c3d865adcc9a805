"""A rule for each source and logsource that alerts when nothing at all arrives any more."""

from __future__ import annotations

from uuid import uuid5

from sigmagen.content.detections import NAMESPACE, SourceDetection
from sigmagen.content.records import Records
from sigmagen.content.silence import INTERVAL, plan_silence
from sigmagen.convert.converter import Converter
from sigmagen.convert.render import render
from sigmagen.durations import MINUTE, duration_text
from sigmagen.mapping.source import LogsourceEntry
from sigmagen.packages.sentinel.attack import Attack
from sigmagen.packages.sentinel.enrich import Enrichment
from sigmagen.packages.sentinel.facts import Facts
from sigmagen.packages.sentinel.formatting import cut, plain
from sigmagen.packages.sentinel.function import SIEM
from sigmagen.packages.sentinel.readiness import entries_read, entry_name
from sigmagen.packages.sentinel.rule import AnalyticsRule, connectors_of, signed


def silence_rules(
    converter: Converter, detections: tuple[SourceDetection, ...], facts: Facts, version: str
) -> list[AnalyticsRule]:
    """One rule for each source and logsource that the detections read."""
    found = {
        records.key: (records, entry)
        for detection in detections
        for records, entry in entries_read(detection, converter)
    }
    rules = [_rule(converter, records, entry, facts, version) for records, entry in found.values()]
    return sorted(rules, key=lambda rule: rule.name)


def _rule(converter: Converter, records: Records, entry: LogsourceEntry, facts: Facts, version: str) -> AnalyticsRule:
    source = records.source
    silent_after = source.stored[SIEM].silent_after
    minutes = silent_after // MINUTE
    words = (
        f"No event of {source.title} ({entry.logsource}) arrived within {duration_text(silent_after)}. Rules over this "
        "log see nothing while it is silent. Somebody may have turned the log off, the connector or forwarder may have "
        "stopped, or nobody used the models. Turn this rule on only for a log that you have: it alerts for one that "
        "was never there, too."
    )
    identity = str(uuid5(NAMESPACE, f"silence/{source.name}/{entry.logsource}"))
    return AnalyticsRule(
        id=identity,
        name=f"silent.{entry_name(source, entry)}",
        source=source.name,
        title=cut(plain(f"Log gone silent: {source.title} ({entry.logsource})"), facts.limits["name"]),
        description=signed(plain(words), identity, facts.limits["description"]),
        severity="Medium",
        connectors=connectors_of(source, facts),
        query=render(plan_silence(records, SIEM, converter.taxonomy), SIEM).text,
        columns=(),
        frequency=min(INTERVAL // MINUTE, minutes),
        period=minutes,
        attack=Attack(("DefenseEvasion",)),
        enrichment=Enrichment((), {}, (), (), ()),
        grouping=minutes,
        version=version,
        origin=f"{source.name}.yml",
        aggregation="SingleAlert",
    )
