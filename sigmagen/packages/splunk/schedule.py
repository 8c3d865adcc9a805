"""When a search runs: cron expressions from the window contract, spread so that not all run in the same minute."""

from __future__ import annotations

import hashlib

from sigmagen.durations import DAY, HOUR, MINUTE
from sigmagen.plan.window import Schedule

_MINUTES = (5, 6, 10, 12, 15, 20, 30)
_HOURS = (1, 2, 3, 4, 6, 8, 12)


def period(interval: int) -> int:
    """The longest period that cron can say and that is not longer than the interval; milliseconds, at least 5 minutes.

    A shorter one costs runs, a longer one would leave ticks out of the look-back.
    """
    periods = [*(minutes * MINUTE for minutes in _MINUTES), *(hours * HOUR for hours in _HOURS), DAY]
    return max((length for length in periods if length <= interval), default=periods[0])


def cron(interval: int, identity: str) -> str:
    """A cron expression for the interval. The minute (and hour) come from the identity, so they stay the same.

    >>> cron(10 * MINUTE, "a"), cron(4 * HOUR, "a"), cron(DAY, "a")
    ('7-59/10 * * * *', '57 2-23/4 * * *', '57 22 * * *')
    """
    length = period(interval)
    spread = int.from_bytes(hashlib.sha256(identity.encode()).digest()[:8], "big")
    minute, hour = spread % 60, spread // 60
    if length < HOUR:
        step = length // MINUTE
        return f"{minute % step}-59/{step} * * * *"
    if length == DAY:
        return f"{minute} {hour % 24} * * *"
    step = length // HOUR
    return f"{minute} * * * *" if step == 1 else f"{minute} {hour % step}-23/{step} * * *"


def earliest(schedule: Schedule) -> str:
    """How far an alert looks back: whole minutes, because a relative day is 23 or 25 hours long twice a year."""
    return f"-{-(-schedule.lookback // MINUTE)}m"


def quiet(schedule: Schedule) -> str:
    """How long a group that alerted stays quiet: the whole look-back.

    A burst is seen by every run until it has left it. Quiet for W alone, the same burst would alert twice.
    """
    return f"{-(-schedule.lookback // 1000)}s"
