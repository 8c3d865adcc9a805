"""Runs rules over a labelled log, and attributes each alert to a campaign or to benign accounts.

Every rule runs twice: over the whole log, and without the events of campaigns. What alerts without them is a false
alert. An alert counts for a campaign if events of the campaign are in its group and window, and if the same group and
window does not alert without campaigns: a rule that always alerts finds nothing.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sigmagen.durations import DAY
from sigmagen.engines.alert import Alert
from sigmagen.engines.duckdb import DuckDBEngine
from sigmagen.local.detect import Detector
from sigmagen.local.detection import Rule
from sigmagen.local.hunts import Hunt
from sigmagen.local.line import Line, choose_buckets
from sigmagen.mapping.source import Source
from sigmagen.problems import SigmagenError
from sigmagen.rules.model import Correlation
from sigmagen.score.labels import UNKNOWN, Labels

_LABELS, _ALERTS, _EVENTS, _WHO = (f"{name}_{secrets.token_hex(4)}" for name in ("labels", "alerts", "events", "who"))
_ID = "event.id"


@dataclass(frozen=True, slots=True)
class Found:
    """The first alert of a rule on a campaign: when it was raised, and how many of its events came before.

    Times are epoch milliseconds. `events` counts all events of the campaign, of whatever account, up to then.
    """

    rule: str
    source: str
    campaign: str
    time: int
    events: int


@dataclass(frozen=True, slots=True)
class FalseAlert:
    """A group that alerts on a day without any campaign, and the persona that has most of its events."""

    rule: str
    source: str
    group: tuple[tuple[str, str], ...]
    day: int
    persona: str


@dataclass
class Outcome:
    """What the rules did on one labelled log. `not_run` has reasons by rule and source."""

    labels: Labels
    found: list[Found] = field(default_factory=list)
    false: list[FalseAlert] = field(default_factory=list)
    not_run: dict[tuple[str, str], str] = field(default_factory=dict)
    rules: dict[str, Rule] = field(default_factory=dict)
    starts: dict[str, int] = field(default_factory=dict)
    """The time of each campaign's first event."""
    ends: dict[str, int] = field(default_factory=dict)
    """The time of each campaign's last event."""
    line: Line | None = None
    """All events over time, and those of campaigns."""
    days: float = 0.0
    sources: tuple[str, ...] = ()


def attribute(
    detector: Detector,
    rules: Sequence[Rule],
    labels: Labels,
    everything: Rule,
    step: Callable[[int, int], None] = lambda done, total: None,
) -> Outcome:
    """Run rules over the records that a detector has read.

    `everything` is a rule that matches each event and shows its user; the detector must have read its columns too. The
    labelled events are deleted from the detector's tables.
    """
    outcome = Outcome(labels, rules={rule.name: rule for rule in rules}, sources=tuple(detector.sources))
    covered = detector.span()
    if covered is None:
        return outcome
    outcome.days = (covered[1] - covered[0]) / DAY
    hunts = list(_hunts(detector, rules, outcome))
    runs = _Runs(detector.engine, covered)
    for source in detector.sources.values():
        runs.add_source(detector, source, everything, labels, outcome)
    whole = {number: runs.alerts(hunt) for number, hunt in enumerate(hunts)}
    events = {number: runs.joined(hunt, whole[number]) for number, hunt in enumerate(hunts) if whole[number]}
    outcome.line = runs.line()
    runs.delete_labelled()
    for number, hunt in enumerate(hunts):
        step(number, len(hunts))
        without = runs.alerts(hunt)
        outcome.false += runs.false_alerts(hunt, without, labels)
        benign = {(alert.group, alert.window_end) for alert in without}
        outcome.found += _first(hunt, whole[number], benign, events.get(number, {}), runs)
    return outcome


