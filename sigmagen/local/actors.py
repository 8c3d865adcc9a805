"""Joins detections by actor: one campaign that several rules find is one actor, with what it took."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from itertools import chain

from sigmagen.convert.converter import Converter
from sigmagen.durations import HOUR
from sigmagen.local.detect import Detector
from sigmagen.local.detection import Detection
from sigmagen.local.line import Line, choose_buckets
from sigmagen.local.nearness import find_highest, has_distance
from sigmagen.local.traffic import FACETS, PRINCIPALS, Principal, Traffic, Usage, Values, known_name
from sigmagen.mapping.source import Source
from sigmagen.rules.model import BaseRule, Correlation

LEVELS = ("informational", "low", "medium", "high", "critical")
OVERLAP = 0.5
"""Two detections are of one actor if principals that both have caused at least this share of the events of one."""

LISTED = 10
"""How many values of a field, and how many principals, are listed for an actor."""


@dataclass(frozen=True, slots=True)
class Nearness:
    """The highest value of a rule for one user, key, organization or address of the actor.

    `value` is None if it is not known.
    """

    rule: Correlation | BaseRule
    alerts: int
    value: float | None
    threshold: float | None

    @property
    def share(self) -> float | None:
        """The value as a share of the threshold."""
        return self.value / self.threshold if self.value is not None and self.threshold else None


@dataclass(frozen=True, slots=True)
class PrincipalUse:
    """One principal of an actor: all its events, how many of them are in detections, and its nearest rule."""

    field: str
    name: str
    usage: Usage
    matched: int
    nearest: str | None = None
    share: float | None = None


@dataclass(frozen=True)
class Actor:
    """Detections that have one cause. `values` are by field; `principals` are the busiest."""

    detections: tuple[Detection, ...]
    principals: tuple[PrincipalUse, ...] = ()
    principal_count: int = 0
    values: Mapping[str, Values] = field(default_factory=dict)
    matched: Usage = field(default_factory=Usage)
    usage: Usage = field(default_factory=Usage)
    rules: tuple[Nearness, ...] = ()
    line: Line | None = None

    @property
    def level(self) -> str:
        """The highest level of its rules."""
        return max((item.level for item in self.detections), key=_rank)

    @property
    def first(self) -> int | None:
        """When its first alert's window starts."""
        return min((item.window_start for item in self.detections if item.window_start is not None), default=None)

    @property
    def last(self) -> int | None:
        """When its last alert's window ends."""
        return max((item.window_end for item in self.detections if item.window_end is not None), default=None)


def _rank(level: str) -> int:
    return LEVELS.index(level) if level in LEVELS else 0


def join_detections(
    detections: Sequence[Detection], principals: Mapping[int, Mapping[Principal, int]]
) -> list[list[int]]:
    """Return the positions of the detections of each actor.

    `principals` are those of each detection with their numbers of events. Two detections are joined if the principals
    that both have caused at least half of the events of one of them. Sharing an organization or an address joins
    nothing where events have a user or a key: colleagues and customers behind one proxy share them, too. A rule without
    a group has events of anybody, and is never joined.
    """
    parent = list(range(len(detections)))

    def root(number: int) -> int:
        while parent[number] != number:
            parent[number] = parent[parent[number]]
            number = parent[number]
        return number

    having: dict[Principal, list[int]] = {}
    for number, detection in enumerate(detections):
        if detection.group:
            for principal in principals.get(number, {}):
                having.setdefault(principal, []).append(number)
    shared: dict[tuple[int, int], list[Principal]] = {}
    for principal, numbers in having.items():
        alone = [number for number in numbers if len(principals[number]) == 1]
        for number in alone[1:]:
            parent[root(number)] = root(alone[0])
        others = [*alone[:1], *(number for number in numbers if len(principals[number]) > 1)]
        for position, one in enumerate(others):
            for other in others[position + 1 :]:
                shared.setdefault((one, other), []).append(principal)
    for (one, other), several in shared.items():
        if root(one) != root(other) and any(
            sum(principals[number][principal] for principal in several) >= OVERLAP * sum(principals[number].values())
            for number in (one, other)
        ):
            parent[root(other)] = root(one)
    found: dict[int, list[int]] = {}
    for number in range(len(detections)):
        found.setdefault(root(number), []).append(number)
    return list(found.values())


