"""A hunting query: the converted hunt, which a person runs over any range."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID, uuid5

from sigmagen.content.detections import SourceDetection
from sigmagen.packages.sentinel.attack import Attack
from sigmagen.packages.sentinel.enrich import Enrichment
from sigmagen.packages.sentinel.facts import Facts
from sigmagen.packages.sentinel.formatting import cut, opening, plain
from sigmagen.packages.sentinel.rule import AnalyticsRule, connectors_of


@dataclass(frozen=True)
class HuntingQuery:
    """What a hunting query says."""

    id: str
    name: str
    source: str
    title: str
    description: str
    detailed: str
    """The whole description. The service has room for `description` only."""
    connectors: tuple[tuple[str, tuple[str, ...]], ...]
    query: str
    attack: Attack
    entities: tuple[tuple[str, str, str], ...]
    version: str


def hunting_query(detection: SourceDetection, rule: AnalyticsRule, facts: Facts) -> HuntingQuery:
    """The hunting query of a detection: one row for each group and window that meets the condition."""
    words = "One row for each group and window that meets the condition, over whatever range you run it."
    return HuntingQuery(
        id=str(uuid5(UUID(detection.id), "hunt")),
        name=detection.name,
        source=detection.source.name,
        title=cut(plain(f"Hunt: {detection.title}"), facts.limits["name"]),
        description=opening(plain(detection.rule.description), facts.limits["hunting_description"]),
        detailed=cut(f"{plain(detection.rule.description)}\n{words}", facts.limits["description"]),
        connectors=connectors_of(detection.source, facts),
        query=detection.hunt.text,
        attack=rule.attack,
        entities=Enrichment.of(detection.rule, detection.hunt.columns, facts, alert=False).entities,
        version=rule.version,
    )
