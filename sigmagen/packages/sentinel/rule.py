"""A scheduled analytics rule, as both the community's YAML and an ARM template write it.

No near-real-time rule: it sees each minute's arrivals once and alone, so it can't hold a window of hours.

No Defender XDR custom detection either. Its stable API gives a rule a frequency and no look-back (graph v1.0,
`ruleSchedule`), so a window longer than the interval could only be said as `ago()` in the query, and the query would
no longer be the one that was proven; it can't group incidents by the entities of the group-by for W; and the look-back
that its beta API has matches by event or ingestion time, which counts a late event in two places.
"""

from __future__ import annotations

from dataclasses import dataclass

from sigmagen.content.detections import SourceDetection
from sigmagen.durations import MINUTE
from sigmagen.mapping.source import Source
from sigmagen.packages.sentinel.attack import Attack
from sigmagen.packages.sentinel.enrich import Enrichment
from sigmagen.packages.sentinel.facts import Facts
from sigmagen.packages.sentinel.formatting import cut, marker, plain
from sigmagen.plan.window import Schedule
from sigmagen.rules.model import Correlation


@dataclass(frozen=True)
class AnalyticsRule:
    """What an analytics rule says. Times are minutes; `origin` is the rule file that a problem points at."""

    id: str
    name: str
    source: str
    title: str
    description: str
    severity: str
    connectors: tuple[tuple[str, tuple[str, ...]], ...]
    query: str
    columns: tuple[str, ...]
    frequency: int
    period: int
    attack: Attack
    enrichment: Enrichment
    grouping: int
    version: str
    origin: str
    operator: str = "gt"
    threshold: int = 0
    enabled: bool = False
    aggregation: str = "AlertPerResult"
    display_format: str | None = None
    description_format: str | None = None
    line: int | None = None


def timing(schedule: Schedule, facts: Facts) -> tuple[int, int]:
    """Frequency and period in whole minutes.

    Where Sentinel wants a rule to run less often than the schedule, the period grows with it, so that every tick is
    still covered.
    """
    frequency = _minutes(schedule.interval)
    period = _minutes(schedule.every(frequency * MINUTE).lookback)
    slowest = facts.limits["long_period_frequency"]
    if period >= facts.limits["long_period_minutes"] and frequency < slowest:
        frequency, period = slowest, _minutes(schedule.every(slowest * MINUTE).lookback)
    return frequency, period


def _minutes(milliseconds: int) -> int:
    return -(-milliseconds // MINUTE)


def analytics_rule(detection: SourceDetection, facts: Facts, version: str, pointer: str = "") -> AnalyticsRule:
    """The rule of a detection: the converted alert query, and one line after it that names the ATLAS techniques.

    `pointer` says where the pivots of an alert are.
    """
    rule, query = detection.rule, detection.alert
    assert query.schedule is not None, "an alert query has a schedule"
    frequency, period = timing(query.schedule, facts)
    enrichment = Enrichment.of(rule, query.columns, facts)
    title = cut(plain(detection.title), facts.limits["name"])
    summary = plain(f"{rule.description} {pointer}")
    return AnalyticsRule(
        id=detection.id,
        name=detection.name,
        source=detection.source.name,
        title=title,
        description=_description(detection, pointer, facts.limits["description"]),
        enabled=detection.enabled,
        severity=facts.severities[rule.level],
        connectors=connectors_of(detection.source, facts),
        query=enrichment.complete(query.text),
        columns=enrichment.columns,
        frequency=frequency,
        period=period,
        attack=Attack.of(rule, facts),
        enrichment=enrichment,
        # For W alone, a burst could open two incidents: runs still see it until it has left the period.
        grouping=min(period, facts.limits["grouping_minutes"]),
        version=version,
        origin=rule.file,
        line=rule.line,
        display_format=enrichment.headline(title, facts),
        description_format=enrichment.summary(summary, facts),
    )


def connectors_of(source: Source, facts: Facts) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """(connector, tables that the rule reads of it) for each connector of the content hub that can fill them."""
    found: dict[str, list[str]] = {}
    for part in source.parts:
        table = part.stored["sentinel"].location
        for connector in facts.connectors.get(table, ()):
            found.setdefault(connector, []).append(table)
    return tuple((connector, tuple(tables)) for connector, tables in sorted(found.items()))


def _description(detection: SourceDetection, pointer: str, longest: int) -> str:
    """The rule's description and the analyst's questions; the last line marks the package."""
    rule = detection.rule
    presumed = " ".join(part.stored["sentinel"].presumes for part in detection.source.parts)
    parts = [
        rule.description,
        _listed("MITRE ATLAS", rule.frameworks.get("atlas", ())),
        _listed("MITRE ATT&CK", _techniques(rule)),
        _listed("OWASP", rule.frameworks.get("owasp_llm", ())),
        _listed("Known false positives", rule.falsepositives, "; "),
        pointer,
        f"Log presumed: {presumed}",
    ]
    return signed("\n".join(plain(part) for part in parts if part), detection.id, longest)


def signed(text: str, identity: str, longest: int) -> str:
    """A description with the marker of its resource after it, which is never cut."""
    mark = f"\n[{marker(identity)}]"
    return cut(text, longest - len(mark)) + mark


def _techniques(rule: Correlation) -> tuple[str, ...]:
    return tuple(tag.removeprefix("attack.").upper() for tag in rule.tags if tag.startswith("attack.t"))


def _listed(label: str, values: tuple[str, ...], separator: str = ", ") -> str:
    return f"{label}: {separator.join(values)}." if values else ""