def _hunts(detector: Detector, rules: Sequence[Rule], outcome: Outcome) -> Sequence[Hunt]:
    found = []
    for rule in rules:
        for source in detector.feeding(rule):
            try:
                hunt = detector.hunt(rule, source)
            except SigmagenError as error:
                outcome.not_run[rule.name, source.name] = error.problems[0].message.removeprefix(f"{rule.title}: ")
                continue
            if hunt.query is not None and isinstance(rule, Correlation):
                found.append(hunt)
            else:
                outcome.not_run[rule.name, source.name] = "rules on single events are not scored"
    return found


def _first(
    hunt: Hunt,
    alerts: Sequence[Alert],
    benign: set[tuple[Any, int]],
    campaigns: dict[int, tuple[str, ...]],
    runs: _Runs,
) -> list[Found]:
    """Return the first alert on each campaign that would not have been raised without campaigns."""
    first: dict[str, int] = {}
    for number, alert in enumerate(alerts):
        if (alert.group, alert.window_end) in benign:
            continue
        for campaign in campaigns.get(number, ()):
            first[campaign] = min(first.get(campaign, alert.window_end), alert.window_end)
    return [
        Found(hunt.rule.name, hunt.source.name, campaign, time, runs.events_before(campaign, time))
        for campaign, time in first.items()
    ]