def find_actors(detector: Detector, detections: Sequence[Detection]) -> tuple[list[Actor], Line | None]:
    """Return the actors behind detections, the most urgent first, and the time line of all traffic.

    The detector must have been made with `shown=traffic.FIELDS`, and must have found the detections.
    """
    traffic = Traffic(detector, detections)
    sources = {source.name: source for rule in detector.ran() for source in detector.feeding(rule)}
    named = [_name_group(detector.converter, detection, sources[detection.source]) for detection in detections]
    events = traffic.principals()
    principals = {number: events.get(number) or dict.fromkeys(pairs[:1], 0) for number, pairs in enumerate(named)}
    groups = join_detections(detections, principals)
    of_actors: list[dict[Principal, int]] = []
    for numbers in groups:
        counts: dict[Principal, int] = {}
        for number in numbers:
            for principal, count in principals[number].items():
                counts[principal] = counts.get(principal, 0) + count
        of_actors.append(counts)
    traffic.assign(groups, of_actors)
    matched, usage, used = traffic.usage(matched=True), traffic.usage(matched=False), traffic.usage_of_principals()
    values = {name: traffic.values(name, LISTED) for name in FACETS}
    rules = detector.ran()
    known = [
        {*of_actors[number], *chain.from_iterable(named[position] for position in numbers), *_listed(number, values)}
        for number, numbers in enumerate(groups)
    ]
    highest = find_highest(detector, rules, set().union(*known))
    span = detector.span()
    actors = []
    for number, numbers in enumerate(groups):
        mine = tuple(detections[position] for position in numbers)
        uses = [
            PrincipalUse(*who, *used.get((number, who), (Usage(), 0)), *_nearest(who, rules, highest))
            for who in of_actors[number]
        ]
        uses.sort(key=lambda use: (-use.matched, -use.usage.queries, use.name))
        actor = Actor(
            mine,
            tuple(uses[:LISTED]),
            len(uses),
            {name: found[number] for name, found in values.items() if number in found},
            matched.get(number, Usage()),
            usage.get(number, Usage()),
            tuple(_nearness(mine, rules, known[number], highest)),
        )
        actors.append(_with_line(actor, traffic, number, span))
    actors.sort(
        key=lambda actor: (-_rank(actor.level), -len({item.rule.name for item in actor.detections}), actor.first or 0)
    )
    return actors, _line(traffic, None, *span) if span else None


def _name_group(converter: Converter, detection: Detection, source: Source) -> list[Principal]:
    """Return the user, key, organization and address that an alert is grouped by, in the order of `PRINCIPALS`."""
    group = {known_name(converter, detection.rule, source, name): value for name, value in detection.group}
    return [(name, group[name]) for name in PRINCIPALS if name in group]


def _listed(actor: int, values: Mapping[str, Mapping[int, Values]]) -> Iterator[Principal]:
    """Yield the users, keys, organizations and addresses that are listed for an actor."""
    for name in PRINCIPALS:
        yield from ((name, value) for value, _ in values[name].get(actor, Values()).most)


def _nearness(
    detections: Sequence[Detection],
    rules: Sequence[Correlation | BaseRule],
    named: Set[Principal],
    highest: Mapping[str, Mapping[Principal, float]],
) -> list[Nearness]:
    """Return each rule with how near the actor came, those with alerts first."""
    found = []
    for rule in rules:
        alerts = [item for item in detections if item.rule is rule]
        threshold = rule.threshold if isinstance(rule, Correlation) and not rule.kind.temporal else None
        known = [value for who, value in highest.get(rule.name, {}).items() if who in named]
        known += [float(item.value) for item in alerts] if threshold else []
        # Below a lower limit, the lowest value is the nearest; it is only known where the rule alerts.
        worst = max if threshold is None or threshold.op in ("gt", "gte") else min
        value = worst(known) if known else 0.0 if has_distance(rule) and rule.name in highest else None
        found.append(Nearness(rule, len(alerts), value, float(threshold.value) if threshold else None))
    return sorted(found, key=lambda item: (-bool(item.alerts), -(item.share or 0.0), item.rule.name))


def _nearest(
    principal: Principal, rules: Sequence[Correlation | BaseRule], highest: Mapping[str, Mapping[Principal, float]]
) -> tuple[str | None, float | None]:
    shares = [
        (highest[rule.name][principal] / rule.threshold.value, rule.name)
        for rule in rules
        if isinstance(rule, Correlation) and rule.threshold and principal in highest.get(rule.name, {})
    ]
    share, name = max(shares, default=(None, None))
    return name, share


def _with_line(actor: Actor, traffic: Traffic, number: int, span: tuple[int, int] | None) -> Actor:
    """Return the actor with a time line around its alerts, as far as the logs go."""
    if span is None or actor.first is None or actor.last is None:
        return actor
    margin = max(HOUR, (actor.last - actor.first) // 4)
    return replace(
        actor, line=_line(traffic, number, max(span[0], actor.first - margin), min(span[1], actor.last + margin))
    )


def _line(traffic: Traffic, actor: int | None, start: int, end: int) -> Line:
    first, bucket = choose_buckets(start, end)
    return Line(first, bucket, *traffic.line(actor, first, end, bucket))
