"""Campaigns: their accounts, what these have in common with each other and with the crowd, and when they call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sigmagen.durations import DAY, SECOND
from sigmagen.traffic.catalogue import Entry
from sigmagen.traffic.draws import Draws
from sigmagen.traffic.exchange import Exchange, Materials
from sigmagen.traffic.pace import Planned
from sigmagen.traffic.population import make_account

if TYPE_CHECKING:
    from sigmagen.traffic.world import Stream, World


@dataclass(frozen=True)
class Campaign:
    """One campaign. `accounts` are the positions of its accounts in the world, `crowd` those of benign accounts that
    have the shared value, too. `start` and `end` are the times of its first and last call; `calls` are its own."""

    number: int
    entry: Entry
    accounts: tuple[int, ...]
    crowd: tuple[int, ...]
    start: int
    end: int
    calls: int

    @property
    def name(self) -> str:
        """The scenario's name: a world has each scenario once."""
        return self.entry.name


def launch(world: World, materials: Materials) -> list[Stream]:
    """Add the campaigns of the plan to the world. Returns their streams."""
    streams: list[Stream] = []
    for number, entry in enumerate(world.plan.scenarios):
        streams += _launch(world, materials, number, entry)
    return streams


def _launch(world: World, materials: Materials, number: int, entry: Entry) -> list[Stream]:
    from sigmagen.traffic.world import Stream

    settings = entry.settings
    draws = world.draws("campaign", entry.name)
    size = int(settings["who"].get("accounts", 1))
    members = [make_account(world, materials.crowd, entry.name, settings["who"]) for _ in range(size)]
    crowd: list[int] = []
    pace = {**settings["pace"], "calls": settings.get("queries", settings["pace"].get("calls"))}
    plan = plan_calls(pace, len(members), world.start, world.plan.days, draws)
    exchange = Exchange(settings["exchange"], members, materials, draws)
    streams = [Stream(entry.name, plan, exchange, number)]
    share = float(settings.get("share", 1.0))
    if share < 1:
        cover = _cover(plan, share, draws)
        persona = world.plan.catalogue.personas[settings.get("cover", "chat_user")]
        ordinary = Exchange(persona.settings["exchange"], members, materials, draws)
        streams.append(Stream(f"{entry.name}/cover", cover, ordinary))
    numbers = tuple(account.number for account in members)
    start, end = (int(plan.time[0]), int(plan.time[-1])) if len(plan.time) else (world.start, world.start)
    world.campaigns.append(Campaign(number, entry, numbers, tuple(crowd), start, end, len(plan.time)))
    return streams


def plan_calls(pace: Mapping[str, Any], accounts: int, start: int, days: int, draws: Draws) -> Planned:
    """The times of a campaign's calls inside the world, and the position of the account that makes each."""
    import numpy as np

    if "per_second" in pace:
        calls = int(pace["calls"])
        offset = np.cumsum(draws.exponential(SECOND / float(pace["per_second"]), calls)).astype(np.int64)
        length = int(offset[-1])
        owner = np.arange(calls) % accounts
    else:
        length = min(int(pace["days"]), days) * DAY
        counts = draws.poisson(np.full(accounts, float(pace["calls_per_day"]) * length / DAY))
        owner = np.repeat(np.arange(accounts), counts)
        offset = np.floor(draws.uniform(len(owner)) * length).astype(np.int64)
    room = max(days * DAY - length, 1)
    begin = start + int(draws.uniform(1)[0] * room)
    inside = offset < days * DAY
    return Planned(begin + offset[inside], owner[inside])


def _cover(plan: Planned, share: float, draws: Draws) -> Planned:
    """Ordinary calls between those of a campaign, so that the campaign has that share of all."""
    import numpy as np

    count = round(len(plan.time) * (1 - share) / share)
    place = draws.integers(max(len(plan.time), 1), count)
    time = plan.time[place] + draws.integers(3_600 * SECOND, count) - 1_800 * SECOND
    return Planned(np.clip(time, plan.time[0], plan.time[-1]), plan.account[place])
