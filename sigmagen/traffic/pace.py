"""When accounts call: sessions of people, jobs, whole services, and campaigns that were planned beforehand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from sigmagen.durations import DAY, HOUR, SECOND
from sigmagen.traffic.draws import Draws

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from sigmagen.traffic.draws import Floats, Integers

MAX_JOB = 200_000
"""Calls of a job at most, as it is made at once."""
_WEEK = 7


@dataclass
class Moments:
    """Times (epoch milliseconds) of the calls that start on a day, the position of the account, and how many calls of
    the same session or job came before. All are over within a day after."""

    time: Integers
    account: Integers
    turn: Integers

    def __len__(self) -> int:
        return len(self.time)


class Pace(Protocol):
    """When the accounts of a stream call."""

    def day(self, draws: Draws, day: int, start: int) -> Moments:
        """The calls that start on this day, which begins at `start`; the first day (a Monday) is 0."""


def make_pace(
    settings: Mapping[str, Any], accounts: int, draws: Draws, hours: Mapping[str, Any], traces: Mapping[str, Any]
) -> Pace:
    """The pace of a persona with so many accounts."""
    match settings["kind"]:
        case "sessions":
            return Sessions(settings, accounts, draws, hours)
        case "jobs":
            return Jobs(settings, accounts, draws, hours)
        case "service":
            return Service(settings, accounts, traces)
        case "script":
            return Repeated(settings, accounts, draws, hours)
    raise ValueError(f"unknown pace {settings['kind']!r}")


class _Clock:
    """The hours of accounts: a profile of the day, each in its own time zone."""

    def __init__(self, settings: Mapping[str, Any], accounts: int, draws: Draws, hours: Mapping[str, Any]) -> None:
        self.weights: Sequence[float] = hours[settings.get("hours", "flat")]
        self.weekend = float(settings.get("weekend", 1.0))
        self.zone = draws.chosen(hours["zones"], accounts)

    def factor(self, day: int) -> float:
        """How much of a working day's traffic this day has."""
        return self.weekend if day % _WEEK in (5, 6) else 1.0

    def times(self, draws: Draws, start: int, accounts: Integers) -> Integers:
        """A time of the day for each of these accounts."""
        import numpy as np

        hour = (draws.chosen(self.weights, len(accounts)) - self.zone[accounts]) % 24
        found: Integers = start + hour * HOUR + np.floor(draws.uniform(len(accounts)) * HOUR).astype(np.int64)
        return found


class Sessions:
    """People: some sessions a day, each with some turns. One turn is a single call."""

    def __init__(self, settings: Mapping[str, Any], accounts: int, draws: Draws, hours: Mapping[str, Any]) -> None:
        self._clock = _Clock(settings, accounts, draws, hours)
        self._rates = draws.heavy_tailed(settings["sessions_per_day"], accounts)
        self._turns, self._gap = float(settings["turns"]), float(settings["turn_gap"]) * SECOND

    def day(self, draws: Draws, day: int, start: int) -> Moments:
        """The sessions that start on this day."""
        import numpy as np

        sessions = draws.poisson(self._rates * self._clock.factor(day))
        owners = np.repeat(np.arange(len(sessions)), sessions)
        opened = self._clock.times(draws, start, owners)
        turns = draws.generator.geometric(1 / self._turns, len(owners))
        return _runs(opened, owners, turns, draws.exponential(self._gap, int(turns.sum())))


class Jobs:
    """Programs: a job now and then, or every day at the same hour, of many calls at a rate."""

    def __init__(self, settings: Mapping[str, Any], accounts: int, draws: Draws, hours: Mapping[str, Any]) -> None:
        self._clock = _Clock(settings, accounts, draws, hours)
        self._per_day = float(settings["jobs_per_day"])
        self._calls: Floats = draws.heavy_tailed(settings["calls"], accounts)
        self._gap = SECOND / draws.heavy_tailed(settings["per_second"], accounts)
        self._regular = self._clock.times(draws, 0, np_arange(accounts)) if settings.get("regular") else None

    def day(self, draws: Draws, day: int, start: int) -> Moments:
        """The jobs that start on this day."""
        import numpy as np

        count = len(self._calls)
        often = self._per_day * self._clock.factor(day)
        jobs = np.floor(often).astype(np.int64) + (draws.uniform(count) < often - np.floor(often))
        owners = np.repeat(np.arange(count), jobs)
        if self._regular is None:
            opened = self._clock.times(draws, start, owners)
        else:
            opened = start + self._regular[owners] + draws.integers(120 * SECOND, len(owners))
        spread = draws.heavy_tailed((1.0, 1.5), len(owners))
        calls = np.clip(self._calls[owners] * spread, 1, MAX_JOB).astype(np.int64)
        gaps = draws.exponential(1.0, int(calls.sum())) * np.repeat(self._gap[owners], calls)
        return _runs(opened, owners, calls, gaps)


