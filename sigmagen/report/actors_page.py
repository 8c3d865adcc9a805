"""The HTML report of `sigmagen report`: alerts by actor, with time lines, thresholds, blind spots and next queries."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sigmagen.content.investigate.build import PivotQuery, pivots_for, stage_of
from sigmagen.content.investigate.pivots import load_playbook
from sigmagen.content.investigate.subject import Subject
from sigmagen.convert.converter import Converter
from sigmagen.display import format_count, sanitize
from sigmagen.durations import iso
from sigmagen.local.actors import LEVELS, Actor
from sigmagen.local.blind_spots import BlindSpot
from sigmagen.local.detection import Detection, NotRun, condition_text
from sigmagen.local.line import Line
from sigmagen.local.traffic import FACETS
from sigmagen.mapping.source import Source
from sigmagen.problems import Problem
from sigmagen.report.page import render_page
from sigmagen.targets import registry

DETAILED = 50
"""How many actors have a section of their own; the table has all."""

LANES = 20
"""How many actors are drawn over the traffic."""

QUERIED = 5
"""How many actors, the most urgent first, have their next queries in the report."""

_LABELS = {
    "user.id": "users",
    "gen_ai.api_key.id": "API keys",
    "organization.id": "organizations",
    "source.ip": "addresses",
    "user_agent.original": "user agents",
    "gen_ai.request.model": "models",
}


@dataclass(frozen=True)
class NextQueries:
    """What an analyst does next about an actor: questions, the command that prints all queries, queries, and steps."""

    alert: Detection
    command: str | None
    questions: Sequence[str] = ()
    steps: Sequence[str] = ()
    queries: Mapping[str, Sequence[PivotQuery]] = field(default_factory=dict)
    """By language."""
    left_out: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """The targets that have no query, by pivot."""


def build_next_queries(
    converter: Converter, actor: Actor, sources: Mapping[str, Source], targets: Sequence[str]
) -> NextQueries | None:
    """Return the queries after the worst alert of an actor; None if no alert has a group and a window.

    `sources` are those that the alerts name. Without targets there are no queries, only the command.
    """
    alerts = [item for item in actor.detections if item.group and item.window_start is not None]
    if not alerts:
        return None
    worst = max(alerts, key=lambda item: (LEVELS.index(item.level) if item.level in LEVELS else 0, item.value))
    book = load_playbook(converter.mappings)
    questions, steps = (book.said(part, stage_of(worst.rule)) for part in (book.questions, book.response))
    queries: dict[str, list[PivotQuery]] = {}
    left_out: dict[str, list[str]] = {}
    for target in targets:
        subject = Subject(dict(worst.group), worst.window_start or 0, worst.window_end or 0)
        found, missing = pivots_for(converter, worst.rule, sources[worst.source], target, subject)
        if found:
            queries[registry.get(target).language] = found
        for item in missing:
            left_out.setdefault(item.pivot.id, []).append(target)
    return NextQueries(worst, _command(worst), questions, steps, queries, left_out)


def _command(alert: Detection) -> str | None:
    """Return the command that prints the queries after an alert; None if a value can't be shown as it is."""
    if any(sanitize(part) != part for pair in alert.group for part in pair) or "+" in alert.source:
        return None
    words = ["sigmagen", "investigate", alert.rule.name, "-s", alert.source]
    for name, value in alert.group:
        words += ["--group", f"{name}={value}"]
    return shlex.join([*words, "--window", f"{iso(alert.window_start or 0, 0)}/{iso(alert.window_end or 0, 0)}"])


def render_actors(
    actors: Sequence[Actor],
    line: Line | None,
    next_queries: Sequence[NextQueries | None],
    blind: Sequence[BlindSpot],
    not_run: Sequence[NotRun],
    problems: Sequence[Problem],
    stats: Mapping[str, Any],
) -> bytes:
    """Return the page. `next_queries` has an entry for each actor; `stats` are those of the JSON report."""
    alerts = [item for actor in actors for item in actor.detections]
    by_level = [(level, sum(item.level == level for item in alerts)) for level in reversed(LEVELS)]
    return render_page(
        "actors.html",
        actors=[
            _describe(actor, number, queries)
            for number, (actor, queries) in enumerate(zip(actors, next_queries, strict=True), 1)
        ],
        detailed=DETAILED,
        lanes=LANES,
        line=line,
        levels=[(level, count) for level, count in by_level if count],
        alerts=len(alerts),
        blind=blind,
        not_run=not_run,
        problems=list(dict.fromkeys(problems)),
        stats=stats,
        records=sum(stats["records"].values()),
        labels=_LABELS,
        facets=FACETS,
    )


def _describe(actor: Actor, number: int, queries: NextQueries | None) -> dict[str, Any]:
    """Return what the template shows of an actor."""
    alerting = [item for item in actor.rules if item.alerts]
    rules = list(dict.fromkeys(item.rule for item in actor.detections))
    return {
        "number": number,
        "actor": actor,
        "name": _name(actor),
        "rules": list(dict.fromkeys(rule.name for rule in rules)),
        "near": [item for item in actor.rules if item.alerts or item.value],
        "far": [item for item in actor.rules if not (item.alerts or item.value)],
        "conditions": {item.rule.name: condition_text(item.rule) for item in actor.rules},
        # The highest level is drawn last, over the others.
        "alerts": sorted(actor.detections, key=lambda item: LEVELS.index(item.level) if item.level in LEVELS else 0),
        "lanes": [(rule, [item for item in actor.detections if item.rule is rule]) for rule in rules],
        "atlas": list(dict.fromkeys(name for item in actor.detections for name in item.atlas)),
        "false_positives": list(
            dict.fromkeys(text for item in alerting for text in getattr(item.rule, "falsepositives", ()))
        ),
        "next": queries,
    }


def _name(actor: Actor) -> str:
    """Return who the actor is: its only principal, or how many there are, or the group of its alert."""
    if actor.principal_count == 1:
        return actor.principals[0].name
    if actor.principal_count:
        kinds = {use.field for use in actor.principals}
        kind = _LABELS[kinds.pop()] if len(kinds) == 1 else "principals"
        return f"{actor.principal_count:,} {kind}"
    group = actor.detections[0].group
    return ", ".join(f"{name}={value}" for name, value in group) or format_count(len(actor.detections), "alert")
