"""A month of runs of a packaged rule, and what they found beside what a hunt over the whole month finds."""

from __future__ import annotations

import random
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median

from sigmagen.engines.alert import Alert
from tests.schedule.arriving import Arriving
from tests.schedule.month import Logged
from tests.schedule.packaged import Packaged

Group = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Run:
    """One run that took place, and its rows."""

    now: int
    rows: tuple[Alert, ...]


@dataclass(slots=True)
class Campaign:
    """One group's windows that follow each other: by a hunt, and by all runs together. Epoch milliseconds."""

    group: Group
    value: float
    first_start: int
    last_end: int
    first_end: int
    seen: list[tuple[int, Alert]] = field(default_factory=list)

    @property
    def due(self) -> tuple[float, int, int]:
        """Highest value, start of the first window, end of the last: what the hunt says."""
        return self.value, self.first_start, self.last_end

    @property
    def found(self) -> tuple[float, int, int] | None:
        """The same of all runs' rows; None where there is none."""
        if not self.seen:
            return None
        rows = [row for _, row in self.seen]
        return (
            max(row.value for row in rows),
            min(row.window_start for row in rows),
            max(row.window_end for row in rows),
        )

    @property
    def noticed(self) -> int:
        """When the first run found it."""
        return min(now for now, _ in self.seen)

    def notifications(self, quiet: int) -> int:
        """How often somebody is told: not again while the group is quiet."""
        told, until = 0, 0
        for now, _ in sorted(self.seen):
            if now >= until:
                told, until = told + 1, now + quiet
        return told


def campaigns(hunt: Sequence[Alert], apart: int) -> list[Campaign]:
    """The rows of a hunt, those of a group that are less than `apart` milliseconds from each other as one."""
    found: list[Campaign] = []
    open_ones: dict[Group, Campaign] = {}
    for row in sorted(hunt):
        current = open_ones.get(row.group)
        if current is None or row.window_end - current.last_end > apart:
            current = Campaign(row.group, row.value, row.window_start, row.window_end, row.window_end)
            open_ones[row.group] = current
            found.append(current)
        current.value = max(current.value, row.value)
        current.last_end = row.window_end
    return found


def play(rule: Packaged, engine: Arriving, logged: Sequence[Logged], *, late_by: int) -> list[Run]:
    """The runs at their due times, each up to `late_by` milliseconds late."""
    runs = []
    times = [item.time for item in logged]
    dice = random.Random(rule.query.rule.name)
    before: tuple[list[int], tuple[Alert, ...]] = ([], ())
    for due in rule.due:
        now = due + dice.randrange(late_by + 1)
        start = now - rule.lookback
        in_range = range(bisect_left(times, start), bisect_left(times, now))
        visible = [index for index in in_range if logged[index].arrived <= now]
        # No `now()` in it: the same records give the same rows.
        if visible != before[0]:
            before = visible, tuple(engine.run_at(rule.query, start, now, visible)) if visible else ()
        runs.append(Run(now, before[1]))
    return runs


def attribute(found: Sequence[Campaign], runs: Iterable[Run]) -> list[str]:
    """Note each run's rows at the campaign that they are of; returns the rows that are of none."""
    by_group: dict[Group, list[Campaign]] = defaultdict(list)
    for campaign in found:
        by_group[campaign.group].append(campaign)
    strange = []
    for run in runs:
        for row in run.rows:
            mine = [item for item in by_group[row.group] if item.first_end <= row.window_end <= item.last_end]
            if mine:
                mine[0].seen.append((run.now, row))
            else:
                strange.append(f"{row.group} {row.window_start} {row.window_end} {row.value}")
    return strange


@dataclass(frozen=True, slots=True)
class Cost:
    """What late records cost a rule in a month."""

    campaigns: int
    missed: int
    delayed: int
    median_delay: float
    notifications: int


def cost(in_time: Sequence[Campaign], late: Sequence[Campaign], quiet: int) -> Cost:
    """Of the same campaigns, once with all records in time, once with late ones. Milliseconds."""
    pairs = [(one, other) for one, other in zip(in_time, late, strict=True) if one.seen]
    later = [other.noticed - one.noticed for one, other in pairs if other.seen and other.noticed > one.noticed]
    return Cost(
        campaigns=len(pairs),
        missed=sum(not other.seen for _, other in pairs),
        delayed=len(later),
        median_delay=median(later) if later else 0,
        notifications=sum(other.notifications(quiet) for _, other in pairs),
    )
