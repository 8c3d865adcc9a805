"""The times of a campaign's calls, laid out beforehand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sigmagen.durations import DAY, HOUR, MINUTE, SECOND
from sigmagen.traffic.draws import Draws
from sigmagen.traffic.pace import Planned

if TYPE_CHECKING:
    from sigmagen.traffic.draws import Integers

_SKEW = 20 * SECOND
"""How far the calls of accounts that a program starts together are apart."""
_PAUSE = 40 * MINUTE
"""How long a surrogate is trained between two rounds of queries."""


def length_of(pace: Mapping[str, Any], days: int) -> int:
    """How long a campaign takes, in milliseconds; about, where its calls are as fast as they can."""
    if "days" in pace:
        return min(int(pace["days"]), days) * DAY
    pauses = int(pace.get("rounds", 1)) * _PAUSE
    return min(int(pace["calls"] / float(pace["per_second"]) * SECOND) + pauses, days * DAY)


def plan_calls(
    pace: Mapping[str, Any], accounts: int, begin: int, length: int, hours: Mapping[str, Any], draws: Draws
) -> Planned:
    """The times of a campaign's calls from `begin` on, and the position of the account that makes each."""
    if "per_second" in pace:
        offset, owner = _fast(pace, accounts, draws)
    else:
        offset, owner = _spread(pace, accounts, length, hours, draws)
    inside = offset < length + HOUR
    return Planned(begin + offset[inside], owner[inside])


def _fast(pace: Mapping[str, Any], accounts: int, draws: Draws) -> tuple[Integers, Integers]:
    """As many calls as fast as the account is served, in rounds of the same size if it says so. Accounts take turns,
    or, with `form: failover`, follow each other."""
    import numpy as np

    calls = int(pace["calls"])
    gaps = draws.exponential(SECOND / float(pace["per_second"]), calls)
    turn = np.arange(calls, dtype=np.int64)
    rounds = int(pace.get("rounds", 1))
    offset = np.cumsum(gaps).astype(np.int64) + turn * rounds // max(calls, 1) * _PAUSE
    owner = turn * accounts // max(calls, 1) if pace.get("form") == "failover" else turn % accounts
    return offset, owner


def _spread(
    pace: Mapping[str, Any], accounts: int, length: int, hours: Mapping[str, Any], draws: Draws
) -> tuple[Integers, Integers]:
    """Some calls a day of each account: at any time, in office hours, or started together by a program."""
    import numpy as np

    mean = float(pace["calls_per_day"]) * length / DAY
    form = pace.get("form", "even")
    if form == "together":
        one = np.floor(draws.uniform(max(1, round(mean))) * length).astype(np.int64)
        owner = np.repeat(np.arange(accounts), len(one))
        return np.tile(one, accounts) + draws.integers(_SKEW, len(owner)), owner
    owner = np.repeat(np.arange(accounts), draws.poisson(np.full(accounts, mean)))
    count = len(owner)
    if form == "office":
        day = draws.integers(max(length // DAY, 1), count) * DAY
        offset = day + draws.chosen(hours["office"], count) * HOUR + draws.integers(HOUR, count)
    else:
        offset = np.floor(draws.uniform(count) * length).astype(np.int64)
    if form == "failover":
        owner = np.minimum(offset * accounts // length, accounts - 1)
    return offset, owner


def plan_cover(plan: Planned, share: float, draws: Draws) -> Planned:
    """Ordinary calls between those of a campaign, so that the campaign has that share of all."""
    import numpy as np

    if not len(plan.time):
        return plan
    count = round(len(plan.time) * (1 - share) / share)
    place = draws.integers(len(plan.time), count)
    time = plan.time[place] + draws.integers(HOUR, count) - HOUR // 2
    return Planned(np.clip(time, plan.time[0], plan.time[-1]), plan.account[place])


def plan_steps(offsets: list[int], begin: int, accounts: int) -> Planned:
    """A script, once for each account, from `begin` on. The turn of a call is its step."""
    import numpy as np

    steps = np.asarray(offsets, dtype=np.int64)
    time = begin + np.tile(steps, accounts) + np.repeat(np.arange(accounts), len(steps)) * MINUTE
    turn = np.tile(np.arange(len(steps)), accounts)
    return Planned(time, np.repeat(np.arange(accounts), len(steps)), turn)