class Service:
    """A whole service behind one account: gaps as in a trace, that many times longer."""

    def __init__(self, settings: Mapping[str, Any], accounts: int, traces: Mapping[str, Any]) -> None:
        from sigmagen.traffic.tokens import Quantiles

        trace = traces[settings["trace"]]
        self._gaps = Quantiles(trace["probabilities"], trace["gaps_ms"])
        self._accounts, self._slower = accounts, float(settings["slower"])

    def day(self, draws: Draws, day: int, start: int) -> Moments:
        """The calls of this day."""
        import numpy as np

        times, owners = [], []
        for account in range(self._accounts):
            moment = float(start)
            while moment < start + DAY:
                found = moment + np.cumsum(self._gaps.at(draws.uniform(4_096)) * self._slower)
                times.append(found[found < start + DAY])
                owners.append(np.full(len(times[-1]), account))
                moment = float(found[-1])
        time = np.concatenate(times).astype(np.int64) if times else np.empty(0, dtype=np.int64)
        account_of = np.concatenate(owners).astype(np.int64) if owners else np.empty(0, dtype=np.int64)
        return Moments(time, account_of, np.zeros(len(time), dtype=np.int64))


class Repeated:
    """Programs that run a script some times a day. `offsets`, which the script sets, are the times of its steps."""

    offsets: Sequence[int] = ()

    def __init__(self, settings: Mapping[str, Any], accounts: int, draws: Draws, hours: Mapping[str, Any]) -> None:
        self._clock = _Clock(settings, accounts, draws, hours)
        self._rates = draws.heavy_tailed(settings["runs_per_day"], accounts)

    def day(self, draws: Draws, day: int, start: int) -> Moments:
        """The runs that start on this day."""
        import numpy as np

        runs = draws.poisson(self._rates * self._clock.factor(day))
        owners = np.repeat(np.arange(len(runs)), runs)
        opened = self._clock.times(draws, start, owners)
        steps = np.asarray(self.offsets, dtype=np.int64)
        time = np.repeat(opened, len(steps)) + np.tile(steps, len(owners))
        return Moments(time, np.repeat(owners, len(steps)), np.tile(np_arange(len(steps)), len(owners)))


class Planned:
    """A campaign: its calls were laid out beforehand, in order of time."""

    def __init__(self, time: Integers, account: Integers, turn: Integers | None = None) -> None:
        import numpy as np

        order = np.argsort(time, kind="stable")
        self.time, self.account = time[order], account[order].astype(np.int64)
        self.turn = np.arange(len(time), dtype=np.int64) if turn is None else turn[order]

    def day(self, draws: Draws, day: int, start: int) -> Moments:
        """The calls of this day."""
        import numpy as np

        first, last = np.searchsorted(self.time, (start, start + DAY))
        return Moments(self.time[first:last], self.account[first:last], self.turn[first:last])


def _runs(opened: Integers, owners: Integers, counts: NDArray[np.int64], gaps: Floats) -> Moments:
    """Runs of calls: each starts at its time, and `gaps` lie between. What is later than a day after is left out."""
    import numpy as np

    first = np.cumsum(counts) - counts
    turn = np.arange(int(counts.sum()), dtype=np.int64) - np.repeat(first, counts)
    gaps = np.where(turn == 0, 0.0, gaps)
    total = np.cumsum(gaps)
    offset = total - np.repeat(total[first], counts) if len(first) else total
    kept = offset < DAY
    time = np.repeat(opened, counts) + offset.astype(np.int64)
    return Moments(time[kept], np.repeat(owners, counts)[kept], turn[kept])


def np_arange(count: int) -> Integers:
    """The numbers below `count`."""
    import numpy as np

    return np.arange(count, dtype=np.int64)
