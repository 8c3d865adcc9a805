"""A rule for each source that alerts when nothing at all arrives any more: no rule can alert on a log that is off.

It alerts on an empty result rather than comparing with the clock, so it needs no `now()`.
"""

from __future__ import annotations

from uuid import uuid5

from sigmagen.content.detections import NAMESPACE, Detection
from sigmagen.convert.converter import Converter
from sigmagen.expr.tree import TRUE
from sigmagen.mapping.source import LogsourceEntry, Source
from sigmagen.mapping.view import ViewBuilder
from sigmagen.packages.sentinel.attack import Attack
from sigmagen.packages.sentinel.enrich import Enrichment
from sigmagen.packages.sentinel.facts import Facts
from sigmagen.packages.sentinel.function import SIEM
from sigmagen.packages.sentinel.readiness import Read, entry_name, records_read
from sigmagen.packages.sentinel.rule import AnalyticsRule, connectors_of, signed
from sigmagen.packages.sentinel.text import cut, plain
from sigmagen.plan.model import Plan
from sigmagen.plan.steps import Limit, Project
from sigmagen.plan.streams import source_steps
from sigmagen.targets.sentinel.printer import KustoPrinter

SILENT = 1440
"""Minutes without an event: a judgement that a night must not alert. Shorten it for a log that never rests."""

EVERY = 60


def silence_rules(
    converter: Converter, detections: tuple[Detection, ...], facts: Facts, version: str
) -> list[AnalyticsRule]:
    """One rule for each source and logsource that the detections read."""
    found = {
        read.key: read for detection in detections for read in records_read(detection.rule, detection.source, converter)
    }
    rules = [_rule(converter, read, facts, version) for read in found.values()]
    return sorted(rules, key=lambda rule: rule.name)


def _rule(converter: Converter, read: Read, facts: Facts, version: str) -> AnalyticsRule:
    source, entry = read.source, read.entry
    words = (
        f"No event of {source.title} ({entry.logsource}) arrived within a day. Rules over this log see nothing while "
        "it is silent. Somebody may have turned the log off, the connector or forwarder may have stopped, or nobody "
        "used the models. Turn this rule on only for a log that you have: it alerts for one that was never there, too."
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
        query=_query(converter, source, entry),
        columns=(),
        frequency=EVERY,
        period=SILENT,
        attack=Attack(("DefenseEvasion",)),
        enrichment=Enrichment((), {}, (), (), ()),
        grouping=SILENT,
        version=version,
        origin=f"{source.name}.yml",
        operator="eq",
        aggregation="SingleAlert",
    )


def _query(converter: Converter, source: Source, entry: LogsourceEntry) -> str:
    """One event, if there is any."""
    stored = source.stored[SIEM]
    builder = ViewBuilder(source, stored, converter.taxonomy, entry)
    steps = (*source_steps(builder, builder.build(), TRUE), Project((stored.time,)), Limit(1))
    return KustoPrinter(Plan(None, source, stored, "hunt", steps)).text()
