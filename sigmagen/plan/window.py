"""The window contract in numbers: ticks, panes, look-back and schedule, derived from a rule's timespan.

A correlation over timespan W is evaluated at ticks t = k * H since the Unix epoch, over the window [t - W, t).
All durations are milliseconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import gcd

from sigmagen.durations import DAY, HOUR, MINUTE
from sigmagen.expr.tree import Column

LONGEST_TICK = 4 * HOUR
PANES_PER_WINDOW = 6

PANE = Column("pane", "timestamp")
WINDOW_START = Column("window_start", "timestamp")
WINDOW_END = Column("window_end", "timestamp")
VALUE = Column("value", "integer")
GROUP_TOTAL = Column("group_total", "integer")
"""What a group has over the whole range: an upper limit of what any window of it holds."""


@lru_cache(maxsize=256)
def tick_length(timespan: int) -> int:
    """H: the largest divisor of a day that divides the timespan and is at most a sixth of it and 4 hours.

    A divisor of a day, so that KQL's `bin`, which counts from year 1, and epoch arithmetic give the same panes.

    Raises ValueError for a timespan that is not positive.
    """
    if timespan <= 0:
        raise ValueError(f"a timespan must be positive, not {timespan} ms")
    longest = min(LONGEST_TICK, max(1, timespan // PANES_PER_WINDOW))
    common = gcd(DAY, timespan)
    parts = -(-common // longest)
    while common % parts:
        parts += 1
    return common // parts


@dataclass(frozen=True, slots=True)
class Window:
    """A rule's window: `timespan` W and `tick` H."""

    timespan: int
    tick: int

    @classmethod
    def over(cls, timespan: int) -> Window:
        """The window of a timespan."""
        return cls(timespan, tick_length(timespan))

    @property
    def panes(self) -> int:
        """How many panes make a window, and how many windows a pane belongs to."""
        return self.timespan // self.tick


def lateness(interval: int) -> int:
    """How late a run may start: a tenth of the interval, in whole minutes."""
    return -(-interval // (10 * MINUTE)) * MINUTE


@dataclass(frozen=True, slots=True)
class Schedule:
    """When an alert query runs and how far it looks back; every tick since the run before last is covered.

    `timespan` is what its windows need together.
    """

    interval: int
    timespan: int
    ingest_delay: int

    @classmethod
    def of(cls, windows: Sequence[Window], *, shortest_interval: int, ingest_delay: int) -> Schedule:
        """I = the longest tick, or the target's shortest interval. A chain of correlations needs all its windows."""
        interval = max(shortest_interval, *(window.tick for window in windows))
        return cls(interval, sum(window.timespan for window in windows), ingest_delay)

    @property
    def lookback(self) -> int:
        """W + D + 2 I + I/10: each tick is seen whole, after all its events have arrived, though a run is missed and
        its neighbours come late."""
        return self.timespan + self.ingest_delay + 2 * self.interval + lateness(self.interval)

    @property
    def suppression(self) -> int:
        """How long a group that alerted stays quiet: a burst is seen by every run until it has left the look-back."""
        return self.lookback

    def every(self, interval: int) -> Schedule:
        """This schedule with another interval."""
        return replace(self, interval=interval)