class _Runs:
    """Runs hunts over the detector's tables, and joins their alerts with the labels."""

    def __init__(self, engine: DuckDBEngine, covered: tuple[int, int]) -> None:
        self._engine = engine
        self._connection = engine.connection
        self._covered = covered
        self._columns: dict[str, tuple[str, str]] = {}
        self._start, self._bucket = choose_buckets(*covered)
        self._counts: dict[int, tuple[int, int]] = {}
        self._connection.execute(f"CREATE TEMP TABLE {_LABELS} (id VARCHAR, campaign VARCHAR, time TIMESTAMP)")
        self._connection.execute(f"CREATE TEMP TABLE {_WHO} (source VARCHAR, id VARCHAR, actor VARCHAR)")

    def add_source(
        self, detector: Detector, source: Source, everything: Rule, labels: Labels, outcome: Outcome
    ) -> None:
        """Note which events of a source are labelled, and whose the others are."""
        try:
            events = detector.hunt(everything, source).events
        except SigmagenError as error:
            outcome.not_run["labels", source.name] = error.problems[0].message
            return
        mine = [(name, campaign) for (of, name), campaign in labels.events.items() if of in ("", source.name)]
        self._engine.select(source)
        self._connection.execute(f"CREATE OR REPLACE TEMP TABLE {_EVENTS} AS {events}")
        self._connection.execute(
            f"INSERT INTO {_LABELS} SELECT id, campaign, timestamp FROM {_EVENTS} JOIN (SELECT "
            f'unnest($1::VARCHAR[]) AS id, unnest($2::VARCHAR[]) AS campaign) AS known ON "{_ID}" = known.id',
            [[name for name, _ in mine], [campaign for _, campaign in mine]],
        )
        self._connection.execute(f'INSERT INTO {_WHO} SELECT ?, "{_ID}", "user.id" FROM {_EVENTS}', [source.name])
        rows = self._connection.execute(
            f"SELECT campaign, epoch_ms(min(time)), epoch_ms(max(time)) FROM {_LABELS} GROUP BY 1"
        ).fetchall()
        outcome.starts.update((name, first) for name, first, _ in rows)
        outcome.ends.update((name, last) for name, _, last in rows)
        self._count()
        self._columns[source.name] = detector.column(everything, source, _ID), events

    def _count(self) -> None:
        """Add the events of a source to the time line."""
        rows = self._connection.execute(
            f"SELECT (epoch_ms(timestamp) - {self._start}) // {self._bucket}, count(*), "
            f'count(*) FILTER (WHERE "{_ID}" IN (SELECT id FROM {_LABELS})) FROM {_EVENTS} GROUP BY 1'
        ).fetchall()
        for number, events, labelled in rows:
            before = self._counts.get(number, (0, 0))
            self._counts[number] = before[0] + events, before[1] + labelled

    def line(self) -> Line:
        """Return the time line of the sources that were added."""
        numbers = range(-(-(self._covered[1] - self._start) // self._bucket))
        counts = [self._counts.get(number, (0, 0)) for number in numbers]
        return Line(self._start, self._bucket, *(tuple(part) for part in zip(*counts, strict=True)))

    def delete_labelled(self) -> None:
        """Delete the events of campaigns."""
        for source, (column, _) in self._columns.items():
            self._connection.execute(f'DELETE FROM derived."{source}" WHERE "{column}" IN (SELECT id FROM {_LABELS})')

    def alerts(self, hunt: Hunt) -> list[Alert]:
        """Return the alerts of a hunt, one for each group and window."""
        return [] if hunt.query is None else self._engine.run(hunt.query, *self._covered)

    def events_before(self, campaign: str, time: int) -> int:
        """Return how many events a campaign has before a time."""
        row = self._connection.execute(
            f"SELECT count(*) FROM {_LABELS} WHERE campaign = ? AND time < make_timestamp(? * 1000)", [campaign, time]
        ).fetchone()
        return int(row[0]) if row else 0

    def joined(self, hunt: Hunt, alerts: Sequence[Alert]) -> dict[int, tuple[str, ...]]:
        """Return the campaigns that have events in each alert, by the alert's position."""
        rows = self._connection.execute(
            f"SELECT number, list(DISTINCT campaign) FROM ({self._in_alerts(hunt, alerts)}) "
            f'JOIN {_LABELS} ON "{_ID}" = id GROUP BY 1'
        ).fetchall()
        return {number: tuple(sorted(campaigns)) for number, campaigns in rows}

    def false_alerts(self, hunt: Hunt, alerts: Sequence[Alert], labels: Labels) -> list[FalseAlert]:
        """Return the alerts by group and day, each with the persona of most of its events."""
        if not alerts:
            return []
        last = {(alert.group, (alert.window_end - 1) // DAY): alert for alert in alerts}
        chosen = list(last.values())
        rows = self._connection.execute(
            f'SELECT number, mode(actor) FROM ({self._in_alerts(hunt, chosen)}) JOIN {_WHO} ON "{_ID}" = id GROUP BY 1'
        ).fetchall()
        actors = dict(rows)
        return [
            FalseAlert(
                hunt.rule.name,
                hunt.source.name,
                group,
                day,
                labels.personas.get((hunt.source.name, actors.get(number, "")), UNKNOWN),
            )
            for number, (group, day) in enumerate(last)
        ]

    def _in_alerts(self, hunt: Hunt, alerts: Sequence[Alert]) -> str:
        """Return SQL of the events in the groups and windows of alerts, with the alert's position as `number`."""
        self._engine.select(hunt.source)
        names = [name for name, _ in alerts[0].group]
        groups = "".join(f", unnest(${3 + number}::VARCHAR[]) AS group_{number}" for number in range(len(names)))
        self._connection.execute(
            f"CREATE OR REPLACE TEMP TABLE {_ALERTS} AS SELECT generate_subscripts($1::BIGINT[], 1) - 1 AS number, "
            f"make_timestamp(unnest($1::BIGINT[]) * 1000) AS first, make_timestamp(unnest($2::BIGINT[]) * 1000) AS past"
            f"{groups}",
            [
                [alert.window_start for alert in alerts],
                [alert.window_end for alert in alerts],
                *([alert.group[number][1] for alert in alerts] for number in range(len(names))),
            ],
        )
        self._connection.execute(f"CREATE OR REPLACE TEMP TABLE {_EVENTS} AS {hunt.events}")
        same = "".join(
            f' AND lower(CAST(e."{name}" AS VARCHAR)) = lower(a.group_{number})' for number, name in enumerate(names)
        )
        return (
            f'SELECT a.number, e."{_ID}" FROM {_ALERTS} AS a JOIN {_EVENTS} AS e '
            f"ON e.timestamp >= a.first AND e.timestamp < a.past{same}"
        )
